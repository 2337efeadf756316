"""Feishu's callbacks: how many a second are accepted from 64 connections, beside its SDK and a bot framework."""

from bench.callbacks import PLAIN, Vendor, report, speeds
from bench.feishu_load import NONEBOT_PATH
from bench.house import folder, postgres
from bench.table import Report, Target, rounds

SDK = "lark-oapi on aiohttp: verify, decrypt, parse; nothing kept"
FRAMEWORK = "nonebot2 with its Feishu adapter as it comes: decrypt, parse, log, dispatch; nothing kept"
QUIET = "nonebot2 with its Feishu adapter, told to log warnings only"
ABOUT = (
    "{count:,} private messages (im.message.receive_v1), each with ids of its own, sealed and signed as Feishu does "
    "it, from 64 kept-alive connections of another process; each server has a process of its own. accepted and whole: "
    "as in callbacks. lark-oapi hands the message to an empty function. nonebot2 runs on FastAPI and uvicorn with "
    "uvloop and httptools, and hands it to an empty handler after it has answered; it checks no signature, and its log "
    "goes nowhere."
)


async def measure(quick: bool) -> Report:
    """Run it."""
    count = 3_000 if quick else 10_000
    with folder() as place, postgres(place) as database:
        feishu = Vendor("feishu", count, place, database)
        found = await rounds(
            1 if quick else 5,
            {
                PLAIN: lambda: feishu.on("plain"),
                SDK: lambda: feishu.on("lark"),
                FRAMEWORK: lambda: feishu.on("nonebot", "INFO", path=NONEBOT_PATH),
                QUIET: lambda: feishu.on("nonebot", "WARNING", path=NONEBOT_PATH),
                "ours on SQLite, accepted": lambda: feishu.ours("accepting", "SQLite"),
                "ours on PostgreSQL, accepted": lambda: feishu.ours("accepting", "PostgreSQL"),
                "ours on SQLite, whole": lambda: feishu.ours("whole", "SQLite"),
                "ours on PostgreSQL, whole": lambda: feishu.ours("whole", "PostgreSQL"),
            },
        )
    speed = speeds(found)
    targets = [
        Target("ours on SQLite, accepted / lark-oapi", speed["ours on SQLite, accepted"] / speed[SDK], 1.1),
        Target(
            "ours on SQLite, accepted / nonebot2 as it comes", speed["ours on SQLite, accepted"] / speed[FRAMEWORK], 4
        ),
    ]
    return report("feishu", ABOUT.format(count=count), found, targets)
