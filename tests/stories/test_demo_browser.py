"""The restaurant's story as somebody plays it on the demo's page, in a real browser."""

import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, async_playwright, expect

from bot.commands.demo import playing

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 30_000  # milliseconds; nothing waits so long unless it is broken
WANG = "王小雨"

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Player:
    """Somebody in front of the page."""

    page: Page

    async def rest(self) -> None:
        await expect(self.page.locator("body")).to_have_attribute("data-busy", "false")

    async def turn(self, minutes: int) -> None:
        await self.page.click(f"[data-minutes='{minutes}']")
        await self.rest()

    async def step(self, name: str) -> None:
        await self.page.click(f"[data-step={name}] button")
        await expect(self.page.locator(f"[data-step={name}]")).to_have_attribute("data-done", "true")
        await self.rest()

    async def hold_phone_of(self, name: str, app: str) -> None:
        await self.page.click(f"[data-person='{name}']")
        await self.page.click(f"#apps [data-app={app}]")
        await expect(self.page.locator("#phone")).to_have_attribute("data-person", name)

    def person(self, name: str) -> Locator:
        return self.page.locator(f"[data-person='{name}']")

    async def reached(self, mark: str) -> set[str]:
        found = await self.page.locator(f"[data-reached~={mark}]").all()
        return {await one.get_attribute("data-person") or "" for one in found}

    async def has_reached(self, name: str, mark: str) -> None:
        await expect(self.page.locator(f"[data-person='{name}'][data-reached~={mark}]")).to_be_visible()

    async def texts_received(self) -> dict[str, int]:
        found = await self.page.locator("[data-person]").all()
        return {
            await one.get_attribute("data-person") or "": int(await one.get_attribute("data-sms") or 0)
            for one in found
            if await one.get_attribute("data-sms") is not None
        }

    @property
    def bubbles(self) -> Locator:
        return self.page.locator("#messages .theirs .bubble")

    async def look_at(self, desk: str) -> None:
        await self.page.click(f"[data-desk={desk}]")
        await expect(self.page.locator("#office")).to_have_attribute("data-desk", desk)

    @property
    def cards(self) -> Locator:
        return self.page.locator("#desk .card")

    async def say_to_bot(self, text: str) -> None:
        await self.page.fill("#desk-draft", text)
        await self.page.press("#desk-draft", "Enter")
        await self.rest()


@pytest.fixture
async def player(tmp_path: Path) -> AsyncIterator[Player]:
    async with playing(tmp_path, free_port()) as url, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(PATIENCE)
        broken: list[str] = []
        page.on("pageerror", lambda error: broken.append(str(error)))
        await page.goto(url)
        sitting = Player(page)
        await sitting.rest()
        yield sitting
        await browser.close()
        assert [] == broken


async def test_the_restaurant_loses_nobody(player: Player) -> None:
    """From HR's list to the second interview; those who stay away end with a person, and the group hears of it once."""
    everybody = await imported(player)
    await one_does_the_interview_by_hand(player)
    quiet = await most_come(player, everybody)
    await twelve_hours_later(player, quiet)
    absent = await a_day_later(player)
    assert absent < everybody
    await certificate_in_wechat(player)
    await approved_by_a_tap(player)
    await second_interview(player)
    await where_do_i_stand(player)
    await the_group_is_told_once(player)


async def imported(player: Player) -> set[str]:
    """HR's list went in as it was; everybody on it who can be reached was written to, once."""
    await expect(player.page.locator("[data-step=import]")).to_have_attribute("data-done", "true")
    everybody = await player.reached("invited")
    assert 30 == len(everybody)
    assert dict.fromkeys(everybody, 1) == await player.texts_received()
    await player.page.click("[data-step=import] button")
    await player.rest()
    assert dict.fromkeys(everybody, 1) == await player.texts_received()
    return everybody


async def one_does_the_interview_by_hand(player: Player) -> None:
    """The link in the SMS opens in the phone; the result comes back; the certificate is asked for at once."""
    await player.hold_phone_of(WANG, "sms")
    await player.page.click("#messages a")
    frame = player.page.frame_locator("#frame")
    await frame.locator("[value=start]").click()
    await expect(frame.locator("#state")).to_have_attribute("data-state", "started")
    await player.has_reached(WANG, "clicked")
    await frame.locator("[value=finish]").click()
    await expect(frame.locator("#state")).to_have_attribute("data-state", "completed")
    await player.page.click("#close")
    await player.has_reached(WANG, "passed")
    await expect(player.bubbles).to_have_count(2)
    await expect(player.bubbles.last).to_contain_text("健康证")


async def most_come(player: Player, everybody: set[str]) -> set[str]:
    """Others open their links too; who did not is known."""
    await player.step("interviews")
    quiet = everybody - await player.reached("clicked")
    assert 5 == len(quiet)
    assert len(await player.reached("interviewed")) < 25  # somebody has clicked and not taken part
    return quiet


async def twelve_hours_later(player: Player, quiet: set[str]) -> None:
    """One SMS, to exactly those who have not opened the link."""
    before = await player.texts_received()
    await player.turn(720)
    after = await player.texts_received()
    assert quiet == {name for name in after if after[name] > before[name]}
    assert quiet == await player.reached("reminded")


async def a_day_later(player: Player) -> set[str]:
    """Whoever has not taken part is now a follow-up card of HR's."""
    await player.turn(720)
    here = await player.reached("interviewed")
    absent = {name for name in await player.reached("invited") if name not in here}
    await player.look_at("hr")
    titles = await player.cards.filter(has=player.page.locator("[data-verb=no_answer]")).locator("h4").all_inner_texts()
    asked = {name for name in absent if any(name in title for title in titles)}
    assert absent == asked
    return absent


async def certificate_in_wechat(player: Player) -> None:
    """The link leads into WeChat; the picture waits for consent; no slot is offered."""
    await player.hold_phone_of(WANG, "sms")
    await player.page.click("#messages a[href*='/c/']:visible >> nth=-1")
    await expect(player.page.locator("#phone")).to_have_attribute("data-app", "wechat")
    await expect(player.bubbles.first).to_contain_text(WANG)
    await player.page.click("#picture")
    await player.page.click("#send-picture")
    await expect(player.page.locator("#messages .photo img")).to_have_js_property("complete", True)
    assert WANG not in await player.reached("uploaded")
    await player.page.click("#messages [data-verb=consent]")
    await player.has_reached(WANG, "uploaded")
    await player.rest()
    await expect(player.page.locator("#messages [data-verb=slot]")).to_have_count(0)


async def approved_by_a_tap(player: Player) -> None:
    """HR's card about the certificate is settled by one tap."""
    await player.look_at("hr")
    card = player.cards.filter(has=player.page.locator("[data-verb=approve]"))
    await expect(card).to_have_count(1)
    await expect(card).to_contain_text(WANG)
    await card.locator("[data-verb=approve]").click()
    await player.has_reached(WANG, "approved")
    await expect(card).to_have_count(0)


async def second_interview(player: Player) -> None:
    """Only now times are offered; one tap takes one, and the shop's manager has the card."""
    await player.page.click("#messages [data-verb=slot] >> nth=0")
    await player.has_reached(WANG, "booked")
    await player.rest()
    await player.look_at("manager")
    await expect(player.cards).to_have_count(1)
    await expect(player.cards).to_contain_text(WANG)
    await expect(player.cards).to_contain_text("服务意识")


async def where_do_i_stand(player: Player) -> None:
    """The candidate asks in WeChat, HR asks in WeCom; both are answered."""
    await player.page.click("#chips >> text=进度")
    await player.rest()
    await expect(player.bubbles.last).to_contain_text("门店复试")
    await player.look_at("hr")
    await player.say_to_bot(f"/status {WANG}")
    await expect(player.page.locator("#desk .theirs").last).to_contain_text(WANG)


async def the_group_is_told_once(player: Player) -> None:
    """The alert stands in HR's group, and does not come again."""
    await player.look_at("group")
    alerts = player.page.locator("#desk .markdown", has_text="缺席率")
    await expect(alerts).to_have_count(1)
    await player.turn(60)
    await expect(alerts).to_have_count(1)


async def test_the_guide_alone_tells_the_story(player: Player) -> None:
    """Six buttons, and every step is lit."""
    for name in ("interviews", "half_a_day", "a_day", "certificate", "approval"):
        await player.step(name)
    await expect(player.page.locator("[data-step][data-done=true]")).to_have_count(6)
    await player.page.click("#language")
    await expect(player.page.locator("h1")).to_contain_text("No candidate slips through")


async def test_it_fits_a_phone(player: Player) -> None:
    """At the width of a phone the panels are tabs, and nothing sticks out."""
    await player.page.set_viewport_size({"width": 390, "height": 844})
    for tab, panel in (("story", "#story"), ("phone", "#phone"), ("office", "#office")):
        await player.page.click(f"#tabs [data-tab={tab}]")
        await expect(player.page.locator(panel)).to_be_visible()
        assert 390 == await player.page.evaluate("document.documentElement.scrollWidth")
