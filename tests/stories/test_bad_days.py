"""The other side has a bad day: slow, busy, forgetful, or silent after it has accepted. People notice nothing of it."""

from collections.abc import AsyncIterator
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from tests.world import World

PROCESS = Path(__file__).parents[2] / "config" / "processes" / "restaurant.yaml"


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with World.open(database_url, tmp_path, [PROCESS]) as opened:
        yield opened


async def test_a_busy_gateway_gets_the_same_message_again(world: World) -> None:
    """Three times 503, then the very same SMS goes through, once."""
    world.sandbox.moods.refuse(times=3, status=503, path="/sms")
    mei = await world.invite("李梅")
    assert [] == mei.sms
    await world.wait(minutes=1)
    assert 1 == len(mei.sms)
    await world.wait(hours=2)
    assert 1 == len(mei.sms)


async def test_an_answer_lost_after_accepting_makes_no_second_sms(world: World) -> None:
    """The gateway took it, we never heard: the same id goes again, and the gateway knows it."""
    world.sandbox.moods.answer_lost(times=1, path="/sms")
    mei = await world.invite("李梅")
    await world.wait(minutes=1)
    assert 1 == len(mei.sms)
    assert 1 == world.sandbox.sms.repeats


@pytest.mark.parametrize("call", ["/cgi-bin/kf/send_msg", "/cgi-bin/message/send"])
async def test_an_answer_lost_after_accepting_makes_no_second_chat_message(world: World, call: str) -> None:
    """The same holds for 微信客服, which refuses the id it knows, and for the app's duplicate check."""
    hr = await world.member("Wang")
    mei = await world.invite("李梅")
    await mei.finish_interview(总分=82)
    await mei.open_chat()
    world.sandbox.moods.answer_lost(times=1, path=call)
    await mei.say("人工")
    await world.wait(minutes=1)
    assert 1 == len([text for text in mei.chat if "同事" in text])
    assert 1 == len(world.sandbox.app.messages(hr))


async def test_a_token_that_wecom_drops_is_fetched_once(world: World) -> None:
    """Early invalidation costs one gettoken and nobody's message."""
    mei = await world.invite("李梅")
    await mei.finish_interview(总分=82)
    await mei.open_chat()
    world.sandbox.moods.token_lost()
    heard = len(mei.chat)
    await mei.say("我的进度")
    assert heard + 1 == len(mei.chat)


async def test_a_platform_that_is_down_for_a_day_costs_nothing_but_time(world: World) -> None:
    """HR's WeCom is away: what HR must know goes to HR again once it is back, and nothing is lost meanwhile."""
    hr = await world.member("Wang")
    mei = await world.invite("李梅")
    world.sandbox.moods.refuse(times=None, status=502, path="/cgi-bin/message")
    await world.wait(minutes=20)
    await mei.finish_interview(总分=30)
    await world.wait(minutes=10)
    assert [] == world.sandbox.app.messages(hr)
    world.sandbox.moods.clear()
    await world.wait(minutes=30)
    assert 1 == len(world.sandbox.app.messages(hr))
    assert [["review"]] == await world.follow_ups(mei)


class Letterbox:
    """A mail server's end: what it was given."""

    def __init__(self) -> None:
        self.mails: list[Message] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        from email import message_from_bytes

        self.mails.append(message_from_bytes(envelope.content))
        return "250 OK"


async def test_a_wrong_number_takes_the_next_rung_down_to_a_person(
    database_url: str, tmp_path: Path, unused_tcp_port: int
) -> None:
    """SMS refused for good: by e-mail where there is an address, else somebody in HR is told."""
    letterbox = Letterbox()
    server = Controller(letterbox, hostname="127.0.0.1", port=unused_tcp_port)
    server.start()
    try:
        smtp = f"smtp://127.0.0.1:{unused_tcp_port}"
        async with World.open(database_url, tmp_path, [PROCESS], BULOU_SMTP__URL=smtp) as world:
            world.sandbox.sms.fail("+8613700000001", 400)
            world.sandbox.sms.fail("+8613700000002", 400)
            mei = await world.invite("李梅", phone="+8613700000001", email="mei@example.com")
            tom = await world.invite("王强", phone="+8613700000002")
            assert ["mei@example.com"] == [mail["To"] for mail in letterbox.mails]
            body = letterbox.mails[0].get_payload(decode=True)
            assert isinstance(body, bytes)
            assert "/i/" in body.decode()
            assert [] == await world.follow_ups(mei)
            assert [["unreachable"]] == await world.follow_ups(tom)
    finally:
        server.stop()


async def test_a_failure_reported_later_takes_the_next_rung_at_once(world: World) -> None:
    """The gateway accepted, the phone company did not deliver: a person is told within the same minute."""
    mei = await world.invite("李梅")
    message = world.sandbox.sms.messages(mei.phone)[0]
    assert 200 == await world.sandbox.sms.report(message.given_id, "failed", "空号")
    await world.settle()
    assert [["unreachable"]] == await world.follow_ups(mei)
    assert 200 == await world.sandbox.sms.report(message.given_id, "failed", "空号")
    await world.settle()
    assert [["unreachable"]] == await world.follow_ups(mei)
    assert 200 == await world.sandbox.sms.report("unknown-id", "delivered", "")


async def test_ten_copies_of_every_callback_take_effect_once(world: World) -> None:
    """WeCom delivers everything ten times: one answer each."""
    hr = await world.member("Wang")
    mei = await world.invite("李梅")
    await mei.finish_interview(总分=82)
    await mei.open_chat()
    world.sandbox.callbacks.copies = 10
    heard = len(mei.chat)
    await mei.say("我的进度")
    assert heard + 1 == len(mei.chat)
    await world.hr_says(hr, "/todo")
    assert 1 == len(world.sandbox.app.messages(hr))


async def test_results_are_taken_once_and_forged_ones_not_at_all(world: World) -> None:
    """The provider repeats itself, and somebody else pretends to be the provider."""
    mei = await world.invite("李梅")
    token = (await mei.click()).rpartition("/")[2]
    assert 401 == await world.sandbox.interview.forge("wrong_signature", token, {"总分": 99})
    await world.settle()
    assert "ai_interview" == await world.stage(mei)
    await world.sandbox.interview.complete(token, {"总分": 80})
    await world.sandbox.interview.repeat(token)
    await world.settle()
    assert "health_certificate" == await world.stage(mei)
    assert ["provider"] == await world.events(mei, "interview.completed")
