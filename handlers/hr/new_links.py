"""The outside page of a batch's interview is dead: HR gives its new address, and who was stuck is told again."""

from datetime import datetime

from handlers.hr import batches, undo
from handlers.hr.scope import actor
from handlers.routing import Form, Offer, Routes, Turn
from recruiting.process import is_address
from storage import new_links, trail
from storage.batches import Found

routes = Routes()

NEW_LINK = "new_link"


@routes.tap("new_link")
async def ask(turn: Turn) -> None:
    """Ask for the new address; nothing goes out before it is there."""
    found = await _stuck(turn)
    if found is None:
        return
    batch, place, count = found
    form = Form(
        [("link", "form.new_link", "text", (), "")],
        Offer("buttons.send_new_link", "confirm", "|".join((NEW_LINK, batch.id, *place)), "", "primary"),
    )
    turn.reply("command.new_link.ask", batch=batch.name, count=count, form=form)


async def entered(turn: Turn) -> None:
    """The new address holds for the whole batch from now on, also for the links that people have already."""
    found = await _stuck(turn)
    if found is None:
        return
    batch, (process, stage), _ = found
    link = turn.entered("link")
    if not is_address(link):
        turn.reply("command.new_link.bad")
        return
    before = await new_links.put(turn.unit, batch.id, process, stage, link, by=actor(turn))
    trail.note(turn.unit, actor(turn), "batch.new_link", batch.id, f"{before} -> {link}")
    reached = await batches.remind_stage(turn, batch, process, stage)
    turn.settle_card("settled.new_link")
    offers = [undo.offer(NEW_LINK, batch.id, process, stage, turn.now.isoformat())]
    turn.reply("command.new_link.ok", batch=batch.name, count=reached, offers=offers)


async def take_back(turn: Turn) -> None:
    """The address of before holds again; what was sent meanwhile leads there too."""
    if undo.too_late(turn):
        return
    batch_id, process, stage, since = undo.details_of(turn)
    undone = await new_links.take_back(turn.unit, batch_id, process, stage, datetime.fromisoformat(since))
    if undone:
        trail.note(turn.unit, actor(turn), "batch.new_link.undo", batch_id)
    undo.done(turn, undone=undone)


async def _stuck(turn: Turn) -> tuple[Found, tuple[str, str], int] | None:
    """The batch, the process and stage, and how many are waited for there; else it says why nothing can be done."""
    batch = await batches.tapped_whole(turn, "remind")
    if batch is None:
        return None
    _, process, stage = undo.details_of(turn)
    count = len((await batches.plan_of_stage(turn, batch, process, stage)).reached)
    return batch, (process, stage), count
