"""How fast messages may leave."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.delivery.limits import GROUP_ROBOT, Limits, Rate

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
THREE_A_MINUTE = Rate(3, timedelta(minutes=1))


def test_the_fourth_within_a_minute_waits_for_its_token() -> None:
    limits = Limits()
    assert [None] * 3 == [limits.take([("group", THREE_A_MINUTE)], NOW) for _ in range(3)]
    assert NOW + timedelta(seconds=20) == limits.take([("group", THREE_A_MINUTE)], NOW)
    assert limits.take([("group", THREE_A_MINUTE)], NOW + timedelta(seconds=20)) is None


def test_nothing_is_taken_where_one_of_two_buckets_is_empty() -> None:
    limits = Limits()
    one = Rate(1, timedelta(minutes=1))
    assert limits.take([("all", THREE_A_MINUTE), ("mei", one)], NOW) is None
    assert limits.take([("all", THREE_A_MINUTE), ("mei", one)], NOW) is not None
    assert [None] * 2 == [limits.take([("all", THREE_A_MINUTE)], NOW) for _ in range(2)]


def test_others_do_not_wait_for_a_full_bucket() -> None:
    limits = Limits()
    for _ in range(3):
        limits.take([("a", THREE_A_MINUTE)], NOW)
    assert limits.take([("b", THREE_A_MINUTE)], NOW) is None


@given(st.lists(st.integers(0, 30), min_size=1, max_size=80))
def test_never_more_than_burst_and_refill(waits: list[int]) -> None:
    """Whatever the rhythm of the wishes: in any stretch there go at most a burst and what has been refilled since."""
    limits, now, sent = Limits(), NOW, []
    for wait in waits:
        now += timedelta(seconds=wait)
        if limits.take([("x", THREE_A_MINUTE)], now) is None:
            sent.append(now)
    for i, first in enumerate(sent):
        for j in range(i, len(sent)):
            assert j - i + 1 <= 3 + (sent[j] - first).total_seconds() / 20 + 1e-9


def test_at_the_moment_that_was_named_there_is_room() -> None:
    """18 a minute is one in 3.333… seconds: rounded down, the wait would never end on a clock that stands."""
    limits, now = Limits(), NOW
    for _ in range(18):
        assert limits.take([("robot", GROUP_ROBOT)], now) is None
    for _ in range(40):
        later = limits.take([("robot", GROUP_ROBOT)], now)
        assert later is not None
        assert limits.take([("robot", GROUP_ROBOT)], later) is None
        now = later
