"""A message arrived, or bounced after it had been accepted."""

import re
from collections.abc import Mapping
from typing import Any

from recruiting.model import MessageReport, Purpose
from storage import receipts, search
from storage.applications import load_one
from storage.apply import take
from storage.outbox import step_down
from storage.tables import Candidate, OutboxRow, Sending
from storage.unit import Unit

TO_CANDIDATES = frozenset({"chat", "sms", "email"})
_UNDER_WAY = frozenset({Sending.SENDING.value, Sending.ACCEPTED.value})
_CONTACT = re.compile(r"\S+@\S+|\+?[0-9](?:[ -]?[0-9]){6,}")
_NO_SUCH_NUMBER = re.compile(r"invalid|unknown|not.?exist|no.?such|unallocated|空号|停机|号码错误", re.IGNORECASE)


async def report(unit: Unit, body: Mapping[str, Any]) -> None:
    """A delivery report of the SMS gateway, or a platform's late failure: {"id", "status", "reason"}.

    An unknown id, a repetition, and whatever comes after a failure change nothing.
    """
    found = await receipts.of(unit, body["id"])
    for candidate in sorted({row["candidate_id"] for row in found if row["candidate_id"] is not None}):
        await search.lock_candidate(unit, candidate)
        found = await receipts.of(unit, body["id"])
    for row in found:
        await _reported(unit, row, body["status"], _without_contacts(str(body.get("reason") or "")))


async def _reported(unit: Unit, row: Mapping[str, Any], outcome: str, reason: str) -> None:
    """Note what became of one message; after a failure the next rung is taken at once."""
    if outcome not in ("delivered", "failed") or row["status"] not in _UNDER_WAY:
        return
    await unit.set(OutboxRow, {"id": row["id"]}, status=outcome, reason=reason or None)
    if outcome == "failed" and row["rung"] == "sms" and row["candidate_id"] and _NO_SUCH_NUMBER.search(reason):
        await unit.set(Candidate, {"id": row["candidate_id"]}, sms_failed_at=unit.now)
    await _tell_rules(unit, row, outcome, reason)
    if outcome == "failed":
        await step_down(unit, row, reason)


def _without_contacts(reason: str) -> str:
    """A gateway's words go into plain columns and exports: numbers and addresses do not."""
    return _CONTACT.sub("…", reason)[:300]


async def _tell_rules(unit: Unit, row: Mapping[str, Any], outcome: str, reason: str) -> None:
    loaded = await load_one(unit, row["application_id"]) if row["application_id"] else None
    if loaded is None or row["rung"] not in TO_CANDIDATES:
        return
    signal = MessageReport(
        outcome,
        row["id"],
        row["rung"],
        cause=row["promise"].rpartition("/")[2],
        stage=row["stage"],
        visit=row["visit"],
        invite=row["purpose"] == Purpose.INVITE.value,
        reason=reason,
    )
    await take(unit, loaded, signal)
