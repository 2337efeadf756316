"""/p/: the candidate's own page. Where do I stand, what next, by when; and everything that can be done in chat."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import orjson
from aiohttp import web

from bot.consent import consent_text
from bot.documents.uploads import Unusable, usable
from bot.web.buttons import page_button
from bot.web.context import Context
from bot.web.forms import BadForm, FileTooLarge, Form, from_our_page, read_form
from bot.web.html import Pages, redirect
from bot.web.links import Link, find_link, provider_link
from bot.web.wording import Wording
from handlers.candidate import uploads
from handlers.routing import PAGE
from recruiting.chat import Incoming, Kind, Person
from recruiting.decide import document_stage, place_of
from recruiting.model import Status
from recruiting.process import Stage, StageKind, words
from recruiting.status import Todo, Whereabouts, where
from storage import consents, documents, reports, seats
from storage.applications import Loaded, load_one
from storage.keys import Box, Unsealable
from storage.links import PAGE_LIFE, find_button
from storage.search import lock_candidate
from storage.types import random_id
from storage.unit import Unit

TOLD_FOR = timedelta(minutes=10)  # an answer stands in the address; later it is no news any more
LONGEST_TOLD = 4_000  # characters in an address
SLOTS = 40
# What one says in chat by typing it has no button there; the page types it for the person.
TYPED = {"stop": "退订", "erase": "删除我的信息"}


@dataclass(frozen=True, slots=True)
class Step:
    """A stage of the process on the progress line; `state` is done, now, later or ended."""

    name: str
    state: str


@dataclass(frozen=True, slots=True)
class Action:
    """A button: its label's key, its own key, and whether it asks once more."""

    label: str
    key: str
    ask: bool = False


@dataclass(frozen=True, slots=True)
class Day:
    """The free slots of a day: time and button key."""

    name: str
    slots: list[tuple[str, str]]


@dataclass
class View:
    """All that the page shows."""

    name: str
    position: str
    shop: str
    steps: list[Step]
    stage: str
    todo: Todo
    by: str = ""
    late: bool = False
    outcome: str = ""
    reason: str = ""
    interview: str = ""
    consent: str = ""
    declined: bool = False
    consent_keys: tuple[str, str] = ("", "")  # agree, decline
    upload: str = ""
    most: str = ""
    waiting: bool = False
    again: str = ""
    approved: str = ""
    days: list[Day] = field(default_factory=list)
    booked: str = ""
    confirmed: bool = False
    confirm: str = ""
    actions: list[Action] = field(default_factory=list)


class Refused(Exception):
    """An upload that is not taken: the status, and the text that says why."""

    def __init__(self, status: int, text: str, fault: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.fault = fault


class CandidatePage:
    """Shows the page, and does what its forms ask for: the same events as in chat."""

    def __init__(self, context: Context, pages: Pages) -> None:
        self.context = context
        self.pages = pages

    def routes(self) -> list[web.RouteDef]:
        """The path that is answered here."""
        return [web.get("/p/{token}", self.show), web.post("/p/{token}", self.act)]

    # --- looking -----------------------------------------------------------------------------------------------------

    async def show(self, request: web.Request) -> web.Response:
        """The page as things stand now."""
        now = self.context.now()
        found = await self._find(request, now)
        if isinstance(found, web.Response):
            return found
        _, loaded = found
        told = _read_told(loaded.box, loaded.id, request.query.get("told", ""), now)
        return await self._page(request, loaded, now, told)

    async def _find(self, request: web.Request, now: datetime) -> tuple[Link, Loaded] | web.Response:
        found = await find_link(self.context, request.match_info["token"], "invite", now)
        if found is None:
            return self.pages.unknown(request)
        ended_at, locale = found[0]["ended_at"], found[1].locale
        renews = documents.wants(found[1], now) is not None  # after hire, for as long as they work here
        if ended_at is not None and now >= ended_at + PAGE_LIFE and not renews:
            say = self.pages.say(locale)
            return self.pages.notice(locale, 410, say("page.ended", "title"), say("page.chat.expired", "title"))
        return found

    async def _page(
        self, request: web.Request, loaded: Loaded, now: datetime, told: Sequence[str] = (), status: int = 200
    ) -> web.Response:
        async def job(unit: Unit) -> View | None:
            await lock_candidate(unit, loaded.candidate_id)
            fresh = await load_one(unit, loaded.id)
            return await Looking(self.context, unit, fresh, await _name(unit, fresh)).view() if fresh else None

        view = await self.context.dispatch.within(job, now)
        if view is None:
            return self.pages.unknown(request)
        action = self.pages.path("p", request.match_info["token"])
        return self.pages.render("page.html", loaded.locale, status, view=view, told=told, action=action)

    # --- doing -------------------------------------------------------------------------------------------------------

    async def act(self, request: web.Request) -> web.Response:
        """A form was sent: do it, then show the page again with what there is to say about it."""
        if not from_our_page(request, self.context.house.public_url):
            return web.Response(status=403, headers={"Cache-Control": "no-store"})
        now = self.context.now()
        found = await self._find(request, now)
        if isinstance(found, web.Response):
            return found
        _, loaded = found
        try:
            form = await read_form(request, self.context.largest_upload)
            told = await self._do(loaded, form, now)
        except BadForm:
            return await self._page(request, loaded, now, [self._failed(loaded)], 400)
        except FileTooLarge:
            return await self._page(request, loaded, now, [self._unusable(loaded, "too_large")], 413)
        except Refused as refused:
            text = self._unusable(loaded, refused.fault) if refused.fault else self._say(loaded, refused.text)
            return await self._page(request, loaded, now, [text], refused.status)
        if told is None:
            return self.pages.unknown(request)
        sealed = _write_told(loaded.box, loaded.id, told, now)
        to = self.pages.path("p", request.match_info["token"])
        return redirect(f"{to}?told={sealed}" if sealed else to, 303, referrer="same-origin")

    async def _do(self, loaded: Loaded, form: Form, now: datetime) -> list[str] | None:
        """What there is to say about it; None when the candidate has been erased meanwhile."""
        verb = form.do.partition(":")[0]
        if verb == "upload":
            return await self._upload(loaded, form, now)

        async def job(unit: Unit) -> list[str] | None:
            await lock_candidate(unit, loaded.candidate_id)
            id, kind, text = random_id(), Kind.TAP, ""
            if verb in TYPED and await _theirs(unit, loaded, form.do):
                kind, text = Kind.TEXT, TYPED[verb]
            incoming = Incoming(id, Person(PAGE, ""), kind, now, text=text, key=form.do)
            turn = await self.context.dispatch.on_page(unit, loaded.candidate_id, incoming, f"page/{id}")
            fresh = await load_one(unit, loaded.id)
            if turn is None or fresh is None:
                return None
            wording = Wording(self.context.house, unit, fresh, await _name(unit, fresh))
            return [said for text, values in turn.told if (said := await wording.told(text, values))]

        return await self.context.dispatch.within(job, now)

    async def _upload(self, loaded: Loaded, form: Form, now: datetime) -> list[str]:
        """A file: checked by its content, kept in the vault, then put to the rules; destroyed if these want it not."""
        async with self.context.ground.database.reading() as connection:
            unit = Unit(connection, self.context.ground, now)
            fresh = await load_one(unit, loaded.id)
            kind = documents.wants(fresh, now) if fresh is not None else None
            if fresh is None or kind is None or not await _theirs(unit, fresh, form.do):
                raise Refused(409, "document.not_needed")
            if not await consents.given(unit, fresh.candidate_id, kind):
                raise Refused(409, "page.consent.title")
        if form.file is None:
            raise Refused(400, "page.upload.choose")
        try:
            content_type = usable(form.file)
        except Unusable as error:
            raise Refused(415, "", error.reason) from error
        candidate, vault = fresh.candidate_id, self.context.vault
        stored = await vault.put(fresh.box, form.file, f"candidate:{candidate}")
        kept = False

        async def job(unit: Unit) -> bool:
            await lock_candidate(unit, candidate)
            return await uploads.arrived(unit, candidate, None, content_type, form.file_name, stored)

        try:
            kept = await self.context.dispatch.within(job, now)
        finally:
            if not kept:
                await vault.destroy(stored)
        received = "document.reading" if self.context.ground.reads else "document.received"
        return [self._say(fresh, received if kept else "document.not_needed")]

    def _say(self, loaded: Loaded, text: str, **values: Any) -> str:
        return self.context.texts.say(text, loaded.locale, **values)

    def _failed(self, loaded: Loaded) -> str:
        return self._say(loaded, "page.failed")

    def _unusable(self, loaded: Loaded, fault: str) -> str:
        reason = self._say(loaded, f"unusable.{fault}", most=_size(self.context.largest_upload))
        return self._say(loaded, "document.unusable", reason=reason)


async def _theirs(unit: Unit, loaded: Loaded, key: str) -> bool:
    """Whether this button was made for this candidate's application."""
    button = await find_button(unit, key)
    return button is not None and (button["candidate_id"], button["application_id"]) == (
        loaded.candidate_id,
        loaded.id,
    )


async def _name(unit: Unit, loaded: Loaded) -> str:
    return (await reports.contacts(unit, [loaded]))[loaded.candidate_id].name


def _size(most: int) -> str:
    return f"{most / 2**20:.0f} MB" if most >= 2**20 else f"{most / 2**10:.0f} KB"


# --- what the page shows ---------------------------------------------------------------------------------------------


class Looking:
    """Finds out what the page shows, in an open unit under the candidate's lock; makes the buttons for it."""

    def __init__(self, context: Context, unit: Unit, loaded: Loaded, name: str) -> None:
        self.context = context
        self.unit = unit
        self.loaded = loaded
        self.name = name
        self.state = loaded.application
        self.locale = loaded.locale
        self.wording = Wording(context.house, unit, loaded, name)

    async def view(self) -> View:
        """The whole page."""
        loaded, state = self.loaded, self.state
        history = [event for _, event in await reports.events(self.unit, loaded)] if not state.open else []
        place = where(state, self.unit.now, history)
        stage = words(state.now_in.name, self.locale)
        view = View(self.name, loaded.position, loaded.shop, self._steps(), stage, place.todo, late=place.late)
        if not state.open:
            self._ended(view, place)
            if (renewed := document_stage(state)) is not None:
                view.stage = words(renewed.name, self.locale)
                await self._document(view)
            return view
        if place.by is not None and place.todo is not Todo.COME:
            view.by = self.wording.when(place.by)
        match place.kind:
            case StageKind.INTERVIEW if place.todo is Todo.OPEN_LINK:
                await self._interview(view)
            case StageKind.DOCUMENT:
                await self._document(view)
            case StageKind.MEETING:
                await self._meeting(view)
            case _:
                pass
        self._actions(view, place)
        return view

    def _steps(self) -> list[Step]:
        state, today = self.state, self.unit.ground.today(self.unit.now)
        shown = [stage for stage in state.process.stages if stage.open_on(today) or stage.id in state.visits]
        return [Step(words(stage.name, self.locale), self._step(stage)) for stage in shown]

    def _step(self, stage: Stage) -> str:
        state = self.state
        if stage.id in state.passed:
            return "done"
        if stage.id == state.stage:
            return "now" if state.open else "ended"
        # What an application has jumped over, imported or no longer asked for, is behind it all the same.
        return "done" if state.process.index(stage.id) < state.process.index(state.stage) else "later"

    def _ended(self, view: View, place: Whereabouts) -> None:
        texts, status = self.context.texts, self.state.status
        loaded = self.loaded
        ended = f"status.ended.{status.value}"
        view.outcome = texts.say(ended, self.locale, position=loaded.position, shop=loaded.shop)
        if status is Status.REJECTED:
            view.reason = texts.reason(place.reason, self.locale)
        label = "page.second_look" if status is Status.REJECTED else "page.human"
        view.actions = [Action(label, self._key("human"))]
        if not self.state.person.opted_out:
            view.actions.append(Action("page.stop", self._key("stop")))
        view.actions.append(Action("page.erase", self._key("erase"), ask=True))

    def _actions(self, view: View, place: Whereabouts) -> None:
        """What can always be done; reasons why something is not done only where there is something to do."""
        verbs = {Todo.OPEN_LINK: ["later", "broken"], Todo.UPLOAD: ["later"]}.get(place.todo, [])
        verbs += ["human", "not_me"]
        if not self.state.person.opted_out:
            verbs.append("stop")
        view.actions = [Action(f"page.{verb}", self._key(verb)) for verb in verbs]
        view.actions += [Action(f"page.{verb}", self._key(verb), ask=True) for verb in ("withdraw", "erase")]

    def _key(self, verb: str, subject: str = "") -> str:
        return page_button(self.unit, self.loaded, verb, subject)

    async def _interview(self, view: View) -> None:
        view.interview = await provider_link(self.unit, self.loaded, self.context.interview_link)

    async def _document(self, view: View) -> None:
        """Consent first, then the upload; what was sent before, and what became of it."""
        view.waiting = bool(self.state.waiting)
        kind = documents.wants(self.loaded, self.unit.now)
        if kind is None:
            return
        consent = await consents.of(self.unit, self.loaded.candidate_id, kind)
        if not consents.holds(consent):
            house, keep = self.context.house, uploads.kept_for(self.loaded)
            view.consent = consent_text(self.context.texts, house.company, self.locale, keep)
            seen = f"{kind}|{await consents.shown(self.unit, view.consent, self.locale)}"
            view.declined = consent is not None and bool(consent["declined_at"] or consent["withdrawn_at"])
            view.consent_keys = self._key("consent", seen), self._key("decline", seen)
            return
        view.upload, view.most = self._key("upload"), _size(self.context.largest_upload)
        view.consent_keys = "", self._key("decline", kind)
        here = [row for row in await reports.documents(self.unit, self.loaded) if _of_visit(row, self.loaded)]
        last = here[-1] if here else None
        if last is not None and last["status"] == "waiting" and last["retake"]:
            view.waiting, view.again = False, self.context.texts.say(last["fault"], self.locale, most=view.most)
        elif last is not None and last["status"] == "rejected" and not view.waiting:
            view.again = self.context.texts.reason(last["why"], self.locale)

    async def _meeting(self, view: View) -> None:
        meeting = self.state.meeting
        if meeting is not None:
            view.booked = self.wording.when(meeting)
            view.confirmed = self.state.confirmed_at is not None
            if meeting > self.unit.now and not view.confirmed:
                view.confirm = self._key("confirm")
        zone, texts = self.context.house.timezone, self.context.texts
        by_day: dict[date, list[tuple[str, str]]] = {}
        for start in seats.spread(await seats.free(self.unit, self.loaded), zone, SLOTS):
            local = start.astimezone(zone)
            by_day.setdefault(local.date(), []).append((f"{local:%H:%M}", self._key("slot", start.isoformat())))
        view.days = [
            Day(f"{texts.day(day, self.locale)} · {texts.say(f'when.weekday.{day.isoweekday()}', self.locale)}", slots)
            for day, slots in by_day.items()
        ]


def _of_visit(row: Mapping[str, Any], loaded: Loaded) -> bool:
    stage = document_stage(loaded.application)
    return stage is not None and (row["stage"], row["visit"]) == place_of(loaded.application, stage)


# --- what was said about the last form -------------------------------------------------------------------------------


def _write_told(box: Box, application: str, told: Sequence[str], now: datetime) -> str:
    """Words for the address of the page that is shown next: sealed, so that nobody can put others there."""
    if not told:
        return ""
    sealed = box.seal(orjson.dumps([now.isoformat(), *told]), f"page.told:{application}")
    written = base64.urlsafe_b64encode(sealed).decode().rstrip("=")
    return written if len(written) <= LONGEST_TOLD else ""


def _read_told(box: Box, application: str, written: str, now: datetime) -> list[str]:
    """The inverse of `_write_told`, while it is news."""
    if not written or len(written) > LONGEST_TOLD or not written.isascii():
        return []
    try:
        sealed = base64.urlsafe_b64decode(written + "=" * (-len(written) % 4))
        said_at, *told = orjson.loads(box.open(sealed, f"page.told:{application}"))
    except (binascii.Error, Unsealable):
        return []
    return [str(text) for text in told] if now - datetime.fromisoformat(said_at) <= TOLD_FOR else []
