"""When each worker is next needed: one small query over all rows that wait for a moment.

After a commit this is asked once, where a dozen workers would ask a query each.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage import errands, fetches, outbox, rates, readings, retention, timers

# Worker -> queries for one moment each; the earliest counts.
_MOMENTS: Mapping[str, Sequence[Any]] = {
    "timers": (timers.EARLIEST,),
    "outbox": (outbox.EARLIEST,),
    "files": (fetches.EARLIEST,),
    "readings": (readings.EARLIEST, retention.DOOMED),
    "errands": (errands.EARLIEST,),
    "rates": (rates.NEWS, rates.EARLIEST),
}
WORKERS = tuple(_MOMENTS)
_NAMES = [name for name, queries in _MOMENTS.items() for _ in queries]
_ALL = select(*(query.scalar_subquery() for queries in _MOMENTS.values() for query in queries))


async def look(connection: AsyncConnection) -> dict[str, datetime]:
    """When each of `WORKERS` is next needed: aware, UTC. Those who wait for nothing are left out."""
    earliest: dict[str, datetime] = {}
    for name, moment in zip(_NAMES, (await connection.execute(_ALL)).one(), strict=True):
        if moment is not None:
            earliest[name] = min(moment, earliest.get(name, moment))
    return earliest
