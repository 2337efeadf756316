"""/pass and /reject, the same as buttons on cards, and the reason that a rejection is asked for."""

import base64
from datetime import datetime, timedelta
from typing import Any

from handlers.hr import reviews
from handlers.hr.scope import (
    COMMANDS,
    LONGEST_REASON,
    actor,
    find,
    find_first,
    may_decide,
    one_of,
    reason_form,
    reason_of,
    settle,
    tapped,
    tell,
    who,
)
from handlers.routing import Offer, Routes, Turn
from recruiting.decide import refusal
from recruiting.model import Decided
from storage import reports, search, trail
from storage.applications import Loaded, load_one
from storage.apply import take
from storage.tables import Conversation
from storage.unit import Unit

routes = Routes()

REASONS = ("not_fit", "position_filled", "not_passed", "night_shift", "other")
PASS, REJECT = "pass", "reject"  # what a yes or no is about
ANSWER_WITHIN = timedelta(minutes=15)  # a typed reason belongs to the question before it


async def decide(
    unit: Unit, loaded: Loaded, *, passed: bool, actor: str, reason: str = "", stage: str = ""
) -> str | None:
    """Decide the present stage and keep it in the audit log; the text key of a refusal, None when it is done.

    Take the candidate's lock before. With `stage` it must be the present one.
    """
    application = loaded.application
    signal = Decided(passed, actor, reason, stage)
    refused = refusal(application, signal, unit.now)
    if refused is None:
        await take(unit, loaded, signal)
        trail.note(unit, actor, "application.pass" if passed else "application.reject", loaded.id, application.stage)
    return refused


# --- passing --------------------------------------------------------------------------------------------------------


@routes.command("pass", COMMANDS["pass"])
async def pass_by_name(turn: Turn) -> None:
    """Move somebody on by name or id. What hires them is asked once, because it can't be undone."""
    if not turn.argument:
        turn.reply("command.wrong_usage", usage={"$say": "command.usage.pass"})
        return
    loaded = await one_of(turn, await find(turn, turn.argument), turn.argument, _open)
    if loaded is None or not _allowed(turn, loaded):
        return
    application = loaded.application
    if application.open and application.process.after(application.stage) is None:
        await _ask(turn, loaded, PASS, "command.what.hire")
    else:
        await _pass(turn, loaded, "")


@routes.tap("pass")
async def pass_by_button(turn: Turn) -> None:
    """One tap on a card moves somebody on, out of the stage that the card was about."""
    loaded = await tapped(turn)
    if loaded is None:
        turn.reply("refused.decided")
    elif _allowed(turn, loaded) and not await _outdated(turn, loaded):
        await _pass(turn, loaded, loaded.application.stage)


async def _pass(turn: Turn, loaded: Loaded, stage: str) -> None:
    left = loaded.application.stage
    refused = await decide(turn.unit, loaded, passed=True, actor=actor(turn), stage=stage)
    if refused is not None:
        tell(turn, loaded, refused)
    else:
        settle(turn, loaded, "settled.pass", "command.pass.ok", stage={"$stage": [loaded.id, left]})


# --- rejecting ------------------------------------------------------------------------------------------------------


@routes.command("reject", COMMANDS["reject"])
async def reject_by_name(turn: Turn) -> None:
    """End somebody's application. Without a reason it is asked for; with one, whether they are sure."""
    if not turn.argument:
        turn.reply("command.wrong_usage", usage={"$say": "command.usage.reject"})
        return
    found, reason = await find_first(turn, turn.argument)
    loaded = await one_of(turn, found, turn.argument, _open)
    if loaded is None or not _allowed(turn, loaded):
        return
    refused = refusal(loaded.application, Decided(False, actor(turn)), turn.now)
    if refused is not None:
        tell(turn, loaded, refused)
    elif reason:
        reason = reason[:LONGEST_REASON]
        sealed = base64.b64encode(loaded.box.seal(reason, f"conversations.dialog:{loaded.id}")).decode()
        await _expect(turn, {"reject": loaded.id, "sealed": sealed})
        await _ask(turn, loaded, REJECT, "command.what.reject", reason=reason)
    else:
        await _ask_reason(turn, loaded)


@routes.tap("reject")
async def reject_by_button(turn: Turn) -> None:
    """A rejection asks once for its reason, then takes effect. Its button names the document, if it is about one."""
    document, _, told = turn.argument.partition("|")
    reason = reason_of(turn, told)
    loaded = await tapped(turn)
    if loaded is None:
        turn.reply("refused.decided")
    elif document:
        await reviews.reject(turn, loaded, document, reason)
    elif _allowed(turn, loaded) and not await _outdated(turn, loaded):
        if reason:
            await _reject(turn, loaded, reason)
        else:
            await _ask_reason(turn, loaded)


@routes.on("member_dialog")
async def typed_reason(turn: Turn) -> None:
    """The reason in the member's own words; when the question is too old, nothing happens."""
    assert turn.conversation is not None
    asked: dict[str, Any] = turn.conversation["dialog"] or {}
    await _expect(turn, None)
    reason = turn.incoming.text.strip()[:LONGEST_REASON]
    application = asked.get("reject")
    if not application or not reason or "sealed" in asked or turn.now > datetime.fromisoformat(asked["until"]):
        turn.reply("command.unclear")
        return
    await search.lock_candidate_of(turn.unit, application)
    loaded = await load_one(turn.unit, application)
    if loaded is None or not _allowed(turn, loaded):
        return
    if asked.get("document"):
        await reviews.reject(turn, loaded, asked["document"], reason)
    elif asked["at"] == _place(loaded):
        await _reject(turn, loaded, reason)
    else:
        tell(turn, loaded, "refused.other_stage")


async def _ask_reason(turn: Turn, loaded: Loaded) -> None:
    await _expect(turn, {"reject": loaded.id, "at": _place(loaded)})
    offers = [Offer(f"reasons.{reason}", REJECT, f"|{reason}", loaded.id) for reason in REASONS]
    tell(turn, loaded, "reject.ask", offers=offers, form=reason_form(loaded, "|", REASONS))


async def _reject(turn: Turn, loaded: Loaded, reason: str) -> None:
    await _expect(turn, None)
    refused = await decide(turn.unit, loaded, passed=False, actor=actor(turn), reason=reason)
    if refused is not None:
        tell(turn, loaded, refused)
    else:
        settle(turn, loaded, "settled.end", "command.reject.ok", reason={"$reason": reason})


# --- yes and no -----------------------------------------------------------------------------------------------------


async def confirmed(turn: Turn) -> None:
    """The yes to what can't be undone."""
    assert turn.conversation is not None
    loaded = await tapped(turn)
    if loaded is None:
        turn.reply("refused.decided")
    elif not _allowed(turn, loaded) or await _outdated(turn, loaded):
        return
    elif turn.argument == PASS:
        await _pass(turn, loaded, loaded.application.stage)
    else:
        asked: dict[str, Any] = turn.conversation["dialog"] or {}
        if asked.get("reject") == loaded.id and "sealed" in asked:
            sealed = base64.b64decode(asked["sealed"])
            await _reject(turn, loaded, loaded.box.open_text(sealed, f"conversations.dialog:{loaded.id}"))
        else:  # something else was asked since: its reason is gone
            await _ask_reason(turn, loaded)


async def cancelled(turn: Turn) -> None:
    """The no: nothing was done."""
    await _expect(turn, None)
    if turn.incoming.card:
        turn.settle_card("settled.cancel")
    else:
        turn.reply("command.cancelled")


async def _ask(turn: Turn, loaded: Loaded, about: str, what: str, **values: Any) -> None:
    person = (await reports.contacts(turn.unit, [loaded]))[loaded.candidate_id]
    said = {"$say": what, "values": {"name": person.name, "stage": _stage(loaded), **values}}
    offers = [
        Offer("buttons.yes", "confirm", about, loaded.id, "danger" if about == REJECT else "primary"),
        Offer("buttons.cancel", "cancel", about, loaded.id),
    ]
    tell(turn, loaded, "command.confirm", what=said, offers=offers)


# --- checks ---------------------------------------------------------------------------------------------------------


def _open(loaded: Loaded) -> bool:
    return loaded.application.open


def _allowed(turn: Turn, loaded: Loaded) -> bool:
    """Says so, and why not, when this member may not decide about them."""
    assert turn.member is not None
    if may_decide(turn.member, loaded):
        return True
    tell(turn, loaded, "refused.not_yours")
    return False


async def _outdated(turn: Turn, loaded: Loaded) -> bool:
    """Whether somebody has decided since the tapped card was made; then it says who."""
    button, application = turn.button, loaded.application
    assert button is not None
    same_visit = not button["stage"] or (button["stage"], button["visit"]) == (application.stage, application.visit)
    if application.open and same_visit:
        return False
    turn.settle_card("settled.settled")
    by = await trail.decided_by(turn.unit, loaded.id, button["created_at"])
    if by is not None and by.startswith(("member:", "token:")):
        tell(turn, loaded, "follow_up.elsewhere", who=who(by))
    else:
        tell(turn, loaded, "refused.other_stage" if application.open else "refused.ended")
    return True


def _place(loaded: Loaded) -> str:
    return f"{loaded.application.stage}.{loaded.application.visit}"


def _stage(loaded: Loaded) -> dict[str, Any]:
    return {"$stage": [loaded.id, loaded.application.stage]}


async def _expect(turn: Turn, dialog: dict[str, Any] | None) -> None:
    """Remember what the next free text of this member answers (None: nothing)."""
    assert turn.conversation is not None
    if dialog is not None:
        dialog = {**dialog, "until": (turn.now + ANSWER_WITHIN).isoformat()}
    await turn.unit.set(Conversation, {"id": turn.conversation["id"]}, dialog=dialog)
