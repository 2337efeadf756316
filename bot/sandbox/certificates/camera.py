"""What becomes of a sheet of paper before it arrives: photographed, badly photographed, turned, packed."""

import io
from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    Pixels = NDArray[np.uint8]

JPEG, PNG, WEBP, HEIC, PDF = "image/jpeg", "image/png", "image/webp", "image/heic", "application/pdf"
_ORIENTATION, _MAKE, _PLACE = 0x0112, 0x010F, 0x8825


def photograph(sheet: "Image", random: Random, *, tilt: float = 7.0) -> "Image":
    """Lay it on a table and take a picture by hand: a little askew, unevenly lit, not quite sharp."""
    import cv2
    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(random.getrandbits(32))
    paper = np.asarray(sheet)
    tall = sheet.height > sheet.width
    width, height = (1200, 1600) if tall else (1600, 1200)
    table = np.array([random.randint(40, 170) for _ in range(3)], np.float32)
    scale = random.uniform(0.72, 0.86) * min(width / sheet.width, height / sheet.height)
    matrix = _laid(random, (sheet.width, sheet.height), (width, height), scale, tilt)
    laid = cv2.warpPerspective(paper, matrix, (width, height), flags=cv2.INTER_AREA).astype(np.float32)
    there = cv2.warpPerspective(np.ones(paper.shape[:2], np.float32), matrix, (width, height))[..., None]
    grain = cv2.resize(noise.normal(0, 9, (height // 8, width // 8, 3)).astype(np.float32), (width, height))
    seen = laid * there + (table + grain) * (1 - there)
    seen = cv2.GaussianBlur(
        seen * _light(random, width, height, random.uniform(0.72, 0.9)), (0, 0), random.uniform(0.4, 0.9)
    )
    seen = seen + noise.standard_normal(seen.shape, np.float32) * random.uniform(1, 4)
    return Image.fromarray(np.clip(seen, 0, 255).astype(np.uint8))


def _laid(random: Random, paper: tuple[int, int], table: tuple[int, int], scale: float, tilt: float) -> Any:
    import cv2
    import numpy as np

    corners = np.array([(0, 0), (paper[0], 0), paper, (0, paper[1])], np.float32)
    angle = np.deg2rad(random.uniform(-tilt, tilt))
    turn = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))], np.float32)
    middle = np.array(table, np.float32) / 2 + np.array([random.uniform(-15, 15) for _ in range(2)], np.float32)
    there = np.asarray((corners - corners.mean(axis=0)) * scale @ turn + middle)
    reach = 0.025 * min(table)
    there += np.array([[random.uniform(-reach, reach) for _ in range(2)] for _ in range(4)], np.float32)
    return cv2.getPerspectiveTransform(corners, there.astype(np.float32))


def _light(random: Random, width: int, height: int, darkest: float) -> Any:
    """Light from one side."""
    import numpy as np

    angle = random.uniform(0, 2 * np.pi)
    across, down = np.meshgrid(np.linspace(-0.7, 0.7, width), np.linspace(-0.7, 0.7, height))
    slope = (across * np.cos(angle) + down * np.sin(angle) + 1) / 2
    return (darkest + (1 - darkest) * slope)[..., None].astype(np.float32)


def _dark(picture: "Pixels", random: Random) -> "Pixels":
    import numpy as np

    return np.asarray(picture.astype(np.float32) * random.uniform(0.1, 0.3), np.float32).astype(np.uint8)


def _blurred(picture: "Pixels", random: Random) -> "Pixels":
    import cv2
    import numpy as np

    length = random.randint(9, 19)
    shake = np.zeros((length, length), np.float32)
    shake[length // 2] = 1 / length
    turn = cv2.getRotationMatrix2D((length / 2 - 0.5, length / 2 - 0.5), random.uniform(0, 180), 1)
    return np.asarray(cv2.filter2D(picture, -1, cv2.warpAffine(shake, turn, (length, length))), np.uint8)


def _glare(picture: "Pixels", random: Random) -> "Pixels":
    import cv2
    import numpy as np

    height, width = picture.shape[:2]
    spot = np.zeros((height, width), np.float32)
    place = (int(width * random.uniform(0.3, 0.7)), int(height * random.uniform(0.3, 0.7)))
    cv2.ellipse(spot, place, (width // 7, height // 9), random.uniform(0, 180), 0, 360, 1.6, -1)
    burnt = np.asarray(cv2.GaussianBlur(spot, (0, 0), width / 30))[..., None]
    return np.asarray(np.clip(picture.astype(np.float32) + 255 * burnt, 0, 255), np.uint8)


def _shadow(picture: "Pixels", random: Random) -> "Pixels":
    import cv2
    import numpy as np

    height, width = picture.shape[:2]
    shade = np.ones((height, width), np.float32)
    edge = random.uniform(0.3, 0.7)
    corners = [(0, 0), (width * edge, 0), (width * random.uniform(0.3, 0.7), height), (0, height)]
    cv2.fillPoly(shade, [np.array(corners, np.int32)], random.uniform(0.35, 0.55))
    soft = np.asarray(cv2.GaussianBlur(shade, (0, 0), width / 60))[..., None]
    return np.asarray(picture.astype(np.float32) * soft, np.uint8)


def _cut(picture: "Pixels", random: Random) -> "Pixels":
    height, width = picture.shape[:2]
    away = random.uniform(0.28, 0.42)
    if random.random() < 0.5:
        return picture[:, int(width * away) :] if random.random() < 0.5 else picture[:, : int(width * (1 - away))]
    return picture[: int(height * (1 - away))]


def _small(picture: "Pixels", random: Random) -> "Pixels":
    import cv2
    import numpy as np

    scale = random.uniform(0.2, 0.32)
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


HARM: dict[str, Callable[["Pixels", Random], "Pixels"]] = {
    "dark": _dark,
    "blurred": _blurred,
    "glare": _glare,
    "shadow": _shadow,
    "cut": _cut,
    "small": _small,
}


def harm(picture: "Image", random: Random, how: Sequence[str]) -> "Image":
    """Spoil a picture in these ways."""
    import numpy as np
    from PIL import Image

    pixels = np.asarray(picture)
    for one in how:
        pixels = HARM[one](pixels, random)
    return Image.fromarray(pixels)


def pack(picture: "Image", kind: str, quality: int = 85, *, sideways: bool = False) -> bytes:
    """Save a picture as a telephone does, with the place and the make in it; `sideways`: turned by a note only."""
    from PIL import Image

    exif = Image.Exif()
    exif[_MAKE] = "Phone of nobody"
    exif.get_ifd(_PLACE).update({1: "N", 2: (31.0, 14.0, 10.0), 3: "E", 4: (121.0, 28.0, 20.0)})
    if sideways:
        exif[_ORIENTATION] = 6
        picture = picture.transpose(Image.Transpose.ROTATE_90)
    content = io.BytesIO()
    if kind == HEIC:
        import pillow_heif

        pillow_heif.from_pillow(picture).save(content, quality=quality)
    else:
        picture.save(content, kind.removeprefix("image/"), quality=quality, exif=exif.tobytes())
    return content.getvalue()


def bind(pages: Sequence["Image"]) -> bytes:
    """Make one PDF of pages."""
    content = io.BytesIO()
    pages[0].save(content, "pdf", save_all=True, append_images=pages[1:], resolution=150)
    return content.getvalue()
