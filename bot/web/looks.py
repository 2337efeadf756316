"""A reviewer's look at a certificate: from the link on their card, logged before anything is shown."""

import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from bot.web.context import Context
from bot.web.html import Pages
from bot.web.links import is_click
from storage import documents, members
from storage.applications import Loaded, load_one
from storage.links import LOOK_LIFE, find_button
from storage.looks import looked_at
from storage.search import lock_candidate
from storage.unit import Unit
from storage.vault import Damaged, Gone

_KEY = re.compile("[A-Za-z0-9_-]{16,64}")


def picture(content: bytes, content_type: str | None) -> web.Response:
    """The file itself: shown, not stored anywhere, and unable to do anything."""
    return web.Response(
        body=content,
        headers={
            "Content-Type": content_type or "application/octet-stream",
            "Content-Disposition": "inline",
            "Cache-Control": "no-store",
            "Content-Security-Policy": "sandbox; default-src 'none'",
        },
    )


class ReviewerLooks:
    """`/v/{key}`: the key is on one reviewer's card, and good for a week."""

    def __init__(self, context: Context, pages: Pages) -> None:
        self.context = context
        self.pages = pages

    def routes(self) -> list[web.RouteDef]:
        """The path that is answered here."""
        return [web.get("/v/{key}", self.look, allow_head=False)]

    async def look(self, request: web.Request) -> web.Response:
        """Show the picture to the reviewer whose card the link stood on; link previews see nothing."""
        key = request.match_info["key"]
        if not is_click(request) or not _KEY.fullmatch(key):
            return self._gone(request)
        found = await self.context.dispatch.within(lambda unit: self._find(unit, key), self.context.now())
        if found is None:
            return self._gone(request)
        document, loaded = found
        try:
            content = await self.context.vault.get(loaded.box, document["file"], f"candidate:{loaded.candidate_id}")
        except (Gone, Damaged):
            return self._gone(request)
        return picture(content, document["content_type"])

    async def _find(self, unit: Unit, key: str) -> tuple[Mapping[str, Any], Loaded] | None:
        """The document behind a key, the look already in the history and in the audit log."""
        button = await find_button(unit, f"view:{key}")
        if button is None or unit.now > button["created_at"] + LOOK_LIFE:
            return None
        member = await members.by_id(unit, button["member_id"])
        document = await documents.by_id(unit, button["subject"])
        if member is None or document is None or document["file"] is None or member["role"] == "manager":
            return None
        await lock_candidate(unit, document["candidate_id"])
        loaded = await load_one(unit, document["application_id"])
        if loaded is None or not members.covers(member, loaded.shop):
            return None
        looked_at(unit, loaded, document, f"member:{member['name']}")
        return document, loaded

    def _gone(self, request: web.Request) -> web.Response:
        locale = self.pages.language(request)
        say = self.pages.say(locale)
        return self.pages.notice(locale, 404, say("page.unknown", "title"), say("page.unknown"))
