"""Callbacks that were verified: each exactly once, kept until handled."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import bindparam, func, or_, select, update

from storage.keys import Box
from storage.tables import Incoming
from storage.unit import Ground, Unit, rows_of

ATTEMPTS = 5  # then a row is put aside: `bulou audit` names it
BUSY = timedelta(seconds=2)  # doubles with each attempt


def row(key: str, source: str, body: Mapping[str, Any], *, box: Box, day: date, now: datetime) -> dict[str, Any]:
    """A new row; `key` is what swallows the repeats, so it is the platform's own id of the item."""
    return {
        "key": key[:300],
        "source": source,
        "day": day,
        "body": box.seal(orjson.dumps(body), f"inbox.body:{key}"),
        "received_at": now,
    }


async def accept(ground: Ground, rows: Sequence[Mapping[str, Any]]) -> None:
    """Commit what came in, together with whatever else came in at the same moment. Repeats are swallowed."""
    await ground.database.append(Incoming, rows)


def opened(row: Mapping[str, Any], box: Box) -> dict[str, Any]:
    """The body of a row."""
    body: dict[str, Any] = orjson.loads(box.open(row["body"], f"inbox.body:{row['key']}"))
    return body


_WAITING = (
    select(Incoming)
    .where(
        Incoming.c.status == "waiting",
        or_(Incoming.c.retry_at.is_(None), Incoming.c.retry_at <= bindparam("now", type_=Incoming.c.received_at.type)),
    )
    .order_by(Incoming.c.seq)
    .limit(bindparam("limit"))
)


async def waiting(unit: Unit, limit: int) -> list[Mapping[str, Any]]:
    """What is to be handled, oldest first. Several replicas may see the same rows; `claim` decides."""
    return list(rows_of(await unit.connection.execute(_WAITING, {"now": unit.now, "limit": limit})))


async def put_off_until_later(unit: Unit, sources: Collection[str], limit: int) -> list[Mapping[str, Any]]:
    """What came from these and is to be tried again, but not yet; oldest first."""
    later = (Incoming.c.status == "waiting") & (Incoming.c.retry_at > unit.now) & Incoming.c.source.in_(sorted(sources))
    return await unit.all(select(Incoming).where(later).order_by(Incoming.c.seq).limit(limit))


async def take_in(unit: Unit, row: Mapping[str, Any]) -> bool:
    """Keep a new row as handled, in the very transaction that handles it; False for a repeat."""
    return await unit.add_now(Incoming, **row, status="done")


_CLAIM = (
    update(Incoming).where(Incoming.c.seq == bindparam("b_seq"), Incoming.c.status == "waiting").values(status="done")
)


async def claim(unit: Unit, seq: int) -> bool:
    """Take a row in the very transaction that handles it; False when somebody else has."""
    result = await unit.connection.execute(_CLAIM, {"b_seq": seq})
    return int(result.rowcount) == 1


async def claim_all(unit: Unit, seqs: Collection[int]) -> set[int]:
    """Take many rows in the very transaction that handles them; those that are ours."""
    ours = (
        update(Incoming).where(Incoming.c.seq.in_(sorted(seqs)), Incoming.c.status == "waiting").values(status="done")
    )
    return {seq for (seq,) in await unit.connection.execute(ours.returning(Incoming.c.seq))}


async def put_off(unit: Unit, row: Mapping[str, Any], reason: str) -> bool:
    """Handling failed: try again later, or put the row aside after the last attempt (True then)."""
    attempts = row["attempts"] + 1
    last = attempts >= ATTEMPTS
    await unit.run(
        update(Incoming)
        .where(Incoming.c.seq == row["seq"], Incoming.c.status == "waiting")
        .values(
            attempts=attempts,
            retry_at=unit.now + BUSY * 2**attempts,
            status="failed" if last else "waiting",
            reason=reason[:300],
        )
    )
    return bool(last)


async def set_aside(unit: Unit) -> int:
    """How many rows could not be handled at all."""
    statement = select(func.count()).select_from(Incoming).where(Incoming.c.status == "failed")
    return int((await unit.connection.execute(statement)).scalar_one())
