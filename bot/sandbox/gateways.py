"""The SMS gateway and the provider of AI interviews: two more sides of the wire."""

import hmac
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from html import escape
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

from bot.clock import Clock
from bot.sandbox.callbacks import Courier, Delivery, Post
from bot.sandbox.record import Record, Sent

SMS_SURFACE = "sms"
SMS_PATH = "/sms"
SMS_CALLBACK = "/callback/sms"
HOOK = "/hooks/interview"
E164 = re.compile(r"\+[1-9][0-9]{6,14}")
LONGEST_ID = 128
LONGEST_SMS = 2000
TOKEN = re.compile(r"[0-9A-Za-z_-]{16,256}")
STALE = timedelta(minutes=10)


def _fine(status: int) -> bool:
    return 200 <= status < 300


class SmsGateway:
    """Takes text messages over HTTP, and tells the bot what became of them."""

    def __init__(self, clock: Clock, record: Record, courier: Courier, token: str) -> None:
        self.auto_report = False  # report every accepted message as delivered
        self.posts: list[dict[str, Any]] = []  # every accepted POST, repeats too
        self.repeats = 0
        self._clock = clock
        self._record = record
        self._courier = courier
        self._token = token
        self._failing: dict[str, tuple[int, str]] = {}
        self._known: dict[str, Sent] = {}

    def messages(self, phone: str) -> list[Sent]:
        """What arrived at a phone, oldest first."""
        return self._record.to(SMS_SURFACE, phone)

    def fail(self, phone: str, status: int = 400, reason: str = "invalid number") -> None:
        """Refuse this number from now on (4xx)."""
        self._failing[phone] = (status, reason)

    async def report(self, id: str, status: str, reason: str = "") -> int | None:
        """Tell the bot that a message was "delivered" or "failed". Returns its last HTTP status."""
        body = {"id": id, "status": status, **({"reason": reason} if reason else {})}
        return await self._tell(f"report {status}", body)

    async def reply(self, phone: str, text: str, id: str = "") -> int | None:
        """A person answers a text message. Returns the bot's last HTTP status."""
        return await self._tell("reply", {"from": phone, "text": text, **({"id": id} if id else {})})

    async def post(self, request: web.Request) -> web.Response:
        """Accept one message, or refuse it."""
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            return _problem(401, "bearer token is missing or wrong")
        try:
            body = json.loads(await request.read())
        except (ValueError, RecursionError):
            return _problem(400, "no JSON")
        mistake = _sms_mistake(body)
        if mistake:
            return _problem(422, mistake)
        if body["to"] in self._failing:
            status, reason = self._failing[body["to"]]
            return _problem(status, reason)
        return self._accept(body["id"], body["to"], body["text"])

    def _accept(self, id: str, to: str, text: str) -> web.Response:
        now = self._clock.now()
        known = self._known.get(id)
        if known is not None and (known.to, known.content["content"]) != (to, text):
            return _problem(409, "this id belongs to another message")
        self.posts.append({"id": id, "to": to, "text": text, "at": now.isoformat(), "repeat": known is not None})
        if known is not None:
            self.repeats += 1
            return web.json_response({"id": id, "repeated": True})
        payload = {"msgtype": "text", "text": {"content": text}}
        self._known[id] = Sent(SMS_SURFACE, to, now, id, payload, given_id=id)
        self._record.add(self._known[id])
        if self.auto_report:
            self._courier.start(self.report(id, "delivered"))
        return web.json_response({"id": id}, status=202)

    async def _tell(self, what: str, body: dict[str, Any]) -> int | None:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        post = Post(SMS_CALLBACK, json.dumps(body, ensure_ascii=False).encode(), headers=headers)
        delivery = await self._courier.deliver(Delivery(SMS_SURFACE, what), lambda: post, _fine)
        return delivery.status


def _sms_mistake(body: Any) -> str:
    """What is wrong with a POST, or nothing."""
    if not isinstance(body, dict) or not all(isinstance(body.get(name), str) for name in ("id", "to", "text")):
        return "id, to and text must be texts"
    if not 0 < len(body["id"]) <= LONGEST_ID:
        return f"id must have 1 to {LONGEST_ID} characters"
    if not E164.fullmatch(body["to"]):
        return "to must be E.164"
    if not 0 < len(body["text"]) <= LONGEST_SMS:
        return f"text must have 1 to {LONGEST_SMS} characters"
    return ""


def _problem(status: int, detail: str) -> web.Response:
    return web.json_response({"detail": detail}, status=status)


class InterviewProvider:
    """Shows candidates an interview page, and sends signed results to the bot."""

    def __init__(self, clock: Clock, courier: Courier, secret: str) -> None:
        self.dead = False  # the pages answer 404
        self.opened: dict[str, int] = {}  # how often each page was looked at
        self.states: dict[str, str] = {}
        self._clock = clock
        self._courier = courier
        self._webhook = Webhook(secret)
        self._last: dict[str, tuple[str, str, bytes]] = {}

    async def start(self, token: str) -> int | None:
        """The candidate begins. Returns the bot's last HTTP status."""
        return await self._tell("started", token, {})

    async def complete(
        self,
        token: str,
        scores: Mapping[str, float],
        keywords: Sequence[str] = (),
        questions: Sequence[Any] = (),
        report_url: str = "",
    ) -> int | None:
        """The candidate has finished. Returns the bot's last HTTP status."""
        result = {"scores": dict(scores), "keywords": list(keywords), "questions": list(questions)}
        return await self._tell("completed", token, {**result, **({"report_url": report_url} if report_url else {})})

    async def fail(self, token: str, reason: str) -> int | None:
        """The interview broke off. Returns the bot's last HTTP status."""
        return await self._tell("failed", token, {"reason": reason})

    async def repeat(self, token: str) -> int | None:
        """Send the last result of this token again, under the same webhook-id."""
        what, id, body = self._last[token]
        return await self._deliver(what, id, body)

    async def forge(self, variant: str, token: str, scores: Mapping[str, float]) -> int | None:
        """Send a result with a fault, once: wrong_signature, no_signature, stale or changed. Returns the status."""
        id, body = _message_id(), _event("completed", token, {"scores": dict(scores)})
        headers = self._headers(id, body, age=STALE if variant == "stale" else timedelta(0))
        match variant:
            case "wrong_signature":
                headers["webhook-signature"] = f"v1,{'A' * 43}="
            case "no_signature":
                del headers["webhook-signature"]
            case "changed":
                body = body.replace(b"}", b" }", 1)
            case "stale":
                pass
            case _:
                raise LookupError(f"no such fault: {variant}")
        return (await self._courier.once(Post(HOOK, body, headers=headers))).status

    async def page(self, request: web.Request) -> web.Response:
        """The page that an invite leads to, and its buttons."""
        token = request.match_info["token"]
        if self.dead or not TOKEN.fullmatch(token):
            return web.Response(status=404, text="404")
        if request.method == "POST":
            await self._press(token, await request.post())
            raise web.HTTPSeeOther(request.path)
        if request.method == "GET":
            self.opened[token] = self.opened.get(token, 0) + 1
        return web.Response(text=_page(self.states.get(token, "waiting")), content_type="text/html")

    async def _press(self, token: str, form: Mapping[str, Any]) -> None:
        if form.get("do") == "start":
            await self.start(token)
        elif form.get("do") == "fail":
            await self.fail(token, "technical")
        elif form.get("do") == "finish":
            given = {name: str(value) for name, value in form.items() if name != "do"}
            await self.complete(token, {name: int(value) for name, value in given.items() if value.isdecimal()})

    async def _tell(self, what: str, token: str, data: dict[str, Any]) -> int | None:
        self.states[token] = what
        id, body = _message_id(), _event(what, token, data)
        self._last[token] = (what, id, body)
        return await self._deliver(what, id, body)

    async def _deliver(self, what: str, id: str, body: bytes) -> int | None:
        def make() -> Post:
            return Post(HOOK, body, headers=self._headers(id, body))

        delivery = await self._courier.deliver(Delivery("interview", what), make, _fine)
        return delivery.status

    def _headers(self, id: str, body: bytes, age: timedelta = timedelta(0)) -> dict[str, str]:
        at = self._clock.now() - age
        return {
            "Content-Type": "application/json",
            "webhook-id": id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": self._webhook.sign(id, at, body.decode()),
        }


def _message_id() -> str:
    return f"msg_{secrets.token_hex(12)}"


def _event(what: str, token: str, data: dict[str, Any]) -> bytes:
    return json.dumps({"type": f"interview.{what}", "data": {"token": token, **data}}, ensure_ascii=False).encode()


SCORES = {"总分": 82, "服务意识": 86, "抗压能力": 78, "夜班": 80}


STATES = {
    "waiting": "请准备好，找个安静的地方",
    "started": "面试进行中",
    "completed": "已完成，谢谢您！",
    "failed": "面试中断了",
}
STYLE = """
body{margin:0;font:16px/1.6 system-ui,"PingFang SC","Noto Sans CJK SC","Microsoft YaHei",sans-serif;
color:#1d2433;background:#f2f4f9}main{max-width:420px;margin:0 auto;padding:20px 18px}
h1{font-size:24px;margin:4px 0}small{color:#5b6478}#state{color:#3b4ba3;font-weight:600;margin:4px 0 18px}
section{background:#fff;border-radius:14px;padding:16px;margin-bottom:14px;box-shadow:0 2px 12px #1d243310}
label{display:flex;justify-content:space-between;align-items:center;margin:0 0 10px}p{margin:0}
input{width:72px;font:inherit;padding:4px 8px;border:1px solid #cdd3e0;border-radius:8px;text-align:right}
button{width:100%;font:inherit;font-weight:600;padding:11px;border:0;border-radius:10px;background:#3b4ba3;color:#fff}
.quiet button{background:none;color:#5b6478;font-weight:400;padding:4px}
"""


def _page(state: str) -> str:
    fields = "".join(
        f'<p><label>{escape(name)} <input type="number" name="{escape(name)}" min="0" max="100" value="{score}">'
        "</label></p>"
        for name, score in SCORES.items()
    )
    return (
        '<!doctype html><html lang="zh"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>AI 面试</title><style>{STYLE}</style>'
        "<main><small>模拟的面试平台 Simulated provider</small><h1>AI 面试</h1>"
        f'<p id="state" data-state="{escape(state)}">{escape(STATES.get(state, state))}</p>'
        '<section><form method="post"><button name="do" value="start">开始 Start</button></form></section>'
        f'<section><form method="post">{fields}<button name="do" value="finish">完成 Finish</button></form></section>'
        '<form method="post" class="quiet"><button name="do" value="fail">故障 Break off</button></form></main></html>'
    )
