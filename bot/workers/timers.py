"""Due timers come back as signals to the rules."""

import logging
from datetime import datetime, timedelta
from typing import Any

from storage import timers
from storage.database import Unavailable
from storage.unit import Ground, Unit

log = logging.getLogger(__name__)

CLAIM = 250  # timers a transaction
SET_ASIDE = timedelta(minutes=10)


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
            unit = Unit(connection, self.ground, now)
            return await timers.fire(unit, await timers.due(unit, CLAIM))

        try:
            return await self.ground.database.write(job)
        except Unavailable:
            raise
        except Exception:
            log.exception("due timers could not be acted upon together: each is tried alone")
            return await self._one_by_one(now)

    async def _one_by_one(self, now: datetime) -> int:
        """One application that cannot be handled holds up nobody else: its timer is looked at again later."""
        async with self.ground.database.reading() as connection:
            rows = await timers.due(Unit(connection, self.ground, now), CLAIM)
        for row in rows:

            async def job(connection: Any, row: dict[str, Any] = row) -> None:
                await timers.fire(Unit(connection, self.ground, now), [row])

            async def later(connection: Any, row: dict[str, Any] = row) -> None:
                await timers.put_off(Unit(connection, self.ground, now), row["id"], now + SET_ASIDE)

            try:
                await self.ground.database.write(job)
            except Unavailable:
                raise
            except Exception:
                log.exception("a timer could not be acted upon", extra={"application": row["application_id"]})
                await self.ground.database.write(later)
        return len(rows)

    async def earliest(self) -> datetime | None:
        """When the next timer is due."""
        async with self.ground.database.reading() as connection:
            return await timers.earliest(connection)
