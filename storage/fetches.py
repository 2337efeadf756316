"""Files that still lie with a platform and are to be taken over."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from storage.tables import Fetch
from storage.unit import Unit

EARLIEST = select(func.min(Fetch.c.due_at)).where(Fetch.c.status == "waiting")


async def due(unit: Unit, limit: int) -> list[Mapping[str, Any]]:
    """What is to be fetched now, oldest first."""
    where = (Fetch.c.status == "waiting") & (Fetch.c.due_at <= unit.now)
    return await unit.all(select(Fetch).where(where).order_by(Fetch.c.due_at).limit(limit))


async def put_off(unit: Unit, id: str, until: datetime) -> None:
    """Not this time."""
    waiting = update(Fetch).where(Fetch.c.id == id, Fetch.c.status == "waiting")
    await unit.run(waiting.values(due_at=until, tries=Fetch.c.tries + 1))


async def done(unit: Unit, id: str, status: str) -> bool:
    """Settle it, done or failed; False when somebody else has."""
    waiting = update(Fetch).where(Fetch.c.id == id, Fetch.c.status == "waiting")
    return await unit.run(waiting.values(status=status)) == 1
