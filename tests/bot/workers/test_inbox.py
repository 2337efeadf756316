"""Many things come in at once: all are handled, and one that cannot be spoils only itself."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from bot.dispatch import Dispatch
from bot.workers.inbox import Inbox
from recruiting.process import Rung, parse
from storage import inbox, intake, processes
from storage.database import Database
from storage.keys import DayKeys, load_root
from storage.search import lock_candidate_of
from storage.tables import ApplicationRow, EventRow
from storage.tables import Incoming as InboxRow
from storage.unit import Ground, Unit

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
PROCESS = {
    "id": "crew",
    "name": "门店员工招聘",
    "positions": ["店员"],
    "stages": [
        {"id": "ai", "kind": "interview", "name": "AI 面试", "deadline": "3d"},
        {"id": "talk", "kind": "review", "name": "面谈"},
    ],
}


class Wave:
    """Candidates, and what arrives about them."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.dispatch = Dispatch(ground)
        self.inbox = Inbox(ground, self.dispatch, {})

    async def apply(self, count: int) -> list[str]:
        """So many applications; their ids."""

        async def job(unit: Unit) -> list[str]:
            await processes.first_files(unit, [parse(PROCESS, set())])
            people = [
                intake.Applicant(f"候选人{n}", f"+86138{n:08}", None, "店员", "南京路店", "三月") for n in range(count)
            ]
            opened = await intake.open_many(unit, people, imported=True, actor="rule")
            return [one.id for one in opened if isinstance(one, intake.Opening)]

        return await self.dispatch.within(job, NOW)

    async def arrives(self, key: str, source: str, body: Mapping[str, Any]) -> None:
        """Something is accepted."""
        day = self.ground.today(NOW)
        box = await self.ground.days.for_day(day)
        await inbox.accept(self.ground, [inbox.row(key, source, body, box=box, day=day, now=NOW)])

    async def clicks(self, application: str) -> None:
        """A tracked link is opened."""
        await self.arrives(f"click:{application}", "click", {"application_id": application, "stage": "ai", "visit": 1})

    async def result(self, application: str) -> None:
        """The provider tells of an interview."""
        link = {"application_id": application, "stage": "ai", "visit": 1}
        body = {"type": "interview.completed", "data": {"scores": {"总分": 82}}, "link": link}
        await self.arrives(f"interview:{application}", "interview", body)

    async def column(self, column: Any, where: Any) -> list[Any]:
        """What stands in the database."""
        async with self.ground.database.reading() as connection:
            return [value for (value,) in await connection.execute(select(column).where(where).order_by(column))]


@pytest.fixture
async def wave(database: Database) -> Wave:
    keyring = await load_root(database, bytes(32))
    days = DayKeys(database, keyring)
    zone = ZoneInfo("Asia/Shanghai")
    return Wave(Ground(database, keyring, days, zone, "zh-CN", frozenset({Rung.SMS})))


async def test_a_wave_is_handled_to_the_end_and_each_item_once(wave: Wave) -> None:
    """More than one transaction takes, a click before a result, and each repeated by the platform."""
    ids = await wave.apply(60)
    for _ in range(2):
        for id in ids:
            await wave.clicks(id)
            await wave.result(id)

    assert 120 == await wave.inbox.sweep(NOW)
    assert 60 * ["talk"] == await wave.column(ApplicationRow.c.stage, ApplicationRow.c.id.in_(ids))
    assert sorted(ids) == await wave.column(EventRow.c.application_id, EventRow.c.type == "invite.clicked")
    assert sorted(ids) == await wave.column(EventRow.c.application_id, EventRow.c.type == "interview.completed")
    assert 0 == await wave.inbox.sweep(NOW)


async def test_what_cannot_be_handled_spoils_only_itself(wave: Wave) -> None:
    """One item among many is broken: it is put off, the others are done; of nobody's application nothing remains."""
    first, second = await wave.apply(2)
    await wave.clicks(first)
    await wave.arrives("broken", "interview", {"type": "interview.completed"})
    await wave.clicks("nobody")
    await wave.clicks(second)

    await wave.inbox.sweep(NOW)
    assert sorted([first, second]) == await wave.column(EventRow.c.application_id, EventRow.c.type == "invite.clicked")
    assert ["broken"] == await wave.column(InboxRow.c.key, InboxRow.c.status == "waiting")


async def test_what_waits_for_another_try_is_not_overtaken(wave: Wave, monkeypatch: pytest.MonkeyPatch) -> None:
    """A click that could not be handled comes before the result that was told after it, or it counts for nothing."""
    (mei,) = await wave.apply(1)
    await wave.clicks(mei)
    await wave.result(mei)

    async def fails(*_: object) -> None:
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(wave.dispatch, "handle_together", fails)
        broken.setattr(wave.dispatch, "handle", fails)
        await wave.inbox.sweep(NOW)
    await wave.inbox.sweep(NOW + timedelta(seconds=1))
    assert ["ai"] == await wave.column(ApplicationRow.c.stage, ApplicationRow.c.id == mei)
    await wave.inbox.sweep(NOW + timedelta(seconds=10))
    assert ["talk"] == await wave.column(ApplicationRow.c.stage, ApplicationRow.c.id == mei)
    assert [mei] == await wave.column(EventRow.c.application_id, EventRow.c.type == "invite.clicked")


async def test_what_a_person_writes_is_not_held_up_by_what_failed_before(
    wave: Wave, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One message that cannot be handled must not mute its sender for a minute."""
    reply = {"from": "+8613800009999", "text": "你好", "at": NOW.isoformat()}
    await wave.arrives("first", "sms_reply", reply)

    async def fails(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    with monkeypatch.context() as broken:
        broken.setattr(wave.dispatch, "handle", fails)
        await wave.inbox.sweep(NOW)
    await wave.arrives("second", "sms_reply", reply)
    await wave.inbox.sweep(NOW + timedelta(seconds=1))
    assert ["first"] == await wave.column(InboxRow.c.key, InboxRow.c.status == "waiting")


async def test_a_click_and_its_result_keep_their_order_while_somebody_acts_on_the_candidate(postgres_url: str) -> None:
    """Both are left by the wave, because the candidate is locked; one by one they must not race for the lock."""
    database = Database(postgres_url)
    await database.open()
    try:
        keyring = await load_root(database, bytes(32))
        ground = Ground(
            database, keyring, DayKeys(database, keyring), ZoneInfo("Asia/Shanghai"), "zh-CN", frozenset({Rung.SMS})
        )
        wave = Wave(ground)
        people = await wave.apply(8)
        for id in people:
            await wave.clicks(id)
            await wave.result(id)
        locked, let_go = asyncio.Event(), asyncio.Event()

        async def hold(unit: Unit) -> None:
            for id in sorted(people):
                await lock_candidate_of(unit, id)
            locked.set()
            await let_go.wait()

        holding = asyncio.create_task(wave.dispatch.within(hold, NOW))
        await locked.wait()
        sweeping = asyncio.create_task(wave.inbox.sweep(NOW))
        left = wave.dispatch.handle_together

        async def seen(*told: Any) -> set[int]:
            done = await left(*told)
            asyncio.get_running_loop().call_later(0.05, let_go.set)
            return done

        wave.dispatch.handle_together = seen  # type: ignore[method-assign]
        await asyncio.gather(holding, sweeping)
        await wave.inbox.sweep(NOW)
        assert sorted(people) == await wave.column(EventRow.c.application_id, EventRow.c.type == "invite.clicked")
        assert sorted(people) == await wave.column(EventRow.c.application_id, EventRow.c.type == "interview.completed")
    finally:
        await database.close()
