"""What HR's groups are told at nine: who needs a person, what the bot settled by itself, how the batches fare."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from sqlalchemy import distinct, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from recruiting.model import EventType
from recruiting.process import Alert, Process, Rate
from recruiting.rates import Counts, counted_until
from storage import batches, followups, funnel, rates, reports
from storage.applications import Loaded, load
from storage.groups import Group
from storage.tables import ApplicationRow, Document, EventRow, FollowUpRow, OutboxRow, Visit, Watch
from storage.unit import Unit

LINES = 10  # people that one digest names
BATCHES = 5  # that a week's digest tells of
COUNTED = 20_000  # visits or follow-ups of which a median is taken
WEEK = timedelta(days=7)

# What the bot does by itself, by the event that says so.
_BY_ITSELF = {
    EventType.NUDGED: "reminded",
    EventType.REJECTED: "rejected",
    EventType.EXPIRED: "expired",
    EventType.FOLLOW_UP_DONE: "settled",
}
_DID_THEIR_PART = (EventType.COMPLETED, EventType.UPLOADED, EventType.BOOKED)
SETTLED = ("reminded", "came", "rejected", "expired", "settled")  # in the order in which they are told


@dataclass(frozen=True, slots=True)
class Task:
    """A follow-up that is due today or before."""

    row: Mapping[str, Any]
    loaded: Loaded
    name: str


@dataclass(frozen=True, slots=True)
class Today:
    """One morning's digest."""

    tasks: Sequence[Task]
    task_count: int
    documents: int
    settled: Mapping[str, int]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.task_count or self.documents or any(self.settled.values()))


@dataclass(frozen=True, slots=True)
class BatchWeek:
    """How one batch fares."""

    batch: batches.Found
    funnels: Sequence[funnel.Funnel]
    times: Mapping[tuple[str, str], float]  # process, stage -> seconds, the median of those who left it in this week
    rates: Sequence[tuple[Process, Alert, Counts]]
    first_contact: float | None = field(default=None)  # seconds, the median


async def shops_of(unit: Unit, group: Group, groups: Sequence[Group]) -> list[str] | None:
    """The shops that a group is told of: its own, or what no other group takes. Empty = all; None = none is left."""
    if group.shops:
        return list(group.shops)
    taken = {shop for other in groups for shop in other.shops}
    if not taken:
        return []
    rows = await unit.all(select(ApplicationRow.c.shop).distinct())
    return sorted({row["shop"] for row in rows} - taken) or None


async def promised(unit: Unit, promises: Collection[str]) -> set[str]:
    """Which of these promises have been made already."""
    rows = await unit.all(select(OutboxRow.c.promise).where(OutboxRow.c.promise.in_(list(promises))))
    return {row["promise"] for row in rows}


# --- each morning ----------------------------------------------------------------------------------------------------


async def today(unit: Unit, shops: Sequence[str], since: datetime, until: datetime) -> Today:
    """What is due before `until`, and what the bot has done by itself since `since`. No shops = all."""
    due = (FollowUpRow.c.status == "open") & (FollowUpRow.c.due_at < until)
    where = [due, FollowUpRow.c.shop.in_(list(shops))] if shops else [due]
    rows = await unit.all(select(FollowUpRow).where(*where).order_by(FollowUpRow.c.due_at).limit(LINES))
    count = await unit.one(select(func.count().label("many")).select_from(FollowUpRow).where(*where))
    found = await load(unit, {row["application_id"] for row in rows})
    people = await reports.contacts(unit, found.values())
    tasks = [
        Task(row, loaded, people[loaded.candidate_id].name)
        for row in rows
        if (loaded := found.get(row["application_id"])) is not None
    ]
    return Today(
        tasks, int(count["many"]) if count else 0, await _documents(unit, shops), await _settled(unit, shops, since)
    )


async def _documents(unit: Unit, shops: Sequence[str]) -> int:
    counted = (
        select(func.count().label("many"))
        .select_from(Document)
        .join(ApplicationRow, ApplicationRow.c.id == Document.c.application_id)
        .where(Document.c.status == "waiting", ApplicationRow.c.status == "open", *_in(shops))
    )
    row = await unit.one(counted)
    return int(row["many"]) if row else 0


async def _settled(unit: Unit, shops: Sequence[str], since: datetime) -> dict[str, int]:
    first = await _first_since(unit, since)
    ours = _in(shops)
    counted = (
        select(EventRow.c.type, func.count().label("many"))
        .join(ApplicationRow, ApplicationRow.c.id == EventRow.c.application_id)
        .where(
            EventRow.c.seq >= first,
            EventRow.c.actor == "rule",
            EventRow.c.type.in_([t.value for t in _BY_ITSELF]),
            *ours,
        )
        .group_by(EventRow.c.type)
    )
    done = {_BY_ITSELF[EventType(row["type"])]: int(row["many"]) for row in await unit.all(counted)}
    reminder = EventRow.alias()
    reminded = (
        select(reminder.c.seq)
        .where(
            reminder.c.application_id == EventRow.c.application_id,
            reminder.c.seq < EventRow.c.seq,
            reminder.c.type == EventType.NUDGED.value,
            reminder.c.stage == EventRow.c.stage,
        )
        .exists()
    )
    came = (
        select(func.count(distinct(EventRow.c.application_id)).label("many"))
        .join(ApplicationRow, ApplicationRow.c.id == EventRow.c.application_id)
        .where(EventRow.c.seq >= first, EventRow.c.type.in_([t.value for t in _DID_THEIR_PART]), reminded, *ours)
    )
    row = await unit.one(came)
    return {name: (int(row["many"]) if row else 0) if name == "came" else done.get(name, 0) for name in SETTLED}


async def _first_since(unit: Unit, moment: datetime) -> int:
    """The number of the first event since then: events are appended in time, so no index of times is needed."""
    top = await unit.one(select(func.max(EventRow.c.seq).label("seq")))
    low, high = 0, (top["seq"] or 0) + 1 if top else 1
    while low < high:
        middle = (low + high) // 2
        at = select(EventRow.c.seq, EventRow.c.at).where(EventRow.c.seq >= middle).order_by(EventRow.c.seq).limit(1)
        row = await unit.one(at)
        if row is not None and row["at"] < moment:
            low = row["seq"] + 1
        else:
            high = middle
    return low


def _in(shops: Sequence[str]) -> list[Any]:
    return [ApplicationRow.c.shop.in_(list(shops))] if shops else []


# --- each week -------------------------------------------------------------------------------------------------------


async def week(unit: Unit, shops: Sequence[str]) -> list[BatchWeek]:
    """How the newest batches fare that are still under way, or were a week ago."""
    since = unit.now - WEEK
    going = (ApplicationRow.c.status == "open") | (ApplicationRow.c.ended_at >= since)
    newest = select(ApplicationRow.c.batch_id, func.max(ApplicationRow.c.created_at).label("at")).where(
        going, *_in(shops)
    )
    rows = await unit.all(
        newest.group_by(ApplicationRow.c.batch_id).order_by(func.max(ApplicationRow.c.created_at).desc())
    )
    found = []
    for row in rows[:BATCHES]:
        batch = await batches.by_id(unit, row["batch_id"], shops)
        if batch is not None:
            found.append(await _week_of(unit, batch, shops, since))
    return found


async def _week_of(unit: Unit, batch: batches.Found, shops: Sequence[str], since: datetime) -> BatchWeek:
    contact = await followups.first_contact(unit.connection, since, batch_id=batch.id, shops=shops)
    return BatchWeek(
        batch,
        await funnel.of_batch(unit, batch.id, shops),
        await _times(unit, batch.id, shops, since),
        await _rates(unit, batch.id) if batch.whole else (),
        contact,
    )


async def _times(unit: Unit, batch_id: str, shops: Sequence[str], since: datetime) -> dict[tuple[str, str], float]:
    where = [Visit.c.batch_id == batch_id, Visit.c.left_at >= since, Visit.c.ended.is_(False)]
    if shops:
        where.append(Visit.c.shop.in_(list(shops)))
    columns = select(Visit.c.process_id, Visit.c.stage, Visit.c.entered_at, Visit.c.left_at)
    lengths: dict[tuple[str, str], list[float]] = {}
    for row in await unit.all(columns.where(*where).limit(COUNTED)):
        length = (row["left_at"] - row["entered_at"]).total_seconds()
        lengths.setdefault((row["process_id"], row["stage"]), []).append(length)
    return {place: median(found) for place, found in lengths.items()}


async def _rates(unit: Unit, batch_id: str) -> list[tuple[Process, Alert, Counts]]:
    """No-show and reply rates as they are, beside their thresholds."""
    found = []
    watches = await unit.all(
        select(Watch).where(Watch.c.batch_id == batch_id).order_by(Watch.c.process_id, Watch.c.number)
    )
    for watch in watches:
        process = await rates.process_in(unit, batch_id, watch["process_id"])
        if watch["number"] >= len(process.alerts):
            continue
        alert = process.alerts[watch["number"]]
        if alert.rate not in (Rate.NO_SHOW, Rate.NO_REPLY):
            continue
        stage = process.watched_stage(alert)
        until = counted_until(watch["first_at"], alert.after, unit.now)
        tally = await rates.tally(
            unit, batch_id, process.id, alert.rate.value, stage.id if stage else None, alert.after, until
        )
        if tally.due:
            found.append((process, alert, tally.counts))
    return found


async def contact_seconds(connection: AsyncConnection, now: datetime) -> float | None:
    """The median time until a person first tried to reach the candidate, in the last four weeks; None: nobody has."""
    return await followups.first_contact(connection, now - 4 * WEEK)
