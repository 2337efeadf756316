"""Why a candidate got a message: what was said to them, by which rule, and what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import select

from recruiting.model import EventType
from storage.applications import Loaded
from storage.owed import REPLIES
from storage.tables import EventRow, OutboxRow
from storage.unit import Unit

RUNGS = ("chat", "sms", "email", "none")
REPLY = "reply"  # the cause of what answers the candidate's own message
# What people do after a message, as far as it may have come from it.
REACTIONS = (
    EventType.CLICKED,
    EventType.STARTED,
    EventType.COMPLETED,
    EventType.UPLOADED,
    EventType.BOOKED,
    EventType.CONFIRMED,
    EventType.OPTED_OUT,
    EventType.WITHDRAWN,
)
_REMINDERS = (EventType.NUDGED, EventType.NUDGE_SKIPPED)
_OUT = frozenset({"accepted", "delivered"})


@dataclass(frozen=True, slots=True)
class Reaction:
    """What the person did next."""

    type: EventType
    at: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """One message on one rung, or a reminder that a limit kept back (`status` limited, `reason` the limit)."""

    at: datetime
    stage: str
    cause: str  # of the rules: invite, nudge:0, ...; REPLY
    rung: str
    status: str
    reason: str
    stepped: bool = False  # the rung before it failed
    by: str = ""  # the member who asked for a reminder
    then: Reaction | None = None


async def told(unit: Unit, loaded: Loaded) -> list[Told]:
    """Everything that was to be said to the candidate about this application, oldest first."""
    where = (OutboxRow.c.application_id == loaded.id) & OutboxRow.c.rung.in_(RUNGS)
    rows = await unit.all(select(OutboxRow).where(where).order_by(OutboxRow.c.created_at, OutboxRow.c.id))
    history = await _history(unit, loaded)
    asked = {
        (one["stage"], one["visit"], one["data"]["name"]): one["actor"]
        for one in history
        if one["type"] == EventType.NUDGED.value
    }
    found = [_limited(one) for one in history if one["type"] == EventType.NUDGE_SKIPPED.value]
    found += [_message(row, asked) for row in rows]
    found.sort(key=lambda one: one.at)
    return _with_reactions(found, [one for one in history if one["type"] not in set(_REMINDERS)])


async def _history(unit: Unit, loaded: Loaded) -> list[Mapping[str, Any]]:
    types = [type.value for type in (*REACTIONS, *_REMINDERS)]
    where = (EventRow.c.application_id == loaded.id) & EventRow.c.type.in_(types)
    rows = await unit.all(select(EventRow).where(where).order_by(EventRow.c.seq))
    return [
        {**row, "data": orjson.loads(loaded.box.open(row["data"], f"events.data:{row['id']}"))}
        for row in rows
        if row["type"] != EventType.WITHDRAWN.value or row["actor"] == "candidate"
    ]


def _limited(event: Mapping[str, Any]) -> Told:
    return Told(event["at"], event["stage"], event["data"]["name"], "", "limited", event["data"]["limit"])


def _message(row: Mapping[str, Any], asked: Mapping[tuple[str, int, str], str]) -> Told:
    cause = REPLY if row["start"] in REPLIES else str(row["promise"]).rpartition("/")[2]
    return Told(
        at=row["accepted_at"] or row["tried_at"] or row["created_at"],
        stage=row["stage"],
        cause=cause,
        rung=row["rung"],
        status=row["status"],
        reason=row["reason"] or "",
        stepped=row["start"] == "stepped",
        by=asked.get((row["stage"], row["visit"], cause), ""),
    )


def _with_reactions(found: Sequence[Told], events: Sequence[Mapping[str, Any]]) -> list[Told]:
    """Each message that went out with what the person did before the next one came."""
    sent = [one.at for one in found if one.status in _OUT and one.cause != REPLY]
    answered = []
    for one in found:
        then = None
        if one.status in _OUT and one.cause != REPLY:
            until = next((at for at in sent if at > one.at), None)
            done = (e for e in events if one.at <= e["at"] and (until is None or e["at"] < until))
            then = next((Reaction(EventType(e["type"]), e["at"]) for e in done), None)
        answered.append(replace(one, then=then))
    return answered
