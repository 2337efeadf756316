"""Where the fonts with Chinese characters lie."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

FOLDERS = (
    Path("/usr/share/fonts/opentype/noto"),
    Path("/usr/share/fonts/noto-cjk"),
    Path("/usr/share/fonts/google-noto-cjk"),
    Path("/usr/local/share/fonts"),
    Path.home() / ".fonts",
    Path.home() / ".local/share/fonts",
)
SANS, BOLD, SERIF = "NotoSansCJK-Regular.ttc", "NotoSansCJK-Bold.ttc", "NotoSerifCJK-Regular.ttc"
_SIMPLIFIED = 2  # the third of the five fonts in each file


class FontMissing(Exception):
    """A font is not installed; `str()` says which package has it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the font {name} is missing: install Noto CJK (Debian: apt install fonts-noto-cjk)")


@cache
def find(name: str) -> Path:
    """The font's file. Raises FontMissing."""
    for folder in FOLDERS:
        if (path := folder / name).is_file():
            return path
    raise FontMissing(name)


@cache
def font(name: str, size: int) -> "FreeTypeFont":
    """The font in a size, in pixels. Raises FontMissing."""
    from PIL import ImageFont

    return ImageFont.truetype(str(find(name)), size, index=_SIMPLIFIED)
