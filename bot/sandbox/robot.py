"""Group robots: one-way messages into HR's groups, twenty a minute."""

import base64
import binascii
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.clock import Clock
from bot.sandbox.cards import NOTICES, check_card
from bot.sandbox.media import MIB, ROBOT_LIMITS, Media, uploaded
from bot.sandbox.record import Record, Sent
from bot.sandbox.wire import (
    BAD_PARAMETER,
    EMPTY_TEXT,
    LARGEST_BODY,
    RATE_LIMITED,
    TOO_LONG,
    Call,
    Endpoint,
    Refused,
    items,
    kind_of,
    objects,
    ok,
    part,
    web_address,
    words,
)

SURFACE = "wecom.group"
BAD_KEY = 93000
MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class Pace:
    """How much a robot has said in the present minute, and until when it is silenced."""

    since: datetime
    count: int = 0
    silent_until: datetime | None = None


class Robot:
    """WeCom's side of all group robots; each is known by its key alone."""

    def __init__(self, clock: Clock, record: Record, media: Media, key: str) -> None:
        self.key = key
        self.keys = {key}  # add others for further groups; take one out as if the robot left the group
        self.per_minute = 20
        self.md5_code = BAD_PARAMETER
        self._clock = clock
        self._record = record
        self._media = media
        self._pace: dict[str, Pace] = {}

    def endpoints(self) -> dict[str, Endpoint]:
        """Paths that are served here."""
        return {
            "webhook/send": Endpoint("POST", self._send, token=False),
            "webhook/upload_media": Endpoint("POST", self._upload, token=False, json=False),
        }

    def messages(self, key: str = "") -> list[Sent]:
        """All that the group of this robot has been sent, oldest first."""
        return self._record.to(SURFACE, key or self.key)

    def url(self, base: str, key: str = "") -> str:
        """The webhook's whole address."""
        return f"{base.rstrip('/')}/cgi-bin/webhook/send?key={key or self.key}"

    def _check_key(self, call: Call) -> str:
        key = call.query.get("key", "")
        if key not in self.keys:
            raise Refused(BAD_KEY, "invalid webhook url")
        return key

    async def _send(self, call: Call) -> dict[str, Any]:
        key = self._check_key(call)
        kind = kind_of(call.body, CHECKS)
        content = part(call.body, kind)
        CHECKS[kind](self, content, key)
        self._check_pace(key, call.now)
        self._record.add(Sent(SURFACE, key, call.now, secrets.token_hex(8), {"msgtype": kind, kind: content}))
        return ok()

    async def _upload(self, call: Call) -> dict[str, Any]:
        item = await self._media.receive(call.request, ROBOT_LIMITS, call.now, call.query.get("key", ""))
        self._check_key(call)
        return uploaded("ok", self._media, item)

    def _check_pace(self, key: str, now: datetime) -> None:
        """Twenty in a fixed minute; one more silences the robot for the next sixty seconds."""
        pace = self._pace.setdefault(key, Pace(now))
        if pace.silent_until is not None and now < pace.silent_until:
            raise Refused(RATE_LIMITED, "api freq out of limit")
        if now - pace.since >= MINUTE or pace.silent_until is not None:
            pace.since, pace.count, pace.silent_until = now, 0, None
        if pace.count >= self.per_minute:
            pace.silent_until = now + MINUTE
            raise Refused(RATE_LIMITED, "api freq out of limit")
        pace.count += 1

    def _check_text(self, content: dict[str, Any], key: str) -> None:
        words(content, "content", limit=2048, missing=EMPTY_TEXT, code=TOO_LONG)
        for name in ("mentioned_list", "mentioned_mobile_list"):
            items(content, name, most=1000)

    def _check_markdown(self, content: dict[str, Any], key: str) -> None:
        words(content, "content", limit=4096, missing=EMPTY_TEXT, code=TOO_LONG)
        if "mentioned_list" in content:
            self._record.warn("markdown: only text has mentioned_list")

    def _check_image(self, content: dict[str, Any], key: str) -> None:
        try:
            picture = base64.b64decode(words(content, "base64", limit=LARGEST_BODY), validate=True)
        except binascii.Error:
            raise Refused(BAD_PARAMETER, "invalid base64") from None
        if len(picture) > 2 * MIB:
            raise Refused(40009, "invalid image size")
        if not picture.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
            raise Refused(40004, "invalid media type")
        if words(content, "md5") != hashlib.md5(picture).hexdigest():  # noqa: S324 - the platform's choice
            raise Refused(self.md5_code, "invalid md5")

    def _check_news(self, content: dict[str, Any], key: str) -> None:
        for article in objects(content, "articles", least=1, most=8, code=45008):
            words(article, "title", missing=41016)
            web_address(article, "url")

    def _check_card(self, content: dict[str, Any], key: str) -> None:
        check_card(content, self._record.warn, kinds=NOTICES, robot=True)
        if content["card_type"] == "news_notice":
            part(content, "card_image")


def _media_check(kind: str) -> Callable[[Robot, dict[str, Any], str], None]:
    def check(robot: Robot, content: dict[str, Any], key: str) -> None:
        words(content, "media_id", missing=41006)
        robot._media.find(content["media_id"], kind, robot._clock.now(), owner=key)

    return check


CHECKS: dict[str, Callable[[Robot, dict[str, Any], str], None]] = {
    "text": Robot._check_text,
    "markdown": Robot._check_markdown,
    "markdown_v2": Robot._check_markdown,
    "image": Robot._check_image,
    "news": Robot._check_news,
    "template_card": Robot._check_card,
    "file": _media_check("file"),
    "voice": _media_check("voice"),
}
