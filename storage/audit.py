"""What must never be, looked up on the live database: `recruiting.promises` says what that is."""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from recruiting.promises import Timer, violations
from storage import inbox, retention
from storage.applications import load
from storage.search import lock_candidate_of
from storage.tables import WAITS, ApplicationRow, FollowUpRow, OutboxRow, TimerRow
from storage.unit import Unit

PAGE = 500  # applications looked at together
DESTROYED_WITHIN = timedelta(hours=1)  # after its time is over a picture is gone
PATIENCE = timedelta(minutes=1)  # what is due for longer is stuck


async def doubtful(unit: Unit) -> AsyncIterator[str]:
    """
    Each open application for which something seems wrong, page by page, so that any number will do.

    While the server works, an application may change between two looks: `wrong_with` says what is really so.
    """
    last = ""
    while ids := [row["id"] for row in await unit.all(_page(last))]:
        last = ids[-1]
        found = await _violations(unit, ids)
        for id in ids:
            if id in found:
                yield id


async def wrong_with(unit: Unit, id: str) -> list[str]:
    """Everything that must never be about one application, looked at while nobody else may change it."""
    await lock_candidate_of(unit, id)
    return (await _violations(unit, [id])).get(id, [])


async def stuck(unit: Unit) -> list[str]:
    """What should long have been done, a line for each kind."""
    found = []
    if aside := await inbox.set_aside(unit):
        found.append(f"{aside} received messages could not be handled and were set aside")
    late = unit.now - PATIENCE
    for count, what in (
        (select(func.count()).select_from(TimerRow).where(TimerRow.c.due_at <= late), "timers"),
        (_waiting(late), "messages"),
    ):
        if number := int((await unit.connection.execute(count)).scalar_one()):
            found.append(f"{number} {what} have been due for over a minute: is the server running?")
    if pictures := await retention.overdue(unit, unit.now - DESTROYED_WITHIN):
        found.append(f"{pictures} pictures should have been destroyed over an hour ago and are still there")
    return found


async def _violations(unit: Unit, ids: Sequence[str]) -> dict[str, list[str]]:
    timers, follow_ups, loaded = await _timers(unit, ids), await _follow_ups(unit, ids), await load(unit, ids)
    found = {
        id: violations(one.application, timers.get(id, ()), follow_ups.get(id, ()))
        for id, one in loaded.items()
        if one.application.open or not one.application.stage
    }
    return {id: wrong for id, wrong in found.items() if wrong}


def _page(after: str) -> Any:
    where = (ApplicationRow.c.status == "open") & (ApplicationRow.c.id > after)
    return select(ApplicationRow.c.id).where(where).order_by(ApplicationRow.c.id).limit(PAGE)


def _waiting(late: datetime) -> Any:
    where = WAITS & (OutboxRow.c.due_at <= late)
    return select(func.count()).select_from(OutboxRow).where(where, OutboxRow.c.leader_id.is_(None))


async def _timers(unit: Unit, ids: Collection[str]) -> dict[str, list[Timer]]:
    columns = (TimerRow.c.application_id, TimerRow.c.name, TimerRow.c.stage, TimerRow.c.visit)
    found: dict[str, list[Timer]] = {}
    for row in await unit.all(select(*columns).where(TimerRow.c.application_id.in_(ids))):
        found.setdefault(row["application_id"], []).append((row["name"], row["stage"], row["visit"]))
    return found


async def _follow_ups(unit: Unit, ids: Sequence[str]) -> dict[str, list[str]]:
    where = FollowUpRow.c.application_id.in_(ids) & (FollowUpRow.c.status == "open")
    found: dict[str, list[str]] = {}
    for row in await unit.all(select(FollowUpRow.c.application_id, FollowUpRow.c.stage).where(where)):
        found.setdefault(row["application_id"], []).append(row["stage"])
    return found
