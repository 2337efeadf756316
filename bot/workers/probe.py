"""Opens a link as somebody outside would, to see whether it leads anywhere."""

import logging

import aiohttp

from recruiting.causes import Probe

log = logging.getLogger(__name__)

# Says what it is, so that nobody's visit is counted (contract-details.md, "Not a click").
AGENT = "Mozilla/5.0 (compatible; bulou-bot; link check)"
TIMEOUT = aiohttp.ClientTimeout(total=10, connect=5)
REDIRECTS = 5
ENOUGH = 4_096  # bytes of the page; what it says is nobody's business here


class Prober:
    """Looks at links. One connection pool, opened at the first need."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def look(self, url: str) -> Probe:
        """Open a link and follow where it leads; never raises."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=TIMEOUT, headers={"User-Agent": AGENT})
        try:
            async with self._session.get(url, max_redirects=REDIRECTS) as response:
                await response.content.read(ENOUGH)
                return Probe(response.status)
        except aiohttp.TooManyRedirects:
            return Probe(error="too many redirects")
        except TimeoutError:
            return Probe(error="timeout")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Probe(error=type(error).__name__)

    async def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None
