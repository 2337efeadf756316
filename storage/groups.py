"""HR's groups: those of the configuration, and those that an administrator made HR's in the chat."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import delete, select

from recruiting.chat import Person
from recruiting.model import Purpose
from storage.keys import Box
from storage.owed import owe
from storage.tables import HrGroup, OutboxRow
from storage.types import random_id
from storage.unit import Unit, rows_of


@dataclass(frozen=True, slots=True)
class Group:
    """One group of HR's. `id` is None where the configuration names it; without shops it is told all that is left."""

    person: Person
    id: str | None = None
    name: str = ""
    shops: tuple[str, ...] = ()


async def everyone(unit: Unit) -> Sequence[Group]:
    """All groups, the configured ones first; read once a unit."""
    if unit.groups is None:
        configured = [Group(person) for person in unit.ground.groups]
        # Without a flush: this is asked in the middle of writing an application whose own row comes later.
        found = await unit.connection.execute(select(HrGroup).order_by(HrGroup.c.created_at))
        added = [_group(unit, row) for row in rows_of(found)]
        known = {group.person for group in configured}
        unit.groups = [*configured, *(group for group in added if group.person not in known)]
    return unit.groups


def _group(unit: Unit, row: Mapping[str, Any]) -> Group:
    account = unit.ground.keyring.staff.open_text(row["account"], f"hr_groups.account:{row['id']}")
    return Group(Person(row["surface"], account), row["id"], row["name"], tuple(row["shops"]))


async def concerned(unit: Unit, shop: str = "") -> Sequence[Group]:
    """Who is told about this shop: the groups that have it, else those that have no shops of their own."""
    groups = await everyone(unit)
    return [g for g in groups if shop and shop in g.shops] or [g for g in groups if not g.shops]


async def find(unit: Unit, surface: str, id: str | None) -> Group | None:
    """The group that a message was made for; None when it has been removed since."""
    return next((g for g in await everyone(unit) if g.person.surface == surface and g.id == id), None)


async def of_message(unit: Unit, message_id: str | None) -> Group | None:
    """The group that a message was sent to; None when it went to a person, or the group is HR's no more."""
    columns = (OutboxRow.c.rung, OutboxRow.c.surface, OutboxRow.c.conversation_id)
    row = await unit.one(select(*columns).where(OutboxRow.c.id == (message_id or "")))
    if row is None or row["rung"] != "group" or row["surface"] is None:
        return None
    return await find(unit, row["surface"], row["conversation_id"])


async def is_ours(unit: Unit, person: Person) -> bool:
    """Whether this group is HR's."""
    return any(group.person == person for group in await everyone(unit))


async def add(unit: Unit, name: str, person: Person, shops: Sequence[str] = ()) -> str:
    """Make a group HR's, or change the one of that account; its id."""
    for group in await everyone(unit):
        if group.person == person and group.id is not None:
            await unit.set(HrGroup, {"id": group.id}, name=name, shops=list(shops))
            unit.groups = None
            return group.id
    id = random_id()
    account = unit.ground.keyring.staff.seal(person.account, f"hr_groups.account:{id}")
    unit.add(HrGroup, id=id, name=name, surface=person.surface, account=account, shops=list(shops), created_at=unit.now)
    await unit.flush()
    unit.groups = None
    return id


async def remove(unit: Unit, name: str) -> bool:
    """Take a group away. False: none that was added has this name."""
    removed = await unit.run(delete(HrGroup).where(HrGroup.c.name == name))
    unit.groups = None
    return removed > 0


async def owe_groups(
    unit: Unit,
    box: Box,
    *,
    promise: str,
    purpose: Purpose,
    text: str,
    values: Mapping[str, Any],
    start: str = "",
    shop: str = "",
    candidate_id: str | None = None,
    application_id: str | None = None,
    stage: str = "",
    visit: int = 0,
    prompted: bool = True,
    day: date | None = None,
) -> None:
    """Owe HR's groups a message, each its own row: one that can't be reached holds up no other.

    Where there is no group at all, the row says so when it is tried.
    """
    for number, group in enumerate(await concerned(unit, shop) or [None]):
        owe(
            unit,
            box,
            # The first keeps the plain promise, so that one more group repeats nothing.
            promise=promise if number == 0 or group is None else f"{promise}@{group.id or group.person.surface}",
            rung="group",
            start=start,
            purpose=purpose,
            text=text,
            values=values,
            candidate_id=candidate_id,
            application_id=application_id,
            surface=group.person.surface if group else None,
            conversation_id=group.id if group else None,
            stage=stage,
            visit=visit,
            prompted=prompted,
            day=day,
        )
