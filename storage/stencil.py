"""What follows for one person, to be copied for all to whom the same happens: an import decides once, not 500 times.

The first of them goes through the rules like anybody else, and what is written is noted. A copy has ids and sealed
words of its own; all else is the same, to the very moment.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, select

from storage.applications import Loaded
from storage.keys import Box
from storage.tables import ApplicationRow, EventRow, OutboxRow, TimerRow, Visit
from storage.unit import Unit, rows_of

Rows = dict[Table, list[dict[str, Any]]]
_COPIED = {ApplicationRow, Visit, EventRow, TimerRow, OutboxRow}
_TO_THEMSELVES = {"sms", "email"}  # the rungs of somebody who has no chat yet


class Noting(Unit):
    """A unit that remembers what it adds."""

    def __init__(self, unit: Unit) -> None:
        super().__init__(unit.connection, unit.ground, unit.now)
        self.members, self.load = unit.members, unit.load
        self.noted: Rows = {}

    def add(self, table: Table, **row: Any) -> None:
        """Insert a row at the next flush, and remember it."""
        self.noted.setdefault(table, []).append(row)
        super().add(table, **row)


@dataclass(frozen=True, slots=True)
class Copy:
    """Whom a copy is for: what differs from one to the next."""

    id: str
    candidate_id: str
    batch_id: str
    shop: str
    box: Box


@dataclass(frozen=True, slots=True)
class Stencil:
    """The rows of one application without what differs; sealed words lie beside their row, open."""

    application: Mapping[str, Any]
    visits: Sequence[Mapping[str, Any]]
    timers: Sequence[Mapping[str, Any]]
    events: Sequence[tuple[Mapping[str, Any], bytes]]
    messages: Sequence[tuple[Mapping[str, Any], str, bytes]]  # with the promise behind the application's id

    def stamp(self, rows: Rows, copy: Copy, new_id: Callable[[], str], **own: Any) -> None:
        """Add the rows of one more application to `rows`; `own` are further columns of the application."""
        id, candidate_id, seal = copy.id, copy.candidate_id, copy.box.seal
        there = {"application_id": id, "batch_id": copy.batch_id, "shop": copy.shop}
        application = {"id": id, "candidate_id": candidate_id, "batch_id": copy.batch_id, "shop": copy.shop}
        rows[ApplicationRow].append({**self.application, **application, **own})
        rows[Visit] += [{**visit, **there} for visit in self.visits]
        rows[TimerRow] += [{**timer, "application_id": id} for timer in self.timers]
        for event, data in self.events:
            new = new_id()
            rows[EventRow].append({**event, "id": new, "application_id": id, "data": seal(data, f"events.data:{new}")})
        for message, promised, values in self.messages:
            new = new_id()
            changed = {"id": new, "promise": f"{id}{promised}", "application_id": id, "candidate_id": candidate_id}
            rows[OutboxRow].append({**message, **changed, "values": seal(values, f"outbox.values:{new}")})


async def stencil_of(unit: Noting, loaded: Loaded) -> Stencil | None:
    """
    What was written of this application, for copying; None when others may not get the same.

    Everything about it must have been added by `unit`, and be saved. What goes to members depends on the shop.
    """
    noted, id = unit.noted, loaded.id
    messages = noted.get(OutboxRow, [])
    if not noted.keys() <= _COPIED or not {row["rung"] for row in messages} <= _TO_THEMSELVES:
        return None
    (application,) = noted[ApplicationRow]
    open_ = loaded.box.open
    # When a visit was left is written after it was added.
    visits = rows_of(await unit.connection.execute(select(Visit).where(Visit.c.application_id == id)))
    return Stencil(
        application,
        visits,
        noted.get(TimerRow, []),
        [(row, open_(row["data"], f"events.data:{row['id']}")) for row in noted.get(EventRow, [])],
        [
            (row, row["promise"].removeprefix(id), open_(row["values"], f"outbox.values:{row['id']}"))
            for row in messages
        ],
    )
