"""What must not be kept: pictures after their time, day keys after thirty days, answers after two days."""

import logging
from datetime import datetime, timedelta
from typing import Any

from storage import parcels, retention
from storage.unit import Ground, Unit
from storage.vault import Vault

log = logging.getLogger(__name__)

CLAIM = 100
DAY_KEYS_KEPT = timedelta(days=30)


class Housekeeping:
    """The worker that destroys what has had its time."""

    def __init__(self, ground: Ground, vault: Vault) -> None:
        self.ground = ground
        self.vault = vault

    async def sweep(self, now: datetime) -> None:
        """Destroy what is due."""
        await self._pictures(now)
        await self._parcels(now)

        async def job(connection: Any) -> None:
            unit = Unit(connection, self.ground, now)
            await self.ground.days.destroy_before(connection, self.ground.today(now) - DAY_KEYS_KEPT)
            await retention.forget(unit)
            await unit.flush()

        await self.ground.database.write(job)

    async def _parcels(self, now: datetime) -> None:
        """Files that were sent in chat, or could not be sent for a day."""
        while True:
            async with self.ground.database.reading() as connection:
                rows = await parcels.overdue(Unit(connection, self.ground, now), CLAIM)
            if not rows:
                return
            for row in rows:
                await self.vault.destroy(row["file"])

            async def job(connection: Any, rows: Any = rows) -> None:
                await parcels.forget(Unit(connection, self.ground, now), [row["id"] for row in rows])

            await self.ground.database.write(job)

    async def _pictures(self, now: datetime) -> None:
        """What has had its time is doomed; the worker that reads certificates destroys it at once, and after any
        crash.
        """
        while True:
            async with self.ground.database.reading() as connection:
                rows = await retention.pictures(Unit(connection, self.ground, now), CLAIM)
            if not rows:
                return

            async def job(connection: Any, rows: Any = rows) -> None:
                unit = Unit(connection, self.ground, now)
                for row in rows:
                    await retention.destroyed(unit, row)
                await unit.flush()

            await self.ground.database.write(job)
