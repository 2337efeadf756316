"""People with Feishu in their hands: a test or a page drives them, and looks over their shoulder."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bot.clock import Clock
from bot.sandbox.feishu.clicks import Clicks
from bot.sandbox.feishu.company import Account, App, Chat, Company, Message, Toast, fresh, millis, packed
from bot.sandbox.feishu.entering import Entered, NotEntered, button_of, chosen, submitted, touched
from bot.sandbox.feishu.events import Events
from bot.sandbox.feishu.files import Files, image_type
from bot.sandbox.feishu.messages import GROUP, PRIVATE
from bot.sandbox.feishu.reading import controls
from bot.sandbox.record import Record, Sent

PRIVATE_SCOPES = {"im:message.p2p_msg:readonly", "im:message.p2p_msg"}
MENTION_SCOPES = {
    "im:message.group_at_msg:readonly",
    "im:message.group_at_msg",
    "im:message.group_at_msg.include_bot:readonly",
}
WHOLE_GROUP = "im:message.group_msg"
MENTIONED = re.compile(r"@\{([^}]*)\}")
ALL = "all"

# Contents of kinds that a bot can only decline.
SAMPLES: Mapping[str, Mapping[str, Any]] = {
    "sticker": {"file_key": "file_v3_sticker"},
    "merge_forward": {"content": "Merged and Forwarded Message"},
    "vote": {"topic": "午饭吃什么", "options": ["面", "饭"]},
    "location": {"name": "人民广场", "longitude": "121.475", "latitude": "31.228"},
    "share_chat": {"chat_id": "oc_somewhere"},
    "share_user": {"user_id": "ou_somebody"},
    "todo": {"task_id": "t1", "summary": {"title": "", "content": [[{"tag": "text", "text": "买菜"}]]}},
    "hongbao": {"text": "[红包]"},
    "video_chat": {"topic": "视频会议", "start_time": "1700000000000"},
    "system": {"template": "{from_user} added {to_chatters}", "from_user": ["a"], "to_chatters": ["b"]},
}


@dataclass(frozen=True, slots=True)
class World:
    """What people and groups act upon."""

    app: App
    company: Company
    events: Events
    clicks: Clicks
    files: Files
    record: Record
    clock: Clock


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a touch led to: words that flash up, or a page that opens."""

    toast: Toast | None = None
    link: str = ""


@dataclass(slots=True, eq=False, kw_only=True)
class Person(Account):
    """Somebody with Feishu, inside the company or outside. Names of methods are what they do."""

    world: World = field(repr=False)
    empty_field: str | None = None  # how a form tells what was left out; None: not at all

    # --- coming in -------------------------------------------------------------------------------------------------

    def open_bot(self) -> str:
        """Open the private chat with the bot; its chat_id. An outsider confirms a dialog the first time."""
        app, company = self.world.app, self.world.company
        if not self.tenant and not app.shared:
            raise LookupError("this bot is not shared with people outside the company")
        if self.tenant and not self.in_range:
            raise LookupError(f"the bot is not available to {self.name}")
        chat = company.private_chat(self)
        if not self.met:
            self.met = self.in_range = True
            ids = {name: id for name, id in self.ids(app.scopes).items() if name != "union_id"}
            self.world.events.push_first(
                "p2p_chat_create", {"chat_id": chat.id, "operator": ids, "user": {"name": self.name, **ids}}
            )
        last: dict[str, str] = {}
        if chat.last is not None:
            last = {"last_message_id": chat.last.id, "last_message_create_time": millis(chat.last.at)}
        entered = {"chat_id": chat.id, "operator_id": self.ids(app.scopes), **last}
        self._tell("im.chat.access_event.bot_p2p_chat_entered_v1", entered)
        return chat.id

    def choose_menu(self, key: str) -> None:
        """Choose an entry of the bot's menu that tells the bot."""
        self._come_in()
        operator = {"operator_name": self.name, "operator_id": self.ids(self.world.app.scopes)}
        seconds = int(self.world.clock.now().timestamp())
        self._tell("application.bot.menu_v6", {"operator": operator, "event_key": key, "timestamp": seconds})

    # --- leaving ---------------------------------------------------------------------------------------------------

    def leave_company(self, *, told: bool = True) -> None:
        """Leave the company: the account is none any more. `told`: the app subscribes to changes of the contacts."""
        self.resigned = True
        self.in_range = False
        if told:
            self._changed("contact.user.deleted_v3")

    def be_frozen(self, *, told: bool = True) -> None:
        """An administrator locks the account for a while."""
        self.frozen = True
        if told:
            self._changed("contact.user.updated_v3")

    def _changed(self, kind: str) -> None:
        status = {"is_frozen": self.frozen, "is_resigned": self.resigned, "is_activated": True, "is_exited": False}
        told = {"open_id": self.open_id, "union_id": self.union_id, "name": self.name, "status": status}
        self.world.events.push(kind, {"object": told, "old_object": {"open_id": self.open_id}})

    # --- speaking --------------------------------------------------------------------------------------------------

    def say(self, text: str, group: str = "", *, at_bot: bool = False, answering: str = "") -> str:
        """Write to the bot, or in a group; the message_id. `@{name}` in the text mentions somebody, `@{all}` all.

        `at_bot` puts a mention of the bot in front; `answering` is the message_id under which it is written.
        """
        text = f"@{{{self.world.app.name}}} {text}" if at_bot else text
        mentions: list[dict[str, Any]] = []
        written = MENTIONED.sub(lambda found: self._mention(found[1], mentions), text)
        return self._write("text", {"text": written}, group, mentions=mentions, answering=answering)

    def send_post(self, title: str, rows: Sequence[Sequence[Mapping[str, Any]]], group: str = "") -> str:
        """Send a rich text; pictures in it are given as `{"tag": "img", "content": bytes}`."""
        keys: dict[str, str] = {}
        mentions: list[dict[str, Any]] = []
        told = [[self._node(node, keys, mentions) for node in row] for row in rows]
        return self._write("post", {"title": title, "content": told}, group, keys=keys, mentions=mentions)

    def send_image(self, content: bytes, group: str = "") -> str:
        """Send a picture."""
        key = self._keep("image", "image", content)
        return self._write("image", {"image_key": key}, group, keys={key: "image"})

    def send_file(self, name: str, content: bytes, group: str = "") -> str:
        """Send a file; the bot is told its name and not its size."""
        key = self._keep("stream", name, content)
        return self._write("file", {"file_key": key, "file_name": name}, group, keys={key: "file"})

    def send_audio(self, content: bytes, millis: int = 2000, group: str = "") -> str:
        """Send something spoken."""
        key = self._keep("opus", "audio.opus", content)
        return self._write("audio", {"file_key": key, "duration": millis}, group, keys={key: "file"})

    def send_other(self, kind: str, group: str = "") -> str:
        """Send something that a bot can only decline: one of SAMPLES."""
        return self._write(kind, dict(SAMPLES[kind]), group)

    def recall(self, message_id: str) -> None:
        """Take a message of one's own back."""
        message = self.world.company.messages[message_id]
        if message.sender != self.open_id:
            raise LookupError("only one's own messages can be recalled")
        message.deleted = True
        at = millis(self.world.clock.now())
        told = {"message_id": message.id, "chat_id": message.chat.id, "recall_time": at, "recall_type": "message_owner"}
        self._tell("im.message.recalled_v1", told)

    def read(self, message_id: str = "") -> None:
        """Look at what the bot wrote in private: at one message, or at all."""
        now = self.world.clock.now()
        chat = self.world.company.private_chat(self)
        unread = [m for m in self.world.company.in_chat(chat) if not m.sender and self.open_id not in m.read_by]
        seen = [message for message in unread if message_id in ("", message.id)]
        for message in seen:
            message.read_by[self.open_id] = now
        if seen:
            reader = {
                "reader_id": self.ids(self.world.app.scopes),
                "read_time": millis(now),
                "tenant_key": self.tenant_key,
            }
            told = {"reader": reader, "message_id_list": [message.id for message in seen]}
            self._tell("im.message.message_read_v1", told)

    def react(self, message_id: str, emoji: str = "OK") -> None:
        """Put an emoji under a message."""
        told = {
            "message_id": self.world.company.messages[message_id].id,
            "reaction_type": {"emoji_type": emoji},
            "operator_type": "user",
            "user_id": self.ids(self.world.app.scopes),
            "action_time": millis(self.world.clock.now()),
        }
        self._tell("im.message.reaction.created_v1", told)

    def forward(self, message_id: str, group: str) -> str:
        """Forward a message to a group; the copy's message_id. The buttons of a forwarded card are dead."""
        original = self.world.company.messages[message_id]
        copy = Message(
            id=fresh("om_"),
            chat=self._chat(group),
            sender=self.open_id,
            kind=original.kind,
            content=original.content,
            at=self.world.clock.now(),
            card=dict(original.card),
            forwarded=True,
        )
        return self.world.company.keep(copy).id

    # --- cards -----------------------------------------------------------------------------------------------------

    async def tap(self, message_id: str, what: str) -> Outcome:
        """Touch a button by its words, key or name. Raises LookupError: there is none, or it is dead."""
        message = self._touchable(message_id)
        button = button_of(self._view(message), what)
        toast = await self.world.clicks.click(self, message, touched(button)) if button.calls_back else None
        return Outcome(toast, button.link)

    async def submit(self, message_id: str, values: Mapping[str, Entered], button: str = "") -> Outcome:
        """Fill a form in and send it off. Raises NotEntered where the client would not let it pass."""
        message = self._touchable(message_id)
        card = self._view(message)
        pressed = button_of(card, button, submitting=True)
        action = submitted(card, pressed, values, empty=self.empty_field)
        return Outcome(await self.world.clicks.click(self, message, action), pressed.link)

    async def choose(self, message_id: str, name: str, value: Entered) -> Outcome:
        """Choose or enter something in a field outside a form, by its name or tag."""
        message = self._touchable(message_id)
        fields = [one for one in controls(self._view(message)) if not one.form and name in (one.name, one.tag)]
        if not fields:
            raise NotEntered(f"no such field: {name!r}")
        return Outcome(await self.world.clicks.click(self, message, chosen(fields[0], value)))

    # --- looking ---------------------------------------------------------------------------------------------------

    def sees(self, group: str = "") -> list[Sent]:
        """What the bot has written to this person, or in a group they are in, as it stands now, oldest first."""
        record = self.world.record
        if group:
            chat = self._chat(group)
            for_me = [one for one in record.to(GROUP, self.open_id) if self._message(one).chat is chat]
            shown = [*record.to(GROUP, chat.id), *for_me]
        else:
            shown = record.to(PRIVATE, self.open_id)
        found = [self._as_seen(message) for message in shown if not message.recalled]
        return sorted(found, key=lambda message: message.at)

    @property
    def chat_id(self) -> str:
        """The private chat with the bot."""
        return self.world.company.private_chat(self).id

    # --- in common -------------------------------------------------------------------------------------------------

    def _come_in(self) -> None:
        if not self.met:
            self.open_bot()

    def _chat(self, group: str) -> Chat:
        if not group:
            self._come_in()
            return self.world.company.private_chat(self)
        chat = self.world.company.chats[group]
        if self.open_id not in chat.members:
            raise LookupError(f"{self.name} is not in this group")
        return chat

    def _keep(self, kind: str, name: str, content: bytes) -> str:
        content_type = image_type(content) or "application/octet-stream"
        return self.world.files.keep(kind, name, content, content_type, self.open_id).key

    def _mention(self, name: str, mentions: list[dict[str, Any]]) -> str:
        if name == ALL:
            mentions.append({"key": "@_all", "id": {"open_id": "", "union_id": ""}, "name": "所有人"})
            return "@_all"
        app = self.world.app
        numbered = sum(1 for one in mentions if one["key"] != "@_all")
        told: dict[str, Any] = {"key": f"@_user_{numbered + 1}", "name": name, "tenant_key": app.tenant_key}
        if name == app.name:
            mentions.append({**told, "id": {"open_id": app.open_id, "union_id": ""}, "mentioned_type": "bot"})
        else:
            who = next((one for one in self.world.company.people.values() if one.name == name), None)
            if who is None:
                raise LookupError(f"nobody is called {name!r}")
            mentions.append({**told, "id": who.ids(app.scopes), "mentioned_type": "user", "tenant_key": who.tenant_key})
        return str(told["key"])

    def _node(self, node: Mapping[str, Any], keys: dict[str, str], mentions: list[dict[str, Any]]) -> dict[str, Any]:
        if node["tag"] == "img":
            key = self._keep("image", "image", node["content"])
            keys[key] = "image"
            return {"tag": "img", "image_key": key}
        if node["tag"] == "at":
            return {"tag": "at", "user_id": self._mention(node["name"], mentions), "user_name": node["name"]}
        return dict(node)

    def _write(
        self,
        kind: str,
        content: Mapping[str, Any],
        group: str,
        *,
        keys: Mapping[str, str] | None = None,
        mentions: Sequence[dict[str, Any]] = (),
        answering: str = "",
    ) -> str:
        company = self.world.company
        message = Message(
            id=fresh("om_"),
            chat=self._chat(group),
            sender=self.open_id,
            kind=kind,
            content=packed(content),
            at=self.world.clock.now(),
            keys=dict(keys or {}),
            mentions=[{**one, "id": one["id"]["open_id"], "id_type": "open_id"} for one in mentions],
        )
        if answering:
            answered = company.messages[answering]
            message.parent_id, message.root_id = answered.id, answered.root_id or answered.id
            message.thread_id = answered.thread_id
        company.keep(message)
        if self._is_heard(message.chat, mentions):
            self._tell("im.message.receive_v1", self._received(message, mentions))
        return message.id

    def _is_heard(self, chat: Chat, mentions: Sequence[Mapping[str, Any]]) -> bool:
        """Whether the app's scopes let it know of what was said."""
        scopes = self.world.app.scopes
        if chat.kind == "p2p":
            return bool(scopes & PRIVATE_SCOPES)
        if not chat.bot or (chat.external and not self.world.app.shared):
            return False
        named = any(one.get("mentioned_type") == "bot" for one in mentions)
        return WHOLE_GROUP in scopes or (named and bool(scopes & MENTION_SCOPES))

    def _received(self, message: Message, mentions: Sequence[dict[str, Any]]) -> dict[str, Any]:
        told: dict[str, Any] = {
            "message_id": message.id,
            "create_time": millis(message.at),
            "update_time": millis(message.at),
            "chat_id": message.chat.id,
            "chat_type": message.chat.kind,
            "message_type": message.kind,
            "content": message.content,
        }
        told.update({name: id for name in ("root_id", "parent_id", "thread_id") if (id := getattr(message, name))})
        if mentions:
            told["mentions"] = list(mentions)
        sender = {
            "sender_id": self.ids(self.world.app.scopes),
            "sender_type": "user",
            "tenant_key": self.tenant_key,
        }
        return {"sender": sender, "message": told}

    def _tell(self, kind: str, event: dict[str, Any]) -> None:
        """Nothing is heard of people outside the availability range."""
        if self.in_range:
            self.world.events.push(kind, event)

    def _touchable(self, message_id: str) -> Message:
        message = self.world.company.messages.get(message_id)
        if message is None or message.deleted or not message.card:
            raise LookupError(f"no card {message_id!r}")
        if self.open_id not in message.chat.members or message.private_to not in ("", self.open_id):
            raise LookupError(f"{self.name} does not see this card")
        if message.forwarded and not (message.card.get("config") or {}).get("enable_forward_interaction"):
            raise LookupError("the buttons of a forwarded card are dead")
        if message.batch:
            raise LookupError("cards that were sent in a batch do not call back")
        return message

    def _view(self, message: Message) -> dict[str, Any]:
        return message.views.get(self.open_id, message.card)

    def _message(self, sent: Sent) -> Message:
        return self.world.company.messages[sent.msgid]

    def _as_seen(self, sent: Sent) -> Sent:
        message = self._message(sent)
        if self.open_id not in message.views:
            return sent
        return replace(sent, payload={"msgtype": "interactive", "interactive": message.views[self.open_id]})
