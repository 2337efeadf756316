"""A small company whose wire records what goes out, refuses it, or dies in the middle."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import select

from bot.delivery.base import Letter
from bot.delivery.compose import Composer, House
from bot.platforms.base import Sent
from bot.texts import standard_texts
from bot.workers.outbox import Outbox
from recruiting.chat import Person
from recruiting.process import Rung, parse
from storage import intake, processes
from storage.applications import Loaded, load_one
from storage.database import Database
from storage.keys import DayKeys, load_root
from storage.tables import Candidate, Conversation, EventRow, FollowUpRow, OutboxRow
from storage.types import random_id
from storage.unit import Ground, Unit

NOON = datetime(2026, 6, 1, 4, 0, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
T = TypeVar("T")
CREW: dict[str, Any] = {
    "id": "crew",
    "name": "店员",
    "positions": ["店员"],
    "ladder": ["chat", "sms", "email", "follow_up"],
    "quiet_hours": {},
    "limits": {"per_stage": 3, "per_day": 1},
    "stages": [
        {
            "id": "ai",
            "kind": "interview",
            "name": "AI 面试",
            "link": "https://ai.example.com/s/{token}",
            "deadline": "72h",
            "nudges": [{"after": "12h", "unless": "clicked", "do": "remind"}],
        },
    ],
}


class Killed(BaseException):
    """The process dies after the other side has the message and before we know it."""


@dataclass
class Wire:
    """The other side: keeps what it was given, and answers with what is next in `moods`, else with a yes."""

    tries: list[tuple[str, str, bool, Letter]] = field(default_factory=list)  # channel, id, again, letter
    moods: list[BaseException | Callable[[], Awaitable[None]]] = field(default_factory=list)

    async def deliver(self, letter: Letter, id: str, *, again: bool) -> Sent:
        """Take the message."""
        self.tries.append((letter.channel, id, again, letter))
        mood = self.moods.pop(0) if self.moods else None
        if isinstance(mood, BaseException):
            raise mood
        if mood is not None:
            await mood()
        return Sent(id)

    async def close(self) -> None:
        """Nothing to let go of."""


class Company:
    """The ground, the wire, and what stands in the rows."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        ground.groups = (Person("wecom.group", "http://r"),)
        self.wire = Wire()
        self._people = 0

    def process(self) -> Outbox:
        """The outbox worker of a process that has just started."""
        house = House(standard_texts(), "小满", "http://127.0.0.1", "zh-CN", SHANGHAI, None)
        return Outbox(self.ground, Composer(house), {"chat": self.wire, "sms": self.wire, "email": self.wire})

    async def write(self, job: Callable[[Unit], Awaitable[T]], now: datetime = NOON) -> T:
        """Do something in one transaction."""

        async def whole(connection: Any) -> T:
            unit = Unit(connection, self.ground, now)
            result = await job(unit)
            await unit.flush()
            return result

        await self.ground.days.for_day(self.ground.today(now))
        return await self.ground.database.write(whole)

    async def invite(self, *, chat: bool = False, batch: str = "六月", phone: str = "", **contact: str | None) -> str:
        """Somebody applies; with `chat` they have just written to us in WeChat. The application's id."""
        self._people += 1
        number = None if "email" in contact else phone or f"+86138{self._people:08}"

        async def job(unit: Unit) -> str:
            id, _ = await intake.open_application(
                unit,
                name="王美",
                phone=number,
                email=contact.get("email"),
                position="店员",
                shop="一店",
                batch=batch,
                imported=True,
                actor="rule",
            )
            if chat:
                loaded = await self._loaded(unit, id)
                unit.add(
                    Conversation,
                    id=random_id(),
                    surface="wecom.kf",
                    desk="wk1",
                    account=f"wm{self._people}",
                    candidate_id=loaded.candidate_id,
                    bound_at=NOON,
                    heard_at=NOON,
                    used=0,
                    strangers_at=None,
                    asks=0,
                    asks_from=None,
                    dialog=None,
                )
                await unit.set(OutboxRow, {"application_id": id}, rung="chat")
            return id

        return await self.write(job)

    async def about(self, id: str) -> Loaded:
        """An application as it stands."""
        async with self.ground.database.reading() as connection:
            return await self._loaded(Unit(connection, self.ground, NOON), id)

    async def _loaded(self, unit: Unit, id: str) -> Loaded:
        loaded = await load_one(unit, id)
        assert loaded is not None
        return loaded

    async def messages(self) -> list[tuple[str, str]]:
        """Rung and status of every message, in the order of their making."""
        columns = select(OutboxRow.c.rung, OutboxRow.c.status).order_by(OutboxRow.c.created_at, OutboxRow.c.rung)
        return [(rung, status) for rung, status in await self.rows(columns)]

    async def rows(self, statement: Any) -> list[Any]:
        """What a query finds."""
        async with self.ground.database.reading() as connection:
            return list(await connection.execute(statement))

    async def follow_ups(self, id: str) -> list[list[str]]:
        """The causes of the open follow-ups about somebody."""
        where = (FollowUpRow.c.application_id == id) & (FollowUpRow.c.status == "open")
        return [causes for (causes,) in await self.rows(select(FollowUpRow.c.causes).where(where))]

    async def events(self, id: str) -> list[str]:
        """What has happened, oldest first."""
        statement = select(EventRow.c.type).where(EventRow.c.application_id == id).order_by(EventRow.c.seq)
        return [type for (type,) in await self.rows(statement)]

    async def opt_out(self, id: str) -> None:
        """They want no more messages."""
        candidate = (await self.about(id)).candidate_id
        await self.write(lambda unit: unit.set(Candidate, {"id": candidate}, opted_out_at=NOON))


async def company_on(database: Database) -> Company:
    """A company with one process, on an open database."""
    keyring = await load_root(database, b"k" * 32)
    channels = frozenset({Rung.CHAT, Rung.SMS, Rung.EMAIL})
    company = Company(Ground(database, keyring, DayKeys(database, keyring), SHANGHAI, "zh-CN", channels))
    await company.write(lambda unit: processes.first_files(unit, [parse(CREW, [])]))
    return company
