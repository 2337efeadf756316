"""Sealed files in a folder of this machine: written whole or not at all, and gone when they are removed."""

import asyncio
import contextlib
import os
import secrets
from pathlib import Path

from storage.url import Unavailable


class Folder:
    """A folder that only we can read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.where = str(path)

    async def open(self) -> None:
        """Make sure that the folder is there and can be written to. Raises Unavailable."""
        await asyncio.to_thread(self._prepare)

    async def write(self, name: str, sealed: bytes) -> None:
        """Keep a file; when this returns, it survives a power cut. Raises Unavailable: the disk refuses it."""
        await asyncio.to_thread(self._write, name, sealed)

    async def read(self, name: str, most: int) -> bytes | None:
        """A file's content, cut off after `most` bytes; None when there is no such file. Raises Unavailable."""
        return await asyncio.to_thread(self._read, name, most)

    async def remove(self, name: str) -> None:
        """Remove a file; harmless when it is gone already. Raises Unavailable."""
        await asyncio.to_thread(self._remove, name)

    async def names(self) -> list[str]:
        """The names of all files that lie here. Raises Unavailable."""
        return await asyncio.to_thread(self._names)

    def _prepare(self) -> None:
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            probe = self.path / f".{secrets.token_hex(16)}"
            probe.touch(0o600)
            probe.unlink()
        except OSError as error:
            raise self._unavailable(error) from error

    def _write(self, name: str, sealed: bytes) -> None:
        unfinished = self.path / f".{name}"
        try:
            try:
                descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(sealed)
                    file.flush()
                    os.fsync(file.fileno())
                unfinished.rename(self.path / name)
            except BaseException:
                with contextlib.suppress(OSError):
                    unfinished.unlink()
                raise
            self._sync()
        except OSError as error:
            raise self._unavailable(error) from error

    def _read(self, name: str, most: int) -> bytes | None:
        try:
            with (self.path / name).open("rb") as file:
                return file.read(most)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unavailable(error) from error

    def _remove(self, name: str) -> None:
        try:
            (self.path / name).unlink(missing_ok=True)
            self._sync()
        except OSError as error:
            raise self._unavailable(error) from error

    def _names(self) -> list[str]:
        try:
            return sorted(file.name for file in self.path.iterdir() if not file.name.startswith("."))
        except OSError as error:
            raise self._unavailable(error) from error

    def _sync(self) -> None:
        """A name is on disk only when its folder is."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _unavailable(self, error: OSError) -> Unavailable:
        return Unavailable(
            f"the vault {self.path} cannot be used ({error.strerror}): see that it is there, has room and is ours"
        )
