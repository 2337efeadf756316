"""Who plays in the demo, and what the page is told of what they did."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.sandbox.feishu.company import Toast

MEMBERS = {"hr": "刘芳", "manager": "陈辉"}  # userid -> who it is: the recruiter, and the manager of the first shop
MARKS = ("invited", "clicked", "interviewed", "uploaded", "approved", "booked")
ALSO = ("passed", "reminded")  # the AI interview; reached too, but not shown as dots


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the thirty, as the page shows them. `reached` says how far they have come, in words of `MARKS`."""

    id: str  # of the application
    name: str
    phone: str  # E.164
    shop: str
    position: str
    stage: str
    status: str
    reached: frozenset[str] = frozenset()
    chat: str = ""  # where the bot knows them: wechat, feishu, or nowhere yet


def account(who: Candidate) -> str:
    """The candidate's WeChat account."""
    return f"wm{who.phone[1:]}"


@dataclass(frozen=True, slots=True)
class Line:
    """What a person of the play has said, tapped or sent: the other half of a chat."""

    at: datetime
    text: str = ""
    picture: int | None = None  # number of the picture, when it is one
    tapped: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain values for the page."""
        return {
            "mine": True,
            "at": self.at.isoformat(),
            "text": self.text,
            "picture": self.picture,
            "tapped": self.tapped,
        }


@dataclass(frozen=True, slots=True)
class Focus:
    """Where the page should look after an act, and what flashes up there."""

    person: str = ""
    app: str = ""  # sms, wechat, feishu, story
    desk: str = ""  # hr, manager, group; in Feishu feishu.hr, ...
    toast: Toast | None = None

    def to_json(self) -> dict[str, str]:
        """Plain values for the page."""
        return {"person": self.person, "app": self.app, "desk": self.desk}


class NotNow(Exception):
    """This cannot be done at this point of the story: `str()` says why, to whoever plays."""
