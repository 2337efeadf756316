"""Signing in to the dashboard: a link that works once and not for long, a session that ends."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from recruiting.process import Rung
from storage import members, sessions
from storage.database import Database
from storage.keys import DayKeys, load_root
from storage.retention import forget
from storage.tables import Session, SignIn, Trail
from storage.unit import Ground, Unit

T = TypeVar("T")


class Desk:
    """A company on either database, its clock, and one recruiter."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.now = datetime(2026, 6, 1, 1, 0, tzinfo=UTC)
        self.wang = ""

    async def within(self, job: Callable[[Unit], Awaitable[T]]) -> T:
        """One transaction."""

        async def whole(connection: Any) -> T:
            unit = Unit(connection, self.ground, self.now)
            result = await job(unit)
            await unit.flush()
            return result

        return await self.ground.database.write(whole)

    async def link(self) -> str:
        return await self.within(lambda unit: sessions.sign_in_link(unit, self.wang))

    async def sign_in(self, token: str) -> str | None:
        return await self.within(lambda unit: sessions.sign_in(unit, token))

    async def who(self, token: str) -> str | None:
        member = await self.within(lambda unit: sessions.member_of(unit, token))
        return member["name"] if member else None

    async def signed_in(self) -> str:
        token = await self.sign_in(await self.link())
        assert token is not None
        return token


@pytest.fixture
async def desk(database: Database) -> Desk:
    keyring = await load_root(database, b"k" * 32)
    ground = Ground(database, keyring, DayKeys(database, keyring), ZoneInfo("Asia/Shanghai"), "zh-CN", frozenset(Rung))
    desk = Desk(ground)
    desk.wang = await desk.within(lambda unit: members.put(unit, "王敏", role="recruiter", shops=[]))
    return desk


async def test_a_link_signs_in_once(desk: Desk) -> None:
    link = await desk.link()
    session = await desk.sign_in(link)

    assert session is not None
    assert "王敏" == await desk.who(session)
    assert None is await desk.sign_in(link)
    assert None is await desk.who(link)


async def test_looking_at_a_link_does_not_use_it_up(desk: Desk) -> None:
    """A platform that fetches a preview takes nothing away."""
    link = await desk.link()
    for _ in range(2):
        member = await desk.within(lambda unit: sessions.invited(unit, link))
        assert member is not None
        assert "王敏" == member["name"]
    assert None is not await desk.sign_in(link)


@pytest.mark.parametrize(("later", "good"), [(timedelta(minutes=9, seconds=59), True), (timedelta(minutes=10), False)])
async def test_a_link_is_good_for_ten_minutes(desk: Desk, later: timedelta, good: bool) -> None:
    link = await desk.link()
    desk.now += later
    assert good == (await desk.sign_in(link) is not None)


@pytest.mark.parametrize(("later", "good"), [(timedelta(hours=11, minutes=59), True), (timedelta(hours=12), False)])
async def test_a_session_is_good_for_twelve_hours(desk: Desk, later: timedelta, good: bool) -> None:
    session = await desk.signed_in()
    desk.now += later
    assert good == (await desk.who(session) is not None)


@pytest.mark.parametrize("token", ["", "x", "a" * 43, "ü" * 43, "a" * 10_000])
async def test_what_is_no_token_opens_nothing(desk: Desk, token: str) -> None:
    await desk.signed_in()
    assert None is await desk.sign_in(token)
    assert None is await desk.who(token)


async def test_a_member_who_is_removed_is_out_at_once(desk: Desk) -> None:
    """Also when somebody of the same name comes later."""
    session, link = await desk.signed_in(), await desk.link()
    await desk.within(lambda unit: members.remove(unit, "王敏"))
    await desk.within(lambda unit: members.put(unit, "王敏", role="admin", shops=[]))

    assert None is await desk.who(session)
    assert None is await desk.sign_in(link)
    for table in (Session, SignIn):
        assert [] == await desk.within(lambda unit, table=table: unit.all(select(table)))


async def test_a_changed_role_counts_at_once(desk: Desk) -> None:
    session = await desk.signed_in()
    await desk.within(lambda unit: members.put(unit, "王敏", role="manager", shops=["一店"]))
    member = await desk.within(lambda unit: sessions.member_of(unit, session))
    assert member is not None
    assert ("manager", ["一店"]) == (member["role"], member["shops"])


async def test_signing_out_ends_this_session_only(desk: Desk) -> None:
    here, elsewhere = await desk.signed_in(), await desk.signed_in()
    for _ in range(2):
        await desk.within(lambda unit: sessions.sign_out(unit, here))
    assert (None, "王敏") == (await desk.who(here), await desk.who(elsewhere))


async def test_no_token_is_kept_as_it_is(desk: Desk) -> None:
    link = await desk.link()
    session = await desk.sign_in(link)
    assert session is not None
    kept = str([await desk.within(lambda unit, table=table: unit.all(select(table))) for table in (Session, SignIn)])
    assert link not in kept
    assert session not in kept


async def test_coming_and_going_is_in_the_audit_log(desk: Desk) -> None:
    session = await desk.signed_in()
    await desk.within(lambda unit: sessions.sign_out(unit, session))
    rows = await desk.within(lambda unit: unit.all(select(Trail).order_by(Trail.c.seq)))
    assert [("member:王敏", "dashboard.sign_in", "link"), ("member:王敏", "dashboard.sign_out", "")] == [
        (row["actor"], row["action"], row["detail"]) for row in rows
    ]


async def test_what_has_ended_is_forgotten(desk: Desk) -> None:
    await desk.signed_in()
    await desk.link()
    desk.now += timedelta(hours=1)
    await desk.within(forget)
    assert (1, 0) == (len(await desk.within(_all(Session))), len(await desk.within(_all(SignIn))))
    desk.now += timedelta(hours=11)
    await desk.within(forget)
    assert 0 == len(await desk.within(_all(Session)))


def _all(table: Any) -> Callable[[Unit], Awaitable[list[Any]]]:
    return lambda unit: unit.all(select(table))
