"""Lists that members sent in chat: fetched, read in a thread, shown; after the yes imported part by part."""

import asyncio
import io
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import islice
from typing import Any, TypeVar

from bot.clock import Clock
from bot.delivery.retry import RetryPolicy
from bot.dispatch import Dispatch
from bot.documents.applicants import applicant_of, finder
from bot.documents.roster import Checked, Draft, Reason, Rejected, check_rows, write_rejects_to
from bot.documents.spreadsheet import Table, read_table, text_of
from bot.documents.unreadable import Unreadable
from bot.errors import GiveUp, TryLater
from bot.platforms.base import Fetched, Platform
from bot.workers.errands import LostErrand
from handlers.hr import importing
from handlers.hr.importing import Preview
from recruiting.chat import FileRef
from recruiting.process import Process
from storage import errands, intake, members, parcels, processes
from storage.errands import DONE, DROPPED, EXPIRED, FAILED, SHOWN, WAITING, Errand
from storage.intake import AT_ONCE, Opening, Prospect, Refused
from storage.unit import Unit
from storage.vault import Damaged, Gone, Vault

LONG = 1_000_000  # bytes: reading that takes seconds, so it is said
LONGEST_BATCH = 100  # characters
PART = 100  # rows a transaction: on SQLite everybody waits while it is written, and HR is at work meanwhile
ABOUT = "import"
POLICY = RetryPolicy(first=timedelta(seconds=2), longest=timedelta(minutes=5), tries=8)
REASONS = {intake.OTHER_PERSON: Reason.OTHER_PERSON, intake.NO_CERTIFICATE: Reason.NO_CERTIFICATE}
ERRORS, CSV = "errors.csv", "text/csv"

T = TypeVar("T")
Why = tuple[Reason, str]  # why a row is not taken, and what that is about


class Imports:
    """Carries out errands of the kind `import`. `largest` bounds a list in bytes."""

    def __init__(
        self, dispatch: Dispatch, clock: Clock, platforms: Mapping[str, Platform], vault: Vault, largest: int
    ) -> None:
        self.dispatch = dispatch
        self.ground = dispatch.ground
        self.clock = clock
        self.platforms = platforms
        self.vault = vault
        self.largest = largest

    async def do(self, errand: Errand) -> None:
        """The next step of a list: read and show it, import it, or destroy it. Raises LostErrand."""
        match errand.status:
            case errands.WAITING:
                await self._read(errand)
            case errands.CONFIRMED:
                await self._carry_out(errand)
            case errands.SHOWN:
                await self._drop(errand, EXPIRED)
            case _:
                await self._drop(errand, DROPPED)

    async def give_up(self, errand: Errand) -> None:
        """It has failed too often."""
        fresh = await self._write(lambda unit: errands.by_id(unit, errand.id))
        if fresh is not None:
            await self._refuse(fresh, "import.failed")

    # --- the list arrives --------------------------------------------------------------------------------------------

    async def _read(self, errand: Errand) -> None:
        """Fetch the list, find out what it would bring, and ask."""
        file = FileRef(**errand.words["file"])
        try:
            fetched = await self.platforms[file.surface].fetch(file, self.largest)
            if len(fetched.content) > LONG:
                await self._write(lambda unit: importing.reading(unit, errand))
            today = self.ground.today(self.clock.now())
            name = _name(fetched, today)
            table = await asyncio.to_thread(_table, fetched.content, name)
        except TryLater as error:
            await self._later(errand, error)
        except GiveUp as error:
            most = f"{self.largest // 2**20} MB"
            await self._refuse(errand, "import.too_large" if "large" in error.reason else "import.gone", most=most)
        except Unreadable as error:
            await self._refuse(errand, "import.unreadable", reason={"zh-CN": error.reason_zh, "en": error.reason})
        else:
            await self._show(errand, table, fetched.content, name)

    async def _later(self, errand: Errand, error: TryLater) -> None:
        """The platform is busy: not this time, or not at all."""
        again = POLICY.next_try(errand.tries + 1, self.clock.now(), error.wait)
        if again is None:
            await self._refuse(errand, "import.gone", most="")
        else:
            await self._write(lambda unit: errands.move(unit, errand, WAITING, tries=errand.tries + 1, due_at=again))

    async def _show(self, errand: Errand, table: Table, content: bytes, name: str) -> None:
        member = await self._write(lambda unit: members.by_id(unit, errand.member_id))
        if member is None:
            await self._drop(errand, DROPPED)
            return
        preview, why, errand = await self._foresee(table, member["shops"], errand)
        box = await self.ground.days.for_day(errand.day)
        kept = await self.vault.put(box, content, ABOUT) if preview.added else None
        errors = None
        if why:
            errors = await self.vault.put(box, await asyncio.to_thread(_errors, table, why), parcels.ABOUT)

        async def job(unit: Unit) -> bool:
            values = {"file": kept, "words": {"name": name}, "counts": {"rows": preview.rows}, "tries": 0}
            until = unit.now + importing.KEPT
            if not await errands.move(unit, errand, SHOWN if kept else DONE, due_at=until, **values):
                return False
            parcel = await parcels.add(unit, errors, errand.day, ERRORS, CSV) if errors else None
            await importing.show(unit, errand, preview, parcel)
            return True

        ours = False
        try:
            ours = await self._write(job)
        finally:
            if not ours:
                for file in (kept, errors):
                    if file is not None:
                        await self.vault.destroy(file)

    async def _foresee(
        self, table: Table, shops: Sequence[str], errand: Errand
    ) -> tuple[Preview, dict[int, Why], Errand]:
        """What the list would bring, which rows are not taken, and the errand as it is then. Raises LostErrand.

        Only some hundred rows are held at a time.
        """
        current = await self._processes()
        preview = Preview(dropped=table.dropped, unread=table.unread, processes={each.id: each for each in current})
        why: dict[int, Why] = {}
        seen: set[str] = set()
        rows = self._checked(table, current, shops)
        while part := await asyncio.to_thread(_some, rows, AT_ONCE):
            why |= {row.row: (row.reason, row.detail) for row in part if isinstance(row, Rejected)}
            drafts = [row for row in part if isinstance(row, Draft)]
            async with self.ground.database.reading() as connection:
                unit = Unit(connection, self.ground, self.clock.now())
                prospects = await intake.foresee(unit, [applicant_of(draft) for draft in drafts], seen)
            for draft, prospect in zip(drafts, prospects, strict=True):
                if isinstance(prospect, Refused):
                    why[draft.row] = REASONS.get(prospect.reason, Reason.NO_PROCESS), ""
                else:
                    _count(preview, draft, prospect)
            errand = await self._hold(errand)
        preview.rejected = len(why)
        for number in sorted(why)[: importing.SHOWN]:
            reason, about = why[number]
            preview.rejects.append((number, reason.name.lower(), about))
        return preview, why, errand

    # --- after the yes -----------------------------------------------------------------------------------------------

    async def _carry_out(self, errand: Errand) -> None:
        """Open the applications, some hundred a transaction; who takes the errand up again goes on where it stopped."""
        box = await self.ground.days.for_day(errand.day)
        try:
            content = await self.vault.get(box, errand.file or "", ABOUT)
            table = await asyncio.to_thread(_table, content, str(errand.words.get("name", "")))
        except (Gone, Damaged, Unreadable):
            await self._refuse(errand, "import.gone", most="")
            return
        member = await self._write(lambda unit: members.by_id(unit, errand.member_id))
        if member is None:
            await self._drop(errand, DROPPED)
            return
        rows = self._checked(table, await self._processes(), member["shops"])
        await asyncio.to_thread(_skip, rows, errand.counts.get("done", 0))
        while part := await asyncio.to_thread(_some, rows, PART):
            errand = await self._import(errand, part, f"member:{member['name']}")
        await self._finish(errand)

    async def _import(self, errand: Errand, part: Sequence[Checked], actor: str) -> Errand:
        """These rows, and how far it has come, in one transaction. The errand as it is now. Raises LostErrand."""
        applicants = [applicant_of(row) for row in part if isinstance(row, Draft)]

        async def job(unit: Unit) -> Errand:
            outcomes = await intake.open_many(unit, applicants, imported=True, actor=actor)
            counts = _counted(errand.counts, part, outcomes)
            return await _step(unit, errand, counts=counts)

        return await self._write(job)

    async def _finish(self, errand: Errand) -> None:
        async def job(unit: Unit) -> bool:
            ours = await errands.move(unit, errand, DONE, file=None)
            if ours:
                await importing.finish(unit, errand, errand.counts)
            return ours

        if await self._write(job) and errand.file is not None:
            await self.vault.destroy(errand.file)

    # --- in common ---------------------------------------------------------------------------------------------------

    def _checked(self, table: Table, current: Sequence[Process], shops: Sequence[str]) -> Iterator[Checked]:
        find = finder(current)
        today = self.ground.today(self.clock.now())
        return check_rows(table, takes=lambda position: find(position) is not None, today=today, shops=shops)

    async def _processes(self) -> list[Process]:
        async with self.ground.database.reading() as connection:
            unit = Unit(connection, self.ground, self.clock.now())
            return [process for process, _ in await processes.current(unit)]

    async def _hold(self, errand: Errand) -> Errand:
        """Keep it ours. Raises LostErrand."""
        if errand.due_at - self.clock.now() > errands.LEASE / 2:
            return errand
        return await self._write(lambda unit: _step(unit, errand))

    async def _refuse(self, errand: Errand, text: str, **values: Any) -> None:
        """Nothing comes of it, and it is said why."""

        async def job(unit: Unit) -> bool:
            ours = await errands.move(unit, errand, FAILED, file=None)
            if ours:
                await importing.refused(unit, errand, text, **values)
            return ours

        if await self._write(job) and errand.file is not None:
            await self.vault.destroy(errand.file)

    async def _drop(self, errand: Errand, status: str) -> None:
        """Its time is over: the file goes first, so that after a crash in between it is simply done again."""
        if errand.file is not None:
            await self.vault.destroy(errand.file)
        await self._write(lambda unit: errands.move(unit, errand, status, file=None))

    async def _write(self, job: Callable[[Unit], Awaitable[T]]) -> T:
        return await self.dispatch.within(job, self.clock.now())


async def _step(unit: Unit, errand: Errand, **values: Any) -> Errand:
    """One step further, and ours for another while. Raises LostErrand."""
    due_at = unit.now + errands.LEASE
    if not await errands.move(unit, errand, errand.status, due_at=due_at, **values):
        raise LostErrand
    return replace(errand, due_at=due_at, **values)


def _name(fetched: Fetched, today: date) -> str:
    """What the sender calls the list; where the platform does not tell, the day it came."""
    if fetched.name:
        return fetched.name
    return f"{today}.xlsx" if fetched.content[:2] == b"PK" else f"{today}.csv"


def _table(content: bytes, name: str) -> Table:
    """The list in a file; its name, which may become that of a batch, is not too long for one. Raises Unreadable."""
    table = read_table(content, name)
    return replace(table, title=table.title[:LONGEST_BATCH])


def _some(rows: Iterator[Checked], count: int) -> list[Checked]:
    return list(islice(rows, count))


def _skip(rows: Iterator[Checked], count: int) -> None:
    next(islice(rows, count, count), None)


def _count(preview: Preview, draft: Draft, prospect: Prospect) -> None:
    preview.batches[draft.batch] += 1
    if not prospect.created:
        preview.existing += 1
        return
    preview.added += 1
    if draft.certificate_until is not None:
        return  # works here already: nothing is sent
    preview.unreachable += not prospect.reachable
    preview.firsts[prospect.process.id, prospect.rungs] += 1


def _counted(
    before: Mapping[str, int], part: Sequence[Checked], outcomes: Sequence[Opening | Refused]
) -> dict[str, int]:
    """The numbers after one more part."""
    opened = [one for one in outcomes if isinstance(one, Opening)]
    added = [one for one in opened if one.created]
    more = {
        "done": len(part),
        "added": len(added),
        "existing": len(opened) - len(added),
        "unreachable": sum(not one.reachable for one in added),
        "rejected": len(part) - len(opened),
    }
    return dict(before) | {name: before.get(name, 0) + number for name, number in more.items()}


def _errors(table: Table, why: Mapping[int, Why]) -> bytes:
    """The rows that are not taken, as HR can mend them: the same file as `bulou import` writes."""
    content = io.BytesIO()
    with io.TextIOWrapper(content, "utf-8-sig", newline="") as file:
        write_rejects_to(file, table.header, _given_back(table, why))
        file.flush()
        return content.getvalue()


def _given_back(table: Table, why: Mapping[int, Why]) -> Iterator[Rejected]:
    for row in table.rows():
        if row.number in why:
            reason, about = why[row.number]
            yield Rejected(row.number, reason, tuple(text_of(cell) for cell in row.cells), about)
