"""Due timers act once, whoever sweeps, and the limits of a person hold within one sweep."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from bot.workers.timers import Timers
from recruiting.model import EventType
from storage.database import Database
from storage.tables import ApplicationRow, EventRow, OutboxRow, TimerRow
from tests.bot.workers.company import NOON, Company, company_on

PEOPLE = 40
REMINDED = NOON + timedelta(hours=12)


async def nudges(company: Company) -> int:
    """How many reminders are owed."""
    ((count,),) = await company.rows(select(func.count()).select_from(OutboxRow).where(OutboxRow.c.purpose == "nudge"))
    return int(count)


async def test_two_sweeps_at_once_act_on_each_timer_once(database: Database) -> None:
    """Two replicas on one database: nobody is reminded twice, nobody forgotten."""
    company = await company_on(database)
    for _ in range(PEOPLE):
        await company.invite()
    await company.process().sweep(NOON)
    other = Database(database.url.render_as_string(hide_password=False))
    await other.open()
    try:
        replica = await company_on(other)
        first, second = Timers(company.ground), Timers(replica.ground)
        while (due := await first.earliest()) is not None and due <= REMINDED:
            await asyncio.gather(first.sweep(REMINDED), second.sweep(REMINDED))
    finally:
        await other.close()
    assert PEOPLE == await nudges(company)
    told = select(func.count()).select_from(EventRow).where(EventRow.c.type == EventType.NUDGED.value)
    assert [(PEOPLE,)] == await company.rows(told)
    assert [] == await company.rows(select(TimerRow.c.id).where(TimerRow.c.due_at <= REMINDED))


async def test_the_days_limit_is_the_persons_also_within_one_sweep(company: Company) -> None:
    """Two applications of one person, both silent: one reminder today, the other only noted for /why."""
    for batch in ("六月", "七月"):
        await company.invite(batch=batch, phone="+8613800009999")
    await company.process().sweep(NOON)
    await Timers(company.ground).sweep(REMINDED)
    assert 1 == await nudges(company)
    skipped = select(func.count()).select_from(EventRow).where(EventRow.c.type == EventType.NUDGE_SKIPPED.value)
    assert [(1,)] == await company.rows(skipped)


async def test_one_application_that_cannot_be_read_holds_up_nobody(
    company: Company, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are reminded in the same sweep; the broken one is looked at again later, and the log names it."""
    ids = [await company.invite() for _ in range(3)]
    await company.process().sweep(NOON)

    async def break_one(connection: Any) -> None:
        broken = update(ApplicationRow).where(ApplicationRow.c.id == ids[1]).values(state={"entered_at": "nonsense"})
        await connection.execute(broken)

    await company.ground.database.write(break_one)
    await Timers(company.ground).sweep(REMINDED)
    assert 2 == await nudges(company)
    ((due,),) = await company.rows(select(func.min(TimerRow.c.due_at)).where(TimerRow.c.application_id == ids[1]))
    assert REMINDED + timedelta(minutes=10) == due
    assert [ids[1]] == [record.application for record in caplog.records if hasattr(record, "application")]
