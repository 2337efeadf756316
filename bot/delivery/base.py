"""What goes out, and through which door: a letter is rendered once and then frozen."""

from dataclasses import dataclass
from typing import Any, Protocol

from bot.platforms.base import Sent
from recruiting.chat import Message, Person


@dataclass(frozen=True, slots=True)
class Letter:
    """One message, addressed and rendered: the same bytes at every retry."""

    channel: str  # chat, group, sms, email
    address: str  # E.164 number or e-mail address; empty for chat
    person: Person | None
    message: Message
    welcome_code: str = ""
    card: str = ""  # change this card instead of sending a new one
    reply_to: str = ""  # the platform's id of the message that is answered, where it has threads
    urgent: str = ""  # say nothing, but make `card` urgent in this way
    file: str = ""  # send this file (`storage.parcels`), and no words

    def to_json(self) -> dict[str, Any]:
        """Plain values, to be sealed and kept."""
        person = self.person
        return {
            "channel": self.channel,
            "address": self.address,
            "person": [person.surface, person.account, person.desk] if person else None,
            "message": self.message.to_json(),
            "welcome_code": self.welcome_code,
            "card": self.card,
            "reply_to": self.reply_to,
            "urgent": self.urgent,
            "file": self.file,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Letter":
        """The inverse of `to_json`."""
        person = Person(*data["person"]) if data["person"] else None
        message = Message.from_json(data["message"])
        return cls(
            data["channel"],
            data["address"],
            person,
            message,
            data["welcome_code"],
            data["card"],
            data["reply_to"],
            data.get("urgent", ""),
            data.get("file", ""),
        )


class Channel(Protocol):
    """One way out."""

    async def deliver(self, letter: Letter, id: str, *, again: bool) -> Sent:
        """Deliver once; `id` is the same at every try, `again` marks a repeat. Raises TryLater or GiveUp."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
