"""Which slice of a batch is worse than the rest beyond chance: Fisher's exact test, corrected for many tries."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import exp, lgamma, log, log1p

ALPHA = 0.05  # over all slices together: one healthy batch in twenty may see a slice blamed, not more
EXPLAINS = Fraction(1, 5)  # what explains less of the missed is no cause
WIDEST = 50  # values of one kind that are compared, the largest first
MOST = 3  # slices that are named
AS_GOOD = log(10)  # two slices that tell of the same people, this near in evidence, can't be told apart
SAME = Fraction(4, 5)  # of the missed people of two slices: then they tell of the same


@dataclass(frozen=True, slots=True)
class Slice:
    """People (by their place in the batch) who have something in common, and how well chance explains them."""

    kind: str
    value: str
    members: tuple[int, ...]
    log_p: float  # a logarithm: with thousands of people the number itself is too small for a computer
    tied: bool = False  # the slice before this one tells of the same people just as well

    @property
    def p(self) -> float:
        """How often chance alone would do this, or worse, to some slice."""
        return exp(self.log_p)

    @property
    def stands_out(self) -> bool:
        """Whether chance is no good explanation."""
        return self.log_p <= log(ALPHA)


def standing_out(columns: Mapping[str, Sequence[str]], missed: Sequence[bool], among: Collection[int]) -> list[Slice]:
    """Slices that are worse than the rest. Each further one is looked for among those whom none before explains.

    Args:
        columns: What each person has, by kind; empty where it is not known. Of equals the earlier kind is told first.
        among: Those who are looked at.
    """
    found: dict[tuple[str, str], Slice] = {}
    for _ in range(MOST):
        strong = [slice for slice in compared(columns, missed, among) if slice.stands_out]
        if not strong:
            break
        best = strong[0]
        for slice in strong:
            if slice.log_p <= best.log_p + AS_GOOD and _same_people(best, slice, missed):
                found.setdefault((slice.kind, slice.value), replace(slice, tied=slice is not best))
        among = set(among) - set(best.members)
    return list(found.values())


def _same_people(one: Slice, other: Slice, missed: Sequence[bool]) -> bool:
    these, those = ({index for index in slice.members if missed[index]} for slice in (one, other))
    return len(these & those) >= SAME * len(these | those)


def compared(columns: Mapping[str, Sequence[str]], missed: Sequence[bool], among: Collection[int]) -> list[Slice]:
    """Compare each slice with the others; those that explain a good part of the missed, the strongest first.

    The correction is Bonferroni's as refined by Tarone: a slice so small that even the worst outcome would prove
    nothing is no try. Slices that consist of the same people are one try.
    """
    due, lost = len(among), sum(missed[index] for index in among)
    names: dict[tuple[int, ...], list[tuple[str, str]]] = defaultdict(list)
    for kind, values in columns.items():
        for value, members in _largest(values, sorted(among)):
            if len(members) < due:
                names[members].append((kind, value))
    least = sorted(_log_fisher(min(lost, len(members)), len(members), lost, due) for members in names)
    tries = next((k for k in range(1, len(least)) if least[k] > log(ALPHA / k)), max(len(least), 1))
    found = []
    for members, same in names.items():
        lost_in, of_in = sum(missed[index] for index in members), len(members)
        excess = lost_in - Fraction(of_in * (lost - lost_in), due - of_in)
        if excess >= EXPLAINS * lost > 0:
            log_p = min(0.0, _log_fisher(lost_in, of_in, lost, due) + log(tries))
            found += [Slice(kind, value, members, log_p) for kind, value in same]
    order = list(columns)
    return sorted(found, key=lambda slice: (slice.log_p, order.index(slice.kind), slice.value))


def _largest(values: Sequence[str], among: Sequence[int]) -> list[tuple[str, tuple[int, ...]]]:
    """The slices of one kind: chosen by size, because choosing by who missed would spoil the test."""
    members: dict[str, list[int]] = defaultdict(list)
    for index in among:
        if value := values[index]:
            members[value].append(index)
    largest = sorted(members, key=lambda value: (-len(members[value]), value))[:WIDEST]
    return [(value, tuple(members[value])) for value in largest]


# --- the test --------------------------------------------------------------------------------------------------------


def fisher(missed_in: int, of_in: int, missed: int, due: int) -> float:
    """Fisher's exact test, one-sided: how often `missed_in` or more of the missed fall into `of_in` by chance."""
    return exp(_log_fisher(missed_in, of_in, missed, due))


def _log_fisher(missed_in: int, of_in: int, missed: int, due: int) -> float:
    """Its logarithm: with thousands of people the number itself is too small for a computer."""
    if missed_in <= max(0, of_in + missed - due):
        return 0.0
    spare = due - of_in - missed
    tail = term = 1.0
    if missed_in * due > of_in * missed:
        for x in range(missed_in, min(of_in, missed)):
            term *= (of_in - x) * (missed - x) / ((x + 1) * (spare + x + 1))
            tail += term
            if term < tail * 1e-17:
                break
        return min(0.0, _log_chance(missed_in, of_in, missed, due) + log(tail))
    below = missed_in - 1  # less than expected: the other tail is the short one
    for x in range(below, max(0, -spare), -1):
        term *= x * (spare + x) / ((of_in - x + 1) * (missed - x + 1))
        tail += term
        if term < tail * 1e-17:
            break
    return log1p(-exp(_log_chance(below, of_in, missed, due)) * tail)


def _log_chance(x: int, of_in: int, missed: int, due: int) -> float:
    """The hypergeometric probability of exactly `x`."""
    return _log_ways(of_in, x) + _log_ways(due - of_in, missed - x) - _log_ways(due, missed)


def _log_ways(many: int, some: int) -> float:
    return lgamma(many + 1) - lgamma(some + 1) - lgamma(many - some + 1)
