"""What only Feishu can do, and where it has limits that nobody may notice."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.world import Cast, World

PROCESS = Path(__file__).parents[2] / "config" / "processes" / "restaurant.yaml"
PICTURE = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(300)


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    cast = Cast(hr="feishu", candidates="feishu", platforms=("feishu",))
    async with World.open(database_url, tmp_path, [PROCESS], cast) as opened:
        yield opened


async def test_a_group_is_made_hrs_by_an_administrators_tap(world: World) -> None:
    """Added to a group the bot says who it is. Only an administrator's tap makes the group HR's; then alerts come."""
    wang = world.sandbox.feishu.who(await world.member("Wang"))
    boss = world.sandbox.feishu.who(await world.member("Boss", "admin"))
    group = world.sandbox.feishu.group("门店招聘群", boss, wang)
    group.add_bot(wang)
    await world.settle()
    card = boss.sees(group.id)[-1]
    assert "招聘助手" in card.text
    key = next(key for _, key in card.buttons if key.startswith("confirm:"))
    assert "管理员" in await world.feishu_tap(wang, card, key)

    assert "已设为招聘群" == await world.feishu_tap(boss, card, key)
    await world.invite("李梅", shop="别的店")
    await world.wait(hours=30)
    texts = [message.text for message in boss.sees(group.id)]
    assert any("已设为招聘群" in text for text in texts)


async def test_two_groups_of_the_same_name_are_both_hrs(world: World) -> None:
    """Nobody has to rename a group because another one is called the same."""
    boss = world.sandbox.feishu.who(await world.member("Boss", "admin"))
    for _ in range(2):
        group = world.sandbox.feishu.group("门店招聘群", boss)
        group.add_bot(boss)
        await world.settle()
        card = boss.sees(group.id)[-1]
        key = next(key for _, key in card.buttons if key.startswith("confirm:"))
        assert "已设为招聘群" == await world.feishu_tap(boss, card, key)
    assert 2 == len([entry for entry in await world.trail() if entry[1] == "group.add"])


async def test_a_command_in_the_group_is_answered_under_it(world: World) -> None:
    """@bot in HR's group: a member is answered where they asked; anybody else, and talk without @, is left alone."""
    wang = world.sandbox.feishu.who(await world.member("Wang"))
    stranger = world.sandbox.feishu.person("路人")
    group = world.sandbox.feishu.hr_group
    group.add(stranger)
    await world.invite("李梅")
    asked = wang.say("/状态 李梅", group.id, at_bot=True)
    stranger.say("/状态 李梅", group.id, at_bot=True)
    wang.say("中午吃什么", group.id)
    await world.settle()
    answers = wang.sees(group.id)
    assert 1 == len(answers)
    assert "李梅" in answers[0].text
    assert asked == world.sandbox.feishu.company.messages[answers[0].msgid].parent_id


async def test_the_bots_menu_is_a_command(world: World) -> None:
    """The menu's entry `todo` is `/todo`."""
    wang = world.sandbox.feishu.who(await world.member("Wang"))
    wang.choose_menu("todo")
    await world.settle()
    assert wang.sees()[-1].text == await world.hr_says(wang.open_id, "/todo")


async def test_who_was_quicker_is_said_in_the_toast(world: World) -> None:
    """Two reviewers tap the same card in the group: the first decides, the second reads who has."""
    first = await world.member("Wang", shops=["人民路店"])
    second = await world.member("Zhao", shops=["人民路店"])
    mei = await world.invite("李梅")
    await mei.finish_interview(总分=82)
    await mei.open_chat()
    await mei.tap("upload")
    await mei.tap("consent")
    await mei.send_picture(PICTURE)
    seen = world.sandbox.feishu.who(first).sees() or world.sandbox.feishu.who(second).sees()
    owner, other = (first, second) if world.sandbox.feishu.who(first).sees() else (second, first)
    assert "李梅" in seen[-1].text
    await world.hr_says(other, "/健康证")
    assert "通过" in await world.hr_taps(owner, "approve")
    assert f"{'Wang' if owner == first else 'Zhao'}" in await world.hr_taps(other, "approve")
    assert "second_interview" == await world.stage(mei)


async def test_a_number_is_shown_only_in_the_toast_and_each_look_is_kept(world: World) -> None:
    """Feishu refuses messages that name a phone (230028): the follow-up's card has a button, and the trail a line."""
    world.sandbox.feishu.contents.audit = True
    wang = await world.member("Wang")
    mei = await world.invite("李梅")
    await world.wait(hours=24)
    assert [["not_participated"]] == await world.follow_ups(mei)
    assert mei.phone not in "".join(str(message.payload) for message in world.hr_sees(wang))
    assert mei.phone in await world.hr_taps(wang, "view")
    assert [("member:Wang", "candidate.phone")] == [entry for entry in await world.trail() if "phone" in entry[1]]


async def test_who_stops_the_bot_in_feishu_is_reached_by_sms(world: World) -> None:
    """A rung that fails for good (230053) leads to the next one; the candidate notices nothing."""
    mei = await world.invite("李梅")
    await mei.finish_interview(总分=82)
    await mei.open_chat()
    assert mei.feishu is not None
    mei.feishu.stopped = True
    before = len(mei.sms)
    await world.wait(hours=48)
    assert before < len(mei.sms)


async def test_nothing_arrives_twice_however_often_feishu_repeats_it(world: World) -> None:
    """The same event, and the same message under another event's id, hours later: one answer."""
    mei = await world.invite("李梅")
    await mei.finish_interview(总分=82)
    await mei.open_chat()
    before = len(mei.chat)
    await mei.say("我到哪一步了")
    said = world.sandbox.feishu.events.sent[-1]
    for hours in (0, 1, 7):
        await world.wait(hours=hours)
        heard = len(mei.chat)
        world.sandbox.feishu.events.repeat(said)
        world.sandbox.feishu.events.repeat(said, fresh_id=True)
        await world.settle()
        assert heard == len(mei.chat)
    assert before < len(mei.chat)


async def test_what_is_no_picture_is_answered_with_what_to_do(world: World) -> None:
    """A file of another kind, one that is too large and one that Feishu no longer has, each in words."""
    mei = await world.invite("李梅")
    await mei.finish_interview(总分=82)
    await mei.open_chat()
    await mei.tap("upload")
    await mei.tap("consent")
    assert mei.feishu is not None
    mei.feishu.send_file("简历.docx", b"PK\x03\x04" + bytes(400))
    await world.settle()
    assert "照片" in mei.chat[-1]

    mei.feishu.send_file("健康证.pdf", b"%PDF-1.4" + bytes(21 * 2**20))
    await world.settle()
    assert "20 MB" in mei.chat[-1]

    world.sandbox.feishu.events.hold()
    gone = mei.feishu.send_image(PICTURE)
    world.sandbox.feishu.company.messages[gone].deleted = True
    await world.sandbox.feishu.events.release()
    await world.settle()
    assert "再发" in mei.chat[-1]
    assert "health_certificate" == await world.stage(mei)


async def test_another_persons_code_opens_nothing(world: World) -> None:
    """The code of a link binds the first account that sends it; another one learns nothing, and HR is told."""
    await world.member("Wang")
    mei = await world.invite("李梅")
    await mei.finish_interview(总分=82)
    async with world.browser.get(mei.link("c"), headers={"User-Agent": "Mozilla/5.0"}) as page:
        code = (await page.text()).partition("<code")[2].partition(">")[2][:8]
    await mei.open_chat()
    thief = world.sandbox.feishu.person("别人", tenant=False)
    thief.say(code)
    await world.settle()
    assert all("李梅" not in message.text for message in thief.sees())
    assert ["other_account"] in await world.follow_ups(mei)


async def test_a_card_shows_what_its_reader_chose(world: World) -> None:
    """After the tap the consent card says so and has nothing left to tap."""
    mei = await world.invite("李梅")
    await mei.finish_interview(总分=82)
    await mei.open_chat()
    await mei.tap("upload")
    await mei.tap("consent")
    await world.wait(seconds=3)
    (asked,) = [message for message in mei.messages if "要您单独同意" in message.text]
    assert ("已同意", []) == (asked.text.splitlines()[-1], asked.buttons)
