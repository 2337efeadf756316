"""The 智能机器人 in HR's group: what members say to it and tap, and the one answer that each of these may have."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from bot.charts import picture
from bot.errors import Forged, GiveUp, Malformed
from bot.platforms.wecom.cards import Payload, platform_id
from bot.platforms.wecom.crypto import CallbackCrypto
from bot.platforms.wecom.events import moment_of, part_of, word_of
from bot.platforms.wecom.groupbot_cards import answer_payload, change_payload, stream
from recruiting.chat import Challenge, Incoming, Kind, Message, Nothing, Person

SURFACE = "wecom.bot"
LONGEST_ID = 64

# No list of mentions comes with a message: the bot's name, which may hold spaces, stands somewhere in the text.
_COMMAND = re.compile(r"(?<!\S)[/／](?=\S)")
_MENTION = re.compile(r"(?<!\S)[@＠][^\s/／]*")
_UNSEEN = re.compile("[\u200b-\u200d\u2060\ufeff]")


@dataclass(frozen=True, slots=True)
class Poll:
    """WeCom asks how a stream goes on."""

    stream: str  # the stream's id, as we gave it
    id: str  # of the message that the stream answers
    age: timedelta  # how long whoever asked has waited


class GroupBot:
    """One 智能机器人 whose messages come by callback. It never speaks first."""

    def __init__(self, token: str, aes_key: str, now: Callable[[], datetime]) -> None:
        """Take plain values. Raises ValueError: `aes_key` is no EncodingAESKey."""
        self._crypto = CallbackCrypto(token, aes_key, "")  # inside the company the receiver's id is empty
        self._now = now

    def open(self, query: Mapping[str, str], body: bytes) -> Challenge | Nothing | Poll | Incoming:
        """Verify, decrypt, parse. An empty `body` is a URL check. Raises Malformed or Forged."""
        if not body:
            return Challenge(self._crypto.answer_url_check(query))
        try:
            envelope = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise Malformed("callback is not JSON") from error
        sealed = envelope.get("encrypt") if isinstance(envelope, dict) else None
        if not isinstance(sealed, str):
            raise Forged("callback is not sealed")
        plain = self._crypto.unseal(query, sealed)
        try:
            told = orjson.loads(plain)
        except orjson.JSONDecodeError:
            return Nothing("unreadable")
        return self._read(told) if isinstance(told, dict) else Nothing("unreadable")

    async def answer(
        self, query: Mapping[str, str], id: str, messages: Sequence[Message], poll: Poll | None = None
    ) -> bytes:
        """What whoever wrote gets to see, sealed; `id` is that of what they wrote. Nothing to say is an empty body."""
        if not messages:
            return b""
        stream_id, drawn = poll.stream if poll else id, await _drawn(messages)
        return self._seal(query, answer_payload(messages, id, stream_id, polled=poll is not None, pictures=drawn))

    def wait(self, query: Mapping[str, str], id: str, words: str, poll: Poll | None = None) -> bytes:
        """A few words for as long as the answer takes: WeCom comes back for it."""
        at = int(self._now().timestamp())
        return self._seal(query, stream(poll.stream if poll else f"{id}.{at}", words, finish=False))

    def excuse(self, query: Mapping[str, str], id: str, words: str, poll: Poll | None = None) -> bytes:
        """There will be no answer: say so."""
        return self._seal(query, stream(poll.stream if poll else id, words, finish=True))

    def change(
        self, query: Mapping[str, str], card: str, messages: Sequence[Message], note: str = "", only: str = ""
    ) -> bytes:
        """What the tapped card shows now, to everybody or `only` to the member who tapped it."""
        return self._seal(query, change_payload(messages, card, note, only)) if messages or note else b""

    def _seal(self, query: Mapping[str, str], payload: Payload) -> bytes:
        timestamp, nonce = int(self._now().timestamp()), query.get("nonce", "")
        sealed = self._crypto.seal(orjson.dumps(payload))
        signature = self._crypto.sign(str(timestamp), nonce, sealed)
        return orjson.dumps({"encrypt": sealed, "msgsignature": signature, "timestamp": timestamp, "nonce": nonce})

    def _read(self, told: dict[str, Any]) -> Nothing | Poll | Incoming:
        kind, msgid, member = word_of(told, "msgtype"), word_of(told, "msgid"), word_of(part_of(told, "from"), "userid")
        if kind == "stream":
            return self._read_poll(part_of(told, "stream"))
        if not (msgid and member):
            return Nothing(kind or "empty")
        group = word_of(told, "chatid") if word_of(told, "chattype") == "group" else ""
        id, sender = platform_id(msgid, LONGEST_ID), Person(SURFACE, member.lower())
        at = moment_of(told.get("create_time"), self._now())
        if kind == "event":
            return _read_event(part_of(told, "event"), id, sender, at, group)
        text = _said(told, kind)
        if kind == "file":  # it comes without a name, and only in private: HR is told where to send it
            return Incoming(id, sender, Kind.FILE, at, group=group)
        if text is None:
            return Incoming(id, sender, Kind.UNSUPPORTED, at, group=group)
        return Incoming(id, sender, Kind.TEXT, at, text=without_mention(text) if group else text.strip(), group=group)

    def _read_poll(self, told: dict[str, Any]) -> Nothing | Poll:
        stream = word_of(told, "id")
        id, _, began = stream.partition(".")
        if not id:
            return Nothing("stream")
        return Poll(stream, id, self._now() - moment_of(began, self._now()))


def _read_event(event: dict[str, Any], id: str, sender: Person, at: datetime, group: str) -> Nothing | Incoming:
    kind = word_of(event, "eventtype")
    if kind == "enter_chat":
        return Incoming(id, sender, Kind.ENTER, at, group=group)
    if kind != "template_card_event":
        return Nothing(kind or "event")
    tap = part_of(event, kind)
    key, card = (word_of(tap, name) or word_of(tap, name.replace("_", "")) for name in ("event_key", "task_id"))
    return Incoming(id, sender, Kind.TAP, at, key=key, choices=_choices(tap), card=card, card_task=card, group=group)


def _choices(tap: dict[str, Any]) -> dict[str, list[str]]:
    items = part_of(tap, "selected_items") or part_of(tap, "selecteditems")
    listed = items.get("selected_item") or items.get("selecteditem")
    return {
        word_of(item, "question_key") or word_of(item, "questionkey"): _options(item)
        for item in (listed if isinstance(listed, list) else ())
        if isinstance(item, dict)
    }


def _options(item: dict[str, Any]) -> list[str]:
    ids = part_of(item, "option_ids") or part_of(item, "optionids")
    listed = ids.get("option_id") or ids.get("optionid")
    return [option for option in listed if isinstance(option, str)] if isinstance(listed, list) else []


def _said(told: dict[str, Any], kind: str) -> str | None:
    """The words of a message, also spoken ones; None where it has none."""
    if kind in ("text", "voice"):
        return word_of(part_of(told, kind), "content")
    if kind != "mixed":
        return None
    items = part_of(told, "mixed").get("msg_item")
    parts = [part_of(item, "text") for item in (items if isinstance(items, list) else ()) if isinstance(item, dict)]
    return " ".join(word for part in parts if (word := word_of(part, "content"))) or None


def without_mention(text: str) -> str:
    """What was said to the bot in a group, without its name: from the first slash on, if there is a command."""
    text = _UNSEEN.sub("", text)
    command = _COMMAND.search(text)
    return " ".join(_MENTION.sub("", text[command.start() :] if command else text).split())


async def _drawn(messages: Sequence[Message]) -> list[bytes]:
    """The charts as pictures. Where this machine cannot draw, the numbers in the text have to do."""
    try:
        return [(await picture(message.chart)).content for message in messages if message.chart]
    except GiveUp:
        return []
