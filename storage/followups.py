"""Follow-ups: tasks for people in HR. `storage.apply` opens and closes them; here they are found."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

import orjson
from sqlalchemy import func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from recruiting.model import EventType, Move
from storage.applications import Loaded
from storage.apply import CONTACTED
from storage.search import begins
from storage.tables import ApplicationRow, EventRow, FollowUpRow
from storage.unit import Unit

# What a follow-up's card tells of the history: not how messages fare, nor what the rules note for themselves.
TOLD = frozenset(EventType) - {
    EventType.STAGE_BEGUN,
    EventType.VIEWED,
    EventType.DESTROYED,
    EventType.NUDGE_SKIPPED,
    EventType.FOLLOW_UP_OPENED,
    EventType.MESSAGE_ACCEPTED,
    EventType.MESSAGE_DELIVERED,
    EventType.ERASED,
}
LINES = 2
LOOKED_AT = 60  # events back
_ID = re.compile("[0-9a-f]{6,32}")


async def by_id(unit: Unit, id: str) -> Mapping[str, Any] | None:
    """One follow-up, or None."""
    return await unit.one(select(FollowUpRow).where(FollowUpRow.c.id == id))


async def todo(unit: Unit, member: Mapping[str, Any], limit: int = 10) -> tuple[list[Mapping[str, Any]], int]:
    """What this member should take: their own and what nobody owns in their shops, earliest first; and how many."""
    where = (FollowUpRow.c.status == "open") & _theirs(member)
    rows = await unit.all(
        select(FollowUpRow).where(where).order_by(FollowUpRow.c.due_at, FollowUpRow.c.id).limit(limit)
    )
    counted = await unit.one(select(func.count().label("count")).select_from(FollowUpRow).where(where))
    return rows, int(counted["count"]) if counted else 0


async def by_prefix(unit: Unit, prefix: str, member: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The follow-ups in the member's scope whose id begins like this (six letters or more), at most three."""
    if not _ID.fullmatch(prefix):
        return []
    where = begins(FollowUpRow.c.id, prefix) & _in_scope(member)
    return await unit.all(select(FollowUpRow).where(where).order_by(FollowUpRow.c.id).limit(3))


def _theirs(member: Mapping[str, Any]) -> Any:
    own = FollowUpRow.c.owner_id == member["id"]
    match member["role"]:
        case "admin":
            return _in_scope(member)
        case "recruiter":
            return or_(own, FollowUpRow.c.owner_id.is_(None) & _in_scope(member))
        case _:
            return own


def _in_scope(member: Mapping[str, Any]) -> Any:
    own = FollowUpRow.c.owner_id == member["id"]
    if member["role"] == "manager":
        return own
    return or_(own, FollowUpRow.c.shop.in_(member["shops"])) if member["shops"] else true()


# --- what its card says ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that happened, as a card tells it; `outcome` and `to` belong to earlier follow-ups."""

    type: str
    at: datetime
    outcome: str = ""
    to: str = ""


@dataclass(frozen=True, slots=True)
class Recent:
    """The last things that happened, oldest first, and when the candidate did something last."""

    facts: Sequence[Fact]
    own_act: datetime | None


async def recent(unit: Unit, loaded: Loaded) -> Recent:
    """What somebody should know who is about to call the candidate."""
    found = (
        select(EventRow).where(EventRow.c.application_id == loaded.id).order_by(EventRow.c.seq.desc()).limit(LOOKED_AT)
    )
    rows = await unit.all(found)
    told = [row for row in rows if row["type"] in TOLD][:LINES]
    own = next((row["at"] for row in rows if row["actor"] == "candidate"), None)
    return Recent([_fact(loaded, row) for row in reversed(told)], own)


def _fact(loaded: Loaded, row: Mapping[str, Any]) -> Fact:
    if row["type"] not in (EventType.FOLLOW_UP_DONE, EventType.FOLLOW_UP_TAKEN):
        return Fact(row["type"], row["at"])
    data = orjson.loads(loaded.box.open(row["data"], f"events.data:{row['id']}"))
    type = "follow_up.urgent" if data.get("step") == Move.URGENT else row["type"]
    return Fact(type, row["at"], str(data.get("outcome", "")), str(data.get("to", "")))


# --- how quick HR is -------------------------------------------------------------------------------------------------

CONTACTS = 20_000  # of which a median is taken


async def first_contact(
    connection: AsyncConnection, since: datetime, *, batch_id: str = "", shops: Sequence[str] = ()
) -> float | None:
    """How long it took, at the median and in seconds, from a follow-up until a person first tried to reach the
    candidate, of those opened since then; None where nobody has.
    """
    where = [
        FollowUpRow.c.status == "done",
        FollowUpRow.c.opened_at >= since,
        FollowUpRow.c.contact_from.is_not(None),
        FollowUpRow.c.outcome.in_(CONTACTED),
        FollowUpRow.c.done_by.startswith("member:") | FollowUpRow.c.done_by.startswith("token:"),
    ]
    if shops:
        where.append(FollowUpRow.c.shop.in_(list(shops)))
    statement = select(FollowUpRow.c.contact_from, FollowUpRow.c.done_at)
    if batch_id:
        statement = statement.join(ApplicationRow, ApplicationRow.c.id == FollowUpRow.c.application_id)
        where.append(ApplicationRow.c.batch_id == batch_id)
    newest = statement.where(*where).order_by(FollowUpRow.c.opened_at.desc()).limit(CONTACTS)
    rows = await connection.execute(newest)
    lengths = [(done - opened).total_seconds() for opened, done in rows if opened is not None and done is not None]
    return median(lengths) if lengths else None
