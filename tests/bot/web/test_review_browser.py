"""A reviewer in a real browser: in by the link, a look at the certificate, approved; nothing on the page is broken."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from recruiting.certificates import Doubt
from storage import members, sessions
from tests.bot.web.place import Place
from tests.bot.web.test_dashboard import FINE, looks, read, sent

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
PATIENCE = 30_000  # milliseconds; nothing waits so long unless it is broken
PHONE = {"width": 390, "height": 844}

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)]
expect.set_options(timeout=PATIENCE)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


async def open_page(browser: Browser, place: Place, width: int, height: int) -> tuple[Page, list[str]]:
    """A member opens the link that the bot sent, and presses its button; what the browser complains of."""
    page = await browser.new_page(viewport={"width": width, "height": height}, locale="zh-CN")
    page.set_default_timeout(PATIENCE)
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on("response", lambda answer: broken.append(answer.url) if answer.status >= 400 else None)
    await page.route("**/favicon.ico", lambda route: route.fulfill(status=204))  # browsers ask for one by themselves
    member = await place.write(lambda unit: members.put(unit, "王敏", role="recruiter", shops=[]))
    token = await place.write(lambda unit: sessions.sign_in_link(unit, member))
    await page.goto(str(place.client.make_url(f"/dashboard/login/{token}")))
    await page.get_by_role("button", name="登录").click()
    await expect(page.get_by_role("heading", name="王敏，您好")).to_be_visible()
    return page, broken


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
async def test_certificates_are_decided_one_after_the_other(
    place: Place, browser: Browser, width: int, height: int
) -> None:
    mei, first = await sent(place, "李梅")
    fang, second = await sent(place, "王芳")
    await read(place, mei, first, FINE)
    await read(place, fang, second, FINE, Doubt.NAME_DIFFERS)
    page, broken = await open_page(browser, place, width, height)
    assert 0 == await looks(place, mei)

    await page.get_by_role("link", name="开始审核").click()
    picture = page.locator("img")
    await expect(picture).to_have_js_property("complete", value=True)
    assert await picture.evaluate("image => image.naturalWidth") > 0
    assert 1 == await looks(place, mei)
    assert 0 == await page.evaluate("document.documentElement.scrollWidth - innerWidth")

    await page.keyboard.press("Tab")  # from where the page puts it
    assert "expires_on" == await page.evaluate("document.activeElement.name")
    await page.get_by_role("button", name="通过").click()
    await expect(page.get_by_role("heading", name="王芳")).to_be_visible()
    await expect(page.locator("[role=status]")).to_contain_text("李梅")
    assert "second_interview" == (await place.loaded(mei)).application.stage

    await expect(page.locator("mark")).to_be_visible()
    await page.get_by_text("退回重发").first.click()
    await page.get_by_label("姓名对不上").check()
    await page.locator("details button").click()
    await expect(page.get_by_text("全部看完了")).to_be_visible()
    assert "health_certificate" == (await place.loaded(fang)).application.stage
    assert [] == broken


async def test_without_a_decision_nothing_happens_and_the_way_out_works(place: Place, browser: Browser) -> None:
    mei, _ = await sent(place, "李梅")
    page, broken = await open_page(browser, place, PHONE["width"], PHONE["height"])
    await page.get_by_role("link", name="开始审核").click()
    await page.get_by_role("link", name="先跳过").click()
    await expect(page.get_by_text("刚才跳过的还有1份")).to_be_visible()
    await page.get_by_role("button", name="退出").click()
    await expect(page.get_by_role("heading", name="登录看板")).to_be_visible()
    await page.go_back()
    await expect(page.get_by_role("heading", name="登录看板")).to_be_visible()
    assert "health_certificate" == (await place.loaded(mei)).application.stage
    assert [] == broken
