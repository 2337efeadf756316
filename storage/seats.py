"""Seats in meeting slots: a seat is one place at one shop at one time, and never taken twice."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, tzinfo
from itertools import zip_longest
from typing import Any

from sqlalchemy import delete, select

from recruiting.course import unmet
from recruiting.model import Status
from storage.applications import Loaded
from storage.tables import ApplicationRow, Seat
from storage.unit import Unit

SHOWN = 8  # 微信客服 takes ten tappable items a menu; two are kept for other wishes


async def free(unit: Unit, loaded: Loaded) -> list[datetime]:
    """When the application's meeting can be booked now, without its own slot: aware, UTC, in order."""
    slots = loaded.application.now_in.slots
    starts = slots.starts(unit.now, unit.ground.timezone) if slots else []
    if slots is None or not starts:
        return []
    taken = Counter(row["start_at"] for row in await _others(unit, loaded, starts[0], starts[-1]) if _holds(row))
    application = loaded.application
    return [
        start
        for start in starts
        if taken[start] < slots.capacity
        and start != application.meeting
        and unmet(application, application.now_in, start) is None  # the certificate must last until then
    ]


def shut(unit: Unit, loaded: Loaded) -> datetime | None:
    """The first slot that only a closed gate keeps from them, or None: then there is no slot at all."""
    application = loaded.application
    slots = application.now_in.slots
    starts = slots.starts(unit.now, unit.ground.timezone) if slots else []
    return next((start for start in starts if unmet(application, application.now_in, start) is not None), None)


async def take(unit: Unit, loaded: Loaded, start: datetime) -> bool:
    """Take a seat at `start` and give the old one back; False, and nothing changed, when none is free."""
    await unit.ground.database.lock(unit.connection, f"seats:{loaded.shop}:{start.isoformat()}")
    if start not in await free(unit, loaded):
        return False
    await release(unit, loaded.id)
    others = await _others(unit, loaded, start, start)
    await _clear(unit, [row["application_id"] for row in others if not _holds(row)])
    held = {row["seat"] for row in others if _holds(row)}
    number = next(number for number in range(len(held) + 1) if number not in held)
    unit.add(Seat, shop=loaded.shop, start_at=start, seat=number, application_id=loaded.id)
    await unit.flush()
    return True


def spread(starts: Sequence[datetime], timezone: tzinfo, count: int = SHOWN) -> list[datetime]:
    """Choose at most `count` slots over as many days as there are, in order of time."""
    by_day: dict[date, list[datetime]] = {}
    for start in starts:
        by_day.setdefault(start.astimezone(timezone).date(), []).append(start)
    rounds = zip_longest(*by_day.values())  # the first of each day, the second of each day, ...
    return sorted([start for each in rounds for start in each if start is not None][:count])


async def release(unit: Unit, application_id: str) -> None:
    """Give the application's seat back, if it has one."""
    await unit.run(delete(Seat).where(Seat.c.application_id == application_id))


async def _others(unit: Unit, loaded: Loaded, first: datetime, last: datetime) -> list[Mapping[str, Any]]:
    statement = (
        select(Seat, ApplicationRow.c.status, ApplicationRow.c.state)
        .join(ApplicationRow, ApplicationRow.c.id == Seat.c.application_id)
        .where(Seat.c.shop == loaded.shop, Seat.c.start_at >= first, Seat.c.start_at <= last)
        .where(Seat.c.application_id != loaded.id)
    )
    return await unit.all(statement)


def _holds(row: Mapping[str, Any]) -> bool:
    """Whether somebody still means to sit there: an ended or sent-back application gives its seat up."""
    meeting = row["state"].get("meeting")
    return (
        row["status"] == Status.OPEN.value
        and meeting is not None
        and datetime.fromisoformat(meeting) == row["start_at"]
    )


async def _clear(unit: Unit, applications: Sequence[str]) -> None:
    if applications:
        await unit.run(delete(Seat).where(Seat.c.application_id.in_(applications)))
