"""A sandbox with a standing clock, a caller that holds a tenant token, and a bot that opens what it is sent."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.clock import StandingClock
from bot.platforms.feishu.crypto import CallbackCrypto
from bot.sandbox import DEFAULTS, Sandbox
from bot.sandbox.feishu.people import Person
from bot.sandbox.feishu.world import Feishu


@dataclass
class FeishuBot:
    """Keeps what it is sent, opened, and answers what it has been told to answer (200 and {}, unless told)."""

    crypto: CallbackCrypto
    received: list[dict[str, Any]] = field(default_factory=list)
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[web.Response] = field(default_factory=list)
    hangs: bool = False
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    meanwhile: Any = None  # awaited before the answer
    other: Any = None  # answers in this one's place

    def callback_with(self, other: Callable[[dict[str, str], bytes], Awaitable[web.Response]]) -> None:
        """Let somebody else answer, from headers and raw body."""
        self.other = other

    async def callback(self, request: web.Request) -> web.Response:
        """POST /callback/feishu, as lenient as no bot should be."""
        raw = await request.read()
        self.posts.append((dict(request.headers), raw))
        if self.other is not None:
            answer = await self.other(dict(request.headers), raw)
            assert isinstance(answer, web.Response)
            return answer
        try:
            body = json.loads(raw)
            self.received.append(json.loads(self.crypto.open(body["encrypt"])) if "encrypt" in body else body)
        except ValueError:
            return web.Response(status=400)
        if self.meanwhile is not None:
            await self.meanwhile()
        if self.hangs:
            await self.go_on.wait()
        if "challenge" in self.received[-1] and not self.answers:
            return web.json_response({"challenge": self.received[-1]["challenge"]})
        return self.answers.pop(0) if self.answers else web.json_response({})

    @property
    def types(self) -> list[str]:
        """What came in, in order."""
        return [one["header"]["event_type"] if "header" in one else one["event"]["type"] for one in self.received]

    @property
    def last(self) -> dict[str, Any]:
        """The newest event's own part."""
        event = self.received[-1]["event"]
        assert isinstance(event, dict)
        return event


@dataclass
class Caller:
    """Calls the API as a bot does."""

    client: TestClient[web.Request, web.Application]
    token: str = ""
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    async def call(
        self, method: str, path: str, body: Any = None, query: dict[str, str] | None = None, token: str | None = None
    ) -> dict[str, Any]:
        """One call with the tenant token, got first; `token` replaces it, "" leaves it out."""
        if token is None and not self.token:
            self.token = (await self.get_token())["tenant_access_token"]
        sent = self.token if token is None else token
        headers = {"Authorization": f"Bearer {sent}"} if sent else {}
        data = body if isinstance(body, aiohttp.FormData | bytes) else None
        options: dict[str, Any] = {"data": data} if data is not None else {"json": body} if body is not None else {}
        if isinstance(body, bytes):
            headers["Content-Type"] = "application/json"
        async with self.client.request(
            method, f"/open-apis/{path}", params=query or {}, headers=headers, **options
        ) as answer:
            self.status, self.headers = answer.status, dict(answer.headers)
            assert "X-Tt-Logid" in answer.headers
            found = json.loads(await answer.read())
            assert isinstance(found, dict)
            return found

    async def code(self, method: str, path: str, body: Any = None, query: dict[str, str] | None = None) -> int:
        """Only the code."""
        code = (await self.call(method, path, body, query))["code"]
        assert isinstance(code, int)
        return code

    async def get_token(self, **changed: str) -> dict[str, Any]:
        """Ask for a tenant token with the right names, except for what is changed."""
        body = {"app_id": DEFAULTS.feishu_app_id, "app_secret": DEFAULTS.feishu_secret, **changed}
        return await self.call("POST", "auth/v3/tenant_access_token/internal", body, token="")

    async def send(self, to: str, content: Any, kind: str = "text", by: str = "open_id", **more: Any) -> dict[str, Any]:
        """Send a message; content is packed unless it is a text already."""
        packed = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        body = {"receive_id": to, "msg_type": kind, "content": packed, **more}
        return await self.call("POST", "im/v1/messages", body, {"receive_id_type": by})

    async def sent(self, to: str, content: Any, kind: str = "text", by: str = "open_id", **more: Any) -> str:
        """Send a message that must go through; its message_id."""
        answer = await self.send(to, content, kind, by, **more)
        assert 0 == answer["code"], answer
        return str(answer["data"]["message_id"])

    async def refused(self, to: str, content: Any, kind: str = "text", by: str = "open_id", **more: Any) -> int:
        """Send a message; only the code."""
        code = (await self.send(to, content, kind, by, **more))["code"]
        assert isinstance(code, int)
        return code

    async def upload(self, kind: str, content: bytes, name: str = "a.pdf", **fields: str) -> dict[str, Any]:
        """Upload an image or a file."""
        form = aiohttp.FormData()
        for key, value in fields.items():
            form.add_field(key, value)
        form.add_field(kind, io.BytesIO(content), filename=name)
        return await self.call("POST", f"im/v1/{kind}s", form)


@pytest.fixture
async def bot() -> AsyncIterator[FeishuBot]:
    listening = FeishuBot(CallbackCrypto(DEFAULTS.feishu_encrypt_key))
    yield listening
    listening.go_on.set()


@pytest.fixture
async def sandbox(clock: StandingClock, bot: FeishuBot) -> AsyncIterator[Sandbox]:
    application = web.Application()
    application.router.add_post("/callback/feishu", bot.callback)
    async with TestServer(application) as server:
        made = Sandbox(clock, bot_url=str(server.make_url("")))
        yield made
        bot.go_on.set()
        await made.close()


@pytest.fixture
def feishu(sandbox: Sandbox) -> Feishu:
    return sandbox.feishu


@pytest.fixture
def caller(client: TestClient[web.Request, web.Application]) -> Caller:
    return Caller(client)


@pytest.fixture
def hr(feishu: Feishu) -> Person:
    who = feishu.person("刘芳")
    feishu.company.join(feishu.hr_group.chat, who)
    return who


@pytest.fixture
def mei(feishu: Feishu) -> Person:
    """A candidate from outside, who has not opened the bot."""
    return feishu.person("王小雨", tenant=False)
