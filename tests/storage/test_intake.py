"""Where applications begin: each person once, each application once, and the rules say at once what follows."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from recruiting.process import Process, Rung, parse
from storage import intake, members, processes, search
from storage.applications import load_one
from storage.database import Database
from storage.intake import Applicant, Opening, Refused, open_application, open_many
from storage.keys import DayKeys, load_root
from storage.tables import (
    ApplicationRow,
    Batch,
    Candidate,
    EventRow,
    FollowUpRow,
    OutboxRow,
    SearchTerm,
    TimerRow,
    Visit,
)
from storage.unit import Ground, Unit

NOON = datetime(2026, 6, 1, 4, 0, tzinfo=UTC)
T = TypeVar("T")
CREW: dict[str, Any] = {
    "id": "crew",
    "name": "店员",
    "positions": ["店员"],
    "stages": [
        {"id": "screening", "kind": "review", "name": "筛选", "skip_if_imported": True},
        {
            "id": "ai",
            "kind": "interview",
            "name": "AI 面试",
            "link": "https://ai.example.com/s/{token}",
            "deadline": "72h",
        },
    ],
}
MEI = Applicant("王美", "+8613800001234", "mei@example.com", "店员", "一店", "六月", extra={"学历": "本科"})


@pytest.fixture
async def ground(database: Database) -> Ground:
    """A company with SMS and one process."""
    keyring = await load_root(database, b"k" * 32)
    shanghai = ZoneInfo("Asia/Shanghai")
    made = Ground(database, keyring, DayKeys(database, keyring), shanghai, "zh-CN", frozenset({Rung.SMS}))
    await write(made, lambda unit: processes.first_files(unit, [crew()]))
    return made


def crew(**changes: Any) -> Process:
    """The process, or one that differs."""
    return parse(CREW | changes, [])


async def write(ground: Ground, job: Callable[[Unit], Awaitable[T]]) -> T:
    """Do something in one transaction."""

    async def whole(connection: Any) -> T:
        unit = Unit(connection, ground, NOON)
        result = await job(unit)
        await unit.flush()
        return result

    return await ground.database.write(whole)


async def bring(ground: Ground, *applicants: Applicant, imported: bool = True) -> list[Opening | Refused]:
    """Import these rows."""
    return await write(ground, lambda unit: open_many(unit, applicants, imported=imported, actor="member:hr"))


async def count(ground: Ground, table: Any) -> int:
    """How many rows a table has."""
    async with ground.database.reading() as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def column(ground: Ground, statement: Any) -> list[Any]:
    """The values of one column."""
    async with ground.database.reading() as connection:
        return list((await connection.execute(statement)).scalars())


async def test_one_import_row_is_invited_in_the_same_transaction(ground: Ground) -> None:
    """Stage, visit, timer, history and the invite are there as soon as the application is."""
    (opened,) = await bring(ground, MEI)

    assert isinstance(opened, Opening)
    assert (True, True) == (opened.created, opened.reachable)
    loaded = await write(ground, lambda unit: load_one(unit, opened.id))
    assert loaded is not None
    assert ("ai", 1, frozenset({"screening"})) == (
        loaded.application.stage,
        loaded.application.visit,
        loaded.application.passed,
    )
    assert loaded.application == loaded.stored
    assert ["invite.interview"] == await column(ground, select(OutboxRow.c.text))
    assert ["sms"] == await column(ground, select(OutboxRow.c.rung))
    assert {"uninvited", "stalled"} >= set(await column(ground, select(TimerRow.c.name))) >= {"uninvited"}
    assert Counter(["application.opened", "application.moved"]) == Counter(
        await column(ground, select(EventRow.c.type))
    )
    left = await column(ground, select(Visit.c.left_at).where(Visit.c.stage == "screening"))
    assert [NOON] == left


async def test_who_applies_by_api_is_screened_first(ground: Ground) -> None:
    """Only an import counts as screened."""
    id, created = await write(
        ground,
        lambda unit: open_application(
            unit,
            name="李雷",
            phone="+8613900000001",
            email=None,
            position="店员",
            shop="一店",
            batch="六月",
            locale="en",
            imported=False,
            owner_name=None,
            extra={},
            actor="token:ats",
        ),
    )

    assert created
    assert [("screening", "en")] == [
        (loaded.application.stage, loaded.locale)
        for loaded in [await write(ground, lambda unit: load_one(unit, id))]
        if loaded
    ]
    assert ["token:ats"] == await column(
        ground, select(EventRow.c.actor).where(EventRow.c.type == "application.opened")
    )


async def test_the_same_row_again_adds_nothing(ground: Ground) -> None:
    """Twice in one file, in another file, or with another spelling of name and shop."""
    first, twin = await bring(ground, MEI, replace(MEI, name=" 王 美", shop="一 店"))
    (again,) = await bring(ground, replace(MEI, email=None))

    assert isinstance(first, Opening)
    assert [Opening(first.id, created=False)] * 2 == [twin, again]
    assert (1, 1, 1) == (
        await count(ground, Candidate),
        await count(ground, ApplicationRow),
        await count(ground, Batch),
    )


async def test_another_batch_is_another_application_of_the_same_person(ground: Ground) -> None:
    """A candidate may have several applications; the second one is read with what is known of the person."""
    (first,) = await bring(ground, MEI)
    (second,) = await bring(ground, replace(MEI, batch="七月"))

    assert isinstance(first, Opening)
    assert isinstance(second, Opening)
    assert second.created
    assert first.id != second.id
    assert 1 == await count(ground, Candidate)
    assert ["ai", "ai"] == await column(ground, select(ApplicationRow.c.stage))
    assert 2 == await count(ground, OutboxRow)


async def test_a_phone_of_somebody_else_is_refused(ground: Ground) -> None:
    """The same phone with another name would invite a stranger, in this file or in an earlier one."""
    _, other = await bring(ground, MEI, replace(MEI, name="赵六"))
    (later,) = await bring(ground, replace(MEI, name="钱七", batch="七月"))

    for refused in (other, later):
        assert isinstance(refused, Refused)
        assert "phone belongs to another person" == refused.reason
    assert 1 == await count(ground, ApplicationRow)


async def test_a_position_without_process_is_refused(ground: Ground) -> None:
    """Nobody could say what comes next."""
    with pytest.raises(Refused, match="no process takes this position"):
        await write(
            ground,
            lambda unit: open_application(
                unit,
                name="王美",
                phone="+8613800001234",
                email=None,
                position="宇航员",
                shop="",
                batch="六月",
                imported=True,
                actor="member:hr",
            ),
        )
    assert 0 == await count(ground, Candidate)


async def test_whom_no_channel_reaches_a_person_must_call(ground: Ground) -> None:
    """Only an e-mail address, and no mail server: a follow-up at once, whatever the first stage is."""
    await write(ground, lambda unit: processes.apply(unit, crew(id="other", positions=["店长"])))
    (unreached,) = await bring(ground, replace(MEI, phone=None))
    (reviewed,) = await bring(ground, replace(MEI, name="李雷", phone=None, email="l@example.com"), imported=False)

    for opening in (unreached, reviewed):
        assert isinstance(opening, Opening)
        assert not opening.reachable
    assert [["unreachable"]] * 2 == await column(ground, select(FollowUpRow.c.causes))


async def test_a_hundred_unreachable_rows_get_a_hundred_follow_ups(ground: Ground) -> None:
    """Each its own, shared among the recruiters."""
    for name in ("甲", "乙"):
        await write(ground, lambda unit, name=name: members.put(unit, name, role="recruiter", shops=[]))
    rows = [replace(MEI, name=f"人{n}号", phone=None, email=f"p{n}@example.com") for n in range(100)]
    await bring(ground, *rows)

    assert 100 == await count(ground, FollowUpRow)
    owners = Counter(await column(ground, select(FollowUpRow.c.owner_id)))
    assert [50, 50] == list(owners.values())


async def test_people_are_found_by_phone_name_and_part(ground: Ground) -> None:
    """Without anybody's name standing in the database."""
    (opened,) = await bring(ground, MEI)
    assert isinstance(opened, Opening)

    for words in ("13800001234", "1234", "王美", opened.id):
        found = await write(ground, lambda unit, words=words: search.applications(unit, words, []))
        assert [opened.id] == [loaded.id for loaded in found]
    assert {"phone", "last_four", "name", "part", "email"} == set(await column(ground, select(SearchTerm.c.kind)))


async def test_words_are_sealed_under_the_candidates_key(ground: Ground) -> None:
    """What is stored opens for its own place only."""
    (opened,) = await bring(ground, MEI)
    assert isinstance(opened, Opening)
    async with ground.database.reading() as connection:
        person = (await connection.execute(select(Candidate))).mappings().one()
        row = (await connection.execute(select(ApplicationRow))).mappings().one()
    box = ground.keyring.unwrap(person["key"])

    assert "王美" == box.open_text(person["name"], f"candidates.name:{person['id']}")
    assert "+8613800001234" == box.open_text(person["phone"], f"candidates.phone:{person['id']}")
    assert "mei@example.com" == box.open_text(person["email"], f"candidates.email:{person['id']}")
    assert '{"学历":"本科"}' == box.open_text(row["extra"], f"applications.extra:{row['id']}")


async def test_the_recruiter_in_the_list_owns_the_application(ground: Ground) -> None:
    """Names compare without spaces, case and width; a name that no member has owns nothing."""
    hua = await write(ground, lambda unit: members.put(unit, "Li Hua", role="recruiter", shops=[]))
    await bring(ground, replace(MEI, owner_name="ＬＩhua"), replace(MEI, batch="七月", owner_name="谁"))

    assert {hua, None} == set(await column(ground, select(ApplicationRow.c.owner_id)))


async def test_an_application_keeps_the_process_it_was_opened_with(ground: Ground) -> None:
    """A change of the process concerns later ones."""
    await bring(ground, MEI)
    await write(ground, lambda unit: processes.apply(unit, crew(stages=CREW["stages"][1:])))
    await bring(ground, replace(MEI, batch="七月"))

    assert [1, 2] == sorted(await column(ground, select(ApplicationRow.c.process_version)))


async def test_two_imports_of_the_same_people_at_once_open_each_once(ground: Ground) -> None:
    """Both see all of them; one adds, the other finds."""
    rows = [replace(MEI, name=f"人{n}号", phone=f"+861380000{n:04}", email=None) for n in range(60)]
    both = await asyncio.gather(bring(ground, *rows), bring(ground, *reversed(rows)))

    created = [one for outcome in both for one in outcome if isinstance(one, Opening) and one.created]
    assert 60 == len(created)
    assert (60, 60, 60) == (
        await count(ground, Candidate),
        await count(ground, ApplicationRow),
        await count(ground, OutboxRow),
    )


async def story(ground: Ground, id: str) -> dict[str, Any]:
    """All that was written about an application, its words opened with its own key, without what must differ."""
    async with ground.database.reading() as connection:

        async def rows(table: Any, where: Any, *, order: Any) -> list[dict[str, Any]]:
            found = await connection.execute(select(table).where(where).order_by(order))
            return [dict(row) for row in found.mappings()]

        (application,) = await rows(ApplicationRow, ApplicationRow.c.id == id, order=ApplicationRow.c.id)
        (person,) = await rows(Candidate, Candidate.c.id == application["candidate_id"], order=Candidate.c.id)
        visits = await rows(Visit, Visit.c.application_id == id, order=Visit.c.stage)
        timers = await rows(TimerRow, TimerRow.c.application_id == id, order=TimerRow.c.name)
        events = await rows(EventRow, EventRow.c.application_id == id, order=EventRow.c.seq)
        messages = await rows(OutboxRow, OutboxRow.c.application_id == id, order=OutboxRow.c.promise)
    box = ground.keyring.unwrap(person["key"])
    for event in events:
        event["data"] = box.open(event["data"], f"events.data:{event['id']}")
    for message in messages:
        assert (person["id"], f"{id}/") == (message.pop("candidate_id"), message["promise"][:33])
        message["promise"] = message["promise"][33:]
        message["values"] = box.open(message["values"], f"outbox.values:{message['id']}")
    application["extra"] = box.open(application["extra"], f"applications.extra:{id}")
    for row in [application, *visits, *timers, *events, *messages]:
        for own in ("id", "seq", "application_id", "candidate_id", "identity"):
            row.pop(own, None)
    return {"application": application, "visits": visits, "timers": timers, "events": events, "messages": messages}


@pytest.mark.parametrize("imported", [True, False])
async def test_one_of_many_gets_what_one_alone_gets(ground: Ground, imported: bool) -> None:
    """A list decides once for all who are alike; each has the stages, timers, history and messages of a single row."""
    people = [replace(MEI, name=f"人{n}号", phone=f"+861390000{n:04}", email=None) for n in range(61)]
    (alone,) = await bring(ground, people[0], imported=imported)
    many = await bring(ground, *people[1:], imported=imported)

    assert isinstance(alone, Opening)
    expected = await story(ground, alone.id)
    assert expected["events"]
    for one in many:
        assert isinstance(one, Opening)
        assert (True, alone.reachable) == (one.created, one.reachable)
        assert expected == await story(ground, one.id)
    assert 61 == len({one.id for one in (alone, *many) if isinstance(one, Opening)})


async def test_a_long_list_may_hold_everybody(ground: Ground) -> None:
    """People in reach and out of it, twins, second applications, known people and strangers, in any order."""
    await write(ground, lambda unit: members.put(unit, "甲", role="recruiter", shops=[]))
    await bring(ground, MEI)
    rows = [replace(MEI, name=f"人{n}号", phone=f"+861390000{n:04}", email=None, shop=f"{n % 3}店") for n in range(60)]
    rows[20:20] = [rows[0], replace(rows[0], shop="别店"), replace(rows[0], name="别人"), replace(MEI, batch="七月")]
    rows[10:10] = [replace(MEI, name=f"信{n}", phone=None, email=f"p{n}@example.com") for n in range(5)]
    outcomes = await bring(ground, *rows)

    assert 1 == sum(isinstance(one, Refused) for one in outcomes)
    opened = [one for one in outcomes if isinstance(one, Opening)]
    assert {True: 67, False: 1} == Counter(one.created for one in opened)
    assert {True: 63, False: 5} == Counter(one.reachable for one in opened)
    assert (66, 68, 63) == (
        await count(ground, Candidate),
        await count(ground, ApplicationRow),
        len(await column(ground, select(OutboxRow.c.id).where(OutboxRow.c.rung == "sms"))),
    )
    assert 5 == await count(ground, FollowUpRow)
    shops = select(Visit.c.shop).where(Visit.c.stage == "ai").distinct()
    assert {"一店", "0店", "1店", "2店", "别店"} == set(await column(ground, shops))


async def test_five_hundred_rows_cost_a_handful_of_statements(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an import does must not grow into a question for each row."""
    asked = 0
    execute = Unit.all

    async def counted(self: Unit, statement: Any) -> Any:
        nonlocal asked
        asked += 1
        return await execute(self, statement)

    monkeypatch.setattr(Unit, "all", counted)
    rows = [
        replace(MEI, name=f"人{n}号", phone=f"+861390000{n:04}", email=None, shop=f"{n % 50}店")
        for n in range(intake.AT_ONCE)
    ]
    outcomes = await bring(ground, *rows)

    assert intake.AT_ONCE == sum(isinstance(one, Opening) and one.created for one in outcomes)
    assert asked <= 8
