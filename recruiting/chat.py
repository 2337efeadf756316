"""Platform-neutral words for what people send and get: nothing here knows WeCom from Feishu.

A *surface* is one place where people talk to us: ``wecom.app`` (members), ``wecom.kf`` (candidates on personal WeChat
through 微信客服), ``wecom.group`` (HR's group robot, one way), ``feishu`` (members and candidates alike, in private),
``feishu.group`` (a group with our bot in it), ``feishu.robot`` (HR's group robot, one way), ``wecom.bot`` (members with
the 智能机器人, which only ever answers) and ``wecom.botgroup`` (a group in which that is).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

# Where a group is, seen from the surface of a person who speaks in it.
GROUPS = {"feishu": "feishu.group", "wecom.bot": "wecom.botgroup"}
# Groups in which a robot speaks that hears of no tap: links stand there in place of buttons.
NO_BUTTONS = frozenset({"wecom.group", "feishu.robot"})
# Where a card has no charts, but a picture can follow it.
PICTURES = frozenset({"wecom.app", "wecom.group"})

_NONE: Mapping[str, Any] = MappingProxyType({})


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
    JOINED = "joined"  # our bot was added to the group `group` by the sender
    LEFT = "left"  # the sender has left the company, or the account is locked
    UNSUPPORTED = "unsupported"  # voice, location, ...: answered with what one can do


class Incoming(NamedTuple):
    """One thing that one person did on a platform. A tuple: as a frozen dataclass it cost as much as opening a seal."""

    id: str  # unique per platform and item: the platform's message id, or one made of an event's own fields
    sender: Person
    kind: Kind
    at: datetime  # the platform's own time of it, aware, UTC
    text: str = ""
    key: str = ""  # of the button or menu item, exactly as we sent it
    choices: Mapping[str, list[str]] = _NONE  # of a card's form: name of the input -> values
    file: FileRef | None = None
    scene: str = ""  # the token that came through a /c/ link
    welcome_code: str = ""  # 微信客服: allows one welcome within 20 s
    card: str = ""  # handle with which the tapped card can be changed (WeCom: ResponseCode, once)
    reason: str = ""  # for SEND_FAILED
    card_task: str = ""  # the tapped card's own id
    group: str = ""  # account of the group in which it was said or tapped, on the surface GROUPS names; "" in private
    message: str = ""  # the platform's id of what was said, under which an answer may be put
    answers: str = ""  # the platform's id of the message under which it was said, where the platform tells
    mentions: Mapping[str, str] = _NONE  # people named in the text -> their accounts


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
class Input:
    """A field of a card's form; what was entered comes back in `Incoming.choices` under `name` with the tap."""

    name: str
    label: str
    kind: str = "text"  # text, date (YYYY-MM-DD), choice
    options: tuple[tuple[str, str], ...] = ()  # of a choice: value -> label
    value: str = ""  # preset
    required: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """Numbers to look at: drawn where the surface can draw, else told in the message's fields."""

    kind: str  # funnel, bars
    points: tuple[tuple[str, float], ...]  # label -> number, in the order shown


@dataclass(frozen=True, slots=True)
class Message:
    """What a person gets to see, in their language, complete: rendered once, then frozen.

    A surface without cards shows title, text, fields and link buttons as plain text. A surface without forms leaves
    `inputs` out, one without charts `chart`: nothing may be said there alone.
    """

    text: str
    title: str = ""
    fields: tuple[tuple[str, str], ...] = ()  # short label -> value, on a card
    buttons: tuple[Button, ...] = ()
    settled: str = ""  # a card after the decision: shown in place of its buttons
    inputs: tuple[Input, ...] = ()  # submitted together with the first button that has a key
    chart: Chart | None = None

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
            "inputs": [
                [i.name, i.label, i.kind, [list(o) for o in i.options], i.value, i.required] for i in self.inputs
            ],
            "chart": [self.chart.kind, [list(point) for point in self.chart.points]] if self.chart else None,
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
            inputs=tuple(
                Input(name, label, kind, tuple((o, shown) for o, shown in options), value, required)
                for name, label, kind, options, value, required in data["inputs"]
            ),
            chart=Chart(data["chart"][0], tuple((label, number) for label, number in data["chart"][1]))
            if data["chart"]
            else None,
        )
