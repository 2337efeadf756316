"""Sending: 10,000 invites by SMS to a local gateway, each a durable row whose state is recorded."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import aiohttp
import asyncpg
import orjson
from pgqueuer import AsyncpgPoolDriver, QueueManager
from pgqueuer.models import Job
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode

from bench.house import folder, house, new_database, postgres, product_url, run_apart, said, sqlite_url
from bench.table import Report, Target, figure, middle, rounds, spread

AT_ONCE = 16
BATCH = 100
HEADERS = {"Authorization": "Bearer benchmark", "Content-Type": "application/json"}
ABOUT = (
    "{count:,} SMS to a gateway in another process that answers at once. Ours: invites of real applications; every "
    "message is asked of the rules once more, rendered, frozen, committed as sending, posted, and its outcome recorded "
    "with the events that follow. bare aiohttp: the same posts, 16 at once, nothing kept. pgqueuer: the same posts as "
    "jobs, batches of 100, on PostgreSQL."
)


class Gateway:
    """The stub in its own process."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.url = f"http://127.0.0.1:{port}/sms"

    async def requests(self) -> int:
        """How many requests have come since this was last asked."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        return int(await said(self._process))


@asynccontextmanager
async def gateway() -> AsyncIterator[Gateway]:
    """A stub for as long as the block runs."""
    process = await run_apart("-m", "bench.stub")
    try:
        yield Gateway(process, int(await said(process)))
    finally:
        process.kill()
        await process.wait()


def bodies(count: int) -> list[bytes]:
    """What the peers post: as long as an invite by SMS."""
    link = "http://127.0.0.1:8000/i/abcdefghijklmnopqrstuv"
    text = f"【小满餐厅】候选人1您好，诚邀您参加AI面试，请在72小时内完成：{link} 回复TD退订"
    return [orjson.dumps({"id": f"{n:032}", "to": f"+86138{n:08}", "text": text}) for n in range(count)]


async def bare(url: str, count: int) -> float:
    """Messages a second of an aiohttp client, 16 at once."""
    waiting = bodies(count)

    async def one_after_the_other(session: aiohttp.ClientSession) -> None:
        while waiting:
            async with session.post(url, data=waiting.pop(), headers=HEADERS) as response:
                await response.read()

    async with aiohttp.ClientSession() as session:
        start = time.perf_counter()
        await asyncio.gather(*(one_after_the_other(session) for _ in range(AT_ONCE)))
        return count / (time.perf_counter() - start)


async def queued(url: str, count: int, server: str) -> float:
    """Messages a second of pgqueuer's worker."""
    address = await new_database(server)
    async with asyncpg.create_pool(address) as pool, aiohttp.ClientSession() as session:
        driver = AsyncpgPoolDriver(pool)
        queries = Queries(driver)
        await queries.install()
        waiting: Sequence[bytes] = bodies(count)
        for start in range(0, count, 1000):
            part = list(waiting[start : start + 1000])
            await queries.enqueue(["sms"] * len(part), part, [0] * len(part))
        worker = QueueManager(queries)

        @worker.entrypoint("sms")  # type: ignore[untyped-decorator]
        async def send(job: Job) -> None:
            async with session.post(url, data=job.payload, headers=HEADERS) as response:
                await response.read()

        begun = time.perf_counter()
        await worker.run(batch_size=BATCH, mode=QueueExecutionMode.drain, dequeue_timeout=timedelta(seconds=1))
        return count / (time.perf_counter() - begun)


async def ours(url: str, count: int, place: Path, database_url: str) -> float:
    """Messages a second of the outbox."""
    gateway = {"BULOU_SMS__PROVIDER": "http", "BULOU_SMS__URL": url, "BULOU_SMS__TOKEN": "benchmark"}
    async with house(database_url, place, gateway) as home:
        await home.apply(count)
        start = time.perf_counter()
        await home.bot.outbox.sweep(home.clock.now())
        return count / (time.perf_counter() - start)


async def measure(quick: bool) -> Report:
    """Run it."""
    count = 2_000 if quick else 10_000
    number = 0
    with folder() as place, postgres(place) as server:
        async with gateway() as other_side:
            url = other_side.url

            async def checked(run: "asyncio.Future[float] | object") -> float:
                speed: float = await run  # type: ignore[misc]
                came = await other_side.requests()
                if came != count:
                    raise RuntimeError(f"the gateway saw {came} messages instead of {count}")
                return speed

            def sqlite() -> str:
                nonlocal number
                number += 1
                return sqlite_url(place / f"{number}.db")

            async def on_sqlite() -> float:
                return await checked(ours(url, count, place, sqlite()))

            async def on_postgres() -> float:
                return await checked(ours(url, count, place, product_url(await new_database(server))))

            found = await rounds(
                1 if quick else 3,
                {
                    "bare aiohttp client, 16 at once": lambda: checked(bare(url, count)),
                    "pgqueuer, batches of 100": lambda: checked(queued(url, count, server)),
                    "ours on SQLite": on_sqlite,
                    "ours on PostgreSQL": on_postgres,
                },
            )
    speed = {name: middle(values) for name, values in found.items()}
    ours_, bare_ = speed["ours on SQLite"], speed["bare aiohttp client, 16 at once"]
    return Report(
        "outbox",
        ABOUT.format(count=count),
        ("case", "messages a second", "range"),
        [(name, figure(speed[name]), spread(values)) for name, values in found.items()],
        [
            Target("ours on SQLite / bare aiohttp client", ours_ / bare_, 0.5),
            Target("ours on SQLite / pgqueuer", ours_ / speed["pgqueuer, batches of 100"], 1.0),
        ],
    )
