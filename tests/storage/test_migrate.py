"""The schema's history: brought up to date once, whoever asks, and never backwards."""

import asyncio
import sqlite3
import stat
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from storage import migrate
from storage.database import Database
from storage.url import Unavailable

FIRST = """
from alembic import op
import sqlalchemy as sa

revision = "0001"
down_revision = None


def upgrade():
    op.create_table("letters", sa.Column("id", sa.String(8), primary_key=True))
    op.create_table("stamps", sa.Column("letter", sa.String(8), sa.ForeignKey("letters.id"), primary_key=True))


def downgrade():
    op.drop_table("stamps")
    op.drop_table("letters")
"""

SECOND = """
from alembic import op
import sqlalchemy as sa

revision = "0002"
down_revision = "0001"


def upgrade():
    with op.batch_alter_table("letters") as batch:
        batch.add_column(sa.Column("colour", sa.String(8), nullable=False, server_default="red"))
        batch.alter_column("id", type_=sa.String(16))


def downgrade():
    raise LookupError("never")
"""

BROKEN = """
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade():
    op.execute("CREATE TABLE half_done (id INTEGER)")
    op.execute("no such statement")
"""

UPGRADING = """
import asyncio, pathlib, sys
from storage import migrate

migrate.FOLDER = pathlib.Path(sys.argv[1])
asyncio.run(migrate.upgrade(sys.argv[2]))
"""


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A history of one change, to which a test may add."""
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    for name in ("env.py", "script.py.mako"):
        (folder / name).write_bytes((migrate.FOLDER / name).read_bytes())
    monkeypatch.setattr(migrate, "FOLDER", folder)
    (folder / "versions" / "0001_letters.py").write_text(FIRST)
    return folder / "versions"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database without tables; the test runs once for each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new.db'}"
    return str(request.getfixturevalue("empty_postgres_url"))


async def ask(url: str, question: str) -> list[tuple[object, ...]]:
    """Run a statement; the rows, if any."""
    database = Database(url)
    await database.open()
    try:
        async with database.reading() as connection:
            return [tuple(row) for row in await connection.execute(text(question))]
    finally:
        await database.close()


async def tell(url: str, statement: str) -> None:
    """Change something."""
    database = Database(url)
    await database.open()
    try:
        await database.write(lambda connection: connection.execute(text(statement)))
    finally:
        await database.close()


async def test_an_empty_database_is_brought_up_to_date(history: Path, empty_url: str) -> None:
    assert await migrate.pending(empty_url)
    await migrate.upgrade(empty_url)
    assert not await migrate.pending(empty_url)
    assert [] == await ask(empty_url, "SELECT id FROM letters")
    await migrate.upgrade(empty_url)


async def test_a_table_is_changed_with_its_rows_and_those_that_point_to_it(history: Path, empty_url: str) -> None:
    await migrate.upgrade(empty_url)
    await tell(empty_url, "INSERT INTO letters VALUES ('a')")
    await tell(empty_url, "INSERT INTO stamps VALUES ('a')")
    (history / "0002_colour.py").write_text(SECOND)
    assert "0002" == migrate.head()
    assert await migrate.pending(empty_url)
    await migrate.upgrade(empty_url)
    assert [("a", "red")] == await ask(empty_url, "SELECT id, colour FROM letters")
    assert [("a",)] == await ask(empty_url, "SELECT letter FROM stamps")


async def test_a_change_that_fails_leaves_nothing_half_done(history: Path, empty_url: str) -> None:
    await migrate.upgrade(empty_url)
    (history / "0002_colour.py").write_text(SECOND)
    (history / "0003_broken.py").write_text(BROKEN)
    with pytest.raises(Exception, match="syntax"):
        await migrate.upgrade(empty_url)
    assert [("0001",)] == await ask(empty_url, "SELECT version_num FROM alembic_version")
    (history / "0003_broken.py").unlink()
    await migrate.upgrade(empty_url)
    assert [] == await ask(empty_url, "SELECT colour FROM letters")


async def test_two_processes_at_once(history: Path, empty_url: str) -> None:
    async def other() -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", UPGRADING, str(history.parent), empty_url, cwd=Path(__file__).parents[2]
        )
        return await process.wait()

    assert [0, 0] == list(await asyncio.gather(other(), other()))
    assert not await migrate.pending(empty_url)


async def test_a_newer_schema_is_left_alone(history: Path, empty_url: str) -> None:
    (history / "0002_colour.py").write_text(SECOND)
    await migrate.upgrade(empty_url)
    (history / "0002_colour.py").unlink()
    assert await migrate.pending(empty_url)
    with pytest.raises(Unavailable, match="newer version"):
        await migrate.upgrade(empty_url)


async def test_looking_does_not_create_a_file(history: Path, tmp_path: Path) -> None:
    assert await migrate.pending(f"sqlite:///{tmp_path / 'new.db'}")
    assert not (tmp_path / "new.db").exists()


async def test_a_new_file_is_its_owners_alone(history: Path, tmp_path: Path) -> None:
    await migrate.upgrade(f"sqlite:///{tmp_path / 'new.db'}")
    assert 0o600 == stat.S_IMODE((tmp_path / "new.db").stat().st_mode)
    connection = sqlite3.connect(tmp_path / "new.db")
    assert ("wal",) == connection.execute("PRAGMA journal_mode").fetchone()
    connection.close()


async def test_the_next_change_is_drafted_from_the_difference(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (history / "0001_letters.py").unlink()
    await migrate.draft("all tables")
    drafted = (history / "0001_all_tables.py").read_text()
    assert "op.create_table('root_key'" in drafted
    assert "0001" == migrate.head()
    await migrate.draft("nothing new")
    assert "    pass" in (history / "0002_nothing_new.py").read_text()
