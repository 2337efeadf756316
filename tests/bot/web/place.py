"""What tests of the web share: a server on real sockets with real keys, whose inbox is emptied by hand."""

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient
from sqlalchemy import select

from bot.clock import StandingClock
from bot.dispatch import open_row
from bot.errors import TryLater
from bot.platforms.wecom.crypto import CallbackCrypto
from bot.web.context import Context
from recruiting.model import Completed, DocumentDecided, InviteTried, MessageReport, Signal
from storage import inbox, intake, tokens
from storage.applications import Loaded, load_one
from storage.apply import take
from storage.links import token_for
from storage.reports import events
from storage.unit import Unit

T = TypeVar("T")

PROCESS = Path(__file__).parents[3] / "config" / "processes" / "restaurant.yaml"
MORNING = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # a Monday, 09:00 in Shanghai
AES_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SMS_TOKEN = "gateway-secret"
BROWSER = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) MicroMessenger/8.0"}
PICTURE = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(300)
LARGEST = 100_000


class Door:
    """The way into the chat, which can be shut."""

    def __init__(self) -> None:
        self.away = False

    async def chat_link(self, token: str) -> str:
        if self.away:
            raise TryLater("no answer")
        return f"https://work.weixin.qq.com/kfid/kf1?scene_param={token}"


class Place:
    """What tests of the web share: the server, its clock, and what lies behind it."""

    def __init__(self, context: Context, client: TestClient[Any, Any], clock: StandingClock, door: Door) -> None:
        self.context = context
        self.client = client
        self.clock = clock
        self.door = door
        self.crypto = CallbackCrypto("QDG6eK", AES_KEY, "ww1")
        self._people = 0

    async def write(self, job: Callable[[Unit], Awaitable[T]]) -> T:
        return await self.context.dispatch.within(job, self.clock.now())

    async def look(self, job: Callable[[Unit], Awaitable[T]]) -> T:
        async with self.context.ground.database.reading() as connection:
            return await job(Unit(connection, self.context.ground, self.clock.now()))

    async def rows(self, statement: Any) -> list[Mapping[str, Any]]:
        return await self.look(lambda unit: unit.all(statement))

    async def handle(self) -> int:
        """Handle everything in the inbox, as the worker does."""
        waiting = await self.look(lambda unit: inbox.waiting(unit, 100))
        for row in waiting:
            body = await open_row(self.context.ground, row)
            assert body is not None
            await self.context.dispatch.handle(row, body, self.clock.now())
        return len(waiting)

    async def inbox(self) -> list[tuple[str, dict[str, Any]]]:
        """Source and body of everything that waits."""
        found = []
        for row in await self.look(lambda unit: inbox.waiting(unit, 100)):
            body = await open_row(self.context.ground, row)
            assert body is not None
            found.append((str(row["source"]), body))
        return found

    async def apply(
        self, name: str = "李梅", *, shop: str = "人民路店", locale: str = "zh-CN", batch: str = "三月"
    ) -> str:
        """Somebody is imported and invited to the AI interview; the application's id."""
        self._people += 1
        phone = f"+86138{self._people:08}"

        async def job(unit: Unit) -> str:
            id, _ = await intake.open_application(
                unit,
                name=name,
                phone=phone,
                email=None,
                position="店员",
                shop=shop,
                batch=batch,
                locale=locale,
                imported=True,
                owner_name=None,
                extra={"学历": "本科"},
                actor="rule",
            )
            return id

        id = await self.write(job)
        await self.invited(id)
        return id

    async def invited(self, id: str) -> None:
        """The invite of the present stage was tried, and accepted by the SMS gateway."""
        state = (await self.loaded(id)).application
        stage, visit = state.stage, state.visit
        await self.signal(id, InviteTried(stage, visit, self.clock.now()))
        report = MessageReport("accepted", "m1", "sms", "invite", stage, visit, invite=True)
        await self.signal(id, report)

    async def loaded(self, id: str) -> Loaded:
        loaded = await self.look(lambda unit: load_one(unit, id))
        assert loaded is not None
        return loaded

    async def signal(self, id: str, signal: Signal) -> None:
        async def job(unit: Unit) -> None:
            loaded = await load_one(unit, id)
            assert loaded is not None
            await take(unit, loaded, signal)

        await self.write(job)

    async def to_certificate(self, id: str) -> None:
        """The interview is passed: the certificate is asked for."""
        await self.signal(id, Completed("ai_interview", 1, {"总分": 82}))
        await self.invited(id)

    async def to_meeting(self, id: str) -> None:
        """The certificate was seen on paper: a slot can be chosen."""
        await self.to_certificate(id)
        await self.signal(id, DocumentDecided("d1", True, "member:Wang", seen_on_paper=True))
        await self.invited(id)

    async def token(self, id: str, kind: str) -> str:
        """A token of the application's present visit."""

        async def job(unit: Unit) -> str:
            loaded = await load_one(unit, id)
            assert loaded is not None
            return await token_for(unit, loaded, kind)

        return await self.write(job)

    async def events(self, id: str) -> list[str]:
        """The types of what happened, in order."""

        async def job(unit: Unit) -> list[str]:
            loaded = await load_one(unit, id)
            assert loaded is not None
            return [event.type.value for _, event in await events(unit, loaded)]

        return await self.look(job)

    async def api_token(self, name: str = "erp", scope: str = "write", shops: tuple[str, ...] = ()) -> dict[str, str]:
        """A fresh token, as the headers that carry it."""
        token = await self.write(lambda unit: tokens.create(unit, name, scope, shops))
        return {"Authorization": f"Bearer {token}"}

    async def press(self, token: str, verb: str, *, place: int = 0, **more: Any) -> ClientResponse:
        """Press a button of the candidate's page; `place` counts those of one verb."""
        key = buttons(await self.page(token), verb)[place]
        return await self.client.post(f"/p/{token}", data={"do": key}, headers=BROWSER, **more)

    async def page(self, token: str) -> str:
        response = await self.client.get(f"/p/{token}", headers=BROWSER)
        assert 200 == response.status
        return await response.text()


def buttons(page: str, verb: str) -> list[str]:
    """The keys of a verb's buttons on a page."""
    return [unescape(key) for key in re.findall(rf'name="do" value="({verb}:[^"]+)"', page)]


def described(table: Any) -> Any:
    """Everything in a table, in no order."""
    return select(table)
