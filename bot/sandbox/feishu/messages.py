"""Messages from the bot to people and groups: who may be written to, how often, and what they get to see."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bot.clock import Clock
from bot.sandbox.feishu.company import Account, Chat, Company, Message, fresh, millis
from bot.sandbox.feishu.contents import Checked, Contents
from bot.sandbox.feishu.wire import (
    Call,
    Endpoint,
    Pace,
    Refused,
    invalid,
    maybe_flag,
    maybe_words,
    one_of,
    scope_missing,
    words,
)
from bot.sandbox.record import Record, Sent

PRIVATE, GROUP = "feishu", "feishu.group"
SEND = ("im:message", "im:message:send_as_bot", "im:message:send")
ID_KINDS = ("open_id", "union_id", "user_id", "email", "chat_id")
PREFIXES = {"open_id": "ou_", "union_id": "on_", "chat_id": "oc_"}
SAME_UUID = timedelta(hours=1)
NOT_IN_GROUP, NO_BOT, RECALLED, OUT_OF_RANGE, MUTED, TARGET_BUSY = 230002, 230006, 230011, 230013, 230018, 230020
NO_PERMISSION, RESIGNED, WRONG_KIND, DENIED, ACROSS, IN_FLIGHT, STOPPED = (
    230027,
    230029,
    230034,
    230035,
    230038,
    230049,
    230053,
)
NO_THREADS, NOT_IN_BATCHES, DELETED, DISSOLVED = 230071, 230072, 230110, 232009
NO_MESSAGE, FOREIGN_OPEN_ID = 99992354, 99992361


class Messages:
    """Feishu's side of sending. All limits may be changed by a test."""

    def __init__(self, company: Company, contents: Contents, record: Record, clock: Clock) -> None:
        self.foreign_code = FOREIGN_OPEN_ID  # some saw 230001 for another app's open_id
        self.being_sent_for = timedelta(0)  # how soon after the first a repeated uuid is "being sent" (230049)
        self.pace = Pace(5)  # per person and per group
        self.record = record
        self.clock = clock
        self.company = company
        self.contents = contents
        self._uuids: dict[str, tuple[datetime, Message]] = {}

    def endpoints(self) -> list[Endpoint]:
        """Paths that are served here."""
        return [
            Endpoint("POST", "im/v1/messages", self._send, scopes=SEND),
            Endpoint("POST", "im/v1/messages/{message_id}/reply", self._reply, scopes=SEND),
            Endpoint("POST", "im/v1/messages/{message_id}/forward", self._forward, scopes=SEND),
        ]

    async def _send(self, call: Call) -> dict[str, Any]:
        chat, who = self._target(one_of(call.query, "receive_id_type", ID_KINDS), words(call.body, "receive_id"))
        return self._deliver(call, chat, who, "")

    async def _reply(self, call: Call) -> dict[str, Any]:
        answered = self.find(call.path["message_id"])
        in_thread = maybe_flag(call.body, "reply_in_thread")
        if answered.deleted:
            raise Refused(RECALLED, "The message was withdrawn.")
        if in_thread and not answered.chat.threads:
            raise Refused(NO_THREADS, "The group does not support replying in a thread.")
        if in_thread and answered.batch:
            raise Refused(NOT_IN_BATCHES, "Aggregated messages do not support replying in a thread.")
        return self._deliver(call, answered.chat, None, answered.id, in_thread=in_thread)

    def _deliver(
        self, call: Call, chat: Chat | None, who: Account | None, answered: str, *, in_thread: bool = False
    ) -> dict[str, Any]:
        kind, content = words(call.body, "msg_type"), words(call.body, "content")
        uuid = maybe_words(call.body, "uuid", limit=50)
        again = self._uuids.get(uuid)
        if uuid and again is not None and call.now - again[0] < SAME_UUID:
            if call.now - again[0] < self.being_sent_for:
                raise Refused(IN_FLIGHT, "The message is being sent.")
            return self.to_json(again[1])
        chat = self.admit(chat, who)
        checked = self.contents.check(kind, content, chat)
        if not self.pace.allows(chat.id, call.now):
            raise Refused(TARGET_BUSY, "The rate limit of the same user or group has been reached.")
        message = self._made(chat, kind, checked, call.now)
        if answered:
            _put_under(message, self.company.messages[answered], in_thread=in_thread)
        self.show(message, checked.shown, uuid)
        if uuid:
            self._uuids[uuid] = (call.now, message)
        return self.to_json(message)

    async def _forward(self, call: Call) -> dict[str, Any]:
        chat, who = self._target(one_of(call.query, "receive_id_type", ID_KINDS), words(call.body, "receive_id"))
        original = self.find(call.path["message_id"])
        if original.deleted:
            raise Refused(RECALLED, "The message was withdrawn.")
        chat = self.admit(chat, who)
        copy = Message(
            id=fresh("om_"),
            chat=chat,
            sender="",
            kind=original.kind,
            content=original.content,
            at=call.now,
            card=dict(original.card),
            forwarded=True,
            keys=dict(original.keys),
        )
        shown = original.sent.content if original.sent else {"text": original.content}
        self.show(copy, shown, "")
        return self.to_json(copy)

    # --- who is written to -----------------------------------------------------------------------------------------

    def find(self, id: str) -> Message:
        """The message of this id. Raises Refused: there is none."""
        if id not in self.company.messages:
            raise Refused(NO_MESSAGE, "Invalid ids: the message_id does not exist.")
        return self.company.messages[id]

    def own(self, id: str) -> Message:
        """A message that our bot sent and that still stands. Raises Refused."""
        message = self.find(id)
        if message.sender:
            raise invalid("bot or user is not the message's sender")
        if message.deleted:
            raise Refused(DELETED, "The message has been deleted.")
        return message

    def _target(self, kind: str, id: str) -> tuple[Chat | None, Account | None]:
        if kind in PREFIXES and not id.startswith(PREFIXES[kind]):
            raise Refused(WRONG_KIND, "The receive_id is invalid: it does not fit receive_id_type.")
        if kind == "user_id" and "contact:user.employee_id:readonly" not in self.company.app.scopes:
            raise scope_missing(["contact:user.employee_id:readonly"], "field_scope_required")
        if id == self.company.app.open_id:
            raise invalid("this operation to bots is currently not supported")
        if kind == "chat_id":
            if id not in self.company.chats:
                raise invalid("invalid receive_id")
            return self.company.chats[id], None
        if kind == "open_id" and self.company.foreign(id):
            if self.foreign_code != FOREIGN_OPEN_ID:
                raise invalid("invalid receive_id")
            raise Refused(FOREIGN_OPEN_ID, "open_id cross app")
        who = self.company.find(kind, id)
        if who is None:
            raise invalid("invalid receive_id")
        return None, who

    def admit(self, chat: Chat | None, who: Account | None) -> Chat:
        """The chat to write to, if the bot may. Raises Refused."""
        app = self.company.app
        if not app.bot:
            raise Refused(NO_BOT, "The bot ability is not activated.")
        if chat is not None and chat.kind == "group":
            self._admit_to_group(chat)
            return chat
        if who is None:
            assert chat is not None
            who = self.company.people[chat.members[0]]
        if not who.tenant and not app.shared:
            raise Refused(ACROSS, "Cross-tenant p2p messages are not allowed.")
        if who.resigned:
            raise Refused(RESIGNED, "The user has resigned.")
        if not who.in_range:
            raise Refused(OUT_OF_RANGE, "The bot has no availability to this user.")
        if who.stopped:
            raise Refused(STOPPED, "The user has stopped the bot's messages.")
        if who.denied:
            raise Refused(DENIED, "Send message permission deny.")
        return self.company.private_chat(who)

    def _admit_to_group(self, chat: Chat) -> None:
        if chat.dissolved:
            raise Refused(DISSOLVED, "The chat has been dissolved.")
        if not chat.bot:
            raise Refused(NOT_IN_GROUP, "The bot is not in the group.")
        if chat.external and not self.company.app.shared:
            raise Refused(NO_PERMISSION, "Lack of necessary permissions: external group.")
        if chat.muted:
            raise Refused(MUTED, "Speaking is forbidden in this group.")

    # --- what they see ---------------------------------------------------------------------------------------------

    def _made(self, chat: Chat, kind: str, checked: Checked, now: datetime) -> Message:
        return Message(
            id=fresh("om_"),
            chat=chat,
            sender="",
            kind=kind,
            content=checked.stored,
            at=now,
            mentions=checked.mentions,
            card=checked.card,
            keys=checked.keys,
        )

    def show(self, message: Message, shown: Mapping[str, Any], uuid: str) -> None:
        """Put a message of ours in front of its readers."""
        chat = message.chat
        surface, to = (GROUP, chat.id) if chat.kind == "group" else (PRIVATE, chat.members[0])
        payload = {"msgtype": message.kind, message.kind: dict(shown)}
        via = "reply" if message.parent_id else "forward" if message.forwarded else ""
        message.sent = Sent(surface, message.private_to or to, message.at, message.id, payload, given_id=uuid, via=via)
        self.company.keep(message)
        self.record.add(message.sent)

    def to_json(self, message: Message, content: str = "") -> dict[str, Any]:
        """A message as the API tells it."""
        ours = not message.sender
        author = None if ours else self.company.people[message.sender]
        tenant = author.tenant_key if author else self.company.app.tenant_key
        sender = {
            "id": self.company.app.id if ours else message.sender,
            "id_type": "app_id" if ours else "open_id",
            "sender_type": "app" if ours else "user",
            "tenant_key": tenant,
        }
        told: dict[str, Any] = {
            "message_id": message.id,
            "msg_type": message.kind,
            "create_time": millis(message.at),
            "update_time": millis(message.updated_at or message.at),
            "deleted": message.deleted,
            "updated": message.updated_at is not None,
            "chat_id": message.chat.id,
            "sender": sender,
            "body": {"content": "This message was recalled" if message.deleted else content or message.content},
        }
        for name in ("root_id", "parent_id", "thread_id"):
            if getattr(message, name):
                told[name] = getattr(message, name)
        if message.mentions and not message.deleted:
            told["mentions"] = message.mentions
        return told


def _put_under(message: Message, answered: Message, *, in_thread: bool) -> None:
    """Make it an answer; an answer inside a thread stays there whatever was asked for."""
    message.parent_id = answered.id
    message.root_id = answered.root_id or answered.id
    if answered.thread_id:
        message.thread_id = answered.thread_id
    elif in_thread:
        message.thread_id = answered.thread_id = fresh("omt_")


def may_read_groups(scopes: set[str]) -> None:
    """Reading a group's messages needs a scope of its own. Raises Refused."""
    if "im:message.group_msg" not in scopes:
        raise scope_missing(["im:message.group_msg"])
