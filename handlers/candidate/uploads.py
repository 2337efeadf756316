"""A certificate arrives: consent first, then the picture, then the reviewer."""

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
from recruiting.decide import document_stage
from recruiting.intents import yes_or_no
from recruiting.model import NeedsPerson, Uploaded
from storage import consents, conversations, documents
from storage.applications import Loaded, of_candidate
from storage.apply import take
from storage.types import random_id
from storage.unit import Unit

routes = Routes()

CONSENT_TEXT = "consent.ask"
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
    kind = documents.wants(loaded, turn.now) if loaded is not None else None
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
    about = next(iter((await _wanting(turn)).get(kind, ())), None)
    await consents.give(turn.unit, turn.candidate_id, kind, await _seen(turn, kind, about))
    file = await documents.held(turn.unit, turn.conversation["id"]) if turn.conversation is not None else None
    if file is not None and turn.conversation is not None:
        documents.fetch(turn.unit, turn.conversation["id"], turn.candidate_id, file)
    turn.settle_card("settled.consent")
    text = "consent.given" if file is None else "consent.waiting_picture"
    turn.reply(text, application=about, offers=for_surface(turn, _take_back(kind)))


@routes.tap("decline")
async def decline(turn: Turn) -> None:
    """A no, or a yes taken back: nothing is fetched or kept, nobody asks again, and the shop may see the paper."""
    kind = await _kind(turn)
    if kind is None:
        await too_late(turn)
        return
    assert turn.candidate_id is not None
    wanting = (await _wanting(turn)).get(kind, [])
    seen = await _seen(turn, kind, wanting[0] if wanting else None)
    taken_back = await consents.refuse(turn.unit, turn.candidate_id, kind, seen)
    if turn.conversation is not None:
        await documents.held(turn.unit, turn.conversation["id"])
    if taken_back:
        await documents.drop_fetches(turn.unit, turn.candidate_id)
        await documents.destroy(turn.unit, turn.candidate_id, kind)
    for loaded in wanting:
        await turn.take(loaded, NeedsPerson("declined"))
    turn.settle_card("settled.consent_withdrawn" if taken_back else "settled.decline")
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
    """A file lies in the vault: it is read, or put before the reviewers of every stage that waits for it. Another
    picture within a few minutes, or a better one that was asked for, belongs to the document before.

    False when it must be destroyed: nobody waits for it any more, or the consent was taken back meanwhile.
    Take the candidate's lock before.
    """
    kept = False
    for loaded in await of_candidate(unit, candidate_id):
        kind = documents.wants(loaded, unit.now)
        known = await documents.growing(unit, loaded)
        kind = kind or (known["kind"] if known is not None else None)
        if kind is None or not await consents.given(unit, candidate_id, kind):
            continue
        to_read = unit.ground.reads and kind == documents.READABLE
        if known is not None:
            await documents.add_page(unit, known, file=vault_name, content_type=content_type, to_read=to_read)
            await _told_of_page(unit, loaded, known, conversation_id)
        else:
            document = documents.add(
                unit, loaded, file=vault_name, name=file_name, content_type=content_type, to_read=to_read
            )
            await take(unit, loaded, Uploaded(document, to_read))
        kept = True
    if not kept and (turn := await _turn(unit, candidate_id, conversation_id)) is not None:
        turn.reply("document.not_needed", offers=[STATUS])
    return kept


async def _told_of_page(unit: Unit, loaded: Loaded, document: Mapping[str, Any], conversation_id: str | None) -> None:
    """Every picture is answered; while the first is still being read, its outcome is the answer."""
    turn = await _turn(unit, loaded.candidate_id, conversation_id)
    if turn is not None and not (document["read_status"] == "waiting" and document["read_due_at"] is not None):
        turn.reply("document.reading" if document["retake"] else "document.added", application=loaded)


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
    keep = kept_for(loaded)
    digest = await _shown(turn.unit, loaded)
    await consents.ask(turn.unit, turn.candidate_id, kind, digest)
    choices = [
        Offer("buttons.consent", "consent", f"{kind}|{digest}", loaded.id, "primary"),
        Offer("buttons.decline", "decline", f"{kind}|{digest}", loaded.id),
    ]
    turn.reply(
        CONSENT_TEXT, application=loaded, keep={"$lasting": keep.total_seconds()}, offers=for_surface(turn, *choices)
    )


def kept_for(loaded: Loaded) -> timedelta:
    """How long after the decision the picture is kept."""
    stage = document_stage(loaded.application)
    assert stage is not None
    return stage.keep_picture


async def _shown(unit: Unit, loaded: Loaded) -> str:
    """The digest of what this person is asked to agree to, in the words that they read."""
    return await consents.shown(unit, unit.ground.consent_text(loaded.locale, kept_for(loaded)), loaded.locale)


async def _seen(turn: Turn, kind: str, about: Loaded | None) -> str:
    """The digest of the text that an answer is about: the button brings it; words answer what was asked last."""
    digest = turn.argument.partition("|")[2] if turn.button is not None else ""
    if digest:
        return digest
    consent = await _consent(turn, kind)
    if consent is not None:
        return str(consent["text_digest"])
    return await _shown(turn.unit, about) if about is not None else ""


def _take_back(kind: str) -> Offer:
    return Offer("buttons.take_back", "decline", kind)


async def _wanting(turn: Turn) -> dict[str, list[Loaded]]:
    """The applications that wait for a document, by its kind; after hire for one that must be renewed."""
    assert turn.candidate_id is not None
    wanting: dict[str, list[Loaded]] = {}
    for loaded in await of_candidate(turn.unit, turn.candidate_id):
        if (kind := documents.wants(loaded, turn.now)) is not None:
            wanting.setdefault(kind, []).append(loaded)
    return wanting


async def _kind(turn: Turn) -> str | None:
    """Which document an answer is about: the button says it, else the one that is waited for or was agreed to."""
    if turn.button is not None and turn.argument:
        return turn.argument.partition("|")[0]
    assert turn.candidate_id is not None
    return next(iter(await _wanting(turn)), None) or await consents.latest(turn.unit, turn.candidate_id)


async def _consent(turn: Turn, kind: str) -> Mapping[str, Any] | None:
    assert turn.candidate_id is not None
    return await consents.of(turn.unit, turn.candidate_id, kind)
