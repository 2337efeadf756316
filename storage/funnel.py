"""The funnel of a batch: how many came to each stage, passed it, and are there now."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, func, select

from recruiting.process import Process, Stage
from storage import rates
from storage.tables import ApplicationRow, Visit
from storage.unit import Unit


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of the funnel, in people (applications)."""

    stage: Stage
    entered: int
    passed: int
    present: int


@dataclass(frozen=True, slots=True)
class Funnel:
    """One process's part of a batch."""

    process: Process
    applications: int
    hired: int
    steps: Sequence[Step]


async def of_batch(unit: Unit, batch_id: str, shops: Sequence[str]) -> list[Funnel]:
    """The funnels of a batch in these shops (none = all), a process each, the largest first."""
    where = [ApplicationRow.c.batch_id == batch_id]
    if shops:
        where.append(ApplicationRow.c.shop.in_(list(shops)))
    now: dict[str, dict[tuple[str, str], int]] = {}
    counted = select(
        ApplicationRow.c.process_id, ApplicationRow.c.status, ApplicationRow.c.stage, func.count().label("many")
    )
    grouped = counted.where(*where).group_by(
        ApplicationRow.c.process_id, ApplicationRow.c.status, ApplicationRow.c.stage
    )
    for row in await unit.all(grouped):
        now.setdefault(row["process_id"], {})[row["status"], row["stage"]] = row["many"]
    visited = await _visited(unit, [*where, Visit.c.batch_id == batch_id])  # by its own index
    found = []
    for process_id, here in now.items():
        process = await rates.process_in(unit, batch_id, process_id)
        hired = sum(many for (status, _), many in here.items() if status == "hired")
        steps = []
        for stage in process.stages:
            entered, passed = visited.get((process_id, stage.id), (0, 0))
            passed += here.get(("hired", stage.id), 0)
            steps.append(Step(stage, entered, passed, here.get(("open", stage.id), 0)))
        found.append(Funnel(process, sum(here.values()), hired, steps))
    return sorted(found, key=lambda funnel: (-funnel.applications, funnel.process.id))


async def _visited(unit: Unit, where: Sequence[Any]) -> dict[tuple[str, str], tuple[int, int]]:
    """How many entered and how many left upwards, by process and stage; who came twice counts once."""
    each = (
        select(
            Visit.c.process_id,
            Visit.c.stage,
            func.max(case((Visit.c.left_at.is_not(None) & Visit.c.ended.is_(False), 1), else_=0)).label("passed"),
        )
        .join(ApplicationRow, ApplicationRow.c.id == Visit.c.application_id)
        .where(*where)
        .group_by(Visit.c.application_id, Visit.c.process_id, Visit.c.stage)
        .subquery()
    )
    summed = select(each.c.process_id, each.c.stage, func.count().label("entered"), func.sum(each.c.passed).label("up"))
    rows = await unit.all(summed.group_by(each.c.process_id, each.c.stage))
    return {(row["process_id"], row["stage"]): (row["entered"], int(row["up"])) for row in rows}
