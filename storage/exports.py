"""What leaves the house as a table: candidates, funnels, messages, the audit log, all that is kept about one person.

Everything comes in parts of some hundred rows, read by an index, so that a million candidates cost no more memory than
a thousand; what is sealed is opened in a thread.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import orjson
from sqlalchemy import Table, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage import batches, funnel
from storage.applications import load, process_of
from storage.keys import Box
from storage.reports import TO_CANDIDATES, contacts, documents, events, extras, messages
from storage.search import by_phone
from storage.tables import (
    ApplicationRow,
    Batch,
    Candidate,
    Consent,
    Conversation,
    Member,
    OutboxRow,
    Trail,
)
from storage.unit import Ground, Unit, rows_of

PART = 500
BATCHES = 10_000

# What each table's columns are called; the contract names those of `messages` and `audit`.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "candidates": (
        "id",
        "candidate",
        "name",
        "phone",
        "email",
        "position",
        "shop",
        "batch",
        "locale",
        "stage",
        "status",
        "recruiter",
        "scores",
        "extra",
        "created_at",
        "ended_at",
    ),
    "funnel": ("batch", "process", "stage", "entered", "passed", "present"),
    "messages": ("id", "candidate", "cause", "channel", "status", "at", "reason"),
    "audit": ("at", "actor", "action", "subject", "detail"),
    "person": ("about", "id", "at", "what", "detail"),
}

Cell: TypeAlias = str | int | float | datetime | Mapping[str, Any] | None
Row: TypeAlias = tuple[Cell, ...]
Rows: TypeAlias = AsyncIterator[list[Row]]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be exported: of all batches or one, in these shops (none = all). `words` say a stage in a language."""

    kind: str
    batch_id: str = ""
    shops: Sequence[str] = ()
    stage: Callable[[Mapping[str, str]], str] | None = None  # None: stages and processes by their ids


async def batch_named(unit: Unit, name: str) -> str | None:
    """The id of the batch of exactly this name, or None."""
    row = await unit.one(select(Batch.c.id).where(Batch.c.name == name))
    return str(row["id"]) if row else None


def rows(ground: Ground, now: datetime, wish: Wish) -> Rows:
    """The rows of a table, part by part, oldest first."""
    match wish.kind:
        case "candidates":
            return _candidates(ground, now, wish)
        case "messages":
            return _messages(ground, now, wish)
        case "funnel":
            return _funnel(ground, now, wish)
        case _:
            return _audit(ground)


# --- applications ----------------------------------------------------------------------------------------------------


def _in(wish: Wish) -> list[Any]:
    where: list[Any] = []
    if wish.batch_id:
        where.append(ApplicationRow.c.batch_id == wish.batch_id)
    if wish.shops:
        where.append(ApplicationRow.c.shop.in_(list(wish.shops)))
    return where


async def _ids(ground: Ground, wish: Wish) -> AsyncIterator[list[str]]:
    """The ids of the applications, part by part, oldest first."""
    if wish.batch_id:  # a batch is bounded, and its index knows no order
        inside = (
            select(ApplicationRow.c.id).where(*_in(wish)).order_by(ApplicationRow.c.created_at, ApplicationRow.c.id)
        )
        async with ground.database.reading() as connection:
            found = [id for (id,) in await connection.execute(inside)]
        for start in range(0, len(found), PART):
            yield found[start : start + PART]
        return
    after: tuple[datetime, str] | None = None
    columns = select(ApplicationRow.c.id, ApplicationRow.c.created_at).where(*_in(wish))
    while True:
        statement = columns.order_by(ApplicationRow.c.created_at, ApplicationRow.c.id).limit(PART)
        if after is not None:
            statement = statement.where(_behind(after))
        async with ground.database.reading() as connection:
            part = [(id, at) for id, at in await connection.execute(statement)]
        if not part:
            return
        after = part[-1][1], part[-1][0]
        yield [id for id, _ in part]


def _behind(after: tuple[datetime, str]) -> Any:
    at, id = after
    same = and_(ApplicationRow.c.created_at == at, ApplicationRow.c.id > id)
    return or_(ApplicationRow.c.created_at > at, same)


_CANDIDATES = (
    select(
        ApplicationRow.c.id,
        ApplicationRow.c.candidate_id,
        ApplicationRow.c.position,
        ApplicationRow.c.shop,
        ApplicationRow.c.process_id,
        ApplicationRow.c.process_version,
        ApplicationRow.c.status,
        ApplicationRow.c.stage,
        ApplicationRow.c.state,
        ApplicationRow.c.extra,
        ApplicationRow.c.created_at,
        ApplicationRow.c.ended_at,
        Batch.c.name.label("batch"),
        Candidate.c.key,
        Candidate.c.name,
        Candidate.c.phone,
        Candidate.c.email,
        Candidate.c.locale,
        Member.c.name.label("recruiter"),
    )
    .join(Batch, Batch.c.id == ApplicationRow.c.batch_id)
    .join(Candidate, Candidate.c.id == ApplicationRow.c.candidate_id)
    .outerjoin(Member, Member.c.id == ApplicationRow.c.owner_id)
    .where(Candidate.c.key.is_not(None))
    .order_by(ApplicationRow.c.created_at, ApplicationRow.c.id)
)


async def _candidates(ground: Ground, now: datetime, wish: Wish) -> Rows:
    async for ids in _ids(ground, wish):
        async with ground.database.reading() as connection:
            found = rows_of(await connection.execute(_CANDIDATES.where(ApplicationRow.c.id.in_(ids))))
            stages = await _stages(Unit(connection, ground, now), found, wish)
        boxes = [ground.keyring.unwrap(row["key"]) for row in found]
        yield await asyncio.to_thread(_open_candidates, found, boxes, stages)


async def _stages(unit: Unit, found: Sequence[Mapping[str, Any]], wish: Wish) -> dict[tuple[str, int, str], str]:
    """How the stages are called to whoever reads it."""
    named: dict[tuple[str, int, str], str] = {}
    if wish.stage is None:
        return named
    for row in found:
        place = row["process_id"], row["process_version"], row["stage"]
        if place not in named:
            process = await process_of(unit, row["process_id"], row["process_version"])
            named[place] = wish.stage(process.stage(row["stage"]).name)
    return named


def _open_candidates(
    found: Sequence[Mapping[str, Any]], boxes: Sequence[Box], stages: Mapping[tuple[str, int, str], str]
) -> list[Row]:
    opened: list[Row] = []
    for row, box in zip(found, boxes, strict=True):
        person = row["candidate_id"]
        name, phone, email = (_text(box, row, column, person) for column in ("name", "phone", "email"))
        extra = orjson.loads(box.open(row["extra"], f"applications.extra:{row['id']}")) if row["extra"] else {}
        opened.append(
            (
                row["id"],
                person,
                name,
                phone,
                email,
                row["position"],
                row["shop"],
                row["batch"],
                row["locale"],
                stages.get((row["process_id"], row["process_version"], row["stage"]), row["stage"]),
                row["status"],
                row["recruiter"] or "",
                row["state"].get("scores", {}),
                extra,
                row["created_at"],
                row["ended_at"],
            )
        )
    return opened


def _text(box: Box, row: Mapping[str, Any], column: str, person: str) -> str:
    sealed = row[column]
    return box.open_text(sealed, f"candidates.{column}:{person}") if sealed is not None else ""


# --- messages --------------------------------------------------------------------------------------------------------

_MESSAGES = select(
    OutboxRow.c.id,
    OutboxRow.c.candidate_id,
    OutboxRow.c.promise,
    OutboxRow.c.rung,
    OutboxRow.c.status,
    func.coalesce(OutboxRow.c.accepted_at, OutboxRow.c.tried_at, OutboxRow.c.created_at).label("at"),
    OutboxRow.c.reason,
)


async def _messages(ground: Ground, now: datetime, wish: Wish) -> Rows:
    """What was owed to candidates about their applications, application by application."""
    async for ids in _ids(ground, wish):
        where = OutboxRow.c.application_id.in_(ids), OutboxRow.c.rung.in_(TO_CANDIDATES)
        statement = _MESSAGES.where(*where).order_by(OutboxRow.c.application_id, OutboxRow.c.created_at, OutboxRow.c.id)
        async with ground.database.reading() as connection:
            found = (await connection.execute(statement)).all()
        yield [
            (id, person, promise, rung, status, at, reason or "")
            for id, person, promise, rung, status, at, reason in found
        ]


# --- funnels ---------------------------------------------------------------------------------------------------------


async def _funnel(ground: Ground, now: datetime, wish: Wish) -> Rows:
    """One batch after the other, the newest first: a line for each stage of each process."""
    async with ground.database.reading() as connection:
        unit = Unit(connection, ground, now)
        if wish.batch_id:
            one = await batches.by_id(unit, wish.batch_id, wish.shops)
            found = [one] if one is not None else []
        else:
            found = await batches.newest(unit, wish.shops, BATCHES)
    for batch in found:
        async with ground.database.reading() as connection:
            funnels = await funnel.of_batch(Unit(connection, ground, now), batch.id, wish.shops)
        yield [
            (batch.name, _said(wish, each.process.name, each.process.id), *_step(wish, step))
            for each in funnels
            for step in each.steps
        ]


def _step(wish: Wish, step: funnel.Step) -> Row:
    return _said(wish, step.stage.name, step.stage.id), step.entered, step.passed, step.present


def _said(wish: Wish, name: Mapping[str, str], id: str) -> str:
    return wish.stage(name) if wish.stage is not None else id


# --- the audit log ---------------------------------------------------------------------------------------------------


async def _audit(ground: Ground) -> Rows:
    after = 0
    while True:
        statement = select(Trail).where(Trail.c.seq > after).order_by(Trail.c.seq).limit(PART)
        async with ground.database.reading() as connection:
            found = rows_of(await connection.execute(statement))
        if not found:
            return
        after = found[-1]["seq"]
        yield [(row["at"], row["actor"], row["action"], row["subject"], row["detail"]) for row in found]


# --- one person ------------------------------------------------------------------------------------------------------


async def people(unit: Unit, words: str) -> list[str]:
    """The candidates that a candidate's id, an application's id or a phone (E.164) means; at most two."""
    found = set()
    if phone := await by_phone(unit, words):
        found.add(phone)
    by_id = select(Candidate.c.id).where(Candidate.c.id == words, Candidate.c.key.is_not(None))
    of_application = select(ApplicationRow.c.candidate_id.label("id")).where(ApplicationRow.c.id == words)
    for statement in (by_id, of_application):
        found |= {row["id"] for row in await unit.all(statement)}
    return sorted(found)[:2]


async def person(connection: AsyncConnection, ground: Ground, now: datetime, candidate_id: str) -> dict[str, Any]:
    """All that is kept about one candidate, as they may ask for it (个人信息保护法 Art. 45)."""
    unit = Unit(connection, ground, now)
    row = await unit.one(select(Candidate).where(Candidate.c.id == candidate_id))
    if row is None or row["key"] is None:
        return {}
    ids = [
        each["id"]
        for each in await unit.all(
            select(ApplicationRow.c.id)
            .where(ApplicationRow.c.candidate_id == candidate_id)
            .order_by(ApplicationRow.c.created_at)
        )
    ]
    found = await load(unit, ids)
    contact = (await contacts(unit, found.values()))[candidate_id]
    more = await extras(unit, found.values())
    return {
        "id": candidate_id,
        "name": contact.name,
        "phone": contact.phone,
        "email": contact.email,
        "locale": row["locale"],
        "created_at": row["created_at"],
        "opted_out_at": row["opted_out_at"],
        "consents": [_plain(each) for each in await unit.all(_of(Consent, candidate_id))],
        "conversations": [
            {"surface": each["surface"], "account": each["account"], "bound_at": each["bound_at"]}
            for each in await unit.all(_of(Conversation, candidate_id))
        ],
        "applications": [await _application(unit, found[id], more.get(id, {})) for id in ids if id in found],
    }


async def _application(unit: Unit, loaded: Any, extra: Mapping[str, Any]) -> dict[str, Any]:
    application = loaded.application
    return {
        "id": loaded.id,
        "position": loaded.position,
        "shop": loaded.shop,
        "batch": loaded.batch,
        "stage": application.stage,
        "status": application.status.value,
        "created_at": loaded.created_at,
        "scores": dict(application.scores),
        "extra": dict(extra),
        "events": [
            {
                "id": id,
                "type": event.type.value,
                "at": event.at,
                "stage": event.stage,
                "actor": event.actor,
                "data": dict(event.data),
            }
            for id, event in await events(unit, loaded)
        ],
        "documents": [
            {name: row[name] for name in ("id", "stage", "status", "uploaded_at", "decided_at", "expires_on", "why")}
            for row in await documents(unit, loaded)
        ],
        "messages": [
            {"id": row["id"], "cause": row["promise"], "channel": row["rung"], "status": row["status"], "at": row["at"]}
            for row in await messages(unit, loaded)
        ],
    }


def _of(table: Table, candidate_id: str) -> Any:
    return select(table).where(table.c.candidate_id == candidate_id)


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("candidate_id", "text_digest")}


def person_rows(told: Mapping[str, Any]) -> list[Row]:
    """The same as lines of a table: what it is about, when, what, and the rest as JSON."""
    nested = ("consents", "conversations", "applications")
    lines: list[Row] = [("candidate", told["id"], told["created_at"], "candidate", _json(told, nested))]
    for consent in told["consents"]:
        lines.append(("consent", "", consent["asked_at"], consent["purpose"], _json(consent)))
    for conversation in told["conversations"]:
        lines.append(("conversation", "", conversation["bound_at"], conversation["surface"], conversation["account"]))
    for application in told["applications"]:
        inner = ("events", "documents", "messages")
        lines.append(
            (
                "application",
                application["id"],
                application["created_at"],
                application["status"],
                _json(application, inner),
            )
        )
        lines += [("event", e["id"], e["at"], e["type"], _json(e)) for e in application["events"]]
        lines += [("document", d["id"], d["uploaded_at"], d["status"], _json(d)) for d in application["documents"]]
        lines += [("message", m["id"], m["at"], m["cause"], _json(m)) for m in application["messages"]]
    return lines


def _json(whole: Mapping[str, Any], but: Sequence[str] = ()) -> str:
    return orjson.dumps({name: value for name, value in whole.items() if name not in but}).decode()
