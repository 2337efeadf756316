"""Feishu's own client as a program of its own: an event goes out as a line, what to tell Feishu comes back as one.

Started by `long_connection.LongConnection`, never imported. Standard input brings who we are as the first line, and
answers; when it ends, so does this program, whatever became of the bot. Standard output carries the bot's lines.
"""

import asyncio
import base64
import importlib.util
import itertools
import json
import os
import sys
import threading
import time
from types import ModuleType
from typing import Any


def _leave_out_the_api() -> None:
    """Put the bare package, and a dispatcher that is never asked, in place of 10,000 modules of API (170 MB, 4 s)."""
    found = importlib.util.find_spec("lark_oapi")
    if found is None:
        sys.exit("lark_oapi is not installed")
    sys.modules["lark_oapi"] = importlib.util.module_from_spec(found)
    dispatcher = ModuleType("lark_oapi.event.dispatcher_handler")
    vars(dispatcher)["EventDispatcherHandler"] = object
    sys.modules[dispatcher.__name__] = dispatcher


_leave_out_the_api()

from lark_oapi.core.enum import LogLevel  # noqa: E402
from lark_oapi.ws.client import Client, loop  # noqa: E402
from lark_oapi.ws.exception import ClientException, ServerException  # noqa: E402

SIGN_OF_LIFE = 10.0  # seconds between two
ANSWER_WITHIN = 10.0  # seconds; Feishu itself waits for three
CONNECTED_WITHIN = 600.0  # seconds; then a fresh start is better than waiting on
LEAVE_WITHIN = 1.0  # seconds for the last answers
MOST_PARTS = 64
LARGEST_EVENT = 2**20

Answer = tuple[int, str]


class Line:
    """The way to the bot and back."""

    def __init__(self, out: int) -> None:
        """Take the descriptor on which the bot reads."""
        self.answering: set[asyncio.Task[Any]] = set()
        self._out = os.fdopen(out, "wb")
        self._numbers = itertools.count(1)
        self._owed: dict[int, asyncio.Future[Answer]] = {}

    def say(self, **told: Any) -> None:
        """Tell the bot something."""
        self._out.write(json.dumps(told).encode() + b"\n")
        self._out.flush()

    async def ask(self, event: str) -> Answer:
        """Hand an event to the bot; the status and the answer for Feishu. Raises TimeoutError."""
        number = next(self._numbers)
        self._owed[number] = loop.create_future()
        try:
            self.say(event=number, told=event)
            async with asyncio.timeout(ANSWER_WITHIN):
                return await self._owed[number]
        finally:
            del self._owed[number]

    async def live(self) -> None:
        """Show the bot that this program is not stuck: the SDK's calls have no time limit."""
        while True:
            self.say(alive=True)
            await asyncio.sleep(SIGN_OF_LIFE)

    def listen(self) -> None:
        """Take answers until there are no more (in a thread: it goes on when the SDK holds up the loop)."""
        for line in sys.stdin.buffer:
            loop.call_soon_threadsafe(self._settle, json.loads(line))
        loop.call_soon_threadsafe(self._leave)
        time.sleep(2 * LEAVE_WITHIN)
        os._exit(1)

    def _settle(self, told: dict[str, Any]) -> None:
        owed = self._owed.get(told["event"])
        if owed is not None and not owed.done():
            owed.set_result((told["code"], told["answer"]))

    def _leave(self) -> None:
        for owed in self._owed.values():
            owed.cancel()
        self._last = loop.create_task(self._finish())

    async def _finish(self) -> None:
        if self.answering:
            await asyncio.wait(self.answering, timeout=LEAVE_WITHIN)
        os._exit(0)


class BotsClient(Client):  # type: ignore[misc]  # the SDK is not typed
    """Feishu's client, except that it answers when the bot has, and ends when it would give up in silence."""

    def __init__(self, line: Line, app_id: str, app_secret: str, api_base: str) -> None:
        super().__init__(app_id, app_secret, LogLevel.CRITICAL, domain=api_base)
        self._line = line

    async def _connect(self) -> None:
        await super()._connect()
        self._line.say(connected=True)

    async def _reconnect(self) -> None:
        self._line.say(connected=False)
        try:
            async with asyncio.timeout(CONNECTED_WITHIN):
                await super()._reconnect()
        except Exception as error:  # the SDK would let the task die here, and be deaf from then on
            end(self._line, error)

    async def _handle_data_frame(self, frame: Any) -> None:
        """As the SDK does it, but without holding up the next event until this one is answered."""
        headers = {header.key: header.value for header in frame.headers}
        event = self._whole(headers, frame.payload)
        if headers.get("type") != "event" or event is None:
            return
        task = asyncio.current_task()
        assert task is not None
        self._line.answering.add(task)
        try:
            began = time.monotonic()
            code, answer = await self._line.ask(event)
            took = frame.headers.add()
            took.key, took.value = "biz_rt", str(int((time.monotonic() - began) * 1000))
            data = {"data": base64.b64encode(answer.encode()).decode()} if answer else {}
            frame.payload = json.dumps({"code": code, **data}).encode()
            await self._write_message(frame.SerializeToString())
        finally:
            self._line.answering.discard(task)

    def _whole(self, headers: dict[str, str], part: bytes) -> str | None:
        """The event once all its parts are there. What is larger than any real one stays without an answer."""
        parts = int(headers["sum"])
        if parts > MOST_PARTS:
            return None
        if parts > 1:
            part = self._combine(headers["message_id"], parts, int(headers["seq"]), part)
        return None if part is None or len(part) > LARGEST_EVENT else part.decode()


def end(line: Line, error: Exception) -> None:
    """Tell the bot why, and end. Only Feishu's own words: others may hold the address with its ticket."""
    told = str(error)[:200] if isinstance(error, ClientException | ServerException) else type(error).__name__
    line.say(ended=told)
    os._exit(1)


def main() -> None:
    """Connect, and stay connected until the bot hangs up."""
    line = Line(os.dup(1))
    os.dup2(2, 1)  # the SDK logs to standard output, with tickets and events in it
    line.say(alive=True)
    who = json.loads(sys.stdin.buffer.readline())
    client = BotsClient(line, who["app_id"], who["app_secret"], who["api_base"])
    threading.Thread(target=line.listen, daemon=True).start()
    living = loop.create_task(line.live())
    try:
        client.start()
    except Exception as error:
        end(line, error)
    finally:
        living.cancel()


if __name__ == "__main__":
    main()
