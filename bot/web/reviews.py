"""`/dashboard/documents`: certificates, one after the other. The picture beside what was read and what was expected."""

import difflib
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from aiohttp import web

from bot.documents.showing import CannotShow
from bot.web.desk import HOME, Desk, Visitor
from bot.web.html import redirect
from handlers.hr import certificate_card, reviews
from handlers.hr.scope import LONGEST_REASON, may_look, who
from recruiting.certificates import Doubt, Expected, Reading
from recruiting.process import Role, words
from storage import documents, readings, reports
from storage.applications import Loaded, load, load_one
from storage.looks import looked_at
from storage.search import lock_candidate
from storage.unit import Unit
from storage.vault import Damaged, Gone

log = logging.getLogger(__name__)

DOCUMENTS = f"{HOME}/documents"
LOOKED_THROUGH = 200  # that wait; who has more decides about these first
_ID = re.compile("[0-9a-f]{32}")

# Which line of the comparison a doubt is about; those that are about none are told in words only.
_LINES: Mapping[Doubt, tuple[str, ...]] = {
    Doubt.NAME_DIFFERS: ("name",),
    Doubt.EXPIRES_TOO_EARLY: ("valid_until",),
    Doubt.DATES_DIFFER: ("examined_on", "valid_until"),
    Doubt.WRONG_CATEGORY: ("category",),
    Doubt.SAME_NUMBER: ("number",),
    Doubt.NO_CODE: ("code",),
    Doubt.UNKNOWN_CODE: ("code",),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One field: what was read, in pieces of which some differ, and what was expected."""

    label: str
    read: Sequence[tuple[str, bool]]
    expected: str = ""
    differs: bool = False

    @property
    def fits(self) -> bool:
        """Whether it was read and is as expected."""
        return bool(self.read[0][0]) and not self.differs


@dataclass
class Sheet:
    """All that the page shows of one document."""

    id: str
    name: str
    about: str
    sent: str
    lines: list[Line]
    doubts: list[str]
    reading: str  # waiting, done, failed, or empty: nobody reads it
    picture: bool
    status: str
    decided: str = ""
    until: str = ""
    may_decide: bool = False
    expires_on: str = ""
    earliest: str = ""
    reasons: list[tuple[str, str]] = field(default_factory=list)


class Reviews:
    """The pages on which certificates are decided, and the pictures."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.context = desk.context

    def routes(self) -> list[web.RouteDef]:
        """The paths that are answered here."""
        return [
            web.get(DOCUMENTS, self.queue),
            web.get(f"{DOCUMENTS}/{{id}}", self.show),
            web.post(f"{DOCUMENTS}/{{id}}", self.decide),
            web.get(f"{DOCUMENTS}/{{id}}/file", self.file, allow_head=False),
        ]

    # --- looking -----------------------------------------------------------------------------------------------------

    async def queue(self, request: web.Request) -> web.Response:
        """The next one that waits, after the one that was decided or skipped last."""
        visitor = await self._reviewer(request)
        if isinstance(visitor, web.Response):
            return visitor
        after = request.query.get("after", "")
        async with self.context.ground.database.reading() as connection:
            unit = Unit(connection, self.context.ground, self.context.now())
            waiting = await self._waiting(unit, visitor)
            last = await self._find(unit, visitor, after)
            ahead = [row for row in waiting if last is None or _place(row) > _place(last[0])]
            told = await self._about_last(unit, visitor, *last) if last is not None else ""
            if not ahead:
                return self.desk.page("reviews_done.html", visitor, left=len(waiting), told=told)
            loaded = await load_one(unit, ahead[0]["application_id"])
            assert loaded is not None, "it was loaded a moment ago, in this same view of the data"
            sheet = await self._sheet(unit, visitor, ahead[0], loaded)
        return self._page(visitor, sheet, len(waiting), told)

    async def show(self, request: web.Request) -> web.Response:
        """One document, as a card leads to it."""
        visitor = await self._reviewer(request)
        if isinstance(visitor, web.Response):
            return visitor
        return await self._one(visitor, request.match_info["id"])

    async def _one(self, visitor: Visitor, id: str, told: str = "", status: int = 200) -> web.Response:
        async with self.context.ground.database.reading() as connection:
            unit = Unit(connection, self.context.ground, self.context.now())
            found = await self._find(unit, visitor, id)
            if found is None:
                return self.desk.unknown(visitor)
            sheet = await self._sheet(unit, visitor, *found)
            left = len(await self._waiting(unit, visitor))
        return self._page(visitor, sheet, left, told, status)

    def _page(self, visitor: Visitor, sheet: Sheet, left: int, told: str, status: int = 200) -> web.Response:
        action = self.desk.path(f"{DOCUMENTS}/{sheet.id}")
        skip = self.desk.path(DOCUMENTS, f"?after={sheet.id}")
        values = {"sheet": sheet, "left": left, "told": told, "action": action, "skip": skip}
        return self.desk.page("review.html", visitor, status, **values)

    async def _reviewer(self, request: web.Request) -> Visitor | web.Response:
        """Somebody who may review; a manager is answered as if there were no such page."""
        visitor = await self.desk.visitor(request)
        if visitor is None:
            return self.desk.to_login(request)
        return self.desk.unknown(visitor) if visitor.member["role"] == Role.MANAGER.value else visitor

    async def _waiting(self, unit: Unit, visitor: Visitor) -> list[Mapping[str, Any]]:
        rows, _ = await documents.waiting(unit, visitor.member["shops"], LOOKED_THROUGH)
        found = await load(unit, {row["application_id"] for row in rows})
        return [
            row
            for row in rows
            if (loaded := found.get(row["application_id"])) is not None
            and may_look(visitor.member, loaded, row["stage"])
        ]

    async def _find(self, unit: Unit, visitor: Visitor, id: str) -> tuple[Mapping[str, Any], Loaded] | None:
        """A document that this member may look at."""
        row = await documents.by_id(unit, id) if _ID.fullmatch(id) else None
        loaded = await load_one(unit, row["application_id"]) if row is not None else None
        if row is None or loaded is None or not may_look(visitor.member, loaded, row["stage"]):
            return None
        return row, loaded

    # --- what is shown -----------------------------------------------------------------------------------------------

    async def _sheet(self, unit: Unit, visitor: Visitor, row: Mapping[str, Any], loaded: Loaded) -> Sheet:
        texts, locale = self.context.texts, visitor.locale
        expected = await readings.expected(unit, loaded)
        stage = loaded.application.process.stage(row["stage"])
        reading = readings.of(row, loaded.box)
        doubts = [Doubt(doubt) for doubt in row["doubts"]]
        return Sheet(
            id=row["id"],
            name=expected.name,
            about=" · ".join(part for part in (loaded.position, loaded.shop, words(stage.name, locale)) if part),
            sent=texts.when(row["uploaded_at"], locale, self.context.house.timezone, unit.now),
            lines=self._lines(reading, expected, doubts, locale, row["status"] == "waiting")
            if reading and reading.certificate
            else [],
            doubts=[texts.say(f"doubts.{doubt.value}", locale) for doubt in doubts],
            reading=row["read_status"],
            picture=bool(_pages(row)),
            status=row["status"],
            decided=self._told(unit, visitor, row),
            until=texts.day(row["expires_on"], locale) if row["status"] == "approved" and row["expires_on"] else "",
            may_decide=row["status"] == "waiting" and row["id"] in loaded.application.waiting,
            expires_on=certificate_card.preset(reading, expected.today).isoformat(),
            earliest=texts.day(expected.valid_on, locale),
            reasons=[(reason, texts.say(f"reasons.{reason}", locale, "label")) for reason in reviews.REASONS],
        )

    def _lines(
        self, reading: Reading, expected: Expected, doubts: Sequence[Doubt], locale: str, undecided: bool
    ) -> list[Line]:
        """The fields in the order in which one looks at them; what was neither read nor expected is left out."""
        texts = self.context.texts
        doubtful = {line for doubt in doubts for line in _LINES.get(doubt, ())}

        def day(value: date | None) -> str:
            return texts.day(value, locale) if value else ""

        def line(key: str, read: str, wanted: str = "") -> Line:
            differs = key in doubtful
            pieces = _pieces(read, wanted) if differs and key == "name" else [(read, differs)]
            return Line(texts.say(f"dashboard.field.{key}", locale), pieces, wanted if undecided else "", differs)

        category = texts.say(f"dashboard.category.{reading.category.value}", locale) if reading.category else ""
        lines = [
            line("name", reading.name, expected.name),
            line(
                "valid_until",
                day(reading.valid_until),
                texts.say("dashboard.at_least", locale, day=day(expected.valid_on)),
            ),
            line("examined_on", day(reading.examined_on)),
            line("category", category),
            line("number", reading.number),
            line("issuer", reading.issuer),
            line("code", "、".join(host for host in reading.code_hosts if host)),
        ]
        return [each for each in lines if each.expected or each.differs or each.read[0][0]]

    async def _about_last(self, unit: Unit, visitor: Visitor, row: Mapping[str, Any], loaded: Loaded) -> str:
        """What became of the one before, and by whom: if somebody was quicker, it is said here."""
        what = self._told(unit, visitor, row)
        name = (await reports.contacts(unit, [loaded]))[loaded.candidate_id].name
        return self.context.texts.say("dashboard.decided.last", visitor.locale, name=name, what=what) if what else ""

    def _told(self, unit: Unit, visitor: Visitor, row: Mapping[str, Any]) -> str:
        """Who decided about a document, and when; nothing while it waits."""
        if row["status"] == "waiting" or row["decided_at"] is None:
            return ""
        texts, locale = self.context.texts, visitor.locale
        when = texts.when(row["decided_at"], locale, self.context.house.timezone, unit.now)
        by = texts.say("dashboard.you", locale) if row["decided_by"] == visitor.actor else who(row["decided_by"] or "")
        return texts.say(f"dashboard.decided.{row['status']}", locale, who=by, when=when)

    # --- deciding ----------------------------------------------------------------------------------------------------

    async def decide(self, request: web.Request) -> web.Response:
        """Approve or send back, then on to the next one. If somebody was quicker, that is said there."""
        visitor = await self._reviewer(request)
        if isinstance(visitor, web.Response):
            return visitor
        fields, id = await self.desk.form(request, visitor), request.match_info["id"]
        approve = fields.get("do") == "approve"
        reason = (fields.get("words", "").strip() or fields.get("reason", ""))[:LONGEST_REASON]
        try:
            expires_on = date.fromisoformat(fields.get("expires_on", "")) if approve else None
        except ValueError:
            return await self._one(visitor, id, self._say(visitor, "command.cert.bad_date"), 400)
        if fields.get("do") not in ("approve", "reject") or not (approve or reason):
            return await self._one(visitor, id, self._say(visitor, "dashboard.reason_needed"), 400)

        async def job(unit: Unit) -> str | None:
            found = await self._find(unit, visitor, id)
            if found is None:
                return "dashboard.unknown"
            await lock_candidate(unit, found[1].candidate_id)
            found = await self._find(unit, visitor, id)  # as it is now that nobody else acts on this person
            if found is None:
                return "dashboard.unknown"
            if found[0]["status"] != "waiting":
                return None  # the next page says who was quicker
            return await reviews.decide(
                unit, found[1], id, approve=approve, actor=visitor.actor, reason=reason, expires_on=expires_on
            )

        refused = await self.context.dispatch.within(job, self.context.now())
        if refused == "dashboard.unknown":
            return self.desk.unknown(visitor)
        if refused is not None:
            return await self._one(visitor, id, self._say(visitor, refused), 409)
        return redirect(self.desk.path(DOCUMENTS, f"?after={id}"), 303, referrer="same-origin")

    def _say(self, visitor: Visitor, key: str) -> str:
        return self.context.texts.say(key, visitor.locale)

    # --- the picture -------------------------------------------------------------------------------------------------

    async def file(self, request: web.Request) -> web.Response:
        """All pages as one picture with the viewer's name and the time across it. The look is kept before that."""
        visitor, now = await self._reviewer(request), self.context.now()
        if isinstance(visitor, web.Response):
            return visitor

        async def job(unit: Unit) -> tuple[Mapping[str, Any], Loaded] | None:
            found = await self._find(unit, visitor, request.match_info["id"])
            if found is None:
                return None
            await lock_candidate(unit, found[1].candidate_id)
            found = await self._find(unit, visitor, request.match_info["id"])
            if found is None or not _pages(found[0]):
                return None
            looked_at(unit, found[1], found[0], visitor.actor)
            return found

        found = await self.context.dispatch.within(job, now)
        if found is None:
            raise web.HTTPNotFound
        row, loaded = found
        about = f"candidate:{loaded.candidate_id}"
        try:
            files = [await self.context.vault.get(loaded.box, page, about) for page in _pages(row)]
            picture = await self.context.showing.picture(files, *self._marks(visitor, now))
        except (Gone, Damaged, CannotShow) as error:
            log.warning("a document cannot be shown", extra={"document": row["id"], "reason": type(error).__name__})
            raise web.HTTPNotFound from None
        headers = {"Cache-Control": "no-store", "Content-Disposition": "inline"}
        return web.Response(body=picture, content_type="image/jpeg", headers=headers)

    def _marks(self, visitor: Visitor, now: datetime) -> tuple[str, str]:
        """Who looks and when; and the same in ASCII, by account where the name has other letters."""
        member, moment = visitor.member, f"{now.astimezone(self.context.house.timezone):%Y-%m-%d %H:%M}"
        account = next(
            (each for each in (member["wecom"], member["feishu"]) if each and each.isascii()), member["id"][:8]
        )
        return f"{visitor.name} {moment}", f"{account} {moment}"


def _pages(row: Mapping[str, Any]) -> list[str]:
    """The names in the vault of what a reviewer may see now. What is still to be read is masked first."""
    pages = row["pages"] or ([{"file": row["file"], "masked": False}] if row["file"] else [])
    if row["file"] is None:
        return []
    return [page["file"] for page in pages if page["masked"] or row["read_status"] != "waiting"]


def _place(row: Mapping[str, Any]) -> tuple[datetime, str]:
    return row["uploaded_at"], row["id"]


def _pieces(read: str, expected: str) -> list[tuple[str, bool]]:
    """What was read, cut where it differs from what was expected."""
    matcher = difflib.SequenceMatcher(None, read, expected, autojunk=False)
    pieces = [(read[a:b], kind != "equal") for kind, a, b, _, _ in matcher.get_opcodes() if b > a]
    return pieces or [(read, True)]
