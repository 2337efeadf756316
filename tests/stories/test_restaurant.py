"""The restaurant chain: passing the AI interview asks for the certificate; without one there is no second interview."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.world import World

PROCESS = Path(__file__).parents[2] / "config" / "processes" / "restaurant.yaml"
PICTURE = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(300)


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with World.open(database_url, tmp_path, [PROCESS]) as opened:
        yield opened


async def test_silence_costs_one_sms_and_one_follow_up(world: World) -> None:
    """Somebody who never clicks gets one more SMS after 12 h; after 24 h a person is asked to call."""
    hr = await world.member("Wang")
    mei = await world.invite("李梅")
    assert 1 == len(mei.sms)

    await world.wait(hours=11, minutes=59)
    assert 1 == len(mei.sms)

    await world.wait(hours=12)  # 21:00 is quiet: the SMS leaves at 08:00
    assert 2 == len(mei.sms)

    await world.wait(hours=12)
    assert [["not_participated"]] == await world.follow_ups(mei)
    assert "李梅" in world.sandbox.app.messages(hr)[-1].text


async def test_from_invite_to_second_interview(world: World) -> None:
    """The whole way of somebody who does everything right."""
    hr = await world.member("Wang")
    mei = await world.invite("李梅")
    await mei.finish_interview(总分=82, 服务意识=86, 抗压能力=71)
    assert "health_certificate" == await world.stage(mei)

    await mei.open_chat()
    await mei.send_picture(PICTURE)
    assert [] == world.sandbox.app.messages(hr)  # without consent nothing was fetched

    await mei.tap("consent")
    await world.hr_taps(hr, "approve")
    assert "second_interview" == await world.stage(mei)

    await mei.tap("slot")
    assert "second_interview" == await world.stage(mei)
    await mei.say("我到哪一步了")
    assert "门店复试" in mei.chat[-1]
    assert "李梅" in await world.hr_says(hr, "/status 李梅")
