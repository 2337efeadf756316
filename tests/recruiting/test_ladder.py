"""Which channel next, and when it may be used."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from recruiting.ladder import Window, chat_open, first_rung, next_rung, quiet_until
from recruiting.process import Quiet, Rung

CHAT, SMS, EMAIL, PERSON = Rung.CHAT, Rung.SMS, Rung.EMAIL, Rung.FOLLOW_UP
LADDER = [CHAT, SMS, EMAIL, PERSON]
SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "usable", "expected"),
    [
        (None, {CHAT, SMS}, CHAT),
        (None, {SMS}, SMS),
        (None, set(), PERSON),
        (SMS, {CHAT, SMS}, SMS),
        (SMS, {CHAT, EMAIL}, EMAIL),  # a named rung that can't be used goes on down, not up
        (EMAIL, {CHAT, SMS}, PERSON),
    ],
)
def test_the_first_rung(start: Rung | None, usable: set[Rung], expected: Rung) -> None:
    assert expected == first_rung(LADDER, start, usable)


def test_a_named_rung_off_the_ladder_is_tried_before_it() -> None:
    assert SMS is first_rung([CHAT, PERSON], SMS, {CHAT, SMS})
    assert CHAT is first_rung([CHAT, PERSON], SMS, {CHAT})


def test_a_ladder_without_a_person_ends() -> None:
    assert first_rung([CHAT], None, set()) is None
    assert next_rung([CHAT, SMS], SMS, {CHAT}) is None


@pytest.mark.parametrize(
    ("failed", "usable", "expected"), [(CHAT, {SMS}, SMS), (CHAT, {EMAIL}, EMAIL), (SMS, {CHAT}, PERSON)]
)
def test_the_next_rung_never_climbs(failed: Rung, usable: set[Rung], expected: Rung) -> None:
    assert expected == next_rung(LADDER, failed, usable)


def test_quiet_hours_are_the_companys_and_go_over_midnight() -> None:
    quiet = {SMS: Quiet.model_validate("21:00-08:00")}
    evening = datetime(2026, 3, 2, 21, 30, tzinfo=SHANGHAI)
    morning = datetime(2026, 3, 3, 8, 0, tzinfo=SHANGHAI)
    assert morning == quiet_until(quiet, SMS, evening, SHANGHAI)
    assert morning == quiet_until(quiet, SMS, evening + timedelta(hours=5), SHANGHAI)
    assert quiet_until(quiet, SMS, morning, SHANGHAI) is None
    assert quiet_until(quiet, CHAT, evening, SHANGHAI) is None
    assert time(8, 0) == morning.time()


@pytest.mark.parametrize(
    ("hours", "used", "kept", "expected"),
    [(0, 0, 0, True), (47.9, 4, 0, True), (48, 0, 0, False), (1, 5, 0, False), (1, 4, 1, False), (1, 3, 1, True)],
)
def test_the_window_of_wechat(hours: float, used: int, kept: int, expected: bool) -> None:
    window = Window("wecom.kf", NOW - timedelta(hours=hours), used)
    assert expected == chat_open(window, NOW, kept=kept)


def test_a_window_that_nobody_opened_is_shut() -> None:
    assert not chat_open(Window("wecom.kf", None, 0), NOW)
