"""One transaction with what it reads and what it will write.

A unit collects inserts and writes them with one statement a table when it is flushed; `storage.apply` turns actions
into these rows. One unit may carry many applications (a sweep over due timers) or one (a click).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache
from importlib import import_module
from typing import Any

from sqlalchemy import CursorResult, Table, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from recruiting.chat import Person
from recruiting.model import Application
from recruiting.office import Office
from recruiting.process import Process, Rung
from storage.appending import not_given
from storage.database import Database
from storage.drawn import Drawn
from storage.keys import Box, DayKeys, Keyring
from storage.tables import (
    ApplicationRow,
    Batch,
    Candidate,
    Consent,
    Conversation,
    Document,
    EventRow,
    FollowUpRow,
    Link,
    Member,
    OutboxRow,
    ProcessVersion,
    SearchTerm,
    TimerRow,
    Visit,
)
from storage.types import random_id

MANY = 50  # rows of one table from which it pays to bypass SQLAlchemy
_id_ends = Drawn(15)

# Parents before children, so that foreign keys hold at every statement.
_ORDER: Sequence[Table] = (
    ProcessVersion,
    Batch,
    Member,
    Candidate,
    SearchTerm,
    Consent,
    Conversation,
    ApplicationRow,
    Visit,
    EventRow,
    TimerRow,
    FollowUpRow,
    Document,
    Link,
    OutboxRow,
)


@dataclass
class Ground:
    """What every unit stands on: plain values and the caches of things that never change."""

    database: Database
    keyring: Keyring
    days: DayKeys
    timezone: tzinfo
    locale: str
    channels: frozenset[Rung]  # the ways to a candidate that are set up
    groups: tuple[Person, ...] = ()  # HR's, as configured
    surfaces: frozenset[str] = frozenset({"wecom.app", "feishu"})  # where members can be written to
    office: Office = Office()  # the company's working days and hours
    reads: bool = False  # whether certificates are read by the machine before a person looks
    # What a person is asked to agree to, word for word: language, how long a picture is kept -> the text.
    consent_text: Callable[[str, timedelta], str] = lambda locale, keep: "consent.ask"
    urgent: str = ""  # how a follow-up's card is made urgent in Feishu: app, sms, phone; empty = not at all
    processes: dict[tuple[str, int], Process] = field(default_factory=dict)
    blanks: dict[tuple[str, int], Application] = field(default_factory=dict, init=False)  # of each process an empty one
    _day: tuple[datetime, datetime, date] | None = field(default=None, init=False)  # from, until, which

    def today(self, now: datetime) -> date:
        """The company's calendar day."""
        if self._day is None or not self._day[0] <= now < self._day[1]:
            local = now.astimezone(self.timezone)
            start = local.replace(hour=0, minute=0, second=0, microsecond=0)
            self._day = start.astimezone(UTC), (start + timedelta(days=1)).astimezone(UTC), local.date()
        return self._day[2]

    def midnight(self, now: datetime) -> datetime:
        """When the company's calendar day began."""
        local = now.astimezone(self.timezone)
        return local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=self.timezone)


@cache
def _inserting(dialect: str) -> Callable[[Table], Any]:
    """How rows are inserted into this database; what SQLAlchemy knows of the other one is not loaded."""
    insert: Callable[[Table], Any] = import_module(f"sqlalchemy.dialects.{dialect}").insert
    return insert


def rows_of(result: CursorResult[Any]) -> list[dict[str, Any]]:
    """All rows of a query as dicts, at a third of what SQLAlchemy's own mappings cost."""
    names = list(result.keys())
    return [dict(zip(names, row, strict=True)) for row in result]


class Unit:
    """An open transaction. `now` is the moment of whatever is being handled: aware, UTC."""

    def __init__(self, connection: AsyncConnection, ground: Ground, now: datetime) -> None:
        self.connection = connection
        self.ground = ground
        self.now = now
        self._inserts: dict[Table, list[dict[str, Any]]] = {}
        self.members: list[Mapping[str, Any]] | None = None
        self.groups: Sequence[Any] | None = None  # of HR, if read
        self.contacts: dict[str, Mapping[str, Any]] = {}  # candidate -> sealed contact
        self.tokens: dict[tuple[str, str, int, str], str] = {}  # application, stage, visit, kind -> token in a link
        self.links: dict[str, dict[tuple[str, int, str], Mapping[str, Any]]] = {}  # application -> its links, if read
        self.load: dict[str, int] = {}  # member -> open follow-ups, counted once a unit
        self._id_begins = random_id()[:2]

    def new_id(self) -> str:
        """A fresh random id. Those of one transaction share two digits, and 120 bits remain to be guessed: so what is
        written together lies together in every index, and SQLite writes half as much.
        """
        return self._id_begins + _id_ends.take().hex()

    def add(self, table: Table, **row: Any) -> None:
        """Insert a row at the next flush. A row whose unique key exists already is left out silently."""
        self._inserts.setdefault(table, []).append(row)

    async def add_now(self, table: Table, **row: Any) -> bool:
        """Insert a row at once. False, and nothing is changed, when its unique key exists already."""
        await self.flush()
        key = table.primary_key.columns
        added = await self.connection.execute(self._insert(table).values(row).returning(*key))
        return added.first() is not None

    async def flush(self) -> None:
        """Write what has been collected: a statement a table."""
        for table in (*_ORDER, *(t for t in self._inserts if t not in _ORDER)):
            alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
            for row in self._inserts.pop(table, ()):
                alike.setdefault(tuple(row), []).append(row)
            for names, rows in alike.items():
                await self._insert_all(table, names, rows)

    async def _insert_all(self, table: Table, names: Collection[str], rows: list[dict[str, Any]]) -> None:
        if len(rows) >= MANY and not not_given(table, names):
            await self.ground.database.insert(self.connection, table, rows)
        else:
            await self.connection.execute(self._insert(table), rows)

    def _insert(self, table: Any) -> Any:
        assert isinstance(table, Table)
        return _inserting(self.connection.dialect.name)(table).on_conflict_do_nothing()

    async def one(self, statement: Any, values: Mapping[str, Any] | None = None) -> Mapping[str, Any] | None:
        """The first row of a query as a mapping, or None. Flushes first, so that it sees its own writes."""
        await self.flush()
        result = await self.connection.execute(statement, values)
        row = result.first()
        return dict(zip(result.keys(), row, strict=True)) if row is not None else None

    async def all(self, statement: Any) -> list[Mapping[str, Any]]:
        """All rows of a query as mappings. Flushes first."""
        await self.flush()
        return list(rows_of(await self.connection.execute(statement)))

    async def run(self, statement: Any, rows: Sequence[Mapping[str, Any]] | None = None) -> int:
        """Carry out an update or delete; the number of rows it met. Flushes first."""
        await self.flush()
        result = await self.connection.execute(statement, rows) if rows else await self.connection.execute(statement)
        return int(result.rowcount)

    async def set(self, table: Table, key: Mapping[str, Any], **values: Any) -> int:
        """Change the row with this key."""
        statement = update(table).values(**values)
        for column, value in key.items():
            statement = statement.where(table.c[column] == value)
        return await self.run(statement)

    async def box_of(self, candidate_id: str) -> Box | None:
        """The key under which a candidate's words are sealed; None once they are erased."""
        row = await self.one(select(Candidate.c.key).where(Candidate.c.id == candidate_id))
        return self.ground.keyring.unwrap(row["key"]) if row and row["key"] else None

    def soon(self, wait: timedelta = timedelta(0)) -> datetime:
        """Now, or a little later."""
        return self.now + wait
