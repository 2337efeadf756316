"""Links that do something, in a group whose robot hears of no tap: looking changes nothing, sending the form does."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qs

from aiohttp import web

from bot.delivery.compose import DEEDS, Composer
from bot.web.context import Context
from bot.web.forms import FIELDS, from_our_page
from bot.web.guard import whole_body
from bot.web.html import Pages
from handlers.hr import deeds
from handlers.routing import PAGE, Turn
from recruiting.chat import NO_BUTTONS, Incoming, Kind, Person
from recruiting.process import LONGEST_ADDRESS, Role, is_address
from storage import groups
from storage.applications import load_one
from storage.links import DEED_LIFE, find_button, use_button
from storage.types import random_id
from storage.unit import Unit

_KEY = re.compile("[a-z_]{1,20}:[A-Za-z0-9_-]{20,40}")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page says: first the main thing, then the rest; and what may be entered or done."""

    head: str
    rest: tuple[str, ...]
    verb: str = ""  # empty: nothing to do
    wants_address: bool = False


Job = Callable[[Unit, Turn, str], Awaitable[Shown | None]]


class Deeds:
    """`/do/{key}`: shown by GET, done by POST, once, within seven days."""

    def __init__(self, context: Context, pages: Pages) -> None:
        self.context = context
        self.pages = pages
        self._composer = Composer(context.house)

    def routes(self) -> list[web.RouteDef]:
        """The path that is answered here."""
        return [web.get("/do/{key}", self.look, allow_head=False), web.post("/do/{key}", self.act)]

    async def look(self, request: web.Request) -> web.Response:
        """What would happen."""

        async def job(unit: Unit, turn: Turn, verb: str) -> Shown:
            doable = await deeds.show(turn, verb)
            return await self._told(unit, turn, verb if doable else "")

        return await self._respond(request, job)

    async def act(self, request: web.Request) -> web.Response:
        """It happens, unless it has happened before."""
        if not from_our_page(request, self.context.house.public_url):
            return web.Response(status=403, headers={"Cache-Control": "no-store"})
        try:
            fields = parse_qs((await whole_body(request)).decode(), max_num_fields=FIELDS)
        except ValueError:
            raise web.HTTPBadRequest from None
        address = fields.get("link", [""])[0].strip()[: LONGEST_ADDRESS + 1]

        async def job(unit: Unit, turn: Turn, verb: str) -> Shown | None:
            if verb not in deeds.DONE:
                return None
            if verb == "new_link" and not is_address(address):
                turn.reply("command.new_link.bad")  # and may try again
                return await self._told(unit, turn, verb)
            if not await use_button(unit, turn.incoming.key):
                return None
            await deeds.do(turn, verb)
            return await self._told(unit, turn, "")

        return await self._respond(request, job, address)

    async def _respond(self, request: web.Request, job: Job, address: str = "") -> web.Response:
        key, now = request.match_info["key"], self.context.now()
        locale = self.context.house.locale
        say = self.pages.say(locale)

        async def whole(unit: Unit) -> Shown | None:
            turn = await self._turn(unit, key, address)
            return await job(unit, turn, key.partition(":")[0]) if turn is not None else None

        shown = await self.context.dispatch.within(whole, now) if _KEY.fullmatch(key) else None
        if shown is None:
            return self.pages.notice(locale, 410, say("page.deed.over", "title"), say("page.deed.over"))
        action = self.pages.path("do", key)
        return self.pages.render("deed.html", locale, shown=shown, action=action)

    async def _turn(self, unit: Unit, key: str, address: str) -> Turn | None:
        """The turn of a link that is good still: sent to a group that is HR's, and not used up."""
        button = await find_button(unit, key)
        if button is None or button["used_at"] is not None or unit.now > button["created_at"] + DEED_LIFE:
            return None
        group = await groups.of_message(unit, button["message_id"])
        if group is None or group.person.surface not in NO_BUTTONS or key.partition(":")[0] not in DEEDS:
            return None
        name = group.name or self.context.texts.say("owner.group", self.context.house.locale)
        member = {
            "id": group.id or group.person.surface,
            "name": name,
            "role": Role.RECRUITER.value,
            "shops": list(group.shops),
            "locale": self.context.house.locale,
        }
        choices = {"link": [address]} if address else {}
        incoming = Incoming(random_id(), Person(PAGE, ""), Kind.TAP, unit.now, key=key, choices=choices)
        return await self.context.dispatch.on_deed(unit, button, member, incoming)

    async def _told(self, unit: Unit, turn: Turn, verb: str) -> Shown:
        """What the handlers said, in the company's language."""
        assert turn.button is not None
        about = turn.button["application_id"]
        loaded = await load_one(unit, about) if about else None
        locale = self.context.house.locale
        said = [await self._composer.toast(unit, loaded, text, values, locale) for text, values in turn.told]
        return Shown(said[0] if said else "", tuple(said[1:]), verb, wants_address=verb == "new_link")
