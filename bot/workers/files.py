"""Files that candidates sent in chat are taken from the platform into the vault, then handed to the rules."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bot.delivery.retry import RetryPolicy
from bot.dispatch import Dispatch
from bot.documents.uploads import Unusable, usable
from bot.errors import GiveUp, TryLater
from bot.platforms.base import Platform
from handlers.candidate import uploads
from recruiting.chat import FileRef
from storage import fetches
from storage.unit import Ground, Unit
from storage.vault import Vault

log = logging.getLogger(__name__)

CLAIM = 8
POLICY = RetryPolicy(first=timedelta(seconds=2), longest=timedelta(minutes=5), tries=8)


class Files:
    """The worker that fetches files. Fetching twice after a crash is harmless: the row is settled with its document."""

    def __init__(
        self, ground: Ground, dispatch: Dispatch, platforms: Mapping[str, Platform], vault: Vault, largest: int
    ) -> None:
        self.ground = ground
        self.dispatch = dispatch
        self.platforms = platforms
        self.vault = vault
        self.largest = largest
        self.most = f"{largest // 2**20} MB" if largest >= 2**20 else f"{largest // 2**10} KB"

    async def sweep(self, now: datetime) -> int:
        """Fetch all that is due; how many files there were."""
        count = 0
        while rows := await self._due(now):
            for row in rows:
                await self._take(row, now)
            count += len(rows)
        return count

    async def _due(self, now: datetime) -> list[Mapping[str, Any]]:
        async with self.ground.database.reading() as connection:
            return await fetches.due(Unit(connection, self.ground, now), CLAIM)

    async def _take(self, row: Mapping[str, Any], now: datetime) -> None:
        file = FileRef(**row["file"])
        try:
            fetched = await self.platforms[file.surface].fetch(file, self.largest)
            content_type = usable(fetched.content)
        except TryLater as error:
            again = POLICY.next_try(row["tries"] + 1, now, error.wait)
            await self._settle(row, now, "gone" if again is None else "", again)
        except Unusable as error:
            await self._settle(row, now, error.reason, None)
        except GiveUp as error:
            await self._settle(row, now, "too_large" if "large" in error.reason else "gone", None)
        else:
            await self._keep(row, now, fetched.content, content_type, fetched.name)

    async def _settle(self, row: Mapping[str, Any], now: datetime, why: str, again: datetime | None) -> None:
        """Not this time, or not at all: then the person is told what to do."""

        async def job(unit: Unit) -> None:
            await unit.ground.database.lock(unit.connection, f"candidate:{row['candidate_id']}")
            if again is not None:
                await fetches.put_off(unit, row["id"], again)
            elif await fetches.done(unit, row["id"], "failed"):
                await uploads.unusable(unit, row["candidate_id"], row["conversation_id"], why, most=self.most)

        await self.dispatch.within(job, now)

    async def _keep(self, row: Mapping[str, Any], now: datetime, content: bytes, content_type: str, name: str) -> None:
        async with self.ground.database.reading() as connection:
            box = await Unit(connection, self.ground, now).box_of(row["candidate_id"])
        if box is None:
            return  # erased meanwhile: nothing of it is kept
        stored = await self.vault.put(box, content, f"candidate:{row['candidate_id']}")
        kept = False

        async def job(unit: Unit) -> bool:
            await unit.ground.database.lock(unit.connection, f"candidate:{row['candidate_id']}")
            if not await fetches.done(unit, row["id"], "done"):
                return False
            return await uploads.arrived(unit, row["candidate_id"], row["conversation_id"], content_type, name, stored)

        try:
            kept = await self.dispatch.within(job, now)
        finally:
            if not kept:
                await self.vault.destroy(stored)
