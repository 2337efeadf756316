"""Pictures out of files from outside. Everything is bounded by what the file declares, before it is decoded."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.documents.uploads import PDF, Unusable, usable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    Picture = NDArray[np.uint8]  # height, width, blue-green-red

MOST_PIXELS = 64_000_000  # of one picture; telephones make 12 to 50 million
MOST_PAGES = 4  # of all files of a document together
LONGEST_SIDE = 1600  # pixels; more costs time and reads no better
SMALLEST_SIDE = 64


class Refused(Exception):
    """The file is damaged or beyond a bound; `reason` is one of the reader's reasons."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def prepare() -> None:
    """Load the decoders."""
    import pillow_heif
    import pypdfium2  # type: ignore[import-untyped]  # noqa: F401
    from PIL import Image

    pillow_heif.register_heif_opener(thumbnails=False)
    Image.MAX_IMAGE_PIXELS = None  # we look ourselves, and refuse where it would only warn
    Image.init()


def pictures(files: Sequence[bytes]) -> list["Picture"]:
    """All pages of all files, upright as the camera meant them, without what it wrote beside. Raises Refused."""
    pages: list[Picture] = []
    for content in files:
        try:
            kind = usable(content)
        except Unusable as error:
            raise Refused(error.reason) from error
        pages += _of_pdf(content, MOST_PAGES - len(pages)) if kind == PDF else [_of_picture(content, kind)]
        if len(pages) > MOST_PAGES:
            raise Refused("too_many_pages")
    return pages


def _of_picture(content: bytes, kind: str) -> "Picture":
    import numpy as np
    from PIL import Image, ImageOps

    names = {"image/heic": ("HEIF",)}.get(kind) or (kind.removeprefix("image/").upper(),)
    try:
        with Image.open(io.BytesIO(content), formats=names) as image:
            _check(*image.size)
            if image.format == "JPEG":
                image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))  # decodes no more than is needed
            turned = ImageOps.exif_transpose(image)
            turned.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BICUBIC, reducing_gap=2.0)
            plain = _on_white(turned)
    except Refused:
        raise
    except MemoryError as error:
        raise Refused("too_many_pixels") from error
    except Exception as error:  # the decoders raise whatever comes to their mind
        raise Refused("damaged") from error
    return np.ascontiguousarray(np.asarray(plain)[..., ::-1])


def _on_white(image: "Image") -> "Image":
    from PIL import Image

    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def _check(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise Refused("too_many_pixels")
    if min(width, height) < SMALLEST_SIDE:
        raise Refused("too_small")


def _of_pdf(content: bytes, most: int) -> list["Picture"]:
    import numpy as np
    import pypdfium2

    pages = []
    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        raise Refused("locked" if "password" in str(error).lower() else "damaged") from error
    try:
        if len(document) > most:
            raise Refused("too_many_pages")
        for number in range(len(document)):
            page = document[number]
            longest = max(*page.get_size(), 1.0)
            bitmap = page.render(scale=LONGEST_SIDE / longest, may_draw_forms=False, rev_byteorder=False)
            drawn = np.array(bitmap.to_numpy()[..., :3])
            bitmap.close()
            page.close()
            if min(drawn.shape[:2]) < SMALLEST_SIDE:
                raise Refused("too_small")
            pages.append(drawn)
    except (pypdfium2.PdfiumError, ValueError) as error:
        raise Refused("damaged") from error
    finally:
        document.close()
    if not pages:
        raise Refused("damaged")
    return pages
