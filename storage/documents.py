"""Uploaded documents: what waits for a reviewer, and what was decided. The files themselves lie in the vault.

A document has one page or several: front and back, sent one after the other, are one certificate.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update

from recruiting.course import local_day
from recruiting.decide import document_stage, place_of
from recruiting.model import Application, DocumentDecided, Status
from storage import retention
from storage.applications import Loaded
from storage.tables import ApplicationRow, Document, DocumentMark, Fetch, HeldFile
from storage.types import random_id
from storage.unit import Unit

READABLE = "health_certificate"  # the kind of document that the machine can read
UPLOADS = 20  # of one visit; a certificate has two sides, not a hundred
PAGES = 4  # of one document
ROUNDS = 20  # how often the pages of one document may grow or be taken anew
SIDES = timedelta(minutes=5)  # pictures sent within this time belong together
RENEW_FROM = timedelta(days=60)  # how long before its end a hired person's certificate may be sent anew
LISTED = 200


def wants(loaded: Loaded, now: datetime) -> str | None:
    """Which kind of document the application waits for, or None. After hire: once the old one comes to its end."""
    application = loaded.application
    stage = document_stage(application)
    if stage is None:
        return None
    if application.open:
        return stage.document if application.uploads < UPLOADS else None
    valid_until = application.approvals.get(stage.id)
    early = max(RENEW_FROM, *stage.warn_before_expiry)
    due = valid_until is None or local_day(application, now) >= valid_until - early
    return stage.document if due and len(application.waiting) < UPLOADS else None


def page(file: str, content_type: str | None, *, masked: bool = False) -> dict[str, Any]:
    """One page of a document: its name in the vault, what it is, and whether only the certificate's fields show."""
    return {"file": file, "type": content_type, "masked": masked}


def add(
    unit: Unit,
    loaded: Loaded,
    *,
    file: str | None,
    name: str,
    content_type: str | None,
    id: str | None = None,
    to_read: bool = False,
    **decided: Any,
) -> str:
    """A document of the stage that asks for one; `file` is its name in the vault, None if seen on paper. Its id."""
    id = id or random_id()
    stage = document_stage(loaded.application)
    assert stage is not None
    at, visit = place_of(loaded.application, stage)
    row: dict[str, Any] = {
        "id": id,
        "application_id": loaded.id,
        "candidate_id": loaded.candidate_id,
        "stage": at,
        "visit": visit,
        "kind": stage.document or "",
        "status": "waiting",
        "file": file,
        "name": loaded.box.seal(name[:200], f"documents.name:{id}") if name else None,
        "content_type": content_type[:64] if content_type else None,
        "uploaded_at": unit.now,
        "decided_at": None,
        "decided_by": None,
        "reason": None,
        "expires_on": None,
        "destroy_at": None,
        "pages": [page(file, content_type)] if file else [],
        "read_status": "waiting" if to_read else "",
        "read_due_at": unit.now if to_read else None,
        "read_tries": 0,
        "round": 1,
        "fields": None,
        "fingerprint": None,
        "doubts": [],
        "retake": False,
        "fault": "",
    }
    unit.add(Document, **{**row, **decided})
    return id


async def growing(unit: Unit, loaded: Loaded) -> Mapping[str, Any] | None:
    """The document to which another picture belongs: its other side, or the better one that was asked for."""
    stage = document_stage(loaded.application)
    if stage is None or not loaded.application.waiting:
        return None
    at, visit = place_of(loaded.application, stage)
    where = (Document.c.application_id == loaded.id) & (Document.c.stage == at) & (Document.c.visit == visit)
    where &= (Document.c.status == "waiting") & Document.c.file.is_not(None) & (Document.c.round < ROUNDS)
    last = await unit.one(select(Document).where(where).order_by(Document.c.uploaded_at.desc(), Document.c.id).limit(1))
    if last is None or last["id"] not in loaded.application.waiting:
        return None
    fresh = unit.now - last["uploaded_at"] <= SIDES and len(last["pages"]) < PAGES
    return last if last["retake"] or fresh else None


async def add_page(
    unit: Unit, document: Mapping[str, Any], *, file: str, content_type: str | None, to_read: bool
) -> None:
    """Another page; in place of the pages before, where a better picture was asked for. It is read again."""
    anew = bool(document["retake"])
    pages = [*([] if anew else document["pages"]), page(file, content_type)]
    if anew:
        await retention.doom(unit, document["candidate_id"], document["pages"], but=document["id"])
    changed: dict[str, Any] = {"fields": None, "doubts": [], "retake": False, "fault": ""} if anew else {}
    if to_read:
        changed |= {"read_status": "waiting", "read_due_at": unit.now, "read_tries": 0}
    changed |= {"pages": pages, "file": pages[0]["file"], "content_type": pages[0]["type"]}
    await unit.set(Document, {"id": document["id"]}, round=document["round"] + 1, uploaded_at=unit.now, **changed)


async def by_id(unit: Unit, id: str) -> Mapping[str, Any] | None:
    """One document, or None."""
    return await unit.one(select(Document).where(Document.c.id == id))


async def waiting(
    unit: Unit, shops: Sequence[str], limit: int = 50, *, after: datetime | None = None
) -> tuple[list[Mapping[str, Any]], int]:
    """What waits for a reviewer in these shops (none = all), oldest first, at most `limit`; and how many there are.

    `after`: only what was uploaded later.
    """
    here = (ApplicationRow.c.stage == Document.c.stage) & (ApplicationRow.c.visit == Document.c.visit)
    hired = ApplicationRow.c.status == Status.HIRED.value
    where = (Document.c.status == "waiting") & (((ApplicationRow.c.status == Status.OPEN.value) & here) | hired)
    if shops:
        where &= ApplicationRow.c.shop.in_(list(shops))
    if after is not None:
        where &= Document.c.uploaded_at > after
    joined = select(Document).join(ApplicationRow, ApplicationRow.c.id == Document.c.application_id).where(where)
    rows = await unit.all(joined.order_by(Document.c.uploaded_at, Document.c.id).limit(limit))
    counted = await unit.one(select(func.count().label("count")).select_from(joined.subquery()))
    return rows, int(counted["count"]) if counted else 0


async def expiring(unit: Unit, shops: Sequence[str], until: date) -> list[str]:
    """The applications of hired people in these shops (none = all) whose certificate ends by then, soonest first."""
    newer = Document.alias("newer")
    later = (
        select(newer.c.id)
        .where(newer.c.application_id == Document.c.application_id, newer.c.stage == Document.c.stage)
        .where(newer.c.status == "approved", newer.c.expires_on > until)
    )
    where = (Document.c.status == "approved") & (Document.c.expires_on <= until) & ~later.exists()
    where &= ApplicationRow.c.status == Status.HIRED.value
    if shops:
        where &= ApplicationRow.c.shop.in_(list(shops))
    ends = func.max(Document.c.expires_on).label("ends")
    joined = select(Document.c.application_id, ends).join(
        ApplicationRow, ApplicationRow.c.id == Document.c.application_id
    )
    rows = await unit.all(joined.where(where).group_by(Document.c.application_id).order_by(ends).limit(LISTED))
    return [row["application_id"] for row in rows]


async def decided(
    unit: Unit, loaded: Loaded, before: Application, decision: DocumentDecided, expires_on: date | None
) -> None:
    """Write a decision down that the rules have taken; `before` is the application as it was then. The picture is
    destroyed some days later.

    An approval settles everything sent in that visit: the other side of a card is no second certificate.
    """
    stage = document_stage(before)
    assert stage is not None
    at, visit = place_of(before, stage)
    where = Document.c.id == decision.document
    if decision.approve:
        where |= (
            (Document.c.application_id == loaded.id)
            & (Document.c.stage == at)
            & (Document.c.visit == visit)
            & (Document.c.status == "waiting")
        )
    await unit.run(
        update(Document)
        .where(where)
        .values(
            status="approved" if decision.approve else "rejected",
            decided_at=unit.now,
            decided_by=decision.actor[:128],
            expires_on=expires_on,
            destroy_at=unit.now + stage.keep_picture,
            read_due_at=None,
        )
    )
    if decision.reason:
        sealed = loaded.box.seal(decision.reason, f"documents.reason:{decision.document}")
        await unit.set(Document, {"id": decision.document}, reason=sealed)


async def revoked(unit: Unit, loaded: Loaded, stage: str, actor: str, reason: str) -> None:
    """The approvals of a stage count no more; who took them back, when and why stays."""
    where = (Document.c.application_id == loaded.id) & (Document.c.stage == stage) & (Document.c.status == "approved")
    rows = await unit.all(select(Document.c.id).where(where))
    for row in rows:
        sealed = loaded.box.seal(reason, f"documents.reason:{row['id']}") if reason else None
        values = {"status": "rejected", "decided_at": unit.now, "decided_by": actor[:128], "reason": sealed}
        await unit.set(Document, {"id": row["id"]}, **values)


def add_on_paper(unit: Unit, loaded: Loaded, id: str, expires_on: date, actor: str) -> None:
    """What a list of staff says of a certificate: nobody of us has a picture of it."""
    decided: dict[str, Any] = {
        "status": "approved",
        "decided_at": unit.now,
        "decided_by": actor[:128],
        "expires_on": expires_on,
    }
    add(unit, loaded, id=id, file=None, name="", content_type=None, **decided)


async def destroy(unit: Unit, candidate_id: str, kind: str | None = None) -> int:
    """Consent was taken back, or the person is erased: pictures, what was read in them and its traces go at once."""
    where = Document.c.candidate_id == candidate_id
    if kind is not None:
        where &= Document.c.kind == kind
    rows = await unit.all(select(Document).where(where))
    ids = [row["id"] for row in rows]
    for row in rows:
        await retention.destroyed(unit, row, at_once=True)
    await unit.run(delete(DocumentMark).where(DocumentMark.c.document_id.in_(ids)))
    nothing: dict[str, Any] = {
        "fields": None,
        "fingerprint": None,
        "doubts": [],
        "fault": "",
        "read_due_at": None,
        "name": None,
    }
    await unit.run(update(Document).where(Document.c.id.in_(ids)).values(read_status="", retake=False, **nothing))
    return sum(1 for row in rows if row["pages"])


# --- files still with the platform ----------------------------------------------------------------------------------


async def hold(unit: Unit, conversation_id: str, file: Mapping[str, Any]) -> None:
    """Remember the last picture that came before consent, without fetching it."""
    unit.add(HeldFile, conversation_id=conversation_id, file=dict(file), at=unit.now)
    await unit.set(HeldFile, {"conversation_id": conversation_id}, file=dict(file), at=unit.now)


async def held(unit: Unit, conversation_id: str) -> dict[str, Any] | None:
    """The picture that waits for consent, or None. It is let go: fetch it, or forget it."""
    row = await unit.one(select(HeldFile).where(HeldFile.c.conversation_id == conversation_id))
    await unit.run(delete(HeldFile).where(HeldFile.c.conversation_id == conversation_id))
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
    await unit.run(delete(Fetch).where(Fetch.c.candidate_id == candidate_id, Fetch.c.status == "waiting"))
