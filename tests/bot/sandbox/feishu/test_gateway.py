"""Feishu's gateway: tokens, paths, scopes, limits and bad days."""

import random
import re
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from bot.clock import StandingClock
from bot.sandbox import Sandbox
from bot.sandbox.feishu.world import Feishu

TOKEN = "auth/v3/tenant_access_token/internal"
INFO = "bot/v3/info"


@pytest.mark.parametrize(
    ("changed", "code"),
    [({}, 0), ({"app_id": "cli_unknown"}, 10003), ({"app_secret": "wrong"}, 10015), ({"app_id": None}, 10003)],
)
async def test_wrong_names_are_refused_in_http_200(caller: Any, changed: dict[str, Any], code: int) -> None:
    assert code == (await caller.get_token(**changed))["code"]
    assert 200 == caller.status


async def test_a_disabled_app_gets_no_token_and_its_old_one_is_refused(caller: Any, feishu: Feishu) -> None:
    assert 0 == await caller.code("GET", INFO)
    feishu.app.enabled = False
    assert 10014 == (await caller.get_token())["code"]
    assert 99991662 == await caller.code("GET", INFO)


async def test_a_token_stays_the_same_until_half_an_hour_is_left(caller: Any, clock: StandingClock) -> None:
    first = await caller.get_token()
    assert {"code": 0, "msg": "ok", "expire": 7200} == {name: first[name] for name in ("code", "msg", "expire")}
    clock.push(timedelta(minutes=90))
    again = await caller.get_token()
    assert (first["tenant_access_token"], 1800) == (again["tenant_access_token"], again["expire"])
    clock.push(timedelta(seconds=1))
    fresh = await caller.get_token()
    assert fresh["tenant_access_token"] != first["tenant_access_token"]
    for token in (first, fresh):
        assert 0 == (await caller.call("GET", INFO, token=token["tenant_access_token"]))["code"]
    clock.push(timedelta(minutes=30))
    assert 99991663 == (await caller.call("GET", INFO, token=first["tenant_access_token"]))["code"]


async def test_the_token_call_is_post_and_json_only(client: TestClient[Any, Any]) -> None:
    async with client.get(f"/open-apis/{TOKEN}") as answer:
        assert (400, 99991301) == (answer.status, (await answer.json())["code"])
    async with client.post(f"/open-apis/{TOKEN}", data={"app_id": "a"}) as answer:
        assert 99991301 == (await answer.json())["code"]


async def test_an_app_token_comes_with_a_tenant_token(caller: Any) -> None:
    body = {"app_id": "cli_sandbox000000001", "app_secret": "sandbox-feishu-secret-not-a-secret"}
    found = await caller.call("POST", "auth/v3/app_access_token/internal", body, token="")
    assert found["tenant_access_token"] == (await caller.get_token())["tenant_access_token"]
    assert 99991663 == (await caller.call("GET", INFO, token=found["app_access_token"]))["code"]


@pytest.mark.parametrize(
    ("method", "path", "token", "status", "code"),
    [
        ("GET", INFO, "", 400, 99991661),
        ("GET", INFO, "t-made-up", 400, 99991663),
        ("GET", INFO, "made-up", 400, 99991671),
        ("GET", INFO, "u-somebody", 400, 99991668),
        ("GET", "no/such/path", None, 404, 99991201),
        ("DELETE", INFO, None, 400, 99991301),
        ("POST", "im/v1/messages", "", 400, 99991661),
    ],
)
async def test_the_gateway_refuses(
    caller: Any, method: str, path: str, token: str | None, status: int, code: int
) -> None:
    found = await caller.call(method, path, token=token)
    assert (status, code) == (caller.status, found["code"])
    assert found["error"]["log_id"] == caller.headers["X-Tt-Logid"]
    assert re.fullmatch(r"\d{14}[0-9A-F]{20}", found["error"]["log_id"])
    assert found["error"]["log_id"] in found["error"]["troubleshooter"]


async def test_a_missing_scope_is_named(caller: Any, feishu: Feishu, hr: Any) -> None:
    feishu.app.scopes -= {"im:message", "im:message:send_as_bot"}
    found = await caller.send(hr.open_id, {"text": "hi"})
    assert (400, 99991672) == (caller.status, found["code"])
    assert "[im:message, im:message:send_as_bot, im:message:send]" in found["msg"]
    assert "im:message" == found["error"]["permission_violations"][0]["subject"]
    feishu.app.scopes.add("im:message:send_as_bot")
    assert 0 == (await caller.send(hr.open_id, {"text": "hi"}))["code"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 9999])
async def test_a_body_that_is_no_json_object_is_a_bad_request(caller: Any, body: bytes) -> None:
    found = await caller.call("POST", "im/v1/messages", body, {"receive_id_type": "open_id"})
    assert (400, {"code": 9499, "msg": "Bad Request", "data": {}}) == (caller.status, found)


async def test_an_api_takes_fifty_a_second_and_a_thousand_a_minute(
    caller: Any, feishu: Feishu, clock: StandingClock
) -> None:
    feishu.gateway.slowdown = 0.04  # 2 a second, 40 a minute
    assert [0, 0, 99991400] == [await caller.code("GET", INFO) for _ in range(3)]
    assert 429 == caller.status
    assert ("50", "1") == (caller.headers["x-ogw-ratelimit-limit"], caller.headers["x-ogw-ratelimit-reset"])
    assert 0 == await caller.code("GET", "im/v1/chats")  # each path for itself
    for _ in range(19):
        clock.push(timedelta(seconds=1))
        assert [0, 0] == [await caller.code("GET", INFO) for _ in range(2)]
    clock.push(timedelta(seconds=1))
    feishu.gateway.limit_status = 400
    assert 99991400 == await caller.code("GET", INFO)
    assert (400, "60") == (caller.status, caller.headers["x-ogw-ratelimit-reset"])
    clock.push(timedelta(minutes=1))
    assert 0 == await caller.code("GET", INFO)
    assert "x-ogw-ratelimit-limit" not in caller.headers


async def test_the_monthly_quota_spares_tokens(caller: Any, feishu: Feishu) -> None:
    feishu.gateway.quota_used_up = True
    assert (99991403, 429) == (await caller.code("GET", INFO), caller.status)
    assert 0 == (await caller.get_token())["code"]


async def test_only_listed_addresses_may_call(caller: Any, feishu: Feishu) -> None:
    feishu.gateway.allowed = {"203.0.113.1"}
    assert 99991401 == (await caller.get_token())["code"]
    feishu.gateway.allowed = {"127.0.0.1"}
    assert 0 == (await caller.get_token())["code"]


async def test_bad_days(caller: Any, sandbox: Sandbox, client: TestClient[Any, Any], hr: Any) -> None:
    await caller.get_token()
    caller.token = (await caller.get_token())["tenant_access_token"]
    sandbox.moods.busy()
    assert (2200, 500) == (await caller.code("GET", INFO), caller.status)
    sandbox.moods.rate_limited()
    assert (99991400, 429) == (await caller.code("GET", INFO), caller.status)
    sandbox.moods.errcode(230022)
    assert (230022, 400) == (await caller.code("GET", INFO), caller.status)
    sandbox.moods.refuse(status=502)
    async with client.get(f"/open-apis/{INFO}") as answer:
        assert (502, "text/html") == (answer.status, answer.content_type)
    sandbox.moods.token_lost()
    assert 99991663 == await caller.code("GET", INFO)


async def test_a_message_arrives_although_its_answer_is_lost(caller: Any, sandbox: Sandbox, hr: Any) -> None:
    caller.token = (await caller.get_token())["tenant_access_token"]
    sandbox.moods.answer_lost()
    with pytest.raises(Exception, match="isconnect"):
        await caller.send(hr.open_id, {"text": "您好"}, uuid="app:1/invite")
    again = await caller.send(hr.open_id, {"text": "您好"}, uuid="app:1/invite")
    assert [again["data"]["message_id"]] == [message.msgid for message in hr.sees()]


async def test_the_bot_learns_who_it_is(caller: Any, feishu: Feishu) -> None:
    found = await caller.call("GET", INFO)
    assert (0, "ok", feishu.app.open_id) == (found["code"], found["msg"], found["bot"]["open_id"])
    assert (1, 1) == (feishu.gateway.calls[f"GET {INFO}"], feishu.tokens.issued)


async def test_no_body_breaks_an_endpoint(caller: Any, feishu: Feishu, hr: Any) -> None:
    """Whatever stands in a body, every path answers with a code and never falls over."""
    feishu.gateway.slowdown = feishu.messages.pace.per_second = 10**6
    feishu.app.scopes |= {"im:chat:delete", "im:message.urgent:sms", "im:message.urgent:phone", "im:message.group_msg"}
    sent = await caller.sent(hr.open_id, {"elements": []}, "interactive")
    ids = {"message_id": sent, "chat_id": feishu.hr_group.id, "user_id": hr.open_id, "file_key": "file_x"}
    query = {"receive_id_type": "open_id", "user_id_type": "open_id", "container_id_type": "chat"}
    chance = random.Random(618)
    codes = set()
    for endpoint in feishu.gateway.endpoints:
        for _ in range(12):
            body = {name: chance.choice(ODD) for name in chance.sample(NAMES, 9)} | {"receive_id": hr.open_id}
            path = endpoint.path.format(**ids)
            codes.add(await caller.code(endpoint.method, path, body if endpoint.body == "json" else None, query))
            assert caller.status < 500
    assert {0, 9499, 99992402, 230001} <= codes


ODD = [None, 7, "", "text", "interactive", "{}", [], {}, [7], ["x"], True, '{"text": "x"}', "ou_x", {"text": 7}]
NAMES = [
    *("msg_type", "content", "uuid", "reply_in_thread", "card", "token", "open_ids", "user_ids", "chat_id", "open_id"),
    *("name", "description", "owner_id", "user_id_list", "id_list", "chat_type", "emails", "mobiles", "reaction_type"),
    *("app_id", "app_secret", "grant_type", "client_id", "client_secret", "code", "redirect_uri", "code_verifier"),
]
