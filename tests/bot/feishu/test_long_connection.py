"""The long connection: Feishu's own client in a process of its own, against the sandbox's side of the line."""

import asyncio
import logging
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from bot.clock import StandingClock
from bot.errors import Forged, Misconfigured
from bot.platforms.feishu import long_connection
from bot.platforms.feishu.adapter import FeishuPlatform, answer
from bot.platforms.feishu.long_connection import LongConnection
from bot.sandbox import DEFAULTS, Sandbox
from bot.sandbox.feishu.people import Person as Someone
from bot.sandbox.feishu.socket import Socket
from recruiting.chat import Button, Message, Nothing, Person

SOON = timedelta(milliseconds=10)
TAP, MESSAGE = "card.action.trigger", "im.message.receive_v1"


async def until(condition: Callable[[], object], within: float = 60.0) -> None:
    """Wait for something that happens elsewhere."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.01)


@dataclass
class Started:
    """The processes that were started, and how."""

    processes: list[Process] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)


@dataclass
class Inbox:
    """Takes events as the bot does, and fails or waits when told to."""

    platform: FeishuPlatform
    taken: list[str] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    free: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, event: dict[str, Any]) -> bytes:
        found = self.platform.read(event)
        assert not isinstance(found, Nothing)
        self.taken.append(found[0].text or found[0].key)
        if self.failures:
            raise self.failures.pop(0)
        if found[0].key:
            return answer("已通过", "success")
        await self.free.wait()
        return b"{}"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    kept, start = Started(), asyncio.create_subprocess_exec

    async def remember(*arguments: str, **options: Any) -> Process:
        process = await start(*arguments, **options)
        kept.processes.append(process)
        kept.arguments += arguments
        kept.environment |= options["env"]
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", remember)
    monkeypatch.setenv("BULOU_MASTER_KEY", "hunter2")
    monkeypatch.setenv("NO_PROXY", "*")
    return kept


@pytest.fixture
async def sandbox(clock: StandingClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sandbox]:
    config = {"ReconnectCount": -1, "ReconnectInterval": 1, "ReconnectNonce": 0, "PingInterval": 120}
    monkeypatch.setattr(Socket, "_config", lambda _: config)
    made = Sandbox(clock, bot_url="http://bot.invalid")
    made.feishu.use_socket()
    yield made
    await made.close()


@pytest.fixture
async def base(sandbox: Sandbox) -> AsyncIterator[str]:
    async with TestServer(sandbox.build()) as server:
        yield str(server.make_url("")).rstrip("/")


@pytest.fixture
async def inbox(base: str, clock: StandingClock) -> AsyncIterator[Inbox]:
    platform = FeishuPlatform(
        api_base=base,
        app_id=DEFAULTS.feishu_app_id,
        app_secret=DEFAULTS.feishu_secret,
        encrypt_key="",
        verification_token=DEFAULTS.feishu_token,
        now=clock.now,
    )
    yield Inbox(platform)
    await platform.close()


@pytest.fixture
async def line(base: str, inbox: Inbox, started: Started) -> AsyncIterator[LongConnection]:
    made = LongConnection(DEFAULTS.feishu_app_id, DEFAULTS.feishu_secret, base, inbox.take, restart_after=SOON)
    yield made
    await made.stop()


@pytest.fixture
def hr(sandbox: Sandbox) -> Someone:
    who = sandbox.feishu.person("刘芳")
    who.met = True
    return who


def statuses(sandbox: Sandbox, what: str = MESSAGE) -> list[int | None]:
    """What the bot said to the newest delivery of a kind, at each try."""
    newest = [one for one in sandbox.deliveries if one.what == what][-1]
    return [attempt.status for attempt in newest.attempts]


async def test_a_day_on_the_line(
    line: LongConnection,
    inbox: Inbox,
    sandbox: Sandbox,
    hr: Someone,
    clock: StandingClock,
    started: Started,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """From the wrong secret to the last answer; in one story, for Feishu's client takes its time to load."""
    caplog.set_level(logging.INFO)
    feishu = sandbox.feishu

    # A client that Feishu does not let in ends, says why, and is started again.
    feishu.app.enabled = False
    await line.start()
    await until(
        lambda: "1000040344: app_id or app_secret is invalid" in [vars(one).get("why") for one in caplog.records]
    )
    assert not line.connected
    feishu.app.enabled = True
    await until(lambda: line.connected)

    # Nothing is acknowledged before it is handled, and nobody waits behind it.
    card = Message("张三通过？", buttons=(Button("通过", "pass:1"),))
    sent = await inbox.platform.send(Person("feishu", hr.open_id), card, "1")
    hr.say("你好")
    await until(lambda: inbox.taken)
    outcome = await hr.tap(sent.card, "通过")
    assert outcome.toast is not None
    assert ("success", "已通过", 0) == (outcome.toast.kind, outcome.toast.text, outcome.toast.code)
    assert ([], [200]) == (statuses(sandbox), statuses(sandbox, TAP))
    inbox.free.set()
    await sandbox.idle()
    assert (["你好", "pass:1"], [200]) == (inbox.taken, statuses(sandbox))

    # What could not be taken comes again.
    for failure in (Forged("for another app"), RuntimeError("the database is gone")):
        inbox.failures = [failure]
        hr.say("进度")
        await sandbox.idle()
        assert [500] == statuses(sandbox)
        clock.push(timedelta(seconds=15))
        await sandbox.idle()
        assert [500, 200] == statuses(sandbox)
    assert ["进度"] * 4 == inbox.taken[2:]

    # A long one comes in parts.
    feishu.socket.part_size = 100
    hr.say("长" * 1000)
    await sandbox.idle()
    assert ("长" * 1000, [200]) == (inbox.taken[-1], statuses(sandbox))

    # When Feishu hangs up, the client comes back.
    await feishu.socket.close()
    await until(lambda: 2 == [one.msg for one in caplog.records].count("connected to feishu"))
    hr.say("还在吗")
    await sandbox.idle()
    assert ("还在吗", [200]) == (inbox.taken[-1], statuses(sandbox))
    assert 2 == len(started.processes)

    # At the end what is under way is still answered, and the process goes by itself.
    inbox.free.clear()
    hr.say("最后一句")
    await until(lambda: inbox.taken[-1] == "最后一句")
    stopping = asyncio.create_task(line.stop())
    inbox.free.set()
    await stopping
    await sandbox.idle()
    assert ([200], False) == (statuses(sandbox), line.connected)
    assert [1, 0] == [process.returncode for process in started.processes]
    with pytest.raises(ProcessLookupError):
        os.kill(started.processes[-1].pid, 0)

    # Nobody else hears of secrets, or of what people wrote.
    assert [] == [one for one in started.arguments if DEFAULTS.feishu_secret in one]
    assert [] == [name for name in started.environment if name.startswith("BULOU_")]
    ours = [str(vars(one)) for one in caplog.records if one.name == long_connection.__name__]
    for private in (DEFAULTS.feishu_secret, "你好", "进度", "刘芳", "device_id"):
        assert [] == [one for one in ours if private in one]


def play(monkeypatch: pytest.MonkeyPatch, folder: Path, program: str) -> None:
    """Put another program in the client's place."""
    (folder / "child.py").write_text(program, encoding="utf-8")
    monkeypatch.setattr(long_connection, "CHILD", folder / "child.py")


def ends(caplog: pytest.LogCaptureFixture) -> list[tuple[str, float]]:
    """Why the process ended each time, and the wait after it."""
    return [
        (vars(one)["why"], vars(one)["again_after"]) for one in caplog.records if one.msg == "feishu's client ended"
    ]


async def nobody(event: dict[str, Any]) -> bytes:
    raise AssertionError(f"nothing was to come: {event}")


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("", "gone"),
        ("print('no JSON', flush=True)\nimport time; time.sleep(60)", "not understood"),
        ("print('1' * 2000, flush=True)\nimport time; time.sleep(60)", "not understood"),
        ("import time; time.sleep(60)", "silent"),
    ],
    ids=["gone", "nonsense", "endless", "silent"],
)
async def test_a_client_that_is_no_use_is_replaced_less_and_less_often(
    program: str,
    why: str,
    started: Started,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever is wrong with it: no process stays behind, and a new one is tried."""
    play(monkeypatch, tmp_path, program)
    monkeypatch.setattr(long_connection, "LONGEST_LINE", 1000)
    monkeypatch.setattr(long_connection, "LEAVE", 0.01)
    if why == "silent":
        monkeypatch.setattr(long_connection, "SILENCE", 0.5)
    line = LongConnection("cli_1", "s3cret", "http://127.0.0.1:1", nobody, restart_after=SOON)
    await line.start()
    await until(lambda: len(ends(caplog)) >= 3)
    await line.stop()
    assert [(why, 0.01), (why, 0.02), (why, 0.04)] == ends(caplog)[:3]
    assert None not in [process.returncode for process in started.processes]


async def test_a_client_that_does_not_go_is_made_to(
    started: Started, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It may still be loading when the bot stops."""
    play(monkeypatch, tmp_path, "import time; time.sleep(60)")
    monkeypatch.setattr(long_connection, "LEAVE", 0.01)
    line = LongConnection("cli_1", "s3cret", "http://127.0.0.1:1", nobody)
    await line.start()
    await until(lambda: started.processes)
    await line.stop()
    assert [-9] == [process.returncode for process in started.processes]


async def test_without_feishus_client_the_start_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no part of an ordinary installation."""
    monkeypatch.setitem(sys.modules, "lark_oapi", None)
    with pytest.raises(
        Misconfigured, match=r"^BULOU_FEISHU__MODE=websocket needs .*pip install -e '.\[feishu-websocke"
    ):
        await LongConnection("cli_1", "s3cret", "http://127.0.0.1:1", nobody).start()
