"""Reports of what became of a message: each takes effect once, and nobody's number stays in plain columns."""

import asyncio

import pytest
from sqlalchemy import select

from handlers import deliveries
from storage.database import Database
from storage.tables import OutboxRow
from tests.bot.workers.company import NOON, Company, company_on


@pytest.fixture
async def company(database: Database) -> Company:
    """A company on either database."""
    return await company_on(database)


async def sent(company: Company) -> tuple[str, str]:
    """Somebody is invited by SMS: the application's id and the message's."""
    mei = await company.invite()
    await company.process().sweep(NOON)
    return mei, company.wire.tries[0][1]


async def test_a_failure_that_is_reported_twice_at_once_is_one_failure(company: Company) -> None:
    """Two replicas get the same report in the same moment."""
    mei, message = await sent(company)
    body = {"id": message, "status": "failed", "reason": "空号"}
    await asyncio.gather(*(company.write(lambda unit: deliveries.report(unit, body)) for _ in range(4)))
    assert 1 == (await company.events(mei)).count("message.failed")
    assert [["unreachable"]] == await company.follow_ups(mei)


async def test_a_gateways_words_are_kept_without_numbers_and_addresses(company: Company) -> None:
    """The reason of a failure stands in a plain column and in exports."""
    _, message = await sent(company)
    reason = "code 4021: +86 138-0000-0001 of mei@example.com is not in service"
    await company.write(lambda unit: deliveries.report(unit, {"id": message, "status": "failed", "reason": reason}))
    kept = await company.rows(select(OutboxRow.c.reason).where(OutboxRow.c.id == message))
    assert [("code 4021: … of … is not in service",)] == kept
