"""What becomes of a message after it was sent: edited, patched, recalled, read back."""

import json
from datetime import datetime, timedelta
from typing import Any

from bot.sandbox.feishu.cards import check_replaces
from bot.sandbox.feishu.company import Message
from bot.sandbox.feishu.messages import (
    DISSOLVED,
    NO_PERMISSION,
    RECALLED,
    TARGET_BUSY,
    Messages,
    may_read_groups,
)
from bot.sandbox.feishu.reading import Element, is_shared
from bot.sandbox.feishu.wire import (
    Call,
    Endpoint,
    Pace,
    Refused,
    invalid,
    one_of,
    page_of,
    paged,
    violated,
    words,
)

READ = ("im:message", "im:message:readonly")
CHANGE = ("im:message", "im:message:send_as_bot", "im:message:update")
RECALL = ("im:message", "im:message:send_as_bot", "im:message:recall")
RECALL_OVER, NOT_SENDER, NO_RIGHT, TOO_OLD, NOT_FOR_THIS, EDITS_OVER, EDIT_OVER = (
    230009,
    230012,
    230026,
    230031,
    230054,
    230072,
    230075,
)
CARD_LIVES = timedelta(days=14)
MOST_EDITS = 20
CHAT_RESTRICTED = 231203


class Changes:
    """Feishu's side of changing and reading messages."""

    def __init__(self, messages: Messages) -> None:
        self.sender_as_230012 = False  # else 230001 with the sender in `ext`
        self.edit_window: timedelta | None = None
        self.recall_window = timedelta(days=1)
        self.pace = Pace(5)  # changes of one card
        self._messages = messages
        self._company = messages.company

    def endpoints(self) -> list[Endpoint]:
        """Paths that are served here."""
        one = "im/v1/messages/{message_id}"
        return [
            Endpoint("PATCH", one, self._patch, scopes=CHANGE),
            Endpoint("PUT", one, self._edit, scopes=CHANGE),
            Endpoint("DELETE", one, self._recall, scopes=RECALL, body=""),
            Endpoint("GET", one, self._get, scopes=READ, body=""),
            Endpoint("GET", "im/v1/messages", self._list, scopes=READ, body=""),
        ]

    def apply(self, message: Message, card: Element, now: datetime) -> None:
        """Put another card in the place of one, for all who see it."""
        message.card = card
        message.views.clear()
        message.updated_at = now
        if message.sent is not None:
            message.sent.payload = {"msgtype": "interactive", "interactive": card}

    def _own(self, id: str) -> Message:
        message = self._messages.find(id)
        if message.sender:
            if self.sender_as_230012:
                raise Refused(NOT_SENDER, "The bot is not the sender of the message.")
            raise invalid("bot or user is not the message's sender")
        if message.deleted:
            raise Refused(RECALLED, "The message was withdrawn.")
        return message

    async def _patch(self, call: Call) -> dict[str, Any]:
        message = self._own(call.path["message_id"])
        content = words(call.body, "content")
        if message.kind != "interactive" or message.batch or message.private_to:
            raise Refused(NOT_FOR_THIS, "This message type is not supported for this operation.")
        if call.now - message.at > CARD_LIVES:
            raise Refused(TOO_OLD, "The message is older than 14 days.")
        checked = self._messages.contents.check("interactive", content, message.chat)
        check_replaces(message.card, checked.card)
        if not is_shared(message.card) or not is_shared(checked.card):
            raise invalid("the card is not shared: update_multi must be true in the old and the new card")
        if not self.pace.allows(message.id, call.now):
            raise Refused(TARGET_BUSY, "The rate limit of updates of the same message has been reached.")
        message.content = checked.stored
        self.apply(message, checked.card, call.now)
        return {}

    async def _edit(self, call: Call) -> dict[str, Any]:
        message = self._own(call.path["message_id"])
        kind, content = words(call.body, "msg_type"), words(call.body, "content")
        if message.kind not in ("text", "post") or kind not in ("text", "post"):
            raise Refused(NOT_FOR_THIS, "This message type is not supported for this operation.")
        if message.chat.external and message.chat.kind == "group":
            raise Refused(NO_PERMISSION, "This operation is not supported in external groups.")
        if message.edits >= MOST_EDITS:
            raise Refused(EDITS_OVER, "The message has reached the number of times it can be edited.")
        if self.edit_window is not None and call.now - message.at > self.edit_window:
            raise Refused(EDIT_OVER, "The time to edit the message is over.")
        checked = self._messages.contents.check(kind, content, message.chat)
        message.kind, message.content, message.mentions = kind, checked.stored, checked.mentions
        message.updated_at = call.now
        message.edits += 1
        assert message.sent is not None
        message.sent.payload = {"msgtype": kind, kind: checked.shown}
        return self._messages.to_json(message)

    async def _recall(self, call: Call) -> dict[str, Any]:
        message = self._messages.find(call.path["message_id"])
        chat = message.chat
        if message.deleted:
            raise Refused(RECALLED, "The message was withdrawn.")
        if message.sender:
            if chat.kind != "group" or not (chat.made_by_bot or chat.owner == self._company.app.open_id):
                raise Refused(NO_RIGHT, "No permission to recall this message.")
        elif call.now - message.at > self.recall_window:
            raise Refused(RECALL_OVER, "The time to recall the message is over.")
        message.deleted = True
        if message.sent is not None:
            message.sent.recalled = True
        return {}

    async def _get(self, call: Call) -> dict[str, Any]:
        message = self._messages.find(call.path["message_id"])
        if message.chat.kind == "group":
            may_read_groups(self._company.app.scopes)
            if not message.chat.bot:
                raise Refused(230002, "The bot is not in the group.")
        whole = call.query.get("card_msg_content_type") == "user_card_content" and message.kind == "interactive"
        return {"items": [self._messages.to_json(message, json.dumps(message.card) if whole else "")]}

    async def _list(self, call: Call) -> dict[str, Any]:
        kind = call.query.get("container_id_type", "")
        if kind not in ("chat", "thread"):
            raise invalid("invalid container_id_type")
        if not call.query.get("container_id"):
            raise violated("container_id")
        start, size = page_of(call.query, 50)
        rows = self._thread(call) if kind == "thread" else self._history(call)
        order = ("ByCreateTimeAsc", "ByCreateTimeDesc")
        if one_of(call.query, "sort_type", order, order[0]) == order[1]:
            rows.reverse()
        return paged([self._messages.to_json(message) for message in rows], start, size)

    def _thread(self, call: Call) -> list[Message]:
        wanted = call.query["container_id"]
        rows = [message for message in self._company.messages.values() if message.thread_id == wanted]
        if not rows:
            raise invalid("invalid thread_id")
        return rows

    def _history(self, call: Call) -> list[Message]:
        chat = self._company.chats.get(call.query["container_id"])
        if chat is None:
            raise invalid("invalid container_id")
        if chat.dissolved:
            raise Refused(DISSOLVED, "The chat has been dissolved.")
        if chat.kind == "group":
            may_read_groups(self._company.app.scopes)
            if not chat.bot:
                raise Refused(230002, "The bot is not in the group.")
        if chat.restricted:
            raise Refused(CHAT_RESTRICTED, "The chat is in restricted mode.")
        since, until = (_seconds(call, name) for name in ("start_time", "end_time"))
        return [
            message
            for message in self._company.in_chat(chat)
            if (since is None or message.at.timestamp() >= since) and (until is None or message.at.timestamp() <= until)
        ]


def _seconds(call: Call, name: str) -> int | None:
    given = call.query.get(name, "")
    if given and (not given.isdecimal() or len(given) > 10):
        raise invalid(f"invalid {name}")
    return int(given) if given else None
