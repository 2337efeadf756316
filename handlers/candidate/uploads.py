"""A certificate arrives: consent first, then the picture, then the reviewer."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from handlers.candidate.offers import HUMAN, STATUS, for_surface, tapped
from handlers.candidate.stale import too_late
from handlers.candidate.status import tell_status
from handlers.routing import Offer, Routes, Turn
from recruiting.chat import Incoming, Kind, Person
from recruiting.intents import yes_or_no
from recruiting.model import NeedsPerson, Uploaded
from storage import consents, conversations, documents
from storage.applications import Loaded, open_of
from storage.apply import take
from storage.types import random_id
from storage.unit import Unit

routes = Routes()

CONSENT_TEXT = "consent.ask"
CONSENT_VERSION = "1"  # counted up whenever what people agree to changes
CONSENT_DIGEST = hashlib.sha256(f"{CONSENT_TEXT}/{CONSENT_VERSION}".encode()).hexdigest()
SHOW_AGAIN = timedelta(hours=1)  # several pictures at once get one card
_TAKE_BACK = re.compile(
    r"(?:撤回|撤销|取消|收回)(?:我的)?同意|同意(?:の|を)?(?:撤回|取り消|取消)"
    r"|(?:withdraw|revoke|take back)\s+(?:my\s+)?consent"
)


@routes.on("file")
async def receive(turn: Turn) -> None:
    """A picture or PDF: fetched for the stages that wait for one, but never before the person has agreed."""
    wanting = await _wanting(turn)
    if not wanting:
        turn.reply("document.not_needed", offers=for_surface(turn, STATUS))
        return
    if turn.conversation is None or turn.incoming.file is None:
        return
    file = asdict(turn.incoming.file)
    for kind, loaded in wanting.items():
        consent = await _consent(turn, kind)
        if not consents.holds(consent):
            await _not_before_consent(turn, kind, loaded[0], consent, file)
            return
    assert turn.candidate_id is not None
    documents.fetch(turn.unit, turn.conversation["id"], turn.candidate_id, file)


@routes.tap("upload")
async def want_to_upload(turn: Turn) -> None:
    """They want to send it: ask for consent first, or say that the picture can come."""
    loaded = await tapped(turn)
    kind = documents.wants(loaded) if loaded is not None else None
    if loaded is None or kind is None:
        await tell_status(turn)
    elif consents.holds(await _consent(turn, kind)):
        turn.reply("consent.given", application=loaded, offers=for_surface(turn, _take_back(kind)))
    else:  # even after a no: this time it is they who ask
        await _ask(turn, kind, loaded)


@routes.tap("consent")
async def agree(turn: Turn) -> None:
    """A yes: it is recorded with the text they saw, and a picture that waits is fetched now."""
    kind = await _kind(turn)
    if kind is None:
        await too_late(turn)
        return
    assert turn.candidate_id is not None
    await consents.give(turn.unit, turn.candidate_id, kind, CONSENT_DIGEST)
    file = await documents.held(turn.unit, turn.conversation["id"]) if turn.conversation is not None else None
    if file is not None and turn.conversation is not None:
        documents.fetch(turn.unit, turn.conversation["id"], turn.candidate_id, file)
    text = "consent.given" if file is None else "consent.waiting_picture"
    about = next(iter((await _wanting(turn)).get(kind, ())), None)
    turn.reply(text, application=about, offers=for_surface(turn, _take_back(kind)))


@routes.tap("decline")
async def decline(turn: Turn) -> None:
    """A no, or a yes taken back: nothing is fetched or kept, nobody asks again, and the shop may see the paper."""
    kind = await _kind(turn)
    if kind is None:
        await too_late(turn)
        return
    assert turn.candidate_id is not None
    taken_back = await consents.refuse(turn.unit, turn.candidate_id, kind, CONSENT_DIGEST)
    if turn.conversation is not None:
        await documents.held(turn.unit, turn.conversation["id"])
    if taken_back:
        await documents.drop_fetches(turn.unit, turn.candidate_id)
        await documents.destroy_soon(turn.unit, turn.candidate_id, kind)
    wanting = (await _wanting(turn)).get(kind, [])
    for loaded in wanting:
        await turn.take(loaded, NeedsPerson("declined"))
    text = "consent.withdrawn" if taken_back else "consent.declined"
    turn.reply(text, application=wanting[0] if wanting else None, offers=for_surface(turn, STATUS))


async def in_words(turn: Turn) -> bool:
    """Whether a free text was the answer to the consent card, or took a consent back; it is dealt with then."""
    text = turn.incoming.text.casefold()
    if len(text) <= 40 and _TAKE_BACK.search(text):
        await decline(turn)
        return True
    answer, kind = yes_or_no(turn.incoming.text), await _kind(turn)
    consent = await _consent(turn, kind) if kind is not None and answer is not None else None
    if consent is None or consent["given_at"] is not None or consent["declined_at"] is not None:
        return False
    await (agree(turn) if answer else decline(turn))
    return True


# --- called by the worker that fetches, and by the candidate's page -------------------------------------------------


async def arrived(
    unit: Unit, candidate_id: str, conversation_id: str | None, content_type: str, file_name: str, vault_name: str
) -> bool:
    """A file lies in the vault: it is put before the reviewers of every stage that waits for it.

    False when it must be destroyed: nobody waits for it any more, or the consent was taken back meanwhile.
    Take the candidate's lock before.
    """
    kept = False
    for loaded in await open_of(unit, candidate_id):
        kind = documents.wants(loaded)
        if kind is None or not await consents.given(unit, candidate_id, kind):
            continue
        document = documents.add(unit, loaded, file=vault_name, name=file_name, content_type=content_type)
        await take(unit, loaded, Uploaded(document))
        kept = True
    if not kept and (turn := await _turn(unit, candidate_id, conversation_id)) is not None:
        turn.reply("document.not_needed", offers=[STATUS])
    return kept


async def unusable(
    unit: Unit, candidate_id: str, conversation_id: str | None, fault: str, *, most: str = "20 MB"
) -> None:
    """A file could not be taken: say why, so that another can come. `fault`: too_large, wrong_type, gone, damaged."""
    turn = await _turn(unit, candidate_id, conversation_id)
    if turn is not None:
        reason = {"$say": f"unusable.{fault}", "values": {"most": most}}
        turn.reply("document.unusable", reason=reason, offers=[HUMAN])


async def _turn(unit: Unit, candidate_id: str, conversation_id: str | None) -> Turn | None:
    """A turn in which the bot speaks first, in the conversation that the file came from."""
    conversation = await conversations.by_id(unit, conversation_id) if conversation_id else None
    box = await unit.box_of(candidate_id)
    if conversation is None or box is None or conversation["candidate_id"] != candidate_id:
        return None
    person = Person(conversation["surface"], conversation["account"], conversation["desk"])
    id = random_id()
    return Turn(unit, Incoming(id, person, Kind.FILE, unit.now), f"file/{id}", conversation, candidate_id, None, box)


# --- consent --------------------------------------------------------------------------------------------------------


async def _not_before_consent(
    turn: Turn, kind: str, loaded: Loaded, consent: Mapping[str, Any] | None, file: Mapping[str, Any]
) -> None:
    """The picture stays where it is. The card goes out once; after a no there is no asking again."""
    assert turn.conversation is not None
    if consent is not None and (consent["declined_at"] is not None or consent["withdrawn_at"] is not None):
        turn.reply("consent.declined", offers=for_surface(turn, STATUS))
        return
    await documents.hold(turn.unit, turn.conversation["id"], file)
    if consent is None or turn.now - consent["asked_at"] >= SHOW_AGAIN:
        await _ask(turn, kind, loaded)


async def _ask(turn: Turn, kind: str, loaded: Loaded) -> None:
    assert turn.candidate_id is not None
    await consents.ask(turn.unit, turn.candidate_id, kind, CONSENT_DIGEST)
    choices = [
        Offer("buttons.consent", "consent", kind, loaded.id, "primary"),
        Offer("buttons.decline", "decline", kind, loaded.id),
    ]
    keep = _lasting(loaded.application.now_in.keep_picture)
    turn.reply(CONSENT_TEXT, application=loaded, keep=keep, offers=for_surface(turn, *choices))


def _take_back(kind: str) -> Offer:
    return Offer("buttons.take_back", "decline", kind)


def _lasting(length: timedelta) -> dict[str, Any]:
    """A duration for `$say`: whole days where it has one, else hours."""
    unit, count = ("day", length.days) if length.days else ("hour", length // timedelta(hours=1))
    return {"$say": f"lasting.{unit}" if count == 1 else f"lasting.{unit}s", "values": {"count": count}}


async def _wanting(turn: Turn) -> dict[str, list[Loaded]]:
    """The open applications that wait for a document, by its kind."""
    assert turn.candidate_id is not None
    wanting: dict[str, list[Loaded]] = {}
    for loaded in await open_of(turn.unit, turn.candidate_id):
        if (kind := documents.wants(loaded)) is not None:
            wanting.setdefault(kind, []).append(loaded)
    return wanting


async def _kind(turn: Turn) -> str | None:
    """Which document an answer is about: the button says it, else the one that is waited for or was agreed to."""
    if turn.button is not None and turn.argument:
        return turn.argument
    assert turn.candidate_id is not None
    return next(iter(await _wanting(turn)), None) or await consents.latest(turn.unit, turn.candidate_id)


async def _consent(turn: Turn, kind: str) -> Mapping[str, Any] | None:
    assert turn.candidate_id is not None
    return await consents.of(turn.unit, turn.candidate_id, kind)
