"""Counting for rates, per batch and process: how many were due, how many of these missed it, by shop and channel."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, and_, case, delete, func, literal, not_, select, type_coerce, update
from sqlalchemy.ext.asyncio import AsyncConnection

from recruiting.process import Process
from recruiting.rates import Counts
from storage import thresholds
from storage.applications import process_of
from storage.tables import ApplicationRow, Batch, OutboxRow, ProcessVersion, RateChange, Visit, Watch
from storage.types import EPOCH, UtcDateTime
from storage.unit import Unit

RUNGS = ("chat", "sms", "email")  # by which candidates are written to


@dataclass(slots=True)
class Tally:
    """One rate of one batch: the whole, and its slices."""

    due: int = 0
    missed: int = 0
    by_shop: dict[str, Counts] = field(default_factory=dict)
    by_channel: dict[str, Counts] = field(default_factory=dict)

    @property
    def counts(self) -> Counts:
        """The whole."""
        return Counts(self.due, self.missed)

    def add(self, shop: str, channel: str, due: int, missed: int) -> None:
        """Take a slice in."""
        self.due += due
        self.missed += missed
        for slices, name in ((self.by_shop, shop), (self.by_channel, channel)):
            before = slices.get(name, Counts(0, 0))
            slices[name] = Counts(before.due + due, before.missed + missed)


async def tally(
    unit: Unit, batch_id: str, process_id: str, rate: str, stage: str | None, after: timedelta, until: datetime
) -> Tally:
    """Count one rate. `stage` None = all stages; due is whose moment lies `after` or more before `until`."""
    found = Tally()
    count = _delivery if rate == "delivery_failure" else _visits
    for shop, channel, due, missed in await count(unit, batch_id, process_id, rate, stage, after, until):
        found.add(shop or "", channel or "", int(due), int(missed or 0))
    return found


async def _visits(
    unit: Unit, batch_id: str, process_id: str, rate: str, stage: str | None, after: timedelta, until: datetime
) -> Any:
    where, missed = visited(batch_id, process_id, rate, stage, after, until)
    statement = select(Visit.c.shop, Visit.c.channel, func.count(), func.sum(missed)).where(*where)
    await unit.flush()
    return await unit.connection.execute(statement.group_by(Visit.c.shop, Visit.c.channel))


def visited(
    batch_id: str, process_id: str, rate: str, stage: str | None, after: timedelta, until: datetime
) -> tuple[list[Any], Any]:
    """Which visits a rate counts as due, and (1 or 0) whether one of them was missed."""
    moment = Visit.c.entered_at if rate == "certificate_missing" else Visit.c.invited_at
    done = {
        "no_show": Visit.c.participated_at,
        "no_reply": Visit.c.replied_at,
        "certificate_missing": Visit.c.uploaded_at,
    }[rate]
    ended_early = and_(
        Visit.c.ended.is_(True),
        type_coerce(Visit.c.left_at, BigInteger) < type_coerce(moment, BigInteger) + _length(after),
    )
    where = [
        Visit.c.batch_id == batch_id,
        Visit.c.process_id == process_id,
        moment.is_not(None),
        moment <= until - after,
        not_(and_(ended_early, done.is_(None))),
    ]
    if stage is not None:
        where.append(Visit.c.stage == stage)
    if rate == "certificate_missing":  # seen on paper: there is no upload, but the stage was passed
        passed = and_(Visit.c.left_at.is_not(None), Visit.c.ended.is_(False))
        return where, case((and_(done.is_(None), not_(passed)), 1), else_=0)
    return where, case((done.is_(None), 1), else_=0)


def _length(after: timedelta) -> Any:
    """A duration in the unit in which moments are kept: whole microseconds."""
    return literal(after // timedelta(microseconds=1), BigInteger)


async def _delivery(
    unit: Unit, batch_id: str, process_id: str, rate: str, stage: str | None, after: timedelta, until: datetime
) -> Any:
    found = tried(batch_id, process_id, stage, after, until)
    missed = func.sum(case((found.c.status == "failed", 1), else_=0))
    statement = select(found.c.shop, found.c.rung, func.count(), missed).where(found.c.last == 1)
    await unit.flush()
    return await unit.connection.execute(statement.group_by(found.c.shop, found.c.rung))


def tried(batch_id: str, process_id: str, stage: str | None, after: timedelta, until: datetime) -> Any:
    """Messages that were tried, each promise once with `last` = 1: on the last rung that was tried."""
    last = (
        func.row_number().over(partition_by=OutboxRow.c.promise, order_by=OutboxRow.c.created_at.desc()).label("last")
    )
    where = [
        ApplicationRow.c.batch_id == batch_id,
        ApplicationRow.c.process_id == process_id,
        OutboxRow.c.rung.in_(RUNGS),
        OutboxRow.c.tried_at.is_not(None),
        OutboxRow.c.tried_at <= until - after,
    ]
    if stage is not None:
        where.append(OutboxRow.c.stage == stage)
    columns = (
        OutboxRow.c.application_id,
        ApplicationRow.c.shop,
        OutboxRow.c.rung,
        OutboxRow.c.status,
        OutboxRow.c.tried_at,
    )
    return (
        select(*columns, last)
        .join(ApplicationRow, ApplicationRow.c.id == OutboxRow.c.application_id)
        .where(*where)
        .subquery()
    )


# --- watches: when to look next ----------------------------------------------------------------------------------


NEWS = select(literal(EPOCH, UtcDateTime())).select_from(RateChange).limit(1)  # any change is due at once
EARLIEST = select(func.min(Watch.c.next_at))


async def anything_new(connection: AsyncConnection) -> bool:
    """Whether turns have told of changes that no watch has seen."""
    return (await connection.execute(NEWS)).first() is not None


async def earliest(connection: AsyncConnection) -> datetime | None:
    """When the next watch is to be looked at."""
    moment: datetime | None = (await connection.execute(EARLIEST)).scalar_one()
    return moment


async def fold(unit: Unit, limit: int) -> int:
    """Take the changes in: batches in which something happened are watched from now on. How many there were."""
    rows = await unit.all(select(RateChange).order_by(RateChange.c.seq).limit(limit))
    if not rows:
        return 0
    await unit.run(delete(RateChange).where(RateChange.c.seq.in_([row["seq"] for row in rows])))
    for batch_id in {row["batch_id"] for row in rows}:
        await _watch(unit, batch_id)
    return len(rows)


async def _watch(unit: Unit, batch_id: str) -> None:
    """Make or wake the watches of a batch: one for each alert of each process in it."""
    known = {
        (row["process_id"], row["number"]): row
        for row in await unit.all(select(Watch).where(Watch.c.batch_id == batch_id))
    }
    versions = await _followed(unit, batch_id)
    first = await _first_invite(unit, batch_id, {stage.id for process in versions for stage in process.stages})
    if first is None:  # where nobody could be invited, a failed try is news above all
        first = min((row["first_at"] for row in known.values()), default=None) or await _first_failure(unit, batch_id)
    if first is None:
        return
    for process in {process.id: process for process in versions}.values():
        for number in range(len(process.alerts)):
            watch = known.get((process.id, number))
            if watch is None:
                unit.add(
                    Watch,
                    batch_id=batch_id,
                    process_id=process.id,
                    number=number,
                    first_at=first,
                    next_at=unit.now,
                    alerting=False,
                    told_rate=None,
                    level=0,
                )
            elif watch["next_at"] is None or watch["first_at"] != first:
                await set_watch(unit, watch, next_at=unit.now, first_at=first)


async def _followed(unit: Unit, batch_id: str) -> list[Process]:
    """The processes that applications of the batch follow, each version, the newest last. The versions are few: one
    look into an index each, however many applications there are.
    """
    following = select(ApplicationRow.c.shop).where(
        ApplicationRow.c.batch_id == batch_id,
        ApplicationRow.c.process_id == ProcessVersion.c.id,
        ApplicationRow.c.process_version == ProcessVersion.c.version,
    )
    versions = select(ProcessVersion.c.id, ProcessVersion.c.version).where(following.exists())
    rows = await unit.all(versions.order_by(ProcessVersion.c.version))
    return [await process_of(unit, row["id"], row["version"]) for row in rows]


async def _first_invite(unit: Unit, batch_id: str, stages: Collection[str]) -> datetime | None:
    """The batch's first invite: the first of each stage, because these stand first in an index."""
    here = select(func.min(Visit.c.invited_at)).where(Visit.c.batch_id == batch_id)
    firsts = [here.where(Visit.c.stage == stage).scalar_subquery() for stage in sorted(stages)]
    row = await unit.one(select(*(first.label(f"at{number}") for number, first in enumerate(firsts)))) if firsts else {}
    return min((at for at in (row or {}).values() if at is not None), default=None)


async def _first_failure(unit: Unit, batch_id: str) -> datetime | None:
    """The batch's first try that failed."""
    failed = (
        select(func.min(OutboxRow.c.tried_at).label("at"))
        .join(ApplicationRow, ApplicationRow.c.id == OutboxRow.c.application_id)
        .where(ApplicationRow.c.batch_id == batch_id, OutboxRow.c.status == "failed", OutboxRow.c.rung.in_(RUNGS))
    )
    row = await unit.one(failed)
    return row["at"] if row is not None else None


async def due(unit: Unit, limit: int) -> list[Mapping[str, Any]]:
    """The watches to look at now, with the batch's name."""
    statement = (
        select(Watch, Batch.c.name, Batch.c.muted_until)
        .join(Batch, Batch.c.id == Watch.c.batch_id)
        .where(Watch.c.next_at <= unit.now)
        .order_by(Watch.c.next_at)
        .limit(limit)
    )
    return await unit.all(statement)


async def set_watch(unit: Unit, watch: Mapping[str, Any], **values: Any) -> None:
    """Change a watch."""
    key = {name: watch[name] for name in ("batch_id", "process_id", "number")}
    statement = update(Watch).values(**values)
    for column, value in key.items():
        statement = statement.where(Watch.c[column] == value)
    await unit.run(statement)


async def still_open(unit: Unit, batch_id: str) -> bool:
    """Whether anything in the batch can still change a rate."""
    where = (ApplicationRow.c.batch_id == batch_id) & (ApplicationRow.c.status == "open")
    return await unit.one(select(ApplicationRow.c.id).where(where).limit(1)) is not None


async def process_in(unit: Unit, batch_id: str, process_id: str) -> Process:
    """The newest version of a process that applications of the batch follow, with the thresholds that HR has set."""
    where = (ApplicationRow.c.batch_id == batch_id) & (ApplicationRow.c.process_id == process_id)
    row = await unit.one(select(func.max(ApplicationRow.c.process_version).label("version")).where(where))
    assert row is not None
    return await thresholds.laid_over(unit, await process_of(unit, process_id, row["version"]))
