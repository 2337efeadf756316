"""kill -9 at any moment: nothing that was acknowledged is lost, and nobody gets a message twice.

The real process (`bulou run`) is killed twenty times under load. The sandbox, in this process, counts what arrived.
"""

import asyncio
import os
import random
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from bot.clock import Clock
from bot.sandbox import Sandbox
from config.load import load_process
from config.settings import load_settings
from storage import intake, members, processes
from storage.database import Database
from storage.keys import load_root
from storage.migrate import upgrade
from storage.tables import ApplicationRow, EventRow, Incoming, OutboxRow
from storage.unit import Ground, Unit
from tests.world import BROWSER, MASTER_KEY

KILLS = 20
PEOPLE = 60
HR = [f"wang{number}" for number in range(10)]  # who ask: one alone gets 25 messages a minute at most
ASKED = 250  # questions; what waits for a rate limit at the end would only be waited for
PROCESS = """
id: crash
name: 店员
positions: [店员]
quiet_hours: {}
limits: {per_stage: 5, per_day: 5}
stages:
  - id: ai_interview
    kind: interview
    name: AI 面试
    deadline: 3d
    nudges:
      - {after: 4s, unless: clicked, do: sms}
      - {after: 8s, unless: participated, do: follow_up}
    pass: {总分: {at_least: 60}}
  - id: health_certificate
    kind: document
    name: 健康证
    document: health_certificate
    deadline: 3d
  - id: second_interview
    kind: meeting
    name: 复试
    requires: [health_certificate]
    slots: {days: any, from: "09:00", to: "18:00", each: 30m, notice: 0s, horizon: 7d}
    deadline: 7d
"""


@dataclass
class Acknowledged:
    """What the bot said yes to: this must be there in the end."""

    opened: dict[str, str] = field(default_factory=dict)  # phone -> application
    clicked: set[str] = field(default_factory=set)  # phones
    completed: set[str] = field(default_factory=set)  # phones
    asked: int = 0  # /status by HR


class Mortal:
    """`bulou run`, to be killed and started again."""

    def __init__(self, environ: dict[str, str], port: int) -> None:
        self.environ = environ
        self.port = port
        self.process: asyncio.subprocess.Process | None = None
        self.errors = bytearray()

    async def start(self) -> None:
        """Start and wait until it answers."""
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot",
            "run",
            "--port",
            str(self.port),
            env=self.environ,
            stderr=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
        )
        assert self.process.stderr is not None
        self._reader = asyncio.create_task(self._read(self.process.stderr))
        async with aiohttp.ClientSession() as session, asyncio.timeout(60):
            while True:
                with suppress(aiohttp.ClientError):
                    async with session.get(f"http://127.0.0.1:{self.port}/readyz") as answer:
                        if answer.status == 200:
                            return
                assert self.process.returncode is None, self.errors.decode()
                await asyncio.sleep(0.02)

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while chunk := await stream.read(65536):
            self.errors += chunk

    async def kill(self) -> None:
        """Pull the plug."""
        assert self.process is not None
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        await self.process.wait()
        await self._reader


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def _other_side() -> AsyncIterator[tuple[Sandbox, str]]:
    sandbox = Sandbox(Clock())
    sandbox.courier.interval = 0.2
    sandbox.courier.repeats = 200  # a platform gives up after three; here nothing may be blamed on that
    sandbox.app.members.update(HR)
    server = TestServer(sandbox.build())
    await server.start_server()
    try:
        yield sandbox, str(server.make_url("")).rstrip("/")
    finally:
        await server.close()


async def _prepare(environ: dict[str, str], folder: Path) -> tuple[Ground, Database]:
    from bot.ground import ground_of

    settings = load_settings(environ)
    await upgrade(environ["BULOU_DATABASE_URL"])
    database = Database(environ["BULOU_DATABASE_URL"])
    await database.open()
    ground = ground_of(settings, database, await load_root(database, settings.master_key_bytes))
    path = folder / "crash.yaml"
    path.write_text(PROCESS, encoding="utf-8")
    process = load_process(path, path.name, ["not_passed"])

    async def job(connection: object) -> None:
        unit = Unit(connection, ground, Clock().now())  # type: ignore[arg-type]
        await processes.first_files(unit, [process])
        for userid in HR:
            await members.put(unit, userid, role="recruiter", shops=[], wecom=userid)
        await unit.flush()

    await database.write(job)
    return ground, database


async def _load(
    sandbox: Sandbox, ground: Ground, base: str, acknowledged: Acknowledged, dice: random.Random, stop: asyncio.Event
) -> None:
    """People apply, click, hold interviews and HR asks, all the time; only what was acknowledged is remembered."""
    async with aiohttp.ClientSession(headers=BROWSER, timeout=aiohttp.ClientTimeout(total=5)) as browser:
        number = 0
        while not stop.is_set():
            with suppress(aiohttp.ClientError, TimeoutError):
                if number < PEOPLE:
                    number += 1
                    await _apply(ground, f"+86139{number:08}", acknowledged)
                phone = dice.choice([*acknowledged.opened])
                links = [w for m in sandbox.sms.messages(phone) for w in m.text.split() if "/i/" in w]
                if links:
                    async with browser.get(links[-1], allow_redirects=False) as answer:
                        target = answer.headers.get("Location", "")
                    if answer.status == 302:
                        acknowledged.clicked.add(phone)
                    if "/s/" in target and dice.random() < 0.5:
                        token = target.rpartition("/")[2]
                        if (await sandbox.interview.complete(token, {"总分": 80}) or 500) < 300:
                            acknowledged.completed.add(phone)
                if acknowledged.asked < ASKED and dice.random() < 0.3:
                    acknowledged.asked += 1
                    await sandbox.app.say(dice.choice(HR), f"/status {phone[-4:]}")
            await asyncio.sleep(0.01)


async def _apply(ground: Ground, phone: str, acknowledged: Acknowledged) -> None:
    """An application committed by another process, as `bulou import` does it."""

    async def job(connection: object) -> str:
        unit = Unit(connection, ground, Clock().now())  # type: ignore[arg-type]
        id, _ = await intake.open_application(
            unit,
            name=f"候选{phone[-3:]}",
            phone=phone,
            email=None,
            position="店员",
            shop="人民路店",
            batch="崩溃",
            imported=True,
            actor="rule",
        )
        await unit.flush()
        return id

    acknowledged.opened[phone] = await ground.database.write(job)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database without tables: the schema comes from the migrations, as in life."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'live.db'}"
    return str(request.getfixturevalue("empty_postgres_url"))


async def test_twenty_kills_lose_nothing_and_repeat_nothing(empty_url: str, tmp_path: Path) -> None:
    """Whatever the other side had a yes for is there afterwards; whatever people got, they got once."""
    dice = random.Random(20261123)
    port = _free_port()
    async with _other_side() as (sandbox, base):
        environ = {
            "PATH": os.environ["PATH"],
            "BULOU_DATABASE_URL": empty_url,
            "BULOU_MASTER_KEY": MASTER_KEY,
            "BULOU_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "BULOU_VAULT_URL": str(tmp_path / "vault"),
            **sandbox.environment(base),
        }
        sandbox.bot_url = environ["BULOU_PUBLIC_URL"]
        ground, database = await _prepare(environ, tmp_path)
        bot = Mortal(environ, port)
        acknowledged = Acknowledged()
        stop = asyncio.Event()
        try:
            await bot.start()
            load = asyncio.create_task(_load(sandbox, ground, base, acknowledged, dice, stop))
            for _ in range(KILLS):
                await asyncio.sleep(dice.uniform(0.05, 0.9))
                await bot.kill()
                await bot.start()
            stop.set()
            await load
            await _come_to_rest(database, sandbox)
            await _check(database, ground, sandbox, acknowledged)
        finally:
            await bot.kill()
            await database.close()
        assert b"Traceback" not in bot.errors, bot.errors.decode()


async def _come_to_rest(database: Database, sandbox: Sandbox) -> None:
    """Wait until the bot has handled and sent all that is due."""
    async with asyncio.timeout(400):  # what a dead replica was sending is taken up after a minute
        while True:
            await sandbox.idle()
            async with database.reading() as connection:
                inbox = await connection.scalar(select(Incoming.c.seq).where(Incoming.c.status == "waiting").limit(1))
                unsent = (OutboxRow.c.status == "sending") | (OutboxRow.c.status == "waiting")
                outbox = await connection.scalar(select(OutboxRow.c.id).where(unsent).limit(1))
            if inbox is None and outbox is None:
                return
            await asyncio.sleep(0.1)


async def _check(database: Database, ground: Ground, sandbox: Sandbox, acknowledged: Acknowledged) -> None:
    async with database.reading() as connection:
        ids = {id for (id,) in await connection.execute(select(ApplicationRow.c.id))}
        columns = (EventRow.c.application_id, EventRow.c.type, EventRow.c.stage)
        events = Counter((row[0], f"{row[1]} {row[2]}") for row in await connection.execute(select(*columns)))
        aside = list(await connection.execute(select(Incoming.c.seq).where(Incoming.c.status == "failed")))
    assert [] == aside
    assert ids == set(acknowledged.opened.values())
    for phone, id in acknowledged.opened.items():
        assert 1 == events[id, "application.opened ai_interview"]
        if phone in acknowledged.clicked:
            assert 1 == events[id, "invite.clicked ai_interview"], phone
        if phone in acknowledged.completed:
            assert events[id, "interview.completed ai_interview"] >= 1, phone
        texts = Counter(message.text for message in sandbox.sms.messages(phone))
        assert [] == [text for text, times in texts.items() if times > 1]
        assert 1 == sum("/i/" in text and "还差" not in text and "/c/" not in text for text in texts), list(texts)
    told = [message for userid in HR for message in sandbox.app.messages(userid)]
    answers = [message for message in told if message.via == "message/send"]
    assert [] == [id for id, times in Counter(m.task_id for m in answers if m.task_id).items() if times > 1]
