"""The restaurant chain: passing the AI interview asks for the certificate; without one there is no second interview."""

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from tests.world import BROWSER, Cast, World

PROCESS = Path(__file__).parents[2] / "config" / "processes" / "restaurant.yaml"
PICTURE = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(300)


def photo() -> bytes:
    """A sheet of paper, as a telephone sends it."""
    out = io.BytesIO()
    Image.new("RGB", (800, 560), "white").save(out, "JPEG")
    return out.getvalue()


CASTS = {
    "wecom": Cast(),
    "hr on feishu": Cast(hr="feishu", platforms=("wecom", "feishu")),
    "feishu alone": Cast(hr="feishu", candidates="feishu", platforms=("feishu",)),
    "both": Cast(candidates="feishu", platforms=("wecom", "feishu")),
}


# Each cast once, and those that differ most on both databases.
pytestmark = pytest.mark.parametrize(
    ("world", "database_url"),
    [
        ("wecom", "sqlite"),
        ("wecom", "postgresql"),
        ("hr on feishu", "sqlite"),
        ("feishu alone", "postgresql"),
        ("both", "sqlite"),
    ],
    indirect=True,
)


@pytest.fixture
async def world(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with World.open(database_url, tmp_path, [PROCESS], CASTS[request.param]) as opened:
        yield opened


async def test_silence_costs_one_sms_and_one_follow_up(world: World) -> None:
    """Somebody who never clicks gets one more SMS after 12 h; after 24 h a person is asked to call."""
    hr = await world.member("Wang")
    mei = await world.invite("李梅")
    assert 1 == len(mei.sms)

    await world.wait(hours=11, minutes=59)
    assert 1 == len(mei.sms)

    await world.wait(hours=12)  # 21:00 is quiet: the SMS leaves at 08:00
    assert 2 == len(mei.sms)

    await world.wait(hours=12)
    assert [["not_participated"]] == await world.follow_ups(mei)
    assert "李梅" in world.hr_sees(hr)[-1].text


async def test_from_invite_to_second_interview(world: World) -> None:
    """The whole way of somebody who does everything right."""
    hr = await world.member("Wang")
    mei = await world.invite("李梅")
    await mei.finish_interview(总分=82, 服务意识=86, 抗压能力=71)
    assert "health_certificate" == await world.stage(mei)

    await mei.open_chat()
    await mei.send_picture(PICTURE)
    assert [] == world.hr_sees(hr)  # without consent nothing was fetched

    await mei.tap("consent")
    await world.hr_taps(hr, "approve")
    assert "second_interview" == await world.stage(mei)

    await mei.tap("slot")
    assert "second_interview" == await world.stage(mei)
    await mei.say("我到哪一步了")
    assert "门店复试" in mei.chat[-1]
    assert "李梅" in await world.hr_says(hr, "/status 李梅")


async def test_the_twelve_hour_sms_goes_to_exactly_those_who_did_not_click(world: World) -> None:
    """Of thirty invited people eleven open the link; the other nineteen get one more SMS, and nobody a third."""
    everybody = [await world.invite() for _ in range(30)]
    clicked = everybody[::3] + everybody[1:2]
    for candidate in clicked:
        await candidate.click()
    await world.wait(hours=11)
    assert [1] * 30 == [len(candidate.sms) for candidate in everybody]

    await world.wait(hours=12)  # due at 21:00, which is quiet: 08:00
    assert {1} == {len(candidate.sms) for candidate in clicked}
    assert {2} == {len(candidate.sms) for candidate in everybody if candidate not in clicked}


async def test_the_no_show_alert_comes_once_and_recovers(world: World) -> None:
    """Of twenty-five, two never take part: 8 % is over 5 %. HR's group hears it once, and when it is over."""
    everybody = [await world.invite() for _ in range(25)]
    for candidate in everybody[2:]:
        await candidate.finish_interview(总分=75)
    assert [] == [text for text in world.group if "缺席率" in text]

    await world.wait(hours=23)
    alerts = [text for text in world.group if "8%" in text]
    assert [] == alerts
    await world.wait(hours=2)
    alerts = [text for text in world.group if "8%" in text and "25" in text and "5%" in text]
    assert 1 == len(alerts)

    await world.wait(hours=24)
    assert alerts == [text for text in world.group if "8%" in text]
    for candidate in everybody[:2]:
        await candidate.finish_interview(总分=75)
    await world.wait(hours=1)
    assert "0%" in [text for text in world.group if "缺席率" in text][-1]


async def test_no_certificate_no_second_interview(world: World) -> None:
    """HR cannot wave somebody through whose certificate nobody has approved, and a rejected one asks for another."""
    hr = await world.member("Wang")
    mei = await world.invite("李梅")
    await mei.finish_interview(总分=82)
    await world.hr_says(hr, "/pass 李梅")
    assert "health_certificate" == await world.stage(mei)

    await mei.open_chat()
    await mei.tap("upload")
    await mei.tap("consent")
    await mei.send_picture(PICTURE)
    await world.hr_taps(hr, "reject")
    await world.hr_taps(hr, "reject", **({"reason": "certificate_unclear"} if world.cast.hr == "feishu" else {}))
    assert "health_certificate" == await world.stage(mei)
    assert "请" in mei.chat[-1]

    await mei.send_picture(PICTURE)
    await world.hr_taps(hr, "approve")
    assert "second_interview" == await world.stage(mei)


async def test_a_reviewer_looks_and_each_look_is_kept(world: World) -> None:
    """The card leads to the page with the picture, for which one signs in; who looked is kept, with the first look."""
    hr = await world.member("Wang")
    mei = await world.invite("李梅")
    await mei.finish_interview(总分=82)
    await mei.open_chat()
    await mei.tap("upload")
    await mei.tap("consent")
    await mei.send_picture(photo())
    link = next(url for _, url in world.hr_sees(hr)[-1].buttons if "/dashboard/documents/" in url)

    async with world.browser.get(link, headers=BROWSER) as page:
        assert "登录" in await page.text()
    async with world.browser.get(f"{link}/file", headers=BROWSER) as page:
        assert "text/html" == page.content_type
    assert [] == await world.events(mei, "document.viewed")

    cookies = await world.signed_in("Wang")
    async with world.browser.get(link, headers=BROWSER, cookies=cookies) as page:
        assert "李梅" in await page.text()
    async with world.browser.get(f"{link}/file", headers=BROWSER, cookies=cookies) as seen:
        assert (200, "no-store", "image/jpeg") == (seen.status, seen.headers["Cache-Control"], seen.content_type)
    assert ["member:Wang"] == await world.events(mei, "document.viewed")


async def test_a_failing_interview_is_looked_at_by_a_person(world: World) -> None:
    """Below the bar of 60 the restaurant's process lets a person decide."""
    hr = await world.member("Wang")
    mei = await world.invite("李梅")
    await mei.finish_interview(总分=41)
    assert "ai_interview" == await world.stage(mei)
    assert [["review"]] == await world.follow_ups(mei)
    await world.hr_taps(hr, "pass")
    assert "health_certificate" == await world.stage(mei)


async def test_stop_means_stop(world: World) -> None:
    """Who writes 退订 by SMS gets nothing more; a person in HR is told, so that nobody slips through."""
    mei = await world.invite("李梅")
    await world.sandbox.sms.reply(mei.phone, "T")
    await world.settle()
    heard = len(mei.sms)
    await world.wait(hours=80)
    assert heard == len(mei.sms)
    assert ["opted_out"] == (await world.follow_ups(mei))[0][:1]
