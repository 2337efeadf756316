"""The demo's page: who may press its buttons, what they do, and what is shown afterwards."""

import base64
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.clock import StandingClock
from bot.commands.demo import until_morning
from bot.documents.roster import Draft, Rejected, check_rows
from bot.documents.spreadsheet import read_table
from bot.sandbox import Sandbox
from bot.sandbox.feishu.company import Message
from bot.sandbox.media import COMPANY, Item
from bot.sandbox.page import Page
from bot.sandbox.people import BATCH, FILE_NAME, SHOPS, applicants, phone_of, workbook
from bot.sandbox.record import Sent
from bot.sandbox.roles import Candidate, account

SHANGHAI = ZoneInfo("Asia/Shanghai")
PNG = b"\x89PNG\r\n\x1a\n and so on"
WANG = Candidate("a1", "王小雨", "+8613800001100", SHOPS[0], "服务员", "AI 面试", "open", frozenset({"invited"}))


class QuietBot:
    """A bot that knows one candidate, and speaks when it has been waited for `speaks_after` times."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.who = WANG
        self.imports = 0
        self.due: list[timedelta] = []
        self.speaks_after = 0

    async def candidates(self) -> Sequence[Candidate]:
        return [self.who]

    async def history(self, id: str) -> list[dict[str, Any]]:
        at = self.sandbox.clock.now().isoformat()
        return [{"at": at, "type": "application.opened", "stage": "", "actor": "rule", "data": {}}]

    async def import_list(self) -> dict[str, Any]:
        self.imports += 1
        return {"rows": 1, "added": int(self.imports == 1), "existing": int(self.imports > 1), "rejected": []}

    async def settle(self) -> None:
        self.speaks_after -= 1
        if self.speaks_after == 0:
            send(self.sandbox, "sms", WANG.phone, {"msgtype": "text", "text": {"content": "还差一步"}})

    async def next_moment(self, *, counting: bool) -> datetime | None:
        return self.sandbox.clock.now() + self.due.pop(0) if self.due else None


def send(sandbox: Sandbox, surface: str, to: str, payload: dict[str, Any], task_id: str = "") -> None:
    """Something that the bot has sent."""
    sandbox.record.add(Sent(surface, to, sandbox.clock.now(), "m", payload, task_id=task_id))


def card(*keys: str) -> dict[str, Any]:
    buttons = [{"text": key, "key": key} for key in keys]
    content = {"card_type": "button_interaction", "main_title": {"title": "t"}, "button_list": buttons, "task_id": "t"}
    return {"msgtype": "template_card", "template_card": content}


@pytest.fixture
def quiet(sandbox: Sandbox) -> QuietBot:
    sandbox.app.members.update({"hr", "manager"})
    return QuietBot(sandbox)


@pytest.fixture
async def browser(sandbox: Sandbox, quiet: QuietBot) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    page = Page(sandbox, quiet, SHANGHAI)
    app = web.Application(client_max_size=2**23)
    app.add_routes(page.routes())
    await page.begin()
    async with TestClient(TestServer(app)) as client:
        yield client


async def do(browser: Any, act: str, expected: int = 200, /, **order: Any) -> Any:
    async with browser.post(f"/demo/act/{act}", json=order) as answer:
        assert expected == answer.status
        return await answer.json()


async def state(browser: Any) -> Any:
    async with browser.get("/demo/state/first") as answer:
        return await answer.json()


async def test_the_page_and_its_parts_are_served_with_nothing_from_elsewhere(browser: Any) -> None:
    async with browser.get("/") as answer:
        assert "/demo" == answer.url.path
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        text = await answer.text()
    for name in ("page.css", "page.js", "words.js", "certificate.js", "feishu.js"):
        assert f"/demo/{name}" in text
        async with browser.get(f"/demo/{name}") as answer:
            assert 200 == answer.status
            assert "https://" not in await answer.text()
    async with browser.get("/demo/page.html") as answer:
        assert 404 == answer.status


async def test_only_the_page_itself_presses_its_buttons(browser: Any) -> None:
    """Another page in the same browser can neither send a form here, nor come under another name."""
    async with browser.post("/demo/act/clock", data={"minutes": "60"}) as answer:
        assert 403 == answer.status
    async with browser.post("/demo/act/clock", json={"minutes": 60}, headers={"Host": "evil.example"}) as answer:
        assert 403 == answer.status
    await do(browser, "clock", minutes=60)


@pytest.mark.parametrize(
    "order", [{"minutes": -1}, {"minutes": 10**9}, {"text": "x" * 2001}, {"more": 1}, {"selected": {"a": 1}}]
)
async def test_an_order_that_the_page_never_gives_is_refused(browser: Any, order: dict[str, Any]) -> None:
    await do(browser, "clock", 400, **order)


async def test_an_act_that_nobody_knows(browser: Any) -> None:
    async with browser.post("/demo/act/fly", json={}) as answer:
        assert 404 == answer.status


async def test_the_list_is_imported_at_once_and_again_when_asked(browser: Any, quiet: QuietBot) -> None:
    assert 1 == (await state(browser))["steps"]["import"]["added"]
    facts = (await do(browser, "import"))["steps"]["import"]
    assert (1, 0, 2) == (facts["added"], facts["again"]["added"], quiet.imports)


async def test_the_clock_shows_the_time_of_the_company(browser: Any) -> None:
    assert "2026-05-04T17:00:00+08:00" == (await state(browser))["now"]
    assert "2026-05-05T05:00:00+08:00" == (await do(browser, "clock", minutes=720))["now"]


async def test_the_next_event_is_the_next_that_somebody_sees(browser: Any, quiet: QuietBot) -> None:
    quiet.due = [timedelta(hours=1), timedelta(hours=2), timedelta(hours=4)]
    quiet.speaks_after = 2
    told = await do(browser, "next")
    assert "2026-05-04T20:00:02+08:00" == told["now"]
    assert ["还差一步"] == [line["text"] for line in told["phone"]["sms"]]
    assert {"sms": 1} == told["log"][-1]["more"]


async def test_when_nothing_is_due_the_page_says_so(browser: Any) -> None:
    told = await do(browser, "next", 409)
    assert "nothing is due" in told["problem"]
    assert "steps" in told


async def test_both_halves_of_a_chat_are_shown_in_the_order_of_time(
    browser: Any, sandbox: Sandbox, clock: StandingClock
) -> None:
    await do(browser, "say", person="a1", text="进度")
    clock.push(timedelta(minutes=1))
    menu = [{"type": "click", "click": {"id": "status:1", "content": "我的进度"}}]
    send(sandbox, "wecom.kf", account(WANG), {"msgtype": "msgmenu", "msgmenu": {"head_content": "您好", "list": menu}})
    clock.push(timedelta(minutes=1))
    told = await do(browser, "tap", person="a1", key="status:1")
    chat = [(line["mine"], line["text"]) for line in told["phone"]["wechat"]]
    assert [(True, "进度"), (False, "您好\n我的进度"), (True, "我的进度")] == chat
    assert {"person": "a1", "app": "wechat", "desk": ""} == told["focus"]
    await do(browser, "tap", 409, person="a1", key="status:never")
    await do(browser, "say", 409, person="nobody", text="?")


async def test_a_picture_is_sent_and_shown(browser: Any, sandbox: Sandbox) -> None:
    told = await do(browser, "picture", person="a1", picture=base64.b64encode(PNG).decode())
    number = told["phone"]["wechat"][0]["picture"]
    async with browser.get(f"/demo/pictures/{number}") as answer:
        assert (200, PNG) == (answer.status, await answer.read())
    for missing in ("7", "x"):
        async with browser.get(f"/demo/pictures/{missing}") as answer:
            assert 404 == answer.status
    await do(browser, "picture", 409, person="a1", picture=base64.b64encode(b"GIF89a").decode())
    await do(browser, "picture", 409, person="a1", picture="no base64")


async def test_what_the_bot_sends_to_members_can_be_looked_at(browser: Any, sandbox: Sandbox) -> None:
    """A chart is drawn, a file is saved under its name."""
    png = b"\x89PNG\r\n\x1a\nchart"
    now = sandbox.clock.now()
    chart = sandbox.media.keep(Item("image", "chart.png", png, "image/png", now, COMPANY))
    table = sandbox.media.keep(Item("file", "名单.xlsx", b"PK", "application/zip", now, COMPANY))
    async with browser.get(f"/demo/media/{chart}") as answer:
        assert (200, "image/png", png) == (answer.status, answer.content_type, await answer.read())
    async with browser.get(f"/demo/media/{table}") as answer:
        assert (200, b"PK") == (answer.status, await answer.read())
        assert answer.content_disposition is not None
        assert "名单.xlsx" == answer.content_disposition.filename
    async with browser.get("/demo/media/3nothing") as answer:
        assert 404 == answer.status


async def test_the_chat_is_entered_by_a_link_or_without(browser: Any, sandbox: Sandbox) -> None:
    assert not (await state(browser))["phone"]["entered"]
    assert (await do(browser, "enter", person="a1", link="abc"))["phone"]["entered"]
    assert "abc" == sandbox.kf.conversation(account(WANG)).scene_param
    await do(browser, "enter", 409, person="a1", link="https://example.com/not-made-here")


async def test_members_write_and_tap(browser: Any, sandbox: Sandbox, bot: Any) -> None:
    send(sandbox, "wecom.app", "hr", card("reached:1", "no_answer:1"), task_id="t")
    told = await do(browser, "member_says", member="hr", text="/待办")
    assert {(False, "t"), (True, "/待办")} == {(line["mine"], line["text"]) for line in told["desks"]["hr"]}
    await do(browser, "member_taps", member="hr", task="t", key="reached:1")
    await sandbox.idle()
    assert ["/待办"] == [one["Content"] for one in bot.received if one["MsgType"] == "text"]
    assert ["reached:1"] == [one["EventKey"] for one in bot.received if one["MsgType"] == "event"]
    await do(browser, "member_taps", 409, member="hr", task="t", key="reached:2")
    await do(browser, "member_says", 409, member="stranger", text="/help")


async def test_everybody_writes_in_feishu_too(browser: Any, sandbox: Sandbox, bot: Any) -> None:
    """A member in private and in the group, with a mention of the bot or without; and a candidate."""
    told = await do(browser, "feishu_says", member="hr", text="/待办")
    assert {"person": "", "app": "", "desk": "feishu.hr"} == told["focus"]
    await do(browser, "feishu_menu", member="hr", key="todo")
    await do(browser, "feishu_says", member="hr", text="/状态 王小雨", group=True, at_bot=True)
    told = await do(browser, "feishu_says", member="hr", text="中午吃什么", group=True)
    assert ["/待办", "/todo"] == [line["text"] for line in told["desks"]["feishu.hr"]]
    assert ["@招聘助手 /状态 王小雨", "中午吃什么"] == [line["text"] for line in told["desks"]["feishu.group"]]
    assert [] == told["desks"]["hr"]
    told = await do(browser, "feishu_says", person="a1", text="进度")
    assert ["进度"] == [line["text"] for line in told["phone"]["feishu"]]
    assert {"person": "a1", "app": "feishu", "desk": ""} == told["focus"]
    await sandbox.idle()
    kinds = [delivery.what for delivery in sandbox.deliveries]
    assert 3 == kinds.count("im.message.receive_v1")  # what mentions nobody is not the bot's business
    assert 1 == kinds.count("application.bot.menu_v6")


async def test_a_feishu_card_is_tapped_and_what_flashes_up_is_told(browser: Any, sandbox: Sandbox, bot: Any) -> None:
    await do(browser, "feishu_opens", member="hr")
    hr = sandbox.feishu.who("刘芳")
    chat = sandbox.feishu.company.private_chat(hr)
    tap = {
        "tag": "button",
        "text": {"content": "已联系上"},
        "behaviors": [{"type": "callback", "value": {"key": "reached:1"}}],
    }
    shown = {"schema": "2.0", "body": {"elements": [tap]}}
    card = Message(id="om_1", chat=chat, sender="", kind="interactive", content="", at=sandbox.clock.now(), card=shown)
    sandbox.feishu.messages.show(card, shown, "")
    assert 1 == (await state(browser))["steps"]["a_day"]["cards"]
    await sandbox.idle()
    bot.answers = [web.json_response({"toast": {"type": "success", "content": "已联系"}})]
    told = await do(browser, "feishu_taps", member="hr", message="om_1", key="reached:1")
    assert ("success", "已联系") == (told["toast"]["kind"], told["toast"]["text"])
    await do(browser, "feishu_taps", 409, member="hr", message="om_1", key="reached:2")
    await do(browser, "feishu_taps", 409, member="hr", message="om_2", key="reached:1")
    await do(browser, "feishu_taps", 409, person="a1", message="om_1", key="reached:1")  # somebody else's


async def test_a_picture_is_sent_in_feishu(browser: Any) -> None:
    told = await do(browser, "feishu_picture", person="a1", picture=base64.b64encode(PNG).decode())
    assert [0] == [line["picture"] for line in told["phone"]["feishu"]]


async def test_an_sms_is_answered(browser: Any, sandbox: Sandbox, bot: Any) -> None:
    told = await do(browser, "reply", person="a1", text="T")
    assert [(True, "T")] == [(line["mine"], line["text"]) for line in told["phone"]["sms"]]
    assert ["/callback/sms"] == [path for path, _, _ in bot.posts]


async def test_follow_ups_are_counted_after_they_are_settled_too(browser: Any, sandbox: Sandbox) -> None:
    send(sandbox, "wecom.app", "hr", card("reached:1"), task_id="t1")
    send(sandbox, "wecom.app", "hr", card("reached:2", "pass:2"), task_id="t2")  # a review, nobody is to be called
    assert 1 == (await state(browser))["steps"]["a_day"]["cards"]
    sandbox.app.messages("hr")[0].label = "已联系上"
    assert 1 == (await state(browser))["steps"]["a_day"]["cards"]


@pytest.mark.parametrize("step", ["interviews", "certificate", "approval"])
async def test_a_step_that_comes_too_early_says_so(browser: Any, step: str) -> None:
    told = await do(browser, step, 409, picture=base64.b64encode(PNG).decode())
    assert told["problem"]


def test_the_list_looks_like_hrs_own() -> None:
    """A merged title, the header in row 3, numbers, a wrong one, a hidden row and a total: thirty can be invited."""
    table = read_table(workbook(), FILE_NAME)
    assert 3 == table.header_row
    rows = list(check_rows(table, takes=lambda _: True, today=date(2026, 5, 4), batch=BATCH))
    drafts = [row for row in rows if isinstance(row, Draft)]
    assert [phone_of(one) for one in applicants()] == [row.phone for row in drafts]
    assert 30 == len({row.phone for row in drafts})
    assert {"zh-CN", "ja", "en"} == {row.locale for row in drafts}
    assert ["bad phone", "hidden row"] == [row.text for row in rows if isinstance(row, Rejected)]


@pytest.mark.parametrize(
    ("now", "begins"),
    [
        (datetime(2026, 5, 4, 8, 0, tzinfo=SHANGHAI), datetime(2026, 5, 4, 8, 30, tzinfo=SHANGHAI)),
        (datetime(2026, 5, 4, 8, 30, tzinfo=SHANGHAI), datetime(2026, 5, 5, 8, 30, tzinfo=SHANGHAI)),
        (datetime(2026, 5, 8, 20, 0, tzinfo=SHANGHAI), datetime(2026, 5, 11, 8, 30, tzinfo=SHANGHAI)),
        (datetime(2026, 5, 9, 1, 0, tzinfo=SHANGHAI), datetime(2026, 5, 11, 8, 30, tzinfo=SHANGHAI)),
        (datetime(2026, 5, 10, 23, 0, tzinfo=UTC), datetime(2026, 5, 11, 8, 30, tzinfo=SHANGHAI)),
    ],
)
def test_it_begins_on_the_morning_of_a_working_day(now: datetime, begins: datetime) -> None:
    assert begins == now + until_morning(now.astimezone(UTC), SHANGHAI)
