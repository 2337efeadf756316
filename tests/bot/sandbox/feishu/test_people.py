"""Feishu played from outside, what the state tells, and what a bot has to be told."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from bot.clock import Clock
from bot.platforms.feishu.crypto import CallbackCrypto
from bot.sandbox import DEFAULTS, Sandbox, environment
from bot.sandbox.feishu.world import Feishu

CARD = {
    "schema": "2.0",
    "body": {
        "elements": [
            {
                "tag": "button",
                "text": {"tag": "plain_text", "content": "通过"},
                "behaviors": [{"type": "callback", "value": {"key": "pass:1"}}],
            },
            {"tag": "date_picker", "name": "day", "behaviors": [{"type": "callback", "value": {"key": "day"}}]},
            {
                "tag": "form",
                "name": "f",
                "elements": [
                    {"tag": "input", "name": "note", "required": True},
                    {
                        "tag": "button",
                        "name": "ok",
                        "text": {"tag": "plain_text", "content": "提交"},
                        "form_action_type": "submit",
                    },
                ],
            },
        ]
    },
}


async def do(client: Any, order: str, expected: int = 200, /, **body: Any) -> Any:
    async with client.post(f"/sandbox/feishu/{order}", json=body) as answer:
        found = await answer.json()
        assert expected == answer.status, found
        return found["result" if expected == 200 else "error"]


async def test_people_and_groups_can_be_played_from_outside(
    client: Any, sandbox: Sandbox, feishu: Feishu, bot: Any
) -> None:
    feishu.events.hold()
    hr = await do(client, "person", name="刘芳", mobile="13800000000")
    mei = await do(client, "person", name="王小雨", tenant=False)
    group = await do(client, "group", name="静安店", members=[hr])
    await do(client, "join", group=group, person="bot")
    await do(client, "join", group=group, person="王小雨")
    assert feishu.who(mei).chat_id == await do(client, "open", person=mei)
    picture = base64.b64encode(b"\xff\xd8\xff").decode()
    await do(client, "image", person=mei, content=picture)
    await do(client, "file", person=mei, name="简历.pdf", content=picture)
    await do(client, "say", person="刘芳", text="/help", group=group, at_bot=True)
    await do(client, "menu", person=hr, key="status")
    await feishu.events.release()
    assert [
        "im.chat.member.bot.added_v1",
        "im.chat.member.user.added_v1",
        "p2p_chat_create",
        "im.chat.access_event.bot_p2p_chat_entered_v1",
        "im.message.receive_v1",
        "im.message.receive_v1",
        "im.message.receive_v1",
    ] == bot.types[:7]
    assert "application.bot.menu_v6" == bot.types[-1]
    assert await do(client, "verify")


async def test_cards_can_be_touched_from_outside(client: Any, caller: Any, bot: Any, hr: Any, sandbox: Sandbox) -> None:
    sent = await caller.sent(hr.open_id, CARD, "interactive")
    bot.answers = [web.json_response({"toast": {"type": "info", "content": "好"}})]
    told = await do(client, "tap", person=hr.open_id, message_id=sent, what="pass:1")
    assert ("好", "") == (told["toast"]["text"], told["link"])
    assert {"toast": None, "link": ""} == await do(
        client, "submit", person=hr.open_id, message_id=sent, values={"note": "x"}
    )
    await do(client, "choose", person=hr.open_id, message_id=sent, name="day", value="2026-05-11")
    assert "note" in await do(client, "submit", 400, person=hr.open_id, message_id=sent, values={})
    assert "nobody" in await do(client, "tap", 400, person="ou_unknown", message_id=sent, what="x")
    assert ["x"] == [one["event"]["action"]["form_value"]["note"] for one in bot.received[1:2]]


async def test_the_state_tells_who_saw_what(client: Any, caller: Any, bot: Any, hr: Any, feishu: Feishu) -> None:
    sent = await caller.sent(hr.open_id, CARD, "interactive")
    await caller.sent(feishu.hr_group.id, {"text": "您好"}, by="chat_id")
    bot.answers = [web.json_response({"toast": {"type": "info", "content": "好"}})]
    await hr.tap(sent, "通过")
    async with client.get("/sandbox/state") as answer:
        state = (await answer.json())["feishu"]
    assert [["通过", "pass:1"], ["提交", ""]] == state["private"][hr.open_id][0]["buttons"]
    assert ["您好"] == [one["text"] for one in state["group"][feishu.hr_group.id]]
    assert ("刘芳", hr.chat_id, ["好"]) == (
        state["people"][0]["name"],
        state["people"][0]["chat_id"],
        [toast["text"] for toast in state["people"][0]["toasts"]],
    )
    assert [(feishu.hr_group.id, [hr.open_id], True)] == [
        (one["chat_id"], one["members"], one["bot"]) for one in state["groups"]
    ]


def test_a_bot_is_told_of_feishu_only_when_asked() -> None:
    base = "http://127.0.0.1:9000"
    assert not [name for name in environment(base) if "FEISHU" in name]
    told = environment(f"{base}/", ("feishu",))
    assert not [name for name in told if "WECOM" in name]
    assert {
        "BULOU_FEISHU__API_BASE": base,
        "BULOU_FEISHU__LOGIN_BASE": base,
        "BULOU_FEISHU__APP_ID": DEFAULTS.feishu_app_id,
        "BULOU_FEISHU__APP_SECRET": DEFAULTS.feishu_secret,
        "BULOU_FEISHU__ENCRYPT_KEY": DEFAULTS.feishu_encrypt_key,
        "BULOU_FEISHU__VERIFICATION_TOKEN": DEFAULTS.feishu_token,
        "BULOU_FEISHU__HR_CHAT_ID": DEFAULTS.feishu_hr_chat,
    } == {name: value for name, value in told.items() if "FEISHU" in name}
    both = environment(base, ("wecom", "feishu"))
    assert {**environment(base), **told} == both
    with pytest.raises(ValueError, match="lark"):
        environment(base, ("lark",))


async def test_retries_wake_up_by_themselves(bot: Any) -> None:
    """With a clock that nobody turns, the next try comes when its time has come."""
    clock = Clock()
    sandbox = Sandbox(clock, bot_url="http://127.0.0.1:1")
    hr = sandbox.feishu.person("刘芳")
    hr.met = True
    hr.say("你好")
    await sandbox.idle()
    assert 1 == len(sandbox.feishu.events.waiting)
    alarm = sandbox.feishu.events.alarm
    assert alarm is not None
    assert not alarm.cancelled()
    clock.push(timedelta(seconds=15))
    await sandbox.idle()
    assert 2 == len(sandbox.deliveries[0].attempts)
    await sandbox.close()
    assert [] == sandbox.feishu.events.waiting
    assert sandbox.feishu.events.alarm is None


def test_the_hr_group_is_the_one_that_a_bot_is_told_of(feishu: Feishu) -> None:
    crypto = CallbackCrypto(DEFAULTS.feishu_encrypt_key)
    assert {"a": 1} == json.loads(crypto.open(crypto.seal(b'{"a": 1}')))
    assert DEFAULTS.feishu_hr_chat == feishu.hr_group.id
    assert ("group", True, []) == (feishu.hr_group.chat.kind, feishu.hr_group.chat.bot, feishu.hr_group.chat.members)
