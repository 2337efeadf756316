"""What a dead process left half sent ends well: once for a person, marked for HR's group, lost for nobody."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from bot.errors import GiveUp, TryLater
from bot.workers.outbox import Outbox
from recruiting.model import Clicked, NeedsPerson, Purpose
from storage import members
from storage.applications import load_one
from storage.apply import take
from storage.database import Database
from storage.groups import owe_groups
from storage.owed import owe
from storage.search import lock_candidate
from storage.tables import Conversation, OutboxRow
from storage.unit import Unit
from tests.bot.workers.company import NOON, Company, Killed, company_on

LATER = NOON + timedelta(minutes=1)


async def crash(company: Company, now: datetime = NOON) -> None:
    """The process dies in the middle of its only message."""
    company.wire.moods.append(Killed())
    with pytest.raises(Killed):
        await company.process().sweep(now)


async def start_again(company: Company, now: datetime = LATER) -> Outbox:
    """Another process takes over and sends what there is."""
    process = company.process()
    assert 1 == await process.recover(now, all=True)
    await process.sweep(now)
    return process


@pytest.mark.parametrize("chat", [False, True])
async def test_where_our_id_is_known_the_very_same_message_goes_again(company: Company, chat: bool) -> None:
    """SMS and 微信客服: same id, same words, told as a repeat; the stage's clock runs from the first try."""
    mei = await company.invite(chat=chat)
    await crash(company)
    await start_again(company)

    (channel, id, again, letter), repeat = company.wire.tries
    assert ("chat" if chat else "sms", False) == (channel, again)
    assert (channel, id, True, letter) == repeat
    assert [(channel, "accepted")] == await company.messages()
    assert NOON == (await company.about(mei)).application.since


async def test_an_interrupted_mail_is_not_repeated_but_takes_the_next_rung(company: Company) -> None:
    """Mail servers know no ids: rather a person than a second mail. The stage's clock runs all the same."""
    mei = await company.invite(email="mei@example.com")
    await crash(company)
    await start_again(company)

    assert ["email"] == [channel for channel, *_ in company.wire.tries if channel != "group"]
    assert [["unreachable"]] == await company.follow_ups(mei)
    assert ("email", "failed") in await company.messages()
    assert "message.failed" in await company.events(mei)
    assert NOON == (await company.about(mei)).application.since


async def owe_alert(company: Company, number: int = 1) -> None:
    """HR's group is to be alerted."""

    async def job(unit: Unit) -> None:
        day = unit.ground.today(unit.now)
        said = {"values": {}, "lines": [], "fields": [], "offers": [], "welcome_code": ""}
        await owe_groups(
            unit,
            await unit.ground.days.existing(unit.connection, day),
            promise=f"alert/{number}",
            start="reply",
            purpose=Purpose.ALERT,
            text="command.todo.none",
            values=said,
            day=day,
        )

    await company.write(job, NOON - timedelta(hours=1) + timedelta(seconds=number))


async def owe_follow_up(company: Company) -> str:
    """A person in HR is asked for, who is nobody in particular."""
    mei = await company.invite()
    await company.process().sweep(NOON)
    company.wire.tries.clear()

    async def job(unit: Unit) -> None:
        loaded = await load_one(unit, mei)
        assert loaded is not None
        await take(unit, loaded, NeedsPerson("human"))

    await company.write(job)
    return mei


@pytest.mark.parametrize("owed", [owe_alert, owe_follow_up])
async def test_hrs_group_gets_an_interrupted_message_again_and_marked(
    company: Company, owed: Callable[[Company], Awaitable[object]]
) -> None:
    """A group robot knows no ids, but below the group there is nobody: a marked repeat is better than silence."""
    await owed(company)
    await crash(company)
    await start_again(company)
    assert [False, True] == ["可能重复" in letter.message.title for *_, letter in company.wire.tries]


@pytest.mark.parametrize("unknown", [False, True])
async def test_hrs_group_is_told_even_after_a_day_without_wecom(company: Company, unknown: bool) -> None:
    """An alert or follow-up for the group has no next rung, so its tries don't run out within hours."""
    await owe_follow_up(company)
    company.wire.moods = [TryLater("down", unknown=unknown)] * 60
    process = company.process()
    end = NOON + timedelta(days=1)
    while (due := await process.earliest()) is not None and due < end:
        await process.sweep(due)
    assert ("group", "accepted") in await company.messages()


async def with_member(company: Company) -> None:
    """A recruiter with an account has a follow-up coming."""
    await company.write(lambda unit: members.put(unit, "Wang", role="recruiter", shops=[], wecom="wang"))
    await owe_follow_up(company)


async def test_a_members_card_goes_again_while_wecom_remembers_it(company: Company) -> None:
    """Up to four hours its duplicate check knows the message."""
    await with_member(company)
    await crash(company)
    await start_again(company, NOON + timedelta(hours=3))
    assert ["chat", "chat"] == [channel for channel, *_ in company.wire.tries]
    assert 1 == len({id for _, id, *_ in company.wire.tries})


async def test_later_than_that_the_group_is_told_instead(company: Company) -> None:
    """A second card could have been the consequence."""
    await with_member(company)
    await crash(company)
    await start_again(company, NOON + timedelta(hours=5))
    assert ["chat", "group"] == [channel for channel, *_ in company.wire.tries]


async def test_what_this_process_is_sending_is_not_stuck(company: Company) -> None:
    """A slow other side is no crash, even if the clock was turned meanwhile."""
    await company.invite(email="mei@example.com")
    process = company.process()
    taken: list[int] = []

    async def slow() -> None:
        taken.append(await process.recover(NOON + timedelta(hours=1), all=False))

    company.wire.moods = [slow]
    await process.sweep(NOON)
    assert [0] == taken
    assert [("email", "accepted")] == await company.messages()


# --- joined messages ------------------------------------------------------------------------------------------------


async def owe_two(company: Company) -> str:
    """An invite and a decision wait for the same window."""
    mei = await company.invite(chat=True)

    async def job(unit: Unit) -> None:
        loaded = await load_one(unit, mei)
        assert loaded is not None
        owe(
            unit,
            loaded.box,
            promise=f"{mei}/ai.1/received:1",
            rung="chat",
            purpose=Purpose.ANSWER,
            text="document.received",
            values={},
            candidate_id=loaded.candidate_id,
            application_id=mei,
            stage="ai",
            visit=1,
        )

    await company.write(job, NOON + timedelta(seconds=1))
    return mei


async def used(company: Company) -> list[int]:
    """How much of the windows is used."""
    return [count for (count,) in await company.rows(select(Conversation.c.used))]


@pytest.mark.parametrize("dies", [False, True])
async def test_joined_messages_are_repeated_with_all_their_words(company: Company, dies: bool) -> None:
    """Two messages as one, for one of the five: a retry says both again, in the same bytes."""
    await owe_two(company)
    if dies:
        await crash(company, LATER)
        await start_again(company, LATER)
    else:
        company.wire.moods.append(TryLater("busy", unknown=True))
        process = company.process()
        await process.sweep(LATER)
        await process.sweep(LATER + timedelta(minutes=1))

    first, repeat = company.wire.tries
    assert (first[1], first[3]) == (repeat[1], repeat[3])
    assert "\n\n" in first[3].message.text
    assert [("chat", "accepted")] * 2 == await company.messages()
    assert [1] == await used(company)


async def test_what_was_joined_goes_by_itself_when_its_leader_does_not_go(company: Company) -> None:
    """The link was clicked and the interview held meanwhile: the invite is pointless, the other message is not."""
    mei = await owe_two(company)
    company.wire.moods.append(TryLater("busy"))
    process = company.process()
    await process.sweep(LATER)
    await company.write(
        lambda unit: unit.set(OutboxRow, {"application_id": mei, "purpose": "invite"}, stage="over"), LATER
    )
    for minute in range(1, 3):
        await process.sweep(LATER + timedelta(minutes=minute))
    assert "\n\n" not in company.wire.tries[-1][3].message.text
    assert [("chat", "skipped"), ("chat", "accepted")] == await company.messages()


async def test_what_was_joined_is_not_lost_when_the_window_shuts(company: Company) -> None:
    """Each message takes the next rung with its own words."""
    await owe_two(company)
    company.wire.moods.append(TryLater("busy", timedelta(hours=47, minutes=58)))
    process = company.process()
    await process.sweep(LATER)
    for hours in (49, 50):
        await process.sweep(NOON + timedelta(hours=hours))
    assert ["chat", "sms", "sms"] == [channel for channel, *_ in company.wire.tries]
    assert [("sms", "accepted")] * 2 == await company.messages()


# --- the rules have the last word -----------------------------------------------------------------------------------


async def test_an_invite_to_somebody_who_opted_out_meanwhile_goes_to_a_person(company: Company) -> None:
    """It was owed before they said stop, so nobody was asked yet to tell them."""
    mei = await company.invite()
    await company.opt_out(mei)
    await company.process().sweep(NOON)
    assert [] == [channel for channel, *_ in company.wire.tries if channel != "group"]
    assert [["unreachable"]] == await company.follow_ups(mei)


async def test_what_steps_down_late_is_no_answer_any_more(company: Company) -> None:
    """Ten minutes after the person's act quiet hours hold again, also on the next rung."""
    await owe_two(company)
    company.wire.moods = [TryLater("busy", timedelta(minutes=20)), GiveUp("gone")]
    process = company.process()
    await process.sweep(LATER)
    await process.sweep(LATER + timedelta(minutes=30))
    stepped = await company.rows(select(OutboxRow.c.prompted).where(OutboxRow.c.start == "stepped"))
    assert {(False,)} == set(stepped)


async def test_a_message_that_cannot_be_written_holds_up_nobody(
    company: Company, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault in one text costs that message a person's care, and the others nothing."""
    mei, tom = await company.invite(), await company.invite()
    await company.write(lambda unit: unit.set(OutboxRow, {"application_id": mei}, text="no.such.text"))
    await company.process().sweep(NOON)
    assert 1 == len([channel for channel, *_ in company.wire.tries if channel == "sms"])
    assert ([["unreachable"]], []) == (await company.follow_ups(mei), await company.follow_ups(tom))
    assert ["a message could not be written"] == [record.message for record in caplog.records]


async def test_a_mailing_waits_in_a_line_and_not_in_a_crowd(company: Company) -> None:
    """Whoever waits for a rate limit has a moment of its own: else each would be looked at for every one that goes."""
    for number in range(60):
        await owe_alert(company, number)
    process = company.process()
    owed = [id for (id,) in await company.rows(select(OutboxRow.c.id).order_by(OutboxRow.c.created_at))]
    tries = await process.sweep(NOON)
    waiting = await company.rows(select(OutboxRow.c.due_at).where(OutboxRow.c.status == "waiting"))
    assert len(waiting) == len(set(waiting)) == 60 - tries
    while (due := await process.earliest()) is not None:
        assert 1 == await process.sweep(due)
    assert owed == [id for _, id, *_ in company.wire.tries]


async def test_who_is_told_to_call_less_often_lets_the_others_wait_too(company: Company) -> None:
    """A gateway that says 429 is not asked once for each message that waits."""
    for _ in range(40):
        await company.invite()
    company.wire.moods = [TryLater("sms gateway 429", timedelta(minutes=5), crowded=True)]
    process = company.process()
    await process.sweep(NOON)
    asked = len(company.wire.tries)
    await company.invite()
    await process.sweep(NOON + timedelta(minutes=1))
    assert asked == len(company.wire.tries)
    while (due := await process.earliest()) is not None and due < NOON + timedelta(minutes=10):
        await process.sweep(due)
    assert 41 == len([status for rung, status in await company.messages() if (rung, status) == ("sms", "accepted")])


async def test_a_click_and_a_delivery_in_the_same_moment_are_both_kept(postgres_url: str) -> None:
    """What became of a message is noted under the candidate's lock, as everything else about them."""
    database = Database(postgres_url)
    await database.open()
    try:
        company = await company_on(database)
        mei = await company.invite()
        clicks: list[Any] = []

        async def click(unit: Unit) -> None:
            loaded = await load_one(unit, mei)
            assert loaded is not None
            await lock_candidate(unit, loaded.candidate_id)
            loaded = await load_one(unit, mei)
            assert loaded is not None
            began.set()
            await unit.connection.execute(text("SELECT pg_sleep(0.5)"))  # long enough to be overtaken
            await take(unit, loaded, Clicked("ai", 1))

        began = asyncio.Event()

        async def meanwhile() -> None:
            clicks.append(asyncio.create_task(company.write(click)))
            await began.wait()

        company.wire.moods = [meanwhile]
        await company.process().sweep(NOON)
        await asyncio.gather(*clicks)
        application = (await company.about(mei)).application
        assert (NOON, NOON) == (application.clicked_at, application.invited_at)
    finally:
        await database.close()
