"""Where HR has put the thresholds of alerts in chat, in place of what the process files say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update

from recruiting.process import Process, Rate
from storage.applications import process_of
from storage.tables import ApplicationRow, ProcessVersion, Threshold, Watch
from storage.unit import Unit


@dataclass(frozen=True, slots=True)
class Line:
    """The threshold of one rate in one process: as it holds now."""

    process: Process
    rate: Rate
    at: float


async def laid_over(unit: Unit, process: Process) -> Process:
    """The process with the thresholds that hold now."""
    rows = await unit.all(select(Threshold).where(Threshold.c.process_id == process.id))
    at = {row["rate"]: row["at"] for row in rows}
    if not at:
        return process
    alerts = tuple(alert.model_copy(update={"at": at.get(alert.rate.value, alert.at)}) for alert in process.alerts)
    return process.model_copy(update={"alerts": alerts})


async def now(unit: Unit) -> Sequence[Line]:
    """Every threshold of every process that somebody is measured by, by rate; of several alerts the lowest."""
    lowest: dict[tuple[str, Rate], Line] = {}
    for process in await _processes(unit):
        for alert in (await laid_over(unit, process)).alerts:
            known = lowest.get((process.id, alert.rate))
            if known is None or alert.at < known.at:
                lowest[process.id, alert.rate] = Line(process, alert.rate, alert.at)
    rates = list(Rate)
    return sorted(lowest.values(), key=lambda line: (rates.index(line.rate), line.process.id))


async def change(unit: Unit, rate: Rate, at: float) -> Sequence[Line]:
    """Put a rate's threshold where `at` says, in every process that has one; what held before comes back.

    Running batches are looked at again at once.
    """
    before = [line for line in await now(unit) if line.rate is rate]
    rows = await unit.all(select(Threshold).where(Threshold.c.rate == rate.value))
    known = {row["process_id"]: row["at"] for row in rows}
    for line in before:
        values = {"at": at, "before": known.get(line.process.id), "changed_at": unit.now}
        key = {"process_id": line.process.id, "rate": rate.value}
        if line.process.id in known:
            await unit.set(Threshold, key, **values)
        else:
            unit.add(Threshold, **key, **values)
    await _look_again(unit, [line.process.id for line in before])
    return before


async def take_back(unit: Unit, rate: Rate, changed_at: datetime) -> bool:
    """Undo the change of that moment. False: it does not hold any more."""
    where = (Threshold.c.rate == rate.value) & (Threshold.c.changed_at == changed_at)
    rows = await unit.all(select(Threshold).where(where))
    for row in rows:
        await _restore(unit, row)
    await _look_again(unit, [row["process_id"] for row in rows])
    return bool(rows)


async def _restore(unit: Unit, row: Mapping[str, Any]) -> None:
    key = {"process_id": row["process_id"], "rate": row["rate"]}
    if row["before"] is None:
        here = (Threshold.c.process_id == row["process_id"]) & (Threshold.c.rate == row["rate"])
        await unit.run(delete(Threshold).where(here))
    else:
        await unit.set(Threshold, key, at=row["before"], before=None, changed_at=unit.now)


async def forget(unit: Unit, process_id: str) -> None:
    """The process was applied: from now on its file says where its thresholds are."""
    await unit.run(delete(Threshold).where(Threshold.c.process_id == process_id))
    await _look_again(unit, [process_id])


async def _processes(unit: Unit) -> list[Process]:
    """The newest version of each process that is current or that somebody still follows."""
    current = select(ProcessVersion.c.id, ProcessVersion.c.version).where(ProcessVersion.c.current.is_(True))
    followed = select(ApplicationRow.c.process_id.label("id"), ApplicationRow.c.process_version.label("version"))
    newest: dict[str, int] = {}
    for row in await unit.all(followed.where(ApplicationRow.c.status == "open").distinct()):
        newest[row["id"]] = max(row["version"], newest.get(row["id"], 0))
    for row in await unit.all(current):
        newest[row["id"]] = row["version"]
    return [await process_of(unit, id, version) for id, version in sorted(newest.items())]


async def _look_again(unit: Unit, processes: Sequence[str]) -> None:
    """Watches that are still being looked at are looked at now."""
    watched = Watch.c.process_id.in_(list(processes)) & Watch.c.next_at.is_not(None)
    await unit.run(update(Watch).where(watched).values(next_at=unit.now))
