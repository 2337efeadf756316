"""Group chats in people's hands: who is in them, and when the bot comes and goes."""

from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.feishu.company import Chat
from bot.sandbox.feishu.messages import GROUP
from bot.sandbox.feishu.people import Person, World
from bot.sandbox.record import Sent


@dataclass(frozen=True, slots=True)
class Group:
    """A group chat in somebody's hands."""

    chat: Chat
    world: World = field(repr=False)

    @property
    def id(self) -> str:
        """Its chat_id."""
        return self.chat.id

    def sees(self) -> list[Sent]:
        """What the bot has written there, oldest first."""
        return [message for message in self.world.record.to(GROUP, self.id) if not message.recalled]

    def add(self, *people: Person) -> None:
        """Put people into the group; the bot hears of it when it is there."""
        for who in people:
            self.world.company.join(self.chat, who)
        if self.chat.bot and people:
            self._tell("im.chat.member.user.added_v1", people[0], users=[self._user(who) for who in people])

    def take_out(self, *people: Person) -> None:
        """Take people out of the group."""
        for who in people:
            self.chat.members.remove(who.open_id)
        if self.chat.bot and people:
            self._tell("im.chat.member.user.deleted_v1", people[0], users=[self._user(who) for who in people])

    def add_bot(self, by: Person) -> None:
        """Add the bot, as only somebody of the company can who may use it."""
        if not by.tenant or not by.in_range or by.open_id not in self.chat.members:
            raise LookupError(f"{by.name} cannot add the bot")
        if self.chat.external and not self.world.app.shared:
            raise LookupError("this bot cannot be added to an external group")
        self.chat.bot = True
        self._tell("im.chat.member.bot.added_v1", by)

    def take_bot_out(self, by: Person) -> None:
        """Remove the bot from the group."""
        self.chat.bot = False
        self._tell("im.chat.member.bot.deleted_v1", by)

    def dissolve(self, by: Person) -> None:
        """End the group."""
        self.chat.dissolved = True
        if self.chat.bot:
            self._tell("im.chat.disbanded_v1", by)

    def _tell(self, kind: str, by: Person, **more: Any) -> None:
        told = {
            "chat_id": self.chat.id,
            "operator_id": by.ids(self.world.app.scopes),
            "external": self.chat.external,
            "operator_tenant_key": by.tenant_key,
            "name": self.chat.name,
            "i18n_names": {"zh_cn": self.chat.name, "en_us": "", "ja_jp": ""},
            **more,
        }
        self.world.events.push(kind, told)

    def _user(self, who: Person) -> dict[str, Any]:
        ids = who.ids(self.world.app.scopes)
        return {"name": who.name, "tenant_key": who.tenant_key, "user_id": ids}
