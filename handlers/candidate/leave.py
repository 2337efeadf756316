"""Stop, erase, not me, no longer interested; and the ways to a person."""

from handlers.candidate.offers import HUMAN, STATUS, chosen, for_surface, tapped, three_things
from handlers.candidate.status import tell_status
from handlers.routing import PAGE, SMS, Offer, Routes, Turn
from recruiting.model import NeedsPerson, OptedOut, Status, Withdrew
from storage.applications import Loaded, of_candidate, open_of
from storage.tables import Candidate, Conversation, Link

routes = Routes()

WITHDRAW = "withdraw"  # what a yes or no is about


@routes.intent("human")
@routes.tap("human")
async def fetch_person(turn: Turn) -> None:
    """Somebody in HR is asked to get in touch; about a rejection, to look again."""
    loaded = await tapped(turn) or await _latest(turn)
    if loaded is None:
        turn.reply("status.none")
        return
    rejected = loaded.application.status is Status.REJECTED
    await turn.take(loaded, NeedsPerson("second_look" if rejected else "human"))
    turn.reply("human.coming", application=loaded, offers=for_surface(turn, STATUS))


@routes.intent("stop")
async def stop(turn: Turn) -> None:
    """No more messages that the bot starts by itself. Confirmed once; the applications stay open."""
    assert turn.candidate_id is not None
    loaded = await _latest(turn)
    if loaded is None or loaded.application.person.opted_out:
        return
    await turn.unit.set(Candidate, {"id": turn.candidate_id}, opted_out_at=turn.now)
    for one in await open_of(turn.unit, turn.candidate_id):
        await turn.take(one, OptedOut())
    turn.reply("stopped", application=loaded)


@routes.intent("resume")
async def resume(turn: Turn) -> None:
    """Messages are wanted again after all."""
    assert turn.candidate_id is not None
    await turn.unit.set(Candidate, {"id": turn.candidate_id}, opted_out_at=None)
    about, offers = await three_things(turn)
    turn.reply("resumed", application=about, offers=offers)


@routes.intent("not_me")
@routes.tap("not_me")
async def not_me(turn: Turn) -> None:
    """Our message reached somebody else: let the account go, say nothing of anybody, and tell HR."""
    assert turn.candidate_id is not None
    loaded = await tapped(turn) or await _latest(turn)
    if loaded is not None:
        await turn.take(loaded, NeedsPerson("not_me"))
    if turn.incoming.sender.surface == SMS:  # the number is not theirs: nothing more goes there
        await turn.unit.set(Candidate, {"id": turn.candidate_id}, sms_failed_at=turn.now)
    if turn.conversation is not None:
        await turn.unit.set(
            Conversation, {"id": turn.conversation["id"]}, candidate_id=None, bound_at=None, dialog=None
        )
        # The link that brought them here must not bring them back.
        await turn.unit.set(Link, {"candidate_id": turn.candidate_id, "kind": "chat"}, expires_at=turn.now)
    turn.reply("not_me.done")


@routes.intent("erase")
async def ask_erasure(turn: Turn) -> None:
    """A person makes sure that it is really them, then erases: it can't be undone."""
    loaded = await _latest(turn)
    if loaded is not None:
        await turn.take(loaded, NeedsPerson("erase"))
    turn.reply("erase.asked", application=loaded)


@routes.intent("later")
@routes.tap("later")
async def later(turn: Turn) -> None:
    """Not now: nothing changes, the next reminder comes when it comes."""
    about, _ = await three_things(turn)
    turn.reply("later.ok", application=about, offers=for_surface(turn, STATUS))


@routes.intent("broken")
@routes.tap("broken")
async def broken(turn: Turn) -> None:
    """The link does not open: HR is told, and the link comes again."""
    loaded = await chosen(turn, "broken", otherwise=tell_status)
    if loaded is not None:
        await turn.take(loaded, NeedsPerson("broken_link"))
        turn.reply("broken.ok", application=loaded, offers=for_surface(turn, HUMAN))


@routes.intent("withdraw")
@routes.tap("withdraw")
async def withdraw(turn: Turn) -> None:
    """No longer interested: asked once, because it can't be undone. The page has asked already; an SMS cannot ask."""
    loaded = await chosen(turn, "withdraw", otherwise=tell_status)
    if loaded is None:
        return
    surface = turn.incoming.sender.surface
    if surface == PAGE:
        await _end(turn, loaded)
    elif surface == SMS:
        await turn.take(loaded, NeedsPerson("withdraw"))
        turn.reply("human.coming", application=loaded)
    elif loaded.application.open:
        offers = [Offer("buttons.yes", "confirm", WITHDRAW), Offer("buttons.cancel", "cancel", WITHDRAW)]
        turn.reply("withdraw.ask", application=loaded, offers=offers)
    else:
        turn.reply(f"status.ended.{loaded.application.status.value}", application=loaded, offers=[HUMAN])


async def withdraw_confirmed(turn: Turn) -> None:
    """The yes to that question."""
    loaded = await tapped(turn)
    if loaded is not None:
        await _end(turn, loaded)


async def withdraw_cancelled(turn: Turn) -> None:
    """The no: everything stays as it is."""
    about, offers = await three_things(turn)
    turn.reply("withdraw.kept", application=about, offers=offers)


async def _end(turn: Turn, loaded: Loaded) -> None:
    if loaded.application.open:
        await turn.take(loaded, Withdrew())  # says so by itself
        if turn.incoming.sender.surface == PAGE:
            turn.reply("withdrawn")
    else:
        turn.reply(f"status.ended.{loaded.application.status.value}", application=loaded, offers=[HUMAN])


async def _latest(turn: Turn) -> Loaded | None:
    """The newest open application, else the newest of all: what concerns the person is noted there."""
    assert turn.candidate_id is not None
    found = await of_candidate(turn.unit, turn.candidate_id)
    return min(found, key=lambda one: not one.application.open, default=None)
