"""What all of HR's pages share: who is signed in, forms that nobody else can send, and how a page is made."""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from aiohttp import web

from bot.web.context import Context
from bot.web.forms import BadForm, from_our_page, read_fields
from bot.web.html import Pages, redirect
from storage import sessions
from storage.unit import Unit

HOME = "/dashboard"
LOGIN = "/dashboard/login"
AFTERWARDS = timedelta(minutes=15)  # for so long the way to a page is remembered while somebody signs in
_PLACE = re.compile(r"/dashboard(/[A-Za-z0-9_-]{1,64}){0,3}")


@dataclass(frozen=True, slots=True)
class Visitor:
    """A member who is signed in."""

    member: Mapping[str, Any]
    token: str
    stamp: str  # what every form of theirs carries, and nobody else knows
    locale: str

    @property
    def name(self) -> str:
        """How they are called."""
        return str(self.member["name"])

    @property
    def actor(self) -> str:
        """Under which name the history and the audit log keep what they do."""
        return f"member:{self.name}"


class Desk:
    """The door to HR's pages."""

    def __init__(self, context: Context, pages: Pages) -> None:
        self.context = context
        self.pages = pages
        self._secure = urlsplit(context.house.public_url).scheme == "https"
        # The prefix keeps neighbours on the same domain from putting a cookie of theirs in its place.
        self._prefix = "__Host-" if self._secure else ""

    # --- who it is ---------------------------------------------------------------------------------------------------

    async def visitor(self, request: web.Request) -> Visitor | None:
        """The member whose browser this is, or None."""
        token = request.cookies.get(self._name("bulou"), "")
        if not token:
            return None
        async with self.context.ground.database.reading() as connection:
            member = await sessions.member_of(Unit(connection, self.context.ground, self.context.now()), token)
        if member is None:
            return None
        stamp = self.context.ground.keyring.digest("dashboard form", token)
        return Visitor(member, token, stamp, member["locale"] or self.context.house.locale)

    async def form(self, request: web.Request, visitor: Visitor) -> dict[str, str]:
        """The fields of a form that this visitor sent from our own page. Raises HTTPForbidden or HTTPBadRequest."""
        if not from_our_page(request, self.context.house.public_url):
            raise web.HTTPForbidden
        try:
            fields = await read_fields(request)
        except BadForm:
            raise web.HTTPBadRequest from None
        if not hmac.compare_digest(fields.get("stamp", "").encode(), visitor.stamp.encode()):
            raise web.HTTPForbidden
        return fields

    # --- answers -----------------------------------------------------------------------------------------------------

    def page(self, template: str, visitor: Visitor, status: int = 200, **values: Any) -> web.Response:
        """One of HR's pages."""
        links = {"home": self.path(HOME), "documents": self.path(f"{HOME}/documents"), "out": self.path(f"{HOME}/out")}
        return self.pages.render(template, visitor.locale, status, desk=True, visitor=visitor, links=links, **values)

    def unknown(self, visitor: Visitor) -> web.Response:
        """No such page, or none for this visitor: both are answered alike."""
        say = self.pages.say(visitor.locale)
        return self.pages.notice(visitor.locale, 404, say("page.unknown", "title"), say("dashboard.unknown"))

    def to_login(self, request: web.Request) -> web.Response:
        """Somebody has to sign in first; afterwards they come back here."""
        return redirect(f"{self.path(LOGIN)}?next={quote(request.path)}", 303)

    def path(self, place: str, query: str = "") -> str:
        """The address of one of our pages on this server."""
        return f"{self.pages.base}{place}{query}"

    # --- cookies -----------------------------------------------------------------------------------------------------

    def keep(self, response: web.Response, name: str, value: str, life: timedelta) -> None:
        """Let the browser keep something that no script and no other site can read."""
        response.set_cookie(
            self._name(name),
            value,
            max_age=int(life.total_seconds()),
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="Lax",
        )

    def kept(self, request: web.Request, name: str) -> str:
        """What the browser kept."""
        return request.cookies.get(self._name(name), "")[:200]

    def drop(self, response: web.Response, *names: str) -> None:
        """Have the browser forget something."""
        for name in names:
            response.del_cookie(self._name(name), path="/", secure=self._secure, httponly=True, samesite="Lax")

    def begin(self, request: web.Request, token: str) -> web.Response:
        """Signed in: on to where the visitor wanted to go."""
        response = redirect(self.path(place(self.kept(request, "bulou_after"))), 303)
        self.keep(response, "bulou", token, sessions.SESSION_LIFE)
        self.drop(response, "bulou_after", "bulou_state")
        return response

    def _name(self, name: str) -> str:
        return self._prefix + name


def place(wanted: str) -> str:
    """A page of the dashboard by its path; anything else leads to its first page, never to another site."""
    return wanted if _PLACE.fullmatch(wanted) and not wanted.startswith(LOGIN) else HOME
