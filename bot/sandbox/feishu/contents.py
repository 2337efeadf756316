"""What may stand in a message, per kind: checked as Feishu checks it, and turned into what is read back."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.feishu.cards import Known, broken, check_card
from bot.sandbox.feishu.company import Chat, Company, packed
from bot.sandbox.feishu.reading import Element, lines
from bot.sandbox.feishu.wire import Refused, invalid, scope_missing

KIB = 1024
LONGEST = {"text": 150 * KIB, "post": 30 * KIB, "interactive": 30 * KIB}
TOO_LONG, NOT_OURS, WRONG_UPLOAD, LEAK, NOT_TO_BE_SHARED, SENSITIVE = 230025, 230017, 230055, 230028, 230015, 230022
AT = re.compile(r'<at user_id="([^"]*)">(.*?)</at>', re.DOTALL)
STYLE = re.compile(r"</?[bius]>")
PHONE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")
NODES = {"text", "a", "at", "img", "media", "emotion", "hr", "code_block", "md"}
ALONE = {"img", "media", "md"}
UPLOADED_AS = {"audio": {"opus"}, "media": {"mp4"}, "file": {"pdf", "doc", "xls", "ppt", "stream"}}


@dataclass(frozen=True, slots=True)
class Checked:
    """Content that may be sent."""

    shown: dict[str, Any]  # as its reader sees it
    stored: str  # as it is read back
    mentions: list[dict[str, Any]] = field(default_factory=list)
    card: Element = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)


class Contents:
    """Checks contents. The switches belong to the tenant's administrator."""

    def __init__(self, company: Company) -> None:
        self.audit = False  # refuse plain phone numbers and addresses (230028)
        self.forbidden_words: set[str] = set()  # judged sensitive (230022)
        self.templates: dict[str, Element] = {}  # template_id -> the card it makes
        self._company = company
        self.known = Known(self._is_our_image, lambda id: id in company.people or id == company.app.open_id)
        self._checks: dict[str, Callable[[dict[str, Any], Chat], Checked]] = {
            "text": self._text,
            "post": self._post,
            "image": self._image,
            "file": lambda content, chat: self._file("file", content),
            "audio": lambda content, chat: self._file("audio", content),
            "media": lambda content, chat: self._file("media", content),
            "sticker": self._sticker,
            "share_chat": self._share_chat,
            "share_user": self._share_user,
            "interactive": self._card,
            "system": self._system,
        }

    def check(self, kind: str, content: str, chat: Chat) -> Checked:
        """Check the content of a message to this chat. Raises Refused."""
        if kind not in self._checks:
            raise invalid("invalid msg_type")
        if len(content.encode("utf-8", "surrogatepass")) > LONGEST.get(kind, 150 * KIB):
            raise Refused(TOO_LONG, "The length of the message content reaches its limit.")
        try:
            parsed = json.loads(content)
        except (ValueError, RecursionError):
            raise _wrong("content is not a string in json format") from None
        if not isinstance(parsed, dict):
            raise _wrong("content is not a string in json format")
        if self.audit and (PHONE.search(content) or EMAIL.search(content)):
            raise Refused(LEAK, "The message did not pass the data leak audit.")
        if any(word in content for word in self.forbidden_words):
            raise Refused(SENSITIVE, "The content of the message contains sensitive information.")
        return self._checks[kind](parsed, chat)

    def card(self, card: Any) -> Element:
        """Check a card as it stands in a message: itself, or the template it names. Raises Refused."""
        if isinstance(card, dict) and card.get("type") == "template":
            data = card.get("data") or {}
            if data.get("template_id") not in self.templates:
                raise broken(200380, "template does not exist")
            card = self.templates[data["template_id"]]
        elif isinstance(card, dict) and card.get("type") == "card":
            raise broken(200220, "card entity does not exist")
        check_card(card, self.known)
        assert isinstance(card, dict)
        return card

    def image(self, key: Any) -> None:
        """Refuse an image that this app has not uploaded."""
        stored = self._company.files.get(key) if isinstance(key, str) else None
        if stored is None or stored.kind != "image":
            raise invalid("invalid image_key")
        if stored.uploader:
            raise Refused(NOT_OURS, "The bot is not the owner of the resource.")

    def _is_our_image(self, key: str) -> bool:
        stored = self._company.files.get(key)
        return stored is not None and stored.kind == "image" and not stored.uploader

    def _text(self, content: dict[str, Any], chat: Chat) -> Checked:
        text = content.get("text")
        if not isinstance(text, str) or not text:
            raise _wrong("validate content fail")
        mentions: list[dict[str, Any]] = []
        seen = AT.sub(lambda found: self._mention(found[1], chat, mentions, shown=True), text)
        mentions.clear()
        stored = STYLE.sub("", AT.sub(lambda found: self._mention(found[1], chat, mentions), text))
        return Checked({"text": seen}, packed({"text": stored}), mentions)

    def _mention(self, id: str, chat: Chat, mentions: list[dict[str, Any]], *, shown: bool = False) -> str:
        if id == "all":
            if not chat.at_all:
                raise Refused(230018, "@all is not allowed in this group.")
            return "@所有人" if shown else "@_all"
        who = next(filter(None, (self._company.find(kind, id) for kind in ("open_id", "union_id", "user_id"))), None)
        if who is None:
            return f"@{id}"
        key = f"@_user_{len(mentions) + 1}"
        tenant = self._company.app.tenant_key
        mentions.append({"key": key, "id": who.open_id, "id_type": "open_id", "name": who.name, "tenant_key": tenant})
        return f"@{who.name}" if shown else key

    def _post(self, content: dict[str, Any], chat: Chat) -> Checked:
        if "post" in content or not content:
            raise _wrong("validate content fail")
        for body in content.values():
            rows = body.get("content") if isinstance(body, dict) else None
            if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
                raise _wrong("content format of the post type is incorrect")
            for row in rows:
                self._paragraph(row)
        body = content.get("zh_cn") or next(iter(content.values()))
        mentions: list[dict[str, Any]] = []
        rows = [[self._node(node, chat, mentions) for node in row] for row in body["content"]]
        stored = {"title": body.get("title", ""), "content": rows}
        keys = {node["image_key"]: "image" for row in rows for node in row if node["tag"] == "img"}
        return Checked({"post": body}, packed(stored), mentions, keys=keys)

    def _paragraph(self, row: list[Any]) -> None:
        if not all(isinstance(node, dict) and node.get("tag") in NODES for node in row):
            raise _wrong("content format of the post type is incorrect")
        if len(row) > 1 and any(node["tag"] in ALONE for node in row):
            raise _wrong("content format of the post type is incorrect")
        for node in row:
            needed = {"text": "text", "md": "text", "a": "href", "at": "user_id", "img": "image_key"}.get(node["tag"])
            if needed and not isinstance(node.get(needed), str):
                raise _wrong("content format of the post type is incorrect")
            if node["tag"] == "img":
                self.image(node["image_key"])

    def _node(self, node: Element, chat: Chat, mentions: list[dict[str, Any]]) -> Element:
        if node["tag"] != "at":
            return node
        key = self._mention(node["user_id"], chat, mentions)
        name = mentions[-1]["name"] if mentions and mentions[-1]["key"] == key else ""
        return {"tag": "at", "user_id": key, "user_name": name}

    def _image(self, content: dict[str, Any], chat: Chat) -> Checked:
        self.image(content.get("image_key"))
        key = content["image_key"]
        return Checked({"image_key": key}, packed({"image_key": key}), keys={key: "image"})

    def _file(self, kind: str, content: dict[str, Any]) -> Checked:
        key = content.get("file_key")
        stored = self._company.files.get(key) if isinstance(key, str) else None
        if stored is None or stored.kind == "image":
            raise invalid("invalid file_key")
        if stored.uploader:
            raise Refused(NOT_OURS, "The bot is not the owner of the resource.")
        if stored.kind not in UPLOADED_AS[kind]:
            raise Refused(WRONG_UPLOAD, "The type of file upload does not match the type of message being sent.")
        if kind == "media" and content.get("image_key"):
            self.image(content["image_key"])
        shown = {"file_key": key, "file_name": stored.name}
        return Checked({**shown, "name": stored.name}, packed(shown), keys={stored.key: "file"})

    def _sticker(self, content: dict[str, Any], chat: Chat) -> Checked:
        stored = self._company.files.get(str(content.get("file_key")))
        if stored is None or stored.kind != "sticker":
            raise invalid("invalid file_key")
        return Checked(content, packed(content))

    def _share_chat(self, content: dict[str, Any], chat: Chat) -> Checked:
        shared = self._company.chats.get(str(content.get("chat_id")))
        if shared is None:
            raise invalid("invalid chat_id")
        if shared.kind == "p2p":
            raise Refused(NOT_TO_BE_SHARED, "A p2p chat cannot be shared.")
        return Checked({**content, "name": shared.name}, packed(content))

    def _share_user(self, content: dict[str, Any], chat: Chat) -> Checked:
        who = self._company.people.get(str(content.get("user_id")))
        if who is None:
            raise invalid("invalid user_id")
        return Checked({**content, "name": who.name}, packed(content))

    def _card(self, content: dict[str, Any], chat: Chat) -> Checked:
        card = self.card(content)
        rows = [[{"tag": "text", "text": line}] for line in lines(card)]
        title = rows.pop(0)[0]["text"] if card.get("header") and rows else ""
        return Checked(card, packed({"title": title, "elements": rows}), card=card)

    def _system(self, content: dict[str, Any], chat: Chat) -> Checked:
        if "im:message:send_sys_msg" not in self._company.app.scopes:
            raise scope_missing(["im:message:send_sys_msg"])
        if chat.kind != "p2p":
            raise invalid("sending system messages in group chats is not supported")
        text = ((content.get("params") or {}).get("divider_text") or {}).get("text")
        if content.get("type") != "divider" or not isinstance(text, str) or not text:
            raise invalid("divider_text must be set")
        if len(text) > 20:
            raise invalid("divider message text exceeds the specified length")
        return Checked({"content": text}, packed(content))


def _wrong(detail: str) -> Refused:
    return invalid(f"invalid message content, {detail}")
