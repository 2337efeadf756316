"""The way to the rows: whatever is promised holds on SQLite and on PostgreSQL."""

import asyncio
import contextlib
import contextvars
import enum
import sqlite3
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Enum,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from storage import postgres, sqlite
from storage.database import Database, Unavailable
from storage.types import Json, Sealed, SealedBytes, UtcDateTime, random_id
from storage.url import parse_url

ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)


class Colour(enum.StrEnum):
    """Something stored by value."""

    RED = "red-one"


schema = MetaData()
notes = Table(
    "test_notes",
    schema,
    Column("id", String(32), primary_key=True),
    Column("at", UtcDateTime),
    Column("body", Sealed, nullable=False),
    Column("data", Json),
    Column("colour", Enum(Colour, native_enum=False, values_callable=lambda kind: [one.value for one in kind])),
    Column("seen", Boolean),
)
counters = Table("test_counters", schema, Column("name", String(32), primary_key=True), Column("value", Integer))
children = Table(
    "test_children",
    schema,
    Column("id", String(32), primary_key=True),
    Column("parent", ForeignKey("test_counters.name")),
    Column("later", ForeignKey("test_counters.name", deferrable=True, initially="DEFERRED")),
)
choosy = Table("test_choosy", schema, Column("id", String(32), primary_key=True, default=random_id))


@pytest.fixture
async def remembering(database: Database) -> Database:
    """A database that also has the tables of this page."""
    await database.write(lambda connection: connection.run_sync(schema.create_all))
    return database


def note(id: str, **other: Any) -> dict[str, Any]:
    """A row of test_notes with something in every column."""
    row = {"id": id, "at": NOON, "body": SealedBytes(b"\x00\xff"), "data": {"a": [1]}, "colour": Colour.RED}
    return {**row, "seen": True, **other}


def counting(name: str, value: int = 0) -> Any:
    """A job that opens a counter."""

    async def job(connection: AsyncConnection) -> str:
        await connection.execute(insert(counters).values(name=name, value=value))
        return name

    return job


async def names(database: Database, table: Table = counters) -> list[str]:
    """The keys of all rows."""
    async with database.reading() as connection:
        key = next(iter(table.primary_key))
        return list((await connection.execute(select(key).order_by(key))).scalars())


class TestWriting:
    """Each job is kept whole or not at all, whoever shares its commit."""

    async def test_a_job_returns_its_result_once_it_is_committed(self, remembering: Database) -> None:
        assert "a" == await remembering.write(counting("a"))
        assert ["a"] == await names(remembering)

    async def test_one_failing_job_among_twenty_loses_only_itself(self, remembering: Database) -> None:
        async def failing(connection: AsyncConnection) -> str:
            await counting("lost")(connection)
            raise LookupError("no")

        jobs = [counting(f"n{number:02}") for number in range(20)]
        jobs[7] = failing
        results = await asyncio.gather(*map(remembering.write, jobs), return_exceptions=True)
        assert isinstance(results.pop(7), LookupError)
        assert sorted(map(str, results)) == await names(remembering)

    async def test_a_refused_row_loses_only_its_own_job(self, remembering: Database) -> None:
        results = await asyncio.gather(
            *(remembering.write(counting(name)) for name in ("a", "b", "a", "c")), return_exceptions=True
        )
        assert 1 == sum(isinstance(result, IntegrityError) for result in results)
        assert ["a", "b", "c"] == await names(remembering)

    async def test_when_the_common_commit_fails_each_job_is_tried_alone(self, remembering: Database) -> None:
        """A foreign key that is checked at the commit makes the commit itself fail."""

        async def orphan(connection: AsyncConnection) -> None:
            await connection.execute(insert(children).values(id="orphan", later="nobody"))

        jobs = [counting("a"), orphan, counting("b"), counting("c")]
        results = await asyncio.gather(
            *map(remembering.write, jobs), remembering.append(notes, [note("n")]), return_exceptions=True
        )
        assert ["a", "b", "c", None] == [result for result in results if not isinstance(result, Exception)]
        assert isinstance(results[1], sqlite3.IntegrityError | IntegrityError)
        assert ["a", "b", "c"] == await names(remembering)
        assert ["n"] == await names(remembering, notes)
        assert [] == await names(remembering, children)

    async def test_a_job_that_fails_before_it_begins_loses_only_itself(self, remembering: Database) -> None:
        def failing(connection: AsyncConnection) -> Any:
            raise LookupError("no")

        results = await asyncio.gather(
            remembering.write(failing), remembering.write(counting("a")), return_exceptions=True
        )
        assert [LookupError, "a"] == [type(results[0]), results[1]]
        assert ["a"] == await names(remembering)

    async def test_a_caller_who_gives_up_takes_nobody_along(self, remembering: Database) -> None:
        waiting = [asyncio.create_task(remembering.write(counting(name))) for name in "abcde"]
        await asyncio.sleep(0)
        waiting[2].cancel()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(results.pop(2), asyncio.CancelledError)
        assert ["a", "b", "d", "e"] == results
        assert {"a", "b", "d", "e"} <= set(await names(remembering))
        assert "f" == await remembering.write(counting("f"))

    async def test_a_job_sees_its_callers_context(self, remembering: Database) -> None:
        turn: contextvars.ContextVar[str] = contextvars.ContextVar("turn")

        async def job(connection: AsyncConnection) -> str:
            return turn.get()

        async def caller(name: str) -> str:
            turn.set(name)
            return await remembering.write(job)

        tasks = [asyncio.create_task(caller(name)) for name in "xy"]
        assert ["x", "y"] == [await task for task in tasks]

    async def test_a_job_must_not_reach_around_its_connection(self, remembering: Database) -> None:
        async def nested(connection: AsyncConnection) -> None:
            await remembering.write(counting("inner"))

        with pytest.raises(RuntimeError, match="connection that it was given"):
            await remembering.write(nested)
        assert [] == await names(remembering)

    async def test_a_savepoint_inside_a_job(self, remembering: Database) -> None:
        async def job(connection: AsyncConnection) -> None:
            await counting("kept")(connection)
            with contextlib.suppress(IntegrityError):
                async with connection.begin_nested():
                    await counting("undone")(connection)
                    await counting("kept")(connection)

        await remembering.write(job)
        assert ["kept"] == await names(remembering)

    async def test_foreign_keys_hold(self, remembering: Database) -> None:
        async def orphan(connection: AsyncConnection) -> None:
            await connection.execute(insert(children).values(id="x", parent="nobody"))

        with pytest.raises(IntegrityError):
            await remembering.write(orphan)

    async def test_a_lock_lets_nobody_in_between_reading_and_writing(self, remembering: Database) -> None:
        await remembering.write(counting("visits"))

        async def increase(connection: AsyncConnection) -> None:
            await remembering.lock(connection, "visits")
            value = (await connection.execute(select(counters.c.value))).scalar_one()
            await connection.execute(update(counters).values(value=value + 1))

        await asyncio.gather(*(remembering.write(increase) for _ in range(25)))
        async with remembering.reading() as connection:
            assert 25 == (await connection.execute(select(counters.c.value))).scalar_one()

    async def test_locks_that_others_hold_are_passed_over(self, remembering: Database) -> None:
        taken: list[set[str]] = []

        async def other(connection: AsyncConnection) -> None:
            taken.append(await remembering.try_locks(connection, {"a", "b"}))

        async def job(connection: AsyncConnection) -> None:
            await remembering.lock(connection, "a")
            if remembering.dialect == "postgresql":  # SQLite has one writer: nobody else can hold anything
                await asyncio.create_task(remembering.write(other), context=contextvars.Context())

        await remembering.write(job)
        await remembering.write(other)
        expected = [{"b"}] if remembering.dialect == "postgresql" else []
        assert [*expected, {"a", "b"}] == taken

    async def test_listeners_hear_of_every_commit_and_cannot_harm_it(
        self, remembering: Database, caplog: pytest.LogCaptureFixture
    ) -> None:
        heard: list[str] = []

        def deaf() -> None:
            raise LookupError("listener")

        remembering.on_commit(deaf)
        remembering.on_commit(lambda: heard.append("commit"))
        await remembering.write(counting("a"))
        await remembering.append(notes, [note("n")])
        assert ["commit", "commit"] == heard
        assert "listener to commits failed" in caplog.text

    async def test_a_listener_may_start_work_of_its_own(self, remembering: Database) -> None:
        started: list[asyncio.Task[list[str]]] = []
        remembering.on_commit(lambda: started.append(asyncio.create_task(names(remembering))))
        await remembering.write(counting("a"))
        assert [["a"]] == [await task for task in started]

    async def test_closing_finishes_what_was_accepted_and_takes_nothing_new(self, remembering: Database) -> None:
        accepted = [asyncio.create_task(remembering.write(counting(f"n{number:03}"))) for number in range(150)]
        appended = [asyncio.create_task(remembering.append(notes, [note(str(number))])) for number in range(50)]
        await asyncio.sleep(0)
        await remembering.close()
        assert 150 == len(set(await asyncio.gather(*accepted)))
        assert [None] * 50 == await asyncio.gather(*appended)
        with pytest.raises(Unavailable, match="closed"):
            await remembering.write(counting("late"))
        await remembering.open()
        assert 150 == len(await names(remembering))


class TestReading:
    """Readers see what is committed, change nothing and block nobody."""

    async def test_a_reader_cannot_write(self, remembering: Database) -> None:
        with pytest.raises(DBAPIError):
            async with remembering.reading() as connection:
                await counting("a")(connection)
        assert [] == await names(remembering)

    async def test_a_reader_sees_only_what_is_committed(self, remembering: Database) -> None:
        seen: list[list[str]] = []

        async def job(connection: AsyncConnection) -> None:
            await counting("a")(connection)
            # A job awaits nothing but its connection; a test may look over its shoulder.
            seen.append(await asyncio.create_task(names(remembering), context=contextvars.Context()))

        await remembering.write(job)
        assert [[], ["a"]] == [*seen, await names(remembering)]

    async def test_a_reader_who_gives_up_leaves_a_usable_pool(self, remembering: Database) -> None:
        endless = (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
            if remembering.dialect == "sqlite"
            else "SELECT pg_sleep(3600)"
        )

        async def read() -> None:
            async with remembering.reading() as connection:
                await connection.execute(text(endless))

        for _ in range(10):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await read()
        assert [] == await names(remembering)

    async def test_a_reader_waits_only_so_long_for_a_free_connection(
        self, remembering: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pool = remembering._store.read_engine.pool
        monkeypatch.setattr(pool, "_timeout", 0.01)
        async with contextlib.AsyncExitStack() as others:
            for _ in range(pool.size()):  # type: ignore[attr-defined]
                await others.enter_async_context(remembering.reading())
            with pytest.raises(Unavailable, match="within a minute"):
                await names(remembering)
        assert [] == await names(remembering)

    async def test_ping(self, remembering: Database) -> None:
        await remembering.ping()
        await remembering.close()
        with pytest.raises(Unavailable):
            await remembering.ping()
        await remembering.open()


class TestAppending:
    """Appended rows are kept when the call returns, and many calls share one commit."""

    async def test_every_kind_of_value_comes_back_as_it_went(self, remembering: Database) -> None:
        tokyo = datetime(1969, 7, 21, 5, 17, 40, 1, tzinfo=timezone(timedelta(hours=9)))
        await remembering.append(notes, [note("a"), note("b", at=tokyo, data=None, seen=False, colour=None)])
        async with remembering.reading() as connection:
            rows = [tuple(row) for row in await connection.execute(select(notes).order_by(notes.c.id))]
        body = SealedBytes(b"\x00\xff")
        assert [
            ("a", NOON, body, {"a": [1]}, Colour.RED, True),
            ("b", tokyo, body, None, None, False),
        ] == rows
        assert [SealedBytes, UTC] == [type(rows[1][2]), rows[1][1].tzinfo]

    async def test_twins_are_ignored_and_the_first_stays(self, remembering: Database) -> None:
        await remembering.append(notes, [note("a"), note("a", seen=False), note("b")])
        await asyncio.gather(*(remembering.append(notes, [note("b", seen=False)]) for _ in range(10)))
        async with remembering.reading() as connection:
            rows = (await connection.execute(select(notes.c.id, notes.c.seen).order_by(notes.c.id))).all()
        assert [("a", True), ("b", True)] == [tuple(row) for row in rows]

    async def test_calls_at_the_same_moment_share_a_commit(self, remembering: Database) -> None:
        commits: list[None] = []
        remembering.on_commit(lambda: commits.append(None))
        await asyncio.gather(*(remembering.append(notes, [note(str(number))]) for number in range(200)))
        assert 200 == len(await names(remembering, notes))
        assert len(commits) <= 3

    async def test_more_rows_than_one_statement_takes(self, remembering: Database) -> None:
        await remembering.append(notes, [note(f"{number:05}") for number in range(6_001)])
        assert 6_001 == len(await names(remembering, notes))

    async def test_nothing_to_append(self, remembering: Database) -> None:
        await remembering.append(notes, [])
        assert [] == await names(remembering, notes)

    @pytest.mark.parametrize("bad", [{"body": None}, {"id": "\ud800"}, {"id": 2**70}])
    async def test_a_bad_row_harms_only_its_own_call(self, remembering: Database, bad: dict[str, Any]) -> None:
        results = await asyncio.gather(
            *(remembering.append(notes, [note(name)]) for name in ("a", "b")),
            remembering.append(notes, [{**note("bad"), **bad}]),
            remembering.append(notes, [note("c")]),
            return_exceptions=True,
        )
        assert [None, None, None] == [results[0], results[1], results[3]]
        assert isinstance(results[2], Exception)
        assert ["a", "b", "c"] == await names(remembering, notes)

    async def test_plain_words_and_moments_without_zone_are_refused(self, remembering: Database) -> None:
        with pytest.raises(TypeError, match="sealed words only, not plain bytes"):
            await remembering.append(notes, [note("a", body=b"Mei, 13800001234")])
        with pytest.raises(ValueError, match="time zone"):
            await remembering.append(notes, [note("a", at=NOON.replace(tzinfo=None))])
        with pytest.raises(ValueError, match="same columns"):
            await remembering.append(notes, [note("a"), {"id": "b"}])
        with pytest.raises(ValueError, match="missing columns"):
            await remembering.append(choosy, [{"unknown": 1}])
        assert [] == await names(remembering, notes)

    async def test_who_gives_up_takes_nobody_along(self, remembering: Database) -> None:
        waiting = [asyncio.create_task(remembering.append(notes, [note(name)])) for name in "abcd"]
        await asyncio.sleep(0)
        waiting[1].cancel()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(results.pop(1), asyncio.CancelledError)
        assert [None] * 3 == results
        assert {"a", "c", "d"} <= set(await names(remembering, notes))

    async def test_kill_9_loses_nothing_that_was_acknowledged(self, remembering: Database, database_url: str) -> None:
        process = await start(APPENDING, database_url)
        assert process.stdout is not None
        acknowledged = [(await process.stdout.readline()).decode().strip() for _ in range(100)]
        process.kill()
        acknowledged += (await process.stdout.read()).decode().split("\n")[:-1]
        await process.wait()
        assert 100 <= len(acknowledged)
        assert set(acknowledged) <= set(await names(remembering, notes))


async def start(program: str, url: str) -> asyncio.subprocess.Process:
    """Run `program` in a process of its own."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, url, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )


APPENDING = """
import asyncio, itertools, sys
from tests.storage.test_database import Database, note, notes

async def main():
    database = Database(sys.argv[1])
    await database.open()
    async def caller(name):
        for number in itertools.count():
            await database.append(notes, [note(f"{name}-{number}")])
            print(f"{name}-{number}", flush=True)
    await asyncio.gather(*map(caller, "abcdefgh"))

asyncio.run(main())
"""

LOOKING = """
import contextlib, sqlite3, sys

with contextlib.closing(sqlite3.connect(sys.argv[1])) as raw:
    print(*raw.execute("SELECT max(name) FROM test_counters").fetchone())
"""

COUNTING = """
import asyncio, sys
from tests.storage.test_database import Database, counting

async def main():
    database = Database(sys.argv[1])
    await database.open()
    print("open", flush=True)
    for number in range(100):
        await database.write(counting(f"theirs{number:03}"))
    await database.close()

asyncio.run(main())
"""


class TestSqlite:
    """One file: the writer waits for other processes, and nothing that goes wrong in a job ends the round."""

    @pytest.fixture
    async def remembering(self, sqlite_url: str) -> AsyncIterator[Database]:
        """An SQLite database that also has the tables of this page."""
        database = Database(sqlite_url)
        await database.open()
        await database.write(lambda connection: connection.run_sync(schema.create_all))
        yield database
        await database.close()

    async def test_two_processes_write_at_the_same_time(self, remembering: Database, sqlite_url: str) -> None:
        process = await start(COUNTING, sqlite_url)
        assert process.stdout is not None
        assert b"open\n" == await process.stdout.readline()
        for number in range(100):
            await remembering.write(counting(f"ours{number:03}"))
        assert 0 == await process.wait()
        assert 200 == len(await names(remembering))

    async def test_a_second_look_at_the_file_lets_no_other_process_take_the_log_away(
        self, remembering: Database, sqlite_url: str, tmp_path: Path
    ) -> None:
        """Closing any descriptor of a file gives up all locks that its process holds on it."""
        again = Database(sqlite_url)
        await again.open()
        await again.close()
        for written in ("a", "b"):
            await remembering.write(counting(written))
            process = await start(LOOKING, str(tmp_path / "bulou.db"))
            seen, _ = await process.communicate()
            assert f"{written}\n".encode() == seen

    async def test_waits_for_another_process_to_let_go(self, remembering: Database, tmp_path: Path) -> None:
        other = sqlite3.connect(tmp_path / "bulou.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(remembering.write(counting("a")))
        done, _ = await asyncio.wait([waiting], timeout=0.1)
        assert set() == done
        other.execute("COMMIT")
        other.close()
        assert "a" == await waiting

    async def test_says_so_when_another_process_never_lets_go(
        self, remembering: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sqlite, "LOCK_SECONDS", 0.01)
        other = sqlite3.connect(tmp_path / "bulou.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        results = await asyncio.gather(
            remembering.write(counting("a")), remembering.append(notes, [note("n")]), return_exceptions=True
        )
        assert [Unavailable, Unavailable] == [type(result) for result in results]
        assert "another process has been writing" in str(results[0])
        other.execute("ROLLBACK")
        other.close()
        assert "b" == await remembering.write(counting("b"))

    async def test_a_job_that_loses_the_transaction_loses_only_itself(self, remembering: Database) -> None:
        await remembering.write(counting("there"))

        async def losing(connection: AsyncConnection) -> None:
            await connection.exec_driver_sql("INSERT OR ROLLBACK INTO test_counters (name) VALUES ('there')")

        results = await asyncio.gather(
            remembering.write(counting("a")),
            remembering.write(losing),
            remembering.write(counting("b")),
            return_exceptions=True,
        )
        assert ["a", IntegrityError, "b"] == [results[0], type(results[1]), results[2]]
        assert ["a", "b", "there"] == await names(remembering)

    async def test_a_job_does_not_commit(self, remembering: Database) -> None:
        async def committing(connection: AsyncConnection) -> None:
            await counting("lost")(connection)
            await connection.commit()

        results = await asyncio.gather(
            remembering.write(committing), remembering.write(counting("a")), return_exceptions=True
        )
        assert [RuntimeError, "a"] == [type(results[0]), results[1]]
        assert "b" == await remembering.write(counting("b"))
        assert ["a", "b"] == await names(remembering)

    async def test_a_missing_value_is_not_taken_for_a_twin(self, remembering: Database) -> None:
        with pytest.raises(sqlite3.IntegrityError, match="NOT NULL"):
            await remembering.append(notes, [note("a", body=None)])

    async def test_is_set_up_to_survive_a_power_cut(self, remembering: Database) -> None:
        async def settings(connection: AsyncConnection) -> list[Any]:
            asked = ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
            return [(await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one() for name in asked]

        assert ["wal", 2, 1, 1] == await remembering.write(settings)

    async def test_long_rounds_are_cut_short(self, remembering: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sqlite, "ROUND_SECONDS", 0.0)
        commits: list[None] = []
        remembering.on_commit(lambda: commits.append(None))
        await asyncio.gather(*(remembering.write(counting(f"n{number}")) for number in range(10)))
        assert 10 == len(await names(remembering)) == len(commits)

    async def test_a_new_file_is_its_owners_alone(self, tmp_path: Path) -> None:
        database = Database(f"sqlite:///{tmp_path / 'new.db'}")
        await database.open()
        await database.close()
        assert 0o600 == (tmp_path / "new.db").stat().st_mode & 0o777


class TestPostgres:
    """A server: clashes and lost connections cost another try, never a second effect."""

    @pytest.fixture
    async def remembering(self, postgres_url: str) -> AsyncIterator[Database]:
        """A PostgreSQL database that also has the tables of this page."""
        database = Database(postgres_url)
        await database.open()
        await database.write(lambda connection: connection.run_sync(schema.create_all))
        yield database
        await database.close()

    async def test_a_clash_is_tried_again(self, remembering: Database) -> None:
        tries: list[None] = []

        async def clashing(connection: AsyncConnection) -> str:
            await counting("a")(connection)
            tries.append(None)
            if len(tries) < 3:
                await connection.execute(text("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$"))
            return "done"

        assert "done" == await remembering.write(clashing)
        assert ["a"] == await names(remembering)

    async def test_a_clash_is_not_tried_for_ever(self, remembering: Database) -> None:
        tries: list[None] = []

        async def clashing(connection: AsyncConnection) -> None:
            tries.append(None)
            await connection.execute(text("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$"))

        with pytest.raises(DBAPIError):
            await remembering.write(clashing)
        assert 3 == len(tries)

    async def test_a_connection_lost_before_the_commit_is_tried_again(self, remembering: Database) -> None:
        tries: list[None] = []

        async def losing(connection: AsyncConnection) -> str:
            await counting("a")(connection)
            tries.append(None)
            if len(tries) == 1:
                await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
            return "done"

        assert "done" == await remembering.write(losing)
        assert ["a"] == await names(remembering)

    async def test_a_restarted_server_is_found_again(self, remembering: Database) -> None:
        await remembering.append(notes, [note("before")])
        await names(remembering)

        async def end_the_others(connection: AsyncConnection) -> int:
            others = "datname = current_database() AND pid <> pg_backend_pid()"
            ended = await connection.execute(
                text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
            )
            return len(ended.all())

        assert 2 <= await remembering.write(end_the_others)
        await remembering.append(notes, [note("after")])
        assert "a" == await remembering.write(counting("a"))
        assert ["after", "before"] == await names(remembering, notes)

    async def test_text_that_is_too_long_is_refused_not_cut(self, remembering: Database) -> None:
        with pytest.raises(Exception, match="too long"):
            await remembering.append(notes, [note("x" * 33)])
        assert [] == await names(remembering, notes)

    async def test_more_jobs_than_connections(self, remembering: Database) -> None:
        await asyncio.gather(*(remembering.write(counting(f"n{number:02}")) for number in range(60)))
        async with remembering.reading() as connection:
            assert 60 == (await connection.execute(select(func.count()).select_from(counters))).scalar_one()

    @pytest.mark.parametrize(
        ("sqlstate", "said"), [("28P01", "user or password"), ("3D000", "no database bulou"), ("", "cannot be reached")]
    )
    def test_says_what_to_do_without_the_password(self, sqlstate: str, said: str) -> None:
        refusal = RuntimeError("password hunter2")
        refusal.sqlstate = sqlstate  # type: ignore[attr-defined]
        line = postgres.explain(refusal, parse_url("postgresql://me:hunter2@db.example:5433/bulou"))
        assert said in line
        assert "db.example:5433" in line
        assert "hunter2" not in line

    async def test_a_missing_database_is_named(self, postgres_url: str) -> None:
        database = Database(str(postgres_url).replace("/bulou_", "/no_such_"))
        with pytest.raises(Unavailable, match="has no database no_such_"):
            await database.open()

    async def test_nobody_answers(self) -> None:
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1 cannot be reached"):
            await Database("postgresql://me:hunter2@127.0.0.1:1/bulou").open()


class TestAddress:
    """What BULOU_DATABASE_URL may say."""

    @pytest.mark.parametrize(
        ("url", "understood"),
        [
            ("sqlite+aiosqlite:///bulou.db", "sqlite+aiosqlite:///bulou.db"),
            ("sqlite:////var/lib/bulou.db", "sqlite+aiosqlite:////var/lib/bulou.db"),
            ("postgresql://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
            ("postgres://h/d?sslmode=require", "postgresql+asyncpg://h/d?ssl=require"),
        ],
    )
    def test_known_forms(self, url: str, understood: str) -> None:
        assert understood == parse_url(url).render_as_string(hide_password=False)

    @pytest.mark.parametrize(
        "url", ["", "bulou.db", "mysql://root:hunter2@h/d", "sqlite://", "sqlite:///:memory:", "sqlite:///a.db?mode=ro"]
    )
    def test_anything_else_is_refused_without_repeating_it(self, url: str) -> None:
        with pytest.raises(Unavailable, match="BULOU_DATABASE_URL") as refused:
            Database(url)
        assert "hunter2" not in str(refused.value)

    async def test_a_missing_folder_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(Unavailable, match="does not exist"):
            await Database(f"sqlite:///{tmp_path / 'missing' / 'bulou.db'}").open()

    async def test_a_file_that_is_no_database_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "bulou.db").write_text("not a database at all, but long enough to be taken for one" * 20)
        with pytest.raises(Unavailable, match="is not an SQLite database"):
            await Database(f"sqlite:///{tmp_path / 'bulou.db'}").open()

    async def test_a_folder_is_no_database(self, tmp_path: Path) -> None:
        with pytest.raises(Unavailable, match="cannot be opened for writing"):
            await Database(f"sqlite:///{tmp_path}").open()
