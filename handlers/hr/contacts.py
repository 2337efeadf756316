"""/contact: a candidate's phone or e-mail is corrected, and what went to the wrong one is told again."""

import base64

from handlers.hr import undo
from handlers.hr.scope import COMMANDS, actor, find_first, one_of, tapped, tell
from handlers.routing import Offer, Routes, Turn
from recruiting.contacts import last_four, tidy_email
from recruiting.intents import phone_in
from recruiting.process import Role
from storage import contacts, trail
from storage.applications import Loaded
from storage.types import SealedBytes

routes = Routes()

PHONE, EMAIL = "phone", "email"
NOTHING = "-"
LONGEST_SUBJECT = 255  # of a button: an address that is longer cannot be brought back by one


@routes.command("contact", COMMANDS["contact"])
async def correct(turn: Turn) -> None:
    """The last word is the number or the address; those before it are whose."""
    assert turn.member is not None
    if turn.member["role"] == Role.MANAGER.value:
        turn.reply("refused.not_yours")
        return
    whose, given = _split(turn.argument)
    column, value = _read(given)
    if not whose or not value:
        turn.reply("command.contact.bad", usage={"$say": "command.usage.contact"})
        return
    found, rest = await find_first(turn, whose)
    if rest:
        found = []
    loaded = await one_of(turn, found, whose, lambda one: one.application.open)
    if loaded is not None:
        await _correct(turn, loaded, column, value)


async def take_back(turn: Turn) -> None:
    """The contact as it was before. What has been sent since cannot be taken back."""
    if undo.too_late(turn):
        return
    loaded = await tapped(turn)
    if loaded is None:
        turn.reply("refused.decided")
        return
    column, sealed, ours, failed = undo.details_of(turn)
    before = _opened(loaded, sealed)
    now = await contacts.of(turn.unit, loaded.candidate_id)
    if contacts.digest(turn.unit, now[column]) != ours:
        undo.done(turn, undone=False)
        return
    outcome = await contacts.change(turn.unit, loaded.candidate_id, {**now, column: before}, failed=failed == "1")
    if outcome is contacts.Outcome.CHANGED:
        trail.note(turn.unit, actor(turn), "contact.undo", loaded.id, f"{column} {masked(before)}")
    undo.done(turn, undone=outcome is contacts.Outcome.CHANGED)


async def _correct(turn: Turn, loaded: Loaded, column: str, value: str) -> None:
    before = await contacts.of(turn.unit, loaded.candidate_id)
    failed = await contacts.failed(turn.unit, loaded.candidate_id, column)
    outcome = await contacts.change(turn.unit, loaded.candidate_id, {**before, column: value})
    if outcome is not contacts.Outcome.CHANGED:
        tell(turn, loaded, f"command.contact.{outcome.value}")
        return
    await contacts.corrected(turn.unit, loaded.candidate_id, actor(turn))
    was, is_now = masked(before[column]), masked(value)
    trail.note(turn.unit, actor(turn), "contact", loaded.id, f"{column} {was or NOTHING} -> {is_now}")
    offer = _undo(turn, loaded, column, before[column], value, failed)
    told = was or {"$say": "command.contact.nothing"}
    offers = [offer] if len(offer.subject) <= LONGEST_SUBJECT else []
    tell(turn, loaded, "command.contact.ok", offers=offers, before=told, after=is_now)


def _undo(turn: Turn, loaded: Loaded, column: str, before: str | None, after: str, failed: bool) -> Offer:
    """The button carries the former contact under the candidate's own key: erasing them erases it."""
    sealed = NOTHING
    if before:
        sealed = base64.urlsafe_b64encode(loaded.box.seal(before, f"undo.contact:{loaded.id}")).decode()
    ours = contacts.digest(turn.unit, after)
    offer = undo.offer("contact", column, sealed, ours, "1" if failed else "0")
    return Offer(offer.label, offer.verb, offer.subject, loaded.id)


def _opened(loaded: Loaded, sealed: str) -> str | None:
    if sealed == NOTHING:
        return None
    return loaded.box.open_text(SealedBytes(base64.urlsafe_b64decode(sealed)), f"undo.contact:{loaded.id}")


def _split(argument: str) -> tuple[str, str]:
    """Whose it is, and what. A number may be typed in groups: 138 0000 1234."""
    words = argument.split()
    for count in range(1, min(len(words), 5)):
        given = " ".join(words[-count:])
        if _read(given)[1]:
            return " ".join(words[:-count]), given
    return argument, ""


def _read(given: str) -> tuple[str, str]:
    if phone := phone_in(given):
        return PHONE, phone
    return EMAIL, tidy_email(given) or ""


def masked(contact: str | None) -> str:
    """Enough to know it again: …1234, m…@example.com."""
    if not contact:
        return ""
    name, at, domain = contact.rpartition("@")
    return f"{name[:1]}…@{domain}" if at else f"…{last_four(contact)}"
