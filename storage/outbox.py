"""Promises to send: claim what is due, note what became of it.

A row is marked as sending, and that committed, before its request goes out.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import bindparam, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from recruiting.ladder import next_rung
from recruiting.model import Purpose, Unreachable
from recruiting.outgoing import ANSWER_FRESH
from recruiting.process import Rung
from storage.applications import Loaded, load_one
from storage.apply import take
from storage.changing import change_many
from storage.groups import owe_groups
from storage.tables import SENDS, WAITS, OutboxRow, Sending
from storage.types import UtcDateTime, random_id
from storage.unit import Unit, rows_of

_DUE = (
    select(OutboxRow)
    .where(
        WAITS,
        OutboxRow.c.due_at <= bindparam("now", type_=UtcDateTime()),
        OutboxRow.c.leader_id.is_(None),  # what was joined goes with its leader
    )
    .order_by(OutboxRow.c.due_at, OutboxRow.c.created_at)
    .limit(bindparam("limit"))
)
_UNTRIED: dict[str, Any] = dict.fromkeys(
    (
        "surface",
        "conversation_id",
        "frozen",
        "tried_at",
        "sending_at",
        "accepted_at",
        "platform_id",
        "card",
        "leader_id",
        "reason",
    )
)
_UNDER_WAY = frozenset({Sending.WAITING.value, Sending.SENDING.value})
EARLIEST = select(func.min(OutboxRow.c.due_at)).where(WAITS, OutboxRow.c.leader_id.is_(None))


async def earliest(connection: AsyncConnection) -> datetime | None:
    """When the next message is due: aware, UTC; None when none waits."""
    moment: datetime | None = (await connection.execute(EARLIEST)).scalar_one()
    return moment


async def due(unit: Unit, limit: int) -> list[Mapping[str, Any]]:
    """Messages that wait and are due, oldest first, each candidate under their lock until the transaction ends.

    A candidate whose lock somebody else holds is left for the next sweep.
    """
    statement = _DUE if unit.ground.database.dialect == "sqlite" else _DUE.with_for_update(skip_locked=True)
    return await _ours(unit, rows_of(await unit.connection.execute(statement, {"now": unit.now, "limit": limit})))


async def _ours(unit: Unit, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those rows whose candidate nobody else acts on; from here on nobody can. Waiting for them could block both."""
    mine = await unit.ground.database.try_locks(unit.connection, _locks(rows))
    return [row for row in rows if row["candidate_id"] is None or _lock(row) in mine]


def _lock(row: Mapping[str, Any]) -> str:
    return f"candidate:{row['candidate_id']}"


def _locks(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    return {_lock(row) for row in rows if row["candidate_id"] is not None}


async def lock_candidates(unit: Unit, rows: Iterable[Mapping[str, Any]]) -> None:
    """Let nobody else act on the people of these messages. To be called before anything is read."""
    await unit.ground.database.locks(unit.connection, _locks(rows))


async def stuck(unit: Unit, before: datetime) -> list[Mapping[str, Any]]:
    """Messages whose try began before this moment and never ended, each candidate under their lock: the process died
    in between. What somebody else acts on is left for the next look.
    """
    interrupted = SENDS & (OutboxRow.c.sending_at < before) & OutboxRow.c.leader_id.is_(None)
    statement = select(OutboxRow).where(interrupted)
    if unit.ground.database.dialect != "sqlite":
        statement = statement.with_for_update(skip_locked=True)
    return await _ours(unit, await unit.all(statement))


async def followers(unit: Unit, leaders: Collection[str]) -> dict[str, list[Mapping[str, Any]]]:
    """What was joined to these messages at their first try, by leader: it shares their fate."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    if leaders:
        led = select(OutboxRow).where(OutboxRow.c.leader_id.in_(list(leaders))).order_by(OutboxRow.c.created_at)
        for row in await unit.all(led):
            if row["status"] not in _UNDER_WAY:  # asked here, lest a planner reads all that waits
                continue
            found.setdefault(row["leader_id"], []).append(row)
    return found


async def release(unit: Unit, leaders: Collection[str]) -> None:
    """These messages do not go out as they were joined: what was to go with them goes by itself."""
    ids = [row["id"] for led in (await followers(unit, leaders)).values() for row in led]
    if ids:
        alone = {"leader_id": None, "status": "waiting", "tries": 0, "due_at": unit.now}
        await unit.run(update(OutboxRow).where(OutboxRow.c.id.in_(ids)).values(**alone))


def _by_id(*columns: str) -> Any:
    """Change a row that has not come to its end: a report of a failure may be quicker than the answer itself."""
    values: dict[str, Any] = {column: bindparam(f"b_{column}") for column in columns}
    under_way = or_(OutboxRow.c.status == Sending.WAITING.value, OutboxRow.c.status == Sending.SENDING.value)
    return update(OutboxRow).where(OutboxRow.c.id == bindparam("b_id"), under_way).values(**values)


_SENDING = _by_id(
    "status", "rung", "surface", "conversation_id", "frozen", "tries", "tried_at", "sending_at", "leader_id"
)
_LATER = _by_id("status", "due_at", "reason")
_ENDED = _by_id("status", "reason", "accepted_at", "platform_id", "card")


async def mark_sending(unit: Unit, rows: Sequence[Mapping[str, Any]]) -> None:
    """The tries begin now: commit this before the requests go out."""
    await _many(
        unit,
        _SENDING,
        [
            {
                "b_id": row["id"],
                "b_status": "sending",
                "b_rung": row["rung"],
                "b_surface": row["surface"],
                "b_conversation_id": row["conversation_id"],
                "b_frozen": row["frozen"],
                "b_tries": row["tries"] + 1,
                "b_tried_at": row["tried_at"] or unit.now,
                "b_sending_at": unit.now,
                "b_leader_id": row["leader_id"],
            }
            for row in rows
        ],
    )


async def put_off(unit: Unit, rows: Sequence[tuple[Mapping[str, Any], datetime, str]]) -> None:
    """Not now: (row, when, why)."""
    await _many(
        unit,
        _LATER,
        [{"b_id": row["id"], "b_status": "waiting", "b_due_at": at, "b_reason": why[:300]} for row, at, why in rows],
    )


async def end(unit: Unit, rows: Sequence[tuple[Mapping[str, Any], Sending, str, str, str]]) -> None:
    """The message has come to an end on its rung: (row, status, reason, platform's id, card handle)."""
    await _many(
        unit,
        _ENDED,
        [
            {
                "b_id": row["id"],
                "b_status": status.value,
                "b_reason": reason[:300] or None,
                "b_accepted_at": unit.now if status is Sending.ACCEPTED else None,
                # A name of its own is kept; where the other side goes by ours, the row has it already.
                "b_platform_id": (platform_id[:300] or None) if platform_id != row["id"] else None,
                "b_card": card[:300] or None,
            }
            for row, status, reason, platform_id, card in rows
        ],
    )


async def _many(unit: Unit, statement: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        await unit.flush()
        await change_many(unit.connection, statement, rows)


async def by_id(unit: Unit, id: str) -> Mapping[str, Any] | None:
    """One message, or None."""
    return await unit.one(select(OutboxRow).where(OutboxRow.c.id == id))


async def step_down(unit: Unit, row: Mapping[str, Any], reason: str) -> None:
    """A rung failed for good: owe the same on the next one. The last rung is a person."""
    loaded = await load_one(unit, row["application_id"]) if row["application_id"] else None
    if loaded is None or row["rung"] not in ("chat", "sms", "email"):
        return
    await step_down_loaded(unit, loaded, row, reason)


async def step_down_loaded(unit: Unit, loaded: Loaded, row: Mapping[str, Any], reason: str) -> None:
    """As `step_down`, with the application at hand."""
    failed = Rung(row["rung"])
    rung = next_rung(loaded.application.process.ladder, failed, loaded.application.person.reachable - {failed})
    if rung is None or rung is Rung.FOLLOW_UP:
        cause = row["promise"].rpartition("/")[2]
        await take(unit, loaded, Unreachable(cause, row["stage"], row["visit"], reason))
        return
    id = random_id()
    values = loaded.box.open(row["values"], f"outbox.values:{row['id']}")
    fresh: dict[str, Any] = {
        "id": id,
        "rung": rung.value,
        "start": "stepped",
        "prompted": row["prompted"] and unit.now - row["created_at"] <= ANSWER_FRESH,
        "values": loaded.box.seal(values, f"outbox.values:{id}"),
        "day": None,
        "candidate_id": loaded.candidate_id,
        "status": "waiting",
        "tries": 0,
        "due_at": unit.now,
        "created_at": unit.now,
        **_UNTRIED,
    }
    unit.add(OutboxRow, **(dict(row) | fresh))
    await unit.flush()


async def hand_to_group(unit: Unit, loaded: Loaded, row: Mapping[str, Any]) -> None:
    """A member cannot be reached: HR's group gets the same."""
    values = loaded.box.open(row["values"], f"outbox.values:{row['id']}")
    await owe_groups(
        unit,
        loaded.box,
        promise=row["promise"],
        start="stepped",
        purpose=Purpose(row["purpose"]),
        text=row["text"],
        values=orjson.loads(values),
        shop=loaded.shop,
        candidate_id=row["candidate_id"],
        application_id=row["application_id"],
        stage=row["stage"],
        visit=row["visit"],
        prompted=row["prompted"],
    )
    await unit.flush()
