"""Signing in to HR's pages: by the link from the chat or by the platform, and never by accident."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import select

from bot.errors import GiveUp
from bot.web.context import Context
from bot.web.routes import build_web
from storage import members, sessions
from storage.tables import Session, Trail
from tests.bot.web.place import BROWSER, Place

OWN = {**BROWSER, "Sec-Fetch-Site": "same-origin"}
FOREIGN = {**BROWSER, "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example.com"}
STAMP = re.compile(r'name="stamp" value="([0-9a-f]+)"')


async def member(place: Place, name: str = "王敏", **values: Any) -> str:
    return await place.write(lambda unit: members.put(unit, name, **({"role": "recruiter", "shops": []} | values)))


async def link(place: Place, member_id: str) -> str:
    token = await place.write(lambda unit: sessions.sign_in_link(unit, member_id))
    return f"/dashboard/login/{token}"


async def signed_in(place: Place, name: str = "王敏", **values: Any) -> str:
    """Sign this browser in; the stamp that its forms carry."""
    await place.client.post(await link(place, await member(place, name, **values)), headers=OWN)
    found = STAMP.search(await text(place, "/dashboard"))
    assert found is not None
    return found[1]


async def text(place: Place, path: str) -> str:
    response = await place.client.get(path, headers=BROWSER)
    return await response.text()


async def get(place: Place, path: str, **more: Any) -> ClientResponse:
    return await place.client.get(path, headers=BROWSER, allow_redirects=False, **more)


# --- the link from the chat -----------------------------------------------------------------------------------------


async def test_the_link_shows_one_button_and_the_button_signs_in(place: Place) -> None:
    path = await link(place, await member(place))
    page = await text(place, path)
    assert "王敏" in page
    assert 1 == page.count("<button")

    response = await place.client.post(path, headers=OWN, allow_redirects=False)
    assert (303, "/dashboard") == (response.status, response.headers["Location"])
    assert "王敏，您好" in await text(place, "/dashboard")


async def test_a_preview_uses_nothing_up(place: Place) -> None:
    path = await link(place, await member(place))
    for _ in range(3):
        await place.client.get(path, headers={"User-Agent": "WeComPreview/1.0"})
        await place.client.head(path)
    assert [] == await place.rows(select(Session))
    assert 303 == (await place.client.post(path, headers=OWN, allow_redirects=False)).status


async def test_a_link_works_once_and_for_ten_minutes(place: Place) -> None:
    used, old = await link(place, await member(place)), await link(place, await member(place))
    await place.client.post(used, headers=OWN)
    place.clock.push(timedelta(minutes=10))
    for path in (used, old, "/dashboard/login/nonsense"):
        assert 410 == (await get(place, path)).status
        assert 410 == (await place.client.post(path, headers=OWN, allow_redirects=False)).status


async def test_nobody_is_signed_in_by_another_site(place: Place) -> None:
    """Else somebody could be made to work under another's name without noticing."""
    path = await link(place, await member(place))
    assert 403 == (await place.client.post(path, headers=FOREIGN)).status
    assert [] == await place.rows(select(Session))


async def test_the_cookie_is_for_the_server_alone(place: Place) -> None:
    response = await place.client.post(await link(place, await member(place)), headers=OWN, allow_redirects=False)
    cookie = response.cookies["bulou"]
    assert (True, "Lax", "/", str(12 * 3600)) == (
        cookie["httponly"], cookie["samesite"], cookie["path"], cookie["max-age"],
    )  # fmt: skip


async def test_behind_https_the_cookie_travels_by_nothing_else(context: Context) -> None:
    safe = replace(context, house=replace(context.house, public_url="https://hr.example.com"))
    async with TestClient(TestServer(build_web(safe))) as client:
        id = await context.dispatch.within(
            lambda unit: members.put(unit, "王敏", role="recruiter", shops=[]), context.now()
        )
        token = await context.dispatch.within(lambda unit: sessions.sign_in_link(unit, id), context.now())
        response = await client.post(f"/dashboard/login/{token}", headers=OWN, allow_redirects=False)
        assert response.cookies["__Host-bulou"]["secure"]


# --- being signed in ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/documents", f"/dashboard/documents/{'a' * 32}"])
async def test_who_is_not_signed_in_is_shown_the_way_and_comes_back_afterwards(place: Place, path: str) -> None:
    response = await get(place, path)
    assert 303 == response.status
    assert "/看板" in await text(place, response.headers["Location"])

    response = await place.client.post(await link(place, await member(place)), headers=OWN, allow_redirects=False)
    assert path == response.headers["Location"]


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example.com", "//evil.example.com", "/dashboard/../p/x", "/dashboard/login", "/dashboard\n", ""],
)
async def test_afterwards_nobody_is_led_elsewhere(place: Place, wanted: str) -> None:
    await place.client.get("/dashboard/login", params={"next": wanted}, headers=BROWSER)
    response = await place.client.post(await link(place, await member(place)), headers=OWN, allow_redirects=False)
    assert "/dashboard" == response.headers["Location"]


async def test_a_session_ends_after_twelve_hours(place: Place) -> None:
    await signed_in(place)
    place.clock.push(timedelta(hours=12))
    assert 303 == (await get(place, "/dashboard")).status


async def test_a_removed_member_is_out_at_once(place: Place) -> None:
    await signed_in(place)
    await place.write(lambda unit: members.remove(unit, "王敏"))
    assert 303 == (await get(place, "/dashboard")).status


@pytest.mark.parametrize("cookie", ["", "x", "a" * 43, "ü", "a" * 4000])
async def test_a_made_up_cookie_opens_nothing(place: Place, cookie: str) -> None:
    await member(place)
    assert 303 == (await get(place, "/dashboard", cookies={"bulou": cookie})).status


async def test_signing_out_needs_the_own_page_and_ends_the_session(place: Place) -> None:
    stamp = await signed_in(place)
    for headers, fields in ((FOREIGN, {"stamp": stamp}), (OWN, {"stamp": "0" * 32}), (OWN, {})):
        assert 403 == (await place.client.post("/dashboard/out", data={"x": "", **fields}, headers=headers)).status
    assert 200 == (await get(place, "/dashboard")).status

    await place.client.post("/dashboard/out", data={"stamp": stamp}, headers=OWN)
    assert 303 == (await get(place, "/dashboard")).status
    assert [] == await place.rows(select(Session))
    actions = [row["action"] for row in await place.rows(select(Trail).order_by(Trail.c.seq))]
    assert ["dashboard.sign_in", "dashboard.sign_out"] == actions


@pytest.mark.parametrize(("locale", "words"), [("en", "Hello Ann"), ("ja", "Annさん"), (None, "Ann，您好")])
async def test_the_pages_speak_the_members_language(place: Place, locale: str | None, words: str) -> None:
    await signed_in(place, "Ann", locale=locale)
    assert words in await text(place, "/dashboard")


# --- the platform's own sign-in -------------------------------------------------------------------------------------


class Platform:
    """A platform that knows its people by their codes."""

    def __init__(self) -> None:
        self.accounts = {"c-wang": "wangmin", "c-stranger": "somebody", "c-outside": ""}

    def sign_in_page(self, back_to: str, state: str, user_agent: str) -> str:
        return f"https://login.test/?back={back_to}&state={state}"

    async def who(self, code: str, back_to: str) -> str:
        if code not in self.accounts:
            raise GiveUp("the code is used or too old")
        return self.accounts[code]


@pytest.fixture
def platform(context: Context) -> Platform:
    platform = Platform()
    context.sign_ins["wecom"] = platform  # type: ignore[index]
    return platform


async def state_of(place: Place) -> str:
    response = await get(place, "/dashboard/login/wecom/go")
    query = parse_qs(urlsplit(response.headers["Location"]).query)
    assert ["http://127.0.0.1:1/dashboard/login/wecom/back"] == query["back"]
    return query["state"][0]


@pytest.mark.usefixtures("platform")
async def test_a_member_signs_in_with_the_platform(place: Place) -> None:
    await member(place, wecom="WangMin")
    assert "/dashboard/login/wecom/go" in await text(place, "/dashboard/login?next=/dashboard/documents")
    back = {"code": "c-wang", "state": await state_of(place)}
    response = await get(place, "/dashboard/login/wecom/back", params=back)

    assert (303, "/dashboard/documents") == (response.status, response.headers["Location"])
    assert 200 == (await get(place, "/dashboard")).status
    assert "wecom" == (await place.rows(select(Trail)))[0]["detail"]


@pytest.mark.usefixtures("platform")
@pytest.mark.parametrize("code", ["c-stranger", "c-outside", "c-used", "", "a" * 2000, "é"])
async def test_who_is_no_member_is_not_let_in(place: Place, code: str) -> None:
    await member(place, wecom="wangmin")
    back = {"code": code, "state": await state_of(place)}
    assert 403 == (await get(place, "/dashboard/login/wecom/back", params=back)).status
    assert [] == await place.rows(select(Session))


@pytest.mark.usefixtures("platform")
async def test_a_code_that_another_browser_asked_for_is_refused(place: Place) -> None:
    await member(place, wecom="wangmin")
    for state in ("", "0" * 32):
        back = {"code": "c-wang", "state": state}
        assert 403 == (await get(place, "/dashboard/login/wecom/back", params=back)).status
    theirs = await state_of(place)
    place.client.session.cookie_jar.clear()
    back = {"code": "c-wang", "state": theirs}
    assert 403 == (await get(place, "/dashboard/login/wecom/back", params=back)).status
    assert [] == await place.rows(select(Session))


async def test_a_platform_that_is_not_set_up_is_no_way_in(place: Place) -> None:
    for path in ("/dashboard/login/wecom/go", "/dashboard/login/wecom/back"):
        assert 404 == (await get(place, path)).status
