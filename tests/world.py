"""World: the real bot and the strict sandbox on loopback, on a clock that a story pushes."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.test_utils import TestServer, unused_port
from sqlalchemy import func, select

from bot.app import Bot
from bot.clock import StandingClock
from bot.ground import ground_of
from bot.sandbox import Sandbox
from bot.sandbox.feishu.people import Person
from bot.sandbox.feishu.reading import controls
from bot.sandbox.record import Sent
from bot.texts import standard_texts
from bot.workers.readings import Reads
from config.load import load_process
from config.settings import load_settings
from recruiting.process import Process
from storage import intake, members, processes, sessions
from storage.applications import load_one
from storage.database import Database
from storage.keys import load_root
from storage.tables import EventRow, FollowUpRow, Incoming, OutboxRow, TimerRow, Trail
from storage.unit import Unit

MASTER_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
MORNING = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # a Monday, 09:00 in Shanghai
BROWSER = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) MicroMessenger/8.0"}
CODE = re.compile("<code[^>]*>([A-Z2-9]{8})</code>")
LINK = re.compile(r"https?://\S+")


@dataclass(frozen=True)
class Cast:
    """Who talks to the bot on which platform."""

    hr: str = "wecom"  # wecom, feishu
    candidates: str = "wechat"  # wechat, feishu
    platforms: tuple[str, ...] = ("wecom",)  # what is set up


@dataclass
class Candidate:
    """Somebody in a story, seen from outside: their phone, their chat."""

    world: "World"
    id: str  # of the application
    name: str
    phone: str
    wechat: str
    feishu: Person | None = None  # for somebody who chats there instead

    @property
    def sms(self) -> list[str]:
        """The texts on their phone, oldest first."""
        return [message.text for message in self.world.sandbox.sms.messages(self.phone)]

    @property
    def chat(self) -> list[str]:
        """What the bot wrote to them in their chat, oldest first."""
        return [message.text for message in self.messages]

    @property
    def messages(self) -> list[Sent]:
        """What stands in their chat."""
        return self.feishu.sees() if self.feishu else self.world.sandbox.kf.messages(self.wechat)

    def link(self, kind: str) -> str:
        """The newest link of a kind (i, c) in their SMS or chat."""
        for text in reversed([*self.sms, *self.chat, *self._views()]):
            for url in reversed(LINK.findall(text)):
                if f"/{kind}/" in url:
                    return str(url)
        raise LookupError(f"no /{kind}/ link reached {self.name}")

    def _views(self) -> list[str]:
        return [str(message.payload) for message in self.messages]

    async def click(self) -> str:
        """Open the invite's link in a browser; where it leads."""
        async with self.world.browser.get(self.link("i"), headers=BROWSER, allow_redirects=False) as response:
            await self.world.settle()
            return response.headers.get("Location", str(response.status))

    async def open_chat(self) -> None:
        """Follow the /c/ link into the chat. WeChat's window opens with the first tap, Feishu wants the page's code."""
        via = {"via": "feishu" if self.feishu else "wechat"} if len(self.world.cast.platforms) > 1 else {}
        door = self.world.browser.get(self.link("c"), headers=BROWSER, allow_redirects=False, params=via)
        async with door as response:
            if self.feishu is not None:
                code = CODE.findall(await response.text())
                await self.say(code[0])
                await self.tap()
                return
            target = response.headers["Location"]
        await self.world.sandbox.kf.enter(self.wechat, target)
        await self.world.settle()
        await self.tap()

    async def say(self, text: str) -> None:
        """Write in the chat."""
        if self.feishu is not None:
            self.feishu.say(text)
            await self.world.settle()
            return
        await self.world.sandbox.kf.say(self.wechat, text)
        await self.world.settle()

    async def tap(self, verb: str = "") -> None:
        """Tap a button in the chat: the newest whose key begins with `verb`."""
        for message in reversed(self.messages):
            for button in message.buttons:
                if button[1].startswith(verb) and button[1]:
                    if self.feishu is not None:
                        await self.world.feishu_tap(self.feishu, message, button[1])
                        return
                    await self.world.sandbox.kf.tap(self.wechat, button[1])
                    await self.world.settle()
                    return
        raise LookupError(f"{self.name} has no button {verb}")

    async def send_picture(self, content: bytes) -> None:
        """Send a photo in the chat."""
        if self.feishu is not None:
            self.feishu.send_image(content)
            await self.world.settle()
            return
        await self.world.sandbox.kf.send_file(self.wechat, "photo.jpg", content, "image/jpeg", kind="image")
        await self.world.settle()

    async def finish_interview(self, **scores: float) -> None:
        """Hold the AI interview at the provider."""
        token = (await self.click()).rpartition("/")[2]
        await self.world.sandbox.interview.start(token)
        await self.world.sandbox.interview.complete(token, scores)
        await self.world.settle()


class World:
    """Everything in a story: the bot, the other side, HR, and the time."""

    def __init__(
        self, bot: Bot, sandbox: Sandbox, clock: StandingClock, browser: aiohttp.ClientSession, cast: Cast
    ) -> None:
        self.bot = bot
        self.sandbox = sandbox
        self.clock = clock
        self.browser = browser
        self.cast = cast
        self._people = 0

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        database_url: str,
        folder: Path,
        process_files: Sequence[Path],
        cast: Cast = Cast(),
        reader: Reads | None = None,
        **variables: str,
    ) -> AsyncIterator["World"]:
        """A world with these processes on a database that has its tables; without a `reader` certificates go to the
        reviewer as they came.
        """
        clock = StandingClock(MORNING)
        sandbox = Sandbox(clock)
        sandbox.courier.interval = 0
        async with AsyncExitStack() as stack:
            other_side = TestServer(sandbox.build())
            await other_side.start_server()
            stack.push_async_callback(other_side.close)
            port = unused_port()
            environ = {
                "BULOU_DATABASE_URL": database_url,
                "BULOU_MASTER_KEY": MASTER_KEY,
                "BULOU_PUBLIC_URL": f"http://127.0.0.1:{port}",
                "BULOU_VAULT_URL": str(folder / "vault"),
                "BULOU_COMPANY": "小满餐厅",
                "BULOU_CERTIFICATES__READ": "false",
                **sandbox.environment(str(other_side.make_url("")).rstrip("/"), cast.platforms),
            }
            settings = load_settings({**environ, **variables})
            database = Database(database_url)
            await database.open()
            stack.push_async_callback(database.close)
            browser = await stack.enter_async_context(aiohttp.ClientSession())
            ground = ground_of(settings, database, await load_root(database, settings.master_key_bytes))
            reasons = standard_texts().reasons()
            loaded = [load_process(path, path.name, reasons) for path in process_files]
            await _store(ground, loaded, clock.now())
            bot = Bot(settings, ground, clock, standard_texts(), reader)
            server = TestServer(bot.web(), port=port)
            await server.start_server()
            stack.push_async_callback(server.close)
            sandbox.bot_url = environ["BULOU_PUBLIC_URL"]
            world = cls(bot, sandbox, clock, browser, cast)
            await world.settle()  # it is nine on a Monday: the digests have found nothing to tell
            yield world

    # --- time ------------------------------------------------------------------------------------------------------

    async def wait(self, **length: float) -> None:
        """Let time pass, stopping at every moment at which something is due."""
        end = self.clock.now() + timedelta(**length)
        await self.settle()
        while (due := await self._next_due()) is not None and due <= end:
            self.clock.push(max(due - self.clock.now(), timedelta(0)))
            await self.settle()
        self.clock.push(max(end - self.clock.now(), timedelta(0)))
        await self.settle()

    async def _next_due(self) -> datetime | None:
        moments = [await self.bot.timers.earliest(), await self.bot.outbox.earliest()]
        later = [moment for moment in moments if moment is not None and moment > self.clock.now()]
        return min(later, default=None)

    async def settle(self) -> None:
        """Let the bot and the other side do all that is to be done now."""
        for _ in range(200):
            await self.sandbox.idle()
            await self.bot.schedule.idle()
            await self.sandbox.idle()
            if not await self._busy():
                return
        raise AssertionError("the world does not come to rest")

    async def _busy(self) -> int:
        now = self.clock.now()
        async with self.bot.ground.database.reading() as connection:
            counts = [
                await connection.scalar(select(func.count()).select_from(table).where(where))
                for table, where in (
                    (Incoming, Incoming.c.status == "waiting"),
                    (
                        OutboxRow,
                        (OutboxRow.c.status == "sending")
                        | ((OutboxRow.c.status == "waiting") & (OutboxRow.c.due_at <= now)),
                    ),
                    (TimerRow, TimerRow.c.due_at <= now),
                )
            ]
        return sum(count or 0 for count in counts)

    # --- people ----------------------------------------------------------------------------------------------------

    async def member(self, name: str, role: str = "recruiter", shops: Sequence[str] = (), userid: str = "") -> str:
        """Somebody in HR; their account: a WeCom userid, or an open_id of Feishu."""
        if self.cast.hr == "feishu":
            person = self.sandbox.feishu.person(name)
            self.sandbox.feishu.hr_group.add(person)
            accounts = {"feishu": person.open_id}
        else:
            accounts = {"wecom": userid or name.lower()}
            self.sandbox.app.members.add(accounts["wecom"])
        account = next(iter(accounts.values()))

        async def job(unit: Unit) -> None:
            await members.put(unit, name, role=role, shops=list(shops), **accounts)

        await self.bot.dispatch.within(job, self.clock.now())
        return account

    async def invite(
        self,
        name: str = "",
        *,
        position: str = "店员",
        shop: str = "人民路店",
        batch: str = "三月",
        email: str | None = None,
        locale: str | None = None,
        phone: str | None = None,
    ) -> Candidate:
        """Somebody applies; the bot does what follows at once."""
        self._people += 1
        number = phone or f"+86138{self._people:08}"

        async def job(unit: Unit) -> str:
            id, _ = await intake.open_application(
                unit,
                name=name or f"候选人{self._people}",
                phone=number,
                email=email,
                position=position,
                shop=shop,
                batch=batch,
                locale=locale,
                imported=True,
                owner_name=None,
                extra={},
                actor="rule",
            )
            return id

        id = await self.bot.dispatch.within(job, self.clock.now())
        await self.settle()
        chats = self.sandbox.feishu.person(f"外部{self._people}", tenant=False)
        feishu = chats if self.cast.candidates == "feishu" else None
        return Candidate(self, id, name, number, f"wm{self._people:06}", feishu)

    def file(self, message: Sent) -> tuple[str, bytes]:
        """The file that the bot has sent to somebody in HR: name and content."""
        if self.cast.hr == "feishu":
            kept = self.sandbox.feishu.company.files[message.content["file_key"]]
            return kept.name, kept.content
        item = self.sandbox.media.find(message.content["media_id"], "file", self.clock.now())
        return item.name, item.content

    async def signed_in(self, name: str) -> dict[str, str]:
        """A member opens the link from the chat and presses its button: the cookies of their browser."""

        async def job(unit: Unit) -> str:
            member = await members.by_name(unit, name)
            assert member is not None
            return await sessions.sign_in_link(unit, member["id"])

        token = await self.bot.dispatch.within(job, self.clock.now())
        path = f"{self.bot.house.public_url}/dashboard/login/{token}"
        async with self.browser.post(path, headers=BROWSER, allow_redirects=False) as response:
            return {name: cookie.value for name, cookie in response.cookies.items()}

    def hr_sees(self, account: str) -> list[Sent]:
        """What the bot has written to a member in private."""
        if self.cast.hr == "feishu":
            return self.sandbox.feishu.who(account).sees()
        return self.sandbox.app.messages(account)

    async def hr_says(self, account: str, text: str) -> str:
        """A member writes to the bot; the text of what comes back."""
        before = len(self.hr_sees(account))
        if self.cast.hr == "feishu":
            self.sandbox.feishu.who(account).say(text)
        else:
            await self.sandbox.app.say(account, text)
        await self.settle()
        return "\n".join(message.text for message in self.hr_sees(account)[before:])

    async def hr_taps(self, account: str, verb: str, **entered: str) -> str:
        """A member taps the newest button of this verb, with what they entered where it stands in a form; the toast."""
        for message in reversed(self.hr_sees(account)):
            for button in message.buttons:
                if button[1].startswith(f"{verb}:"):
                    if self.cast.hr == "feishu":
                        who = self.sandbox.feishu.who(account)
                        return await self.feishu_tap(who, message, button[1], **entered)
                    await self.sandbox.app.tap(account, message.task_id, button[1])
                    await self.settle()
                    return ""
        raise LookupError(f"{account} has no button {verb}")

    async def feishu_tap(self, person: Person, message: Sent, key: str, **entered: str) -> str:
        """Somebody taps a card in Feishu, where a button may send a form off; what flashes up."""
        in_form = any(one.key == key and one.submits for one in controls(message.content))
        outcome = await (person.submit(message.msgid, entered, key) if in_form else person.tap(message.msgid, key))
        await self.wait(seconds=2)  # a card changes only after its tap has been answered
        return outcome.toast.text if outcome.toast else ""

    @property
    def group(self) -> list[str]:
        """What stands in HR's group."""
        return [message.text for message in self.group_messages()]

    def group_messages(self) -> list[Sent]:
        """The messages in HR's group, with their buttons."""
        if self.cast.hr == "feishu":
            return self.sandbox.record.to("feishu.group", self.sandbox.feishu.hr_group.id)
        return self.sandbox.robot.messages()

    async def follow_ups(self, candidate: Candidate) -> list[list[str]]:
        """The causes of the open follow-ups about somebody."""
        where = (FollowUpRow.c.application_id == candidate.id) & (FollowUpRow.c.status == "open")
        async with self.bot.ground.database.reading() as connection:
            return [list(causes) for (causes,) in await connection.execute(select(FollowUpRow.c.causes).where(where))]

    async def events(self, candidate: Candidate, type: str) -> list[str]:
        """Who did this to somebody's application, oldest first."""
        where = (EventRow.c.application_id == candidate.id) & (EventRow.c.type == type)
        statement = select(EventRow.c.actor).where(where).order_by(EventRow.c.seq)
        async with self.bot.ground.database.reading() as connection:
            return [actor for (actor,) in await connection.execute(statement)]

    async def trail(self) -> list[tuple[str, str]]:
        """Who did what, as the audit log keeps it, oldest first."""
        statement = select(Trail.c.actor, Trail.c.action).order_by(Trail.c.seq)
        async with self.bot.ground.database.reading() as connection:
            return [(actor, action) for actor, action in await connection.execute(statement)]

    async def details(self, action: str) -> list[str]:
        """What the audit log says of each time that this was done."""
        statement = select(Trail.c.detail).where(Trail.c.action == action).order_by(Trail.c.seq)
        async with self.bot.ground.database.reading() as connection:
            return [detail for (detail,) in await connection.execute(statement)]

    async def stage(self, candidate: Candidate) -> str:
        """Where somebody stands: the stage's id, or how the application ended."""

        async with self.bot.ground.database.reading() as connection:
            loaded = await load_one(Unit(connection, self.bot.ground, self.clock.now()), candidate.id)
        assert loaded is not None
        application = loaded.application
        return application.stage if application.open else application.status.value


async def _store(ground: Any, loaded: Sequence[Process], now: datetime) -> None:
    async def job(connection: Any) -> None:
        unit = Unit(connection, ground, now)
        await processes.first_files(unit, loaded)
        await unit.flush()

    await ground.database.write(job)
