"""What is asked all day finds its rows by an index, however many there are; PostgreSQL's planner goes by numbers."""

import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from storage import batches, due, followups, rates, search
from storage.database import Database
from storage.keys import DayKeys, load_root
from storage.tables import Batch, RateChange, Visit, Watch
from storage.unit import Ground, Unit

NOON = datetime(2026, 6, 1, 4, 0, tzinfo=UTC)
LARGE = ("applications", "candidates", "events", "follow_ups", "outbox", "search_terms", "timers", "visits")
RECRUITER = {"id": "r", "role": "recruiter", "shops": ["南京路店"]}
ADMIN = {"id": "a", "role": "admin", "shops": []}


@pytest.fixture
async def ground(sqlite_url: str) -> AsyncIterator[Ground]:
    """An empty company on SQLite, whose planner does not count what is there."""
    database = Database(sqlite_url)
    await database.open()
    keyring = await load_root(database, b"k" * 32)
    yield Ground(database, keyring, DayKeys(database, keyring), UTC, "zh-CN", frozenset())
    await database.close()


async def plans(ground: Ground, path: Path, job: Callable[[Unit], Awaitable[Any]]) -> list[str]:
    """How SQLite finds the rows of each statement of a job."""
    asked: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, values: Any, *_: Any) -> None:
        asked.append((statement, values))

    async def whole(connection: Any) -> None:
        unit = Unit(connection, ground, NOON)
        await job(unit)
        await unit.flush()

    event.listen(Engine, "before_cursor_execute", note)
    try:
        await ground.database.write(whole)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    raw = sqlite3.connect(path)
    try:
        queries = [(statement, values) for statement, values in asked if statement.lstrip().startswith("SELECT")]
        return [
            row[3] for statement, values in queries for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", values)
        ]
    finally:
        raw.close()


async def fold(unit: Unit) -> None:
    """One change of a batch that is watched already."""
    unit.add(Batch, id="b", name="三月", created_at=NOON, paused_at=None, muted_until=None)
    unit.add(RateChange, batch_id="b", invited_at=None)
    watch = {"batch_id": "b", "process_id": "crew", "number": 0, "first_at": NOON, "next_at": NOON}
    unit.add(Watch, **watch, alerting=False, told_rate=None, level=0)
    assert 1 == await rates.fold(unit, 100)


@pytest.mark.parametrize(
    "job",
    [
        pytest.param(lambda unit: search.applications(unit, "王伟", []), id="a name"),
        pytest.param(lambda unit: search.applications(unit, "王伟", ["南京路店"]), id="a name in a shop"),
        pytest.param(lambda unit: search.applications(unit, "4f9c01ab", []), id="the beginning of an id"),
        pytest.param(lambda unit: search.applications(unit, "13800001234", ["南京路店"]), id="a number"),
        pytest.param(lambda unit: followups.todo(unit, RECRUITER), id="a recruiter's tasks"),
        pytest.param(lambda unit: followups.todo(unit, ADMIN), id="all tasks"),
        pytest.param(lambda unit: followups.by_prefix(unit, "4f9c01ab", ADMIN), id="one task"),
        pytest.param(lambda unit: batches.newest(unit, ["南京路店"]), id="the newest batches"),
        pytest.param(fold, id="a change of a rate"),
        pytest.param(lambda unit: rates.still_open(unit, "b"), id="whether a batch is over"),
        pytest.param(lambda unit: due.look(unit.connection), id="who is needed"),
    ],
)
async def test_nothing_that_grows_is_read_whole(
    ground: Ground, tmp_path: Path, job: Callable[[Unit], Awaitable[Any]]
) -> None:
    """Neither by itself nor in the order of an index."""
    found = await plans(ground, tmp_path / "bulou.db", job)

    assert found
    assert [] == [step for step in found if re.match(rf"SCAN ({'|'.join(LARGE)})\b", step)]


async def test_the_first_invite_stands_first_in_an_index(ground: Ground, tmp_path: Path) -> None:
    """Of each stage; a whole batch would be read otherwise."""
    found = await plans(ground, tmp_path / "bulou.db", lambda unit: rates._first_invite(unit, "b", {"one", "two"}))

    by_stage = [step for step in found if f"{Visit.name} USING" in step]
    assert 2 == len(by_stage)
    assert all("(batch_id=? AND stage=?" in step for step in by_stage)


async def test_tasks_are_listed_and_counted_from_their_index_alone(ground: Ground, tmp_path: Path) -> None:
    """In the order in which they are due."""
    found = await plans(ground, tmp_path / "bulou.db", lambda unit: followups.todo(unit, ADMIN))

    assert [] == [step for step in found if "B-TREE" in step]
    assert any("COVERING INDEX" in step for step in found)
