"""The buttons that an answer to a candidate carries, and which application a wish is about."""

from collections.abc import Callable, Sequence

from handlers.routing import SMS, Handler, Offer, Turn
from recruiting.process import StageKind
from recruiting.status import Todo, where
from storage.applications import Loaded, load_one, of_candidate, open_of

SHOWN = 5  # applications in one answer; nobody has more open at once

STATUS = Offer("buttons.status", "status")
HUMAN = Offer("buttons.human", "human")
CHAT = Offer("page.open_chat", url="chat")


def for_surface(turn: Turn, *offers: Offer) -> Sequence[Offer]:
    """An SMS has no buttons: there the link into the chat stands for those that only a tap can carry out."""
    if turn.incoming.sender.surface != SMS:
        return offers
    return [*(offer for offer in offers if offer.url), CHAT]


def next_steps(turn: Turn, loaded: Loaded) -> list[Offer]:
    """What the person can do now about this application."""
    match where(loaded.application, turn.now).todo:
        case Todo.OPEN_LINK:
            return [Offer("buttons.open_link", url="invite")]
        case Todo.UPLOAD:
            return [Offer("buttons.upload", "upload", application=loaded.id)]
        case Todo.CHOOSE_SLOT:
            return [Offer("buttons.slot", "slot", application=loaded.id)]
        case Todo.COME:
            return [Offer("buttons.other_slot", "slot", application=loaded.id)]
        case _:
            return []


async def three_things(turn: Turn) -> tuple[Loaded | None, Sequence[Offer]]:
    """What one can do now, and the application that it is about: the next step, the status, a person."""
    assert turn.candidate_id is not None
    found = await open_of(turn.unit, turn.candidate_id) or await of_candidate(turn.unit, turn.candidate_id)
    if not found:
        return None, for_surface(turn, STATUS, HUMAN)
    return found[0], for_surface(turn, *next_steps(turn, found[0])[:1], STATUS, HUMAN)


async def tapped(turn: Turn) -> Loaded | None:
    """The application whose button was tapped."""
    if turn.button is None or not turn.button["application_id"]:
        return None
    loaded = await load_one(turn.unit, turn.button["application_id"])
    return loaded if loaded is not None and loaded.candidate_id == turn.candidate_id else None


async def chosen(
    turn: Turn, verb: str, *, otherwise: Handler, fits: Callable[[Loaded], bool] = lambda _: True
) -> Loaded | None:
    """The open application that a wish is about: the tapped one, else the only one that fits. With several it asks
    which, by buttons of `verb`; with none it answers by `otherwise`. None then.
    """
    loaded = await tapped(turn)
    if loaded is not None:
        return loaded
    assert turn.candidate_id is not None
    fitting = [one for one in await open_of(turn.unit, turn.candidate_id) if fits(one)][:SHOWN]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        await otherwise(turn)
        return None
    choices = [Offer("", verb, application=one.id, text=f"{one.position} {one.shop}".strip()) for one in fitting]
    turn.reply("ask_which", application=fitting[0], offers=for_surface(turn, *choices))
    return None


def meets(loaded: Loaded) -> bool:
    """Whether the application is at a stage with slots."""
    return loaded.application.open and loaded.application.now_in.kind is StageKind.MEETING


def still_there(turn: Turn, loaded: Loaded) -> bool:
    """Whether the application is where it was when the tapped button was made."""
    button, application = turn.button, loaded.application
    if button is None or not button["stage"]:
        return application.open
    return application.open and (button["stage"], button["visit"]) == (application.stage, application.visit)
