"""Identity-card numbers, which a recruiting list must not hold: recognised by their own checksum."""

import re
from datetime import date

_NUMBER = re.compile(r"(?<![0-9])[1-9][0-9]{16}[0-9Xx](?![0-9])")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_SHORTEST = 18


def without_identity_numbers(text: str) -> str:
    """The text without any valid 18-digit identity-card number in it."""
    if len(text) < _SHORTEST or text.isalpha():
        return text
    return _NUMBER.sub(lambda found: "" if _is_valid(found[0]) else found[0], text)


def looks_rounded(number: float) -> bool:
    """Whether this is an identity-card number that Excel has kept as a number, with its last digits lost."""
    return 10**17 <= number < 10**18 and _born(str(int(number))) is not None


def _is_valid(number: str) -> bool:
    check = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, number, strict=False)) % 11
    return number[-1].upper() == "10X98765432"[check] and _born(number) is not None


def _born(number: str) -> date | None:
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None
