"""When a message is tried again."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.delivery.retry import RetryPolicy

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
POLICY = RetryPolicy(first=timedelta(seconds=2), longest=timedelta(minutes=5), tries=6)


@pytest.mark.parametrize(("failures", "seconds"), [(1, 2), (2, 4), (3, 8), (4, 16), (5, 32)])
def test_waits_double_with_a_little_jitter(failures: int, seconds: int) -> None:
    for _ in range(50):
        moment = POLICY.next_try(failures, NOW)
        assert moment is not None
        assert 0.75 * seconds <= (moment - NOW).total_seconds() <= 1.25 * seconds


def test_what_the_platform_asks_for_is_kept() -> None:
    moment = POLICY.next_try(1, NOW, timedelta(seconds=60))
    assert NOW + timedelta(seconds=60) == moment


def test_no_wait_is_longer_than_the_longest() -> None:
    patient = RetryPolicy(longest=timedelta(minutes=10), tries=1000)
    moment = patient.next_try(999, NOW)
    assert moment is not None
    assert moment - NOW <= timedelta(minutes=12, seconds=30)


def test_after_the_last_try_there_is_none() -> None:
    assert POLICY.next_try(6, NOW) is None


def test_it_is_for_after_a_failure() -> None:
    with pytest.raises(ValueError, match="after a failure"):
        POLICY.next_try(0, NOW)
