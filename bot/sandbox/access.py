"""Access tokens: who may call the API, from where, and for how long."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from bot.sandbox.wire import RATE_LIMITED, Call, Endpoint, Refused, ok

APP_DISABLED = 50003
ALLOWED_AFTER = timedelta(minutes=1)
BAN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Token:
    """One token: for which app (None: contact sync), until when."""

    secret: str
    agent_id: int | None
    until: datetime


class Access:
    """Hands tokens out and checks them. All limits may be changed by a test."""

    def __init__(self, corp_id: str, agent_id: int, secret: str) -> None:
        self.corp_id = corp_id
        self.secrets: dict[str, int | None] = {secret: agent_id}  # add others for further apps; None = contact sync
        self.disabled: set[int] = set()
        self.lifetime = timedelta(hours=2)
        self.same_token = True  # a second gettoken within the lifetime returns the first token
        self.wrong_secrets_before_ban = 10
        self.calls_per_minute = 100
        self.issued = 0
        self._tokens: dict[str, Token] = {}
        self._wrong: dict[str, int] = {}
        self._banned: dict[str, datetime] = {}
        self._calls: list[datetime] = []
        self._allowed: list[tuple[datetime, frozenset[str]]] = []

    def endpoints(self) -> dict[str, Endpoint]:
        """Paths that are served here."""
        return {"gettoken": Endpoint("GET", self._gettoken, token=False)}

    def forget(self) -> None:
        """Make all tokens invalid at once, as the platform may do at any time (40014)."""
        self._tokens.clear()

    def allow(self, addresses: set[str], now: datetime) -> None:
        """Trust calls from these addresses only (60020); a changed list becomes effective after a minute."""
        self._allowed.append((now + ALLOWED_AFTER, frozenset(addresses)))

    def check(self, request: web.Request, now: datetime) -> int | None:
        """The app whose token the call carries in its query. Raises Refused."""
        given = request.query.get("access_token", "")
        if not given:
            raise Refused(41001, "access_token missing")
        token = self._tokens.get(given)
        if token is None:
            raise Refused(40014, "invalid access_token")
        if now >= token.until:
            raise Refused(42001, "access_token expired")
        self._check_address(request.remote or "", now)
        if token.agent_id in self.disabled:
            raise Refused(APP_DISABLED, "app is disabled")
        return token.agent_id

    def _check_address(self, address: str, now: datetime) -> None:
        effective = [addresses for since, addresses in self._allowed if since <= now]
        if effective and address not in effective[-1]:
            raise Refused(60020, "not allow to access from your ip")

    async def _gettoken(self, call: Call) -> dict[str, Any]:
        address = call.request.remote or ""
        self._count(address, call.now)
        secret = call.query.get("corpsecret", "")
        if not secret:
            raise Refused(41004, "corpsecret missing")
        if call.query.get("corpid") != self.corp_id:
            raise Refused(40013, "invalid corpid")
        if secret not in self.secrets:
            self._wrong[address] = self._wrong.get(address, 0) + 1
            if self._wrong[address] >= self.wrong_secrets_before_ban:
                self._banned[address] = call.now + BAN
                self._wrong[address] = 0
            raise Refused(40001, "invalid credential")
        token, value = self._issue(secret, call.now)
        return ok(access_token=value, expires_in=int((token.until - call.now).total_seconds()))

    def _count(self, address: str, now: datetime) -> None:
        if now < self._banned.get(address, now):
            raise Refused(RATE_LIMITED, "api freq out of limit")
        self._calls = [at for at in self._calls if now - at < timedelta(minutes=1)]
        if len(self._calls) >= self.calls_per_minute:
            raise Refused(RATE_LIMITED, "api freq out of limit")
        self._calls.append(now)

    def _issue(self, secret: str, now: datetime) -> tuple[Token, str]:
        for value, token in self._tokens.items():
            if self.same_token and token.secret == secret and now < token.until:
                return token, value
        fresh = Token(secret, self.secrets[secret], now + self.lifetime)
        value = f"sandbox-{secrets.token_urlsafe(96)}"
        self._tokens[value] = fresh
        self.issued += 1
        return fresh, value
