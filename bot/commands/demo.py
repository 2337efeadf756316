"""`bulou demo`: the real bot and the simulated world in one process, and a page on which one plays everybody."""

import asyncio
import tempfile
import webbrowser
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any

from aiohttp import web

from bot.app import Bot, asked_to_stop, listening
from bot.clock import Clock
from bot.commands.opening import opened
from bot.documents.roster import Draft, Rejected, check_rows
from bot.documents.spreadsheet import read_table
from bot.sandbox import Sandbox
from bot.sandbox.page import Page
from bot.sandbox.people import BATCH, COMPANY, FILE_NAME, SHOPS, workbook
from bot.sandbox.roles import MEMBERS, Candidate
from bot.sandbox.world import PLATFORMS
from bot.texts import standard_texts
from config.settings import fresh_master_key, load_settings
from recruiting.history import reminder_key
from recruiting.model import Application
from recruiting.process import Do, Stage, StageKind, process_for, words
from storage import conversations, members, processes, reports
from storage.applications import load, load_one
from storage.intake import Applicant, Opening, open_many
from storage.unit import Ground, Unit

HOST = "127.0.0.1"
PROCESSES = Path(__file__).parents[2] / "config" / "processes"
OPENS_AT = time(8, 30)  # so that twelve hours later text messages are still allowed
SOON = timedelta(minutes=2)  # what waits for a rate limit leaves before the page is drawn
MOST_ROUNDS = 200


async def demo(port: int, *, browser: bool) -> None:
    """Play until the process is asked to stop. Raises Misconfigured: the port is taken."""
    with tempfile.TemporaryDirectory(prefix="bulou-demo-") as folder:
        async with playing(Path(folder), port) as url:
            print(f"{url}\nCtrl+C stops the demo; nothing of it is kept.", flush=True)
            if browser:
                await asyncio.to_thread(webbrowser.open, url)
            await asked_to_stop()


@asynccontextmanager
async def playing(folder: Path, port: int) -> AsyncIterator[str]:
    """The whole demo on a port, with its data in `folder`; the page's address. Raises Misconfigured."""
    url = f"http://{HOST}:{port}"
    clock = Clock()
    sandbox = Sandbox(clock, bot_url=url)
    sandbox.app.members.update(MEMBERS)
    sandbox.sms.auto_report = True
    sandbox.feishu.oauth.any_redirect = True
    async with _serving(sandbox.build()) as world:
        settings = load_settings(
            {
                **sandbox.environment(world, PLATFORMS),
                "BULOU_PUBLIC_URL": url,
                "BULOU_DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'bulou.db'}",
                "BULOU_VAULT_URL": str(folder / "vault"),
                "BULOU_MASTER_KEY": fresh_master_key(),
                "BULOU_PROCESS_DIR": str(PROCESSES),
                "BULOU_COMPANY": COMPANY,
            }
        )
        clock.push(until_morning(clock.now(), settings.timezone))
        async with opened(settings) as house:
            bot = Bot(settings, house.ground, clock, standard_texts())
            side = Side(bot, sandbox)
            page = Page(sandbox, side, settings.timezone)
            app = bot.web()
            app.add_routes(page.routes())
            app.on_response_prepare.append(_framed)
            async with listening(app, HOST, port):
                await side.add_members({userid: who.open_id for userid, who in page.play.feishu.members.items()})
                await page.begin()
                yield url


def until_morning(now: datetime, timezone: tzinfo) -> timedelta:
    """How long it is until the next working day begins."""
    local = now.astimezone(timezone)
    day = local.date() + timedelta(days=1 if local.time() >= OPENS_AT else 0)
    while day.weekday() >= 5:
        day += timedelta(days=1)
    return datetime.combine(day, OPENS_AT, timezone).astimezone(UTC) - now


@asynccontextmanager
async def _serving(app: web.Application) -> AsyncIterator[str]:
    """The simulated world, on a port that is free."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        yield f"http://{HOST}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _framed(request: web.Request, response: web.StreamResponse) -> None:
    """A candidate's page is shown inside the phone that is drawn on ours, and nowhere else."""
    policy = response.headers.get("Content-Security-Policy", "")
    if not request.path.startswith("/demo"):
        response.headers["Content-Security-Policy"] = policy.replace("frame-ancestors 'none'", "frame-ancestors 'self'")
        response.headers.pop("X-Frame-Options", None)


class Side:
    """The bot as the page knows it: who is there, what happened, and whether it has come to rest."""

    def __init__(self, bot: Bot, sandbox: Sandbox) -> None:
        self._bot = bot
        self._sandbox = sandbox
        self._ids: list[str] = []  # applications in the order of HR's list
        self._commits = 0
        bot.ground.database.on_commit(self._count)

    def _count(self) -> None:
        self._commits += 1

    @property
    def _ground(self) -> Ground:
        return self._bot.ground

    async def add_members(self, feishu: Mapping[str, str]) -> None:
        """The recruiter of all shops, and the manager of one, each in WeCom and in Feishu (userid -> open_id)."""

        async def job(unit: Unit) -> None:
            for userid, role, shops in (("hr", "recruiter", []), ("manager", "manager", [SHOPS[0]])):
                accounts = {"wecom": userid, "feishu": feishu[userid]}
                await members.put(unit, MEMBERS[userid], role=role, shops=shops, **accounts)

        await self._bot.dispatch.within(job, self._bot.clock.now())

    async def import_list(self) -> dict[str, Any]:
        """HR's list through the real import."""
        now = self._bot.clock.now()

        async def job(unit: Unit) -> tuple[list[Rejected], list[Opening]]:
            current = [process for process, _ in await processes.current(unit)]
            table = read_table(workbook(), FILE_NAME)
            rows = list(
                check_rows(
                    table,
                    takes=lambda position: process_for(current, position) is not None,
                    today=unit.ground.today(unit.now),
                    batch=BATCH,
                )
            )
            drafts = [row for row in rows if isinstance(row, Draft)]
            outcomes = await open_many(unit, [_applicant(row) for row in drafts], imported=True, actor=IMPORTER)
            rejected = [row for row in rows if isinstance(row, Rejected)]
            return rejected, [one for one in outcomes if isinstance(one, Opening)]

        rejected, found = await self._bot.dispatch.within(job, now)
        self._ids = [one.id for one in found]
        created = Counter(one.created for one in found)
        return {
            "rows": len(found) + len(rejected),
            "added": created[True],
            "existing": created[False],
            "rejected": [{"row": row.row, "reason": row.text_zh, "code": row.text} for row in rejected],
        }

    async def candidates(self) -> Sequence[Candidate]:
        """All who were imported, in the order of HR's list."""
        async with self._ground.database.reading() as connection:
            unit = Unit(connection, self._ground, self._bot.clock.now())
            found = await load(unit, self._ids)
            people = await reports.contacts(unit, found.values())
            chats = await conversations.of_candidates(unit, [loaded.candidate_id for loaded in found.values()])
        shown = []
        for loaded in (found[id] for id in self._ids if id in found):
            application, person = loaded.application, people[loaded.candidate_id]
            shown.append(
                Candidate(
                    id=loaded.id,
                    name=person.name,
                    phone=person.phone or "",
                    shop=loaded.shop,
                    position=loaded.position,
                    stage=words(application.now_in.name, self._ground.locale),
                    status=application.status.value,
                    reached=frozenset(reached(application)),
                    chat=CHATS[chats[loaded.candidate_id]["surface"]] if loaded.candidate_id in chats else "",
                )
            )
        return shown

    async def history(self, id: str) -> list[dict[str, Any]]:
        """What happened to one application, oldest first."""
        async with self._ground.database.reading() as connection:
            unit = Unit(connection, self._ground, self._bot.clock.now())
            loaded = await load_one(unit, id)
            if loaded is None:
                return []
            names = {stage.id: words(stage.name, self._ground.locale) for stage in loaded.application.process.stages}
            return [
                {
                    "at": event.at.isoformat(),
                    "type": event.type.value,
                    "stage": names.get(event.stage, ""),
                    "actor": event.actor,
                    "data": {name: event.data[name] for name in ("channel", "reason") if name in event.data},
                }
                for _, event in await reports.events(unit, loaded)
            ]

    async def settle(self) -> None:
        """Wait until nothing moves any more; what a rate limit holds back for a moment goes out too."""
        for _ in range(MOST_ROUNDS):
            before = self._mark()
            await self._sandbox.idle()
            await self._bot.schedule.idle()
            if before != self._mark():
                continue
            due, now = await self._bot.outbox.earliest(), self._bot.clock.now()
            if due is None or due - now > SOON:
                return
            self._bot.clock.push(max(due - now, timedelta(milliseconds=1)))

    def _mark(self) -> tuple[int, int]:
        return self._commits, len(self._sandbox.deliveries)

    async def next_moment(self, *, counting: bool) -> datetime | None:
        """When the bot will next do something by itself; `counting`: or only look again at the rates of a batch."""
        moments = [await self._bot.timers.earliest(), await self._bot.outbox.earliest()]
        if counting:
            moments.append(await self._bot.rates.earliest())
        return min((moment for moment in moments if moment is not None), default=None)


CHATS = {"wecom.kf": "wechat", "feishu": "feishu"}  # surface -> what people call it
IMPORTER = f"member:{MEMBERS['hr']}"


def _applicant(row: Draft) -> Applicant:
    return Applicant(
        name=row.name,
        phone=row.phone,
        email=row.email,
        position=row.position,
        shop=row.shop,
        batch=row.batch,
        locale=row.locale,
        owner_name=row.recruiter,
        extra=row.extra,
    )


def reached(application: Application) -> list[str]:
    """How far somebody has come, in the page's words."""
    interview, document, meeting = (_of(application, kind) for kind in KINDS)
    here = application.stage
    marks: list[str] = []
    if interview is not None:
        past = interview.id in application.passed
        if past:
            marks.append("passed")
        if past or application.invited_at is not None:
            marks.append("invited")
        if past or application.clicked_at is not None or application.participated_at is not None:
            marks.append("clicked")
        if past or application.scores:
            marks.append("interviewed")
        if _reminded(application, interview):
            marks.append("reminded")
    if document is not None:
        approved = document.id in application.approvals
        if approved or (here == document.id and application.uploaded_at is not None):
            marks.append("uploaded")
        if approved:
            marks.append("approved")
    if meeting is not None and application.meeting is not None:
        marks.append("booked")
    return marks


def _reminded(application: Application, stage: Stage) -> bool:
    """Whether the stage's SMS to those who have not clicked has gone to this person."""
    visit = application.visits.get(stage.id, 0)
    names = [f"nudge:{number}" for number, nudge in enumerate(stage.nudges) if nudge.do is Do.SMS]
    return any(reminder_key(stage.id, visit, name) in application.nudges for name in names)


KINDS = (StageKind.INTERVIEW, StageKind.DOCUMENT, StageKind.MEETING)


def _of(application: Application, kind: StageKind) -> Stage | None:
    return next((stage for stage in application.process.stages if stage.kind is kind), None)
