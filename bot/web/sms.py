"""What the SMS gateway tells us: what became of a message, and what people answer."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web

from bot.documents.phones import BadPhone, repair_phone
from bot.web.context import Context
from bot.web.guard import whole_body
from bot.web.metrics import Metrics
from storage import inbox
from storage.reports import received_at
from storage.tables import Incoming
from storage.unit import Unit

PATH = "/callback/sms"
REPEAT_WITHIN = 60  # seconds in which the same words from the same phone are a repeat, where the gateway gives no id
LONGEST_ID = 200
LONGEST_TEXT = 2_000
STATUSES = ("delivered", "failed")


class SmsCallback:
    """Keeps reports and replies; answers after they are committed."""

    def __init__(self, context: Context, metrics: Metrics) -> None:
        self.context = context
        self.metrics = metrics

    def routes(self) -> list[web.RouteDef]:
        """The path that is answered here."""
        return [web.post(PATH, self.receive)]

    async def receive(self, request: web.Request) -> web.Response:
        """A delivery report or a reply."""
        if not self.context.sms_token:
            return web.Response(status=404)
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, b"Bearer " + self.context.sms_token.encode()):
            return web.Response(status=401, headers={"WWW-Authenticate": "Bearer"})
        try:
            body = orjson.loads(await whole_body(request))
        except orjson.JSONDecodeError:
            return web.Response(status=400)
        kept = isinstance(body, dict) and (await self._report(body) or await self._reply(body))
        self.metrics.count("callbacks", path=PATH, outcome="accepted" if kept else "ignored")
        return web.Response()

    async def _report(self, body: Mapping[str, Any]) -> bool:
        id, status, reason = _text(body, "id", LONGEST_ID), body.get("status"), _text(body, "reason", LONGEST_TEXT)
        if not id or status not in STATUSES:
            return False
        told = {"id": id, "status": status, "reason": reason[:200]}
        await self._accept(_key(f"sms_report:{status}", id), "sms_report", told)
        return True

    async def _reply(self, body: Mapping[str, Any]) -> bool:
        text = _text(body, "text", LONGEST_TEXT)
        if not text:
            return False
        try:
            phone = repair_phone(body.get("from"))
        except BadPhone:
            return False  # a short number or a landline: nobody whom we wrote to
        now = self.context.now()
        told = {"from": phone, "text": text, "at": now.isoformat()}
        if id := _text(body, "id", LONGEST_ID):
            await self._accept(_key("sms_reply", id), "sms_reply", told)
        else:
            await self._accept_once_a_minute(told, now)
        return True

    async def _accept(self, key: str, source: str, body: Mapping[str, Any]) -> None:
        ground, now = self.context.ground, self.context.now()
        day = ground.today(now)
        box = await ground.days.for_day(day)
        await inbox.accept(ground, [inbox.row(key, source, body, box=box, day=day, now=now)])

    async def _accept_once_a_minute(self, body: Mapping[str, Any], now: datetime) -> None:
        """Keep a reply unless the same came less than a minute before.

        Its key names its minute, so a repeat within that minute is swallowed; what came late in the minute before is
        looked up, under a lock, because two copies may arrive on both sides of the turn of a minute at once.
        """
        same = self.context.ground.keyring.digest("sms_reply", f"{body['from']}\0{body['text']}")
        minute = int(now.timestamp()) // REPEAT_WITHIN

        async def job(unit: Unit) -> None:
            await unit.ground.database.lock(unit.connection, f"sms_reply:{same}")
            before = await received_at(unit, f"sms_reply:{same}:{minute - 1}")
            if before is None or (now - before).total_seconds() >= REPEAT_WITHIN:
                day = unit.ground.today(now)
                box = await unit.ground.days.existing(unit.connection, day)
                key = f"sms_reply:{same}:{minute}"
                unit.add(Incoming, **inbox.row(key, "sms_reply", body, box=box, day=day, now=now))

        await self.context.dispatch.within(job, now)


def _text(body: Mapping[str, Any], name: str, longest: int) -> str:
    """A text of bounded length; anything else counts as absent."""
    value = body.get(name)
    return value[:longest] if isinstance(value, str) else ""


def _key(prefix: str, id: str) -> str:
    """Of one length, whatever id the gateway chose."""
    return f"{prefix}:{hashlib.sha256(id.encode()).hexdigest()}"
