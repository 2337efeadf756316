"""Files that go out in chat: taken out of the vault when they are sent, and not before."""

from bot.clock import Clock
from bot.errors import GiveUp
from bot.platforms.base import Fetched
from storage import parcels
from storage.keys import Unsealable
from storage.unit import Ground, Unit
from storage.vault import Damaged, Gone, Vault


class Parcels:
    """Opens what a letter carries."""

    def __init__(self, ground: Ground, vault: Vault, clock: Clock) -> None:
        self._ground = ground
        self._vault = vault
        self._clock = clock

    async def open(self, id: str) -> Fetched:
        """The file. Raises GiveUp: it has had its time."""
        try:
            async with self._ground.database.reading() as connection:
                parcel = await parcels.find(Unit(connection, self._ground, self._clock.now()), id)
            if parcel is None:
                raise GiveUp("file_gone")
            content = await self._vault.get(parcel.box, parcel.file, parcels.ABOUT)
        except (Gone, Damaged, Unsealable) as error:
            raise GiveUp("file_gone") from error
        return Fetched(content, parcel.name, parcel.content_type)
