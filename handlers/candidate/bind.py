"""Whose application is this? A signed link, or a one-time code to the phone; a name or number alone opens nothing."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from handlers.candidate.offers import HUMAN, STATUS
from handlers.routing import Routes, Turn
from recruiting.model import Joined, NeedsPerson, Purpose, Status
from storage import codes, conversations, links, search
from storage.applications import load_one, of_candidate
from storage.owed import owe
from storage.tables import Conversation

routes = Routes()

STRANGERS_EVERY = timedelta(hours=1)


@routes.on("enter")
async def enter(turn: Turn) -> None:
    """Somebody opened the chat, perhaps through their link: recognise them, else say where they find it."""
    link = await links.find(turn.unit, turn.incoming.scene, "chat") if turn.incoming.scene else None
    if link is not None and link["candidate_id"] == turn.candidate_id:
        await _welcome_back(turn)
    elif link is not None and _valid(turn, link):
        await _enter_by(turn, link)
    elif turn.candidate_id is not None:
        if turn.incoming.welcome_code:
            await _welcome_back(turn)
    else:
        await greet_stranger(turn)


@routes.on("stranger", "member_stranger")
async def greet_stranger(turn: Turn) -> None:
    """One friendly sentence on what this is, the same for every text, at most once an hour."""
    assert turn.conversation is not None
    last = turn.conversation["strangers_at"]
    if last is not None and turn.now - last < STRANGERS_EVERY:
        return
    await turn.unit.set(Conversation, {"id": turn.conversation["id"]}, strangers_at=turn.now)
    turn.reply("welcome.stranger", welcome=True)


@routes.on("phone")
async def send_code(turn: Turn) -> None:
    """A number was typed: always the same answer, and a code to the number if it is one of ours."""
    assert turn.conversation is not None
    asked = await codes.asks(turn.unit, turn.conversation)
    if asked > codes.ASKS:
        if asked == codes.ASKS + 1:
            turn.reply("bind.too_often")
        return
    candidate = await search.by_phone(turn.unit, turn.argument)
    if candidate is not None:
        await search.lock_candidate(turn.unit, candidate)
    code = await codes.make(turn.unit, turn.conversation["id"], candidate)
    if code is not None and candidate is not None:
        await _owe_code(turn, candidate, code)
    turn.reply("bind.code_sent")


@routes.on("code")
async def try_code(turn: Turn) -> None:
    """A code was typed: the right one binds. Who waits for none is a stranger like any other."""
    assert turn.conversation is not None
    if len(turn.argument) == codes.LENGTH:
        link = await codes.check_link(turn.unit, turn.conversation, turn.argument)
        await (_enter_by(turn, link) if link is not None and _valid(turn, link) else greet_stranger(turn))
        return
    candidate = await codes.check(turn.unit, turn.conversation["id"], turn.argument)
    if candidate is None:
        await greet_stranger(turn)
    elif not candidate:
        turn.reply("bind.code_wrong")
    else:
        await search.lock_candidate(turn.unit, candidate)
        await _bind(turn, candidate, "bind.done")


def _valid(turn: Turn, link: Mapping[str, Any]) -> bool:
    expires = link["expires_at"]
    return link["status"] == Status.OPEN.value and (expires is None or turn.now < expires)


async def _enter_by(turn: Turn, link: Mapping[str, Any]) -> None:
    """A good link: it binds the first account that comes with it. Another one learns nothing, and HR is told."""
    candidate = link["candidate_id"]
    await search.lock_candidate(turn.unit, candidate)
    if turn.candidate_id is None and not await conversations.of_candidate(turn.unit, candidate):
        await _bind(turn, candidate, "welcome.bound", first=link["application_id"])
        return
    loaded = await load_one(turn.unit, link["application_id"])
    if loaded is not None:
        await turn.take(loaded, NeedsPerson("other_account"))
    await greet_stranger(turn)


async def _bind(turn: Turn, candidate: str, text: str, *, first: str = "") -> None:
    """From now on this account speaks for the candidate."""
    assert turn.conversation is not None
    box = await turn.unit.box_of(candidate)
    if box is None:
        await greet_stranger(turn)
        return
    bound = {"candidate_id": candidate, "bound_at": turn.now, "dialog": None}
    await turn.unit.set(Conversation, {"id": turn.conversation["id"]}, **bound)
    turn.conversation = {**turn.conversation, **bound}
    turn.candidate_id, turn.box = candidate, box
    found = await of_candidate(turn.unit, candidate)
    for loaded in found:
        if loaded.application.open:
            await turn.take(loaded, Joined(turn.incoming.sender.surface))
    # The welcome speaks of the link's own application, else of an open one.
    about = min(found, key=lambda one: (one.id != first, not one.application.open), default=None)
    turn.reply(text, application=about, welcome=True, offers=[STATUS, HUMAN])


async def _welcome_back(turn: Turn) -> None:
    assert turn.candidate_id is not None
    found = await of_candidate(turn.unit, turn.candidate_id)
    about = min(found, key=lambda one: not one.application.open, default=None)
    if about is not None:
        turn.reply("welcome.again", application=about, welcome=True, offers=[STATUS, HUMAN])


async def _owe_code(turn: Turn, candidate: str, code: str) -> None:
    """The code goes to the phone that we know, never to the one who asks."""
    box = await turn.unit.box_of(candidate)
    if box is not None:
        owe(
            turn.unit,
            box,
            promise=f"{turn.cause}/code",
            rung="sms",
            purpose=Purpose.CODE,
            text="bind.code",
            values={"code": code},
            candidate_id=candidate,
        )
