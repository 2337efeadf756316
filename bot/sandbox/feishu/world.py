"""Feishu's whole side of the wire, joined: the one object that tests and pages drive."""

from typing import Any

from aiohttp import web

from bot.clock import Clock
from bot.sandbox.callbacks import Courier
from bot.sandbox.feishu.access import Tokens
from bot.sandbox.feishu.changes import Changes
from bot.sandbox.feishu.chats import Chats
from bot.sandbox.feishu.clicks import Clicks
from bot.sandbox.feishu.company import App, Chat, Company, fresh
from bot.sandbox.feishu.contents import Contents
from bot.sandbox.feishu.events import Events
from bot.sandbox.feishu.extras import Extras
from bot.sandbox.feishu.files import Files
from bot.sandbox.feishu.groups import Group
from bot.sandbox.feishu.messages import GROUP, PRIVATE, Messages
from bot.sandbox.feishu.oauth import AUTHORIZE, OAuth
from bot.sandbox.feishu.people import Person, World
from bot.sandbox.feishu.robot import HOOK, SURFACE, Robots
from bot.sandbox.feishu.socket import Socket
from bot.sandbox.feishu.wire import PREFIX, Gateway
from bot.sandbox.record import Record

HR_GROUP = "招聘群"


class Feishu:
    """One app of one company, its people, those outside, and their groups.

    `person` and `group` make people and groups; everything else is a switch on one of the parts.
    """

    def __init__(
        self,
        clock: Clock,
        record: Record,
        courier: Courier,
        app: App,
        *,
        hr_chat_id: str,
        robot_token: str,
        robot_secret: str,
    ) -> None:
        self.app = app
        self.company = Company(app)
        self.tokens = Tokens(app)
        self.gateway = Gateway(clock, app.scopes, self.tokens.check)
        self.contents = Contents(self.company)
        self.messages = Messages(self.company, self.contents, record, clock)
        self.changes = Changes(self.messages)
        self.files = Files(self.company)
        self.chats = Chats(self.company)
        self.extras = Extras(self.messages)
        self.oauth = OAuth(self.company, self.tokens, clock)
        self.events = Events(courier, clock, app)
        self.clicks = Clicks(
            app=app,
            contents=self.contents,
            changes=self.changes,
            events=self.events,
            courier=courier,
            record=record,
            clock=clock,
        )
        self.robot = Robots(clock, record, self.contents, robot_token, robot_secret)
        self.socket = Socket(app, clock)
        self._record = record
        self.world = World(app, self.company, self.events, self.clicks, self.files, record, clock)
        self.hr_group = self._keep(Chat(id=hr_chat_id, kind="group", name=HR_GROUP))
        for served in (
            self.tokens,
            self.messages,
            self.changes,
            self.files,
            self.clicks,
            self.chats,
            self.extras,
            self.oauth,
        ):
            self.gateway.add(served.endpoints())

    def person(self, name: str, tenant: bool = True, *, mobile: str = "", email: str = "") -> Person:
        """Somebody with an account: of the company, or (`tenant` False) from outside, who has yet to open the bot."""
        who = Person(name=name, tenant=tenant, world=self.world, mobile=mobile, email=email)
        if not tenant:
            who.in_range, who.user_id, who.union_id = False, "", ""
        self.company.people[who.open_id] = who
        return who

    def group(self, name: str, *members: Person, bot: bool = False) -> Group:
        """A group that its first member made. The bot is in it only when told so, or after `add_bot`."""
        made = self._keep(Chat(id=fresh("oc_"), kind="group", name=name, bot=bot))
        made.chat.owner = members[0].open_id if members else ""
        for who in members:
            self.company.join(made.chat, who)
        return made

    def who(self, person: str) -> Person:
        """The person with this open_id or name. Raises LookupError."""
        for one in self.company.people.values():
            if person in (one.open_id, one.name) and isinstance(one, Person):
                return one
        raise LookupError(f"nobody is {person!r}")

    def use_socket(self, *, events: bool = True, callbacks: bool = True) -> None:
        """Which of both go through the long connection; the other, or none, to the webhook."""
        self.events.line = self.socket if events else self.events.webhook
        self.clicks.line = self.socket if callbacks else self.events.webhook

    @property
    def state(self) -> dict[str, Any]:
        """People, groups and what they were sent, as plain values."""
        people = [one for one in self.company.people.values() if isinstance(one, Person)]
        groups = [chat for chat in self.company.chats.values() if chat.kind == "group"]
        return {
            "people": [
                {
                    "open_id": one.open_id,
                    "name": one.name,
                    "tenant": one.tenant,
                    "in_range": one.in_range,
                    "chat_id": self.company.private.get(one.open_id, ""),
                    "toasts": [toast.to_json() for toast in one.toasts],
                }
                for one in people
            ],
            "groups": [
                {
                    "chat_id": chat.id,
                    "name": chat.name,
                    "members": list(chat.members),
                    "bot": chat.bot,
                    "external": chat.external,
                }
                for chat in groups
            ],
            "private": self._record.by_person(PRIVATE),
            "group": self._record.by_person(GROUP),
            "robot": self._record.by_person(SURFACE),
        }

    def add_routes(self, app: web.Application) -> None:
        """Serve all paths of Feishu."""
        app.router.add_get(AUTHORIZE, self.oauth.authorize)
        app.router.add_post(HOOK + "{token}", self.robot.post)
        self.socket.add_routes(app)
        app.router.add_route("*", PREFIX + "{path:.*}", self.gateway.answer)

    def environment(self, base: str) -> dict[str, str]:
        """The variables that a bot needs to talk to this Feishu at `base`."""
        return {
            "BULOU_FEISHU__API_BASE": base,
            "BULOU_FEISHU__LOGIN_BASE": base,
            "BULOU_FEISHU__APP_ID": self.app.id,
            "BULOU_FEISHU__APP_SECRET": self.app.secret,
            "BULOU_FEISHU__ENCRYPT_KEY": self.app.encrypt_key,
            "BULOU_FEISHU__VERIFICATION_TOKEN": self.app.token,
            "BULOU_FEISHU__HR_CHAT_ID": self.hr_group.id,
        }

    async def close(self) -> None:
        """Try nothing any more and let go of connections."""
        self.events.close()
        await self.socket.close()

    def _keep(self, chat: Chat) -> Group:
        self.company.chats[chat.id] = chat
        return Group(chat, self.world)
