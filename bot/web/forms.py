"""Forms of our pages: read within bounds, and only from our own pages."""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from bot.web.guard import whole_body

LONGEST_FIELD = 1_024  # bytes: the key of a button
FIELDS = 10
OVERHEAD = 64 * 1_024  # bytes around the file in a form
LONGEST_NAME = 200


class BadForm(Exception):
    """This is no form of ours."""


class FileTooLarge(Exception):
    """The file is larger than may be sent."""


@dataclass(frozen=True, slots=True)
class Form:
    """What was sent: the key of the button, and the file if there is one."""

    do: str
    file: bytes | None = None
    file_name: str = ""


def from_our_page(request: web.Request, public_url: str) -> bool:
    """Whether a browser sent this from a page of ours. Who names no origin is no browser, and needs the token too."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    if origin is None:
        origin = request.headers.get("Referer")
    if origin is None:
        return True
    try:
        given, ours = urlsplit(origin), urlsplit(public_url)
        return given.netloc.lower() in (ours.netloc.lower(), request.host.lower()) and bool(given.netloc)
    except ValueError:
        return False


async def read_form(request: web.Request, largest_file: int) -> Form:
    """Read a form. Raises BadForm, FileTooLarge or HTTPRequestEntityTooLarge."""
    if request.content_type == "multipart/form-data":
        if (request.content_length or 0) > largest_file + OVERHEAD:
            raise FileTooLarge
        try:
            return await _read_parts(request, largest_file)
        except (
            ValueError,
            RuntimeError,
            AssertionError,
            LookupError,
            HttpProcessingError,
            web.RequestPayloadError,
        ) as error:
            raise BadForm from error
    if request.content_type == "application/x-www-form-urlencoded":
        try:
            fields = parse_qs((await whole_body(request)).decode(), max_num_fields=FIELDS, keep_blank_values=True)
        except ValueError as error:
            raise BadForm from error
        return Form(_key(fields.get("do", [""])[0]))
    raise BadForm


async def read_fields(request: web.Request) -> dict[str, str]:
    """The fields of a form without files, each cut off at a bound. Raises BadForm or HTTPRequestEntityTooLarge."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise BadForm
    try:
        fields = parse_qs((await whole_body(request)).decode(), max_num_fields=FIELDS, keep_blank_values=True)
    except ValueError as error:
        raise BadForm from error
    return {name: said[0][:LONGEST_FIELD] for name, said in fields.items()}


async def _read_parts(request: web.Request, largest_file: int) -> Form:
    do, file, name = "", None, ""
    reader = await request.multipart()
    for _ in range(FIELDS):
        part = await reader.next()
        if part is None:
            return Form(_key(do), file, name)
        if not isinstance(part, BodyPartReader):
            raise BadForm
        if part.name == "file":
            file = await _read_part(part, largest_file) or None
            name = (part.filename or "")[:LONGEST_NAME]
        elif part.name == "do":
            do = (await _read_part(part, LONGEST_FIELD)).decode()
        else:
            await _read_part(part, LONGEST_FIELD)
    raise BadForm


async def _read_part(part: BodyPartReader, limit: int) -> bytes:
    content = bytearray()
    while not part.at_eof():
        content += await part.read_chunk(64 * 1_024)
        if len(content) > limit:
            raise FileTooLarge
    return bytes(content)


def _key(do: str) -> str:
    """A button's key; anything that cannot be one says that this is no form of ours."""
    if not do.isascii() or not do.isprintable() or not 3 <= len(do) <= 64 or ":" not in do:
        raise BadForm
    return do
