"""A room for handlers: a database with one process, people in it, and turns as the dispatcher makes them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import orjson
import pytest
from sqlalchemy import select

from handlers import routes
from handlers.candidate import uploads
from handlers.routing import Turn
from recruiting.chat import FileRef, Incoming, Kind, Person
from recruiting.model import Completed
from recruiting.process import Rung, parse
from storage import conversations, intake, links, members, processes
from storage.applications import Loaded, load_one
from storage.apply import take
from storage.database import Database
from storage.keys import DayKeys, load_root
from storage.tables import METADATA, OutboxRow
from storage.unit import Ground, Unit

T = TypeVar("T")
MORNING = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # a Monday, 09:00 in Shanghai
PROCESS = {
    "id": "crew",
    "name": "门店员工招聘",
    "positions": ["店员"],
    "stages": [
        {"id": "ai", "kind": "interview", "name": "AI 面试", "deadline": "3d"},
        {"id": "cert", "kind": "document", "name": "健康证", "document": "health_certificate", "valid_for": "30d"},
        {
            "id": "meet",
            "kind": "meeting",
            "name": "复试",
            "requires": ["ai", "cert"],
            "slots": {"days": "any", "from": "14:00", "to": "15:00", "each": "30m"},
        },
    ],
}


@dataclass
class Said:
    """What a handler answered, as plain values."""

    text: str
    rung: str
    values: Mapping[str, Any]
    lines: list[str] = field(default_factory=list)
    buttons: list[tuple[str, str, str]] = field(default_factory=list)  # verb, subject, application
    line_values: list[Mapping[str, Any]] = field(default_factory=list)
    fields: list[Any] = field(default_factory=list)  # label, value
    chart: Any = None  # kind, labelled numbers

    def button(self, verb: str) -> tuple[str, str]:
        """Subject and application of the first button with this verb."""
        return next((subject, application) for of, subject, application in self.buttons if of == verb)


class Room:
    """Everything in a test of handlers."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.now = MORNING
        self.made: datetime | None = None
        self._numbers = count(1)

    async def within(self, job: Callable[[Unit], Awaitable[T]]) -> T:
        """One transaction."""

        async def whole(connection: Any) -> T:
            unit = Unit(connection, self.ground, self.now)
            result = await job(unit)
            await unit.flush()
            return result

        await self.ground.days.for_day(self.ground.today(self.now))
        return await self.ground.database.write(whole)

    async def applicant(self, name: str = "李梅", phone: str = "+8613800001234", shop: str = "南京路店") -> str:
        """Somebody applies; the application's id."""

        async def job(unit: Unit) -> str:
            id, _ = await intake.open_application(
                unit, name=name, phone=phone, email=None, position="店员", shop=shop, batch="三月", imported=True,
                actor="rule",
            )  # fmt: skip
            return id

        return await self.within(job)

    async def member(self, name: str, role: str = "recruiter", *shops: str) -> None:
        """Somebody in HR, whose WeCom account has the same name."""
        await self.within(lambda unit: members.put(unit, name, role=role, shops=list(shops), wecom=name))

    async def application(self, id: str) -> Loaded:
        """How an application stands."""
        loaded = await self.within(lambda unit: load_one(unit, id))
        assert loaded is not None
        return loaded

    async def pass_interview(self, id: str) -> None:
        """The AI interview is done well."""

        async def job(unit: Unit) -> None:
            loaded = await load_one(unit, id)
            assert loaded is not None
            await take(unit, loaded, Completed("ai", 1, {"总分": 82}))

        await self.within(job)

    async def send_certificate(self, account: str, id: str) -> str:
        """The candidate agrees, and a picture arrives in the vault; its document's id."""
        await self.tap(account, "consent", "health_certificate", id)

        async def job(unit: Unit) -> str:
            conversation = await conversations.of_person(unit, Person("wecom.kf", account, "desk"))
            candidate = str(conversation["candidate_id"])
            assert await uploads.arrived(unit, candidate, conversation["id"], "image/jpeg", "photo.jpg", "0" * 32)
            loaded = await load_one(unit, id)
            assert loaded is not None
            return next(iter(loaded.application.waiting))

        return await self.within(job)

    async def link(self, id: str) -> str:
        """The token of the application's link into the chat."""

        async def job(unit: Unit) -> str:
            loaded = await load_one(unit, id)
            assert loaded is not None
            return await links.token_for(unit, loaded, "chat")

        return await self.within(job)

    # --- what people do ------------------------------------------------------------------------------------------

    async def enter(self, account: str, token: str = "") -> list[Said]:
        """Open the chat, perhaps through a link."""
        return await self._candidate(account, "on", "enter", scene=token, welcome_code="w", kind=Kind.ENTER)

    async def on(self, account: str, name: str, argument: str = "", **incoming: Any) -> list[Said]:
        """Anything else that the dispatcher calls by its name."""
        return await self._candidate(account, "on", name, argument, **incoming)

    async def intent(self, account: str, name: str) -> list[Said]:
        """Write something that means this."""
        return await self._candidate(account, "intent", name)

    async def picture(self, account: str) -> list[Said]:
        """Send a photo."""
        return await self.on(account, "file", kind=Kind.FILE, file=FileRef("wecom.kf", "media", "image"))

    async def tap(self, account: str, verb: str, subject: str = "", application: str = "") -> list[Said]:
        """Tap a button."""
        return await self._candidate(account, "tap", verb, subject, application)

    async def command(self, member: str, name: str, argument: str = "") -> list[Said]:
        """A member's slash-command."""
        return await self._member(member, "command", name, argument)

    async def says(self, member: str, text: str, name: str = "member_dialog") -> list[Said]:
        """A member writes what is no command."""
        return await self._member(member, "on", name, text, text=text)

    async def presses(
        self, member: str, verb: str, subject: str, application: str, made: datetime | None = None
    ) -> list[Said]:
        """A member taps a button on a card that was made at this moment, else just now."""
        self.made = made
        return await self._member(member, "tap", verb, subject, application, card="handle")

    async def _candidate(
        self, account: str, trigger: str, name: str, argument: str = "", application: str = "", **incoming: Any
    ) -> list[Said]:
        person = Person("wecom.kf", account, "desk")
        return await self._turn(person, trigger, name, argument, application, None, incoming)

    async def _member(
        self, member: str, trigger: str, name: str, argument: str = "", application: str = "", **incoming: Any
    ) -> list[Said]:
        person = Person("wecom.app", member)
        return await self._turn(person, trigger, name, argument, application, member, incoming)

    async def _turn(
        self,
        person: Person,
        trigger: str,
        name: str,
        argument: str,
        application: str,
        member: str | None,
        incoming: Mapping[str, Any],
    ) -> list[Said]:
        cause = f"chat/{next(self._numbers)}"
        handler = routes.find(trigger, name)
        assert handler is not None

        async def job(unit: Unit) -> list[Said]:
            conversation = await conversations.of_person(unit, person)
            bound = conversation["candidate_id"] if member is None else None
            day = unit.ground.today(unit.now)
            box = await unit.box_of(bound) if bound else await unit.ground.days.existing(unit.connection, day)
            common: dict[str, Any] = {"id": cause, "sender": person, "kind": Kind.TAP, "at": unit.now}
            item = Incoming(**{**common, "key": f"{name}:x", **incoming})
            turn = Turn(unit, item, cause, conversation, bound, None, box, argument)
            turn.member = await members.by_name(unit, member) if member else None
            if trigger == "tap":
                loaded = await load_one(unit, application) if application else None
                stage = (loaded.application.stage, loaded.application.visit) if loaded else ("", 0)
                turn.button = {
                    "application_id": application or None, "stage": stage[0], "visit": stage[1],
                    "subject": argument, "created_at": self.made or unit.now,
                }  # fmt: skip
            await handler(turn)
            return await self._said(unit, cause)

        return await self.within(job)

    async def _said(self, unit: Unit, cause: str) -> list[Said]:
        """What the outbox owes because of this turn, opened as delivery opens it."""
        rows = await unit.all(select(OutboxRow).where(OutboxRow.c.promise.startswith(f"{cause}/")))
        found = []
        for row in sorted(rows, key=lambda row: str(row["promise"])):
            loaded = await load_one(unit, row["application_id"]) if row["application_id"] else None
            box = loaded.box if loaded else await unit.box_of(row["candidate_id"]) if row["candidate_id"] else None
            box = box or await unit.ground.days.existing(unit.connection, row["day"])
            plain = orjson.loads(box.open(row["values"], f"outbox.values:{row['id']}"))
            if "offers" not in plain:
                found.append(Said(row["text"], row["rung"], plain))
                continue
            buttons = [(verb, subject, of) for _, verb, subject, of, *_ in plain["offers"]]
            keys, values = [key for key, _ in plain["lines"]], [values for _, values in plain["lines"]]
            shown = plain["fields"], plain.get("chart")
            found.append(Said(row["text"], row["rung"], plain["values"], keys, buttons, values, *shown))
        return found

    def wait(self, **length: float) -> None:
        """Time goes by."""
        self.now += timedelta(**length)


@pytest.fixture
async def room(sqlite_url: str) -> AsyncIterator[Room]:
    """An empty room with the process above."""
    database = Database(sqlite_url)
    await database.open()
    await database.write(lambda connection: connection.run_sync(METADATA.create_all))
    keyring = await load_root(database, b"0" * 32)
    channels = frozenset({Rung.CHAT, Rung.SMS})
    ground = Ground(database, keyring, DayKeys(database, keyring), ZoneInfo("Asia/Shanghai"), "zh-CN", channels)
    opened = Room(ground)
    await opened.within(lambda unit: processes.apply(unit, parse(PROCESS, ["not_passed"])))
    yield opened
    await database.close()
