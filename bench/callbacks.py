"""Callbacks: how many a second are accepted from 64 connections, and how long the slowest hundredth waits."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count as counting
from pathlib import Path

from bench.house import folder, new_database, postgres, product_url, run_apart, said, sqlite_url
from bench.table import Report, Target, figure, middle, rounds, spread

CONNECTIONS = 64
PLAIN = "aiohttp: body read, nothing kept"
PEER = "wechatpy on aiohttp: verify, decrypt, parse; nothing kept"
ABOUT = (
    "{count:,} messages of members, each with its own id, sealed as WeCom seals them, from 64 kept-alive connections "
    "of another process; each server has a process of its own. accepted: verified, decrypted, parsed, sealed for the "
    "inbox, deduplicated and committed before the answer, by our web application without its workers. whole: the bot "
    "with everything running, which handles the same messages meanwhile."
)
Speed = tuple[float, float]  # requests a second, 99th percentile in milliseconds


class Vendor:
    """One platform's callbacks: who takes them, each in a process of its own, and who sends them from another."""

    def __init__(self, name: str, count: int, place: Path, database: str) -> None:
        """`name` is the beginning of the modules' names; `database` is a PostgreSQL server."""
        self._name = name
        self._count = count
        self._place = place
        self._database = database
        self._runs = counting(1)

    async def on(self, *command: str, path: str = "") -> Speed:
        """How fast one of the servers is."""
        sent = (self._count, CONNECTIONS, next(self._runs), *([path] if path else []))
        async with _server(f"bench.{self._name}_servers", *command) as port:
            process = await run_apart("-m", f"bench.{self._name}_load", str(port), *map(str, sent))
            speed, slowest = json.loads(await said(process))
            await process.wait()
        return speed, slowest

    async def ours(self, kind: str, dialect: str) -> Speed:
        """How fast ours is: each time on a fresh database, so that none has grown more than another."""
        fresh = self._place / f"{next(self._runs)}"
        fresh.mkdir()
        url = sqlite_url(fresh / "bench.db") if dialect == "SQLite" else product_url(await new_database(self._database))
        return await self.on(kind, url, str(fresh))


@asynccontextmanager
async def _server(*command: str) -> AsyncIterator[int]:
    """One of the servers in its own process; its port."""
    process = await run_apart("-m", *command)
    try:
        yield int(await said(process))
    finally:
        process.kill()
        await process.wait()


def speeds(found: Mapping[str, Sequence[Speed]]) -> dict[str, float]:
    """The middle of each case's requests a second."""
    return {name: middle([speed for speed, _ in values]) for name, values in found.items()}


def report(name: str, about: str, found: Mapping[str, Sequence[Speed]], targets: list[Target]) -> Report:
    """One platform's table."""
    return Report(
        name,
        about,
        ("case", "requests a second", "range", "p99, ms"),
        [
            (
                case,
                figure(speed),
                spread([one for one, _ in found[case]]),
                figure(middle([slowest for _, slowest in found[case]])),
            )
            for case, speed in speeds(found).items()
        ],
        targets,
    )


async def measure(quick: bool) -> Report:
    """Run it."""
    count = 3_000 if quick else 10_000
    with folder() as place, postgres(place) as database:
        wecom = Vendor("wecom", count, place, database)
        found = await rounds(
            1 if quick else 5,
            {
                PLAIN: lambda: wecom.on("plain"),
                PEER: lambda: wecom.on("wechatpy"),
                "ours on SQLite, accepted": lambda: wecom.ours("accepting", "SQLite"),
                "ours on PostgreSQL, accepted": lambda: wecom.ours("accepting", "PostgreSQL"),
                "ours on SQLite, whole": lambda: wecom.ours("whole", "SQLite"),
                "ours on PostgreSQL, whole": lambda: wecom.ours("whole", "PostgreSQL"),
            },
        )
    speed = speeds(found)
    targets = [
        Target(f"ours on {dialect}, accepted / wechatpy", speed[f"ours on {dialect}, accepted"] / speed[PEER], 1.2)
        for dialect in ("SQLite", "PostgreSQL")
    ]
    return report("callbacks", ABOUT.format(count=count), found, targets)
