"""Around every request: bounds on what is read, and one plain answer for whatever goes wrong."""

import logging
from urllib.parse import parse_qsl

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.web.problems import Problem
from storage.url import Unavailable

log = logging.getLogger(__name__)

LARGEST_BODY = 2**20  # bytes; uploads on the candidate's page have their own bound
_QUIET = ("/callback/", "/hooks/")  # programs that want a status and no words
_WORDS = {
    400: "The request could not be understood.",
    413: "The request is too large.",
    500: "Something went wrong on our side. It has been noted.",
    503: "The database cannot be reached at the moment. Please try again.",
}


async def whole_body(request: web.Request) -> bytes:
    """The body, up to `LARGEST_BODY`. Raises HTTPRequestEntityTooLarge, before reading where it can."""
    if (request.content_length or 0) > LARGEST_BODY:
        raise web.HTTPRequestEntityTooLarge(max_size=LARGEST_BODY)
    return await request.read()  # the application's `client_max_size` stops what did not say how long it is


def query_of(request: web.Request) -> dict[str, str]:
    """What stands behind the question mark. aiohttp's own reading of it costs as much as opening a callback's seal, and
    that of the standard library half as much: a callback's signature, time and nonce need none of their decoding.
    """
    query = request.raw_path.partition("?")[2]
    if "%" in query or "+" in query:
        return dict(parse_qsl(query, keep_blank_values=True))
    return {name: value for name, _, value in (pair.partition("=") for pair in query.split("&") if pair)}


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what is raised into an answer. What nobody expected becomes one log entry, and a 500 without details."""
    try:
        response = await handler(request)
    except Problem as problem:
        response = problem.response()
    except web.HTTPException as error:
        response = _plain(request, error.status, error.headers.get("Allow", ""))
    except web.RequestPayloadError:
        response = _plain(request, 400)
    except Unavailable as error:
        log.warning("database or vault unavailable: %s", error, extra={"route": _route(request)})
        response = _plain(request, 503)
    except ConnectionError:
        raise  # the other side has gone: aiohttp lets go of it quietly
    except Exception:
        log.exception("a request failed", extra={"route": _route(request)})
        response = _plain(request, 500)
    if not request.raw_path.startswith(_QUIET):
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "same-origin")
        response.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    return response


def _plain(request: web.Request, status: int, allow: str = "") -> web.Response:
    """A refusal in the form that the caller understands."""
    headers = {"Allow": allow} if allow else {}
    if status == 503:
        headers["Retry-After"] = "5"
    if request.raw_path.startswith(_QUIET):
        return web.Response(status=status, headers=headers)
    words = _WORDS.get(status, "There is nothing here by this name." if status == 404 else "This cannot be done here.")
    if request.path.startswith("/api/"):
        return Problem(status, words, headers=headers).response()
    return web.Response(status=status, text=words, headers={"Cache-Control": "no-store", **headers})


def _route(request: web.Request) -> str:
    """The route's pattern: the path itself may hold somebody's token."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"
