"""The company's calendar."""

import logging
from datetime import date

import pytest

from bot.workdays import chinese_workday


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2026, 3, 2), True),
        (date(2026, 3, 7), False),
        (date(2026, 10, 1), False),  # National Day, a Thursday
        (date(2026, 10, 10), True),  # a Saturday on which people work
        (date(2026, 9, 20), True),  # a Sunday on which people work
    ],
)
def test_holidays_and_the_days_worked_in_exchange(day: date, works: bool) -> None:
    assert works == chinese_workday(day)


def test_a_year_that_is_not_known_yet_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert [True, False] == [chinese_workday(date(2098, 1, 1)), chinese_workday(date(2098, 1, 4))]
    assert 1 == len([record for record in caplog.records if "holidays" in record.message])
