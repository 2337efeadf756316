"""Signing in to HR's pages: by the one-time link that the bot sends in chat, or by WeCom's or Feishu's own sign-in."""

import hmac
import logging
import re
import secrets

from aiohttp import web

from bot.errors import GiveUp, TryLater
from bot.web.desk import AFTERWARDS, HOME, LOGIN, Desk, place
from bot.web.forms import from_our_page
from bot.web.html import redirect
from storage import members, sessions
from storage.unit import Unit

log = logging.getLogger(__name__)

_CODE = re.compile(r"[\x21-\x7e]{1,1024}")


class Login:
    """`/dashboard/login`, and the way out."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.context = desk.context
        self.pages = desk.pages

    def routes(self) -> list[web.RouteDef]:
        """The paths that are answered here."""
        return [
            web.get(LOGIN, self.ways),
            web.get(f"{LOGIN}/{{token}}", self.invited, allow_head=False),
            web.post(f"{LOGIN}/{{token}}", self.sign_in),
            web.get(f"{LOGIN}/{{platform}}/go", self.go, allow_head=False),
            web.get(f"{LOGIN}/{{platform}}/back", self.back, allow_head=False),
            web.post(f"{HOME}/out", self.sign_out),
        ]

    async def ways(self, request: web.Request) -> web.Response:
        """How one can sign in."""
        locale = self.pages.language(request)
        ways = [(name, self.desk.path(f"{LOGIN}/{name}/go")) for name in self.context.sign_ins]
        response = self.pages.render("sign_in.html", locale, ways=ways)
        self.desk.keep(response, "bulou_after", place(request.query.get("next", "")), AFTERWARDS)
        return response

    # --- the link from the chat --------------------------------------------------------------------------------------

    async def invited(self, request: web.Request) -> web.Response:
        """The page behind the link: one button. Looking uses nothing up, for platforms look before people do."""
        token = request.match_info["token"]
        async with self.context.ground.database.reading() as connection:
            member = await sessions.invited(Unit(connection, self.context.ground, self.context.now()), token)
        if member is None:
            return self._over(request)
        locale = member["locale"] or self.context.house.locale
        action = self.desk.path(f"{LOGIN}/{token}")
        return self.pages.render("sign_in_link.html", locale, name=member["name"], action=action)

    async def sign_in(self, request: web.Request) -> web.Response:
        """The button was pressed."""
        if not from_our_page(request, self.context.house.public_url):
            raise web.HTTPForbidden
        token = request.match_info["token"]
        session = await self.context.dispatch.within(lambda unit: sessions.sign_in(unit, token), self.context.now())
        return self.desk.begin(request, session) if session else self._over(request)

    def _over(self, request: web.Request) -> web.Response:
        locale = self.pages.language(request)
        say = self.pages.say(locale)
        return self.pages.notice(locale, 410, say("dashboard.link_over", "title"), say("dashboard.link_over"))

    # --- the platform's own sign-in ----------------------------------------------------------------------------------

    async def go(self, request: web.Request) -> web.Response:
        """Send the browser to the platform."""
        name = request.match_info["platform"]
        way = self.context.sign_ins.get(name)
        if way is None:
            return self.pages.unknown(request)
        state = secrets.token_hex(16)
        browser = request.headers.get("User-Agent", "")[:500]
        response = redirect(way.sign_in_page(self._back_to(name), state, browser))
        self.desk.keep(response, "bulou_state", state, AFTERWARDS)
        return response

    async def back(self, request: web.Request) -> web.Response:
        """The platform sends the browser back with a code that says who it is."""
        name = request.match_info["platform"]
        way, code = self.context.sign_ins.get(name), request.query.get("code", "")
        state, kept = request.query.get("state", ""), self.desk.kept(request, "bulou_state")
        if way is None:
            return self.pages.unknown(request)
        # Without the state of this very browser somebody could be signed in as somebody else without noticing.
        if not kept or not hmac.compare_digest(state.encode(), kept.encode()) or not _CODE.fullmatch(code):
            return self._refused(request)
        try:
            account = await way.who(code, self._back_to(name))
        except (GiveUp, TryLater) as error:
            log.warning("sign-in failed", extra={"platform": name, "reason": error.reason})
            return self._refused(request)

        async def job(unit: Unit) -> str | None:
            member = await members.by_account(unit, name, account) if account else None
            return await sessions.begin(unit, member, name) if member is not None else None

        session = await self.context.dispatch.within(job, self.context.now())
        return self.desk.begin(request, session) if session else self._refused(request)

    def _back_to(self, platform: str) -> str:
        return f"{self.context.house.public_url.rstrip('/')}{LOGIN}/{platform}/back"

    def _refused(self, request: web.Request) -> web.Response:
        locale = self.pages.language(request)
        say = self.pages.say(locale)
        response = self.pages.notice(locale, 403, say("dashboard.refused", "title"), say("dashboard.refused"))
        self.desk.drop(response, "bulou_state")
        return response

    # --- out ---------------------------------------------------------------------------------------------------------

    async def sign_out(self, request: web.Request) -> web.Response:
        """End this browser's session."""
        visitor = await self.desk.visitor(request)
        response = redirect(self.desk.path(LOGIN), 303)
        if visitor is not None:
            await self.desk.form(request, visitor)
            await self.context.dispatch.within(lambda unit: sessions.sign_out(unit, visitor.token), self.context.now())
        self.desk.drop(response, "bulou")
        return response
