"""What can be undone has a button for it, ten minutes long."""

from datetime import timedelta

from handlers.routing import Offer, Turn

WITHIN = timedelta(minutes=10)


def offer(what: str, *details: str) -> Offer:
    """The button that undoes `what`; the details come back with its tap (`details_of`)."""
    return Offer("buttons.undo", "cancel", "|".join((f"undo.{what}", *details)))


def details_of(turn: Turn) -> list[str]:
    """What the tapped button was made with."""
    return turn.argument.split("|")[1:]


def too_late(turn: Turn) -> bool:
    """Whether the ten minutes are over; then it says so."""
    assert turn.button is not None
    if turn.now - turn.button["created_at"] <= WITHIN:
        return False
    turn.reply("command.undo.late")
    return True


def done(turn: Turn, *, undone: bool) -> None:
    """Say that it was taken back, or that somebody has changed it since."""
    if not undone:
        turn.reply("command.undo.changed")
    elif turn.incoming.card:
        turn.settle_card("settled.undone")
    else:
        turn.reply("command.undo.ok")
