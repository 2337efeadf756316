"""Commands about batches and numbers: what they do, for whom, and that they can be undone."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from bot.texts import standard_texts
from handlers.hr.batches import read_length
from handlers.hr.language import LANGUAGES
from handlers.hr.scope import NOT_FOR_MANAGERS
from recruiting.model import InviteTried
from recruiting.process import parse
from storage import batches, processes, thresholds
from storage.applications import load_one
from storage.apply import take
from storage.tables import Batch, Incoming, Member, OutboxRow, Trail
from storage.unit import Unit
from tests.handlers.conftest import PROCESS, Room, Said

WATCHED: dict[str, Any] = {**PROCESS, "alerts": [{"rate": "no_show", "at": "5%"}]}


def texts(said: list[Said]) -> list[str]:
    """The text keys of what was said."""
    return [one.text for one in said]


async def apply(room: Room) -> None:
    """The process with an alert is applied."""
    await room.within(lambda unit: processes.apply(unit, parse(WATCHED, ["not_passed"])))


async def invited(room: Room, *people: tuple[str, str, str]) -> list[str]:
    """People (name, phone, shop) whose invite was tried; their applications."""
    ids = []
    for name, phone, shop in people:
        id = await room.applicant(name, phone, shop)

        async def job(unit: Unit, id: str = id) -> None:
            loaded = await load_one(unit, id)
            assert loaded is not None
            await take(unit, loaded, InviteTried("ai", 1, unit.now))

        await room.within(job)
        ids.append(id)
    return ids


LI, WANG = ("李梅", "+8613800001234", "南京路店"), ("王芳", "+8613800005678", "人民路店")


async def batch(room: Room) -> Any:
    """The one batch as its row."""
    return await room.within(lambda unit: unit.one(select(Batch)))


async def actions(room: Room) -> list[tuple[str, str]]:
    """What the audit log holds: action and detail."""
    rows = await room.within(lambda unit: unit.all(select(Trail).order_by(Trail.c.seq)))
    return [(row["action"], row["detail"]) for row in rows]


async def at(room: Room) -> list[float]:
    """The thresholds that hold."""
    return [line.at for line in await room.within(thresholds.now)]


# --- whom each command is for ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", sorted(NOT_FOR_MANAGERS - {"cert"}))
async def test_what_is_not_for_managers_is_refused(room: Room, command: str) -> None:
    """Neither what they type nor a button does it, and /help does not name it."""
    await apply(room)
    await room.member("Boss", "manager", "南京路店")
    await invited(room, LI)
    said = await room.command("Boss", command, {"threshold": "缺席率 8%", "mute": "三月 2h"}.get(command, "三月"))
    assert ["refused.not_yours"] == texts(said)
    row = await batch(room)
    assert (None, None) == (row["paused_at"], row["muted_until"])
    assert [0.05] == await at(room)
    helped = await room.command("Boss", "help")
    recruiter = len(helped[0].lines) + len(NOT_FOR_MANAGERS)
    await room.member("Wang")
    assert recruiter == len((await room.command("Wang", "help"))[0].lines)


@pytest.mark.parametrize("command", ["pause", "resume", "mute"])
async def test_a_batch_with_other_shops_is_not_ones_own(room: Room, command: str) -> None:
    """Who sees some shops decides about batches that lie in them; a batch that lies elsewhere does not exist."""
    await room.member("Li", "recruiter", "南京路店")
    await room.member("Zhao", "recruiter", "虹桥店")
    await invited(room, LI, WANG)
    argument = "三月 2h" if command == "mute" else "三月"
    assert ["refused.batch_shared"] == texts(await room.command("Li", command, argument))
    assert ["command.batches.none"] == texts(await room.command("Zhao", command, argument))


async def test_a_batch_is_found_by_a_part_of_its_name_and_a_typo_is_named(room: Room) -> None:
    """Several are listed."""
    await room.member("Wang")
    await invited(room, LI)
    await room.within(lambda unit: unit.run(update(Batch).values(name="三月社招一批")))
    assert {"command.funnel.head", "picture"} == set(texts(await room.command("Wang", "funnel", "社招")))
    said = await room.command("Wang", "funnel", "三月社招1批")
    assert [("command.batches.guess", "三月社招一批")] == [(one.text, one.values["guess"]) for one in said]
    await room.applicant("陈静", "+8613800009999")
    await room.within(lambda unit: unit.run(update(Batch).where(Batch.c.name == "三月").values(name="三月社招二批")))
    listed = await room.command("Wang", "pause", "三月社招")
    assert [("command.batches.head", ["command.batches.line"] * 2)] == [(one.text, one.lines) for one in listed]


# --- /funnel --------------------------------------------------------------------------------------------------------


async def test_the_funnel_counts_in_ones_own_shops(room: Room) -> None:
    """Entered, passed and present, and a button for what can be done."""
    await room.member("Wang")
    await room.member("Boss", "manager", "南京路店")
    mei, _ = await invited(room, LI, WANG)
    await room.pass_interview(mei)
    said = (await room.command("Wang", "funnel"))[0]
    expected = [("ai", 2, 1, 1), ("cert", 1, 0, 1), ("meet", 0, 0, 0)]
    numbers = [tuple(value["values"].values()) for _, value in said.fields[:-1]]
    assert [row[1:] for row in expected] == numbers
    assert ("funnel", [2.0, 1.0, 0.0, 0.0]) == (said.chart[0], [number for _, number in said.chart[1]])
    assert 2 == said.values["count"]
    assert ["remind", "mute", "confirm"] == [verb for verb, _, _ in said.buttons]

    shop = (await room.command("Boss", "funnel", "三月"))[0]
    assert 1 == shop.values["count"]
    assert ["remind"] == [verb for verb, _, _ in shop.buttons]
    assert ["funnel", "funnel"] == [action for action, _ in await actions(room)]


async def test_without_anybody_there_is_no_funnel(room: Room) -> None:
    """Nor are there alerts."""
    await room.member("Wang")
    assert ["command.funnel.none"] == texts(await room.command("Wang", "funnel"))
    assert ["command.alerts.none"] == texts(await room.command("Wang", "alerts"))


# --- /threshold -----------------------------------------------------------------------------------------------------


async def test_a_threshold_says_before_and_after_and_can_be_undone(room: Room) -> None:
    """For ten minutes, while nobody has moved it since."""
    await apply(room)
    await room.member("Wang")
    await invited(room, LI)
    shown = (await room.command("Wang", "threshold"))[0]
    assert ["command.threshold.line", "command.threshold.how"] == shown.lines

    said = (await room.command("Wang", "threshold", "缺席率 8%"))[0]
    assert ("command.threshold.ok", "5%") == (said.text, said.values["before"])
    assert [0.08] == await at(room)
    assert ("threshold", "5% -> 8%") in await actions(room)

    room.wait(minutes=9)
    assert ["card.settled"] == texts(await room.presses("Wang", "cancel", *said.button("cancel")))
    assert [0.05] == await at(room)
    assert ["command.undo.changed"] == texts(await room.presses("Wang", "cancel", *said.button("cancel")))


async def test_applying_the_process_puts_its_own_threshold_back(room: Room) -> None:
    """Also when nothing else in it has changed."""
    await apply(room)
    await room.member("Wang")
    await room.command("Wang", "threshold", "no_show 8")
    await room.command("Wang", "threshold", "no-show 9")
    assert [0.09] == await at(room)
    await apply(room)
    assert [0.05] == await at(room)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("缺席率8%", "command.threshold.ok"),
        ("爽约 １２％", "command.threshold.ok"),
        ("no show 100", "command.threshold.ok"),
        ("缺席率 0%", "command.threshold.bad"),
        ("缺席率 101", "command.threshold.bad"),
        ("缺席率", "command.threshold.bad"),
        ("缺席律 8%", "command.threshold.which"),
        ("离职 8%", "command.threshold.unknown"),
        ("缺证率 8%", "command.threshold.unwatched"),
    ],
)
async def test_thresholds_are_read_as_people_write_them(room: Room, words: str, expected: str) -> None:
    """By any name, with or without a percent sign; what is wrong is named."""
    await apply(room)
    await room.member("Wang")
    assert [expected] == texts(await room.command("Wang", "threshold", words))


# --- /pause, /resume, /mute -----------------------------------------------------------------------------------------


async def test_pausing_is_undone_within_ten_minutes(room: Room) -> None:
    """Afterwards /resume does it; a second /pause changes nothing."""
    await room.member("Wang")
    await invited(room, LI)
    paused = (await room.command("Wang", "pause", "三月"))[0]
    assert (await batch(room))["paused_at"] is not None
    assert ["command.pause.already"] == texts(await room.command("Wang", "pause", "三月"))
    room.wait(minutes=11)
    assert ["command.undo.late"] == texts(await _late(room, paused))
    assert ["command.resume.ok"] == texts(await room.command("Wang", "resume", "三月"))
    assert ["command.resume.already"] == texts(await room.command("Wang", "resume", "三月"))

    again = (await room.command("Wang", "pause", "三月"))[0]
    assert ["card.settled"] == texts(await room.presses("Wang", "cancel", *again.button("cancel")))
    assert (await batch(room))["paused_at"] is None
    assert ["batch.pause", "batch.resume"] * 2 == [action for action, _ in await actions(room)]


async def _late(room: Room, said: Said) -> list[Said]:
    """The undo button of an old card is tapped."""
    made = room.now - timedelta(minutes=11)
    return await room.presses("Wang", "cancel", *said.button("cancel"), made=made)


async def test_of_several_reminders_that_waited_the_last_leaves(room: Room) -> None:
    """The others are overtaken, and all of the rest is due at once."""
    await room.member("Wang")
    await invited(room, LI)
    await room.command("Wang", "pause", "三月")

    async def held(unit: Unit) -> list[tuple[str, str | None]]:
        row = await unit.one(select(OutboxRow).where(OutboxRow.c.purpose == "invite"))
        assert row is not None
        later = {"due_at": unit.now + timedelta(hours=1), "reason": batches.PAUSED}
        await unit.run(update(OutboxRow).where(OutboxRow.c.id == row["id"]).values(**later))
        for number in range(3):
            created = unit.now + timedelta(minutes=number)
            nudge = {"id": f"{number:032}", "promise": f"p/nudge:{number}", "purpose": "nudge", "created_at": created}
            nudge |= {"visit": 2}  # a rebooking, say: the invite is another visit's
            unit.add(OutboxRow, **{**row, **later, **nudge})
        return []

    await room.within(held)
    await room.command("Wang", "resume", "三月")
    where = select(OutboxRow).where(OutboxRow.c.purpose.in_(["invite", "nudge"])).order_by(OutboxRow.c.created_at)
    rows = await room.within(lambda unit: unit.all(where))
    expected = {"invite": ["waiting"], "nudge": ["skipped", "skipped", "waiting"]}
    assert expected == {kind: [r["status"] for r in rows if r["purpose"] == kind] for kind in expected}
    assert {room.now} == {row["due_at"] for row in rows if row["status"] == "waiting"}


async def test_muting_has_an_end_and_an_undo(room: Room) -> None:
    """A second /mute is undone to the first."""
    await room.member("Wang")
    await invited(room, LI)
    await room.command("Wang", "mute", "三月 3天")
    first = room.now + timedelta(days=3)
    assert first == (await batch(room))["muted_until"]
    said = (await room.command("Wang", "mute", "三月 2h"))[0]
    assert room.now + timedelta(hours=2) == (await batch(room))["muted_until"]
    await room.presses("Wang", "cancel", *said.button("cancel"))
    assert first == (await batch(room))["muted_until"]
    assert ["command.mute.off"] == texts(await room.command("Wang", "mute", "三月 off"))
    assert ["command.undo.changed"] == texts(await room.presses("Wang", "cancel", *said.button("cancel")))
    assert ["command.mute.bad"] == texts(await room.command("Wang", "mute", "三月 一会儿"))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("三月 2h", ("三月", timedelta(hours=2))),
        ("三月 两天", ("三月", timedelta(days=2))),
        ("三月 半 小时", ("三月", timedelta(minutes=30))),
        ("March crew 90 days", ("March crew", timedelta(days=90))),
        ("三月 91d", ("三月", None)),
        ("三月 0", ("三月", timedelta(0))),
        ("三月２h", ("三月2h", None)),
        ("三月", ("三月", None)),
    ],
)
def test_durations_are_read_as_people_write_them(words: str, expected: tuple[str, timedelta | None]) -> None:
    """Behind the name of the batch, which may have several words."""
    assert expected == read_length(words)


# --- /remind --------------------------------------------------------------------------------------------------------


async def test_a_reminder_shows_whom_it_reaches_and_asks_once(room: Room) -> None:
    """Then there is an item of the inbox for each, and a second tap of the same button adds none."""
    await room.member("Wang")
    mei, fang = await invited(room, LI, WANG)
    await room.pass_interview(mei)  # her certificate's invite has not left yet: nothing to remind of
    asked = (await room.command("Wang", "remind", "三月"))[0]
    assert ("command.remind.ask", 1, ["command.remind.line"]) == (asked.text, asked.values["count"], asked.lines)
    subject = asked.button("confirm")
    for _ in range(2):
        said = await room.presses("Wang", "confirm", *subject)
        assert ["card.settled", "command.remind.batch.ok"] == texts(said)
    rows = await room.within(lambda unit: unit.all(select(Incoming)))
    assert [("remind", f"remind/confirm:x/{fang}")] == [(row["source"], row["key"]) for row in rows]


async def test_one_candidate_is_reminded_within_the_limits(room: Room) -> None:
    """Twice a day, then a person has to call; in quiet hours it waits."""
    await room.member("Wang")
    (mei,) = await invited(room, LI)
    for _ in range(2):
        asked = (await room.command("Wang", "remind", "李梅"))[0]
        assert ("command.remind.ask_one", []) == (asked.text, asked.lines)
        said = await room.presses("Wang", "confirm", *asked.button("confirm"))
        assert ["card.settled", "command.remind.ok"] == texts(said)
    assert 2 == (await room.application(mei)).application.nudges["ai"]
    assert ["command.remind.not.limited"] == texts(await room.command("Wang", "remind", "李梅"))

    room.wait(hours=13, minutes=30)  # the evening of the next day
    room.wait(hours=24)
    late = (await room.command("Wang", "remind", "李梅"))[0]
    assert ["command.remind.later_one"] == late.lines


async def test_who_is_not_waited_for_or_paused_is_not_reminded(room: Room) -> None:
    """And nobody in other shops exists."""
    await room.member("Wang")
    await room.member("Zhao", "recruiter", "虹桥店")
    (mei,) = await invited(room, LI)
    assert ["command.none_found"] == texts(await room.command("Zhao", "remind", "李梅"))
    assert ["command.none_found"] == texts(await room.command("Zhao", "remind", "三月"))
    await room.command("Wang", "pause", "三月")
    assert ["command.remind.paused"] == texts(await room.command("Wang", "remind", "李梅"))
    assert ["command.remind.paused"] == texts(await room.command("Wang", "remind", "三月"))
    await room.command("Wang", "resume", "三月")
    await room.pass_interview(mei)
    assert ["command.remind.not.waited_for"] == texts(await room.command("Wang", "remind", "李梅"))
    assert ["command.remind.none"] == texts(await room.command("Wang", "remind", "三月"))


# --- /why, /lang ----------------------------------------------------------------------------------------------------


async def test_why_names_the_rule_of_each_message(room: Room) -> None:
    """Invite and reminder; in one's own shops only."""
    await room.member("Wang")
    await room.member("Zhao", "recruiter", "虹桥店")
    await invited(room, LI)
    room.wait(minutes=1)
    asked = (await room.command("Wang", "remind", "李梅"))[0]
    await room.presses("Wang", "confirm", *asked.button("confirm"))
    said = (await room.command("Wang", "why", "李梅"))[0]
    assert ("command.why.head", ["command.why.line"] * 2) == (said.text, said.lines)
    causes = [values["cause"]["$say"] for values in said.line_values]
    assert ["why.invite", "why.asked"] == causes
    assert "Wang" == said.line_values[1]["cause"]["values"]["who"]
    assert ["command.none_found"] == texts(await room.command("Zhao", "why", "李梅"))
    assert ["command.wrong_usage"] == texts(await room.command("Wang", "why"))


async def test_a_member_chooses_their_language(room: Room) -> None:
    """By its name or by a button; undone, it is what it was."""

    async def spoken() -> str | None:
        row = await room.within(lambda unit: unit.one(select(Member.c.locale)))
        assert row is not None
        return None if row["locale"] is None else str(row["locale"])

    await room.member("Wang")
    said = (await room.command("Wang", "lang", "日本語"))[0]
    assert "ja" == await spoken()
    await room.presses("Wang", "cancel", *said.button("cancel"))
    assert await spoken() is None
    asked = (await room.command("Wang", "lang", "klingon"))[0]
    assert ["lang|zh-CN", "lang|en", "lang|ja"] == [subject for _, subject, _ in asked.buttons]
    await room.presses("Wang", "confirm", "lang|en", "")
    assert "en" == await spoken()


def test_every_language_that_can_be_chosen_is_spoken() -> None:
    """And each that is spoken can be chosen."""
    texts = standard_texts()
    assert sorted(LANGUAGES) == sorted(texts._languages)
