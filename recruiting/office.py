"""When the company works: due times of follow-ups and the digest keep to it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

LONGEST_CLOSURE = 400  # days without a working day; a calendar that knows none at all must not stop everything


def monday_to_friday(day: date) -> bool:
    """A calendar that knows no holidays."""
    return day.isoweekday() <= 5


@dataclass(frozen=True, slots=True)
class Office:
    """The hours of a working day, and which days are working days; `urges`: whether a message can be made urgent."""

    opens: time = time(9)
    closes: time = time(18)
    is_workday: Callable[[date], bool] = monday_to_friday
    urges: bool = False

    @property
    def day(self) -> timedelta:
        """One working day, in working time."""
        return datetime.combine(date.min, self.closes) - datetime.combine(date.min, self.opens)

    def next_open(self, now: datetime, timezone: tzinfo) -> datetime:
        """`now` while the office is open, else the next moment at which it opens (aware, UTC)."""
        local = now.astimezone(timezone)
        if self.is_workday(local.date()) and local.time() < self.closes:
            return max(now, self._at(local.date(), self.opens, timezone))
        day = local.date()
        for _ in range(LONGEST_CLOSURE):
            day += timedelta(days=1)
            if self.is_workday(day):
                break
        return self._at(day, self.opens, timezone)

    def after(self, now: datetime, length: timedelta, timezone: tzinfo) -> datetime:
        """When `length` of working time has gone by since `now` (aware, UTC); always within working hours."""
        moment = self.next_open(now, timezone)
        while moment + length > (end := self._at(moment.astimezone(timezone).date(), self.closes, timezone)):
            length -= end - moment
            moment = self.next_open(end, timezone)
        return moment + length

    def first_of_week(self, day: date) -> bool:
        """Whether it is the first working day of its week."""
        monday = day - timedelta(days=day.weekday())
        earlier = (monday + timedelta(days=number) for number in range(day.weekday()))
        return self.is_workday(day) and not any(map(self.is_workday, earlier))

    def _at(self, day: date, hour: time, timezone: tzinfo) -> datetime:
        return datetime.combine(day, hour, timezone).astimezone(UTC)
