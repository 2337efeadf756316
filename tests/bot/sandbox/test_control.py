"""The sandbox over HTTP, and what a bot has to be told about it."""

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from bot.platforms.wecom.crypto import CallbackCrypto
from bot.sandbox import DEFAULTS, Sandbox, environment, serve

PHONE = "+8613800001234"
TOKEN = "abcdefghijklmnopqrstuv"


async def do(client: Any, order: str, expected: int = 200, /, **body: Any) -> Any:
    async with client.post(f"/sandbox/{order}", json=body) as answer:
        found = await answer.json()
        assert expected == answer.status, found
        return found["result" if expected == 200 else "error"]


async def test_candidates_and_members_can_be_played_from_outside(client: Any, sandbox: Sandbox, bot: Any) -> None:
    event = await do(client, "kf/enter", external_userid="wm1", link="abc")
    assert "abc" == event["event"]["scene_param"]
    assert "text" == (await do(client, "kf/say", external_userid="wm1", text="你好"))["msgtype"]
    content = base64.b64encode(b"\xff\xd8\xff1234").decode()
    picture: dict[str, Any] = {"name": "a.jpg", "content": content, "content_type": "image/jpeg", "kind": "image"}
    assert "image" == (await do(client, "kf/file", external_userid="wm1", **picture))["msgtype"]
    await do(client, "app/say", userid="HR", text="/help")
    await do(client, "idle")
    assert 3 == sum(1 for one in bot.received if one.get("Event") == "kf_msg_or_event")
    assert ["/help"] == [one["Content"] for one in bot.received if one["MsgType"] == "text"]


async def test_gateways_can_be_played_from_outside(client: Any, sandbox: Sandbox, bot: Any) -> None:
    assert 200 == await do(client, "sms/reply", phone=PHONE, text="退订")
    assert 200 == await do(client, "sms/report", id="m1", status="delivered")
    assert 200 == await do(client, "interview/start", token=TOKEN)
    assert 200 == await do(client, "interview/complete", token=TOKEN, scores={"总分": 82.0})
    assert 200 == await do(client, "interview/fail", token=TOKEN, reason="camera")
    assert {"总分": 82.0} == json.loads(bot.posts[3][2])["data"]["scores"]


async def test_cards_can_be_tapped_from_outside(client: Any, caller: Any, bot: Any) -> None:
    card = {
        "card_type": "button_interaction",
        "main_title": {"title": "t"},
        "task_id": "t-1",
        "button_list": [{"text": "通过", "key": "pass:1"}],
    }
    body = {"touser": "hr", "agentid": DEFAULTS.agent_id, "msgtype": "template_card", "template_card": card}
    await caller.post("message/send", body)
    await do(client, "app/tap", userid="HR", task_id="t-1", key="pass:1", selected={})
    await do(client, "idle")
    assert "pass:1" == bot.received[0]["EventKey"]
    assert "pass:9" in await do(client, "app/tap", 400, userid="HR", task_id="t-1", key="pass:9")


async def test_moods_the_clock_and_the_address_can_be_set(
    client: Any, caller: Any, sandbox: Sandbox, clock: Any
) -> None:
    await do(client, "mood", mood="busy", times=1, path="/cgi-bin/")
    assert -1 == (await caller.get_token())["errcode"]
    await do(client, "mood", mood="token_lost")
    before = clock.now()
    await do(client, "clock", by=3600)
    assert timedelta(hours=1) == clock.now() - before
    await do(client, "configure", members=["new"], retry_interval=0.5, copies=2, interview_dead=True, auto_report=True)
    assert ({"new"}, 0.5, 2) == (sandbox.app.members, sandbox.courier.interval, sandbox.callbacks.copies)
    assert (True, True) == (sandbox.interview.dead, sandbox.sms.auto_report)
    assert {"errcode": 0} == await do(client, "verify")
    await do(client, "configure", bot_url="http://127.0.0.1:1")
    assert {"errcode": 40057} == await do(client, "verify")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("kf/say", {}),
        ("kf/say", {"external_userid": "wm1", "text": {"not": "a text"}}),
        ("kf/say", {"external_userid": "wm1", "text": "x", "more": 1}),
        ("kf/tap", {"external_userid": "wm1", "menu_id": "never sent"}),
        ("kf/file", {"external_userid": "wm1", "name": "a", "content_type": "b", "content": "no base64!"}),
        ("mood", {"mood": "_take"}),
        ("mood", {"mood": "busy", "more": 1}),
        ("clock", {"by": -1}),
    ],
)
async def test_a_wrong_order_is_explained(client: Any, path: str, body: dict[str, Any]) -> None:
    assert "" != await do(client, path, 400, **body)


async def test_an_order_must_be_an_object(client: Any) -> None:
    for body in (b"[]", b"{"):
        async with client.post("/sandbox/kf/say", data=body) as answer:
            assert 400 == answer.status


async def test_the_state_tells_everything(client: Any, caller: Any, sandbox: Sandbox) -> None:
    body = {"touser": "hr", "agentid": DEFAULTS.agent_id, "msgtype": "text", "text": {"content": "hi"}}
    await caller.post("message/send", body)
    await caller.post("message/send", body)
    sandbox.moods.slow(1)
    async with client.get("/sandbox/state") as answer:
        state = await answer.json()
    assert ["hi", "hi"] == [message["text"] for message in state["app"]["hr"]]
    assert (1, 2, ["HR", "boss"]) == (len(state["repeats"]), state["counters"]["wecom.app"], state["members"])
    assert [1] == [mood["seconds"] for mood in state["moods"]]


def test_a_bot_is_told_everything_it_needs() -> None:
    told = environment("http://127.0.0.1:9000/")
    assert "http://127.0.0.1:9000" == told["BULOU_WECOM__API_BASE"]
    assert "http://127.0.0.1:9000/s/{token}" == told["BULOU_INTERVIEW__LINK"]
    assert "http://127.0.0.1:9000/sms" == told["BULOU_SMS__URL"]
    webhook = f"http://127.0.0.1:9000/cgi-bin/webhook/send?key={DEFAULTS.group_key}"
    assert webhook == told["BULOU_WECOM__GROUP_WEBHOOK"]
    crypto = CallbackCrypto(told["BULOU_WECOM__TOKEN"], told["BULOU_WECOM__AES_KEY"], told["BULOU_WECOM__CORP_ID"])
    assert b"hello" == crypto.open(crypto.seal(b"hello"))


async def test_it_starts_by_itself_and_says_how_to_reach_it(capsys: pytest.CaptureFixture[str]) -> None:
    task = asyncio.get_running_loop().create_task(serve(port=0))
    printed = ""
    while "INTERVIEW__SECRET" not in printed:
        await asyncio.sleep(0)
        assert not task.done()
        printed += capsys.readouterr().out
    assert "BULOU_WECOM__API_BASE=http://127.0.0.1:" in printed
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
