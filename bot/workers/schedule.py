"""APScheduler runs what is periodic and the one wake-up for the earliest due row; commits wake the workers at once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.clock import Clock

log = logging.getLogger(__name__)

POLL = timedelta(seconds=1)  # what another process commits is noticed within two seconds
ERROR_PAUSE = 1.0
BREATH = timedelta(milliseconds=20)  # what is due still, another process has in hand: asking at once would spin


@dataclass(frozen=True, slots=True)
class Worker:
    """A name, what to do, and (where it has one) when the next row is due."""

    name: str
    sweep: Callable[[datetime], Awaitable[object]]
    earliest: Callable[[], Awaitable[datetime | None]] | None = None
    every: timedelta = POLL
    on_commit: bool = True


class Schedule:
    """Runs each worker in a loop of its own: never two sweeps of one worker at once, none missed."""

    def __init__(self, clock: Clock, workers: Sequence[Worker]) -> None:
        self._clock = clock
        self._workers = workers
        self._bells = {worker.name: asyncio.Event() for worker in workers}
        self._tasks: list[asyncio.Task[None]] = []
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._resting = {worker.name: asyncio.Event() for worker in workers}
        self._stopping = False
        self._rung = 0

    def start(self) -> None:
        """Begin; every worker sweeps once at once."""
        for worker in self._workers:
            self._tasks.append(asyncio.create_task(self._run(worker), name=f"worker {worker.name}"))
            self._scheduler.add_job(
                self._ring,
                "interval",
                args=[worker.name],
                seconds=worker.every.total_seconds(),
                id=worker.name,
                coalesce=True,
                max_instances=1,
            )
        self._scheduler.start()
        self._clock.on_turn(self.ring)
        self.ring()

    async def stop(self) -> None:
        """Let every sweep come to its end, then stop."""
        self._scheduler.shutdown(wait=False)
        self._stopping = True
        for bell in self._bells.values():
            bell.set()
        await asyncio.gather(*self._tasks)
        self._tasks.clear()

    def ring(self) -> None:
        """Something was committed or the clock was turned: look at once."""
        self._rung += 1
        for worker in self._workers:
            if worker.on_commit:
                self._bells[worker.name].set()

    async def idle(self) -> None:
        """Return when every worker has looked and found nothing more to do: for the demo and for stories."""
        busy = [worker.name for worker in self._workers if worker.on_commit]
        quiet = 0
        while quiet < 2:  # one worker's last commit may be another's first item
            rung = self._rung
            for name in busy:
                self._resting[name].clear()
                self._bells[name].set()
            await asyncio.gather(*(self._resting[name].wait() for name in busy))
            quiet = quiet + 1 if self._rung == rung else 0

    async def _ring(self, name: str) -> None:
        self._bells[name].set()  # a coroutine, because APScheduler runs plain functions in a thread

    async def _run(self, worker: Worker) -> None:
        bell = self._bells[worker.name]
        while True:
            await bell.wait()
            bell.clear()
            if self._stopping:
                return
            try:
                await self._sweep(worker)
            except Exception:
                log.exception("a sweep failed", extra={"worker": worker.name})
                await asyncio.sleep(ERROR_PAUSE)
                bell.set()
            finally:
                self._resting[worker.name].set()

    async def _sweep(self, worker: Worker) -> None:
        await worker.sweep(self._clock.now())
        if worker.earliest is not None:
            await self._wake_for(worker)

    async def _wake_for(self, worker: Worker) -> None:
        """The one wake-up: APScheduler rings when the earliest row is due, if that is sooner than the next poll."""
        assert worker.earliest is not None
        due = await worker.earliest()
        name = f"{worker.name} wake-up"
        now = self._clock.now()
        if due is None or due - now >= worker.every:
            return
        real = self._clock.wall() + max(due - now, BREATH)
        self._scheduler.add_job(
            self._ring,
            "date",
            args=[worker.name],
            run_date=real,
            id=name,
            replace_existing=True,
            misfire_grace_time=60,
        )
