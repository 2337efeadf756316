"""What was read: taken in hand once, kept under the candidate's key, found at another person by hashes alone."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from recruiting.certificates import Category, Fault, Outcome, Reading, Twin
from recruiting.model import Uploaded
from recruiting.process import Rung, parse
from storage import documents, due, intake, processes, readings, retention
from storage.applications import Loaded, load_one
from storage.apply import take
from storage.database import Database
from storage.keys import DayKeys, load_root
from storage.tables import METADATA, Document, DocumentMark
from storage.unit import Ground, Unit

T = TypeVar("T")
NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
CREW = {
    "id": "crew",
    "name": "Crew",
    "positions": ["barista"],
    "stages": [
        {"id": "cert", "kind": "document", "name": "Certificate", "document": "health_certificate", "valid_for": "30d"}
    ],
}
READ = Reading(
    True,
    name="Mei",
    number="A 1",
    category=Category.FOOD,
    valid_until=date(2027, 1, 1),
    code_hosts=("a.example",),
    faults=(Fault.DARK,),
    fingerprint="0123456789abcdef",
)


class Desk:
    """A database with one process; `document` brings somebody whose certificate waits to be read."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.people = 0

    async def within(self, job: Callable[[Unit], Awaitable[T]], now: datetime = NOW) -> T:
        async def whole(connection: Any) -> T:
            unit = Unit(connection, self.ground, now)
            result = await job(unit)
            await unit.flush()
            return result

        return await self.ground.database.write(whole)

    async def document(self) -> tuple[str, Loaded]:
        self.people += 1

        async def job(unit: Unit) -> tuple[str, Loaded]:
            phone = f"+86138{self.people:08}"
            id, _ = await intake.open_application(
                unit, name="Mei", phone=phone, email=None, position="barista", shop="", batch="b", imported=True,
                actor="rule",
            )  # fmt: skip
            loaded = await load_one(unit, id)
            assert loaded is not None
            document = documents.add(
                unit, loaded, file=f"{self.people:032}", name="x", content_type="image/png", to_read=True
            )
            await take(unit, loaded, Uploaded(document, to_read=True))
            return document, loaded

        return await self.within(job)

    async def row(self, id: str) -> dict[str, Any]:
        row = await self.within(lambda unit: documents.by_id(unit, id))
        assert row is not None
        return dict(row)

    async def keep(self, document: str, loaded: Loaded, reading: Reading) -> None:
        row = await self.row(document)
        pages = [documents.page(f"f{document[:31]}", "image/jpeg", masked=True)]
        await self.within(lambda unit: readings.keep(unit, row, loaded.box, reading, Outcome(), "", pages))


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    database = Database(database_url)
    await database.open()
    await database.write(lambda connection: connection.run_sync(METADATA.create_all))
    keyring = await load_root(database, b"0" * 32)
    channels = frozenset({Rung.CHAT, Rung.SMS})
    ground = Ground(database, keyring, DayKeys(database, keyring), ZoneInfo("Asia/Shanghai"), "zh-CN", channels)
    opened = Desk(ground)
    await opened.within(lambda unit: processes.apply(unit, parse(CREW, [])))
    yield opened
    await database.close()


async def test_a_document_is_taken_in_hand_by_one_process_and_again_after_a_crash(desk: Desk) -> None:
    document, _ = await desk.document()
    later = NOW + timedelta(minutes=2)
    assert NOW == (await desk.within(lambda unit: due.look(unit.connection)))["readings"]
    (row,) = await desk.within(lambda unit: readings.due(unit, 9))
    assert await desk.within(lambda unit: readings.claim(unit, row, later))
    assert not await desk.within(lambda unit: readings.claim(unit, row, later))
    assert [] == await desk.within(lambda unit: readings.due(unit, 9))
    (again,) = await desk.within(lambda unit: readings.due(unit, 9), later)
    assert (document, 1) == (again["id"], again["read_tries"])


async def test_a_reading_comes_back_as_it_was_and_only_with_the_candidates_key(desk: Desk) -> None:
    document, loaded = await desk.document()
    _, other = await desk.document()
    await desk.keep(document, loaded, READ)
    row = await desk.row(document)
    assert READ == readings.of(row, loaded.box)
    assert b"Mei" not in row["fields"]
    with pytest.raises(Exception, match="cannot be read"):
        readings.of(row, other.box)


async def test_what_the_masked_pages_replace_is_doomed(desk: Desk) -> None:
    document, loaded = await desk.document()
    await desk.keep(document, loaded, READ)
    assert [f"{1:032}"] == await desk.within(lambda unit: retention.doomed(unit, 9))
    await desk.within(lambda unit: retention.buried(unit, [f"{1:032}"]))
    assert [] == await desk.within(lambda unit: retention.doomed(unit, 9))


@pytest.mark.parametrize(
    ("number", "fingerprint", "expected"),
    [
        ("a1", "ffffffffffffffff", {Twin.NUMBER}),
        ("B 2", "0123456789abcde8", {Twin.PICTURE}),  # three bits
        ("B 2", "0123456789ab0000", set()),  # a band in common, but too far
        ("", "", set()),
    ],
)
async def test_twins_are_found_by_number_and_by_near_pictures(
    desk: Desk, number: str, fingerprint: str, expected: set[Twin]
) -> None:
    document, loaded = await desk.document()
    _, other = await desk.document()
    await desk.keep(document, loaded, READ)
    reading = Reading(True, number=number, fingerprint=fingerprint)
    assert expected == await desk.within(lambda unit: readings.twins(unit, other.candidate_id, reading))
    assert frozenset() == await desk.within(lambda unit: readings.twins(unit, loaded.candidate_id, READ))


async def test_nothing_is_left_of_somebody_whose_documents_are_destroyed(desk: Desk) -> None:
    document, loaded = await desk.document()
    _, other = await desk.document()
    await desk.keep(document, loaded, READ)
    assert 1 == await desk.within(lambda unit: documents.destroy(unit, loaded.candidate_id))
    row = await desk.row(document)
    assert (None, None, None, [], []) == tuple(
        row[name] for name in ("file", "fields", "fingerprint", "pages", "doubts")
    )
    marks = select(DocumentMark).where(DocumentMark.c.candidate_id == loaded.candidate_id)
    assert [] == await desk.within(lambda unit: unit.all(marks))
    assert frozenset() == await desk.within(lambda unit: readings.twins(unit, other.candidate_id, READ))


async def test_a_page_that_another_application_shows_too_is_not_destroyed(desk: Desk) -> None:
    document, loaded = await desk.document()

    async def shared(unit: Unit) -> str:
        fresh = await load_one(unit, loaded.id)
        assert fresh is not None
        return documents.add(unit, fresh, file=f"{1:032}", name="", content_type="image/png")

    second = await desk.within(shared)
    first = await desk.row(document)
    await desk.within(lambda unit: retention.destroyed(unit, first))
    assert [] == await desk.within(lambda unit: retention.doomed(unit, 9))
    last = await desk.row(second)
    await desk.within(lambda unit: retention.destroyed(unit, last))
    assert [f"{1:032}"] == await desk.within(lambda unit: retention.doomed(unit, 9))
    rows = await desk.within(lambda unit: unit.all(select(Document.c.file)))
    assert [None, None] == [row["file"] for row in rows]
