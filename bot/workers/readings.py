"""Certificates are read by the machine before a person looks, beside everything else that the bot does."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from bot.delivery.retry import RetryPolicy
from bot.dispatch import Dispatch
from recruiting.certificates import Doubt, Expected, Outcome, Reading, Twin
from recruiting.model import PictureRead
from recruiting.sides import joined
from storage import readings, retention
from storage.applications import Loaded, load_one
from storage.apply import take
from storage.documents import page
from storage.keys import Box
from storage.search import lock_candidate
from storage.unit import Ground, Unit
from storage.vault import Damaged, Gone, Vault

log = logging.getLogger(__name__)

AT_ONCE = 4
LEASE = timedelta(minutes=2)  # a reading that takes longer has died with its process
POLICY = RetryPolicy(first=timedelta(seconds=5), longest=timedelta(minutes=5), tries=4)
DOOMED = 100
OURS = frozenset({"too_slow"})  # reasons that are the machine's fault, not the file's
# Said of a file that was taken: not one is too large, but all together.
TOO_MUCH = {"too_large": "too_much"}
MASKED = "image/jpeg"  # what the reader hands back


class CannotRead(Exception):
    """The file is nothing that can be read; `reason` is the last part of the text key `unusable.<reason>`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Read(Protocol):
    """What was read, and the pages as anybody may see them: upright, with only the certificate's fields."""

    @property
    def reading(self) -> Reading: ...

    @property
    def pages(self) -> tuple[bytes, ...]: ...


class Reads(Protocol):
    """The machine that reads. Raises what the worker was told means: this can't be read, and why (`reason`)."""

    async def read(self, pages: Sequence[tuple[bytes, str]]) -> Read: ...


Judge = Callable[[Reading, Expected, frozenset[Twin]], Outcome]


class Readings:
    """The worker that has documents read, and that destroys what nobody may keep.

    A document is claimed for two minutes, so that two processes don't read it at once, and after a crash it is read
    again. Its originals are destroyed as soon as the reading is committed.
    """

    def __init__(
        self,
        ground: Ground,
        dispatch: Dispatch,
        vault: Vault,
        reader: Reads | None,
        judge: Judge,
        unreadable: type[Exception] = CannotRead,
    ) -> None:
        self.ground = ground
        self.dispatch = dispatch
        self.vault = vault
        self.reader = reader
        self.judge = judge
        self.unreadable = unreadable

    async def sweep(self, now: datetime) -> int:
        """Destroy what is doomed, then read all that is due; how many documents there were."""
        await self.bury(now)
        count = 0
        while rows := await self._claimed(now):
            await asyncio.gather(*(self._take(row, now) for row in rows))
            await self.bury(now)
            count += len(rows)
        return count

    async def bury(self, now: datetime) -> None:
        """The file goes first, then the row that says so: after a crash in between it is simply done again."""
        while True:
            async with self.ground.database.reading() as connection:
                files = await retention.doomed(Unit(connection, self.ground, now), DOOMED)
            if not files:
                return
            for file in files:
                await self.vault.destroy(file)

            async def job(unit: Unit, files: Sequence[str] = files) -> None:
                await retention.buried(unit, files)

            await self.dispatch.within(job, now)

    async def _claimed(self, now: datetime) -> list[Mapping[str, Any]]:
        async with self.ground.database.reading() as connection:
            if not await readings.due(Unit(connection, self.ground, now), 1):
                return []

        async def job(unit: Unit) -> list[Mapping[str, Any]]:
            rows = await readings.due(unit, AT_ONCE)
            return [row for row in rows if await readings.claim(unit, row, now + LEASE)]

        return await self.dispatch.within(job, now)

    async def _take(self, row: Mapping[str, Any], now: datetime) -> None:
        """Read one document, and put what comes of it to the rules."""
        if self.reader is None:
            await self._settle(row, now, self._unread)
            return
        async with self.ground.database.reading() as connection:
            box = await Unit(connection, self.ground, now).box_of(row["candidate_id"])
        if box is None:
            return  # erased meanwhile
        new = [one for one in row["pages"] if not one["masked"]]
        try:
            contents = [(await self._content(row, box, one), str(one["type"])) for one in new]
            read = await self.reader.read(contents)
        except self.unreadable as error:
            await self._unusable(row, now, new, contents, _reason(error))
        except (Gone, Damaged):
            await self._settle(row, now, partial(self._cannot, reason="gone", files={one["file"] for one in new}))
        except Exception:
            log.exception("a document could not be read", extra={"document": row["id"]})
            await self._again(row, now)
        else:
            await self._keep(row, now, box, read)

    async def _content(self, row: Mapping[str, Any], box: Box, one: Mapping[str, Any]) -> bytes:
        return await self.vault.get(box, one["file"], f"candidate:{row['candidate_id']}")

    async def _again(self, row: Mapping[str, Any], now: datetime) -> None:
        """It is tried again a few times; then a reviewer gets it as it came."""
        again = POLICY.next_try(row["read_tries"] + 1, now)
        if again is None:
            await self._settle(row, now, self._failed)
            return
        await self.dispatch.within(lambda unit: readings.put_off(unit, row, again), now)

    async def _settle(self, row: Mapping[str, Any], now: datetime, settle: Any) -> None:
        async def job(unit: Unit) -> None:
            await lock_candidate(unit, row["candidate_id"])
            loaded = await load_one(unit, row["application_id"])
            current = await readings.still(unit, row) if loaded is not None else None
            if loaded is not None and current is not None:
                await settle(unit, loaded, current)

        await self.dispatch.within(job, now)

    async def _unread(self, unit: Unit, loaded: Loaded, row: Mapping[str, Any]) -> None:
        """Reading was switched off since: it goes to the reviewer as it is, and the person waits for that."""
        await readings.unread(unit, row)
        await take(unit, loaded, PictureRead(row["id"], row["round"], (Doubt.UNREADABLE.value,)))

    async def _failed(self, unit: Unit, loaded: Loaded, row: Mapping[str, Any]) -> None:
        await readings.failed(unit, row)
        await take(unit, loaded, PictureRead(row["id"], row["round"], (Doubt.UNREADABLE.value,)))

    async def _unusable(
        self,
        row: Mapping[str, Any],
        now: datetime,
        pages: Sequence[Mapping[str, Any]],
        contents: Sequence[tuple[bytes, str]],
        reason: str,
    ) -> None:
        """Let go of what cannot be opened; where it is the machine that fails, nothing goes, and it is tried again."""
        bad: set[str] = set()
        if reason not in OURS:
            try:
                bad = await self._bad(pages, contents)
            except Exception:
                log.exception("a document could not be read page by page", extra={"document": row["id"]})
        if bad:
            await self._settle(row, now, partial(self._cannot, reason=reason, files=bad))
        else:
            await self._again(row, now)

    async def _bad(self, pages: Sequence[Mapping[str, Any]], contents: Sequence[tuple[bytes, str]]) -> set[str]:
        """The files of those pages that cannot be opened; all, where each by itself can. Raises what the machine does
        when the fault is its own.
        """
        assert self.reader is not None
        bad = set()
        for one, content in zip(pages, contents, strict=True) if len(pages) > 1 else ():
            try:
                await self.reader.read([content])
            except self.unreadable as error:
                if _reason(error) in OURS:
                    raise
                bad.add(one["file"])
        return bad or {one["file"] for one in pages}

    async def _cannot(
        self, unit: Unit, loaded: Loaded, row: Mapping[str, Any], *, reason: str, files: Collection[str]
    ) -> None:
        """Nobody can open these pages: they are not kept, and the person hears at once why."""
        lost = await readings.let_go(unit, row, files)
        fault = f"unusable.{TOO_MUCH.get(reason, reason)}"
        await take(unit, loaded, PictureRead(row["id"], row["round"], retake=True, why=fault, lost=lost))

    async def _keep(self, row: Mapping[str, Any], now: datetime, box: Box, read: Read) -> None:
        """Masked pages into the vault, then the reading: in one transaction with what the rules make of it."""
        about = f"candidate:{row['candidate_id']}"
        files = [await self.vault.put(box, content, about) for content in read.pages]
        masked = [page(file, MASKED, masked=True) for file in files]
        kept = False

        async def job(unit: Unit) -> bool:
            await lock_candidate(unit, row["candidate_id"])
            loaded = await load_one(unit, row["application_id"])
            current = await readings.still(unit, row) if loaded is not None else None
            if loaded is None or current is None:
                return False
            await self._judged(unit, loaded, current, read.reading, masked)
            return True

        try:
            kept = await self.dispatch.within(job, now)
        finally:
            if not kept:
                for file in files:
                    await self.vault.destroy(file)

    async def _judged(
        self,
        unit: Unit,
        loaded: Loaded,
        row: Mapping[str, Any],
        new: Reading,
        masked: Sequence[Mapping[str, Any]],
    ) -> None:
        before = readings.of(row, loaded.box)
        reading = joined(before, new)
        twins = await readings.twins(unit, loaded.candidate_id, reading)
        outcome = self.judge(reading, await readings.expected(unit, loaded), twins)
        pages = [*(one for one in row["pages"] if one["masked"]), *masked]
        fault = fault_of(reading) if outcome.retake else ""
        await readings.keep(unit, row, loaded.box, reading, outcome, fault, pages)
        doubts = tuple(doubt.value for doubt in outcome.doubts)
        told = before is not None and (list(doubts), outcome.retake) == (row["doubts"], row["retake"])
        news = not told or before is None or before.valid_until != reading.valid_until
        signal = PictureRead(row["id"], row["round"], doubts, outcome.retake, fault, tell=news)
        await take(unit, loaded, signal)


def _reason(error: Exception) -> str:
    """Why it cannot be read: the last part of a text key."""
    return str(getattr(error, "reason", "damaged"))


def fault_of(reading: Reading) -> str:
    """The text key of what was most wrong with the picture."""
    if reading.faults:
        return f"faults.{reading.faults[0].value}"
    return "faults.unreadable" if reading.certificate else "faults.not_a_certificate"
