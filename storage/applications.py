"""Applications: load them with what the rules must know of their person, save what has changed."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, func, literal_column, select, update

from recruiting.ladder import chat_open
from recruiting.model import Application, Standing, Status
from recruiting.process import Process, Rung
from storage.changing import change_many
from storage.conversations import windows
from storage.keys import Box
from storage.tables import ApplicationRow, Batch, Candidate, OutboxRow, ProcessVersion, Visit
from storage.types import UtcDateTime
from storage.unit import Unit, rows_of


def _itself(value: Any) -> Any:
    return value


# Each folded field of an application: how it is written as plain JSON, and how it is read.
_Turn = Callable[[Any], Any]
_MOMENT: tuple[_Turn, _Turn] = datetime.isoformat, datetime.fromisoformat
_PLAIN: tuple[_Turn, _Turn] = _itself, _itself
_MAP: tuple[_Turn, _Turn] = dict, _itself
_SET: tuple[_Turn, _Turn] = sorted, frozenset
_LIST: tuple[_Turn, _Turn] = list, tuple
_FOLDED: Mapping[str, tuple[_Turn, _Turn]] = {
    "entered_at": _MOMENT,
    "since": _MOMENT,
    "invited_at": _MOMENT,
    "clicked_at": _MOMENT,
    "participated_at": _MOMENT,
    "completed_at": _MOMENT,
    "replied_at": _MOMENT,
    "uploaded_at": _MOMENT,
    "decided_at": _MOMENT,
    "confirmed_at": _MOMENT,
    "meeting": _MOMENT,
    "imported": _PLAIN,
    "uploads": _PLAIN,
    "settled": _PLAIN,
    "revoked": _PLAIN,
    "moved": _PLAIN,
    "unanswered": _PLAIN,
    "gone": _PLAIN,
    "visits": _MAP,
    "scores": _MAP,
    "nudges": _MAP,
    "warned": _MAP,
    "read": _MAP,
    "passed": _SET,
    "waiting": _SET,
    "follow_up": _LIST,
    "calling": _LIST,
    "approvals": (
        lambda approvals: {stage: day.isoformat() for stage, day in approvals.items()},
        lambda approvals: {stage: date.fromisoformat(day) for stage, day in approvals.items()},
    ),
}


def to_state(application: Application) -> dict[str, Any]:
    """The folded part of an application as plain JSON values; what is empty is left out."""
    fields = vars(application)
    return {name: write(fields[name]) for name, (write, _) in _FOLDED.items() if fields[name]}


def from_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `to_state`: the fields of an application that are not empty."""
    return {name: _FOLDED[name][1](value) for name, value in state.items()}


@dataclass
class Loaded:
    """An application in an open unit. `application` moves on as events are recorded; `save` writes the difference."""

    application: Application
    candidate_id: str
    batch_id: str
    batch: str
    position: str
    shop: str
    owner_id: str | None
    locale: str
    box: Box
    created_at: datetime
    stored: Application
    paused: bool = False  # the batch: nothing is sent to its candidates but answers

    @property
    def id(self) -> str:
        """The application's id."""
        return self.application.id


_WITH_PERSON = (
    select(
        ApplicationRow,
        Batch.c.name.label("batch"),
        Batch.c.paused_at,
        Candidate.c.key,
        Candidate.c.locale,
        Candidate.c.opted_out_at,
        Candidate.c.phone.is_not(None).label("has_phone"),
        Candidate.c.email.is_not(None).label("has_email"),
        Candidate.c.sms_failed_at,
        Candidate.c.email_failed_at,
    )
    .join(Candidate, Candidate.c.id == ApplicationRow.c.candidate_id)
    .join(Batch, Batch.c.id == ApplicationRow.c.batch_id)
)
_BY_IDS = _WITH_PERSON.where(ApplicationRow.c.id.in_(bindparam("ids", expanding=True)))
_OF_CANDIDATES = _WITH_PERSON.where(ApplicationRow.c.candidate_id.in_(bindparam("ids", expanding=True)))
_SENT_TODAY = (
    select(OutboxRow.c.candidate_id, func.count())
    .where(
        OutboxRow.c.candidate_id.in_(bindparam("ids", expanding=True)),
        OutboxRow.c.purpose == literal_column("'nudge'"),  # as the index says it
        OutboxRow.c.created_at >= bindparam("midnight", type_=UtcDateTime()),
        OutboxRow.c.status != "skipped",
        OutboxRow.c.start != "stepped",
    )
    .group_by(OutboxRow.c.candidate_id)
)


async def load(unit: Unit, ids: Collection[str]) -> dict[str, Loaded]:
    """The applications with these ids; an erased candidate's are left out. Take the candidates' locks before."""
    return await _load(unit, _BY_IDS, ids)


async def load_one(unit: Unit, id: str) -> Loaded | None:
    """One application, or None."""
    return (await load(unit, [id])).get(id)


async def of_candidate(unit: Unit, candidate_id: str) -> list[Loaded]:
    """All applications of a person, newest first."""
    found = await _load(unit, _OF_CANDIDATES, [candidate_id])
    return sorted(found.values(), key=lambda loaded: loaded.created_at, reverse=True)


async def open_of(unit: Unit, candidate_id: str) -> list[Loaded]:
    """The open applications of a person, newest first."""
    return [loaded for loaded in await of_candidate(unit, candidate_id) if loaded.application.open]


async def _load(unit: Unit, statement: Any, ids: Collection[str]) -> dict[str, Loaded]:
    if not ids:
        return {}
    await unit.flush()
    rows = rows_of(await unit.connection.execute(statement, {"ids": list(ids)}))
    people = list({row["candidate_id"] for row in rows})
    chats = await windows(unit, people) if people else {}
    midnight = unit.ground.midnight(unit.now)
    sent: dict[str, int] = {}
    if people:
        counted = await unit.connection.execute(_SENT_TODAY, {"ids": people, "midnight": midnight})
        sent = {candidate: count for candidate, count in counted if candidate is not None}
    loaded: dict[str, Loaded] = {}
    for row in rows:
        if row["key"] is None:
            continue
        blank = await _blank(unit, row["process_id"], row["process_version"])
        person = Standing(
            reachable=_reachable(unit, row, chats),
            opted_out=row["opted_out_at"] is not None,
            sent_today=sent.get(row["candidate_id"], 0),
        )
        application = blank.but(
            id=row["id"],
            person=person,
            status=Status(row["status"]),
            stage=row["stage"],
            visit=row["visit"],
            ended_at=row["ended_at"],
            **from_state(row["state"]),
        )
        loaded[row["id"]] = Loaded(
            application=application,
            candidate_id=row["candidate_id"],
            batch_id=row["batch_id"],
            batch=row["batch"],
            position=row["position"],
            shop=row["shop"],
            owner_id=row["owner_id"],
            locale=row["locale"],
            box=unit.ground.keyring.unwrap(row["key"]),
            created_at=row["created_at"],
            stored=application,
            paused=row["paused_at"] is not None,
        )
    return loaded


async def _blank(unit: Unit, id: str, version: int) -> Application:
    """An application of this process to which nothing has happened: to copy it is cheaper than to make one."""
    ground = unit.ground
    known = ground.blanks.get((id, version))
    if known is None:
        process = await process_of(unit, id, version)
        known = ground.blanks[(id, version)] = Application("", process, ground.timezone, ground.office)
    return known


def _reachable(unit: Unit, row: Mapping[str, Any], chats: Mapping[str, Sequence[Any]]) -> frozenset[Rung]:
    """The rungs on which this person can be written to at this moment."""
    rungs: set[Rung] = set()
    if any(chat_open(window, unit.now) for window in chats.get(row["candidate_id"], ())):
        rungs.add(Rung.CHAT)
    if row["has_phone"] and row["sms_failed_at"] is None:
        rungs.add(Rung.SMS)
    if row["has_email"] and row["email_failed_at"] is None:
        rungs.add(Rung.EMAIL)
    return frozenset(rungs & unit.ground.channels)


async def process_of(unit: Unit, id: str, version: int) -> Process:
    """A process version; these never change, so each is read and parsed once."""
    known = unit.ground.processes.get((id, version))
    if known is None:
        statement = select(ProcessVersion.c.body).where(ProcessVersion.c.id == id, ProcessVersion.c.version == version)
        body = (await unit.connection.execute(statement)).scalar_one()
        known = unit.ground.processes[(id, version)] = Process.model_validate(body)
    return known


_SAVE = (
    update(ApplicationRow)
    .where(ApplicationRow.c.id == bindparam("b_id"))
    .values(
        status=bindparam("b_status"),
        stage=bindparam("b_stage"),
        visit=bindparam("b_visit"),
        state=bindparam("b_state"),
        ended_at=bindparam("b_ended_at"),
    )
)
_COUNT = (
    update(Visit)
    .where(
        Visit.c.application_id == bindparam("b_id"),
        Visit.c.stage == bindparam("b_stage"),
        Visit.c.visit == bindparam("b_visit"),
    )
    .values(
        channel=func.coalesce(bindparam("b_channel"), Visit.c.channel),
        invited_at=bindparam("b_invited_at"),
        participated_at=bindparam("b_participated_at"),
        replied_at=bindparam("b_replied_at"),
        uploaded_at=bindparam("b_uploaded_at"),
        left_at=bindparam("b_left_at"),
        ended=bindparam("b_ended"),
    )
)


async def save(unit: Unit, changed: Collection[Loaded], visits: Sequence[Mapping[str, Any]]) -> None:
    """Write the applications whose state has changed, and the counted moments of their visits."""
    rows = []
    for loaded in changed:
        application = loaded.application
        if application == loaded.stored:
            continue
        rows.append(
            {
                "b_id": application.id,
                "b_status": application.status.value,
                "b_stage": application.stage,
                "b_visit": application.visit,
                "b_state": to_state(application),
                "b_ended_at": application.ended_at,
            }
        )
        loaded.stored = application
    await unit.flush()
    if rows:
        await change_many(unit.connection, _SAVE, rows)
    if visits:
        await change_many(unit.connection, _COUNT, visits)


def counted(application: Application, channel: str | None, *, left_at: datetime | None, ended: bool) -> dict[str, Any]:
    """The row for `_COUNT` of the application's present visit."""
    return {
        "b_id": application.id,
        "b_stage": application.stage,
        "b_visit": application.visit,
        "b_channel": channel,
        "b_invited_at": application.invited_at,
        "b_participated_at": application.participated_at,
        "b_replied_at": application.replied_at or application.clicked_at or application.participated_at,
        "b_uploaded_at": application.uploaded_at,
        "b_left_at": left_at,
        "b_ended": ended,
    }
