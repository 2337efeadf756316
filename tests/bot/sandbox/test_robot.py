"""HR's group robot: its key, its limits, twenty messages a minute."""

import base64
import hashlib
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import FormData

from bot.clock import StandingClock
from bot.sandbox import DEFAULTS, Sandbox

KEY = DEFAULTS.group_key
PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 20
NOTICE = {
    "card_type": "text_notice",
    "main_title": {"title": "预警"},
    "card_action": {"type": 1, "url": "https://example.com"},
}


def text(content: str = "hi") -> dict[str, Any]:
    return {"msgtype": "text", "text": {"content": content}}


def image(content: bytes, md5: str | None = None) -> dict[str, Any]:
    digest = hashlib.md5(content).hexdigest() if md5 is None else md5
    return {"msgtype": "image", "image": {"base64": base64.b64encode(content).decode(), "md5": digest}}


async def send(client: Any, body: Any, key: str = KEY) -> int:
    data = io.BytesIO(json.dumps(body, ensure_ascii=False).encode())
    async with client.post("/cgi-bin/webhook/send", params={"key": key}, data=data) as answer:
        assert 200 == answer.status
        code = (await answer.json())["errcode"]
        assert isinstance(code, int)
        return code


async def upload(client: Any, content: bytes, key: str = KEY) -> dict[str, Any]:
    form = FormData()
    form.add_field("media", content, filename="a.csv")
    async with client.post("/cgi-bin/webhook/upload_media", params={"key": key, "type": "file"}, data=form) as answer:
        found = await answer.json()
        assert isinstance(found, dict)
        return found


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (text(), 0),
        ({"msgtype": "poem"}, 40008),
        (text(""), 44004),
        (text("字" * 682), 0),
        (text("字" * 683), 45002),
        ({"msgtype": "text", "text": {"content": "x", "mentioned_list": "@all"}}, 40035),
        ({"msgtype": "markdown", "markdown": {"content": "字" * 1365}}, 0),
        ({"msgtype": "markdown", "markdown": {"content": "字" * 1366}}, 45002),
        ({"msgtype": "markdown_v2", "markdown_v2": {"content": "字" * 1366}}, 45002),
        (image(PNG), 0),
        (image(PNG, "0" * 32), 40058),
        (image(b"GIF89a"), 40004),
        (image(PNG + b"x" * 2 * 2**20), 40009),
        ({"msgtype": "image", "image": {"base64": "?", "md5": "x"}}, 40058),
        ({"msgtype": "news", "news": {"articles": [{"title": "t"}]}}, 40058),
        ({"msgtype": "news", "news": {"articles": [{"title": "t", "url": "https://a.example"}] * 9}}, 45008),
        ({"msgtype": "template_card", "template_card": NOTICE}, 0),
        ({"msgtype": "template_card", "template_card": {**NOTICE, "card_type": "button_interaction"}}, 40058),
        (
            {
                "msgtype": "template_card",
                "template_card": {
                    **NOTICE,
                    "card_type": "news_notice",
                    "image_text_area": {"image_url": "https://a.example/a.png"},
                },
            },
            40058,
        ),
        ({"msgtype": "file", "file": {"media_id": "made-up"}}, 40007),
    ],
)
async def test_what_a_robot_may_say(client: Any, body: dict[str, Any], code: int) -> None:
    assert code == await send(client, body)


async def test_the_key_is_the_only_credential(client: Any, sandbox: Sandbox) -> None:
    assert 93000 == await send(client, text(), key="made-up")
    sandbox.robot.keys.add("second-group")
    assert 0 == await send(client, text("for two"), key="second-group")
    assert ["for two"] == [message.text for message in sandbox.robot.messages("second-group")]
    assert [] == sandbox.robot.messages()
    sandbox.robot.keys.remove(KEY)
    assert 93000 == await send(client, text())


async def test_the_21st_message_silences_for_a_minute(client: Any, sandbox: Sandbox, clock: StandingClock) -> None:
    codes = [await send(client, text(f"n{turn}")) for turn in range(21)]
    assert [0] * 20 + [45009] == codes
    clock.push(timedelta(seconds=59))
    assert 45009 == await send(client, text("too soon"))
    clock.push(timedelta(seconds=1))
    assert 0 == await send(client, text("now"))
    assert 21 == len(sandbox.robot.messages())


async def test_a_new_minute_counts_anew(client: Any, clock: StandingClock) -> None:
    for _ in range(2):
        assert {0} == {await send(client, text()) for _ in range(20)}
        clock.push(timedelta(minutes=1))


async def test_a_robots_files_are_its_own(client: Any, sandbox: Sandbox) -> None:
    sandbox.robot.keys.add("second-group")
    answer = await upload(client, b"a,b,c,d")
    body = {"msgtype": "file", "file": {"media_id": answer["media_id"]}}
    assert ("ok", 0) == (answer["errmsg"], await send(client, body))
    assert 40007 == await send(client, body, key="second-group")


async def test_an_upload_is_looked_at_before_the_key(client: Any) -> None:
    assert 44001 == (await upload(client, b"", key="made-up"))["errcode"]
    assert 93000 == (await upload(client, b"a,b,c,d", key="made-up"))["errcode"]


async def test_the_same_alert_twice_is_noticed(client: Any, sandbox: Sandbox) -> None:
    await send(client, text("预警"))
    await send(client, text("预警"))
    assert ["预警"] == [message["text"] for message in sandbox.state["repeats"]]
