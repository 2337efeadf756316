"""Batches as HR speaks of them: found by name within a member's shops, paused, muted."""

import difflib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, true, update

from storage.tables import ApplicationRow, Batch, OutboxRow, Sending
from storage.unit import Unit

MATCHES = 6
NAMES = 300  # the newest names among which a typing error is looked for
PAUSED = "paused"  # why a message waits


@dataclass(frozen=True, slots=True)
class Found:
    """A batch as somebody sees it who may see some shops: what lies in these, and whether that is all of it."""

    id: str
    name: str
    applications: int
    whole: bool
    paused_at: datetime | None
    muted_until: datetime | None


async def find(unit: Unit, words: str, shops: Sequence[str]) -> list[Found]:
    """The batches that a name or a part of one means, newest first; a whole name comes first. No shops = all."""
    plain = unicodedata.normalize("NFKC", words).strip()
    for where in (Batch.c.name.in_({words.strip(), plain}), Batch.c.name.icontains(plain, autoescape=True)):
        found = await _found(unit, where, shops, MATCHES) if plain else []
        if found:
            return found
    return []


async def by_id(unit: Unit, id: str, shops: Sequence[str]) -> Found | None:
    """The batch with this id, while any of it lies in these shops."""
    return next(iter(await _found(unit, Batch.c.id == id, shops, 1)), None)


async def newest(unit: Unit, shops: Sequence[str], limit: int = MATCHES) -> list[Found]:
    """The newest batches."""
    return await _found(unit, Batch.c.id.is_not(None), shops, limit)


async def meant(unit: Unit, words: str, shops: Sequence[str]) -> str | None:
    """The name that was probably meant by one that no batch has."""
    statement = select(Batch.c.name).where(_in_shops(shops)).order_by(Batch.c.created_at.desc()).limit(NAMES)
    names = [row["name"] for row in await unit.all(statement)]
    return next(iter(difflib.get_close_matches(words.strip(), names, 1)), None)


async def _found(unit: Unit, where: Any, shops: Sequence[str], limit: int) -> list[Found]:
    ours = _ours(shops)
    columns = (Batch.c.id, Batch.c.name, Batch.c.paused_at, Batch.c.muted_until)
    order = (Batch.c.created_at.desc(), Batch.c.name)
    meant = select(Batch.c.id).where(where, _in_shops(shops)).order_by(*order).limit(limit)  # only these are counted
    statement = (
        select(*columns, func.count().label("all"), func.count().filter(ours).label("ours"))
        .join(ApplicationRow, ApplicationRow.c.batch_id == Batch.c.id)
        .where(Batch.c.id.in_(meant))
        .group_by(*columns, Batch.c.created_at)
        .order_by(*order)
    )
    return [
        Found(row["id"], row["name"], row["ours"], row["ours"] == row["all"], row["paused_at"], row["muted_until"])
        for row in await unit.all(statement)
    ]


def _ours(shops: Sequence[str]) -> Any:
    return ApplicationRow.c.shop.in_(list(shops)) if shops else true()


def _in_shops(shops: Sequence[str]) -> Any:
    return select(ApplicationRow.c.shop).where(ApplicationRow.c.batch_id == Batch.c.id, _ours(shops)).exists()


async def open_in(unit: Unit, batch_id: str, shops: Sequence[str]) -> list[str]:
    """The ids of the open applications of a batch in these shops, oldest first."""
    where = (ApplicationRow.c.batch_id == batch_id) & (ApplicationRow.c.status == "open") & _ours(shops)
    statement = select(ApplicationRow.c.id).where(where).order_by(ApplicationRow.c.created_at, ApplicationRow.c.id)
    return [row["id"] for row in await unit.all(statement)]


async def pause(unit: Unit, batch_id: str) -> bool:
    """From now on the bot starts nothing by itself to the batch's candidates. False: that is so already."""
    where = (Batch.c.id == batch_id) & Batch.c.paused_at.is_(None)
    return await unit.run(update(Batch).where(where).values(paused_at=unit.now)) > 0


async def resume(unit: Unit, batch_id: str) -> bool:
    """What has waited leaves now, of an invite and reminders to one person only one. False: it was not paused."""
    where = (Batch.c.id == batch_id) & Batch.c.paused_at.is_not(None)
    if not await unit.run(update(Batch).where(where).values(paused_at=None)):
        return False
    ours = select(ApplicationRow.c.id).where(ApplicationRow.c.batch_id == batch_id)
    held = (OutboxRow.c.status == "waiting") & (OutboxRow.c.reason == PAUSED) & OutboxRow.c.application_id.in_(ours)
    overtaken = await _overtaken(unit, held)
    for start in range(0, len(overtaken), 500):
        some = OutboxRow.c.id.in_(overtaken[start : start + 500]) & (OutboxRow.c.status == "waiting")
        await unit.run(update(OutboxRow).where(some).values(status=Sending.SKIPPED.value, reason="overtaken"))
    await unit.run(update(OutboxRow).where(held).values(due_at=unit.now))
    return True


async def _overtaken(unit: Unit, held: Any) -> list[str]:
    """Reminders that say nothing new any more: a later one follows, or the very invite leaves only now."""
    columns = (OutboxRow.c.id, OutboxRow.c.application_id, OutboxRow.c.stage, OutboxRow.c.visit, OutboxRow.c.purpose)
    waited = select(*columns).where(held, OutboxRow.c.purpose.in_(["invite", "nudge"]))
    said: dict[tuple[str, str, int], str] = {}  # visit -> the one that leaves
    invited: set[tuple[str, str, int]] = set()
    overtaken: list[str] = []
    for row in await unit.all(waited.order_by(OutboxRow.c.purpose, OutboxRow.c.created_at, OutboxRow.c.id)):
        visit = (row["application_id"], row["stage"], row["visit"])
        if row["purpose"] == "invite":
            invited.add(visit)
        elif visit in invited:
            overtaken.append(row["id"])
        else:
            if visit in said:
                overtaken.append(said[visit])
            said[visit] = row["id"]
    return overtaken


async def mute(unit: Unit, batch_id: str, until: datetime | None, *, instead_of: datetime | None) -> bool:
    """Tell nothing of the batch's alerts until then. False: meanwhile somebody has muted it otherwise."""
    was = Batch.c.muted_until == instead_of if instead_of is not None else Batch.c.muted_until.is_(None)
    return await unit.run(update(Batch).where(Batch.c.id == batch_id, was).values(muted_until=until)) > 0
