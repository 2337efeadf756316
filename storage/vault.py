"""Where uploaded files lie, each encrypted under its candidate's key: in a folder, or in S3-compatible storage."""

import re
import secrets
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from storage.bucket import Access, Bucket
from storage.folder import Folder
from storage.keys import Box, Unsealable
from storage.url import Unavailable

LARGEST_FILE = 64 * 2**20  # bytes; uploads are bounded far below
_SEAL = 1024  # bytes; more than sealing adds
_NAME = re.compile(r"[0-9a-f]{32}")


class Gone(Exception):
    """There is no such file (any more)."""


class Damaged(Exception):
    """The file is there but is not what was put in: changed where it lies, or of another candidate."""


class Shelf(Protocol):
    """A place for sealed bytes. Everything raises Unavailable when the place cannot be used."""

    where: str  # for the operator

    async def open(self) -> None:
        """Make sure that files can be kept here."""
        ...

    async def write(self, name: str, sealed: bytes) -> None:
        """Keep a file for good, whole or not at all."""
        ...

    async def read(self, name: str, most: int) -> bytes | None:
        """A file's content, no more than `most` bytes; None when there is no such file."""
        ...

    async def remove(self, name: str) -> None:
        """Remove a file; harmless when it is gone already."""
        ...

    async def names(self) -> list[str]:
        """The names of all files here."""
        ...


class Vault:
    """Encrypted files with random names."""

    def __init__(self, url: str, access: Access | None = None) -> None:
        """Raises Unavailable: `url` is neither a folder nor `s3://bucket/prefix`, or `access` to the bucket lacks."""
        self._shelf = _shelf(url, access)

    @property
    def where(self) -> str:
        """Where the files lie, for the operator."""
        return self._shelf.where

    async def open(self) -> None:
        """Make sure that files can be kept and destroyed. Raises Unavailable."""
        await self._shelf.open()

    async def put(self, box: Box, content: bytes, about: str) -> str:
        """
        Keep a file for good and return its name; when this returns, it survives a power cut.

        Raises ValueError: `content` is larger than any upload may be. Unavailable: it cannot be kept.
        """
        if len(content) > LARGEST_FILE:
            raise ValueError(f"a file of {len(content)} bytes is too large for the vault")
        name = secrets.token_hex(16)
        await self._shelf.write(name, box.seal(content, _place(name, about)))
        return name

    async def get(self, box: Box, name: str, about: str) -> bytes:
        """Read a file. Raises Gone; Damaged: it is not exactly what was put in under this name, key and purpose."""
        sealed = await self._shelf.read(_known(name), LARGEST_FILE + _SEAL)
        if sealed is None:
            raise Gone("the file is gone")
        try:
            return box.open(sealed, _place(name, about))
        except Unsealable as error:
            raise Damaged(str(error)) from error

    async def destroy(self, name: str) -> None:
        """Remove a file; harmless when it is gone already."""
        await self._shelf.remove(_known(name))

    async def names(self) -> list[str]:
        """The names of all files: for whoever compares them with what should be there."""
        return await self._shelf.names()


def _known(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Gone("no file can have this name")
    return name


def _place(name: str, about: str) -> str:
    """Sealed for its own name too, so that no file can be put in another's place."""
    return f"vault:{name}:{about}"


def _shelf(url: str, access: Access | None) -> Shelf:
    parts = urlsplit(url)
    if parts.scheme == "s3":
        return Bucket(url, access)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        return Folder(Path(unquote(parts.path)))
    if parts.scheme or not url:
        raise Unavailable(
            "BULOU_VAULT_URL must be a folder or a bucket: write file:///path/to/vault or s3://bucket/dir"
        )
    return Folder(Path(url))
