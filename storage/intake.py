"""Where applications begin: the person is found or made, and the rules say what follows, in one transaction.

One row of the API and 500 rows of an import come the same way; look-ups go by digests, many in a statement. What
follows for new people who can be written to alike is decided once and then copied (`storage.stencil`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import orjson
from sqlalchemy import select

from recruiting.contacts import normalised_name
from recruiting.decide import decide
from recruiting.ladder import first_rung
from recruiting.model import Action, Application, Opened, Standing, Unreachable
from recruiting.process import Process, Rung, process_for
from storage import members, processes, search
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
        columns = (Candidate.id, Candidate.identity, Candidate.key, Candidate.name, Candidate.locale)
        known = await self.unit.all(select(*columns).where(Candidate.identity.in_(sorted(identities))))
        await database.locks(connection, {f"candidate:{row['id']}" for row in known})
        for row in known:
            box = self.keyring.unwrap(row["key"])
            name = normalised_name(box.open_text(row["name"], f"candidates.name:{row['id']}"))
            person = _Person(row["id"], name, box, row["locale"], frozenset(), known=True)
            self.people[row["identity"]] = person

    async def _find_applications(self, digests: Collection[str]) -> None:
        columns = select(ApplicationRow.id, ApplicationRow.identity)
        for row in await self.unit.all(columns.where(ApplicationRow.identity.in_(sorted(digests)))):
            self.applications[row["identity"]] = row["id"]

    async def _find_processes(self, positions: Collection[str]) -> None:
        versions = {process.id: (process, version) for process, version in await processes.current(self.unit)}
        current = [process for process, _ in versions.values()]
        for position in positions:
            process = process_for(current, position)
            self.processes[position] = versions[process.id] if process else None

    async def _find_batches(self, names: Collection[str]) -> None:
        """The batches by name, made where they are new; another process may make the same one at the same moment."""
        statement = select(Batch.id, Batch.name).where(Batch.name.in_(sorted(names)))
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
        if digest in self.applications:
            return Opening(self.applications[digest], created=False)
        if person is None:
            person = self.people[identity] = self._add_person(applicant, identity, process)
        id = self.applications[digest] = self.new_id()
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
    """Rows with this in common are the same application."""
    return "\0".join(
        (applicant.contact, normalised_name(applicant.position), normalised_name(applicant.shop), applicant.batch)
    )


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
