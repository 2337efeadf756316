"""PostgreSQL: every job has a transaction of its own, tried again where that is safe; appends share statements."""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from storage.appending import Appending, NewRow
from storage.url import Unavailable

Job = Callable[[AsyncConnection], Awaitable[Any]]

WRITERS = 16
READERS = 8
TRIES = 3
APPEND_ROWS = 2_000  # rows in one statement
_CLASHES = {"40001", "40P01", "55P03"}  # serialization failure, deadlock, lock not available: rolled back for sure
_LOST = {"57P01", "57P02", "57P03", "08000", "08001", "08003", "08004", "08006"}  # the server or the way to it is gone


class PostgresStore:
    """A pool of writers, a pool of readers that cannot write, and one connection for appends."""

    def __init__(self, url: URL, committed: Callable[[], None]) -> None:
        self._url = url
        self._committed = committed
        self._appends: deque[_WaitingRows] = deque()
        self._appender: asyncio.Task[None] | None = None
        self._append_connection: AsyncConnection | None = None
        self._statements: dict[Appending, str] = {}

    async def open(self) -> None:
        """Reach the server. Raises Unavailable."""
        self._write_engine = postgres_engine(self._url, WRITERS + 1)
        self.read_engine = postgres_engine(self._url, READERS, read_only=True)
        try:
            async with self.reading() as connection:
                await connection.execute(text("SELECT 1"))
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Finish what was accepted, then close all connections."""
        if self._appender is not None:
            await asyncio.wait([self._appender])
        await self._drop_append_connection()
        await self._write_engine.dispose()
        await self.read_engine.dispose()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection that only reads. Raises Unavailable."""
        connection = await self._connect(self.read_engine)
        try:
            yield connection
        finally:
            await connection.close()

    async def _connect(self, engine: AsyncEngine) -> AsyncConnection:
        try:
            return await engine.connect()
        except (DBAPIError, DisconnectionError, OSError, PoolTimeout, TypeError, ValueError) as error:
            raise Unavailable(explain(error, self._url)) from error

    async def write(self, job: Job) -> Any:
        """Run `job` in a transaction, again after a clash or when the connection was lost before its commit."""
        for attempt in range(1, TRIES + 1):
            try:
                result = await self._try(job)
            except (DBAPIError, ConnectionError, _Unsure) as error:
                if isinstance(error, _Unsure):
                    raise Unavailable(explain(error.reason, self._url)) from error.reason
                if not (_is_clash(error) or _is_lost(error)):
                    raise
                if attempt == TRIES:
                    if _is_lost(error):
                        raise Unavailable(explain(error, self._url)) from error
                    raise
                await asyncio.sleep(0.05 * 2**attempt * (0.5 + random.random()))
            else:
                self._committed()
                return result
        raise AssertionError("the last try returns or raises")

    async def _try(self, job: Job) -> Any:
        connection = await self._connect(self._write_engine)
        try:
            transaction = await connection.begin()
            result = await job(connection)
            try:
                await transaction.commit()
            except (DBAPIError, ConnectionError) as error:
                if _is_lost(error):
                    raise _Unsure(error) from error  # it may have been kept: doing it twice could be wrong
                raise
            return result
        except (DBAPIError, ConnectionError) as error:
            if _is_lost(error):
                await connection.invalidate()
            raise
        finally:
            await connection.close()

    async def append(self, appending: Appending, rows: Sequence[NewRow]) -> None:
        """Add rows together with those of all who call meanwhile."""
        waiting = _WaitingRows(appending, rows, asyncio.get_running_loop().create_future())
        self._appends.append(waiting)
        if self._appender is None or self._appender.done():
            self._appender = asyncio.create_task(self._append_rounds(), context=Context())
        await waiting.answer

    async def insert(self, connection: AsyncConnection, appending: Appending, columns: list[list[Any]]) -> None:
        """Add rows inside a job, all in one statement."""
        await connection.exec_driver_sql(self._statement(appending), tuple(columns))

    async def lock(self, connection: AsyncConnection, name: str) -> None:
        """Wait until no other transaction holds `name`; it is given back at the end of this one."""
        await connection.execute(_LOCK, {"name": name})

    async def locks(self, connection: AsyncConnection, names: Collection[str]) -> None:
        """Wait for one after the other, in their order."""
        if names:
            await connection.execute(_LOCKS, {"names": list(names)})

    async def try_locks(self, connection: AsyncConnection, names: Collection[str]) -> set[str]:
        """Take those of these locks that are free."""
        return {name for (name,) in await connection.execute(_TRY_LOCKS, {"names": list(names)})} if names else set()

    def appending_dialect(self) -> Any:
        """The dialect by which appended values are converted."""
        return self._write_engine.dialect

    async def _append_rounds(self) -> None:
        try:
            while self._appends:
                await self._append_round(self._take_appends())
        except BaseException:
            while self._appends:
                self._appends.popleft().answer.cancel()
            raise

    def _take_appends(self) -> list["_WaitingRows"]:
        taken: list[_WaitingRows] = []
        size = 0
        while self._appends and (not taken or size + len(self._appends[0].rows) <= APPEND_ROWS):
            waiting = self._appends.popleft()
            if not waiting.answer.cancelled():
                taken.append(waiting)
                size += len(waiting.rows)
        return taken

    async def _append_round(self, waiting: list["_WaitingRows"]) -> None:
        """One statement for each table; where it fails, one for each call, so that a bad row harms only its own."""
        grouped: dict[Appending, list[_WaitingRows]] = {}
        for one in waiting:
            grouped.setdefault(one.appending, []).append(one)
        try:
            for appending, together in grouped.items():
                error = await self._insert(appending, [row for one in together for row in one.rows])
                if error is not None and not isinstance(error, Unavailable) and len(together) > 1:
                    for one in together:
                        _tell([one], await self._insert(appending, one.rows))
                else:
                    _tell(together, error)
        except BaseException:
            for one in waiting:
                one.answer.cancel()
            raise
        self._committed()

    async def _insert(self, appending: Appending, rows: Sequence[NewRow]) -> Exception | None:
        """Add rows for good; repeating it is harmless, so a lost connection costs another try. Returns the failure."""
        try:
            columns = appending.columns_of(rows)
        except (TypeError, ValueError) as error:
            return error
        for attempt in range(1, TRIES + 1):
            try:
                raw = await self._raw()
                await raw.execute(self._statement(appending), *columns)
                return None
            except Unavailable as error:
                return error
            except Exception as error:
                lost = _is_lost(error)
                if lost:
                    await self._drop_append_connection()
                if not lost and not _is_clash(error):
                    return error
                if attempt == TRIES:
                    return Unavailable(explain(error, self._url))
        return None

    async def _raw(self) -> Any:
        """asyncpg's own connection, kept for appends alone."""
        if self._append_connection is None:
            self._append_connection = await self._connect(self._write_engine)
        return (await self._append_connection.get_raw_connection()).driver_connection

    async def _drop_append_connection(self) -> None:
        connection, self._append_connection = self._append_connection, None
        if connection is not None:
            await connection.invalidate()
            await connection.close()

    def _statement(self, appending: Appending) -> str:
        if appending not in self._statements:
            kinds = [_kind(column.type.compile(dialect=appending.dialect)) for column in appending.columns]
            arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(kinds, 1))
            self._statements[appending] = f"{appending.into} SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING"  # noqa: S608 names of columns
        return self._statements[appending]


_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
_LOCKS = text("SELECT pg_advisory_xact_lock(hashtextextended(name, 0)) FROM unnest(CAST(:names AS text[])) AS name")
_TRY_LOCKS = text(
    "SELECT name FROM unnest(CAST(:names AS text[])) AS name WHERE pg_try_advisory_xact_lock(hashtextextended(name, 0))"
)


@dataclass(slots=True, eq=False)
class _WaitingRows:
    appending: Appending
    rows: Sequence[NewRow]
    answer: asyncio.Future[None]


class _Unsure(Exception):
    """The connection was lost during the commit."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


def postgres_engine(url: URL, size: int, *, read_only: bool = False) -> AsyncEngine:
    """A pool of connections; those that only read need no transaction, and could not write."""
    settings = {"application_name": "bulou", "jit": "off"}
    options: dict[str, Any] = {}
    if read_only:
        settings["default_transaction_read_only"] = "on"
        options["isolation_level"] = "AUTOCOMMIT"
    engine = create_async_engine(
        url,
        pool_size=size,
        max_overflow=0,
        pool_timeout=60,
        pool_use_lifo=True,  # few connections stay warm, where each would prepare every statement anew
        hide_parameters=True,
        query_cache_size=1500,
        connect_args={"server_settings": settings, "timeout": 10, "prepared_statement_cache_size": 500},
        **options,
    )

    @event.listens_for(engine.sync_engine, "checkout")
    def still_open(connection: Any, record: Any, proxy: Any) -> None:
        if connection.driver_connection.is_closed():  # the server was restarted: costs nothing to know
            raise DisconnectionError

    return engine


def _kind(compiled: str) -> str:
    """The type of an array's items. A cast to varchar(32) would cut silently, where the column itself refuses."""
    return "TEXT" if compiled.startswith(("VARCHAR", "CHAR")) else compiled


def _tell(waiting: list[_WaitingRows], error: Exception | None) -> None:
    for one in waiting:
        if one.answer.done():
            continue
        if error is None:
            one.answer.set_result(None)
        else:
            one.answer.set_exception(error)


def _sqlstate(error: BaseException) -> str:
    origin = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(origin, "sqlstate", None) or "")


def _is_clash(error: BaseException) -> bool:
    return _sqlstate(error) in _CLASHES


def _is_lost(error: BaseException) -> bool:
    if isinstance(error, ConnectionError) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return True
    origin = error.orig if isinstance(error, DBAPIError) else error
    # asyncpg's own confusion, when the server's farewell and our request cross on the way.
    confused = type(origin).__name__ == "InternalClientError"
    return confused or _sqlstate(error) in _LOST or "connection is closed" in str(error)


def explain(error: BaseException, url: URL) -> str:
    """Say in one line what the operator can do about `error`; never with the password."""
    where = f"{url.host or url.query.get('host') or 'localhost'}:{url.port or 5432}"
    match _sqlstate(error):
        case "28P01" | "28000":
            return f"PostgreSQL at {where} refuses this user or password: mend BULOU_DATABASE_URL"
        case "3D000":
            return f"PostgreSQL at {where} has no database {url.database}: create it or mend BULOU_DATABASE_URL"
        case "53300":
            return f"PostgreSQL at {where} has no connection to spare: raise its max_connections"
        case "42501":
            return f"PostgreSQL at {where} grants too little on database {url.database}: let its owner connect"
    if isinstance(error, TypeError | ValueError):
        return "BULOU_DATABASE_URL has an option that asyncpg does not know: leave it out"
    if isinstance(error, PoolTimeout):
        return f"PostgreSQL at {where} is too busy: no connection became free within a minute"
    return f"PostgreSQL at {where} cannot be reached: see that it runs and that BULOU_DATABASE_URL is right"
