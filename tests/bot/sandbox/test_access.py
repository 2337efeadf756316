"""Tokens: only in the query, checked before anything else, lost at any time."""

import re
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from bot.clock import StandingClock
from bot.sandbox import DEFAULTS, Sandbox

NOTHING = {"touser": "hr", "msgtype": "text", "agentid": DEFAULTS.agent_id, "text": {"content": "hi"}}


async def test_a_path_that_does_not_exist_is_an_empty_404(client: TestClient[web.Request, web.Application]) -> None:
    async with client.get("/cgi-bin/no/such/path") as answer:
        assert (404, b"") == (answer.status, await answer.read())


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, 0),
        ({"corpsecret": ""}, 41004),
        ({"corpsecret": "", "corpid": ""}, 41004),
        ({"corpid": "ww-unknown"}, 40013),
        ({"corpid": "ww-unknown", "corpsecret": "wrong"}, 40013),
        ({"corpsecret": "wrong"}, 40001),
    ],
)
async def test_gettoken_checks_in_the_order_of_the_platform(caller: Any, changed: dict[str, str], code: int) -> None:
    assert code == (await caller.get_token(**changed))["errcode"]


async def test_a_second_gettoken_returns_the_same_token_with_what_remains(caller: Any, clock: StandingClock) -> None:
    first = await caller.get_token()
    clock.push(timedelta(minutes=30))
    again = await caller.get_token()
    assert first["access_token"] == again["access_token"]
    assert (7200, 5400) == (first["expires_in"], again["expires_in"])


async def test_a_second_gettoken_may_bring_a_token_of_its_own(caller: Any, sandbox: Sandbox) -> None:
    sandbox.access.same_token = False
    tokens = {(await caller.get_token())["access_token"] for _ in range(2)}
    assert (2, 2) == (len(tokens), sandbox.access.issued)


async def test_asking_for_tokens_all_the_time_is_refused(caller: Any, sandbox: Sandbox, clock: StandingClock) -> None:
    sandbox.access.calls_per_minute = 2
    assert [0, 0, 45009] == [(await caller.get_token())["errcode"] for _ in range(3)]
    clock.push(timedelta(minutes=1))
    assert 0 == (await caller.get_token())["errcode"]


async def test_ten_wrong_secrets_ban_the_address_for_an_hour(caller: Any, clock: StandingClock) -> None:
    codes = [(await caller.get_token(corpsecret="wrong"))["errcode"] for _ in range(10)]
    assert [40001] * 10 == codes
    assert 45009 == (await caller.get_token())["errcode"]
    clock.push(timedelta(hours=1))
    assert 0 == (await caller.get_token())["errcode"]


async def test_a_token_outside_the_query_does_not_count(
    client: TestClient[web.Request, web.Application], caller: Any
) -> None:
    token = (await caller.get_token())["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    async with client.post("/cgi-bin/message/send", json={"access_token": token}, headers=headers) as answer:
        assert 41001 == (await answer.json())["errcode"]


async def test_the_token_is_checked_before_any_parameter(client: TestClient[web.Request, web.Application]) -> None:
    async with client.get("/cgi-bin/message/send", params={"access_token": "made-up"}, data=b"{") as answer:
        assert 40014 == (await answer.json())["errcode"]


async def test_a_token_lives_two_hours(caller: Any, clock: StandingClock) -> None:
    assert 0 == await caller.code("message/send", NOTHING)
    clock.push(timedelta(hours=2))
    assert 42001 == await caller.code("message/send", NOTHING)


async def test_the_platform_may_forget_a_token_at_any_time(caller: Any, sandbox: Sandbox) -> None:
    assert 0 == await caller.code("message/send", NOTHING)
    sandbox.moods.token_lost()
    assert 40014 == await caller.code("message/send", NOTHING)
    caller.token = ""
    assert 0 == await caller.code("message/send", NOTHING)


async def test_a_token_is_good_for_its_own_app_only(caller: Any, sandbox: Sandbox) -> None:
    sandbox.access.secrets.update({"of-another-app": 1000009, "of-contact-sync": None})
    caller.token = (await caller.get_token(corpsecret="of-another-app"))["access_token"]
    assert 301002 == await caller.code("message/send", NOTHING)
    caller.token = (await caller.get_token(corpsecret="of-contact-sync"))["access_token"]
    assert 48002 == await caller.code("message/send", NOTHING)


async def test_a_disabled_app_may_do_nothing(caller: Any, sandbox: Sandbox) -> None:
    sandbox.access.disabled.add(DEFAULTS.agent_id)
    assert 50003 == await caller.code("message/send", NOTHING)


async def test_a_list_of_trusted_addresses_holds_after_a_minute(
    caller: Any, sandbox: Sandbox, clock: StandingClock
) -> None:
    sandbox.access.allow({"203.0.113.5"}, clock.now())
    assert 0 == await caller.code("message/send", NOTHING)
    clock.push(timedelta(minutes=1))
    assert 60020 == await caller.code("message/send", NOTHING)


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"{", "application/json", 40058),
        (b"[]", "application/json", 40058),
        (b"\xff", "application/json", 40058),
        (b"[" * 100_000, "application/json", 40058),
        (b"touser=hr", "application/x-www-form-urlencoded", 40063),
        (rb'{"text": {"content": "\u4f60"}}', "application/json", 40033),
    ],
)
async def test_a_body_must_be_an_object_in_real_utf8(
    client: TestClient[web.Request, web.Application], caller: Any, body: bytes, kind: str, code: int
) -> None:
    query = {"access_token": (await caller.get_token())["access_token"]}
    async with client.post("/cgi-bin/message/send", params=query, data=body, headers={"Content-Type": kind}) as answer:
        assert (200, code) == (answer.status, (await answer.json())["errcode"])


async def test_the_wrong_method_is_an_errcode_too(caller: Any) -> None:
    query = {"access_token": (await caller.get_token())["access_token"]}
    assert 40063 == (await caller.get("message/send", query))["errcode"]


async def test_error_texts_have_the_real_shape_and_never_repeat(caller: Any) -> None:
    texts = [(await caller.get_token(corpid="ww-unknown"))["errmsg"] for _ in range(3)]
    assert 3 == len(set(texts))
    for text in texts:
        shape = (
            r"invalid corpid(, hint: \[\d+\])?, from ip: [\d.:]+, "
            r"more info at https://open\.work\.weixin\.qq\.com/devtool/query\?e=40013"
        )
        assert re.fullmatch(shape, text)


async def test_an_error_still_carries_the_empty_fields_of_its_path(caller: Any) -> None:
    answer = await caller.get("user/get", {})
    assert ([], []) == (answer["department"], answer["order"])
    answer = await caller.get("getcallbackip", {"access_token": "made-up"})
    assert (40014, []) == (answer["errcode"], answer["ip_list"])
