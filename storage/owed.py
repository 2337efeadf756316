"""A message that we owe somebody becomes a row of the outbox, in the transaction of what caused it."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import orjson

from recruiting.chat import PICTURES
from recruiting.model import Purpose
from storage.keys import Box
from storage.tables import OutboxRow, Sending
from storage.unit import Unit

# What a handler answered (`start` of a row), as opposed to what the rules owe; a welcome needs no open window.
REPLIES = frozenset({"reply", "welcome", "file"})
# A reply that is nothing but a file.
FILE = "file"
# No message of its own: a card that was sent before is made urgent.
URGENT = "urgent"
# The rung of an answer that the platform takes in the same response: no worker ever sends it.
PASSIVE = "passive"
# A chart by itself: a picture, which follows the card that tells its numbers.
PICTURE = "picture"
AFTER_THE_CARD = timedelta(seconds=1)


def owe(
    unit: Unit,
    box: Box,
    *,
    promise: str,
    rung: str,
    purpose: Purpose,
    text: str,
    values: Mapping[str, Any],
    start: str = "",
    candidate_id: str | None = None,
    application_id: str | None = None,
    member_id: str | None = None,
    surface: str | None = None,
    conversation_id: str | None = None,
    stage: str = "",
    visit: int = 0,
    prompted: bool = True,
    day: date | None = None,
    status: Sending = Sending.WAITING,
    reason: str | None = None,
    wait: timedelta = timedelta(0),
) -> str:
    """Add a message to the outbox; the same promise on the same rung is kept once. Its id, ours on the wire too.

    `box` is the candidate's, or that of `day` where the message belongs to no single candidate.
    """
    if surface in PICTURES and values.get("chart") and text != PICTURE:
        drawn = {"values": {}, "lines": [], "fields": [], "offers": [], "welcome_code": "", "chart": values["chart"]}
        owe(
            unit,
            box,
            promise=f"{promise}/{PICTURE}",
            rung=rung,
            purpose=purpose,
            text=PICTURE,
            values=drawn,
            start="reply",
            candidate_id=candidate_id,
            application_id=application_id,
            member_id=member_id,
            surface=surface,
            conversation_id=conversation_id,
            stage=stage,
            visit=visit,
            prompted=prompted,
            day=day,
            wait=wait + AFTER_THE_CARD,
        )
    id = unit.new_id()
    unit.add(
        OutboxRow,
        id=id,
        promise=promise,
        rung=rung,
        start=start,
        purpose=purpose.value,
        candidate_id=candidate_id,
        application_id=application_id,
        member_id=member_id,
        surface=surface,
        conversation_id=conversation_id,
        stage=stage,
        visit=visit,
        prompted=prompted,
        text=text,
        values=box.seal(orjson.dumps(dict(values)), f"outbox.values:{id}"),
        day=day,
        frozen=None,
        status=status.value,
        tries=0,
        due_at=unit.now + wait,
        created_at=unit.now,
        tried_at=None,
        sending_at=None,
        accepted_at=None,
        platform_id=None,
        card=None,
        leader_id=None,
        reason=reason,
    )
    return id
