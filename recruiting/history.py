"""What events add up to: the application's state is nothing else than its history, folded."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from recruiting.model import ENDINGS, Application, Event, EventType, Lost

_ENDED = {event: status for status, event in ENDINGS.items()}
# After hire a certificate is renewed: facts of its own stage, long after that was left.
_RENEWAL = frozenset({EventType.UPLOADED, EventType.READ, EventType.APPROVED, EventType.DOCUMENT_REJECTED})
_RENEWED = frozenset({"approvals", "waiting", "uploads", "read"})


def evolve(application: Application, event: Event) -> Application:
    """The application after `event`. Unknown types and facts of another visit change nothing."""
    match event.type:
        case EventType.OPENED | EventType.MOVED:
            return _arrive(application, event)
        case EventType.HIRED | EventType.REJECTED | EventType.WITHDRAWN | EventType.EXPIRED:
            passed = application.passed | {event.stage} if event.data.get("passed") else application.passed
            calling = application.calling if event.actor == "rule" else ()  # a person who ends it answers who asked
            ended = {"status": _ENDED[event.type], "ended_at": event.at, "decided_at": event.at}
            return application.but(passed=passed, calling=calling, **ended)
        case EventType.FOLLOW_UP_OPENED:
            causes = (*application.follow_up, event.data["cause"])
            return application.but(
                follow_up=causes, moved=application.moved if application.follow_up else 0, calling=()
            )
        case EventType.FOLLOW_UP_TAKEN:
            return application.but(moved=event.data["step"])
        case EventType.FOLLOW_UP_DONE:
            return _settled(application, event)
        case EventType.NUDGED:
            sent = reminder_key(event.stage, event.visit, event.data["name"])
            count = application.nudges.get(event.stage, 0) + 1
            return application.but(nudges={**application.nudges, event.stage: count, sent: 1})
        case EventType.REVOKED:
            approvals = {stage: day for stage, day in application.approvals.items() if stage != event.stage}
            return application.but(approvals=approvals, revoked=application.revoked + 1)
        case EventType.EXPIRING:
            return application.but(warned={**application.warned, event.stage: event.data["day"]})
        case EventType.LEFT:
            return application.but(gone=True)
        case _ if application.ended_at is not None and event.type in _RENEWAL:
            changes = _in_visit(application, event)
            return application.but(**{name: changes[name] for name in changes.keys() & _RENEWED})
        case _:
            if (event.stage, event.visit) != (application.stage, application.visit):
                return application
            changes = _in_visit(application, event)
            return application.but(**changes) if changes else application


def _settled(application: Application, event: Event) -> Application:
    """No follow-up is open; one that nobody answered comes again, and how often that was is counted."""
    again = tuple(event.data.get("again", ()))
    count = application.unanswered + 1 if again else 0
    return application.but(follow_up=(), settled=application.settled + 1, moved=0, calling=again, unanswered=count)


def reminder_key(stage: str, visit: int, name: str) -> str:
    """Under this key `Application.nudges` remembers one reminder; a stage's id has no "/", so the counts stay apart."""
    return f"{stage}/{visit}/{name}"


def replay(application: Application, events: Iterable[Event]) -> Application:
    """Fold `events`, oldest first, into a new application."""
    for event in events:
        application = evolve(application, event)
    return application


def _arrive(application: Application, event: Event) -> Application:
    """A fresh visit: what belonged to the one before is forgotten, but for what one need not do again to rebook."""
    left = event.data.get("from", "")
    again = left == event.stage
    passed = application.passed | {left} if event.data.get("passed") else application.passed
    return application.but(
        stage=event.stage,
        visit=event.visit,
        visits={**application.visits, event.stage: event.visit},
        imported=event.data.get("imported", application.imported),
        passed=passed - {event.stage},
        entered_at=event.at,
        since=None,
        invited_at=None,
        clicked_at=application.clicked_at if again else None,
        participated_at=None,
        completed_at=None,
        replied_at=application.replied_at if again else None,
        uploaded_at=None,
        decided_at=None,
        confirmed_at=None,
        meeting=None,
        waiting=frozenset(),
        uploads=0,
        read={},
        settled=0,
        moved=0,
        calling=(),
        unanswered=0,
    )


def _in_visit(application: Application, event: Event) -> dict[str, Any]:
    """The fields that a fact of the present visit changes."""
    at, data = event.at, event.data
    match event.type:
        case EventType.STAGE_BEGUN:
            return {"since": datetime.fromisoformat(data["since"])}
        case EventType.INVITE_SENT:
            return {"invited_at": at}
        case EventType.CLICKED:
            return {"clicked_at": application.clicked_at or at}
        case EventType.STARTED:
            return {"participated_at": application.participated_at or at}
        case EventType.COMPLETED if not data.get("late"):
            return {
                "clicked_at": application.clicked_at or at,
                "participated_at": application.participated_at or at,
                "completed_at": at,
                "scores": {**application.scores, **data["scores"]},
            }
        case EventType.FAILED:
            return {"participated_at": application.participated_at or at}
        case EventType.REPLIED | EventType.ANSWERED:
            return {"replied_at": application.replied_at or at}
        case EventType.UPLOADED:
            return {
                "uploaded_at": application.uploaded_at or at,
                "decided_at": None,
                "waiting": application.waiting | {data["document"]},
                "uploads": application.uploads + 1,
            }
        case EventType.READ if data.get("lost") == Lost.DOCUMENT:
            waiting = application.waiting - {data["document"]}
            return {"waiting": waiting} if waiting else {"waiting": waiting, "uploaded_at": None}
        case EventType.READ:
            return {"read": {**application.read, data["document"]: data["round"]}}
        case EventType.APPROVED:
            valid_until = date.fromisoformat(data["expires_on"])
            return {
                "approvals": {**application.approvals, event.stage: valid_until},
                "waiting": application.waiting - {data["document"]},
                "decided_at": at,
            }
        case EventType.DOCUMENT_REJECTED:
            waiting = application.waiting - {data["document"]}
            if waiting:  # another one is still to be decided
                return {"waiting": waiting}
            return {"waiting": waiting, "uploaded_at": None, "decided_at": at}
        case EventType.BOOKED:
            return {"meeting": datetime.fromisoformat(data["start"])}
        case EventType.CONFIRMED:
            return {"confirmed_at": at}
        case _:
            return {}
