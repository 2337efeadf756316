"""Touching cards: one question to the bot, three seconds, and what people see of the answer."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from bot.clock import StandingClock
from bot.sandbox import DEFAULTS, Sandbox
from bot.sandbox.feishu.clicks import legacy_signature
from bot.sandbox.feishu.entering import Entered, NotEntered
from bot.sandbox.feishu.people import Person
from bot.sandbox.feishu.world import Feishu


def text(words: str) -> dict[str, str]:
    return {"tag": "plain_text", "content": words}


def button(words: str, **more: Any) -> dict[str, Any]:
    do = [{"type": "callback", "value": {"key": f"do:{words}"}}]
    return {"tag": "button", "text": text(words), "behaviors": do, **more}


def second(*elements: dict[str, Any], **config: Any) -> dict[str, Any]:
    return {"schema": "2.0", "config": config, "body": {"elements": list(elements)}}


def first(*buttons: dict[str, Any], shared: bool = True) -> dict[str, Any]:
    return {"config": {"update_multi": shared}, "elements": [{"tag": "action", "actions": list(buttons)}]}


DONE = second({"tag": "markdown", "content": "已通过"})
CARD = second(button("通过"), button("退回"))
FORM = second(
    {
        "tag": "form",
        "name": "slots",
        "elements": [
            {
                "tag": "select_static",
                "name": "slot",
                "required": True,
                "options": [{"text": text("周一"), "value": "s1"}, {"text": text("周二"), "value": "s2"}],
            },
            {"tag": "date_picker", "name": "start"},
            {"tag": "picker_datetime", "name": "at"},
            {"tag": "picker_time", "name": "time"},
            {"tag": "input", "name": "note", "max_length": 5},
            {"tag": "multi_select_person", "name": "who"},
            {"tag": "checker", "name": "agree", "text": text("同意")},
            button("提交", name="ok", form_action_type="submit"),
        ],
    }
)


def toast(words: str, kind: str = "success") -> web.Response:
    return web.json_response({"toast": {"type": kind, "content": words}})


def raw(card: dict[str, Any]) -> web.Response:
    return web.json_response({"card": {"type": "raw", "data": card}})


async def test_a_touch_is_told_once_and_its_toast_is_seen(
    caller: Any, hr: Person, bot: Any, sandbox: Sandbox, clock: StandingClock
) -> None:
    sent = await caller.sent(hr.open_id, CARD, "interactive")
    bot.answers = [toast("已批准")]
    outcome = await hr.tap(sent, "通过")
    assert outcome.toast == hr.toasts[-1]
    assert ("success", "已批准", 0) == (hr.toasts[0].kind, hr.toasts[0].text, hr.toasts[0].code)
    head = bot.received[0]["header"]
    assert ("card.action.trigger", DEFAULTS.feishu_token, "1777885200000000") == (
        head["event_type"],
        head["token"],
        head["create_time"],
    )
    assert {"value": {"key": "do:通过"}, "tag": "button"} == bot.last["action"]
    assert {"open_message_id": sent, "open_chat_id": hr.chat_id} == bot.last["context"]
    assert (hr.open_id, "im_message") == (bot.last["operator"]["open_id"], bot.last["host"])
    assert "X-Lark-Signature" in bot.posts[0][0]
    assert "accepted" == sandbox.deliveries[-1].outcome


async def test_a_card_in_the_answer_changes_for_all(caller: Any, hr: Person, bot: Any, feishu: Feishu) -> None:
    sent = await caller.sent(feishu.hr_group.id, CARD, "interactive", by="chat_id")
    bot.answers = [raw(DONE)]
    assert None is (await hr.tap(sent, "do:通过")).toast
    assert ["已通过"] == [one.text for one in feishu.hr_group.sees()]
    with pytest.raises(LookupError):
        await hr.tap(sent, "通过")


async def test_a_card_that_is_not_shared_changes_for_one(caller: Any, hr: Person, bot: Any, feishu: Feishu) -> None:
    boss = feishu.person("老板")
    feishu.company.join(feishu.hr_group.chat, boss)
    sent = await caller.sent(feishu.hr_group.id, first(button("通过"), shared=False), "interactive", by="chat_id")
    bot.answers = [raw({"elements": [{"tag": "markdown", "content": "已通过"}]})]
    await hr.tap(sent, "通过")
    assert (["已通过"], [""]) == tuple([one.text for one in who.sees(feishu.hr_group.id)] for who in (hr, boss))


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (web.Response(status=500), 200671),
        (web.Response(status=302, headers={"Location": "/"}), 200671),
        (web.Response(text=""), 200672),
        (web.Response(text="ok"), 200672),
        (web.json_response("ok"), 200672),
        (web.json_response({"msg": "success"}), 200672),
        (web.json_response({"toast": "done"}), 200672),
        (web.json_response({"toast": {"type": "loud", "content": "x"}}), 200672),
        (web.json_response({"toast": {"type": "info", "content": 7}}), 200672),
        (web.json_response({"card": {"elements": []}}), 200672),
        (web.json_response({"card": {"type": "raw", "data": "{}"}}), 200672),
        (raw(second({"tag": "note"})), 200673),
        (raw(first(button("x"))), 200830),
    ],
)
async def test_the_client_shows_its_own_code_for_a_bad_answer(
    caller: Any, hr: Person, bot: Any, answer: web.Response, code: int, sandbox: Sandbox, clock: StandingClock
) -> None:
    sent = await caller.sent(hr.open_id, CARD, "interactive")
    bot.answers = [web.Response(status=answer.status, body=answer.body, headers=answer.headers)]
    await hr.tap(sent, "通过")
    assert ("error", code) == (hr.toasts[-1].kind, hr.toasts[-1].code)
    assert str(code) in hr.toasts[-1].text
    assert ["通过", "退回"] == [words for words, _ in hr.sees()[0].buttons]
    clock.push(timedelta(days=1))
    await sandbox.idle()
    assert 1 == len(bot.posts)  # never again


async def test_no_answer_in_time_nobody_there_and_nothing_set_up(
    caller: Any, hr: Person, bot: Any, feishu: Feishu, sandbox: Sandbox
) -> None:
    sent = await caller.sent(hr.open_id, CARD, "interactive")
    feishu.clicks.within, bot.hangs = 0.02, True
    await hr.tap(sent, "通过")
    sandbox.bot_url = "http://127.0.0.1:1"
    await hr.tap(sent, "通过")
    feishu.clicks.subscribed = False
    await hr.tap(sent, "通过")
    assert [200341, 200342, 200340] == [one.code for one in hr.toasts]


async def test_two_people_may_touch_the_same_button(caller: Any, hr: Person, bot: Any, feishu: Feishu) -> None:
    boss = feishu.person("老板")
    feishu.company.join(feishu.hr_group.chat, boss)
    sent = await caller.sent(feishu.hr_group.id, CARD, "interactive", by="chat_id")
    bot.answers = [raw(DONE), toast("已处理", "info")]
    await asyncio.gather(hr.tap(sent, "通过"), boss.tap(sent, "通过"))
    assert {hr.open_id, boss.open_id} == {one["event"]["operator"]["open_id"] for one in bot.received}
    assert 2 == len({one["event"]["token"] for one in bot.received})


async def test_a_patch_before_the_answer_is_lost(caller: Any, hr: Person, bot: Any, sandbox: Sandbox) -> None:
    sent = await caller.sent(hr.open_id, CARD, "interactive")

    async def patch() -> None:
        assert 0 == await caller.code("PATCH", f"im/v1/messages/{sent}", {"content": json.dumps(DONE)})

    bot.meanwhile = patch
    await hr.tap(sent, "通过")
    assert ["通过", "退回"] == [words for words, _ in hr.sees()[0].buttons]
    assert 1 == len(sandbox.record.warnings)
    bot.meanwhile = None
    await patch()
    assert ["已通过"] == [one.text for one in hr.sees()]


async def test_what_cannot_be_touched(caller: Any, hr: Person, feishu: Feishu, mei: Person) -> None:
    group = feishu.hr_group.id
    sent = await caller.sent(group, second(button("通过"), button("关", disabled=True)), "interactive", by="chat_id")
    words = await caller.sent(group, {"text": "通过"}, by="chat_id")
    for who, message, what in ((hr, sent, "没有"), (hr, sent, "关"), (hr, words, "通过"), (mei, sent, "通过")):
        with pytest.raises(LookupError):
            await who.tap(message, what)
    copy = hr.forward(sent, group)
    with pytest.raises(LookupError, match="forwarded"):
        await hr.tap(copy, "通过")
    living = await caller.sent(
        group, second(button("通过"), enable_forward_interaction=True), "interactive", by="chat_id"
    )
    assert None is (await hr.tap(hr.forward(living, group), "通过")).toast


async def test_a_link_button_opens_a_page_and_tells_nobody(caller: Any, hr: Person, bot: Any) -> None:
    link = button("看板", behaviors=[{"type": "open_url", "default_url": "https://a.example"}])
    sent = await caller.sent(hr.open_id, second(link), "interactive")
    assert "https://a.example" == (await hr.tap(sent, "看板")).link
    assert [] == bot.received


def test_the_old_callbacks_signature_is_the_one_that_was_measured() -> None:
    body = (
        b'{"open_id":"ou_sim_u1","open_message_id":"om_sim_0001","tenant_key":"simtenant000001","token":"c-sim",'
        b'"action":{"value":{"k":"v"},"tag":"button"}}'
    )
    expected = "397689448e3c934e3b2c5221c41be816700b3306"
    assert expected == legacy_signature("1700000001", "sim-nonce-1", "sim-verification-token-0001", body)
    assert "5470922ccdb44ddab796dff38ae55d2bbf446668" == legacy_signature(
        "1626947018", "64607134", "fake-xx", b"{fake}"
    )


async def test_the_old_callback_may_come_beside_the_new_one(
    caller: Any, hr: Person, bot: Any, feishu: Feishu, sandbox: Sandbox
) -> None:
    feishu.clicks.legacy = True
    sent = await caller.sent(hr.open_id, CARD, "interactive")
    await hr.tap(sent, "通过")
    await sandbox.idle()
    old = next(one for one in bot.received if "header" not in one)
    headers, raw = next(post for post in bot.posts if b"encrypt" not in post[1])
    timestamp, nonce = headers["X-Lark-Request-Timestamp"], headers["X-Lark-Request-Nonce"]
    assert (sent, {"key": "do:通过"}) == (old["open_message_id"], old["action"]["value"])
    assert headers["X-Lark-Signature"] == legacy_signature(timestamp, nonce, DEFAULTS.feishu_token, raw)
    assert 2 == len(bot.posts)


# --- forms ---------------------------------------------------------------------------------------------------------


async def test_a_form_tells_what_was_entered(caller: Any, hr: Person, bot: Any) -> None:
    sent = await caller.sent(hr.open_id, FORM, "interactive")
    entered: dict[str, Entered] = {
        "slot": "s2",
        "start": "2026-05-11",
        "at": "2026-05-11 10:00",
        "time": "09:30",
        "note": "早班",
        "who": ["ou_a", "ou_b"],
        "agree": True,
    }
    await hr.submit(sent, entered)
    told = {**entered, "start": "2026-05-11 +0800", "at": "2026-05-11 10:00 +0800", "time": "09:30 +0800"}
    assert {
        "value": {"key": "do:提交"},
        "tag": "button",
        "timezone": "Asia/Shanghai",
        "name": "ok",
        "form_value": told,
    } == bot.last["action"]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"slot": ""},
        {"slot": "s9"},
        {"slot": "s1", "start": "11.05.2026"},
        {"slot": "s1", "at": "2026-05-11"},
        {"slot": "s1", "note": "六个字太长了"},
        {"slot": "s1", "note": True},
        {"slot": "s1", "agree": "yes"},
        {"slot": "s1", "unknown": "x"},
    ],
)
async def test_the_client_holds_back_a_form_that_is_not_filled_in(
    caller: Any, hr: Person, bot: Any, values: dict[str, Any]
) -> None:
    sent = await caller.sent(hr.open_id, FORM, "interactive")
    with pytest.raises(NotEntered):
        await hr.submit(sent, values, "提交")
    assert [] == bot.received


@pytest.mark.parametrize(("empty", "told"), [(None, False), ("", True)])
async def test_empty_fields_are_absent_or_empty(
    caller: Any, hr: Person, bot: Any, empty: str | None, told: bool
) -> None:
    sent = await caller.sent(hr.open_id, FORM, "interactive")
    hr.empty_field = empty
    await hr.submit(sent, {"slot": "s1"})
    assert told == ("note" in bot.last["action"]["form_value"])
    assert "s1" == bot.last["action"]["form_value"]["slot"]


async def test_what_a_card_has_entered_already_counts(caller: Any, hr: Person, bot: Any) -> None:
    options = [{"text": text("周一"), "value": "s1"}, {"text": text("周二"), "value": "s2"}]
    fields = [
        {"tag": "input", "name": "note", "default_value": "早班"},
        {"tag": "select_static", "name": "slot", "options": options, "initial_index": 2},
        {"tag": "date_picker", "name": "start", "initial_date": "2026-05-11"},
        {"tag": "multi_select_static", "name": "more", "options": options, "selected_values": ["s1"]},
    ]
    submit = button("提交", name="ok", form_action_type="submit")
    card = second({"tag": "form", "name": "f", "elements": [*fields, submit]})
    await hr.submit(await caller.sent(hr.open_id, card, "interactive"), {"note": "晚班"})
    expected = {"note": "晚班", "slot": "s2", "start": "2026-05-11 +0800", "more": ["s1"]}
    assert expected == bot.last["action"]["form_value"]


async def test_fields_outside_a_form_tell_at_once(caller: Any, hr: Person, bot: Any) -> None:
    do = [{"type": "callback", "value": {"id": 1}}]
    options = [{"text": text("A"), "value": "a"}]
    card = second(
        {"tag": "select_static", "options": options, "behaviors": do},
        {"tag": "input", "name": "note", "behaviors": do},
        {"tag": "multi_select_static", "options": options, "behaviors": do},
        {"tag": "checker", "text": text("好"), "behaviors": do},
        {"tag": "date_picker", "behaviors": do},
    )
    sent = await caller.sent(hr.open_id, card, "interactive")
    expected: list[tuple[str, Any, dict[str, Any]]] = [
        ("select_static", "a", {"option": "a"}),
        ("note", "早班", {"input_value": "早班", "name": "note"}),
        ("multi_select_static", ["a"], {"options": ["a"]}),
        ("checker", True, {"checked": True}),
        ("date_picker", "2026-05-11", {"option": "2026-05-11 +0800", "timezone": "Asia/Shanghai"}),
    ]
    for name, value, told in expected:
        await hr.choose(sent, name, value)
        assert told.items() <= bot.last["action"].items()
    with pytest.raises(NotEntered):
        await hr.choose(sent, "unknown", "x")


# --- the token of a click --------------------------------------------------------------------------------------------


async def update(caller: Any, token: str, card: Any) -> int:
    code = await caller.code("POST", "interactive/v1/card/update", {"token": token, "card": card})
    assert isinstance(code, int)
    return code


async def test_a_clicks_token_changes_the_card_twice(caller: Any, hr: Person, bot: Any, clock: StandingClock) -> None:
    sent = await caller.sent(hr.open_id, CARD, "interactive")
    early: list[int] = []

    async def too_early() -> None:
        early.append(await update(caller, bot.last["token"], DONE))

    bot.meanwhile = too_early
    await hr.tap(sent, "通过")
    token = bot.last["token"]
    assert (True, [300030]) == (token.startswith("c-"), early)
    assert [0, 0, 300040] == [await update(caller, token, DONE) for _ in range(3)]
    assert ["已通过"] == [one.text for one in hr.sees()]


async def test_a_clicks_token_lives_half_an_hour(caller: Any, hr: Person, bot: Any, clock: StandingClock) -> None:
    await hr.tap(await caller.sent(hr.open_id, CARD, "interactive"), "通过")
    clock.push(timedelta(minutes=30))
    assert 0 == await update(caller, bot.last["token"], DONE)
    clock.push(timedelta(seconds=1))
    assert 300030 == await update(caller, bot.last["token"], DONE)


async def test_what_a_clicks_token_cannot_do(caller: Any, hr: Person, bot: Any) -> None:
    sent = await caller.sent(hr.open_id, CARD, "interactive")
    await hr.tap(sent, "通过")
    token = bot.last["token"]
    assert 300020 == await update(caller, sent, DONE)
    assert 300020 == await update(caller, "c-made-up", DONE)
    assert 10002 == await update(caller, token, json.dumps(DONE))
    assert 230099 == await update(caller, token, first(button("x")))
    assert 100000 == await update(caller, token, {"x": "x" * 110_000})
    await caller.code("DELETE", f"im/v1/messages/{sent}")
    assert 200000 == await update(caller, token, DONE)
    assert 99992354 == await caller.code("PATCH", f"im/v1/messages/{token}", {"content": json.dumps(DONE)})


async def test_a_card_that_is_not_shared_names_its_viewers(caller: Any, hr: Person, bot: Any) -> None:
    own = first(button("通过"), shared=False)
    await hr.tap(await caller.sent(hr.open_id, own, "interactive"), "通过")
    changed = {"elements": [{"tag": "markdown", "content": "已通过"}]}
    assert 300090 == await update(caller, bot.last["token"], changed)
    assert 0 == await update(caller, bot.last["token"], {**changed, "open_ids": [hr.open_id]})
    assert ["已通过"] == [one.text for one in hr.sees()]
