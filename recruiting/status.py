"""What a candidate, and HR, may be told about an application: plain values, to be put into words elsewhere."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from recruiting.model import ENDINGS, Application, Event, Status
from recruiting.process import StageKind


class Todo(StrEnum):
    """What the candidate has to do next."""

    OPEN_LINK = "open_link"
    UPLOAD = "upload"
    CHOOSE_SLOT = "choose_slot"
    COME = "come"
    WAIT = "wait"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where an application stands. Before it is opened, `stage` is empty and `kind` is None."""

    stage: str
    kind: StageKind | None
    status: Status
    todo: Todo
    by: datetime | None = None  # the deadline; for COME the start of the meeting
    late: bool = False  # the deadline is over, and the stage still open
    reason: str | Mapping[str, str] = ""  # of an end: an id of the message catalogue, or a text per language
    ended_at: datetime | None = None


def where(application: Application, now: datetime, events: Iterable[Event] = ()) -> Whereabouts:
    """Say where an application stands.

    Args:
        now: Aware, UTC.
        events: Its history, oldest first; only needed for the reason of an end.
    """
    if not application.stage:
        return Whereabouts("", None, application.status, Todo.WAIT)
    kind = application.now_in.kind
    if not application.open:
        ended_at, reason = application.ended_at, _reason(application, events)
        return Whereabouts(application.stage, kind, application.status, Todo.NOTHING, reason=reason, ended_at=ended_at)
    todo = _todo(application, kind, now)
    by = _by(application, todo)
    late = todo is not Todo.COME and by is not None and now >= by
    return Whereabouts(application.stage, kind, application.status, todo, by, late)


def _todo(application: Application, kind: StageKind, now: datetime) -> Todo:
    match kind:
        case StageKind.INTERVIEW if application.completed_at is None:
            return Todo.OPEN_LINK
        case StageKind.DOCUMENT if not application.waiting:
            return Todo.UPLOAD
        case StageKind.MEETING if application.meeting is None:
            return Todo.CHOOSE_SLOT
        case StageKind.MEETING if application.meeting is not None and application.meeting > now:
            return Todo.COME
        case _:
            return Todo.WAIT


def _by(application: Application, todo: Todo) -> datetime | None:
    """Until when; nobody has to hurry while it is HR's turn, nor before the invite has gone out."""
    if todo is Todo.COME:
        return application.meeting
    deadline = application.now_in.deadline
    if todo is Todo.WAIT or deadline is None or application.since is None:
        return None
    return application.since + deadline


def _reason(application: Application, events: Iterable[Event]) -> str | Mapping[str, str]:
    """What the event that ended the application gives as its reason."""
    ending = ENDINGS.get(application.status)
    given = [event.data.get("reason") for event in events if event.type is ending]
    reason = given[-1] if given else None
    return reason if isinstance(reason, str | Mapping) else ""
