"""What members asked for and a worker carries out: lists to import, files to export; and how far that has come."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.keys import Unsealable
from storage.tables import Errand as ErrandRow
from storage.types import random_id
from storage.unit import Unit

IMPORT, EXPORT, MEMBER = "import", "export", "member"
WAITING, SHOWN, CONFIRMED = "waiting", "shown", "confirmed"
CANCELLED, DROPPED = "cancelled", "dropped"  # the member said no; and then its file was destroyed
DONE, FAILED, EXPIRED, KEPT = "done", "failed", "expired", "kept"
LEASE = timedelta(minutes=2)  # for so long nobody else takes up what a worker has in hand

_OPEN = (WAITING, SHOWN, CONFIRMED, CANCELLED)
EARLIEST = select(func.min(ErrandRow.c.due_at)).where(ErrandRow.c.status.in_(_OPEN))


@dataclass(frozen=True, slots=True)
class Errand:
    """One errand. `words` is what must not lie about: names of files and people; `counts` are numbers only."""

    id: str
    kind: str
    member_id: str
    conversation_id: str | None
    status: str
    day: date
    words: Mapping[str, Any]
    file: str | None
    counts: Mapping[str, int]
    tries: int
    due_at: datetime


async def add(
    unit: Unit,
    kind: str,
    member_id: str,
    conversation_id: str | None,
    words: Mapping[str, Any],
    *,
    status: str = WAITING,
) -> str:
    """Take an errand on; its id."""
    id, day = random_id(), unit.ground.today(unit.now)
    box = await unit.ground.days.existing(unit.connection, day)
    unit.add(
        ErrandRow,
        id=id,
        kind=kind,
        member_id=member_id,
        conversation_id=conversation_id,
        status=status,
        day=day,
        words=box.seal(orjson.dumps(dict(words)), f"errands.words:{id}"),
        file=None,
        counts={},
        tries=0,
        due_at=unit.now,
        created_at=unit.now,
    )
    return id


async def by_id(unit: Unit, id: str) -> Errand | None:
    """One errand; None when there is none."""
    row = await unit.one(select(ErrandRow).where(ErrandRow.c.id == id))
    return await _opened(unit, row) if row is not None else None


async def earliest(connection: AsyncConnection) -> datetime | None:
    """When the next errand is to be looked at: aware, UTC; None when there is none."""
    moment: datetime | None = (await connection.execute(EARLIEST)).scalar_one()
    return moment


async def take(unit: Unit) -> Errand | None:
    """The errand that has been due for longest, for this worker alone until `LEASE` is over."""
    due = (ErrandRow.c.status.in_(_OPEN)) & (ErrandRow.c.due_at <= unit.now)
    for row in await unit.all(select(ErrandRow).where(due).order_by(ErrandRow.c.due_at).limit(8)):
        if await _leased(unit, row["id"], row["due_at"]):
            return replace(await _opened(unit, row), due_at=unit.now + LEASE)
    return None


async def _leased(unit: Unit, id: str, due_at: datetime) -> bool:
    """Whether it is ours: of several who see the same errand one is quicker."""
    seen = (ErrandRow.c.id == id) & (ErrandRow.c.due_at == due_at) & ErrandRow.c.status.in_(_OPEN)
    return await unit.run(update(ErrandRow).where(seen).values(due_at=unit.now + LEASE)) == 1


async def move(unit: Unit, errand: Errand, status: str, **values: Any) -> bool:
    """Bring it one step on, with what has changed. False: somebody else has it in hand, or has done so already."""
    same = (ErrandRow.c.id == errand.id) & (ErrandRow.c.status == errand.status) & (ErrandRow.c.due_at == errand.due_at)
    if "words" in values:
        box = await unit.ground.days.existing(unit.connection, errand.day)
        values["words"] = box.seal(orjson.dumps(dict(values["words"])), f"errands.words:{errand.id}")
    return await unit.run(update(ErrandRow).where(same).values(status=status, **values)) == 1


async def _opened(unit: Unit, row: Mapping[str, Any]) -> Errand:
    """What nobody has looked at for thirty days has no words any more: the key of its day is destroyed."""
    words: Mapping[str, Any] = {}
    with contextlib.suppress(Unsealable):
        box = await unit.ground.days.existing(unit.connection, row["day"])
        words = orjson.loads(box.open(row["words"], f"errands.words:{row['id']}"))
    return Errand(
        row["id"],
        row["kind"],
        row["member_id"],
        row["conversation_id"],
        row["status"],
        row["day"],
        words,
        row["file"],
        row["counts"],
        row["tries"],
        row["due_at"],
    )
