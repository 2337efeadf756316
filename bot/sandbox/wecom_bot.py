"""The 智能机器人: what people say to it with @ and tap on its cards, and what WeCom makes of the bot's one answer."""

import asyncio
import itertools
import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from bot.clock import Clock
from bot.platforms.wecom.crypto import CallbackCrypto
from bot.sandbox.callbacks import HEAD, PADDED_TO, UNVERIFIED, Attempt, Courier, Delivery, Post
from bot.sandbox.cards import check_card
from bot.sandbox.record import Record, Sent
from bot.sandbox.wire import Refused, size

PATH = "/callback/wecom/bot"
SINGLE, GROUP = "wecom.bot", "wecom.botgroup"
JSON = {"Content-Type": "application/json"}
LONGEST_CONTENT = 20480
STREAM_LIVES = timedelta(minutes=6)
MOST_POLLS = 400
MOST_AT_ONCE = 3
BUTTON = {"text", "style", "key"}

# What may answer what (8.2).
ENTER, MESSAGE, POLL, TAP = "enter_chat", "message", "stream", "template_card_event"
REPLIES = {
    ENTER: {"text", "template_card"},
    MESSAGE: {"template_card", "stream", "stream_with_template_card"},
    POLL: {"stream", "stream_with_template_card"},
    TAP: {"update_template_card"},
}


@dataclass(slots=True)
class Chat:
    """A group that the bot is in, or one person's chat with it (without members)."""

    id: str
    name: str = ""
    members: set[str] = field(default_factory=set)

    @property
    def surface(self) -> str:
        """Where its messages are kept."""
        return GROUP if self.name else SINGLE


@dataclass(slots=True)
class Talk:
    """One thing that somebody said or tapped, and what has been shown for it so far."""

    userid: str
    chat: Chat
    began: datetime
    stream: str = ""
    shown: list[str] = field(default_factory=list)  # the stream as it grew
    card: bool = False
    task_id: str = ""  # of the tapped card


class AiBot:
    """WeCom's side of one 智能机器人 in callback mode."""

    def __init__(
        self,
        clock: Clock,
        record: Record,
        courier: Courier,
        *,
        crypto: CallbackCrypto,
        foreign: CallbackCrypto,
        bot_id: str,
        hr_chat_id: str,
        name: str = "招聘助手",
    ) -> None:
        self.name = name
        self.hr_group = Chat(hr_chat_id, "招聘群")
        self.poll_interval = 0.2  # seconds; not documented
        self.copies = 1  # deliver each message so many times, all at the same moment
        self.talks: list[Talk] = []
        self._chats = {hr_chat_id: self.hr_group}
        self._clock = clock
        self._record = record
        self._courier = courier
        self._crypto = crypto
        self._foreign = foreign
        self._bot_id = bot_id
        self._task_ids: set[str] = set()
        self._views: dict[tuple[str, str], Sent] = {}  # message, member -> the card as they alone see it
        self._streaming: Counter[str] = Counter()
        self._pads = itertools.cycle(range(PADDED_TO, 0, -1))

    # --- what people do ----------------------------------------------------------------------------------------------

    def group(self, name: str, members: Sequence[str]) -> str:
        """Make a group with the bot in it; the chatid."""
        chat = Chat(f"wr{secrets.token_hex(12)}", name or "群", set(members))
        self._chats[chat.id] = chat
        return chat.id

    def sees(self, userid: str, group: str = "") -> list[Sent]:
        """What the bot has written, as this member sees it, oldest first."""
        chat = self._chat(userid, group)
        return [self._views.get((m.msgid, userid), m) for m in self._record.to(chat.surface, chat.id)]

    def say(self, userid: str, text: str, group: str = "", at_bot: bool = True, msgid: str = "") -> str:
        """Write to the bot; in a group it hears nothing without @. The msgid; a given one is said again."""
        chat = self._chat(userid, group)
        if self._streaming[userid] >= MOST_AT_ONCE:
            raise LookupError(f"{userid} has {MOST_AT_ONCE} answers under way")
        msgid = msgid or _msgid()
        if group and not at_bot:
            return msgid
        said = f"@{self.name} {text}" if group else text
        told = {**self._head(userid, chat, msgid), "msgtype": "text", "text": {"content": said}}
        for _ in range(self.copies):
            self._courier.start(self._tell(MESSAGE, told, self._talk(userid, chat)))
        return msgid

    def enter(self, userid: str) -> None:
        """Open the single chat, for the first time today."""
        chat = self._chat(userid, "")
        self._courier.start(self._tell(ENTER, self._event(userid, chat, ENTER, {}), self._talk(userid, chat)))

    def tap(self, userid: str, task_id: str, key: str, group: str = "") -> None:
        """Tap a button of a card. Raises LookupError: this member sees no such button."""
        chat = self._chat(userid, group)
        card = next((m for m in reversed(self.sees(userid, group)) if m.task_id == task_id), None)
        if card is None or key not in [shown for _, shown in card.buttons]:
            raise LookupError(f"{userid} sees no button {key!r} on {task_id!r}")
        tapped = {"card_type": card.content["card_type"], "event_key": key, "task_id": task_id}
        talk = self._talk(userid, chat, task_id)
        self._courier.start(self._tell_once(self._event(userid, chat, TAP, tapped), talk))

    async def verify(self) -> int:
        """Check the bot's URL as the console does when its settings are saved: 0, or 40057."""
        message = str(secrets.randbelow(9 * 10**18) + 10**18).encode()
        sealed = self._crypto.seal(message)
        query = {**self._signed(sealed), "echostr": sealed}
        url = f"{self._courier.bot_url.rstrip('/')}{PATH}"
        answer = await self._courier.request("GET", url, Post(PATH, b"", query), 1.0)
        return 0 if (answer.status, answer.body) == (200, message) else UNVERIFIED

    async def forge(self, variant: str, userid: str, text: str) -> int | None:
        """Say something with a deliberate fault; the bot's status. One of `FORGERIES`."""
        told = {**self._head(userid, Chat(userid), _msgid()), "msgtype": "text", "text": {"content": text}}
        attempt = await self._courier.once(FORGERIES[variant](self, _packed(told)))
        self._courier.deliveries.append(Delivery(SINGLE, f"forged: {variant}", [attempt], "forged"))
        return attempt.status

    def _chat(self, userid: str, group: str) -> Chat:
        if not group:
            return Chat(userid)
        chat = self._chats.get(group)
        if chat is None or userid not in chat.members:
            raise LookupError(f"{userid} is not in the group {group!r}")
        return chat

    def _talk(self, userid: str, chat: Chat, task_id: str = "") -> Talk:
        talk = Talk(userid, chat, self._clock.now(), task_id=task_id)
        self.talks.append(talk)
        return talk

    def _head(self, userid: str, chat: Chat, msgid: str) -> dict[str, Any]:
        where = {"chattype": "group", "chatid": chat.id} if chat.name else {"chattype": "single"}
        back = "https://qyapi.weixin.qq.com/cgi-bin/aibot/response?response_code=" + secrets.token_urlsafe(16)
        return {"msgid": msgid, "aibotid": self._bot_id, **where, "from": {"userid": userid}, "response_url": back}

    def _event(self, userid: str, chat: Chat, kind: str, told: dict[str, Any]) -> dict[str, Any]:
        at = int(self._clock.now().timestamp())
        event = {"eventtype": kind, kind: told}
        return {**self._head(userid, chat, _msgid()), "create_time": at, "msgtype": "event", "event": event}

    # --- telling the bot, and showing what it answers -----------------------------------------------------------------

    async def _tell(self, what: str, told: Mapping[str, Any], talk: Talk) -> None:
        """Deliver, up to four times; then ask on as long as the answer is not complete."""
        delivery, queries = Delivery(talk.chat.surface, what), []

        def make() -> Post:
            post = self._sealed(self._plain(told))
            queries.append(post.query)
            return post

        await self._courier.deliver(delivery, make, lambda status: status == 200)
        finished = self._take(delivery, queries[-1], what, talk)
        if not finished:
            self._streaming[talk.userid] += 1
            try:
                await self._ask_on(talk)
            finally:
                self._streaming[talk.userid] -= 1

    async def _tell_once(self, told: Mapping[str, Any], talk: Talk) -> None:
        """A tap is told of once, whatever becomes of it."""
        delivery = Delivery(talk.chat.surface, TAP)
        self._courier.deliveries.append(delivery)
        post = self._sealed(self._plain(told))
        await self._once(delivery, post)
        self._take(delivery, post.query, TAP, talk)

    async def _ask_on(self, talk: Talk) -> None:
        for _ in range(MOST_POLLS):
            await asyncio.sleep(self.poll_interval)
            if self._clock.now() - talk.began > STREAM_LIVES:
                break
            told = {**self._head(talk.userid, talk.chat, _msgid()), "msgtype": POLL, "stream": {"id": talk.stream}}
            del told["response_url"]
            delivery = Delivery(talk.chat.surface, POLL)
            self._courier.deliveries.append(delivery)
            post = self._sealed(self._plain(told))
            await self._once(delivery, post)
            if self._take(delivery, post.query, POLL, talk):
                return
        self._record.warn("wecom.bot: a stream was never finished")

    async def _once(self, delivery: Delivery, post: Post) -> None:
        delivery.attempts.append(await self._courier.once(post))
        delivery.outcome = "accepted" if delivery.status == 200 else "dropped"

    def _take(self, delivery: Delivery, query: Mapping[str, str], what: str, talk: Talk) -> bool:
        """Show a reply, unless it is none. Whether there is nothing more to come."""
        attempt = delivery.attempts[-1]
        if delivery.outcome != "accepted" or not attempt.body:
            return what != POLL
        try:
            finished = self._apply(self._opened(attempt, query), what, talk)
        except (ValueError, Refused) as error:
            delivery.reply = f"discarded: {error}"
            return what != POLL
        delivery.reply = "applied"
        return finished

    def _opened(self, attempt: Attempt, query: Mapping[str, str]) -> dict[str, Any]:
        envelope = _object(attempt.body)
        if set(envelope) != {"encrypt", "msgsignature", "timestamp", "nonce"}:
            raise ValueError("no sealed JSON")
        sealed, timestamp = envelope["encrypt"], envelope["timestamp"]
        if not isinstance(timestamp, int) or isinstance(timestamp, bool):
            raise ValueError("timestamp is no integer")
        if envelope["nonce"] != query["nonce"]:
            raise ValueError("another nonce than the callback's")
        if not self._crypto.verify(str(envelope["msgsignature"]), str(timestamp), query["nonce"], str(sealed)):
            raise ValueError("wrong signature")
        try:
            plain = self._crypto.open(str(sealed))
        except Exception as error:  # whatever the cipher objects to, nobody sees anything
            raise ValueError("cannot be opened") from error
        return _object(plain)

    def _apply(self, reply: dict[str, Any], what: str, talk: Talk) -> bool:
        kind = reply.get("response_type" if what == TAP else "msgtype")
        if kind not in REPLIES[what]:
            raise ValueError(f"no {kind} in answer to {what}")
        parts = {"update_template_card": {"response_type", "userids", "template_card"}}.get(
            str(kind), {"msgtype", *str(kind).split("_with_")}
        )
        if not set(reply) <= parts:
            raise ValueError(f"unknown members: {sorted(set(reply) - parts)}")
        if kind == "update_template_card":
            self._update(reply, talk)
            return True
        if kind == "text":
            self._show(talk, {"msgtype": "text", "text": _part(reply, "text")})
            return True
        finished = self._stream(_part(reply, "stream"), talk) if "stream" in str(kind) else True
        if "template_card" in reply:
            self._card(_part(reply, "template_card"), talk)
        return finished

    def _stream(self, told: dict[str, Any], talk: Talk) -> bool:
        id, content, finish = told.get("id"), told.get("content", ""), told.get("finish", False)
        if not isinstance(id, str) or not id or (talk.stream and id != talk.stream):
            raise ValueError("the stream's id is missing or another one")
        if not isinstance(content, str) or not isinstance(finish, bool):
            raise ValueError("content must be a text, finish true or false")
        if size(content) > LONGEST_CONTENT:
            raise ValueError(f"content exceeds {LONGEST_CONTENT} bytes")
        if "msg_item" in told and not finish:
            raise ValueError("pictures come with the end of a stream")
        talk.stream = id
        talk.shown.append(content)
        if finish:
            self._show(talk, {"msgtype": "stream", "stream": {"content": content}})
        return finish

    def _card(self, card: dict[str, Any], talk: Talk) -> None:
        self._check(card)
        if talk.card:
            raise ValueError("a second card in one answer")
        task_id = str(card.get("task_id", ""))
        if task_id and task_id in self._task_ids:
            raise ValueError("task_id already exists")
        self._task_ids.add(task_id)
        talk.card = True
        self._show(talk, {"msgtype": "template_card", "template_card": card}, task_id)

    def _update(self, reply: dict[str, Any], talk: Talk) -> None:
        card, viewers = _part(reply, "template_card"), reply.get("userids", [])
        if not isinstance(viewers, list) or not all(isinstance(one, str) for one in viewers):
            raise ValueError("userids must be a list of texts")
        self._check(card)
        if card.get("task_id") != talk.task_id:
            raise ValueError("task_id is not the tapped card's")
        message = next(m for m in self._record.to(talk.chat.surface, talk.chat.id) if m.task_id == talk.task_id)
        payload, label = {"msgtype": "template_card", "template_card": card}, str(card.get("replace_text", ""))
        if not viewers:
            message.payload, message.label = payload, label
            self._views = {place: view for place, view in self._views.items() if place[0] != message.msgid}
        for member in viewers:
            seen_by = next((one for one in (*talk.chat.members, talk.userid) if one.lower() == member.lower()), member)
            self._views[message.msgid, seen_by] = replace(message, payload=payload, label=label)

    def _check(self, card: dict[str, Any]) -> None:
        check_card(card, self._record.warn, robot=True)
        for button in card.get("button_list", []):
            if not set(button) <= BUTTON:
                raise ValueError(f"a button of this bot has only {sorted(BUTTON)}")
        if any(row.get("type") == 2 for row in card.get("horizontal_content_list", [])):
            raise ValueError("a row of this bot has no attachment")

    def _show(self, talk: Talk, payload: dict[str, Any], task_id: str = "") -> None:
        chat = talk.chat
        sent = Sent(chat.surface, chat.id, self._clock.now(), secrets.token_hex(8), payload, via="passive")
        self._record.add(replace(sent, task_id=task_id))

    # --- the seal -----------------------------------------------------------------------------------------------------

    def _plain(self, told: Mapping[str, Any]) -> bytes:
        """The JSON, with blanks at its end so that over time every length of padding occurs, 32 first."""
        message = _packed(told)
        return message + b" " * (-(HEAD + len(message) + next(self._pads)) % PADDED_TO)

    def _sealed(self, plain: bytes, crypto: CallbackCrypto | None = None) -> Post:
        sealed = (crypto or self._crypto).seal(plain)
        return Post(PATH, _packed({"encrypt": sealed}), self._signed(sealed), JSON)

    def _signed(self, sealed: str) -> dict[str, str]:
        timestamp, nonce = str(int(self._clock.now().timestamp())), str(secrets.randbelow(10**10))
        signature = self._crypto.sign(timestamp, nonce, sealed)
        return {"msg_signature": signature, "timestamp": timestamp, "nonce": nonce}


def _forgeries() -> Iterator[tuple[str, Callable[[AiBot, bytes], Post]]]:
    def unsigned(bot: AiBot, plain: bytes) -> Post:
        good = bot._sealed(plain)
        return replace(good, query={name: value for name, value in good.query.items() if name != "msg_signature"})

    def wrong(bot: AiBot, plain: bytes) -> Post:
        good = bot._sealed(plain)
        return replace(good, query={**good.query, "msg_signature": "0" * 40})

    def truncated(bot: AiBot, plain: bytes) -> Post:
        sealed = bot._crypto.seal(plain)[:-24]
        return Post(PATH, _packed({"encrypt": sealed}), bot._signed(sealed), JSON)

    yield "no_signature", unsigned
    yield "wrong_signature", wrong
    yield "truncated", truncated
    yield "wrong_receiver", lambda bot, plain: bot._sealed(plain, bot._foreign)
    yield "plain", lambda bot, plain: Post(PATH, plain, bot._signed(""), JSON)
    yield "not_json", lambda bot, plain: Post(PATH, b"<xml/>", bot._sealed(plain).query, JSON)


FORGERIES = dict(_forgeries())


def _msgid() -> str:
    """As WeCom's: base64 with characters that need care."""
    return f"CAIQ{secrets.token_urlsafe(12)}/{secrets.token_urlsafe(6)}="


def _packed(told: Mapping[str, Any]) -> bytes:
    return json.dumps(told, ensure_ascii=False).encode()


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise ValueError("no JSON reply") from error
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found


def _part(reply: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = reply.get(name)
    if not isinstance(found, dict):
        raise ValueError(f"{name} is missing")
    return found
