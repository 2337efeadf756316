"""/api/v1: for programs. Whatever a token may not see is answered exactly like what does not exist."""

import base64
import binascii
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal, TypeVar, cast

import orjson
from aiohttp import web
from pydantic import BaseModel, ValidationError

from bot.documents.phones import BadPhone, repair_phone
from bot.web.api_description import describe
from bot.web.api_models import (
    Applications,
    ApplicationShown,
    ApplicationWhole,
    BatchOut,
    CandidateShown,
    DocumentShown,
    EventShown,
    FollowUps,
    FollowUpShown,
    MessageShown,
    NewApplication,
    NewDecision,
    NewDocumentDecision,
    NewOutcome,
    NextShown,
    PaperDocument,
    RateOut,
    Rates,
)
from bot.web.context import Context
from bot.web.guard import whole_body
from bot.web.problems import Problem, invalid, not_found
from handlers.hr import decisions, reviews
from recruiting.contacts import last_four, tidy_email
from recruiting.model import FollowUpDone, Status
from storage import answers, documents, followups, intake, members, reports, search, tokens, trail
from storage.applications import Loaded, load, load_one
from storage.apply import take
from storage.looks import looked_at
from storage.tables import Candidate
from storage.types import EPOCH
from storage.unit import Unit
from storage.vault import Gone

T = TypeVar("T")
Model = TypeVar("Model", bound=BaseModel)

PATH = "/api/v1"
BATCH = "api"  # of applications that come without one
LIMIT, MOST = 50, 200
_ID = re.compile("[0-9a-f]{32}")
_KEY = re.compile("[!-~]{1,255}")
_CURSOR = re.compile(r"(-?[0-9]{1,18})\.([0-9a-f]{32})\.([0-9a-f]{16})")
_BEARER = re.compile("(?i:bearer) +([!-~]+)")


@dataclass(frozen=True, slots=True)
class Caller:
    """The program behind a request, and what its token opens."""

    name: str
    writes: bool
    shops: tuple[str, ...]  # empty = all

    @property
    def actor(self) -> str:
        """Under which name history and audit log keep what it does."""
        return f"token:{self.name}"

    def sees(self, shop: str) -> bool:
        """Whether a shop lies in its scope."""
        return not self.shops or shop in self.shops


Handler = Callable[[web.Request, Caller], Awaitable[web.Response]]


class Api:
    """The handlers; each gets a caller whose token is good."""

    def __init__(self, context: Context) -> None:
        self.context = context

    @cached_property
    def _description(self) -> bytes:
        return orjson.dumps(describe())  # a program that asks waits for it, not every start

    def routes(self) -> list[web.RouteDef]:
        """The paths that are answered here."""
        one = f"{PATH}/applications/{{id}}"
        return [
            web.get("/api/openapi.json", self.description),
            web.post(f"{PATH}/applications", self._for_writers(self.open)),
            web.get(f"{PATH}/applications", self._for_all(self.list_applications)),
            web.get(one, self._for_all(self.show)),
            web.post(f"{one}/decision", self._for_writers(self.decide)),
            web.post(f"{one}/documents", self._for_writers(self.seen_on_paper)),
            web.post(f"{PATH}/documents/{{id}}/decision", self._for_writers(self.decide_document)),
            web.get(f"{PATH}/documents/{{id}}/file", self._for_all(self.file), allow_head=False),
            web.get(f"{PATH}/follow-ups", self._for_all(self.follow_ups)),
            web.post(f"{PATH}/follow-ups/{{id}}/done", self._for_writers(self.follow_up_done)),
            web.get(f"{PATH}/batches/{{name}}", self._for_all(self.batch)),
        ]

    async def description(self, _: web.Request) -> web.Response:
        """What this API can do, for machines."""
        return web.Response(body=self._description, content_type="application/json")

    # --- who asks ----------------------------------------------------------------------------------------------------

    def _for_all(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def run(request: web.Request) -> web.Response:
            return await handler(request, await self._caller(request))

        return run

    def _for_writers(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def run(request: web.Request) -> web.Response:
            caller = await self._caller(request)
            if not caller.writes:
                raise Problem(403, "This token may only read.")
            return await handler(request, caller)

        return run

    async def _caller(self, request: web.Request) -> Caller:
        given = _BEARER.fullmatch(request.headers.get("Authorization", "").strip())
        row = await self._look(lambda unit: tokens.verify(unit, given[1])) if given else None
        if row is None:
            challenge = {"WWW-Authenticate": 'Bearer realm="bulou"'}
            raise Problem(401, "A valid bearer token is needed: see `bulou token create`.", headers=challenge)
        return Caller(row["name"], row["scope"] == "write", tuple(row["shops"]))

    # --- opening -----------------------------------------------------------------------------------------------------

    async def open(self, request: web.Request, caller: Caller) -> web.Response:
        """Open an application: 201, or 200 with the one that exists. The same key again gets the same answer."""
        key = request.headers.get("Idempotency-Key", "")
        if not _KEY.fullmatch(key):
            raise Problem(400, "An Idempotency-Key of 1 to 255 visible characters is needed.")
        plain = await _json(request)
        same = orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)

        async def job(unit: Unit) -> tuple[int, Any, bool]:
            before = await answers.earlier(unit, caller.name, key, same)
            if before is not None:
                if not before.same_request:
                    raise Problem(422, "This Idempotency-Key belongs to another body.")
                if await load_one(unit, before.body["id"]) is None:
                    raise not_found()  # erased since
                return before.status, before.body, True
            id, created = await self._open(unit, caller, _fitting(NewApplication, plain))
            loaded = await load_one(unit, id)
            if loaded is None or not caller.sees(loaded.shop):
                raise not_found()
            (shown,) = await self._shown(unit, caller, [loaded])
            status, body = (201 if created else 200), shown.model_dump(mode="json")
            await answers.keep(unit, caller.name, key, same, status, body)
            return status, body, False

        status, body, replayed = await self._write(job)
        headers = {"Location": f"{PATH}/applications/{body['id']}"} if status == 201 else {}
        if replayed:
            headers["Idempotency-Replayed"] = "true"
        return _answer(orjson.dumps(body), status, headers)

    async def _open(self, unit: Unit, caller: Caller, asked: NewApplication) -> tuple[str, bool]:
        shop = asked.shop or ""
        if not caller.sees(shop):
            raise not_found()
        try:
            return await intake.open_application(
                unit,
                name=asked.name,
                phone=_phone(asked.phone),
                email=_email(asked.email, needed=not asked.phone),
                position=asked.position,
                shop=shop,
                batch=asked.batch or BATCH,
                locale=asked.locale,
                imported=False,
                owner_name=asked.owner or None,
                extra=asked.extra,
                actor=caller.actor,
            )
        except intake.Refused as refused:
            raise Problem(422, f"This application cannot be opened: {refused.reason}.") from refused

    # --- reading -----------------------------------------------------------------------------------------------------

    async def list_applications(self, request: web.Request, caller: Caller) -> web.Response:
        """Applications, newest first, by batch, stage and status."""
        asked = _query(request, "batch", "stage", "status")
        if (status := asked.get("status")) is not None and status not in {each.value for each in Status}:
            raise Problem(400, f"`status` is one of {', '.join(each.value for each in Status)}.")
        limit, after = _limit(asked), self._after("applications", asked)

        async def job(unit: Unit) -> Applications:
            ids = await reports.listed(
                unit,
                batch=asked.get("batch"),
                stage=asked.get("stage"),
                status=status,
                shops=caller.shops,
                after=after,
                limit=limit + 1,
            )
            found = await load(unit, ids[:limit])
            shown = [found[id] for id in ids[:limit] if id in found]
            more = len(ids) > limit and shown
            cursor = self._cursor("applications", shown[-1].created_at, shown[-1].id) if more else None
            return Applications(items=await self._shown(unit, caller, shown), next_cursor=cursor)

        return _model(await self._look(job))

    async def show(self, request: web.Request, caller: Caller) -> web.Response:
        """One application with all that happened."""

        async def job(unit: Unit) -> ApplicationWhole:
            return await self._whole(unit, caller, await self._mine(unit, caller, _id(request)))

        return _model(await self._look(job))

    async def _whole(self, unit: Unit, caller: Caller, loaded: Loaded) -> ApplicationWhole:
        (shown,) = await self._shown(unit, caller, [loaded])
        return ApplicationWhole(
            **dict(shown),
            events=[
                EventShown(id=id, type=one.type.value, at=one.at, stage=one.stage, actor=one.actor, data=dict(one.data))
                for id, one in await reports.events(unit, loaded)
            ],
            documents=[_document(row) for row in await reports.documents(unit, loaded)],
            messages=[
                MessageShown(
                    id=row["id"], cause=row["promise"], channel=row["rung"], status=row["status"], at=row["at"]
                )
                for row in await reports.messages(unit, loaded)
            ],
            scores=dict(loaded.application.scores),
            performance=[],
        )

    async def _shown(self, unit: Unit, caller: Caller, found: Sequence[Loaded]) -> list[ApplicationShown]:
        people, extras = await reports.contacts(unit, found), await reports.extras(unit, found)
        following = await reports.next_of(unit, found)
        return [
            ApplicationShown(
                id=loaded.id,
                candidate=_candidate(loaded, people[loaded.candidate_id], caller),
                position=loaded.position,
                shop=loaded.shop,
                batch=loaded.batch,
                locale=loaded.locale,
                stage=loaded.application.stage,
                status=loaded.application.status.value,
                next=_next(following.get(loaded.id)),
                created_at=loaded.created_at,
                extra=extras.get(loaded.id, {}),
            )
            for loaded in found
        ]

    async def _mine(self, unit: Unit, caller: Caller, id: str, *, lock: bool = False) -> Loaded:
        """The application, if the caller may see it. Raises Problem: 404, whatever the cause."""
        if lock:
            await search.lock_candidate_of(unit, id)
        loaded = await load_one(unit, id)
        if loaded is None or not caller.sees(loaded.shop):
            raise not_found()
        return loaded

    # --- deciding ----------------------------------------------------------------------------------------------------

    async def decide(self, request: web.Request, caller: Caller) -> web.Response:
        """Decide the current stage: pass moves on, reject ends."""
        asked = _fitting(NewDecision, await _json(request))
        if asked.decision == "reject" and not asked.reason:
            raise Problem(422, "A rejection needs a `reason`: the candidate is told it.")

        async def job(unit: Unit) -> ApplicationWhole:
            loaded = await self._mine(unit, caller, _id(request), lock=True)
            passed, reason = asked.decision == "pass", asked.reason or ""
            refused = await decisions.decide(
                unit, loaded, passed=passed, actor=caller.actor, reason=reason, stage=asked.stage or ""
            )
            self._stop_if(refused)
            return await self._whole(unit, caller, await self._mine(unit, caller, loaded.id))

        return _model(await self._write(job))

    async def decide_document(self, request: web.Request, caller: Caller) -> web.Response:
        """Approve or reject an uploaded document."""
        asked = _fitting(NewDocumentDecision, await _json(request))
        if asked.decision == "reject" and not asked.reason:
            raise Problem(422, "A rejection needs a `reason`: the candidate is told it.")

        async def job(unit: Unit) -> DocumentShown:
            row, loaded = await self._my_document(unit, caller, _id(request), lock=True)
            refused = await reviews.decide(
                unit,
                loaded,
                row["id"],
                approve=asked.decision == "approve",
                actor=caller.actor,
                reason=asked.reason or "",
                expires_on=asked.expires_on,
            )
            self._stop_if(refused)
            return _document(cast("Mapping[str, Any]", await documents.by_id(unit, row["id"])))

        return _model(await self._write(job))

    async def seen_on_paper(self, request: web.Request, caller: Caller) -> web.Response:
        """Approve what somebody was shown, without a picture."""
        asked = _fitting(PaperDocument, await _json(request))

        async def job(unit: Unit) -> DocumentShown:
            loaded = await self._mine(unit, caller, _id(request), lock=True)
            self._stop_if(await reviews.seen_on_paper(unit, loaded, actor=caller.actor, expires_on=asked.expires_on))
            return _document((await reports.documents(unit, loaded))[-1])

        return _model(await self._write(job), 201)

    def _stop_if(self, refused: str | None) -> None:
        """Raise what keeps a decision from being taken: 422 when it is a value in the body, else 409."""
        if refused is not None:
            status = 422 if refused == "refused.expires_too_soon" else 409
            raise Problem(status, self.context.texts.say(refused, "en"))

    # --- certificates ------------------------------------------------------------------------------------------------

    async def file(self, request: web.Request, caller: Caller) -> web.Response:
        """The picture itself. Each look is kept, before it is shown."""
        if not caller.writes:
            raise not_found()
        row, loaded = await self._look(lambda unit: self._my_document(unit, caller, _id(request)))
        if row["file"] is None:
            raise not_found()
        try:
            content = await self.context.vault.get(loaded.box, row["file"], f"candidate:{loaded.candidate_id}")
        except Gone as error:
            raise not_found() from error

        async def job(unit: Unit) -> None:
            found, fresh = await self._my_document(unit, caller, row["id"], lock=True)
            looked_at(unit, fresh, found, caller.actor)

        await self._write(job)
        return web.Response(
            body=content,
            headers={
                "Content-Type": row["content_type"] or "application/octet-stream",
                "Content-Disposition": "inline",
                "Cache-Control": "no-store",
                "Content-Security-Policy": "sandbox; default-src 'none'",
            },
        )

    async def _my_document(
        self, unit: Unit, caller: Caller, id: str, *, lock: bool = False
    ) -> tuple[Mapping[str, Any], Loaded]:
        row = await documents.by_id(unit, id)
        if row is None:
            raise not_found()
        loaded = await self._mine(unit, caller, row["application_id"], lock=lock)
        return row, loaded

    # --- follow-ups --------------------------------------------------------------------------------------------------

    async def follow_ups(self, request: web.Request, caller: Caller) -> web.Response:
        """Follow-ups, newest first, by status and owner."""
        asked = _query(request, "status", "owner")
        if asked.get("status") not in (None, "open", "done"):
            raise Problem(400, "`status` is open or done.")
        limit, after = _limit(asked), self._after("follow-ups", asked)

        async def job(unit: Unit) -> FollowUps:
            rows = await reports.follow_ups(
                unit,
                status=asked.get("status"),
                owner=asked.get("owner"),
                shops=caller.shops,
                after=after,
                limit=limit + 1,
            )
            page = rows[:limit]
            cursor = self._cursor("follow-ups", page[-1]["opened_at"], page[-1]["id"]) if len(rows) > limit else None
            return FollowUps(items=[await _follow_up(unit, row) for row in page], next_cursor=cursor)

        return _model(await self._look(job))

    async def follow_up_done(self, request: web.Request, caller: Caller) -> web.Response:
        """Somebody has taken care of it."""
        asked = _fitting(NewOutcome, await _json(request))

        async def job(unit: Unit) -> FollowUpShown:
            known = await followups.by_id(unit, _id(request))
            if known is None:
                raise not_found()
            loaded = await self._mine(unit, caller, known["application_id"], lock=True)
            row = cast("Mapping[str, Any]", await followups.by_id(unit, known["id"]))
            if row["status"] != "open":
                raise Problem(409, self.context.texts.say("refused.decided", "en"))
            if asked.outcome == "wrong_number":  # somebody else answers there: nothing more of this goes to them
                await unit.set(Candidate, {"id": loaded.candidate_id}, sms_failed_at=unit.now)
            await take(unit, loaded, FollowUpDone(asked.outcome, caller.actor, asked.note or ""))
            trail.note(unit, caller.actor, f"follow_up.{asked.outcome}", row["id"])
            return await _follow_up(unit, cast("Mapping[str, Any]", await followups.by_id(unit, row["id"])))

        return _model(await self._write(job))

    # --- batches -----------------------------------------------------------------------------------------------------

    async def batch(self, request: web.Request, caller: Caller) -> web.Response:
        """A batch with its rates."""
        name = request.match_info["name"]
        found = await self._look(lambda unit: reports.batch(unit, name, caller.shops)) if _plain(name) else None
        if found is None:
            raise not_found()
        return _model(
            BatchOut(
                name=found.name,
                applications=found.applications,
                rates=_rates(found.rates),
                by_shop={shop: _rates(each) for shop, each in found.by_shop.items()},
                by_channel={channel: _rates(each) for channel, each in found.by_channel.items()},
            )
        )

    # --- transactions and cursors ------------------------------------------------------------------------------------

    async def _look(self, job: Callable[[Unit], Awaitable[T]]) -> T:
        async with self.context.ground.database.reading() as connection:
            return await job(Unit(connection, self.context.ground, self.context.now()))

    async def _write(self, job: Callable[[Unit], Awaitable[T]]) -> T:
        return await self.context.dispatch.within(job, self.context.now())

    def _cursor(self, of: str, at: datetime, id: str) -> str:
        """Where a page ended; opaque, and signed so that anything else is told apart."""
        place = f"{(at - EPOCH) // timedelta(microseconds=1)}.{id}"
        return base64.urlsafe_b64encode(f"{place}.{self._sign(of, place)}".encode()).decode().rstrip("=")

    def _after(self, of: str, asked: Mapping[str, str]) -> reports.Place | None:
        if (cursor := asked.get("cursor")) is None:
            return None
        try:
            plain = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        except (binascii.Error, ValueError):
            plain = ""
        found = _CURSOR.fullmatch(plain)
        if found is None or not hmac.compare_digest(found[3], self._sign(of, f"{found[1]}.{found[2]}")):
            raise Problem(400, "`cursor` is none that we gave.")
        return EPOCH + timedelta(microseconds=int(found[1])), found[2]

    def _sign(self, of: str, place: str) -> str:
        return self.context.ground.keyring.digest("cursor", f"{of}:{place}")[:16]


# --- what comes in ---------------------------------------------------------------------------------------------------


async def _json(request: web.Request) -> dict[str, Any]:
    """The body as a JSON object. Raises Problem: 400."""
    try:
        body = orjson.loads(await whole_body(request))
    except orjson.JSONDecodeError as error:
        raise Problem(400, "The body is not JSON.") from error
    if not isinstance(body, dict):
        raise Problem(400, "The body must be a JSON object.")
    return body


def _fitting(model: type[Model], body: Mapping[str, Any]) -> Model:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise invalid(error) from error


def _query(request: web.Request, *filters: str) -> dict[str, str]:
    """What was asked for in the address; a name that we don't know would be a filter that does nothing."""
    known = {*filters, "limit", "cursor"}
    asked = dict(request.query)
    if len(asked) != len(request.query) or not set(asked) <= known:
        raise Problem(400, f"Known parameters, each at most once: {', '.join(sorted(known))}.")
    if not all(_plain(value) for value in asked.values()):
        raise Problem(400, "A parameter holds what no value can.")
    return asked


def _plain(value: str) -> bool:
    """Whether a database takes this as a word."""
    return len(value) <= 300 and "\0" not in value and value.isprintable()


def _limit(asked: Mapping[str, str]) -> int:
    given = asked.get("limit", str(LIMIT))
    if not re.fullmatch("[0-9]{1,4}", given) or not 1 <= int(given) <= MOST:
        raise Problem(400, f"`limit` is a number from 1 to {MOST}.")
    return int(given)


def _id(request: web.Request) -> str:
    id = request.match_info["id"]
    if not _ID.fullmatch(id):
        raise not_found()
    return id


def _phone(given: str | int | None) -> str | None:
    if not given:
        return None
    try:
        return repair_phone(given)
    except BadPhone as error:
        raise Problem(422, f"`phone`: {error.reason}.") from error


def _email(given: str | None, *, needed: bool) -> str | None:
    if not given:
        if needed:
            raise Problem(422, "One of `phone` and `email` is needed.")
        return None
    address = tidy_email(given)
    if address is None:
        raise Problem(422, "`email` is no e-mail address.")
    return address


# --- what goes out ---------------------------------------------------------------------------------------------------


def _answer(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        body=body,
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def _model(model: BaseModel, status: int = 200) -> web.Response:
    return _answer(model.model_dump_json().encode(), status)


def _candidate(loaded: Loaded, contact: reports.Contact, caller: Caller) -> CandidateShown:
    phone = contact.phone
    if phone is not None and not caller.writes:
        shown = last_four(phone)
        phone = "*" * (len(phone) - len(shown)) + shown
    return CandidateShown(id=loaded.candidate_id, name=contact.name, phone=phone)


def _next(following: reports.Next | None) -> NextShown | None:
    if following is None:
        return None
    what = cast("Literal['timer', 'follow_up', 'deadline', 'message']", following.what)
    return NextShown(what=what, due=following.due, owner=following.owner)


def _document(row: Mapping[str, Any]) -> DocumentShown:
    return DocumentShown(
        id=row["id"],
        stage=row["stage"],
        status=row["status"],
        uploaded_at=row["uploaded_at"],
        expires_on=row["expires_on"],
    )


async def _follow_up(unit: Unit, row: Mapping[str, Any]) -> FollowUpShown:
    owner = await members.by_id(unit, row["owner_id"])
    return FollowUpShown(
        id=row["id"],
        application=row["application_id"],
        stage=row["stage"],
        reason=", ".join(row["causes"]),
        owner=owner["name"] if owner else None,
        due=row["due_at"],
        status=row["status"],
    )


def _rates(shown: reports.Rates) -> Rates:
    return {name: _rate(each) for name, each in shown.items()}


def _rate(shown: reports.RateShown) -> RateOut:
    low, high = shown.interval
    return RateOut(
        due=shown.counts.due,
        missed=shown.counts.missed,
        rate=shown.rate,
        low=low,
        high=high,
        at=shown.at,
        alerting=shown.alerting,
    )
