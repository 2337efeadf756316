"""
SQLite, one writer in a process: whoever waits shares a transaction and its commit.

The writer's statements run where they stand, because a trip to another thread costs more than the statement; only the
commit, which waits for the disk, is made in a thread. Readers have connections and threads of their own.
"""

import asyncio
import contextvars
import os
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import AsyncAdaptedQueuePool, StaticPool, event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util.concurrency import await_

from storage.appending import Appending, NewRow
from storage.url import Unavailable

T = TypeVar("T")
Row = tuple[Any, ...]
Job = Callable[[AsyncConnection], Awaitable[Any]]

READERS = 4
ROUND_JOBS = 64
ROUND_ROWS = 500
ROUND_SECONDS = 0.02  # later jobs wait for the next round, so that nobody's commit waits for too many
QUIET_TURNS = 2  # of the loop: so many a request needs from its last byte to its append
TURNS = 50  # at most, so that a stream without end is written too
LARGEST_STATEMENT = 32_000  # values; SQLite's own limit is 32,766
LOCK_SECONDS = 30.0
BUSY_SECONDS = 10.0


class SqliteCursor:
    """What SQLAlchemy calls a cursor: one statement, whose rows are fetched at once so that no snapshot stays open."""

    arraysize = 1

    def __init__(self, connection: "SqliteConnection") -> None:
        self._connection = connection
        self._rows: deque[Row] = deque()
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    def execute(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Run one statement and keep its rows."""
        self._keep(*self._connection.run(lambda raw: _outcome(raw.execute(statement, values))))

    def executemany(self, statement: str, many: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each set of values."""
        self._keep(*self._connection.run(lambda raw: _outcome(raw.executemany(statement, many))))

    def _keep(self, description: Any, rows: list[Row], rowcount: int, lastrowid: int | None) -> None:
        self.description, self._rows, self.rowcount, self.lastrowid = description, deque(rows), rowcount, lastrowid

    def fetchone(self) -> Row | None:
        """The next row, or None."""
        return self._rows.popleft() if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """The next rows, at most `size`."""
        return [self._rows.popleft() for _ in range(min(size or self.arraysize, len(self._rows)))]

    def fetchall(self) -> list[Row]:
        """All rows that are left."""
        rows = list(self._rows)
        self._rows.clear()
        return rows

    def __iter__(self) -> Iterator[Row]:
        return iter(self.fetchall())

    def close(self) -> None:
        """Forget the rows."""
        self._rows.clear()

    async def _async_soft_close(self) -> None:
        """SQLAlchemy asks for this after each statement; the driver's cursor is gone already."""


def _outcome(cursor: sqlite3.Cursor) -> tuple[Any, list[Row], int, int | None]:
    rows = cursor.fetchall() if cursor.description else []
    outcome = cursor.description, rows, cursor.rowcount, cursor.lastrowid
    cursor.close()
    return outcome


class SqliteConnection:
    """What SQLAlchemy calls a connection: sqlite3's own, used in place or, with `threads`, in one of these."""

    isolation_level = None  # the driver never begins a transaction by itself: that would break savepoints

    def __init__(
        self, raw: sqlite3.Connection, threads: ThreadPoolExecutor | None = None, *, ends_transactions: bool = False
    ) -> None:
        self.raw = raw
        self._threads = threads
        self._ends_transactions = ends_transactions
        self.in_job = False

    def cursor(self) -> SqliteCursor:
        """Room for one statement."""
        return SqliteCursor(self)

    def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do `work` on the driver's connection, where this connection's work is done."""
        # SQLAlchemy insists that something is awaited; in place that takes no turn of the loop.
        return await_(self._in_place(work) if self._threads is None else self._in_thread(self._threads, work))

    async def _in_place(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return work(self.raw)

    async def _in_thread(self, threads: ThreadPoolExecutor, work: Callable[[sqlite3.Connection], T]) -> T:
        doing = asyncio.get_running_loop().run_in_executor(threads, work, self.raw)
        try:
            return await asyncio.shield(doing)
        except asyncio.CancelledError:
            # The thread must have let go before anybody else uses (or closes) the connection.
            self.raw.interrupt()
            await asyncio.wait([doing])
            doing.exception()
            raise

    def commit(self) -> None:
        """End the transaction, where that is not the writer's business."""
        self._end("COMMIT")

    def rollback(self) -> None:
        """Give the transaction up, where that is not the writer's business."""
        self._end("ROLLBACK")

    def _end(self, how: str) -> None:
        if self.in_job:
            raise RuntimeError("a job does not end its transaction: the writer commits when the job returns")
        if self._ends_transactions and self.raw.in_transaction:
            self.raw.execute(how)

    def close(self) -> None:
        """Close the driver's connection."""
        self.raw.close()


class SqliteDialect(SQLiteDialect_pysqlite):
    """SQLAlchemy's SQLite, told that its connections may be awaited."""

    driver = "bulou"
    is_async = True
    supports_statement_cache = True

    def on_connect(self) -> Callable[[Any], None]:
        """Nothing to add to a connection: `connect` has set all."""
        return lambda connection: None

    def get_driver_connection(self, connection: Any) -> Any:
        """The adapter itself stands for the driver's connection."""
        return connection


registry.register("sqlite.bulou", __name__, SqliteDialect.__name__)


def connect(path: Path, *pragmas: str) -> sqlite3.Connection:
    """Open the file. The driver begins no transactions, and any thread may use the connection, one at a time."""
    raw = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    try:
        for pragma in pragmas:
            raw.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        raw.close()
        raise
    return raw


def _engine(creator: Callable[[], SqliteConnection], **pool: Any) -> AsyncEngine:
    return create_async_engine(
        "sqlite+bulou://",
        creator=creator,
        hide_parameters=True,
        query_cache_size=1500,
        pool_reset_on_return=None,
        **pool,
    )


def changing_engine(path: Path) -> AsyncEngine:
    """An engine whose connections hold the write lock from begin to end and may rebuild tables: for migrations."""
    engine = _engine(
        lambda: SqliteConnection(connect(path, "foreign_keys=OFF"), ends_transactions=True), poolclass=StaticPool
    )

    @event.listens_for(engine.sync_engine, "begin")
    def lock(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


@dataclass(slots=True, eq=False)
class _WaitingJob:
    job: Job
    context: contextvars.Context
    answer: asyncio.Future[Any]


@dataclass(slots=True, eq=False)
class _WaitingRows:
    appending: Appending
    rows: Sequence[NewRow]
    answer: asyncio.Future[Any]


_Waiting = _WaitingJob | _WaitingRows
_Outcome = tuple[_Waiting, Any, BaseException | None]


class SqliteStore:
    """One file with one writer and a few readers."""

    def __init__(self, path: Path, committed: Callable[[], None]) -> None:
        self._path = path
        self._committed = committed
        self._jobs: deque[_WaitingJob] = deque()
        self._appends: deque[_WaitingRows] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._statements: dict[tuple[str, int, int], str] = {}

    async def open(self) -> None:
        """Open or create the file. Raises Unavailable."""
        self._writing_thread = ThreadPoolExecutor(1, "sqlite-commit")
        self._reading_threads = ThreadPoolExecutor(READERS, "sqlite-read")
        try:
            self._raw = await asyncio.get_running_loop().run_in_executor(self._writing_thread, _open_writer, self._path)
        except (sqlite3.Error, OSError) as error:
            self._stop_threads()
            raise Unavailable(explain(error, self._path)) from error
        self._adapter = SqliteConnection(self._raw)
        self._write_engine = _engine(lambda: self._adapter, poolclass=StaticPool)
        self.read_engine = _engine(
            self._new_reader, poolclass=AsyncAdaptedQueuePool, pool_size=READERS, max_overflow=0, pool_timeout=60
        )
        self._connection = await self._write_engine.connect()
        await self._connection.begin()  # SQLAlchemy's bookkeeping only; the writer itself says BEGIN and COMMIT

    def _new_reader(self) -> SqliteConnection:
        return SqliteConnection(connect(self._path, "query_only=ON", "cache_size=-8000"), self._reading_threads)

    async def close(self) -> None:
        """Finish what was accepted, then close the file."""
        if self._writer is not None:
            await asyncio.wait([self._writer])
        await self.read_engine.dispose()
        self._stop_threads()
        if self._raw.in_transaction:
            self._raw.execute("ROLLBACK")
        await self._connection.close()
        await self._write_engine.dispose()

    def _stop_threads(self) -> None:
        self._writing_thread.shutdown()
        self._reading_threads.shutdown()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection that only reads. Raises Unavailable."""
        try:
            connection = await self.read_engine.connect()
        except (DBAPIError, PoolTimeout) as error:
            reason = error.orig if isinstance(error, DBAPIError) and isinstance(error.orig, Exception) else error
            raise Unavailable(explain(reason, self._path)) from error
        try:
            yield connection
        finally:
            await connection.close()

    async def write(self, job: Job) -> Any:
        """Run `job` in a savepoint of the next round, with the caller's context variables."""
        waiting = _WaitingJob(job, contextvars.copy_context(), asyncio.get_running_loop().create_future())
        self._jobs.append(waiting)
        return await self._wait_for(waiting)

    async def append(self, appending: Appending, rows: Sequence[NewRow]) -> None:
        """Add rows with the next round."""
        waiting = _WaitingRows(appending, rows, asyncio.get_running_loop().create_future())
        self._appends.append(waiting)
        await self._wait_for(waiting)

    async def insert(self, connection: AsyncConnection, appending: Appending, columns: list[list[Any]]) -> None:
        """Add rows inside a job."""
        await connection.exec_driver_sql(self._statement(appending, 1), list(zip(*columns, strict=True)))

    async def lock(self, connection: AsyncConnection, name: str) -> None:
        """Nothing to do: there is one writer."""

    async def locks(self, connection: AsyncConnection, names: Collection[str]) -> None:
        """Nothing to do: there is one writer."""

    async def try_locks(self, connection: AsyncConnection, names: Collection[str]) -> set[str]:
        """All are free: there is one writer."""
        return set(names)

    def appending_dialect(self) -> Any:
        """The dialect by which appended values are converted."""
        return self._write_engine.dialect

    async def _wait_for(self, waiting: _Waiting) -> Any:
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(
                self._write_rounds(), name="sqlite-writer", context=contextvars.Context()
            )
        return await waiting.answer

    async def _write_rounds(self) -> None:
        try:
            while self._jobs or self._appends:
                await self._latecomers()
                await self._round(_take(self._jobs, ROUND_JOBS), self._take_appends())
        except BaseException:
            self._abandon()
            raise

    async def _latecomers(self) -> None:
        """Return once nobody new comes to those who wait to append. A commit costs as much as the work for several
        requests, so whoever has arrived already should come along; where nobody else is, it takes two turns of the
        loop.
        """
        count, quiet = len(self._appends), 0
        for _ in range(TURNS if count else 0):
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self._appends) == count else 0
            count = len(self._appends)
            if quiet == QUIET_TURNS:
                return

    def _abandon(self) -> None:
        """The loop is being stopped: nobody may wait for an answer that cannot come."""
        for waiting in _all(self._jobs, self._appends):
            waiting.answer.cancel()
        self._jobs.clear()
        self._appends.clear()

    def _take_appends(self) -> list[_WaitingRows]:
        taken: list[_WaitingRows] = []
        size = 0
        while self._appends and (not taken or size + len(self._appends[0].rows) <= ROUND_ROWS):
            taken.append(self._appends.popleft())
            size += len(taken[-1].rows)
        return taken

    async def _round(self, jobs: list[_WaitingJob], appends: list[_WaitingRows]) -> None:
        """Write all together; where that fails, each alone."""
        try:
            _tell(await self._transaction(jobs, appends))
        except Unavailable as error:
            _tell([(waiting, None, error) for waiting in _all(jobs, appends)])
        except Exception:
            for waiting in _all(jobs, appends):
                _tell(await self._alone(waiting))
        except BaseException:
            for waiting in _all(jobs, appends):
                waiting.answer.cancel()
            raise

    async def _alone(self, waiting: _Waiting) -> list[_Outcome]:
        try:
            if isinstance(waiting, _WaitingJob):
                return await self._transaction([waiting], [])
            return await self._transaction([], [waiting])
        except _Lost as lost:
            return [(waiting, None, lost.reason)]
        except Exception as error:
            return [(waiting, None, error)]

    async def _transaction(self, jobs: list[_WaitingJob], appends: list[_WaitingRows]) -> list[_Outcome]:
        """One transaction. Whatever it raises, nothing of it was kept; Unavailable: it never began."""
        loop = asyncio.get_running_loop()
        await self._begin()
        try:
            outcomes: list[_Outcome] = []
            enough = loop.time() + ROUND_SECONDS
            left = deque(jobs)
            while left and (not outcomes or loop.time() < enough):
                waiting = left.popleft()
                if not waiting.answer.cancelled():  # nobody waits any more, and nothing has begun
                    outcomes.append(await self._in_savepoint(waiting))
            kept = [waiting for waiting in appends if not waiting.answer.cancelled()]
            await self._finish(self._inserts(kept))
        except BaseException:
            if self._raw.in_transaction:
                self._raw.execute("ROLLBACK")
            raise
        jobs[len(jobs) - len(left) :] = []
        self._jobs.extendleft(reversed(left))
        self._committed()
        return outcomes + [(waiting, None, None) for waiting in kept]

    async def _finish(self, inserts: Sequence[tuple[str, list[Any]]]) -> None:
        """Add the rows and commit, in the thread that may wait for the disk."""
        work = partial(_insert_and_commit, self._raw, inserts)
        finishing = asyncio.get_running_loop().run_in_executor(self._writing_thread, work)
        try:
            await asyncio.shield(finishing)
        except asyncio.CancelledError:
            await asyncio.wait([finishing])  # the thread must have let go of the connection
            raise

    async def _begin(self) -> None:
        """Take the write lock, which another process may hold for a while. Raises Unavailable after 30 s."""
        loop = asyncio.get_running_loop()
        patience = loop.time() + LOCK_SECONDS
        pause = 0.002
        while True:
            try:
                self._raw.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if not _is_busy(error):
                    raise
                if loop.time() > patience:
                    raise Unavailable(explain(error, self._path)) from error
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.05)

    async def _in_savepoint(self, waiting: _WaitingJob) -> _Outcome:
        """Run one job; if it raises, only its own changes are lost. Raises _Lost: it took the transaction with it."""
        self._raw.execute("SAVEPOINT job")
        self._adapter.in_job = True
        task = asyncio.create_task(_run(waiting.job, self._connection), context=waiting.context)
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            self._adapter.in_job = False
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        await self._tidy()
        if not self._raw.in_transaction:  # SQLite gives the whole transaction up when the disk is full, for example
            raise _Lost(error or RuntimeError("the job ended the transaction"))
        if error is not None:
            self._raw.execute("ROLLBACK TO job")
        self._raw.execute("RELEASE job")
        return waiting, None if error is not None else task.result(), error

    async def _tidy(self) -> None:
        """The next job must not find what this one has left half done in SQLAlchemy's books."""
        connection = self._connection
        if connection.in_nested_transaction() or not connection.in_transaction():
            await connection.rollback()
            await connection.begin()

    def _inserts(self, appends: Sequence[_WaitingRows]) -> list[tuple[str, list[Any]]]:
        """The fewest statements that add all rows."""
        grouped: dict[Appending, list[NewRow]] = {}
        for waiting in appends:
            grouped.setdefault(waiting.appending, []).extend(waiting.rows)
        inserts = []
        for appending, rows in grouped.items():
            chunk = min(ROUND_ROWS, LARGEST_STATEMENT // len(appending.columns))
            for start in range(0, len(rows), chunk):
                part = rows[start : start + chunk]
                values = chain.from_iterable(zip(*appending.columns_of(part), strict=True))
                inserts.append((self._statement(appending, len(part)), list(values)))
        return inserts

    def _statement(self, appending: Appending, count: int) -> str:
        key = appending.into, len(appending.columns), count
        if key not in self._statements:
            row = f"({', '.join('?' * len(appending.columns))})"
            # Not OR IGNORE, which would also swallow a missing value.
            self._statements[key] = f"{appending.into} VALUES {', '.join([row] * count)} ON CONFLICT DO NOTHING"
        return self._statements[key]


class _Lost(Exception):
    """The whole transaction is gone, because of `reason`."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__(str(reason))
        self.reason = reason


async def _run(job: Job, connection: AsyncConnection) -> Any:
    return await job(connection)


def _take(queue: deque[_WaitingJob], most: int) -> list[_WaitingJob]:
    return [queue.popleft() for _ in range(min(most, len(queue)))]


def _all(jobs: Iterable[_WaitingJob], appends: Iterable[_WaitingRows]) -> Iterator[_Waiting]:
    yield from appends
    yield from jobs


def _tell(outcomes: Sequence[_Outcome]) -> None:
    for waiting, result, error in outcomes:
        if waiting.answer.done():
            continue
        if error is None:
            waiting.answer.set_result(result)
        elif isinstance(error, asyncio.CancelledError):
            waiting.answer.cancel()
        else:
            waiting.answer.set_exception(error)


def _insert_and_commit(raw: sqlite3.Connection, inserts: Sequence[tuple[str, list[Any]]]) -> None:
    for statement, values in inserts:
        raw.execute(statement, values)
    raw.execute("COMMIT")


def _open_writer(path: Path) -> sqlite3.Connection:
    """Create the file if need be, readable by its owner alone, and make sure that it can be written."""
    _create(path)
    raw = connect(path, "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")
    try:
        if raw.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            raise sqlite3.OperationalError("no write-ahead log")
        raw.execute("PRAGMA journal_size_limit=67108864")
        raw.execute("PRAGMA wal_autocheckpoint=8000")  # pages; copied into the file less often: 30 % fewer bytes
        raw.execute("PRAGMA cache_size=-32000")
        raw.execute("PRAGMA busy_timeout=0")  # from here on the writer waits without holding up the loop
    except sqlite3.Error:
        raw.close()
        raise
    return raw


def _create(path: Path) -> None:
    """Make the file where there is none. Raises OSError: it cannot be made, or what is there cannot be written.

    A file that exists is not even opened: closing it again would give up every lock that this process holds on it, and
    the next process that comes and goes would take the log away from under us.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if path.is_dir() or not os.access(path, os.W_OK):
            raise PermissionError(f"{path} is not to be written") from None


def _is_busy(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def explain(error: Exception, path: Path) -> str:
    """Say in one line what the operator can do about `error`."""
    if isinstance(error, sqlite3.Error) and _is_busy(error):
        return f"another process has been writing to {path} for too long: wait for it or stop it"
    if isinstance(error, FileNotFoundError):
        return f"the folder of {path} does not exist: create it or mend BULOU_DATABASE_URL"
    if isinstance(error, OSError):
        return f"{path} cannot be opened for writing: check who owns the file and its folder"
    if isinstance(error, PoolTimeout):
        return f"too many are reading {path}: no connection became free within a minute"
    if "not a database" in str(error):
        return f"{path} is not an SQLite database: name another file in BULOU_DATABASE_URL"
    return f"{path} cannot be used ({error}): it must lie on a local disk that its owner can write to"
