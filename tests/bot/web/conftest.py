"""A server on both databases; see `place`."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp.test_utils import TestClient, TestServer

from bot.clock import StandingClock
from bot.delivery.compose import House
from bot.dispatch import Dispatch
from bot.platforms.wecom.adapter import WeComPlatform
from bot.platforms.wecom.groupbot import GroupBot
from bot.texts import standard_texts
from bot.web.context import Context
from bot.web.routes import build_web
from config.load import load_process
from recruiting.process import Rung
from storage import processes
from storage.database import Database
from storage.keys import DayKeys, load_root
from storage.unit import Ground
from storage.vault import Vault
from tests.bot.web.place import AES_KEY, LARGEST, MORNING, PROCESS, SMS_TOKEN, WEBHOOK_SECRET, Door, Place


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock(MORNING)


@pytest.fixture
async def context(database: Database, clock: StandingClock, tmp_path: Path) -> AsyncIterator[Context]:
    keyring = await load_root(database, b"k" * 32)
    zone = ZoneInfo("Asia/Shanghai")
    ground = Ground(
        database=database,
        keyring=keyring,
        days=DayKeys(database, keyring),
        timezone=zone,
        locale="zh-CN",
        channels=frozenset({Rung.CHAT, Rung.SMS}),
    )
    texts = standard_texts()
    loaded = load_process(PROCESS, PROCESS.name, texts.reasons())
    dispatch = Dispatch(ground)
    await dispatch.within(lambda unit: processes.first_files(unit, [loaded]), clock.now())
    house = House(texts, "小满餐厅", "http://127.0.0.1:1", "zh-CN", zone, "https://interview.test/s/{token}")
    vault = Vault(str(tmp_path / "vault"))
    await vault.open()
    platform = WeComPlatform(
        api_base="http://127.0.0.1:1",
        corp_id="ww1",
        agent_id=1,
        secret="s",
        token="QDG6eK",
        aes_key=AES_KEY,
        kf_open_kfid="wkDesk",
        now=clock.now,
        timeout=timedelta(milliseconds=500),
    )
    door = Door()
    yield Context(
        ground=ground,
        dispatch=dispatch,
        clock=clock,
        texts=texts,
        house=house,
        vault=vault,
        platforms={"wecom": platform},
        chat_doors={"wechat": door},
        sms_token=SMS_TOKEN,
        interview_secret=WEBHOOK_SECRET,
        interview_link=house.interview_link,
        largest_upload=LARGEST,
        group_bot=GroupBot("QDG6eK", AES_KEY, clock.now),
    )
    await platform.close()


@pytest.fixture
async def place(context: Context, clock: StandingClock) -> AsyncIterator[Place]:
    async with TestClient(TestServer(build_web(context))) as client:
        door = context.chat_doors["wechat"]
        assert isinstance(door, Door)
        yield Place(context, client, clock, door)


@pytest.fixture
def bare(context: Context) -> Callable[..., Awaitable[TestClient[Any, Any]]]:
    """The same server with parts of its context left out."""

    async def start(**without: Any) -> TestClient[Any, Any]:
        client: TestClient[Any, Any] = TestClient(TestServer(build_web(replace(context, **without))))
        await client.start_server()
        return client

    return start
