"""What becomes of a message at the moment it could leave."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from recruiting.ladder import Window
from recruiting.model import Application, Clicked, Purpose, Standing
from recruiting.outgoing import Outgoing, Step, Verdict, verdict
from recruiting.process import Rung
from tests.recruiting.story import Story, crew

CHAT, SMS, EMAIL, PERSON = Rung.CHAT, Rung.SMS, Rung.EMAIL, Rung.FOLLOW_UP
DAY = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)  # 14:00 in Shanghai
NIGHT = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)  # 22:00 in Shanghai
EIGHT = datetime(2026, 3, 3, 0, 0, tzinfo=UTC)  # the morning after
INVITE = Outgoing(Purpose.INVITE, SMS, "interview", 1, "invite", False, DAY)
NUDGE = replace(INVITE, purpose=Purpose.NUDGE, cause="nudge:0")
DECISION = replace(INVITE, purpose=Purpose.ANSWER, cause="rejected")
QUIET = {"quiet_hours": {"sms": "21:00-08:00"}, "ladder": ["chat", "sms", "email", "follow_up"]}


def somebody(*rungs: Rung, opted_out: bool = False) -> Application:
    """Somebody who is invited to the interview, and can be reached on these rungs."""
    application = Story(crew(process=QUIET)).at("interview").application
    return application.but(person=Standing(reachable=frozenset(rungs), opted_out=opted_out))


def kf(used: int = 0, hours: float = 1) -> Window:
    """A window of 微信客服 in which some messages are used, some time after the person's last."""
    return Window("wecom.kf", DAY - timedelta(hours=hours), used)


def test_by_day_it_goes_where_it_was_meant_to() -> None:
    assert Verdict(Step.SEND, SMS) == verdict(INVITE, somebody(SMS, EMAIL), DAY)


@pytest.mark.parametrize("message", [INVITE, NUDGE, DECISION])
def test_what_the_bot_starts_waits_for_the_end_of_quiet_hours(message: Outgoing) -> None:
    assert Verdict(Step.WAIT, SMS, EIGHT, "quiet_hours") == verdict(message, somebody(SMS), NIGHT)
    assert Step.SEND is verdict(message, somebody(SMS), EIGHT).step


@pytest.mark.parametrize(("minutes", "expected"), [(0, Step.SEND), (10, Step.SEND), (11, Step.WAIT)])
def test_what_follows_from_the_persons_own_act_is_an_answer_for_ten_minutes(minutes: int, expected: Step) -> None:
    answer = replace(INVITE, prompted=True, created_at=NIGHT)
    assert expected is verdict(answer, somebody(SMS), NIGHT + timedelta(minutes=minutes)).step


@pytest.mark.parametrize(("message", "expected"), [(NUDGE, Step.SKIP), (INVITE, Step.PERSON), (DECISION, Step.PERSON)])
def test_nothing_more_is_sent_to_who_opted_out_but_a_person_tells_them(message: Outgoing, expected: Step) -> None:
    """A reminder just ends; an invite or a decision that was owed before is told by somebody in HR."""
    assert Verdict(expected, why="opted_out") == verdict(message, somebody(SMS, opted_out=True), DAY)


def test_who_opted_out_still_gets_answers() -> None:
    answer = replace(DECISION, prompted=True)
    assert Step.SEND is verdict(answer, somebody(SMS, opted_out=True), DAY).step


@pytest.mark.parametrize(
    ("message", "window", "expected"),
    [
        (INVITE, kf(used=4), CHAT),
        (INVITE, kf(used=5), SMS),
        (NUDGE, kf(used=3), CHAT),
        (NUDGE, kf(used=4), SMS),  # the last of the five is kept for a decision
        (DECISION, kf(used=4), CHAT),
        (INVITE, kf(hours=48), SMS),
        (INVITE, None, SMS),  # not bound any more
    ],
)
def test_a_window_that_takes_no_more_leads_to_the_next_rung(
    message: Outgoing, window: Window | None, expected: Rung
) -> None:
    judged = verdict(replace(message, rung=CHAT, window=window), somebody(CHAT, SMS), DAY)
    assert Verdict(Step.SEND, expected) == judged


def test_quiet_hours_are_those_of_the_rung_it_takes_now() -> None:
    """Chat has none here; but once the window is shut it would be an SMS at night."""
    assert Step.SEND is verdict(replace(INVITE, rung=CHAT, window=kf()), somebody(CHAT, SMS), DAY).step
    late = replace(INVITE, rung=CHAT, window=kf(used=5))
    assert Verdict(Step.WAIT, SMS, EIGHT, "quiet_hours") == verdict(late, somebody(CHAT, SMS), NIGHT)


@pytest.mark.parametrize("rung", [CHAT, SMS, EMAIL])
def test_the_last_rung_is_a_person(rung: Rung) -> None:
    assert Verdict(Step.PERSON, why="no_channel") == verdict(replace(INVITE, rung=rung), somebody(), DAY)


def test_what_is_no_longer_needed_stays_at_home() -> None:
    story = Story(crew(process=QUIET)).at("interview")
    story.hear(Clicked("interview", 1))
    clicked = story.application.but(person=Standing(reachable=frozenset({SMS})))
    assert Verdict(Step.SKIP, why="no_longer_needed") == verdict(NUDGE, clicked, DAY)
    assert Step.SKIP is verdict(replace(INVITE, visit=2), clicked, DAY).step
    assert Step.SEND is verdict(replace(DECISION, visit=2), clicked, DAY).step


def test_nobody_is_reminded_of_a_meeting_that_is_over() -> None:
    """A reminder may have waited, because its batch was paused."""
    reminder = replace(NUDGE, stage="meeting", cause="meeting:120")
    at_two = somebody(SMS).but(stage="meeting", visit=1, meeting=DAY + timedelta(hours=2))
    assert Step.SEND is verdict(reminder, at_two, DAY).step
    assert Verdict(Step.SKIP, why="too_late") == verdict(reminder, at_two, DAY + timedelta(hours=2))
