"""HR's group robot by itself: where a company may create no app, alerts still reach its group."""

from collections.abc import Callable
from datetime import datetime, timedelta

from bot.errors import GiveUp
from bot.platforms.base import Fetched, Sent
from bot.platforms.feishu.api import FeishuApi
from bot.platforms.feishu.cards import robot_payload
from bot.platforms.feishu.crypto import robot_signature
from bot.platforms.feishu.events import ROBOT
from recruiting.chat import Message, Person


class FeishuRobots:
    """The `Sender` for surface feishu.robot: a group's account is its robot's whole URL. Nothing comes back."""

    def __init__(
        self, now: Callable[[], datetime], secret: str = "", timeout: timedelta = timedelta(seconds=10)
    ) -> None:
        """Take plain values; no network. `secret` is empty where the robots ask for no signature."""
        self._now = now
        self._secret = secret
        self._api = FeishuApi(base="", app_id="", app_secret="", now=now, timeout=timeout)

    async def send(
        self, to: Person, message: Message, id: str, *, welcome_code: str = "", reply_to: str = "", retry: bool = False
    ) -> Sent:
        """Write into a group. Raises TryLater or GiveUp."""
        if to.surface != ROBOT:
            raise GiveUp("not a group robot of Feishu's")
        await self._api.send_to_robot(to.account, {**self._signed(), **robot_payload(message)})
        return Sent(id)

    async def send_file(self, to: Person, file: Fetched, id: str, *, reply_to: str = "", retry: bool = False) -> Sent:
        """A robot has no files. Raises GiveUp."""
        raise GiveUp("a group robot of Feishu's takes no files")

    async def update(self, to: Person, card: str, message: Message) -> None:
        """A robot's message cannot be changed. Raises GiveUp."""
        raise GiveUp("a group robot's message cannot be changed")

    async def close(self) -> None:
        """Let go of connections."""
        await self._api.close()

    def _signed(self) -> dict[str, str]:
        if not self._secret:
            return {}
        timestamp = str(int(self._now().timestamp()))  # within an hour of Feishu's clock
        return {"timestamp": timestamp, "sign": robot_signature(timestamp, self._secret)}
