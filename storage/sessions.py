"""Who is signed in to the dashboard: a one-time link from the chat becomes a session, kept as a row for some hours.

The tokens have 256 random bits; only their digests are kept.
"""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, or_, select

from storage import members, trail
from storage.links import digest
from storage.tables import Session, SignIn
from storage.unit import Unit

LINK_LIFE = timedelta(minutes=10)
SESSION_LIFE = timedelta(hours=12)
LONGEST = 64  # characters of a token; ours have 43


async def sign_in_link(unit: Unit, member_id: str) -> str:
    """The token of a link by which this member can sign in once, within ten minutes."""
    token = secrets.token_urlsafe(32)
    unit.add(
        SignIn,
        digest=digest(token),
        member_id=member_id,
        created_at=unit.now,
        expires_at=unit.now + LINK_LIFE,
        used_at=None,
    )
    await unit.flush()
    return token


async def invited(unit: Unit, token: str) -> Mapping[str, Any] | None:
    """The member whom this link would sign in; None when it is unknown, used, too old, or the member has gone."""
    if not 0 < len(token) <= LONGEST:
        return None
    row = await unit.one(select(SignIn).where(SignIn.c.digest == digest(token)))
    if row is None or row["used_at"] is not None or unit.now >= row["expires_at"]:
        return None
    return await members.by_id(unit, row["member_id"])


async def sign_in(unit: Unit, token: str) -> str | None:
    """Use a link up; the token of the session that begins, or None when the link is no good (any more)."""
    member = await invited(unit, token)
    if member is None or not await unit.set(SignIn, {"digest": digest(token), "used_at": None}, used_at=unit.now):
        return None
    return await begin(unit, member, "link")


async def begin(unit: Unit, member: Mapping[str, Any], how: str) -> str:
    """Begin a session of a member who has proved who they are; `how` is link, wecom or feishu. The session's token."""
    token = secrets.token_urlsafe(32)
    expires = unit.now + SESSION_LIFE
    unit.add(Session, digest=digest(token), member_id=member["id"], created_at=unit.now, expires_at=expires)
    trail.note(unit, f"member:{member['name']}", "dashboard.sign_in", member["id"], how)
    await unit.flush()
    return token


async def member_of(unit: Unit, token: str) -> Mapping[str, Any] | None:
    """The member who is signed in with this token, as they are now; None when nobody is."""
    if not 0 < len(token) <= LONGEST:
        return None
    row = await unit.one(select(Session).where(Session.c.digest == digest(token)))
    if row is None or unit.now >= row["expires_at"]:
        return None
    return await members.by_id(unit, row["member_id"])


async def sign_out(unit: Unit, token: str) -> None:
    """End a session; harmless when it has ended."""
    member = await member_of(unit, token)
    if member is not None:
        await unit.run(delete(Session).where(Session.c.digest == digest(token)))
        trail.note(unit, f"member:{member['name']}", "dashboard.sign_out", member["id"])


async def forget(unit: Unit) -> None:
    """Drop what signs nobody in any more."""
    await unit.run(delete(Session).where(Session.c.expires_at <= unit.now))
    await unit.run(delete(SignIn).where(or_(SignIn.c.expires_at <= unit.now, SignIn.c.used_at.is_not(None))))
