"""Tokens of the app and of signed-in people: for how long, and for which paths."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from bot.sandbox.feishu.company import App
from bot.sandbox.feishu.wire import WRONG_METHOD, Call, Endpoint, Refused, Token

LIFETIME = timedelta(hours=2)
RENEWED_BELOW = timedelta(minutes=30)
NO_TOKEN, APP_DISABLED, TENANT_INVALID, USER_INVALID, WRONG_PREFIX, USER_EXPIRED = (
    99991661,
    99991662,
    99991663,
    99991668,
    99991671,
    99991677,
)
UNKNOWN_APP, UNUSABLE_APP, WRONG_SECRET = 10003, 10014, 10015


class Tokens:
    """Hands tokens out and checks them."""

    def __init__(self, app: App) -> None:
        self.issued = 0
        self._app = app
        self._tokens: dict[str, Token] = {}

    def endpoints(self) -> list[Endpoint]:
        """Paths that are served here."""
        plain: dict[str, Any] = {"token": "", "bare": True, "body": "", "failure": 200, "counted": False}
        return [
            Endpoint("POST", "auth/v3/tenant_access_token/internal", self._tenant, **plain),
            Endpoint("POST", "auth/v3/app_access_token/internal", self._app_token, **plain),
        ]

    def forget(self) -> None:
        """Make all tokens invalid at once."""
        self._tokens.clear()

    def keep(self, token: Token) -> None:
        """Accept this token from now on."""
        self._tokens[token.value] = token

    def find(self, value: str) -> Token | None:
        """The token of this name, if it was ever handed out."""
        return self._tokens.get(value)

    def check(self, header: str, kind: str, now: datetime) -> Token:
        """The token of a call to a path that takes this kind. Raises Refused."""
        value = header.removeprefix("Bearer ").strip() if header.startswith("Bearer ") else ""
        if not value:
            raise Refused(
                NO_TOKEN, "Missing access token for authorization. Please make a request with token attached."
            )
        if not value.startswith(("t-", "u-", "a-", "eyJ")):
            raise Refused(WRONG_PREFIX, "Invalid access token for authorization: it must start with t- or u-.")
        if not self._app.enabled:
            raise Refused(APP_DISABLED, "app is not enabled")
        token = self._tokens.get(value)
        looks_like = "user" if value.startswith(("u-", "eyJ")) else "tenant"
        if kind == "user":
            return self._user(token, now)
        if looks_like == "user":
            raise Refused(USER_INVALID, "Invalid access token: this API does not support user_access_token.")
        if token is None or token.kind != "tenant" or now >= token.until:
            raise Refused(
                TENANT_INVALID, "Invalid access token for authorization. Please make a request with a valid one."
            )
        return token

    def _user(self, token: Token | None, now: datetime) -> Token:
        if token is None or token.kind != "user":
            raise Refused(USER_INVALID, "Invalid access token for authorization: a user_access_token is needed.")
        if now >= token.until:
            raise Refused(USER_EXPIRED, "Authentication token expired.")
        return token

    async def _tenant(self, call: Call) -> dict[str, Any]:
        await self._identify(call)
        token = self._current("tenant", "t-", call.now)
        return {"tenant_access_token": token.value, "expire": _left(token, call.now)}

    async def _app_token(self, call: Call) -> dict[str, Any]:
        await self._identify(call)
        own, tenant = self._current("app", "a-", call.now), self._current("tenant", "t-", call.now)
        left = min(_left(own, call.now), _left(tenant, call.now))
        return {"app_access_token": own.value, "tenant_access_token": tenant.value, "expire": left}

    async def _identify(self, call: Call) -> None:
        # The official SDK names no content type here, and is served.
        if "Content-Type" in call.request.headers and call.request.content_type != "application/json":
            raise Refused(WRONG_METHOD, "request content type not support", 400)
        try:
            body = await call.request.json()
        except ValueError:
            body = None
        if not isinstance(body, dict) or not all(isinstance(body.get(name), str) for name in ("app_id", "app_secret")):
            raise Refused(UNKNOWN_APP, "invalid param")
        if body["app_id"] != self._app.id:
            raise Refused(UNKNOWN_APP, "invalid app_id")
        if not self._app.enabled:
            raise Refused(UNUSABLE_APP, "app is not available")
        if body["app_secret"] != self._app.secret:
            raise Refused(WRONG_SECRET, "app secret invalid")

    def _current(self, kind: str, prefix: str, now: datetime) -> Token:
        """The newest token while at least half an hour of it remains; else another, beside it."""
        newest = next((token for token in reversed(self._tokens.values()) if token.kind == kind), None)
        if newest is not None and newest.until - now >= RENEWED_BELOW:
            return newest
        fresh = Token(f"{prefix}{secrets.token_hex(24)}", kind, now + LIFETIME)
        self.issued += 1
        self.keep(fresh)
        return fresh


def _left(token: Token, now: datetime) -> int:
    return int((token.until - now).total_seconds())
