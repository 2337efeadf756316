"""What people do in the demo: candidates on their phones, HR at their desks. Every hand goes through the real door."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import aiohttp

from bot.sandbox.feishu_play import FeishuPlay, newest
from bot.sandbox.record import Sent
from bot.sandbox.roles import Candidate, Focus, Line, NotNow, account
from bot.sandbox.world import Sandbox

BROWSER = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile "
    "Safari/537.36 MicroMessenger/8.0.50"
)
LINK = re.compile(r"https?://[^\s<>\"']+")
HALF_A_DAY = timedelta(hours=12)


class Bot(Protocol):
    """The bot that is played with, as far as one who plays must know it."""

    async def candidates(self) -> Sequence[Candidate]:
        """All who were imported, in the order of HR's list."""
        ...

    async def history(self, id: str) -> list[dict[str, Any]]:
        """What happened to one application, oldest first: `at`, `type`, `stage`, `actor`, `data`."""
        ...

    async def import_list(self) -> dict[str, Any]:
        """Import HR's list: `rows`, `added`, `existing` and `rejected`, a list of `row`, `name` and `reason`."""
        ...

    async def settle(self) -> None:
        """Wait until nothing moves any more."""
        ...

    async def next_moment(self, *, counting: bool) -> datetime | None:
        """When the bot will next do something by itself; `counting`: or only look again at the rates of a batch."""
        ...


@dataclass(slots=True)
class Play:
    """Everything that whoever plays can do, and the guided story of the six steps."""

    sandbox: Sandbox
    bot: Bot
    lines: dict[tuple[str, str], list[Line]] = field(default_factory=dict)
    pictures: list[bytes] = field(default_factory=list)
    imported: dict[str, Any] = field(default_factory=dict)  # the first import's outcome
    again: dict[str, Any] = field(default_factory=dict)  # the outcome of importing the same file once more
    in_feishu: set[str] = field(default_factory=set)  # members who wrote there last: their cards go there
    feishu: FeishuPlay = field(init=False)

    def __post_init__(self) -> None:
        self.feishu = FeishuPlay(self.sandbox, self.pictures)

    # --- by hand ---------------------------------------------------------------------------------------------------

    async def enter(self, who: Candidate, link: str = "") -> Focus:
        """The candidate opens the chat in WeChat, through a link or from the list of chats."""
        await self.sandbox.kf.enter(account(who), link)
        return Focus(who.id, "wechat")

    async def say(self, who: Candidate, text: str) -> Focus:
        """The candidate writes in WeChat."""
        self._add("kf", account(who), Line(self._now, text))
        await self.sandbox.kf.say(account(who), text)
        return Focus(who.id, "wechat")

    async def tap(self, who: Candidate, key: str) -> Focus:
        """The candidate taps an entry of a menu."""
        item = await self.sandbox.kf.tap(account(who), key)
        self._add("kf", account(who), Line(self._now, item["text"]["content"], tapped=True))
        return Focus(who.id, "wechat")

    async def send_picture(self, who: Candidate, picture: bytes) -> Focus:
        """The candidate sends a picture in WeChat."""
        self.pictures.append(picture)
        self._add("kf", account(who), Line(self._now, picture=len(self.pictures) - 1))
        await self.sandbox.kf.send_file(account(who), "health-certificate.png", picture, "image/png", kind="image")
        return Focus(who.id, "wechat")

    async def reply(self, who: Candidate, text: str) -> Focus:
        """The candidate answers a text message."""
        self._add("sms", who.phone, Line(self._now, text))
        await self.sandbox.sms.reply(who.phone, text)
        return Focus(who.id, "sms")

    async def member_says(self, userid: str, text: str) -> Focus:
        """Somebody of the company writes to the app in WeCom."""
        self._add("app", userid, Line(self._now, text))
        await self.sandbox.app.say(userid, text)
        self.in_feishu.discard(userid)
        return Focus(desk=userid)

    async def member_taps(
        self, userid: str, task_id: str, key: str, selected: Mapping[str, str | list[str]] | None = None
    ) -> Focus:
        """Somebody of the company taps a button of a card."""
        await self.sandbox.app.tap(userid, task_id, key, selected)
        self.in_feishu.discard(userid)
        return Focus(desk=userid)

    async def push(self, by: timedelta) -> Focus:
        """Time goes by."""
        self.sandbox.clock.push(by)
        return Focus()

    async def next_event(self) -> Focus:
        """Time goes by until the bot has done something that somebody can see."""
        seen = self.seen()
        for turn in range(MOST_TURNS):
            moment = await self.bot.next_moment(counting=turn < COUNTED_TURNS)
            if moment is None:
                raise NotNow("nothing is due any more")
            self.sandbox.clock.push(max(moment - self._now, timedelta(0)) + timedelta(seconds=1))
            await self.bot.settle()
            if self.seen() != seen:
                break
        return Focus()

    def seen(self) -> int:
        """How many messages people have got to see."""
        counters = self.sandbox.record.counters
        return sum(counters[surface] for surface in SURFACES)

    def desk(self, userid: str) -> str:
        """The desk at which a member is reached."""
        return f"feishu.{userid}" if userid in self.in_feishu else userid

    # --- the story -------------------------------------------------------------------------------------------------

    async def first_import(self) -> Focus:
        """HR imports the list; the second time, nothing is added."""
        outcome = await self.bot.import_list()
        if self.imported:
            self.again = outcome
        else:
            self.imported = outcome
        return Focus(app="sms")

    async def interviews(self) -> Focus:
        """All but five open their link; all but one of those finish their interview."""
        waiting = [one for one in await self.bot.candidates() if "clicked" not in one.reached]
        if len(waiting) <= STAY_AWAY:
            raise NotNow("everybody who wants to has opened the link")
        coming = waiting[:-STAY_AWAY]
        async with _browser() as browser:
            for number, one in enumerate(coming):
                await self._open_invite(browser, one, SCORES.get(number, USUAL), finish=one is not coming[-1])
        return Focus(coming[0].id, "sms")

    async def half_a_day(self) -> Focus:
        """Twelve hours pass: whoever has not clicked is reminded, nobody else."""
        quiet = [one for one in await self.bot.candidates() if "clicked" not in one.reached]
        self.sandbox.clock.push(HALF_A_DAY)
        return Focus(quiet[0].id if quiet else "", "sms")

    async def a_day(self) -> Focus:
        """Two of the reminded come after all; then it is 24 hours, and people take over the rest."""
        reminded = [one for one in await self.bot.candidates() if one.reached & {"reminded", "clicked"} == {"reminded"}]
        async with _browser() as browser:
            for one in reminded[:2]:
                await self._open_invite(browser, one, USUAL, finish=True)
        await self.bot.settle()
        self.sandbox.clock.push(HALF_A_DAY)
        return Focus(desk=self.desk("hr"))

    async def certificate(self, picture: bytes) -> Focus:
        """One who passed comes into the chat by the link in the SMS, agrees, and sends the certificate."""
        who = await self._first(may_send)
        if who.chat != "feishu":
            await self._enter_wechat(who)
        await self._show(who, picture)
        await self._tap_first(who, "consent:")
        await self.bot.settle()
        if "uploaded" not in (await self._again(who)).reached:
            await self._show(who, picture)
        return Focus(who.id, who.chat or "wechat", self.desk("hr"))

    async def approval(self) -> Focus:
        """HR looks at the certificate and taps "approve"; the candidate is offered times, and takes the first."""
        await self._approve()
        who = await self._first(lambda one: may_book(one) and "approved" in one.reached)
        await self._tap_first(who, "slot:")
        return Focus(who.id, who.chat or "wechat", self.desk("hr"))

    # --- what these have in common ---------------------------------------------------------------------------------

    @property
    def _now(self) -> datetime:
        return self.sandbox.clock.now()

    def _add(self, where: str, who: str, line: Line) -> None:
        self.lines.setdefault((where, who), []).append(line)

    async def _first(self, fits: Callable[[Candidate], bool]) -> Candidate:
        for one in await self.bot.candidates():
            if fits(one):
                return one
        raise NotNow("there is nobody for this step yet: do the steps before it first")

    async def _again(self, who: Candidate) -> Candidate:
        return next(one for one in await self.bot.candidates() if one.id == who.id)

    async def _enter_wechat(self, who: Candidate) -> None:
        link = next((link for link in self._links(who) if "/c/" in link), "")
        if not link:
            raise NotNow(f"{who.name} has not been asked for the certificate")
        via = {"via": "wechat"}
        async with _browser() as browser, browser.get(link, params=via, allow_redirects=False) as answer:
            await self.enter(who, answer.headers.get("Location", ""))
        await self.bot.settle()

    async def _show(self, who: Candidate, picture: bytes) -> None:
        """Send the picture where the candidate chats."""
        if who.chat == "feishu":
            self.feishu.send_picture(self.feishu.person(who), picture)
        else:
            await self.send_picture(who, picture)
        await self.bot.settle()

    async def _approve(self) -> None:
        """Approve the certificate that waits in WeCom, else the one that waits in Feishu."""
        for message in reversed(self.sandbox.app.messages("hr")):
            key = next((key for _, key in message.buttons if key.startswith("approve:")), "")
            if key:
                await self.member_taps("hr", message.task_id, key)
                await self.bot.settle()
                return
        found = newest(self.feishu.members["hr"].sees(), "approve:")
        if found is not None:
            await self.feishu.press(self.feishu.members["hr"], *found)
            self.in_feishu.add("hr")
            await self.bot.settle()

    async def _tap_first(self, who: Candidate, verb: str) -> None:
        if who.chat == "feishu":
            await self.feishu.press_newest(self.feishu.person(who), verb)
            return
        for message in reversed(self.sandbox.kf.messages(account(who))):
            for _, key in message.buttons:
                if key.startswith(verb):
                    await self.tap(who, key)
                    return
        raise NotNow(f"{who.name} has no button for this")

    def _links(self, who: Candidate) -> Iterator[str]:
        """All links in the candidate's text messages, newest first."""
        for message in reversed(self.sandbox.sms.messages(who.phone)):
            yield from LINK.findall(message.text)

    async def _open_invite(
        self, browser: aiohttp.ClientSession, who: Candidate, scores: Mapping[str, int], *, finish: bool
    ) -> None:
        """Open the link of the SMS as a phone does, and go through the interview behind it."""
        link = next((link for link in self._links(who) if "/i/" in link), "")
        if not link:
            raise NotNow(f"{who.name} has no invitation")
        async with browser.get(link) as page:
            address = page.url
        if finish and "/s/" in address.path:
            async with browser.post(address, data={"do": "start"}) as started:
                await started.read()
            async with browser.post(address, data={"do": "finish", **scores}) as finished:
                await finished.read()


SURFACES = ("sms", "wecom.kf", "wecom.app", "wecom.group", "feishu", "feishu.group")
STAY_AWAY = 5
MOST_TURNS = 200
COUNTED_TURNS = 4  # rates are counted every half an hour; after a few of these the story goes on
USUAL = {"总分": 82, "服务意识": 86, "抗压能力": 78, "夜班": 80}
SCORES: Mapping[int, Mapping[str, int]] = {
    0: {"总分": 91, "服务意识": 94, "抗压能力": 85, "夜班": 90},
    9: {"总分": 77, "服务意识": 81, "抗压能力": 74, "夜班": 40},  # no night shifts: a rule says no, and why
    14: {"总分": 52, "服务意识": 60, "抗压能力": 47, "夜班": 75},  # below the bar: a person decides
}


def may_send(one: Candidate) -> bool:
    """Whether the certificate is what this person is asked for."""
    return one.status == "open" and "passed" in one.reached and "uploaded" not in one.reached


def may_book(one: Candidate) -> bool:
    """Whether only HR's tap, or the choice of a time, is missing."""
    return one.status == "open" and "uploaded" in one.reached and "booked" not in one.reached


def message_json(message: Sent) -> dict[str, Any]:
    """A message as the page draws it."""
    return {"mine": False, **message.to_json()}


def _browser() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(headers={"User-Agent": BROWSER}, timeout=aiohttp.ClientTimeout(total=20))
