"""Nothing matched: candidates get the three things that one can do now, members what was probably meant."""

from handlers.candidate import uploads
from handlers.candidate.offers import three_things
from handlers.candidate.stale import too_late
from handlers.commands import guess
from handlers.hr.scope import COMMANDS, commands_of
from handlers.routing import Routes, Turn

routes = Routes()


@routes.on("fallback")
async def not_understood(turn: Turn) -> None:
    """A free text that is no wish we know; perhaps it answers the question about consent."""
    if not await uploads.in_words(turn):
        about, offers = await three_things(turn)
        turn.reply("fallback", application=about, offers=offers)


@routes.on("unsupported")
async def unsupported(turn: Turn) -> None:
    """Voice, a location, a video."""
    about, offers = await three_things(turn)
    turn.reply("unsupported", application=about, offers=offers)


@routes.on("stale")
async def stale(turn: Turn) -> None:
    """A button that is not theirs, or does nothing any more."""
    if turn.member is not None:
        turn.reply("refused.decided")
    else:
        await too_late(turn)


@routes.on("member_fallback")
async def no_command(turn: Turn) -> None:
    """A member wrote what is no command: name the one that was probably meant."""
    assert turn.member is not None
    names = commands_of(turn.member)
    meant = guess(turn.incoming.text, [*names, *(COMMANDS[name] for name in names)])
    if meant is None:
        turn.reply("command.unclear")
    else:
        turn.reply("command.unknown", guess=f"/{meant}")
