"""Working time: what is due is due while somebody is there."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recruiting.office import Office

SHANGHAI = ZoneInfo("Asia/Shanghai")
HOLIDAYS = {date(2026, 10, day) for day in range(1, 8)}
MADE_UP = {date(2026, 9, 20), date(2026, 10, 10)}  # a Sunday and a Saturday on which people work


def is_workday(day: date) -> bool:
    return day in MADE_UP or (day.isoweekday() <= 5 and day not in HOLIDAYS)


OFFICE = Office(is_workday=is_workday)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("now", "hours", "due"),
    [
        ("2026-03-02 10:00", 2, "2026-03-02 12:00"),
        ("2026-03-02 09:00", 9, "2026-03-02 18:00"),
        ("2026-03-02 17:00", 2, "2026-03-03 10:00"),
        ("2026-03-02 22:30", 2, "2026-03-03 11:00"),
        ("2026-03-02 06:30", 2, "2026-03-02 11:00"),
        ("2026-03-06 17:00", 9, "2026-03-09 17:00"),  # over a weekend
        ("2026-09-30 17:00", 2, "2026-10-08 10:00"),  # over the national holiday
        ("2026-10-09 17:00", 2, "2026-10-10 10:00"),  # a Saturday on which people work
        ("2026-10-04 12:00", 0, "2026-10-08 09:00"),
        ("2026-03-02 18:00", 0, "2026-03-03 09:00"),
        ("2026-03-02 12:00", 27, "2026-03-05 12:00"),
    ],
)
def test_only_working_time_counts(now: str, hours: int, due: str) -> None:
    assert at(due) == OFFICE.after(at(now), timedelta(hours=hours), SHANGHAI)


@given(
    minutes=st.integers(0, 400 * 24 * 60),
    length=st.integers(0, 60 * 60).map(lambda minutes: timedelta(minutes=minutes)),
)
def test_what_is_due_is_due_in_working_hours(minutes: int, length: timedelta) -> None:
    now = at("2026-01-01 00:00") + timedelta(minutes=minutes)
    due = OFFICE.after(now, length, SHANGHAI)
    local = due.astimezone(SHANGHAI)
    assert is_workday(local.date())
    assert OFFICE.opens <= local.time() <= OFFICE.closes
    assert due >= now + length


@pytest.mark.parametrize(
    ("day", "first"),
    [("2026-03-02", True), ("2026-03-03", False), ("2026-03-07", False), ("2026-10-08", True), ("2026-10-10", False)],
)
def test_a_week_begins_with_its_first_working_day(day: str, first: bool) -> None:
    """Thursday, 8 October 2026: what comes before it in that week is holiday."""
    assert first == OFFICE.first_of_week(date.fromisoformat(day))


def test_a_calendar_without_working_days_stops_nothing() -> None:
    closed = Office(is_workday=lambda day: False)
    assert at("2026-03-02 10:00") < closed.next_open(at("2026-03-02 10:00"), SHANGHAI)
