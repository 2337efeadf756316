"""What the machine has read in a document: under the candidate's key, with hashes by which it is found elsewhere."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import delete, func, select, update

from recruiting.certificates import SAME_PICTURE_BITS, Doubt, Expected, Outcome, Reading, Twin, distance
from recruiting.contacts import normalised_name
from recruiting.course import local_day
from recruiting.decide import document_stage
from recruiting.model import Lost
from storage import reports, retention
from storage.applications import Loaded
from storage.keys import Box, Unsealable
from storage.tables import Document, DocumentMark
from storage.unit import Unit

# Of a fingerprint, 16 bits each: pictures that differ in fewer bits than there are bands share one whole.
BANDS = SAME_PICTURE_BITS + 1
LOOKED_AT = 50  # documents with a band in common whose fingerprints are compared
_READING = TypeAdapter(Reading)


# --- what is to be read ----------------------------------------------------------------------------------------------

EARLIEST = select(func.min(Document.c.read_due_at))


async def due(unit: Unit, limit: int) -> list[Mapping[str, Any]]:
    """Documents that are to be read now, oldest first."""
    where = Document.c.read_due_at.is_not(None) & (Document.c.read_due_at <= unit.now)
    return await unit.all(select(Document).where(where).order_by(Document.c.read_due_at).limit(limit))


async def claim(unit: Unit, row: Mapping[str, Any], until: datetime) -> bool:
    """Take a document in hand until this moment; False when somebody else has. After a crash it is read again then."""
    same = (Document.c.id == row["id"]) & (Document.c.read_due_at == row["read_due_at"])
    statement = update(Document).where(same).values(read_due_at=until, read_tries=Document.c.read_tries + 1)
    return await unit.run(statement) == 1


async def put_off(unit: Unit, row: Mapping[str, Any], until: datetime) -> None:
    """It could not be read now: not before then again."""
    ours = (Document.c.id == row["id"]) & (Document.c.round == row["round"]) & Document.c.read_due_at.is_not(None)
    await unit.run(update(Document).where(ours).values(read_due_at=until))


async def still(unit: Unit, row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The document as it is now, if it waits for this very reading; None when it grew, was decided or was let go."""
    now = await unit.one(select(Document).where(Document.c.id == row["id"]))
    same = now is not None and (now["round"], now["status"]) == (row["round"], "waiting")
    return now if now is not None and same and now["read_due_at"] is not None else None


# --- what was read ---------------------------------------------------------------------------------------------------


def of(row: Mapping[str, Any], box: Box) -> Reading | None:
    """What was read in a document, or None: nothing yet, or not any more."""
    if row["fields"] is None:
        return None
    return _READING.validate_json(box.open(row["fields"], f"documents.fields:{row['id']}"))


async def expected(unit: Unit, loaded: Loaded) -> Expected:
    """What a certificate of this person must say."""
    today = local_day(loaded.application, unit.now)
    stage = document_stage(loaded.application)
    contact = (await reports.contacts(unit, [loaded]))[loaded.candidate_id]
    return Expected(contact.name, today + (stage.valid_for if stage else timedelta(0)), today)


def valid_until(row: Mapping[str, Any], box: Box) -> date | None:
    """Until when the certificate says that it is valid, as far as that was read."""
    reading = of(row, box)
    return reading.valid_until if reading is not None else None


async def keep(
    unit: Unit,
    row: Mapping[str, Any],
    box: Box,
    reading: Reading,
    outcome: Outcome,
    fault: str,
    pages: Sequence[Mapping[str, Any]],
) -> None:
    """Store a reading with the masked pages; what they replace is destroyed once this is committed."""
    id = row["id"]
    replaced = {page["file"] for page in row["pages"]} - {page["file"] for page in pages}
    fingerprint = box.seal(reading.fingerprint, f"documents.fingerprint:{id}") if reading.fingerprint else None
    await unit.set(
        Document,
        {"id": id},
        pages=[dict(page) for page in pages],
        file=pages[0]["file"] if pages else None,
        content_type=pages[0]["type"] if pages else None,
        read_status="done",
        read_due_at=None,
        fields=box.seal(_READING.dump_json(reading), f"documents.fields:{id}"),
        fingerprint=fingerprint,
        doubts=[doubt.value for doubt in outcome.doubts],
        retake=outcome.retake,
        fault=fault,
    )
    await retention.doom(unit, row["candidate_id"], [page for page in row["pages"] if page["file"] in replaced], but=id)
    await unit.run(delete(DocumentMark).where(DocumentMark.c.document_id == id))
    for kind, digest in _marks(unit, reading):
        mark = {"document_id": id, "candidate_id": row["candidate_id"]}
        unit.add(DocumentMark, kind=kind, digest=digest, **mark)


async def failed(unit: Unit, row: Mapping[str, Any]) -> None:
    """The machine could not do it: the picture stays as it came, for the reviewer's own eyes."""
    unreadable = [Doubt.UNREADABLE.value]
    values = {"read_status": "failed", "read_due_at": None, "doubts": unreadable, "retake": False, "fault": ""}
    await unit.set(Document, {"id": row["id"]}, **values)


async def let_go(unit: Unit, row: Mapping[str, Any], files: Collection[str]) -> Lost:
    """These pages cannot be opened by anybody: they are destroyed once this is committed, and where no other is left,
    all that stood for the document too. What is left and was not read yet is read.
    """
    rest = [page for page in row["pages"] if page["file"] not in files]
    gone = [page for page in row["pages"] if page["file"] in files]
    await retention.doom(unit, row["candidate_id"], gone, but=row["id"])
    if not rest:
        await unit.run(delete(DocumentMark).where(DocumentMark.c.document_id == row["id"]))
        await unit.run(delete(Document).where(Document.c.id == row["id"]))
        return Lost.DOCUMENT
    first = {"file": rest[0]["file"], "content_type": rest[0]["type"], "round": row["round"] + 1}
    done = all(page["masked"] for page in rest)
    state = {"read_status": "done" if done else "waiting", "read_due_at": None if done else unit.now}
    await unit.set(Document, {"id": row["id"]}, pages=rest, **first, **state)
    return Lost.PAGE


async def unread(unit: Unit, row: Mapping[str, Any]) -> None:
    """Nobody reads it any more."""
    await unit.set(Document, {"id": row["id"]}, read_status="", read_due_at=None)


# --- the same certificate at another person --------------------------------------------------------------------------


async def twins(unit: Unit, candidate_id: str, reading: Reading) -> frozenset[Twin]:
    """By what this certificate is known from another person."""
    found: set[Twin] = set()
    marks = _marks(unit, reading)
    number = [digest for kind, digest in marks if kind == "number"]
    if number and await _elsewhere(unit, candidate_id, [("number", number[0])]):
        found.add(Twin.NUMBER)
    bands = [mark for mark in marks if mark[0] != "number"]
    for row in await _elsewhere(unit, candidate_id, bands) if bands else ():
        if distance(await _fingerprint(unit, row), reading.fingerprint) <= SAME_PICTURE_BITS:
            found.add(Twin.PICTURE)
            break
    return frozenset(found)


def _marks(unit: Unit, reading: Reading) -> list[tuple[str, str]]:
    """Kind and keyed hash of the number, and of each part of the picture's fingerprint."""
    digest = unit.ground.keyring.digest
    number = normalised_name(reading.number)
    marks = [("number", digest("certificate.number", number))] if number else []
    print_, size = reading.fingerprint, len(reading.fingerprint) // BANDS
    parts = [print_[place * size : (place + 1) * size] for place in range(BANDS)] if print_ else []
    return marks + [(f"band{place}", digest(f"certificate.band{place}", part)) for place, part in enumerate(parts)]


async def _elsewhere(unit: Unit, candidate_id: str, marks: Sequence[tuple[str, str]]) -> list[Mapping[str, Any]]:
    """Other people's documents with one of these marks."""
    found: dict[str, Mapping[str, Any]] = {}
    for kind, digest in marks:
        where = (DocumentMark.c.kind == kind) & (DocumentMark.c.digest == digest)
        where &= DocumentMark.c.candidate_id != candidate_id
        joined = select(Document).join(DocumentMark, DocumentMark.c.document_id == Document.c.id)
        for row in await unit.all(joined.where(where).limit(LOOKED_AT)):
            found[row["id"]] = row
    return list(found.values())


async def _fingerprint(unit: Unit, row: Mapping[str, Any]) -> str:
    box = await unit.box_of(row["candidate_id"])
    if box is None or row["fingerprint"] is None:
        return ""
    try:
        return box.open_text(row["fingerprint"], f"documents.fingerprint:{row['id']}")
    except Unsealable:
        return ""
