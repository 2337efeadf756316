"""Feishu's long connection: the bot goes to Feishu for its events, so it needs no address that Feishu can reach.

Feishu's own client runs in a process of its own (see docs/decisions/0013). What it hears comes here, line by line, and
Feishu hears that we have it only after `handle` has returned.
"""

import asyncio
import contextlib
import importlib.util
import logging
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

from bot.errors import BotError, Misconfigured
from bot.platforms.feishu.events import TAP

log = logging.getLogger(__name__)

CHILD = Path(__file__).with_name("long_connection_child.py")
SILENCE = 60.0  # seconds without a sign of life; there is one every ten, and one after the import
PATIENCE = 10.0  # seconds for one event; Feishu has stopped waiting long before
FINISH = 3.0  # seconds at the end for what is under way
LEAVE = 3.0  # seconds for the child to go by itself
MOST_AT_ONCE = 100
LONGEST_LINE = 8 * 2**20  # an event of 1 MiB, as JSON inside JSON
LONGEST_WAIT = timedelta(minutes=1)

Handle = Callable[[dict[str, Any]], Awaitable[bytes]]


def what_is_missing() -> str:
    """What to mend before there can be a long connection, in one line; empty when nothing is."""
    if importlib.util.find_spec("lark_oapi") is not None:
        return ""
    return (
        "BULOU_FEISHU__MODE=websocket needs Feishu's client: in bulou's folder, "
        ".venv/bin/python -m pip install -e '.[feishu-websocket]'"
    )


class LongConnection:
    """Keeps one long connection to Feishu, and hands each event to `handle`."""

    def __init__(
        self,
        app_id: str,
        app_secret: str,
        api_base: str,
        handle: Handle,
        *,
        restart_after: timedelta = timedelta(seconds=1),
    ) -> None:
        """Take plain values; nothing is started.

        Args:
            handle: Gets an event, whose origin needs no further proof, and returns what a card's tap is answered
                with, as JSON, once the event is committed. When it raises, Feishu delivers the event again.
            restart_after: The wait before the client's process is started again, doubled each time up to a minute.
        """
        self.connected = False
        self._who = {"app_id": app_id, "app_secret": app_secret, "api_base": api_base}
        self._handle = handle
        self._restart_after = restart_after
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._handling: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self._reached = False  # since the child was started

    async def start(self) -> None:
        """Begin to connect, without waiting for it. Raises Misconfigured: Feishu's client is not installed."""
        if missing := what_is_missing():
            raise Misconfigured(missing)
        self._stopping.clear()
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Answer what is under way, hang up, and leave no process behind. Takes some seconds at most."""
        self._stopping.set()
        if self._keeper is not None:
            await self._keeper
            self._keeper = None

    async def _keep(self) -> None:
        """Start the client's process whenever there is none, until we are to stop."""
        wait = self._restart_after
        while not self._stopping.is_set():
            self._reached = False
            try:
                why = await self._live()
            except Exception:
                log.exception("feishu's client cannot be listened to")
                why = "error"
            if self._stopping.is_set():
                return
            wait = self._restart_after if self._reached else wait
            log.warning("feishu's client ended", extra={"why": why, "again_after": wait.total_seconds()})
            await self._stopped_within(wait)
            wait = min(wait * 2, LONGEST_WAIT)

    async def _stopped_within(self, wait: timedelta) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait.total_seconds()):
                await self._stopping.wait()

    async def _live(self) -> str:
        """One life of the client's process; why it ended."""
        try:
            child = await _started()
        except OSError as error:
            return error.strerror or "cannot be started"
        listening = asyncio.create_task(self._listen(child))
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await _tell(child, self._who)
            await asyncio.wait({listening, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return listening.result() if listening.done() else "stopped"
        finally:
            self.connected = False
            for task in (listening, stopping):
                task.cancel()
            await asyncio.gather(listening, stopping, return_exceptions=True)
            await self._finish()
            await _end(child)

    async def _listen(self, child: Process) -> str:
        """Take the child's lines until there are no more; why that is."""
        assert child.stdout is not None
        why = "gone"
        while True:
            try:
                async with asyncio.timeout(SILENCE):
                    line = await child.stdout.readline()
                told = orjson.loads(line) if line else None
            except TimeoutError:
                return "silent"
            except ValueError:
                return "not understood"
            match told:
                case None:
                    return why
                case {"event": int(number), "told": str(event)}:
                    await self._room.acquire()
                    task = asyncio.create_task(self._take(child, number, event))
                    self._handling.add(task)
                    task.add_done_callback(self._taken)
                case {"connected": bool(connected)}:
                    self._note(connected)
                case {"ended": str(why)}:
                    pass  # its output ends next

    def _note(self, connected: bool) -> None:
        self.connected = connected
        self._reached = self._reached or connected
        if connected:
            log.info("connected to feishu")
        else:
            log.warning("not connected to feishu")

    def _taken(self, task: asyncio.Task[None]) -> None:
        self._handling.discard(task)
        self._room.release()

    async def _take(self, child: Process, number: int, told: str) -> None:
        """Have one event handled, and say how Feishu shall be answered."""
        try:
            event = orjson.loads(told)
            async with asyncio.timeout(PATIENCE):
                answer = await self._handle(event)
        except (BotError, TimeoutError, orjson.JSONDecodeError) as error:
            log.warning("event of feishu not taken", extra={"why": type(error).__name__})
            await _tell(child, {"event": number, "code": 500, "answer": ""})
        except Exception:
            log.exception("event of feishu not taken")
            await _tell(child, {"event": number, "code": 500, "answer": ""})
        else:
            await _tell(child, {"event": number, "code": 200, "answer": answer.decode() if _is_tap(event) else ""})

    async def _finish(self) -> None:
        """Let what is under way come to its end and be answered, but not for long."""
        if self._handling:
            await asyncio.wait(self._handling, timeout=FINISH)
        left = list(self._handling)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def _started() -> Process:
    """The client's process, which knows nothing yet. Raises OSError."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # or the modules beside it would be taken for others of the same name
        str(CHILD),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,  # the SDK says too much there
        limit=LONGEST_LINE,
        env={name: value for name, value in os.environ.items() if not name.startswith("BULOU_")},
        start_new_session=True,  # Ctrl+C is for the bot, which then hangs up in order
    )


def _is_tap(event: Any) -> bool:
    """Whether somebody looks at a card and waits. Other events are only acknowledged."""
    header = event.get("header") if isinstance(event, dict) else None
    return isinstance(header, dict) and header.get("event_type") == TAP


async def _tell(child: Process, told: dict[str, Any]) -> None:
    """Write a line to the child; to one that is gone, nothing."""
    assert child.stdin is not None
    try:
        child.stdin.write(orjson.dumps(told) + b"\n")
        await child.stdin.drain()
    except ConnectionError:
        log.debug("feishu's client is gone")


async def _end(child: Process) -> None:
    """Hang up; the child goes at that, and is made to go if it does not."""
    assert child.stdin is not None
    child.stdin.close()
    try:
        async with asyncio.timeout(LEAVE):
            await _gone(child)
    except TimeoutError:
        child.kill()
        await _gone(child)


async def _gone(child: Process) -> None:
    """Wait for the child's end, and let go of its pipes."""
    assert child.stdout is not None
    while await child.stdout.read(2**16):
        pass
    await child.wait()
