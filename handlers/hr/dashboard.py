"""/dashboard: a way in, once and within ten minutes, for this member alone."""

from handlers.hr.scope import COMMANDS, actor
from handlers.routing import Offer, Routes, Turn
from recruiting.chat import Incoming, Kind
from storage import members, sessions, trail

routes = Routes()

LOGIN = "/dashboard/login/"


@routes.command("dashboard", COMMANDS["dashboard"])
async def way_in(turn: Turn) -> None:
    """The link goes to nobody else: what is asked in a group is answered in private."""
    assert turn.member is not None
    told = turn
    if turn.incoming.group:
        who = members.address(turn.unit, turn.member)
        if who is None:
            turn.reply("command.no_private")
            return
        incoming = Incoming(turn.incoming.id, who, Kind.TEXT, turn.now)
        told = Turn(turn.unit, incoming, f"{turn.cause}/private", None, None, turn.member, turn.box)
        turn.reply("command.private")
    token = await sessions.sign_in_link(turn.unit, turn.member["id"])
    trail.note(turn.unit, actor(turn), "dashboard.link", turn.member["id"])
    told.reply("command.dashboard.link", offers=[Offer("buttons.open_dashboard", url=LOGIN + token)])
