"""Why a rate is bad: what was seen comes first, then what stands out from the rest, and chance is called chance.

One alert is looked into at a time. Three kinds of evidence are asked in this order: what anybody can see (the link does
not open, messages bounced, nobody who opened the page could start), what statistics say about slices (one shop, one
channel, ...), and, when neither speaks, at which step people are lost, or that it may well be chance.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from typing import Any

from recruiting.rates import exact, wilson
from recruiting.slices import EXPLAINS, compared, standing_out

FAILURES = Fraction(1, 20)  # some messages always fail; certainly more than this is news
HARDLY_ANY = Fraction(1, 20)  # "nobody" forgives the one who came by another way
NEARLY_ALL = Fraction(9, 10)
FEWEST = 5  # of fewer people nothing is concluded from "nobody"
SPEAK_FOR_MANY = 3
BY_PHONE = "sms"
_NOT_FOR_US = frozenset({401, 403, 405, 407, 429})  # the page turns a visiting program away, perhaps not people


class Delivery(StrEnum):
    """How far the invite came, on the best of the channels that were tried."""

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    FAILED = "failed"
    NONE = "none"  # nothing was sent


@dataclass(frozen=True, slots=True)
class Case:
    """One application that an alert counts as due. What is not known is empty, and is compared with nothing."""

    missed: bool
    shop: str = ""
    channel: str = ""  # chat, sms, email
    phone_prefix: str = ""  # the first digits only: no number of anybody
    invite_hour: int | None = None  # 0 to 23 where the company is
    locale: str = ""
    link: str = ""  # the outside page that the invite leads to; empty for the bot's own pages
    delivery: Delivery = Delivery.DELIVERED
    number_wrong: bool = False  # there is no such number, or somebody else answers there
    clicked: bool = True
    started: bool = True  # has begun what the stage asks for
    told_broken: bool = False  # has told us that the link does not open


@dataclass(frozen=True, slots=True)
class Probe:
    """What was seen when a link was opened from outside: a status, or why none came."""

    status: int | None = None
    error: str = ""

    @property
    def dead(self) -> bool:
        """Whether people can't open it either."""
        if self.status is None:
            return bool(self.error)
        return self.status >= 400 and self.status not in _NOT_FOR_US


class Kind(StrEnum):
    """What may be the cause. Slices stand in the order in which the likelier of two equals is told first."""

    DEAD_LINK = "dead_link"
    TOLD_BROKEN = "told_broken"
    WRONG_NUMBERS = "wrong_numbers"
    DELIVERY_FAILED = "delivery_failed"
    PROVIDER_NEVER_STARTS = "provider_never_starts"
    ONE_LINK = "one_link"
    ONE_CHANNEL = "one_channel"
    ONE_SHOP = "one_shop"
    ONE_PREFIX = "one_prefix"
    ONE_HOUR = "one_hour"
    ONE_LANGUAGE = "one_language"
    NOBODY_CLICKED = "nobody_clicked"
    EVERYWHERE = "everywhere"
    CHANCE = "chance"


@dataclass(frozen=True, slots=True)
class Cause:
    """A likely cause: whom it concerns, how they compare with the others, and how to say it."""

    kind: Kind
    value: str  # the shop, channel, link, ... or the step where people are lost; empty where there is nothing to name
    missed_in: int
    of_in: int
    missed_out: int
    of_out: int
    p: float = 1.0  # how often chance would do this to some slice; 1 where it was seen, or concerns everybody
    answer: str = ""  # of a dead link: the status, or why there is none
    tied: bool = False  # the cause before this one explains the same people just as well

    @property
    def key(self) -> str:
        """The text that says it."""
        return f"alert.cause.{self.kind}" + (f".{self.value}" if self.kind is Kind.EVERYWHERE else "")

    @property
    def values(self) -> dict[str, Any]:
        """What the text may speak of."""
        catalogue = _CATALOGUE.get(self.kind)
        counts = {"missed": self.missed_in, "due": self.of_in, "others_missed": self.missed_out, "others": self.of_out}
        value = {"$say": f"{catalogue}.{self.value}"} if catalogue and self.value else self.value
        return counts | {"value": value, "answer": self.answer}


_SLICES: Mapping[Kind, Callable[[Case], str]] = {
    Kind.ONE_LINK: lambda case: case.link,
    Kind.ONE_CHANNEL: lambda case: case.channel,
    Kind.ONE_SHOP: lambda case: case.shop,
    Kind.ONE_PREFIX: lambda case: case.phone_prefix,
    Kind.ONE_HOUR: lambda case: "" if case.invite_hour is None else str(case.invite_hour),
    Kind.ONE_LANGUAGE: lambda case: case.locale,
}
_OF_A_GATEWAY = (Kind.ONE_LINK, Kind.ONE_PREFIX, Kind.ONE_HOUR)  # where failures gather that no number made
_CATALOGUE = {Kind.ONE_CHANNEL: "channels", Kind.DELIVERY_FAILED: "channels", Kind.ONE_LANGUAGE: "languages"}


def likely_causes(
    cases: Sequence[Case], at: float | Fraction, probes: Mapping[str, Probe] | None = None
) -> list[Cause]:
    """Name the likely causes of an alert, the likeliest first. Empty only where nobody missed anything.

    Args:
        at: The alert's threshold.
        probes: What was seen at each link that was opened from outside.
    """
    missed = sum(case.missed for case in cases)
    if not missed:
        return []
    seen, explained = _dead_links(cases, probes or {})
    told = _told_broken(cases, explained)
    bounced, aside = [], []
    for cause, people in _undelivered(cases):
        enough = cause.missed_in >= EXPLAINS * missed
        normal = min(exact(at), FAILURES)
        if enough and cause.missed_in >= 3 and wilson(cause.missed_in, len(cases))[0] > normal:
            bounced.append(cause)
            explained |= people
        elif cause.missed_in > 1:
            aside.append(cause)  # not what the alert is about, but worth mending
    stuck = _never_started(cases, {cause.value for cause in seen}, explained)
    found = seen + told + bounced + stuck
    found += _slices(cases, set(range(len(cases))) - explained)
    return (found or _nobody_clicked(cases) or [_overall(cases, exact(at))]) + aside


# --- what was seen ---------------------------------------------------------------------------------------------------


def _cause(kind: Kind, value: str, cases: Sequence[Case], members: Iterable[int]) -> Cause:
    """Count those whom a cause concerns, and the others."""
    inside = [cases[index].missed for index in members]
    missed_out = sum(case.missed for case in cases) - sum(inside)
    return Cause(kind, value, sum(inside), len(inside), missed_out, len(cases) - len(inside))


def _dead_links(cases: Sequence[Case], probes: Mapping[str, Probe]) -> tuple[list[Cause], set[int]]:
    """Links that don't open, if somebody who missed has one; and all who have one."""
    found, explained = [], set[int]()
    for link, probe in probes.items():
        members = [index for index, case in enumerate(cases) if case.link == link]
        if probe.dead and any(cases[index].missed for index in members):
            answer = str(probe.status or probe.error[:60])
            found.append(replace(_cause(Kind.DEAD_LINK, link, cases, members), answer=answer))
            explained |= set(members)
    return sorted(found, key=lambda cause: (-cause.missed_in, cause.value)), explained


def _told_broken(cases: Sequence[Case], explained: set[int]) -> list[Cause]:
    """What people say: the link does not open for them, though it may for us. Adds these people to `explained`.

    Few take the trouble to say so, and hardly anybody without need: three who do speak for many.
    """
    told = [index for index, case in enumerate(cases) if case.missed and case.told_broken and index not in explained]
    if len(told) < SPEAK_FOR_MANY:
        return []
    explained |= set(told)
    return [_cause(Kind.TOLD_BROKEN, "", cases, told)]


def _undelivered(cases: Sequence[Case]) -> list[tuple[Cause, set[int]]]:
    """Whom the invite did not reach: because the number is wrong, or because the channel failed."""
    lost = {index for index, case in enumerate(cases) if case.missed and (case.number_wrong or _failed(case))}
    wrong = {index for index in lost if cases[index].number_wrong}
    if _even(cases):
        wrong = {index for index in lost if cases[index].number_wrong or cases[index].channel == BY_PHONE}
    failed = lost - wrong
    found = [(_cause(Kind.WRONG_NUMBERS, "", cases, wrong), wrong)] if wrong else []
    if failed:
        channels = Counter(cases[index].channel for index in failed)
        channel = min(channels, key=lambda name: (-channels[name], name))
        found.append((_cause(Kind.DELIVERY_FAILED, channel, cases, failed), failed))
    return sorted(found, key=lambda pair: -pair[0].missed_in)


def _failed(case: Case) -> bool:
    return case.delivery in (Delivery.FAILED, Delivery.NONE)


def _even(cases: Sequence[Case]) -> bool:
    """Whether SMS fail here and there: wrong numbers do. A gateway fails with all, with a carrier, or for a while."""
    sent = [case for case in cases if case.channel == BY_PHONE]
    failed = [_failed(case) for case in sent]
    if not 0 < sum(failed) <= NEARLY_ALL * len(sent):
        return False
    columns: dict[str, list[str]] = {kind: [_SLICES[kind](case) for case in sent] for kind in _OF_A_GATEWAY}
    return not any(slice.stands_out for slice in compared(columns, failed, range(len(sent))))


def _never_started(cases: Sequence[Case], dead: set[str], explained: set[int]) -> list[Cause]:
    """Outside pages that people open and where hardly any of them gets started. Adds these people to `explained`."""
    users: dict[str, list[int]] = defaultdict(list)
    for index, case in enumerate(cases):
        if case.link and case.link not in dead:
            users[case.link].append(index)
    missed, found = sum(case.missed for case in cases), []
    for link, members in users.items():
        opened = [index for index in members if cases[index].clicked]
        stuck = [index for index in opened if cases[index].missed and not cases[index].started]
        hardly = sum(cases[index].started for index in opened) <= HARDLY_ANY * len(opened)
        most = 2 * len(stuck) >= sum(cases[index].missed for index in members)  # else it loses few of them itself
        if len(opened) >= FEWEST and hardly and most and len(stuck) >= EXPLAINS * missed:
            found.append(_cause(Kind.PROVIDER_NEVER_STARTS, link, cases, stuck))
            explained |= set(stuck)
    return sorted(found, key=lambda cause: (-cause.missed_in, cause.value))


def _slices(cases: Sequence[Case], among: set[int]) -> list[Cause]:
    """Slices that stand out among those whom nothing else explains, counted over all."""
    columns: dict[str, list[str]] = {kind: [of(case) for case in cases] for kind, of in _SLICES.items()}
    found = []
    for slice in standing_out(columns, [case.missed for case in cases], among):
        members = [index for index, value in enumerate(columns[slice.kind]) if value == slice.value]
        found.append(replace(_cause(Kind(slice.kind), slice.value, cases, members), p=slice.p, tied=slice.tied))
    return found


# --- when nothing stands out -----------------------------------------------------------------------------------------


def _nobody_clicked(cases: Sequence[Case]) -> list[Cause]:
    """The invite arrived, and hardly anybody opened it."""
    reached = [index for index, case in enumerate(cases) if not _failed(case)]
    still = [index for index in reached if not (cases[index].clicked or cases[index].started)]
    few = len(reached) - len(still) <= HARDLY_ANY * len(reached)
    lost = sum(cases[index].missed for index in still)
    if len(reached) < FEWEST or not few or lost < EXPLAINS * sum(case.missed for case in cases):
        return []
    return [_cause(Kind.NOBODY_CLICKED, "", cases, still)]


def _overall(cases: Sequence[Case], at: Fraction) -> Cause:
    """Chance, if the true rate may lie below the threshold; else the step where most are lost."""
    steps: dict[str, list[int]] = defaultdict(list)
    for index, case in enumerate(cases):
        if case.missed:
            steps[_lost_at(case)].append(index)
    if wilson(sum(map(len, steps.values())), len(cases))[0] <= at:
        return _cause(Kind.CHANCE, "", cases, range(len(cases)))
    step = min(steps, key=lambda name: (-len(steps[name]), name))
    return _cause(Kind.EVERYWHERE, step, cases, steps[step])


def _lost_at(case: Case) -> str:
    """The first step of the way that somebody did not take."""
    if case.started:
        return "not_finished"
    if case.clicked:
        return "not_started"
    return "not_delivered" if _failed(case) else "not_clicked"
