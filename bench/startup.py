"""Start-up: `bulou run` from exec to the first 200 on /readyz, and the memory that it holds then."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple

import aiohttp
import psutil

from bench.house import PROCESS, ROOT, VARIABLES, WECOM, folder, free_port, house, sqlite_url
from bench.table import Report, Target, figure, middle, rounds, spread

PATIENCE = 60.0
ABOUT = (
    "`bulou run` on an SQLite database that exists and is up to date, with WeCom and 微信客服 configured against an "
    "address where nobody answers: from exec until /readyz first answers 200, and the resident memory a second later. "
    "bare Python: the same until a server that does nothing but answer (aiohttp) does so."
)
OURS = ("-m", "bot", "run", "--port")
BARE = """
import sys
from aiohttp import web
async def ready(request): return web.Response(text="ready")
app = web.Application()
app.router.add_get("/readyz", ready)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""


class Started(NamedTuple):
    """What a start took."""

    seconds: float
    megabytes: float


async def start(place: Path, *command: str) -> Started:
    """Start, wait until it is ready, stop. Raises RuntimeError or TimeoutError."""
    port = str(free_port())
    own = {"BULOU_DATABASE_URL": sqlite_url(place / "bench.db"), "BULOU_VAULT_URL": str(place / "vault")}
    desk = {"BULOU_WECOM__KF_OPEN_KFID": "wkbenchmark", "BULOU_PROCESS_DIR": str(PROCESS.parent)}
    environ = {**os.environ, **VARIABLES, **WECOM, **own, **desk}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)  # compiled once, as everywhere that nobody forbids it
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, port, cwd=ROOT, env=environ, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as session:
            await _ready(session, process, f"http://127.0.0.1:{port}/readyz")
        seconds = time.perf_counter() - begun
        await asyncio.sleep(1)
        return Started(seconds, psutil.Process(process.pid).memory_info().rss / 2**20)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


async def _ready(session: aiohttp.ClientSession, process: asyncio.subprocess.Process, url: str) -> None:
    while True:
        if process.returncode is not None:
            raise RuntimeError(f"it ended with {process.returncode} before it was ready")
        try:
            async with session.get(url) as response:
                if response.status == 200:
                    return
        except aiohttp.ClientConnectorError:
            pass
        await asyncio.sleep(0.01)


async def measure(quick: bool) -> Report:
    """Run it."""
    with folder() as place:
        async with house(sqlite_url(place / "bench.db"), place) as home:
            await home.apply(500)
        await start(place, *OURS)  # leaves the compiled files behind
        found = await rounds(
            1 if quick else 5,
            {
                "bare Python, aiohttp": lambda: start(place, "-c", BARE),
                "ours": lambda: start(place, *OURS),
            },
        )
    seconds = {name: [one.seconds for one in values] for name, values in found.items()}
    memory = {name: middle([one.megabytes for one in values]) for name, values in found.items()}
    return Report(
        "startup",
        ABOUT,
        ("case", "seconds", "range", "RSS, MB"),
        [(name, figure(middle(values)), spread(values), figure(memory[name])) for name, values in seconds.items()],
        [
            Target("from exec to ready", middle(seconds["ours"]), 1.5, at_least=False, unit="s"),
            Target("resident memory", memory["ours"], 120.0, at_least=False, unit="MB"),
        ],
    )
