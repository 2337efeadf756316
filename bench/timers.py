"""Timers: 1,000 become due at once, with 10,000 or 1,000,000 pending; next to APScheduler's own job store."""

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy import Engine, create_engine, event

from bench.house import House, folder, house, new_database, postgres, product_url, sqlite_url
from bench.table import Report, Target, figure, middle, rounds, spread

DUE = 1_000
KINDS = ("nudges", "overtaken")
FEW, MANY = 10_000, 1_000_000
JOBS = 10_000
NUDGE_AFTER = timedelta(hours=12)
APART = timedelta(minutes=5)  # between the invites of two rounds
FAR = datetime(2027, 1, 1, tzinfo=UTC)
ABOUT = (
    "Seconds until 1,000 timers that are due at one moment are claimed, decided upon and committed. nudges: each is a "
    "real first reminder: an event, a message for the outbox, the new state. overtaken: each finds that its candidate "
    "has acted meanwhile, as most do. APScheduler: 10,000 date jobs in its SQLAlchemyJobStore, 1,000 of them due, each "
    "an empty function: from start to the last one run; SQLite as SQLAlchemy opens it (rollback journal), and with WAL "
    "(FULL, as ours)."
)


# --- ours -------------------------------------------------------------------------------------------------------------


def plan(times: int) -> list[str]:
    """Which kind becomes due when: in the order in which `rounds` measures them."""
    return [kind for turn in range(times) for kind in (KINDS if turn % 2 == 0 else KINDS[::-1])]


async def prepare(home: House, times: int) -> None:
    """For each round: 1,000 invited candidates who have done nothing, and 1,000 who have been at the interview."""
    for kind in plan(times):
        ids = await home.invite(DUE)
        if kind == "overtaken":
            await _overtake(home, ids)
        home.clock.push(APART)


async def _overtake(home: House, ids: Sequence[str]) -> None:
    from recruiting.model import Started
    from storage.applications import load
    from storage.apply import Course
    from storage.unit import Unit

    async def job(unit: Unit) -> None:
        course = Course(unit)
        for loaded in (await load(unit, ids)).values():
            await course.take(loaded, Started("ai_interview", 1))
        await course.save()

    await home.bot.dispatch.within(job, home.clock.now())


async def sweep(home: House, moments: dict[str, list[datetime]], kind: str) -> float:
    """Seconds for the next round's 1,000 of this kind."""
    now = moments[kind].pop(0)
    start = time.perf_counter()
    acted = await home.bot.timers.sweep(now)
    seconds = time.perf_counter() - start
    if acted != DUE:
        raise RuntimeError(f"{acted} timers were due instead of {DUE}")
    return seconds


def fill_sqlite(path: Path, pending: int) -> None:
    """Bring the number of pending timers to `pending`: others, spread over all applications and the year to come."""
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA synchronous=OFF")
        raw.execute("PRAGMA cache_size=-200000")
        raw.execute("DELETE FROM timers WHERE name <> 'nudge:0'")
        ids = [id for (id,) in raw.execute("SELECT id FROM applications")]
        (there,) = raw.execute("SELECT count(*) FROM timers").fetchone()
        far = int(FAR.timestamp()) * 1_000_000
        rows = (
            (ids[n % len(ids)], "ai_interview", 1, f"other:{n}", far + n * 7_919_000_003 % (365 * 86_400_000_000))
            for n in range(pending - there)
        )
        raw.executemany("INSERT INTO timers (application_id, stage, visit, name, due_at) VALUES (?, ?, ?, ?, ?)", rows)
    raw.close()


async def fill_postgres(address: str, pending: int) -> None:
    """The same on PostgreSQL."""
    connection = await asyncpg.connect(address)
    try:
        await connection.execute("DELETE FROM timers WHERE name <> 'nudge:0'")
        there = await connection.fetchval("SELECT count(*) FROM timers")
        await connection.execute(
            """
            INSERT INTO timers (application_id, stage, visit, name, due_at)
            SELECT ids[1 + n % cardinality(ids)], 'ai_interview', 1, 'other:' || n,
                   $2::bigint + n * 7919000003 % 31536000000000
            FROM generate_series(0, $1::bigint - 1) AS n, (SELECT array_agg(id) AS ids FROM applications) AS a
            """,
            pending - there,
            int(FAR.timestamp()) * 1_000_000,
        )
        await connection.execute("VACUUM ANALYZE timers")
    finally:
        await connection.close()


def moments_of(times: int, start: datetime) -> dict[str, list[datetime]]:
    """When the timers of each round are due."""
    moments: dict[str, list[datetime]] = {kind: [] for kind in KINDS}
    for number, kind in enumerate(plan(times)):
        moments[kind].append(start + NUDGE_AFTER + number * APART)
    return moments


# --- APScheduler ------------------------------------------------------------------------------------------------------

_runs = 0


async def note() -> None:
    """What each job does."""
    global _runs
    _runs += 1


def _engine(path: Path, *pragmas: str) -> Engine:
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _: object) -> None:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    return engine


async def fill_jobs(path: Path) -> None:
    """10,000 jobs, 1,000 of them due long ago."""
    scheduler = AsyncIOScheduler(timezone=UTC)
    scheduler.add_jobstore(SQLAlchemyJobStore(engine=_engine(path, "synchronous=OFF", "journal_mode=MEMORY")))
    scheduler.start(paused=True)
    for n in range(JOBS):
        day = datetime(2020, 1, 1, tzinfo=UTC) if n < DUE else datetime(2099, 1, 1, tzinfo=UTC)
        moment = day + timedelta(seconds=n)
        scheduler.add_job("bench.timers:note", "date", run_date=moment, misfire_grace_time=None, id=f"{n:032}")
    scheduler.shutdown(wait=False)


async def burst(template: Path, place: Path, *pragmas: str) -> float:
    """Seconds from start until the due jobs have run."""
    global _runs
    _runs = 0
    path = place / "jobs.db"
    shutil.copy(template, path)
    scheduler = AsyncIOScheduler(timezone=UTC)
    scheduler.add_jobstore(SQLAlchemyJobStore(engine=_engine(path, *pragmas)))
    start = time.perf_counter()
    scheduler.start()
    while _runs < DUE:
        await asyncio.sleep(0.001)
    seconds = time.perf_counter() - start
    scheduler.shutdown(wait=False)
    for leftover in place.glob("jobs.db*"):
        leftover.unlink()
    return seconds


# --- all --------------------------------------------------------------------------------------------------------------


async def measure(quick: bool) -> Report:
    """Run it."""
    times = 1 if quick else 3
    many = MANY // 10 if quick else MANY
    with folder() as place, postgres(place) as server:
        async with AsyncExitStack() as stack:
            cases: dict[str, Any] = {}
            for database in ("SQLite", "PostgreSQL"):
                for pending in (FEW, many):
                    home, moments = await _filled(stack, place, server, database, pending, times)
                    for kind in KINDS:
                        name = f"ours on {database}, {pending:,} pending, {kind}"
                        cases[name] = lambda home=home, moments=moments, kind=kind: sweep(home, moments, kind)
            jobs = place / "template.db"
            await fill_jobs(jobs)
            cases["APScheduler on SQLite, 10,000 jobs"] = lambda: burst(jobs, place)
            cases["APScheduler on SQLite with WAL, 10,000 jobs"] = lambda: burst(
                jobs, place, "journal_mode=WAL", "synchronous=FULL"
            )
            found = await rounds(times, cases)
    seconds = {name: middle(values) for name, values in found.items()}
    return Report(
        "timers",
        ABOUT,
        ("case", "seconds", "range"),
        [(name, figure(seconds[name]), spread(values)) for name, values in found.items()],
        _targets(seconds, many),
    )


async def _filled(
    stack: AsyncExitStack, place: Path, server: str, database: str, pending: int, times: int
) -> tuple[House, dict[str, list[datetime]]]:
    """A house of its own with that many pending timers, and the moments at which its rounds are due."""
    path = place / f"{pending}.db"
    address = await new_database(server)
    url = sqlite_url(path) if database == "SQLite" else product_url(address)
    async with house(url, place) as home:
        moments = moments_of(times, home.clock.now())
        await prepare(home, times)
    if database == "SQLite":
        fill_sqlite(path, pending)
    else:
        await fill_postgres(address, pending)
    return await stack.enter_async_context(house(url, place)), moments


def _targets(seconds: dict[str, float], many: int) -> list[Target]:
    targets = []
    for database in ("SQLite", "PostgreSQL"):
        for kind in KINDS:
            few, most = (seconds[f"ours on {database}, {pending:,} pending, {kind}"] for pending in (FEW, many))
            targets.append(Target(f"{database}, {kind}: {many:,} pending / {FEW:,} pending", most / few, 1.5, False))
    for kind in KINDS:
        ours = seconds[f"ours on SQLite, {many:,} pending, {kind}"]
        for mode in ("", " with WAL"):
            theirs = seconds[f"APScheduler on SQLite{mode}, 10,000 jobs"]
            targets.append(Target(f"APScheduler on SQLite{mode} / ours on SQLite ({kind})", theirs / ours, 5.0))
    return targets
