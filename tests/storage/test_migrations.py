"""The written history of the schema leads to exactly the tables that the program expects."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from storage import migrate
from storage.database import Database
from storage.migrate import pending, upgrade
from storage.tables import METADATA, Trail
from storage.types import EPOCH


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database without tables; the test runs once for each kind."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'bulou.db'}"
    return str(request.getfixturevalue("empty_postgres_url"))


@pytest.fixture
async def migrated(empty_url: str) -> AsyncIterator[Database]:
    """A database that all changes have made."""
    await upgrade(empty_url)
    assert not await pending(empty_url)
    database = Database(empty_url)
    await database.open()
    yield database
    await database.close()


async def test_migrations_and_models_agree(migrated: Database) -> None:
    """Whoever changes a table writes the change down as well."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    def differences(connection: Any) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, METADATA))

    async with migrated.reading() as connection:
        assert [] == await connection.run_sync(differences)


@pytest.mark.parametrize("change", ["UPDATE trail SET actor = 'nobody'", "DELETE FROM trail"])
async def test_history_is_appended_to_only(migrated: Database, change: str) -> None:
    """The database itself refuses to change what was written, whoever asks."""
    line = {"at": EPOCH, "actor": "member:hr", "action": "document.viewed", "subject": "d1", "detail": ""}

    async def write(connection: AsyncConnection) -> None:
        await connection.execute(insert(Trail), [line])

    async def tamper(connection: AsyncConnection) -> None:
        await connection.execute(text(change))

    await migrated.write(write)
    with pytest.raises(DBAPIError, match="trail is appended to only"):
        await migrated.write(tamper)
    async with migrated.reading() as connection:
        assert "member:hr" == (await connection.execute(text("SELECT actor FROM trail"))).scalar_one()


async def test_events_are_protected_like_the_trail(migrated: Database) -> None:
    """Each application's history, too."""
    where = (
        "sqlite_master WHERE type = 'trigger'" if migrated.dialect == "sqlite" else "pg_trigger WHERE NOT tgisinternal"
    )
    name = "name" if migrated.dialect == "sqlite" else "tgname"
    async with migrated.reading() as connection:
        found = (await connection.execute(text(f"SELECT {name} FROM {where}"))).scalars().all()

    both = ["no_delete", "no_update"] if migrated.dialect == "sqlite" else ["no_change"]
    assert sorted(f"{table}_{verb}" for table in ("events", "trail") for verb in both) == sorted(found)


def test_every_change_has_its_own_number() -> None:
    """So that the newest is known by its file name alone."""
    files = sorted(path.name for path in (migrate.FOLDER / "versions").glob("0*.py"))

    assert [f"{number:04}" for number in range(1, len(files) + 1)] == [name[:4] for name in files]
