"""Due timers come back as signals to the rules."""

from datetime import datetime
from typing import Any

from storage import timers
from storage.unit import Ground, Unit

CLAIM = 250  # timers a transaction


class Timers:
    """The worker that acts on due timers."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground

    async def sweep(self, now: datetime) -> int:
        """Act on all that is due; how many there were."""
        acted = 0
        while (due := await self.earliest()) is not None and due <= now:
            count = await self._step(now)
            if count == 0:
                break  # somebody else is at them
            acted += count
        return acted

    async def _step(self, now: datetime) -> int:
        async def job(connection: Any) -> int:
            return await timers.fire(Unit(connection, self.ground, now), CLAIM)

        return await self.ground.database.write(job)

    async def earliest(self) -> datetime | None:
        """When the next timer is due."""
        async with self.ground.database.reading() as connection:
            return await timers.earliest(connection)
