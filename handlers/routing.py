"""Routes say which function is called for what can happen; a Turn is one such happening with its open transaction."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from recruiting.chat import Incoming
from recruiting.model import Purpose, Signal
from storage.applications import Loaded
from storage.apply import take
from storage.keys import Box
from storage.owed import FILE, PASSIVE, owe
from storage.unit import Unit

Values = Mapping[str, Any]
ANSWER_FIRST = timedelta(seconds=1)  # a card that changes before its tap is answered changes back (Feishu: card FAQ)
PAGE = "page"  # the candidate's own page: a reply is shown there
SMS = "sms"  # a reply to one of our SMS


@dataclass(frozen=True, slots=True)
class Offer:
    """A button of a reply: its label's key in config/texts, and what a tap means to its receiver.

    `verb` and `subject` become a row in `buttons` when the message is rendered; `url` (a kind of
    link: invite, chat, or a whole address) makes a link of it instead.
    """

    label: str
    verb: str = ""
    subject: str = ""
    application: str = ""
    style: str = ""
    url: str = ""
    text: Any = None  # a label that is no catalogue text: a slot's time as {"$when": iso}


@dataclass(frozen=True, slots=True)
class Form:
    """Inputs of a reply with the button that sends them, shown in place of its offers where the surface has forms.

    An input is its name, its label's text key, its kind (text, date, choice), options (value -> text key) and preset;
    what was entered comes back in `Incoming.choices`.
    """

    inputs: Sequence[tuple[str, str, str, Sequence[tuple[str, str]], str]]
    submit: Offer
    others: Sequence[Offer] = ()  # buttons beside it that need nothing entered


@dataclass
class Turn:
    """One incoming item and the open transaction in which it is handled. Handlers add rows, they never send.

    In `values` of a reply these forms are put into the reader's language when the message is rendered:
    {"$when": iso moment}, {"$day": iso date}, {"$lasting": seconds}, {"$percent": fraction of 1}, {"$say": text key}
    (with "values"), {"$words": {language: text}}, {"$stage": [application id, stage id]}, {"$reason": id or words}.
    """

    unit: Unit
    incoming: Incoming
    cause: str  # unique to the incoming item: every reply's promise begins with it
    conversation: Mapping[str, Any] | None = None  # the row; None where a surface has none
    candidate_id: str | None = None  # whom the conversation is bound to
    member: Mapping[str, Any] | None = None  # the row of the member who did it
    box: Box | None = None  # seals what is said: the candidate's key, else the day's
    argument: str = ""  # what stood behind a command or a button's verb
    button: Mapping[str, Any] | None = None  # the row of the tapped button
    told: list[tuple[str, Values]] = field(default_factory=list)  # replies to somebody on their page: shown there
    waiting: bool = False  # whoever tapped sees a few words at once: then short replies stand in `toasts`
    toasts: list[tuple[str, Values, Loaded | None]] = field(default_factory=list)
    passive: bool = False  # what is replied goes into the very response: nothing is sent later
    _said: int = 0

    @property
    def now(self) -> datetime:
        """The moment of handling, aware, UTC."""
        return self.unit.now

    def reply(
        self,
        text: str,
        *,
        lines: Sequence[tuple[str, Values]] = (),
        fields: Sequence[tuple[Any, Any]] = (),
        chart: tuple[str, Sequence[tuple[Any, float]]] | None = None,
        offers: Sequence[Offer] = (),
        form: Form | None = None,
        application: Loaded | None = None,
        welcome: bool = False,
        file: str = "",
        **values: Any,
    ) -> None:
        """Answer where the message came from: text `text` with `values`, further `lines` (text key, values), card
        `fields` (label key, or a value; value), a `chart` (kind, labelled numbers; the fields must say the same) and
        buttons. `application` gives the reply its names, stage and links, and its candidate's key, so that erasing the
        candidate erases it too.
        `welcome` uses the one message that WeChat allows within 20 s of entering. `file` is a file of `storage.parcels`
        that a member gets in place of words.
        """
        if self.incoming.sender.surface == PAGE:
            self.told.append((text, values))
            if self.member is not None:
                self.told.extend(lines)
            return
        settles = "handle" in values
        if self.waiting and self.member is not None and not (lines or fields or offers or form or settles):
            self.toasts.append((text, values, application))
            return
        self._said += 1
        said = {
            "values": dict(values),
            "lines": [[key, dict(of_line)] for key, of_line in lines],
            "fields": [[label, value] for label, value in fields],
            "offers": [_plain(offer) for offer in offers],
            "form": [list(form.inputs), _plain(form.submit), *map(_plain, form.others)] if form else None,
            "chart": [chart[0], [list(point) for point in chart[1]]] if chart else None,
            "welcome_code": self.incoming.welcome_code if welcome else "",
            "reply_to": self.incoming.message if self.incoming.group and not settles else "",
            "file": file,
        }
        box = application.box if application is not None else self.box
        assert box is not None
        owe(
            self.unit,
            box,
            promise=f"{self.cause}/{self._said}",
            rung=self._rung(),
            start=FILE if file else "welcome" if welcome and self.incoming.welcome_code else "reply",
            purpose=Purpose.ANSWER,
            text=text,
            values=said,
            candidate_id=self.candidate_id,
            application_id=application.id if application else None,
            member_id=self.member["id"] if self.member is not None else None,
            surface=self.conversation["surface"] if self.conversation is not None else self.incoming.sender.surface,
            conversation_id=self.conversation["id"] if self.conversation is not None else None,
            stage=application.application.stage if application else "",
            visit=application.application.visit if application else 0,
            day=None if application or self.candidate_id else self.unit.ground.today(self.now),
            wait=ANSWER_FIRST if self.waiting and settles else timedelta(0),
        )

    def _rung(self) -> str:
        if self.passive:
            return PASSIVE
        if self.member is not None:
            return "member"
        return "sms" if self.incoming.sender.surface == SMS else "chat"

    def entered(self, name: str) -> str:
        """What was put into an input of the tapped card's form; empty where there was none."""
        return next(iter(self.incoming.choices.get(name, ())), "").strip()

    def settle_card(self, label: str, **values: Any) -> None:
        """Change the tapped card: its buttons give way to `label` (a text key). Nothing where no card was tapped."""
        if self.waiting:
            self.toasts.append((label, values, None))
        if self.incoming.card:
            self.reply("card.settled", label={"$say": label, "values": values}, handle=self.incoming.card)

    async def take(self, loaded: Loaded, signal: Signal) -> None:
        """Put a signal to the rules; what follows is written in this transaction."""
        await take(self.unit, loaded, signal)


def _plain(offer: Offer) -> list[Any]:
    return [offer.label, offer.verb, offer.subject, offer.application, offer.style, offer.url, offer.text]


Handler = Callable[[Turn], Awaitable[None]]


class Routes:
    """Triggers and their functions. The same trigger twice fails when the routes are put together."""

    def __init__(self) -> None:
        self.handlers: dict[tuple[str, str], Handler] = {}

    def intent(self, *names: str) -> Callable[[Handler], Handler]:
        """A candidate's free text that means this (`recruiting.intents`)."""
        return self._on("intent", names)

    def tap(self, *verbs: str) -> Callable[[Handler], Handler]:
        """A button whose key begins with this verb."""
        return self._on("tap", verbs)

    def command(self, *names: str) -> Callable[[Handler], Handler]:
        """A member's slash-command, by its English and Chinese names."""
        return self._on("command", names)

    def on(self, *kinds: str) -> Callable[[Handler], Handler]:
        """Anything else that can happen: enter, file, unsupported, send_failed, stranger, fallback, ..."""
        return self._on("on", kinds)

    def include(self, other: "Routes") -> None:
        """Take over another module's routes. Raises ValueError: both handle the same trigger."""
        for trigger, handler in other.handlers.items():
            self._add(trigger, handler)

    def find(self, kind: str, name: str) -> Handler | None:
        """The function for a trigger, or None."""
        return self.handlers.get((kind, name))

    def names(self, kind: str) -> list[str]:
        """All names of one kind of trigger."""
        return [name for of, name in self.handlers if of == kind]

    def _on(self, kind: str, names: Sequence[str]) -> Callable[[Handler], Handler]:
        def keep(handler: Handler) -> Handler:
            for name in names:
                self._add((kind, name), handler)
            return handler

        return keep

    def _add(self, trigger: tuple[str, str], handler: Handler) -> None:
        if trigger in self.handlers:
            raise ValueError(f"{trigger} is handled twice")
        self.handlers[trigger] = handler
