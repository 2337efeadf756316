"""Each violation that `bulou audit` must find, planted by hand."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from recruiting.model import Application, NeedsPerson, Status, Withdrew
from recruiting.promises import violations
from tests.recruiting.story import MORNING, Story, crew


def found(story: Story, **changed: Any) -> list[str]:
    return violations(replace(story.application, **changed), story.timers, list(story.follow_ups))


def test_nothing_is_wrong_with_an_ordinary_application() -> None:
    assert [] == found(Story(crew()).at("meeting"))


def test_an_application_that_was_never_opened_is_forgotten() -> None:
    assert ["was never opened: nothing will happen"] == violations(Application("a1", crew()), [], [])


@pytest.mark.parametrize("timers", [[], [("deadline", "certificate", 2)], [("deadline", "interview", 1)]])
def test_somebody_without_a_timer_of_this_visit_slips_through(timers: list[tuple[str, str, int]]) -> None:
    application = Story(crew()).at("certificate").application
    assert ["nothing happens next in certificate: no timer of visit 1, no open follow-up"] == violations(
        application, timers, []
    )


def test_an_open_follow_up_is_something_that_happens_next() -> None:
    story = Story(crew()).at("certificate")
    story.hear(NeedsPerson("human"))
    story.timers.clear()
    assert [] == found(story)


def test_what_hr_sees_and_the_history_differ() -> None:
    story = Story(crew()).at("interview")
    assert ["the follow-up about human is missing"] == found(story, follow_up=("human",))
    story.follow_ups = {"interview": ["human"]}
    assert ["a follow-up of interview is open, but its history says that it is settled"] == found(story)
    story.follow_ups = {"screening": ["human"]}
    assert ["a follow-up of screening is open, but the application has left that stage"] == found(story)
    twice = violations(replace(story.application, follow_up=("human",)), story.timers, ["interview", "interview"])
    assert ["more than one follow-up is open for one stage"] == twice


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"approvals": {}}, "entered meeting without an approved document from certificate"),
        ({"passed": frozenset({"screening", "interview"})}, "entered meeting without having passed certificate"),
        ({"passed": frozenset({"interview", "certificate"})}, "is in meeting without having passed screening"),
        (
            {"passed": frozenset({"screening", "interview", "certificate", "meeting"})},
            "stands in meeting, but has passed it",
        ),
        ({"visits": {"meeting": 2}}, "visit 1 of meeting is not its latest"),
        ({"waiting": frozenset({"d1"})}, "a document waits in meeting, which asks for none"),
        ({"ended_at": MORNING}, "is open, but has ended before"),
    ],
)
def test_nobody_gets_into_a_stage_by_the_back_door(changed: dict[str, Any], message: str) -> None:
    assert [message] == found(Story(crew()).at("meeting"), **changed)


def test_a_slot_belongs_to_a_meeting() -> None:
    slot = MORNING + timedelta(days=1)
    assert ["a slot is booked in interview, which is no meeting"] == found(Story(crew()).at("interview"), meeting=slot)


def test_a_stage_that_the_process_does_not_have() -> None:
    assert ["stands in stage lost, which its process does not have"] == found(
        Story(crew()).at("interview"), stage="lost"
    )


def test_a_temporary_stage_may_have_been_passed_by() -> None:
    story = Story(crew("certificate", "meeting", certificate={"optional_until": "2026-03-01"})).at("meeting")
    assert [] == found(story)


def test_after_the_end_only_who_asked_for_it_keeps_hr_busy() -> None:
    story = Story(crew()).at("interview")
    story.hear(Withdrew())
    assert [] == found(story)
    story.follow_ups = {"interview": ["deadline"]}
    assert ["has ended, but a follow-up about deadline is open"] == found(story, follow_up=("deadline",))
    for causes in (("human",), ("deadline", "second_look"), ("unreachable",)):
        assert [] == found(story, follow_up=causes)


def test_an_end_must_be_one() -> None:
    story = Story(crew()).at("interview")
    story.hear(Withdrew())
    assert ["is withdrawn, but has no end"] == found(story, ended_at=None)
    assert ["is hired without having passed interview"] == found(story, status=Status.HIRED)
