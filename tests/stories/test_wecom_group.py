"""HR's group in WeCom talks back: commands with @, buttons on the answer, and nothing for anybody else."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.sandbox.record import Sent
from tests.world import World

PROCESS = Path(__file__).parents[2] / "config" / "processes" / "restaurant.yaml"
PICTURE = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(300)


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with World.open(database_url, tmp_path, [PROCESS]) as opened:
        yield opened


async def in_group(world: World, name: str, role: str = "recruiter") -> str:
    """A member of HR who is in HR's group."""
    userid = await world.member(name, role)
    world.sandbox.bot.hr_group.members.add(userid)
    return userid


def group(world: World, userid: str) -> list[Sent]:
    """What the bot has answered in HR's group, as this person sees it."""
    return world.sandbox.bot.sees(userid, world.sandbox.bot.hr_group.id)


async def ask(world: World, userid: str, text: str, msgid: str = "") -> list[Sent]:
    """Somebody asks the bot with @ in HR's group; what comes back."""
    before = len(group(world, userid))
    world.sandbox.bot.say(userid, text, world.sandbox.bot.hr_group.id, msgid=msgid)
    await world.settle()
    return group(world, userid)[before:]


async def tap(world: World, userid: str, card: Sent, key: str) -> None:
    """Somebody taps a button of a card in HR's group."""
    world.sandbox.bot.tap(userid, card.task_id, key, world.sandbox.bot.hr_group.id)
    await world.settle()


async def certificate(world: World, name: str) -> None:
    """A candidate gets as far as sending a photo of their health certificate."""
    someone = await world.invite(name)
    await someone.finish_interview(总分=82)
    await someone.open_chat()
    await someone.tap("upload")
    await someone.tap("consent")
    await someone.send_picture(PICTURE)


async def test_a_command_is_answered_in_the_group(world: World) -> None:
    """A member asks for somebody's status with @ and reads it there; the group robot goes on telling alerts."""
    wang = await in_group(world, "Wang")
    await world.invite("李梅")
    (answer,) = await ask(world, wang, "/状态 李梅")
    assert "李梅" in answer.text
    assert "人民路店" in answer.text
    assert [] == world.sandbox.app.messages(wang)
    assert [] == [d.reply for d in world.sandbox.deliveries if d.reply.startswith("discarded")]


async def test_a_stranger_gets_nothing_and_talk_without_a_mention_is_left_alone(world: World) -> None:
    """Whoever is no member of HR is not answered in the group, whatever they ask or tap."""
    wang = await in_group(world, "Wang")
    world.sandbox.bot.hr_group.members.add("passerby")
    await world.invite("李梅")
    assert [] == await ask(world, "passerby", "/状态 李梅")
    world.sandbox.bot.say(wang, "/状态 李梅", world.sandbox.bot.hr_group.id, at_bot=False)
    await world.settle()
    assert [] == group(world, wang)


async def test_a_repeat_gets_the_same_answer_and_does_nothing_again(world: World) -> None:
    """WeCom may tell the same message four times: one effect, and the same answer each time."""
    boss = await in_group(world, "Boss", "admin")
    world.sandbox.bot.copies = 3
    mei = await world.invite("李梅")
    answers = await ask(world, boss, "/淘汰 李梅 不合适", msgid="CAIQ/1=")
    assert 3 == len(world.sandbox.bot.talks)
    assert 1 == len(answers), "one card: the same task_id is taken once"
    world.sandbox.bot.copies = 1
    await tap(world, boss, answers[0], next(key for _, key in answers[0].buttons if key.startswith("confirm:")))
    assert "rejected" == await world.stage(mei)
    said = world.sandbox.deliveries
    assert {"applied", "discarded: task_id already exists"} == {d.reply for d in said if d.surface == "wecom.botgroup"}


async def test_a_to_do_is_settled_by_a_tap_in_the_group(world: World) -> None:
    """/待办 lists what is to be done with a button each; a tap settles it, and whoever tapped reads so on the card."""
    wang = await in_group(world, "Wang")
    zhao = await in_group(world, "Zhao", "manager")
    mei = await world.invite("李梅")
    await world.wait(hours=24)
    assert [["not_participated"]] == await world.follow_ups(mei)
    answers = await ask(world, wang, "/待办")
    assert "李梅" in answers[0].text
    card = answers[-1]
    await tap(world, wang, card, next(key for _, key in card.buttons if key.startswith("done:")))
    assert [] == await world.follow_ups(mei)
    assert group(world, wang)[-1].text != group(world, zhao)[-1].text
    assert len(answers) == len(group(world, wang)), "nothing but the card has changed"


async def test_certificates_are_reviewed_one_after_the_other_in_the_group(world: World) -> None:
    """Two photos wait: the older one first; a decision brings the next, and afterwards nothing waits for anybody."""
    wang = await in_group(world, "Wang")
    boss = await in_group(world, "Boss", "admin")
    await certificate(world, "李梅")
    await world.wait(minutes=1)
    await certificate(world, "韩梅梅")
    shown = await ask(world, wang, "/健康证")
    assert "待审核2份" in shown[0].text
    assert "李梅" in shown[0].text
    card = shown[-1]
    verbs = ["approve", "reject", "confirm"]
    assert verbs == [key.partition(":")[0] for _, key in card.buttons]
    await tap(world, wang, card, card.buttons[0][1])
    following = group(world, wang)[-1]
    assert ("韩梅梅" in following.text, verbs) == (True, [key.partition(":")[0] for _, key in following.buttons])
    await tap(world, wang, following, following.buttons[1][1])
    question = group(world, wang)[-1]
    assert 1 < len(question.buttons), "why it is sent back is asked"
    await tap(world, wang, question, question.buttons[0][1])
    assert "没有待审核" in (await ask(world, boss, "/健康证"))[-1].text
