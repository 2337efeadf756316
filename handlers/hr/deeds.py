"""Links in a group without buttons: what each will do is shown first; then it is done, once, in the group's name."""

from collections.abc import Mapping

from handlers.hr import batches, new_links, todo
from handlers.hr.scope import tapped, tell
from handlers.routing import Handler, Turn


async def show(turn: Turn, verb: str) -> bool:
    """Say what the link does; whether there is anything to confirm."""
    await SHOWN[verb](turn)
    return verb in DONE


async def do(turn: Turn, verb: str) -> None:
    """Do it, as the button of this verb would have done."""
    await DONE[verb](turn)


async def _ask_to_mute(turn: Turn) -> None:
    batch = await batches.tapped_batch(turn)
    if batch is not None:
        turn.reply("deed.mute", batch=batch.name)


async def _ask_about_one(turn: Turn) -> None:
    loaded = await tapped(turn)
    if loaded is None:
        turn.reply("refused.decided")
    else:
        tell(turn, loaded, f"deed.{turn.incoming.key.partition(':')[0]}")


_ABOUT_ONE = ("reached", "no_answer", "wrong_number", "hand_over", "view")
SHOWN: Mapping[str, Handler] = {
    "remind": batches.remind_tapped,
    "list": batches.remind_tapped,
    "mute": _ask_to_mute,
    "new_link": new_links.ask,
    **dict.fromkeys(_ABOUT_ONE, _ask_about_one),
}
DONE: Mapping[str, Handler] = {
    "remind": batches.remind_confirmed,
    "mute": batches.mute_tapped,
    "new_link": new_links.entered,
    **dict.fromkeys(_ABOUT_ONE, todo.settle_by_button),
    "view": todo.show_phone,
}
