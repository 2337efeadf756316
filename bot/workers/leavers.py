"""At night each member's account is looked up: whoever has left the company has no access in the morning."""

import logging
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from bot.dispatch import Dispatch
from bot.errors import GiveUp, TryLater
from bot.platforms.base import Directory
from handlers.hr.members import gone, tell_admins
from storage import conversations, members
from storage.unit import Unit

log = logging.getLogger(__name__)

FROM = time(3)  # company time
AGAIN = timedelta(hours=1)
FEW = 2  # may leave in one night, however small HR is
WATCH = "leavers"  # under this name it is kept which night was looked through


class Leavers:
    """The worker that looks once a night. `directories`: column of the members' accounts -> who knows them."""

    def __init__(self, dispatch: Dispatch, directories: Mapping[str, Directory]) -> None:
        self.dispatch = dispatch
        self.ground = dispatch.ground
        self.directories = directories
        self._done: date | None = None
        self._not_before: datetime | None = None

    async def sweep(self, now: datetime) -> None:
        """Look, if this night has not been looked through."""
        night = self._night(now)
        if night is None or night == self._done or (self._not_before is not None and now < self._not_before):
            return
        if await self._looked(now, night):
            self._done = night
            return
        everybody = await self._members(now)
        found = {member["id"]: await self._active(member) for member in everybody}
        missing = [member for member in everybody if found[member["id"]] is False]

        async def job(unit: Unit) -> None:
            await self.ground.database.lock(unit.connection, WATCH)
            before = await conversations.cursor(unit, WATCH, "")
            if before >= night.isoformat():
                return  # another process was quicker
            await conversations.move_cursor(unit, WATCH, "", night.isoformat())
            await self._act(unit, missing, len(everybody), night)

        await self.dispatch.within(job, now)
        self._done = night

    async def _act(self, unit: Unit, missing: list[Mapping[str, Any]], all: int, night: date) -> None:
        """Take their access away; when they are suspiciously many, ask the admins to look instead."""
        if len(missing) > max(FEW, all // 2):
            log.error("too many members are unknown to the platform: nobody was removed", extra={"count": len(missing)})
            await tell_admins(unit, f"leavers/{night}", "member.suspicious", all=all, count=len(missing))
            return
        for member in missing:
            current = await members.by_id(unit, member["id"])
            if current is not None:
                await gone(unit, current, f"left/{night}/{member['id']}")

    def _night(self, now: datetime) -> date | None:
        local = now.astimezone(self.ground.timezone)
        return local.date() if local.time() >= FROM else None

    async def _looked(self, now: datetime, night: date) -> bool:
        looked = await self.dispatch.within(lambda unit: conversations.cursor(unit, WATCH, ""), now)
        return looked >= night.isoformat()

    async def _members(self, now: datetime) -> list[Mapping[str, Any]]:
        async with self.ground.database.reading() as connection:
            return await members.everybody(Unit(connection, self.ground, now))

    async def _active(self, member: Mapping[str, Any]) -> bool | None:
        """Whether any of their accounts is known to be locked or gone (False); None: nobody can tell."""
        told: list[bool | None] = []
        for column, directory in self.directories.items():
            if member[column]:
                try:
                    told.append(await directory.active(member[column]))
                except (TryLater, GiveUp) as error:
                    log.warning("a member could not be looked up: %s", error.reason)
                    told.append(None)
        if False in told:
            return False
        return True if True in told else None
