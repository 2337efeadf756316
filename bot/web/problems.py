"""What the API answers when it cannot do as asked: problem details (RFC 9457), without anything that was sent to us."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web
from pydantic import ValidationError


class Problem(Exception):
    """An answer that is no success; `detail` says in words what to do about it."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, str]] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = errors

    def response(self) -> web.Response:
        """The problem as HTTP."""
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            body["errors"] = list(self.errors)
        return web.Response(
            status=self.status,
            body=orjson.dumps(body),
            content_type="application/problem+json",
            headers={"Cache-Control": "no-store", **self.headers},
        )


def not_found() -> Problem:
    """The same words for what does not exist and for what this caller may not see."""
    return Problem(404, "There is nothing here by this name or id.")


def invalid(error: ValidationError) -> Problem:
    """A body that does not fit: 400 when a key is missing, 422 when a value is wrong. What was sent is not repeated."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    status = 400 if any(each["type"] == "missing" for each in found) else 422
    errors = [
        {"pointer": "".join(f"/{part}" for part in each["loc"] if isinstance(part, int | str)), "detail": each["msg"]}
        for each in found[:20]
    ]
    return Problem(status, "The body is not as expected: see `errors`.", errors=errors)
