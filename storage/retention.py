"""What is kept for a time only, and how it is let go."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import orjson
from sqlalchemy import delete, select

from recruiting.model import EventType
from storage.applications import load_one
from storage.tables import Code, Document, EventRow, GivenAnswer, Incoming, LinkCode
from storage.types import random_id
from storage.unit import Unit

ANSWERS_KEPT = timedelta(hours=48)  # the contract asks for 24 h at least
CODES_KEPT = timedelta(days=2)
INBOX_KEPT = timedelta(days=30)  # repeats come within hours; the bodies are unreadable by then


async def pictures(unit: Unit, limit: int) -> list[Mapping[str, Any]]:
    """Decided documents whose picture has had its time."""
    where = Document.destroy_at.is_not(None) & (Document.destroy_at <= unit.now) & Document.file.is_not(None)
    return await unit.all(select(Document).where(where).limit(limit))


async def destroyed(unit: Unit, row: Mapping[str, Any]) -> None:
    """The picture is gone; "valid until, checked by" stays."""
    if not await unit.set(Document, {"id": row["id"], "file": row["file"]}, file=None, destroy_at=None):
        return  # another process was quicker
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


async def forget(unit: Unit) -> None:
    """Drop what nobody can need any more."""
    await unit.run(delete(GivenAnswer).where(GivenAnswer.at < unit.now - ANSWERS_KEPT))
    await unit.run(delete(Code).where(Code.created_at < unit.now - CODES_KEPT))
    await unit.run(delete(LinkCode).where(LinkCode.created_at < unit.now - CODES_KEPT))
    old = (Incoming.status == "done") & (Incoming.received_at < unit.now - INBOX_KEPT)
    await unit.run(delete(Incoming).where(old))
