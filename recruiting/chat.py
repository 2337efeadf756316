"""Platform-neutral words for what people send and get: nothing here knows WeCom from Feishu.

A *surface* is one place where people talk to us: ``wecom.app`` (members), ``wecom.kf`` (candidates on personal WeChat
through 微信客服), ``wecom.group`` (HR's group robot, one way), later ``feishu``.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class Person:
    """An account on a surface. `desk` is the account of ours that talks to it (微信客服: open_kfid), or empty."""

    surface: str
    account: str
    desk: str = ""


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file that lies with the platform: fetched by `Platform.fetch`, usually for three days only."""

    surface: str
    id: str
    kind: str  # image, file, voice, video


class Kind(StrEnum):
    """What an incoming item is."""

    TEXT = "text"
    TAP = "tap"  # a button or menu item; `key` says which
    FILE = "file"
    ENTER = "enter"  # the person opened the chat, perhaps through a link (`scene` holds its token)
    SEND_FAILED = "send_failed"  # a message of ours was accepted before and failed after all; `key` holds its id
    UNSUPPORTED = "unsupported"  # voice, location, ...: answered with what one can do


@dataclass(frozen=True, slots=True)
class Incoming:
    """One thing that one person did on a platform."""

    id: str  # unique per platform and item: the platform's message id, or one made of an event's own fields
    sender: Person
    kind: Kind
    at: datetime  # the platform's own time of it, aware, UTC
    text: str = ""
    key: str = ""  # of the button or menu item, exactly as we sent it
    choices: dict[str, list[str]] = field(default_factory=dict)  # card selections: question key -> option ids
    file: FileRef | None = None
    scene: str = ""  # the token that came through a /c/ link
    welcome_code: str = ""  # 微信客服: allows one welcome within 20 s
    card: str = ""  # handle with which the tapped card can be changed once (WeCom: ResponseCode)
    reason: str = ""  # for SEND_FAILED
    card_task: str = ""  # the tapped card's own id


@dataclass(frozen=True, slots=True)
class Doorbell:
    """Something waits to be pulled; the bell itself says nothing. `token` makes the pull cheap, for 10 minutes."""

    surface: str
    desk: str
    token: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """The platform checks our URL: answer with exactly this text."""

    answer: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """Genuine but meaningless to us: answered 200, counted, not kept."""

    what: str


@dataclass(frozen=True, slots=True)
class Button:
    """A callback button (`key`) or a link (`url`); exactly one of the two is set."""

    text: str
    key: str = ""
    url: str = ""
    style: str = ""  # "", primary, danger


@dataclass(frozen=True, slots=True)
class Message:
    """What a person gets to see, in their language, complete: rendered once, then frozen.

    A surface without cards shows title, text, fields and link buttons as plain text.
    """

    text: str
    title: str = ""
    fields: tuple[tuple[str, str], ...] = ()  # short label -> value, on a card
    buttons: tuple[Button, ...] = ()
    settled: str = ""  # a card after the decision: shown in place of its buttons

    def plain(self) -> str:
        """The same as one plain text, for surfaces without cards."""
        parts = [self.title, self.text, *(f"{label}: {value}" for label, value in self.fields)]
        parts += [f"{button.text}: {button.url}" for button in self.buttons if button.url]
        return "\n".join(part for part in parts if part)

    def to_json(self) -> dict[str, Any]:
        """A dict of plain values from which `from_json` makes the same message."""
        return {
            "text": self.text,
            "title": self.title,
            "fields": [list(pair) for pair in self.fields],
            "buttons": [[b.text, b.key, b.url, b.style] for b in self.buttons],
            "settled": self.settled,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Message":
        """The inverse of `to_json`."""
        return cls(
            text=data["text"],
            title=data["title"],
            fields=tuple((label, value) for label, value in data["fields"]),
            buttons=tuple(Button(*values) for values in data["buttons"]),
            settled=data["settled"],
        )
