"""Rates: what an event costs until it is counted and evaluated, with few and with a million applications there."""

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import update

from bench.crowd import multiply_postgres, multiply_sqlite
from bench.house import House, folder, house, new_database, postgres, product_url, sqlite_url
from bench.table import Report, Target, figure, middle
from bench.turns import accept, events_of
from bot.workers.rates import Rates
from storage.tables import Watch
from storage.unit import Unit

REAL = 1_000  # applications opened as any, of one batch: what is measured happens to these
LATER = timedelta(hours=30)  # who was invited is due by then
APART = timedelta(minutes=31)  # between two waves: every alert is counted anew in each
PEOPLE = 40  # of one wave: a click and a result of the AI interview each
FLAT = 1.5
ABOUT = (
    "Milliseconds an event: {waves} waves of {events} events (clicks, results of the AI interview) of one batch of "
    "1,000, half an hour apart, so that each wave is followed by a whole look at the batch's rates. turn: the event "
    "taken from the inbox, decided upon, its visit counted, committed. rates: changes folded, all alerts of the batch "
    "counted and evaluated, committed. batches of 1,000: the other applications lie in batches of their own. one "
    "batch: all of them lie in this one, and each look counts them all; there the look stands a thousand "
    "applications. On SQLite CPU time of the whole process, on PostgreSQL elapsed time; middle of the waves."
)


class Wave(NamedTuple):
    """What one wave took, in seconds."""

    turn: float
    fold: float
    look: float

    @property
    def rates(self) -> float:
        """Counting and evaluating."""
        return self.fold + self.look


class Crowd:
    """An open house with so many applications."""

    def __init__(self, home: House, ids: Sequence[str], on_postgres: bool) -> None:
        self.home = home
        self._waiting = list(ids)
        self._clock = time.perf_counter if on_postgres else time.process_time
        self._rates = Rates(home.ground)  # opens no links

    async def settle(self) -> None:
        """All are due before anything is measured."""
        self.home.clock.push(LATER)
        await self._rates.sweep(self.home.clock.now())

    async def wave(self) -> Wave:
        """Some of the candidates act; then the rates are looked at."""
        ids, self._waiting = self._waiting[:PEOPLE], self._waiting[PEOPLE:]
        events = events_of(ids)
        for key, source, body in events:
            await accept(self.home, key, source, body)
        moments = [self._clock()]
        if await self.home.bot.inbox.sweep(self.home.clock.now()) != len(events):
            raise RuntimeError("not all events were handled")
        moments.append(self._clock())
        await self._rates.sweep(self.home.clock.now())  # nothing is due yet: changes are folded
        moments.append(self._clock())
        self.home.clock.push(APART)
        before = self._clock()
        await self._rates.sweep(self.home.clock.now())
        return Wave(moments[1] - moments[0], moments[2] - moments[1], self._clock() - before)


async def _told(unit: Unit) -> None:
    """As if HR had been told of the worst: to look for causes happens once in a batch's life, not with its events."""
    await unit.run(update(Watch).values(alerting=True, told_rate=1.0, level=1))


async def _crowd(
    stack: AsyncExitStack, place: Path, server: str, database: str, size: int, *, one_batch: bool
) -> Crowd:
    """A house of its own with so many applications."""
    path = place / f"{size}{'-one' if one_batch else ''}.db"
    on_postgres = database == "PostgreSQL"
    address = await new_database(server) if on_postgres else ""
    url = product_url(address) if on_postgres else sqlite_url(path)
    async with house(url, place) as home:
        ids = await home.invite(REAL)
        await home.bot.rates.sweep(home.clock.now())
        await home.bot.dispatch.within(_told, home.clock.now())
    copies = size // REAL - 1
    if on_postgres:
        await multiply_postgres(address, copies, one_batch=one_batch)
    else:
        multiply_sqlite(path, copies, one_batch=one_batch)
    crowd = Crowd(await stack.enter_async_context(house(url, place)), ids, on_postgres)
    await crowd.settle()
    return crowd


async def measure(quick: bool) -> Report:
    """Run it."""
    sizes = (1_000, 20_000) if quick else (1_000, 100_000, 1_000_000)
    waves = 5 if quick else 15
    report = Report(
        "rates",
        ABOUT.format(waves=waves, events=2 * PEOPLE),
        ("case", "turn", "rates", "of it folding", "looking", "all"),
    )
    with folder() as place, postgres(place) as server:
        for database in ("SQLite", "PostgreSQL"):
            for one_batch in (False, True):
                await _compare(report, place, server, database, sizes, waves, one_batch=one_batch)
    return report


async def _compare(
    report: Report, place: Path, server: str, database: str, sizes: Sequence[int], waves: int, *, one_batch: bool
) -> None:
    """All sizes side by side, a wave of each in turn, so that drift hits all alike."""
    found: dict[int, list[Wave]] = {size: [] for size in sizes}
    async with AsyncExitStack() as stack:
        crowds = {size: await _crowd(stack, place, server, database, size, one_batch=one_batch) for size in sizes}
        for number in range(waves):
            for size in sizes if number % 2 == 0 else reversed(sizes):
                found[size].append(await crowds[size].wave())
    for leftover in place.glob("*.db*"):
        leftover.unlink()
    costs = {size: Wave(*(middle(times) for times in zip(*many, strict=True))) for size, many in found.items()}
    kind = "one batch" if one_batch else "batches of 1,000"
    for size, cost in costs.items():
        parts = (cost.turn, cost.rates, cost.fold, cost.look, cost.turn + cost.rates)
        if one_batch:
            looking = cost.look / (size / 1_000)
            parts = (cost.turn, cost.fold + looking, cost.fold, looking, cost.turn + cost.fold + looking)
        case = f"{database}, {size:,} applications, {kind}"
        report.rows.append((case, *(figure(part * 1_000 / (2 * PEOPLE)) for part in parts)))
    least = costs[sizes[0]]
    for size in sizes[1:]:
        cost, name = costs[size], f"{database}, {kind}: {size:,} / {sizes[0]:,}"
        if one_batch:
            folding = (cost.turn + cost.fold) / (least.turn + least.fold)
            report.targets.append(Target(f"{name}, turn and folding", folding, FLAT, False))
            per = cost.look / size / (least.look / sizes[0])
            report.targets.append(Target(f"{name}, a look, each application", per, FLAT, False))
        else:
            report.targets.append(Target(f"{name}, rates", cost.rates / least.rates, FLAT, False))
            whole = (cost.turn + cost.rates) / (least.turn + least.rates)
            report.targets.append(Target(f"{name}, all", whole, FLAT, False))
