"""Where a batch's interview takes place instead, since the address in its process died."""

from datetime import datetime

from sqlalchemy import delete, select

from storage.applications import Loaded
from storage.tables import NewLink
from storage.unit import Unit


async def of(unit: Unit, loaded: Loaded) -> str:
    """The address that holds in place of the process's at an application's present stage; empty: none does."""
    application = loaded.application
    return await known(unit, loaded.batch_id, application.process.id, application.stage)


async def known(unit: Unit, batch_id: str, process: str, stage: str) -> str:
    """The address that holds in a batch for a stage of a process; empty: the process's own does."""
    where = (NewLink.c.batch_id == batch_id) & (NewLink.c.process_id == process) & (NewLink.c.stage == stage)
    row = await unit.one(select(NewLink.c.link).where(where))
    return row["link"] if row else ""


async def put(unit: Unit, batch_id: str, process: str, stage: str, link: str, *, by: str) -> str:
    """Let an address hold from now on; the one that held before, or nothing."""
    before = await known(unit, batch_id, process, stage)
    key = {"batch_id": batch_id, "process_id": process, "stage": stage}
    if before:
        await unit.set(NewLink, key, link=link, before=before, by=by, at=unit.now)
    else:
        unit.add(NewLink, **key, link=link, before="", by=by, at=unit.now)
        await unit.flush()
    return before


async def take_back(unit: Unit, batch_id: str, process: str, stage: str, since: datetime) -> bool:
    """Let the one of before hold again. False: the one that held `since` then has been changed meanwhile."""
    key = {"batch_id": batch_id, "process_id": process, "stage": stage}
    row = await unit.one(select(NewLink).filter_by(**key))
    if row is None or row["at"] != since:
        return False
    if row["before"]:
        await unit.set(NewLink, key, link=row["before"], before="", at=unit.now)
    else:
        await unit.run(delete(NewLink).filter_by(**key))
    return True
