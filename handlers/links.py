"""A tracked invite link was opened."""

from collections.abc import Mapping
from typing import Any

from recruiting.model import Clicked, Signal


def signal_of(link: Mapping[str, Any]) -> tuple[str, Signal]:
    """Whose click it is (an application's id), and what it tells the rules. `link`: the visit that its token is for."""
    return link["application_id"], Clicked(link["stage"], link["visit"])
