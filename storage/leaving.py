"""Somebody is no member any more: access ends at once, and what they had to do goes to colleagues."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from recruiting.model import FollowUpDone
from storage import members
from storage.applications import load
from storage.apply import Course
from storage.tables import FollowUpRow
from storage.unit import Unit

PART = 500


async def leave(unit: Unit, member: Mapping[str, Any], actor: str) -> int:
    """Take a member away; how many open follow-ups were handed on, by the rule for owners."""
    count = 0
    while handed := await _hand_on(unit, member, actor):
        count += handed
    await members.remove(unit, member["name"])
    return count


async def _hand_on(unit: Unit, member: Mapping[str, Any], actor: str) -> int:
    """Hand some hundred on. Their candidates are locked before anything is read."""
    theirs = select(FollowUpRow).where(FollowUpRow.c.owner_id == member["id"], FollowUpRow.c.status == "open")
    rows = await unit.all(theirs.order_by(FollowUpRow.c.opened_at).limit(PART))
    await unit.ground.database.locks(unit.connection, {f"candidate:{row['candidate_id']}" for row in rows})
    found = await load(unit, {row["application_id"] for row in rows})
    course = Course(unit)
    count = 0
    for row in rows:
        loaded = found.get(row["application_id"])
        if loaded is not None and loaded.application.follow_up:
            await course.take(loaded, FollowUpDone("hand_over", actor))
            count += 1
    await course.save()
    await unit.flush()
    return count
