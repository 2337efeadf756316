"""How Feishu's gateway answers: a code in a JSON body, an HTTP status beside it, and a trace id on everything."""

import json
import re
import secrets
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from aiohttp import web

from bot.clock import Clock

PREFIX = "/open-apis/"
LOCAL = timezone(timedelta(hours=8))

BAD_REQUEST = 9499
NO_SUCH_PATH = 99991201
WRONG_METHOD = 99991301
TOO_FREQUENT = 99991400
WRONG_ADDRESS = 99991401
QUOTA_USED_UP = 99991403
SCOPE_MISSING = 99991672
FIELD_INVALID = 99992402
INTERNAL = 2200
PARAMETER = 230001


class Refused(Exception):
    """The call is refused; `status` None: as the path's other refusals. `error` stands in the body beside the code."""

    def __init__(
        self,
        code: int,
        msg: str,
        status: int | None = None,
        *,
        error: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code} {msg}")
        self.code = code
        self.msg = msg
        self.status = status
        self.error = dict(error or {})
        self.headers = dict(headers or {})


def invalid(ext: str) -> Refused:
    """230001, whose cause follows after `ext=`."""
    return Refused(PARAMETER, f"Your request contains an invalid request parameter, ext={ext}.")


def violated(name: str, what: str = "is required") -> Refused:
    """A field that the gateway itself does not let through."""
    error = {"field_violations": [{"field": name, "description": f"{name} {what}"}]}
    return Refused(FIELD_INVALID, "field validation failed", error=error)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token: whose it is, and until when."""

    value: str
    kind: str  # tenant, app, user
    until: datetime
    person: str = ""  # open_id behind a user token
    scopes: frozenset[str] = frozenset()  # what the user granted


@dataclass(frozen=True, slots=True)
class Call:
    """One API call that the gateway let through."""

    request: web.Request
    path: Mapping[str, str]
    body: dict[str, Any]
    token: Token | None
    now: datetime

    @property
    def query(self) -> Mapping[str, str]:
        """What stands behind the question mark."""
        return self.request.query


Handler = Callable[[Call], Awaitable[dict[str, Any] | web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path below /open-apis/."""

    method: str
    path: str  # with {names}
    handle: Handler
    token: str = "tenant"  # noqa: S105 - the kind; "user", or "" for none
    scopes: tuple[str, ...] = ()  # one of these must be granted
    body: str = "json"  # "" when the path takes none, "form" for multipart
    bare: bool = False  # fields of the answer stand beside the code, not in `data`
    failure: int = 400  # HTTP status of refusals
    per_second: int = 50
    per_minute: int = 1000
    counted: bool = True  # against the rate limits and the monthly quota


@dataclass(frozen=True, slots=True)
class _Route:
    endpoint: Endpoint
    pattern: re.Pattern[str]


TokenCheck = Callable[[str, str, datetime], Token]  # Authorization header, kind that the path takes


class Gateway:
    """All paths below /open-apis/, checked in Feishu's order: path, method, address, token, pace, scope, body."""

    def __init__(self, clock: Clock, scopes: set[str], check_token: TokenCheck) -> None:
        self.scopes = scopes
        self.allowed: set[str] | None = None  # addresses that may call; None: all
        self.limit_status = 429  # some older paths answer 400
        self.slowdown = 1.0  # multiplies the limits of every path
        self.quota_used_up = False
        self.calls: Counter[str] = Counter()  # how often each method and path was called
        self._clock = clock
        self._check_token = check_token
        self._routes: list[_Route] = []
        self._pace: dict[str, deque[datetime]] = defaultdict(deque)

    def add(self, endpoints: Iterable[Endpoint]) -> None:
        """Serve these paths too; a path without {names} goes before one with them."""
        for endpoint in endpoints:
            pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", endpoint.path.rstrip("/")) + "/?")
            self._routes.append(_Route(endpoint, pattern))
        self._routes.sort(key=lambda route: route.endpoint.path.count("{"))

    @property
    def endpoints(self) -> list[Endpoint]:
        """All that is served."""
        return [route.endpoint for route in self._routes]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one call."""
        now = self._clock.now()
        failure = 400
        try:
            endpoint, path = self._find(request)
            failure = endpoint.failure
            self.calls[f"{endpoint.method} {endpoint.path}"] += 1
            token = self._admit(request, endpoint, now)
            body = await _read(request, endpoint)
            answer = await endpoint.handle(Call(request, path, body, token, now))
        except Refused as refused:
            return refusal(refused, failure, now)
        if isinstance(answer, web.StreamResponse):
            answer.headers["X-Tt-Logid"] = log_id(now)
            return answer
        msg = "ok" if endpoint.bare else "success"
        return as_json({"code": 0, "msg": msg, **(answer if endpoint.bare else {"data": answer})}, now)

    def _find(self, request: web.Request) -> tuple[Endpoint, Mapping[str, str]]:
        path = request.match_info["path"]
        found = [(route.endpoint, match) for route in self._routes if (match := route.pattern.fullmatch(path))]
        if not found:
            raise Refused(NO_SUCH_PATH, "path not found", 404)
        for endpoint, match in found:
            if endpoint.method == request.method:
                return endpoint, match.groupdict()
        raise Refused(WRONG_METHOD, "request method not support")

    def _admit(self, request: web.Request, endpoint: Endpoint, now: datetime) -> Token | None:
        if self.allowed is not None and (request.remote or "") not in self.allowed:
            raise Refused(WRONG_ADDRESS, "ip is not in the whitelist")
        token = None
        if endpoint.token:
            token = self._check_token(request.headers.get("Authorization", ""), endpoint.token, now)
        if endpoint.counted:
            self._count(endpoint, now)
        if endpoint.scopes and not self.scopes & set(endpoint.scopes):
            raise scope_missing(endpoint.scopes)
        return token

    def _count(self, endpoint: Endpoint, now: datetime) -> None:
        if self.quota_used_up:
            raise Refused(QUOTA_USED_UP, "this month's API call quota has been exceeded", 429)
        pace = self._pace[f"{endpoint.method} {endpoint.path}"]
        while pace and now - pace[0] >= timedelta(minutes=1):
            pace.popleft()
        last_second = sum(1 for at in pace if now - at < timedelta(seconds=1))
        if last_second >= endpoint.per_second * self.slowdown or len(pace) >= endpoint.per_minute * self.slowdown:
            wait = 60 if len(pace) >= endpoint.per_minute * self.slowdown else 1
            raise too_frequent(self.limit_status, wait, endpoint.per_second)
        pace.append(now)


def too_frequent(status: int = 429, wait: int = 1, limit: int = 50) -> Refused:
    """Over the limit of this path."""
    headers = {"x-ogw-ratelimit-limit": str(limit), "x-ogw-ratelimit-reset": str(wait)}
    return Refused(TOO_FREQUENT, "request trigger frequency limit", status, headers=headers)


def scope_missing(scopes: Iterable[str], kind: str = "action_scope_required") -> Refused:
    """The app has none of these scopes; the text lists them as the console would offer them."""
    names = list(scopes)
    violations = [{"type": kind, "subject": name} for name in names]
    msg = f"Access denied. One of the following scopes is required: [{', '.join(names)}]."
    return Refused(SCOPE_MISSING, msg, 400, error={"permission_violations": violations})


def refusal(refused: Refused, status: int, now: datetime) -> web.Response:
    """The answer to a call that is refused."""
    trace = log_id(now)
    if refused.code == BAD_REQUEST:
        body: dict[str, Any] = {"code": BAD_REQUEST, "msg": "Bad Request", "data": {}}
    else:
        link = f"https://open.feishu.cn/search?log_id={trace}&code={refused.code}"
        error = {**refused.error, "log_id": trace, "troubleshooter": f"see {link}"}
        body = {"code": refused.code, "msg": refused.msg, "error": error}
    return as_json(body, now, refused.status or status, trace, refused.headers)


def as_json(
    body: Mapping[str, Any],
    now: datetime,
    status: int = 200,
    trace: str = "",
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """A JSON answer with its trace id."""
    text = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    named = {"Content-Type": "application/json; charset=utf-8", "X-Tt-Logid": trace or log_id(now), **(headers or {})}
    return web.Response(status=status, body=text, headers=named)


def log_id(now: datetime) -> str:
    """A trace id: local time and twenty hex digits."""
    return f"{now.astimezone(LOCAL):%Y%m%d%H%M%S}{secrets.token_hex(10).upper()}"


async def _read(request: web.Request, endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.body != "json":
        return {}
    raw = await request.read()
    if request.content_type != "application/json":
        raise Refused(BAD_REQUEST, "Bad Request")
    try:
        body = json.loads(raw.decode())
    except (ValueError, RecursionError):
        raise Refused(BAD_REQUEST, "Bad Request") from None
    if not isinstance(body, dict):
        raise Refused(BAD_REQUEST, "Bad Request")
    return body


# --- reading parameters -----------------------------------------------------------------------------------------------


def words(body: Mapping[str, Any], name: str, *, limit: int = 2**20) -> str:
    """A text that must be there; another type is no valid request at all."""
    value = body.get(name)
    if value is None or value == "":
        raise violated(name)
    if not isinstance(value, str):
        raise Refused(BAD_REQUEST, "Bad Request")
    if len(value) > limit:
        raise violated(name, f"is longer than {limit}")
    return value


def maybe_words(body: Mapping[str, Any], name: str, *, limit: int = 2**20) -> str:
    """A text that may be missing."""
    return words(body, name, limit=limit) if body.get(name) not in (None, "") else ""


def maybe_flag(body: Mapping[str, Any], name: str) -> bool:
    """True or false, false when it is missing."""
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise Refused(BAD_REQUEST, "Bad Request")
    return value


def listed(body: Mapping[str, Any], name: str, *, most: int) -> list[str]:
    """A list of texts."""
    value = body.get(name, [])
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise Refused(BAD_REQUEST, "Bad Request")
    if len(value) > most:
        raise violated(name, f"has more than {most} entries")
    return value


def one_of(query: Mapping[str, str], name: str, allowed: Iterable[str], default: str = "") -> str:
    """A parameter of the query that must be one of those that are known."""
    value = query.get(name, default)
    if not value:
        raise violated(name)
    if value not in allowed:
        raise violated(name, f"must be one of {', '.join(allowed)}")
    return value


def page_of(query: Mapping[str, str], most: int, default: int = 20) -> tuple[int, int]:
    """Where the wanted page begins, and how many it may hold."""
    size, token = query.get("page_size", str(default)), query.get("page_token", "") or "p0"
    if not size.isdecimal() or not 1 <= int(size) <= most:
        raise invalid("The page_size exceeds the limit")
    if not re.fullmatch(r"p\d{1,9}", token):
        raise invalid("invalid page_token")
    return int(token[1:]), int(size)


@dataclass(slots=True)
class Pace:
    """How often something may happen in a second, per target."""

    per_second: int
    _seen: dict[str, deque[datetime]] = field(default_factory=dict)

    def allows(self, target: str, now: datetime) -> bool:
        """Count one more, unless that would be too many."""
        seen = self._seen.setdefault(target, deque())
        while seen and now - seen[0] >= timedelta(seconds=1):
            seen.popleft()
        if len(seen) >= self.per_second:
            return False
        seen.append(now)
        return True


def paged(items: list[dict[str, Any]], start: int, size: int) -> dict[str, Any]:
    """One page; `page_token` only when there is another."""
    end = start + size
    more = end < len(items)
    return {"items": items[start:end], "has_more": more, **({"page_token": f"p{end}"} if more else {})}
