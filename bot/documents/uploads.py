"""What an uploaded file really is, by its content: its name and its declared type prove nothing."""

import filetype

SMALLEST = 64  # bytes; less is no picture
KINDS = {
    "image/jpeg": "image/jpeg",
    "image/png": "image/png",
    "image/webp": "image/webp",
    "image/heic": "image/heic",
    "image/heif": "image/heic",
    "application/pdf": "application/pdf",
}


class Unusable(Exception):
    """The file is nothing that a reviewer can look at; `reason` is part of a text key: wrong_type."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def usable(content: bytes) -> str:
    """The content type of a picture or PDF. Raises Unusable."""
    kind = filetype.guess_mime(content[:8192]) if len(content) >= SMALLEST else None
    known = KINDS.get(kind or "")
    if known is None:
        raise Unusable("wrong_type")
    return known
