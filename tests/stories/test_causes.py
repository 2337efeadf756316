"""An alert names what it likely comes from: the bot opens the link, compares the shops, and calls chance chance."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.world import Cast, World

PROCESS = Path(__file__).parents[2] / "config" / "processes" / "restaurant.yaml"


CASTS = {"wecom": Cast(), "feishu": Cast(hr="feishu", platforms=("wecom", "feishu"))}
pytestmark = pytest.mark.parametrize(
    ("world", "database_url"), [("wecom", "postgresql"), ("feishu", "sqlite")], indirect=True
)


@pytest.fixture
async def world(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with World.open(database_url, tmp_path, [PROCESS], CASTS[request.param]) as opened:
        yield opened


def alert_of(world: World) -> str:
    """The one alert about those who did not come."""
    (told,) = [text for text in world.group if "缺席率" in text]
    return told


async def test_a_dead_link_is_named(world: World) -> None:
    """The provider's page answers 404: that is what the alert says, and nobody's visit is counted as a click."""
    world.sandbox.interview.dead = True
    for _ in range(25):
        await world.invite()
    await world.wait(hours=25)
    assert "邀请链接打不开（404）" in alert_of(world)
    assert not world.sandbox.interview.opened


async def test_what_people_say_is_named(world: World) -> None:
    """The page opens for the bot, but several who were reminded answer that it does not open for them."""
    people = [await world.invite() for _ in range(25)]
    await world.wait(hours=13)
    for person in people[:4]:
        await world.sandbox.sms.reply(person.phone, "链接打不开")
    await world.settle()
    await world.wait(hours=12)
    assert "4人说链接打不开" in alert_of(world)


async def test_one_shop_is_named(world: World) -> None:
    """Nobody from one shop comes, nearly everybody from the others: the shop is named with both numbers."""
    for number in range(40):
        candidate = await world.invite(shop=["人民路店", "南京路店", "延安路店", "西湖店"][number % 4])
        if number % 4 != 3:
            await candidate.finish_interview(总分=75)
    await world.wait(hours=25)
    assert "主要在西湖店：10人里10人，其他30人里0人" in alert_of(world)


async def test_chance_is_called_chance(world: World) -> None:
    """Two of twenty-five, here and there: nothing stands out, and the alert says so."""
    for number in range(25):
        candidate = await world.invite(shop=["人民路店", "南京路店"][number % 2])
        if number not in (3, 16):
            await candidate.finish_interview(总分=75)
    await world.wait(hours=25)
    assert "可能只是碰巧" in alert_of(world)


async def test_the_alert_can_be_acted_on(world: World) -> None:
    """It offers to remind all, to list them, to be quiet: by buttons, or by links where a robot hears no taps."""
    await world.member("Wang")
    for _ in range(25):
        await world.invite()
    await world.wait(hours=25)
    shown = world.group_messages()
    alert = next(message for message in shown if "缺席率" in message.text)
    verbs = ["remind", "list", "mute"]
    if world.cast.hr != "feishu":
        assert verbs == re.findall("/do/([a-z_]+):", alert.text)
        return
    assert verbs == [key.partition(":")[0] for _, key in alert.buttons]
    wang = world.sandbox.feishu.who("Wang")
    await world.feishu_tap(wang, alert, alert.buttons[1][1])
    assert any("候选人1" in message.text for message in wang.sees(world.sandbox.feishu.hr_group.id))
