"""Turns: events that are accepted and handled to the end, next to a loop that only inserts and commits."""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, String, event
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from bench.house import House, folder, house, new_database, postgres, product_url, sqlite_url
from bench.table import Report, Target, figure, middle, rounds, spread
from storage import inbox

STAGE = "ai_interview"
ABOUT = (
    "Events a second of {people:,} invited candidates, half of them clicks, half results of the AI interview: each is "
    "sealed and committed to the inbox, claimed, its application loaded, decided upon, and all that follows committed: "
    "events, the new state, timers, messages, what the rates count. bare loop: a SQLAlchemy async ORM session adds "
    "one small row and commits, one after another, on aiosqlite (WAL, synchronous=FULL, as ours) or asyncpg."
)


class Base(DeclarativeBase):
    """Tables of the bare loop."""


class Fact(Base):
    """One small row."""

    __tablename__ = "facts"

    id: Mapped[int] = mapped_column(primary_key=True)
    application_id: Mapped[str] = mapped_column(String(32))
    type: Mapped[str] = mapped_column(String(64))
    at: Mapped[int] = mapped_column(BigInteger)


async def bare(url: str, count: int) -> float:
    """Rows a second of the naive loop."""
    engine = create_async_engine(url)
    if url.startswith("sqlite"):

        @event.listens_for(engine.sync_engine, "connect")
        def set_up(connection: Any, _: object) -> None:
            for pragma in ("journal_mode=WAL", "synchronous=FULL"):
                connection.execute(f"PRAGMA {pragma}")

    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    sessions = async_sessionmaker(engine)
    start = time.perf_counter()
    for number in range(count):
        async with sessions() as session:
            session.add(Fact(application_id=f"{number:032}", type="invite.clicked", at=number))
            await session.commit()
    seconds = time.perf_counter() - start
    await engine.dispose()
    return count / seconds


def events_of(ids: Sequence[str]) -> list[tuple[str, str, dict[str, Any]]]:
    """A click and a result for each application, as links and hooks put them into the inbox: key, source, body."""
    found: list[tuple[str, str, dict[str, Any]]] = []
    for id in ids:
        link = {"application_id": id, "stage": STAGE, "visit": 1}
        scores = {"总分": 82, "服务意识": 86, "抗压能力": 71}
        data = {"token": "t", "scores": scores, "report_url": "https://interview.example.com/r/1"}
        found.append((f"click:{id}", "click", link))
        found.append((f"interview:{id}", "interview", {"type": "interview.completed", "data": data, "link": link}))
    return found


async def accept(home: House, key: str, source: str, body: dict[str, Any]) -> None:
    """What a request does before it is answered."""
    now = home.clock.now()
    day = home.ground.today(now)
    box = await home.ground.days.for_day(day)
    await inbox.accept(home.ground, [inbox.row(key, source, body, box=box, day=day, now=now)])


async def ours(url: str, place: Path, people: int) -> float:
    """Events a second, from the first acceptance to the last one handled, 64 acceptances at a time."""
    async with house(url, place) as home:
        waiting = events_of(await home.invite(people))
        home.clock.push(timedelta(hours=1))
        count = len(waiting)
        start = time.perf_counter()
        arriving = iter(waiting)

        async def arrive() -> None:
            for key, source, body in arriving:
                await accept(home, key, source, body)

        await asyncio.gather(*(arrive() for _ in range(64)))
        handled = await home.bot.inbox.sweep(home.clock.now())
        seconds = time.perf_counter() - start
        await _check(home, handled, count)
        return count / seconds


async def _check(home: House, handled: int, count: int) -> None:
    """All of them handled, and everybody one stage further. Raises RuntimeError."""
    from sqlalchemy import func, select

    from storage.tables import ApplicationRow

    async with home.database.reading() as connection:
        moved = await connection.scalar(
            select(func.count()).select_from(ApplicationRow).where(ApplicationRow.c.stage != STAGE)
        )
    if (handled, moved) != (count, count // 2):
        raise RuntimeError(f"{handled} of {count} events were handled, {moved} candidates moved on")


async def measure(quick: bool) -> Report:
    """Run it."""
    people = 300 if quick else 2_000
    number = 0
    with folder() as place, postgres(place) as server:

        def file() -> str:
            nonlocal number
            number += 1
            return sqlite_url(place / f"{number}.db")

        async def on_postgres() -> str:
            return product_url(await new_database(server))

        async def bare_on_postgres() -> float:
            return await bare(await on_postgres(), 2 * people)

        async def ours_on_postgres() -> float:
            return await ours(await on_postgres(), place, people)

        found = await rounds(
            1 if quick else 3,
            {
                "bare loop on SQLite": lambda: bare(file(), 2 * people),
                "ours on SQLite": lambda: ours(file(), place, people),
                "bare loop on PostgreSQL": bare_on_postgres,
                "ours on PostgreSQL": ours_on_postgres,
            },
        )
    speed = {name: middle(values) for name, values in found.items()}
    return Report(
        "turns",
        ABOUT.format(people=people),
        ("case", "a second", "range"),
        [(name, figure(speed[name]), spread(values)) for name, values in found.items()],
        [
            Target(f"ours / bare loop, both on {name}", speed[f"ours on {name}"] / speed[f"bare loop on {name}"], 1.0)
            for name in ("SQLite", "PostgreSQL")
        ],
    )
