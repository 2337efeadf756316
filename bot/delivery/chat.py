"""Chat: hands a letter to the platform of its surface."""

from collections.abc import Awaitable, Callable, Mapping

from bot.delivery.base import Letter
from bot.errors import GiveUp
from bot.platforms.base import Fetched, Sender, Sent, Urging


class Chat:
    """All platforms that are set up, by surface; `unpack` opens the file that a letter carries."""

    def __init__(self, platforms: Mapping[str, Sender], unpack: Callable[[str], Awaitable[Fetched]]) -> None:
        self._platforms = platforms
        self._unpack = unpack

    async def deliver(self, letter: Letter, id: str, *, again: bool) -> Sent:
        """Send words or a file, or change a card that was sent before, or make it urgent."""
        assert letter.person is not None
        platform = self._platforms.get(letter.person.surface)
        if platform is None:
            raise GiveUp("this platform is not set up")
        if letter.urgent:
            if not isinstance(platform, Urging):
                raise GiveUp("nothing can be made urgent here")
            await platform.urgent(letter.card, letter.person.account, letter.urgent)
            return Sent(id)
        if letter.file:
            file = await self._unpack(letter.file)
            return await platform.send_file(letter.person, file, id, reply_to=letter.reply_to, retry=again)
        if letter.card:
            await platform.update(letter.person, letter.card, letter.message)
            return Sent(id)
        return await platform.send(
            letter.person,
            letter.message,
            id,
            welcome_code=letter.welcome_code,
            reply_to=letter.reply_to,
            retry=again,
        )

    async def close(self) -> None:
        """The platforms are closed by whoever opened them."""
