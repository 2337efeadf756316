"""Links in messages: what counts as a click, and where each link leads."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import segno
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from bot.errors import TryLater
from recruiting.chat import Incoming, Kind, Person
from recruiting.model import Decided, Withdrew
from storage.tables import Link
from tests.bot.web.place import BROWSER, Place, buttons, described

BOT = "https://applink.feishu.cn/client/bot/open?appId=cli_a1b2c3d4e5f60001&x=1"
Bare = Callable[..., Awaitable[TestClient[Any, Any]]]


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


class App:
    """The way into the chat with an app whose link brings nothing back."""

    away = False

    async def chat_link(self, token: str) -> str:
        if self.away:
            raise TryLater("no answer")
        return BOT


@pytest.fixture
async def both(place: Place, bare: Bare) -> AsyncIterator[TestClient[Any, Any]]:
    """A server with two platforms."""
    client = await bare(chat_doors={"wechat": place.door, "feishu": App()})
    yield client
    await client.close()


async def test_with_two_platforms_the_person_chooses(place: Place, both: TestClient[Any, Any]) -> None:
    token = await place.token(await place.apply(locale="ja"), "chat")
    for query in ("", "?via=", "?via=telegram"):
        response = await both.get(f"/c/{token}{query}", allow_redirects=False)
        page = await response.text()
        assert 200 == response.status
        assert [f"/c/{token}?via=wechat", f"/c/{token}?via=feishu"] == re.findall('href="([^"]+)"', page)
        assert "どちらで話しますか" in page
        assert "<code>" not in page

    response = await both.get(f"/c/{token}?via=wechat", allow_redirects=False)
    assert 302 == response.status
    assert response.headers["Location"].endswith(f"scene_param={token}")


@pytest.mark.parametrize("locale", ["zh-CN", "en", "ja"])
async def test_the_code_page_leads_to_the_bot_with_a_code(
    place: Place, both: TestClient[Any, Any], locale: str
) -> None:
    token = await place.token(await place.apply(locale=locale), "chat")
    response = await both.get(f"/c/{token}?via=feishu")
    page = await response.text()

    assert 200 == response.status
    assert ("no-store", "same-origin") == tuple(response.headers[name] for name in ("Cache-Control", "Referrer-Policy"))
    assert [BOT] == [unescape(link) for link in re.findall('href="([^"]+)"', page)]
    assert 1 == page.count("<code")
    assert f'<html lang="{locale}">' in page
    assert re.search("<code>[A-Z2-9]{8}</code>", page)
    # The policy allows no script and no style but our own sheet.
    assert [] == re.findall(r"<script| style=|<img| on[a-z]+=", page)
    assert 1 == page.count("<svg ")


async def test_the_picture_on_the_code_page_is_the_bots_link(place: Place, both: TestClient[Any, Any]) -> None:
    token = await place.token(await place.apply(), "chat")
    page = await (await both.get(f"/c/{token}?via=feishu")).text()

    drawn = segno.make_qr(BOT)
    (lines,) = re.findall('stroke="#000" d="([^"]+)"', page)
    assert sum(map(sum, drawn.matrix)) == sum(int(length) for length in re.findall(r"h(\d+)", lines))
    size = len(drawn.matrix) + 2 * 4  # with the quiet zone that cameras need
    assert f'viewBox="0 0 {size} {size}"' in page


async def test_the_code_from_the_page_binds_who_sends_it(place: Place, both: TestClient[Any, Any]) -> None:
    id = await place.apply()
    token = await place.token(id, "chat")
    (code,) = re.findall("<code>(.*)</code>", await (await both.get(f"/c/{token}?via=feishu")).text())

    async def says(account: str, text: str) -> str | None:
        sender = Person("feishu", account)
        item = Incoming(f"{account}/{text}", sender, Kind.TEXT, place.clock.now(), text=text)
        turn = await place.write(lambda unit: place.context.dispatch.chat(unit, item, f"chat/{account}/{text}"))
        assert turn is not None
        return turn.candidate_id

    assert await says("stranger", "ZZZZZZZZ") is None
    assert (await place.loaded(id)).candidate_id == await says("mei", f" {code.lower()} ")
    assert "candidate.bound" in await place.events(id)
    # Who has bound already may have lost the chat: the link leads there still, the code binds nobody else.
    (again,) = re.findall("<code>(.*)</code>", await (await both.get(f"/c/{token}?via=feishu")).text())
    assert code == again
    assert await says("thief", code) is None
    assert ("other_account",) == (await place.loaded(id)).application.follow_up


async def test_one_platform_alone_is_not_asked_about(place: Place, bare: Bare) -> None:
    token = await place.token(await place.apply(), "chat")
    client = await bare(chat_doors={"feishu": App()})
    try:
        for query in ("", "?via=feishu", "?via=wechat"):
            page = await (await client.get(f"/c/{token}{query}")).text()
            assert 1 == page.count("<code>"), query
    finally:
        await client.close()
    assert 302 == (await follow(place, f"/c/{token}?via=feishu")).status


async def test_every_way_ends_with_the_link(place: Place, both: TestClient[Any, Any]) -> None:
    id = await place.apply()
    token = await place.token(id, "chat")
    for query in ("", "?via=wechat", "?via=feishu"):
        assert 404 == (await both.get(f"/c/aaaaaaaaaaaaaaaaaaaaaa{query}")).status
    place.clock.push(timedelta(days=30))
    for query in ("", "?via=wechat", "?via=feishu"):
        assert 410 == (await both.get(f"/c/{token}{query}", allow_redirects=False)).status
    ended = await place.apply("王华")
    gone = await place.token(ended, "chat")
    await place.signal(ended, Withdrew())
    for query in ("", "?via=wechat", "?via=feishu"):
        assert 410 == (await both.get(f"/c/{gone}{query}", allow_redirects=False)).status


async def test_an_app_that_is_away_is_told_in_words(
    place: Place, both: TestClient[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(App, "away", True)
    token = await place.token(await place.apply(), "chat")
    response = await both.get(f"/c/{token}?via=feishu")

    assert (503, "30") == (response.status, response.headers["Retry-After"])


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
