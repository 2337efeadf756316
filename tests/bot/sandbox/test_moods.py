"""Bad days: the same call, refused, late, or carried out without an answer."""

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from bot.sandbox import DEFAULTS, Sandbox

HELLO = {"touser": "hr", "msgtype": "text", "agentid": DEFAULTS.agent_id, "text": {"content": "hi"}}
SMS = {"id": "m1", "to": "+8613800001234", "text": "hi"}
BEARER = {"Authorization": f"Bearer {DEFAULTS.sms_token}"}


async def test_busy_passes_after_the_given_number_of_calls(caller: Any, sandbox: Sandbox) -> None:
    sandbox.moods.busy(times=2, path="/cgi-bin/message/")
    assert [-1, -1, 0] == [await caller.code("message/send", HELLO) for _ in range(3)]
    assert 1 == len(sandbox.app.messages("hr"))


async def test_any_errcode_can_be_asked_for(caller: Any, sandbox: Sandbox) -> None:
    await caller.post("message/send", HELLO)
    sandbox.moods.rate_limited()
    sandbox.moods.too_concurrent()
    sandbox.moods.errcode(42001)
    assert [45009, 45033, 42001, 0] == [await caller.code("message/send", HELLO) for _ in range(4)]


async def test_a_mood_holds_for_its_paths_only(caller: Any, sandbox: Sandbox) -> None:
    sandbox.moods.busy(times=None, path="/cgi-bin/kf/")
    assert [0, 0] == [await caller.code("message/send", HELLO) for _ in range(2)]
    assert [-1, -1] == [await caller.code("kf/account/list", {}) for _ in range(2)]
    sandbox.moods.clear()
    assert 0 == await caller.code("kf/account/list", {})


async def test_a_lost_answer_comes_after_the_deed(caller: Any, sandbox: Sandbox) -> None:
    await caller.post("message/send", HELLO)
    sandbox.moods.answer_lost(path="/cgi-bin/message/send")
    with pytest.raises(aiohttp.ClientError):
        await caller.post("message/send", HELLO)
    assert 2 == len(sandbox.app.messages("hr"))
    assert 0 == await caller.code("message/send", HELLO)


async def test_a_late_answer_comes_after_the_deed(
    client: TestClient[web.Request, web.Application], sandbox: Sandbox
) -> None:
    sandbox.moods.slow(0.2, path="/sms")
    with pytest.raises(asyncio.TimeoutError):
        await client.post("/sms", json=SMS, headers=BEARER, timeout=aiohttp.ClientTimeout(total=0.05))
    assert 1 == len(sandbox.sms.messages("+8613800001234"))


async def test_elsewhere_moods_are_http_statuses(
    client: TestClient[web.Request, web.Application], sandbox: Sandbox
) -> None:
    sandbox.moods.busy()
    sandbox.moods.rate_limited()
    sandbox.moods.refuse(status=502)
    statuses = [(await client.post("/sms", json=SMS, headers=BEARER)).status for _ in range(4)]
    assert [503, 429, 502, 202] == statuses
