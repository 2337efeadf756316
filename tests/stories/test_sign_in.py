"""HR signs in to the dashboard with WeCom or Feishu, or with the link that the bot sends."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from bot.sandbox.sign_in import OUTSIDE
from tests.world import BROWSER, Cast, World

PROCESS = Path(__file__).parents[2] / "config" / "processes" / "restaurant.yaml"
CASTS = {"wecom": Cast(), "feishu": Cast(hr="feishu", candidates="feishu", platforms=("feishu",))}

LINK = re.compile(r"http://127\.0\.0\.1:[0-9]+/dashboard/login/[\w-]+")

pytestmark = pytest.mark.parametrize(
    ("world", "database_url"), [("wecom", "sqlite"), ("feishu", "postgresql")], indirect=True
)


@pytest.fixture
async def world(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with World.open(database_url, tmp_path, [PROCESS], CASTS[request.param]) as opened:
        opened.sandbox.feishu.oauth.any_redirect = True
        yield opened


@pytest.fixture
async def browser(world: World) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(
        world.bot.house.public_url, cookie_jar=aiohttp.CookieJar(unsafe=True), headers=BROWSER
    ) as session:
        yield session


def agrees(world: World, account: str) -> None:
    """Whoever sits at this browser is signed in to the platform."""
    world.sandbox.sign_in.signed_in = account
    world.sandbox.feishu.oauth.signed_in = account


async def test_a_member_comes_in_with_the_platforms_own_sign_in(world: World, browser: aiohttp.ClientSession) -> None:
    hr = await world.member("Wang")
    agrees(world, hr)
    async with browser.get("/dashboard") as page:
        way = re.findall(r'href="(/dashboard/login/\w+/go)"', await page.text())
    assert [f"/dashboard/login/{world.cast.hr}/go"] == way
    async with browser.get(way[0]) as page:
        assert (200, "/dashboard") == (page.status, page.url.path)
        assert "Wang" in await page.text()


async def test_somebody_who_is_no_member_stays_outside(world: World, browser: aiohttp.ClientSession) -> None:
    """Whether they are of the company or not."""
    await world.member("Wang")
    colleague = world.sandbox.feishu.person("Zhang").open_id if world.cast.hr == "feishu" else "Zhang"
    world.sandbox.app.members.add("Zhang")
    for account in (colleague, OUTSIDE) if world.cast.hr == "wecom" else (colleague,):
        agrees(world, account)
        async with browser.get(f"/dashboard/login/{world.cast.hr}/go") as page:
            assert 403 == page.status
        async with browser.get("/dashboard", allow_redirects=False) as page:
            assert 303 == page.status


async def test_a_code_works_once_and_not_for_long(world: World, browser: aiohttp.ClientSession) -> None:
    hr = await world.member("Wang")
    agrees(world, hr)
    for late in (False, True):
        async with browser.get(f"/dashboard/login/{world.cast.hr}/go", allow_redirects=False) as page:
            there = page.headers["Location"]
        async with browser.get(there, allow_redirects=False) as page:
            back = page.headers["Location"]
        assert {"code", "state"} <= set(parse_qs(urlsplit(back).query))
        if late:
            world.clock.push(timedelta(minutes=5))
        async with browser.get(back, allow_redirects=False) as page:
            assert (403 if late else 303) == page.status
        async with browser.get(back, allow_redirects=False) as page:
            assert 403 == page.status


async def test_a_member_comes_in_by_the_link_from_the_chat(world: World, browser: aiohttp.ClientSession) -> None:
    hr = await world.member("Wang")
    await world.hr_says(hr, "/dashboard")
    (link,) = set(LINK.findall(str(world.hr_sees(hr)[-1].payload)))
    async with browser.get(link) as page:
        assert "Wang" in await page.text()
    async with browser.post(link, headers={"Sec-Fetch-Site": "same-origin"}) as page:
        assert (200, "/dashboard") == (page.status, page.url.path)
