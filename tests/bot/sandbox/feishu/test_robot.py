"""Custom robots: objects in place of strings, a sign made of nothing, and failures in HTTP 200."""

from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from bot.clock import StandingClock
from bot.sandbox import DEFAULTS, Sandbox
from bot.sandbox.feishu.robot import HOOK, signature
from bot.sandbox.feishu.world import Feishu

TEXT = {"msg_type": "text", "content": {"text": '漏斗 <at user_id="all">所有人</at>'}}
CARD = {"elements": [{"tag": "markdown", "content": "预警"}]}
SUCCESS = {"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"}


@pytest.mark.parametrize(
    ("timestamp", "secret", "expected"),
    [
        ("1599360473", "demo", "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8="),
        ("1700000001", "sim-secret", "fTm8ZAMBslg8tPbVXETXIM2RbXUOMuZnoqV3dLaFhwE="),
    ],
)
def test_the_sign_is_the_published_one(timestamp: str, secret: str, expected: str) -> None:
    assert expected == signature(timestamp, secret)


def signed(clock: StandingClock, body: dict[str, Any], *, off: int = 0) -> dict[str, Any]:
    timestamp = str(int(clock.now().timestamp()) + off)
    return {**body, "timestamp": timestamp, "sign": signature(timestamp, DEFAULTS.feishu_robot_secret)}


async def post(client: TestClient[Any, Any], body: Any, token: str = DEFAULTS.feishu_robot) -> dict[str, Any]:
    options = {"data": body} if isinstance(body, bytes) else {"json": body}
    async with client.post(f"{HOOK}{token}", **options) as answer:
        assert 200 == answer.status
        found = await answer.json()
        assert isinstance(found, dict)
        return found


async def test_a_signed_text_is_seen(client: Any, feishu: Feishu, clock: StandingClock) -> None:
    assert SUCCESS == await post(client, signed(clock, TEXT))
    assert [("漏斗 @所有人", "feishu.robot")] == [(one.text, one.surface) for one in feishu.robot.messages()]
    assert f"http://a{HOOK}{DEFAULTS.feishu_robot}" == feishu.robot.url("http://a/")


@pytest.mark.parametrize(("off", "code"), [(3600, 0), (-3600, 0), (3601, 19021), (-3601, 19021)])
async def test_the_sign_holds_an_hour(client: Any, clock: StandingClock, off: int, code: int) -> None:
    assert code == (await post(client, signed(clock, TEXT, off=off)))["code"]


@pytest.mark.parametrize("changed", [{"sign": "x"}, {"sign": None}, {"timestamp": 1700000001}, {"timestamp": "soon"}])
async def test_a_wrong_sign_is_refused(client: Any, clock: StandingClock, changed: dict[str, Any]) -> None:
    assert 19021 == (await post(client, {**signed(clock, TEXT), **changed}))["code"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"msg_type": "post", "content": {"post": {"zh_cn": {"title": "t", "content": [[]]}}}}, 0),
        ({"msg_type": "image", "content": {"image_key": "img_x"}}, 0),
        ({"msg_type": "share_chat", "content": {"share_chat_id": "oc_x"}}, 0),
        ({"msg_type": "interactive", "card": CARD}, 0),
        ({"msg_type": "text", "content": '{"text": "x"}'}, 9499),
        ({"msg_type": "text"}, 9499),
        ({"msg_type": "text", "content": {"text": ""}}, 19002),
        ({"msg_type": "post", "content": {"zh_cn": {"content": []}}}, 19002),
        ({"msg_type": "interactive", "content": CARD}, 19002),
        ({"msg_type": "interactive", "card": "{}"}, 19002),
        ({"msg_type": "interactive", "card": {"schema": "2.0", "body": {"elements": [{"tag": "note"}]}}}, 11246),
        ({"msg_type": "file", "content": {"file_key": "x"}}, 19002),
        ({"msg_type": "text", "content": {"text": "x" * 20_500}}, 19036),
        (b"no json", 9499),
        (b"[]", 9499),
    ],
)
async def test_bodies_are_checked(client: Any, feishu: Feishu, body: Any, code: int) -> None:
    feishu.robot.hooks[DEFAULTS.feishu_robot].secret = ""
    assert code == (await post(client, body))["code"]
    assert (1 if code == 0 else 0) == len(feishu.robot.messages())


async def test_unknown_robots_addresses_and_keywords(client: Any, feishu: Feishu) -> None:
    hook = feishu.robot.hooks[DEFAULTS.feishu_robot]
    hook.secret, hook.keywords = "", ["预警"]
    assert 19001 == (await post(client, TEXT, "unknown"))["code"]
    assert 19024 == (await post(client, TEXT))["code"]
    assert 0 == (await post(client, {"msg_type": "interactive", "card": CARD}))["code"]
    hook.addresses = {"203.0.113.1"}
    assert 19022 == (await post(client, {"msg_type": "interactive", "card": CARD}))["code"]


async def test_five_a_second_and_a_hundred_a_minute(client: Any, feishu: Feishu, clock: StandingClock) -> None:
    feishu.robot.per_minute = 10
    assert [0] * 5 + [11232] == [(await post(client, signed(clock, TEXT)))["code"] for _ in range(6)]
    clock.push(timedelta(seconds=1))
    assert [0] * 5 + [11232] == [(await post(client, signed(clock, TEXT)))["code"] for _ in range(6)]
    clock.push(timedelta(seconds=1))
    assert 11232 == (await post(client, signed(clock, TEXT)))["code"]
    clock.push(timedelta(minutes=1))
    assert 0 == (await post(client, signed(clock, TEXT)))["code"]


async def test_a_button_that_calls_back_is_noticed(client: Any, clock: StandingClock, sandbox: Sandbox) -> None:
    dead = {"tag": "button", "text": {"tag": "plain_text", "content": "通过"}, "value": {"key": "pass"}}
    card = {"elements": [{"tag": "action", "actions": [dead]}]}
    assert 0 == (await post(client, signed(clock, {"msg_type": "interactive", "card": card})))["code"]
    assert 1 == len(sandbox.record.warnings)
