"""Callbacks: how many a second are accepted from 64 connections, and how long the slowest hundredth waits."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count as counting
from pathlib import Path

from bench.house import folder, new_database, postgres, product_url, run_apart, said, sqlite_url
from bench.table import Report, Target, figure, middle, rounds, spread

CONNECTIONS = 64
PEER = "wechatpy on aiohttp: verify, decrypt, parse; nothing kept"
ABOUT = (
    "{count:,} messages of members, each with its own id, sealed as WeCom seals them, from 64 kept-alive connections "
    "of another process; each server has a process of its own. accepted: verified, decrypted, parsed, sealed for the "
    "inbox, deduplicated and committed before the answer, by our web application without its workers. whole: the bot "
    "with everything running, which handles the same messages meanwhile."
)
Speed = tuple[float, float]  # requests a second, 99th percentile in milliseconds


@asynccontextmanager
async def server(*command: str) -> AsyncIterator[int]:
    """One of the servers in its own process; its port."""
    process = await run_apart("-m", "bench.wecom_servers", *command)
    try:
        yield int(await said(process))
    finally:
        process.kill()
        await process.wait()


async def measure(quick: bool) -> Report:
    """Run it."""
    count = 3_000 if quick else 10_000
    runs = counting(1)

    async def load(port: int) -> Speed:
        process = await run_apart("-m", "bench.wecom_load", *map(str, (port, count, CONNECTIONS, next(runs))))
        speed, slowest = json.loads(await said(process))
        await process.wait()
        return speed, slowest

    with folder() as place, postgres(place) as database:

        async def on(*command: str) -> Speed:
            async with server(*command) as port:
                return await load(port)

        async def ours(kind: str, dialect: str) -> Speed:
            """Each time on a fresh database, so that none has grown more than another."""
            fresh = place / f"{next(runs)}"
            Path(fresh).mkdir()
            url = sqlite_url(fresh / "bench.db") if dialect == "SQLite" else product_url(await new_database(database))
            return await on(kind, url, str(fresh))

        found = await rounds(
            1 if quick else 3,
            {
                "aiohttp: body read, nothing kept": lambda: on("plain"),
                PEER: lambda: on("wechatpy"),
                "ours on SQLite, accepted": lambda: ours("accepting", "SQLite"),
                "ours on PostgreSQL, accepted": lambda: ours("accepting", "PostgreSQL"),
                "ours on SQLite, whole": lambda: ours("whole", "SQLite"),
                "ours on PostgreSQL, whole": lambda: ours("whole", "PostgreSQL"),
            },
        )
    speed = {name: middle([speed for speed, _ in values]) for name, values in found.items()}
    slowest = {name: middle([slowest for _, slowest in values]) for name, values in found.items()}
    return Report(
        "callbacks",
        ABOUT.format(count=count),
        ("case", "requests a second", "range", "p99, ms"),
        [
            (name, figure(speed[name]), spread([one for one, _ in values]), figure(slowest[name]))
            for name, values in found.items()
        ],
        [
            Target(f"ours on {dialect}, accepted / wechatpy", speed[f"ours on {dialect}, accepted"] / speed[PEER], 1.2)
            for dialect in ("SQLite", "PostgreSQL")
        ],
    )
