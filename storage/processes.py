"""Process definitions as rows: every version stays, one of each process is current; applications keep theirs."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select

from recruiting.process import Process, overlaps
from storage import thresholds
from storage.applications import process_of
from storage.tables import ProcessVersion
from storage.unit import Unit


class Overlapping(Exception):
    """Two processes would name one position: `str()` is one line that says which."""


class NoEarlierVersion(Exception):
    """There is nothing to go back to: `str()` is one line."""


async def first_files(unit: Unit, processes: Sequence[Process]) -> bool:
    """Keep these as the first versions, unless there are processes already; whether that was so. Raises Overlapping."""
    await _lock(unit)
    if await unit.one(select(ProcessVersion.c.id).limit(1)):
        return False
    _refuse_overlaps(processes)
    for process in processes:
        _add(unit, process, 1)
    await unit.flush()
    return True


async def current(unit: Unit) -> list[tuple[Process, int]]:
    """The processes that new applications follow, each with its version, by id."""
    statement = select(ProcessVersion.c.id, ProcessVersion.c.version).where(ProcessVersion.c.current.is_(True))
    rows = await unit.all(statement.order_by(ProcessVersion.c.id))
    return [(await process_of(unit, row["id"], row["version"]), row["version"]) for row in rows]


async def history(unit: Unit, id: str) -> list[Mapping[str, Any]]:
    """All versions of one process, newest first: `version`, `current`, `applied_at`."""
    columns = (ProcessVersion.c.version, ProcessVersion.c.current, ProcessVersion.c.applied_at)
    return await unit.all(select(*columns).where(ProcessVersion.c.id == id).order_by(ProcessVersion.c.version.desc()))


async def apply(unit: Unit, process: Process) -> int:
    """
    Make this the current version, for applications that are opened from now on. Applying it again changes nothing but
    the thresholds that HR has set in chat: those of the file hold again.

    Returns:
        The version's number.

    Raises:
        Overlapping: Another process names one of its positions.
    """
    await _lock(unit)
    await thresholds.forget(unit, process.id)
    others = []
    for known, version in await current(unit):
        if known == process:
            return version
        if known.id != process.id:
            others.append(known)
    _refuse_overlaps([*others, process])
    statement = select(func.max(ProcessVersion.c.version).label("newest")).where(ProcessVersion.c.id == process.id)
    found = await unit.one(statement)
    version = int((found["newest"] if found else None) or 0) + 1
    await unit.set(ProcessVersion, {"id": process.id, "current": True}, current=False)
    _add(unit, process, version)
    await unit.flush()
    return version


async def rollback(unit: Unit, id: str) -> int:
    """Go back one version; its number. Raises NoEarlierVersion or Overlapping."""
    await _lock(unit)
    versions = await history(unit, id)
    now = next((row["version"] for row in versions if row["current"]), None)
    if now is None:
        raise NoEarlierVersion(f"there is no process {id}: `bulou process list` names them")
    before = next((row["version"] for row in versions if row["version"] < now), None)
    if before is None:
        raise NoEarlierVersion(f"{id}@{now} is the first version: there is nothing to go back to")
    others = [process for process, _ in await current(unit) if process.id != id]
    _refuse_overlaps([*others, await process_of(unit, id, before)])
    await thresholds.forget(unit, id)
    await unit.set(ProcessVersion, {"id": id, "version": now}, current=False)
    await unit.set(ProcessVersion, {"id": id, "version": before}, current=True)
    return int(before)


async def _lock(unit: Unit) -> None:
    await unit.ground.database.lock(unit.connection, "processes")


def _add(unit: Unit, process: Process, version: int) -> None:
    body = process.model_dump(mode="json", by_alias=True)
    unit.add(ProcessVersion, id=process.id, version=version, current=True, body=body, applied_at=unit.now)


def _refuse_overlaps(processes: Sequence[Process]) -> None:
    for position, first, second in overlaps(processes):
        raise Overlapping(f"the processes {first} and {second} both name the position {position}: take it out of one")
