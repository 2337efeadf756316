"""Yes and no: the same two buttons for candidates and members, each about the question that was asked."""

from collections.abc import Mapping

from handlers.candidate import leave, slots
from handlers.candidate.stale import too_late
from handlers.hr import (
    batches,
    contacts,
    decisions,
    export,
    groups,
    history,
    importing,
    language,
    members,
    new_links,
    numbers,
    reviews,
)
from handlers.routing import Handler, Routes, Turn

routes = Routes()

# What a member's yes or no is about: the first part of the button's subject.
ABOUT: Mapping[str, Handler] = {
    groups.MAKE_OURS: groups.make_ours,
    batches.REMIND: batches.remind_confirmed,
    "pause": batches.pause_tapped,
    "resume": batches.resume_tapped,
    numbers.FUNNEL: numbers.funnel_tapped,
    history.WHY: history.why_tapped,
    numbers.THRESHOLD: numbers.threshold_entered,
    language.CHOOSE: language.chosen,
    new_links.NEW_LINK: new_links.entered,
    importing.IMPORT: importing.confirmed,
    export.EXPORT: export.tapped,
    reviews.NEXT: reviews.next_tapped,
}
UNDO: Mapping[str, Handler] = {
    "undo.pause": batches.undo_pause,
    "undo.resume": batches.undo_resume,
    "undo.mute": batches.undo_mute,
    "undo.threshold": numbers.undo_threshold,
    "undo.lang": language.take_back,
    "undo.member": members.take_back,
    "undo.contact": contacts.take_back,
    "undo.new_link": new_links.take_back,
    importing.IMPORT: importing.cancelled,
}


@routes.tap("confirm")
async def confirm(turn: Turn) -> None:
    """A member carries out what can't be undone; a candidate withdraws, or says that they will come."""
    if turn.member is not None:
        await ABOUT.get(_about(turn), decisions.confirmed)(turn)
    elif turn.argument == leave.WITHDRAW:
        await leave.withdraw_confirmed(turn)
    else:
        await slots.coming(turn)


@routes.tap("cancel")
async def cancel(turn: Turn) -> None:
    """Nothing happens; or what has happened within the last ten minutes is undone."""
    if turn.member is not None:
        await UNDO.get(_about(turn), decisions.cancelled)(turn)
    elif turn.argument == leave.WITHDRAW:
        await leave.withdraw_cancelled(turn)
    else:
        await too_late(turn)


def _about(turn: Turn) -> str:
    return turn.argument.partition("|")[0]
