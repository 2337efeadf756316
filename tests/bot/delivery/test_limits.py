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
    assert limits.take([("group", THREE_A_MINUTE)], NOW + timedelta(seconds=20), waited=True) is None


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
        assert limits.take([("robot", GROUP_ROBOT)], later, waited=True) is None
        now = later


def test_each_who_waits_gets_a_moment_of_its_own() -> None:
    limits = Limits()
    answers = [limits.take([("robot", THREE_A_MINUTE)], NOW) for _ in range(7)]
    assert answers[:3] == [None] * 3
    assert answers[3:] == [NOW + timedelta(seconds=20 * place) for place in (1, 2, 3, 4)]


def test_nobody_passes_those_who_wait() -> None:
    limits, wish = Limits(), [("robot", THREE_A_MINUTE)]
    for _ in range(3):
        limits.take(wish, NOW)
    promised = limits.take(wish, NOW)
    assert promised is not None
    assert limits.take(wish, promised) is not None  # comes when there is a token, but it is promised
    assert limits.take(wish, promised, waited=True) is None


def test_an_answer_that_somebody_waits_for_passes_a_mailing_but_not_what_the_same_person_gets_before() -> None:
    all_of_them = Rate(3, timedelta(minutes=1), shared=True)
    limits = Limits()
    mailing = [limits.take([("app", all_of_them)], NOW) for _ in range(50)]
    soon = mailing[3]
    assert soon is not None
    assert limits.take([("app", all_of_them), ("mei", THREE_A_MINUTE)], soon, asked=True) is None
    again = limits.take([("app", all_of_them)], soon, waited=True)
    assert again == soon + timedelta(seconds=20)  # first among those who wait
    lines = Limits()
    told = [lines.take([("mei", THREE_A_MINUTE)], NOW, asked=True) for _ in range(4)]
    assert told[3] is not None
    assert lines.take([("mei", THREE_A_MINUTE)], told[3], asked=True) is not None


def test_what_had_waited_through_a_ban_comes_one_after_the_other_in_its_order() -> None:
    limits, wish = Limits(), [("app", THREE_A_MINUTE)]
    waiting = [limits.take(wish, NOW) for _ in range(9)][3:]
    limits.close("app", THREE_A_MINUTE, NOW + timedelta(minutes=10))
    again = [limits.take(wish, moment, waited=True) for moment in waiting if moment is not None]
    assert again == [NOW + timedelta(minutes=10, seconds=20 * place) for place in (1, 2, 3, 4, 5, 6)]


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=60))
def test_whoever_waits_leaves_in_order_and_is_looked_at_a_few_times_only(coming: list[tuple[int, bool]]) -> None:
    """Wishes come in any rhythm, and come again when they were told to. They leave in the order in which they came,
    and none is looked at more often than answers have passed it.
    """
    limits, rate = Limits(), Rate(3, timedelta(minutes=1), shared=True)
    agenda, now = [], NOW
    for number, (wait, asked) in enumerate(coming):
        now += timedelta(seconds=wait)
        agenda.append((now, number, asked, False))
    left, looks = [], 0
    while agenda:
        agenda.sort()
        moment, number, asked, waited = agenda.pop(0)
        looks += 1
        later = limits.take([("app", rate)], moment, waited=waited, asked=asked)
        if later is None:
            left.append((number, asked))
        else:
            agenda.append((later, number, asked, True))
    assert [number for number, asked in left if not asked] == [n for n, (_, asked) in enumerate(coming) if not asked]
    passing = sum(asked for _, asked in coming)
    assert looks <= len(coming) * (2 + passing)
