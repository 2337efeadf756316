"""The long connection: frames byte by byte, acknowledgements in time, parts, limits."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from bot.clock import StandingClock
from bot.sandbox import DEFAULTS, Sandbox
from bot.sandbox.feishu.frames import CONTROL, DATA, Frame, Malformed
from bot.sandbox.feishu.people import Person
from bot.sandbox.feishu.socket import ENDPOINT
from bot.sandbox.feishu.world import Feishu

PING = "0800100018f681801020002a0c0a0474797065120470696e67"
EVENT = (
    "0801100218f681801020012a0d0a047479706512056576656e742a100a0a6d6573736167655f696412026d312a080a0373756d1201312a080a0"
    "37365711201302a0e0a0874726163655f69641202743142027b7d"
)
HEADERS = {"type": "event", "message_id": "m1", "sum": "1", "seq": "0", "trace_id": "t1"}
SAMPLES = {
    PING: Frame(CONTROL, 33554678, headers={"type": "ping"}),
    EVENT: Frame(DATA, 33554678, 1, 2, HEADERS, b"{}"),
}
SECRETS = {"AppID": DEFAULTS.feishu_app_id, "AppSecret": DEFAULTS.feishu_secret}
Answer = Callable[[dict[str, Any]], Any]


@pytest.mark.parametrize("raw", SAMPLES)
def test_frames_are_the_ones_that_were_measured(raw: str) -> None:
    assert raw == SAMPLES[raw].pack().hex()
    assert SAMPLES[raw] == Frame.unpack(bytes.fromhex(raw))


@pytest.mark.parametrize("raw", ["08", "2a05", "2a05ff", "0d00000000", "ff" * 12, "2a040a02fffe"])
def test_other_bytes_are_no_frame(raw: str) -> None:
    with pytest.raises(Malformed):
        Frame.unpack(bytes.fromhex(raw))


async def endpoint(client: TestClient[Any, Any], **changed: str) -> dict[str, Any]:
    async with client.post(ENDPOINT, json={**SECRETS, **changed}) as answer:
        assert 200 == answer.status
        found = await answer.json()
        assert isinstance(found, dict)
        return found


@asynccontextmanager
async def connected(client: TestClient[Any, Any]) -> AsyncIterator[ClientWebSocketResponse]:
    url = URL((await endpoint(client))["data"]["URL"])
    async with client.ws_connect(url.path_qs) as socket:
        yield socket


async def serve(socket: ClientWebSocketResponse, seen: list[dict[str, Any]], answer: Answer) -> None:
    """Take frames and acknowledge each whole message."""
    parts: dict[str, dict[int, bytes]] = {}
    async for message in socket:
        if message.type is not WSMsgType.BINARY:
            return
        frame = Frame.unpack(message.data)
        held = parts.setdefault(frame.headers["message_id"], {})
        held[int(frame.headers["seq"])] = frame.payload
        if len(held) < int(frame.headers["sum"]):
            continue
        seen.append(json.loads(b"".join(held[number] for number in sorted(held))))
        told = answer(seen[-1])
        if told is None:
            continue
        frame.headers["biz_rt"] = "3"
        frame.payload = json.dumps(told).encode()
        await socket.send_bytes(frame.pack())


@asynccontextmanager
async def served(client: TestClient[Any, Any], answer: Answer) -> AsyncIterator[list[dict[str, Any]]]:
    """A connected bot, and what it has been told."""
    seen: list[dict[str, Any]] = []
    async with connected(client) as socket:
        work = asyncio.get_running_loop().create_task(serve(socket, seen, answer))
        try:
            yield seen
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)


@pytest.fixture
def met(feishu: Feishu, hr: Person) -> Person:
    feishu.use_socket()
    hr.met = True
    return hr


async def test_the_endpoint_wants_the_secret(client: TestClient[Any, Any], feishu: Feishu) -> None:
    found = await endpoint(client)
    assert (0, 120) == (found["code"], found["data"]["ClientConfig"]["PingInterval"])
    assert 1000040344 == (await endpoint(client, AppSecret="wrong"))["code"]
    async with client.post(ENDPOINT, data=b"no json") as answer:
        assert 1000040344 == (await answer.json())["code"]
    feishu.socket.busy = 1
    assert [1, 0] == [(await endpoint(client))["code"] for _ in range(2)]


async def test_an_event_comes_in_the_open_and_is_acknowledged(
    client: TestClient[Any, Any], sandbox: Sandbox, met: Person
) -> None:
    async with served(client, lambda event: {"code": 200}) as seen:
        met.say("你好")
        await sandbox.idle()
    assert ("im.message.receive_v1", "") == (seen[0]["header"]["event_type"], seen[0]["header"]["token"])
    assert ("accepted", 1) == (sandbox.deliveries[0].outcome, len(sandbox.deliveries[0].attempts))


async def test_a_large_event_comes_in_parts(
    client: TestClient[Any, Any], sandbox: Sandbox, feishu: Feishu, met: Person
) -> None:
    feishu.socket.part_size = 100
    async with served(client, lambda event: {"code": 200}) as seen:
        met.say("长" * 500)
        await sandbox.idle()
    assert "长" * 500 == json.loads(seen[0]["event"]["message"]["content"])["text"]


@pytest.mark.parametrize("told", [None, {"code": 500}, {"code": "200"}, "ok"])
async def test_what_is_not_acknowledged_comes_again(
    client: TestClient[Any, Any], sandbox: Sandbox, feishu: Feishu, met: Person, clock: StandingClock, told: Any
) -> None:
    feishu.events.within = 0.05
    answers = [told, {"code": 200}]
    async with served(client, lambda event: answers.pop(0)) as seen:
        met.say("你好")
        await sandbox.idle()
        clock.push(timedelta(seconds=15))
        await sandbox.idle()
    assert (2, 1) == (len(seen), len({event["header"]["event_id"] for event in seen}))
    assert "accepted" == sandbox.deliveries[0].outcome


async def test_nobody_connected_means_later(sandbox: Sandbox, feishu: Feishu, met: Person) -> None:
    met.say("你好")
    await sandbox.idle()
    assert ([None], 1) == ([one.status for one in sandbox.deliveries[0].attempts], len(feishu.events.waiting))


async def test_a_touch_is_answered_over_the_connection(
    client: TestClient[Any, Any], caller: Any, feishu: Feishu, met: Person
) -> None:
    button = {"tag": "button", "text": {"tag": "plain_text", "content": "通过"}, "value": {"key": "pass"}}
    card = {"config": {"update_multi": True}, "elements": [{"tag": "action", "actions": [button]}]}
    sent = await caller.sent(met.open_id, card, "interactive")
    answer = base64.b64encode(b'{"toast": {"type": "success", "content": "ok"}}').decode()
    async with served(client, lambda event: {"code": 200, "data": answer}):
        await met.tap(sent, "通过")
    assert ["ok"] == [toast.text for toast in met.toasts]
    feishu.use_socket(callbacks=False)
    assert (feishu.events.line, feishu.clicks.line) == (feishu.socket, feishu.events.webhook)


async def test_each_event_goes_to_one_connection(client: TestClient[Any, Any], sandbox: Sandbox, met: Person) -> None:
    async with (
        served(client, lambda event: {"code": 200}) as one,
        served(client, lambda event: {"code": 200}) as other,
    ):
        for number in range(20):
            met.say(str(number))
        await sandbox.idle()
    assert 20 == len(one) + len(other)
    assert len(one) > 0 < len(other)


async def test_a_ping_is_answered_with_the_settings(client: TestClient[Any, Any], feishu: Feishu) -> None:
    feishu.socket.ping_interval = 60
    async with connected(client) as socket:
        await socket.send_bytes(bytes.fromhex(PING))
        pong = Frame.unpack(await socket.receive_bytes())
        assert ("pong", 60) == (pong.headers["type"], json.loads(pong.payload)["PingInterval"])
        await socket.send_bytes(b"\xff")
        assert WSMsgType.CLOSE == (await socket.receive()).type


async def test_a_connection_needs_its_ticket_and_a_free_place(client: TestClient[Any, Any], feishu: Feishu) -> None:
    with pytest.raises(WSServerHandshakeError) as refused:
        await client.ws_connect("/callback/ws/connect?device_id=made-up")
    assert refused.value.headers is not None
    assert "403" == refused.value.headers["handshake-status"]
    feishu.socket.most = 1
    async with connected(client):
        with pytest.raises(WSServerHandshakeError) as refused:
            async with connected(client):
                pass
    assert refused.value.headers is not None
    assert ("514", "1000040350") == tuple(
        refused.value.headers[f"handshake-{name}"] for name in ("status", "autherrcode")
    )


async def test_stopping_hangs_up(sandbox: Sandbox) -> None:
    server = TestServer(sandbox.build())
    async with TestClient(server) as client, connected(client) as socket, asyncio.timeout(20):
        message, _ = await asyncio.gather(socket.receive(), server.close())
    assert WSMsgType.CLOSE == message.type
