"""What a reviewer sees of a certificate: each field beside what was expected, and the machine's doubts in words."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from recruiting.certificates import Category, Expected, Reading
from recruiting.contacts import normalised_name

A_YEAR = timedelta(days=365)  # without a date on it a certificate counts as valid for one year

Facts = list[tuple[str, Mapping[str, Any]]]  # text key of the label; value, put into words when it is rendered
Lines = list[tuple[str, Mapping[str, Any]]]  # text key, values


def facts(reading: Reading | None, expected: Expected, *, in_group: bool = False) -> Facts:
    """The fields with a tick, or with what was expected instead. A group sees ticks only: managers may read there."""
    if reading is None or not reading.certificate:
        return []
    until, examined = _day(reading.valid_until), _day(reading.examined_on)
    name_fits = normalised_name(reading.name) == normalised_name(expected.name)
    lasts = reading.valid_until is not None and reading.valid_until >= max(expected.valid_on, expected.today)
    food = reading.category is Category.FOOD
    category = {"$say": f"categories.{reading.category.value}"} if reading.category else None
    rows = [
        ("label.name", reading.name or None, name_fits, expected.name),
        ("label.valid_until", until, lasts, {"$say": "review.at_least", "values": {"day": _day(expected.valid_on)}}),
        ("label.category", category, food, {"$say": f"categories.{Category.FOOD.value}"}),
    ]
    found: Facts = [(label, _compared(read, fits, wanted, in_group)) for label, read, fits, wanted in rows]
    if in_group:
        return found
    rest = (("label.number", reading.number), ("label.issuer", reading.issuer), ("label.examined_on", examined))
    return found + [(label, {"$say": "review.plain", "values": {"read": read}}) for label, read in rest if read]


def lines(document: Mapping[str, Any]) -> Lines:
    """What the machine says about the document as a whole."""
    if document["read_status"] == "done" and not document["doubts"]:
        return [("review.fine", {})]
    found: Lines = [(f"doubts.{doubt}", {}) for doubt in document["doubts"] if document["read_status"] == "done"]
    if document["read_status"] == "failed":
        found.append(("review.unread", {}))
    if document["retake"]:
        found.append(("review.retake", {"why": {"$say": document["fault"]}}))
    if len(document["pages"]) > 1:
        found.append(("review.pages", {"count": len(document["pages"])}))
    return found


def preset(reading: Reading | None, today: date) -> date:
    """The date that an approval counts with, if nobody says another: what was read, else a year from today."""
    if reading is not None and reading.valid_until is not None:
        return reading.valid_until
    return today + A_YEAR


def _compared(read: Any, fits: bool, wanted: Any, in_group: bool) -> Mapping[str, Any]:
    if read is None:
        return {"$say": "review.missing"}
    if in_group:
        return {"$say": "review.tick" if fits else "review.unlike"}
    if fits:
        return {"$say": "review.same", "values": {"read": read}}
    return {"$say": "review.differs", "values": {"read": read, "wanted": wanted}}


def _day(day: date | None) -> Any:
    return {"$day": day.isoformat()} if day is not None else None
