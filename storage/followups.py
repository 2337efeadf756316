"""Follow-ups: tasks for people in HR. `storage.apply` opens and closes them; here they are found."""

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, or_, select

from storage.tables import FollowUpRow
from storage.unit import Unit

_ID = re.compile("[0-9a-f]{6,32}")


async def by_id(unit: Unit, id: str) -> Mapping[str, Any] | None:
    """One follow-up, or None."""
    return await unit.one(select(FollowUpRow).where(FollowUpRow.id == id))


async def todo(unit: Unit, member: Mapping[str, Any], limit: int = 10) -> tuple[list[Mapping[str, Any]], int]:
    """What this member should take: their own and what nobody owns in their shops, earliest first; and how many."""
    statement = select(FollowUpRow).where(FollowUpRow.status == "open", _theirs(member))
    rows = await unit.all(statement.order_by(FollowUpRow.due_at, FollowUpRow.id).limit(limit))
    counted = await unit.one(select(func.count().label("count")).select_from(statement.subquery()))
    return rows, int(counted["count"]) if counted else 0


async def by_prefix(unit: Unit, prefix: str, member: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The follow-ups in the member's scope whose id begins like this (six letters or more), at most three."""
    if not _ID.fullmatch(prefix):
        return []
    where = FollowUpRow.id.startswith(prefix, autoescape=True)
    return await unit.all(select(FollowUpRow).where(where, _in_scope(member)).limit(3))


def _theirs(member: Mapping[str, Any]) -> Any:
    own = FollowUpRow.owner_id == member["id"]
    match member["role"]:
        case "admin":
            return _in_scope(member)
        case "recruiter":
            return or_(own, FollowUpRow.owner_id.is_(None) & _in_scope(member))
        case _:
            return own


def _in_scope(member: Mapping[str, Any]) -> Any:
    own = FollowUpRow.owner_id == member["id"]
    if member["role"] == "manager":
        return own
    return or_(own, FollowUpRow.shop.in_(member["shops"])) if member["shops"] else FollowUpRow.id.is_not(None)
