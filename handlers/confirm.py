"""Yes and no: the same two buttons for candidates and members, each about the question that was asked."""

from handlers.candidate import leave, slots
from handlers.candidate.stale import too_late
from handlers.hr import decisions, groups
from handlers.routing import Routes, Turn

routes = Routes()


@routes.tap("confirm")
async def confirm(turn: Turn) -> None:
    """A member carries out what can't be undone; a candidate withdraws, or says that they will come."""
    if turn.member is not None and turn.argument.startswith(groups.MAKE_OURS):
        await groups.make_ours(turn)
    elif turn.member is not None:
        await decisions.confirmed(turn)
    elif turn.argument == leave.WITHDRAW:
        await leave.withdraw_confirmed(turn)
    else:
        await slots.coming(turn)


@routes.tap("cancel")
async def cancel(turn: Turn) -> None:
    """Nothing happens."""
    if turn.member is not None:
        await decisions.cancelled(turn)
    elif turn.argument == leave.WITHDRAW:
        await leave.withdraw_cancelled(turn)
    else:
        await too_late(turn)
