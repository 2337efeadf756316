"""Where do I stand, and what can I do now?"""

from handlers.candidate.offers import HUMAN, SHOWN, for_surface, next_steps, tapped, three_things
from handlers.routing import Routes, Turn, Values
from recruiting.process import StageKind
from recruiting.status import Todo, where
from storage.applications import Loaded, of_candidate

routes = Routes()


@routes.intent("status")
@routes.tap("status")
async def tell_status(turn: Turn) -> None:
    """Every open application: where it stands, what is next and by when. Without an open one, how the last ended."""
    assert turn.candidate_id is not None
    found = await of_candidate(turn.unit, turn.candidate_id)
    shown = [loaded for loaded in found if loaded.application.open][:SHOWN] or found[:1]
    asked = await tapped(turn)
    if asked is not None and not asked.application.open:
        shown = [asked, *(loaded for loaded in shown if loaded.id != asked.id)][:SHOWN]
    for loaded in shown:
        _tell(turn, loaded)
    if not shown:
        turn.reply("status.none", offers=for_surface(turn, HUMAN))


@routes.intent("help")
async def tell_help(turn: Turn) -> None:
    """What this bot can do for a candidate."""
    about, offers = await three_things(turn)
    turn.reply("help.candidate", application=about, offers=offers)


def _tell(turn: Turn, loaded: Loaded) -> None:
    application = loaded.application
    if not application.open:
        turn.reply(f"status.ended.{application.status.value}", application=loaded, offers=for_surface(turn, HUMAN))
        return
    lines: list[tuple[str, Values]] = [("stopped.note", {})] if application.person.opted_out else []
    offers = for_surface(turn, *next_steps(turn, loaded), HUMAN)
    turn.reply("status.open", application=loaded, todo=_todo(turn, loaded), lines=lines, offers=offers)


def _todo(turn: Turn, loaded: Loaded) -> Values:
    """What to do, to be said in the reader's language."""
    application = loaded.application
    place = where(application, turn.now)
    if place.todo is Todo.COME and application.meeting is not None:
        return {"$say": "todo.come", "values": {"start": {"$when": application.meeting.isoformat()}}}
    if place.kind is StageKind.DOCUMENT and application.waiting:
        return {"$say": "document.waiting"}
    return {"$say": f"todo.{place.todo.value}"}
