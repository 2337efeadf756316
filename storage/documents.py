"""Uploaded documents: what waits for a reviewer, and what was decided. The files themselves lie in the vault."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import delete, func, select, update

from recruiting.model import Application, DocumentDecided, Status
from recruiting.process import StageKind
from storage.applications import Loaded
from storage.tables import ApplicationRow, Document, Fetch, HeldFile
from storage.types import random_id
from storage.unit import Unit

UPLOADS = 20  # of one visit; a certificate has two sides, not a hundred


def wants(loaded: Loaded) -> str | None:
    """Which kind of document the application waits for, or None."""
    application = loaded.application
    if not application.open or application.now_in.kind is not StageKind.DOCUMENT or application.uploads >= UPLOADS:
        return None
    return application.now_in.document


def add(
    unit: Unit, loaded: Loaded, *, file: str | None, name: str, content_type: str | None, id: str | None = None
) -> str:
    """A document of the application's present stage; `file` is its name in the vault, None if seen on paper. Its id."""
    id = id or random_id()
    application = loaded.application
    unit.add(
        Document,
        id=id,
        application_id=loaded.id,
        candidate_id=loaded.candidate_id,
        stage=application.stage,
        visit=application.visit,
        kind=application.now_in.document or "",
        status="waiting",
        file=file,
        name=loaded.box.seal(name[:200], f"documents.name:{id}") if name else None,
        content_type=content_type[:64] if content_type else None,
        uploaded_at=unit.now,
        decided_at=None,
        decided_by=None,
        reason=None,
        expires_on=None,
        destroy_at=None,
    )
    return id


async def by_id(unit: Unit, id: str) -> Mapping[str, Any] | None:
    """One document, or None."""
    return await unit.one(select(Document).where(Document.id == id))


async def waiting(unit: Unit, shops: Sequence[str], limit: int = 50) -> tuple[list[Mapping[str, Any]], int]:
    """What waits for a reviewer in these shops (none = all), oldest first, at most `limit`; and how many there are."""
    where = (
        (Document.status == "waiting")
        & (ApplicationRow.status == Status.OPEN.value)
        & (ApplicationRow.stage == Document.stage)
        & (ApplicationRow.visit == Document.visit)
    )
    if shops:
        where &= ApplicationRow.shop.in_(list(shops))
    joined = select(Document).join(ApplicationRow, ApplicationRow.id == Document.application_id).where(where)
    rows = await unit.all(joined.order_by(Document.uploaded_at, Document.id).limit(limit))
    counted = await unit.one(select(func.count().label("count")).select_from(joined.subquery()))
    return rows, int(counted["count"]) if counted else 0


async def decided(
    unit: Unit, loaded: Loaded, before: Application, decision: DocumentDecided, expires_on: date | None
) -> None:
    """Write a decision down that the rules have taken; `before` is the application as it was then. The picture is
    destroyed some days later.

    An approval settles everything sent in that visit: the other side of a card is no second certificate.
    """
    where = Document.id == decision.document
    if decision.approve:
        where |= (
            (Document.application_id == loaded.id)
            & (Document.stage == before.stage)
            & (Document.visit == before.visit)
            & (Document.status == "waiting")
        )
    await unit.run(
        update(Document)
        .where(where)
        .values(
            status="approved" if decision.approve else "rejected",
            decided_at=unit.now,
            decided_by=decision.actor[:128],
            expires_on=expires_on,
            destroy_at=unit.now + before.now_in.keep_picture,
        )
    )
    if decision.reason:
        sealed = loaded.box.seal(decision.reason, f"documents.reason:{decision.document}")
        await unit.set(Document, {"id": decision.document}, reason=sealed)


async def destroy_soon(unit: Unit, candidate_id: str, kind: str) -> None:
    """Consent was taken back: whatever lies in the vault is destroyed at the next sweep."""
    where = (Document.candidate_id == candidate_id) & (Document.kind == kind) & Document.file.is_not(None)
    await unit.run(update(Document).where(where).values(destroy_at=unit.now))


# --- files still with the platform ----------------------------------------------------------------------------------


async def hold(unit: Unit, conversation_id: str, file: Mapping[str, Any]) -> None:
    """Remember the last picture that came before consent, without fetching it."""
    unit.add(HeldFile, conversation_id=conversation_id, file=dict(file), at=unit.now)
    await unit.set(HeldFile, {"conversation_id": conversation_id}, file=dict(file), at=unit.now)


async def held(unit: Unit, conversation_id: str) -> dict[str, Any] | None:
    """The picture that waits for consent, or None. It is let go: fetch it, or forget it."""
    row = await unit.one(select(HeldFile).where(HeldFile.conversation_id == conversation_id))
    await unit.run(delete(HeldFile).where(HeldFile.conversation_id == conversation_id))
    return dict(row["file"]) if row else None


def fetch(unit: Unit, conversation_id: str, candidate_id: str, file: Mapping[str, Any]) -> None:
    """Have a file taken from the platform into the vault."""
    unit.add(
        Fetch,
        conversation_id=conversation_id,
        candidate_id=candidate_id,
        file=dict(file),
        status="waiting",
        tries=0,
        due_at=unit.now,
    )


async def drop_fetches(unit: Unit, candidate_id: str) -> None:
    """Consent was taken back: what has not been fetched yet stays where it is."""
    await unit.run(delete(Fetch).where(Fetch.candidate_id == candidate_id, Fetch.status == "waiting"))
