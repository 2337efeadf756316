"""What may be kept of a page. Nothing is legible unless it is known to be a field, its label or the title.

Lines that were found and are none of these are painted over; all the rest, with what was overlooked, is coarsened
until no letter of the page's size can be read. So a line that nobody recognised stays unreadable too.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from statistics import median
from typing import TYPE_CHECKING

from bot.documents.reading.fields import Span
from bot.documents.reading.lines import Line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

QUALITY = 82  # of the JPEG
COVER = (176, 176, 176)
_LEAST_CELL = 60  # cells on the longer side, at the most
Area = tuple[int, int, int, int]  # left, top, right, bottom


def masked(picture: "Picture", lines: Sequence[Line], shown: Iterable[Span], covered: Iterable[Area]) -> bytes:
    """The page as JPEG with only the shown parts legible; `covered`, as the codes, is painted over."""
    import cv2
    import numpy as np

    height, width = picture.shape[:2]
    open_areas = [_area(lines[span.line], span, width, height) for span in shown]
    page = _coarse(picture, lines)
    for line in lines:
        _paint(page, _around(line, width, height))
    for left, top, right, bottom in open_areas:
        page[top:bottom, left:right] = picture[top:bottom, left:right]
    for area in covered:
        _paint(page, area)
    written, content = cv2.imencode(".jpg", page, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert written
    return np.asarray(content).tobytes()


def _coarse(picture: "Picture", lines: Sequence[Line]) -> "Picture":
    """In cells nearly as large as a letter."""
    import cv2
    import numpy as np

    height, width = picture.shape[:2]
    letter = median([line.height for line in lines]) if lines else 0.0
    cell = max(letter * 0.8, max(width, height) / _LEAST_CELL, 4)
    few = max(1, round(width / cell)), max(1, round(height / cell))
    small = cv2.resize(picture, few, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _paint(page: "Picture", area: Area) -> None:
    left, top, right, bottom = area
    page[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = COVER


def _around(line: Line, width: int, height: int) -> Area:
    more = line.height * 0.12
    return (
        max(0, int(line.left - more)),
        max(0, int(line.top - more)),
        min(width, int(line.right + more)),
        min(height, int(line.bottom + more)),
    )


def _area(line: Line, span: Span, width: int, height: int) -> Area:
    """Where a part of a line stands, as far as its letters' usual widths tell; rather too narrow than too wide."""
    left, top, right, bottom = _around(line, width, height)
    total = _extent(line.text)
    if span.start > 0:
        left = int(line.left + line.width * _extent(line.text[: span.start]) / total)
    if span.end < len(line.text):
        right = int(line.left + line.width * _extent(line.text[: span.end].rstrip()) / total)
    return left, top, max(left, right), bottom


def _extent(text: str) -> float:
    return sum(1.0 if unicodedata.east_asian_width(sign) in "WF" else 0.55 for sign in text)
