"""From counts to rates, and when people should hear of them. Thresholds compare exactly: 5 of 100 is 5 %."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from math import floor, sqrt
from statistics import NormalDist
from typing import NamedTuple

from recruiting.process import Alert

STEPS = 48  # `due` advances this often within `after` ...
SHORTEST_STEP = timedelta(seconds=2)  # ... but not in smaller steps
RECOVERED_BELOW = Fraction(4, 5)  # of the threshold, so that an alert doesn't flap
CERTAIN = 0.975  # one-sided: then the 95 % interval that is told lies above the threshold


@dataclass(frozen=True, slots=True)
class Counts:
    """How many were due, and how many of these missed it."""

    due: int
    missed: int

    def __post_init__(self) -> None:
        if not 0 <= self.missed <= self.due:
            raise ValueError("missed lies between 0 and due")

    @property
    def rate(self) -> Fraction | None:
        """The exact share that missed it; None while nothing is due."""
        return Fraction(self.missed, self.due) if self.due else None


class Verdict(StrEnum):
    """What people are told about a rate."""

    FIRE = "fire"
    WORSE = "worse"
    RECOVERED = "recovered"


def exact(share: float | Fraction) -> Fraction:
    """The fraction that was meant: 0.05 is 1/20, not the nearest number that a computer can hold."""
    return Fraction(repr(share)) if isinstance(share, float) else Fraction(share)


# --- how sure one can be -------------------------------------------------------------------------------------------


def wilson(missed: int, due: int, confidence: float = 0.95) -> tuple[float, float]:
    """The Wilson interval: there lies the true rate, with `confidence` (between 0 and 1). Without data: 0 to 1."""
    return _wilson(Counts(due, missed), NormalDist().inv_cdf((1 + confidence) / 2))


def lower_bound(counts: Counts, certainty: float) -> float:
    """What the true rate is at least, with `certainty` (below 1): one-sided. Up to one half it is the rate itself."""
    return _wilson(counts, NormalDist().inv_cdf(max(certainty, 0.5)))[0]


def _wilson(counts: Counts, z: float) -> tuple[float, float]:
    due, missed = counts.due, counts.missed
    if not due:
        return 0.0, 1.0
    share, square = missed / due, z * z
    center = share + square / (2 * due)
    spread = z * sqrt(share * (1 - share) / due + square / (4 * due * due))
    low, high = ((center + sign * spread) / (1 + square / due) for sign in (-1, 1))
    return (0.0 if missed == 0 else low), (1.0 if missed == due else high)


class InWords(NamedTuple):
    """The numbers of a sentence such as "9 of 100; the true rate lies between 5 and 16 in 100"."""

    missed: int
    due: int
    low: int
    high: int


def in_words(missed: int, due: int) -> InWords:
    """The 95 % Wilson interval as whole people of a hundred."""
    low, high = wilson(missed, due)
    return InWords(missed, due, floor(100 * low + 0.5), floor(100 * high + 0.5))


def certain(alert: Alert, counts: Counts) -> bool:
    """Whether the true rate has reached the threshold, or this may be chance: as sure as the alert itself asks for."""
    return _certain(counts, exact(alert.at), alert.certainty or CERTAIN)


def _certain(counts: Counts, at: Fraction, certainty: float) -> bool:
    rate = counts.rate
    return rate is not None and rate >= at and (certainty <= 0.5 or lower_bound(counts, certainty) >= at)


# --- when they count -------------------------------------------------------------------------------------------------


def step_of(after: timedelta) -> timedelta:
    """How far apart the moments lie at which who is due is counted anew."""
    return max(after / STEPS, SHORTEST_STEP)


def counted_until(first_invite: datetime, after: timedelta, now: datetime) -> datetime:
    """The latest such moment T, counted from the batch's first invite. Due: who was invited by T - `after`."""
    steps, length = (STEPS, after) if step_of(after) > SHORTEST_STEP else (1, SHORTEST_STEP)
    passed = (now - first_invite) * steps // length
    return first_invite + length * passed / steps  # in this order nothing is lost by rounding a step


def verdict(alert: Alert, counts: Counts, alerting: bool, told_rate: Fraction | float | None = None) -> Verdict | None:
    """Say whether people must hear of a rate now.

    Args:
        alerting: They were told, and not yet that it has recovered.
        told_rate: The rate that they were told last.
    """
    rate, at = counts.rate, exact(alert.at)
    if rate is None:
        return None
    if alerting and rate < RECOVERED_BELOW * at:
        return Verdict.RECOVERED
    if counts.due < alert.min_sample or not _certain(counts, at, alert.certainty):
        return None
    if not alerting:
        return Verdict.FIRE
    told = at if told_rate is None else exact(told_rate)
    return Verdict.WORSE if rate >= told + exact(alert.step) else None
