"""A group whose robot hears of no tap: links show what they will do, and do it once, in the group's name."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.world import BROWSER, Candidate, Cast, World

PROCESS = Path(__file__).parents[2] / "config" / "processes" / "restaurant.yaml"


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with World.open(database_url, tmp_path, [PROCESS]) as opened:
        yield opened


@pytest.fixture
async def feishu(sqlite_url: str, tmp_path: Path) -> AsyncIterator[World]:
    cast = Cast(hr="feishu", platforms=("wecom", "feishu"))
    async with World.open(sqlite_url, tmp_path, [PROCESS], cast) as opened:
        yield opened


class Reader:
    """Somebody of the group, in front of a browser."""

    def __init__(self, world: World) -> None:
        self.world = world

    def link(self, verb: str) -> str:
        """The newest link in the group that does this."""
        found = re.findall(rf"https?://[^\s()]+/do/{verb}:[A-Za-z0-9_-]+", "\n".join(self.world.group))
        return str(found[-1])

    async def look(self, link: str) -> tuple[int, str]:
        """Open a link."""
        async with aiohttp.ClientSession(headers=BROWSER) as browser, browser.get(link) as answer:
            return answer.status, await answer.text()

    async def press(self, page: str, **entered: str) -> tuple[int, str]:
        """Send the page's form off; what comes back."""
        async with aiohttp.ClientSession(headers=BROWSER) as browser, browser.post(page, data=entered) as answer:
            said = answer.status, await answer.text()
        await self.world.settle()
        return said


async def stay_away(world: World, count: int = 25) -> list[Candidate]:
    """So many are invited, nobody comes, and the group hears of it."""
    people = [await world.invite() for _ in range(count)]
    await world.wait(hours=25)
    return people


async def test_a_link_shows_first_and_acts_once(world: World) -> None:
    """Looking, also by a link preview, reminds nobody; the form reminds each once; then the link is used up."""
    people = await stay_away(world)
    reader = Reader(world)
    link = reader.link("remind")
    before = [len(person.sms) for person in people]
    status, page = await reader.look(link)
    assert (200, True, True) == (status, "25" in page, re.search("候选人[0-9]+，AI 面试", page) is not None)
    await world.settle()
    assert before == [len(person.sms) for person in people]

    status, page = await reader.press(link)
    assert (200, True) == (status, "提醒“三月”里的25人" in page)
    assert [count + 1 for count in before] == [len(person.sms) for person in people]
    assert (410, 410) == ((await reader.press(link))[0], (await reader.look(link))[0])
    assert [count + 1 for count in before] == [len(person.sms) for person in people]
    assert ("member:招聘群", "remind") in await world.trail()


async def test_a_link_ends_after_a_week(world: World) -> None:
    """And one that nobody was sent is answered in the same words."""
    await stay_away(world)
    reader = Reader(world)
    link = reader.link("mute")
    assert 200 == (await reader.look(link))[0]
    await world.wait(days=7, hours=1)
    over = await reader.look(link)
    assert (410, over) == (over[0], await reader.look(f"{link[:-4]}AAAA"))


async def test_the_batch_is_muted_by_a_link(world: World) -> None:
    """One day without its alerts."""
    await stay_away(world)
    reader = Reader(world)
    assert "安静1天" in (await reader.look(reader.link("mute")))[1]
    assert "静音到" in (await reader.press(reader.link("mute")))[1]
    assert ("member:招聘群", "batch.mute") in await world.trail()


async def test_a_dead_link_is_replaced_and_people_are_told(world: World) -> None:
    """The alert offers a new address; what is none is asked for again; links sent before lead to the new place too."""
    world.sandbox.interview.dead = True
    people = await stay_away(world)
    reader = Reader(world)
    link = reader.link("new_link")
    assert "还没面试的人" in (await reader.look(link))[1]
    assert "这个链接用不了" in (await reader.press(link, link="https://example.com/no-place"))[1]
    before = [len(person.sms) for person in people]
    new = "https://interview.example.com/new/{token}"
    status, page = await reader.press(link, link=new)
    assert (200, True) == (status, "换成了新链接" in page)
    assert [count + 1 for count in before] == [len(person.sms) for person in people]
    assert (await people[3].click()).startswith("https://interview.example.com/new/")
    assert 410 == (await reader.press(link, link=new))[0]


async def test_feishu_asks_for_the_new_address_in_a_form(feishu: World) -> None:
    """It can be taken back for ten minutes."""
    feishu.sandbox.interview.dead = True
    await feishu.member("Wang")
    people = await stay_away(feishu)
    wang = feishu.sandbox.feishu.who("Wang")
    alert = next(message for message in feishu.group_messages() if "缺席率" in message.text)
    assert "new_link" == alert.buttons[0][1].partition(":")[0]
    await feishu.feishu_tap(wang, alert, alert.buttons[0][1])
    await feishu.wait(seconds=30)  # a group gets five messages a second
    (form,) = [message for message in feishu.group_messages() if "25个还没面试的人" in message.text]
    await feishu.feishu_tap(wang, form, form.buttons[0][1], link="https://interview.example.com/new/{token}")
    assert (await people[3].click()).startswith("https://interview.example.com/new/")
    await feishu.wait(seconds=30)
    (told,) = [message for message in feishu.group_messages() if "换成了新链接" in message.text]
    await feishu.feishu_tap(wang, told, told.buttons[0][1])
    assert not (await people[4].click()).startswith("https://interview.example.com/new/")


async def test_a_follow_up_is_settled_in_a_group_without_buttons(world: World) -> None:
    """Nobody owns it, so the group gets it: without the number, which stands behind a link that keeps each look."""
    mei = await world.invite("李梅")
    await world.wait(hours=25)
    reader = Reader(world)
    (card,) = [text for text in world.group if "请跟进" in text]
    assert mei.phone.removeprefix("+86") not in card
    asked = (await reader.look(reader.link("view")))[1]
    assert ("李梅" in asked, mei.phone in asked) == (True, False)
    assert mei.phone in (await reader.press(reader.link("view")))[1]
    assert ("member:招聘群", "candidate.phone") in await world.trail()
    await reader.press(reader.link("reached"))
    assert [] == await world.follow_ups(mei)
    assert "member:招聘群" in await world.events(mei, "follow_up.done")
