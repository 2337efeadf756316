"""Links in messages: what counts as a click, and where each link leads."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from recruiting.model import Decided, Withdrew
from storage.tables import Link
from tests.bot.web.place import BROWSER, Place, buttons, described


async def follow(place: Place, path: str, headers: dict[str, str] = BROWSER, method: str = "GET") -> ClientResponse:
    return await place.client.request(
        method, path, headers=headers, allow_redirects=False, skip_auto_headers=["User-Agent"]
    )


async def test_a_click_is_counted_once_and_leads_to_the_provider(place: Place) -> None:
    id = await place.apply()
    token = await place.token(id, "invite")

    for _ in range(2):
        response = await follow(place, f"/i/{token}")
        assert 302 == response.status
        assert "no-store" == response.headers["Cache-Control"]
        assert "no-referrer" == response.headers["Referrer-Policy"]
        assert f"https://interview.test/s/{await place.token(id, 'provider')}" == response.headers["Location"]

    assert 1 == await place.handle()
    assert 1 == (await place.events(id)).count("invite.clicked")
    await follow(place, f"/i/{token}")
    assert 0 == await place.handle()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"User-Agent": ""},
        {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"},
        {"User-Agent": "facebookexternalhit/1.1"},
        {"User-Agent": "WeChat Link PREVIEW"},
        {"User-Agent": "curl/8"},
        {"User-Agent": "Python-urllib/3.11"},
        {"User-Agent": "Go-http-client/2.0"},
        {"User-Agent": "my-Spider"},
        {"User-Agent": "Crawler"},
        BROWSER | {"Purpose": "prefetch"},
        BROWSER | {"Sec-Purpose": "prefetch;prerender"},
        BROWSER | {"Purpose": "Preview"},
    ],
)
async def test_previews_get_the_same_answer_and_are_no_click(place: Place, headers: dict[str, str]) -> None:
    id = await place.apply()
    response = await follow(place, f"/i/{await place.token(id, 'invite')}", headers)

    assert 302 == response.status
    assert response.headers["Location"].startswith("https://interview.test/s/")
    assert [] == await place.inbox()


async def test_a_head_is_no_click(place: Place) -> None:
    token = await place.token(await place.apply(), "invite")
    for path in (f"/i/{token}", f"/i/{token}"):
        assert 302 == (await follow(place, path, method="HEAD")).status
    assert [] == await place.inbox()


async def test_a_stage_already_left_leads_to_the_own_page(place: Place) -> None:
    id = await place.apply()
    token = await place.token(id, "invite")
    await place.to_certificate(id)

    response = await follow(place, f"/i/{token}")
    assert (302, f"/p/{token}") == (response.status, response.headers["Location"])
    assert [] == await place.inbox()


async def test_another_stage_leads_to_the_own_page_and_counts(place: Place) -> None:
    id = await place.apply()
    await place.to_certificate(id)
    token = await place.token(id, "invite")

    assert f"/p/{token}" == (await follow(place, f"/i/{token}")).headers["Location"]
    assert 1 == len(await place.inbox())


async def test_after_the_deadline_the_page_offers_the_chat_and_a_person(place: Place) -> None:
    id = await place.apply()
    token = await place.token(id, "invite")
    place.clock.push(timedelta(hours=72))

    response = await follow(place, f"/i/{token}")
    page = await response.text()
    assert 410 == response.status
    assert "这一步的时间已经过了" in page
    (chat,) = re.findall(r'href="/c/([^"]+)"', page)
    assert 302 == (await follow(place, f"/c/{chat}")).status
    (human,) = buttons(page, "human")
    answer = await place.client.post(f"/p/{token}", data={"do": human})
    assert 200 == answer.status
    assert "human" in (await place.loaded(id)).application.follow_up
    assert [] == await place.inbox()


async def test_a_second_before_the_deadline_the_link_still_leads_on(place: Place) -> None:
    token = await place.token(await place.apply(), "invite")
    place.clock.push(timedelta(hours=72, seconds=-1))

    assert 302 == (await follow(place, f"/i/{token}")).status


async def test_an_ended_application_is_410(place: Place) -> None:
    id = await place.apply()
    invite, chat = await place.token(id, "invite"), await place.token(id, "chat")
    await place.signal(id, Withdrew())

    for path in (f"/i/{invite}", f"/c/{chat}"):
        response = await follow(place, path)
        assert 410 == response.status
        assert f"/p/{invite}" in await response.text()


async def test_unknown_links_are_404_in_the_browsers_language(place: Place) -> None:
    known = await place.token(await place.apply(), "invite")
    for path in (
        "/i/aaaaaaaaaaaaaaaaaaaaaa",
        "/c/aaaaaaaaaaaaaaaaaaaaaa",
        f"/c/{known}",
        "/p/x",
        "/i/%00%ff",
        "/i/x'--",
    ):
        response = await follow(place, path, BROWSER | {"Accept-Language": "ja-JP,ja;q=0.9"})
        assert 404 == response.status
        assert '<html lang="ja">' in await response.text()


async def test_the_chat_link_carries_its_token(place: Place) -> None:
    token = await place.token(await place.apply(), "chat")
    response = await follow(place, f"/c/{token}")

    assert f"https://work.weixin.qq.com/kfid/kf1?scene_param={token}" == response.headers["Location"]
    assert 302 == response.status


async def test_an_old_chat_link_is_410(place: Place) -> None:
    token = await place.token(await place.apply(), "chat")
    place.clock.push(timedelta(days=30))

    assert 410 == (await follow(place, f"/c/{token}")).status


async def test_a_platform_that_is_away_is_told_in_words(place: Place) -> None:
    token = await place.token(await place.apply(), "chat")
    place.door.away = True
    response = await follow(place, f"/c/{token}")

    assert (503, "30") == (response.status, response.headers["Retry-After"])
    assert "/p/" in await response.text()


async def test_without_a_chat_the_own_page_is_offered(
    place: Place, bare: Callable[..., Awaitable[TestClient[Any, Any]]]
) -> None:
    id = await place.apply()
    token = await place.token(id, "chat")
    client = await bare(chat_doors={})
    try:
        response = await client.get(f"/c/{token}")
        assert 200 == response.status
        assert f"/p/{await place.token(id, 'invite')}" in await response.text()
    finally:
        await client.close()


async def test_without_a_provider_the_own_page_is_the_place(
    place: Place, bare: Callable[..., Awaitable[TestClient[Any, Any]]]
) -> None:
    token = await place.token(await place.apply(), "invite")
    client = await bare(interview_link=None)
    try:
        response = await client.get(f"/i/{token}", headers=BROWSER, allow_redirects=False)
        assert f"/p/{token}" == response.headers["Location"]
    finally:
        await client.close()


async def test_tokens_are_kept_unreadable(place: Place) -> None:
    id = await place.apply()
    tokens = [await place.token(id, kind) for kind in ("invite", "chat", "provider")]
    kept = str(await place.rows(described(Link)))

    assert not [token for token in tokens if token in kept]


async def test_a_rejection_made_later_closes_the_link(place: Place) -> None:
    id = await place.apply()
    token = await place.token(id, "invite")
    await place.signal(id, Decided(False, "member:Wang", "not_fit"))

    assert 410 == (await follow(place, f"/i/{token}")).status
