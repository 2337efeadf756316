"""Counts what is due; tells HR's group when a rate reaches its threshold: once, worse by a step, recovered."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from bot.workers.probe import Prober
from recruiting.causes import Cause, Kind, Probe, likely_causes
from recruiting.model import Purpose
from recruiting.process import Alert, Process, Stage, words
from recruiting.rates import Counts, Verdict, certain, counted_until, in_words, step_of, verdict
from storage import cases, rates
from storage.groups import owe_groups
from storage.links import token_for
from storage.unit import Ground, Unit

CLAIM = 50
FOLD = 2_000
SAMPLES = 3  # invites through which a page is looked at
TOLD = 3  # causes that an alert names; more is no help
EVENTS = {Verdict.FIRE: "fired", Verdict.WORSE: "worse", Verdict.RECOVERED: "recovered"}


Key = tuple[str, str, int]  # a watch: batch, process, number of the alert


class Rates:
    """The worker that watches batches. Without a prober links are not opened, and are never said to be dead."""

    def __init__(
        self,
        ground: Ground,
        prober: Prober | None = None,
        *,
        public_url: str = "",
        interview_link: str | None = None,
    ) -> None:
        self.ground = ground
        self.prober = prober
        self.public_url = public_url.rstrip("/")
        self.interview_link = interview_link

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
            causes = await self._causes(now)
            count = await self._write(now, partial(self._look, causes=causes))
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

    # --- causes ------------------------------------------------------------------------------------------------------

    async def _causes(self, now: datetime) -> dict[Key, list[Cause]]:
        """What the alerts that are about to be told come from. Found out before the writing begins: it opens links."""
        found: dict[Key, list[Cause]] = {}
        async with self.ground.database.reading() as connection:
            unit = Unit(connection, self.ground, now)
            for watch in await rates.due(unit, CLAIM):
                if _muted(watch, now):
                    continue
                process, alert, until, tally = await self._count(unit, watch)
                if verdict(alert, tally.counts, watch["alerting"], watch["told_rate"]) in (Verdict.FIRE, Verdict.WORSE):
                    stage = process.watched_stage(alert)
                    name, place = alert.rate.value, stage.id if stage else None
                    due = await cases.of_alert(
                        unit, watch["batch_id"], process.id, name, place, alert.after, until, self.interview_link
                    )
                    probes = await self._probes(unit, due)
                    found[_key(watch)] = likely_causes([one.case for one in due], alert.at, probes)
        return found

    async def _probes(self, unit: Unit, due: Sequence[cases.Due]) -> dict[str, Probe]:
        """Each outside page, seen through the invites of a few who missed it; dead only if none of these led there."""
        probes: dict[str, Probe] = {}
        if self.prober is None:
            return probes
        looked: Counter[str] = Counter()
        for one in due:
            link = one.case.link
            if not (one.case.missed and link and one.loaded.application.open) or looked[link] >= SAMPLES:
                continue
            looked[link] += 1
            if link in probes and not probes[link].dead:
                continue
            token = await token_for(unit, one.loaded, "invite")
            probes[link] = await self.prober.look(f"{self.public_url}/i/{token}")
        return probes

    # --- watches -----------------------------------------------------------------------------------------------------

    async def _look(self, unit: Unit, causes: Mapping[Key, Sequence[Cause]]) -> int:
        """Look at due watches under their batches' locks: read afresh then, because somebody else may have looked."""
        batches = {watch["batch_id"] for watch in await rates.due(unit, CLAIM)}
        await unit.ground.database.locks(unit.connection, {f"batch:{batch}" for batch in batches})
        watches = [watch for watch in await rates.due(unit, CLAIM) if watch["batch_id"] in batches]
        for watch in watches:
            await self._one(unit, watch, causes.get(_key(watch), ()))
        return len(watches)

    async def _count(self, unit: Unit, watch: Mapping[str, Any]) -> tuple[Process, Alert, datetime, rates.Tally]:
        process = await rates.process_in(unit, watch["batch_id"], watch["process_id"])
        alert = process.alerts[watch["number"]]
        until = counted_until(watch["first_at"], alert.after, unit.now)
        stage = process.watched_stage(alert)
        tally = await rates.tally(
            unit, watch["batch_id"], process.id, alert.rate.value, stage.id if stage else None, alert.after, until
        )
        return process, alert, until, tally

    async def _one(self, unit: Unit, watch: Mapping[str, Any], causes: Sequence[Cause]) -> None:
        process, alert, until, tally = await self._count(unit, watch)
        told = verdict(alert, tally.counts, watch["alerting"], watch["told_rate"])
        following = until + step_of(alert.after) + timedelta(microseconds=1)
        open_ones = await rates.still_open(unit, watch["batch_id"])
        changes: dict[str, Any] = {"next_at": max(following, unit.now) if open_ones else None}
        if told is not None and _muted(watch, unit.now):
            changes["next_at"] = min(changes["next_at"] or watch["muted_until"], watch["muted_until"])
        elif told is not None:
            changes |= {
                "alerting": told is not Verdict.RECOVERED,
                "told_rate": float(tally.counts.rate or 0),
                "level": watch["level"] + 1,
            }
            await self._tell(unit, watch, process, alert, tally.counts, told, causes)
        await rates.set_watch(unit, watch, **changes)

    async def _tell(
        self,
        unit: Unit,
        watch: Mapping[str, Any],
        process: Process,
        alert: Alert,
        counts: Counts,
        told: Verdict,
        causes: Sequence[Cause],
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
            values={
                "values": values,
                "lines": _lines(causes) if told is not Verdict.RECOVERED else [],
                "fields": [],
                "offers": _offers(watch, stage, causes) if told is not Verdict.RECOVERED else [],
                "welcome_code": "",
            },
            day=day,
        )


def _muted(watch: Mapping[str, Any], now: datetime) -> bool:
    """Whether HR wants to hear nothing of the batch now: what stands then, they are told afterwards."""
    return watch["muted_until"] is not None and bool(now < watch["muted_until"])


def _key(watch: Mapping[str, Any]) -> Key:
    return watch["batch_id"], watch["process_id"], watch["number"]


def _lines(causes: Sequence[Cause]) -> list[list[Any]]:
    """The likeliest cause, and those that explain the same people as well."""
    told = [cause for number, cause in enumerate(causes) if number == 0 or cause.tied][:TOLD]
    return [
        ["alert.tied" if cause.tied else "alert.likely", {"cause": {"$say": cause.key, "values": cause.values}}]
        for cause in told
    ]


def _offers(watch: Mapping[str, Any], stage: Stage | None, causes: Sequence[Cause]) -> list[list[Any]]:
    """What can be done about it: remind all, see who, be spared for a day; where the link is dead, a new one first."""
    batch = watch["batch_id"]
    offers = [
        ("buttons.remind", "remind", f"|{batch}", "primary"),
        ("buttons.list", "list", f"|{batch}", ""),
        ("buttons.mute_day", "mute", f"|{batch}", ""),
    ]
    if stage is not None and any(cause.kind is Kind.DEAD_LINK for cause in causes[:TOLD]):
        offers[0] = ("buttons.new_link", "new_link", f"|{batch}|{watch['process_id']}|{stage.id}", "primary")
    return [[label, verb, subject, "", style, "", None] for label, verb, subject, style in offers]
