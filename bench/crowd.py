"""A crowd: real applications, opened as any, and as many copies of their rows as a large database holds.

Copies are made in plain SQL, with ids of their own. They have the size and the spread of real rows, but nobody could
unseal them: only the real ones may be asked about.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

import asyncpg
from sqlalchemy import Table

from storage.tables import (
    ApplicationRow,
    Batch,
    Candidate,
    EventRow,
    FollowUpRow,
    Link,
    OutboxRow,
    SearchTerm,
    TimerRow,
    Visit,
    Watch,
)
from storage.types import UtcDateTime

YEAR = 31_536_000_000_000  # in microseconds: what is to come comes after any measurement
APART = 3_600_000_000  # microseconds between a copy and the next: older and older, so that the real ones are the newest
OPEN, PURSUED = 10, 20  # one round of so many is still open; in one of so many somebody of HR still has something to do

# Parents first. What names a row, or another one: its first eight digits become the copy's number.
RENEWED: Mapping[Table, tuple[str, ...]] = {
    Batch: ("id", "name"),
    Candidate: ("id", "identity"),
    SearchTerm: ("candidate_id",),
    ApplicationRow: ("id", "identity", "candidate_id", "batch_id"),
    Visit: ("application_id", "batch_id"),
    EventRow: ("id", "application_id"),
    TimerRow: ("application_id",),
    FollowUpRow: ("id", "application_id", "candidate_id"),
    OutboxRow: ("id", "promise", "candidate_id", "application_id"),
    Link: ("digest", "candidate_id", "application_id"),
    Watch: ("batch_id",),
}
COUNTED_UP = {(EventRow.name, "seq"), (TimerRow.name, "id")}  # the database numbers them itself
TO_COME = {("timers", "due_at"), ("follow_ups", "due_at"), ("watches", "next_at")}  # later and later instead
ENDED = f"n % {OPEN} <> 1"
ONLY = {
    "outbox": "status NOT IN ('waiting', 'sending')",
    "timers": f"NOT ({ENDED})",
    "follow_ups": f"(status = 'done' OR n % {PURSUED} = 1)",
}
# How many bear a name, or a part of one, or the same last digits: what is frequent is so among the copies too.
SHARED = """
    CASE
        WHEN kind = 'last_four' THEN 10
        WHEN (SELECT count(*) FROM search_terms AS s WHERE s.kind = t.kind AND s.digest = t.digest) < 20 THEN 0
        WHEN kind = 'name' THEN 20
        WHEN kind = 'part' THEN 4
        ELSE 0
    END
"""


def statements(dialect: str, copies: int, *, one_batch: bool = False) -> Iterator[str]:
    """What makes so many copies of all that is there. `one_batch`: in the same batch, instead of one each."""
    number = "printf('%08x', n)" if dialect == "sqlite" else "lpad(to_hex(n), 8, '0')"
    series = f"SELECT 1 AS n UNION ALL SELECT n + 1 FROM rounds WHERE n < {copies}"
    yield f"CREATE TEMPORARY TABLE copies AS WITH RECURSIVE rounds(n) AS ({series}) SELECT n FROM rounds"
    for table, renewed in RENEWED.items():
        if one_batch and table in (Batch, Watch):
            continue
        columns = [column for column in table.columns if (table.name, column.name) not in COUNTED_UP]
        mine = set(renewed) - ({"batch_id"} if one_batch else set())
        values = ", ".join(_value(table.name, column, mine, number) for column in columns)
        shared = f", {SHARED} AS shared" if table is SearchTerm else ""
        yield f"CREATE TEMPORARY TABLE base AS SELECT t.*{shared} FROM {table.name} AS t"
        yield (
            f"INSERT INTO {table.name} ({', '.join(_quoted(column.name) for column in columns)}) "
            f"SELECT {values} FROM copies CROSS JOIN base WHERE {ONLY.get(table.name, 'true')}"
        )
        yield "DROP TABLE base"
    yield "DROP TABLE copies"


def _value(table: str, column: object, renewed: set[str], number: str) -> str:
    name = getattr(column, "name", "")
    quoted = _quoted(name)
    if name in renewed:
        return f"{number} || substr({quoted}, 9)"
    if (table, name) == ("search_terms", "digest"):
        return f"CASE WHEN n % NULLIF(shared, 0) = 0 THEN digest ELSE {number} || substr(digest, 9) END"
    if (table, name) == ("applications", "status"):
        return f"CASE WHEN {ENDED} THEN 'rejected' ELSE status END"
    if (table, name) == ("applications", "ended_at"):
        return f"CASE WHEN {ENDED} THEN created_at - {APART} * n END"
    if (table, name) == ("watches", "next_at"):
        return f"CASE WHEN {ENDED} THEN NULL ELSE next_at + {YEAR} + {APART} * n END"
    if isinstance(getattr(column, "type", None), UtcDateTime):
        sign = f"+ {YEAR} +" if (table, name) in TO_COME else "-"
        return f"{quoted} {sign} {APART} * n"
    return quoted


def _quoted(name: str) -> str:
    return f'"{name}"'


def multiply_sqlite(path: Path, copies: int, *, one_batch: bool = False) -> None:
    """Make the copies in a file that nobody has open."""
    raw = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=DELETE", "synchronous=OFF", "cache_size=-1000000", "temp_store=MEMORY"):
        raw.execute(f"PRAGMA {pragma}").fetchall()
    raw.execute("BEGIN")
    for statement in statements("sqlite", copies, one_batch=one_batch) if copies else ():
        raw.execute(statement)
    raw.execute("COMMIT")
    raw.execute("ANALYZE")
    raw.close()


async def multiply_postgres(address: str, copies: int, *, one_batch: bool = False) -> None:
    """The same on PostgreSQL."""
    connection = await asyncpg.connect(address)
    try:
        await connection.execute("SET synchronous_commit = off")
        await connection.execute("SET session_replication_role = replica")  # no look at each parent
        for statement in statements("postgresql", copies, one_batch=one_batch) if copies else ():
            await connection.execute(statement)
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")  # what was copied is not written during the measurement
    finally:
        await connection.close()
