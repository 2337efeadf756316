"""The audit log: who looked at, decided or asked for what. Appended only; ids and outcomes, never content."""

from datetime import datetime

from sqlalchemy import select

from recruiting.model import EventType
from storage.tables import EventRow, Trail
from storage.unit import Unit

_DECISIONS = (
    EventType.MOVED,
    EventType.HIRED,
    EventType.REJECTED,
    EventType.WITHDRAWN,
    EventType.EXPIRED,
)


def note(unit: Unit, actor: str, action: str, subject: str, detail: str = "") -> None:
    """Append one line. `actor` is member:NAME or token:NAME; `subject` an id; `detail` a code or a date, no words."""
    unit.add(Trail, at=unit.now, actor=actor[:128], action=action[:64], subject=subject[:128], detail=detail[:300])


async def decided_by(unit: Unit, application_id: str, since: datetime) -> str | None:
    """Who decided about an application first after `since`: member:NAME, token:NAME, candidate or rule."""
    statement = (
        select(EventRow.c.actor)
        .where(
            EventRow.c.application_id == application_id,
            EventRow.c.type.in_([type.value for type in _DECISIONS]),
            EventRow.c.at >= since,
        )
        .order_by(EventRow.c.seq)
        .limit(1)
    )
    row = await unit.one(statement)
    return row["actor"] if row else None
