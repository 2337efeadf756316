"""What is beside plain sending: who the bot is, look-ups of people, read status, urgent, reactions, batches."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from bot.sandbox.feishu.company import EMPLOYEE_ID, Account, Message, fresh, millis
from bot.sandbox.feishu.messages import NO_PERMISSION, SEND, Messages
from bot.sandbox.feishu.wire import (
    Call,
    Endpoint,
    Refused,
    invalid,
    listed,
    one_of,
    page_of,
    paged,
    words,
)

TOO_MANY_UNREAD, NO_QUOTA, NOT_URGENT, READ_OVER = 230023, 230024, 230052, 230033
NO_AUTHORITY, NO_USER = 41050, 41012
NO_REACTION, REACTION_EXTERNAL = 231001, 231021
KINDS = ("open_id", "union_id", "user_id")
READ_KNOWN = timedelta(days=7)
MOST_UNREAD = 200
EMOJI = re.compile(r"[A-Za-z0-9_]{1,64}")
BATCH_KINDS = {"text", "post", "image", "share_chat", "interactive"}
FIELD_SCOPES = {
    "name": "contact:user.base:readonly",
    "email": "contact:user.email:readonly",
    "mobile": "contact:user.phone:readonly",
    "user_id": EMPLOYEE_ID,
    "employee_no": "contact:user.employee:readonly",
}


class Extras:
    """Feishu's side of the smaller APIs."""

    def __init__(self, messages: Messages) -> None:
        self.urgent_quota = 100  # SMS and phone calls that are left
        self.outside_contacts: set[str] = set()  # open_ids of members outside the app's contact range
        self.batches: dict[str, list[Message]] = {}
        self.urgents: list[tuple[str, str, str]] = []  # how, message_id, open_id
        self._messages = messages
        self._company = messages.company

    def endpoints(self) -> list[Endpoint]:
        """Paths that are served here."""
        one = "im/v1/messages/{message_id}"
        urgent = [
            Endpoint("PATCH", f"{one}/{how}", self._urgent, scopes=(scope,))
            for how, scope in (
                ("urgent_app", "im:message.urgent"),
                ("urgent_sms", "im:message.urgent:sms"),
                ("urgent_phone", "im:message.urgent:phone"),
            )
        ]
        find = "contact/v3/users/batch_get_id"
        react = ("im:message", "im:message.reactions:write_only")
        base = ("contact:user.base:readonly", "contact:contact.base:readonly")
        return [
            Endpoint("GET", "bot/v3/info", self._bot, bare=True, body=""),
            Endpoint("POST", find, self._find, scopes=("contact:user.id:readonly",), counted=False),
            Endpoint("GET", "contact/v3/users/{user_id}", self._user, scopes=base, body="", counted=False),
            Endpoint("GET", f"{one}/read_users", self._readers, scopes=("im:message", "im:message:readonly"), body=""),
            Endpoint("POST", f"{one}/reactions", self._react, scopes=react),
            Endpoint("POST", "ephemeral/v1/send", self._ephemeral, scopes=SEND),
            Endpoint(
                "POST", "message/v4/batch_send", self._batch, scopes=("im:message:send_multi_users",), failure=200
            ),
            *urgent,
        ]

    async def _bot(self, call: Call) -> dict[str, Any]:
        app = self._company.app
        told = {
            "activate_status": 2,
            "app_name": app.name,
            "avatar_url": "",
            "ip_white_list": [],
            "open_id": app.open_id,
        }
        return {"bot": told}

    # --- people ------------------------------------------------------------------------------------------------------

    async def _find(self, call: Call) -> dict[str, Any]:
        """Only people of the company, and whoever is not found has simply no id in the answer."""
        kind = one_of(call.query, "user_id_type", KINDS, "open_id")
        rows = []
        for field, name in (("emails", "email"), ("mobiles", "mobile")):
            for value in listed(call.body, field, most=50):
                rows.append({name: value, **self._known(name, value, kind, call.body.get("include_resigned") is True)})
        return {"user_list": rows}

    def _known(self, name: str, value: str, kind: str, resigned: bool) -> dict[str, Any]:
        for who in self._company.people.values():
            if value and getattr(who, name) == value and self._in_contacts(who) and (resigned or not who.resigned):
                status = {"is_frozen": who.frozen, "is_resigned": who.resigned, "is_activated": True}
                return {"user_id": getattr(who, kind), "status": {**status, "is_exited": False, "is_unjoin": False}}
        return {}

    def _in_contacts(self, who: Account) -> bool:
        return who.tenant and who.open_id not in self.outside_contacts

    async def _user(self, call: Call) -> dict[str, Any]:
        who = self._company.find(one_of(call.query, "user_id_type", KINDS, "open_id"), call.path["user_id"])
        if who is None:
            raise Refused(NO_USER, "user id invalid error")
        if not self._in_contacts(who):
            raise Refused(NO_AUTHORITY, "no user authority error")
        fields = {name: getattr(who, name) for name, scope in FIELD_SCOPES.items() if scope in self._company.app.scopes}
        status = {"is_frozen": who.frozen, "is_resigned": who.resigned, "is_activated": True}
        return {"user": {"open_id": who.open_id, "union_id": who.union_id, "status": status, **fields}}

    # --- one message -------------------------------------------------------------------------------------------------

    async def _readers(self, call: Call) -> dict[str, Any]:
        message = self._messages.own(call.path["message_id"])
        kind = one_of(call.query, "user_id_type", KINDS)
        start, size = page_of(call.query, 100)
        if message.chat.external and message.chat.kind == "group":
            raise Refused(NO_PERMISSION, "This operation is not supported in external groups.")
        if call.now - message.at > READ_KNOWN:
            raise Refused(READ_OVER, "Read status can be queried within 7 days only.")
        rows = []
        for open_id, at in message.read_by.items():
            who = self._company.people[open_id]
            row = {"user_id_type": kind, "user_id": getattr(who, kind), "timestamp": millis(at)}
            rows.append({**row, "tenant_key": who.tenant_key})
        return paged(rows, start, size)

    async def _urgent(self, call: Call) -> dict[str, Any]:
        how = call.request.path.rstrip("/").rpartition("/")[2]
        message = self._messages.own(call.path["message_id"])
        kind = one_of(call.query, "user_id_type", KINDS)
        ids = listed(call.body, "user_id_list", most=200)
        if message.chat.external:
            raise Refused(NO_PERMISSION, "This operation is not supported in external chats.")
        if message.batch:
            raise Refused(NOT_URGENT, "The message cannot be urgent.")
        people = {id: self._company.find(kind, id) for id in ids}
        good = [who for who in people.values() if who is not None and who.open_id in message.chat.members]
        if not good:
            raise invalid("all ids in the user_id_list are invalid")
        if any(who.unread_urgents >= MOST_UNREAD for who in good):
            raise Refused(TOO_MANY_UNREAD, "The recipient has too many unread urgent messages.")
        if how != "urgent_app" and self.urgent_quota < len(good):
            raise Refused(NO_QUOTA, "The urgent quota of the tenant has been used up.")
        for who in good:
            who.unread_urgents += 1
            self.urgents.append((how, message.id, who.open_id))
            self.urgent_quota -= how != "urgent_app"
        return {"invalid_user_id_list": [id for id, who in people.items() if who not in good]}

    async def _react(self, call: Call) -> dict[str, Any]:
        message = self._messages.find(call.path["message_id"])
        given = call.body.get("reaction_type")
        emoji = given.get("emoji_type") if isinstance(given, dict) else None
        if not isinstance(emoji, str) or not EMOJI.fullmatch(emoji):
            raise Refused(NO_REACTION, "reaction type is invalid.")
        if message.chat.external and message.chat.kind == "group" and not self._company.app.shared:
            raise Refused(REACTION_EXTERNAL, "External groups are not supported.")
        app = self._company.app
        return {
            "reaction_id": fresh(""),
            "operator": {"operator_id": app.id, "operator_type": "app"},
            "action_time": millis(call.now),
            "reaction_type": {"emoji_type": emoji},
        }

    async def _ephemeral(self, call: Call) -> dict[str, Any]:
        """A card in a group that one member alone sees."""
        chat = self._company.chats.get(words(call.body, "chat_id"))
        reader = self._company.find("open_id", words(call.body, "open_id"))
        if chat is None or reader is None or reader.open_id not in chat.members:
            raise Refused(10002, "chat_id or open_id is wrong")
        self._messages.admit(chat, None)
        card = self._messages.contents.card(call.body.get("card"))
        message = Message(
            id=fresh("om_"), chat=chat, sender="", kind="interactive", content="{}", at=call.now, card=card
        )
        message.private_to = reader.open_id
        self._messages.show(message, card, "")
        return {"message_id": message.id}

    # --- many people -------------------------------------------------------------------------------------------------

    async def _batch(self, call: Call) -> dict[str, Any]:
        """Accept at once, deliver as far as it goes, and say only which ids are no ids."""
        kind, content = words(call.body, "msg_type"), call.body.get("content")
        if kind not in BATCH_KINDS:
            raise Refused(11205, "msg_type is not supported")
        if kind == "interactive":
            content = call.body.get("card")
        if not isinstance(content, dict):
            raise Refused(10002, "content must be an object")
        fields = {"open_id": "open_ids", "union_id": "union_ids", "user_id": "user_ids"}
        named = {kind: listed(call.body, name, most=200) for kind, name in fields.items()}
        if not any(named.values()) and not listed(call.body, "department_ids", most=200):
            raise Refused(10003, "nobody is named")
        wrong = {name: [id for id in ids if self._company.find(name, id) is None] for name, ids in named.items()}
        batch = f"bm-{fresh('')}"
        self.batches[batch] = []
        for name, ids in named.items():
            for id in ids:
                self._send_in_batch(batch, self._company.find(name, id), kind, content, call)
        told: Mapping[str, Any] = {f"invalid_{fields[name]}": ids for name, ids in wrong.items()}
        return {"message_id": batch, "invalid_department_ids": [], **told}

    def _send_in_batch(self, batch: str, who: Account | None, kind: str, content: dict[str, Any], call: Call) -> None:
        if who is None:
            return
        try:
            chat = self._messages.admit(None, who)
        except Refused:
            return
        card = self._messages.contents.card(content) if kind == "interactive" else {}
        message = Message(id=fresh("om_"), chat=chat, sender="", kind=kind, content="{}", at=call.now, card=card)
        message.batch = True
        self._messages.show(message, card or content, "")
        self.batches[batch].append(message)
