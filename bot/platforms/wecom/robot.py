"""HR's group robot by itself: where a company may create no app, alerts still reach its group."""

from collections.abc import Callable
from datetime import datetime, timedelta

from bot.charts import picture
from bot.errors import GiveUp
from bot.platforms.base import Fetched, Sent
from bot.platforms.wecom.api import WeComApi
from bot.platforms.wecom.cards import group_payload
from bot.platforms.wecom.files import send_file_to_group
from recruiting.chat import Message, Person


class GroupRobots:
    """Sends into groups through their robots; the robot's whole URL is the account. Nothing comes back (DOC 91770)."""

    def __init__(self, now: Callable[[], datetime], timeout: timedelta = timedelta(seconds=10)) -> None:
        self._api = WeComApi(base="", corp_id="", agent_id=0, secret="", now=now, timeout=timeout)

    async def send(
        self, to: Person, message: Message, id: str, *, welcome_code: str = "", reply_to: str = "", retry: bool = False
    ) -> Sent:
        """Write into a group. Raises TryLater or GiveUp."""
        if message.chart and not message.text:
            return await self.send_file(to, await picture(message.chart), id, retry=retry)
        await self._api.send_to_group(to.account, group_payload(message))
        return Sent(id)

    async def send_file(self, to: Person, file: Fetched, id: str, *, reply_to: str = "", retry: bool = False) -> Sent:
        """Show a picture or another file in a group. Raises TryLater, or GiveUp: too large, empty, ..."""
        await send_file_to_group(self._api, to.account, file)
        return Sent(id)

    async def update(self, to: Person, card: str, message: Message) -> None:
        """A robot's message cannot be changed. Raises GiveUp."""
        raise GiveUp("a group robot's message cannot be changed")

    async def close(self) -> None:
        """Let go of connections."""
        await self._api.close()
