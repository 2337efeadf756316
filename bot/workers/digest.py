"""The digest: on working days at nine HR's groups hear what needs a person, and once a week how batches fare."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any

from recruiting.model import Purpose
from recruiting.process import words
from storage import alerts, digests, members
from storage.groups import Group, everyone
from storage.owed import owe
from storage.tables import Sending
from storage.unit import Ground, Unit

Line = tuple[str, dict[str, Any]]
Drawing = list[Any]  # kind, and labelled numbers
SHORTEST = 60  # seconds; who passes a stage quicker was not held up by it


class Digest:
    """The worker that tells it: once a day and group, whoever else tries, and nothing when there is nothing."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self._told: datetime | None = None  # the last nine o'clock that needs no further look

    async def sweep(self, now: datetime) -> None:
        """Tell what is due. What was missed because the bot was away is told later on the same day, not after it."""
        begun = self._begun(now)
        if begun is None or begun == self._told:
            return
        await self.ground.days.for_day(self.ground.today(now))

        async def job(connection: Any) -> None:
            unit = Unit(connection, self.ground, now)
            await self._tell(unit, begun)
            await unit.flush()

        await self.ground.database.write(job)
        self._told = begun

    def _begun(self, now: datetime) -> datetime | None:
        """The moment at which today's office hours began; None outside of them."""
        office, timezone = self.ground.office, self.ground.timezone
        local = now.astimezone(timezone)
        if not office.is_workday(local.date()) or not office.opens <= local.time() < office.closes:
            return None
        return datetime.combine(local.date(), office.opens, timezone)

    async def _tell(self, unit: Unit, begun: datetime) -> None:
        groups = await everyone(unit)
        weekly = self.ground.office.first_of_week(begun.date())
        kinds = ["daily", "weekly"] if weekly else ["daily"]
        promises = {(group, kind): _promise(kind, begun, group) for group in groups for kind in kinds}
        done = await digests.promised(unit, promises.values())
        for (group, kind), promise in promises.items():
            if promise in done:
                continue
            shops = await digests.shops_of(unit, group, groups)
            lines: list[Line] = []
            chart: Drawing | None = None
            if shops is not None and kind == "daily":
                lines = [*await self._today(unit, shops, begun), *await self._at_risk(unit, group, groups)]
            elif shops is not None:
                batches = await digests.week(unit, shops)
                lines = [line for one in batches for line in self._batch(one)]
                chart = self._chart(batches)
            await self._owe(unit, group, kind, promise, lines, chart)

    async def _owe(
        self, unit: Unit, group: Group, kind: str, promise: str, lines: Sequence[Line], chart: Drawing | None
    ) -> None:
        """One row a day and group. With nothing to tell it says so, so that later on that day nothing comes either."""
        day = unit.ground.today(unit.now)
        owe(
            unit,
            await unit.ground.days.existing(unit.connection, day),
            promise=promise,
            rung="group",
            start="reply",
            purpose=Purpose.NOTICE,
            text=f"digest.{kind}",
            values={"values": {}, "lines": lines, "fields": [], "offers": [], "welcome_code": "", "chart": chart},
            surface=group.person.surface,
            conversation_id=group.id,
            day=day,
            status=Sending.WAITING if lines else Sending.SKIPPED,
            reason=None if lines else "nothing_to_tell",
        )

    # --- each morning ------------------------------------------------------------------------------------------------

    async def _today(self, unit: Unit, shops: Sequence[str], begun: datetime) -> list[Line]:
        midnight = datetime.combine(begun.date() + timedelta(days=1), time(), self.ground.timezone)
        found = await digests.today(unit, shops, self._last(begun), midnight)
        lines: list[Line] = []
        if found.task_count:
            lines.append(("digest.needs", {"count": found.task_count}))
            lines += [await self._task(unit, task) for task in found.tasks]
        if found.task_count > len(found.tasks):
            lines.append(("digest.needs.more", {"count": found.task_count - len(found.tasks)}))
        if found.documents:
            lines.append(("digest.documents", {"count": found.documents}))
        settled = [(f"digest.settled.{name}", {"count": found.settled[name]}) for name in digests.SETTLED]
        settled = [(key, values) for key, values in settled if values["count"]]
        return [*lines, *([("digest.settled", {}), *settled] if settled else [])]

    def _last(self, begun: datetime) -> datetime:
        """When the digest before this one was told."""
        day = begun.date() - timedelta(days=1)
        for _ in range(30):
            if self.ground.office.is_workday(day):
                break
            day -= timedelta(days=1)
        return datetime.combine(day, self.ground.office.opens, self.ground.timezone)

    async def _task(self, unit: Unit, task: digests.Task) -> Line:
        row, loaded = task.row, task.loaded
        owner = await members.by_id(unit, row["owner_id"])
        return "digest.needs.line", {
            "name": task.name,
            "stage": words(loaded.application.process.stage(row["stage"]).name, unit.ground.locale),
            "why": {"$say": f"causes.{row['causes'][0]}"},
            "due": {"$when": row["due_at"].isoformat()},
            "owner": owner["name"] if owner is not None else {"$say": "owner.group"},
            "id": row["id"][:8],
        }

    async def _at_risk(self, unit: Unit, group: Group, groups: Sequence[Group]) -> list[Line]:
        """The alerts that stand. A batch that lies wholly in another group's shops is that group's."""
        standing = await alerts.standing(unit, group.shops)
        if not group.shops:
            others = [other for other in groups if other.shops]
            theirs = {one.batch.id for other in others for one in await alerts.standing(unit, other.shops)}
            standing = [one for one in standing if one.batch.id not in theirs]
        lines: list[Line] = []
        for one in standing:
            stage = one.process.watched_stage(one.alert)
            values = {
                "batch": one.batch.name,
                "stage": words(stage.name if stage else one.process.name, unit.ground.locale),
                "what": {"$say": f"digest.rate.{one.alert.rate.value}"},
                "due": one.counts.due,
                "missed": one.counts.missed,
            }
            lines.append(("digest.risk.line", values))
        return [("digest.risk", {}), *lines] if lines else []

    # --- each week ---------------------------------------------------------------------------------------------------

    def _chart(self, batches: Sequence[digests.BatchWeek]) -> Drawing | None:
        """The newest batch's funnel to look at; its numbers, and those of the others, stand in the lines."""
        funnel = next((funnel for one in batches for funnel in one.funnels), None)
        if funnel is None:
            return None
        points = [[{"$words": dict(step.stage.name)}, float(step.entered)] for step in funnel.steps]
        return ["funnel", [*points, [{"$say": "statuses.hired"}, float(funnel.hired)]]]

    def _batch(self, one: digests.BatchWeek) -> list[Line]:
        """Funnel, time per stage, rates against their thresholds, and how soon somebody was called."""
        locale = self.ground.locale
        lines: list[Line] = []
        for funnel in one.funnels:
            name = words(funnel.process.name, locale)
            about = {"batch": one.batch.name, "process": name, "count": funnel.applications, "hired": funnel.hired}
            lines.append(("digest.week.batch", about))
            for step in funnel.steps:
                if not step.entered:
                    continue
                stage = words(step.stage.name, locale)
                counts = {"entered": step.entered, "passed": step.passed, "present": step.present}
                lines.append(("digest.week.stage", {"stage": stage, **counts}))
                seconds = one.times.get((funnel.process.id, step.stage.id))
                if seconds is not None and seconds >= SHORTEST:
                    lines.append(("digest.week.time", {"stage": stage, "time": {"$lasting": seconds}}))
        for process, alert, counted in one.rates:
            watched = process.watched_stage(alert)
            values = {
                "stage": words(watched.name if watched else process.name, locale),
                "what": {"$say": f"digest.rate.{alert.rate.value}"},
                "rate": {"$percent": float(counted.rate or 0)},
                "missed": counted.missed,
                "due": counted.due,
                "at": {"$percent": alert.at},
            }
            lines.append(("digest.week.rate", values))
        if one.first_contact is not None:
            lines.append(("digest.week.contact", {"time": {"$lasting": one.first_contact}}))
        return lines


def _promise(kind: str, begun: datetime, group: Group) -> str:
    return f"digest/{kind}/{begun.date().isoformat()}/{group.id or group.person.surface}"
