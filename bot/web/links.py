"""Links in messages: /i/ counts the click and leads on, /c/ leads into the chat."""

import logging
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aiohttp import web
from markupsafe import Markup

from bot.errors import GiveUp, TryLater
from bot.web.buttons import page_button
from bot.web.context import Context
from bot.web.html import Pages, redirect
from recruiting.model import Application
from recruiting.process import StageKind
from storage import codes, documents, inbox, links, new_links
from storage.applications import Loaded, load_one
from storage.links import digest, token_for
from storage.search import lock_candidate
from storage.unit import Unit

log = logging.getLogger(__name__)

Link = Mapping[str, Any]

_TOKEN = re.compile("[A-Za-z0-9_-]{16,128}")
# Who opens links without a person having asked for it.
_CRAWLERS = re.compile("bot|spider|crawler|preview|facebookexternalhit|curl|python|go-http-client", re.IGNORECASE)
_FETCHED_AHEAD = re.compile("prefetch|preview", re.IGNORECASE)
_WITH_CODE = frozenset({"feishu"})  # whose links don't bring our token back: a code that is sent in the chat does
PLATFORM_AWAY = 30  # seconds after which the chat may be tried again


def is_click(request: web.Request) -> bool:
    """Whether a person opened the link, not a preview, a crawler or a program."""
    agent = request.headers.get("User-Agent", "").strip()
    if request.method == "HEAD" or not agent or _CRAWLERS.search(agent):
        return False
    return not any(_FETCHED_AHEAD.search(request.headers.get(name, "")) for name in ("Purpose", "Sec-Purpose"))


async def find_link(context: Context, token: str, kind: str, now: datetime) -> tuple[Link, Loaded] | None:
    """A link and its application; None where there is no such link, or its candidate has been erased."""
    if not _TOKEN.fullmatch(token):
        return None
    async with context.ground.database.reading() as connection:
        unit = Unit(connection, context.ground, now)
        link = await links.find(unit, token, kind)
        loaded = await load_one(unit, link["application_id"]) if link is not None else None
    return (link, loaded) if link is not None and loaded is not None else None


def deadline_over(application: Application, now: datetime) -> bool:
    """Whether the present stage's time is up."""
    length = application.now_in.deadline
    return length is not None and application.since is not None and now >= application.since + length


async def provider_link(unit: Unit, loaded: Loaded, standard: str | None) -> str:
    """Where the present interview of this person takes place; empty when that is set nowhere."""
    stage = loaded.application.now_in
    if stage.kind is not StageKind.INTERVIEW:
        return ""
    link = await new_links.of(unit, loaded) or stage.link or standard or ""
    return link.replace("{token}", await token_for(unit, loaded, "provider")) if link else ""


class LinkPages:
    """/i/ and /c/."""

    def __init__(self, context: Context, pages: Pages) -> None:
        self.context = context
        self.pages = pages

    def routes(self) -> list[web.RouteDef]:
        """The paths that are answered here."""
        return [web.get("/i/{token}", self.invite), web.get("/c/{token}", self.chat)]

    # --- invites -----------------------------------------------------------------------------------------------------

    async def invite(self, request: web.Request) -> web.Response:
        """A tracked link: count the click, once, and lead to what the stage asks for."""
        now, token = self.context.now(), request.match_info["token"]
        found = await find_link(self.context, token, "invite", now)
        if found is None:
            return self.pages.unknown(request)
        link, loaded = found
        application = loaded.application
        if not application.open and documents.wants(loaded, now) is not None:  # after hire: to be renewed
            return redirect(self.pages.path("p", token))
        if not application.open:
            return await self._over(loaded, token, "page.ended", now)
        if (link["stage"], link["visit"]) != (application.stage, application.visit):
            return redirect(self.pages.path("p", token))
        if deadline_over(application, now):
            return await self._over(loaded, token, "page.expired", now)
        if is_click(request):
            await self._count(link, token, now)
        return redirect(await self._target(loaded, token, now))

    async def _count(self, link: Link, token: str, now: datetime) -> None:
        ground = self.context.ground
        day = ground.today(now)
        box = await ground.days.for_day(day)
        place = {name: link[name] for name in ("application_id", "stage", "visit")}
        await inbox.accept(ground, [inbox.row(f"click:{digest(token)}", "click", place, box=box, day=day, now=now)])

    async def _target(self, loaded: Loaded, token: str, now: datetime) -> str:
        async def job(unit: Unit) -> str:
            await lock_candidate(unit, loaded.candidate_id)
            return await provider_link(unit, loaded, self.context.interview_link)

        if loaded.application.now_in.kind is not StageKind.INTERVIEW:
            return self.pages.path("p", token)
        return await self.context.dispatch.within(job, now) or self.pages.path("p", token)

    async def _over(self, loaded: Loaded, token: str, text: str, now: datetime) -> web.Response:
        """Too late for this link; but there is a way on: the chat while the application is open, and a person."""

        async def job(unit: Unit) -> tuple[str, str]:
            await lock_candidate(unit, loaded.candidate_id)
            chat = await token_for(unit, loaded, "chat") if loaded.application.open else ""
            return chat, page_button(unit, loaded, "human")

        chat, human = await self.context.dispatch.within(job, now)
        say = self.pages.say(loaded.locale)
        return self.pages.notice(
            loaded.locale,
            410,
            say(text, "title"),
            say(text),
            chat=self.pages.path("c", chat) if chat else "",
            page=self.pages.path("p", token),
            human=human,
        )

    # --- into the chat -----------------------------------------------------------------------------------------------

    async def chat(self, request: web.Request) -> web.Response:
        """Lead into the conversation with the bot, which the token binds to the candidate."""
        now, token = self.context.now(), request.match_info["token"]
        found = await find_link(self.context, token, "chat", now)
        if found is None:
            return self.pages.unknown(request)
        link, loaded = found
        if not loaded.application.open:
            return await self._elsewhere(loaded, 410, "page.ended", now)
        if link["expires_at"] is not None and now >= link["expires_at"]:
            return await self._elsewhere(loaded, 410, "page.chat.expired", now)
        doors = self.context.chat_doors
        via = request.query.get("via", "")
        if via not in doors and len(doors) > 1:
            return self.pages.render("choose.html", loaded.locale, doors=doors, chat=self.pages.path("c", token))
        if not doors:
            return await self._elsewhere(loaded, 200, "page.reasons", now)
        name = via if via in doors else next(iter(doors))
        try:
            way = await doors[name].chat_link(token)
        except (TryLater, GiveUp) as error:
            log.warning("the chat link cannot be made: %s", error)
            return await self._elsewhere(loaded, 503, "page.failed", now, {"Retry-After": str(PLATFORM_AWAY)})
        return await self._with_code(link, loaded, way, now) if name in _WITH_CODE else redirect(way)

    async def _with_code(self, link: Link, loaded: Loaded, way: str, now: datetime) -> web.Response:
        """The way to the bot, and the code that tells it who comes."""
        code = await self.context.dispatch.within(lambda unit: codes.for_link(unit, link["digest"]), now)
        import segno  # few open such a page

        drawn = segno.make_qr(way).svg_inline(omitsize=True, border=4, dark="#000", light="#fff")
        picture = Markup(drawn)  # noqa: S704 - lines only, drawn here
        return self.pages.render("code.html", loaded.locale, bot=way, code=code, picture=picture)

    async def _elsewhere(
        self, loaded: Loaded, status: int, text: str, now: datetime, headers: Mapping[str, str] | None = None
    ) -> web.Response:
        """No chat behind this link; the own page and a person can still be reached."""

        async def job(unit: Unit) -> tuple[str, str]:
            await lock_candidate(unit, loaded.candidate_id)
            return await token_for(unit, loaded, "invite"), page_button(unit, loaded, "human")

        token, human = await self.context.dispatch.within(job, now)
        say = self.pages.say(loaded.locale)
        titled = text in ("page.ended", "page.chat.expired")
        title = say(text, "title") if titled else say("page.title")
        page = self.pages.path("p", token)
        return self.pages.notice(loaded.locale, status, title, say(text), headers=headers, page=page, human=human)
