"""What to do with a message at the moment it could leave: send it, wait, take another rung, or let it be."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from recruiting.decide import still_wanted
from recruiting.ladder import Window, chat_open, first_rung, next_rung, quiet_until
from recruiting.model import Application, Purpose
from recruiting.process import Rung

ANSWER_FRESH = timedelta(minutes=10)  # what follows from somebody's own act is an answer for this long
CODE_FRESH = timedelta(minutes=10)
KEPT_FOR_DECISIONS = 1  # of the five messages in a 微信客服 window


class Step(StrEnum):
    """The verdict on a message."""

    SEND = "send"
    WAIT = "wait"
    PERSON = "person"  # no rung is left: somebody in HR takes over
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A step with what belongs to it."""

    step: Step
    rung: Rung | None = None
    until: datetime | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The message as the rules see it."""

    purpose: Purpose
    rung: Rung
    stage: str
    visit: int
    cause: str
    prompted: bool
    created_at: datetime
    window: Window | None = None  # of the conversation it would go to


def verdict(message: Outgoing, application: Application, now: datetime) -> Verdict:
    """Decide about a message to a candidate. Reads no clock; `now`: aware, UTC."""
    if not still_wanted(application, message.purpose, message.stage, message.visit, message.cause):
        return Verdict(Step.SKIP, why="no_longer_needed")
    if message.cause.startswith("meeting:") and application.meeting is not None and application.meeting <= now:
        return Verdict(Step.SKIP, why="too_late")  # it has waited until there was nothing left to remind of
    person = application.person
    fresh = message.prompted and now - message.created_at <= ANSWER_FRESH
    if person.opted_out and not message.prompted:
        # Reminders just end; whatever else they must know, somebody tells them.
        return Verdict(Step.SKIP if message.purpose is Purpose.NUDGE else Step.PERSON, why="opted_out")
    rung: Rung | None = message.rung
    if rung is Rung.CHAT and not _chat_takes(message, now):
        rung = next_rung(application.process.ladder, Rung.CHAT, person.reachable - {Rung.CHAT})
    elif rung not in person.reachable:
        rung = first_rung(application.process.ladder, rung, person.reachable)
    if rung is None or rung is Rung.FOLLOW_UP:
        return Verdict(Step.PERSON, why="no_channel")
    quiet_end = None if fresh else quiet_until(application.process.quiet_hours, rung, now, application.timezone)
    if quiet_end is not None:
        return Verdict(Step.WAIT, rung, quiet_end, "quiet_hours")
    return Verdict(Step.SEND, rung)


def _chat_takes(message: Outgoing, now: datetime) -> bool:
    kept = KEPT_FOR_DECISIONS if message.purpose is Purpose.NUDGE else 0
    return message.window is not None and chat_open(message.window, now, kept=kept)
