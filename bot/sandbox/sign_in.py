"""Signing in with WeCom: the page on which a member says who they are, and who it was that a code stands for."""

import html
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from bot.clock import Clock
from bot.sandbox.wecom import App
from bot.sandbox.wire import Call, Endpoint, Refused, ok

PAGE = "/wwlogin/sso/login"
CODE_LIVES = timedelta(minutes=5)
BAD_CODE, BAD_REDIRECT = 40029, 50001
OUTSIDE = "wmOutside"  # somebody from another company, who has an openid here and no userid


@dataclass(slots=True)
class Code:
    """What a member's yes was turned into."""

    person: str
    until: datetime
    used: bool = False


class SignIn:
    """WeCom's side of signing in to a self-built app's pages."""

    def __init__(self, app: App, clock: Clock, *, corp_id: str, agent_id: int) -> None:
        self.signed_in = ""  # userid that agrees without being asked; "": a page asks who it is
        self._app = app
        self._clock = clock
        self._corp_id = corp_id
        self._agent_id = agent_id
        self._codes: dict[str, Code] = {}

    def endpoints(self) -> dict[str, Endpoint]:
        """Paths that are served here."""
        return {"auth/getuserinfo": Endpoint("GET", self._who)}

    async def page(self, request: web.Request) -> web.Response:
        """Ask who signs in, or take the answer: `person` is what the page itself adds."""
        query = request.query
        asked = (query.get("login_type"), query.get("appid"), query.get("agentid"))
        if asked != ("CorpApp", self._corp_id, str(self._agent_id)):
            return web.Response(status=400, text="no such app")
        if not query.get("redirect_uri", "").startswith(("http://", "https://")):
            return web.Response(status=400, text=f"redirect_uri ({BAD_REDIRECT})")
        person = query.get("person", "") or self.signed_in
        if not person:
            return web.Response(text=self._people(query), content_type="text/html")
        if person != OUTSIDE and person.lower() not in {member.lower() for member in self._app.members}:
            return web.Response(status=400, text="not visible to the app")
        value = secrets.token_urlsafe(32)
        self._codes[value] = Code(person, self._clock.now() + CODE_LIVES)
        back = urlencode({"code": value, "state": query.get("state", ""), "appid": self._corp_id})
        joint = "&" if "?" in query["redirect_uri"] else "?"
        return web.Response(status=302, headers={"Location": f"{query['redirect_uri']}{joint}{back}"})

    def _people(self, query: Mapping[str, str]) -> str:
        def link(person: str) -> str:
            address = f"{PAGE}?{urlencode({**query, 'person': person})}"
            return f'<li><a href="{html.escape(address)}">{html.escape(person)}</a></li>'

        return f"<!doctype html><title>企业微信登录</title><ul>{''.join(map(link, sorted(self._app.members)))}</ul>"

    async def _who(self, call: Call) -> dict[str, Any]:
        code = self._codes.get(call.query.get("code", ""))
        if code is None or code.used or call.now >= code.until:
            raise Refused(BAD_CODE, "invalid code")
        code.used = True
        return ok(openid=OUTSIDE) if code.person == OUTSIDE else ok(userid=code.person.lower())
