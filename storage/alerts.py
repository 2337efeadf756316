"""The alerts that stand: rates that HR was told of and that have not recovered."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from recruiting.process import Alert, Process
from recruiting.rates import Counts, counted_until
from storage import batches, rates
from storage.tables import Watch
from storage.unit import Unit

MOST = 20


@dataclass(frozen=True, slots=True)
class Standing:
    """One alert of one batch, with its present numbers."""

    batch: batches.Found
    process: Process
    alert: Alert
    counts: Counts


async def standing(unit: Unit, shops: Sequence[str]) -> list[Standing]:
    """The alerts of batches that lie wholly in these shops (none = all): a rate is the whole batch's."""
    found = []
    rows = await unit.all(
        select(Watch).where(Watch.c.alerting.is_(True)).order_by(Watch.c.first_at.desc(), Watch.c.number)
    )
    for row in rows:
        batch = await batches.by_id(unit, row["batch_id"], shops)
        if batch is None or not batch.whole:
            continue
        process = await rates.process_in(unit, row["batch_id"], row["process_id"])
        if row["number"] >= len(process.alerts):
            continue  # an alert that the process has no more
        alert = process.alerts[row["number"]]
        stage = process.watched_stage(alert)
        until = counted_until(row["first_at"], alert.after, unit.now)
        tally = await rates.tally(
            unit, batch.id, process.id, alert.rate.value, stage.id if stage else None, alert.after, until
        )
        found.append(Standing(batch, process, alert, tally.counts))
        if len(found) == MOST:
            break
    return found
