"""A tracked invite link was opened."""

from collections.abc import Mapping
from typing import Any

from recruiting.model import Clicked
from storage import search
from storage.applications import load_one
from storage.apply import take
from storage.unit import Unit


async def clicked(unit: Unit, link: Mapping[str, Any]) -> None:
    """Put the click to the rules. `link`: the application, stage and visit that the token is for."""
    if await search.lock_candidate_of(unit, link["application_id"]) is None:
        return
    loaded = await load_one(unit, link["application_id"])
    if loaded is not None:
        await take(unit, loaded, Clicked(link["stage"], link["visit"]))
