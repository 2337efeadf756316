"""Events to the bot: sealed, signed, three seconds each, and up to four more tries over seven hours."""

import asyncio
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from bot.clock import Clock
from bot.platforms.feishu.crypto import CallbackCrypto
from bot.sandbox.callbacks import Attempt, Courier, Delivery, Post
from bot.sandbox.feishu.company import App, fresh, millis, packed

PATH = "/callback/feishu"
RETRIES = (timedelta(seconds=15), timedelta(minutes=5), timedelta(hours=1), timedelta(hours=6))
FOREIGN_APP = "cli_foreign00000001"

CONTACTS = ("contact:contact.base:readonly", "contact:user.base:readonly")
# One of these must be granted, or the event never leaves.
SCOPES: Mapping[str, tuple[str, ...]] = {
    "im.message.receive_v1": (),  # decided message by message
    "im.message.message_read_v1": ("im:message", "im:message:readonly"),
    "im.message.recalled_v1": ("im:message", "im:message:readonly"),
    "im.message.reaction.created_v1": ("im:message.reactions:read", "im:message:readonly"),
    "im.message.reaction.deleted_v1": ("im:message.reactions:read", "im:message:readonly"),
    "im.chat.member.bot.added_v1": ("im:chat.members:bot_access", "im:chat", "im:chat:readonly"),
    "im.chat.member.bot.deleted_v1": ("im:chat.members:bot_access", "im:chat", "im:chat:readonly"),
    "im.chat.member.user.added_v1": ("im:chat.members:read", "im:chat", "im:chat:readonly"),
    "im.chat.member.user.deleted_v1": ("im:chat.members:read", "im:chat", "im:chat:readonly"),
    "im.chat.disbanded_v1": ("im:chat", "im:chat:readonly"),
    "im.chat.access_event.bot_p2p_chat_entered_v1": (),
    "p2p_chat_create": (),
    "application.bot.menu_v6": (),
    "contact.user.deleted_v3": CONTACTS,
    "contact.user.updated_v3": CONTACTS,
}


class Line(Protocol):
    """How a callback gets to the bot: a webhook, or a long connection."""

    @property
    def token(self) -> str:
        """The verification token inside the body."""
        ...

    async def carry(self, body: bytes, within: float) -> Attempt:
        """One try. Status 200 means that the bot took it."""
        ...


class Webhook:
    """The bot's own address."""

    def __init__(self, courier: Courier, app: App) -> None:
        self.path = PATH
        self.encrypted = True  # False: as if no Encrypt Key had been set, and then nothing is signed either
        self.courier = courier
        self._app = app

    @property
    def token(self) -> str:
        """The verification token inside the body."""
        return self._app.token

    async def carry(self, body: bytes, within: float) -> Attempt:
        """One try, with a time stamp, nonce and cipher text of its own."""
        return await self.post(self.sealed(body), within)

    async def post(self, post: Post, within: float) -> Attempt:
        """One request, as it stands."""
        return await self.courier.request("POST", f"{self.courier.bot_url.rstrip('/')}{self.path}", post, within)

    def sealed(self, body: bytes, *, signed: bool = True) -> Post:
        """The request that carries this body."""
        if not (self.encrypted and self._app.encrypt_key):
            return Post(self.path, body, headers=dict(JSON))
        envelope = packed({"encrypt": self.crypto.seal(body)}).encode()
        return Post(self.path, envelope, headers={**JSON, **(self.signature(envelope) if signed else {})})

    def signature(self, body: bytes, *, age: int = 0) -> dict[str, str]:
        """The headers that sign exactly these bytes."""
        timestamp = str(int(self.courier.clock.now().timestamp()) - age)
        nonce = secrets.token_hex(8)
        return {
            "X-Lark-Request-Timestamp": timestamp,
            "X-Lark-Request-Nonce": nonce,
            "X-Lark-Signature": self.crypto.sign(timestamp, nonce, body),
            "X-Request-Id": secrets.token_hex(16),
        }

    @property
    def crypto(self) -> CallbackCrypto:
        """The app's seal."""
        return CallbackCrypto(self._app.encrypt_key)


JSON = {"Content-Type": "application/json;charset=utf-8"}


@dataclass(slots=True)
class Event:
    """One event, and how its delivery stands."""

    type: str
    body: dict[str, Any]
    delivery: Delivery
    due: datetime | None = None  # of the next try
    tries: int = 0
    repeated: bool = False  # delivered once more, on purpose

    @property
    def id(self) -> str:
        """By which the bot may know it again."""
        return str(self.body["header"]["event_id"] if "header" in self.body else self.body["uuid"])


class Events:
    """Feishu's side of the event URL."""

    def __init__(self, courier: Courier, clock: Clock, app: App) -> None:
        self.webhook = Webhook(courier, app)
        self.line: Line = self.webhook
        self.subscribed = set(SCOPES)
        self.within = 3.0
        self.verify_within = 1.0
        self.retries: Sequence[timedelta] = RETRIES
        self.copies = 1  # deliver each event so many times, all at the same moment
        self.again = ""  # after a success, once more: "same" id, or "fresh" id
        self.sent: list[Event] = []
        self._clock = clock
        self._courier = courier
        self._app = app
        self._held: list[Event] | None = None
        self._waiting: list[Event] = []
        self.alarm: asyncio.TimerHandle | None = None  # for the next try, in case nobody turns the clock
        clock.on_turn(self._try_due)

    async def verify(self) -> bool:
        """Save the URL in the console: True when the bot gives the challenge back within a second."""
        challenge = secrets.token_hex(12)
        body = packed({"challenge": challenge, "token": self._app.token, "type": "url_verification"}).encode()
        attempt = await self.webhook.post(self.webhook.sealed(body, signed=False), self.verify_within)
        try:
            answer = json.loads(attempt.body)
        except ValueError:
            return False
        return attempt.status == 200 and isinstance(answer, dict) and answer.get("challenge") == challenge

    def push(self, kind: str, event: dict[str, Any]) -> None:
        """Tell the bot what happened, if it has subscribed to that and may know it."""
        needed = SCOPES[kind]
        if kind not in self.subscribed or (needed and not self._app.scopes & set(needed)):
            return
        self._leave(Event(kind, self._second(kind, event), Delivery("feishu", kind)))

    def push_first(self, kind: str, event: dict[str, Any]) -> None:
        """The same for the old events of schema 1.0."""
        if kind not in self.subscribed:
            return
        now = self._clock.now()
        inner = {"type": kind, "app_id": self._app.id, "tenant_key": self._app.tenant_key, **event}
        body = {
            "ts": f"{now.timestamp():.7f}",
            "uuid": secrets.token_hex(16),
            "token": self.line.token,
            "type": "event_callback",
            "event": inner,
        }
        self._leave(Event(kind, body, Delivery("feishu", kind)))

    def repeat(self, event: Event, *, fresh_id: bool = False) -> None:
        """Deliver an event once more, however old it is, under its own or another id."""
        body = json.loads(json.dumps(event.body))
        if fresh_id and "header" in body:
            body["header"]["event_id"] = secrets.token_hex(16)
        elif fresh_id:
            body["uuid"] = secrets.token_hex(16)
        delivery = Delivery("feishu", f"{event.type} again")
        self._courier.deliveries.append(delivery)
        self._courier.start(self._attempt(Event(event.type, body, delivery, repeated=True)))

    def hold(self) -> None:
        """Keep events back until `release`."""
        self._held = []

    async def release(self, *, backwards: bool = False) -> None:
        """Let the held events go one after another; `backwards`, the youngest first."""
        held, self._held = self._held or [], None
        for event in reversed(held) if backwards else held:
            self._leave(event)
            await self._courier.idle()

    async def forge(self, variant: str, kind: str, event: dict[str, Any]) -> int | None:
        """Send one event with a deliberate fault, once, and return the bot's status.

        `variant`: wrong_signature, no_signature, wrong_token, wrong_app, plain, unsealed, truncated, foreign_key,
        not_json, reserialised.
        """
        post = FORGERIES[variant](self, self._second(kind, event))
        attempt = await self.webhook.post(post, self.within)
        self._courier.deliveries.append(Delivery("feishu", f"forged: {variant}", [attempt], "forged"))
        return attempt.status

    @property
    def waiting(self) -> list[Event]:
        """Events whose next try is still to come."""
        return list(self._waiting)

    def close(self) -> None:
        """Try nothing any more."""
        self._waiting.clear()
        if self.alarm is not None:
            self.alarm.cancel()
            self.alarm = None

    def _second(self, kind: str, event: dict[str, Any]) -> dict[str, Any]:
        header = {
            "event_id": secrets.token_hex(16),
            "event_type": kind,
            "create_time": millis(self._clock.now()),
            "token": self.line.token,
            "app_id": self._app.id,
            "tenant_key": self._app.tenant_key,
        }
        return {"schema": "2.0", "header": header, "event": event}

    def _leave(self, event: Event) -> None:
        if self._held is not None:
            self._held.append(event)
            return
        self.sent.append(event)
        for _ in range(self.copies):
            copy = Event(event.type, event.body, Delivery("feishu", event.type))
            self._courier.deliveries.append(copy.delivery)
            self._courier.start(self._attempt(copy))

    async def _attempt(self, event: Event) -> None:
        attempt = await self.line.carry(packed(event.body).encode(), self.within)
        event.delivery.attempts.append(attempt)
        if attempt.status == 200:
            event.delivery.outcome = "accepted"
            if self.again and not event.repeated:
                self.repeat(event, fresh_id=self.again == "fresh")
            return
        if event.tries >= len(self.retries):
            event.delivery.outcome = "dropped"
            return
        event.due = self._clock.now() + self.retries[event.tries]
        event.tries += 1
        self._waiting.append(event)
        self._set_alarm()

    def _try_due(self) -> None:
        """Begin all tries that have come due; each following one counts from the one before it."""
        now = self._clock.now()
        due = [event for event in self._waiting if event.due is not None and event.due <= now]
        self._waiting = [event for event in self._waiting if event not in due]
        for event in due:
            self._courier.start(self._attempt(event))
        if self._waiting:
            self._set_alarm()

    def _set_alarm(self) -> None:
        """Wake up when the earliest try is due."""
        if self.alarm is not None:
            self.alarm.cancel()
        earliest = min(event.due for event in self._waiting if event.due is not None)
        wait = max((earliest - self._clock.now()).total_seconds(), 1.0)
        self.alarm = asyncio.get_running_loop().call_later(wait, self._try_due)


def _changed(body: dict[str, Any], **header: str) -> bytes:
    return packed({**body, "header": {**body["header"], **header}}).encode()


def _wrong_signature(events: Events, body: dict[str, Any]) -> Post:
    good = events.webhook.sealed(packed(body).encode())
    digit = good.headers["X-Lark-Signature"][0]
    wrong = ("0" if digit != "0" else "1") + good.headers["X-Lark-Signature"][1:]
    return Post(good.path, good.body, headers={**good.headers, "X-Lark-Signature": wrong})


def _unsealed(events: Events, body: dict[str, Any]) -> Post:
    plain = packed(body).encode()
    return Post(events.webhook.path, plain, headers={**JSON, **events.webhook.signature(plain)})


def _truncated(events: Events, body: dict[str, Any]) -> Post:
    envelope = packed({"encrypt": events.webhook.crypto.seal(packed(body).encode())[:-24]}).encode()
    return Post(events.webhook.path, envelope, headers={**JSON, **events.webhook.signature(envelope)})


def _foreign_key(events: Events, body: dict[str, Any]) -> Post:
    other = CallbackCrypto(fresh("foreign-"))
    envelope = packed({"encrypt": other.seal(packed(body).encode())}).encode()
    return Post(events.webhook.path, envelope, headers={**JSON, **events.webhook.signature(envelope)})


def _not_json(events: Events, body: dict[str, Any]) -> Post:
    nonsense = b"\x00\xffno json"
    return Post(events.webhook.path, nonsense, headers={**JSON, **events.webhook.signature(nonsense)})


def _reserialised(events: Events, body: dict[str, Any]) -> Post:
    """What a proxy makes of it that parses the body and writes it anew."""
    good = events.webhook.sealed(packed(body).encode())
    return Post(good.path, json.dumps(json.loads(good.body)).encode(), headers=good.headers)


FORGERIES: dict[str, Callable[[Events, dict[str, Any]], Post]] = {
    "wrong_signature": _wrong_signature,
    "no_signature": lambda events, body: events.webhook.sealed(packed(body).encode(), signed=False),
    "wrong_token": lambda events, body: events.webhook.sealed(_changed(body, token="wrong-token")),  # noqa: S106
    "wrong_app": lambda events, body: events.webhook.sealed(_changed(body, app_id=FOREIGN_APP)),
    "plain": lambda events, body: Post(events.webhook.path, packed(body).encode(), headers=dict(JSON)),
    "unsealed": _unsealed,
    "truncated": _truncated,
    "foreign_key": _foreign_key,
    "not_json": _not_json,
    "reserialised": _reserialised,
}
