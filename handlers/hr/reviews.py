"""Health certificates: /cert, what waits for a reviewer, and approve or reject. Never for shop managers."""

import re
import unicodedata
from datetime import date, timedelta
from typing import Any

from handlers.hr.scope import COMMANDS, actor, find_first, may_review, one_of, reason_form, settle, tapped, tell, who
from handlers.routing import Offer, Routes, Turn
from recruiting.decide import refusal
from recruiting.model import DocumentDecided
from recruiting.process import Role, StageKind
from storage import documents, trail
from storage.applications import Loaded, load
from storage.apply import take
from storage.tables import Conversation
from storage.types import random_id
from storage.unit import Unit

routes = Routes()

REASONS = ("certificate_unclear", "certificate_expired", "certificate_not_yours", "certificate_other")
CARDS = 5  # in one answer; the rest waits in line
ANSWER_WITHIN = timedelta(minutes=15)
_SEEN = frozenset({"seen", "已看", "看过", "已见", "原件", "看过原件"})
_DATE = re.compile(r"(20[0-9]{2})\s*[-/.年]?\s*([0-9]{1,2})\s*[-/.月]?\s*([0-9]{1,2})\s*日?")


async def decide(
    unit: Unit,
    loaded: Loaded,
    document: str,
    *,
    approve: bool,
    actor: str,
    reason: str = "",
    expires_on: date | None = None,
) -> str | None:
    """Decide about an uploaded document and keep it in the audit log; the text key of a refusal, None when it is done.

    Take the candidate's lock before.
    """
    return await _decide(unit, loaded, DocumentDecided(document, approve, actor, reason, expires_on))


async def seen_on_paper(unit: Unit, loaded: Loaded, *, actor: str, expires_on: date | None = None) -> str | None:
    """The certificate was shown at the shop: approved without a picture. The text key of a refusal, or None."""
    signal = DocumentDecided(random_id(), True, actor, expires_on=expires_on, seen_on_paper=True)
    return await _decide(unit, loaded, signal)


async def _decide(unit: Unit, loaded: Loaded, signal: DocumentDecided) -> str | None:
    refused = refusal(loaded.application, signal, unit.now)
    if refused is not None:
        return refused
    before = loaded.application
    if signal.seen_on_paper:
        documents.add(unit, loaded, id=signal.document, file=None, name="", content_type=None)
    await take(unit, loaded, signal)
    expires_on = loaded.application.approvals.get(before.stage) if signal.approve else None
    await documents.decided(unit, loaded, before, signal, expires_on)
    action = "document.approve" if signal.approve else "document.reject"
    trail.note(unit, signal.actor, action, signal.document, expires_on.isoformat() if expires_on else "")
    return None


# --- commands -------------------------------------------------------------------------------------------------------


@routes.command("cert", COMMANDS["cert"])
async def certificates(turn: Turn) -> None:
    """What waits for a reviewer, each with its buttons; with a name and "seen": approve what was seen on paper."""
    assert turn.member is not None
    if turn.member["role"] == Role.MANAGER.value:
        turn.reply("refused.not_yours")
    elif turn.argument:
        await _approve_seen(turn)
    else:
        await _list(turn)


async def _list(turn: Turn) -> None:
    assert turn.member is not None
    rows, _ = await documents.waiting(turn.unit, turn.member["shops"])
    found = await load(turn.unit, [row["application_id"] for row in rows])
    allowed = [
        (row, loaded)
        for row in rows
        if (loaded := found.get(row["application_id"])) is not None and may_review(turn.member, loaded)
    ]
    if not allowed:
        turn.reply("command.cert.none")
        return
    more = [("command.todo.more", {"count": len(allowed) - CARDS})] if len(allowed) > CARDS else []
    turn.reply("command.cert.head", count=len(allowed), lines=more)
    for row, loaded in allowed[:CARDS]:
        offers = [
            Offer("buttons.approve", "approve", row["id"], loaded.id, "primary"),
            Offer("buttons.reject", "reject", row["id"], loaded.id, "danger"),
        ]
        tell(turn, loaded, "document.review", sent_at={"$when": row["uploaded_at"].isoformat()}, offers=offers)
    trail.note(turn.unit, actor(turn), "certificates.list", turn.member["id"], str(len(allowed)))


async def _approve_seen(turn: Turn) -> None:
    assert turn.member is not None
    query, expires_on, understood = read_seen(turn.argument)
    if query is None:
        turn.reply("command.wrong_usage", usage={"$say": "command.usage.cert"})
        return
    if not understood:
        turn.reply("command.cert.bad_date")
        return
    found, _ = await find_first(turn, query)
    loaded = await one_of(turn, found, query, _waits_for_document)
    if loaded is None:
        return
    if loaded.application.open and not may_review(turn.member, loaded):
        tell(turn, loaded, "refused.not_yours")
        return
    stage = loaded.application.stage
    refused = await seen_on_paper(turn.unit, loaded, actor=actor(turn), expires_on=expires_on)
    if refused is not None:
        tell(turn, loaded, refused)
    else:
        valid_until = loaded.application.approvals[stage].isoformat()
        tell(turn, loaded, "command.cert.seen.ok", expires_on={"$day": valid_until})


def read_seen(text: str) -> tuple[str | None, date | None, bool]:
    """Read "<candidate> seen <date>": whom, until when (None: not said), and whether the date made sense."""
    tokens = text.split()
    at = next((place for place, token in enumerate(tokens) if token.casefold() in _SEEN), 0)
    if at == 0:
        return None, None, True
    said = unicodedata.normalize("NFKC", " ".join(tokens[at + 1 :]))
    if not said:
        return " ".join(tokens[:at]), None, True
    found = _DATE.fullmatch(said)
    try:
        day = date(int(found[1]), int(found[2]), int(found[3])) if found else None
    except ValueError:
        day = None
    return " ".join(tokens[:at]), day, day is not None


# --- buttons --------------------------------------------------------------------------------------------------------


@routes.tap("approve")
async def approve(turn: Turn) -> None:
    """One tap is always enough: without a date a certificate counts as valid for one year."""
    loaded = await tapped(turn)
    if loaded is None:
        turn.reply("refused.decided")
        return
    document, _, until = turn.argument.partition("|")
    if not await _may_still(turn, loaded, document):
        return
    until = turn.entered("expires_on") or until
    try:
        expires_on = date.fromisoformat(until) if until else None
    except ValueError:
        turn.reply("command.cert.bad_date")
        return
    refused = await decide(turn.unit, loaded, document, approve=True, actor=actor(turn), expires_on=expires_on)
    if refused is not None:
        tell(turn, loaded, refused)
    else:
        settle(turn, loaded, "document.review.settled.approved", "document.review.settled.approved", who=_name(turn))


async def reject(turn: Turn, loaded: Loaded, document: str, reason: str) -> None:
    """A document is sent back with its reason; without one it is asked for. The stage stays open."""
    if not await _may_still(turn, loaded, document):
        return
    if not reason:
        await _ask_reason(turn, loaded, document)
        return
    await _expect(turn, None)
    refused = await decide(turn.unit, loaded, document, approve=False, actor=actor(turn), reason=reason)
    if refused is not None:
        tell(turn, loaded, refused)
    else:
        settle(turn, loaded, "document.review.settled.rejected", "document.review.settled.rejected", who=_name(turn))


async def _ask_reason(turn: Turn, loaded: Loaded, document: str) -> None:
    until = (turn.now + ANSWER_WITHIN).isoformat()
    await _expect(turn, {"reject": loaded.id, "document": document, "until": until})
    offers = [Offer(f"reasons.{reason}", "reject", f"{document}|{reason}", loaded.id) for reason in REASONS]
    tell(turn, loaded, "reject.ask_document", offers=offers, form=reason_form(loaded, f"{document}|", REASONS))


async def _may_still(turn: Turn, loaded: Loaded, document: str) -> bool:
    """Whether this member may decide and nobody has; else it says so, and who has."""
    assert turn.member is not None
    row = await documents.by_id(turn.unit, document)
    if row is None or row["application_id"] != loaded.id:
        turn.reply("refused.decided")
        return False
    if row["status"] != "waiting":
        label, name = f"document.review.settled.{row['status']}", who(row["decided_by"] or "")
        turn.settle_card(label, who=name)
        tell(turn, loaded, label, who=name)
        return False
    if not may_review(turn.member, loaded):
        tell(turn, loaded, "refused.not_yours")
        return False
    return True


def _waits_for_document(loaded: Loaded) -> bool:
    return loaded.application.open and loaded.application.now_in.kind is StageKind.DOCUMENT


def _name(turn: Turn) -> str:
    return who(actor(turn))


async def _expect(turn: Turn, dialog: dict[str, Any] | None) -> None:
    assert turn.conversation is not None
    await turn.unit.set(Conversation, {"id": turn.conversation["id"]}, dialog=dialog)
