"""What becomes of a follow-up: working time, its card, each button's consequence, and who gets it when nobody does."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from storage import contacts, search
from storage.tables import FollowUpRow
from storage.unit import Unit
from tests.world import Candidate, Cast, World

PROCESS = Path(__file__).parents[2] / "config" / "processes" / "restaurant.yaml"
SHANGHAI = ZoneInfo("Asia/Shanghai")
CASTS = {
    "wecom": Cast(),
    "feishu": Cast(hr="feishu", candidates="feishu", platforms=("feishu",)),
}


@pytest.fixture(params=list(CASTS))
def place(request: pytest.FixtureRequest) -> tuple[str, str]:
    """HR on WeCom with SQLite, or on Feishu with PostgreSQL."""
    return request.param, request.getfixturevalue("sqlite_url" if request.param == "wecom" else "postgres_url")


@pytest.fixture
async def world(place: tuple[str, str], tmp_path: Path) -> AsyncIterator[World]:
    name, database_url = place
    urgent = {"BULOU_FEISHU__URGENT": "app"} if name == "feishu" else {}
    async with World.open(database_url, tmp_path, [PROCESS], CASTS[name], **urgent) as opened:
        yield opened


async def until(world: World, text: str) -> None:
    """Let nothing but time go by until this moment of the company's calendar."""
    moment = datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)
    world.clock.push(moment.astimezone(UTC) - world.clock.now())
    await world.settle()


async def rows(world: World, candidate: Candidate) -> list[dict[str, Any]]:
    """The follow-ups about somebody, oldest first."""
    statement = (
        select(FollowUpRow).where(FollowUpRow.c.application_id == candidate.id).order_by(FollowUpRow.c.opened_at)
    )
    async with world.bot.ground.database.reading() as connection:
        return [dict(row) for row in (await connection.execute(statement)).mappings()]


async def due(world: World, candidate: Candidate) -> str:
    """Until when the newest follow-up is to be settled, by the company's clock."""
    moment: datetime = (await rows(world, candidate))[-1]["due_at"]
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def cards(world: World, account: str) -> list[str]:
    """The follow-up cards in somebody's chat, settled or not."""
    return [message.text for message in world.hr_sees(account) if "请跟进" in message.text]


async def silent(world: World) -> Candidate:
    """Somebody who was invited a day ago and did nothing: HR is asked to call."""
    mei = await world.invite("李梅")
    await world.wait(hours=24)
    assert [["not_participated"]] == await world.follow_ups(mei)
    return mei


async def test_it_is_due_after_one_working_day(world: World) -> None:
    """Tuesday at nine: until the office closes. On a Friday afternoon: until Monday afternoon."""
    await world.member("Wang")
    mei = await silent(world)
    assert "2026-03-03 18:00" == await due(world, mei)
    await until(world, "2026-03-05 15:00")
    tom = await world.invite("王强")
    await world.wait(hours=24)
    assert "2026-03-09 15:00" == await due(world, tom)


async def test_the_national_holiday_is_no_working_time(world: World) -> None:
    """Opened on 30 September in the afternoon, due after the holiday; the Saturday worked in exchange counts."""
    await world.member("Wang")
    await until(world, "2026-09-29 15:00")
    mei = await silent(world)
    assert "2026-10-08 15:00" == await due(world, mei)
    await until(world, "2026-10-08 16:00")
    tom = await world.invite("王强")
    await world.wait(hours=24)
    assert "2026-10-10 16:00" == await due(world, tom)


async def test_the_card_says_what_has_happened_and_keeps_the_number_behind_a_tap(world: World) -> None:
    """Two lines of history, the hour at which they were last there; each look at the number is logged."""
    wang = await world.member("Wang")
    mei = await world.invite("李梅")
    await world.wait(hours=11)
    await mei.click()
    await world.wait(hours=13)
    (card,) = [message for message in world.hr_sees(wang) if "李梅" in message.text]
    shown = str(card.payload)
    assert "点开了链接" in shown
    assert "20:00-21:00" in shown
    assert mei.phone not in shown
    assert mei.phone[-11:] not in shown
    before = len(world.hr_sees(wang))
    toast = await world.hr_taps(wang, "view")
    told = toast or "".join(message.text for message in world.hr_sees(wang)[before:])
    assert mei.phone in told
    assert [("member:Wang", "candidate.phone")] == [entry for entry in await world.trail() if "phone" in entry[1]]
    assert [["not_participated"]] == await world.follow_ups(mei)


async def test_nobody_answers_three_times_then_somebody_else_tries(world: World) -> None:
    """Each time it comes back to the same person two working hours later; the fourth time it goes on."""
    wang = await world.member("Wang", shops=["人民路店"])
    mei = await silent(world)
    zhao = await world.member("Zhao")
    for number in range(3):
        assert 1 + number == len(cards(world, wang))
        await world.hr_taps(wang, "no_answer")
        assert [] == await world.follow_ups(mei)
        await world.wait(hours=1, minutes=59)
        assert [] == await world.follow_ups(mei)
        await world.wait(minutes=1)
        assert [["not_participated"]] == await world.follow_ups(mei)
    assert [] == cards(world, zhao)
    await world.hr_taps(wang, "no_answer")
    assert [["not_answered", "not_participated"]] == await world.follow_ups(mei)
    assert 1 == len(cards(world, zhao))
    assert 4 == len(cards(world, wang))


async def test_handing_over_goes_to_the_next_person_then_to_the_group(world: World) -> None:
    """Who has handed it over does not get it back."""
    wang = await world.member("Wang", shops=["人民路店"])
    mei = await silent(world)
    zhao = await world.member("Zhao")
    await world.hr_taps(wang, "hand_over")
    assert [["handed_over", "not_participated"]] == await world.follow_ups(mei)
    assert (1, 1) == (len(cards(world, wang)), len(cards(world, zhao)))
    await world.hr_taps(zhao, "hand_over")
    assert (1, 1) == (len(cards(world, wang)), len(cards(world, zhao)))
    assert 1 == len([text for text in world.group if "李梅" in text and "请跟进" in text])


async def test_a_wrong_number_is_to_be_corrected_and_then_the_ladder_begins_anew(world: World) -> None:
    """Nothing more goes to a stranger's phone; once the contact is mended the invite goes out again, from the top."""
    wang = await world.member("Wang")
    mei = await silent(world)
    await world.hr_taps(wang, "wrong_number")
    assert [["wrong_number"]] == await world.follow_ups(mei)
    assert "更正" in str(world.hr_sees(wang)[-1].payload)
    before = len(mei.sms)
    await world.wait(hours=1)
    assert before == len(mei.sms)

    async def mend(unit: Unit) -> None:
        candidate = await search.lock_candidate_of(unit, mei.id)
        assert candidate is not None
        await contacts.corrected(unit, candidate, "member:Wang")

    for _ in range(2):  # a second time changes nothing
        await world.bot.dispatch.within(mend, world.clock.now())
        await world.settle()
        assert [] == await world.follow_ups(mei)
        assert before + 1 == len(mei.sms)
        assert "/i/" in mei.sms[-1]
    await world.wait(hours=24)
    assert [["not_participated"]] == await world.follow_ups(mei)


async def test_what_nobody_takes_moves_up_step_by_step(world: World) -> None:
    """Owner, next person, HR's group, and where Feishu may: the last card is made urgent, once."""
    wang = await world.member("Wang", shops=["人民路店"])
    mei = await silent(world)
    zhao = await world.member("Zhao")
    assert (1, 0) == (len(cards(world, wang)), len(cards(world, zhao)))
    await world.wait(hours=9, seconds=1)  # 18:00, it was due
    assert (1, 1) == (len(cards(world, wang)), len(cards(world, zhao)))
    assert "2026-03-04 13:00" == await due(world, mei)
    assert not [text for text in world.group if "还没跟进" in text]
    await world.wait(hours=19)  # Wednesday 13:00
    assert 1 == len([text for text in world.group if "还没跟进" in text and "李梅" in text])
    assert [] == world.sandbox.feishu.extras.urgents
    await world.wait(hours=40)
    expected = ["urgent_app"] if world.cast.hr == "feishu" else []
    assert expected == [how for how, _, _ in world.sandbox.feishu.extras.urgents]
    if expected:
        newest = [m for m in world.hr_sees(zhao) if any(k.startswith("hand_over:") for _, k in m.buttons)][-1]
        assert ("urgent_app", newest.msgid, zhao) == world.sandbox.feishu.extras.urgents[0]
    await world.wait(days=3)
    assert 1 == len([text for text in world.group if "还没跟进" in text])
    assert len(expected) == len(world.sandbox.feishu.extras.urgents)
    assert (1, 1) == (len(cards(world, wang)), len(cards(world, zhao)))


async def test_what_is_settled_in_time_goes_to_nobody_else(world: World) -> None:
    """The timers stay and find nothing to do."""
    wang = await world.member("Wang", shops=["人民路店"])
    mei = await silent(world)
    zhao = await world.member("Zhao")
    await world.hr_taps(wang, "reached")
    await world.wait(hours=30)
    assert [] == await world.follow_ups(mei)
    assert [] == cards(world, zhao)
    assert not [text for text in world.group if "还没跟进" in text]


async def test_urgent_is_off_unless_it_is_wanted(database_url: str, tmp_path: Path) -> None:
    """Left out, BULOU_FEISHU__URGENT is off."""
    async with World.open(database_url, tmp_path, [PROCESS], CASTS["feishu"]) as world:
        await world.member("Wang")
        await silent(world)
        await world.wait(days=4)
        assert [] == world.sandbox.feishu.extras.urgents
        assert 1 == len([text for text in world.group if "还没跟进" in text])


async def test_urgent_waits_for_a_busy_feishu_and_is_told_once(database_url: str, tmp_path: Path) -> None:
    """A refusal that passes is tried again."""
    async with World.open(database_url, tmp_path, [PROCESS], CASTS["feishu"], BULOU_FEISHU__URGENT="app") as world:
        await world.member("Wang")
        await silent(world)
        await world.wait(hours=27)
        assert [] == world.sandbox.feishu.extras.urgents
        world.sandbox.moods.refuse(times=2, status=429, path="/open-apis/im/v1/messages/om_")
        await world.wait(hours=1)
        assert [] == world.sandbox.feishu.extras.urgents
        await world.wait(days=2)
        assert ["urgent_app"] == [how for how, _, _ in world.sandbox.feishu.extras.urgents]


@pytest.mark.parametrize("how", ["sms", "phone"])
@pytest.mark.parametrize("paid_for", [True, False])
async def test_urgent_by_sms_or_a_call_as_long_as_it_is_paid_for(
    sqlite_url: str, tmp_path: Path, how: str, paid_for: bool
) -> None:
    """When the company's quota is used up, Feishu itself says it at least."""
    async with World.open(sqlite_url, tmp_path, [PROCESS], CASTS["feishu"], BULOU_FEISHU__URGENT=how) as world:
        feishu = world.sandbox.feishu
        feishu.app.scopes.add(f"im:message.urgent:{how}")
        feishu.extras.urgent_quota = 1 if paid_for else 0
        await world.member("Wang")
        await silent(world)
        await world.wait(days=4)
        assert [f"urgent_{how}" if paid_for else "urgent_app"] == [way for way, _, _ in feishu.extras.urgents]
