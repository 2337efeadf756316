"""Callbacks to the bot: signed, sealed, five seconds each, three times more when they fail."""

import asyncio
import itertools
import re
import secrets
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urlencode
from xml.etree import ElementTree

import aiohttp
from yarl import URL

from bot.clock import Clock
from bot.platforms.wecom.crypto import CallbackCrypto

Fields = Sequence[tuple[str, "str | int | Fields"]]

PATH = "/callback/wecom/app"
UNVERIFIED = 40057
KEPT_OF_AN_ANSWER = 64 * 1024
XML_FORBIDS = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
HEAD = 20  # random bytes and length in front of a sealed message
PADDED_TO = 32


@dataclass(frozen=True, slots=True)
class Post:
    """One request to the bot, ready to leave."""

    path: str
    body: bytes
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try, and what the bot answered (status None: nothing within the time)."""

    at: datetime
    status: int | None
    body: bytes = b""
    late: bool = False  # somebody listened, and no answer came within the time


@dataclass(slots=True)
class Delivery:
    """One callback on its way, with all its tries."""

    surface: str  # wecom.app, wecom.kf, feishu, sms, interview
    what: str
    attempts: list[Attempt] = field(default_factory=list)
    outcome: str = "under way"  # then accepted or dropped
    reply: str = ""  # applied, or why a passive reply was thrown away

    @property
    def status(self) -> int | None:
        """The last HTTP status, None as long as there is none."""
        return self.attempts[-1].status if self.attempts else None

    def to_json(self) -> dict[str, Any]:
        """Plain values for a page."""
        tries = [{"at": attempt.at.isoformat(), "status": attempt.status} for attempt in self.attempts]
        return {
            "surface": self.surface,
            "what": self.what,
            "outcome": self.outcome,
            "status": self.status,
            "reply": self.reply,
            "attempts": tries,
        }


class Courier:
    """Carries requests to the bot, in the background, and tries again. Seconds here are real ones."""

    def __init__(self, clock: Clock, bot_url: str) -> None:
        self.bot_url = bot_url
        self.timeout = 5.0
        self.repeats = 3
        self.interval = 1.0
        self.deliveries: list[Delivery] = []
        self.clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do this in the background; `idle` waits for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Stop what is under way and let go of connections."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def deliver(self, delivery: Delivery, make: Callable[[], Post], accepted: Callable[[int], bool]) -> Delivery:
        """Try until the bot accepts, at most `repeats` times more. `make` builds each try anew."""
        self.deliveries.append(delivery)
        for turn in range(self.repeats + 1):
            if turn:
                await asyncio.sleep(self.interval)
            attempt = await self.once(make())
            delivery.attempts.append(attempt)
            if attempt.status is not None and accepted(attempt.status):
                delivery.outcome = "accepted"
                return delivery
        delivery.outcome = "dropped"
        return delivery

    async def once(self, post: Post) -> Attempt:
        """One POST, without repeating."""
        url = f"{self.bot_url.rstrip('/')}{post.path}"
        return await self.request("POST", url, post, self.timeout)

    async def request(self, method: str, url: str, post: Post, within: float) -> Attempt:
        """One request and its answer. Nothing listening, and no answer in time, are the same: status None."""
        at = self.clock.now()
        if not self.bot_url:
            return Attempt(at, None)
        if self._session is None:
            self._session = aiohttp.ClientSession()
        address = URL(f"{url}?{urlencode(post.query)}" if post.query else url, encoded=True)
        try:
            async with self._session.request(
                method,
                address,
                data=post.body,
                headers=post.headers,
                timeout=aiohttp.ClientTimeout(total=within),
                allow_redirects=False,
            ) as answer:
                return Attempt(at, answer.status, await _beginning(answer))
        except TimeoutError:
            return Attempt(at, None, late=True)
        except aiohttp.ClientError:
            return Attempt(at, None)


async def _beginning(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_chunked(KEPT_OF_AN_ANSWER):
        body += chunk
        if len(body) >= KEPT_OF_AN_ANSWER:
            break
    return bytes(body)


class PassiveReply(Protocol):
    """Takes the decrypted reply to a callback; raises ValueError when the platform would throw it away."""

    def __call__(self, reply: ElementTree.Element) -> None: ...


class WeComCallbacks:
    """WeCom's side of /callback/wecom/app."""

    def __init__(
        self, courier: Courier, *, crypto: CallbackCrypto, foreign: CallbackCrypto, corp_id: str, agent_id: int
    ) -> None:
        self.verify_within = 1.0
        self.reseal = True  # a retry carries a new time stamp, nonce and cipher text
        self.copies = 1  # deliver each callback so many times, all at the same moment
        self._courier = courier
        self._crypto = crypto
        self._foreign = foreign  # the same key, another receiver
        self._corp_id = corp_id
        self._agent_id = agent_id
        self._held: list[Callable[[], None]] | None = None
        self._pads = itertools.cycle(range(PADDED_TO, 0, -1))
        self._orders = itertools.count()

    async def verify(self) -> int:
        """Check the bot's URL as the console does when its settings are saved: 0, or 40057."""
        message = str(secrets.randbelow(9 * 10**18) + 10**18).encode()
        sealed = self._crypto.seal(message)
        while not ("+" in sealed and "/" in sealed):
            sealed = self._crypto.seal(message)
        query = {**self._signed(sealed), "echostr": sealed}
        url = f"{self._courier.bot_url.rstrip('/')}{PATH}"
        answer = await self._courier.request("GET", url, Post(PATH, b"", query), self.verify_within)
        return 0 if (answer.status, answer.body) == (200, message) else UNVERIFIED

    def push(self, surface: str, what: str, fields: Fields, on_reply: PassiveReply | None = None) -> None:
        """Deliver one callback in the background, or hold it back when that has been asked for."""
        agent_id = self._agent_id if surface == "wecom.app" else None
        plain = self._plain(fields)

        def leave() -> None:
            for _ in range(self.copies):
                self._courier.start(self._deliver(Delivery(surface, what), plain, agent_id, on_reply))

        if self._held is None:
            leave()
        else:
            self._held.append(leave)

    def hold(self) -> None:
        """Keep callbacks back until `release`."""
        self._held = []

    async def release(self, *, backwards: bool = False) -> None:
        """Let the held callbacks go one after another; `backwards`, the youngest first."""
        held, self._held = self._held or [], None
        for leave in reversed(held) if backwards else held:
            leave()
            await self._courier.idle()

    async def forge(self, variant: str, fields: Fields) -> int | None:
        """Send one callback with a deliberate fault, once, and return the bot's status.

        `variant`: wrong_signature, no_signature, wrong_receiver, truncated, foreign_company, stale, plain, not_xml.
        """
        make = FORGERIES[variant]
        attempt = await self._courier.once(make(self, fields))
        self._courier.deliveries.append(Delivery("wecom.app", f"forged: {variant}", [attempt], "forged"))
        return attempt.status

    async def _deliver(
        self, delivery: Delivery, plain: bytes, agent_id: int | None, on_reply: PassiveReply | None
    ) -> None:
        first = self._sealed(plain, agent_id)

        def make() -> Post:
            return self._sealed(plain, agent_id) if self.reseal and delivery.attempts else first

        await self._courier.deliver(delivery, make, lambda status: status == 200)
        body = delivery.attempts[-1].body
        if delivery.outcome == "accepted" and body not in (b"", b"success"):
            try:
                self._take_reply(body, on_reply)
                delivery.reply = "applied"
            except ValueError as error:
                delivery.reply = f"discarded: {error}"

    def _take_reply(self, body: bytes, on_reply: PassiveReply | None) -> None:
        if on_reply is None:
            raise ValueError("this callback takes no reply")
        envelope = _parse(body)
        sealed, signature, timestamp, nonce = (
            envelope.findtext(name, "") for name in ("Encrypt", "MsgSignature", "TimeStamp", "Nonce")
        )
        if not self._crypto.verify(signature, timestamp, nonce, sealed):
            raise ValueError("wrong signature")
        try:
            plain = self._crypto.open(sealed)
        except Exception as error:  # whatever the cipher objects to, the member sees nothing
            raise ValueError("cannot be opened") from error
        on_reply(_parse(plain))

    def _plain(self, fields: Fields) -> bytes:
        """The XML, with blanks at its end so that over time every length of padding occurs, 32 first."""
        wanted = next(self._pads)
        message = xml(fields)
        length = HEAD + len(message) + len(self._corp_id.encode())
        blanks = -(length + wanted) % PADDED_TO
        return message.removesuffix(b"</xml>") + b"\n" * blanks + b"</xml>"

    def _sealed(
        self, plain: bytes, agent_id: int | None, *, corp_id: str = "", crypto: CallbackCrypto | None = None
    ) -> Post:
        sealed = (crypto or self._crypto).seal(plain)
        return Post(PATH, self._envelope(sealed, agent_id, corp_id), self._signed(sealed), XML)

    def _envelope(self, sealed: str, agent_id: int | None, corp_id: str = "") -> bytes:
        fields: list[tuple[str, str | int | Fields]] = [("ToUserName", corp_id or self._corp_id), ("Encrypt", sealed)]
        if agent_id is not None:
            fields.append(("AgentID", str(agent_id)))
        shift = next(self._orders) % len(fields)  # the order of the elements is not promised
        return xml(fields[shift:] + fields[:shift])

    def _signed(self, sealed: str, *, age: int = 0) -> dict[str, str]:
        timestamp = str(int(self._courier.clock.now().timestamp()) - age)
        nonce = str(secrets.randbelow(10**10))
        return {
            "msg_signature": self._crypto.sign(timestamp, nonce, sealed),
            "timestamp": timestamp,
            "nonce": nonce,
        }


XML = {"Content-Type": "text/xml; charset=utf-8"}
DAY = 24 * 3600


def _wrong_signature(callbacks: WeComCallbacks, fields: Fields) -> Post:
    good = callbacks._sealed(xml(fields), callbacks._agent_id)
    return Post(PATH, good.body, {**good.query, "msg_signature": "0" * 40}, XML)


def _no_signature(callbacks: WeComCallbacks, fields: Fields) -> Post:
    good = callbacks._sealed(xml(fields), callbacks._agent_id)
    return Post(PATH, good.body, {name: value for name, value in good.query.items() if name != "msg_signature"}, XML)


def _wrong_receiver(callbacks: WeComCallbacks, fields: Fields) -> Post:
    return callbacks._sealed(xml(fields), callbacks._agent_id, crypto=callbacks._foreign)


def _truncated(callbacks: WeComCallbacks, fields: Fields) -> Post:
    sealed = callbacks._crypto.seal(xml(fields))[:-24]
    return Post(PATH, callbacks._envelope(sealed, callbacks._agent_id), callbacks._signed(sealed), XML)


def _foreign_company(callbacks: WeComCallbacks, fields: Fields) -> Post:
    foreign = [("ToUserName", "wwffffffffffffffff"), *(pair for pair in fields if pair[0] != "ToUserName")]
    return callbacks._sealed(xml(foreign), callbacks._agent_id, corp_id="wwffffffffffffffff")


def _stale(callbacks: WeComCallbacks, fields: Fields) -> Post:
    sealed = callbacks._crypto.seal(xml(fields))
    return Post(PATH, callbacks._envelope(sealed, callbacks._agent_id), callbacks._signed(sealed, age=DAY), XML)


def _unsealed(callbacks: WeComCallbacks, fields: Fields) -> Post:
    return Post(PATH, xml(fields), callbacks._signed(""), XML)


def _not_xml(callbacks: WeComCallbacks, fields: Fields) -> Post:
    good = callbacks._sealed(xml(fields), callbacks._agent_id)
    return Post(PATH, b"\x00\xffno xml", good.query, XML)


FORGERIES: dict[str, Callable[[WeComCallbacks, Fields], Post]] = {
    "wrong_signature": _wrong_signature,
    "no_signature": _no_signature,
    "wrong_receiver": _wrong_receiver,
    "truncated": _truncated,
    "foreign_company": _foreign_company,
    "stale": _stale,
    "plain": _unsealed,
    "not_xml": _not_xml,
}


def xml(fields: Fields) -> bytes:
    """A callback's XML: texts in CDATA, numbers bare, lists nested."""
    return f"<xml>{_inner(fields)}</xml>".encode()


def _inner(fields: Fields) -> str:
    return "".join(f"<{name}>{_value(value)}</{name}>" for name, value in fields)


def _value(value: "str | int | Fields") -> str:
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        clean = XML_FORBIDS.sub("", value).replace("]]>", "]]]]><![CDATA[>")
        return f"<![CDATA[{clean}]]>"
    return _inner(value)


def _parse(body: bytes) -> ElementTree.Element:
    if b"<!DOCTYPE" in body:
        raise ValueError("no XML reply")
    try:
        return ElementTree.fromstring(body)  # noqa: S314 - no entities without a DOCTYPE
    except ElementTree.ParseError as error:
        raise ValueError("no XML reply") from error
