"""The candidate's own page: what it shows in each stage, and that its forms do the same as chat."""

import io
import re
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientResponse, FormData

from recruiting.model import Decided, DocumentDecided, Uploaded
from storage.tables import Candidate, Document
from storage.vault import Gone
from tests.bot.web.place import BROWSER, LARGEST, PICTURE, Place, buttons, described

OWN = {"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-origin"}


async def ready(place: Place, stage: str = "ai_interview", **who: str) -> tuple[str, str]:
    """An application in a stage, and the token of its page."""
    id = await place.apply(**who)
    if stage == "health_certificate":
        await place.to_certificate(id)
    elif stage == "second_interview":
        await place.to_meeting(id)
    return id, await place.token(id, "invite")


async def upload(
    place: Place, token: str, content: bytes = PICTURE, name: str = "证.jpg", *, file_first: bool = False
) -> ClientResponse:
    (key,) = buttons(await place.page(token), "upload")
    form = FormData()
    if file_first:
        form.add_field("file", io.BytesIO(content), filename=name)
    form.add_field("do", key)
    if not file_first:
        form.add_field("file", io.BytesIO(content), filename=name)
    return await place.client.post(f"/p/{token}", data=form, headers=BROWSER)


# --- what it shows ---------------------------------------------------------------------------------------------------


async def test_it_says_what_to_do_and_by_when(place: Place) -> None:
    id, token = await ready(place)
    response = await place.client.get(f"/p/{token}", headers=BROWSER)
    page = await response.text()

    assert "李梅，您好" in page
    assert re.search(
        r'class="done">简历筛选.*class="now" aria-current="step">AI 面试.*class="later">健康证', page, re.S
    )
    assert "3月5日" in page  # 72 h from now
    assert f'href="https://interview.test/s/{await place.token(id, "provider")}"' in page
    for verb in ("later", "broken", "human", "not_me", "stop", "withdraw", "erase"):
        assert 1 == len(buttons(page, verb))
    assert "no-store" == response.headers["Cache-Control"]


@pytest.mark.parametrize(("locale", "words"), [("en", "Hi Mei"), ("ja", "Meiさん"), ("zh-CN", "Mei，您好")])
async def test_it_speaks_the_candidates_language(place: Place, locale: str, words: str) -> None:
    _, token = await ready(place, name="Mei", locale=locale)
    page = await place.page(token)

    assert words in page
    assert f'<html lang="{locale}">' in page


async def test_nothing_is_fetched_from_elsewhere(place: Place) -> None:
    _, token = await ready(place)
    response = await place.client.get(f"/p/{token}", headers=BROWSER)
    policy, page = response.headers["Content-Security-Policy"], await response.text()

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script|<link|<img|src=|url\(|style=", page)


async def test_names_cannot_bring_markup(place: Place) -> None:
    _, token = await ready(place, name="<b>Mei</b>")

    assert "<b>" not in await place.page(token)


async def test_it_shows_the_present_stage_whatever_the_link_was_for(place: Place) -> None:
    id, token = await ready(place)
    await place.to_certificate(id)
    page = await place.page(token)

    assert 'aria-current="step">健康证' in page
    assert 1 == len(buttons(page, "consent"))


async def test_looking_twice_makes_no_more_buttons(place: Place) -> None:
    from storage.tables import ButtonRow

    _, token = await ready(place)
    first, before = await place.page(token), await place.rows(described(ButtonRow))

    assert first == await place.page(token)
    assert len(before) == len(await place.rows(described(ButtonRow)))


async def test_after_the_deadline_it_says_so_and_still_helps(place: Place) -> None:
    _, token = await ready(place)
    place.clock.push(timedelta(hours=73))
    page = await place.page(token)

    assert "这一步的时间已经过了" in page
    assert buttons(page, "human")


async def test_a_rejection_is_explained_and_can_be_looked_at_again(place: Place) -> None:
    id, token = await ready(place)
    await place.signal(id, Decided(False, "member:Wang", "night_shift"))
    page = await place.page(token)

    assert "夜班" in page
    assert "请人再看看" in page
    await place.press(token, "human")
    assert ("second_look",) == (await place.loaded(id)).application.follow_up


async def test_it_ends_thirty_days_after_the_application(place: Place) -> None:
    id, token = await ready(place)
    await place.signal(id, Decided(False, "member:Wang", "not_fit"))
    place.clock.push(timedelta(days=30, seconds=-1))
    await place.page(token)
    place.clock.push(timedelta(seconds=1))

    assert 410 == (await place.client.get(f"/p/{token}")).status


# --- its buttons -----------------------------------------------------------------------------------------------------


async def test_asking_for_a_person_is_told_on_the_page(place: Place) -> None:
    id, token = await ready(place)
    response = await place.press(token, "human", allow_redirects=False)
    assert 303 == response.status

    page = await (await place.client.get(response.headers["Location"])).text()
    assert "已经告诉招聘同事了" in page
    assert ("human",) == (await place.loaded(id)).application.follow_up


async def test_what_was_told_is_no_news_later_and_cannot_be_made_up(place: Place) -> None:
    _, token = await ready(place)
    _, other = await ready(place)
    to = (await place.press(token, "human", allow_redirects=False)).headers["Location"]

    for path in (f"/p/{token}?told=x", f"/p/{token}?told=%E4%BD%A0", to.replace(token, other)):
        assert "已经告诉招聘同事了" not in await (await place.client.get(path)).text()
    place.clock.push(timedelta(minutes=11))
    assert "已经告诉招聘同事了" not in await (await place.client.get(to)).text()


async def test_withdrawing_asks_once_on_the_page_and_ends(place: Place) -> None:
    id, token = await ready(place)
    assert re.search(r"<details>\s*<summary>不想应聘了.*?确定吗", await place.page(token), re.S)
    await place.press(token, "withdraw")

    assert "withdrawn" == (await place.loaded(id)).application.status.value


async def test_stop_means_no_more_reminders(place: Place) -> None:
    id, token = await ready(place)
    await place.press(token, "stop")

    (person,) = await place.rows(described(Candidate))
    assert place.clock.now() == person["opted_out_at"]
    assert [] == buttons(await place.page(token), "stop")
    assert "candidate.opted_out" in await place.events(id)


async def test_a_button_of_somebody_else_does_nothing(place: Place) -> None:
    mine, token = await ready(place)
    other, other_token = await ready(place, name="王芳")
    for verb in ("withdraw", "stop"):
        (key,) = buttons(await place.page(other_token), verb)
        assert 200 == (await place.client.post(f"/p/{token}", data={"do": key})).status

    states = [(await place.loaded(id)).application for id in (mine, other)]
    assert [("open", False)] * 2 == [(state.status.value, state.person.opted_out) for state in states]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Referer": "https://evil.example/x"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_forms_from_elsewhere_are_refused(place: Place, headers: dict[str, str]) -> None:
    id, token = await ready(place)
    (key,) = buttons(await place.page(token), "withdraw")
    response = await place.client.post(f"/p/{token}", data={"do": key}, headers=headers)

    assert 403 == response.status
    assert "open" == (await place.loaded(id)).application.status.value


@pytest.mark.parametrize("headers", [OWN, {"Origin": "http://127.0.0.1:1"}, {"Sec-Fetch-Site": "same-origin"}])
async def test_our_own_forms_are_taken(place: Place, headers: dict[str, str]) -> None:
    id, token = await ready(place)
    (key,) = buttons(await place.page(token), "withdraw")
    await place.client.post(f"/p/{token}", data={"do": key}, headers=headers)

    assert "withdrawn" == (await place.loaded(id)).application.status.value


@pytest.mark.parametrize("data", [{}, {"do": ""}, {"do": "x" * 300}, {"else": "1"}, {"do": "human:\0"}, {"do": "人"}])
async def test_what_is_no_form_of_ours_is_400(place: Place, data: dict[str, str]) -> None:
    _, token = await ready(place)

    assert 400 == (await place.client.post(f"/p/{token}", data=data)).status


async def test_broken_bodies_are_400(place: Place) -> None:
    _, token = await ready(place)
    for content_type in ("multipart/form-data", "multipart/form-data; boundary=x", "application/json"):
        response = await place.client.post(f"/p/{token}", data=b"--y\r\n\xff", headers={"Content-Type": content_type})
        assert 400 == response.status


async def test_a_made_up_button_is_too_late(place: Place) -> None:
    id, token = await ready(place)
    response = await place.client.post(f"/p/{token}", data={"do": "withdraw:0123456789abcdef"})

    assert "这件事已经办完了" in await response.text()
    assert "open" == (await place.loaded(id)).application.status.value


# --- certificates ----------------------------------------------------------------------------------------------------


async def test_consent_comes_before_the_upload(place: Place) -> None:
    id, token = await ready(place, "health_certificate")
    page = await place.page(token)
    assert [] == buttons(page, "upload")
    assert "敏感个人信息" in page
    assert "7天" in page

    await place.press(token, "consent")
    response = await upload(place, token)
    assert "已收到" in await response.text()
    (row,) = await place.rows(described(Document))
    loaded = await place.loaded(id)
    assert frozenset({row["id"]}) == loaded.application.waiting
    assert ("image/jpeg", "waiting") == (row["content_type"], row["status"])
    kept = await place.context.vault.get(loaded.box, row["file"], f"candidate:{loaded.candidate_id}")
    assert kept == PICTURE
    assert "document.uploaded" in await place.events(id)


async def test_the_file_may_stand_before_the_button(place: Place) -> None:
    _, token = await ready(place, "health_certificate")
    await place.press(token, "consent")
    await upload(place, token, file_first=True)

    assert 1 == len(await place.rows(described(Document)))


async def test_nothing_is_kept_without_consent(place: Place) -> None:
    _, token = await ready(place, "health_certificate")
    await place.press(token, "consent")
    (key,) = buttons(await place.page(token), "upload")
    await place.press(token, "decline")
    form = FormData({"do": key})
    form.add_field("file", io.BytesIO(PICTURE), filename="x.jpg")

    assert 409 == (await place.client.post(f"/p/{token}", data=form)).status
    assert [] == await place.rows(described(Document))
    assert [] == await place.context.vault.names()


async def test_a_no_offers_the_shop_and_asks_no_more(place: Place) -> None:
    id, token = await ready(place, "health_certificate")
    await place.press(token, "decline")
    page = await place.page(token)

    assert "带到门店" in page
    assert [] == buttons(page, "decline")
    assert ("declined",) == (await place.loaded(id)).application.follow_up


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"x" * (LARGEST + 1), 413), (b"x" * (LARGEST + 200_000), 413), (b"MZ" + bytes(500), 415), (b"", 400)],
)
async def test_what_is_no_picture_is_refused_in_words(place: Place, content: bytes, status: int) -> None:
    _, token = await ready(place, "health_certificate")
    await place.press(token, "consent")
    response = await upload(place, token, content)

    assert status == response.status
    assert 'role="status"' in await response.text()
    assert [] == await place.rows(described(Document))
    assert [] == await place.context.vault.names()


async def test_a_file_that_nobody_wants_any_more_is_destroyed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage is left between the look and the transaction."""
    id, token = await ready(place, "health_certificate")
    await place.press(token, "consent")
    put = place.context.vault.put
    kept: list[str] = []

    async def slowly(*given: Any) -> str:
        name = await put(*given)
        await place.signal(id, DocumentDecided("d1", True, "member:Wang", seen_on_paper=True))
        kept.append(name)
        return name

    monkeypatch.setattr(place.context.vault, "put", slowly)
    await upload(place, token)

    loaded = await place.loaded(id)
    with pytest.raises(Gone):
        await place.context.vault.get(loaded.box, kept[0], f"candidate:{loaded.candidate_id}")


async def test_a_rejected_certificate_is_asked_for_again_with_its_reason(place: Place) -> None:
    from handlers.hr.reviews import decide
    from storage.applications import load_one
    from storage.unit import Unit

    id, token = await ready(place, "health_certificate")
    await place.press(token, "consent")
    await upload(place, token)
    (row,) = await place.rows(described(Document))

    async def reject(unit: Unit) -> None:
        loaded = await load_one(unit, id)
        assert loaded is not None
        reason = "certificate_unclear"
        assert await decide(unit, loaded, row["id"], approve=False, actor="member:W", reason=reason) is None

    await place.write(reject)
    page = await place.page(token)
    assert "照片看不清" in page
    assert buttons(page, "upload")


async def test_a_second_side_can_follow(place: Place) -> None:
    """Front and back are one document of two pages."""
    id, token = await ready(place, "health_certificate")
    await place.press(token, "consent")
    await upload(place, token)
    assert "正在审核" in await place.page(token)
    await upload(place, token)

    assert 1 == len((await place.loaded(id)).application.waiting)
    (row,) = await place.rows(described(Document))
    assert 2 == len(row["pages"])


async def test_an_upload_elsewhere_is_not_needed(place: Place) -> None:
    id, token = await ready(place, "health_certificate")
    await place.press(token, "consent")
    (key,) = buttons(await place.page(token), "upload")
    await place.signal(id, Uploaded("d0"))
    await place.signal(id, DocumentDecided("d0", True, "member:Wang"))
    form = FormData({"do": key})
    form.add_field("file", io.BytesIO(PICTURE), filename="x.jpg")

    assert 409 == (await place.client.post(f"/p/{token}", data=form)).status


# --- meetings --------------------------------------------------------------------------------------------------------


async def test_a_slot_is_booked_confirmed_and_changed(place: Place) -> None:
    id, token = await ready(place, "second_interview")
    slots = buttons(await place.page(token), "slot")
    assert 32 <= len(slots) <= 40

    await place.press(token, "slot")
    first = (await place.loaded(id)).application.meeting
    page = await place.page(token)
    assert "约好了" in page
    await place.press(token, "confirm")
    assert "meeting.confirmed" in await place.events(id)
    assert "您已确认会到" in await place.page(token)

    await place.press(token, "slot", place=3)
    state = (await place.loaded(id)).application
    assert first is not None
    assert state.meeting not in (None, first)
    assert state.confirmed_at is None


async def test_a_taken_slot_is_not_offered(place: Place) -> None:
    _, token = await ready(place, "second_interview")
    _, other = await ready(place, "second_interview", name="王芳")
    before = buttons(await place.page(other), "slot")
    await place.press(token, "slot")

    assert before[0] not in buttons(await place.page(other), "slot")
    answer = await place.client.post(f"/p/{other}", data={"do": before[0]})
    assert "这个时间刚被选走了" in await answer.text()
