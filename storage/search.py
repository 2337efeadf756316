"""Finding people by keyed hashes of their phone, name or last four digits: nobody's name is read for it."""

import re
import unicodedata
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import BigInteger, func, or_, select, type_coerce

from recruiting.contacts import name_parts, normalised_name
from recruiting.intents import phone_in
from storage.applications import Loaded, load
from storage.keys import Keyring
from storage.tables import ApplicationRow, SearchTerm
from storage.unit import Unit

MATCHES = 20
_ID = re.compile("[0-9a-f]{6,32}")


def terms(
    keyring: Keyring, candidate_id: str, *, name: str, phone: str | None, email: str | None
) -> list[dict[str, str]]:
    """The rows under which a person can be found; `phone` as E.164, `email` tidied."""
    said = [("name", normalised_name(name)), *(("part", part) for part in name_parts(name))]
    if phone:
        said += [("phone", phone), ("last_four", phone[-4:])]
    if email:
        said.append(("email", email.casefold()))
    return [{"candidate_id": candidate_id, "kind": kind, "digest": keyring.digest(kind, value)} for kind, value in said]


async def by_phone(unit: Unit, phone: str) -> str | None:
    """The candidate with this number (E.164), or None."""
    found = await unit.one(select(SearchTerm.c.candidate_id).where(_is(unit, "phone", phone)))
    return found["candidate_id"] if found else None


async def lock_candidate(unit: Unit, candidate_id: str) -> None:
    """Let nobody else act on this person until the transaction ends."""
    await unit.ground.database.lock(unit.connection, f"candidate:{candidate_id}")


async def lock_candidate_of(unit: Unit, application_id: str) -> str | None:
    """The same for the person behind an application; their id, None when there is no such application."""
    row = await unit.one(select(ApplicationRow.c.candidate_id).where(ApplicationRow.c.id == application_id))
    if row is None:
        return None
    await lock_candidate(unit, row["candidate_id"])
    return str(row["candidate_id"])


async def try_candidates_of(unit: Unit, applications: Collection[str]) -> set[str]:
    """Those of these applications whose person nobody else acts on; from here on nobody can until the end."""
    columns = select(ApplicationRow.c.id, ApplicationRow.c.candidate_id)
    rows = await unit.all(columns.where(ApplicationRow.c.id.in_(list(applications))))
    locks = {row["id"]: f"candidate:{row['candidate_id']}" for row in rows}
    mine = await unit.ground.database.try_locks(unit.connection, set(locks.values()))
    return {id for id, lock in locks.items() if lock in mine}


async def applications(unit: Unit, words: str, shops: Sequence[str]) -> list[Loaded]:
    """The applications in these shops (none = all) that a name, phone, last four digits or id means; newest first.

    A whole name comes before a part of one. At most `MATCHES`.
    """
    for where in _meanings(unit, words):
        if shops:
            where &= ApplicationRow.c.shop.in_(list(shops))
        # By a sum, which no index knows: whoever expects many matches would walk all applications by their age instead.
        newest = (type_coerce(ApplicationRow.c.created_at, BigInteger) + 0).desc()
        statement = select(ApplicationRow.c.id).where(where).order_by(newest).limit(MATCHES)
        found = await load(unit, [row["id"] for row in await unit.all(statement)])
        if found:
            return sorted(found.values(), key=lambda loaded: loaded.created_at, reverse=True)
    return []


def _meanings(unit: Unit, words: str) -> list[Any]:
    """What the words may mean, the most exact first."""
    plain = unicodedata.normalize("NFKC", words).strip()[:100]
    asked: list[Any] = []
    if phone := phone_in(plain):
        asked.append(_of(unit, "phone", phone))
    if re.fullmatch("[0-9]{4}", plain):
        asked.append(_of(unit, "last_four", plain))
    if _ID.fullmatch(plain.lower()):
        prefix = plain.lower()
        asked.append(or_(*(begins(column, prefix) for column in (ApplicationRow.c.id, ApplicationRow.c.candidate_id))))
    if name := normalised_name(plain):
        asked.append(_of(unit, "name", name))
    if parts := name_parts(plain):
        asked.append(_with_parts(unit, parts))
    return asked


def begins(column: Any, prefix: str) -> Any:
    """Whether an id (32 hexadecimal digits) begins like this: as a range, because no index helps a LIKE."""
    return column.between(prefix.ljust(32, "0"), prefix.ljust(32, "f"))


def _is(unit: Unit, kind: str, value: str) -> Any:
    return (SearchTerm.c.kind == kind) & (SearchTerm.c.digest == unit.ground.keyring.digest(kind, value))


def _of(unit: Unit, kind: str, value: str) -> Any:
    return ApplicationRow.c.candidate_id.in_(select(SearchTerm.c.candidate_id).where(_is(unit, kind, value)))


def _with_parts(unit: Unit, parts: Sequence[str]) -> Any:
    digests = [unit.ground.keyring.digest("part", part) for part in parts]
    having = (
        select(SearchTerm.c.candidate_id)
        .where(SearchTerm.c.kind == "part", SearchTerm.c.digest.in_(digests))
        .group_by(SearchTerm.c.candidate_id)
        .having(func.count() == len(digests))
    )
    return ApplicationRow.c.candidate_id.in_(having)
