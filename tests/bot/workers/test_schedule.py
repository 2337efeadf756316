"""Who is needed is woken, and nobody else: by one look at what is due, after each commit and at the next moment."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from bot.clock import StandingClock
from bot.workers.schedule import Schedule, Worker
from storage import due, errands
from storage.tables import DoomedFile, Fetch
from storage.types import EPOCH
from storage.unit import Unit
from tests.bot.workers.company import NOON, Company


async def looked(company: Company) -> dict[str, datetime]:
    async with company.ground.database.reading() as connection:
        return await due.look(connection)


async def test_a_look_names_who_is_needed_and_when(company: Company) -> None:
    assert {} == await looked(company)
    await company.invite()
    assert NOON == (await looked(company))["outbox"]
    await company.process().sweep(NOON)
    assert {"timers": NOON + timedelta(hours=12), "rates": EPOCH} == await looked(company)


async def test_files_and_errands_are_looked_for(company: Company) -> None:
    later = NOON + timedelta(minutes=5)

    async def job(unit: Unit) -> None:
        unit.add(DoomedFile, file="f" * 32, at=NOON)
        for id, status, at in (("a", "done", NOON), ("b", "waiting", later)):
            file = {"surface": "wecom.kf", "id": id, "kind": "image"}
            unit.add(Fetch, id=id, conversation_id="x", candidate_id="y", file=file, status=status, tries=0, due_at=at)
        await unit.ground.days.existing(unit.connection, unit.ground.today(unit.now))
        await errands.add(unit, errands.EXPORT, "m", None, {})

    await company.write(job)
    assert {"readings": NOON, "files": later, "errands": NOON} == await looked(company)


class Office:
    """Workers that note when they were called, and rows that say who is needed."""

    def __init__(self) -> None:
        self.clock = StandingClock(NOON)
        self.due: dict[str, datetime] = {}
        self.called: list[str] = []
        self.turned = asyncio.Condition()
        workers = [Worker(name, self._worker(name)) for name in ("inbox", "outbox", "timers")]
        self.schedule = Schedule(self.clock, workers, self._look, ("outbox", "timers"))

    def _worker(self, name: str) -> Callable[[datetime], Awaitable[None]]:
        async def sweep(now: datetime) -> None:
            self.called.append(name)
            self.due.pop(name, None)
            async with self.turned:
                self.turned.notify_all()

        return sweep

    async def _look(self) -> dict[str, datetime]:
        return dict(self.due)

    async def until(self, *called: str) -> None:
        """Return once these have been called since the last time."""
        async with asyncio.timeout(10), self.turned:
            await self.turned.wait_for(lambda: set(called) <= set(self.called))
        self.called.clear()


async def test_a_commit_wakes_whose_row_is_due() -> None:
    office = Office()
    office.due = {"timers": NOON}
    office.schedule.start()
    try:
        await office.until("inbox", "timers")  # what a former process has left is done at once
        office.due = {"outbox": NOON, "timers": NOON + timedelta(hours=1)}
        office.schedule.ring()
        await office.until("inbox", "outbox")
        office.schedule.ring()
        await office.until("inbox")
        assert "timers" not in office.called
        office.clock.push(timedelta(hours=1))
        await office.until("timers")
    finally:
        await office.schedule.stop()


async def test_what_is_due_still_is_looked_at_again_without_another_commit() -> None:
    """Another process had it in hand, and let go of it without a change."""
    office = Office()
    office.due = Stubborn(outbox=NOON)
    office.schedule.start()
    try:
        for _ in range(3):
            await office.until("outbox")
    finally:
        await office.schedule.stop()


class Stubborn(dict[str, datetime]):
    """Rows that stay due."""

    def pop(self, *_: object) -> datetime:
        return NOON
