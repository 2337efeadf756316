"""Counts what is due; tells HR's group when a rate reaches its threshold: once, worse by a step, recovered."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from recruiting.model import Purpose
from recruiting.process import Alert, Process, words
from recruiting.rates import Counts, Verdict, certain, counted_until, in_words, step_of, verdict
from storage import rates
from storage.groups import owe_groups
from storage.unit import Ground, Unit

CLAIM = 50
FOLD = 2_000
EVENTS = {Verdict.FIRE: "fired", Verdict.WORSE: "worse", Verdict.RECOVERED: "recovered"}


class Rates:
    """The worker that watches batches."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground

    async def sweep(self, now: datetime) -> None:
        """Take changes in, then look at every watch whose moment has come."""
        async with self.ground.database.reading() as connection:
            new = await rates.anything_new(connection)
            due = await rates.earliest(connection)
        while new:
            new = await self._write(now, lambda unit: rates.fold(unit, FOLD)) == FOLD
            due = now
        while due is not None and due <= now:
            await self.ground.days.for_day(self.ground.today(now))
            count = await self._write(now, self._look)
            if count < CLAIM:
                return

    async def earliest(self) -> datetime | None:
        """When the next watch is to be looked at."""
        async with self.ground.database.reading() as connection:
            return await rates.earliest(connection)

    async def _write(self, now: datetime, job: Any) -> int:
        async def whole(connection: Any) -> int:
            unit = Unit(connection, self.ground, now)
            result: int = await job(unit)
            await unit.flush()
            return result

        return await self.ground.database.write(whole)

    async def _look(self, unit: Unit) -> int:
        """Look at due watches under their batches' locks: read afresh then, because somebody else may have looked."""
        batches = {watch["batch_id"] for watch in await rates.due(unit, CLAIM)}
        await unit.ground.database.locks(unit.connection, {f"batch:{batch}" for batch in batches})
        watches = [watch for watch in await rates.due(unit, CLAIM) if watch["batch_id"] in batches]
        for watch in watches:
            await self._one(unit, watch)
        return len(watches)

    async def _one(self, unit: Unit, watch: Mapping[str, Any]) -> None:
        process = await rates.process_in(unit, watch["batch_id"], watch["process_id"])
        alert = process.alerts[watch["number"]]
        until = counted_until(watch["first_at"], alert.after, unit.now)
        stage = process.watched_stage(alert)
        tally = await rates.tally(
            unit, watch["batch_id"], process.id, alert.rate.value, stage.id if stage else None, alert.after, until
        )
        told = verdict(alert, tally.counts, watch["alerting"], watch["told_rate"])
        following = until + step_of(alert.after) + timedelta(microseconds=1)
        open_ones = await rates.still_open(unit, watch["batch_id"])
        changes: dict[str, Any] = {"next_at": max(following, unit.now) if open_ones else None}
        if told is not None:
            changes |= {
                "alerting": told is not Verdict.RECOVERED,
                "told_rate": float(tally.counts.rate or 0),
                "level": watch["level"] + 1,
            }
            await self._tell(unit, watch, process, alert, tally.counts, told)
        await rates.set_watch(unit, watch, **changes)

    async def _tell(
        self, unit: Unit, watch: Mapping[str, Any], process: Process, alert: Alert, counts: Counts, told: Verdict
    ) -> None:
        """Owe HR's group the alert. Its promise names the level, so that no level is told twice."""
        day = unit.ground.today(unit.now)
        box = await unit.ground.days.existing(unit.connection, day)
        stage = process.watched_stage(alert)
        said = in_words(counts.missed, counts.due)
        values: dict[str, Any] = {
            "batch": watch["name"],
            "stage": words(stage.name, unit.ground.locale) if stage else words(process.name, unit.ground.locale),
            "missed": counts.missed,
            "due": counts.due,
            "rate": {"$percent": float(counts.rate or 0)},
            "at": {"$percent": alert.at},
            "low": said.low,
            "high": said.high,
            "certain_words": {"$say": "alert.certain" if certain(alert, counts) else "alert.chance"},
        }
        await owe_groups(
            unit,
            box,
            promise=f"alert/{watch['batch_id']}/{watch['process_id']}/{watch['number']}/{watch['level'] + 1}",
            start="reply",
            purpose=Purpose.ALERT,
            text=f"alert.{alert.rate.value}.{EVENTS[told]}",
            values={"values": values, "lines": [], "fields": [], "offers": [], "welcome_code": ""},
            day=day,
        )
