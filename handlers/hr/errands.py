"""What takes longer than an answer: a worker does it, and then speaks where it was asked for."""

from handlers.routing import Turn
from recruiting.chat import Incoming, Kind, Person
from storage import conversations, members
from storage.errands import Errand
from storage.unit import Unit


def place(turn: Turn) -> str | None:
    """Where the outcome goes: where it was asked for, if the bot can speak first there."""
    return None if turn.passive or turn.conversation is None else str(turn.conversation["id"])


async def turn_of(unit: Unit, errand: Errand, step: str, *, privately: bool = False) -> Turn | None:
    """A turn in which the bot speaks first, once for each `step`, to the member who asked: where they asked, or
    `privately`. None: they are no member any more.
    """
    member = await members.by_id(unit, errand.member_id)
    if member is None:
        return None
    asked_in = None if privately else errand.conversation_id
    talk = await conversations.by_id(unit, asked_in) if asked_in else None
    who = members.address(unit, member) or Person("", "")
    speaker = Person(talk["surface"], talk["account"], talk["desk"]) if talk is not None else who
    incoming = Incoming(f"errand-{errand.id}", speaker, Kind.FILE, unit.now)
    box = await unit.ground.days.existing(unit.connection, unit.ground.today(unit.now))
    return Turn(unit, incoming, f"errand/{errand.id}/{step}", talk, None, member, box)


async def send_file(unit: Unit, errand: Errand, parcel: str) -> None:
    """Send the member a file, in private: others in a group may see less."""
    turn = await turn_of(unit, errand, "file", privately=True)
    if turn is not None:
        turn.reply("file.sent", file=parcel)
