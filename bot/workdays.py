"""Which days are working days: China's public holidays and the days on which people work in exchange (调休)."""

import logging
from datetime import date
from functools import cache

from recruiting.office import monday_to_friday

log = logging.getLogger(__name__)


def chinese_workday(day: date) -> bool:
    """Whether people work on this day. Of a year whose holidays are not known yet: Monday to Friday."""
    import chinese_calendar  # twenty years of holidays: read when the first day is asked for

    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        _say_once(day.year)
        return monday_to_friday(day)


@cache
def _say_once(year: int) -> None:
    log.warning("public holidays not known: Monday to Friday count as working days", extra={"year": year})
