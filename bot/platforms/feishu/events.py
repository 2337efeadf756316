"""What Feishu reports, in the platform-neutral words of `recruiting.chat`."""

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from bot.platforms.wire import shown_name
from recruiting.chat import FileRef, Incoming, Kind, Nothing, Person

PRIVATE = "feishu"
GROUP = "feishu.group"
ROBOT = "feishu.robot"

MESSAGE = "im.message.receive_v1"
TAP = "card.action.trigger"
MENU = "application.bot.menu_v6"
ENTERED = "im.chat.access_event.bot_p2p_chat_entered_v1"
FIRST_ENTERED = "p2p_chat_create"
JOINED = "im.chat.member.bot.added_v1"
RESIGNED = "contact.user.deleted_v3"
CHANGED = "contact.user.updated_v3"

# A card's button tells where it was shown, because a tap does not say whether its chat is a group.
IN = "in"
IN_GROUP = "group"

KEPT = 50_000  # private chats and names of files remembered; the longest unused goes first
LONGEST_TEXT = 150_000
MOST_PICTURES = 100  # a post holds 30 KB
MOST_MENTIONS = 100
MOST_INPUTS = 50
MOST_VALUES = 200
LONGEST_VALUE = 4_000

EVERYBODY = "@_all"

_DATE = re.compile(r"(\d{4}-\d{2}-\d{2}) [+-]\d{4}")

Part = dict[str, Any]


@dataclass(slots=True)
class _Said:
    """What all items of one message have in common."""

    id: str
    sender: Person
    at: datetime
    group: str
    answers: str
    mentions: dict[str, str]

    def words(self, text: str) -> Incoming:
        return Incoming(
            self.id,
            self.sender,
            Kind.TEXT,
            self.at,
            text=text,
            group=self.group,
            message=self.id,
            answers=self.answers,
            mentions=self.mentions,
        )

    def file(self, key: str, kind: str, number: int = 0) -> Incoming:
        """A file, which can be read only together with the message it came in; numbered where there are several."""
        file, id = FileRef(PRIVATE, f"{self.id}/{key}", kind), f"{self.id}/{number}" if number else self.id
        return Incoming(id, self.sender, Kind.FILE, self.at, file=file, group=self.group, message=self.id)

    def unsupported(self) -> Incoming:
        return Incoming(self.id, self.sender, Kind.UNSUPPORTED, self.at, group=self.group, message=self.id)


class EventReader:
    """Reads events, and remembers of them what later sends and downloads need."""

    def __init__(self) -> None:
        self.bot = ""  # open_id of our bot, once known: only what mentions it is said to us in a group
        self._chats: OrderedDict[str, str] = OrderedDict()
        self._names: OrderedDict[str, str] = OrderedDict()

    def chat_of(self, person: str) -> str:
        """The private chat with somebody, as far as it has shown; else empty."""
        return self._chats.get(person, "")

    def remember_chat(self, person: str, chat: str) -> None:
        """Keep the private chat with somebody, or (empty) forget it."""
        if person and self._chats.get(person, "") != chat:
            _keep(self._chats, person, chat)

    def name_of(self, file: str) -> str:
        """What the sender calls a file, as far as it came by lately; else empty."""
        return self._names.get(file, "")

    def read(self, told: Part, now: datetime) -> Nothing | Sequence[Incoming]:
        """Say what a genuine event means."""
        event = _part(told, "event")
        if "schema" not in told:
            return self._read_old(told, event, now)
        header = _part(told, "header")
        kind, id = _word(header, "event_type"), _word(header, "event_id")
        if kind == MESSAGE:
            return self._read_message(event, now)
        if not id:
            return Nothing(kind or "event")
        at = moment(header.get("create_time"), now)
        if kind == TAP:
            return self._read_tap(event, id, at)
        if kind == ENTERED:
            return self._read_entry(id, _operator(event), _word(event, "chat_id"), at)
        if kind == MENU:
            return _read_menu(event, id, moment(event.get("timestamp"), at))
        if kind == JOINED:
            return _read_joining(event, id, at)
        if kind in (RESIGNED, CHANGED):
            return _read_leaving(event, id, kind, at)
        return Nothing(kind or "event")

    def _read_old(self, told: Part, event: Part, now: datetime) -> Nothing | Sequence[Incoming]:
        """The one event that still comes in the first version of Feishu's envelope: the very first visit."""
        kind, id = _word(event, "type"), _word(told, "uuid")
        if kind != FIRST_ENTERED or not id:
            return Nothing(kind or "event")
        person = _word(_part(event, "user"), "open_id") or _word(_part(event, "operator"), "open_id")
        return self._read_entry(id, person, _word(event, "chat_id"), moment(told.get("ts"), now))

    def _read_entry(self, id: str, person: str, chat: str, at: datetime) -> Nothing | Sequence[Incoming]:
        if not person:
            return Nothing("entry of nobody")
        if chat:
            self.remember_chat(person, chat)
        return [Incoming(id, Person(PRIVATE, person), Kind.ENTER, at)]

    # --- messages --------------------------------------------------------------------------------------------------

    def _read_message(self, event: Part, now: datetime) -> Nothing | Sequence[Incoming]:
        sender, message = _part(event, "sender"), _part(event, "message")
        person, id, chat = (
            _word(_part(sender, "sender_id"), "open_id"),
            _word(message, "message_id"),
            _word(message, "chat_id"),
        )
        if not (person and id) or person == self.bot or sender.get("sender_type", "user") != "user":
            return Nothing(MESSAGE)
        mentions = _mentions(message)
        group = chat if message.get("chat_type", "p2p") != "p2p" else ""
        if group:
            if not any(map(self._is_us, mentions)):
                return Nothing(MESSAGE)
        elif chat:
            self.remember_chat(person, chat)
        raw = _word(message, "content")
        if not raw:  # taken back before it reached us
            return Nothing(MESSAGE)
        at = moment(message.get("create_time"), now)
        said = _Said(id, Person(PRIVATE, person), at, group, _word(message, "parent_id"), self._people(mentions))
        return self._read_content(said, _word(message, "message_type"), _json(raw), mentions)

    def _read_content(
        self, said: _Said, kind: str, content: Part, mentions: Sequence[Part]
    ) -> Nothing | Sequence[Incoming]:
        if kind == "text":
            if not isinstance(content.get("text"), str):
                return [said.unsupported()]
            text = self._named(content["text"], mentions)
            return [said.words(text)] if text or said.group else Nothing(MESSAGE)
        if kind == "post":
            return self._read_post(said, content, mentions)
        if kind == "image" and _word(content, "image_key"):
            return [said.file(_word(content, "image_key"), "image")]
        if kind == "file" and _word(content, "file_key"):
            key = _word(content, "file_key")
            if name := shown_name(_word(content, "file_name")):
                _keep(self._names, key, name)
            return [said.file(key, "file")]
        return [said.unsupported()]

    def _read_post(self, said: _Said, content: Part, mentions: Sequence[Part]) -> Sequence[Incoming]:
        """A text with pictures: its words as one item, then each picture as one of its own."""
        names = {_word(mention, "key"): self._name(mention) for mention in mentions}
        lines, pictures = [_word(content, "title")], []
        for row in _parts(content, "content"):
            nodes = [node for node in row if isinstance(node, dict)] if isinstance(row, list) else []
            lines.append("".join(_node_text(node, names) for node in nodes))
            pictures += [_word(node, "image_key") for node in nodes if node.get("tag") == "img"]
        text = "\n".join(lines).strip()[:LONGEST_TEXT]
        found = [said.words(text)] if text else []
        keys = [key for key in pictures if key][:MOST_PICTURES]
        found += [said.file(key, "image", number) for number, key in enumerate(keys, 1)]
        return found or [said.unsupported()]

    def _is_us(self, mention: Part) -> bool:
        """Whether our bot is meant. Until its id is known, any bot is taken for it: a group rarely has two."""
        if self.bot:
            return _word(_part(mention, "id"), "open_id") == self.bot
        return mention.get("mentioned_type", "bot") == "bot" and mention.get("key") != EVERYBODY

    def _people(self, mentions: Sequence[Part]) -> dict[str, str]:
        """Who is mentioned besides us, by name."""
        people = {self._name(mention): _word(_part(mention, "id"), "open_id") for mention in mentions}
        return {name: account for name, account in people.items() if name and account}

    def _name(self, mention: Part) -> str:
        return "" if self._is_us(mention) else _word(mention, "name")

    def _named(self, text: str, mentions: Sequence[Part]) -> str:
        """The text with people's names in place of their numbers, and without our own."""
        text = text[:LONGEST_TEXT]
        names = {key: self._name(mention) for mention in mentions if (key := _word(mention, "key"))}
        if names:
            # The longest first: @_user_1 is the beginning of @_user_10.
            keys = "|".join(re.escape(key) for key in sorted(names, key=len, reverse=True))
            text = re.sub(keys, lambda found: names[found[0]], text)
        return text.strip()

    # --- cards -----------------------------------------------------------------------------------------------------

    def _read_tap(self, event: Part, id: str, at: datetime) -> Nothing | Sequence[Incoming]:
        person, action, place = _operator(event), _part(event, "action"), _part(event, "context")
        value = action.get("value")
        told = value if isinstance(value, dict) else {"key": value}
        key, card, chat = _word(told, "key"), _word(place, "open_message_id"), _word(place, "open_chat_id")
        if not (person and key):
            return Nothing(TAP)
        # What a card says of its place is only a hint: where we know better, we do.
        shared = told.get(IN) == IN_GROUP and chat != self.chat_of(person)
        return [
            Incoming(
                id=id,
                sender=Person(PRIVATE, person),
                kind=Kind.TAP,
                at=at,
                key=key,
                choices=_choices(action),
                card=card,
                group=chat if shared else "",
                message=card,
            )
        ]


def _keep(kept: OrderedDict[str, str], key: str, value: str) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > KEPT:
        kept.popitem(last=False)


def _read_menu(event: Part, id: str, at: datetime) -> Nothing | Sequence[Incoming]:
    """An entry of the bot's menu is a command that nobody has to type."""
    person, key = _operator(event), _word(event, "event_key")
    if not (person and key):
        return Nothing(MENU)
    return [Incoming(id, Person(PRIVATE, person), Kind.TEXT, at, text=key if key.startswith("/") else f"/{key}")]


def _read_joining(event: Part, id: str, at: datetime) -> Nothing | Sequence[Incoming]:
    person, chat = _operator(event), _word(event, "chat_id")
    if not (person and chat):
        return Nothing(JOINED)
    return [Incoming(id, Person(PRIVATE, person), Kind.JOINED, at, text=_word(event, "name"), group=chat)]


def _read_leaving(event: Part, id: str, kind: str, at: datetime) -> Nothing | Sequence[Incoming]:
    """The company's contacts have changed: we only need to know who has left, or is locked out."""
    told = _part(event, "object")
    person, status = _word(told, "open_id"), _part(told, "status")
    if not person or not (kind == RESIGNED or locked(status)):
        return Nothing(kind)
    return [Incoming(id, Person(PRIVATE, person), Kind.LEFT, at)]


def locked(status: Part) -> bool:
    """Whether somebody's account is locked, or they have left."""
    return any(status.get(name) is True for name in ("is_resigned", "is_exited", "is_frozen"))


def _mentions(message: Part) -> list[Part]:
    found = [mention for mention in _parts(message, "mentions") if isinstance(mention, dict)]
    return found[:MOST_MENTIONS]


def _node_text(node: Part, names: dict[str, str]) -> str:
    tag, text = node.get("tag"), _word(node, "text")
    if tag == "a":  # as links look in ordinary texts
        return f"[{text}]({_word(node, 'href')})"
    if tag == "at":
        return names.get(_word(node, "user_id"), _word(node, "user_name"))
    return text


def _choices(action: Part) -> dict[str, list[str]]:
    """What was entered in a card: of a whole form, or of a single input under its own name."""
    form = action.get("form_value")
    entered = dict(list(form.items())[:MOST_INPUTS]) if isinstance(form, dict) else {}
    for field in ("option", "options", "checked", "input_value"):
        if field in action:
            entered[_word(action, "name") or field] = action[field]
    return {name: values for name, value in entered.items() if (values := _values(value))}


def _values(value: Any) -> list[str]:
    found = value if isinstance(value, list) else [value]
    return [text for one in found[:MOST_VALUES] if (text := _value(one))]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        return ""
    day = _DATE.fullmatch(value)
    return day[1] if day else value.strip()[:LONGEST_VALUE]


def _operator(event: Part) -> str:
    """Who did it: in most events inside an id object, in a card's tap right there."""
    operator = _part(event, "operator")
    return (
        _word(_part(operator, "operator_id"), "open_id")
        or _word(operator, "open_id")
        or _word(_part(event, "operator_id"), "open_id")
    )


def _json(text: str) -> Part:
    """The document inside a text; one that cannot be read says nothing."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _word(part: Part, name: str) -> str:
    value = part.get(name)
    return value if isinstance(value, str) else ""


def _part(whole: Part, name: str) -> Part:
    value = whole.get(name)
    return value if isinstance(value, dict) else {}


def _parts(whole: Part, name: str) -> list[Any]:
    value = whole.get(name)
    return value if isinstance(value, list) else []


def moment(told: Any, now: datetime) -> datetime:
    """Feishu's own time of an event; `now` where it tells none that can be true.

    It counts in seconds, milliseconds or microseconds by the kind of event. How large the number is tells which: the
    next unit's numbers begin where this one has reached the year 5138.
    """
    try:
        number = float(told)
        for _ in range(2):
            number = number / 1000 if number >= 1e11 else number
        return datetime.fromtimestamp(number, UTC) if number > 0 else now
    except (TypeError, ValueError, OverflowError, OSError):
        return now
