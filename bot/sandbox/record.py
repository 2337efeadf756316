"""What people got to see: every message that a bot sent through the sandbox, and which of them came twice."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.sandbox.feishu import reading

# These say nothing to the reader; a message that differs in them only is the same message twice.
INVISIBLE = {"task_id", "key", "id", "question_key", "msgid", "response_code"}
TAPPED = {"click", "view"}  # entries of a menu


@dataclass(slots=True)
class Sent:
    """One message to one person, phone number or group, as it stands there now."""

    surface: str  # wecom.app, wecom.kf, wecom.group, wecom.bot, wecom.botgroup, feishu, feishu.group, feishu.robot, sms
    to: str
    at: datetime
    msgid: str
    payload: dict[str, Any]  # {"msgtype": …, that type: {…}}
    given_id: str = ""  # the sender's own id, where the surface takes one
    via: str = ""  # welcome, event, passive; reply, forward
    label: str = ""  # stands in place of a card's buttons once it has been settled
    recalled: bool = False
    task_id: str = ""

    @property
    def msgtype(self) -> str:
        """text, template_card, msgmenu, interactive, …"""
        return str(self.payload["msgtype"])

    @property
    def content(self) -> dict[str, Any]:
        """The object of that type."""
        found = self.payload[self.msgtype]
        assert isinstance(found, dict)
        return found

    @property
    def text(self) -> str:
        """The words that the reader sees, a line each."""
        return "\n".join(_lines(self.msgtype, self.content))

    @property
    def buttons(self) -> list[tuple[str, str]]:
        """What can be tapped: text and callback key, or text and link."""
        if self.label:
            return []
        if self.msgtype == "msgmenu":
            entries = [(item["type"], item[item["type"]]) for item in self.content["list"]]
            return [(entry["content"], entry.get("id") or entry["url"]) for kind, entry in entries if kind in TAPPED]
        if self.msgtype == "template_card":
            rows = [*self.content.get("button_list", []), self.content.get("submit_button")]
            return [(row["text"], row.get("key") or row.get("url", "")) for row in rows if row]
        if self.msgtype == "interactive":
            return reading.buttons(self.content)
        if self.msgtype == "post":
            nodes = (node for row in self.content["post"]["content"] for node in row)
            return [(str(node.get("text", "")), node["href"]) for node in nodes if node["tag"] == "a"]
        return []

    def to_json(self) -> dict[str, Any]:
        """Plain values for a page or another process."""
        return {
            "surface": self.surface,
            "to": self.to,
            "at": self.at.isoformat(),
            "msgid": self.msgid,
            "given_id": self.given_id,
            "via": self.via,
            "label": self.label,
            "recalled": self.recalled,
            "task_id": self.task_id,
            "text": self.text,
            "buttons": [list(button) for button in self.buttons],
            "payload": self.payload,
        }


@dataclass(slots=True)
class Record:
    """Everything that was delivered, and what was noticed on the way. Kept until the sandbox ends."""

    sent: dict[tuple[str, str], list[Sent]] = field(default_factory=dict)
    dropped: list[tuple[str, Sent]] = field(default_factory=list)  # the bot was told "ok", but nobody saw it
    repeats: list[Sent] = field(default_factory=list)  # the same words to the same person again
    counters: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)
    _seen: set[tuple[str, str, str]] = field(default_factory=set)

    def add(self, message: Sent) -> None:
        """Deliver a message, and notice when the same has been delivered before."""
        self.sent.setdefault((message.surface, message.to), []).append(message)
        self.counters[message.surface] += 1
        sight = (message.surface, message.to, fingerprint(message.payload))
        if sight in self._seen:
            self.repeats.append(message)
        self._seen.add(sight)

    def drop(self, reason: str, message: Sent) -> None:
        """Accept a message and lose it, as the platform does beyond its silent limits."""
        self.dropped.append((reason, message))
        self.counters[f"{message.surface} dropped"] += 1

    def warn(self, what: str) -> None:
        """Note what a real client would get away with, although it should not."""
        if len(self.warnings) < 1000:
            self.warnings.append(what)

    def to(self, surface: str, person: str) -> list[Sent]:
        """All that one person has been sent, oldest first."""
        return self.sent.get((surface, person), [])

    def by_person(self, surface: str) -> dict[str, list[dict[str, Any]]]:
        """All messages of a surface as plain values."""
        return {
            to: [message.to_json() for message in row] for (where, to), row in self.sent.items() if where == surface
        }


def fingerprint(payload: dict[str, Any]) -> str:
    """Equal for two messages that look the same to their reader."""
    return json.dumps(_visible(payload), sort_keys=True, ensure_ascii=False)


def _visible(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get("type") == "callback":
            return "callback"
        hidden = INVISIBLE | {"value"} if value.get("tag") == "button" else INVISIBLE
        return {name: _visible(inner) for name, inner in value.items() if name not in hidden}
    if isinstance(value, list):
        return [_visible(inner) for inner in value]
    return value


def _lines(msgtype: str, content: dict[str, Any]) -> Iterator[str]:
    match msgtype:
        case "msgmenu":
            entries = (item[item["type"]] for item in content["list"])
            yield from filter(None, (content.get("head_content"), *(entry["content"] for entry in entries)))
            yield from filter(None, (content.get("tail_content"),))
        case "template_card":
            title = content.get("main_title") or {}
            rows = content.get("horizontal_content_list", [])
            yield from filter(None, (title.get("title"), title.get("desc"), content.get("sub_title_text")))
            yield from (f"{row['keyname']}: {row.get('value', '')}" for row in rows)
        case "interactive":
            yield from reading.lines(content)
        case "post":
            yield from filter(None, (content["post"].get("title"),))
            rows = content["post"]["content"]
            yield from ("".join(str(node.get("text", "")) for node in row) for row in rows)
        case "news":
            yield from (article["title"] for article in content["articles"])
        case _:
            shown = (content.get(name) for name in ("content", "text", "title", "desc", "description", "name"))
            yield from (words for words in shown if isinstance(words, str) and words)
