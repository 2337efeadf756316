"""A candidate's contact was corrected: what went to the wrong one is told again."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, select

from recruiting.model import ContactCorrected
from storage import search
from storage.applications import of_candidate
from storage.apply import take
from storage.intake import Applicant, same
from storage.tables import ApplicationRow, Batch, Candidate, SearchTerm
from storage.unit import Unit

_FAILED = {"phone": "sms_failed_at", "email": "email_failed_at"}


class Outcome(StrEnum):
    """What became of a correction."""

    CHANGED = "changed"
    SAME = "same"
    TAKEN = "taken"  # it is known as somebody else's


async def of(unit: Unit, candidate_id: str) -> dict[str, str | None]:
    """A candidate's phone (E.164) and e-mail, as far as they are known."""
    row = await _row(unit, candidate_id)
    box = unit.ground.keyring.unwrap(row["key"])
    return {
        column: box.open_text(row[column], f"candidates.{column}:{candidate_id}") if row[column] is not None else None
        for column in ("phone", "email")
    }


async def failed(unit: Unit, candidate_id: str, column: str) -> bool:
    """Whether the phone (or e-mail) was refused for good before."""
    row = await _row(unit, candidate_id)
    return row[_FAILED[column]] is not None


def digest(unit: Unit, contact: str | None) -> str:
    """By which a contact is known again without being readable."""
    return unit.ground.keyring.digest("corrected", contact or "")[:32]


async def change(unit: Unit, candidate_id: str, contacts: Mapping[str, str | None], *, failed: bool = False) -> Outcome:
    """
    Write a candidate's phone and e-mail, and everything by which they are found. Take the candidate's lock before.

    `failed`: the contact that changes counts as refused for good, as it did before it was corrected.
    """
    before, row = await of(unit, candidate_id), await _row(unit, candidate_id)
    changed = [column for column in before if contacts[column] != before[column]]
    if not changed:
        return Outcome.SAME
    contact = contacts["phone"] or (contacts["email"] or "").casefold()
    if not contact:
        return Outcome.SAME  # somebody must remain who can be found
    identity = unit.ground.keyring.digest("identity", contact)
    await unit.ground.database.lock(unit.connection, f"identity:{identity}")
    if await _is_anothers(unit, candidate_id, identity, contacts["phone"]):
        return Outcome.TAKEN
    box = unit.ground.keyring.unwrap(row["key"])
    values: dict[str, Any] = {"identity": identity}
    for column in changed:
        value = contacts[column]
        values[column] = box.seal(value, f"candidates.{column}:{candidate_id}") if value else None
        values[_FAILED[column]] = unit.now if failed else None
    if not await _apply_anew(unit, candidate_id, contact):
        return Outcome.TAKEN
    await unit.set(Candidate, {"id": candidate_id}, **values)
    name = box.open_text(row["name"], f"candidates.name:{candidate_id}")
    await unit.run(delete(SearchTerm).where(SearchTerm.c.candidate_id == candidate_id))
    for term in search.terms(
        unit.ground.keyring, candidate_id, name=name, phone=contacts["phone"], email=contacts["email"]
    ):
        unit.add(SearchTerm, **term)
    unit.contacts.pop(candidate_id, None)
    await unit.flush()
    return Outcome.CHANGED


async def corrected(unit: Unit, candidate_id: str, actor: str) -> None:
    """The phone number or address has been mended: it is a rung again, and the ladder begins anew.

    Take the candidate's lock, and write the new contact, before.
    """
    await unit.set(Candidate, {"id": candidate_id}, sms_failed_at=None, email_failed_at=None)
    for loaded in await of_candidate(unit, candidate_id):
        await take(unit, loaded, ContactCorrected(actor))


async def _row(unit: Unit, candidate_id: str) -> Mapping[str, Any]:
    row = await unit.one(select(Candidate).where(Candidate.c.id == candidate_id))
    assert row is not None
    return row


async def _is_anothers(unit: Unit, candidate_id: str, identity: str, phone: str | None) -> bool:
    """Whether somebody else is known by this contact."""
    known = select(Candidate.c.id).where(Candidate.c.identity == identity, Candidate.c.id != candidate_id)
    if await unit.one(known) is not None:
        return True
    return phone is not None and await search.by_phone(unit, phone) not in (None, candidate_id)


async def _apply_anew(unit: Unit, candidate_id: str, contact: str) -> bool:
    """The same list with the corrected contact finds the same applications. False: one of them is there twice."""
    statement = (
        select(ApplicationRow.c.id, ApplicationRow.c.position, ApplicationRow.c.shop, Batch.c.name.label("batch"))
        .join(Batch, Batch.c.id == ApplicationRow.c.batch_id)
        .where(ApplicationRow.c.candidate_id == candidate_id)
    )
    anew: dict[str, str] = {}
    for row in await unit.all(statement):
        told = Applicant("", contact, None, row["position"], row["shop"], row["batch"])
        anew[unit.ground.keyring.digest("application", same(told))] = row["id"]
    taken = select(ApplicationRow.c.id).where(
        ApplicationRow.c.identity.in_(sorted(anew)), ApplicationRow.c.candidate_id != candidate_id
    )
    if await unit.one(taken) is not None:
        return False
    for identity, id in anew.items():
        await unit.set(ApplicationRow, {"id": id}, identity=identity)
    return True
