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
from bot.texts import standard_texts
from config.load import load_process
from config.settings import load_settings
from recruiting.process import Process
from storage import intake, members, processes
from storage.applications import load_one
from storage.database import Database
from storage.keys import load_root
from storage.tables import EventRow, FollowUpRow, Incoming, OutboxRow, TimerRow
from storage.unit import Unit

MASTER_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
MORNING = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # a Monday, 09:00 in Shanghai
BROWSER = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) MicroMessenger/8.0"}
LINK = re.compile(r"https?://\S+")


@dataclass
class Candidate:
    """Somebody in a story, seen from outside: their phone, their chat."""

    world: "World"
    id: str  # of the application
    name: str
    phone: str
    wechat: str

    @property
    def sms(self) -> list[str]:
        """The texts on their phone, oldest first."""
        return [message.text for message in self.world.sandbox.sms.messages(self.phone)]

    @property
    def chat(self) -> list[str]:
        """What the bot wrote to them in WeChat, oldest first."""
        return [message.text for message in self.world.sandbox.kf.messages(self.wechat)]

    def link(self, kind: str) -> str:
        """The newest link of a kind (i, c) in their SMS or chat."""
        for text in reversed([*self.sms, *self.chat, *self._views()]):
            for url in reversed(LINK.findall(text)):
                if f"/{kind}/" in url:
                    return str(url)
        raise LookupError(f"no /{kind}/ link reached {self.name}")

    def _views(self) -> list[str]:
        messages = self.world.sandbox.kf.messages(self.wechat)
        return [str(message.payload) for message in messages]

    async def click(self) -> str:
        """Open the invite's link in a browser; where it leads."""
        async with self.world.browser.get(self.link("i"), headers=BROWSER, allow_redirects=False) as response:
            await self.world.settle()
            return response.headers.get("Location", str(response.status))

    async def open_chat(self) -> None:
        """Follow the /c/ link into WeChat, and tap the first button of the welcome, which opens the window."""
        async with self.world.browser.get(self.link("c"), headers=BROWSER, allow_redirects=False) as response:
            target = response.headers["Location"]
        await self.world.sandbox.kf.enter(self.wechat, target)
        await self.world.settle()
        await self.tap()

    async def say(self, text: str) -> None:
        """Write in WeChat."""
        await self.world.sandbox.kf.say(self.wechat, text)
        await self.world.settle()

    async def tap(self, verb: str = "") -> None:
        """Tap a button in WeChat: the newest whose key begins with `verb`."""
        for message in reversed(self.world.sandbox.kf.messages(self.wechat)):
            for button in message.buttons:
                if button[1].startswith(verb) and button[1]:
                    await self.world.sandbox.kf.tap(self.wechat, button[1])
                    await self.world.settle()
                    return
        raise LookupError(f"{self.name} has no button {verb}")

    async def send_picture(self, content: bytes) -> None:
        """Send a photo in WeChat."""
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

    def __init__(self, bot: Bot, sandbox: Sandbox, clock: StandingClock, browser: aiohttp.ClientSession) -> None:
        self.bot = bot
        self.sandbox = sandbox
        self.clock = clock
        self.browser = browser
        self._people = 0

    @classmethod
    @asynccontextmanager
    async def open(
        cls, database_url: str, folder: Path, process_files: Sequence[Path], **variables: str
    ) -> AsyncIterator["World"]:
        """A world with these processes on a database that has its tables."""
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
                **sandbox.environment(str(other_side.make_url("")).rstrip("/")),
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
            bot = Bot(settings, ground, clock, standard_texts())
            server = TestServer(bot.web(), port=port)
            await server.start_server()
            stack.push_async_callback(server.close)
            sandbox.bot_url = environ["BULOU_PUBLIC_URL"]
            yield cls(bot, sandbox, clock, browser)

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
                    (Incoming, Incoming.status == "waiting"),
                    (
                        OutboxRow,
                        (OutboxRow.status == "sending") | ((OutboxRow.status == "waiting") & (OutboxRow.due_at <= now)),
                    ),
                    (TimerRow, TimerRow.due_at <= now),
                )
            ]
        return sum(count or 0 for count in counts)

    # --- people ----------------------------------------------------------------------------------------------------

    async def member(self, name: str, role: str = "recruiter", shops: Sequence[str] = (), userid: str = "") -> str:
        """Somebody in HR; their WeCom userid."""
        account = userid or name.lower()
        self.sandbox.app.members.add(account)

        async def job(unit: Unit) -> None:
            await members.put(unit, name, role=role, shops=list(shops), wecom=account)

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
        return Candidate(self, id, name, number, f"wm{self._people:06}")

    async def hr_says(self, userid: str, text: str) -> str:
        """A member writes to the app; the text of what comes back."""
        before = len(self.sandbox.app.messages(userid))
        await self.sandbox.app.say(userid, text)
        await self.settle()
        return "\n".join(message.text for message in self.sandbox.app.messages(userid)[before:])

    async def hr_taps(self, userid: str, verb: str) -> None:
        """A member taps the newest button of this verb."""
        for message in reversed(self.sandbox.app.messages(userid)):
            for button in message.buttons:
                if button[1].startswith(f"{verb}:"):
                    await self.sandbox.app.tap(userid, message.task_id, button[1])
                    await self.settle()
                    return
        raise LookupError(f"{userid} has no button {verb}")

    @property
    def group(self) -> list[str]:
        """What stands in HR's group."""
        return [message.text for message in self.sandbox.robot.messages()]

    async def follow_ups(self, candidate: Candidate) -> list[list[str]]:
        """The causes of the open follow-ups about somebody."""
        where = (FollowUpRow.application_id == candidate.id) & (FollowUpRow.status == "open")
        async with self.bot.ground.database.reading() as connection:
            return [list(causes) for (causes,) in await connection.execute(select(FollowUpRow.causes).where(where))]

    async def events(self, candidate: Candidate, type: str) -> list[str]:
        """Who did this to somebody's application, oldest first."""
        where = (EventRow.application_id == candidate.id) & (EventRow.type == type)
        statement = select(EventRow.actor).where(where).order_by(EventRow.seq)
        async with self.bot.ground.database.reading() as connection:
            return [actor for (actor,) in await connection.execute(statement)]

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
