"""What members do: commands, buttons, reasons; each only in their own shops."""

from sqlalchemy import select

from handlers.hr import reviews
from recruiting.model import NeedsPerson, Status
from storage import followups
from storage.applications import load_one
from storage.apply import take
from storage.tables import Document, Trail
from storage.unit import Unit
from tests.handlers.conftest import Room, Said


def texts(said: list[Said]) -> list[str]:
    """The text keys of what was said."""
    return [one.text for one in said]


async def with_certificate(room: Room) -> tuple[str, str]:
    """Somebody whose certificate waits for a reviewer: application and document."""
    mei = await room.applicant()
    await room.enter("mei", await room.link(mei))
    await room.pass_interview(mei)
    return mei, await room.send_certificate("mei", mei)


async def with_follow_up(room: Room, shop: str = "南京路店") -> tuple[str, str]:
    """Somebody who asked for a person: application and follow-up."""
    mei = await room.applicant(shop=shop)

    async def job(unit: Unit) -> str:
        loaded = await load_one(unit, mei)
        assert loaded is not None
        await take(unit, loaded, NeedsPerson("human"))
        rows, _ = await followups.todo(unit, {"id": "", "role": "admin", "shops": []})
        return str(rows[0]["id"])

    return mei, await room.within(job)


async def trail(room: Room) -> list[tuple[str, str, str]]:
    """The audit log."""

    async def job(unit: Unit) -> list[tuple[str, str, str]]:
        return [(row["actor"], row["action"], row["subject"]) for row in await unit.all(select(Trail))]

    return await room.within(job)


async def document(room: Room, id: str) -> tuple[str, str | None, bool]:
    """Status, decider, and whether the picture will be destroyed."""

    async def job(unit: Unit) -> tuple[str, str | None, bool]:
        row = await unit.one(select(Document).where(Document.c.id == id))
        assert row is not None
        return row["status"], row["decided_by"], row["destroy_at"] is not None

    return await room.within(job)


async def test_status_is_looked_up_and_the_look_is_kept(room: Room) -> None:
    """By name; what lies outside one's shops does not exist."""
    await room.member("Wang")
    await room.member("Li", "manager", "人民路店")
    mei = await room.applicant()
    assert ["command.status"] == texts(await room.command("Wang", "status", "李梅"))
    assert ("member:Wang", "status", mei) in await trail(room)

    hidden, unknown = await room.command("Li", "status", "李梅"), await room.command("Li", "status", "王五")
    assert ["command.none_found"] == texts(hidden) == texts(unknown)
    assert ["command.wrong_usage"] == texts(await room.command("Wang", "status"))


async def test_an_ambiguous_name_lists_the_matches(room: Room) -> None:
    """Two people of one name: nobody is decided about."""
    await room.member("Wang")
    await room.applicant("李梅", "+8613800001234")
    await room.applicant("李梅", "+8613800005678")
    said = await room.command("Wang", "pass", "李梅")
    assert ["command.many.head"] == texts(said)
    assert ["command.many.line", "command.many.line"] == said[0].lines


async def test_one_tap_approves(room: Room) -> None:
    """The picture will be destroyed, and the second one who taps hears by whom it was decided."""
    await room.member("Wang")
    await room.member("Zhao")
    mei, certificate = await with_certificate(room)
    cards = await room.command("Wang", "cert")
    assert ["command.cert.head", "document.review"] == texts(cards)
    assert (certificate + reviews.IN_BATCH, mei) == cards[1].button("approve")

    assert ["card.settled"] == texts(await room.presses("Wang", "approve", certificate, mei))
    assert "meet" == (await room.application(mei)).application.stage
    assert ("approved", "member:Wang", True) == await document(room, certificate)

    said = await room.presses("Zhao", "approve", certificate, mei)
    assert ["card.settled", "document.review.told.approved"] == texts(said)
    assert ("Wang", {"$when": room.now.isoformat()}) == (said[1].values["who"], said[1].values["at"])


async def test_a_rejected_certificate_needs_a_reason(room: Room) -> None:
    """Asked once, by buttons; the stage stays open."""
    await room.member("Wang")
    mei, certificate = await with_certificate(room)
    asked = await room.presses("Wang", "reject", certificate, mei)
    assert ["reject.ask_document"] == texts(asked)
    assert ("waiting", None, False) == await document(room, certificate)

    subject, application = asked[0].button("reject")
    assert ["card.settled"] == texts(await room.presses("Wang", "reject", subject, application))
    assert ("rejected", "member:Wang", True) == await document(room, certificate)
    assert "cert" == (await room.application(mei)).application.stage


async def test_the_reason_may_be_typed(room: Room) -> None:
    """In the member's own words, while the question is fresh."""
    await room.member("Wang")
    mei, certificate = await with_certificate(room)
    await room.presses("Wang", "reject", certificate, mei)
    assert ["document.review.settled.rejected"] == texts(await room.says("Wang", "印章看不清"))
    assert ("rejected", "member:Wang", True) == await document(room, certificate)

    await room.presses("Wang", "reject", "", mei)
    room.wait(minutes=16)
    assert ["command.unclear"] == texts(await room.says("Wang", "经历不合适"))
    assert Status.OPEN is (await room.application(mei)).application.status


async def test_managers_never_decide_about_certificates(room: Room) -> None:
    """Not by command, not by a button that came their way."""
    await room.member("Li", "manager", "南京路店")
    mei, certificate = await with_certificate(room)
    assert ["refused.not_yours"] == texts(await room.command("Li", "cert"))
    assert ["refused.not_yours"] == texts(await room.presses("Li", "approve", certificate, mei))
    assert ["refused.not_yours"] == texts(await room.command("Li", "pass", "李梅"))
    assert ("waiting", None, False) == await document(room, certificate)


async def test_seen_on_paper_approves_without_a_picture(room: Room) -> None:
    """The date must be one, and far enough away."""
    await room.member("Wang")
    mei = await room.applicant()
    await room.pass_interview(mei)
    assert ["command.cert.bad_date"] == texts(await room.command("Wang", "cert", "李梅 seen 2026-13-01"))
    assert ["refused.expires_too_soon"] == texts(await room.command("Wang", "cert", "李梅 seen 2026-03-20"))
    assert ["command.cert.seen.ok"] == texts(await room.command("Wang", "cert", "李梅 seen 2027-03-01"))
    state = (await room.application(mei)).application
    assert "meet" == state.stage
    assert "2027-03-01" == state.approvals["cert"].isoformat()


async def test_rejecting_by_name_asks_once(room: Room) -> None:
    """The no does nothing; the yes ends it, with the reason that was typed."""
    await room.member("Wang")
    mei = await room.applicant()
    asked = await room.command("Wang", "reject", "李梅 经历不合适")
    assert ["command.confirm"] == texts(asked)
    assert ("reject", mei) == asked[0].button("confirm")
    assert ["card.settled"] == texts(await room.presses("Wang", "cancel", "reject", mei))
    assert Status.OPEN is (await room.application(mei)).application.status

    await room.command("Wang", "reject", "李梅 经历不合适")
    await room.presses("Wang", "confirm", "reject", mei)
    assert Status.REJECTED is (await room.application(mei)).application.status
    assert ("member:Wang", "application.reject", mei) in await trail(room)
    assert ["refused.ended"] == texts(await room.command("Wang", "pass", "李梅"))


async def test_a_pass_moves_on_and_a_stale_button_says_who(room: Room) -> None:
    """What a closed gate forbids is refused with its reason."""
    await room.member("Wang")
    mei = await room.applicant()
    assert ["command.pass.ok"] == texts(await room.command("Wang", "pass", "李梅"))
    assert "cert" == (await room.application(mei)).application.stage
    assert ["refused.requires"] == texts(await room.command("Wang", "pass", mei[:6]))


async def test_a_follow_up_is_settled_once(room: Room) -> None:
    """Whoever is second hears by whom."""
    await room.member("Wang")
    await room.member("Zhao")
    mei, id = await with_follow_up(room)
    listed = await room.command("Wang", "todo") + await room.command("Zhao", "todo")
    assert ["command.todo.head", "command.todo.none"] == sorted(texts(listed))

    assert ["card.settled"] == texts(await room.presses("Wang", "reached", id, mei))
    assert () == (await room.application(mei)).application.follow_up
    said = await room.presses("Zhao", "reached", id, mei)
    assert ["card.settled", "follow_up.elsewhere"] == texts(said)
    assert "Wang" == said[1].values["who"]


async def test_done_takes_the_beginning_of_an_id(room: Room) -> None:
    """In the member's own shops only."""
    await room.member("Wang", "recruiter", "南京路店")
    await room.member("Zhao", "recruiter", "人民路店")
    _, id = await with_follow_up(room)
    assert ["command.done.unknown"] == texts(await room.command("Zhao", "done", id[:8]))
    assert ["command.done.unknown"] == texts(await room.command("Wang", "done", id[:5]))
    assert ["command.done.ok"] == texts(await room.command("Wang", "done", id[:6].upper()))


async def test_a_typo_names_what_was_meant(room: Room) -> None:
    """And plain talk is no typo."""
    await room.member("Wang")
    said = await room.says("Wang", "/staus 李梅", "member_fallback")
    assert ["command.unknown"] == texts(said)
    assert "/status" == said[0].values["guess"]
    assert ["command.unclear"] == texts(await room.says("Wang", "早上好", "member_fallback"))
    assert ["command.help.head"] == texts(await room.command("Wang", "help"))
