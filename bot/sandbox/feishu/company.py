"""Who and what exists in Feishu: the app, people inside and outside the company, chats, messages and files."""

import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.sandbox.record import Sent

TENANT = "sandboxtenant001"
OUTSIDE = "otherstenant0001"

GRANTED = frozenset(
    {
        "im:message",
        "im:message:send_as_bot",
        "im:message:readonly",
        "im:message:update",
        "im:message:recall",
        "im:message:send_multi_users",
        "im:message.p2p_msg:readonly",
        "im:message.group_at_msg:readonly",
        "im:message.reactions:read",
        "im:message.reactions:write_only",
        "im:message.urgent",
        "im:resource",
        "im:chat",
        "im:chat:create",
        "im:chat:readonly",
        "im:chat.members:read",
        "im:chat.members:write_only",
        "im:chat.members:bot_access",
        "im:chat.access_event.bot_p2p_chat:read",
        "contact:user.id:readonly",
        "contact:user.base:readonly",
        "offline_access",
    }
)
EMPLOYEE_ID = "contact:user.employee_id:readonly"


@dataclass(slots=True)
class App:
    """One app of a company, as its console shows it."""

    id: str
    secret: str
    encrypt_key: str
    token: str  # the Verification Token
    name: str = "招聘助手"
    open_id: str = "ou_sandboxbot000000000000000000000"
    tenant_key: str = TENANT
    enabled: bool = True
    bot: bool = True  # the bot ability
    shared: bool = True  # 对外共享: people outside may use it, external groups may have it
    scopes: set[str] = field(default_factory=lambda: set(GRANTED))


@dataclass(slots=True)
class Toast:
    """What the client shows for a moment to the one who clicked. `code`: the client's own error."""

    at: datetime
    kind: str  # info, success, warning, error
    text: str
    code: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain values for a page."""
        return {"at": self.at.isoformat(), "kind": self.kind, "text": self.text, "code": self.code}


@dataclass(slots=True, eq=False, kw_only=True)
class Account:
    """One person's account, and what it may be used for. A test changes these as it likes."""

    name: str
    tenant: bool = True  # of the app's own company
    open_id: str = field(default_factory=lambda: fresh("ou_"))
    union_id: str = field(default_factory=lambda: fresh("on_"))
    user_id: str = field(default_factory=lambda: secrets.token_hex(4))
    elsewhere: str = field(default_factory=lambda: fresh("ou_"))  # the same person's open_id at another app
    email: str = ""
    mobile: str = ""
    employee_no: str = ""
    in_range: bool = True  # inside the app's availability range
    resigned: bool = False
    frozen: bool = False
    stopped: bool = False  # has stopped the bot's messages
    denied: bool = False  # sending is denied: tenant rules
    met: bool = False  # has opened the bot before
    unread_urgents: int = 0
    toasts: list[Toast] = field(default_factory=list)

    @property
    def tenant_key(self) -> str:
        """The company this account belongs to."""
        return TENANT if self.tenant else OUTSIDE

    def ids(self, scopes: set[str]) -> dict[str, str]:
        """As events name this person: no user_id without its scope, none for outsiders."""
        found = {"open_id": self.open_id}
        if self.union_id:
            found["union_id"] = self.union_id
        if self.tenant and EMPLOYEE_ID in scopes:
            found["user_id"] = self.user_id
        return found


@dataclass(slots=True, eq=False, kw_only=True)
class Chat:
    """A private chat with the bot, or a group."""

    id: str
    kind: str  # p2p, group
    name: str = ""
    description: str = ""
    members: list[str] = field(default_factory=list)  # open_ids, in the order of joining
    owner: str = ""  # open_id, perhaps the bot's
    made_by_bot: bool = False
    bot: bool = True  # our bot is in it
    external: bool = False
    threads: bool = True  # replies may open a thread
    muted: bool = False
    at_all: bool = True  # @所有人 is allowed
    restricted: bool = False  # 保密: no history, no downloads
    dissolved: bool = False
    last: "Message | None" = None


@dataclass(slots=True, eq=False, kw_only=True)
class Message:
    """One message, as Feishu keeps it. `sender` is an open_id, or "" for our bot."""

    id: str
    chat: Chat
    sender: str
    kind: str
    content: str  # JSON, as it is read back
    at: datetime
    updated_at: datetime | None = None
    root_id: str = ""
    parent_id: str = ""
    thread_id: str = ""
    mentions: list[dict[str, Any]] = field(default_factory=list)
    card: dict[str, Any] = field(default_factory=dict)
    views: dict[str, dict[str, Any]] = field(default_factory=dict)  # a card that is not shared, as one person sees it
    sent: Sent | None = None  # our bot's: what the record holds of it
    keys: dict[str, str] = field(default_factory=dict)  # files in it: key -> image or file
    edits: int = 0
    deleted: bool = False
    forwarded: bool = False
    batch: bool = False
    private_to: str = ""  # an ephemeral card's only reader
    read_by: dict[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that lies with Feishu. `uploader` is "" for our app, else whoever sent it."""

    key: str
    kind: str  # image, or the file_type it was uploaded as
    name: str
    content: bytes
    content_type: str
    uploader: str = ""
    deleted: bool = False


@dataclass(slots=True)
class Company:
    """Everything that exists, by its id."""

    app: App
    people: dict[str, Account] = field(default_factory=dict)
    chats: dict[str, Chat] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    files: dict[str, Stored] = field(default_factory=dict)
    private: dict[str, str] = field(default_factory=dict)  # open_id -> chat_id

    def find(self, kind: str, id: str) -> Account | None:
        """The account that has this id, of kind open_id, union_id, user_id or email."""
        if kind == "open_id":
            return self.people.get(id)
        return next((one for one in self.people.values() if id and getattr(one, kind) == id), None)

    def foreign(self, open_id: str) -> bool:
        """Whether this open_id belongs to another app."""
        return any(one.elsewhere == open_id for one in self.people.values())

    def private_chat(self, who: Account) -> Chat:
        """The chat between the bot and one person; always the same."""
        if who.open_id not in self.private:
            chat = Chat(id=fresh("oc_"), kind="p2p", members=[who.open_id], external=not who.tenant)
            self.chats[chat.id] = chat
            self.private[who.open_id] = chat.id
        return self.chats[self.private[who.open_id]]

    def join(self, chat: Chat, who: Account) -> None:
        """Put somebody into a group; one from outside makes it an external one."""
        if who.open_id not in chat.members:
            chat.members.append(who.open_id)
        chat.external = chat.external or not who.tenant

    def keep(self, message: Message) -> Message:
        """Put a message into its chat."""
        self.messages[message.id] = message
        message.chat.last = message
        return message

    def in_chat(self, chat: Chat) -> list[Message]:
        """All messages of a chat, oldest first."""
        return [message for message in self.messages.values() if message.chat is chat]

    def name_of(self, open_id: str) -> str:
        """The name behind an open_id, also of our bot."""
        if open_id in self.people:
            return self.people[open_id].name
        return self.app.name if open_id == self.app.open_id else ""


def fresh(prefix: str) -> str:
    """An id that nobody has."""
    return f"{prefix}{secrets.token_hex(16)}"


def packed(content: Any) -> str:
    """Content as messages carry it: JSON in a string."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def millis(at: datetime) -> str:
    """Milliseconds since 1970, as text."""
    return str(int(at.timestamp() * 1000))
