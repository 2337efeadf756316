"""Where applications begin: the person is found or made, and the rules say what follows, in one transaction.

One row of the API and 500 rows of an import come the same way; look-ups go by digests, many in a statement. What
follows for new people who can be written to alike is decided once and then copied (`storage.stencil`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

import orjson
from sqlalchemy import select

from recruiting.contacts import normalised_name
from recruiting.decide import decide, document_stage, refusal
from recruiting.ladder import first_rung
from recruiting.model import Action, Application, DocumentDecided, Opened, StaffImported, Standing, Unreachable
from recruiting.process import Process, Rung, StageKind, process_for
from storage import conversations, documents, members, processes, search
from storage.applications import Loaded, load, to_state
from storage.apply import Course
from storage.keys import Box
from storage.stencil import Copy, Noting, Rows, Stencil, stencil_of
from storage.tables import ApplicationRow, Batch, Candidate, EventRow, OutboxRow, SearchTerm, TimerRow, Visit
from storage.types import SealedBytes, random_id
from storage.unit import MANY, Unit

AT_ONCE = 500  # rows that one transaction of an import takes
OTHER_PERSON = "phone belongs to another person"
NO_PROCESS = "no process takes this position"
NO_CERTIFICATE = "no certificate in this process"

_PARENTS_FIRST = (Candidate, SearchTerm, ApplicationRow, Visit, EventRow, TimerRow, OutboxRow)


class Refused(Exception):
    """This row cannot become an application; `reason` says why, without personal data."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Applicant:
    """Somebody for one position at one shop in one batch. `phone` is E.164; there is a phone or an e-mail."""

    name: str
    phone: str | None
    email: str | None
    position: str
    shop: str
    batch: str
    locale: str | None = None
    owner_name: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    certificate_until: date | None = None  # works here already: only the end of their certificate is watched

    @property
    def contact(self) -> str:
        """By what we know that two rows are about the same person."""
        return self.phone or (self.email or "").casefold()


@dataclass(frozen=True, slots=True)
class Opening:
    """What became of a row: a new application, or the one that was there. `reachable`: a channel leads to them."""

    id: str
    created: bool
    reachable: bool = True


@dataclass(frozen=True, slots=True)
class _Person:
    """A candidate, known or new."""

    id: str
    plain_name: str
    box: Box
    locale: str
    rungs: frozenset[Rung]
    known: bool


async def open_application(
    unit: Unit,
    *,
    name: str,
    phone: str | None,
    email: str | None,
    position: str,
    shop: str,
    batch: str,
    locale: str | None = None,
    imported: bool,
    owner_name: str | None = None,
    extra: Mapping[str, str] | None = None,
    actor: str,
) -> tuple[str, bool]:
    """Open one application: its id, and whether it is new. `phone` is E.164. Raises Refused."""
    applicant = Applicant(name, phone, email, position, shop, batch, locale, owner_name, extra or {})
    (outcome,) = await open_many(unit, [applicant], imported=imported, actor=actor)
    if isinstance(outcome, Refused):
        raise outcome
    return outcome.id, outcome.created


async def open_many(
    unit: Unit, applicants: Sequence[Applicant], *, imported: bool, actor: str
) -> list[Opening | Refused]:
    """Open an application for each row that has none yet; what became of each, in their order."""
    return await _Intake(unit, imported, actor).open(applicants)


@dataclass(frozen=True, slots=True)
class Prospect:
    """What would become of a row: whether it is new, by which process, and how the person can be written to."""

    created: bool
    process: Process
    rungs: frozenset[Rung]

    @property
    def reachable(self) -> bool:
        """Whether a channel leads to the person."""
        return _leads_to_them(self.process, self.rungs)


async def foresee(unit: Unit, applicants: Sequence[Applicant], seen: set[str]) -> list[Prospect | Refused]:
    """What would become of each row, in their order; nothing is changed. `seen` goes from one part of a list to the
    next, so that a row which stands in it twice is new once.
    """
    ring, channels = unit.ground.keyring, unit.ground.channels
    current = [process for process, _ in await processes.current(unit)]
    identities = [ring.digest("identity", one.contact) for one in applicants]
    digests = [ring.digest("application", same(one)) for one in applicants]
    known = await unit.all(select(ApplicationRow.c.identity).where(ApplicationRow.c.identity.in_(sorted(set(digests)))))
    seen_before = seen | {row["identity"] for row in known}
    people = await _known_people(unit, set(identities))
    found: list[Prospect | Refused] = []
    for one, identity, digest in zip(applicants, identities, digests, strict=True):
        process = process_for(current, one.position)
        person = people.get(identity)
        if process is None:
            found.append(Refused(NO_PROCESS))
        elif person is not None and person.plain_name != normalised_name(one.name):
            found.append(Refused(OTHER_PERSON))
        elif one.certificate_until is not None and not _has_certificate(process):
            found.append(Refused(NO_CERTIFICATE))
        else:
            rungs = _rungs(bool(one.phone), bool(one.email), channels) if person is None else person.rungs
            found.append(Prospect(digest not in seen_before, process, rungs))
            seen_before.add(digest)
    seen.update(digests)
    return found


async def _known_people(unit: Unit, identities: Collection[str]) -> dict[str, _Person]:
    """Who of these is known already, and how they can be written to now."""
    rows = await unit.all(select(Candidate).where(Candidate.c.identity.in_(sorted(identities))))
    chats = await conversations.windows(unit, [row["id"] for row in rows])
    people = {}
    for row in rows:
        box = unit.ground.keyring.unwrap(row["key"])
        name = normalised_name(box.open_text(row["name"], f"candidates.name:{row['id']}"))
        rungs = set(_rungs(bool(row["phone"]), bool(row["email"]), unit.ground.channels))
        if row["id"] in chats:
            rungs.add(Rung.CHAT)
        if row["opted_out_at"] is not None:
            rungs.clear()
        people[row["identity"]] = _Person(row["id"], name, box, row["locale"], frozenset(rungs), known=True)
    return people


class _Intake:
    """The rows of one transaction."""

    def __init__(self, unit: Unit, imported: bool, actor: str) -> None:
        self.unit = unit
        self.keyring = unit.ground.keyring
        self.signal = Opened(imported=imported, actor=actor)
        self.course = Course(unit)
        self.new_id = unit.new_id
        self.rows: Rows = {table: [] for table in _PARENTS_FIRST}  # what is made here without asking the rules
        self.people: dict[str, _Person] = {}  # digest of the contact -> who it is
        self.applications: dict[str, str] = {}  # digest of the application -> id
        self.batches: dict[str, str] = {}
        self.processes: dict[str, tuple[Process, int] | None] = {}
        self.owners: dict[str, str] = {}
        self.decided: dict[tuple[str, Standing], Sequence[Action]] = {}  # what follows knows nothing else of a person
        self.reachable: dict[tuple[str, frozenset[Rung]], bool] = {}
        self.copying = False  # enough rows for it to pay
        self.stencils: dict[tuple[str, frozenset[Rung]], Stencil | None] = {}
        self.renewed: list[tuple[str, date]] = []  # people who work here, and the date that the list gives
        self.returning: list[str] = []  # new applications of people who were known before

    async def open(self, applicants: Sequence[Applicant]) -> list[Opening | Refused]:
        """Find what is known of these rows, then open what is new."""
        identities = [self.keyring.digest("identity", one.contact) for one in applicants]
        applications = [self.keyring.digest("application", same(one)) for one in applicants]
        await self._find_people(set(identities))
        await self._find_applications(set(applications))
        await self._find_processes({one.position for one in applicants})
        await self._find_batches({one.batch for one in applicants})
        self.owners = {normalised_name(m["name"]): m["id"] for m in await members.everybody(self.unit)}
        self.copying = len(applicants) >= MANY
        outcomes = [
            await self._open(applicant, identity, application)
            for applicant, identity, application in zip(applicants, identities, applications, strict=True)
        ]
        await self._write()
        await self._open_returning()
        await self._renew()
        await self.course.save()
        return outcomes

    async def _write(self) -> None:
        """Write the rows made here; what the rules add may build on them."""
        for table, rows in self.rows.items():
            if rows:
                await self.unit.ground.database.insert(self.unit.connection, table, rows)
                rows.clear()

    # --- what is known ---------------------------------------------------------------------------------------------

    async def _find_people(self, identities: Collection[str]) -> None:
        """Take the locks, then read: nobody else makes or changes these people until we are done."""
        database, connection = self.unit.ground.database, self.unit.connection
        await database.locks(connection, {f"identity:{identity}" for identity in identities})
        columns = (Candidate.c.id, Candidate.c.identity, Candidate.c.key, Candidate.c.name, Candidate.c.locale)
        known = await self.unit.all(select(*columns).where(Candidate.c.identity.in_(sorted(identities))))
        await database.locks(connection, {f"candidate:{row['id']}" for row in known})
        for row in known:
            box = self.keyring.unwrap(row["key"])
            name = normalised_name(box.open_text(row["name"], f"candidates.name:{row['id']}"))
            person = _Person(row["id"], name, box, row["locale"], frozenset(), known=True)
            self.people[row["identity"]] = person

    async def _find_applications(self, digests: Collection[str]) -> None:
        columns = select(ApplicationRow.c.id, ApplicationRow.c.identity)
        for row in await self.unit.all(columns.where(ApplicationRow.c.identity.in_(sorted(digests)))):
            self.applications[row["identity"]] = row["id"]

    async def _find_processes(self, positions: Collection[str]) -> None:
        versions = {process.id: (process, version) for process, version in await processes.current(self.unit)}
        current = [process for process, _ in versions.values()]
        for position in positions:
            process = process_for(current, position)
            self.processes[position] = versions[process.id] if process else None

    async def _find_batches(self, names: Collection[str]) -> None:
        """The batches by name, made where they are new; another process may make the same one at the same moment."""
        statement = select(Batch.c.id, Batch.c.name).where(Batch.c.name.in_(sorted(names)))
        known = {row["name"] for row in await self.unit.all(statement)}
        for name in sorted(set(names) - known):
            self.unit.add(Batch, id=random_id(), name=name, created_at=self.unit.now)
        self.batches = {row["name"]: row["id"] for row in await self.unit.all(statement)}

    # --- what is new -----------------------------------------------------------------------------------------------

    async def _open(self, applicant: Applicant, identity: str, digest: str) -> Opening | Refused:
        found = self.processes[applicant.position]
        if found is None:
            return Refused(NO_PROCESS)
        process, version = found
        person = self.people.get(identity)
        if person is not None and person.plain_name != normalised_name(applicant.name):
            return Refused(OTHER_PERSON)
        if applicant.certificate_until is not None and not _has_certificate(process):
            return Refused(NO_CERTIFICATE)
        if digest in self.applications:
            if applicant.certificate_until is not None:
                self.renewed.append((self.applications[digest], applicant.certificate_until))
            return Opening(self.applications[digest], created=False)
        if person is None:
            person = self.people[identity] = self._add_person(applicant, identity, process)
        id = self.applications[digest] = self.new_id()
        if applicant.certificate_until is not None:
            await self._employ(self._new(id, applicant, person, process), digest, version, applicant)
            return Opening(id, created=True)
        alike = process.id, person.rungs
        stencil = self.stencils.get(alike)
        if person.known:
            self._add(self.unit, self._new(id, applicant, person, process), digest, version, applicant.extra)
            self.returning.append(id)
        elif stencil is not None:
            self._copy(stencil, id, applicant, person, digest)
        else:
            loaded = self._new(id, applicant, person, process)
            if self.copying and alike not in self.stencils and self._reachable(process, person.rungs):
                self.stencils[alike] = await self._first_of_many(loaded, digest, version, applicant.extra)
            else:
                await self._begin(self.course, loaded)
                self._add(self.unit, loaded, digest, version, applicant.extra)
        return Opening(id, created=True, reachable=self._reachable(process, self._rungs(applicant)))

    async def _employ(self, loaded: Loaded, digest: str, version: int, applicant: Applicant) -> None:
        """Somebody who works here already: nothing is sent to them, and their certificate is watched."""
        until, document = applicant.certificate_until, random_id()
        assert until is not None
        await self.course.take(loaded, StaffImported(document, until, self.signal.actor))
        self._add(self.unit, loaded, digest, version, applicant.extra)
        documents.add_on_paper(self.unit, loaded, document, until, self.signal.actor)

    async def _renew(self) -> None:
        """A newer list of staff: a later date counts from now on."""
        found = await load(self.unit, {id for id, _ in self.renewed}) if self.renewed else {}
        for id, until in self.renewed:
            loaded = found.get(id)
            stage = document_stage(loaded.application) if loaded is not None else None
            if loaded is None or stage is None or loaded.application.open:
                continue
            if until > loaded.application.approvals.get(stage.id, date.min):
                signal = DocumentDecided(random_id(), True, self.signal.actor, expires_on=until, seen_on_paper=True)
                if refusal(loaded.application, signal, self.unit.now) is None:
                    await self.course.take(loaded, signal)
                    documents.add_on_paper(self.unit, loaded, signal.document, until, self.signal.actor)

    async def _begin(self, course: Course, loaded: Loaded) -> None:
        """Put the application before the rules; whom nothing can reach, a person must call."""
        before = loaded.application
        key = before.process.id, before.person
        if key not in self.decided:
            self.decided[key] = decide(before, self.signal, self.unit.now)
        await course.follow(loaded, self.decided[key])
        if not self._reachable(before.process, before.person.reachable):
            state = loaded.application
            await course.take(loaded, Unreachable("invite", state.stage, state.visit, "no_channel"))

    async def _first_of_many(
        self, loaded: Loaded, digest: str, version: int, extra: Mapping[str, str]
    ) -> Stencil | None:
        """Open this application as any, at once, and note what was written: others of this list get the same."""
        await self._write()
        unit = Noting(self.unit)
        course = Course(unit)
        await self._begin(course, loaded)
        self._add(unit, loaded, digest, version, extra)
        await course.save()
        self.unit.load = unit.load
        return await stencil_of(unit, loaded)

    def _copy(self, stencil: Stencil, id: str, applicant: Applicant, person: _Person, digest: str) -> None:
        """Open the application like the first of its kind."""
        stencil.stamp(
            self.rows,
            Copy(id, person.id, self.batches[applicant.batch], applicant.shop, person.box),
            self.new_id,
            identity=digest,
            position=applicant.position,
            owner_id=self._owner(applicant),
            extra=_sealed_extra(person.box, id, applicant.extra),
        )

    async def _open_returning(self) -> None:
        """Who was known before may have a chat, or may have opted out: their applications are read whole."""
        if self.returning:
            await self.unit.flush()
            for loaded in (await load(self.unit, self.returning)).values():
                await self._begin(self.course, loaded)

    def _add_person(self, applicant: Applicant, identity: str, process: Process) -> _Person:
        id = self.new_id()
        box, key = self.keyring.new_key(remember=not self.copying)
        locale = applicant.locale or process.locale or self.unit.ground.locale
        name, phone, email = applicant.name, applicant.phone, applicant.email
        self.rows[Candidate].append(
            {
                "id": id,
                "identity": identity,
                "key": key,
                "name": box.seal(name, f"candidates.name:{id}"),
                "phone": box.seal(phone, f"candidates.phone:{id}") if phone else None,
                "email": box.seal(email, f"candidates.email:{id}") if email else None,
                "locale": locale,
                "opted_out_at": None,
                "sms_failed_at": None,
                "email_failed_at": None,
                "created_at": self.unit.now,
            }
        )
        self.rows[SearchTerm] += search.terms(self.keyring, id, name=name, phone=phone, email=email)
        return _Person(id, normalised_name(name), box, locale, self._rungs(applicant), known=False)

    def _reachable(self, process: Process, rungs: frozenset[Rung]) -> bool:
        """Whether the process's ladder has a rung that leads to the person themselves."""
        key = process.id, rungs
        if key not in self.reachable:
            self.reachable[key] = _leads_to_them(process, rungs)
        return self.reachable[key]

    def _rungs(self, applicant: Applicant) -> frozenset[Rung]:
        return _rungs(bool(applicant.phone), bool(applicant.email), self.unit.ground.channels)

    def _owner(self, applicant: Applicant) -> str | None:
        """The member whom the list names."""
        return self.owners.get(normalised_name(applicant.owner_name)) if applicant.owner_name else None

    def _new(self, id: str, applicant: Applicant, person: _Person, process: Process) -> Loaded:
        """An application that is not yet a row: a round trip would tell us nothing that we do not know."""
        standing = Standing(reachable=person.rungs)
        ground = self.unit.ground
        application = Application(id, process, timezone=ground.timezone, office=ground.office, person=standing)
        return Loaded(
            application=application,
            candidate_id=person.id,
            batch_id=self.batches[applicant.batch],
            batch=applicant.batch,
            position=applicant.position,
            shop=applicant.shop,
            owner_id=self._owner(applicant),
            locale=person.locale,
            box=person.box,
            created_at=self.unit.now,
            stored=application,
        )

    def _add(self, unit: Unit, loaded: Loaded, digest: str, version: int, extra: Mapping[str, str]) -> None:
        """Write the application as it stands now."""
        id, application = loaded.id, loaded.application
        unit.add(
            ApplicationRow,
            id=id,
            identity=digest,
            candidate_id=loaded.candidate_id,
            batch_id=loaded.batch_id,
            process_id=application.process.id,
            process_version=version,
            position=loaded.position,
            shop=loaded.shop,
            owner_id=loaded.owner_id,
            status=application.status.value,
            stage=application.stage,
            visit=application.visit,
            state=to_state(application),
            extra=_sealed_extra(loaded.box, id, extra),
            created_at=loaded.created_at,
            ended_at=application.ended_at,
        )
        loaded.stored = application


def _sealed_extra(box: Box, id: str, extra: Mapping[str, str]) -> SealedBytes | None:
    return box.seal(orjson.dumps(dict(extra)), f"applications.extra:{id}") if extra else None


def same(applicant: Applicant) -> str:
    """Rows with this in common are the same application; who works here stands in every new list of staff."""
    batch = applicant.batch if applicant.certificate_until is None else "\0staff"
    return "\0".join((applicant.contact, normalised_name(applicant.position), normalised_name(applicant.shop), batch))


def _has_certificate(process: Process) -> bool:
    return any(stage.kind is StageKind.DOCUMENT for stage in process.stages)


def reachable(process: Process, phone: str | None, email: str | None, channels: frozenset[Rung]) -> bool:
    """Whether somebody new with these contacts can be written to on a channel that is set up."""
    return _leads_to_them(process, _rungs(bool(phone), bool(email), channels))


def _leads_to_them(process: Process, rungs: frozenset[Rung]) -> bool:
    """Whether the process's ladder has a rung that leads to the person themselves."""
    return first_rung(process.ladder, None, rungs) not in (None, Rung.FOLLOW_UP)


@lru_cache(maxsize=64)
def _rungs(phone: bool, email: bool, channels: frozenset[Rung]) -> frozenset[Rung]:
    """How somebody who has no chat yet, but a phone or an e-mail, can be written to."""
    rungs = {Rung.SMS} if phone else set()
    if email:
        rungs.add(Rung.EMAIL)
    return frozenset(rungs & channels)
