"""Groups: the bot introduces itself where it is added, and an administrator makes the group HR's by one tap."""

from handlers.hr.scope import actor
from handlers.routing import Offer, Routes, Turn
from recruiting.chat import GROUPS, Person
from recruiting.process import Role
from storage import groups, trail

routes = Routes()

MAKE_OURS = "hr_group"
LONGEST_NAME = 60


@routes.on("joined")
async def introduce(turn: Turn) -> None:
    """Say what the bot does here; a group that is HR's already has nothing to tap."""
    group = _group(turn)
    if await groups.is_ours(turn.unit, group):
        turn.reply("group.joined.ours")
        return
    subject = f"{MAKE_OURS}|{turn.incoming.text.strip()[:LONGEST_NAME]}"
    turn.reply("group.joined", offers=[Offer("buttons.make_hr_group", "confirm", subject, style="primary")])


async def make_ours(turn: Turn) -> None:
    """From now on alerts and follow-ups come here too. Only an administrator may say so."""
    assert turn.member is not None
    if turn.member["role"] != Role.ADMIN.value:
        turn.reply("group.only_admins")
        return
    group = _group(turn)
    id = await groups.add(turn.unit, await _free_name(turn, group), group)
    trail.note(turn.unit, actor(turn), "group.add", id)
    turn.settle_card("group.made")


async def _free_name(turn: Turn, group: Person) -> str:
    """The group's own name; two groups of one name are told apart by a number."""
    name = turn.argument.partition("|")[2] or group.account[:LONGEST_NAME]
    taken = {each.name for each in await groups.everyone(turn.unit) if each.person != group}
    numbered = (f"{name} {number}" for number in range(2, len(taken) + 3))
    return name if name not in taken else next(each for each in numbered if each not in taken)


def _group(turn: Turn) -> Person:
    return Person(GROUPS[turn.incoming.sender.surface], turn.incoming.group)
