"""Two sides of one certificate, read one after the other, are one reading."""

from dataclasses import fields
from typing import Any

from recruiting.certificates import Reading


def joined(first: Reading | None, second: Reading) -> Reading:
    """What both say together: the first side's words hold, the second's fill in what it does not say.

    The back of a card alone is no certificate, and takes nothing away from its front.
    """
    if first is None:
        return second
    if second.certificate and not first.certificate:
        first, second = second, first
    names = [field.name for field in fields(Reading)]
    return Reading(**{name: _both(getattr(first, name), getattr(second, name)) for name in names})


def _both(one: Any, other: Any) -> Any:
    if isinstance(one, tuple) and isinstance(other, tuple):
        return tuple(dict.fromkeys((*one, *other)))
    return one or other
