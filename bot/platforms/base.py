"""What the bot needs of a chat vendor. A third vendor is one more package that keeps this protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from recruiting.chat import Challenge, Doorbell, FileRef, Incoming, Message, Nothing, Person


@dataclass(frozen=True, slots=True)
class Pulled:
    """One page behind a doorbell. Store `items` and `cursor` together, in one transaction."""

    items: Sequence[Incoming]
    cursor: str
    more: bool


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file taken from the platform, whole, within the bound that was asked for."""

    content: bytes
    name: str
    content_type: str


@dataclass(frozen=True, slots=True)
class Sent:
    """What the platform said of an accepted message: its own id, and (cards) the handle for one later change."""

    id: str
    card: str = ""


class Sender(Protocol):
    """The part of a platform that delivers; a group robot is nothing more."""

    async def send(
        self, to: Person, message: Message, id: str, *, welcome_code: str = "", reply_to: str = "", retry: bool = False
    ) -> Sent:
        """Deliver once. `id` is ours, stays the same over retries. Raises TryLater or GiveUp.

        `retry` is True from the second try on: a platform that refuses a repeated id then means "I have it already".
        `reply_to` is the platform's id of the message under which this one belongs, where the platform has threads.
        """
        ...

    async def send_file(self, to: Person, file: Fetched, id: str, *, reply_to: str = "", retry: bool = False) -> Sent:
        """Deliver a picture (`content_type` image/...) or another file. Raises TryLater, or GiveUp: too large, ...."""
        ...

    async def update(self, to: Person, card: str, message: Message) -> None:
        """Change a card that was sent before, once per handle. Raises TryLater or GiveUp."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class Urging(Protocol):
    """A platform on which a message that was sent can be made urgent."""

    async def urgent(self, message: str, person: str, how: str = "app") -> None:
        """Make a message of ours urgent for one person. Raises TryLater or GiveUp."""
        ...


@runtime_checkable
class Directory(Protocol):
    """A platform that knows who works for the company."""

    async def active(self, account: str) -> bool | None:
        """Whether an account is in use; False: gone or locked, None: we may not know. Raises TryLater or GiveUp."""
        ...


class Platform(Sender, Protocol):
    """One chat vendor. Its field names, codes and ciphers stop at this line."""

    def open(self, signed: Mapping[str, str], body: bytes) -> Challenge | Doorbell | Nothing | Sequence[Incoming]:
        """Verify, decrypt, parse; no network. `signed` holds what the platform's signature is told in: the query
        (WeCom) or the headers (Feishu). Raises Malformed or Forged.
        """
        ...

    async def pull(self, bell: Doorbell, cursor: str) -> Pulled:
        """One page of what waits behind a doorbell. `bell.token` may be empty (a pull on our own account: rare)."""
        ...

    async def fetch(self, file: FileRef, limit: int) -> Fetched:
        """Read a file of at most `limit` bytes. Raises TryLater, or GiveUp when it is gone or too large."""
        ...

    async def check(self) -> str:
        """Reach the platform and say in a few words how it is (`bulou check`). Raises TryLater or GiveUp."""
        ...
