"""Messages by what a gateway or platform calls them when it reports what became of them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import or_, select

from storage.tables import OutboxRow
from storage.unit import Unit


async def of(unit: Unit, id: str) -> list[Mapping[str, Any]]:
    """The messages with this id, ours or the platform's, and those that went out as part of it."""
    named = or_(OutboxRow.c.id == id, OutboxRow.c.platform_id == id)
    first = await unit.one(select(OutboxRow).where(named))
    if first is None:
        return []
    leader = first["leader_id"] or first["id"]
    followers = select(OutboxRow).where(or_(OutboxRow.c.id == leader, OutboxRow.c.leader_id == leader))
    return await unit.all(followers.order_by(OutboxRow.c.created_at))
