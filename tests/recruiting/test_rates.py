"""When a rate is bad enough to say so: exact at the threshold, once, and honest about chance."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from recruiting.process import Alert
from recruiting.rates import Counts, Verdict, certain, counted_until, in_words, lower_bound, step_of, verdict, wilson

FIRST = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def alert(at: str = "5%", **more: object) -> Alert:
    return Alert.model_validate({"rate": "no_show", "at": at, **more})


def test_five_of_a_hundred_is_five_percent() -> None:
    assert Verdict.FIRE is verdict(alert("5%"), Counts(100, 5), alerting=False)
    assert verdict(alert("5%"), Counts(100, 4), alerting=False) is None


@pytest.mark.parametrize("percent", range(1, 100))
def test_no_threshold_is_missed_by_a_rounding_error(percent: int) -> None:
    assert Verdict.FIRE is verdict(alert(f"{percent}%"), Counts(300, 3 * percent), alerting=False)
    assert verdict(alert(f"{percent}%"), Counts(300, 3 * percent - 1), alerting=False) is None


def test_a_few_people_prove_nothing() -> None:
    assert verdict(alert(min_sample=20), Counts(19, 19), alerting=False) is None
    assert Verdict.FIRE is verdict(alert(min_sample=20), Counts(20, 1), alerting=False)
    assert verdict(alert(), Counts(0, 0), alerting=False) is None
    assert verdict(alert(), Counts(0, 0), alerting=True, told_rate=0.5) is None


def test_an_alert_fires_once_and_again_only_a_step_worse() -> None:
    at_five = alert("5%", step="3%")
    assert verdict(at_five, Counts(100, 7), alerting=True, told_rate=0.05) is None
    assert Verdict.WORSE is verdict(at_five, Counts(100, 8), alerting=True, told_rate=0.05)
    assert verdict(at_five, Counts(100, 10), alerting=True, told_rate=Fraction(8, 100)) is None
    assert Verdict.WORSE is verdict(at_five, Counts(100, 11), alerting=True, told_rate=Fraction(8, 100))
    assert Verdict.WORSE is verdict(at_five, Counts(100, 8), alerting=True)


def test_it_has_recovered_only_with_a_margin() -> None:
    assert verdict(alert("5%"), Counts(100, 4), alerting=True, told_rate=0.05) is None
    assert Verdict.RECOVERED is verdict(alert("5%"), Counts(1000, 39), alerting=True, told_rate=0.05)
    assert verdict(alert("5%"), Counts(1000, 39), alerting=False) is None


def test_a_process_can_ask_to_be_told_only_when_it_is_certain() -> None:
    """9 of 100 is above 8 %, but may well be chance; of 2,500 the same share no longer is."""
    sure = alert("8%", certainty=0.95)
    assert verdict(sure, Counts(100, 9), alerting=False) is None
    assert not certain(sure, Counts(100, 9))
    assert verdict(sure, Counts(1000, 90), alerting=False) is None
    assert Verdict.FIRE is verdict(sure, Counts(2500, 225), alerting=False)
    assert certain(sure, Counts(2500, 225))
    assert not certain(sure, Counts(0, 0))
    assert Verdict.FIRE is verdict(alert("8%", certainty=0.3), Counts(100, 9), alerting=False)


def test_wilson_agrees_with_the_textbook() -> None:
    assert (0.0481, 0.1623) == tuple(round(end, 4) for end in wilson(9, 100))
    assert (0.0531, 0.1485) == tuple(round(end, 4) for end in wilson(9, 100, 0.9))
    assert 0.0531 == round(lower_bound(Counts(100, 9), 0.95), 4)
    assert (0.0, 1.0) == wilson(0, 0)
    assert 0.0 == wilson(0, 10)[0]
    assert 1.0 == wilson(10, 10)[1]


def test_the_interval_is_told_in_whole_people() -> None:
    assert (9, 100, 5, 16) == in_words(9, 100)
    assert (0, 10, 0, 28) == in_words(0, 10)


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="between"):
        Counts(3, 4)


@pytest.mark.parametrize(
    ("after", "step"),
    [
        (timedelta(hours=24), timedelta(minutes=30)),
        (timedelta(seconds=96), timedelta(seconds=2)),
        (timedelta(seconds=10), timedelta(seconds=2)),
        (timedelta(0), timedelta(seconds=2)),
    ],
)
def test_due_advances_in_steps(after: timedelta, step: timedelta) -> None:
    assert step == step_of(after)
    assert FIRST == counted_until(FIRST, after, FIRST)
    assert FIRST == counted_until(FIRST, after, FIRST + step - timedelta(microseconds=1))
    assert FIRST + step == counted_until(FIRST, after, FIRST + step)


@pytest.mark.parametrize("seconds", [97, 100, 101, 1000, 86_399])
def test_whoever_was_invited_first_is_due_exactly_after_the_time(seconds: int) -> None:
    after = timedelta(seconds=seconds)
    assert FIRST + after == counted_until(FIRST, after, FIRST + after)
    assert FIRST + after > counted_until(FIRST, after, FIRST + after - timedelta(microseconds=1))


def test_an_outage_loses_no_step() -> None:
    assert FIRST + timedelta(days=9) == counted_until(FIRST, timedelta(hours=24), FIRST + timedelta(days=9, minutes=29))


def test_certain_agrees_with_the_interval_that_is_told() -> None:
    """What is called certain lies wholly above the threshold in the same message."""
    for due in range(20, 200, 7):
        for missed in range(due + 1):
            assert certain(alert("8%"), Counts(due, missed)) == (wilson(missed, due)[0] >= 0.08)
