"""Dates as certificates print them."""

import re
from datetime import date, timedelta

from recruiting.certificates import anniversary

_NUMERALS = {sign: value for value, sign in enumerate("零一二三四五六七八九")} | {"〇": 0, "○": 0, "O": 0, "o": 0}
_NUMERAL = "[零〇○Oo一二三四五六七八九十]"
_FORMS = (
    # A day without its 日 may be the half of one, so it does not count.
    re.compile(r"(?<!\d)(\d{4})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*[日号]"),
    re.compile(r"(?<!\d)(\d{4})\s*[-./–—]\s*(\d{1,2})\s*[-./–—]\s*(\d{1,2})(?!\d)"),
    re.compile(r"(?<!\d)(20\d{2})(\d{2})(\d{2})(?!\d)"),
    re.compile(rf"([二][零〇○Oo]{_NUMERAL}{{2}})\s*年\s*({_NUMERAL}{{1,3}})\s*月\s*({_NUMERAL}{{1,3}})\s*[日号]"),
)
_ONE_YEAR = re.compile(r"(?:[一1壹]年|12个月|十二个月)(?!\d)")


def dates_in(text: str) -> list[date]:
    """All dates of a line, in their order; what is no day of the calendar is none."""
    found: dict[int, date] = {}
    for form in _FORMS:
        for match in form.finditer(text):
            day = _day(*(_number(part) for part in match.groups()))
            if day is not None:
                found.setdefault(match.start(), day)
    return [found[at] for at in sorted(found)]


def says_one_year(text: str) -> bool:
    """Whether a validity is given as "one year" instead of as a day."""
    return _ONE_YEAR.search(text) is not None


def last_day(first: date) -> date:
    """The last day of a year that begins on that day."""
    return anniversary(first) - timedelta(days=1)


def _number(text: str) -> int:
    if text.isdecimal() and text.isascii():
        return int(text)
    if "十" in text:
        tens, _, ones = text.partition("十")
        return _NUMERALS.get(tens, 1) * 10 + _NUMERALS.get(ones, 0)
    return int("".join(str(_NUMERALS[sign]) for sign in text))


def _day(year: int, month: int, day: int) -> date | None:
    try:
        found = date(year, month, day)
    except ValueError:
        return None
    return found if 2000 <= year < 2100 else None
