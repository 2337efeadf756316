"""Custom robots (自定义机器人): one way into one group, no token but a secret, and objects in place of strings."""

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from bot.clock import Clock
from bot.sandbox.feishu.contents import Contents
from bot.sandbox.feishu.reading import controls
from bot.sandbox.feishu.wire import BAD_REQUEST, Refused, as_json
from bot.sandbox.record import Record, Sent

SURFACE = "feishu.robot"
HOOK = "/open-apis/bot/v2/hook/"
WRONG_TOKEN, WRONG_PARAMETER, WRONG_SIGN, WRONG_ADDRESS, NO_KEYWORD, TOO_BIG, TOO_OFTEN, WRONG_CARD = (
    19001,
    19002,
    19021,
    19022,
    19024,
    19036,
    11232,
    11246,
)
LARGEST = 20 * 1024
AN_HOUR = 3600
TAG = re.compile(r"<at [^>]*>(.*?)</at>", re.DOTALL)


@dataclass(slots=True)
class Hook:
    """One robot in one group, with the security options that somebody has ticked."""

    secret: str = ""
    keywords: list[str] = field(default_factory=list)
    addresses: set[str] = field(default_factory=set)
    seen: deque[datetime] = field(default_factory=deque)


class Robots:
    """Feishu's side of all custom robots; each is known by its token alone."""

    def __init__(self, clock: Clock, record: Record, contents: Contents, token: str, secret: str) -> None:
        self.token = token
        self.hooks = {token: Hook(secret)}  # add others for further groups; take one out as if it had been removed
        self.per_second, self.per_minute = 5, 100
        self.failure_status = 200  # some saw 400
        self._clock = clock
        self._record = record
        self._contents = contents

    def url(self, base: str, token: str = "") -> str:
        """The webhook's whole address."""
        return f"{base.rstrip('/')}{HOOK}{token or self.token}"

    def messages(self, token: str = "") -> list[Sent]:
        """All that the group of this robot has been sent, oldest first."""
        return self._record.to(SURFACE, token or self.token)

    async def post(self, request: web.Request) -> web.Response:
        """Take one message. There is no token in a header, and a failure is told in HTTP 200 too."""
        now = self._clock.now()
        try:
            self._take(request.match_info["token"], request.remote or "", await request.read(), now)
        except Refused as refused:
            body = {"code": refused.code, "msg": refused.msg, "data": {}}
            return as_json(body, now, self.failure_status)
        success = {"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"}
        return as_json(success, now)

    def _take(self, token: str, address: str, raw: bytes, now: datetime) -> None:
        hook = self.hooks.get(token)
        if hook is None:
            raise Refused(WRONG_TOKEN, "param invalid: incoming webhook access token invalid")
        if len(raw) > LARGEST:
            raise Refused(TOO_BIG, "request body too large")
        body = _read(raw)
        if hook.addresses and address not in hook.addresses:
            raise Refused(WRONG_ADDRESS, "Ip Not Allowed")
        if hook.secret:
            _check_sign(hook.secret, body, now)
        kind, content = self._content(body)
        if hook.keywords and not any(word in _words(content) for word in hook.keywords):
            raise Refused(NO_KEYWORD, "Key Words Not Found")
        self._count(hook, now)
        self._record.add(Sent(SURFACE, token, now, secrets.token_hex(8), {"msgtype": kind, kind: content}))

    def _content(self, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        kind = body.get("msg_type")
        if kind == "interactive":
            if not isinstance(body.get("card"), dict):
                raise Refused(WRONG_PARAMETER, "params error, card needed")
            return kind, self._card(body["card"])
        content = body.get("content")
        if not isinstance(content, dict):
            raise Refused(BAD_REQUEST, "Bad Request")
        match kind:
            case "text" if isinstance(content.get("text"), str) and content["text"]:
                return kind, {"text": TAG.sub(r"@\1", content["text"])}
            case "post" if isinstance(content.get("post"), dict) and content["post"]:
                shown = content["post"].get("zh_cn") or next(iter(content["post"].values()))
                if isinstance(shown, dict) and isinstance(shown.get("content"), list):
                    return kind, {"post": shown}
            case "image" if isinstance(content.get("image_key"), str):
                return kind, content
            case "share_chat" if isinstance(content.get("share_chat_id"), str):
                return kind, content
        raise Refused(WRONG_PARAMETER, "params error, msg_type or content is wrong")

    def _card(self, card: dict[str, Any]) -> dict[str, Any]:
        try:
            checked = self._contents.card(card)
        except Refused as refused:
            raise Refused(WRONG_CARD, f"parse card json err, {refused.msg}") from refused
        if any(one.calls_back and not one.link for one in controls(checked)):
            self._record.warn("feishu.robot: a button that calls back does nothing on a robot's card")
        return checked

    def _count(self, hook: Hook, now: datetime) -> None:
        while hook.seen and now - hook.seen[0] >= timedelta(minutes=1):
            hook.seen.popleft()
        last_second = sum(1 for at in hook.seen if now - at < timedelta(seconds=1))
        if last_second >= self.per_second or len(hook.seen) >= self.per_minute:
            raise Refused(TOO_OFTEN, "frequency limited psm[lark.oapi.app_platform_runtime]appID[1500]")
        hook.seen.append(now)


def signature(timestamp: str, secret: str) -> str:
    """The robot's sign: time and secret are the key, and nothing is what they sign."""
    key = f"{timestamp}\n{secret}".encode()
    return base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()


def _read(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw.decode())
    except (ValueError, RecursionError):
        raise Refused(BAD_REQUEST, "Bad Request") from None
    if not isinstance(body, dict):
        raise Refused(BAD_REQUEST, "Bad Request")
    return body


def _check_sign(secret: str, body: dict[str, Any], now: datetime) -> None:
    timestamp, sign = body.get("timestamp"), body.get("sign")
    good = isinstance(timestamp, str) and timestamp.isdecimal() and len(timestamp) <= 10
    if not good or abs(now.timestamp() - int(str(timestamp))) > AN_HOUR or sign != signature(str(timestamp), secret):
        raise Refused(WRONG_SIGN, "sign match fail or timestamp is not within one hour from current time")


def _words(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False)
