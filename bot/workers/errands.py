"""What members asked for and an answer cannot wait for: each errand is in one worker's hands until it is done."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Protocol

from bot.clock import Clock
from bot.dispatch import Dispatch
from storage import errands
from storage.errands import Errand
from storage.unit import Unit

log = logging.getLogger(__name__)

LANES = 2  # a long list holds up no short one
TRIES = 3


class LostErrand(Exception):
    """Somebody else has the errand in hand: nothing more of it is ours to do."""


class Doer(Protocol):
    """Who carries out one kind of errand."""

    async def do(self, errand: Errand) -> None:
        """Take the next step. Raises LostErrand."""
        ...

    async def give_up(self, errand: Errand) -> None:
        """It has failed too often: tell the member, and keep nothing."""
        ...


class Errands:
    """The worker that carries out what is due."""

    def __init__(self, dispatch: Dispatch, clock: Clock, doers: Mapping[str, Doer]) -> None:
        self.dispatch = dispatch
        self.clock = clock
        self.doers = doers

    async def sweep(self, now: datetime) -> None:
        """Carry out all that is due."""
        due = await self.earliest()
        if due is not None and due <= now:
            await asyncio.gather(*(self._lane() for _ in range(LANES)))

    async def earliest(self) -> datetime | None:
        """When the next errand is due."""
        async with self.dispatch.ground.database.reading() as connection:
            return await errands.earliest(connection)

    async def _lane(self) -> None:
        while errand := await self.dispatch.within(errands.take, self.clock.now()):
            doer = self.doers[errand.kind]
            try:
                await doer.do(errand)
            except LostErrand:
                log.info("an errand is in other hands", extra={"errand": errand.id})
            except Exception:
                log.exception("an errand could not be carried out", extra={"errand": errand.id})
                if not await self.dispatch.within(_once_more(errand), self.clock.now()):
                    await doer.give_up(errand)


def _once_more(errand: Errand) -> Callable[[Unit], Awaitable[bool]]:
    """Try again when the lease is over; False when that was the last time."""

    async def job(unit: Unit) -> bool:
        fresh = await errands.by_id(unit, errand.id)
        if fresh is None or fresh.tries + 1 >= TRIES:
            return False
        await errands.move(unit, fresh, fresh.status, tries=fresh.tries + 1, due_at=unit.now + errands.LEASE)
        return True

    return job
