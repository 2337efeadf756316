"""Process definitions: every version stays, one is current, and no position has two masters."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest

from recruiting.process import Process, parse
from storage import processes
from storage.database import Database
from storage.keys import DayKeys, load_root
from storage.processes import NoEarlierVersion, Overlapping
from storage.unit import Ground, Unit

NOON = datetime(2026, 6, 1, 4, 0, tzinfo=UTC)
T = TypeVar("T")


@pytest.fixture
async def ground(database: Database) -> Ground:
    """An empty company."""
    keyring = await load_root(database, b"k" * 32)
    return Ground(database, keyring, DayKeys(database, keyring), UTC, "zh-CN", frozenset())


async def write(ground: Ground, job: Callable[[Unit], Awaitable[T]]) -> T:
    """Do something in one transaction."""

    async def whole(connection: Any) -> T:
        unit = Unit(connection, ground, NOON)
        result = await job(unit)
        await unit.flush()
        return result

    return await ground.database.write(whole)


def crew(id: str = "crew", *positions: str, stages: int = 1) -> Process:
    """A process with some stages."""
    listed = [{"id": f"s{n}", "kind": "review", "name": f"第{n}步"} for n in range(stages)]
    return parse({"id": id, "name": id, "positions": list(positions) or ["店员"], "stages": listed}, [])


async def named(ground: Ground) -> list[str]:
    """What is current, as `process list` prints it."""
    return [f"{process.id}@{version}" for process, version in await write(ground, processes.current)]


async def test_files_are_read_into_an_empty_table_only(ground: Ground) -> None:
    """Afterwards `process apply` is the way."""
    assert await write(ground, lambda unit: processes.first_files(unit, [crew(), crew("boss", "店长")]))
    assert not await write(ground, lambda unit: processes.first_files(unit, [crew("late", "厨师")]))

    assert ["boss@1", "crew@1"] == await named(ground)


async def test_what_was_applied_can_be_read_back_as_it_was(ground: Ground) -> None:
    """The rows hold the whole definition."""
    await write(ground, lambda unit: processes.apply(unit, crew(stages=3)))
    ground.processes.clear()

    ((process, version),) = await write(ground, processes.current)

    assert (crew(stages=3), 1) == (process, version)


async def test_each_change_is_a_version_and_the_same_again_is_none(ground: Ground) -> None:
    """Numbers only grow, also after a way back."""
    for stages, version in ((1, 1), (2, 2), (2, 2), (3, 3)):
        made = await write(ground, lambda unit, stages=stages: processes.apply(unit, crew(stages=stages)))
        assert version == made
    assert 2 == await write(ground, lambda unit: processes.rollback(unit, "crew"))
    assert ["crew@2"] == await named(ground)
    assert 4 == await write(ground, lambda unit: processes.apply(unit, crew(stages=4)))
    told = await write(ground, lambda unit: processes.history(unit, "crew"))
    assert [(4, True), (3, False), (2, False), (1, False)] == [(row["version"], row["current"]) for row in told]
    assert {NOON} == {row["applied_at"] for row in told}


async def test_there_is_no_way_back_before_the_first(ground: Ground) -> None:
    """And none for what was never there."""
    await write(ground, lambda unit: processes.apply(unit, crew()))

    with pytest.raises(NoEarlierVersion, match="crew@1 is the first version"):
        await write(ground, lambda unit: processes.rollback(unit, "crew"))
    with pytest.raises(NoEarlierVersion, match="no process other"):
        await write(ground, lambda unit: processes.rollback(unit, "other"))


async def test_one_position_in_two_processes_is_refused(ground: Ground) -> None:
    """When they are applied, when files are read first, and when a way back would lead there."""
    with pytest.raises(Overlapping, match="crew and other both name the position 店员"):
        await write(ground, lambda unit: processes.first_files(unit, [crew(), crew("other")]))
    await write(ground, lambda unit: processes.apply(unit, crew()))
    with pytest.raises(Overlapping, match="店员"):
        await write(ground, lambda unit: processes.apply(unit, crew("other", "店 员", "店长")))
    await write(ground, lambda unit: processes.apply(unit, crew("crew", "厨师")))
    await write(ground, lambda unit: processes.apply(unit, crew("other")))
    with pytest.raises(Overlapping, match="店员"):
        await write(ground, lambda unit: processes.rollback(unit, "crew"))

    assert ["crew@2", "other@1"] == await named(ground)
