"""`/dashboard`: what waits for a person, as far as it lies in this member's shops."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bot.texts import percent
from bot.web.desk import HOME, Desk, Visitor
from handlers.hr.scope import may_look
from recruiting.process import Role, words
from recruiting.rates import in_words
from storage import alerts, documents, followups, reports
from storage.applications import load
from storage.unit import Unit

TASKS = 20
DOCUMENTS = 200  # that are looked through


@dataclass(frozen=True, slots=True)
class Task:
    """A follow-up in one line."""

    name: str
    about: str
    why: str
    due: str
    late: bool
    id: str


@dataclass(frozen=True, slots=True)
class Risk:
    """A batch one of whose rates stands above its threshold."""

    batch: str
    what: str
    rate: str
    numbers: Mapping[str, Any]
    at: str
    muted: str


@dataclass
class View:
    """All that the page shows."""

    tasks: list[Task]
    task_count: int
    reviews: int | None  # certificates that wait; None: not for this member
    oldest: str
    risks: list[Risk]

    @property
    def quiet(self) -> bool:
        """Whether nothing waits for this member."""
        return not (self.tasks or self.reviews or self.risks)


class Dashboard:
    """The first page."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.context = desk.context

    def routes(self) -> list[web.RouteDef]:
        """The path that is answered here."""
        return [web.get(HOME, self.show)]

    async def show(self, request: web.Request) -> web.Response:
        """What waits now."""
        visitor = await self.desk.visitor(request)
        if visitor is None:
            return self.desk.to_login(request)
        async with self.context.ground.database.reading() as connection:
            unit = Unit(connection, self.context.ground, self.context.now())
            view = View(*await self._tasks(unit, visitor), *await self._reviews(unit, visitor), [])
            view.risks = await self._risks(unit, visitor)
        return self.desk.page("dashboard.html", visitor, view=view)

    async def _tasks(self, unit: Unit, visitor: Visitor) -> tuple[list[Task], int]:
        rows, count = await followups.todo(unit, visitor.member, TASKS)
        found = await load(unit, {row["application_id"] for row in rows})
        people = await reports.contacts(unit, found.values())
        texts, locale, zone = self.context.texts, visitor.locale, self.context.house.timezone
        tasks = []
        for row in rows:
            loaded = found.get(row["application_id"])
            if loaded is None:
                continue
            stage = words(loaded.application.process.stage(row["stage"]).name, locale)
            tasks.append(
                Task(
                    name=people[loaded.candidate_id].name,
                    about=" · ".join(part for part in (loaded.position, loaded.shop, stage) if part),
                    why=texts.say(f"causes.{row['causes'][0]}", locale),
                    due=texts.when(row["due_at"], locale, zone, unit.now),
                    late=row["due_at"] < unit.now,
                    id=row["id"][:8],
                )
            )
        return tasks, count

    async def _reviews(self, unit: Unit, visitor: Visitor) -> tuple[int | None, str]:
        if visitor.member["role"] == Role.MANAGER.value:
            return None, ""
        rows, count = await documents.waiting(unit, visitor.member["shops"], DOCUMENTS)
        found = await load(unit, {row["application_id"] for row in rows})
        ours = [
            row
            for row in rows
            if (loaded := found.get(row["application_id"])) is not None
            and may_look(visitor.member, loaded, row["stage"])
        ]
        if not ours:
            return 0, ""
        when = self.context.texts.when(ours[0]["uploaded_at"], visitor.locale, self.context.house.timezone, unit.now)
        return count - (len(rows) - len(ours)), when

    async def _risks(self, unit: Unit, visitor: Visitor) -> list[Risk]:
        texts, locale = self.context.texts, visitor.locale
        risks = []
        for one in await alerts.standing(unit, visitor.member["shops"]):
            if not one.counts.due:
                continue
            stage = one.process.watched_stage(one.alert)
            place = words((stage or one.process).name, locale)
            muted = one.batch.muted_until
            risks.append(
                Risk(
                    batch=one.batch.name,
                    what=f"{place} · {texts.say(f'rates.{one.alert.rate.value}', locale)}",
                    rate=percent(float(one.counts.rate or 0)),
                    numbers=in_words(one.counts.missed, one.counts.due)._asdict(),
                    at=percent(one.alert.at),
                    muted=texts.when(muted, locale, self.context.house.timezone, unit.now)
                    if muted is not None and muted > unit.now
                    else "",
                )
            )
        return risks
