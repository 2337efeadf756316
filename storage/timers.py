"""Due moments as rows. A timer is deleted by the very transaction that acts on it, so it acts once, after any crash."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from recruiting.model import TimerDue
from storage.applications import load
from storage.apply import Course
from storage.tables import ApplicationRow, TimerRow
from storage.types import UtcDateTime
from storage.unit import Unit, rows_of

_DUE = (
    select(TimerRow, ApplicationRow.c.candidate_id)
    .join(ApplicationRow, ApplicationRow.c.id == TimerRow.c.application_id)
    .where(TimerRow.c.due_at <= bindparam("now", type_=UtcDateTime()))
    .order_by(TimerRow.c.due_at, TimerRow.c.id)
    .limit(bindparam("limit"))
)
EARLIEST = select(func.min(TimerRow.c.due_at))


async def earliest(connection: AsyncConnection) -> datetime | None:
    """When the next timer is due: aware, UTC; None when none is pending."""
    moment: datetime | None = (await connection.execute(EARLIEST)).scalar_one()
    return moment


async def due(unit: Unit, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` due timers with their candidates, oldest first."""
    return rows_of(await unit.connection.execute(_DUE, {"now": unit.now, "limit": limit}))


async def fire(unit: Unit, due: Sequence[dict[str, Any]]) -> int:
    """Act on these due timers, each candidate under their lock; how many were acted upon.

    A candidate whose lock somebody else holds is left for the next sweep.
    """
    mine = await unit.ground.database.try_locks(unit.connection, {f"candidate:{row['candidate_id']}" for row in due})
    rows = [row for row in due if f"candidate:{row['candidate_id']}" in mine]
    rows = await _claimed(unit, rows)
    applications = await load(unit, {row["application_id"] for row in rows})
    course = Course(unit)
    for row in rows:
        loaded = applications.get(row["application_id"])
        if loaded is not None:
            await course.take(loaded, TimerDue(row["name"], row["stage"], row["visit"]))
    await course.save()
    await unit.flush()
    return len(rows)


async def put_off(unit: Unit, id: int, until: datetime) -> None:
    """Acting failed: not before then again."""
    await unit.set(TimerRow, {"id": id}, due_at=until)


async def _claimed(unit: Unit, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Delete the rows; those that somebody else has deleted meanwhile are not ours to act on."""
    if not rows:
        return []
    statement = delete(TimerRow).where(TimerRow.c.id.in_([row["id"] for row in rows])).returning(TimerRow.c.id)
    taken = {id for (id,) in await unit.connection.execute(statement)}
    return [row for row in rows if row["id"] in taken]
