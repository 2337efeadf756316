"""`python -m bench [NAME…] [--quick]`: measure, print tables; a whole run is kept in bench/results.md."""

import argparse
import asyncio
import importlib
import os
import platform
import sqlite3
from importlib.metadata import version
from pathlib import Path

from bot.app import calm_collector

NAMES = ("callbacks", "feishu", "turns", "timers", "outbox", "rates", "desk", "import", "certificates", "startup")
MODULES = {"import": "roster"}  # a word that Python keeps for itself
PEERS = (
    "aiohttp",
    "aiosqlite",
    "apscheduler",
    "asyncpg",
    "lark-oapi",
    "nonebot-adapter-feishu",
    "nonebot2",
    "pgqueuer",
    "python-calamine",
    "rapidocr",
    "sqlalchemy",
    "wechatpy",
)
RESULTS = Path(__file__).with_name("results.md")


def machine() -> str:
    """What it was measured on."""
    peers = ", ".join(f"{name} {version(name)}" for name in PEERS)
    model = next((line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if "model name" in line), "")
    load = f"{os.getloadavg()[0]:.1f}"
    return (
        f"{os.cpu_count()} cores{f' ({model})' if model else ''}, {platform.system()} {platform.release()}, Python "
        f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}; {peers}. Load at the start: {load}."
    )


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"one of {', '.join(NAMES)}; default: all")
    parser.add_argument("--quick", action="store_true", help="fewer items, one round: only to see that it runs")
    wanted = parser.parse_args()
    if unknown := set(wanted.names) - set(NAMES):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    parts = [f"# What was measured last\n\n{machine()}"]
    print(parts[0], flush=True)
    for name in wanted.names or NAMES:
        module = importlib.import_module(f"bench.{MODULES.get(name, name)}")
        calm_collector()  # as the server does; the peers that run in this process gain as much
        parts.append(asyncio.run(module.measure(wanted.quick)).markdown())
        print(f"\n{parts[-1]}", flush=True)
    if not wanted.names and not wanted.quick:
        RESULTS.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
