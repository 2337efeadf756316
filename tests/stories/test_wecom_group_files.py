"""WeCom's 智能机器人 only ever answers: files and ways in come in the private chat with the app."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.stories.test_wecom_group import ask, in_group
from tests.world import World

PROCESS = Path(__file__).parents[2] / "config" / "processes" / "restaurant.yaml"


@pytest.fixture
async def world(sqlite_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with World.open(sqlite_url, tmp_path, [PROCESS]) as opened:
        yield opened


async def test_a_table_asked_for_in_the_group_comes_in_private(world: World) -> None:
    """The group reads that it will come; the file itself goes to whoever asked."""
    wang = await in_group(world, "Wang")
    await world.invite("李梅")
    (answer,) = await ask(world, wang, "/导出 候选人")
    assert "好了私发给您" in answer.text
    (file,) = [message for message in world.hr_sees(wang) if message.msgtype == "file"]
    assert "候选人-2026-03-02.xlsx" == world.file(file)[0]


async def test_the_way_to_the_dashboard_is_nobody_elses(world: World) -> None:
    """The group sees no link."""
    wang = await in_group(world, "Wang")
    (answer,) = await ask(world, wang, "/看板")
    assert "私发给您了" in answer.text
    assert "/dashboard/login/" not in str(answer.payload)
    assert "/dashboard/login/" in str(world.hr_sees(wang)[-1].payload)


async def test_how_to_import_is_said_in_the_group(world: World) -> None:
    """There the bot gets no files."""
    wang = await in_group(world, "Wang")
    (answer,) = await ask(world, wang, "/导入")
    assert "发给我就行" in answer.text
