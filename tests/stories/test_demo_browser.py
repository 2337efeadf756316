"""The restaurant's story as somebody plays it on the demo's page, in a real browser."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, Route, async_playwright, expect

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

    async def turn_to(self, pane: str, app: str) -> None:
        await self.page.click(f"#{pane}-switch [data-on={app}]")
        await expect(self.page.locator(f"#{pane}-switch [data-on={app}]")).to_have_attribute("aria-pressed", "true")

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


async def test_the_same_story_in_feishu(player: Player) -> None:
    """HR takes a follow-up and approves by form; the candidate comes in by a code; alerts reach both groups."""
    await player.turn_to("office", "feishu")
    await player.page.click("#desk [data-key=open]")
    await player.rest()
    await player.say_to_bot("/待办")
    for name in ("interviews", "half_a_day", "a_day"):
        await player.step(name)
    await follow_up_in_feishu(player)
    await both_groups_are_told(player)
    await in_by_a_code(player)
    await certificate_in_feishu(player)
    await approved_by_a_form(player)


async def follow_up_in_feishu(player: Player) -> None:
    """HR wrote to the bot there last, so that is where the card is. One tap: a toast, and nothing left to tap."""
    await player.look_at("hr")
    card = player.cards.filter(has=player.page.locator("[data-verb=no_answer]")).last
    message = await card.get_attribute("data-message")
    await card.locator("[data-verb=reached]").click()
    await expect(player.page.locator("#desk-flash")).to_have_text("已联系")
    taken = player.page.locator(f"[data-message='{message}']")
    await expect(taken).to_have_attribute("data-settled", "true")
    await expect(taken.locator("button")).to_have_count(0)
    await player.rest()


async def both_groups_are_told(player: Player) -> None:
    """One alert in each group. In Feishu's the bot answers whoever mentions it, and nobody else."""
    await player.look_at("group")
    heard = player.page.locator("#desk .theirs")
    await expect(heard.filter(has_text="缺席率")).to_have_count(1)
    await player.say_to_bot(f"/状态 {WANG}")
    await expect(heard.last).to_contain_text(WANG)
    answered = await heard.count()
    await player.page.click("#at-bot")
    await player.say_to_bot("中午吃什么")
    assert answered == await heard.count()
    await player.turn_to("office", "wecom")
    await expect(player.page.locator("#desk .markdown", has_text="缺席率")).to_have_count(1)
    await player.turn_to("office", "feishu")


async def in_by_a_code(player: Player) -> None:
    """The link shows a code, because Feishu brings no link back; sent in the chat, it says who this is."""
    await player.hold_phone_of(WANG, "sms")
    await player.turn_to("phone", "feishu")
    await player.page.click("#apps [data-app=sms]")
    await player.page.click("#messages a[href*='/c/']:visible >> nth=-1")
    page = player.page.frame_locator("#frame")
    code = await page.locator("code").inner_text()
    await page.locator("a.button").click()
    await player.rest()
    await expect(player.page.locator("#phone")).to_have_attribute("data-app", "feishu")
    await player.page.fill("#draft", code)
    await player.page.press("#draft", "Enter")
    await player.rest()
    said = player.page.locator("#messages .theirs")
    await expect(said.last).to_contain_text(WANG)
    await player.page.click("#chips >> text=进度")
    await player.rest()
    await expect(said.last).to_contain_text("健康证")


async def certificate_in_feishu(player: Player) -> None:
    """The picture waits for consent there too."""
    await player.page.click("#picture")
    await player.page.click("#send-picture")
    await player.rest()
    assert WANG not in await player.reached("uploaded")
    await player.page.click("#messages [data-verb=consent]")
    await player.has_reached(WANG, "uploaded")
    await player.rest()


async def approved_by_a_form(player: Player) -> None:
    """HR corrects the date and approves; the candidate reads until when."""
    await player.look_at("hr")
    card = player.cards.filter(has=player.page.locator("[data-verb=approve]"))
    await expect(card).to_contain_text(WANG)
    year = int((await card.locator("[name=expires_on]").input_value())[:4])
    await card.locator("[name=expires_on]").fill(f"{year}-01-15")
    await card.locator("[data-verb=approve]").click()
    await player.has_reached(WANG, "approved")
    await expect(card).to_have_count(0)
    await player.rest()
    await expect(player.page.locator("#messages .theirs", has_text=re.compile("1月15日|01-15"))).to_have_count(1)


SHOWN = {
    "schema": "2.0",
    "header": {"template": "orange", "title": {"tag": "plain_text", "content": "<img src=x onerror=alert(1)>"}},
    "body": {
        "elements": [
            {"tag": "markdown", "content": "**&#60;b&#62;粗&#60;/b&#62;** <script>alert(1)</script>"},
            {
                "tag": "chart",
                "chart_spec": {
                    "type": "funnel",
                    "categoryField": "name",
                    "valueField": "value",
                    "data": {"values": [{"name": "邀请", "value": 30}, {"name": "参加", "value": 15}]},
                },
            },
            {
                "tag": "form",
                "name": "f",
                "elements": [
                    {"tag": "markdown", "content": "原因"},
                    {
                        "tag": "select_static",
                        "name": "reason",
                        "required": True,
                        "options": [{"text": {"content": "其他"}, "value": "other"}],
                    },
                    {"tag": "input", "name": "words", "required": True, "default_value": " 太远 "},
                    {
                        "tag": "button",
                        "type": "danger_filled",
                        "text": {"content": "不通过"},
                        "form_action_type": "submit",
                        "behaviors": [{"type": "callback", "value": {"key": "reject:1"}}],
                    },
                ],
            },
        ]
    },
}


async def test_a_feishu_card_is_drawn_as_text_and_asks_for_what_it_requires(player: Player) -> None:
    """Words never become markup; a chart has bars; a form goes off once its required fields are filled in."""

    async def with_card(route: Route) -> None:
        answer = await route.fetch()
        told = await answer.json()
        payload = {"msgtype": "interactive", "interactive": SHOWN}
        told["desks"]["feishu.hr"] = [{"mine": False, "at": told["now"], "msgid": "om_1", "payload": payload}]
        await route.fulfill(response=answer, json=told)

    await player.page.route("**/demo/state/*", with_card)
    await player.turn_to("office", "feishu")
    await expect(player.cards.locator("h4")).to_have_text("<img src=x onerror=alert(1)>")
    await expect(player.cards.locator("b").first).to_have_text("<b>粗</b>")
    await expect(player.cards).to_contain_text("<script>alert(1)</script>")
    assert 0 == await player.cards.locator("img, script").count()
    bars = [await bar.bounding_box() for bar in await player.cards.locator(".chart i").all()]
    assert [2.0] == [round(bars[0]["width"] / bar["width"], 1) for bar in bars[1:] if bars[0] and bar]

    orders: list[str] = []
    player.page.on("request", lambda request: orders.append(request.url) if "/act/" in request.url else None)
    await player.cards.locator("[data-verb=reject]").click()
    assert "reason" == await player.page.evaluate("document.activeElement.name")
    assert [] == orders
    await player.cards.locator("[name=reason]").select_option("other")
    async with player.page.expect_request("**/demo/act/feishu_taps") as sent:
        await player.cards.locator("[data-verb=reject]").click()
    told = (await sent.value).post_data_json or {}
    assert {"reason": "other", "words": "太远"} == told["selected"]
    assert ("hr", "om_1", "reject:1") == (told["member"], told["message"], told["key"])


async def test_a_picture_that_comes_late_is_seen_whole(player: Player) -> None:
    """The newest message is in sight once its picture has its height, too."""
    held = asyncio.Event()

    async def later(route: Route) -> None:
        await held.wait()
        await route.continue_()

    await imported(player)
    await player.say_to_bot("/help")  # which fills the desk
    await player.page.route("**/demo/media/*", later)
    await player.say_to_bot("/funnel")
    picture = player.page.locator("#desk img").last
    await expect(picture).to_be_attached()
    held.set()
    await expect(picture).to_have_js_property("complete", True)
    await expect(picture).to_be_in_viewport(ratio=1)


async def test_it_fits_a_phone(player: Player) -> None:
    """At the width of a phone the panels are tabs, and nothing sticks out."""
    await player.page.set_viewport_size({"width": 390, "height": 844})
    for tab, panel in (("story", "#story"), ("phone", "#phone"), ("office", "#office")):
        await player.page.click(f"#tabs [data-tab={tab}]")
        await expect(player.page.locator(panel)).to_be_visible()
        assert 390 == await player.page.evaluate("document.documentElement.scrollWidth")
