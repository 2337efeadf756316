"""Bad days that a test can give the other side: slow, busy, refusing, answering into nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bot.clock import Clock
from bot.sandbox.feishu import wire as feishu
from bot.sandbox.wire import BUSY, RATE_LIMITED, refusal

CONCURRENT = 45033
API = "/cgi-bin/"
OWN = "/sandbox/"  # the control API has no moods


@dataclass(slots=True)
class Mood:
    """One kind of bad day for all paths that begin with `path`, for the next `times` calls (None: until cleared)."""

    path: str
    times: int | None
    code: int | None = None  # WeCom: an errcode; Feishu: a code; elsewhere 429 or 503
    status: int | None = None  # a bare HTTP status
    seconds: float = 0.0  # the call is carried out, its answer comes late
    lost: bool = False  # the call is carried out, its answer never comes

    def to_json(self) -> dict[str, Any]:
        """Plain values for a page."""
        return {name: getattr(self, name) for name in ("path", "times", "code", "status", "seconds", "lost")}


class Moods:
    """The moods that are set now. The oldest that fits is used first."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.forget_tokens: Callable[[], None] = lambda: None
        self._moods: list[Mood] = []

    def slow(self, seconds: float, path: str = "/", times: int | None = None) -> None:
        """Carry the call out at once and answer late (real seconds)."""
        self._moods.append(Mood(path, times, seconds=seconds))

    def busy(self, times: int | None = 1, path: str = "/") -> None:
        """Refuse as "system busy": -1, Feishu's 2200, or HTTP 503 at the SMS gateway."""
        self.errcode(BUSY, times, path)

    def rate_limited(self, times: int | None = 1, path: str = "/") -> None:
        """Refuse as over the limit: 45009, Feishu's 99991400, or HTTP 429 at the SMS gateway."""
        self.errcode(RATE_LIMITED, times, path)

    def too_concurrent(self, times: int | None = 1, path: str = "/") -> None:
        """Refuse as too many calls at the same moment (45033)."""
        self.errcode(CONCURRENT, times, path)

    def errcode(self, code: int, times: int | None = 1, path: str = "/") -> None:
        """Refuse with any errcode of WeCom, or code of Feishu."""
        self._moods.append(Mood(path, times, code=code))

    def refuse(self, times: int | None = 1, status: int = 502, path: str = "/") -> None:
        """Answer with a bare HTTP status and carry nothing out."""
        self._moods.append(Mood(path, times, status=status))

    def answer_lost(self, times: int | None = 1, path: str = "/") -> None:
        """Carry the call out, then close the connection without an answer."""
        self._moods.append(Mood(path, times, lost=True))

    def token_lost(self) -> None:
        """Make every access token that was handed out invalid, now."""
        self.forget_tokens()

    def clear(self) -> None:
        """A good day again."""
        self._moods.clear()

    def to_json(self) -> list[dict[str, Any]]:
        """The moods that are set now."""
        return [mood.to_json() for mood in self._moods]

    def middleware(self) -> Callable[..., Awaitable[web.StreamResponse]]:
        """What aiohttp puts around every call."""

        @web.middleware
        async def moody(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            if request.path.startswith(OWN):
                return await handler(request)
            refused = self._take(request.path, lambda mood: mood.code is not None or mood.status is not None)
            if refused is not None:
                return _refuse(request, refused, self.clock)
            late = self._take(request.path, lambda mood: mood.seconds > 0)
            lost = self._take(request.path, lambda mood: mood.lost)
            answer = await handler(request)
            if late is not None:
                await asyncio.sleep(late.seconds)
            if lost is not None and request.transport is not None:
                request.transport.abort()
            return answer

        return moody

    def _take(self, path: str, fits: Callable[[Mood], bool]) -> Mood | None:
        for mood in self._moods:
            if path.startswith(mood.path) and fits(mood):
                if mood.times is not None:
                    mood.times -= 1
                    if mood.times <= 0:
                        self._moods.remove(mood)
                return mood
        return None


def _refuse(request: web.Request, mood: Mood, clock: Clock) -> web.Response:
    if mood.status is not None:
        html = f"<html><body><h1>{mood.status}</h1></body></html>" if request.path.startswith(feishu.PREFIX) else None
        return web.Response(status=mood.status, text=html, content_type="text/html" if html else None)
    assert mood.code is not None
    if request.path.startswith(API):
        return refusal(mood.code, "system busy" if mood.code == BUSY else "api freq out of limit", request.remote)
    if request.path.startswith(feishu.PREFIX):
        return feishu.refusal(_of_feishu(mood.code), 400, clock.now())
    return web.Response(status=429 if mood.code == RATE_LIMITED else 503)


def _of_feishu(code: int) -> feishu.Refused:
    match code:
        case _ if code == BUSY:
            return feishu.Refused(feishu.INTERNAL, "internal error", 500)
        case _ if code == RATE_LIMITED:
            return feishu.too_frequent()
        case _:
            return feishu.Refused(code, "refused")
