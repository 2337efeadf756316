"""Callbacks of the chat platforms: verify, keep, answer. What they mean is found out later."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

from aiohttp import web

from bot.delivery.compose import Composer
from bot.dispatch import to_body, waits
from bot.errors import Forged, Malformed
from bot.platforms.base import Platform
from bot.platforms.feishu.adapter import answer
from bot.web.context import Context
from bot.web.guard import query_of, whole_body
from bot.web.metrics import Metrics
from recruiting.chat import Challenge, Doorbell, Incoming, Nothing
from storage import inbox
from storage.types import random_id
from storage.unit import Unit

log = logging.getLogger(__name__)

WECOM_APP = "/callback/wecom/app"
FEISHU = "/callback/feishu"
PATIENCE = 2.2  # seconds; whoever tapped a card sees an error after 3 (protocols/feishu.md 1.6)


class Callbacks:
    """Answers only after what came in is committed. Nothing is logged or made here that a request does not need."""

    def __init__(self, context: Context, metrics: Metrics) -> None:
        self.context = context
        self.metrics = metrics
        self._wecom = context.platforms.get("wecom")
        self._feishu = context.platforms.get("feishu")
        self._composer = Composer(context.house)
        self._under_way: set[asyncio.Task[str]] = set()

    def routes(self) -> list[web.RouteDef]:
        """The paths that are answered here."""
        return [
            web.get(WECOM_APP, self.wecom_app, allow_head=False),
            web.post(WECOM_APP, self.wecom_app),
            web.post(FEISHU, self.feishu),
        ]

    async def wecom_app(self, request: web.Request) -> web.Response:
        """The self-built app and 微信客服: a URL check, messages, or a doorbell."""
        if self._wecom is None:
            return web.Response(status=404)
        body = b""
        if request.method == "POST":
            body = await whole_body(request)
            if not body:
                raise self._refusal(WECOM_APP, web.HTTPBadRequest)
        found = self._open(self._wecom, WECOM_APP, query_of(request), body)
        if isinstance(found, Challenge):
            return web.Response(text=found.answer)
        if not isinstance(found, Nothing):
            await self._keep("wecom", found)
        self._count(WECOM_APP, found)
        return web.Response()

    async def feishu(self, request: web.Request) -> web.Response:
        """Events, which are kept; taps on cards, which are handled and answered with what became of them."""
        if self._feishu is None or not self.context.feishu_calls_us:
            return web.Response(status=404)
        found = self._open(self._feishu, FEISHU, request.headers, await whole_body(request))
        if isinstance(found, Challenge):
            return web.Response(text=found.answer, content_type="application/json")
        self._count(FEISHU, found)
        return web.Response(body=await self.feishu_answer(found), content_type="application/json")

    async def feishu_answer(self, found: Doorbell | Nothing | Sequence[Incoming]) -> bytes:
        """Keep or handle what Feishu told, by whichever way it came, and say what it is to be told in return."""
        if isinstance(found, Nothing):
            return b"{}"
        if not isinstance(found, Doorbell) and len(found) == 1 and waits(found[0]):
            return answer(await self._at_once(found[0]))
        await self._keep("feishu", found)
        return b"{}"

    def _open(
        self, platform: Platform, path: str, signed: Mapping[str, str], body: bytes
    ) -> Challenge | Doorbell | Nothing | Sequence[Incoming]:
        """Raises HTTPBadRequest or HTTPForbidden."""
        try:
            return platform.open(signed, body)
        except Malformed as error:
            raise self._refusal(path, web.HTTPBadRequest) from error
        except Forged as error:
            raise self._refusal(path, web.HTTPForbidden) from error

    async def _keep(self, vendor: str, found: Doorbell | Sequence[Incoming]) -> None:
        """Commit what came in, before it is answered."""
        context = self.context
        now = context.now()
        day = context.ground.today(now)
        box = await context.ground.days.for_day(day)
        if isinstance(found, Doorbell):
            bell = {"surface": found.surface, "desk": found.desk, "token": found.token}
            rows = [inbox.row(_ring(found), "doorbell", bell, box=box, day=day, now=now)]
        else:
            rows = [inbox.row(f"{vendor}:{one.id}", "chat", to_body(one), box=box, day=day, now=now) for one in found]
        await inbox.accept(context.ground, rows)

    async def _at_once(self, incoming: Incoming) -> str:
        """Handle a tap now. What takes too long goes on without the person's having to wait."""
        now = self.context.now()
        handling = asyncio.create_task(self._handle(incoming, now))
        self._under_way.add(handling)
        handling.add_done_callback(self._under_way.discard)
        try:
            return await asyncio.wait_for(asyncio.shield(handling), PATIENCE)
        except TimeoutError:
            return self.context.texts.say("tap.working", self.context.house.locale)
        except Exception:
            log.exception("a tap could not be handled")
            return self.context.texts.say("tap.failed", self.context.house.locale)

    async def _handle(self, incoming: Incoming, now: datetime) -> str:
        context = self.context
        day = context.ground.today(now)
        box = await context.ground.days.for_day(day)
        key = f"feishu:{incoming.id}"
        row = inbox.row(key, "chat", to_body(incoming), box=box, day=day, now=now)

        async def job(unit: Unit) -> str:
            if not await inbox.take_in(unit, row):
                return ""
            turn = await context.dispatch.chat(unit, incoming, key)
            if turn is None or turn.member is None:
                return ""
            locale = turn.member["locale"] or context.house.locale
            words = [
                await self._composer.toast(unit, about, text, values, locale) for text, values, about in turn.toasts
            ]
            return "\n".join(words)

        return await context.dispatch.within(job, now)

    def _count(self, path: str, found: object) -> None:
        self.metrics.count("callbacks", path=path, outcome="ignored" if isinstance(found, Nothing) else "accepted")

    def _refusal(self, path: str, kind: type[web.HTTPException]) -> web.HTTPException:
        self.metrics.count("callbacks", path=path, outcome="refused")
        return kind()


def _ring(bell: Doorbell) -> str:
    """A doorbell has no id, and none may be taken for a repeat: what it announces may be newer than the last pull.
    Bells that wait together are answered by one pull, and a pull too many does no harm.
    """
    return f"bell:{bell.desk}:{random_id()}"
