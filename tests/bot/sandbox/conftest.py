"""A sandbox with a standing clock, a caller that holds a token, and a bot that only listens."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.clock import StandingClock
from bot.platforms.wecom.crypto import CallbackCrypto
from bot.sandbox import DEFAULTS, Sandbox

JSON = {"Content-Type": "application/json"}
START = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)


@dataclass
class ListeningBot:
    """Opens what it is sent and answers what it has been told to answer (200 and nothing, unless told)."""

    crypto: CallbackCrypto
    received: list[dict[str, str]] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    nonces: list[str] = field(default_factory=list)
    posts: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    answers: list[web.Response] = field(default_factory=list)
    verification: str = "{}"  # how the decrypted echo is answered
    hangs: int = 0
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def callback(self, request: web.Request) -> web.Response:
        """Both halves of /callback/wecom/app."""
        query = request.query
        if request.method == "GET":
            return web.Response(text=self.verification.format(self.crypto.open(query["echostr"]).decode()))
        envelope = ElementTree.fromstring(await request.text())
        sealed = envelope.findtext("Encrypt", "")
        if not self.crypto.verify(query.get("msg_signature", ""), query["timestamp"], query["nonce"], sealed):
            return web.Response(status=403)
        plain = self.crypto.open(sealed)
        self.nonces.append(query["nonce"])
        self.lengths.append(len(plain))
        self.received.append({child.tag: child.text or "" for child in ElementTree.fromstring(plain)})
        if self.hangs:
            self.hangs -= 1
            await self.go_on.wait()
        return self.answers.pop(0) if self.answers else web.Response()

    async def hook(self, request: web.Request) -> web.Response:
        """Anything that is not WeCom's."""
        self.posts.append((request.path, dict(request.headers), await request.read()))
        return self.answers.pop(0) if self.answers else web.Response()


def utf8(body: Any) -> bytes:
    """JSON as the platform wants it: no escapes."""
    return json.dumps(body, ensure_ascii=False).encode()


@dataclass
class Caller:
    """Calls the API as a bot does."""

    client: TestClient[web.Request, web.Application]
    token: str = ""

    async def get_token(self, **changed: str) -> dict[str, Any]:
        """Ask for a token with the right names, except for what is changed."""
        query = {"corpid": DEFAULTS.corp_id, "corpsecret": DEFAULTS.secret, **changed}
        return await self.get("gettoken", query)

    async def get(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        """GET below /cgi-bin/, without a token of its own."""
        async with self.client.get(f"/cgi-bin/{path}", params=query) as answer:
            assert 200 == answer.status
            found = await answer.json()
            assert isinstance(found, dict)
            return found

    async def post(self, path: str, body: Any) -> dict[str, Any]:
        """POST with the token that was got first."""
        if not self.token:
            self.token = (await self.get_token())["access_token"]
        query, data = {"access_token": self.token}, utf8(body)
        async with self.client.post(f"/cgi-bin/{path}", params=query, data=data, headers=JSON) as answer:
            assert 200 == answer.status
            assert "application/json; charset=UTF-8" == answer.headers["Content-Type"]
            found = await answer.json()
            assert isinstance(found, dict)
            return found

    async def code(self, path: str, body: Any) -> int:
        """Only the errcode."""
        code = (await self.post(path, body))["errcode"]
        assert isinstance(code, int)
        return code


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock(START)


@pytest.fixture
async def bot() -> AsyncIterator[ListeningBot]:
    listening = ListeningBot(CallbackCrypto(DEFAULTS.token, DEFAULTS.aes_key, DEFAULTS.corp_id))
    yield listening
    listening.go_on.set()


@pytest.fixture
async def sandbox(clock: StandingClock, bot: ListeningBot) -> AsyncIterator[Sandbox]:
    application = web.Application()
    application.router.add_route("*", "/callback/wecom/app", bot.callback)
    application.router.add_post("/{path:.*}", bot.hook)
    async with TestServer(application) as server:
        made = Sandbox(clock, bot_url=str(server.make_url("")))
        made.courier.interval = 0
        made.app.members.update({"HR", "boss"})
        yield made
        bot.go_on.set()
        await made.close()


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    async with TestClient(TestServer(sandbox.build())) as made:
        yield made


@pytest.fixture
def caller(client: TestClient[web.Request, web.Application]) -> Caller:
    return Caller(client)
