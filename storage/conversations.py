"""Conversations: who talks on which account, to whom it is bound, and how much of its window is used."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select, update

from recruiting.chat import Incoming, Person
from recruiting.ladder import Window
from storage.tables import Candidate, Conversation, Cursor
from storage.types import EPOCH, random_id
from storage.unit import Unit, rows_of

CLOCKS_DIFFER = timedelta(minutes=1)

_WINDOWS = select(
    Conversation.c.candidate_id, Conversation.c.surface, Conversation.c.heard_at, Conversation.c.used
).where(Conversation.c.candidate_id.in_(bindparam("ids", expanding=True)))


async def windows(unit: Unit, candidates: Collection[str]) -> dict[str, list[Window]]:
    """The bound conversations' windows, by candidate."""
    found: dict[str, list[Window]] = {}
    for candidate, surface, heard_at, used in await unit.connection.execute(_WINDOWS, {"ids": list(candidates)}):
        if candidate is not None:
            found.setdefault(candidate, []).append(Window(surface, heard_at, used))
    return found


_OF_PERSON = select(Conversation).where(
    Conversation.c.surface == bindparam("surface"),
    Conversation.c.desk == bindparam("desk"),
    Conversation.c.account == bindparam("account"),
)


async def of_person(unit: Unit, person: Person) -> Mapping[str, Any]:
    """The conversation with this account; begun now when it is the first time."""
    account = {"surface": person.surface, "desk": person.desk, "account": person.account}
    row = await unit.one(_OF_PERSON, account)
    if row is None:
        unit.add(
            Conversation,
            id=random_id(),
            **account,
            candidate_id=None,
            bound_at=None,
            heard_at=None,
            used=0,
            strangers_at=None,
            asks=0,
            asks_from=None,
            dialog=None,
        )
        row = await unit.one(_OF_PERSON, account)
        assert row is not None
    return row


async def by_id(unit: Unit, id: str) -> Mapping[str, Any] | None:
    """One conversation, or None."""
    return await unit.one(select(Conversation).where(Conversation.c.id == id))


async def of_candidate(unit: Unit, candidate_id: str) -> list[Mapping[str, Any]]:
    """The conversations bound to a candidate; the one heard last comes first."""
    rows = await unit.all(select(Conversation).where(Conversation.c.candidate_id == candidate_id))
    return sorted(rows, key=lambda row: row["heard_at"] or row["bound_at"], reverse=True)


async def of_candidates(unit: Unit, candidates: Collection[str]) -> dict[str, Mapping[str, Any]]:
    """For each candidate with a bound conversation the one that was heard last."""
    if not candidates:
        return {}
    found: dict[str, Mapping[str, Any]] = {}
    statement = select(Conversation).where(Conversation.c.candidate_id.in_(list(candidates)))
    for row in await unit.all(statement):
        known = found.get(row["candidate_id"])
        if known is None or (row["heard_at"] or EPOCH) > (known["heard_at"] or EPOCH):
            found[row["candidate_id"]] = row
    return found


async def by_ids(unit: Unit, ids: Collection[str]) -> dict[str, Mapping[str, Any]]:
    """These conversations, by id."""
    if not ids:
        return {}
    return {row["id"]: row for row in await unit.all(select(Conversation).where(Conversation.c.id.in_(list(ids))))}


async def heard(unit: Unit, id: str, at: datetime) -> None:
    """The person wrote: the window begins anew, at the platform's own time of it."""
    later = (Conversation.c.heard_at.is_(None)) | (
        Conversation.c.heard_at <= at
    )  # the platform counts in whole seconds
    await unit.run(update(Conversation).where(Conversation.c.id == id, later).values(heard_at=at, used=0))


async def spent(unit: Unit, id: str) -> None:
    """One message of the window is used."""
    await unit.run(update(Conversation).where(Conversation.c.id == id).values(used=Conversation.c.used + 1))


async def before_our_time(unit: Unit, incoming: Incoming) -> bool:
    """Whether it was sent before this server's first start: such messages count for the window but are not answered."""
    statement = select(Cursor.c.started_at).where(
        Cursor.c.surface == incoming.sender.surface, Cursor.c.desk == incoming.sender.desk
    )
    started = (await unit.connection.execute(statement)).scalar_one_or_none()
    return started is not None and incoming.at < started - CLOCKS_DIFFER


async def cursor(unit: Unit, surface: str, desk: str) -> str:
    """How far this account's messages have been pulled; the first question begins our time."""
    row = await unit.one(select(Cursor).where(Cursor.c.surface == surface, Cursor.c.desk == desk))
    if row is not None:
        return str(row["cursor"])
    unit.add(Cursor, surface=surface, desk=desk, cursor="", started_at=unit.now)
    await unit.flush()
    return ""


async def move_cursor(unit: Unit, surface: str, desk: str, to: str) -> None:
    """Messages up to here are in the inbox: commit this together with them."""
    await unit.set(Cursor, {"surface": surface, "desk": desk}, cursor=to)


async def contact(unit: Unit, candidate_id: str) -> Mapping[str, Any] | None:
    """A candidate's sealed name, phone and e-mail with the wrapped key and the language."""
    if candidate_id not in unit.contacts:
        await preload_contacts(unit, [candidate_id])
    return unit.contacts.get(candidate_id)


_CONTACTS = select(
    Candidate.c.id, Candidate.c.name, Candidate.c.phone, Candidate.c.email, Candidate.c.key, Candidate.c.locale
).where(Candidate.c.id.in_(bindparam("ids", expanding=True)))


async def preload_contacts(unit: Unit, ids: Collection[str]) -> None:
    """Read the contacts of many candidates at once; a unit remembers them."""
    if ids:
        await unit.flush()
        for row in rows_of(await unit.connection.execute(_CONTACTS, {"ids": list(ids)})):
            unit.contacts[row["id"]] = row
