"""Meetings: choose a slot, choose another one, say that one will come."""

from datetime import datetime

from handlers.candidate.offers import HUMAN, chosen, for_surface, meets, still_there, tapped
from handlers.candidate.stale import too_late
from handlers.candidate.status import tell_status
from handlers.routing import PAGE, Offer, Routes, Turn
from recruiting.model import Booked, Confirmed, NeedsPerson
from storage import seats
from storage.applications import Loaded

routes = Routes()


@routes.intent("reschedule")
async def reschedule(turn: Turn) -> None:
    """Another time, please: the free slots again."""
    loaded = await chosen(turn, "slot", otherwise=tell_status, fits=meets)
    if loaded is not None:
        await offer_slots(turn, loaded, "meeting.slots")


@routes.tap("slot")
async def choose_slot(turn: Turn) -> None:
    """A slot was tapped: it is theirs if it is still free. Without a slot on the button: show the free ones."""
    loaded = await tapped(turn)
    if loaded is None or not meets(loaded):
        await too_late(turn)
    elif turn.argument:
        await book(turn, loaded, datetime.fromisoformat(turn.argument))
    else:
        await offer_slots(turn, loaded, "meeting.slots")


async def offer_slots(turn: Turn, loaded: Loaded, text: str) -> None:
    """Show free slots as buttons; somebody in HR is asked when there are none."""
    free = seats.spread(await seats.free(turn.unit, loaded), turn.unit.ground.timezone)
    blocked = seats.shut(turn.unit, loaded) if not free else None
    if blocked is not None:  # the rules ask for what is missing
        await turn.take(loaded, Booked(blocked))
        return
    if not free:
        await turn.take(loaded, NeedsPerson("no_slot"))
        turn.reply("meeting.none", application=loaded, offers=for_surface(turn, HUMAN))
        return
    choices = [Offer("", "slot", start.isoformat(), loaded.id, text={"$when": start.isoformat()}) for start in free]
    more = Offer("buttons.show_page", url="invite")
    turn.reply(text, application=loaded, offers=for_surface(turn, *choices, more, HUMAN))


async def book(turn: Turn, loaded: Loaded, start: datetime) -> None:
    """Take the seat and tell the rules; whoever was quicker keeps it, and other slots are offered."""
    if start == loaded.application.meeting:
        turn.reply("meeting.booked", application=loaded, start={"$when": start.isoformat()})
        return
    if not await seats.take(turn.unit, loaded, start):
        await offer_slots(turn, loaded, "meeting.taken")
        return
    await turn.take(loaded, Booked(start))
    if loaded.application.meeting != start:  # a gate has closed again: the rules have said what is missing
        await seats.release(turn.unit, loaded.id)
        return
    turn.settle_card("settled.slot", start={"$when": start.isoformat()})
    if turn.incoming.sender.surface == PAGE:
        turn.reply("meeting.booked", start={"$when": start.isoformat()})


async def coming(turn: Turn) -> None:
    """They will come, to the slot that the button spoke of."""
    loaded = await tapped(turn)
    if loaded is None or loaded.application.meeting is None or not still_there(turn, loaded):
        await too_late(turn)
        return
    await turn.take(loaded, Confirmed())
    start = {"$when": loaded.application.meeting.isoformat()}
    turn.reply("meeting.confirmed", application=loaded, start=start)
