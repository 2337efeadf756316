"""Gives files to the process that reads them, and takes back only what it may say."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from bot.documents.reading.frames import HEAD, BadFrame, count_of, packed, sizes_of
from bot.errors import BotError
from recruiting.certificates import NO_PROVINCES, Category, Fault, Provinces, Reading, province_of

ROOT = Path(__file__).resolve().parents[3]
MOST_FILES = 4
LARGEST_FILES = 40 * 2**20  # bytes, all files of one document together
SECONDS = 20.0  # for one document, without waiting for its turn and without the start
SECONDS_TO_START = 60.0
MEMORY = 3 * 2**30  # bytes of address space; what is really used is about a quarter
RECYCLE = 200  # documents, after which the process is replaced
Unread = Literal["damaged", "empty", "locked", "too_small", "wrong_type"]
Beyond = Literal["too_many_pages", "too_many_pixels", "too_much", "too_slow"]  # some bound
Reason = Unread | Beyond


class Unreadable(BotError):
    """No picture can be made of the file; `reason` is part of a text key: `unusable.<reason>`."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class NotReady(BotError):
    """The reading process can't be started: nothing is wrong with the file, and it may be read later."""


class ReadDocument(BaseModel):
    """What was read, and the pages as they may be stored: upright, without place and device, masked."""

    model_config = ConfigDict(frozen=True)

    reading: Reading
    pages: tuple[bytes, ...]  # JPEG


_Line = Annotated[str, StringConstraints(max_length=80)]
_Host = Annotated[str, StringConstraints(max_length=253, pattern=r"^[a-z0-9.-]*$")]


class Answer(BaseModel):
    """All that the reading process may say. Nothing about test results has a place in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Reason | None = None
    certificate: bool = False
    name: _Line = ""
    number: _Line = ""
    category: Category | None = None
    examined_on: date | None = None
    issued_on: date | None = None
    valid_until: date | None = None
    issuer: _Line = ""
    code_hosts: tuple[_Host, ...] = Field(default=(), max_length=8)
    faults: tuple[Fault, ...] = Field(default=(), max_length=len(Fault))
    fingerprint: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{16})?$")] = ""

    def reading(self) -> Reading:
        """The fields as the rules take them."""
        return Reading(**{name: getattr(self, name) for name in Answer.model_fields if name != "reason"})


class Reader:
    """Reads one document after the other in a process of its own, which it starts when the first one comes."""

    def __init__(
        self,
        provinces: Provinces = NO_PROVINCES,
        *,
        processes: int = 1,
        threads: int = 2,
        seconds: float = SECONDS,
        memory: int = MEMORY,
        recycle: int = RECYCLE,
    ) -> None:
        self.provinces = provinces
        self.seconds = seconds
        self.recycle = recycle
        self._command = [sys.executable, "-m", "bot.documents.reading.worker", str(threads), str(memory)]
        self._turns = asyncio.Semaphore(processes)  # first come, first served
        self._idle: list[_Process] = []
        self._running: set[_Process] = set()
        self._closed = False

    async def read(self, pages: Sequence[tuple[bytes, str]]) -> ReadDocument:
        """Read the files of one document, each with its content type. Raises Unreadable, NotReady."""
        if not pages or len(pages) > MOST_FILES:
            raise Unreadable("too_many_pages" if pages else "damaged")
        if sum(len(content) for content, _ in pages) > LARGEST_FILES:
            raise Unreadable("too_much")
        kinds = json.dumps([kind for _, kind in pages]).encode()
        said, *pictures = await self._ask(packed([kinds, *(content for content, _ in pages)]))
        try:
            answer = Answer.model_validate_json(said)
        except ValidationError as error:
            raise Unreadable("damaged") from error
        if answer.reason is not None:
            raise Unreadable(answer.reason)
        reading = answer.reading()
        reading = replace(reading, province=province_of(reading.issuer, self.provinces))
        return ReadDocument(reading=reading, pages=tuple(pictures))

    async def warm(self) -> None:
        """Start before the first document comes, so that nobody waits for it."""
        async with self._turns:
            self._idle.append(await self._free())

    async def close(self) -> None:
        """End the processes. A document that is being read fails."""
        self._closed = True
        self._idle.clear()
        for process in list(self._running):
            await self._end(process)

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that run now."""
        return tuple(process.pid for process in self._running)

    async def _ask(self, message: bytes) -> list[bytes]:
        """Have a free process read it; one that crashes or is too slow is replaced. Raises Unreadable."""
        async with self._turns:
            process = await self._free()
            good = False
            try:
                async with asyncio.timeout(self.seconds):
                    answer = await process.ask(message)
                good = process.documents < self.recycle
            except TimeoutError as error:
                raise Unreadable("too_slow") from error
            except (BadFrame, OSError, asyncio.IncompleteReadError) as error:
                raise Unreadable("damaged") from error
            finally:
                if good and not self._closed:
                    self._idle.append(process)
                else:
                    await self._end(process)
            return answer

    async def _free(self) -> "_Process":
        """One that waits for a document, or a new one. Raises NotReady."""
        if self._closed:
            raise NotReady("it is closed")
        if self._idle:
            return self._idle.pop()
        process = _Process(
            await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                cwd="/",
                env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8"},
            )
        )
        self._running.add(process)
        try:
            async with asyncio.timeout(SECONDS_TO_START):
                await process.answer()  # it says a word when it is ready
        except (TimeoutError, BadFrame, OSError, asyncio.IncompleteReadError) as error:
            raise NotReady("it did not start") from error
        finally:
            if not process.ready:
                await self._end(process)
        return process

    async def _end(self, process: "_Process") -> None:
        self._running.discard(process)
        await asyncio.shield(process.end())


class _Process:
    """One reading process from its start to its end."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid
        self.documents = 0
        self.ready = False

    async def ask(self, message: bytes) -> list[bytes]:
        """Hand over a document and wait for what is said about it."""
        stdin = self._process.stdin
        assert stdin is not None
        self.documents += 1
        stdin.write(message)
        await stdin.drain()
        return await self.answer()

    async def answer(self) -> list[bytes]:
        """The next message. Raises BadFrame, IncompleteReadError."""
        stdout = self._process.stdout
        assert stdout is not None
        count = count_of(await stdout.readexactly(HEAD))
        sizes = sizes_of(await stdout.readexactly(HEAD * count))
        blocks = [await stdout.readexactly(size) for size in sizes]
        self.ready = True
        return blocks

    async def end(self) -> None:
        """Kill it: it holds nothing that would have to be saved."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.communicate()  # what it still had to say goes with its pipes
