"""Delivery reports: noted once, harmless when repeated, and a failure takes the next rung at once."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update

from handlers import deliveries
from storage.tables import Candidate, EventRow, OutboxRow
from storage.unit import Unit
from tests.handlers.conftest import Room


async def accepted_invite(room: Room) -> str:
    """An invite that the gateway has accepted; its id."""
    await room.applicant()

    async def job(unit: Unit) -> str:
        await unit.run(update(OutboxRow).where(OutboxRow.c.rung == "sms").values(status="accepted"))
        row = await unit.one(select(OutboxRow).where(OutboxRow.c.rung == "sms"))
        assert row is not None
        return str(row["id"])

    return await room.within(job)


async def report(room: Room, id: str, status: str, reason: str = "") -> Mapping[str, Any]:
    """The gateway reports; the message afterwards, with its events and whether the number counts as wrong."""

    async def job(unit: Unit) -> Mapping[str, Any]:
        await deliveries.report(unit, {"id": id, "status": status, "reason": reason})
        row = await unit.one(select(OutboxRow).where(OutboxRow.c.id == id))
        events = await unit.all(select(EventRow.c.type).where(EventRow.c.type.startswith("message.")))
        person = await unit.one(select(Candidate.c.sms_failed_at))
        assert person is not None
        told = [event["type"] for event in events]
        return {"status": row["status"] if row else None, "events": told, "wrong": person["sms_failed_at"] is not None}

    return await room.within(job)


async def test_a_delivery_is_noted_once(room: Room) -> None:
    """Repeated reports, and a failure after the delivery, change nothing."""
    id = await accepted_invite(room)
    expected = {"status": "delivered", "events": ["message.delivered"], "wrong": False}
    assert expected == await report(room, id, "delivered")
    assert expected == await report(room, id, "delivered")
    assert expected == await report(room, id, "failed", "invalid number")


async def test_a_wrong_number_is_no_rung_any_more(room: Room) -> None:
    """A person takes over at once, because there is no other way to the candidate."""
    id = await accepted_invite(room)
    expected = {"status": "failed", "events": ["message.failed"], "wrong": True}
    assert expected == await report(room, id, "failed", "Invalid number")
    assert expected == await report(room, id, "failed", "Invalid number")
    await room.member("Wang")
    assert ["command.todo.head"] == [one.text for one in await room.command("Wang", "todo")]


async def test_a_passing_failure_leaves_the_number_alone(room: Room) -> None:
    """A full inbox says nothing about the number; an unknown message says nothing at all."""
    id = await accepted_invite(room)
    assert not (await report(room, id, "failed", "inbox full"))["wrong"]
    assert (await report(room, "unknown", "failed", "invalid number"))["status"] is None
