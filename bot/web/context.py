"""What every web handler may use; `bot.app` fills it once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from aiohttp import web

from bot.clock import Clock
from bot.delivery.compose import House
from bot.dispatch import Dispatch
from bot.documents.showing import Showing
from bot.platforms.base import Platform
from bot.platforms.wecom.groupbot import GroupBot
from bot.texts import Texts
from storage.unit import Ground
from storage.vault import Vault


class ChatDoor(Protocol):
    """A way into a conversation: what a `/c/` link leads to."""

    async def chat_link(self, token: str) -> str:
        """The platform's link; it carries the token where the platform brings one back. Raises TryLater or GiveUp."""
        ...


class SignIn(Protocol):
    """A platform that knows who somebody is."""

    def sign_in_page(self, back_to: str, state: str, user_agent: str) -> str:
        """Where a browser (`user_agent`) is sent; it comes back to `back_to` with `code` and `state`."""
        ...

    async def who(self, code: str, back_to: str) -> str:
        """The account that a code stands for; empty when it is none of the company's. Raises TryLater or GiveUp."""
        ...


@dataclass(frozen=True)
class Context:
    """Parts and plain values; secrets are kept out of reprs by `repr=False` where this is printed at all."""

    ground: Ground
    dispatch: Dispatch
    clock: Clock
    texts: Texts
    house: House
    vault: Vault
    platforms: Mapping[str, Platform]  # by callback path segment: "wecom"
    chat_doors: Mapping[str, ChatDoor]  # "wechat", "feishu"
    sms_token: str | None
    interview_secret: str | None
    interview_link: str | None
    largest_upload: int
    showing: Showing = field(default_factory=Showing)  # makes the pictures that reviewers see
    sign_ins: Mapping[str, SignIn] = field(default_factory=dict)  # "wecom", "feishu"
    feishu_calls_us: bool = True  # False: what it tells comes over the long connection
    group_bot: GroupBot | None = None

    def now(self) -> datetime:
        """The present moment, aware, UTC."""
        return self.clock.now()


CONTEXT = web.AppKey("context", Context)
