"""What is wrong with a picture, so that the person can be told how to take a better one."""

from statistics import median
from typing import TYPE_CHECKING, Any

from bot.documents.reading.eyes import Page
from recruiting.certificates import Fault

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

DARK = 85  # of 255: how bright the paper is where it is brightest
SMALL = 13  # pixels: the height of a line
SMALL_SIDE = 500  # pixels of the longer side, where no line was found
GLARING = 0.012  # share of the page
BLURRED = 60.0  # variance of the Laplacian, with lines brought to one height and light to one range
TILTED = 15.0  # degrees
_LINE = 32  # pixels, the height to which lines are brought


def faults_of(taken: "Picture", page: Page) -> list[Fault]:
    """Worst first. `taken` is the picture before it was turned."""
    import cv2
    import numpy as np

    grey = cv2.cvtColor(page.picture, cv2.COLOR_BGR2GRAY)
    brightest = float(np.percentile(grey, 90))
    heights = [line.height for line in page.lines]
    small = median(heights) < SMALL if heights else max(taken.shape[:2]) < SMALL_SIDE
    found = {
        Fault.DARK: brightest < DARK,
        Fault.SMALL: small,
        Fault.CUT: page.cut,
        Fault.GLARE: _glare(grey) > GLARING,
        Fault.BLURRED: brightest >= 20 and _sharpness(grey, page, brightest) < BLURRED,
        Fault.TILTED: abs((page.angle + 45) % 90 - 45) > TILTED,
    }
    return [fault for fault, there in found.items() if there]


def _glare(grey: Any) -> float:
    """The share of the page that is a white spot, brighter than its paper."""
    import cv2
    import numpy as np

    paper = float(np.median(grey))
    if paper > 235:
        return 0.0  # white all over: a scan
    small = cv2.resize(grey, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    burnt = cv2.morphologyEx((small >= 252).astype(np.uint8), cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))
    return float(burnt.mean())


def _sharpness(grey: Any, page: Page, brightest: float) -> float:
    """The variance of the Laplacian where lines are, or of the whole page without any."""
    import cv2
    import numpy as np

    bright = cv2.convertScaleAbs(grey, alpha=220 / brightest)
    if not page.lines:
        return float(cv2.Laplacian(bright, cv2.CV_64F).var())
    scale = min(1.0, _LINE / median([line.height for line in page.lines]))
    values = []
    for line in page.lines:
        top, bottom, left, right = (int(max(0, edge)) for edge in (line.top, line.bottom, line.left, line.right))
        part = bright[top:bottom, left:right]
        if min(part.shape) >= 4:
            part = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            values.append(float(cv2.Laplacian(part, cv2.CV_64F).var()))
    return float(np.median(values)) if values else 0.0
