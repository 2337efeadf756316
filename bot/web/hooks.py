"""Results of AI interviews, signed as Standard Webhooks."""

import hmac
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from aiohttp import web
from standardwebhooks import Webhook

from bot.web.context import Context
from bot.web.guard import whole_body
from bot.web.metrics import Metrics
from storage import inbox, links
from storage.unit import Unit

PATH = "/hooks/interview"
TYPES = ("interview.started", "interview.completed", "interview.failed")
TOLERANCE = timedelta(minutes=5)
SIGNATURES = 20  # of one request: a provider that changes its secret sends two
_ID = re.compile("[!-~]{1,256}")
_SECONDS = re.compile("[0-9]{1,12}")
_TOKEN = re.compile("[A-Za-z0-9_-]{16,128}")


class InterviewHook:
    """Keeps results; answers after they are committed."""

    def __init__(self, context: Context, metrics: Metrics) -> None:
        self.context = context
        self.metrics = metrics
        self._webhook = Webhook(context.interview_secret) if context.interview_secret else None

    def routes(self) -> list[web.RouteDef]:
        """The path that is answered here."""
        return [web.post(PATH, self.receive)]

    async def receive(self, request: web.Request) -> web.Response:
        """Started, completed or failed; anything else that is signed is thanked for and forgotten."""
        if self._webhook is None:
            return web.Response(status=404)
        body = await whole_body(request)
        id = request.headers.get("webhook-id", "")
        if not self._genuine(self._webhook, request, id, body):
            self.metrics.count("callbacks", path=PATH, outcome="refused")
            return web.Response(status=401)
        try:
            told = orjson.loads(body)
        except orjson.JSONDecodeError:
            return web.Response(status=400)
        if not isinstance(told, dict) or told.get("type") not in TYPES:
            self.metrics.count("callbacks", path=PATH, outcome="ignored")
            return web.Response()
        data = told.get("data")
        if not isinstance(data, dict) or not isinstance(data.get("token"), str):
            return web.Response(status=400)
        return web.Response(status=await self._keep(id, told["type"], data))

    async def _keep(self, id: str, type: str, data: dict[str, Any]) -> int:
        context, now = self.context, self.context.now()
        token = data.pop("token")
        link = None
        if _TOKEN.fullmatch(token):
            async with context.ground.database.reading() as connection:
                link = await links.find(Unit(connection, context.ground, now), token, "provider")
        if link is None:
            return 404
        place = {name: link[name] for name in ("application_id", "stage", "visit")}
        day = context.ground.today(now)
        box = await context.ground.days.for_day(day)
        row = inbox.row(
            f"interview:{id}", "interview", {"type": type, "data": data, "link": place}, box=box, day=day, now=now
        )
        await inbox.accept(context.ground, [row])
        self.metrics.count("callbacks", path=PATH, outcome="accepted")
        return 200

    def _genuine(self, webhook: Webhook, request: web.Request, id: str, body: bytes) -> bool:
        """Whether one of the signatures fits and the time stamp is ours; the library would ask the wall clock."""
        stamp = request.headers.get("webhook-timestamp", "")
        if not _ID.fullmatch(id) or not _SECONDS.fullmatch(stamp):
            return False
        try:
            at = datetime.fromtimestamp(int(stamp), UTC)
            good = webhook.sign(id, at, body.decode()).encode()
        except (ValueError, OverflowError, OSError):
            return False
        if abs(self.context.now() - at) > TOLERANCE:
            return False
        given = request.headers.get("webhook-signature", "").encode("utf-8", "surrogateescape").split()
        return any(hmac.compare_digest(one, good) for one in given[:SIGNATURES])
