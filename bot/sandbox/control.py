"""The sandbox over HTTP: the same abilities for a page, or for a test that runs the bot in another process."""

import base64
import inspect
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web
from pydantic import validate_call

from bot.sandbox.feishu.control import FeishuControl

if TYPE_CHECKING:
    from bot.sandbox.world import Sandbox

MOODS = (
    "slow",
    "busy",
    "rate_limited",
    "too_concurrent",
    "errcode",
    "refuse",
    "answer_lost",
    "token_lost",
    "clear",
)


class Control:
    """JSON in, JSON out: the keys of a body are the names of the method's parameters."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self._sandbox = sandbox

    def routes(self) -> list[web.RouteDef]:
        """All paths below /sandbox/."""
        world = self._sandbox
        actions: dict[str, Callable[..., Any]] = {
            "kf/enter": world.kf.enter,
            "kf/say": world.kf.say,
            "kf/tap": world.kf.tap,
            "kf/file": world.kf.send_file,
            "app/say": world.app.say,
            "app/tap": world.app.tap,
            "app/file": world.app.send_file,
            "app/enter": world.app.enter,
            "bot/group": world.bot.group,
            "bot/say": world.bot.say,
            "bot/tap": world.bot.tap,
            "bot/enter": world.bot.enter,
            "bot/verify": world.bot.verify,
            "sms/reply": world.sms.reply,
            "sms/report": world.sms.report,
            "sms/fail": world.sms.fail,
            "interview/start": world.interview.start,
            "interview/complete": world.interview.complete,
            "interview/fail": world.interview.fail,
            **FeishuControl(world.feishu).actions(),
            "mood": self._mood,
            "clock": self._clock,
            "configure": self._configure,
            "verify": self._verify,
            "idle": world.idle,
        }
        posts = [web.post(f"/sandbox/{path}", _action(method)) for path, method in actions.items()]
        return [web.get("/sandbox/state", self._state), *posts]

    async def _state(self, request: web.Request) -> web.Response:
        return _json(self._sandbox.state)

    def _mood(self, mood: str, **settings: Any) -> None:
        if mood not in MOODS:
            raise LookupError(f"no mood {mood!r}: {', '.join(MOODS)}")
        method = getattr(self._sandbox.moods, mood)
        validate_call(method)(**settings)

    def _clock(self, by: float) -> str:
        self._sandbox.clock.push(timedelta(seconds=by))
        return self._sandbox.clock.now().isoformat()

    def _configure(
        self,
        bot_url: str | None = None,
        members: list[str] | None = None,
        retry_interval: float | None = None,
        copies: int | None = None,
        interview_dead: bool | None = None,
        auto_report: bool | None = None,
    ) -> None:
        """Change what is given, leave the rest."""
        world = self._sandbox
        if bot_url is not None:
            world.bot_url = bot_url
        if members is not None:
            world.app.members = set(members)
        if retry_interval is not None:
            world.courier.interval = retry_interval
        if copies is not None:
            world.callbacks.copies = copies
        if interview_dead is not None:
            world.interview.dead = interview_dead
        if auto_report is not None:
            world.sms.auto_report = auto_report

    async def _verify(self) -> dict[str, int]:
        return {"errcode": await self._sandbox.callbacks.verify()}


def _action(method: Callable[..., Any]) -> Callable[[web.Request], Awaitable[web.Response]]:
    checked = validate_call(method)

    async def act(request: web.Request) -> web.Response:
        try:
            body = json.loads(await request.read() or b"{}")
            if isinstance(body.get("content"), str):
                body["content"] = base64.b64decode(body["content"], validate=True)
            result = checked(**body)
            if inspect.isawaitable(result):
                result = await result
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            return _json({"error": str(error)}, status=400)
        return _json({"result": result})

    return act


def _json(body: Any, status: int = 200) -> web.Response:
    text = json.dumps(body, ensure_ascii=False)
    return web.Response(status=status, body=text.encode("utf-8", "replace"), content_type="application/json")
