"""Signing in with Feishu: the page on which one agrees, the token for the code, and who it was."""

import hashlib
import html
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from bot.clock import Clock
from bot.sandbox.feishu.access import Tokens
from bot.sandbox.feishu.company import EMPLOYEE_ID, Account, Company
from bot.sandbox.feishu.wire import Call, Endpoint, Refused, Token, as_json, log_id, refusal

AUTHORIZE = "/open-apis/authen/v1/authorize"
CODE_LIVES = timedelta(minutes=5)
TOKEN_LIVES, REFRESH_LIVES = timedelta(hours=2), timedelta(days=7)
MISSING, WRONG_SECRET, NO_CODE, CODE_EXPIRED, NOT_IN_RANGE, OTHER_CLIENT, NO_SCOPE, NO_REDIRECT = (
    20001,
    20002,
    20003,
    20004,
    20010,
    20024,
    20027,
    20029,
)
NO_REFRESH, WRONG_GRANT, REFRESH_EXPIRED, NO_CLIENT, WRONG_PROOF, CODE_USED, OTHER_REDIRECT, REFRESH_USED = (
    20026,
    20036,
    20037,
    20048,
    20049,
    20065,
    20071,
    20073,
)
BAD_TOKEN, RESIGNED, FROZEN = 20005, 20021, 20022
VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")


@dataclass(slots=True)
class Code:
    """What a person's yes was turned into."""

    person: str
    redirect_uri: str
    scopes: frozenset[str]
    until: datetime
    client: str
    challenge: str = ""
    method: str = "plain"
    used: bool = False


@dataclass(slots=True)
class Refresh:
    """A refresh token, good for one more access token."""

    person: str
    scopes: frozenset[str]
    until: datetime
    client: str
    used: bool = False


class OAuth:
    """Feishu's side of signing in, on the same origin as its API."""

    def __init__(self, company: Company, tokens: Tokens, clock: Clock) -> None:
        self.redirects: set[str] = set()  # what 安全设置 lists; empty: none is registered
        self.any_redirect = False  # for a demo whose address nobody knows beforehand
        self.signed_in = ""  # open_id that agrees without being asked; "": a page asks who it is
        self.user_info_fields = {"email": "contact:user.email:readonly", "mobile": "contact:user.phone:readonly"}
        self._company = company
        self._tokens = tokens
        self._clock = clock
        self._codes: dict[str, Code] = {}
        self._refreshes: dict[str, Refresh] = {}

    def endpoints(self) -> list[Endpoint]:
        """Paths that are served here, behind the gateway."""
        return [
            Endpoint("POST", "authen/v2/oauth/token", self._token, token="", counted=False),
            Endpoint("GET", "authen/v1/user_info", self._user_info, token="", body="", failure=200, counted=False),
        ]

    def other_clients_code(self) -> str:
        """A code that was issued to another app (20024)."""
        return self._code(Code("", "", frozenset(), self._clock.now() + CODE_LIVES, "cli_foreign00000001"))

    # --- the page ----------------------------------------------------------------------------------------------------

    async def authorize(self, request: web.Request) -> web.Response:
        """Ask who signs in, or take the answer: `person` and `deny` are what the page itself adds."""
        now, query = self._clock.now(), request.query
        try:
            self._check(query)
        except Refused as refused:
            return refusal(refused, 400, now)
        if "deny" in query:
            return _back(query, error="access_denied")
        open_id = query.get("person", "") or self.signed_in
        if not open_id:
            return web.Response(text=self._page(query), content_type="text/html", headers={"X-Tt-Logid": log_id(now)})
        who = self._company.people.get(open_id)
        if who is None or not who.tenant or not who.in_range:
            return refusal(Refused(NOT_IN_RANGE, "The user may not use this app."), 400, now)
        scopes = frozenset(query.get("scope", "").split())
        proof = (query.get("code_challenge", ""), query.get("code_challenge_method", "plain"))
        code = Code(open_id, query["redirect_uri"], scopes, now + CODE_LIVES, self._company.app.id, *proof)
        return _back(query, code=self._code(code))

    def _check(self, query: Mapping[str, str]) -> None:
        client = query.get("client_id") or query.get("app_id", "")
        if client != self._company.app.id:
            raise Refused(NO_CLIENT, "The app does not exist.")
        if query.get("response_type", "code") != "code" or ("client_id" in query and "response_type" not in query):
            raise Refused(MISSING, "response_type must be code.")
        redirect = query.get("redirect_uri", "")
        if not redirect or not (self.any_redirect or redirect in self.redirects):
            raise Refused(NO_REDIRECT, "redirect_uri is not registered.")
        wanted = query.get("scope", "").split()
        if len(wanted) > 50 or not set(wanted) <= self._company.app.scopes:
            raise Refused(NO_SCOPE, "The app has not been granted this scope.")
        if query.get("code_challenge_method", "plain") not in ("plain", "S256"):
            raise Refused(MISSING, "Unknown code_challenge_method.")

    def _page(self, query: Mapping[str, str]) -> str:
        def link(words: str, **more: str) -> str:
            address = f"{AUTHORIZE}?{urlencode({**query, **more})}"
            return f'<li><a href="{html.escape(address)}">{html.escape(words)}</a></li>'

        people = [link(one.name, person=one.open_id) for one in self._company.people.values() if one.tenant]
        app = html.escape(self._company.app.name)
        return f"<!doctype html><title>{app}</title><h1>{app}</h1><ul>{''.join(people)}{link('拒绝', deny='1')}</ul>"

    def _code(self, code: Code) -> str:
        value = secrets.token_urlsafe(48)
        self._codes[value] = code
        return value

    # --- tokens ------------------------------------------------------------------------------------------------------

    async def _token(self, call: Call) -> web.StreamResponse:
        try:
            told = self._granted(call.body, call.now)
        except Refused as refused:
            error = "server_error" if refused.status == 500 else "invalid_grant"
            body = {"code": refused.code, "error": error, "error_description": refused.msg}
            return as_json(body, call.now, refused.status or 400)
        return as_json({"code": 0, **told}, call.now)

    def _granted(self, body: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        app, grant = self._company.app, body.get("grant_type")
        if not all(isinstance(body.get(name), str) for name in ("grant_type", "client_id", "client_secret")):
            raise Refused(MISSING, "A required parameter is missing.")
        if body["client_id"] != app.id:
            raise Refused(NO_CLIENT, "The app does not exist.")
        if body["client_secret"] != app.secret:
            raise Refused(WRONG_SECRET, "The client secret is invalid.")
        if grant == "authorization_code":
            return self._issued(*self._of_code(body, now), now)
        if grant == "refresh_token":
            return self._issued(*self._of_refresh(body, now), now)
        raise Refused(WRONG_GRANT, "The grant_type is not supported.")

    def _of_code(self, body: Mapping[str, Any], now: datetime) -> tuple[str, frozenset[str]]:
        if not isinstance(body.get("code"), str):
            raise Refused(MISSING, "code is missing.")
        code = self._codes.get(body["code"])
        if code is None:
            raise Refused(NO_CODE, "The authorization code is not found.")
        if code.client != body["client_id"]:
            raise Refused(OTHER_CLIENT, "The code belongs to another client.")
        if code.used:
            raise Refused(CODE_USED, "The authorization code has been used.")
        if now >= code.until:
            raise Refused(CODE_EXPIRED, "The authorization code has expired.")
        if body.get("redirect_uri", "") != code.redirect_uri:
            raise Refused(OTHER_REDIRECT, "redirect_uri does not match.")
        if code.challenge:
            _check_proof(code, body.get("code_verifier"))
        code.used = True
        return code.person, code.scopes

    def _of_refresh(self, body: Mapping[str, Any], now: datetime) -> tuple[str, frozenset[str]]:
        refresh = self._refreshes.get(str(body.get("refresh_token")))
        if refresh is None:
            raise Refused(NO_REFRESH, "The refresh token is invalid.")
        if refresh.used:
            raise Refused(REFRESH_USED, "The refresh token has been used.")
        if now >= refresh.until:
            raise Refused(REFRESH_EXPIRED, "The refresh token has expired.")
        refresh.used = True
        return refresh.person, refresh.scopes

    def _issued(self, person: str, scopes: frozenset[str], now: datetime) -> dict[str, Any]:
        value = f"eyJ{secrets.token_urlsafe(900)}"
        self._tokens.keep(Token(value, "user", now + TOKEN_LIVES, person, scopes))
        told: dict[str, Any] = {
            "access_token": value,
            "expires_in": int(TOKEN_LIVES.total_seconds()),
            "token_type": "Bearer",
            "scope": " ".join(sorted(scopes)),
        }
        if "offline_access" in scopes:
            refresh = f"eyJ{secrets.token_urlsafe(600)}"
            self._refreshes[refresh] = Refresh(person, scopes, now + REFRESH_LIVES, self._company.app.id)
            told |= {"refresh_token": refresh, "refresh_token_expires_in": int(REFRESH_LIVES.total_seconds())}
        return told

    async def _user_info(self, call: Call) -> dict[str, Any]:
        header = call.request.headers.get("Authorization", "")
        token = self._tokens.find(header.removeprefix("Bearer "))
        if token is None or token.kind != "user" or call.now >= token.until:
            raise Refused(BAD_TOKEN, "The user access token is invalid.")
        who = self._company.people[token.person]
        if who.resigned:
            raise Refused(RESIGNED, "The user has resigned.")
        if who.frozen:
            raise Refused(FROZEN, "The user is frozen.")
        return self._told(who)

    def _told(self, who: Account) -> dict[str, Any]:
        told: dict[str, Any] = {
            "name": who.name,
            "en_name": who.name,
            "avatar_url": "",
            "open_id": who.open_id,
            "union_id": who.union_id,
            "tenant_key": who.tenant_key,
        }
        scopes = self._company.app.scopes
        told.update({name: getattr(who, name) for name, scope in self.user_info_fields.items() if scope in scopes})
        if EMPLOYEE_ID in scopes:
            told["user_id"] = who.user_id
        return told


def _check_proof(code: Code, verifier: Any) -> None:
    if not isinstance(verifier, str) or not VERIFIER.fullmatch(verifier):
        raise Refused(WRONG_PROOF, "PKCE: code_verifier is missing or malformed.")
    told = verifier
    if code.method == "S256":
        told = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    if told != code.challenge:
        raise Refused(WRONG_PROOF, "PKCE: code_verifier does not match.")


def _back(query: Mapping[str, str], **told: str) -> web.Response:
    state = {"state": query["state"]} if "state" in query else {}
    joint = "&" if "?" in query["redirect_uri"] else "?"
    return web.Response(
        status=302, headers={"Location": f"{query['redirect_uri']}{joint}{urlencode({**told, **state})}"}
    )
