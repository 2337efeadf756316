"""The way to the rows: readers on their own connections, one queue of writers, appends that share their commit."""

import asyncio
import contextvars
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from sqlalchemy import Table, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.appending import Appending
from storage.postgres import PostgresStore
from storage.sqlite import SqliteStore
from storage.url import Unavailable, parse_url

__all__ = ["Database", "Unavailable"]

T = TypeVar("T")
PING_SECONDS = 5.0

log = logging.getLogger(__name__)
_inside_job: contextvars.ContextVar[bool] = contextvars.ContextVar("inside_job", default=False)


class Database:
    """All that the bot remembers, in one SQLite file or one PostgreSQL database."""

    def __init__(self, url: str) -> None:
        """Raises Unavailable: `url` has none of the known forms."""
        self.url = parse_url(url)
        self._store: SqliteStore | PostgresStore
        self.dialect: Literal["sqlite", "postgresql"]
        if self.url.drivername.startswith("sqlite"):
            self.dialect = "sqlite"
            self._store = SqliteStore(Path(str(self.url.database)), self._tell_committed)
        else:
            self.dialect = "postgresql"
            self._store = PostgresStore(self.url, self._tell_committed)
        self._open = False
        self._listeners: list[Callable[[], None]] = []
        self._appendings: dict[tuple[Table, tuple[str, ...]], Appending] = {}

    async def open(self) -> None:
        """Get ready for work. Raises Unavailable."""
        await self._store.open()
        self._open = True

    async def close(self) -> None:
        """Finish what was accepted, take nothing new, let go of the database. Harmless when closed already."""
        if self._open:
            self._open = False
            await self._store.close()

    async def ping(self) -> None:
        """Return when the database answers. Raises Unavailable."""
        try:
            async with asyncio.timeout(PING_SECONDS), self.reading() as connection:
                await connection.execute(text("SELECT 1"))
        except (TimeoutError, SQLAlchemyError, OSError) as error:
            raise Unavailable(f"the database does not answer within {PING_SECONDS:.0f} s: see that it runs") from error

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """
        A connection that can only read, and never makes a writer wait.

        Each statement sees what is committed when it begins. Raises Unavailable.
        """
        self._check_open()
        async with self._store.reading() as connection:
            yield connection

    async def write(self, job: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """
        Run `job` in one transaction and return its result once that is committed; if it raises, nothing is kept.

        `job` may run more than once (after a clash, a lost connection or a failed common commit), so it must start
        from the rows each time and change nothing outside of them. It awaits nothing but its connection: on SQLite it
        shares the one writer with all others, and its statements hold up the process while they run, so that each
        should find its rows by an index and bulk work goes in steps of some hundred rows. It neither commits nor
        rolls back; `connection.begin_nested()` is allowed.

        Raises Unavailable, and whatever `job` raises.
        """
        self._check_open()

        async def marked(connection: AsyncConnection) -> T:
            token = _inside_job.set(True)
            try:
                return await job(connection)
            finally:
                _inside_job.reset(token)

        return cast(T, await self._store.write(marked))

    async def append(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """
        Add rows and return once they are committed; rows that are there already (by any unique key) are left alone.

        All calls that wait at the same moment share one statement and one commit. Every row names the same columns,
        among them all that have a default in the model: defaults are not filled in here.

        Raises Unavailable, ValueError or TypeError for a value that its column refuses, sqlite3's or asyncpg's own
        error for one that the database refuses.
        """
        self._check_open()
        if not rows:
            return
        appending = self._appending(table, rows[0])
        appending.check(rows)
        await self._store.append(appending, rows)

    async def insert(self, connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """
        Add many rows inside a job at the driver's speed; those that are there already are left alone.

        The rows are as `append` takes them.
        """
        appending = self._appending(table, rows[0])
        await self._store.insert(connection, appending, appending.columns_of(rows))

    async def lock(self, connection: AsyncConnection, name: str) -> None:
        """Let no other transaction that locks `name` run beside this one, from here to its end."""
        await self._store.lock(connection, name)

    async def locks(self, connection: AsyncConnection, names: Collection[str]) -> None:
        """Take all of these locks, always in one order, so that two who want the same ones never block each other."""
        await self._store.locks(connection, sorted(names))

    async def try_locks(self, connection: AsyncConnection, names: Collection[str]) -> set[str]:
        """Take those of these locks that nobody holds, without waiting, until the end of the transaction."""
        return await self._store.try_locks(connection, names)

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call `callback` after every commit of this process, so that workers wake at once. It must be quick."""
        self._listeners.append(callback)

    def _check_open(self) -> None:
        if not self._open:
            raise Unavailable("the database is closed: this process is stopping or has not started")
        if _inside_job.get():
            raise RuntimeError("a job uses the connection that it was given, nothing else of the database")

    def _tell_committed(self) -> None:
        for callback in self._listeners:
            try:
                callback()
            except Exception:
                log.exception("listener to commits failed")

    def _appending(self, table: Table, row: Mapping[str, Any]) -> Appending:
        key = table, tuple(row)
        if key not in self._appendings:
            self._appendings[key] = Appending(table, tuple(row), self._store.appending_dialect())
        return self._appendings[key]
