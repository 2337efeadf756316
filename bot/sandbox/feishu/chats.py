"""The API of groups: made, listed, changed, and who is in them."""

import asyncio
from typing import Any

from bot.sandbox.feishu.company import Account, Chat, Company, fresh
from bot.sandbox.feishu.wire import (
    Call,
    Endpoint,
    Refused,
    listed,
    maybe_words,
    one_of,
    page_of,
    paged,
    violated,
)

CHATS = ("im:chat", "im:chat:readonly")
MEMBERS = ("im:chat", "im:chat.members:read", "im:chat:readonly")
CHANGE_MEMBERS = ("im:chat", "im:chat.members:write_only")
PARAMETER, NO_CHAT, DISSOLVED, NOT_INSIDE, NOT_OWNER = 232001, 232006, 232009, 232011, 232017
BUSY, UNSEEN, NO_BOT, INSIDE_ONLY = 232019, 232024, 232025, 232028
OWNER_ELSEWHERE, NOT_SHARED, UNUSABLE, NEEDS_A_NAME, UNSUPPORTED = 232032, 232033, 232043, 232042, 232090
MEMBER_KINDS = ("open_id", "union_id", "user_id", "app_id")


class Chats:
    """Feishu's side of groups."""

    def __init__(self, company: Company) -> None:
        self.change_takes = 0.0  # real seconds that a change of members takes; meanwhile another is refused
        self._company = company
        self._made: dict[tuple[str, str], str] = {}
        self._changing: set[str] = set()

    def endpoints(self) -> list[Endpoint]:
        """Paths that are served here."""
        one, members = "im/v1/chats/{chat_id}", "im/v1/chats/{chat_id}/members"
        return [
            Endpoint("POST", "im/v1/chats", self._create, scopes=("im:chat", "im:chat:create")),
            Endpoint("GET", "im/v1/chats", self._list, scopes=CHATS, body=""),
            Endpoint("GET", "im/v1/chats/search", self._search, scopes=CHATS, body=""),
            Endpoint("GET", one, self._get, scopes=CHATS, body=""),
            Endpoint("PUT", one, self._change, scopes=("im:chat", "im:chat:update")),
            Endpoint("DELETE", one, self._dissolve, scopes=("im:chat", "im:chat:delete"), body=""),
            Endpoint("POST", members, self._add, scopes=CHANGE_MEMBERS),
            Endpoint("DELETE", members, self._take_out, scopes=CHANGE_MEMBERS),
            Endpoint("GET", members, self._members, scopes=MEMBERS, body=""),
            Endpoint("GET", f"{members}/is_in_chat", self._is_inside, scopes=MEMBERS, body=""),
        ]

    async def _create(self, call: Call) -> dict[str, Any]:
        kind = one_of(call.query, "user_id_type", MEMBER_KINDS[:3], "open_id")
        uuid, owner_id = call.query.get("uuid", "")[:50], maybe_words(call.body, "owner_id")
        if uuid and (uuid, owner_id) in self._made:
            return self._told(self._company.chats[self._made[uuid, owner_id]])
        name = maybe_words(call.body, "name", limit=100)
        if call.body.get("chat_type") == "public" and len(name) < 2:
            raise Refused(NEEDS_A_NAME, "A public group needs a name of at least two characters.")
        if not self._company.app.bot:
            raise Refused(NO_BOT, "The bot ability is not activated.")
        owner = self._account(kind, owner_id) if owner_id else None
        if owner is not None and not owner.tenant:
            raise Refused(OWNER_ELSEWHERE, "The owner must belong to the operator's tenant.")
        people = [self._account(kind, id) for id in listed(call.body, "user_id_list", most=50)]
        outsiders = [who for who in people if not who.tenant]
        if outsiders and (not self._company.app.shared or owner is None):
            raise Refused(INSIDE_ONLY, "A person from outside cannot join; a bot cannot own an external group.")
        chat = Chat(id=fresh("oc_"), kind="group", name=name, made_by_bot=True)
        chat.description = maybe_words(call.body, "description", limit=100)
        chat.owner = owner.open_id if owner else self._company.app.open_id
        for who in ([owner] if owner else []) + people:
            self._company.join(chat, who)
        self._company.chats[chat.id] = chat
        if uuid:
            self._made[uuid, owner_id] = chat.id
        return self._told(chat)

    async def _list(self, call: Call) -> dict[str, Any]:
        start, size = page_of(call.query, 100)
        groups = [chat for chat in self._company.chats.values() if chat.kind == "group" and chat.bot]
        return paged([self._told(chat) for chat in groups if not chat.dissolved], start, size)

    async def _search(self, call: Call) -> dict[str, Any]:
        start, size = page_of(call.query, 100)
        wanted = call.query.get("query", "")
        groups = [chat for chat in self._company.chats.values() if chat.kind == "group" and chat.bot]
        return paged([self._told(chat) for chat in groups if wanted in chat.name], start, size)

    async def _get(self, call: Call) -> dict[str, Any]:
        chat = self._find(call)
        inside = self._company.app.open_id
        counts = {"user_count": str(len(chat.members)), "bot_count": "1" if chat.bot else "0"}
        told = {**self._told(chat), **counts, "chat_mode": chat.kind, "chat_type": "private", "chat_tag": "inner"}
        if chat.owner == inside:
            told.pop("owner_id")  # a bot that owns a group is not named
        return told

    async def _change(self, call: Call) -> dict[str, Any]:
        chat = self._inside(self._find(call))
        chat.name = maybe_words(call.body, "name", limit=100) or chat.name
        chat.description = maybe_words(call.body, "description", limit=100) or chat.description
        return {}

    async def _dissolve(self, call: Call) -> dict[str, Any]:
        chat = self._owned(self._inside(self._find(call)))
        chat.dissolved = True
        return {}

    async def _add(self, call: Call) -> dict[str, Any]:
        chat = self._inside(self._find(call))
        kind = one_of(call.query, "member_id_type", MEMBER_KINDS, "open_id")
        lenient = one_of(call.query, "succeed_type", ("0", "1", "2"), "0")
        ids = listed(call.body, "id_list", most=50)
        if not ids:
            raise violated("id_list")
        await self._alone(chat)
        if kind == "app_id":
            raise Refused(PARAMETER, "Your request contains an invalid request parameter, ext=bots are not added here.")
        known = {id: self._company.find(kind, id) for id in ids}
        missing = [id for id, who in known.items() if who is None]
        unseen = [id for id, who in known.items() if who and not (who.in_range and not who.resigned)]
        outside = [id for id, who in known.items() if who and not who.tenant and not self._company.app.shared]
        if (missing or unseen) and lenient == "2":
            raise Refused(UNUSABLE, f"Unusable ids: {', '.join(missing + unseen)}")
        if unseen and lenient == "0":
            raise Refused(UNSEEN, "The app is not visible to the user, or there is no collaboration permission.")
        if outside:
            raise Refused(INSIDE_ONLY, "A person from outside cannot join an internal group.")
        for id, who in known.items():
            if who is not None and id not in unseen:
                self._company.join(chat, who)
        return {"invalid_id_list": unseen, "not_existed_id_list": missing, "pending_approval_id_list": []}

    async def _take_out(self, call: Call) -> dict[str, Any]:
        chat = self._owned(self._inside(self._find(call)))
        kind = one_of(call.query, "member_id_type", MEMBER_KINDS[:3], "open_id")
        ids = listed(call.body, "id_list", most=50)
        await self._alone(chat)
        found = {id: self._company.find(kind, id) for id in ids}
        chat.members = [one for one in chat.members if not any(who and who.open_id == one for who in found.values())]
        return {"invalid_id_list": [id for id, who in found.items() if who is None]}

    async def _members(self, call: Call) -> dict[str, Any]:
        """Who is in the group; bots are left out."""
        chat = self._inside(self._find(call))
        kind = one_of(call.query, "member_id_type", MEMBER_KINDS[:3], "open_id")
        start, size = page_of(call.query, 100)
        people = [self._company.people[open_id] for open_id in chat.members]
        rows = [
            {
                "member_id_type": kind,
                "member_id": getattr(who, kind),
                "name": who.name,
                "tenant_key": who.tenant_key,
            }
            for who in people
        ]
        return {**paged(rows, start, size), "member_total": len(rows)}

    async def _is_inside(self, call: Call) -> dict[str, Any]:
        return {"is_in_chat": self._find(call).bot}

    async def _alone(self, chat: Chat) -> None:
        """One change of members at a time per group. Raises Refused: another is under way."""
        if chat.id in self._changing:
            raise Refused(BUSY, "The request is too frequent: another change of this group is under way.")
        self._changing.add(chat.id)
        try:
            await asyncio.sleep(self.change_takes)
        finally:
            self._changing.discard(chat.id)

    def _account(self, kind: str, id: str) -> Account:
        who = self._company.find(kind, id)
        if who is None:
            raise Refused(UNUSABLE, f"Unusable id: {id}")
        if not who.in_range or who.resigned:
            raise Refused(UNSEEN, "The app is not visible to the user, or there is no collaboration permission.")
        return who

    def _find(self, call: Call) -> Chat:
        chat = self._company.chats.get(call.path["chat_id"])
        if chat is None:
            raise Refused(NO_CHAT, "Your request contains an invalid chat_id.")
        if chat.dissolved:
            raise Refused(DISSOLVED, "The chat has been dissolved.")
        if chat.kind == "p2p" and call.request.method != "GET":
            raise Refused(UNSUPPORTED, "This type of chat does not support the operation.")
        return chat

    def _inside(self, chat: Chat) -> Chat:
        if not chat.bot:
            raise Refused(NOT_INSIDE, "Operator can NOT be out of the chat.")
        if chat.external and not self._company.app.shared:
            raise Refused(NOT_SHARED, "The operation is not allowed in external groups.")
        return chat

    def _owned(self, chat: Chat) -> Chat:
        if not chat.made_by_bot and chat.owner != self._company.app.open_id:
            raise Refused(NOT_OWNER, "Only the owner or creator of the group may do that.")
        return chat

    def _told(self, chat: Chat) -> dict[str, Any]:
        return {
            "chat_id": chat.id,
            "avatar": "",
            "name": chat.name,
            "description": chat.description,
            "owner_id": chat.owner,
            "owner_id_type": "open_id",
            "external": chat.external,
            "tenant_key": self._company.app.tenant_key,
            "chat_status": "normal",
        }
