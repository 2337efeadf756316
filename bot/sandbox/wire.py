"""How WeCom's API answers: errcodes in HTTP 200, token before parameters, an empty 404 for unknown paths."""

import itertools
import json
import re
from collections.abc import Awaitable, Callable, Container, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web

from bot.clock import Clock

LARGEST_BODY = 32 * 2**20

BUSY = -1
WRONG_TYPE = 40008
BAD_PARAMETER = 40058
EMPTY_PARAMETER = 40063
ESCAPED_TEXT = 40033
NOT_A_LIST = 40035
EMPTY_TEXT = 44004
TOO_LONG = 45002
RATE_LIMITED = 45009

_ESCAPED = re.compile(rb"(?<!\\)(?:\\\\)*\\u[0-9a-fA-F]{4}")
_turn = itertools.count(1)


class Refused(Exception):
    """The call is refused with an errcode; `fields` stand in the answer beside it."""

    def __init__(self, code: int, what: str, **fields: Any) -> None:
        super().__init__(f"{code} {what}")
        self.code = code
        self.what = what
        self.fields = fields


@dataclass(frozen=True, slots=True)
class Call:
    """One API call that has passed the token check: its parsed body, and whose token it came with."""

    request: web.Request
    body: dict[str, Any]
    agent_id: int | None  # None: no app (contact sync, or a call without a token)
    now: datetime

    @property
    def query(self) -> Mapping[str, str]:
        """What stands behind the question mark."""
        return self.request.query


Handler = Callable[[Call], Awaitable[dict[str, Any] | web.StreamResponse]]
TokenCheck = Callable[[web.Request, datetime], int | None]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path below /cgi-bin/. `empty` are the default fields that error answers carry as well."""

    method: str
    handle: Handler
    token: bool = True
    json: bool = True
    empty: dict[str, Any] = field(default_factory=dict)


def ok(**fields: Any) -> dict[str, Any]:
    """A successful answer."""
    return {"errcode": 0, "errmsg": "ok", **fields}


def as_json(body: Mapping[str, Any]) -> web.Response:
    """Real UTF-8 with the content type that WeCom sends."""
    text = json.dumps(body, ensure_ascii=False)
    return web.Response(body=text.encode(), headers={"Content-Type": "application/json; charset=UTF-8"})


def refusal(code: int, what: str, address: str | None, fields: Mapping[str, Any] | None = None) -> web.Response:
    """An error answer. Its text differs from call to call, so that nobody can rely on it."""
    turn = next(_turn)
    hint = "" if turn % 3 == 0 else f", hint: [{1789000000 + turn}]"
    where = f", from ip: {address or '127.0.0.1'}"
    more = f", more info at https://open.work.weixin.qq.com/devtool/query?e={code}"
    return as_json({"errcode": code, "errmsg": what + hint + where + more, **(fields or {})})


class Api:
    """All paths below /cgi-bin/ behind one door, in the order in which WeCom checks a call."""

    def __init__(self, clock: Clock, check_token: TokenCheck) -> None:
        self.refuse_escapes = True  # \uXXXX in a body is 40033
        self._clock = clock
        self._check_token = check_token
        self._endpoints: dict[str, Endpoint] = {}

    def add(self, endpoints: Mapping[str, Endpoint]) -> None:
        """Serve these paths (without /cgi-bin/) too."""
        self._endpoints.update(endpoints)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one call."""
        endpoint = self._endpoints.get(request.match_info["path"])
        if endpoint is None:
            return web.Response(status=404)
        now = self._clock.now()
        try:
            agent_id = self._check_token(request, now) if endpoint.token else None
            body = await self._read(request, endpoint)
            answer = await endpoint.handle(Call(request, body, agent_id, now))
        except Refused as refused:
            return refusal(refused.code, refused.what, request.remote, {**endpoint.empty, **refused.fields})
        return answer if isinstance(answer, web.StreamResponse) else as_json(answer)

    async def _read(self, request: web.Request, endpoint: Endpoint) -> dict[str, Any]:
        if request.method != endpoint.method:
            raise Refused(EMPTY_PARAMETER, f"require {endpoint.method} method")
        if endpoint.method == "GET" or not endpoint.json:
            return {}
        raw = await request.read()
        if request.content_type.startswith(("multipart/", "application/x-www-form-urlencoded")):
            raise Refused(EMPTY_PARAMETER, "some parameters are empty")
        if self.refuse_escapes and _ESCAPED.search(raw):
            raise Refused(ESCAPED_TEXT, "invalid charset, not utf8")
        try:
            body = json.loads(raw.decode())
        except (ValueError, RecursionError):
            raise Refused(BAD_PARAMETER, "invalid Request Parameter, Warning: wrong json format. ") from None
        if not isinstance(body, dict):
            raise Refused(BAD_PARAMETER, "invalid Request Parameter, Warning: wrong json format. ")
        return body


def size(text: str) -> int:
    """The length that WeCom counts: UTF-8 bytes."""
    return len(text.encode("utf-8", "surrogatepass"))


def cut(text: str, limit: int) -> str:
    """The first `limit` bytes, without half a character at the end."""
    return text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


def part(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A member that must be an object."""
    value = body.get(name)
    if not isinstance(value, dict):
        raise Refused(BAD_PARAMETER, f"missing or invalid {name}")
    return value


def kind_of(body: Mapping[str, Any], allowed: Container[str], name: str = "msgtype", code: int = WRONG_TYPE) -> str:
    """The type of a message or card, one of those that are allowed."""
    kind = body.get(name)
    if not isinstance(kind, str) or kind not in allowed:
        raise Refused(code, f"invalid {name}")
    return kind


def items(body: Mapping[str, Any], name: str, *, least: int = 0, most: int, code: int = BAD_PARAMETER) -> list[Any]:
    """A member that must be a list of `least` to `most` elements."""
    value = body.get(name, [])
    if not isinstance(value, list):
        raise Refused(NOT_A_LIST, f"{name} must be an array")
    if not least <= len(value) <= most:
        raise Refused(code, f"{name} must have {least} to {most} items")
    return value


def objects(
    body: Mapping[str, Any], name: str, *, least: int = 0, most: int, code: int = BAD_PARAMETER
) -> list[dict[str, Any]]:
    """A member that must be a list of objects."""
    found = items(body, name, least=least, most=most, code=code)
    if not all(isinstance(element, dict) for element in found):
        raise Refused(BAD_PARAMETER, f"{name} must hold objects")
    return found


def words(
    body: Mapping[str, Any], name: str, *, limit: int = 2**20, missing: int = BAD_PARAMETER, code: int = BAD_PARAMETER
) -> str:
    """A member that must be a text of 1 to `limit` bytes: `missing` when it is not there, `code` when too long."""
    value = body.get(name)
    if value is None or value == "":
        raise Refused(missing, f"{name} is missing or empty")
    if not isinstance(value, str):
        raise Refused(BAD_PARAMETER, f"{name} must be a string")
    if size(value) > limit:
        raise Refused(code, f"{name} exceeds {limit} bytes")
    return value


def maybe_words(body: Mapping[str, Any], name: str, *, limit: int = 2**20) -> str:
    """A text that may be missing."""
    return words(body, name, limit=limit) if body.get(name) not in (None, "") else ""


def number(body: Mapping[str, Any], name: str, *, default: int, least: int, most: int) -> int:
    """A whole number between two bounds."""
    value = body.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Refused(BAD_PARAMETER, f"{name} must be an integer from {least} to {most}")
    return value


def web_address(body: Mapping[str, Any], name: str, *, limit: int = 2048) -> str:
    """A link with its scheme."""
    value = words(body, name, limit=limit)
    if not value.startswith(("http://", "https://")):
        raise Refused(BAD_PARAMETER, f"{name} needs a scheme")
    return value
