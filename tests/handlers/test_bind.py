"""Who is this? Only the signed link or a code to the phone binds; nobody learns anything by asking."""

import pytest

from recruiting.chat import Kind
from recruiting.model import Withdrew
from storage import codes, links
from storage.applications import load_one
from storage.apply import take
from storage.unit import Unit
from tests.handlers.conftest import Room, Said

PHONE = "+8613800001234"


def texts(said: list[Said]) -> list[str]:
    """The text keys of what was said."""
    return [one.text for one in said]


async def code_for(room: Room, account: str) -> str:
    """Ask for a code; the code that went to the phone."""
    said = await room.on(account, "phone", PHONE)
    return str(next(one.values["code"] for one in said if one.rung == "sms"))


async def link_code(room: Room, id: str) -> str:
    """The code on the page of the application's link into the chat."""
    token = await room.link(id)
    return await room.within(lambda unit: codes.for_link(unit, links.digest(token)))


async def test_the_link_binds_the_first_account_only(room: Room) -> None:
    """Somebody to whom the link was forwarded is a stranger, and HR is told."""
    mei = await room.applicant()
    token = await room.link(mei)

    welcome = await room.enter("mei", token)
    assert ["welcome.bound"] == texts(welcome)
    assert "status" in [verb for verb, _, _ in welcome[0].buttons]

    assert ["welcome.stranger"] == texts(await room.enter("thief", token))
    assert ("other_account",) == (await room.application(mei)).application.follow_up
    assert ["welcome.again"] == texts(await room.enter("mei", token))


async def test_an_unknown_or_old_link_is_a_strangers(room: Room) -> None:
    """A link counts for thirty days; what was never a link looks the same."""
    mei = await room.applicant()
    token = await room.link(mei)
    room.wait(days=31)
    assert ["welcome.stranger"] == texts(await room.enter("mei", token))
    assert ["welcome.stranger"] == texts(await room.enter("somebody", "no-token"))


async def test_strangers_are_greeted_once_an_hour(room: Room) -> None:
    """The same sentence for every text, and no more than one an hour."""
    assert ["welcome.stranger"] == texts(await room.on("stranger", "stranger"))
    room.wait(minutes=59)
    assert [] == await room.on("stranger", "stranger")
    room.wait(minutes=1)
    assert ["welcome.stranger"] == texts(await room.on("stranger", "stranger"))


async def test_the_code_binds(room: Room) -> None:
    """Six digits that went to the phone of the application."""
    mei = await room.applicant()
    code = await code_for(room, "mei")
    assert ["bind.done"] == texts(await room.on("mei", "code", code))
    assert ["status.open"] == texts(await room.intent("mei", "status"))
    assert (await room.application(mei)).application.replied_at is not None


async def test_a_code_works_once_five_times_tried_and_for_ten_minutes(room: Room) -> None:
    """A code is no password."""
    await room.applicant()
    code = await code_for(room, "mei")
    wrong = "000000" if code != "000000" else "111111"
    for _ in range(5):
        assert ["bind.code_wrong"] == texts(await room.on("mei", "code", wrong))
    assert ["welcome.stranger"] == texts(await room.on("mei", "code", code))

    late = await code_for(room, "later")
    room.wait(minutes=10)
    assert ["welcome.stranger"] == texts(await room.on("later", "code", late))


async def test_nobody_learns_whose_numbers_we_have(room: Room) -> None:
    """Known and unknown numbers get the same answers, before and after the code."""
    await room.applicant()
    known = await room.on("one", "phone", PHONE)
    unknown = await room.on("two", "phone", "+8613900000000")
    assert ["bind.code_sent"] == [one.text for one in known if one.rung == "chat"]
    assert ["bind.code_sent"] == texts(unknown)
    for account in ("one", "two"):
        assert ["bind.code_wrong"] == texts(await room.on(account, "code", "12345x"))


async def test_three_codes_a_day_to_a_number_and_three_questions_an_hour(room: Room) -> None:
    """Nobody's phone can be flooded, and nobody can ask on and on."""
    await room.applicant()
    sent = 0
    for account in ("a", "b", "c", "d"):
        sent += sum(one.rung == "sms" for one in await room.on(account, "phone", PHONE))
    assert 3 == sent

    for _ in range(2):
        assert ["bind.code_sent"] == texts(await room.on("a", "phone", PHONE))
    assert ["bind.too_often"] == texts(await room.on("a", "phone", PHONE))
    assert [] == await room.on("a", "phone", PHONE)
    room.wait(hours=1)
    assert ["bind.code_sent"] == texts(await room.on("a", "phone", PHONE))


async def test_not_me_lets_the_account_go(room: Room) -> None:
    """Who says so hears nothing of anybody, and the link does not bring them back."""
    mei = await room.applicant()
    token = await room.link(mei)
    await room.enter("mei", token)
    assert ["not_me.done"] == texts(await room.tap("mei", "not_me"))
    assert ("not_me",) == (await room.application(mei)).application.follow_up
    assert ["welcome.stranger"] == texts(await room.enter("mei", token))


async def test_a_links_code_binds_the_first_account_only(room: Room) -> None:
    """Sending the code is the same as coming by the link; whoever sends it later learns nothing, and HR is told."""
    mei = await room.applicant()
    code = await link_code(room, mei)

    welcome = await room.on("mei", "code", code)
    assert ["welcome.bound"] == texts(welcome)
    assert "status" in [verb for verb, _, _ in welcome[0].buttons]
    assert ["status.open"] == texts(await room.intent("mei", "status"))
    assert () == (await room.application(mei)).application.follow_up

    assert ["welcome.stranger"] == texts(await room.on("thief", "code", code))
    assert ["welcome.stranger"] == texts(await room.on("somebody", "code", "ZZZZZZZZ"))
    assert ("other_account",) == (await room.application(mei)).application.follow_up


async def test_a_links_code_is_good_for_a_day(room: Room) -> None:
    """A second before the day is over it binds; then the page shows another one."""
    mei, hua = await room.applicant(), await room.applicant("王华", "+8613800005678")
    code, late = await link_code(room, mei), await link_code(room, hua)
    room.wait(hours=23, minutes=59, seconds=59)
    assert ["welcome.bound"] == texts(await room.on("mei", "code", code))
    room.wait(seconds=1)
    assert ["welcome.stranger"] == texts(await room.on("hua", "code", late))
    assert ["welcome.bound"] == texts(await room.on("hua", "code", await link_code(room, hua)))


async def test_a_code_ends_with_its_application_and_its_link(room: Room) -> None:
    """What the link does not open, its code does not open either."""
    mei, hua = await room.applicant(), await room.applicant("王华", "+8613800005678")
    code, of_old_link = await link_code(room, mei), await link_code(room, hua)

    async def withdraw(unit: Unit) -> None:
        loaded = await load_one(unit, mei)
        assert loaded is not None
        await take(unit, loaded, Withdrew())

    await room.within(withdraw)
    assert ["welcome.stranger"] == texts(await room.on("mei", "code", code))

    await room.on("wrong", "code", of_old_link)
    await room.tap("wrong", "not_me")  # ends the link
    assert ["welcome.stranger"] == texts(await room.on("hua", "code", of_old_link))


async def test_ten_wrong_codes_an_hour_and_then_not_even_the_right_one(room: Room) -> None:
    """Guessing gets one friendly sentence an hour and no further."""
    code = await link_code(room, await room.applicant())
    said = [await room.on("guesser", "code", f"WRNG{number:04}") for number in range(10)]
    assert [["welcome.stranger"], *[[]] * 9] == [texts(one) for one in said]
    assert [] == await room.on("guesser", "code", code)

    room.wait(hours=1)
    assert ["welcome.bound"] == texts(await room.on("guesser", "code", code))


async def test_nine_wrong_codes_do_not_shut_out_the_right_one(room: Room) -> None:
    """Thumbs slip."""
    code = await link_code(room, await room.applicant())
    for number in range(9):
        await room.on("mei", "code", f"WRNG{number:04}")
    assert ["welcome.bound"] == texts(await room.on("mei", "code", code))


async def test_the_phones_code_is_counted_for_itself(room: Room) -> None:
    """Wrong codes of links leave the way by the phone open."""
    await room.applicant()
    for number in range(11):
        await room.on("mei", "code", f"WRNG{number:04}")
    assert ["bind.done"] == texts(await room.on("mei", "code", await code_for(room, "mei")))


@pytest.mark.parametrize("welcome_code", ["", "w"])
async def test_whoever_opens_the_chat_unknown_is_greeted_once_an_hour(room: Room, welcome_code: str) -> None:
    """With or without the vendor's own greeting."""
    for minutes, expected in ((0, ["welcome.stranger"]), (59, []), (1, ["welcome.stranger"])):
        room.wait(minutes=minutes)
        assert expected == texts(await room.on("new", "enter", kind=Kind.ENTER, welcome_code=welcome_code))


async def test_whoever_is_known_and_opens_the_chat_is_left_in_peace(room: Room) -> None:
    """Only where the vendor asks for a greeting they get one."""
    await room.enter("mei", await room.link(await room.applicant()))
    assert [] == await room.on("mei", "enter", kind=Kind.ENTER)
    assert ["welcome.again"] == texts(await room.on("mei", "enter", kind=Kind.ENTER, welcome_code="w"))
