"""Started, completed, failed: what the interview provider tells us."""

import math
from collections.abc import Mapping
from typing import Any

from recruiting.model import Completed, Failed, Signal, Started

DIMENSIONS = 50
LISTED = 50  # keywords, questions
LONGEST_NAME = 64
LONGEST_TEXT = 300
LONGEST_URL = 2000


def signal_of(body: Mapping[str, Any]) -> tuple[str, Signal | None]:
    """Whose result it is (an application's id), and what it tells the rules.

    `body`: the provider's type and data, and `link`: the visit that its token is for.
    """
    link = body["link"]
    return link["application_id"], read(body["type"], body["data"], link["stage"], link["visit"])


def read(type: str, data: Mapping[str, Any], stage: str, visit: int) -> Signal | None:
    """What a result means, within bounds; None for a type that we don't know."""
    match type:
        case "interview.started":
            return Started(stage, visit)
        case "interview.completed":
            return Completed(
                stage,
                visit,
                scores=_scores(data.get("scores")),
                keywords=_texts(data.get("keywords"), LONGEST_NAME),
                questions=_texts(data.get("questions"), LONGEST_TEXT),
                report_url=_address(data.get("report_url")),
            )
        case "interview.failed":
            reason = data.get("reason")
            return Failed(stage, visit, reason[:LONGEST_TEXT] if isinstance(reason, str) else "")
        case _:
            return None


def _scores(given: Any) -> dict[str, float]:
    """Numbers only: what is no number was not measured."""
    if not isinstance(given, Mapping):
        return {}
    scores: dict[str, float] = {}
    for name, value in given.items():
        plain = name.strip() if isinstance(name, str) else ""
        number = _number(value)
        if number is not None and 0 < len(plain) <= LONGEST_NAME and len(scores) < DIMENSIONS:
            scores[plain] = number
    return scores


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _texts(given: Any, longest: int) -> tuple[str, ...]:
    if not isinstance(given, list):
        return ()
    return tuple(text[:longest] for text in given[:LISTED] if isinstance(text, str) and text)


def _address(given: Any) -> str:
    good = isinstance(given, str) and given.startswith(("https://", "http://")) and len(given) <= LONGEST_URL
    return given if good else ""
