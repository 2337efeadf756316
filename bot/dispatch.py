"""From what came in to the function that handles it: lock first, then load, one transaction."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from handlers import deliveries, interviews, links, routes
from handlers.commands import find_command
from handlers.hr import batches
from handlers.routing import SMS, Handler, Turn
from recruiting.chat import GROUPS, FileRef, Incoming, Kind, Person
from recruiting.intents import code_in, phone_in
from recruiting.intents import intent as intent_of
from recruiting.model import Replied, Signal
from storage import conversations, inbox, members, search
from storage.applications import open_of
from storage.apply import take_each
from storage.keys import Unsealable
from storage.links import find_button
from storage.unit import Ground, Unit

log = logging.getLogger(__name__)

T = TypeVar("T")
Opened = tuple[Mapping[str, Any], Mapping[str, Any]]  # a row of the inbox and its body

# What is nothing but a signal to one application: source -> the application's id and the signal.
SIGNALS: Mapping[str, Callable[[Mapping[str, Any]], tuple[str, Signal | None]]] = {
    "click": links.signal_of,
    "interview": interviews.signal_of,
    "remind": batches.signal_of,
}
WAITING = frozenset({"feishu"})  # surfaces whose taps are answered at once, and never told again
ONLY_MEMBERS = frozenset({"wecom.app", "wecom.bot"})  # surfaces on which nobody else can write
PASSIVE = frozenset({"wecom.bot"})  # surfaces that take an answer in the same response only


def to_body(incoming: Incoming) -> dict[str, Any]:
    """An incoming item for the inbox, which writes people, kinds and moments as JSON by itself; nothing that is empty.

    Not `asdict`, whose copies cost a fifth of a whole callback.
    """
    return {name: value for name in _FIELDS if (value := getattr(incoming, name))}


_FIELDS = Incoming._fields


def from_body(body: Mapping[str, Any]) -> Incoming:
    """What `to_body` made, read back from JSON."""
    return Incoming(
        **{
            **body,
            "sender": Person(**body["sender"]),
            "kind": Kind(body["kind"]),
            "at": datetime.fromisoformat(body["at"]),
            "file": FileRef(**body["file"]) if "file" in body else None,
        }
    )


Member = Mapping[str, Any]


class Dispatch:
    """Knows which function handles what; opens the unit, takes the lock, loads, calls."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground

    async def handle(self, row: Mapping[str, Any], body: Mapping[str, Any], now: datetime) -> None:
        """Handle one inbox row in one transaction; nothing happens when somebody else has handled it already."""
        await self.ground.days.for_day(self.ground.today(now))

        async def job(connection: Any) -> None:
            unit = Unit(connection, self.ground, now)
            if await inbox.claim(unit, row["seq"]):
                await self.run(unit, row["source"], row["key"], body)
                await unit.flush()

        await self.ground.database.write(job)

    async def handle_together(self, rows: Sequence[Opened], now: datetime) -> set[int]:
        """Handle rows of `SIGNALS` in one transaction: a wave of clicks then costs a tenth. Their numbers.

        Those whose candidate somebody else acts on are left out. If one raises, nothing has happened to any.
        """
        signals = [(row["seq"], *SIGNALS[row["source"]](body)) for row, body in rows]

        async def job(connection: Any) -> set[int]:
            unit = Unit(connection, self.ground, now)
            free = await search.try_candidates_of(unit, {application for _, application, _ in signals})
            ours = await inbox.claim_all(unit, [seq for seq, application, _ in signals if application in free])
            found = [(application, signal) for seq, application, signal in signals if seq in ours and signal]
            await take_each(unit, found)
            await unit.flush()
            return ours

        return await self.ground.database.write(job)

    async def within(self, job: Callable[[Unit], Awaitable[T]], now: datetime) -> T:
        """Run `job` in one transaction of its own, for callers who wait for the outcome (the API, `/p/`, links)."""
        await self.ground.days.for_day(self.ground.today(now))

        async def whole(connection: Any) -> T:
            unit = Unit(connection, self.ground, now)
            result = await job(unit)
            await unit.flush()
            return result

        return await self.ground.database.write(whole)

    async def run(self, unit: Unit, source: str, cause: str, body: Mapping[str, Any]) -> None:
        """Call the function for what came in."""
        match source:
            case "chat":
                await self.chat(unit, from_body(body), cause)
            case "interview" | "click" | "remind":
                application, signal = SIGNALS[source](body)
                if signal is not None and await search.lock_candidate_of(unit, application) is not None:
                    await take_each(unit, [(application, signal)])
            case "sms_report" | "send_failed":
                await deliveries.report(unit, body)
            case "sms_reply":
                await self._sms(unit, body, cause)
            case _:
                log.warning("inbox row of unknown source", extra={"source": source})

    # --- chat ------------------------------------------------------------------------------------------------------

    async def chat(self, unit: Unit, incoming: Incoming, cause: str) -> Turn | None:
        """One thing that one person did on a platform."""
        if incoming.kind is Kind.SEND_FAILED:
            await deliveries.report(unit, {"id": incoming.key, "status": "failed", "reason": incoming.reason})
            return None
        if incoming.kind is Kind.JOINED:
            return await self._joined(unit, incoming, cause)
        member = await self._member_behind(unit, incoming)
        if incoming.kind is Kind.LEFT:
            return await self._left(unit, incoming, cause, member)
        if member is None and incoming.group:
            return None  # nobody's business but the members'
        if member is not None or incoming.sender.surface in ONLY_MEMBERS:
            return await self._member(unit, incoming, cause, member)
        return await self._candidate(unit, incoming, cause)

    async def _member_behind(self, unit: Unit, incoming: Incoming) -> Mapping[str, Any] | None:
        column = members.ACCOUNTS.get(incoming.sender.surface)
        return await members.by_account(unit, column, incoming.sender.account) if column else None

    async def _joined(self, unit: Unit, incoming: Incoming, cause: str) -> Turn:
        """The bot was added to a group, by whomever: what it says there is for each of its members."""
        conversation = await conversations.of_person(unit, _talk(incoming))
        turn = await self._turn(unit, incoming, cause, conversation, None)
        await _call(turn, "on", "joined")
        return turn

    async def _left(self, unit: Unit, incoming: Incoming, cause: str, member: Member | None) -> Turn | None:
        """Somebody has left the company. Whoever was no member concerns us as little as before."""
        if member is None:
            return None
        turn = await self._turn(unit, incoming, cause, None, None)
        turn.member = member
        await _call(turn, "on", "left")
        return turn

    async def _candidate(self, unit: Unit, incoming: Incoming, cause: str) -> Turn | None:
        conversation = await self._locked(unit, incoming.sender)
        if incoming.kind is not Kind.ENTER:
            await conversations.heard(unit, conversation["id"], incoming.at)
        if await conversations.before_our_time(unit, incoming):
            return None
        turn = await self._turn(unit, incoming, cause, conversation, conversation["candidate_id"])
        if turn.box is None:
            return None  # erased while the message was on its way
        if turn.candidate_id is None:
            await self._unbound(turn)
        else:
            await self._bound(turn)
        return turn

    async def _locked(self, unit: Unit, sender: Person) -> Mapping[str, Any]:
        """The conversation, under the lock of its candidate (or its own while it is nobody's)."""
        database = unit.ground.database
        conversation = await conversations.of_person(unit, sender)
        while True:
            bound = conversation["candidate_id"]
            name = f"candidate:{bound}" if bound else f"conversation:{conversation['id']}"
            await database.lock(unit.connection, name)
            again = await conversations.of_person(unit, sender)
            if again["candidate_id"] == bound:
                return again
            conversation = again

    async def _turn(
        self, unit: Unit, incoming: Incoming, cause: str, conversation: Mapping[str, Any] | None, candidate: str | None
    ) -> Turn:
        day = unit.ground.today(unit.now)
        box = await unit.box_of(candidate) if candidate else await unit.ground.days.existing(unit.connection, day)
        return Turn(unit, incoming, cause, conversation, candidate, None, box)

    async def _unbound(self, turn: Turn) -> None:
        incoming = turn.incoming
        if incoming.kind is Kind.ENTER:
            await _call(turn, "on", "enter")
        elif incoming.kind is Kind.TEXT and (code := code_in(incoming.text)):
            turn.argument = code
            await _call(turn, "on", "code")
        elif incoming.kind is Kind.TEXT and (phone := phone_in(incoming.text)):
            turn.argument = phone
            await _call(turn, "on", "phone")
        else:
            await _call(turn, "on", "stranger")

    async def _bound(self, turn: Turn) -> None:
        if turn.incoming.kind is Kind.ENTER:
            await _call(turn, "on", "enter")
            return
        await self.candidate_did(turn)

    async def on_page(self, unit: Unit, candidate_id: str, incoming: Incoming, cause: str) -> Turn | None:
        """A candidate pressed a button or sent a file on their own page: the same as in chat. The candidate is locked
        by this call; what would be said in chat stands in the turn's `told`. None: they have been erased.
        """
        await unit.ground.database.lock(unit.connection, f"candidate:{candidate_id}")
        turn = await self._turn(unit, incoming, cause, None, candidate_id)
        if turn.box is None:
            return None
        await self.candidate_did(turn)
        return turn

    async def on_deed(self, unit: Unit, button: Mapping[str, Any], group: Member, incoming: Incoming) -> Turn:
        """Somebody opened a link in a group of HR's whose robot hears of no tap: a turn in the group's name, under the
        lock of the candidate it concerns. What is to be said stands in its `told`.
        """
        turn = await self._turn(unit, incoming, f"deed/{incoming.id}", None, None)
        turn.member, turn.button, turn.argument = group, button, button["subject"]
        await self._lock_subject(turn)
        return turn

    async def candidate_did(self, turn: Turn) -> None:
        """A known candidate wrote, tapped or sent something: in chat, by SMS or on their page."""
        assert turn.candidate_id is not None
        for loaded in await open_of(turn.unit, turn.candidate_id):
            await turn.take(loaded, Replied())
        incoming = turn.incoming
        match incoming.kind:
            case Kind.TAP:
                turn.button = await find_button(turn.unit, incoming.key)
                if turn.button is None or turn.button["candidate_id"] != turn.candidate_id:
                    turn.button = None
                    await _call(turn, "on", "stale")
                else:
                    turn.argument = turn.button["subject"]
                    await _call(turn, "tap", incoming.key.partition(":")[0], otherwise="stale")
            case Kind.FILE:
                await _call(turn, "on", "file")
            case Kind.TEXT:
                turn.argument = incoming.text
                intent = intent_of(incoming.text)
                if intent is None:
                    await _call(turn, "on", "fallback")
                else:
                    await _call(turn, "intent", intent, otherwise="fallback")
            case _:
                await _call(turn, "on", "unsupported")

    # --- SMS and members -------------------------------------------------------------------------------------------

    async def _sms(self, unit: Unit, body: Mapping[str, Any], cause: str) -> None:
        candidate = await search.by_phone(unit, body["from"])
        if candidate is None:
            return
        await unit.ground.database.lock(unit.connection, f"candidate:{candidate}")
        sender = Person(SMS, "")
        incoming = Incoming(cause, sender, Kind.TEXT, datetime.fromisoformat(body["at"]), text=body["text"])
        turn = await self._turn(unit, incoming, cause, None, candidate)
        if turn.box is not None:
            await self.candidate_did(turn)

    async def _member(self, unit: Unit, incoming: Incoming, cause: str, member: Mapping[str, Any] | None) -> Turn:
        conversation = await conversations.of_person(unit, _talk(incoming))
        await unit.ground.database.lock(unit.connection, f"conversation:{conversation['id']}")
        turn = await self._turn(unit, incoming, cause, conversation, None)
        turn.member, turn.waiting = member, waits(incoming)
        turn.passive = incoming.sender.surface in PASSIVE
        if turn.member is None:
            if incoming.kind is not Kind.ENTER:
                await _call(turn, "on", "member_stranger")
            return turn
        if not incoming.group and incoming.kind is not Kind.ENTER:
            await members.wrote_on(unit, turn.member, incoming.sender.surface)
        match incoming.kind:
            case Kind.TEXT:
                await self._member_wrote(turn)
            case Kind.TAP:
                turn.button = await find_button(unit, incoming.key)
                if turn.button is None or not _for_member(turn.button, turn.member):
                    turn.button = None
                    await _call(turn, "on", "stale")
                else:
                    turn.argument = turn.button["subject"]
                    await self._lock_subject(turn)
                    await _call(turn, "tap", incoming.key.partition(":")[0], otherwise="stale")
            case Kind.ENTER:
                pass
            case Kind.FILE:
                await _call(turn, "on", "member_file")
            case _:
                await _call(turn, "on", "member_fallback")
        return turn

    async def _member_wrote(self, turn: Turn) -> None:
        assert turn.conversation is not None
        name, argument = find_command(turn.incoming.text, routes.names("command"))
        turn.argument = argument
        if name is not None:
            await _call(turn, "command", name)
        elif turn.conversation["dialog"]:
            turn.argument = turn.incoming.text
            await _call(turn, "on", "member_dialog")
        else:
            turn.argument = turn.incoming.text
            await _call(turn, "on", "member_fallback")

    async def _lock_subject(self, turn: Turn) -> None:
        """A member's button concerns one application: its candidate is locked before anything is read."""
        assert turn.button is not None
        if turn.button["application_id"]:
            await search.lock_candidate_of(turn.unit, turn.button["application_id"])


def waits(incoming: Incoming) -> bool:
    """Whether whoever did this looks at the screen for a few words, which only the answer itself can bring."""
    return incoming.kind is Kind.TAP and incoming.sender.surface in WAITING


def _talk(incoming: Incoming) -> Person:
    """The conversation to which something belongs: in a group each member has one of their own."""
    if not incoming.group:
        return incoming.sender
    return Person(GROUPS[incoming.sender.surface], incoming.group, incoming.sender.account)


def _for_member(button: Mapping[str, Any], member: Mapping[str, Any]) -> bool:
    """Whether a button is this member's, or one in a group that is for each of them. No candidate's ever is."""
    return button["candidate_id"] is None and button["member_id"] in (None, member["id"])


async def _call(turn: Turn, kind: str, name: str, *, otherwise: str = "") -> None:
    handler: Handler | None = routes.find(kind, name)
    if handler is None and otherwise:
        handler = routes.find("on", otherwise)
    if handler is None:
        log.warning("nothing handles this", extra={"trigger": f"{kind}:{name}"})
        return
    await handler(turn)


async def open_row(ground: Ground, row: Mapping[str, Any]) -> dict[str, Any] | None:
    """The body of an inbox row, or None when its day's key is gone: after 30 days nothing can be done about it."""
    return (await open_rows(ground, [row]))[0]


async def open_rows(ground: Ground, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any] | None]:
    """The bodies of many rows, as `open_row` finds them."""
    bodies: list[dict[str, Any] | None] = []
    async with ground.database.reading() as connection:
        for row in rows:
            try:
                bodies.append(inbox.opened(row, await ground.days.existing(connection, row["day"])))
            except Unsealable:
                bodies.append(None)
    return bodies
