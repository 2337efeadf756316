"""The 智能机器人 in HR's group: what is said to it is handled at once, because only the response itself can answer."""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from aiohttp import web

from bot.delivery.compose import Composer
from bot.delivery.passive import Changed, Passive
from bot.dispatch import to_body
from bot.errors import Forged, Malformed
from bot.platforms.wecom.groupbot import GroupBot, Poll
from bot.web.context import Context
from bot.web.guard import query_of, whole_body
from bot.web.metrics import Metrics
from recruiting.chat import Challenge, Incoming, Kind, Nothing
from storage import inbox
from storage.unit import Unit
from storage.url import Unavailable

log = logging.getLogger(__name__)

PATH = "/callback/wecom/bot"
PATIENCE = 4.0  # seconds; WeCom waits for 5 (protocols/wecom.md 1.7)

LOST_AFTER = timedelta(minutes=1)  # whoever was at it is gone
STREAM_LIVES = timedelta(minutes=5)  # WeCom asks for six (8.2): the last word must be said before

Query = Mapping[str, str]


class WeComBot:
    """Keeps, handles and answers in one transaction. A repeat gets the same answer, and has no other effect."""

    def __init__(self, context: Context, metrics: Metrics) -> None:
        self.context = context
        self.metrics = metrics
        self._passive = Passive(Composer(context.house))
        self._under_way: dict[str, asyncio.Task[Changed]] = {}  # by the id of what was said or tapped
        self._failed: deque[str] = deque(maxlen=200)

    def routes(self) -> list[web.RouteDef]:
        """The paths that are answered here."""
        return [web.get(PATH, self.callback, allow_head=False), web.post(PATH, self.callback)]

    async def callback(self, request: web.Request) -> web.Response:
        """A URL check, something said or tapped, or the question how a slow answer comes on."""
        bot = self.context.group_bot
        if bot is None:
            return web.Response(status=404)
        query, body = query_of(request), b""
        if request.method == "POST":
            body = await whole_body(request)
            if not body:
                return self._refuse(400)
        try:
            found = bot.open(query, body)
        except Malformed:
            return self._refuse(400)
        except Forged:
            return self._refuse(403)
        if isinstance(found, Challenge):
            return web.Response(text=found.answer)
        self.metrics.count("callbacks", path=PATH, outcome="ignored" if isinstance(found, Nothing) else "accepted")
        return web.Response(body=await self._answer(bot, query, found), content_type="application/json")

    async def _answer(self, bot: GroupBot, query: Query, found: Nothing | Poll | Incoming) -> bytes:
        match found:
            case Nothing():
                return b""
            case Poll():
                return await self._go_on(bot, query, found)
            case Incoming(kind=Kind.TAP):
                return await self._tapped(bot, query, found)
            case _:
                return await self._written(bot, query, found)

    async def _written(self, bot: GroupBot, query: Query, incoming: Incoming) -> bytes:
        """Answer what somebody wrote; where that takes too long, say so, and answer when WeCom comes back."""
        handling = self._handling(incoming)
        await asyncio.wait((handling,), timeout=PATIENCE)
        if not handling.done():
            return bot.wait(query, incoming.id, self._say("tap.working"))
        error = handling.exception()
        if isinstance(error, Unavailable):
            raise error  # then WeCom tells it again
        if error is not None:
            return bot.excuse(query, incoming.id, self._say("ask.failed"))
        return await bot.answer(query, incoming.id, handling.result().messages)

    async def _go_on(self, bot: GroupBot, query: Query, poll: Poll) -> bytes:
        """The answer, once there is one; another process may be at it, or may have died over it."""
        async with self.context.ground.database.reading() as connection:
            unit = Unit(connection, self.context.ground, self.context.now())
            messages = await self._passive.said(unit, _cause(poll.id))
        if messages:
            return await bot.answer(query, poll.id, messages, poll)
        lost = poll.id not in self._under_way and poll.age > LOST_AFTER
        if lost or poll.id in self._failed or poll.age > STREAM_LIVES:
            return bot.excuse(query, poll.id, self._say("ask.failed"), poll)
        return bot.wait(query, poll.id, self._say("tap.working"), poll)

    async def _tapped(self, bot: GroupBot, query: Query, incoming: Incoming) -> bytes:
        """Change the tapped card. WeCom tells of a tap once: what takes too long is done all the same, unseen."""
        handling = self._handling(incoming)
        await asyncio.wait((handling,), timeout=PATIENCE)
        who = incoming.sender.account
        if not handling.done():
            return b""
        if handling.exception() is not None:
            return bot.change(query, incoming.card, (), self._say("tap.failed"), who)
        changed = handling.result()
        return bot.change(query, incoming.card, changed.messages, changed.note, "" if changed.shared else who)

    def _handling(self, incoming: Incoming) -> asyncio.Task[Changed]:
        """The handling, begun now unless it is under way. It goes on when nobody waits for it any more."""
        if incoming.id not in self._under_way:
            handling = asyncio.create_task(self._handle(incoming))
            self._under_way[incoming.id] = handling
            handling.add_done_callback(lambda done: self._done(incoming.id, done))
        return self._under_way[incoming.id]

    def _done(self, id: str, handling: asyncio.Task[Changed]) -> None:
        del self._under_way[id]
        if handling.cancelled() or (error := handling.exception()) is None:
            return
        self._failed.append(id)
        if isinstance(error, Unavailable):
            log.warning("database unavailable: %s", error)
        else:
            log.error("something said to the group's bot could not be handled", exc_info=error)

    async def _handle(self, incoming: Incoming) -> Changed:
        context, cause, now = self.context, _cause(incoming.id), self.context.now()
        day = context.ground.today(now)
        box = await context.ground.days.for_day(day)
        row = inbox.row(cause, "chat", to_body(incoming), box=box, day=day, now=now)

        async def job(unit: Unit) -> Changed:
            if await inbox.take_in(unit, row):
                turn = await context.dispatch.chat(unit, incoming, cause)
                await self._passive.render(unit, cause)
                if incoming.card:
                    about: Any = turn.button["application_id"] if turn is not None and turn.button else None
                    await self._passive.settle(unit, cause, _cause(incoming.card), about)
            if incoming.kind is Kind.TAP:
                return await self._passive.changed(unit, cause, _cause(incoming.card))
            return Changed(await self._passive.said(unit, cause))

        return await context.dispatch.within(job, now)

    def _say(self, text: str) -> str:
        return self.context.texts.say(text, self.context.house.locale)

    def _refuse(self, status: int) -> web.Response:
        self.metrics.count("callbacks", path=PATH, outcome="refused")
        return web.Response(status=status)


def _cause(id: str) -> str:
    """Under which name the inbox keeps what was said, and with which the promises of its answers begin."""
    return f"wecom.bot:{id}"
