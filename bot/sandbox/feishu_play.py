"""What people do in Feishu in the demo: members and candidates, each with their own account."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.sandbox.feishu.company import Toast
from bot.sandbox.feishu.entering import Entered
from bot.sandbox.feishu.groups import Group
from bot.sandbox.feishu.people import Person
from bot.sandbox.feishu.reading import controls
from bot.sandbox.record import Sent
from bot.sandbox.roles import MEMBERS, Candidate, Line, NotNow
from bot.sandbox.world import Sandbox


@dataclass(slots=True)
class FeishuPlay:
    """Everybody's hands in Feishu. HR's group has all members in it, and the bot."""

    sandbox: Sandbox
    pictures: list[bytes]  # all that were sent in the play
    members: dict[str, Person] = field(init=False)  # by the name that they have in WeCom
    _candidates: dict[str, Person] = field(init=False, default_factory=dict)  # by application
    _lines: dict[str, list[Line]] = field(init=False, default_factory=dict)  # by private account, or by group

    def __post_init__(self) -> None:
        feishu = self.sandbox.feishu
        self.members = {userid: feishu.person(name) for userid, name in MEMBERS.items()}
        for one in self.members.values():
            feishu.company.join(self.group.chat, one)

    @property
    def group(self) -> Group:
        """HR's group."""
        return self.sandbox.feishu.hr_group

    def person(self, who: Candidate) -> Person:
        """The candidate's account, outside the company; made when it is first needed."""
        if who.id not in self._candidates:
            self._candidates[who.id] = self.sandbox.feishu.person(who.name, tenant=False, mobile=who.phone)
        return self._candidates[who.id]

    def known(self, who: Candidate) -> Person | None:
        """The candidate's account, if they have used it."""
        return self._candidates.get(who.id)

    def lines(self, where: str) -> Sequence[Line]:
        """What was said by hand in a private chat (open_id) or in the group (its id)."""
        return self._lines.get(where, [])

    # --- by hand ---------------------------------------------------------------------------------------------------

    def say(self, person: Person, text: str, *, group: bool = False, at_bot: bool = False) -> None:
        """Write to the bot, or in HR's group, where the bot only hears what mentions it."""
        if not group:
            person.say(text)
            self._add(person.open_id, Line(self.sandbox.clock.now(), text))
            return
        person.say(text, self.group.id, at_bot=at_bot)
        shown = f"@{self.sandbox.feishu.app.name} {text}" if at_bot else text
        self._add(self.group.id, Line(self.sandbox.clock.now(), shown))

    def choose_menu(self, person: Person, key: str) -> None:
        """Choose an entry of the bot's menu."""
        person.choose_menu(key)
        self._add(person.open_id, Line(self.sandbox.clock.now(), f"/{key}", tapped=True))

    def send_picture(self, person: Person, picture: bytes) -> None:
        """Send a picture to the bot."""
        person.send_image(picture)
        self.pictures.append(picture)
        self._add(person.open_id, Line(self.sandbox.clock.now(), picture=len(self.pictures) - 1))

    async def press(
        self, person: Person, message: str, key: str, entered: Mapping[str, Entered] | None = None
    ) -> Toast | None:
        """Press a button of a card, which may send a form off; what flashes up. Raises NotNow, LookupError."""
        if message not in self.sandbox.feishu.company.messages:
            raise NotNow("there is no such card")
        card = self.sandbox.feishu.company.messages[message].card
        submits = any(one.key == key and one.submits for one in controls(card))
        outcome = await (person.submit(message, entered or {}, key) if submits else person.tap(message, key))
        return outcome.toast

    async def press_newest(self, person: Person, verb: str) -> Toast | None:
        """Press the newest button that begins with this verb. Raises NotNow: there is none."""
        found = newest(person.sees(), verb)
        if found is None:
            raise NotNow(f"{person.name} has no button for this")
        return await self.press(person, *found)

    def _add(self, where: str, line: Line) -> None:
        self._lines.setdefault(where, []).append(line)


def newest(messages: Sequence[Sent], verb: str) -> tuple[str, str] | None:
    """The newest message with a button that begins with `verb`, and that button's key."""
    for message in reversed(messages):
        for _, key in message.buttons:
            if key.startswith(verb):
                return message.msgid, key
    return None
