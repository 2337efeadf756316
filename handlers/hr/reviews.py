"""Health certificates: /cert, what waits for a reviewer, and approve or reject. Never for shop managers."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from handlers.hr import certificate_card
from handlers.hr.scope import (
    COMMANDS,
    LONGEST_REASON,
    actor,
    find_first,
    may_review,
    one_of,
    reason_form,
    settle,
    tapped,
    tell,
    who,
)
from handlers.routing import Form, Offer, Routes, Turn
from recruiting.decide import document_stage, refusal, revoke_refusal
from recruiting.model import ApprovalRevoked, DocumentDecided, LeftCompany, Status
from recruiting.process import Role
from storage import documents, readings, reports, seats, trail
from storage.applications import Loaded, load
from storage.apply import take
from storage.tables import Conversation
from storage.types import random_id
from storage.unit import Unit

routes = Routes()

REASONS = ("certificate_unclear", "certificate_expired", "certificate_not_yours", "certificate_other")
SHOWN = 20  # lines of a list
IN_BATCH = "+"  # ends a button's document where the next card follows by itself
NEXT = "cert.next"
ANSWER_WITHIN = timedelta(minutes=15)
_SEEN = frozenset({"seen", "已看", "看过", "已见", "原件", "看过原件"})
_REVOKE = frozenset({"revoke", "undo", "撤销", "撤回", "取消"})
_EXPIRING = frozenset({"expiring", "到期", "快到期"})
_LEFT = frozenset({"left", "离职", "已离职"})
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

    Without a date the one counts that was read on it. Take the candidate's lock before.
    """
    return await _decide(unit, loaded, DocumentDecided(document, approve, actor, reason, expires_on))


async def seen_on_paper(unit: Unit, loaded: Loaded, *, actor: str, expires_on: date | None = None) -> str | None:
    """The certificate was shown at the shop: approved without a picture. The text key of a refusal, or None."""
    signal = DocumentDecided(random_id(), True, actor, expires_on=expires_on, seen_on_paper=True)
    return await _decide(unit, loaded, signal)


async def _decide(unit: Unit, loaded: Loaded, signal: DocumentDecided) -> str | None:
    if signal.approve and signal.expires_on is None and not signal.seen_on_paper:
        row = await documents.by_id(unit, signal.document)
        read = readings.valid_until(row, loaded.box) if row is not None else None
        signal = replace(signal, expires_on=read)
    refused = refusal(loaded.application, signal, unit.now)
    if refused is not None:
        return refused
    before = loaded.application
    stage = document_stage(before)
    assert stage is not None
    if signal.seen_on_paper:
        documents.add(unit, loaded, id=signal.document, file=None, name="", content_type=None)
    await take(unit, loaded, signal)
    expires_on = loaded.application.approvals.get(stage.id) if signal.approve else None
    await documents.decided(unit, loaded, before, signal, expires_on)
    action = "document.approve" if signal.approve else "document.reject"
    trail.note(unit, signal.actor, action, signal.document, expires_on.isoformat() if expires_on else "")
    return None


async def revoke(unit: Unit, loaded: Loaded, *, actor: str, reason: str = "") -> str | None:
    """Take back the approval of a certificate: the gate is closed again, and a booked seat is free.

    The text key of a refusal, None when it is done. Take the candidate's lock before.
    """
    stage = _approved_stage(loaded)
    refused = revoke_refusal(loaded.application, stage)
    if refused is not None:
        return refused
    await take(unit, loaded, ApprovalRevoked(stage, actor, reason))
    await documents.revoked(unit, loaded, stage, actor, reason)
    await seats.release(unit, loaded.id)
    trail.note(unit, actor, "document.revoke", loaded.id, stage)
    return None


def _approved_stage(loaded: Loaded) -> str:
    """The latest stage whose document was approved; empty when there is none."""
    approvals = loaded.application.approvals
    stages = [stage.id for stage in loaded.application.process.stages if stage.id in approvals]
    return stages[-1] if stages else ""


# --- commands -------------------------------------------------------------------------------------------------------


@routes.command("cert", COMMANDS["cert"])
async def certificates(turn: Turn) -> None:
    """What waits for a reviewer, one after the other. With a name: what was seen on paper is approved ("seen"), an
    approval is taken back ("revoke"), somebody works here no more ("left"). "expiring": what ends this month.
    """
    assert turn.member is not None
    words = turn.argument.casefold().split()
    if turn.member["role"] == Role.MANAGER.value:
        turn.reply("refused.not_yours")
    elif not words:
        await _begin(turn)
    elif len(words) == 1 and words[0] in _EXPIRING:
        await _list_expiring(turn)
    elif _REVOKE & set(words[1:]):
        await _revoke(turn)
    elif words[-1] in _LEFT and len(words) > 1:
        await _left(turn)
    else:
        await _approve_seen(turn)


async def _begin(turn: Turn) -> None:
    """How many wait, and the first of them; after each decision the next one comes by itself."""
    assert turn.member is not None
    allowed = await _waiting(turn)
    if not allowed:
        turn.reply("command.cert.none")
        return
    turn.reply("command.cert.head", count=len(allowed))
    await _show(turn, *allowed[0])
    trail.note(turn.unit, actor(turn), "certificates.list", turn.member["id"], str(len(allowed)))


async def _waiting(turn: Turn, after: datetime | None = None) -> list[tuple[Mapping[str, Any], Loaded]]:
    """What this member may review, oldest first."""
    assert turn.member is not None
    rows, _ = await documents.waiting(turn.unit, turn.member["shops"], after=after)
    found = await load(turn.unit, [row["application_id"] for row in rows])
    return [
        (row, loaded)
        for row in rows
        if (loaded := found.get(row["application_id"])) is not None and may_review(turn.member, loaded)
    ]


async def _show(turn: Turn, row: Mapping[str, Any], loaded: Loaded) -> None:
    """One card of the batch."""
    subject = row["id"] + IN_BATCH
    reading = readings.of(row, loaded.box)
    expected = await readings.expected(turn.unit, loaded)
    in_group = bool(turn.incoming.group)
    offers = [
        Offer("buttons.approve", "approve", subject, loaded.id, "primary"),
        Offer("buttons.reject", "reject", subject, loaded.id, "danger"),
        Offer("buttons.view", url=f"/dashboard/documents/{row['id']}"),
        Offer("buttons.next_one", "confirm", f"{NEXT}|{row['uploaded_at'].isoformat()}", loaded.id),
    ]
    day = certificate_card.preset(reading, expected.today).isoformat()
    inputs = [("expires_on", "form.expires_on", "date", (), day)]
    turn.reply(
        "document.review",
        application=loaded,
        lines=certificate_card.lines(row),
        fields=certificate_card.facts(reading, expected, in_group=in_group),
        offers=offers,
        form=Form(inputs, offers[0], offers[1:]),
    )


async def next_tapped(turn: Turn) -> None:
    """Not now: the one after it."""
    after = datetime.fromisoformat(turn.argument.partition("|")[2])
    if turn.incoming.card:
        turn.settle_card("settled.later")
    await _next(turn, after)


async def _next(turn: Turn, after: datetime | None) -> None:
    """The next card of the batch; those put off come again with the next /cert."""
    allowed = await _waiting(turn, after)
    if allowed:
        await _show(turn, *allowed[0])
    else:
        turn.reply("command.cert.all_done")


async def _list_expiring(turn: Turn) -> None:
    """Whose certificate ends this month, or has ended: hired people only."""
    assert turn.member is not None
    today = turn.unit.ground.today(turn.now)
    month_ends = (today.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    ids = await documents.expiring(turn.unit, turn.member["shops"], month_ends)
    found = await load(turn.unit, ids)
    people = await reports.contacts(turn.unit, found.values())
    lines: list[tuple[str, Mapping[str, Any]]] = []
    for loaded in (found[id] for id in ids if id in found):
        until = loaded.application.approvals.get(_approved_stage(loaded))
        if until is None or until > month_ends or loaded.application.gone:
            continue
        text = "command.cert.over" if until < today else "command.cert.ends"
        place = {"name": people[loaded.candidate_id].name, "position": loaded.position, "shop": loaded.shop}
        lines.append((text, {**place, "expires_on": {"$day": until.isoformat()}}))
    if not lines:
        turn.reply("command.cert.none_expiring")
        return
    more = [("command.todo.more", {"count": len(lines) - SHOWN})] if len(lines) > SHOWN else []
    turn.reply("command.cert.expiring", count=len(lines), lines=[*lines[:SHOWN], *more])
    trail.note(turn.unit, actor(turn), "certificates.expiring", turn.member["id"], str(len(lines)))


async def _revoke(turn: Turn) -> None:
    """`/cert <candidate> revoke <reason>`."""
    tokens = turn.argument.split()
    at = next(place for place, token in enumerate(tokens) if place and token.casefold() in _REVOKE)
    query, reason = " ".join(tokens[:at]), " ".join(tokens[at + 1 :])[:LONGEST_REASON]
    loaded = await _one(turn, query, lambda one: bool(one.application.approvals))
    if loaded is None:
        return
    refused = await revoke(turn.unit, loaded, actor=actor(turn), reason=reason or "certificate_other")
    tell(turn, loaded, refused or "command.cert.revoked")


async def _left(turn: Turn) -> None:
    """`/cert <candidate> left`: nobody is warned about somebody who works here no more."""
    loaded = await _one(turn, " ".join(turn.argument.split()[:-1]), lambda one: not one.application.open)
    if loaded is None:
        return
    if loaded.application.status is not Status.HIRED:
        tell(turn, loaded, "refused.not_hired")
        return
    await turn.take(loaded, LeftCompany(actor(turn)))
    trail.note(turn.unit, actor(turn), "staff.left", loaded.id)
    tell(turn, loaded, "command.cert.left")


async def _one(turn: Turn, query: str, fits: Callable[[Loaded], bool]) -> Loaded | None:
    """The only one that is meant, whom this member may review."""
    assert turn.member is not None
    found, rest = await find_first(turn, query)
    loaded = await one_of(turn, [] if rest and len(found) != 1 else found, query, fits)
    if loaded is not None and not may_review(turn.member, loaded):
        tell(turn, loaded, "refused.not_yours")
        return None
    return loaded


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
    if not may_review(turn.member, loaded):
        tell(turn, loaded, "refused.not_yours")
        return
    stage = document_stage(loaded.application)
    refused = await seen_on_paper(turn.unit, loaded, actor=actor(turn), expires_on=expires_on)
    if refused is not None:
        tell(turn, loaded, refused)
    elif stage is not None:
        valid_until = loaded.application.approvals[stage.id].isoformat()
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
    """One tap is always enough: without a date the one counts that was read, else it is valid for one year."""
    loaded = await tapped(turn)
    if loaded is None:
        turn.reply("refused.decided")
        return
    document, _, until = turn.argument.partition("|")
    document, in_batch = document.removesuffix(IN_BATCH), document.endswith(IN_BATCH)
    if not await _may_still(turn, loaded, document):
        await _go_on(turn, in_batch)
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
        await _go_on(turn, in_batch)


async def _go_on(turn: Turn, in_batch: bool) -> None:
    if in_batch:
        await _next(turn, None)


async def reject(turn: Turn, loaded: Loaded, document: str, reason: str) -> None:
    """A document is sent back with its reason; without one it is asked for. The stage stays open."""
    subject = document
    document, in_batch = document.removesuffix(IN_BATCH), document.endswith(IN_BATCH)
    if not await _may_still(turn, loaded, document):
        await _expect(turn, None)
        await _go_on(turn, in_batch)
        return
    if not reason:
        await _ask_reason(turn, loaded, subject)
        return
    await _expect(turn, None)
    refused = await decide(turn.unit, loaded, document, approve=False, actor=actor(turn), reason=reason)
    if refused is not None:
        tell(turn, loaded, refused)
    else:
        settle(turn, loaded, "document.review.settled.rejected", "document.review.settled.rejected", who=_name(turn))
        await _go_on(turn, in_batch)


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
        name = who(row["decided_by"] or "")
        turn.settle_card(f"document.review.settled.{row['status']}", who=name)
        at = {"$when": row["decided_at"].isoformat()}
        tell(turn, loaded, f"document.review.told.{row['status']}", who=name, at=at)
        return False
    if not may_review(turn.member, loaded):
        tell(turn, loaded, "refused.not_yours")
        return False
    return True


def _waits_for_document(loaded: Loaded) -> bool:
    return document_stage(loaded.application) is not None


def _name(turn: Turn) -> str:
    return who(actor(turn))


async def _expect(turn: Turn, dialog: dict[str, Any] | None) -> None:
    assert turn.conversation is not None
    await turn.unit.set(Conversation, {"id": turn.conversation["id"]}, dialog=dialog)
