"""What candidates do in chat: status, consent and certificate, slots, and the ways out."""

from datetime import datetime

import pytest
from sqlalchemy import select

from handlers.hr import reviews
from recruiting.model import Status
from storage import documents, retention, search, seats
from storage.applications import load_one
from storage.tables import Fetch
from storage.unit import Unit
from tests.handlers.conftest import Room, Said


def texts(said: list[Said]) -> list[str]:
    """The text keys of what was said."""
    return [one.text for one in said]


async def at_certificate(room: Room, account: str = "mei") -> str:
    """Somebody in chat whose certificate is asked for."""
    id = await room.applicant()
    await room.enter(account, await room.link(id))
    await room.pass_interview(id)
    return id


async def at_meeting(room: Room, name: str, phone: str) -> str:
    """Somebody in chat who may choose a slot."""
    id = await room.applicant(name, phone)
    await room.enter(name, await room.link(id))
    await room.pass_interview(id)

    async def approve(unit: Unit) -> None:
        loaded = await load_one(unit, id)
        assert loaded is not None
        assert await reviews.seen_on_paper(unit, loaded, actor="member:Wang") is None

    await room.within(approve)
    return id


async def free(room: Room, id: str) -> list[datetime]:
    """The slots that an application could book."""

    async def job(unit: Unit) -> list[datetime]:
        loaded = await load_one(unit, id)
        assert loaded is not None
        return await seats.free(unit, loaded)

    return await room.within(job)


async def test_status_says_what_is_next_for_every_application(room: Room) -> None:
    """Each open application answers for itself."""
    mei = await at_certificate(room)
    await room.applicant(shop="人民路店")
    said = await room.tap("mei", "status")
    assert ["status.open", "status.open"] == texts(said)
    todo = [one.values["todo"]["$say"] for one in said]
    assert ["todo.open_link", "todo.upload"] == sorted(todo)
    assert ("", mei) == said[todo.index("todo.upload")].button("upload")


async def test_a_picture_before_consent_waits_where_it_is(room: Room) -> None:
    """One card for several pictures; the yes has the last one fetched."""
    mei = await at_certificate(room)
    assert ["consent.ask"] == texts(await room.picture("mei"))
    assert [] == await room.picture("mei")
    assert [] == await room.within(_fetches)

    assert ["consent.waiting_picture"] == texts(await room.tap("mei", "consent", "health_certificate", mei))
    assert 1 == len(await room.within(_fetches))
    assert [] == await room.picture("mei")
    assert 2 == len(await room.within(_fetches))


async def test_after_a_no_nobody_asks_again(room: Room) -> None:
    """The picture is forgotten, the paper may be shown at the shop, and somebody in HR knows."""
    mei = await at_certificate(room)
    await room.picture("mei")
    assert ["consent.declined"] == texts(await room.tap("mei", "decline", "health_certificate", mei))
    assert ("declined",) == (await room.application(mei)).application.follow_up
    assert ["consent.declined"] == texts(await room.picture("mei"))
    assert [] == await room.within(_fetches)

    assert ["consent.ask"] == texts(await room.tap("mei", "upload", "", mei))  # now it is they who ask
    assert ["consent.given"] == texts(await room.tap("mei", "consent", "health_certificate", mei))


async def test_a_consent_can_be_taken_back_in_words(room: Room) -> None:
    """What was sent is destroyed, and the next picture is not fetched."""
    mei = await at_certificate(room)
    document = await room.send_certificate("mei", mei)
    assert ["consent.withdrawn"] == texts(await room.on("mei", "fallback", text="我要撤回同意"))
    assert (None, None) == await room.within(lambda unit: _left_of(unit, document))
    assert ["0" * 32] == await room.within(lambda unit: retention.doomed(unit, 9))
    assert ["consent.declined"] == texts(await room.picture("mei"))


async def test_yes_and_no_in_words_answer_the_card(room: Room) -> None:
    """A typed yes is one while the card is open, and no consent at any other time."""
    await at_certificate(room)
    assert ["fallback"] == texts(await room.on("mei", "fallback", text="同意"))
    await room.picture("mei")
    assert ["consent.waiting_picture"] == texts(await room.on("mei", "fallback", text="同意"))
    assert ["fallback"] == texts(await room.on("mei", "fallback", text="同意"))


async def test_a_file_that_nobody_waits_for_is_not_kept(room: Room) -> None:
    """In the interview no certificate is asked for yet."""
    mei = await room.applicant()
    await room.enter("mei", await room.link(mei))
    assert ["document.not_needed"] == texts(await room.picture("mei"))


async def test_a_seat_is_given_once(room: Room) -> None:
    """Whoever is second is offered other slots; a rebooking frees the old seat."""
    mei = await at_meeting(room, "李梅", "+8613800001234")
    bo = await at_meeting(room, "陈波", "+8613800005678")
    start, other, *_ = await free(room, mei)
    assert [] == await room.tap("李梅", "slot", start.isoformat(), mei)
    assert start == (await room.application(mei)).application.meeting

    said = await room.tap("陈波", "slot", start.isoformat(), bo)
    assert ["meeting.taken"] == texts(said)
    assert start.isoformat() not in [subject for _, subject, _ in said[0].buttons]
    assert (await room.application(bo)).application.meeting is None

    assert ["meeting.slots"] == texts(await room.intent("李梅", "reschedule"))
    await room.tap("李梅", "slot", other.isoformat(), mei)
    assert start in await free(room, bo)
    assert other not in await free(room, bo)


async def test_who_withdraws_frees_the_seat(room: Room) -> None:
    """Asked once; the no changes nothing, the yes ends it."""
    mei = await at_meeting(room, "李梅", "+8613800001234")
    bo = await at_meeting(room, "陈波", "+8613800005678")
    start = (await free(room, mei))[0]
    await room.tap("李梅", "slot", start.isoformat(), mei)

    assert ["withdraw.ask"] == texts(await room.intent("李梅", "withdraw"))
    assert ["withdraw.kept"] == texts(await room.tap("李梅", "cancel", "withdraw", mei))
    assert Status.OPEN is (await room.application(mei)).application.status

    await room.tap("李梅", "confirm", "withdraw", mei)
    assert Status.WITHDRAWN is (await room.application(mei)).application.status
    await room.tap("陈波", "slot", start.isoformat(), bo)
    assert start == (await room.application(bo)).application.meeting


async def test_coming_is_said_of_the_present_booking(room: Room) -> None:
    """Without a booking there is nothing to confirm."""
    mei = await at_meeting(room, "李梅", "+8613800001234")
    assert ["button.stale"] == texts(await room.tap("李梅", "confirm", "", mei))
    await room.tap("李梅", "slot", (await free(room, mei))[0].isoformat(), mei)
    assert ["meeting.confirmed"] == texts(await room.tap("李梅", "confirm", "", mei))
    assert (await room.application(mei)).application.confirmed_at is not None


async def test_stop_is_confirmed_once_and_can_be_taken_back(room: Room) -> None:
    """The application stays open, and a person looks after it."""
    mei = await room.applicant()
    await room.enter("mei", await room.link(mei))
    assert ["stopped"] == texts(await room.intent("mei", "stop"))
    assert [] == await room.intent("mei", "stop")
    stopped = (await room.application(mei)).application
    assert stopped.person.opted_out
    assert ("opted_out",) == stopped.follow_up
    assert ["resumed"] == texts(await room.intent("mei", "resume"))
    assert not (await room.application(mei)).application.person.opted_out


async def test_a_wish_about_one_of_several_applications_asks_which(room: Room) -> None:
    """Two applications, one wish: a button for each."""
    mei = await room.applicant()
    second = await room.applicant(shop="人民路店")
    await room.enter("mei", await room.link(mei))
    said = await room.intent("mei", "broken")
    assert ["ask_which"] == texts(said)
    assert {mei, second} == {application for verb, _, application in said[0].buttons if verb == "broken"}
    assert ["broken.ok"] == texts(await room.tap("mei", "broken", "", second))
    assert ("broken_link",) == (await room.application(second)).application.follow_up


@pytest.mark.parametrize("name", ["help", "later", "human", "erase"])
async def test_every_wish_gets_one_answer(room: Room, name: str) -> None:
    """Nobody is left without a word."""
    mei = await room.applicant()
    await room.enter("mei", await room.link(mei))
    assert 1 == len(await room.intent("mei", name))


async def test_people_are_found_without_their_names_being_read(room: Room) -> None:
    """By phone, last four digits, whole name, part of it and the beginning of an id."""
    mei = await room.applicant("欧阳小梅")
    for words in ("13800001234", "1234", "欧阳 小梅", "小梅", mei[:8]):
        found = await room.within(lambda unit, words=words: search.applications(unit, words, []))  # type: ignore[misc]
        assert [mei] == [loaded.id for loaded in found], words
    assert [] == await room.within(lambda unit: search.applications(unit, "1234", ["人民路店"]))


async def _fetches(unit: Unit) -> list[object]:
    return list(await unit.all(select(Fetch)))


async def _left_of(unit: Unit, document: str) -> tuple[object, object]:
    row = await documents.by_id(unit, document)
    assert row is not None
    return row["file"], row["name"]
