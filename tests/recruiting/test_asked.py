"""A member asks for a reminder: the stage's own, and only where the candidate is waited for."""

import pytest

from recruiting.decide import waits_for_candidate
from recruiting.model import Asked, Clicked, Completed, EventType, InviteTried, Purpose, Standing, Started, Uploaded
from tests.recruiting.story import Story, crew

WU = Asked("member:Wu")


def at_interview(**process: object) -> Story:
    """Somebody whose invite to the interview was tried."""
    story = Story(crew(process=dict(process))).at("interview")
    if story.application.since is None:
        story.hear(InviteTried("interview", 1, story.now))
    return story


def reminded(story: Story) -> list[str]:
    """The reminders so far."""
    return story.texts([Purpose.NUDGE])


def test_the_stages_own_reminder_goes_out_and_names_who_asked() -> None:
    story = at_interview()
    story.hear(Clicked("interview", 1))  # a click alone is not what the stage waits for
    story.hear(WU)
    assert ["nudge.interview"] == reminded(story)
    assert ["member:Wu"] == [event.actor for event in story.events if event.type is EventType.NUDGED]


def test_it_counts_against_the_limits() -> None:
    story = at_interview(limits={"per_stage": 1, "per_day": 5})
    story.hear(WU)
    story.hear(WU)
    assert ["nudge.interview"] == reminded(story)
    assert ["per_stage"] == [event.data["limit"] for event in story.events if event.type is EventType.NUDGE_SKIPPED]


def test_in_quiet_hours_it_waits_once_however_often_it_was_asked_for() -> None:
    story = at_interview(quiet_hours={"chat": "00:00-23:59", "sms": "00:00-23:59", "email": "00:00-23:59"})
    story.hear(WU)
    story.hear(WU)
    assert [] == reminded(story)
    assert 1 == len([name for name, *_ in story.timers if name.startswith("asked:")])


def test_who_acts_before_the_quiet_hours_end_is_not_reminded() -> None:
    story = at_interview(quiet_hours={"chat": "21:00-08:00", "sms": "21:00-08:00", "email": "21:00-08:00"})
    story.wait(hours=13)
    before = reminded(story)
    story.hear(WU)
    assert any(name.startswith("asked:") for name, *_ in story.timers)
    story.hear(Started("interview", 1))
    story.wait(hours=12)
    assert before == reminded(story)


def test_who_took_part_or_sent_something_is_not_waited_for() -> None:
    story = at_interview()
    story.hear(Completed("interview", 1, {"总分": 82}))
    assert "certificate" == story.application.stage
    assert not waits_for_candidate(story.application)  # its invite has not left yet
    story.hear(InviteTried("certificate", 1, story.now))
    assert waits_for_candidate(story.application)
    story.hear(Uploaded("d1"))
    assert [] == story.hear(WU)


@pytest.mark.parametrize("person", [Standing(opted_out=True), Standing(reachable=frozenset())])
def test_nobody_is_reminded_who_must_not_or_cannot_be(person: Standing) -> None:
    story = at_interview()
    story.person = person
    story.wait(minutes=1)
    story.hear(WU)
    assert [] == reminded(story)
    assert 1 == len(story.open_causes)


def test_nothing_is_asked_of_what_a_person_has_to_do() -> None:
    story = Story(crew()).open(imported=False)
    assert [] == story.hear(WU)
