"""What a reviewer is shown: one picture, made in a process of its own, with their name and the time across it."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from bot.documents.reading.frames import HEAD, BadFrame, count_of, packed, sizes_of
from bot.errors import BotError

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 20.0  # for one picture, the start of the process included
RECYCLE = 200  # pictures, after which the process is replaced


class CannotShow(BotError):
    """No picture can be made of these files."""


class Showing:
    """Makes pictures for reviewers, one at a time, in a process that starts with the first one."""

    def __init__(self, *, seconds: float = SECONDS, recycle: int = RECYCLE) -> None:
        self._turn = asyncio.Lock()
        self._seconds = seconds
        self._recycle = recycle
        self._drawn = 0
        self._process: asyncio.subprocess.Process | None = None

    async def picture(self, files: Sequence[bytes], mark: str, plain_mark: str) -> bytes:
        """One JPEG of all files, in this order. `plain_mark` is `mark` in ASCII. Raises CannotShow."""
        marks = json.dumps({"mark": mark, "plain_mark": plain_mark}).encode()
        try:
            message = packed([marks, *files])
        except BadFrame as error:
            raise CannotShow(str(error)) from error
        async with self._turn:
            answered = False
            try:
                async with asyncio.timeout(self._seconds):
                    said, content = await self._ask(message)
                self._drawn += 1
                answered = self._drawn < self._recycle
            except TimeoutError as error:
                raise CannotShow("it took too long") from error
            except (BadFrame, OSError, ValueError, asyncio.IncompleteReadError) as error:
                raise CannotShow("it crashed") from error
            finally:
                if not answered:
                    await self._end()
        if said != b"done":
            raise CannotShow(content.decode(errors="replace"))
        return content

    async def close(self) -> None:
        """End the process."""
        async with self._turn:
            await self._end()

    async def _ask(self, message: bytes) -> list[bytes]:
        process = self._process = self._process or await _start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(message)
        await process.stdin.drain()
        count = count_of(await process.stdout.readexactly(HEAD))
        sizes = sizes_of(await process.stdout.readexactly(HEAD * count))
        return [await process.stdout.readexactly(size) for size in sizes]

    async def _end(self) -> None:
        """Kill it: it holds nothing that would have to be saved."""
        process, self._process, self._drawn = self._process, None, 0
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            # Draining what is left closes the pipes, which otherwise stay open until somebody collects them.
            await asyncio.shield(process.communicate())


async def _start() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot.documents.drawing",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd="/",
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8"},
    )
