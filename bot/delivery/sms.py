"""SMS: to the log (the default), or to a gateway over HTTP (contract: POST {"id", "to", "text"}, bearer token)."""

import logging
from datetime import timedelta

import aiohttp
import orjson

from bot.delivery.base import Letter
from bot.errors import GiveUp, TryLater
from bot.platforms.base import Sent

log = logging.getLogger(__name__)

TIMEOUT = aiohttp.ClientTimeout(total=15, connect=5)
AT_ONCE = 32


class LogSms:
    """Nobody pays for this SMS: it is only noted that it would have gone, without number or text."""

    async def deliver(self, letter: Letter, id: str, *, again: bool) -> Sent:
        """Note the message's id and length."""
        log.info("sms", extra={"outgoing": id, "characters": len(letter.message.text)})
        return Sent(id)

    async def close(self) -> None:
        """Nothing to let go of."""


class HttpSms:
    """A gateway that knows our ids: one that it has seen is accepted again and not sent again."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._session: aiohttp.ClientSession | None = None

    async def deliver(self, letter: Letter, id: str, *, again: bool) -> Sent:
        """POST the message. 2xx is accepted, 429 and 5xx later, any other 4xx never."""
        body = orjson.dumps({"id": id, "to": letter.address, "text": letter.message.text})
        try:
            async with self._opened().post(
                self._url, data=body, headers=self._headers, allow_redirects=False
            ) as response:
                await response.content.read(65_536)
                return _outcome(response.status, response.headers.get("Retry-After", ""), id)
        except aiohttp.ClientConnectorError as error:
            raise TryLater("the SMS gateway cannot be reached") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TryLater("the SMS gateway did not answer", unknown=True) from error

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=AT_ONCE)
            self._session = aiohttp.ClientSession(timeout=TIMEOUT, connector=connector)
        return self._session

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _outcome(status: int, retry_after: str, id: str) -> Sent:
    if 200 <= status < 300:
        return Sent(id)
    if status == 429 or status >= 500:
        wait = timedelta(seconds=min(int(retry_after), 3600)) if retry_after.isdecimal() else timedelta(0)
        raise TryLater(f"sms gateway {status}", wait, crowded=status == 429)
    raise GiveUp(f"sms gateway {status}")
