"""Feishu's people over HTTP, for a page or a test in another process. A person is named by open_id or name."""

from collections.abc import Callable
from typing import Any

from bot.sandbox.feishu.groups import Group
from bot.sandbox.feishu.people import Outcome
from bot.sandbox.feishu.world import Feishu


class FeishuControl:
    """Each method is one path below /sandbox/feishu/; its parameters are the keys of the body."""

    def __init__(self, feishu: Feishu) -> None:
        self._feishu = feishu

    def actions(self) -> dict[str, Callable[..., Any]]:
        """Path -> what is done."""
        named = ("person", "group", "join", "open", "say", "image", "file", "tap", "submit", "choose", "menu")
        return {f"feishu/{name}": getattr(self, name) for name in (*named, "verify")}

    def person(self, name: str, tenant: bool = True, mobile: str = "", email: str = "") -> str:
        """Make somebody with an account; the open_id."""
        return self._feishu.person(name, tenant, mobile=mobile, email=email).open_id

    def group(self, name: str, members: list[str], bot: bool = False) -> str:
        """Make a group; the chat_id."""
        return self._feishu.group(name, *(self._feishu.who(one) for one in members), bot=bot).id

    def join(self, group: str, person: str) -> None:
        """Put somebody into a group; `person` "bot" is added by the group's first member."""
        chat = self._feishu.company.chats[group]
        made = Group(chat, self._feishu.world)
        if person == "bot":
            made.add_bot(self._feishu.who(chat.members[0]))
        else:
            made.add(self._feishu.who(person))

    def open(self, person: str) -> str:
        """Open the private chat with the bot; the chat_id."""
        return self._feishu.who(person).open_bot()

    def say(self, person: str, text: str, group: str = "", at_bot: bool = False) -> str:
        """Write; the message_id."""
        return self._feishu.who(person).say(text, group, at_bot=at_bot)

    def image(self, person: str, content: bytes, group: str = "") -> str:
        """Send a picture (base64); the message_id."""
        return self._feishu.who(person).send_image(content, group)

    def file(self, person: str, name: str, content: bytes, group: str = "") -> str:
        """Send a file (base64); the message_id."""
        return self._feishu.who(person).send_file(name, content, group)

    async def tap(self, person: str, message_id: str, what: str) -> dict[str, Any]:
        """Touch a button."""
        return _told(await self._feishu.who(person).tap(message_id, what))

    async def submit(
        self, person: str, message_id: str, values: dict[str, str | bool | list[str]], button: str = ""
    ) -> dict[str, Any]:
        """Fill a form in and send it off."""
        return _told(await self._feishu.who(person).submit(message_id, values, button))

    async def choose(self, person: str, message_id: str, name: str, value: str | bool | list[str]) -> dict[str, Any]:
        """Choose something in a field outside a form."""
        return _told(await self._feishu.who(person).choose(message_id, name, value))

    def menu(self, person: str, key: str) -> None:
        """Choose an entry of the bot's menu."""
        self._feishu.who(person).choose_menu(key)

    async def verify(self) -> bool:
        """Save the bot's URL in the console."""
        return await self._feishu.events.verify()


def _told(outcome: Outcome) -> dict[str, Any]:
    return {"toast": outcome.toast.to_json() if outcome.toast else None, "link": outcome.link}
