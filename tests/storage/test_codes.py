"""The codes of links: the same all day, kept unreadable, each for one link."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from recruiting.chat import Person
from recruiting.process import Rung, parse
from storage import codes, conversations, intake, links, processes
from storage.applications import load_one
from storage.database import Database
from storage.keys import DayKeys, load_root
from storage.retention import forget
from storage.tables import LinkCode
from storage.unit import Ground, Unit

T = TypeVar("T")
NIGHT = datetime(2026, 6, 1, 23, 50, tzinfo=UTC)
SHOWN = "A" * 64
CREW: dict[str, Any] = {
    "id": "crew",
    "name": "店员",
    "positions": ["店员"],
    "stages": [{"id": "ai", "kind": "interview", "name": "AI 面试", "link": "https://ai.example.com/s/{token}"}],
}


class Desk:
    """A company on either database, and its clock."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.now = NIGHT

    async def within(self, job: Callable[[Unit], Awaitable[T]]) -> T:
        """One transaction."""

        async def whole(connection: Any) -> T:
            unit = Unit(connection, self.ground, self.now)
            result = await job(unit)
            await unit.flush()
            return result

        return await self.ground.database.write(whole)

    async def code(self, link: str = SHOWN) -> str:
        """What the page of a link shows now."""
        return await self.within(lambda unit: codes.for_link(unit, link))

    async def rows(self) -> list[Mapping[str, Any]]:
        """All that is kept."""
        return await self.within(lambda unit: unit.all(select(LinkCode)))

    async def link(self) -> str:
        """Somebody applies; the digest of their link into the chat."""

        async def job(unit: Unit) -> str:
            id, _ = await intake.open_application(
                unit, name="李梅", phone="+8613800001234", email=None, position="店员", shop="一店", batch="六月",
                imported=True, actor="rule",
            )  # fmt: skip
            loaded = await load_one(unit, id)
            assert loaded is not None
            return links.digest(await links.token_for(unit, loaded, "chat"))

        return await self.within(job)

    async def types(self, typed: str, account: str = "mei") -> Mapping[str, Any] | None:
        """Somebody sends a code."""

        async def job(unit: Unit) -> Mapping[str, Any] | None:
            conversation = await conversations.of_person(unit, Person("feishu", account))
            return await codes.check_link(unit, conversation, typed)

        return await self.within(job)


@pytest.fixture
async def desk(database: Database) -> Desk:
    """A company with one process."""
    keyring = await load_root(database, b"k" * 32)
    zone = ZoneInfo("Asia/Shanghai")
    opened = Desk(Ground(database, keyring, DayKeys(database, keyring), zone, "zh-CN", frozenset({Rung.SMS})))
    await opened.within(lambda unit: processes.first_files(unit, [parse(CREW, [])]))
    return opened


async def test_a_code_is_the_same_whenever_it_is_shown_within_a_day(desk: Desk) -> None:
    """Its day begins with the first time, however often the page is opened again."""
    code = await desk.code()
    desk.now += timedelta(minutes=9)
    assert code == await desk.code()
    (row,) = await desk.rows()
    assert (SHOWN, NIGHT, NIGHT + timedelta(hours=24)) == (row["link"], row["created_at"], row["expires_at"])

    desk.now += timedelta(minutes=1)
    assert code != await desk.code()


async def test_codes_are_eight_characters_that_nobody_confuses(desk: Desk) -> None:
    """Each link has its own, of letters and digits that look like no other."""
    made = [await desk.code(f"{number:064}") for number in range(20)]
    assert 20 == len(set(made))
    assert {8} == {len(code) for code in made}
    assert set() == {letter for code in made for letter in code} - set("ABCDEFGHJKLMNPQRSTUVWXYZ23456789")


async def test_a_code_is_kept_unreadable(desk: Desk) -> None:
    """Whoever reads the database can't send it to the bot."""
    code = await desk.code()
    assert code not in str(await desk.rows())


async def test_two_links_never_share_a_code(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should chance give the same to a second link, the second gets another one."""
    monkeypatch.setattr(codes, "LETTERS", "A" * 31 + "B")
    made = [await desk.code(f"{number:064}") for number in range(4)]
    assert 4 == len(set(made))


async def test_the_code_finds_its_link_and_no_other(desk: Desk) -> None:
    """As if the person had come by the link itself."""
    link = await desk.link()
    code = await desk.code(link)
    found = await desk.types(code)
    assert found is not None
    assert (link, "open") == (found["digest"], found["status"])
    assert await desk.types("ZZZZZZZZ") is None


async def test_a_code_of_a_link_that_is_gone_is_wrong(desk: Desk) -> None:
    """Nothing is left of somebody who was erased."""
    assert await desk.types(await desk.code()) is None


async def test_wrong_codes_are_counted_for_each_conversation_by_the_hour(desk: Desk) -> None:
    """Ten, then nothing is looked up until the hour is over; others are not concerned."""
    code = await desk.code(await desk.link())
    for _ in range(codes.WRONG_ONES):
        assert await desk.types("ZZZZZZZZ") is None
    desk.now += timedelta(minutes=59)
    assert await desk.types(code) is None
    assert await desk.types(code, "somebody else") is not None
    desk.now += timedelta(minutes=1)
    assert await desk.types(code) is not None


async def test_old_codes_are_forgotten(desk: Desk) -> None:
    """Two days after they were shown."""
    await desk.code()
    desk.now += timedelta(days=2)
    await desk.within(forget)
    assert 1 == len(await desk.rows())
    desk.now += timedelta(seconds=1)
    await desk.within(forget)
    assert [] == await desk.rows()
