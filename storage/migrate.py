"""Brings the schema up to date. The next change is drafted by `python -m storage.migrate "what changes"`."""

import asyncio
import re
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import inspect, text
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import OperationalError

from storage.database import Database
from storage.postgres import postgres_engine
from storage.sqlite import changing_engine, explain
from storage.url import Unavailable, parse_url

# Alembic is imported where it is used: it costs a tenth of a second, which a start without changes does not pay.

FOLDER = Path(__file__).with_name("migrations")
_FILE = re.compile(r"(\d{4})_\w+\.py")


def head() -> str:
    """The number of the newest change, such as "0003"; "" when there is none."""
    files = (_FILE.fullmatch(path.name) for path in (FOLDER / "versions").iterdir())
    return max((found[1] for found in files if found), default="")


async def pending(url: str) -> bool:
    """Has the schema another version than this program needs? Raises Unavailable."""
    address = parse_url(url)
    if address.drivername.startswith("sqlite") and not _exists(Path(str(address.database))):
        return True  # and looking must not create it
    database = Database(url)
    await database.open()
    try:
        async with database.reading() as connection:
            return await connection.run_sync(_version) != head()
    finally:
        await database.close()


async def upgrade(url: str) -> None:
    """
    Make all missing changes in one transaction; harmless when there are none, and when two processes try at once.

    Raises Unavailable, also when a newer program has changed the schema already.
    """
    database = Database(url)  # says in words what is wrong, and creates the file
    await database.open()
    await database.close()
    await _with_schema(parse_url(url), _upgrade)


async def draft(message: str) -> None:
    """Write the next change: the difference between all changes so far and `storage.tables`."""
    with TemporaryDirectory() as folder:
        scratch = f"sqlite:///{folder}/scratch.db"
        await upgrade(scratch)
        await _with_schema(parse_url(scratch), lambda connection: _draft(connection, message))


def _exists(path: Path) -> bool:
    return path.exists()


async def _with_schema(address: URL, change: Callable[[Connection], None]) -> None:
    """Run `change` while no other process changes the schema."""
    is_file = address.drivername.startswith("sqlite")
    path = Path(str(address.database))
    engine = changing_engine(path) if is_file else postgres_engine(address, 1)
    try:
        async with engine.begin() as connection:
            if not is_file:
                await connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('schema', 0))"))
            await connection.run_sync(change)
    except OperationalError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise Unavailable(explain(error.orig, path)) from error
        raise
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    if _version(connection) > head():
        raise Unavailable("the database was changed by a newer version of this program: install that version")
    if _version(connection) == head():
        return
    from alembic import command

    command.upgrade(_config(connection), "head")
    if connection.dialect.name == "sqlite":  # its foreign keys are off while tables are rebuilt
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if broken:
            raise RuntimeError(f"the change left {len(broken)} rows without the row they belong to")


def _draft(connection: Connection, message: str) -> None:
    from alembic import command

    number = f"{int(head() or 0) + 1:04}"
    command.revision(_config(connection), message, autogenerate=True, rev_id=number)


def _config(connection: Connection) -> Any:
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    return config


def _version(connection: Connection) -> str:
    """The number of the last change that was made; "" when there was none."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit('usage: python -m storage.migrate "what changes"')
    asyncio.run(draft(sys.argv[1]))
