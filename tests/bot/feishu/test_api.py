"""How the bot behaves towards a Feishu that is busy, forgetful, slow or cross."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from bot.clock import StandingClock
from bot.errors import GiveUp, TryLater
from bot.platforms.feishu.adapter import FeishuPlatform
from bot.platforms.feishu.api import ALARMS, REASONS, WAITS, refusal
from recruiting.chat import FileRef, Message, Person

MEI = Person("feishu", "ou_mei")
HELLO = Message("您好")
TOKEN = "auth/v3/tenant_access_token/internal"
SEND = "im/v1/messages"
FILE = "im/v1/messages/om_1/resources/file_1"


async def test_one_token_serves_many_who_ask_at_once(platform: FeishuPlatform, feishu: Any) -> None:
    await asyncio.gather(*(platform.send(MEI, HELLO, f"out-{n}") for n in range(20)))
    assert [{"app_id": "cli_sim0000000000001", "app_secret": "s3cret"}] == [call.body for call in feishu.to(TOKEN)]
    assert {"Bearer t-1"} == {call.headers["Authorization"] for call in feishu.to(SEND)}


async def test_a_token_is_replaced_ten_minutes_early(
    platform: FeishuPlatform, feishu: Any, clock: StandingClock
) -> None:
    await platform.send(MEI, HELLO, "1")
    clock.push(timedelta(seconds=7200 - 601))
    await platform.send(MEI, HELLO, "2")
    assert 1 == feishu.tokens_given
    clock.push(timedelta(seconds=1))
    await platform.send(MEI, HELLO, "3")
    assert 2 == feishu.tokens_given


@pytest.mark.parametrize("code", [99991663, 99991664, 99991665])
async def test_a_token_that_is_dropped_early_is_replaced_once(platform: FeishuPlatform, feishu: Any, code: int) -> None:
    feishu.script(SEND, {"code": code}, {"code": 0, "data": {"message_id": "om_9"}})
    assert "om_9" == (await platform.send(MEI, HELLO, "1")).id
    assert 1 == len({call.body["uuid"] for call in feishu.to(SEND)})
    feishu.script(SEND, {"code": code}, {"code": code})
    with pytest.raises(TryLater):
        await platform.send(MEI, HELLO, "2")
    assert 3 == feishu.tokens_given


async def test_many_who_hold_a_dead_token_fetch_one_new_one(platform: FeishuPlatform, feishu: Any) -> None:
    await platform.send(MEI, HELLO, "1")
    feishu.dead_tokens.add("t-1")
    await asyncio.gather(*(platform.send(MEI, HELLO, f"out-{n}") for n in range(10)))
    assert 2 == feishu.tokens_given


async def test_a_late_refusal_of_the_old_token_does_not_cost_the_new_one(platform: FeishuPlatform, feishu: Any) -> None:
    arrived, release = asyncio.Event(), asyncio.Event()

    async def late() -> dict[str, Any]:
        arrived.set()
        await release.wait()
        return {"code": 99991663}

    feishu.script(SEND, late, {"code": 99991663})
    slow = asyncio.create_task(platform.send(MEI, HELLO, "1"))
    await arrived.wait()
    await platform.send(MEI, HELLO, "2")
    release.set()
    await slow
    assert 2 == feishu.tokens_given


@pytest.mark.parametrize(
    ("code", "word"), [(10003, "BULOU_FEISHU__APP_ID"), (10014, "publish"), (10015, "BULOU_FEISHU__APP_SECRET")]
)
async def test_wrong_credentials_are_tried_once_in_ten_minutes(
    platform: FeishuPlatform,
    feishu: Any,
    clock: StandingClock,
    caplog: pytest.LogCaptureFixture,
    code: int,
    word: str,
) -> None:
    feishu.script(TOKEN, web.json_response({"code": code, "msg": "wrong"}))
    waits = []
    for _ in range(3):
        with pytest.raises(TryLater, match=word) as told:
            await platform.send(MEI, HELLO, "1")
        waits.append(told.value.wait)
        clock.push(timedelta(minutes=3))
    assert [timedelta(minutes=10), timedelta(minutes=7), timedelta(minutes=4)] == waits
    assert 1 == len(feishu.to(TOKEN))
    assert [logging.ERROR] == [record.levelno for record in caplog.records]

    clock.push(timedelta(minutes=1))
    await platform.send(MEI, HELLO, "1")
    assert 2 == len(feishu.to(TOKEN))


async def test_a_token_call_that_merely_fails_is_not_held_against_the_secret(
    platform: FeishuPlatform, feishu: Any
) -> None:
    feishu.script(TOKEN, web.Response(status=502, text="<html>"), {"code": 0, "expire": 7200})
    for _ in range(2):
        with pytest.raises(TryLater):
            await platform.send(MEI, HELLO, "1")
    await platform.send(MEI, HELLO, "1")
    assert 3 == len(feishu.to(TOKEN))


# --- codes -------------------------------------------------------------------------------------------------------

LATER = [1500, 2200, 5000, 55001, 11232, 11247, 18121, 230020, 230049, 232019, 99991400, 99991401]
NEVER = [9499, 18120, 230001, 230002, 230006, 230009, 230011, 230012, 230013, 230017, 230018, 230022, 230023, 230024]
NEVER += [230025, 230026, 230027, 230028, 230029, 230031, 230033, 230034, 230035, 230038, 230053, 230054, 230055]
NEVER += [230099, 230101, 230110, 232006, 232009, 232033, 99991201, 99991301, 99991403, 99991661, 99991662, 99991671]
NEVER += [99991672, 99991673, 99992351, 99992354, 99992356, 99992361, 99992402, 230999, 424242]


@pytest.mark.parametrize("code", LATER)
async def test_what_passes_is_tried_later(platform: FeishuPlatform, feishu: Any, code: int) -> None:
    feishu.script(SEND, {"code": code, "msg": "x"})
    with pytest.raises(TryLater, match=str(code)) as told:
        await platform.send(MEI, HELLO, "1")
    assert timedelta(0) < told.value.wait <= timedelta(minutes=1)
    assert not told.value.unknown


@pytest.mark.parametrize("code", NEVER)
async def test_what_does_not_pass_is_given_up(platform: FeishuPlatform, feishu: Any, code: int) -> None:
    feishu.script(SEND, {"code": code, "msg": "x"})
    with pytest.raises(GiveUp, match=str(code)):
        await platform.send(MEI, HELLO, "1")
    assert 1 == len(feishu.to(SEND))


def test_whatever_waits_or_alarms_has_a_reason() -> None:
    assert set() == (set(WAITS) | ALARMS) - set(REASONS)


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ({"code": 230028}, "behind a link"),
        ({"code": 230001, "msg": "Your request is invalid, ext=invalid receive_id."}, r"invalid receive_id \(230001"),
        ({"code": 230099, "msg": "Failed to create card content, ext=ErrCode: 200861; ErrMsg: 张三;"}, "200861 "),
        (
            {"code": 99991672, "error": {"permission_violations": [{"subject": "im:message"}, {"subject": "张三"}, 7]}},
            r"a version: im:message \(",
        ),
    ],
)
def test_the_reason_says_what_to_mend_and_not_what_people_wrote(answer: dict[str, Any], word: str) -> None:
    error = refusal(answer["code"], "messages/send", answer)
    with pytest.raises(GiveUp, match=word):
        raise error
    assert "张三" not in error.reason


def test_a_busy_card_is_tried_again_but_a_full_one_is_not() -> None:
    busy = "Failed to create card content, ext=ErrCode: 11310; ErrMsg: card action is lock;"
    full = "Failed to create card content, ext=ErrCode: 11310; ErrMsg: card table number over limit;"
    assert isinstance(refusal(230099, "x", {"msg": busy}), TryLater)
    assert isinstance(refusal(230099, "x", {"msg": full}), GiveUp)


@pytest.mark.parametrize("status", [429, 400])
async def test_a_rate_limit_says_how_long_to_wait(platform: FeishuPlatform, feishu: Any, status: int) -> None:
    answer = {"code": 99991400, "msg": "request trigger frequency limit"}
    headers = {"x-ogw-ratelimit-limit": "100", "x-ogw-ratelimit-reset": "52"}
    feishu.script(SEND, web.json_response(answer, status=status, headers=headers))
    with pytest.raises(TryLater) as told:
        await platform.send(MEI, HELLO, "1")
    assert timedelta(seconds=52) == told.value.wait


@pytest.mark.parametrize(("reset", "seconds"), [("soon", 10), ("999999", 3600), ("", 10), ("0", 10)])
async def test_a_rate_limit_that_says_nonsense(platform: FeishuPlatform, feishu: Any, reset: str, seconds: int) -> None:
    headers = {"x-ogw-ratelimit-reset": reset}
    feishu.script(SEND, web.json_response({"code": 99991400}, status=429, headers=headers))
    with pytest.raises(TryLater) as told:
        await platform.send(MEI, HELLO, "1")
    assert timedelta(seconds=seconds) == told.value.wait


async def test_the_body_counts_before_the_status(platform: FeishuPlatform, feishu: Any) -> None:
    feishu.script(SEND, web.json_response({"code": 0, "data": {"message_id": "om_7"}}, status=500))
    assert "om_7" == (await platform.send(MEI, HELLO, "1")).id
    feishu.script(SEND, web.json_response({"code": 230013}, status=500))
    with pytest.raises(GiveUp):
        await platform.send(MEI, HELLO, "2")
    feishu.script(SEND, web.json_response({"code": 424242}, status=503))
    with pytest.raises(TryLater):
        await platform.send(MEI, HELLO, "3")


# --- the way there -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "unknown"),
    [
        (lambda: web.Response(status=502, text="<html>bad gateway</html>", content_type="text/html"), True),
        (lambda: web.Response(status=200, text="<html>hello</html>", content_type="text/html"), True),
        (lambda: web.Response(status=200, text="[]", content_type="application/json"), True),
        (lambda: web.json_response({"msg": "no code"}), True),
        (lambda: web.Response(status=404, text="not here"), False),
        (lambda: web.Response(status=302, headers={"Location": "/elsewhere"}), False),
        (lambda: web.Response(status=429, text="slow down"), False),
        (lambda: "reset", True),
        (lambda: "hang", True),
    ],
    ids=["502", "html", "list", "no code", "404", "redirect", "429", "reset", "hang"],
)
async def test_what_is_no_answer_is_tried_later(
    platform: FeishuPlatform, feishu: Any, answer: Any, unknown: bool
) -> None:
    feishu.script(SEND, answer())
    with pytest.raises(TryLater) as told:
        await platform.send(MEI, HELLO, "1")
    assert unknown == told.value.unknown
    await platform.send(MEI, HELLO, "1")
    assert 1 == len({call.body["uuid"] for call in feishu.to(SEND)})


async def test_nobody_there(clock: StandingClock) -> None:
    platform = FeishuPlatform(
        api_base="http://127.0.0.1:9",
        app_id="cli_1",
        app_secret="s",
        encrypt_key="",
        verification_token="t",
        now=clock.now,
    )
    with pytest.raises(TryLater) as told:
        await platform.send(MEI, HELLO, "1")
    assert not told.value.unknown
    await platform.close()


async def test_an_answer_without_end_is_not_read_to_its_end(platform: FeishuPlatform, feishu: Any) -> None:
    feishu.script(SEND, web.Response(body=b" " * (4 * 2**20 + 1)))
    with pytest.raises(GiveUp, match="larger"):
        await platform.send(MEI, HELLO, "1")


async def test_a_failure_is_logged_with_its_trace_and_without_secrets_or_words(
    platform: FeishuPlatform, feishu: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = {"code": 230013, "msg": "Bot has NO availability to this user 张三"}
    feishu.script(SEND, web.json_response(answer, status=400, headers={"X-Tt-Logid": "20260601080000ABCDEF"}))
    with pytest.raises(GiveUp) as told:
        await platform.send(MEI, Message("私密的话"), "1")
    line = next(record.getMessage() for record in caplog.records if "feishu.refused" in record.getMessage())
    assert "logid=20260601080000ABCDEF" in line
    assert "230013" in line
    everything = caplog.text + told.value.reason
    for secret in ("s3cret", "t-1", "私密", "张三", "ou_mei"):
        assert secret not in everything


# --- files -------------------------------------------------------------------------------------------------------


async def test_a_file_is_read_out_of_its_message(platform: FeishuPlatform, feishu: Any) -> None:
    headers = {"Content-Disposition": "attachment; filename*=UTF-8''%E7%AE%80%E5%8E%86.pdf"}
    feishu.script(FILE, web.Response(body=b"%PDF", content_type="application/pdf", headers=headers))
    found = await platform.fetch(FileRef("feishu", "om_1/file_1", "file"), 10)
    assert (b"%PDF", "简历.pdf", "application/pdf") == (found.content, found.name, found.content_type)
    assert [{"type": "file"}] == [call.query for call in feishu.to(FILE)]


async def test_a_file_larger_than_asked_for_is_given_up(platform: FeishuPlatform, feishu: Any) -> None:
    feishu.script(FILE, web.Response(body=b"x" * 11))
    with pytest.raises(GiveUp, match="larger"):
        await platform.fetch(FileRef("feishu", "om_1/file_1", "file"), 10)


@pytest.mark.parametrize("code", [234003, 234004, 234005, 234009, 234037, 234038, 234040, 234043, 99992354])
async def test_a_file_that_cannot_be_read_is_given_up(platform: FeishuPlatform, feishu: Any, code: int) -> None:
    feishu.script(FILE, {"code": code, "msg": "x"}, web.json_response({"code": code, "msg": "x"}))
    for _ in range(2):
        with pytest.raises(GiveUp, match=str(code)):
            await platform.fetch(FileRef("feishu", "om_1/file_1", "file"), 1000)


async def test_a_file_while_feishu_is_not_itself(platform: FeishuPlatform, feishu: Any) -> None:
    feishu.script(
        FILE, web.Response(status=502, text="<html>"), {"code": 234019}, {"code": 99991663}, {"code": 99991663}
    )
    for _ in range(3):
        with pytest.raises(TryLater):
            await platform.fetch(FileRef("feishu", "om_1/file_1", "file"), 1000)


async def test_somebodys_own_json_file_is_a_file(platform: FeishuPlatform, feishu: Any) -> None:
    own = b'{"code": 5, "msg": "mine"}'
    disposition = {"Content-Disposition": 'attachment; filename="a.json"'}
    feishu.script(FILE, web.Response(body=own, content_type="application/json", headers=disposition))
    assert own == (await platform.fetch(FileRef("feishu", "om_1/file_1", "file"), 1000)).content


@pytest.mark.parametrize("id", ["", "om_1", "/file_1", "om_1/"])
async def test_a_file_that_is_none_of_feishus(platform: FeishuPlatform, id: str) -> None:
    with pytest.raises(GiveUp):
        await platform.fetch(FileRef("feishu", id, "file"), 1000)


async def test_an_id_cannot_lead_astray(platform: FeishuPlatform, feishu: Any) -> None:
    await platform.update(MEI, "../../auth?x=1#", Message("x"))
    (call,) = [call for call in feishu.calls if call.method == "PATCH"]
    assert "im/v1/messages/../../auth?x=1#" == call.path
    assert {} == call.query
