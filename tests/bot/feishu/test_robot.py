"""HR's group robot: signed, links only, and its address kept secret."""

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from bot.clock import StandingClock
from bot.errors import GiveUp, TryLater
from bot.platforms.base import Fetched, Sender
from bot.platforms.feishu.crypto import robot_signature
from bot.platforms.feishu.robot import FeishuRobots
from recruiting.chat import Button, Message, Person

HOOK = "bot/v2/hook/TOKEN-1"
ALERT = Message(
    "到面率 9%", title="预警", buttons=(Button("处理", key="done:1"), Button("看板", url="https://x.example/d"))
)
DONE = {"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"}


@pytest.fixture
async def robots(clock: StandingClock) -> AsyncIterator[FeishuRobots]:
    robots = FeishuRobots(clock.now, "sim-secret")
    yield robots
    await robots.close()


@pytest.fixture
def group(feishu: Any) -> Person:
    return Person("feishu.robot", f"{feishu.url}/open-apis/{HOOK}")


async def test_an_alert_is_signed_with_the_present_second(
    robots: FeishuRobots, feishu: Any, group: Person, clock: StandingClock
) -> None:
    feishu.script(HOOK, DONE)
    sender: Sender = robots
    sent = await sender.send(group, ALERT, "out-1")
    (call,) = feishu.to(HOOK)
    timestamp = str(int(clock.now().timestamp()))
    assert ("out-1", "") == (sent.id, sent.card)
    assert (timestamp, robot_signature(timestamp, "sim-secret")) == (call.body["timestamp"], call.body["sign"])
    assert "Authorization" not in call.headers
    assert "interactive" == call.body["msg_type"]
    assert "看板" in json.dumps(call.body["card"], ensure_ascii=False)
    assert "done:1" not in json.dumps(call.body["card"])


async def test_without_a_secret_nothing_is_signed(feishu: Any, group: Person, clock: StandingClock) -> None:
    robots = FeishuRobots(clock.now)
    feishu.script(HOOK, {"StatusCode": 0, "StatusMessage": "success"})
    await robots.send(group, ALERT, "out-1")
    await robots.close()
    assert {"msg_type", "card"} == set(feishu.to(HOOK)[0].body)


@pytest.mark.parametrize("name", ["code", "StatusCode"])
@pytest.mark.parametrize(
    ("code", "error", "word"),
    [
        (11232, TryLater, "too often"),
        (11247, TryLater, "busy"),
        (2200, TryLater, "busy"),
        (9499, GiveUp, "cannot read"),
        (11246, GiveUp, "card"),
        (19001, GiveUp, "address"),
        (19002, GiveUp, "parameter"),
        (19021, GiveUp, "GROUP_SECRET.*clock"),
        (19022, GiveUp, "address"),
        (19024, GiveUp, "keywords"),
        (19036, GiveUp, "too long"),
    ],
)
async def test_refusals(
    robots: FeishuRobots, feishu: Any, group: Person, name: str, code: int, error: type[Exception], word: str
) -> None:
    feishu.script(HOOK, web.json_response({name: code, "msg": "x", "data": {}}))
    with pytest.raises(error, match=word):
        await robots.send(group, ALERT, "out-1")


async def test_the_address_is_in_no_log_and_no_error(
    robots: FeishuRobots, feishu: Any, group: Person, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    feishu.script(HOOK, {"code": 19001}, web.Response(status=502), "reset")
    told = []
    for place in (group, group, group, Person("feishu.robot", "TOKEN-1 is no address")):
        with pytest.raises((TryLater, GiveUp)) as error:
            await robots.send(place, ALERT, "out-1")
        told.append(str(error.value))
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("bot.")]
    assert 2 == len(ours)
    assert "TOKEN-1" not in "".join(told + ours)


async def test_what_a_robot_cannot_do(robots: FeishuRobots, group: Person) -> None:
    with pytest.raises(GiveUp):
        await robots.send_file(group, Fetched(b"x" * 10, "a.pdf", "application/pdf"), "1")
    with pytest.raises(GiveUp):
        await robots.update(group, "om_1", ALERT)
    with pytest.raises(GiveUp):
        await robots.send(Person("feishu.group", "oc_1"), ALERT, "1")


async def test_a_long_alert_keeps_its_title_and_links(robots: FeishuRobots, feishu: Any, group: Person) -> None:
    feishu.script(HOOK, DONE)
    await robots.send(group, Message("字" * 30_000, title="预警", buttons=ALERT.buttons), "out-1")
    body = feishu.to(HOOK)[0].body
    assert len(json.dumps(body, ensure_ascii=False).encode()) <= 20 * 1024
    assert "预警" == body["card"]["header"]["title"]["content"]
    assert "https://x.example/d" in json.dumps(body)
