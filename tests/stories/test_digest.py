"""At nine on working days HR's groups hear what needs them; on Mondays how the week went; else nothing."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.workers.digest import Digest
from recruiting.chat import Person
from storage import groups
from storage.unit import Unit
from tests.world import Cast, World

PROCESS = Path(__file__).parents[2] / "config" / "processes" / "restaurant.yaml"
SHANGHAI = ZoneInfo("Asia/Shanghai")
CASTS = {
    "wecom": Cast(),
    "feishu": Cast(hr="feishu", candidates="feishu", platforms=("feishu",)),
}


@pytest.fixture(params=list(CASTS))
def place(request: pytest.FixtureRequest) -> tuple[Cast, str]:
    """HR on WeCom with SQLite, or everybody on Feishu with PostgreSQL."""
    url = request.getfixturevalue("sqlite_url" if request.param == "wecom" else "postgres_url")
    return CASTS[request.param], url


async def until(world: World, text: str) -> None:
    """Let time go by until this moment of the company's calendar, and everything happen that is due on the way."""
    moment = datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)
    await world.wait(seconds=(moment - world.clock.now()).total_seconds())


def digests(world: World) -> list[str]:
    """The mornings' digests in HR's group."""
    return [text for text in world.group if "招聘早报" in text]


def weeks(world: World) -> list[str]:
    """The weeks' digests in HR's group."""
    return [text for text in world.group if "招聘周报" in text]


async def test_each_morning_says_who_needs_a_person_and_what_the_bot_did(world: World) -> None:
    await world.member("Wang")
    await until(world, "2026-03-02 14:00")
    await world.invite("李梅")
    await until(world, "2026-03-03 08:59")
    assert [] == digests(world)
    await until(world, "2026-03-03 10:00")
    (first,) = digests(world)
    assert "催办 1 次" in first
    assert "李梅" not in first
    await until(world, "2026-03-04 08:59")
    assert [first] == digests(world)
    await until(world, "2026-03-04 09:00")
    _, second = digests(world)
    assert "有 1 件" in second
    assert "李梅" in second
    assert "邀请后一直没参加" in second
    assert "催办" not in second
    await until(world, "2026-03-04 23:00")
    assert 2 == len(digests(world))


async def test_a_second_replica_or_a_restart_tells_nothing_twice(world: World) -> None:
    await world.member("Wang")
    await until(world, "2026-03-02 14:00")
    await world.invite("李梅")
    await until(world, "2026-03-03 10:00")
    assert 1 == len(digests(world))
    await Digest(world.bot.ground).sweep(world.clock.now())
    await world.settle()
    assert 1 == len(digests(world))


async def test_nothing_is_told_when_there_is_nothing(world: World) -> None:
    await world.member("Wang")
    for day in range(3, 12):
        await until(world, f"2026-03-{day:02} 09:00")
    assert [] == world.group


async def test_the_digest_keeps_to_the_companys_calendar(world: World) -> None:
    """Not on a holiday; on the Saturday on which people work in exchange it comes."""
    await world.member("Wang")
    await until(world, "2026-09-29 14:00")
    await world.invite("李梅")
    days = []
    for day in ("09-30", "10-01", "10-03", "10-07", "10-08", "10-09", "10-10", "10-11"):
        before = len(digests(world))
        await until(world, f"2026-{day} 08:59")
        await until(world, f"2026-{day} 09:00")
        if len(digests(world)) > before:
            days.append(day)
    assert ["09-30", "10-08", "10-09", "10-10"] == days


async def test_the_week_begins_with_funnel_rates_and_times(world: World) -> None:
    """On Monday: who came how far, no-show and reply rates beside their thresholds, time per stage, first contact."""
    wang = await world.member("Wang")
    mei = await world.invite("李梅")
    await world.invite("王强")
    await world.wait(hours=5)
    await mei.finish_interview(总分=82)
    await until(world, "2026-03-03 09:30")
    await world.hr_taps(wang, "reached")
    await until(world, "2026-03-09 08:59")
    assert [] == weeks(world)
    await until(world, "2026-03-09 09:00")
    (told,) = weeks(world)
    assert "三月" in told
    assert "AI 面试：进入 2，通过 1，现有 1" in told
    assert "AI 面试：一半的人在 5小时 内走完" in told.replace("5 小时", "5小时")
    assert "没参加：50%（2 人里 1 人），预警线 5%" in told
    assert "没回应：50%（2 人里 1 人），预警线 20%" in told
    assert "30" in told.rpartition("第一次联系")[0].rpartition("一半的人在")[2]
    async with world.browser.get(f"{world.sandbox.bot_url}/metrics") as response:
        assert "bulou_first_contact_median_seconds 1800" in await response.text()


async def test_a_batch_over_its_threshold_is_at_risk(world: World) -> None:
    """Its numbers stand in the digest without a rate, so that nobody takes it for another alert."""
    await until(world, "2026-03-02 14:00")
    for _ in range(20):
        await world.invite()
    await until(world, "2026-03-04 09:00")
    told = digests(world)[-1]
    assert "有 20 件" in told
    assert "另有 10 件" in told
    assert "%" not in told
    assert "三月（AI 面试）：没参加，20 人里有 20 人" in told


async def test_a_groups_own_shops_are_told_there(database_url: str, tmp_path: Path) -> None:
    """The default group gets the rest, and nothing when there is no rest."""
    async with World.open(database_url, tmp_path, [PROCESS], CASTS["feishu"]) as world:
        wang = world.sandbox.feishu.who(await world.member("Wang"))
        group = world.sandbox.feishu.group("人民路店招聘群", wang)
        group.add_bot(wang)
        await world.settle()

        async def ours(unit: Unit) -> None:
            await groups.add(unit, "人民路", Person("feishu.group", group.id), ["人民路店"])

        await world.bot.dispatch.within(ours, world.clock.now())
        await until(world, "2026-03-02 14:00")
        await world.invite("李梅", shop="人民路店")
        await until(world, "2026-03-04 09:00")
        assert [] == digests(world)
        told = [message.text for message in wang.sees(group.id) if "招聘早报" in message.text]
        assert "李梅" in told[-1]
        await world.invite("王强", shop="解放路店")
        await until(world, "2026-03-06 09:00")
        assert "王强" in digests(world)[-1]
        assert "李梅" not in digests(world)[-1]
