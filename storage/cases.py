"""Whom an alert counts: one case for each application that was due, with what may tell why it was missed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, select

from recruiting.causes import Case, Delivery
from recruiting.model import Purpose
from recruiting.process import StageKind
from storage import new_links, rates, reports
from storage.applications import Loaded, load
from storage.tables import Candidate, FollowUpRow, OutboxRow, Visit
from storage.unit import Unit

MOST = 5_000  # cases that are looked at; more tell nothing new
CHUNK = 400
PREFIX = 3  # digits of a mainland number that tell the carrier
_BEST = {"accepted": Delivery.ACCEPTED, "delivered": Delivery.DELIVERED, "failed": Delivery.FAILED}
_RANK = [Delivery.NONE, Delivery.FAILED, Delivery.ACCEPTED, Delivery.DELIVERED]


@dataclass(frozen=True, slots=True)
class Due:
    """One application that an alert counts, and the case it makes."""

    loaded: Loaded
    case: Case


async def of_alert(
    unit: Unit,
    batch_id: str,
    process_id: str,
    rate: str,
    stage: str | None,
    after: timedelta,
    until: datetime,
    standard_link: str | None,
) -> list[Due]:
    """The applications that the rate counts as due, newest invites last. `standard_link`: where invites lead to."""
    rows = await _counted(unit, batch_id, process_id, rate, stage, after, until)
    instead = await new_links.known(unit, batch_id, process_id, stage or "")
    found: list[Due] = []
    for start in range(0, len(rows), CHUNK):
        found += await _cases(unit, rows[start : start + CHUNK], stage, instead, standard_link)
    return found


async def _counted(
    unit: Unit, batch_id: str, process_id: str, rate: str, stage: str | None, after: timedelta, until: datetime
) -> Sequence[Mapping[str, Any]]:
    if rate == "delivery_failure":
        tried = rates.tried(batch_id, process_id, stage, after, until)
        missed = case((tried.c.status == "failed", 1), else_=0).label("missed")
        columns = (tried.c.application_id, tried.c.rung.label("channel"), missed, tried.c.tried_at.label("invited_at"))
        statement = select(*columns).where(tried.c.last == 1).order_by(tried.c.tried_at)
    else:
        where, missed = rates.visited(batch_id, process_id, rate, stage, after, until)
        columns = (Visit.c.application_id, Visit.c.channel, missed.label("missed"), Visit.c.invited_at)
        statement = select(*columns).where(*where).order_by(Visit.c.invited_at)
    rows = await unit.all(statement.limit(MOST))
    return list({row["application_id"]: row for row in rows}.values())


async def _cases(
    unit: Unit, rows: Sequence[Mapping[str, Any]], stage: str | None, instead: str, standard_link: str | None
) -> list[Due]:
    ids = [row["application_id"] for row in rows]
    loaded = await load(unit, ids)
    people = await reports.contacts(unit, loaded.values())
    delivered = await _delivered(unit, ids)
    wrong = await _wrong_numbers(unit, [one.candidate_id for one in loaded.values()])
    said = await _said(unit, ids)
    found = []
    for row in rows:
        one = loaded.get(row["application_id"])
        if one is None:
            continue
        state = one.application
        watched = state.process.stage(stage) if stage is not None else None
        outside = watched is not None and watched.kind is StageKind.INTERVIEW
        moved_on = stage is not None and state.stage != stage  # what they did there is no longer in their state
        invited = row["invited_at"]
        case = Case(
            missed=bool(row["missed"]),
            shop=one.shop,
            channel=row["channel"] or "",
            phone_prefix=_prefix(people[one.candidate_id].phone),
            invite_hour=invited.astimezone(unit.ground.timezone).hour if invited else None,
            locale=one.locale if one.locale in _SPOKEN else "",
            link=(instead or watched.link or standard_link or "") if watched is not None and outside else "",
            delivery=delivered.get(one.id, Delivery.NONE),
            number_wrong=one.candidate_id in wrong or "not_me" in said.get(one.id, ()),
            clicked=moved_on or state.clicked_at is not None or state.participated_at is not None,
            started=moved_on or state.participated_at is not None or state.uploaded_at is not None,
            told_broken="broken_link" in said.get(one.id, ()),
        )
        found.append(Due(one, case))
    return found


_SPOKEN = frozenset({"zh-CN", "en", "ja"})  # languages that the catalogue can name


def _prefix(phone: str | None) -> str:
    national = (phone or "").removeprefix("+86")
    return national[:PREFIX] if national.isdecimal() and phone and phone.startswith("+86") else ""


async def _delivered(unit: Unit, ids: Sequence[str]) -> dict[str, Delivery]:
    """How far each one's invite came, on the best of its rungs."""
    statement = select(OutboxRow.c.application_id, OutboxRow.c.status).where(
        OutboxRow.c.application_id.in_(ids), OutboxRow.c.purpose == Purpose.INVITE.value
    )
    found: dict[str, Delivery] = {}
    for row in await unit.all(statement):
        outcome = _BEST.get(row["status"], Delivery.NONE)
        found[row["application_id"]] = max(found.get(row["application_id"], Delivery.NONE), outcome, key=_RANK.index)
    return found


async def _said(unit: Unit, ids: Sequence[str]) -> dict[str, set[str]]:
    """The reasons that people gave with one tap: each became a cause of a follow-up."""
    statement = select(FollowUpRow.c.application_id, FollowUpRow.c.causes).where(FollowUpRow.c.application_id.in_(ids))
    said: dict[str, set[str]] = {}
    for row in await unit.all(statement):
        said.setdefault(row["application_id"], set()).update(row["causes"])
    return said


async def _wrong_numbers(unit: Unit, candidates: Sequence[str]) -> set[str]:
    statement = select(Candidate.c.id).where(Candidate.c.id.in_(candidates), Candidate.c.sms_failed_at.is_not(None))
    return {row["id"] for row in await unit.all(statement)}
