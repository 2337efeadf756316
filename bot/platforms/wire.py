"""What every vendor's HTTP has in common: how a connection fails, how much is read, what a file is called."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from urllib.parse import unquote

import aiohttp

from bot.errors import GiveUp, TryLater

LONGEST_NAME = 128


class AccessToken:
    """A vendor's token: asked for early enough, and once, however many want it at the same time."""

    def __init__(
        self,
        now: Callable[[], datetime],
        ask: Callable[[], Awaitable[tuple[str, timedelta]]],
        early: timedelta,
    ) -> None:
        """`ask` gets a new one and how long it lives; it is replaced `early`, at the latest after half its life."""
        self._now = now
        self._ask = ask
        self._early = early
        self._asking = asyncio.Lock()
        self._token = ""
        self._until: datetime | None = None

    async def get(self) -> str:
        """The token in hand, or a new one. Raises what asking for it raises."""
        if not self._good():
            async with self._asking:
                if not self._good():
                    self._token, life = await self._ask()
                    self._until = self._now() + max(life - self._early, life / 2)
        return self._token

    def forget(self, token: str) -> None:
        """The vendor has dropped this token before its time."""
        if self._token == token:  # else somebody has replaced it meanwhile
            self._until = None

    def _good(self) -> bool:
        return self._until is not None and self._now() < self._until


@asynccontextmanager
async def failures_told(told: str) -> AsyncIterator[None]:
    """Turn what can happen to a connection into TryLater or GiveUp; `told` names vendor and call.

    The causes are dropped on purpose: their words hold addresses, and with them tokens and keys.
    """
    try:
        yield
    except aiohttp.InvalidURL:
        raise GiveUp(f"{told}: the address is no URL") from None
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise TryLater(f"{told}: could not connect") from None
    except TimeoutError:
        raise TryLater(f"{told}: no answer in time", unknown=True) from None
    except (aiohttp.ClientError, OSError):
        raise TryLater(f"{told}: connection lost", unknown=True) from None


async def read_at_most(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Read a body of at most `limit` bytes, told beforehand or not. Raises GiveUp: it is larger."""
    if (response.content_length or 0) > limit:
        raise GiveUp(f"larger than {limit} bytes")
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > limit:
            raise GiveUp(f"larger than {limit} bytes")
    return bytes(content)


def file_name(disposition: str) -> str:
    """The name in a Content-Disposition header, in whichever of the usual ways it is written; empty without one."""
    encoded = re.search(r"filename\*\s*=\s*\"?[\w-]*'[\w-]*'([^;\"]+)", disposition)
    quoted = re.search(r'filename\s*=\s*"((?:\\.|[^"\\])*)"', disposition)
    bare = re.search(r"filename\s*=\s*([^;\"]+)", disposition)
    if encoded:
        name = unquote(encoded[1])
    elif quoted:
        name = _readable(re.sub(r"\\(.)", r"\1", quoted[1]))
    else:
        name = _readable(bare[1]) if bare else ""
    return shown_name(name)


def shown_name(name: str) -> str:
    """A file's name without folders and letters that cannot be shown, and not longer than needed to know it again."""
    shown = "".join(letter for letter in name if letter.isprintable())
    return re.split(r"[\\/]", shown.strip())[-1][-LONGEST_NAME:]


def _readable(name: str) -> str:
    """Undo what became of a Chinese name on the way: raw bytes, UTF-8 read as latin-1, percent signs."""
    raw = name.encode("utf-8", "surrogateescape")
    misread = name.encode("latin-1") if all(ord(letter) < 256 for letter in name) else raw
    for attempt in (misread, raw):
        try:
            return unquote(attempt.decode(), errors="strict")
        except UnicodeDecodeError:
            continue
    return unquote(raw.decode("gb18030", "replace"))
