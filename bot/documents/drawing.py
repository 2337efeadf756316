"""A process of its own that makes one picture of a document's pages, with the viewer's name across it.

`python -m bot.documents.drawing`: files and marks come in on stdin, JPEGs go out on stdout.
"""

import io
import json
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bot.documents.reading.decode import Refused, pictures, prepare
from bot.documents.reading.frames import packed, received

if TYPE_CHECKING:
    from PIL import Image, ImageFont

    Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

MEMORY = 2 * 2**30  # bytes of address space
GAP = 16  # pixels between pages
GROUND = (120, 120, 120)
TILT = 24  # degrees
QUALITY = 88
# Fonts with Chinese and Japanese characters, as systems have them; with the number of the font inside the file.
FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "/System/Library/Fonts", "/Library/Fonts", "C:/Windows/Fonts")
FONTS = (
    ("NotoSansCJK-Regular.ttc", 2),
    ("NotoSansCJKsc-Regular.otf", 0),
    ("NotoSansSC-Regular.otf", 0),
    ("SourceHanSansSC-Regular.otf", 0),
    ("wqy-microhei.ttc", 0),
    ("wqy-zenhei.ttc", 0),
    ("DroidSansFallbackFull.ttf", 0),
    ("DroidSansFallback.ttf", 0),
    ("PingFang.ttc", 0),
    ("Hiragino Sans GB.ttc", 0),
    ("msyh.ttc", 0),
    ("simsun.ttc", 0),
)


def font_file(folders: Sequence[str] = FOLDERS) -> tuple[Path, int] | None:
    """A font that can write Chinese names, or None."""
    for name, number in FONTS:
        for folder in folders:
            found = next(iter(sorted(Path(folder).rglob(name))), None) if Path(folder).is_dir() else None
            if found is not None:
                return found, number
    return None


def drawn(files: Sequence[bytes], mark: str, plain_mark: str, folders: Sequence[str] = FOLDERS) -> bytes:
    """All pages below one another in one JPEG, marked all over. Raises Refused.

    Args:
        mark: What is written across it.
        plain_mark: The same in ASCII, for machines without a font for `mark`.
    """
    from PIL import Image

    pages = [Image.fromarray(page[..., ::-1]) for page in pictures(files)]
    width = max(page.width for page in pages)
    height = sum(page.height for page in pages) + GAP * (len(pages) - 1)
    whole = Image.new("RGB", (width, height), GROUND)
    top = 0
    for page in pages:
        whole.paste(page, ((width - page.width) // 2, top))
        top += page.height + GAP
    size = max(18, width // 30)
    found = None if mark.isascii() else font_file(folders)
    text = mark if mark.isascii() or found is not None else plain_mark
    marked = _marked(whole, text, _font(found, size), size)
    out = io.BytesIO()
    marked.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def _font(found: tuple[Path, int] | None, size: int) -> "Font":
    from PIL import ImageFont

    return ImageFont.truetype(str(found[0]), size, index=found[1]) if found else ImageFont.load_default(size)


def _marked(whole: "Image.Image", text: str, font: "Font", size: int) -> "Image.Image":
    """The mark again and again, in rows that are shifted against each other."""
    stamp = _stamp(text, font, size)
    across, down = stamp.width + size, max(stamp.height // 2, 3 * size)
    for row, y in enumerate(range(-stamp.height // 2, whole.height, down)):
        for x in range(-across + row * across // 4 % across, whole.width, across):
            whole.paste(stamp, (x, y), stamp)
    return whole


def _stamp(text: str, font: "Font", size: int) -> "Image.Image":
    """Light letters with a dark rim: seen on white paper and on a dark table, and still one can read what is below."""
    from PIL import Image, ImageDraw

    length = int(ImageDraw.Draw(Image.new("L", (1, 1))).textlength(text, font=font))
    straight = Image.new("RGBA", (length + size, 2 * size), (30, 40, 60, 0))
    pen = ImageDraw.Draw(straight)
    pen.text(
        (size // 2, size // 4),
        text,
        font=font,
        fill=(255, 255, 255, 110),
        stroke_width=1,
        stroke_fill=(30, 40, 60, 110),
    )
    return straight.rotate(TILT, Image.Resampling.BICUBIC, expand=True)


def main() -> None:
    """Draw what is asked for, one picture after the other, within the bounds of this process."""
    prepare()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    while (asked := received(sys.stdin.buffer)) is not None:
        sys.stdout.buffer.write(packed(_answer(*asked)))
        sys.stdout.buffer.flush()


def _answer(said: bytes, *files: bytes) -> list[bytes]:
    try:
        marks = json.loads(said)
        return [b"done", drawn(files, marks["mark"], marks["plain_mark"])]
    except Refused as refused:
        return [b"refused", refused.reason.encode()]
    except (ValueError, KeyError, MemoryError):
        return [b"refused", b"damaged"]


if __name__ == "__main__":
    main()
