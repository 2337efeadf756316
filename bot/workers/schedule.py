"""APScheduler runs what is periodic and the one wake-up for the earliest due row; commits wake the workers at once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.clock import Clock

log = logging.getLogger(__name__)

POLL = timedelta(seconds=1)  # what another process commits is noticed within two seconds
ERROR_PAUSE = 1.0
BREATH = 0.02  # seconds after a sweep until the next look


@dataclass(frozen=True, slots=True)
class Worker:
    """A name and what to do. It is woken every so often, and by commits: by each, or when its earliest row is due."""

    name: str
    sweep: Callable[[datetime], Awaitable[object]]
    every: timedelta = POLL
    on_commit: bool = True


class Schedule:
    """Runs each worker in a loop of its own: never two sweeps of one worker at once, none missed."""

    def __init__(
        self,
        clock: Clock,
        workers: Sequence[Worker],
        look: Callable[[], Awaitable[Mapping[str, datetime]]],
        looked_for: Collection[str],
    ) -> None:
        """`look` says when each of the workers in `looked_for` is next needed."""
        self._clock = clock
        self._workers = workers
        self._look = look
        self._by_row = [worker for worker in workers if worker.name in looked_for]
        self._by_commit = [worker for worker in workers if worker.on_commit and worker not in self._by_row]
        self._bells = {worker.name: asyncio.Event() for worker in workers}
        self._look_bell = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._resting = {worker.name: asyncio.Event() for worker in workers}
        self._stopping = False
        self._rung = 0
        self._wake_up: datetime | None = None  # as the scheduler has it, by this clock

    def start(self) -> None:
        """Begin; whoever has something to do does it at once."""
        self._tasks.append(asyncio.create_task(self._look_out(), name="look-out"))
        self._every(POLL, self._look_bell, "look-out")
        for worker in self._workers:
            self._tasks.append(asyncio.create_task(self._run(worker), name=f"worker {worker.name}"))
            if worker not in self._by_row:
                self._every(worker.every, self._bells[worker.name], worker.name)
        self._scheduler.start()
        self._clock.on_turn(self.ring)
        self.ring()

    async def stop(self) -> None:
        """Let every sweep come to its end, then stop."""
        self._scheduler.shutdown(wait=False)
        self._stopping = True
        for bell in (self._look_bell, *self._bells.values()):
            bell.set()
        await asyncio.gather(*self._tasks)
        self._tasks.clear()

    def ring(self) -> None:
        """Something was committed or the clock was turned: look at once."""
        self._rung += 1
        self._look_bell.set()
        for worker in self._by_commit:
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

    def _every(self, interval: timedelta, bell: asyncio.Event, name: str) -> None:
        seconds = interval.total_seconds()
        self._scheduler.add_job(_set, "interval", args=[bell], seconds=seconds, id=name, coalesce=True, max_instances=1)

    async def _look_out(self) -> None:
        """Wake those whose earliest row is due."""
        while True:
            await self._look_bell.wait()
            self._look_bell.clear()
            if self._stopping:
                return
            try:
                earliest = await self._look()
            except Exception:
                log.exception("it could not be seen what is due")
                await asyncio.sleep(ERROR_PAUSE)
                self._look_bell.set()
                continue
            now = self._clock.now()
            for worker in self._by_row:
                if worker.name in earliest and earliest[worker.name] <= now:
                    self._bells[worker.name].set()
            self._look_again_at(min((moment for moment in earliest.values() if moment > now), default=None), now)

    def _look_again_at(self, due: datetime | None, now: datetime) -> None:
        """The one wake-up: APScheduler rings when the earliest row is due, if that is sooner than the next poll."""
        if due is None or due == self._wake_up or due - now >= POLL:
            return
        self._wake_up = due
        self._scheduler.add_job(
            self._wake,
            "date",
            run_date=self._clock.wall() + max(due - now, timedelta(seconds=BREATH)),
            id="wake-up",
            replace_existing=True,
            misfire_grace_time=60,
        )

    async def _wake(self) -> None:
        self._wake_up = None
        self._look_bell.set()

    async def _run(self, worker: Worker) -> None:
        bell = self._bells[worker.name]
        while True:
            await bell.wait()
            bell.clear()
            if self._stopping:
                return
            try:
                await worker.sweep(self._clock.now())
            except Exception:
                log.exception("a sweep failed", extra={"worker": worker.name})
                await asyncio.sleep(ERROR_PAUSE)
                bell.set()
            finally:
                self._resting[worker.name].set()
            if worker in self._by_row:  # what is due still, another process has in hand: asking at once would spin
                asyncio.get_running_loop().call_later(BREATH, self._look_bell.set)


async def _set(bell: asyncio.Event) -> None:
    bell.set()  # a coroutine, because APScheduler runs plain functions in a thread
