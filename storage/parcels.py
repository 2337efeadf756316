"""Files on their way to somebody's chat: sealed in the vault until they are sent, and destroyed soon after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import delete, select

from storage.keys import Box
from storage.tables import Parcel as ParcelRow
from storage.types import random_id
from storage.unit import Unit

ABOUT = "parcel"
KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A file that waits to be sent, and the key that opens it."""

    file: str
    box: Box
    name: str
    content_type: str


async def add(unit: Unit, file: str, day: date, name: str, content_type: str) -> str:
    """A file lies in the vault, sealed under this day's key; its id, which a message may carry."""
    id = random_id()
    box = await unit.ground.days.existing(unit.connection, day)
    unit.add(
        ParcelRow,
        id=id,
        file=file,
        day=day,
        name=box.seal(name, f"parcels.name:{id}"),
        content_type=content_type,
        destroy_at=unit.now + KEPT,
    )
    return id


async def find(unit: Unit, id: str) -> Parcel | None:
    """The file that a message carries; None when it has had its time."""
    row = await unit.one(select(ParcelRow).where(ParcelRow.c.id == id))
    if row is None:
        return None
    box = await unit.ground.days.existing(unit.connection, row["day"])
    return Parcel(row["file"], box, box.open_text(row["name"], f"parcels.name:{id}"), row["content_type"])


async def overdue(unit: Unit, limit: int) -> Sequence[Mapping[str, Any]]:
    """Files that have had their time."""
    return await unit.all(select(ParcelRow).where(ParcelRow.c.destroy_at <= unit.now).limit(limit))


async def forget(unit: Unit, ids: Sequence[str]) -> None:
    """These files are destroyed."""
    await unit.run(delete(ParcelRow).where(ParcelRow.c.id.in_(list(ids))))
