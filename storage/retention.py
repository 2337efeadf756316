"""What is kept for a time only, and how it is let go."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import delete, func, select

from recruiting.model import EventType
from storage import sessions, trail
from storage.applications import load_one
from storage.tables import Code, Document, DoomedFile, EventRow, GivenAnswer, Incoming, LinkCode
from storage.types import random_id
from storage.unit import Unit

ANSWERS_KEPT = timedelta(hours=48)  # the contract asks for 24 h at least
CODES_KEPT = timedelta(days=2)
INBOX_KEPT = timedelta(days=30)  # repeats come within hours; the bodies are unreadable by then


async def pictures(unit: Unit, limit: int) -> list[Mapping[str, Any]]:
    """Decided documents whose picture has had its time."""
    where = Document.c.destroy_at.is_not(None) & (Document.c.destroy_at <= unit.now) & Document.c.file.is_not(None)
    return await unit.all(select(Document).where(where).limit(limit))


async def destroyed(unit: Unit, row: Mapping[str, Any], *, at_once: bool = False) -> None:
    """The picture and what was read in it are gone; "valid until, checked by" stays."""
    key = {"id": row["id"], "file": row["file"]}
    if row["file"] is None or not await unit.set(Document, key, file=None, destroy_at=None, pages=[], fields=None):
        return  # it was seen on paper, or another process was quicker
    await doom(unit, row["candidate_id"], row["pages"], but=row["id"])
    trail.note(unit, "rule", "document.destroy", row["id"], "withdrawn" if at_once else "")
    loaded = await load_one(unit, row["application_id"])
    if loaded is None:
        return
    id = random_id()
    unit.add(
        EventRow,
        id=id,
        application_id=loaded.id,
        type=EventType.DESTROYED.value,
        at=unit.now,
        stage=row["stage"],
        visit=row["visit"],
        actor="rule",
        data=loaded.box.seal(orjson.dumps({"document": row["id"]}), f"events.data:{id}"),
    )


# --- files that nobody may keep --------------------------------------------------------------------------------------

DOOMED = select(DoomedFile.c.at).limit(1)


async def doom(unit: Unit, candidate_id: str, pages: Sequence[Mapping[str, Any]], *, but: str) -> None:
    """Have these pages destroyed once this is committed; not those that another document (than `but`) shows too."""
    shown = select(Document.c.pages).where(Document.c.candidate_id == candidate_id, Document.c.id != but)
    elsewhere = {page["file"] for row in await unit.all(shown) for page in row["pages"]}
    for page in pages:
        if page["file"] not in elsewhere:
            unit.add(DoomedFile, file=page["file"], at=unit.now)


async def doomed(unit: Unit, limit: int) -> list[str]:
    """The names of files that are to be destroyed."""
    rows = await unit.all(select(DoomedFile.c.file).order_by(DoomedFile.c.at).limit(limit))
    return [row["file"] for row in rows]


async def buried(unit: Unit, files: Collection[str]) -> None:
    """These files are destroyed."""
    await unit.run(delete(DoomedFile).where(DoomedFile.c.file.in_(list(files))))


async def overdue(unit: Unit, since: datetime) -> int:
    """How many pictures should have been destroyed before `since` and are still there."""
    late = Document.c.file.is_not(None) & (Document.c.destroy_at <= since)
    counts = [
        await unit.one(select(func.count().label("count")).select_from(table).where(where))
        for table, where in ((Document, late), (DoomedFile, DoomedFile.c.at <= since))
    ]
    return sum(int(row["count"]) for row in counts if row)


async def forget(unit: Unit) -> None:
    """Drop what nobody can need any more."""
    await unit.run(delete(GivenAnswer).where(GivenAnswer.c.at < unit.now - ANSWERS_KEPT))
    await unit.run(delete(Code).where(Code.c.created_at < unit.now - CODES_KEPT))
    await unit.run(delete(LinkCode).where(LinkCode.c.created_at < unit.now - CODES_KEPT))
    await sessions.forget(unit)
    old = (Incoming.c.status == "done") & (Incoming.c.received_at < unit.now - INBOX_KEPT)
    await unit.run(delete(Incoming).where(old))
