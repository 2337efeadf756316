"""Health certificates: read by the machine, decided by a person, kept from everybody else."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.documents.applicants import applicant_of
from bot.documents.reading import Reader
from bot.documents.roster import Draft, check_rows
from bot.documents.spreadsheet import read_table
from bot.sandbox.certificates import HOSTS, PROVINCES, make
from bot.workers.readings import CannotRead
from recruiting.certificates import Category, Fault, Province, Reading
from storage import audit, consents, retention
from storage.intake import open_many
from storage.tables import Consent, Document, DocumentMark, DoomedFile
from storage.unit import Unit
from tests.world import BROWSER, LINK, Candidate, Cast, World

PROCESS = Path(__file__).parents[2] / "config" / "processes" / "restaurant.yaml"
HEAD = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(300)
FRONT, BACK, DARK, OTHER = (HEAD + name for name in (b"front", b"back", b"dark", b"other"))
UNTIL = date(2027, 1, 15)  # a story begins on 2 March 2026
FINE = Reading(
    certificate=True,
    name="李梅",
    number="SH2026-000123",
    category=Category.FOOD,
    examined_on=date(2026, 1, 15),
    valid_until=UNTIL,
    issuer="样张区疾病预防控制中心",
    fingerprint="0123456789abcdef",
)


@dataclass(frozen=True)
class Said:
    """What the machine hands back."""

    reading: Reading
    pages: tuple[bytes, ...]


@dataclass
class Script:
    """A machine that reads what the story says: a picture means a reading, or why there is none."""

    readings: dict[bytes, Reading | Exception]
    asked: list[list[bytes]] = field(default_factory=list)

    async def read(self, pages: Sequence[tuple[bytes, str]]) -> Said:
        contents = [content for content, _ in pages]
        self.asked.append(contents)
        found = [self.readings[content] for content in contents]
        for one in found:
            if isinstance(one, Exception):
                raise one
        assert isinstance(found[0], Reading)
        return Said(found[0], tuple(HEAD + b"masked" for _ in pages))


class Later:
    """A machine that has no time now."""

    async def read(self, pages: Sequence[tuple[bytes, str]]) -> Said:
        raise RuntimeError("busy")


@pytest.fixture
def script() -> Script:
    return Script({FRONT: FINE, BACK: Reading(certificate=False), DARK: CannotRead("damaged")})


CASTS = {
    "wecom": Cast(),
    "feishu": Cast(hr="feishu", candidates="feishu", platforms=("feishu",)),
}


@pytest.fixture
async def world(
    request: pytest.FixtureRequest, database_url: str, tmp_path: Path, script: Script
) -> AsyncIterator[World]:
    async with World.open(database_url, tmp_path, [PROCESS], CASTS[request.param], reader=script) as opened:
        opened.bot.readings.unreadable = CannotRead
        yield opened


wecom = pytest.mark.parametrize(("world", "database_url"), [("wecom", "sqlite")], indirect=True)
on_postgresql = pytest.mark.parametrize(("world", "database_url"), [("wecom", "postgresql")], indirect=True)
feishu = pytest.mark.parametrize(("world", "database_url"), [("feishu", "postgresql")], indirect=True)
everywhere = pytest.mark.parametrize(
    ("world", "database_url"), [("wecom", "sqlite"), ("feishu", "postgresql")], indirect=True
)


async def asked_for_certificate(world: World, name: str = "李梅") -> Candidate:
    """Somebody past the AI interview, who has agreed that their certificate is looked at."""
    mei = await world.invite(name)
    await mei.finish_interview(总分=82)
    await mei.open_chat()
    await mei.tap("upload")
    await mei.tap("consent")
    return mei


async def documents(world: World) -> list[dict[str, Any]]:
    async with world.bot.ground.database.reading() as connection:
        rows = await Unit(connection, world.bot.ground, world.clock.now()).all(
            select(Document).order_by(Document.c.uploaded_at, Document.c.id)
        )
    return [dict(row) for row in rows]


async def count(world: World, table: Any) -> int:
    async with world.bot.ground.database.reading() as connection:
        return len(await Unit(connection, world.bot.ground, world.clock.now()).all(select(table)))


def lying(tmp_path: Path) -> int:
    """How many files lie in the vault."""
    return sum(1 for path in (tmp_path / "vault").rglob("*") if path.is_file())


def new(candidate: Candidate, before: int) -> str:
    return "\n".join(candidate.chat[before:])


@everywhere
async def test_front_and_back_are_one_document_and_one_tap_counts_with_the_date_that_was_read(
    world: World, script: Script, tmp_path: Path
) -> None:
    """Received, then the outcome; the originals are gone as soon as they were read; the date comes from the card."""
    hr = await world.member("Wang")
    mei = await asked_for_certificate(world)
    before = len(mei.chat)
    await mei.send_picture(FRONT)
    heard = new(mei, before)
    assert heard.index("收到了") < heard.index("内容看着没问题")
    card = world.hr_sees(hr)[-1]
    assert "李梅" in card.text
    assert "没发现问题" in card.text
    assert "✓ 2027年1月15日" in f"{card.payload}"

    await world.wait(minutes=2)
    cards = len(world.hr_sees(hr))
    await mei.send_picture(BACK)
    assert "和前面的算一份" in mei.chat[-1]
    assert cards == len(world.hr_sees(hr))  # the back says nothing new
    (document,) = await documents(world)
    assert [True, True] == [page["masked"] for page in document["pages"]]
    assert [[FRONT], [BACK]] == script.asked  # what was read is not read again
    assert 2 == lying(tmp_path)  # the originals are destroyed
    assert 0 == await count(world, DoomedFile)
    assert "李梅" not in str(document["fields"])

    await world.hr_taps(hr, "approve")
    assert "second_interview" == await world.stage(mei)
    assert any("有效期到2027年1月15日" in text for text in mei.chat)
    assert [UNTIL] == [row["expires_on"] for row in await documents(world)]


@wecom
async def test_a_bad_photo_is_asked_for_again_at_once_and_the_better_one_takes_its_place(
    world: World, script: Script, tmp_path: Path
) -> None:
    """The person hears what was wrong; the reviewer sees it too, and may decide all the same."""
    script.readings[DARK] = Reading(certificate=True, faults=(Fault.DARK,))
    hr = await world.member("Wang")
    mei = await asked_for_certificate(world)
    await mei.send_picture(DARK)
    assert "太暗了" in mei.chat[-1]
    assert "已请本人重拍：太暗了" in world.hr_sees(hr)[-1].text
    assert "health_certificate" == await world.stage(mei)

    await world.wait(hours=3)
    await mei.send_picture(FRONT)
    assert "内容看着没问题" in mei.chat[-1]
    (document,) = await documents(world)
    assert [] == document["doubts"]
    assert 1 == lying(tmp_path)
    await world.hr_taps(hr, "approve")
    assert "second_interview" == await world.stage(mei)


@wecom
async def test_what_cannot_be_opened_is_not_kept_and_another_is_asked_for(
    world: World, script: Script, tmp_path: Path
) -> None:
    """The person hears at once why; no reviewer is shown what nobody can open, and nothing of it stays."""
    hr = await world.member("Wang")
    mei = await asked_for_certificate(world)
    before = len(world.hr_sees(hr))
    await mei.send_picture(DARK)
    assert "打不开" in mei.chat[-1]
    assert before == len(world.hr_sees(hr))
    assert 0 == lying(tmp_path)
    assert [] == await documents(world)

    await mei.send_picture(FRONT)
    assert "内容看着没问题" in mei.chat[-1]
    await world.hr_taps(hr, "approve")
    assert "second_interview" == await world.stage(mei)


@wecom
async def test_who_sends_no_other_after_that_is_called(world: World) -> None:
    """What could not be opened counts as not sent."""
    hr = await world.member("Wang")
    mei = await asked_for_certificate(world)
    await mei.send_picture(DARK)
    await world.wait(hours=73)
    assert "退回后没有重发" in "\n".join(card.text for card in world.hr_sees(hr))
    assert "health_certificate" == await world.stage(mei)


@wecom
async def test_of_two_sides_the_one_that_does_not_open_is_let_go(world: World, script: Script, tmp_path: Path) -> None:
    """Front and back are read together: the good one is kept and read, the other is asked for again."""
    hr = await world.member("Wang")
    mei = await asked_for_certificate(world)
    reader, world.bot.readings.reader = world.bot.readings.reader, Later()
    await mei.send_picture(FRONT)
    await mei.send_picture(DARK)
    world.bot.readings.reader = reader
    await world.wait(minutes=6)
    said = "\n".join(mei.chat[-3:])
    assert "打不开" in said
    assert "内容看着没问题" in said
    assert 1 == lying(tmp_path)
    assert [1] == [len(row["pages"]) for row in await documents(world)]
    await world.hr_taps(hr, "approve")
    assert "second_interview" == await world.stage(mei)


@wecom
async def test_a_slow_machine_destroys_no_page(world: World, script: Script, tmp_path: Path) -> None:
    """Which of two sides does not open is found out page by page; too slow for one is no fault of the picture."""
    script.readings[OTHER] = CannotRead("too_slow")
    mei = await asked_for_certificate(world)
    reader, world.bot.readings.reader = world.bot.readings.reader, Later()
    await mei.send_picture(DARK)
    await mei.send_picture(OTHER)
    world.bot.readings.reader = reader
    await world.wait(seconds=30)
    assert 2 == lying(tmp_path)

    script.readings[OTHER] = FINE
    await world.wait(minutes=20)
    assert 1 == lying(tmp_path)
    assert "打不开" in "\n".join(mei.chat)
    assert "内容看着没问题" in "\n".join(mei.chat)


@wecom
async def test_a_machine_that_fails_is_asked_again_and_then_a_person_looks(world: World, script: Script) -> None:
    """Nobody is told that their photo is bad when it is the machine that fails."""
    script.readings[OTHER] = RuntimeError("died")
    hr = await world.member("Wang")
    mei = await asked_for_certificate(world)
    seen = len(world.hr_sees(hr))
    await mei.send_picture(OTHER)
    assert seen == len(world.hr_sees(hr))
    for _ in range(4):
        await world.wait(minutes=6)
    assert 4 == len(script.asked)
    assert "机器没读出来" in world.hr_sees(hr)[-1].text
    assert "同事再看一眼" in mei.chat[-1]


@wecom
async def test_the_same_certificate_at_another_person_is_seen(world: World, script: Script) -> None:
    """Same number, or a picture that differs in three bits: a person looks; a different picture does not matter."""
    script.readings[OTHER] = replace(FINE, name="王芳", number="SH 2026-000123", fingerprint="0123456789abcde8")
    script.readings[BACK] = replace(FINE, name="赵云", number="SH2026-9", fingerprint="f123456789abcde0")
    hr = await world.member("Wang")
    await (await asked_for_certificate(world)).send_picture(FRONT)
    await (await asked_for_certificate(world, "王芳")).send_picture(OTHER)
    card = world.hr_sees(hr)[-1].text
    assert "别人交过同样编号的证" in card
    assert "别人交过几乎一样的照片" in card
    await (await asked_for_certificate(world, "赵云")).send_picture(BACK)
    assert "没发现问题" in world.hr_sees(hr)[-1].text


@wecom
async def test_another_name_or_too_short_a_time_stands_beside_what_was_expected(world: World, script: Script) -> None:
    """Differences are marked, and one tap on a date that is too early is refused in words."""
    script.readings[FRONT] = replace(FINE, name="李海", valid_until=date(2026, 3, 20), examined_on=date(2025, 3, 20))
    hr = await world.member("Wang")
    mei = await asked_for_certificate(world)
    await mei.send_picture(FRONT)
    card = world.hr_sees(hr)[-1]
    assert "姓名和报名的不一样" in card.text
    assert "≠ 李海（应为李梅）" in f"{card.payload}"
    assert "同事再看一眼" in mei.chat[-1]
    await world.hr_taps(hr, "approve")
    assert "health_certificate" == await world.stage(mei)


@everywhere
async def test_a_consent_taken_back_destroys_everything_at_once(world: World, tmp_path: Path) -> None:
    """Pictures, what was read in them, and the hashes by which they were known."""
    await world.member("Wang")
    mei = await asked_for_certificate(world)
    await mei.send_picture(FRONT)
    assert 1 == lying(tmp_path)
    assert 5 == await count(world, DocumentMark)
    await mei.say("撤回同意")
    assert "已撤回同意" in mei.chat[-1]
    assert 0 == lying(tmp_path)
    assert 0 == await count(world, DocumentMark)
    (document,) = await documents(world)
    assert (None, None, None, []) == tuple(document[name] for name in ("file", "fields", "fingerprint", "pages"))
    assert ["rule"] == await world.events(mei, "document.destroyed")
    assert ("rule", "document.destroy") in await world.trail()


@wecom
async def test_the_consent_is_to_the_very_words_that_were_shown(world: World) -> None:
    """Its digest is that of the text on the phone, and the text is kept."""
    await world.member("Wang")
    mei = await asked_for_certificate(world)
    async with world.bot.ground.database.reading() as connection:
        unit = Unit(connection, world.bot.ground, world.clock.now())
        (consent,) = await unit.all(select(Consent))
        text = await consents.text_of(unit, consent["text_digest"])
    assert text is not None
    assert hashlib.sha256(text.encode()).hexdigest() == consent["text_digest"]
    assert any(said.startswith(text) for said in mei.chat)
    assert "撤回同意" in text


@wecom
async def test_the_picture_is_destroyed_seven_days_after_the_decision(world: World, tmp_path: Path) -> None:
    """What stays is until when it is valid, and who checked it. Until it is done, the audit would say so."""
    hr = await world.member("Wang")
    mei = await asked_for_certificate(world)
    await mei.send_picture(FRONT)
    await world.hr_taps(hr, "approve")
    await world.wait(days=6, hours=23)
    await world.bot.housekeeping.sweep(world.clock.now())
    await world.settle()
    assert 1 == lying(tmp_path)

    world.clock.push(timedelta(hours=3))
    async with world.bot.ground.database.reading() as connection:
        stuck = await audit.stuck(Unit(connection, world.bot.ground, world.clock.now()))
    assert any("pictures should have been destroyed" in line for line in stuck)
    await world.bot.housekeeping.sweep(world.clock.now())
    await world.settle()
    assert 0 == lying(tmp_path)
    (document,) = await documents(world)
    assert (UNTIL, "member:Wang", None) == (document["expires_on"], document["decided_by"], document["fields"])
    assert ["rule"] == await world.events(mei, "document.destroyed")
    async with world.bot.ground.database.reading() as connection:
        assert 0 == await retention.overdue(Unit(connection, world.bot.ground, world.clock.now()), world.clock.now())


@everywhere
async def test_an_approval_taken_back_closes_the_gate_and_both_sides_hear_it(world: World) -> None:
    """The meeting is off, the seat is free, the certificate is asked for anew; somebody else can take the time."""
    hr = await world.member("Wang")
    manager = await world.member("Zhou", "manager", ["人民路店"], userid="zhou")
    mei = await asked_for_certificate(world)
    await mei.send_picture(FRONT)
    await world.hr_taps(hr, "approve")
    await mei.tap("slot")
    before = len(mei.chat)
    assert "已撤销李梅的健康证" in await world.hr_says(hr, "/cert 李梅 revoke 盖章不对")
    assert "health_certificate" == await world.stage(mei)
    heard = new(mei, before)
    assert "盖章不对" in heard
    assert "面试先取消" in heard
    assert "面试取消" in world.hr_sees(manager)[-1].text
    assert ("member:Wang", "document.revoke") in await world.trail()
    assert ["rejected"] == [row["status"] for row in await documents(world)]
    assert "没有已通过的健康证" in await world.hr_says(hr, "/健康证 李梅 撤销")

    await mei.send_picture(FRONT)
    await world.hr_taps(hr, "approve")
    assert "second_interview" == await world.stage(mei)


@wecom
async def test_a_certificate_that_runs_out_before_the_meeting_is_booked_goes_back(world: World, script: Script) -> None:
    """Approved for a short while by hand; on the day after its end the gate closes by itself and says why."""
    script.readings[FRONT] = replace(FINE, valid_until=date(2026, 4, 3), examined_on=date(2025, 4, 3))
    hr = await world.member("Wang")
    mei = await asked_for_certificate(world)
    await mei.send_picture(FRONT)
    await world.hr_taps(hr, "approve")
    assert "second_interview" == await world.stage(mei)
    await world.wait(days=35)
    assert "health_certificate" == await world.stage(mei)
    assert any("有效期不够了" in text for text in [*mei.chat, *mei.sms])


async def hired(world: World, hr: str) -> Candidate:
    mei = await asked_for_certificate(world)
    await mei.send_picture(FRONT)
    await world.hr_taps(hr, "approve")
    await mei.tap("slot")
    for _ in range(2):
        await world.hr_says(hr, "/pass 李梅")
    await world.hr_taps(hr, "confirm")
    assert "hired" == await world.stage(mei)
    return mei


@wecom
async def test_after_hire_the_end_is_announced_renewed_and_announced_anew(world: World, script: Script) -> None:
    """30, 14, 7 and 1 days before to both; then daily to the manager and once to the person; until it is renewed."""
    hr = await world.member("Wang")
    manager = await world.member("Zhou", "manager", ["人民路店"], userid="zhou")
    mei = await hired(world, hr)
    heard, seen = len(mei.sms), len(world.hr_sees(manager))
    await world.wait(days=(date(2026, 12, 15) - date(2026, 3, 2)).days)
    assert seen == len(world.hr_sees(manager))
    await world.wait(days=32)
    told = [card.text for card in world.hr_sees(manager)[seen:]]
    assert [30, 14, 7, 1] == [days for text in told for days in (30, 14, 7, 1) if f"还有{days}天" in text]
    assert 4 == sum("还有" in text for text in mei.sms[heard:])
    assert "2027年1月15日" in mei.sms[-1]
    assert "李梅" in await world.hr_says(hr, "/cert expiring")

    await world.wait(days=3)
    over = [card.text for card in world.hr_sees(manager)[seen:] if "已过期" in card.text]
    assert len(over) >= 3
    assert 1 == sum("已过期" in text for text in mei.sms[heard:])

    script.readings[OTHER] = replace(FINE, valid_until=date(2028, 1, 10), examined_on=date(2027, 1, 10))
    await mei.send_picture(OTHER)
    await world.hr_taps(hr, "approve")
    assert "2028年1月10日" in mei.chat[-1]
    seen = len(world.hr_sees(manager))
    await world.wait(days=60)
    assert seen == len(world.hr_sees(manager))
    assert "没有要到期" in await world.hr_says(hr, "/健康证 到期")
    await world.wait(days=280)
    assert any("还有30天" in card.text for card in world.hr_sees(manager)[seen:])


@wecom
async def test_a_renewed_certificate_can_be_uploaded_on_the_page_long_after_hire(world: World) -> None:
    """The link in the warning leads to the page that takes it, a year after everything ended."""
    hr = await world.member("Wang")
    mei = await hired(world, hr)
    await world.wait(days=318)
    (link,) = LINK.findall(mei.sms[-1])
    async with world.browser.get(link, headers=BROWSER) as page:
        assert 200 == page.status
        shown = await page.text()
    assert 'type="file"' in shown


@wecom
async def test_everything_waiting_is_reviewed_one_after_the_other(world: World, script: Script) -> None:
    """After a decision the next card comes by itself; "next" leaves one for later."""
    hr = await world.member("Wang")
    for name, picture in (("李梅", FRONT), ("王芳", OTHER)):
        script.readings[picture] = replace(FINE, name=name, number=f"N{name}", fingerprint="")
        await (await asked_for_certificate(world, name)).send_picture(picture)
        await world.wait(minutes=1)
    await world.hr_says(hr, "/cert")
    assert "李梅" in world.hr_sees(hr)[-1].text
    await world.hr_taps(hr, "approve")
    assert "王芳" in world.hr_sees(hr)[-1].text
    await world.hr_taps(hr, "confirm")
    assert "都看完了" in world.hr_sees(hr)[-1].text
    assert ["approved", "waiting"] == [row["status"] for row in await documents(world)]


@feishu
async def test_a_form_that_stayed_open_says_who_has_decided_meanwhile(world: World) -> None:
    """Two reviewers: the first decision holds, and the second hears whose it was and when."""
    hr, other = await world.member("Wang"), await world.member("Chen")
    mei = await asked_for_certificate(world)
    await mei.send_picture(FRONT)
    cards = [account for account in (hr, other) if any("待审核" in card.text for card in world.hr_sees(account))]
    holder = cards[0]
    second = other if holder == hr else hr
    await world.hr_taps(holder, "reject")
    await world.hr_says(second, "/cert")
    await world.hr_taps(second, "approve")
    assert "second_interview" == await world.stage(mei)
    toast = await world.hr_taps(holder, "reject", reason="certificate_unclear")
    assert ("Chen" if second == other else "Wang") in toast
    assert "second_interview" == await world.stage(mei)


@wecom
async def test_the_reviewer_is_reminded_after_a_day(world: World) -> None:
    """A certificate that nobody decides becomes a follow-up after 24 h."""
    await world.member("Wang")
    mei = await asked_for_certificate(world)
    await mei.send_picture(FRONT)
    await world.wait(hours=25)
    assert [["not_decided"]] == await world.follow_ups(mei)


STAFF = """姓名,手机,岗位,门店,健康证有效期
周敏,13900000001,服务员,人民路店,2026年4月1日
钱军,13900000002,服务员,人民路店,2026/6/30
孙丽,13900000003,服务员,人民路店,看不清
"""


@on_postgresql
async def test_staff_from_a_list_are_watched_and_never_invited(world: World, tmp_path: Path) -> None:
    """Who stands in a list with the end of their certificate works here already; a newer list counts from then on."""
    hr = await world.member("Wang")
    manager = await world.member("Zhou", "manager", ["人民路店"], userid="zhou")
    assert [1, 2, 0] == await imported(world, tmp_path, STAFF)
    assert [] == world.sandbox.sms.messages("+8613900000001")
    listed = await world.hr_says(hr, "/cert expiring")
    assert "没有要到期" in listed
    await world.wait(days=16, hours=2)
    assert "还有14天" in world.hr_sees(manager)[-1].text
    assert "2026年4月1日" in world.sandbox.sms.messages("+8613900000001")[-1].text

    assert [1, 0, 2] == await imported(world, tmp_path, STAFF.replace("4月1日", "12月1日"))
    seen = len(world.hr_sees(manager))
    await world.wait(days=60)
    assert seen == len(world.hr_sees(manager))
    await world.wait(days=14)
    assert "钱军" in world.hr_sees(manager)[-1].text
    await world.wait(days=1)
    assert "钱军" in await world.hr_says(hr, "/健康证 到期")
    assert "不再提醒" in await world.hr_says(hr, "/健康证 钱军 离职")
    seen = len(world.hr_sees(manager))
    await world.wait(days=60)
    assert seen == len(world.hr_sees(manager))


async def imported(world: World, tmp_path: Path, text: str) -> list[int]:
    """A list is imported as `bulou import` does; how many rows were rejected, new, known."""
    path = tmp_path / "staff.csv"
    path.write_text(text, "utf-8")
    table = read_table(path)
    today = world.clock.now().date()
    checked = list(check_rows(table, takes=lambda position: position == "服务员", today=today))
    applicants = [applicant_of(row) for row in checked if isinstance(row, Draft)]

    async def job(unit: Unit) -> list[Any]:
        return await open_many(unit, applicants, imported=True, actor="rule")

    outcomes = await world.bot.dispatch.within(job, world.clock.now())
    await world.settle()
    new_ones = sum(one.created for one in outcomes)
    return [len(checked) - len(applicants), new_ones, len(outcomes) - new_ones]


PLACES = {key: Province(marks, HOSTS, has_code) for key, (marks, has_code) in PROVINCES.items()}

# --- the real machine ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_drawn_certificate_is_really_read(database_url: str, tmp_path: Path) -> None:
    """From the phone through the reading process to the reviewer's card, and on with one tap."""
    sample = make("genuine", "clean", 0, date(2026, 3, 2))
    assert sample.facts is not None
    content = sample.files[0][0]
    async with World.open(database_url, tmp_path, [PROCESS], reader=Reader(PLACES)) as world:
        hr = await world.member("Wang")
        mei = await asked_for_certificate(world, sample.facts.name)
        await mei.send_picture(content)
        card = world.hr_sees(hr)[-1]
        assert f"✓ {sample.facts.name}" in f"{card.payload}"
        assert "没发现问题" in card.text
        (document,) = await documents(world)
        assert (["image/jpeg"], "done") == ([page["type"] for page in document["pages"]], document["read_status"])
        await world.hr_taps(hr, "approve")
        assert [sample.facts.valid_until] == [row["expires_on"] for row in await documents(world)]
        assert "second_interview" == await world.stage(mei)
