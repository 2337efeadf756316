"""Answers that a platform takes in the same response only: kept as rendered, so that a repeat gets the same again."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update

from storage.owed import PASSIVE
from storage.tables import OutboxRow
from storage.types import SealedBytes
from storage.unit import Unit

MOST = 50  # messages to one thing that somebody did


async def answers(unit: Unit, cause: str) -> list[Mapping[str, Any]]:
    """The messages that answer this incoming item, in the order in which they were said."""
    promises = [f"{cause}/{number}" for number in range(1, MOST + 1)]
    rows = await unit.all(select(OutboxRow).where(OutboxRow.c.promise.in_(promises), OutboxRow.c.rung == PASSIVE))
    return sorted(rows, key=lambda row: promises.index(row["promise"]))


async def refreeze(unit: Unit, id: str, frozen: SealedBytes) -> None:
    """What a message shows has changed."""
    await unit.run(update(OutboxRow).where(OutboxRow.c.id == id).values(frozen=frozen))
