"""A button that does nothing any more."""

from handlers.candidate.offers import three_things
from handlers.routing import Turn


async def too_late(turn: Turn) -> None:
    """What the button was for is settled: say so, and what can be done now."""
    about, offers = await three_things(turn)
    turn.reply("button.stale", application=about, offers=offers)
