"""Where uploaded files lie, each encrypted under its candidate's key."""

import asyncio
import contextlib
import os
import re
import secrets
from pathlib import Path
from urllib.parse import unquote, urlsplit

from storage.keys import Box, Unsealable
from storage.url import Unavailable

LARGEST_FILE = 64 * 2**20  # bytes; uploads are bounded far below
_NAME = re.compile(r"[0-9a-f]{32}")


class Gone(Exception):
    """There is no such file (any more)."""


class Damaged(Exception):
    """The file is there but is not what was put in: changed on disk, or of another candidate."""


class Vault:
    """A folder of encrypted files with random names."""

    def __init__(self, url: str) -> None:
        """Raises Unavailable: `url` is neither a path nor `file:///...`."""
        self.folder = _folder(url)

    async def open(self) -> None:
        """Make sure that the folder is there and can be written to. Raises Unavailable."""
        await asyncio.to_thread(self._prepare)

    async def put(self, box: Box, content: bytes, about: str) -> str:
        """
        Keep a file for good and return its name; when this returns, it survives a power cut.

        Raises ValueError: `content` is larger than any upload may be. Unavailable: the disk refuses it.
        """
        if len(content) > LARGEST_FILE:
            raise ValueError(f"a file of {len(content)} bytes is too large for the vault")
        name = secrets.token_hex(16)
        await asyncio.to_thread(self._write, name, box, content, _place(name, about))
        return name

    async def get(self, box: Box, name: str, about: str) -> bytes:
        """Read a file. Raises Gone; Damaged: it is not exactly what was put in under this name, key and purpose."""
        return await asyncio.to_thread(self._read, self._path(name), box, _place(name, about))

    async def destroy(self, name: str) -> None:
        """Remove a file; harmless when it is gone already."""
        await asyncio.to_thread(self._remove, self._path(name))

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise Gone("no file can have this name")
        return self.folder / name

    def _prepare(self) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            probe = self.folder / f".{secrets.token_hex(16)}"
            probe.touch(0o600)
            probe.unlink()
        except OSError as error:
            raise self._unavailable(error) from error

    def _write(self, name: str, box: Box, content: bytes, about: str) -> None:
        sealed = box.seal(content, about)
        unfinished = self.folder / f".{name}"
        try:
            try:
                descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(sealed)
                    file.flush()
                    os.fsync(file.fileno())
                unfinished.rename(self.folder / name)
            except BaseException:
                with contextlib.suppress(OSError):
                    unfinished.unlink()
                raise
            self._sync_folder()
        except OSError as error:
            raise self._unavailable(error) from error

    def _read(self, path: Path, box: Box, about: str) -> bytes:
        try:
            with path.open("rb") as file:
                sealed = file.read(LARGEST_FILE + 1024)
        except FileNotFoundError:
            raise Gone("the file is gone") from None
        except OSError as error:
            raise self._unavailable(error) from error
        try:
            return box.open(sealed, about)
        except Unsealable as error:
            raise Damaged(str(error)) from error

    def _remove(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
            self._sync_folder()
        except OSError as error:
            raise self._unavailable(error) from error

    def _sync_folder(self) -> None:
        """A name is on disk only when its folder is."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _unavailable(self, error: OSError) -> Unavailable:
        return Unavailable(
            f"the vault {self.folder} cannot be used ({error.strerror}): see that it is there, has room and is ours"
        )


def _place(name: str, about: str) -> str:
    """Sealed for its own name too, so that no file can be put in another's place."""
    return f"vault:{name}:{about}"


def _folder(url: str) -> Path:
    parts = urlsplit(url)
    if parts.scheme == "s3":
        raise Unavailable("BULOU_VAULT_URL: this version keeps files in a folder; write file:///path/to/vault")
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        return Path(unquote(parts.path))
    if parts.scheme or not url:
        raise Unavailable("BULOU_VAULT_URL must be a folder: write file:///path/to/vault")
    return Path(url)
