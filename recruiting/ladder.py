"""Which channel next, and when it may be used."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from recruiting.process import Quiet, Rung


def first_rung(ladder: Sequence[Rung], start: Rung | None, usable: Collection[Rung]) -> Rung | None:
    """The first usable rung, from `start` on (or from the top). FOLLOW_UP, a person, is always usable.

    A start that is not on the ladder is tried by itself first. None when the ladder ends without a person.
    """
    rungs = list(ladder)
    if start is not None:
        rungs = rungs[rungs.index(start) :] if start in rungs else [start, *rungs]
    return next((rung for rung in rungs if rung is Rung.FOLLOW_UP or rung in usable), None)


def next_rung(ladder: Sequence[Rung], failed: Rung, usable: Collection[Rung]) -> Rung | None:
    """The rung to take after `failed`, or None at the ladder's end. A failed rung off the ladder starts it anew."""
    rungs = list(ladder)
    rest = rungs[rungs.index(failed) + 1 :] if failed in rungs else rungs
    return next((rung for rung in rest if rung is Rung.FOLLOW_UP or rung in usable), None)


def quiet_until(quiet: Mapping[Rung, Quiet], rung: Rung, now: datetime, timezone: tzinfo) -> datetime | None:
    """The end of the rung's quiet hours (aware, UTC) when `now` lies in them, else None."""
    hours = quiet.get(rung)
    if hours is None or not hours.covers(now.astimezone(timezone).time()):
        return None
    return hours.end_after(now, timezone)


@dataclass(frozen=True, slots=True)
class Window:
    """When one of our accounts may write to a person: the platform's rule for that conversation."""

    surface: str
    heard_at: datetime | None  # the platform's own time of the person's last message
    used: int  # messages sent since


WINDOW = timedelta(hours=48)  # 微信客服 (DOC 94677): within 48 h of the person's last message ...
WINDOW_MESSAGES = 5  # ... and five messages
SAFETY = timedelta(minutes=5)  # our clock and the platform's differ


def chat_open(window: Window, now: datetime, *, kept: int = 0) -> bool:
    """Whether a message may be sent into this conversation now, keeping `kept` of the five for later."""
    if window.surface != "wecom.kf":
        return True
    return (
        window.heard_at is not None and now < window.heard_at + WINDOW - SAFETY and window.used < WINDOW_MESSAGES - kept
    )
