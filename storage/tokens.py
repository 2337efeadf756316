"""API tokens: a program's key to the API. Printed once when made; only a digest is kept."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

from storage.tables import ApiToken
from storage.unit import Unit

SCOPES = ("read", "write")
LONGEST = 128  # characters; ours have 48
_PREFIX = "bulou_"


async def create(unit: Unit, name: str, scope: str, shops: Sequence[str]) -> str | None:
    """Make a token and give it back, this once; None when a token of this name is in use.

    The name of a revoked one may be taken again. Raises ValueError: `scope` is neither read nor write.
    """
    if scope not in SCOPES:
        raise ValueError(f"a token's scope is one of {', '.join(SCOPES)}")
    known = await unit.one(select(ApiToken).where(ApiToken.c.name == name))
    if known is not None and known["revoked_at"] is None:
        return None
    token = _PREFIX + secrets.token_urlsafe(32)
    values: dict[str, Any] = {"digest": _digest(token), "scope": scope, "shops": list(shops)}
    values |= {"created_at": unit.now, "revoked_at": None}
    if known is not None:
        await unit.set(ApiToken, {"name": name}, **values)
    else:
        unit.add(ApiToken, name=name, **values)
        await unit.flush()
    return token


async def verify(unit: Unit, token: str) -> Mapping[str, Any] | None:
    """The row of a token that is in use, or None.

    It is looked up by its digest, so how long this takes says nothing about how much of a guess was right.
    """
    if not token or len(token) > LONGEST:
        return None
    digest = _digest(token)
    row = await unit.one(select(ApiToken).where(ApiToken.c.digest == digest, ApiToken.c.revoked_at.is_(None)))
    return row if row is not None and hmac.compare_digest(row["digest"], digest) else None


async def everyone(unit: Unit) -> list[Mapping[str, Any]]:
    """The tokens that are in use, by name."""
    return await unit.all(select(ApiToken).where(ApiToken.c.revoked_at.is_(None)).order_by(ApiToken.c.name))


async def revoke(unit: Unit, name: str) -> bool:
    """Let a token open nothing from now on. False: there is none of that name in use."""
    return await unit.set(ApiToken, {"name": name, "revoked_at": None}, revoked_at=unit.now) == 1


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()  # headers may hold any bytes
