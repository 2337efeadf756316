"""Codes that people type: six digits prove that they hold the phone, eight characters that they hold the link."""

import hmac
import secrets
from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from typing import Any

from sqlalchemy import func, select, update

from storage.tables import ApplicationRow, Code, Conversation, Link, LinkCode
from storage.unit import Unit

LIFE = timedelta(minutes=10)
TRIES = 5
A_DAY = 3  # codes to one number
ASKS = 3  # of one person within an hour

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # without those that look like another
LENGTH = 8
LINK_LIFE = timedelta(days=1)
WRONG_ONES = 10  # in one conversation within an hour


async def asks(unit: Unit, conversation: Mapping[str, Any]) -> int:
    """Count this asking in; how many it were within the hour that began with the first."""
    begun, count = conversation["asks_from"], conversation["asks"]
    if begun is None or unit.now - begun >= timedelta(hours=1):
        begun, count = unit.now, 0
    await unit.set(Conversation, {"id": conversation["id"]}, asks=count + 1, asks_from=begun)
    return int(count) + 1


async def make(unit: Unit, conversation_id: str, candidate_id: str | None) -> str | None:
    """A fresh code for a known person, or None when none may go out. Take the candidate's lock before.

    For an unknown number, or one that had its codes today, a code is kept that nobody knows: what is typed next is
    answered in the same way, so that nobody learns whose numbers we have.
    """
    if candidate_id is not None and await _today(unit, candidate_id) >= A_DAY:
        candidate_id = None
    code = f"{secrets.randbelow(10**6):06}"
    unit.add(
        Code,
        conversation_id=conversation_id,
        candidate_id=candidate_id or "",
        digest=_digest(unit, conversation_id, code if candidate_id else secrets.token_hex(16)),
        created_at=unit.now,
        expires_at=unit.now + LIFE,
        tries=0,
    )
    await unit.flush()
    return code if candidate_id else None


async def check(unit: Unit, conversation_id: str, typed: str) -> str | None:
    """Try a code: the candidate's id when it is right (it is used up then), "" when wrong, None when none waits."""
    live = (Code.c.conversation_id == conversation_id) & (Code.c.expires_at > unit.now) & (Code.c.tries < TRIES)
    waiting = await unit.all(select(Code).where(live))
    if not waiting:
        return None
    await unit.run(update(Code).where(live).values(tries=Code.c.tries + 1))
    digest = _digest(unit, conversation_id, typed)
    found = ""
    for code in waiting:
        if hmac.compare_digest(code["digest"], digest):
            found = code["candidate_id"]
    if found:
        await unit.run(update(Code).where(Code.c.conversation_id == conversation_id).values(tries=TRIES))
    return found


async def for_link(unit: Unit, link: str) -> str:
    """The code that stands today for the link with this digest: the same whenever its page is opened again."""
    for again in count():
        number = int(unit.ground.keyring.digest("link_code", f"{link}:{unit.now.date()}:{again}"), 16)
        code = "".join(LETTERS[number >> 5 * place & 31] for place in range(LENGTH))
        digest = _link_digest(unit, code)
        unit.add(LinkCode, digest=digest, link=link, created_at=unit.now, expires_at=unit.now + LINK_LIFE)
        kept = await unit.one(select(LinkCode.c.link).where(LinkCode.c.digest == digest))
        if kept is not None and kept["link"] == link:
            break  # else the code is another link's: once in a million years, but it would show a stranger's data
    return code


async def check_link(unit: Unit, conversation: Mapping[str, Any], typed: str) -> Mapping[str, Any] | None:
    """The link for which a code stands, as `links.find` gives it; None when it is wrong, too old or tried too often.

    The code is looked up by its keyed digest, so how long that takes says nothing about the right ones.
    """
    begun, wrong = conversation["wrong_from"], conversation["wrong_codes"]
    if begun is None or unit.now - begun >= timedelta(hours=1):
        begun, wrong = unit.now, 0
    if wrong >= WRONG_ONES:
        return None
    link = await unit.one(
        select(Link, ApplicationRow.c.status, ApplicationRow.c.ended_at)
        .join(ApplicationRow, ApplicationRow.c.id == Link.c.application_id)
        .join(LinkCode, LinkCode.c.link == Link.c.digest)
        .where(LinkCode.c.digest == _link_digest(unit, typed), LinkCode.c.expires_at > unit.now)
    )
    if link is None:
        await unit.set(Conversation, {"id": conversation["id"]}, wrong_codes=wrong + 1, wrong_from=begun)
    return link


async def _today(unit: Unit, candidate_id: str) -> int:
    statement = (
        select(func.count().label("count"))
        .select_from(Code)
        .where(Code.c.candidate_id == candidate_id, Code.c.created_at > unit.now - timedelta(days=1))
    )
    row = await unit.one(statement)
    return int(row["count"]) if row else 0


def _digest(unit: Unit, conversation_id: str, code: str) -> str:
    return unit.ground.keyring.digest("code", f"{conversation_id}:{code}")


def _link_digest(unit: Unit, code: str) -> str:
    return unit.ground.keyring.digest("link_code.typed", code)
