"""What each chat vendor's client owes the bot, whatever the vendor calls it. See docs/add-a-platform.md."""

import asyncio
import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from bot.clock import StandingClock
from bot.errors import Forged, GiveUp, Malformed, TryLater
from bot.platforms.base import Directory, Fetched, Platform
from recruiting.chat import Button, Challenge, Kind, Message, Nothing, Person

HELLO = Message("您好")
DECISION = Message("请看", title="张三", buttons=(Button("通过", key="approve:1"), Button("淘汰", key="reject:1")))
PDF = Fetched(b"%PDF-1.7", "简历.pdf", "application/pdf")
STRANGER = Person("nowhere", "x")


# --- what comes in -----------------------------------------------------------------------------------------------


async def test_answers_the_check_of_our_address(platform: Platform, wire: Any) -> None:
    (signed, body), expected = wire.url_check()
    assert Challenge(expected) == platform.open(signed, body)


async def test_hears_what_somebody_wrote(platform: Platform, wire: Any) -> None:
    found = platform.open(*wire.text("7", "进度"))
    assert isinstance(found, list)
    (said,) = found
    assert ("7", wire.person, Kind.TEXT, "进度") == (said.id, said.sender, said.kind, said.text)
    assert datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC) == said.at
    assert "" == said.group


async def test_a_repeat_is_told_by_its_id(platform: Platform, wire: Any) -> None:
    first, again, other = (platform.open(*wire.text(id, "进度")) for id in ("7", "7", "8"))
    assert first == again != other


async def test_refuses_forgeries(platform: Platform, wire: Any) -> None:
    for signed, body in wire.forgeries():
        with pytest.raises(Forged):
            platform.open(signed, body)


async def test_what_is_no_envelope_is_malformed(platform: Platform, wire: Any) -> None:
    for signed, body in wire.no_envelopes():
        with pytest.raises(Malformed):
            platform.open(signed, body)


async def test_genuine_but_unknown_is_nothing(platform: Platform, wire: Any) -> None:
    assert isinstance(platform.open(*wire.nonsense()), Nothing)


async def test_reading_needs_no_network(platform: Platform, wire: Any) -> None:
    platform.open(*wire.text("7", "进度"))
    assert [] == wire.calls


# --- what goes out -----------------------------------------------------------------------------------------------


async def test_a_message_arrives_once(platform: Platform, wire: Any) -> None:
    sent = await platform.send(wire.person, HELLO, "out-1")
    (body,) = wire.sent()
    assert "您好" == wire.words(body)
    assert sent.id


async def test_a_retry_is_the_same_message_and_another_is_not(platform: Platform, wire: Any) -> None:
    await platform.send(wire.person, HELLO, "out-1")
    await platform.send(wire.person, HELLO, "out-1", retry=True)
    await platform.send(wire.person, HELLO, "out-2")
    first, again, other = wire.sent()
    assert first == again != other


async def test_an_answer_reaches_somebody_whatever_it_answers(platform: Platform, wire: Any) -> None:
    wire.paths = {**wire.paths, "/open-apis/im/v1/messages/om_asked/reply": "send"}
    await platform.send(wire.person, HELLO, "out-1", reply_to="om_asked")
    assert ["您好"] == [wire.words(body) for body in wire.sent()]


async def test_a_card_carries_its_keys_and_can_be_settled(platform: Platform, wire: Any) -> None:
    sent = await platform.send(wire.person, DECISION, "out-1")
    assert "approve:1" in wire.sent()[-1].decode()
    assert sent.card
    for settled in (Message("", settled="已通过"), Message("请看", title="张三", settled="已通过")):
        await platform.update(wire.person, sent.card, settled)
    first, second = (json.dumps(json.loads(body), ensure_ascii=False) for body in wire.sent("patch"))
    assert "已通过" in first
    assert "已通过" in second
    assert "approve:1" not in first + second


async def test_a_long_text_arrives_whole_and_within_the_limit(platform: Platform, wire: Any) -> None:
    text = "\n".join(f"{n}: " + "字" * 60 for n in range(1000))
    await platform.send(wire.person, Message(text), "out-1")
    bodies = wire.sent()
    assert text == "\n".join(wire.words(body) for body in bodies)
    assert max(map(len, bodies)) <= wire.longest_request


async def test_nobody_can_pose_as_us_by_a_name(platform: Platform, wire: Any) -> None:
    await platform.send(wire.person, Message('<a href="https://evil.example">张三</a>'), "out-1")
    assert "<a" not in wire.words(wire.sent()[0])


async def test_an_empty_message_is_given_up(platform: Platform, wire: Any) -> None:
    with pytest.raises(GiveUp):
        await platform.send(wire.person, Message(""), "out-1")
    assert [] == wire.sent()


async def test_other_peoples_surfaces_are_given_up(platform: Platform, wire: Any) -> None:
    with pytest.raises(GiveUp):
        await platform.send(STRANGER, HELLO, "1")
    with pytest.raises(GiveUp):
        await platform.send_file(STRANGER, PDF, "1")
    with pytest.raises(GiveUp):
        await platform.update(STRANGER, "CARD", HELLO)
    assert [] == wire.calls


# --- when it does not work ---------------------------------------------------------------------------------------


async def test_a_busy_platform_is_tried_later(platform: Platform, wire: Any) -> None:
    wire.script["send"] = [wire.busy]
    with pytest.raises(TryLater) as told:
        await platform.send(wire.person, HELLO, "1")
    assert told.value.wait > timedelta(0)
    assert not told.value.unknown
    await platform.send(wire.person, HELLO, "1", retry=True)


async def test_somebody_who_left_is_given_up(platform: Platform, wire: Any) -> None:
    wire.script["send"] = [wire.gone]
    with pytest.raises(GiveUp):
        await platform.send(wire.person, HELLO, "1")


async def test_a_lost_answer_may_have_been_a_yes(platform: Platform, wire: Any) -> None:
    wire.script["send"] = ["reset"]
    with pytest.raises(TryLater) as told:
        await platform.send(wire.person, HELLO, "1")
    assert told.value.unknown


async def test_a_gateways_page_is_no_answer(platform: Platform, wire: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    page = web.Response(status=502, text="<html>bad gateway</html>", content_type="text/html")
    monkeypatch.setattr(wire, "refuse", lambda answer: page)
    wire.script["send"] = ["page"]
    with pytest.raises(TryLater) as told:
        await platform.send(wire.person, HELLO, "1")
    assert told.value.unknown


async def test_nobody_there_is_no_maybe(wire: Any, clock: StandingClock) -> None:
    platform = wire.platform(clock, "http://127.0.0.1:9")
    with pytest.raises(TryLater) as told:
        await platform.send(wire.person, HELLO, "1")
    await platform.close()
    assert not told.value.unknown


async def test_one_token_serves_all_until_it_is_old(platform: Platform, wire: Any, clock: StandingClock) -> None:
    await asyncio.gather(*(platform.send(wire.person, HELLO, f"{n}") for n in range(10)))
    assert 1 == len(wire.sent("token"))
    clock.push(timedelta(hours=2))
    await platform.send(wire.person, HELLO, "11")
    assert 2 == len(wire.sent("token"))


async def test_a_token_dropped_early_is_replaced_once(platform: Platform, wire: Any) -> None:
    wire.script["send"] = [wire.stale]
    await platform.send(wire.person, HELLO, "1")
    assert (2, 2) == (len(wire.sent("token")), len(wire.sent()))
    wire.script["send"] = [wire.stale, wire.stale]
    with pytest.raises(TryLater):
        await platform.send(wire.person, HELLO, "2")


async def test_a_wrong_secret_says_what_to_mend_and_is_not_hammered(platform: Platform, wire: Any) -> None:
    wire.script["token"] = [wire.wrong_secret]
    for _ in range(3):
        with pytest.raises((TryLater, GiveUp), match="mend BULOU_"):
            await platform.check()
    assert 1 == len(wire.sent("token"))


async def test_check_says_how_it_is(platform: Platform) -> None:
    assert "reached" in await platform.check()


async def test_secrets_and_words_stay_out_of_logs(
    platform: Platform, wire: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    wire.script["send"] = [wire.busy, wire.gone, "reset"]
    told = []
    for _ in range(3):
        with pytest.raises((TryLater, GiveUp)) as error:
            await platform.send(wire.person, Message("私密的话"), "1")
        told.append(str(error.value))
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("bot.")]
    for secret in (*wire.secrets, "私密的话", wire.person.account):
        assert secret not in " ".join(told + ours).split()
        assert len(secret) < 4 or secret not in "".join(told + ours)


# --- files -------------------------------------------------------------------------------------------------------


async def test_a_file_is_read(platform: Platform, wire: Any) -> None:
    found = await platform.fetch(wire.file, 100)
    assert (b"%PDF-1.7", "a.pdf") == (found.content, found.name)


async def test_a_file_larger_than_asked_for_is_given_up(platform: Platform, wire: Any) -> None:
    with pytest.raises(GiveUp, match="larger"):
        await platform.fetch(wire.file, 5)


async def test_a_file_that_is_gone_is_given_up(platform: Platform, wire: Any) -> None:
    wire.script["file"] = [wire.file_gone]
    with pytest.raises(GiveUp):
        await platform.fetch(wire.file, 100)


async def test_a_file_while_the_platform_is_away(platform: Platform, wire: Any) -> None:
    wire.script["file"] = ["reset", "reset"]  # a read is repeated once by itself
    with pytest.raises(TryLater):
        await platform.fetch(wire.file, 100)


async def test_a_file_is_sent(platform: Platform, wire: Any) -> None:
    sent = await platform.send_file(wire.person, PDF, "out-1")
    (upload,), (message,) = wire.sent("upload"), wire.sent()
    assert PDF.content in upload
    assert "简历.pdf".encode() in upload
    assert wire.person.account.encode() in message
    assert sent.id


async def test_a_file_that_nobody_would_take_is_not_even_tried(platform: Platform, wire: Any) -> None:
    for content in (b"", bytes(wire.largest_file + 1)):
        with pytest.raises(GiveUp):
            await platform.send_file(wire.person, Fetched(content, "a.pdf", "application/pdf"), "1")
    assert [] == wire.calls


# --- who works for the company -----------------------------------------------------------------------------------


async def test_knows_whose_account_is_in_use(platform: Platform, wire: Any) -> None:
    """Active, locked, gone, and somebody of whom we may know nothing."""
    assert isinstance(platform, Directory)
    wire.script["account"] = list(wire.accounts)
    assert [True, False, False, None] == [await platform.active("somebody") for _ in wire.accounts]
    wire.script["account"] = [wire.busy]
    with pytest.raises(TryLater):
        await platform.active("somebody")
