"""Read-only queries: what the API, the candidate's page and the metrics show. Nothing here changes a row."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from recruiting.decide import decide
from recruiting.model import Application, Event, EventType, TimerDue
from recruiting.process import Alert, Process, Rate
from recruiting.rates import Counts, counted_until, wilson
from storage import members, rates
from storage.applications import Loaded
from storage.tables import (
    SENDS,
    WAITS,
    ApplicationRow,
    Batch,
    Candidate,
    Document,
    EventRow,
    FollowUpRow,
    Incoming,
    OutboxRow,
    TimerRow,
    Visit,
    Watch,
)
from storage.unit import Unit

# Notes that the rules make for themselves; to everybody outside they say nothing.
INTERNAL = frozenset({EventType.STAGE_BEGUN, EventType.NUDGE_SKIPPED, EventType.REPLIED})
TO_CANDIDATES = ("chat", "sms", "email", "none")
Place = tuple[datetime, str]  # where a page of a list ended: a moment, and the id of the last item

# --- applications ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Contact:
    """How a person is called and reached."""

    name: str
    phone: str | None
    email: str | None


@dataclass(frozen=True, slots=True)
class Next:
    """What happens next with an open application: timer, follow_up, deadline or message."""

    what: str
    due: datetime
    owner: str | None = None


async def listed(
    unit: Unit,
    *,
    batch: str | None,
    stage: str | None,
    status: str | None,
    shops: Sequence[str],
    after: Place | None,
    limit: int,
) -> list[str]:
    """The ids of applications, newest first, from `after` on. No shops = all; an erased candidate's are left out."""
    where: list[Any] = [Candidate.c.key.is_not(None)]
    if batch is not None:
        where.append(Batch.c.name == batch)
    if stage is not None:
        where.append(ApplicationRow.c.stage == stage)
    if status is not None:
        where.append(ApplicationRow.c.status == status)
    if shops:
        where.append(ApplicationRow.c.shop.in_(list(shops)))
    if after is not None:
        where.append(_before(ApplicationRow.c.created_at, ApplicationRow.c.id, after))
    statement = (
        select(ApplicationRow.c.id)
        .join(Candidate, Candidate.c.id == ApplicationRow.c.candidate_id)
        .join(Batch, Batch.c.id == ApplicationRow.c.batch_id)
        .where(*where)
        .order_by(ApplicationRow.c.created_at.desc(), ApplicationRow.c.id.desc())
        .limit(limit)
    )
    return [row["id"] for row in await unit.all(statement)]


def _before(moment: Any, id: Any, place: Place) -> Any:
    at, last = place
    return or_(moment < at, and_(moment == at, id < last))


async def contacts(unit: Unit, found: Collection[Loaded]) -> dict[str, Contact]:
    """Names, phones and e-mail addresses, by candidate."""
    boxes = {loaded.candidate_id: loaded.box for loaded in found}
    if not boxes:
        return {}
    columns = select(Candidate.c.id, Candidate.c.name, Candidate.c.phone, Candidate.c.email)
    people = {}
    for row in await unit.all(columns.where(Candidate.c.id.in_(sorted(boxes)))):
        id, box = row["id"], boxes[row["id"]]
        opened = {
            column: box.open_text(row[column], f"candidates.{column}:{id}") if row[column] is not None else None
            for column in ("name", "phone", "email")
        }
        people[id] = Contact(opened["name"] or "", opened["phone"], opened["email"])
    return people


async def extras(unit: Unit, found: Collection[Loaded]) -> dict[str, dict[str, Any]]:
    """What an import knew beyond our own columns, by application; only those that have anything."""
    boxes = {loaded.id: loaded.box for loaded in found}
    statement = select(ApplicationRow.c.id, ApplicationRow.c.extra).where(
        ApplicationRow.c.id.in_(sorted(boxes)), ApplicationRow.c.extra.is_not(None)
    )
    return {
        row["id"]: orjson.loads(boxes[row["id"]].open(row["extra"], f"applications.extra:{row['id']}"))
        for row in (await unit.all(statement) if boxes else ())
    }


async def next_of(unit: Unit, found: Collection[Loaded]) -> dict[str, Next]:
    """What happens next with each application: the earliest of its timers, tasks and messages in the present visit."""
    states = {loaded.id: loaded.application for loaded in found if loaded.application.open}
    if not states:
        return {}
    ids = sorted(states)
    coming: list[tuple[Mapping[str, Any], str]] = []
    coming += [(row, "message") for row in await unit.all(_messages_waiting(ids))]
    coming += [(row, "follow_up") for row in await unit.all(_follow_ups_open(ids))]
    for row in await unit.all(_timers(ids)):
        coming.append((row, "deadline" if row["name"] == "deadline" else "timer"))
    earliest: dict[str, tuple[bool, datetime]] = {}
    following: dict[str, Next] = {}
    for row, what in coming:
        id, due = row["application_id"], row["due_at"]
        if (row["stage"], row["visit"]) != (states[id].stage, states[id].visit):
            continue
        place = (what == "timer" and _spent(states[id], row), due)  # what changes something comes first
        if id in earliest and earliest[id] <= place:
            continue
        owner = await members.by_id(unit, row["owner_id"]) if what == "follow_up" else None
        earliest[id], following[id] = place, Next(what, due, owner["name"] if owner else None)
    return following


def _spent(application: Application, timer: Mapping[str, Any]) -> bool:
    """Whether a timer, as things stand, finds nothing to do when its time comes: none is ever taken back."""
    return not decide(application, TimerDue(timer["name"], timer["stage"], timer["visit"]), timer["due_at"])


def _timers(ids: Sequence[str]) -> Any:
    columns = (TimerRow.c.application_id, TimerRow.c.stage, TimerRow.c.visit, TimerRow.c.name, TimerRow.c.due_at)
    return select(*columns).where(TimerRow.c.application_id.in_(ids))


def _follow_ups_open(ids: Sequence[str]) -> Any:
    return select(FollowUpRow).where(FollowUpRow.c.application_id.in_(ids), FollowUpRow.c.status == "open")


def _messages_waiting(ids: Sequence[str]) -> Any:
    columns = (OutboxRow.c.application_id, OutboxRow.c.stage, OutboxRow.c.visit, OutboxRow.c.due_at)
    return select(*columns).where(
        OutboxRow.c.application_id.in_(ids),
        OutboxRow.c.status.in_(["waiting", "sending"]),
        OutboxRow.c.rung.in_(TO_CANDIDATES),
    )


async def events(unit: Unit, loaded: Loaded) -> list[tuple[str, Event]]:
    """The history of an application as others may read it, oldest first: id and event."""
    statement = select(EventRow).where(EventRow.c.application_id == loaded.id).order_by(EventRow.c.seq)
    history = []
    for row in await unit.all(statement):
        type = EventType(row["type"])
        if type not in INTERNAL:
            data = orjson.loads(loaded.box.open(row["data"], f"events.data:{row['id']}"))
            history.append((row["id"], Event(type, row["at"], row["stage"], row["visit"], row["actor"], data)))
    return history


async def documents(unit: Unit, loaded: Loaded) -> list[Mapping[str, Any]]:
    """The documents of an application, oldest first; `why` is the reason of a refusal, in plain words."""
    statement = select(Document).where(Document.c.application_id == loaded.id)
    rows = await unit.all(statement.order_by(Document.c.uploaded_at, Document.c.id))
    return [dict(row) | {"why": _why(loaded, row)} for row in rows]


def _why(loaded: Loaded, row: Mapping[str, Any]) -> str:
    return loaded.box.open_text(row["reason"], f"documents.reason:{row['id']}") if row["reason"] else ""


async def messages(unit: Unit, loaded: Loaded) -> list[Mapping[str, Any]]:
    """What was owed to the candidate about this application, oldest first: `id`, `promise`, `rung`, `status`, `at`."""
    columns = (
        OutboxRow.c.id,
        OutboxRow.c.promise,
        OutboxRow.c.rung,
        OutboxRow.c.status,
        func.coalesce(OutboxRow.c.accepted_at, OutboxRow.c.tried_at, OutboxRow.c.created_at).label("at"),
    )
    statement = select(*columns).where(OutboxRow.c.application_id == loaded.id, OutboxRow.c.rung.in_(TO_CANDIDATES))
    return await unit.all(statement.order_by(OutboxRow.c.created_at, OutboxRow.c.id))


# --- follow-ups ------------------------------------------------------------------------------------------------------


async def follow_ups(
    unit: Unit, *, status: str | None, owner: str | None, shops: Sequence[str], after: Place | None, limit: int
) -> list[Mapping[str, Any]]:
    """Follow-ups, newest first, from `after` on. `owner` is a member's name; one who is none has no follow-ups."""
    where: list[Any] = []
    if status is not None:
        where.append(FollowUpRow.c.status == status)
    if owner is not None:
        member = await members.by_name(unit, owner)
        where.append(FollowUpRow.c.owner_id == (member["id"] if member else ""))
    if shops:
        where.append(FollowUpRow.c.shop.in_(list(shops)))
    if after is not None:
        where.append(_before(FollowUpRow.c.opened_at, FollowUpRow.c.id, after))
    statement = select(FollowUpRow).where(*where).order_by(FollowUpRow.c.opened_at.desc(), FollowUpRow.c.id.desc())
    return await unit.all(statement.limit(limit))


# --- rates -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RateShown:
    """One rate of a batch, or of a slice of it, with the interval in which the true rate lies with 95 %."""

    counts: Counts
    at: float | None  # the lowest threshold of any process; None: nobody is told about it
    alerting: bool

    @property
    def rate(self) -> float | None:
        """The share that missed it; None while nothing is due."""
        return float(self.counts.rate) if self.counts.rate is not None else None

    @property
    def interval(self) -> tuple[float, float]:
        """From where to where the true rate may lie."""
        return wilson(self.counts.missed, self.counts.due)


Rates = Mapping[str, RateShown]


@dataclass(frozen=True, slots=True)
class BatchShown:
    """A batch and its rates, as a whole, by shop and by channel."""

    name: str
    applications: int
    rates: Rates
    by_shop: Mapping[str, Rates]
    by_channel: Mapping[str, Rates]


class _Sum:
    """One rate, summed over the processes of a batch."""

    def __init__(self) -> None:
        self.whole = Counts(0, 0)
        self.shops: dict[str, Counts] = {}
        self.channels: dict[str, Counts] = {}
        self.at: float | None = None
        self.alerting = False

    def add(self, tally: rates.Tally, shops: Collection[str]) -> None:
        for shop, counts in tally.by_shop.items():
            if not shops or shop in shops:
                self.whole = _plus(self.whole, counts)
                self.shops[shop] = _plus(self.shops.get(shop), counts)
        for channel, counts in tally.by_channel.items():
            if channel:
                self.channels[channel] = _plus(self.channels.get(channel), counts)

    def shown(self) -> RateShown:
        return RateShown(self.whole, self.at, self.alerting)


def _plus(one: Counts | None, other: Counts) -> Counts:
    return other if one is None else Counts(one.due + other.due, one.missed + other.missed)


async def batch(unit: Unit, name: str, shops: Sequence[str]) -> BatchShown | None:
    """A batch with its rates, in these shops (none = all); None where there is none, or nothing of it lies there."""
    found = await unit.one(select(Batch.c.id).where(Batch.c.name == name))
    if found is None:
        return None
    id = found["id"]
    sizes = select(ApplicationRow.c.shop, func.count().label("count")).where(ApplicationRow.c.batch_id == id)
    by_shop = {row["shop"]: row["count"] for row in await unit.all(sizes.group_by(ApplicationRow.c.shop))}
    seen = {shop for shop in by_shop if not shops or shop in shops}
    if shops and not seen:
        return None
    sums = await _sums(unit, id, shops)
    # A channel's numbers are not kept by shop: who may see some shops only gets them where these are the whole batch.
    channels = {channel for total in sums.values() for channel in total.channels} if seen == set(by_shop) else set()
    return BatchShown(
        name,
        sum(by_shop[shop] for shop in seen),
        {rate: total.shown() for rate, total in sums.items()},
        {shop: _slice(sums, "shops", shop) for shop in sorted(seen)},
        {channel: _slice(sums, "channels", channel) for channel in sorted(channels)},
    )


def _slice(sums: Mapping[str, _Sum], kind: str, name: str) -> Rates:
    """A part's own numbers; alerts are about the whole batch."""
    return {
        rate: RateShown(getattr(total, kind).get(name, Counts(0, 0)), total.at, alerting=False)
        for rate, total in sums.items()
    }


async def _sums(unit: Unit, batch_id: str, shops: Sequence[str]) -> dict[str, _Sum]:
    sums = {rate.value: _Sum() for rate in Rate}
    first = await unit.one(select(func.min(Visit.c.invited_at).label("at")).where(Visit.c.batch_id == batch_id))
    watched = select(Watch.c.process_id, Watch.c.number).where(Watch.c.batch_id == batch_id, Watch.c.alerting.is_(True))
    alerting = {(row["process_id"], row["number"]) for row in await unit.all(watched)}
    followed = select(ApplicationRow.c.process_id).where(ApplicationRow.c.batch_id == batch_id).distinct()
    for row in await unit.all(followed):
        process = await rates.process_in(unit, batch_id, row["process_id"])
        for rate in Rate:
            total = sums[rate.value]
            alert = _lowest(process, rate)
            if alert is not None:
                total.at = alert.at if total.at is None else min(total.at, alert.at)
            numbers = [number for number, each in enumerate(process.alerts) if each.rate is rate]
            total.alerting |= any((process.id, number) in alerting for number in numbers)
            counted = alert or _unwatched(rate)
            await _count(unit, batch_id, process, counted, first["at"] if first else None, shops, total)
    return sums


def _lowest(process: Process, rate: Rate) -> Alert | None:
    return min((alert for alert in process.alerts if alert.rate is rate), key=lambda alert: alert.at, default=None)


def _unwatched(rate: Rate) -> Alert:
    """How a rate is counted about which nobody is told."""
    return Alert.model_validate({"rate": rate.value, "at": "100%"})


async def _count(
    unit: Unit,
    batch_id: str,
    process: Process,
    alert: Alert,
    first: datetime | None,
    shops: Sequence[str],
    total: _Sum,
) -> None:
    stage = process.watched_stage(alert)
    if stage is None and alert.rate in (Rate.NO_SHOW, Rate.CERTIFICATE_MISSING):
        return  # the process asks for no interview, or for no document
    until = counted_until(first, alert.after, unit.now) if first is not None and first <= unit.now else unit.now
    place = stage.id if stage else None
    tally = await rates.tally(unit, batch_id, process.id, alert.rate.value, place, alert.after, until)
    total.add(tally, shops)


# --- what came in, what waits ----------------------------------------------------------------------------------------


async def received_at(unit: Unit, key: str) -> datetime | None:
    """When something came in under this key, or None."""
    row = await unit.one(select(Incoming.c.received_at).where(Incoming.c.key == key))
    return row["received_at"] if row else None


async def backlog(connection: AsyncConnection, now: datetime) -> dict[str, int]:
    """How much of everything waits: numbers only."""
    asked = {
        "inbox_waiting": select(func.count()).select_from(Incoming).where(Incoming.c.status == "waiting"),
        "inbox_set_aside": select(func.count()).select_from(Incoming).where(Incoming.c.status == "failed"),
        "outbox_waiting": select(func.count()).select_from(OutboxRow).where(WAITS),
        "outbox_sending": select(func.count()).select_from(OutboxRow).where(SENDS),
        "timers_due": select(func.count()).select_from(TimerRow).where(TimerRow.c.due_at <= now),
        "follow_ups_open": select(func.count()).select_from(FollowUpRow).where(FollowUpRow.c.status == "open"),
        "documents_waiting": select(func.count()).select_from(Document).where(Document.c.status == "waiting"),
    }
    return {name: int((await connection.execute(statement)).scalar_one()) for name, statement in asked.items()}
