"""Callbacks of the chat platforms: verify, keep, answer. What they mean is found out later."""

from urllib.parse import parse_qsl

from aiohttp import web

from bot.dispatch import to_body
from bot.errors import Forged, Malformed
from bot.web.context import Context
from bot.web.guard import whole_body
from bot.web.metrics import Metrics
from recruiting.chat import Challenge, Doorbell, Nothing
from storage import inbox
from storage.types import random_id

WECOM_APP = "/callback/wecom/app"


class Callbacks:
    """Answers only after what came in is committed. Nothing is logged or made here that a request does not need."""

    def __init__(self, context: Context, metrics: Metrics) -> None:
        self.context = context
        self.metrics = metrics
        self._wecom = context.platforms.get("wecom")

    def routes(self) -> list[web.RouteDef]:
        """The paths that are answered here."""
        return [
            web.get(WECOM_APP, self.wecom_app, allow_head=False),
            web.post(WECOM_APP, self.wecom_app),
        ]

    async def wecom_app(self, request: web.Request) -> web.Response:
        """The self-built app and 微信客服: a URL check, messages, or a doorbell."""
        platform = self._wecom
        if platform is None:
            return web.Response(status=404)
        body = b""
        if request.method == "POST":
            body = await whole_body(request)
            if not body:
                return self._refuse(400)
        try:
            found = platform.open(_query(request), body)
        except Malformed:
            return self._refuse(400)
        except Forged:
            return self._refuse(403)
        if isinstance(found, Challenge):
            return web.Response(text=found.answer)
        if isinstance(found, Nothing):
            self.metrics.count("callbacks", path=WECOM_APP, outcome="ignored")
            return web.Response()
        context = self.context
        now = context.now()
        day = context.ground.today(now)
        box = await context.ground.days.for_day(day)
        if isinstance(found, Doorbell):
            bell = {"surface": found.surface, "desk": found.desk, "token": found.token}
            rows = [inbox.row(_ring(found), "doorbell", bell, box=box, day=day, now=now)]
        else:
            rows = [inbox.row(f"wecom:{one.id}", "chat", to_body(one), box=box, day=day, now=now) for one in found]
        await inbox.accept(context.ground, rows)
        self.metrics.count("callbacks", path=WECOM_APP, outcome="accepted")
        return web.Response()

    def _refuse(self, status: int) -> web.Response:
        self.metrics.count("callbacks", path=WECOM_APP, outcome="refused")
        return web.Response(status=status)


def _query(request: web.Request) -> dict[str, str]:
    """What stands behind the question mark. aiohttp's own reading of it costs as much as opening the seal."""
    return dict(parse_qsl(request.raw_path.partition("?")[2], keep_blank_values=True))


def _ring(bell: Doorbell) -> str:
    """A doorbell has no id, and none may be taken for a repeat: what it announces may be newer than the last pull.
    Bells that wait together are answered by one pull, and a pull too many does no harm.
    """
    return f"bell:{bell.desk}:{random_id()}"
