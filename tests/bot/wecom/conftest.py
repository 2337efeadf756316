"""A small WeCom on loopback that plays what it is told, and the platform that talks to it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.clock import StandingClock
from bot.platforms.wecom.adapter import WeComPlatform

AES_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"


class FakeWeCom:
    """Hands out numbered tokens, remembers every call, and answers each path from its script, then with success."""

    def __init__(self) -> None:
        self.url = ""
        self.tokens_given = 0
        self.dead_tokens: set[str] = set()
        self.token_answers: list[dict[str, Any]] = []
        self.answers: dict[str, list[Any]] = {}
        self.calls: list[tuple[str, dict[str, str], Any]] = []
        self.raw: list[bytes] = []
        self.waiting = asyncio.Event()
        self.app = web.Application()
        self.app.router.add_get("/cgi-bin/gettoken", self._give_token)
        self.app.router.add_route("*", "/cgi-bin/{call:.+}", self._answer)

    def script(self, call: str, *answers: Any) -> None:
        """The next answers to a call: a dict, a ready Response, "hang" or "reset" (both after accepting)."""
        self.answers.setdefault(call, []).extend(answers)

    def bodies(self, call: str) -> list[Any]:
        """What was sent to a call, in order."""
        return [body for name, _, body in self.calls if name == call]

    async def _give_token(self, request: web.Request) -> web.Response:
        self.calls.append(("gettoken", dict(request.query), None))
        if self.token_answers:
            return web.json_response(self.token_answers.pop(0))
        self.tokens_given += 1
        return web.json_response({"errcode": 0, "access_token": f"T{self.tokens_given}", "expires_in": 7200})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        call = request.match_info["call"]
        self.raw.append(await request.read())
        body = await request.json() if self.raw[-1] else None
        self.calls.append((call, dict(request.query), body))
        if request.query.get("access_token") in self.dead_tokens:
            return web.json_response({"errcode": 40014, "errmsg": "invalid access_token"})
        script = self.answers.get(call)
        answer = script.pop(0) if script else {"errcode": 0, "errmsg": "ok"}
        if answer == "hang":
            await self.waiting.wait()
        if answer == "reset":
            assert request.transport is not None
            request.transport.abort()
        return answer if isinstance(answer, web.Response) else web.json_response(answer if answer != "hang" else {})


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock(datetime(2026, 6, 1, 8, tzinfo=UTC))


@pytest.fixture
async def wecom() -> AsyncIterator[FakeWeCom]:
    fake = FakeWeCom()
    server = TestServer(fake.app)
    await server.start_server()
    fake.url = str(server.make_url("")).rstrip("/")
    yield fake
    fake.waiting.set()
    await server.close()


@pytest.fixture
async def platform(wecom: Any, clock: StandingClock) -> AsyncIterator[WeComPlatform]:
    platform = WeComPlatform(
        api_base=wecom.url,
        corp_id="ww1",
        agent_id=1000002,
        secret="s3cret",
        token="QDG6eK",
        aes_key=AES_KEY,
        kf_open_kfid="wkDesk",
        now=clock.now,
        timeout=timedelta(milliseconds=500),
    )
    yield platform
    await platform.close()
