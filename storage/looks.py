"""Each look at a certificate is kept: in the application's history, and in the audit log."""

from collections.abc import Mapping
from typing import Any

import orjson

from recruiting.model import EventType
from storage import trail
from storage.applications import Loaded
from storage.tables import EventRow
from storage.types import random_id
from storage.unit import Unit


def looked_at(unit: Unit, loaded: Loaded, document: Mapping[str, Any], actor: str) -> None:
    """Somebody is about to see this document: commit this before they do."""
    id = random_id()
    unit.add(
        EventRow,
        id=id,
        application_id=loaded.id,
        type=EventType.VIEWED.value,
        at=unit.now,
        stage=document["stage"],
        visit=document["visit"],
        actor=actor,
        data=loaded.box.seal(orjson.dumps({"document": document["id"]}), f"events.data:{id}"),
    )
    trail.note(unit, actor, "document.view", document["id"])
