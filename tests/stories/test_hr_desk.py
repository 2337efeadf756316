"""A recruiter's day at the desk, on WeCom and on Feishu: numbers, reminders, thresholds, a batch that is held."""

import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.feishu.reading import roots, walk
from tests.world import Candidate, Cast, World

PROCESS = Path(__file__).parents[2] / "config" / "processes" / "restaurant.yaml"


@pytest.fixture
async def feishu(sqlite_url: str, tmp_path: Path) -> AsyncIterator[World]:
    cast = Cast(hr="feishu", platforms=("wecom", "feishu"))
    async with World.open(sqlite_url, tmp_path, [PROCESS], cast) as opened:
        yield opened


async def crew(world: World, count: int) -> list[Candidate]:
    """So many people of one batch, all invited to the AI interview."""
    return [await world.invite(f"候选人{number}") for number in range(count)]


def elements(card: dict[str, Any], tag: str) -> list[dict[str, Any]]:
    """Every element of a Feishu card with this tag."""
    return [element for element, _ in walk(roots(card)) if element.get("tag") == tag]


async def test_the_funnel_is_told_in_numbers(world: World) -> None:
    """Each stage with who came, passed and is there, on a card with what can be done."""
    wang = await world.member("Wang")
    people = await crew(world, 4)
    await people[0].finish_interview(总分=82)
    said = await world.hr_says(wang, "/漏斗")
    assert "三月 · 门店员工招聘，共4人" in said
    card = world.hr_sees(wang)[-1]
    assert "到过4，通过1，还在3" in str(card.text) + str(card.payload)
    assert ["全部催办", "静音1天", "暂停"] == [text for text, _ in card.buttons]


async def test_wecom_gets_the_funnel_as_a_picture(world: World) -> None:
    """After the card comes one picture, a real PNG of a size that one can look at; Feishu's card has its own chart."""
    wang = await world.member("Wang")
    await crew(world, 4)
    await world.hr_says(wang, "/funnel 三月")
    await world.wait(seconds=3)
    seen = world.hr_sees(wang)
    kinds = [message.msgtype for message in seen]
    if world.cast.hr == "feishu":
        assert "image" not in kinds
        return
    assert ["template_card", "image"] == kinds[-2:]
    drawn = world.sandbox.media.find(seen[-1].content["media_id"], "image", world.clock.now())
    width, height = struct.unpack(">II", drawn.content[16:24])
    assert (b"\x89PNG", True) == (drawn.content[:4], width > height > 300)


async def test_feishu_draws_the_funnel(feishu: World) -> None:
    """The chart's figures are those of the fields."""
    wang = await feishu.member("Wang")
    people = await crew(feishu, 4)
    await people[0].finish_interview(总分=82)
    await feishu.hr_says(wang, "/funnel 三月")
    (chart,) = elements(feishu.hr_sees(wang)[-1].content, "chart")
    assert "funnel" == chart["chart_spec"]["type"]
    figures = {point["name"]: point["value"] for point in chart["chart_spec"]["data"]["values"]}
    assert {"简历筛选": 4, "AI 面试": 4, "健康证": 1, "门店复试": 0, "已录用": 0} == figures


async def test_a_threshold_is_changed_in_a_form_and_undone(feishu: World) -> None:
    """Feishu's card asks for rate and percent, says before and after, and takes it back for ten minutes."""
    wang = await feishu.member("Wang")
    said = await feishu.hr_says(wang, "/阈值")
    assert "缺席率：5%" in said
    card = feishu.hr_sees(wang)[-1].content
    assert ["rate"] == [one["name"] for one in elements(card, "select_static")]
    assert ["percent"] == [one["name"] for one in elements(card, "input")]
    await feishu.hr_taps(wang, "confirm", rate="no_show", percent="8")
    assert "缺席率的警戒线：5% → 8%" in feishu.hr_sees(wang)[-1].text
    assert "缺席率：8%" in await feishu.hr_says(wang, "/阈值")
    await feishu.hr_taps(wang, "cancel")
    assert "缺席率：5%" in await feishu.hr_says(wang, "/阈值")


async def test_who_is_waited_for_is_reminded_after_a_yes(world: World) -> None:
    """Whoever took part is left alone; /why tells it afterwards, in words."""
    wang = await world.member("Wang")
    people = await crew(world, 3)
    await people[0].finish_interview(总分=82)
    before = [len(person.sms) for person in people]
    asked = await world.hr_says(wang, "/催办 三月")
    assert "“三月”里有3人还没动" in asked  # the one who has passed owes a certificate now
    await world.hr_taps(wang, "confirm")
    assert [count + 1 for count in before] == [len(person.sms) for person in people]
    assert "健康证" in people[0].sms[-1]
    assert "AI 面试" in people[1].sms[-1]

    await people[1].click()
    why = await world.hr_says(wang, "/为什么 候选人1")
    assert "到了“AI 面试”，发邀请，短信" in why
    assert "Wang要求催办，短信：已发出；今天(3月2日)09:00打开了链接" in why
    assert ["remind", "why"] == [action for _, action in await world.trail()]


async def test_a_paused_batch_waits_and_then_goes_on(world: World) -> None:
    """Nobody hears from the bot by itself, a click still leads on, and afterwards each gets one message at most."""
    wang = await world.member("Wang")
    mei = await world.invite("李梅")
    assert "已暂停" in await world.hr_says(wang, "/暂停 三月")
    fang = await world.invite("王芳")
    await world.wait(hours=26)
    assert (1, 0) == (len(mei.sms), len(fang.sms))
    assert await mei.click() != "410"
    assert [["not_participated"]] == await world.follow_ups(mei)

    await world.hr_says(wang, "/恢复 三月")
    assert (1, 1) == (len(mei.sms), len(fang.sms))  # one has clicked meanwhile, for the other the invite is news enough
    assert "同时有更要紧的一条" in await world.hr_says(wang, "/为什么 王芳")


async def test_a_muted_batch_is_counted_and_told_afterwards(world: World) -> None:
    """The rate is bad after a day; HR hears of it when the silence ends."""
    wang = await world.member("Wang")
    await crew(world, 20)
    assert "静音到" in await world.hr_says(wang, "/静音 三月 30小时")
    await world.wait(hours=29)
    assert [] == [text for text in world.group if "缺席率" in text]
    assert "没有预警" in await world.hr_says(wang, "/预警")
    await world.wait(hours=1, minutes=1)
    assert 1 == len([text for text in world.group if "缺席率100%" in text])
    assert "AI 面试缺席率100%（20/20，警戒线5%）" in await world.hr_says(wang, "/预警")


async def test_the_language_changes_at_once(world: World) -> None:
    """The answer itself is in it."""
    wang = await world.member("Wang")
    assert "English from now on" in await world.hr_says(wang, "/语言 en")
    assert "Nobody found" in await world.hr_says(wang, "/status 王五")
    await world.hr_taps(wang, "cancel")
    assert "没找到" in await world.hr_says(wang, "/status 王五")


async def test_status_shows_the_whole_way_and_what_can_be_done(world: World) -> None:
    """Behind, present and to come; a reminder while the candidate is waited for, and what was sent, behind a tap."""
    wang = await world.member("Wang")
    mei = await world.invite("李梅")
    await mei.finish_interview(总分=82, 服务意识=90)
    said = await world.hr_says(wang, "/状态 李梅")
    way = [line for line in said.splitlines() if line[:1] in "✓▶○"]
    assert ["✓ 简历筛选（今天(3月2日)09:00开始）", "✓ AI 面试（今天(3月2日)09:00开始）"] == way[:2]
    assert "▶ 健康证：等本人上传（今天(3月2日)09:00起）" == way[2]
    assert "○ 门店复试" == way[3]
    assert "评分：总分 82、服务意识 90" in said
    buttons = [text for text, _ in world.hr_sees(wang)[-1].buttons]
    assert ["现在催办", "发过什么", "看电话"] == buttons
    await world.hr_taps(wang, "confirm")
    assert any("到了“AI 面试”，发邀请，短信" in message.text for message in world.hr_sees(wang)[-2:])


async def test_todo_is_grouped_by_shop(world: World) -> None:
    """The shop of the most urgent task first, each with its number of tasks."""
    wang = await world.member("Wang")
    await world.invite("李梅", shop="人民路店")
    await world.invite("王芳", shop="西湖店")
    await world.invite("赵云", shop="人民路店")
    await world.wait(hours=25)
    lines = (await world.hr_says(wang, "/待办")).splitlines()
    headings = {line for line in lines if line.startswith("【")}
    assert {"【人民路店】2件", "【西湖店】1件"} == headings
    start = lines.index("【人民路店】2件")
    assert {"李梅", "赵云"} == {line.split()[1].split("，")[0] for line in lines[start + 1 : start + 3]}
    assert {"✓ 李梅", "✓ 王芳", "✓ 赵云"} == {
        text for pair in world.hr_sees(wang)[-1].buttons for text in pair if text.startswith("✓")
    }
