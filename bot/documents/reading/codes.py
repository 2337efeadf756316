"""QR codes: only the host of the address that they hold is kept, and no address is ever opened."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

MOST = 4
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
Area = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Code:
    """A code on a page. Its text is compared and forgotten."""

    text: str
    area: Area

    @property
    def host(self) -> str:
        """The host of the address in it; empty when it is none."""
        return host_of(self.text)


def codes_in(picture: "Picture") -> list[Code]:
    """The codes on a page."""
    import zxingcpp

    formats = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    found = zxingcpp.read_barcodes(picture, formats=formats)[:MOST] if picture.size else []
    return [Code(code.text, _area(code.position)) for code in found]


def host_of(text: str) -> str:
    """The host of a web address in lower case; empty when it is none."""
    try:
        address = urlsplit(text.strip())
        host = (address.hostname or "").encode("idna").decode("ascii").lower()
    except ValueError:  # also what no host name can be
        return ""
    return host if address.scheme in ("http", "https") and _HOST.fullmatch(host) else ""


def _area(position: "object") -> Area:
    corners = [getattr(position, name) for name in ("top_left", "top_right", "bottom_right", "bottom_left")]
    across, down = [corner.x for corner in corners], [corner.y for corner in corners]
    more = (max(across) - min(across)) // 8
    return min(across) - more, min(down) - more, max(across) + more, max(down) + more
