"""Pages that people read: rendered from `templates/`, in their language, with nothing fetched from elsewhere."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiohttp import web
from markupsafe import Markup

from bot.web.context import Context

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).with_name("templates")
_STYLE = (FOLDER / "style.css").read_text("utf-8")
_DESK_STYLE = _STYLE + (FOLDER / "desk.css").read_text("utf-8")


def _policy(style: str, pictures: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src {pictures}; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


_POLICY, _DESK_POLICY = _policy(_STYLE, "data:"), _policy(_DESK_STYLE, "'self'")
_HEADERS = {
    "Cache-Control": "no-store",
    # A page's own forms name where they come from; nobody else learns the token in its address.
    "Referrer-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}
_OFFERED = ("zh-CN", "en", "ja")

Say = Callable[..., str]


class Pages:
    """Makes responses out of templates."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.base = urlsplit(context.house.public_url).path.rstrip("/")  # the server may live below a path

    @cached_property
    def _templates(self) -> "Environment":
        from jinja2 import Environment, FileSystemLoader, StrictUndefined  # the first page waits for it, not the start

        return Environment(
            loader=FileSystemLoader(FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def say(self, locale: str) -> Say:
        """The texts in one language; the company's name is known to all of them."""

        def say(key: str, form: str = "chat", **values: Any) -> str:
            return self.context.texts.say(key, locale, form, **({"company": self.context.house.company} | values))

        return say

    def language(self, request: web.Request) -> str:
        """The language for somebody whom we don't know: the first that their browser names and we speak."""
        for part in request.headers.get("Accept-Language", "")[:200].split(","):
            wanted = part.partition(";")[0].strip().lower()
            for known in _OFFERED:
                if wanted and wanted.split("-")[0] == known.split("-")[0]:
                    return known
        return self.context.house.locale

    def render(
        self,
        template: str,
        locale: str,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        desk: bool = False,
        **values: Any,
    ) -> web.Response:
        """A whole page; `desk`: one of HR's, wide, with pictures of our own."""
        text = self._templates.get_template(template).render(
            say=self.say(locale),
            locale=locale,
            company=self.context.house.company,
            style=Markup(_DESK_STYLE if desk else _STYLE),  # noqa: S704 - our own files
            **values,
        )
        policy = {"Content-Security-Policy": _DESK_POLICY if desk else _POLICY}
        headers = {**_HEADERS, **policy, **(headers or {})}
        return web.Response(text=text, status=status, content_type="text/html", charset="utf-8", headers=headers)

    def notice(
        self,
        locale: str,
        status: int,
        title: str,
        text: str,
        *,
        headers: Mapping[str, str] | None = None,
        chat: str = "",
        page: str = "",
        human: str = "",
    ) -> web.Response:
        """A page with one thing to say, and the ways on from there: a chat link, the own page, a person."""
        return self.render(
            "notice.html", locale, status, headers, title=title, text=text, chat=chat, page=page, human=human
        )

    def unknown(self, request: web.Request) -> web.Response:
        """No such page."""
        locale = self.language(request)
        say = self.say(locale)
        return self.notice(locale, 404, say("page.unknown", "title"), say("page.unknown"))

    def path(self, kind: str, token: str) -> str:
        """The path of a link on this server."""
        return f"{self.base}/{kind}/{token}"


def redirect(to: str, status: int = 302, *, referrer: str = "no-referrer") -> web.Response:
    """Send the browser on; neither it nor anybody between keeps that."""
    return web.Response(
        status=status, headers={"Location": to, "Cache-Control": "no-store", "Referrer-Policy": referrer}
    )
