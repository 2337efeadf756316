"""How the bot behaves towards a WeCom that is busy, forgetful, slow or cross."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from bot.clock import StandingClock
from bot.errors import GiveUp, TryLater
from bot.platforms.wecom.adapter import WeComPlatform
from bot.platforms.wecom.api import REASONS, WAITS, file_name, refusal
from recruiting.chat import Button, FileRef, Message, Person

LI = Person("wecom.app", "li")
MEI = Person("wecom.kf", "wmMei", "wkDesk")
HELLO = Message("您好")


def tokens_asked(wecom: Any) -> int:
    return sum(1 for call, _, _ in wecom.calls if call == "gettoken")


async def test_one_token_serves_many_who_ask_at_once(platform: WeComPlatform, wecom: Any) -> None:
    await asyncio.gather(*(platform.send(LI, HELLO, f"out-{n}") for n in range(20)))
    assert 1 == tokens_asked(wecom)
    assert {"T1"} == {query["access_token"] for call, query, _ in wecom.calls if call == "message/send"}


async def test_a_token_is_replaced_ten_minutes_early(platform: WeComPlatform, wecom: Any, clock: StandingClock) -> None:
    await platform.send(LI, HELLO, "1")
    clock.push(timedelta(seconds=7200 - 601))
    await platform.send(LI, HELLO, "2")
    assert 1 == tokens_asked(wecom)
    clock.push(timedelta(seconds=1))
    await platform.send(LI, HELLO, "3")
    assert 2 == tokens_asked(wecom)


@pytest.mark.parametrize("code", [40014, 42001])
async def test_a_token_that_is_dropped_early_is_replaced_once(platform: WeComPlatform, wecom: Any, code: int) -> None:
    wecom.script("message/send", {"errcode": code}, {"errcode": 0, "msgid": "M"})
    assert "M" == (await platform.send(LI, HELLO, "1")).id
    wecom.script("message/send", {"errcode": code}, {"errcode": code})
    with pytest.raises(TryLater):
        await platform.send(LI, HELLO, "2")
    assert 3 == tokens_asked(wecom)


async def test_many_who_hold_a_dead_token_fetch_one_new_one(platform: WeComPlatform, wecom: Any) -> None:
    await platform.send(LI, HELLO, "1")
    wecom.dead_tokens.add("T1")
    await asyncio.gather(*(platform.send(LI, HELLO, f"out-{n}") for n in range(10)))
    assert 2 == tokens_asked(wecom)


async def test_a_wrong_secret_is_tried_once_in_ten_minutes(
    platform: WeComPlatform, wecom: Any, clock: StandingClock, caplog: pytest.LogCaptureFixture
) -> None:
    wecom.token_answers += [{"errcode": 40001, "errmsg": "invalid credential"}]
    waits = []
    for _ in range(3):
        with pytest.raises(TryLater, match="mend BULOU_WECOM__SECRET") as told:
            await platform.send(LI, HELLO, "1")
        waits.append(told.value.wait)
        clock.push(timedelta(minutes=3))
    assert [timedelta(minutes=10), timedelta(minutes=7), timedelta(minutes=4)] == waits
    assert 1 == tokens_asked(wecom)
    assert 1 == len([record for record in caplog.records if record.levelno == logging.ERROR])

    clock.push(timedelta(minutes=1))
    await platform.send(LI, HELLO, "1")
    assert 2 == tokens_asked(wecom)


async def test_the_token_stands_in_the_query_and_nowhere_else(
    platform: WeComPlatform, wecom: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wecom.token_answers += [{"access_token": "T0KEN", "expires_in": 7200}]
    wecom.script("message/send", {"errcode": 40058, "errmsg": "x"}, "reset")
    for _ in range(2):
        with pytest.raises((GiveUp, TryLater)) as told:
            await platform.send(LI, HELLO, "1")
        assert "T0KEN" not in f"{told.value!r} {told.value.__cause__!r}"
    assert "T0KEN" == wecom.calls[-1][1]["access_token"]
    assert b"T0KEN" not in b"".join(wecom.raw)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("bot.")]
    assert not [line for line in ours if "T0KEN" in line or "s3cret" in line]


async def test_bodies_are_real_utf8(platform: WeComPlatform, wecom: Any) -> None:
    await platform.send(MEI, Message("您好😀"), "1")
    assert "您好😀".encode() in wecom.raw[-1]
    assert b"\\u" not in wecom.raw[-1]


@pytest.mark.parametrize(
    ("code", "shortest", "longest"), [(-1, 1, 4), (45009, 60, 60), (45033, 1, 5), (60020, 60, 60), (6000, 1, 1)]
)
async def test_what_passes_is_tried_later(
    platform: WeComPlatform, wecom: Any, code: int, shortest: float, longest: float
) -> None:
    wecom.script("kf/send_msg", {"errcode": code})
    with pytest.raises(TryLater) as told:
        await platform.send(MEI, HELLO, "1")
    assert timedelta(seconds=shortest) <= told.value.wait <= timedelta(seconds=longest)
    assert not told.value.unknown
    assert 1 == len(wecom.bodies("kf/send_msg"))


@pytest.mark.parametrize("code", [95001, 95002, 95013, 95018, 95004, 40096, 40058, 48002, 99999])
async def test_what_cannot_get_better_is_given_up(platform: WeComPlatform, wecom: Any, code: int) -> None:
    wecom.script("kf/send_msg", {"errcode": code, "errmsg": "from ip: 203.0.113.5"})
    with pytest.raises(GiveUp, match=str(code)) as told:
        await platform.send(MEI, HELLO, "1")
    assert "203.0.113.5" not in told.value.reason


def test_every_code_we_know_has_words() -> None:
    for code in REASONS.keys() | WAITS.keys():
        assert str(code) in refusal(code, "call").reason


@pytest.mark.parametrize("what", ["hang", "reset", web.Response(status=502), web.Response(text="<html>busy</html>")])
async def test_what_may_have_arrived_is_said_to_be_unknown(platform: WeComPlatform, wecom: Any, what: Any) -> None:
    wecom.script("message/send", what)
    with pytest.raises(TryLater) as told:
        await platform.send(LI, HELLO, "1")
    assert told.value.unknown


async def test_a_server_that_is_not_there_got_nothing(clock: StandingClock, unused_tcp_port: int) -> None:
    platform = WeComPlatform(
        api_base=f"http://127.0.0.1:{unused_tcp_port}",
        corp_id="ww1",
        agent_id=1,
        secret="s",
        token="t",
        aes_key="jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C",
        kf_open_kfid="",
        now=clock.now,
    )
    with pytest.raises(TryLater, match="could not connect") as told:
        await platform.check()
    assert not told.value.unknown
    await platform.close()


@pytest.mark.parametrize("status", [301, 404])
async def test_a_wrong_base_is_named(platform: WeComPlatform, wecom: Any, status: int) -> None:
    wecom.script("message/send", web.Response(status=status))
    with pytest.raises(GiveUp, match="BULOU_WECOM__API_BASE"):
        await platform.send(LI, HELLO, "1")


async def test_a_member_who_is_not_there(platform: WeComPlatform, wecom: Any) -> None:
    for missed in ({"invaliduser": "wang|li"}, {"unlicenseduser": "li"}):
        wecom.script("message/send", {"errcode": 0, "msgid": "M", **missed})
        with pytest.raises(GiveUp, match="no such member"):
            await platform.send(Person("wecom.app", "Li"), HELLO, "1")
    wecom.script("message/send", {"errcode": 0, "msgid": "M", "invaliduser": "lili", "invalidparty": None})
    await platform.send(LI, HELLO, "1")


async def test_a_repeat_that_wecom_refuses_has_arrived_before(platform: WeComPlatform, wecom: Any) -> None:
    wecom.script("kf/send_msg", "reset", {"errcode": 40058}, {"errcode": 95555}, {"errcode": 95001})
    with pytest.raises(TryLater):
        await platform.send(MEI, HELLO, "out-1")
    assert "out-1" == (await platform.send(MEI, HELLO, "out-1", retry=True)).id
    assert "out-1" == (await platform.send(MEI, HELLO, "out-1", retry=True)).id
    with pytest.raises(GiveUp, match="five messages"):
        await platform.send(MEI, HELLO, "out-1", retry=True)
    sent = wecom.bodies("kf/send_msg")
    assert [sent[0]] * 4 == sent


async def test_a_card_whose_repeat_is_refused_has_arrived_before(platform: WeComPlatform, wecom: Any) -> None:
    card = Message("请看", buttons=(Button("通过", key="approve:1"),))
    wecom.script("message/send", {"errcode": 40058}, {"errcode": 40058}, {"errcode": 95555})
    with pytest.raises(GiveUp):
        await platform.send(LI, card, "out-1")
    assert "" == (await platform.send(LI, card, "out-1", retry=True)).card
    with pytest.raises(GiveUp):
        await platform.send(LI, card, "out-1", retry=True)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="cv.pdf"', "cv.pdf"),
        ("attachment; filename=cv.pdf; size=3", "cv.pdf"),
        ("attachment; filename*=UTF-8''%E5%BC%A0%E4%B8%89.pdf", "张三.pdf"),
        ("attachment; filename=\"x.pdf\"; filename*=utf-8''%E5%BC%A0.pdf", "张.pdf"),
        ('attachment; filename="张三.pdf"', "张三.pdf"),
        ('attachment; filename="' + "张三.pdf".encode().decode("latin-1") + '"', "张三.pdf"),
        ('attachment; filename="' + "张三.pdf".encode("gb18030").decode("utf-8", "surrogateescape") + '"', "张三.pdf"),
        ('attachment; filename="%E5%BC%A0%E4%B8%89.pdf"', "张三.pdf"),
        ('attachment; filename="a\\"b.pdf"', 'a"b.pdf'),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\\\cv.pdf"', "cv.pdf"),
        ('attachment; filename="100%.pdf"', "100%.pdf"),
        ("attachment", ""),
        ("", ""),
    ],
)
def test_names_of_files_in_every_writing(header: str, name: str) -> None:
    assert name == file_name(header)


async def test_a_file_is_read_whole(platform: WeComPlatform, wecom: Any) -> None:
    headers = {"Content-Disposition": 'attachment; filename="cv.json"'}
    body = b'{"errcode": 40007}'
    wecom.script("media/get", web.Response(body=body, headers=headers, content_type="application/json"))
    fetched = await platform.fetch(FileRef("wecom.kf", "MEDIA", "file"), 100)
    assert (body, "cv.json", "application/json") == (fetched.content, fetched.name, fetched.content_type)
    assert "MEDIA" == wecom.calls[-1][1]["media_id"]


async def test_a_file_that_is_gone_or_too_large(platform: WeComPlatform, wecom: Any) -> None:
    file = FileRef("wecom.kf", "MEDIA", "file")
    wecom.script("media/get", {"errcode": 40007, "errmsg": "invalid media_id"})
    with pytest.raises(GiveUp, match="gone"):
        await platform.fetch(file, 100)
    wecom.script("media/get", web.Response(body=b"x" * 101, headers={"Content-Disposition": "attachment"}))
    with pytest.raises(GiveUp, match="larger"):
        await platform.fetch(file, 100)


async def test_a_file_is_fetched_with_a_new_token(platform: WeComPlatform, wecom: Any) -> None:
    wecom.script(
        "media/get", {"errcode": 42001}, web.Response(body=b"x", headers={"Content-Disposition": "attachment"})
    )
    assert b"x" == (await platform.fetch(FileRef("wecom.app", "M", "image"), 100)).content
    assert 2 == tokens_asked(wecom)


async def test_a_card_can_be_changed_once(platform: WeComPlatform, wecom: Any) -> None:
    message = Message("请看", title="张三", buttons=(Button("通过", key="approve:1"),), settled="已通过")
    await platform.update(LI, "CODE", message)
    (body,) = wecom.bodies("message/update_template_card")
    assert (["li"], 1000002, "CODE") == (body["userids"], body["agentid"], body["response_code"])
    assert "已通过" == body["template_card"]["replace_text"]
