"""The SMS gateway and the interview provider."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks import Webhook

from bot.sandbox import DEFAULTS, Sandbox

BEARER = {"Authorization": f"Bearer {DEFAULTS.sms_token}"}
PHONE = "+8613800001234"
TOKEN = "abcdefghijklmnopqrstuv"


def sms(**changed: Any) -> dict[str, Any]:
    return {"id": "m1", "to": PHONE, "text": "您好", **changed}


async def post(client: Any, body: Any, headers: dict[str, str] = BEARER) -> int:
    async with client.post("/sms", json=body, headers=headers) as answer:
        status = answer.status
        assert isinstance(status, int)
        return status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (sms(), 202),
        (sms(to="13800001234"), 422),
        (sms(to="+0138"), 422),
        (sms(text=""), 422),
        (sms(text="x" * 2001), 422),
        (sms(id=""), 422),
        (sms(id=5), 422),
        (sms(id="x" * 129), 422),
        ([], 422),
    ],
)
async def test_what_the_gateway_takes(client: Any, sandbox: Sandbox, body: Any, status: int) -> None:
    assert status == await post(client, body)
    assert (1 if status == 202 else 0) == len(sandbox.sms.messages(PHONE))


async def test_the_gateway_wants_its_token_and_json(client: Any) -> None:
    assert 401 == await post(client, sms(), {})
    assert 401 == await post(client, sms(), {"Authorization": "Bearer other"})
    async with client.post("/sms", data=b"{", headers=BEARER) as answer:
        assert 400 == answer.status


async def test_an_id_is_sent_once(client: Any, sandbox: Sandbox) -> None:
    assert [202, 200, 409] == [await post(client, body) for body in (sms(), sms(), sms(text="something else"))]
    assert ["您好"] == [message.text for message in sandbox.sms.messages(PHONE)]
    assert [("m1", False), ("m1", True)] == [(one["id"], one["repeat"]) for one in sandbox.sms.posts]
    assert (1, []) == (sandbox.state["counters"]["sms repeated id"], sandbox.state["repeats"])


async def test_the_same_text_under_another_id_is_noticed(client: Any, sandbox: Sandbox) -> None:
    assert [202, 202] == [await post(client, sms(id=id)) for id in ("m1", "m2")]
    assert ["m2"] == [message["msgid"] for message in sandbox.state["repeats"]]


async def test_numbers_can_be_told_to_fail(client: Any, sandbox: Sandbox) -> None:
    sandbox.sms.fail(PHONE, 410, "gone")
    assert 410 == await post(client, sms())
    assert [] == sandbox.sms.messages(PHONE)


async def test_reports_and_replies_carry_the_token(sandbox: Sandbox, bot: Any) -> None:
    assert 200 == await sandbox.sms.report("m1", "failed", "unreachable")
    assert 200 == await sandbox.sms.reply(PHONE, "退订")
    assert ["/callback/sms"] * 2 == [path for path, _, _ in bot.posts]
    assert {f"Bearer {DEFAULTS.sms_token}"} == {headers["Authorization"] for _, headers, _ in bot.posts}
    bodies = [json.loads(body) for _, _, body in bot.posts]
    assert {"id": "m1", "status": "failed", "reason": "unreachable"} == bodies[0]
    assert {"from": PHONE, "text": "退订"} == bodies[1]


async def test_delivery_can_be_reported_by_itself(client: Any, sandbox: Sandbox, bot: Any) -> None:
    sandbox.sms.auto_report = True
    await post(client, sms())
    await sandbox.idle()
    assert [{"id": "m1", "status": "delivered"}] == [json.loads(body) for _, _, body in bot.posts]


async def test_a_refused_report_is_repeated(sandbox: Sandbox, bot: Any) -> None:
    bot.answers = [web.Response(status=503), web.Response(status=204)]
    assert 204 == await sandbox.sms.report("m1", "delivered")
    assert 2 == len(bot.posts)


def signature(headers: dict[str, str], body: bytes) -> str:
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    return Webhook(DEFAULTS.interview_secret).sign(headers["webhook-id"], at, body.decode())


async def test_results_are_signed_with_the_time_of_the_story(sandbox: Sandbox, bot: Any, clock: Any) -> None:
    await sandbox.interview.start(TOKEN)
    await sandbox.interview.complete(TOKEN, {"总分": 82}, ["耐心"], report_url="https://example.com/r")
    await sandbox.interview.fail(TOKEN, "camera")
    events = [json.loads(body) for _, _, body in bot.posts]
    completed = {"token": TOKEN, "scores": {"总分": 82}, "keywords": ["耐心"], "questions": []}
    assert [
        {"type": "interview.started", "data": {"token": TOKEN}},
        {"type": "interview.completed", "data": {**completed, "report_url": "https://example.com/r"}},
        {"type": "interview.failed", "data": {"token": TOKEN, "reason": "camera"}},
    ] == events
    for path, headers, body in bot.posts:
        assert "/hooks/interview" == path
        assert str(int(clock.now().timestamp())) == headers["webhook-timestamp"]
        assert signature(headers, body) == headers["webhook-signature"]
    assert 3 == len({headers["webhook-id"] for _, headers, _ in bot.posts})


async def test_a_refused_result_is_repeated_under_its_id(sandbox: Sandbox, bot: Any) -> None:
    bot.answers = [web.Response(status=500)]
    assert 200 == await sandbox.interview.start(TOKEN)
    assert 200 == await sandbox.interview.repeat(TOKEN)
    assert 3 == len(bot.posts)
    assert 1 == len({headers["webhook-id"] for _, headers, _ in bot.posts})


async def test_a_result_that_nobody_takes_is_dropped(sandbox: Sandbox, bot: Any) -> None:
    bot.answers = [web.Response(status=404) for _ in range(4)]
    assert 404 == await sandbox.interview.start(TOKEN)
    assert ["dropped"] == [delivery.outcome for delivery in sandbox.deliveries]


@pytest.mark.parametrize("variant", ["wrong_signature", "no_signature", "changed", "stale"])
async def test_results_can_be_forged(sandbox: Sandbox, bot: Any, clock: Any, variant: str) -> None:
    await sandbox.interview.forge(variant, TOKEN, {"总分": 100})
    _, headers, body = bot.posts[0]
    late = clock.now() - datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    genuine = signature(headers, body) == headers.get("webhook-signature")
    assert (variant == "stale", variant == "stale") == (genuine, late > timedelta(minutes=5))


async def test_an_unknown_forgery_is_a_mistake_of_the_test(sandbox: Sandbox) -> None:
    with pytest.raises(LookupError):
        await sandbox.interview.forge("polite", TOKEN, {})


async def test_the_page_has_buttons_that_tell_the_bot(client: Any, sandbox: Sandbox, bot: Any) -> None:
    async with client.get(f"/s/{TOKEN}") as answer:
        text = await answer.text()
        assert (200, 3) == (answer.status, text.count("<button"))
    for form in ({"do": "start"}, {"do": "finish", "总分": "61", "夜班": ""}, {"do": "fail"}, {"do": "?"}):
        async with client.post(f"/s/{TOKEN}", data=form, allow_redirects=False) as answer:
            assert (303, f"/s/{TOKEN}") == (answer.status, answer.headers["Location"])
    types = [json.loads(body)["type"] for _, _, body in bot.posts]
    assert ["interview.started", "interview.completed", "interview.failed"] == types
    assert {"总分": 61} == json.loads(bot.posts[1][2])["data"]["scores"]
    assert {TOKEN: 1} == sandbox.interview.opened


async def test_links_can_be_dead(client: Any, sandbox: Sandbox) -> None:
    assert 404 == (await client.get("/s/short")).status
    sandbox.interview.dead = True
    assert 404 == (await client.get(f"/s/{TOKEN}")).status
