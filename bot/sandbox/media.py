"""Temporary media: uploaded or sent files, kept for three days."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aiohttp
from aiohttp import BodyPartReader, web

from bot.sandbox.wire import Call, Endpoint, Refused

KEPT = timedelta(days=3)
MIB = 2**20
LIMITS = {"image": 10 * MIB, "voice": 2 * MIB, "video": 10 * MIB, "file": 20 * MIB}
ROBOT_LIMITS = {"voice": 2 * MIB, "file": 20 * MIB}
TOO_LARGE = {"image": 40009, "video": 40011}
SMALLEST = 5
COMPANY = "company"  # owner of what the apps upload; a group robot owns its own
INVALID = 40007


@dataclass(frozen=True, slots=True)
class Item:
    """One file under its media id."""

    kind: str
    name: str
    content: bytes
    content_type: str
    at: datetime
    owner: str


class Media:
    """All files that lie with the platform at the moment."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}

    def endpoints(self) -> dict[str, Endpoint]:
        """Paths that are served here."""
        return {
            "media/upload": Endpoint("POST", self._upload, json=False),
            "media/get": Endpoint("GET", self._get),
        }

    def keep(self, item: Item) -> str:
        """Take a file in, and let go of those that are too old. Returns its media id."""
        self._items = {id: old for id, old in self._items.items() if item.at - old.at < KEPT}
        media_id = f"3{secrets.token_urlsafe(32)}"
        self._items[media_id] = item
        return media_id

    def shown(self, media_id: str) -> Item | None:
        """A file as people see it in their chat, whoever uploaded it; None when there is none."""
        return self._items.get(media_id)

    def find(self, media_id: Any, kind: str, now: datetime, owner: str = COMPANY) -> Item:
        """A file of this kind and owner that has not expired. Raises Refused (40007)."""
        item = self._items.get(media_id) if isinstance(media_id, str) else None
        if item is None or now - item.at >= KEPT or item.owner != owner or (kind and item.kind != kind):
            raise Refused(INVALID, "invalid media_id")
        return item

    async def receive(self, request: web.Request, limits: dict[str, int], now: datetime, owner: str) -> Item:
        """Read and check an upload. Raises Refused."""
        kind = request.query.get("type", "")
        if kind not in limits:
            raise Refused(40005, "invalid file type")
        name, content_type, content = await _read(request, limits[kind])
        if not content:
            raise Refused(44001, "empty media data")
        if len(content) <= SMALLEST:
            raise Refused(40006, "invalid media size")
        if len(content) > limits[kind]:
            raise Refused(TOO_LARGE.get(kind, 45001), "media size out of limit")
        if not _looks_like(kind, content):
            raise Refused(40004, "invalid media type")
        return Item(kind, name, content, content_type, now, owner)

    async def _upload(self, call: Call) -> dict[str, Any]:
        return uploaded("", self, await self.receive(call.request, LIMITS, call.now, COMPANY))

    async def _get(self, call: Call) -> web.StreamResponse:
        media_id = call.query.get("media_id", "")
        if not media_id:
            raise Refused(41006, "media_id missing")
        return _download(call.request, self.find(media_id, "", call.now))


def uploaded(errmsg: str, media: Media, item: Item) -> dict[str, Any]:
    """The answer to an upload; its time stamp is a string."""
    media_id = media.keep(item)
    created = str(int(item.at.timestamp()))
    return {"errcode": 0, "errmsg": errmsg, "type": item.kind, "media_id": media_id, "created_at": created}


async def _read(request: web.Request, limit: int) -> tuple[str, str, bytes]:
    if request.content_type != "multipart/form-data":
        raise Refused(41005, "media data missing")
    try:
        reader = await request.multipart()
        async for field in reader:
            if isinstance(field, BodyPartReader) and field.name == "media" and field.filename:
                content = bytearray()
                while len(content) <= limit and (chunk := await field.read_chunk(2**16)):
                    content += chunk
                kind = field.headers.get(aiohttp.hdrs.CONTENT_TYPE, "application/octet-stream")
                return field.filename, kind, bytes(content)
    except ValueError:  # what aiohttp raises for a body that is no multipart
        pass
    raise Refused(41005, "media data missing")


def _looks_like(kind: str, content: bytes) -> bool:
    match kind:
        case "image":
            return content.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"))
        case "voice":
            return content.startswith(b"#!AMR")
        case "video":
            return content[4:8] == b"ftyp"
        case _:
            return True


def _download(request: web.Request, item: Item) -> web.Response:
    # The name as the platform sends it: raw UTF-8 in quotes, without the encoded form beside it.
    safe = item.name.replace('"', "'").replace("\r", " ").replace("\n", " ")
    headers = {"Content-Type": item.content_type, "Content-Disposition": f'attachment; filename="{safe}"'}
    try:
        wanted = request.http_range
    except ValueError:
        return web.Response(status=416)
    if wanted.start is None and wanted.stop is None:
        return web.Response(body=item.content, headers=headers)
    start, stop, _ = wanted.indices(len(item.content))
    if start >= stop:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{len(item.content)}"})
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(item.content)}"
    return web.Response(status=206, body=item.content[start:stop], headers=headers)
