"""Pictures and files: uploads of the app, and what people sent in their messages."""

import io
import struct
from typing import Any

from aiohttp import BodyPartReader, web

from bot.sandbox.feishu.company import Company, Stored, fresh
from bot.sandbox.feishu.messages import NO_MESSAGE
from bot.sandbox.feishu.wire import Call, Endpoint, Refused

MIB = 2**20
LARGEST_IMAGE, LARGEST_FILE, LARGEST_DOWNLOAD = 10 * MIB, 30 * MIB, 100 * MIB
FILE_TYPES = {"opus", "mp4", "pdf", "doc", "xls", "ppt", "stream"}
UPLOAD = ("im:resource", "im:resource:upload")
DOWNLOAD = ("im:message", "im:message:readonly", "im:message.history:readonly")
BAD, NOT_IN_MESSAGE, NOT_IN_CHAT, DELETED, TOO_LARGE, NO_BOT, NOT_UPLOADER, EXTERNAL, EMPTY, NO_IMAGE = (
    234001,
    234003,
    234004,
    234005,
    234006,
    234007,
    234008,
    234009,
    234010,
    234011,
)
DOWNLOAD_TOO_LARGE, RESTRICTED, TOO_MANY_PIXELS, NOT_FOR_DOWNLOAD = 234037, 234038, 234039, 234043
STARTS = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
    b"\x00\x00\x01\x00": "image/x-icon",
    b"II*\x00": "image/tiff",
    b"MM\x00*": "image/tiff",
}


class Files:
    """Feishu's side of files."""

    def __init__(self, company: Company) -> None:
        self.largest_download = LARGEST_DOWNLOAD
        self.names = True  # downloads tell the file's name
        self._company = company

    def endpoints(self) -> list[Endpoint]:
        """Paths that are served here."""
        resource = "im/v1/messages/{message_id}/resources/{file_key}"
        return [
            Endpoint("POST", "im/v1/images", self._upload_image, scopes=UPLOAD, body="form"),
            Endpoint("POST", "im/v1/files", self._upload_file, scopes=UPLOAD, body="form"),
            Endpoint("GET", "im/v1/images/{file_key}", self._own, scopes=("im:resource",), body=""),
            Endpoint("GET", "im/v1/files/{file_key}", self._own, scopes=("im:resource",), body=""),
            Endpoint("GET", resource, self._resource, scopes=DOWNLOAD, body=""),
        ]

    def keep(self, kind: str, name: str, content: bytes, content_type: str, uploader: str = "") -> Stored:
        """Take a file in."""
        prefix = "img_v3_" if kind == "image" else "file_v3_"
        stored = Stored(fresh(prefix), kind, name, content, content_type, uploader)
        self._company.files[stored.key] = stored
        return stored

    async def _upload_image(self, call: Call) -> dict[str, Any]:
        fields, content = await _form(call.request, "image", LARGEST_IMAGE)
        if fields.get("image_type") not in ("message", "avatar"):
            raise Refused(BAD, "Invalid request param: image_type.")
        content_type = image_type(content)
        if not content_type:
            raise Refused(NO_IMAGE, "Can't recognize the image format.")
        if max(_pixels(content)) > (4096 if fields["image_type"] == "avatar" else _most_pixels(content_type)):
            raise Refused(TOO_MANY_PIXELS, "The image resolution is too large.")
        return {"image_key": self.keep("image", "image", content, content_type).key}

    async def _upload_file(self, call: Call) -> dict[str, Any]:
        fields, content = await _form(call.request, "file", LARGEST_FILE)
        if fields.get("file_type") not in FILE_TYPES or not fields.get("file_name"):
            raise Refused(BAD, "Invalid request param: file_type or file_name.")
        if not (fields.get("duration") or "0").isdecimal():
            raise Refused(BAD, "Invalid request param: duration.")
        kind, name = fields["file_type"], fields["file_name"]
        return {"file_key": self.keep(kind, name, content, "application/octet-stream").key}

    async def _own(self, call: Call) -> web.StreamResponse:
        stored = self._company.files.get(call.path["file_key"])
        image = "/images/" in call.request.path
        if stored is None or image != (stored.kind == "image"):
            raise Refused(BAD, "Invalid request param: the key does not exist.")
        if stored.uploader:
            raise Refused(NOT_UPLOADER, "The app is not the resource sender.")
        return self._download(stored)

    async def _resource(self, call: Call) -> web.StreamResponse:
        wanted = call.query.get("type", "")
        if wanted not in ("image", "file"):
            raise Refused(BAD, "Invalid request param: type is required.")
        if not self._company.app.bot:
            raise Refused(NO_BOT, "The bot ability is not activated.")
        message = self._company.messages.get(call.path["message_id"])
        if message is None:
            raise Refused(NO_MESSAGE, "Invalid ids: the message_id does not exist.")
        chat = message.chat
        if chat.kind == "group" and not chat.bot:
            raise Refused(NOT_IN_CHAT, "The app is not in the chat.")
        if chat.kind == "group" and chat.external:
            raise Refused(EXTERNAL, "This operation is not supported in external groups.")
        if chat.restricted:
            raise Refused(RESTRICTED, "The chat is in restricted mode.")
        if message.kind in ("sticker", "merge_forward", "interactive") or message.deleted:
            raise Refused(NOT_FOR_DOWNLOAD, "Unsupported message type.")
        if message.keys.get(call.path["file_key"]) != wanted:
            raise Refused(NOT_IN_MESSAGE, "The file is not in the message.")
        return self._download(self._company.files[call.path["file_key"]])

    def _download(self, stored: Stored) -> web.Response:
        if stored.deleted:
            raise Refused(DELETED, "The file has been deleted.")
        if len(stored.content) > self.largest_download:
            raise Refused(DOWNLOAD_TOO_LARGE, "The file is larger than 100 MB.")
        headers = {"Content-Type": stored.content_type}
        if self.names:
            safe = stored.name.replace('"', "'").replace("\r", " ").replace("\n", " ")
            headers["Content-Disposition"] = f'attachment; filename="{safe}"'
        return web.Response(body=stored.content, headers=headers)


async def _form(request: web.Request, part: str, limit: int) -> tuple[dict[str, str], bytes]:
    """The fields of an upload and its one file. Raises Refused."""
    fields: dict[str, str] = {}
    content: bytes | None = None
    if request.content_type == "multipart/form-data":
        try:
            async for field in await request.multipart():
                if isinstance(field, BodyPartReader) and field.name == part:
                    content = await _content(field, limit)
                elif isinstance(field, BodyPartReader) and field.name:
                    fields[field.name] = (await _content(field, 4096)).decode("utf-8", "replace")
        except ValueError:  # what aiohttp raises for a body that is no multipart
            content = None
    if content is None:
        raise Refused(BAD, f"Invalid request param: {part}.")
    if not content:
        raise Refused(EMPTY, "The file is empty.")
    if len(content) > limit:
        raise Refused(TOO_LARGE, "The file is too large.")
    return fields, content


async def _content(field: BodyPartReader, limit: int) -> bytes:
    content = bytearray()
    while chunk := await field.read_chunk(2**16):
        if len(content) <= limit:
            content += chunk
    return bytes(content)


def image_type(content: bytes) -> str:
    """The content type of a picture by its first bytes, or "" when it is none that Feishu takes."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content[4:8] == b"ftyp" and content[8:12] in (b"heic", b"heix", b"mif1"):
        return "image/heic"
    return next((name for start, name in STARTS.items() if content.startswith(start)), "")


def _most_pixels(content_type: str) -> int:
    return 2000 if content_type == "image/gif" else 12000


def _pixels(content: bytes) -> tuple[int, int]:
    """Width and height where the header tells them in a fixed place (PNG, GIF); else nothing to object to."""
    if content.startswith(b"\x89PNG") and len(content) >= 24:
        width, height = struct.unpack(">II", content[16:24])
        return width, height
    if content.startswith(b"GIF8") and len(content) >= 10:
        width, height = struct.unpack("<HH", io.BytesIO(content[6:10]).read())
        return width, height
    return 0, 0
