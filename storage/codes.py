"""One-time codes: they prove that somebody who writes also holds the phone."""

import hmac
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update

from storage.tables import Code, Conversation
from storage.unit import Unit

LIFE = timedelta(minutes=10)
TRIES = 5
A_DAY = 3  # codes to one number
ASKS = 3  # of one person within an hour


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
    live = (Code.conversation_id == conversation_id) & (Code.expires_at > unit.now) & (Code.tries < TRIES)
    waiting = await unit.all(select(Code).where(live))
    if not waiting:
        return None
    await unit.run(update(Code).where(live).values(tries=Code.tries + 1))
    digest = _digest(unit, conversation_id, typed)
    found = ""
    for code in waiting:
        if hmac.compare_digest(code["digest"], digest):
            found = code["candidate_id"]
    if found:
        await unit.run(update(Code).where(Code.conversation_id == conversation_id).values(tries=TRIES))
    return found


async def _today(unit: Unit, candidate_id: str) -> int:
    statement = (
        select(func.count().label("count"))
        .select_from(Code)
        .where(Code.candidate_id == candidate_id, Code.created_at > unit.now - timedelta(days=1))
    )
    row = await unit.one(statement)
    return int(row["count"]) if row else 0


def _digest(unit: Unit, conversation_id: str, code: str) -> str:
    return unit.ground.keyring.digest("code", f"{conversation_id}:{code}")
