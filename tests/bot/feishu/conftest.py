"""A small Feishu on loopback that plays what it is told, and the platform that talks to it."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.clock import StandingClock
from bot.platforms.feishu.adapter import FeishuPlatform
from bot.platforms.feishu.crypto import CallbackCrypto

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "feishu" / "vectors.json").read_text(encoding="utf-8"))
KEY = VECTORS["V3"]["encrypt_key"]
TOKEN = VECTORS["V3"]["token"]
APP = VECTORS["V4"]["app_id"]
TOKEN_PATH = "auth/v3/tenant_access_token/internal"


@dataclass
class Call:
    """One request that reached the fake."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any  # JSON, or a dict of a form's fields


class FakeFeishu:
    """Hands out numbered tokens, remembers every call, and answers each path from its script, then with success."""

    def __init__(self) -> None:
        self.url = ""
        self.tokens_given = 0
        self.dead_tokens: set[str] = set()
        self.answers: dict[str, list[Any]] = {}
        self.calls: list[Call] = []
        self.waiting = asyncio.Event()
        self.app = web.Application(client_max_size=64 * 2**20)
        self.app.router.add_post(f"/open-apis/{TOKEN_PATH}", self._give_token)
        self.app.router.add_route("*", "/open-apis/{path:.+}", self._answer)

    def script(self, path: str, *answers: Any) -> None:
        """The next answers to a path: a dict, a ready Response, a coroutine that makes one, "hang" or "reset"."""
        self.answers.setdefault(path, []).extend(answers)

    def to(self, path: str) -> list[Call]:
        """What was sent to a path, in order."""
        return [call for call in self.calls if call.path == path]

    async def _give_token(self, request: web.Request) -> web.StreamResponse:
        await self._note(request)
        script = self.answers.get(TOKEN_PATH)
        if script:
            return await self._play(request, script.pop(0))
        self.tokens_given += 1
        return web.json_response(
            {"code": 0, "msg": "ok", "tenant_access_token": f"t-{self.tokens_given}", "expire": 7200}
        )

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        call = await self._note(request)
        if request.headers.get("Authorization", "").removeprefix("Bearer ") in self.dead_tokens:
            return web.json_response({"code": 99991663, "msg": "invalid"}, status=400)
        script = self.answers.get(call.path)
        return await self._play(request, script.pop(0) if script else self._success(call))

    def _success(self, call: Call) -> dict[str, Any]:
        number = len(self.calls)
        data: dict[str, Any] = {"message_id": f"om_{number}", "chat_id": "oc_private"}
        if call.path == "im/v1/images":
            data = {"image_key": f"img_{number}"}
        elif call.path == "im/v1/files":
            data = {"file_key": f"file_{number}"}
        return {"code": 0, "msg": "success", "data": data if call.method == "POST" else {}}

    async def _play(self, request: web.Request, answer: Any) -> web.StreamResponse:
        if answer == "hang":
            await self.waiting.wait()
            return web.Response()
        if answer == "reset":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if callable(answer):
            answer = await answer()
        if isinstance(answer, web.Response):
            return answer
        return web.json_response(answer, status=400 if answer.get("code") else 200)

    async def _note(self, request: web.Request) -> Call:
        body: Any = None
        if request.content_type == "multipart/form-data":
            body = {}
            for name, value in (await request.post()).items():
                is_file = isinstance(value, web.FileField)
                body[name] = (value.filename, value.content_type, value.file.read()) if is_file else value
        elif await request.read():
            body = await request.json()
        path = request.path.removeprefix("/open-apis/")
        call = Call(request.method, path, dict(request.query), dict(request.headers), body)
        self.calls.append(call)
        return call


def sealed(told: Any, key: str = KEY) -> tuple[dict[str, str], bytes]:
    """Headers and body of a genuine callback."""
    crypto = CallbackCrypto(key)
    plain = told if isinstance(told, bytes) else json.dumps(told).encode()
    body = json.dumps({"encrypt": crypto.seal(plain)}).encode()
    timestamp, nonce = "1700000001", "nonce"
    signature = crypto.sign(timestamp, nonce, body)
    return {
        "X-Lark-Request-Timestamp": timestamp,
        "X-Lark-Request-Nonce": nonce,
        "X-Lark-Signature": signature,
    }, body


def event(kind: str, told: dict[str, Any], **header: Any) -> dict[str, Any]:
    """An event in Feishu's envelope, schema 2.0."""
    told_header = {
        "event_id": "e1",
        "event_type": kind,
        "create_time": "1700000000000",
        "token": TOKEN,
        "app_id": APP,
        "tenant_key": "t1",
    }
    return {"schema": "2.0", "header": {**told_header, **header}, "event": told}


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock(datetime(2026, 6, 1, 8, tzinfo=UTC))


@pytest.fixture
async def feishu() -> AsyncIterator[FakeFeishu]:
    fake = FakeFeishu()
    server = TestServer(fake.app)
    await server.start_server()
    fake.url = str(server.make_url("")).rstrip("/")
    yield fake
    fake.waiting.set()
    await server.close()


@pytest.fixture
async def platform(feishu: FakeFeishu, clock: StandingClock) -> AsyncIterator[FeishuPlatform]:
    platform = FeishuPlatform(
        api_base=feishu.url,
        app_id=APP,
        app_secret="s3cret",
        encrypt_key=KEY,
        verification_token=TOKEN,
        now=clock.now,
        timeout=timedelta(milliseconds=500),
    )
    yield platform
    await platform.close()


@pytest.fixture
def make_sealed() -> Any:
    """`sealed`, for tests: with importlib's import mode a test module cannot import its conftest."""
    return sealed


@pytest.fixture
def make_event() -> Any:
    """`event`, for tests."""
    return event
