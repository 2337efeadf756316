"""What an uploaded file really is, by its content: its name and its declared type prove nothing."""

import filetype

SMALLEST = 64  # bytes; less is no picture
PDF = "application/pdf"
KINDS = {
    "image/jpeg": "image/jpeg",
    "image/png": "image/png",
    "image/apng": "image/png",
    "image/webp": "image/webp",
    "image/heic": "image/heic",
    "image/heif": "image/heic",
    PDF: PDF,
}


class Unusable(Exception):
    """The file is nothing that a reviewer can look at; `reason` is part of a text key: wrong_type, empty, too_large."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def usable(content: bytes, largest: int | None = None) -> str:
    """The content type of a picture or PDF of at most `largest` bytes. Raises Unusable."""
    if largest is not None and len(content) > largest:
        raise Unusable("too_large")
    if len(content) < SMALLEST:
        raise Unusable("empty")
    known = KINDS.get(filetype.guess_mime(content[:8192]) or "")
    if known is None:
        raise Unusable("wrong_type")
    return known
