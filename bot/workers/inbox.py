"""What was accepted is handled: doorbells are pulled, everything else goes to its handler, oldest first."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.dispatch import SIGNALS, Dispatch, Opened, open_rows, to_body
from bot.errors import BotError, GiveUp, TryLater
from bot.platforms.base import Platform, Pulled
from recruiting.chat import Doorbell
from storage import conversations, inbox
from storage.tables import Incoming as InboxRow
from storage.unit import Ground, Unit

log = logging.getLogger(__name__)

CLAIM = 200
TOGETHER = 50  # plain signals a transaction
AT_ONCE = 12  # turns under way on PostgreSQL; SQLite takes them one after the other anyway
PAGES = 1_000  # of one pull: an account that never ends is not followed for ever


class Inbox:
    """The worker that empties the inbox."""

    def __init__(self, ground: Ground, dispatch: Dispatch, platforms: Mapping[str, Platform]) -> None:
        self.ground = ground
        self.dispatch = dispatch
        self.platforms = platforms  # by surface
        self._room = asyncio.Semaphore(AT_ONCE)

    async def sweep(self, now: datetime) -> int:
        """Handle all that waits; how many items there were."""
        handled = 0
        while rows := await self._waiting(now):
            held = await self._held(now)
            opened = [one for one in await self._opened(rows, now) if _lane(*one) not in held]
            if not opened and held:
                break
            handled += len(opened)
            done = await self._together(opened, now)
            lanes: dict[str, list[Opened]] = {}
            for row, body in opened:
                if row["seq"] not in done:
                    lanes.setdefault(_lane(row, body), []).append((row, body))
            await asyncio.gather(*(self._in_order(lane, now) for lane in lanes.values()))
        return handled

    async def _waiting(self, now: datetime) -> list[Mapping[str, Any]]:
        async with self.ground.database.reading() as connection:
            return await inbox.waiting(Unit(connection, self.ground, now), CLAIM)

    async def _held(self, now: datetime) -> set[str]:
        """Lanes in which a signal waits for another try: what was told after it waits too, or it would count for
        nothing. A doorbell, or what a person writes, is never held up by one that failed before.
        """
        async with self.ground.database.reading() as connection:
            rows = await inbox.put_off_until_later(Unit(connection, self.ground, now), SIGNALS, CLAIM)
        if not rows:
            return set()
        bodies = await open_rows(self.ground, rows)
        return {_lane(row, body) for row, body in zip(rows, bodies, strict=True) if body is not None}

    async def _opened(self, rows: Sequence[Mapping[str, Any]], now: datetime) -> list[Opened]:
        opened: list[Opened] = []
        for row, body in zip(rows, await open_rows(self.ground, rows), strict=True):
            if body is None:
                await self._put_off(row, "unreadable", now)
            else:
                opened.append((row, body))
        return opened

    async def _together(self, opened: Sequence[Opened], now: datetime) -> set[int]:
        """Handle plain signals many at a time; what is not among the numbers returned is handled one by one."""
        signals = [(row, body) for row, body in opened if row["source"] in SIGNALS and not row["attempts"]]
        done: set[int] = set()
        # Lanes of which something is left for later: what comes after it is left too.
        busy = {_lane(row, body) for row, body in opened if row["attempts"]}
        for start in range(0, len(signals), TOGETHER):
            some = [one for one in signals[start : start + TOGETHER] if _lane(*one) not in busy]
            with contextlib.suppress(Exception):  # one by one shows, and logs, which of them fails
                done |= await self.dispatch.handle_together(some, now) if some else set()
            busy |= {_lane(row, body) for row, body in some if row["seq"] not in done}
        return done

    async def _in_order(self, lane: Sequence[Opened], now: datetime) -> None:
        """One person's items are handled in the order in which they came."""
        async with self._room:
            bells = [(row, body) for row, body in lane if row["source"] == "doorbell"]
            if bells:
                await self._pull(bells, now)
                return
            for row, body in lane:
                try:
                    await self.dispatch.handle(row, body, now)
                except Exception as error:
                    if not isinstance(error, BotError):
                        log.exception("an inbox row could not be handled", extra={"seq": row["seq"]})
                    await self._put_off(row, type(error).__name__, now)
                    return  # what came after waits its turn

    async def _put_off(self, row: Mapping[str, Any], reason: str, now: datetime) -> None:
        async def job(connection: Any) -> bool:
            return await inbox.put_off(Unit(connection, self.ground, now), row, reason)

        if await self.ground.database.write(job):
            log.error("an inbox row is put aside: see `bulou audit`", extra={"seq": row["seq"]})

    # --- doorbells -------------------------------------------------------------------------------------------------

    async def _pull(self, bells: Sequence[Opened], now: datetime) -> None:
        """Pull once for all bells of an account that ring together; the newest carries the freshest token."""
        last = bells[-1][1]
        bell = Doorbell(last["surface"], last["desk"], last["token"])
        try:
            await self.pull(bell, now, settled=[row for row, _ in bells])
        except (TryLater, GiveUp) as error:
            for row, _ in bells:
                await self._put_off(row, error.reason, now)

    async def pull(self, bell: Doorbell, now: datetime, *, settled: Sequence[Mapping[str, Any]] = ()) -> None:
        """Take over page by page what waits behind a doorbell; items and cursor are committed together.

        Raises TryLater or GiveUp; what was taken over until then stays.
        """
        platform = self.platforms[bell.surface]
        box = await self.ground.days.for_day(self.ground.today(now))
        cursor = await self._write(now, lambda unit: conversations.cursor(unit, bell.surface, bell.desk))
        for _ in range(PAGES):
            page = await platform.pull(bell, cursor)

            async def keep(unit: Unit, page: Pulled = page) -> None:
                for item in page.items:
                    body = to_body(item)
                    key = f"{bell.surface}:{bell.desk}:{item.id}"
                    fresh = inbox.row(key, "chat", body, box=box, day=unit.ground.today(now), now=now)
                    unit.add(InboxRow, **fresh)
                await unit.flush()
                await conversations.move_cursor(unit, bell.surface, bell.desk, page.cursor)
                if not page.more:
                    for row in settled:
                        await inbox.claim(unit, row["seq"])

            await self._write(now, keep)
            cursor = page.cursor
            if not page.more:
                return

    async def _write(self, now: datetime, job: Any) -> Any:
        return await self.dispatch.within(job, now)


def _lane(row: Mapping[str, Any], body: Mapping[str, Any]) -> str:
    """Items of one lane are handled one after the other."""
    if row["source"] == "chat":
        sender = body["sender"]
        return f"{sender['surface']}:{sender['desk']}:{sender['account']}"
    if row["source"] == "doorbell":
        return f"doorbell:{body['surface']}:{body['desk']}"
    link = body.get("link")
    about = link if row["source"] == "interview" and isinstance(link, dict) else body
    return f"row:{about.get('application_id') or body.get('from') or row['seq']}"
