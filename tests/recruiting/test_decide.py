"""What follows from what: each signal, each kind of stage, told as short stories."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from recruiting.decide import decide, refusal, still_wanted
from recruiting.model import (
    Application,
    Audience,
    Booked,
    Clicked,
    Completed,
    Confirmed,
    Decided,
    DocumentDecided,
    EventType,
    Failed,
    FollowUpDone,
    InviteTried,
    Joined,
    MessageReport,
    NeedsPerson,
    Opened,
    OptedOut,
    Purpose,
    Rated,
    Record,
    Replied,
    Say,
    Standing,
    Started,
    Status,
    TimerDue,
    Unreachable,
    Uploaded,
    Withdrew,
)
from recruiting.process import Rung
from tests.recruiting.story import MORNING, Story, crew

LI = "member:Li"
REJECT = Decided(False, LI, "no_nights")
PASS = Decided(True, LI)


def nudged(story: Story) -> list[str]:
    return story.texts([Purpose.NUDGE])


def reject(document: str) -> DocumentDecided:
    return DocumentDecided(document, False, LI, "blurred")


# --- opening and moving on -------------------------------------------------------------------------------------------


def test_somebody_who_applies_is_first_looked_at_by_a_person() -> None:
    story = Story(crew()).open(imported=False)
    assert ("screening", 1) == story.here
    assert [("review.waiting", Audience.OWNER)] == [(say.text, say.to) for say in story.said]
    story.wait(days=2)
    assert ["not_decided"] == story.open_causes


def test_imported_candidates_count_as_screened_and_are_invited() -> None:
    story = Story(crew()).open()
    assert ("interview", 1) == story.here
    assert {"screening"} == story.application.passed
    assert ["invite.interview"] == story.texts()
    assert "imported" == story.events[-1].data["why"]


def test_no_import_stands_in_for_a_certificate() -> None:
    story = Story(crew("certificate", "meeting", certificate={"skip_if_imported": True})).open()
    assert "certificate" == story.application.stage


def test_an_import_may_stand_in_for_a_document_that_nothing_requires() -> None:
    story = Story(crew("certificate", "onboarding", certificate={"skip_if_imported": True})).open()
    assert "onboarding" == story.application.stage


def test_an_application_is_opened_once() -> None:
    story = Story(crew()).open()
    assert [] == story.hear(Opened())


@pytest.mark.parametrize(
    "signal", [Replied(), PASS, Withdrew(), OptedOut(), NeedsPerson("human"), TimerDue("x", "", 0)]
)
def test_nothing_happens_to_what_was_never_opened(signal: Any) -> None:
    assert [] == decide(Application("a1", crew()), signal, MORNING)


def test_the_last_stage_passed_is_hired() -> None:
    story = Story(crew("screening")).open(imported=False)
    story.hear(PASS)
    assert Status.HIRED is story.application.status
    assert ["hired"] == story.texts()


def test_a_rejection_is_told_with_its_reason() -> None:
    story = Story(crew()).at("interview")
    story.hear(REJECT)
    assert Status.REJECTED is story.application.status
    assert "rejected" == story.said[-1].text
    assert "no_nights" == story.said[-1].values["reason"]


def test_what_hr_decides_at_night_is_told_in_the_morning_but_a_result_at_once() -> None:
    """Quiet hours hold unless the message follows from the person's own act."""
    story = Story(crew()).at("interview")
    story.hear(REJECT)
    assert not story.said[-1].prompted
    story = Story(crew()).at("interview")
    story.scores(总分=90, 夜班=10)
    assert story.said[-1].prompted


def test_stages_without_a_robot_are_done_by_hand() -> None:
    """Onboarding is HR's work: a follow-up at once, their nudges on top, and never silence."""
    nudges = [{"after": "2d", "unless": "decided", "do": "remind"}]
    story = Story(crew("onboarding", onboarding={"nudges": nudges})).open()
    assert ["by_hand"] == story.open_causes
    story.wait(days=2)
    assert ["by_hand", "not_decided"] == story.open_causes
    assert [] == nudged(story)


# --- invite, nudges and deadline -------------------------------------------------------------------------------------


def test_silence_costs_one_sms_one_follow_up_and_one_reminder() -> None:
    story = Story(crew(process={"quiet_hours": {}})).at("interview")
    story.wait(hours=11, minutes=59)
    assert [] == nudged(story)
    story.wait(minutes=1)
    assert ["nudge.interview"] == nudged(story)
    story.wait(hours=12)
    assert ["not_participated"] == story.open_causes
    story.wait(hours=42)
    assert ["nudge.interview", "nudge.interview"] == nudged(story)
    assert [Rung.SMS, Rung.CHAT] == [say.rung for say in story.said[-2:]]  # to remind starts at the ladder's top
    story.wait(hours=6)
    assert ["not_participated", "deadline"] == story.open_causes
    assert story.application.open


def test_a_click_spares_the_sms_and_taking_part_spares_the_rest() -> None:
    story = Story(crew()).at("interview")
    story.hear(Clicked(*story.here))
    story.wait(hours=13)
    story.hear(Started(*story.here))
    story.wait(hours=58)
    assert [] == nudged(story)
    assert [] == story.open_causes


def test_a_nudge_due_in_quiet_hours_goes_out_at_their_end() -> None:
    """Invited at 10:00, due at 22:00, when SMS are quiet until 8:00."""
    story = Story(crew()).at("interview")
    story.wait(hours=12)
    assert [] == nudged(story)
    assert datetime(2026, 3, 3, 0, 0, tzinfo=UTC) == story.timers[("nudge:0", "interview", 1)]
    story.wait(hours=10)
    assert ["nudge.interview"] == nudged(story)


def test_what_has_happened_during_quiet_hours_spares_the_nudge() -> None:
    story = Story(crew()).at("interview")
    story.wait(hours=12)
    story.hear(Clicked(*story.here))
    story.wait(hours=10)
    assert [] == nudged(story)


def test_a_nudge_that_a_limit_forbids_is_recorded_and_not_postponed() -> None:
    story = Story(crew(process={"quiet_hours": {}, "limits": {"per_stage": 0}})).at("interview")
    story.wait(hours=12)
    assert [] == nudged(story)
    assert EventType.NUDGE_SKIPPED is story.events[-1].type
    assert {"name": "nudge:0", "limit": "per_stage"} == story.events[-1].data
    assert ("nudge:0", "interview", 1) not in story.timers


def test_the_limit_of_a_day_counts_all_applications_of_the_person() -> None:
    story = Story(crew(process={"quiet_hours": {}})).at("interview")
    busy = replace(story.application, person=Standing(sent_today=2))
    actions = decide(busy, TimerDue("nudge:0", *story.here), story.now)
    skipped = [action.event.data for action in actions if isinstance(action, Record)]
    assert [{"name": "nudge:0", "limit": "per_day"}] == skipped


def test_a_timer_that_comes_twice_reminds_once() -> None:
    story = Story(crew(process={"quiet_hours": {}})).at("interview")
    story.wait(hours=12)
    assert [] == story.fire(("nudge:0", "interview", 1))
    assert 1 == story.application.nudges["interview"]


@pytest.mark.parametrize(
    ("reachable", "expected"), [({Rung.SMS, Rung.CHAT}, Rung.SMS), ({Rung.CHAT, Rung.EMAIL}, Rung.EMAIL)]
)
def test_a_named_rung_that_cannot_be_used_goes_on_down_the_ladder(reachable: set[Rung], expected: Rung) -> None:
    story = Story(crew(process={"quiet_hours": {}})).at("interview")
    story.person = Standing(frozenset(reachable))
    story.wait(hours=12)
    assert expected is story.said[-1].rung


def test_whom_no_rung_reaches_is_left_to_a_person() -> None:
    story = Story(crew()).at("interview")
    story.person = Standing(frozenset({Rung.CHAT}))
    story.wait(hours=12)
    assert [] == nudged(story)
    assert ["unreachable"] == story.open_causes


def test_somebody_who_opted_out_is_called_instead_of_reminded() -> None:
    story = Story(crew()).at("interview")
    story.person = Standing(opted_out=True)
    story.hear(OptedOut())
    assert ["opted_out"] == story.open_causes
    story.wait(hours=20)
    assert [] == nudged(story)
    assert story.application.open


def test_without_a_tried_invite_the_stage_counts_from_its_start() -> None:
    story = Story(crew()).open()
    story.wait(hours=23)
    assert story.application.since is None
    story.wait(hours=1)
    assert MORNING == story.application.since
    assert ["not_participated"] == story.open_causes


def test_the_first_try_of_the_invite_starts_the_clock_and_a_second_does_not() -> None:
    story = Story(crew()).open()
    story.now += timedelta(hours=3)
    story.hear(InviteTried(*story.here, story.now))
    assert story.now + timedelta(hours=72) == story.timers[("deadline", "interview", 1)]
    assert [] == story.hear(InviteTried(*story.here, story.now + timedelta(hours=1)))


def test_what_would_have_been_due_before_the_stage_began_is_skipped() -> None:
    nudges = [{"before_deadline": "3d", "unless": "participated", "do": "remind"}]
    story = Story(crew(interview={"deadline": "24h", "nudges": nudges})).open()
    story.now += timedelta(hours=60)
    story.hear(InviteTried(*story.here, story.now))
    assert ("nudge:0", "interview", 1) not in story.timers


def test_a_reminder_before_the_deadline_is_not_sent_after_it() -> None:
    """Due at 1:00, when everything is quiet; at 8:00 the deadline of 7:00 is over."""
    night = datetime(2026, 3, 1, 23, 0, tzinfo=UTC)
    story = Story(crew(), night).open()
    story.hear(InviteTried(*story.here, night))
    story.hear(Clicked(*story.here))
    story.wait(hours=73)
    assert [] == nudged(story)
    assert {"name": "nudge:2", "limit": "deadline"} in [event.data for event in story.events]


def test_a_stage_without_a_deadline_is_looked_at_after_a_week() -> None:
    story = Story(crew(interview={"deadline": None, "nudges": None})).at("interview")
    story.wait(days=7)
    assert ["stalled"] == story.open_causes


def test_who_was_invited_and_did_nothing_expires_where_the_process_says_so() -> None:
    story = Story(crew(interview={"on_missed": "expire"})).at("interview")
    story.wait(hours=72)
    assert Status.EXPIRED is story.application.status
    assert "expired" == story.texts()[-1]
    assert [] == story.open_causes


def test_nobody_expires_whom_no_invite_has_reached() -> None:
    story = Story(crew(interview={"on_missed": "expire"})).open()
    story.hear(InviteTried(*story.here, story.now))
    story.wait(hours=72)
    assert story.application.open
    assert "deadline" in story.open_causes


def test_nobody_expires_who_has_begun() -> None:
    story = Story(crew(interview={"on_missed": "expire"})).at("interview")
    story.hear(Started(*story.here))
    story.wait(hours=72)
    assert ["deadline"] == story.open_causes


def test_a_nudge_can_count_from_the_click() -> None:
    nudges = [{"after": "2h", "since": "clicked", "unless": "participated", "do": "follow_up"}]
    story = Story(crew(interview={"nudges": nudges})).at("interview")
    story.wait(hours=5)
    story.hear(Clicked(*story.here))
    story.wait(hours=1, minutes=59)
    assert [] == story.open_causes
    story.wait(minutes=1)
    assert ["not_participated"] == story.open_causes


# --- messages --------------------------------------------------------------------------------------------------------


def test_invited_is_whose_invite_a_channel_has_accepted() -> None:
    story = Story(crew()).open()
    story.hear(MessageReport("failed", "m1", "chat", "invite", *story.here, invite=True, reason="no window"))
    assert story.application.invited_at is None
    story.hear(MessageReport("accepted", "m2", "sms", "invite", *story.here, invite=True))
    assert story.now == story.application.invited_at
    story.hear(MessageReport("failed", "m2", "sms", "invite", *story.here, invite=True))
    assert story.now == story.application.invited_at


def test_a_report_belongs_to_its_message_even_when_the_stage_is_over() -> None:
    story = Story(crew()).at("certificate")
    story.hear(MessageReport("delivered", "m1", "sms", "invite", "interview", 1, invite=True))
    assert ("interview", 1) == (story.events[-1].stage, story.events[-1].visit)
    assert [] == story.hear(MessageReport("vanished", "m1", "sms", "invite", "interview", 1))


def test_a_message_that_ran_out_of_channels_becomes_a_follow_up() -> None:
    story = Story(crew()).open()
    story.hear(Unreachable("invite", *story.here, "no_channel"))
    assert ["unreachable"] == story.open_causes
    assert [] == story.hear(Unreachable("invite", "screening", 1))


def test_an_end_that_cannot_be_told_is_told_by_a_person() -> None:
    story = Story(crew()).at("interview")
    story.person = Standing(frozenset())
    story.hear(REJECT)
    assert ["unreachable"] == story.open_causes


@pytest.mark.parametrize(
    ("cause", "purpose", "wanted"),
    [
        ("nudge:0", Purpose.NUDGE, False),  # clicked
        ("nudge:1", Purpose.NUDGE, True),
        ("nudge:77", Purpose.NUDGE, False),
        ("invite", Purpose.INVITE, True),
        ("meeting:120", Purpose.NUDGE, False),
    ],
)
def test_a_waiting_message_leaves_only_if_it_still_makes_sense(cause: str, purpose: Purpose, wanted: bool) -> None:
    story = Story(crew()).at("interview")
    story.hear(Clicked(*story.here))
    assert wanted is still_wanted(story.application, purpose, *story.here, cause)
    assert not still_wanted(story.application, purpose, "interview", 9, cause)
    assert still_wanted(story.application, Purpose.ANSWER, "interview", 9, cause)


# --- results ---------------------------------------------------------------------------------------------------------


def test_a_good_result_moves_on_and_invites_to_the_next_stage() -> None:
    story = Story(crew()).at("interview")
    story.scores(总分=60)
    assert ("certificate", 1) == story.here
    assert ["invite.interview", "invite.document"] == story.texts()
    assert [EventType.COMPLETED, EventType.MOVED] == story.types()[-2:]


def test_a_good_result_before_work_by_hand_is_not_called_under_review() -> None:
    story = Story(crew("interview", "onboarding")).at("interview")
    story.scores(总分=60)
    assert ["by_hand"] == story.open_causes
    assert "result.review" not in story.texts()


def test_a_rule_rejects_with_its_reason_before_the_bar_is_looked_at() -> None:
    story = Story(crew()).at("interview")
    story.scores(总分=99, 夜班=59)
    assert Status.REJECTED is story.application.status
    assert "night_shift" == story.said[-1].values["reason"]


def test_a_rule_can_hold_until_a_person_confirms() -> None:
    rules = [{"if": {"夜班": {"below": 60}}, "then": "hold", "reason": {"zh-CN": "夜班", "en": "nights"}}]
    story = Story(crew(interview={"rules": rules})).at("interview")
    actions = story.scores(总分=99, 夜班=10)
    assert ["hold"] == story.open_causes
    assert ["夜班"] == [action.note for action in actions if hasattr(action, "note")]
    assert "result.review" == story.texts()[-1]
    story.hear(PASS)
    assert "certificate" == story.application.stage


@pytest.mark.parametrize(("on_fail", "status"), [("review", Status.OPEN), ("reject", Status.REJECTED)])
def test_below_the_bar_the_process_says_what_follows(on_fail: str, status: Status) -> None:
    story = Story(crew(interview={"on_fail": on_fail})).at("interview")
    story.scores(总分=59.9)
    assert status is story.application.status
    assert (["review"] if status is Status.OPEN else []) == story.open_causes


def test_a_bar_that_nobody_measured_is_looked_at_by_a_person() -> None:
    bars = {"总分": {"at_least": 60}, "夜班": {"at_least": 60}}
    story = Story(crew(interview={"on_fail": "reject", "pass": bars})).at("interview")
    story.scores(总分=20)
    assert ["review"] == story.open_causes


def test_a_dimension_of_an_earlier_result_does_not_count_in_this_one() -> None:
    """夜班 was poor in the first interview; the second does not ask about it and holds nobody for it."""
    process = crew("interview", "onboarding").model_dump(mode="json", by_alias=True)
    first = {**process["stages"][0], "id": "first", "rules": [], "pass": {"总分": {"at_least": 1}}}
    story = Story(crew(process={"stages": [first, *process["stages"]]})).at("first")
    story.scores(总分=70, 夜班=10)
    story.invited()
    story.scores(总分=70)
    assert "onboarding" == story.application.stage
    assert {"总分": 70, "夜班": 10} == story.application.scores


def test_without_a_bar_completed_is_passed() -> None:
    story = Story(crew(interview={"pass": None})).at("interview")
    story.scores()
    assert "certificate" == story.application.stage


def test_a_result_after_the_deadline_still_counts() -> None:
    story = Story(crew()).at("interview")
    story.wait(hours=100)
    story.scores(总分=80)
    assert "certificate" == story.application.stage
    assert [] == story.open_causes


def test_a_result_after_the_decision_is_recorded_only() -> None:
    story = Story(crew()).at("interview")
    story.hear(REJECT)
    before = story.application
    story.hear(Completed("interview", 1, {"总分": 99}))
    assert before == story.application
    assert (EventType.COMPLETED, "interview") == (story.events[-1].type, story.events[-1].stage)
    assert story.events[-1].data["late"]


def test_the_same_result_again_is_not_even_recorded_but_another_one_is() -> None:
    story = Story(crew()).at("interview")
    story.scores(总分=80)
    assert [] == story.hear(Completed("interview", 1, {"总分": 80}))
    story.hear(Completed("interview", 1, {"总分": 81}))
    assert story.events[-1].data["late"]
    assert {"总分": 80} == story.application.scores


def test_a_result_for_a_stage_that_is_no_interview_passes_nothing() -> None:
    story = Story(crew()).at("certificate")
    story.scores(总分=99)
    assert ("certificate", 1) == story.here


def test_an_interview_that_could_not_be_held_is_taken_part_in_and_followed_up() -> None:
    story = Story(crew()).at("interview")
    story.hear(Failed(*story.here, "no microphone"))
    assert ["interview_failed"] == story.open_causes
    assert story.application.participated_at is not None
    story.scores(总分=80)
    assert "certificate" == story.application.stage


# --- documents -------------------------------------------------------------------------------------------------------


def test_an_upload_is_acknowledged_and_put_before_a_reviewer() -> None:
    story = Story(crew()).at("certificate")
    story.upload("d1")
    assert [("document.received", Audience.CANDIDATE), ("document.review", Audience.REVIEWERS)] == [
        (say.text, say.to) for say in story.said[-2:]
    ]
    assert [] == story.upload("d1")
    story.wait(hours=24)
    assert ["not_decided"] == story.open_causes


def test_an_approval_without_a_date_counts_for_a_year_and_moves_on() -> None:
    story = Story(crew()).at("certificate")
    story.upload("d1")
    story.approve("d1")
    assert ("meeting", 1) == story.here
    assert {"certificate": date(2027, 3, 2)} == story.application.approvals


def test_a_certificate_must_still_be_valid_for_a_while() -> None:
    story = Story(crew()).at("certificate")
    story.upload("d1")
    soon = DocumentDecided("d1", True, LI, expires_on=date(2026, 3, 31))
    assert "refused.expires_too_soon" == refusal(story.application, soon, story.now)
    assert [] == story.hear(soon)
    story.approve("d1", expires_on=date(2026, 4, 1))
    assert "meeting" == story.application.stage


def test_one_tap_on_approve_is_always_enough() -> None:
    story = Story(crew(certificate={"valid_for": "400d"})).at("certificate")
    story.upload("d1")
    story.approve("d1")
    assert "meeting" == story.application.stage


def test_a_certificate_seen_on_paper_needs_no_picture() -> None:
    story = Story(crew()).at("certificate")
    assert "refused.decided" == refusal(story.application, DocumentDecided("d1", True, LI), story.now)
    story.approve("d1", seen_on_paper=True)
    assert "meeting" == story.application.stage


def test_the_same_paper_told_twice_after_hire_says_nothing_more() -> None:
    story = Story(crew("certificate")).at("certificate")
    paper = DocumentDecided("d1", True, LI, seen_on_paper=True)
    story.hear(paper)
    assert story.application.status is Status.HIRED
    said = len(story.said)
    story.hear(paper)
    assert said == len(story.said)


def test_a_paper_counts_whose_date_is_known_from_an_earlier_visit() -> None:
    story = Story(crew()).at("certificate")
    known = story.application.but(approvals={"certificate": date(2027, 1, 1)})
    paper = DocumentDecided("d1", True, LI, expires_on=date(2027, 1, 1), seen_on_paper=True)
    assert refusal(known, paper, story.now) is None


def test_a_rejected_document_leaves_its_stage_open_and_is_asked_for_again() -> None:
    story = Story(crew()).at("certificate")
    story.upload("d1")
    story.hear(reject("d1"))
    assert ("certificate", 1) == story.here
    assert "blurred" == story.said[-1].values["reason"]
    story.wait(hours=24)
    assert ["nudge.document"] == nudged(story)  # nothing is uploaded any more
    story.wait(hours=48)
    assert {"not_uploaded", "not_sent_again"} == set(story.open_causes)


def test_a_new_upload_after_a_rejection_has_its_own_day() -> None:
    """The nudge about the first picture must not fire for the second, which has only just come."""
    story = Story(crew()).at("certificate")
    story.upload("d1")
    story.wait(hours=1)
    story.hear(reject("d1"))
    story.wait(hours=22)
    story.upload("d2")
    assert ("nudge:2@2", "certificate", 1) in story.timers
    story.wait(hours=23)
    assert [] == story.open_causes
    story.wait(hours=1)
    assert ["not_decided"] == story.open_causes


def test_of_two_pictures_one_rejected_the_other_still_waits_for_a_decision() -> None:
    story = Story(crew()).at("certificate")
    story.upload("d1")
    story.upload("d2")
    story.hear(reject("d1"))
    story.wait(hours=24)
    assert ["not_decided"] == story.open_causes
    assert {"d2"} == story.application.waiting


def test_a_picture_that_no_stage_waits_for_changes_nothing() -> None:
    assert [] == Story(crew()).at("interview").upload("d1")


# --- decisions -------------------------------------------------------------------------------------------------------


def test_a_certificate_cannot_be_passed_without_an_approved_document() -> None:
    story = Story(crew()).at("certificate")
    assert "refused.requires" == refusal(story.application, PASS, story.now)
    assert [] == story.hear(PASS)
    assert refusal(story.application, REJECT, story.now) is None


def test_a_document_that_nothing_requires_can_be_passed_without() -> None:
    story = Story(crew("certificate", "onboarding")).at("certificate")
    assert refusal(story.application, PASS, story.now) is None


def test_a_decision_about_another_stage_is_refused() -> None:
    story = Story(crew()).at("interview")
    decision = Decided(True, LI, stage="screening")
    assert "refused.other_stage" == refusal(story.application, decision, story.now)
    assert [] == story.hear(decision)


def test_after_the_end_there_is_nothing_to_decide() -> None:
    story = Story(crew()).at("interview")
    story.hear(Withdrew())
    assert Status.WITHDRAWN is story.application.status
    assert "refused.ended" == refusal(story.application, PASS, story.now)
    said = len(story.said)
    for signal in (PASS, Clicked("interview", 1), Booked(story.now), Uploaded("d1"), Replied(), Withdrew()):
        assert [] == story.hear(signal)
    story.wait(days=30)
    assert said == len(story.said)
    assert {} == story.follow_ups


# --- meetings --------------------------------------------------------------------------------------------------------


def booked(*, days: int = 3) -> Story:
    story = Story(crew()).at("meeting")
    story.hear(Booked(story.now + timedelta(days=days)))
    return story


def test_a_booking_is_confirmed_reminded_of_and_looked_at_afterwards() -> None:
    story = booked()
    assert [("meeting.booked", Audience.CANDIDATE), ("meeting.card", Audience.MANAGERS)] == [
        (say.text, say.to) for say in story.said[-2:]
    ]
    story.wait(hours=48)
    assert ["meeting.reminder"] == nudged(story)
    story.hear(Confirmed())
    assert [] == story.hear(Confirmed())
    story.wait(hours=24)
    assert ["meeting.reminder", "meeting.reminder"] == nudged(story)
    story.wait(hours=1, minutes=30)
    assert ["meeting_over"] == story.open_causes
    story.hear(PASS)
    assert "onboarding" == story.application.stage


def test_a_slot_in_the_past_or_the_same_slot_changes_nothing() -> None:
    story = booked()
    assert [] == story.hear(Booked(story.now))
    assert [] == story.hear(Booked(story.now + timedelta(days=3)))


def test_another_slot_is_a_new_visit_in_which_old_reminders_are_silent() -> None:
    story = booked(days=2)
    story.hear(Booked(story.now + timedelta(days=5)))
    assert ("meeting", 2) == story.here
    story.wait(days=3)
    assert [] == nudged(story)
    story.wait(days=1)
    assert ["meeting.reminder"] == nudged(story)


def test_who_clicked_before_rebooking_is_not_asked_to_click() -> None:
    nudges = [
        {"after": "4d", "unless": "clicked", "do": "remind"},
        {"after": "1h", "unless": "decided", "do": "remind"},
    ]
    story = Story(crew(process={"quiet_hours": {}}, meeting={"nudges": nudges, "reminders": None})).at("meeting")
    story.hear(Clicked(*story.here))
    story.hear(Booked(story.now + timedelta(days=5)))
    story.wait(hours=2)
    assert 1 == len(nudged(story))
    story.hear(Booked(story.now + timedelta(days=6)))
    story.wait(days=5)
    assert 1 == len(nudged(story))  # nor is the nudge repeated that was due before


def test_a_nudge_can_count_from_the_booking() -> None:
    nudges = [{"after": "1h", "since": "booked", "unless": "decided", "do": "follow_up"}]
    story = Story(crew(meeting={"nudges": nudges})).at("meeting")
    story.wait(hours=3)
    assert [] == story.open_causes
    story.hear(Booked(story.now + timedelta(days=2)))
    story.wait(hours=1)
    assert ["not_decided"] == story.open_causes


def test_a_booked_meeting_keeps_the_deadline() -> None:
    story = booked(days=8)
    story.wait(days=7, hours=12)
    assert [] == story.open_causes


def test_a_rating_decides_nothing_and_may_come_after_the_decision() -> None:
    story = booked()
    story.hear(Rated({"稳定性": 4}, "member:Wu"))
    assert ("meeting", 1) == story.here
    story.hear(PASS)
    story.hear(Rated({"仪容": 5}, "member:Wu"))
    assert [("meeting", {"稳定性": 4}), ("meeting", {"仪容": 5})] == [
        (event.stage, event.data["scores"]) for event in story.events if event.type is EventType.RATED
    ]


def test_nobody_is_rated_who_never_had_a_meeting() -> None:
    assert [] == Story(crew()).at("interview").hear(Rated({"仪容": 5}, "member:Wu"))


# --- gates -----------------------------------------------------------------------------------------------------------


def soon_expired() -> Story:
    """Before the meeting with a certificate that is valid for five days."""
    story = Story(crew(certificate={"valid_for": "0d"})).at("certificate")
    story.upload("d1")
    story.approve("d1", expires_on=story.now.date() + timedelta(days=5))
    return story.invited()


def test_a_slot_after_the_certificate_has_run_out_opens_its_gate_again() -> None:
    story = soon_expired()
    story.hear(Booked(story.now + timedelta(days=6)))
    assert ("certificate", 2) == story.here
    assert "invite.document" == story.texts()[-1]
    story.upload("d2")
    story.approve("d2")
    assert ("meeting", 2) == story.here


def test_without_a_booking_the_gate_opens_again_when_the_certificate_has_run_out() -> None:
    story = soon_expired()
    story.now += timedelta(days=6)
    assert "refused.requires" == refusal(story.application, PASS, story.now)
    story.wait(days=1)
    assert ("certificate", 2) == story.here


def test_a_meeting_that_was_held_in_time_can_be_passed_later() -> None:
    story = soon_expired()
    story.hear(Booked(story.now + timedelta(days=4)))
    story.wait(days=6)
    assert ["meeting_over"] == story.open_causes
    assert refusal(story.application, PASS, story.now) is None


def test_an_old_approval_does_not_pass_a_gate_that_was_opened_again() -> None:
    story = soon_expired()
    story.wait(days=8)
    assert "certificate" == story.application.stage
    assert "refused.requires" == refusal(story.application, PASS, story.now)


def test_nobody_stands_in_a_stage_for_a_moment_without_what_it_requires() -> None:
    """The certificate runs out during the interview: the meeting is not even entered."""
    process = crew("certificate", "interview", "meeting", certificate={"valid_for": "0d"}).model_dump(
        mode="json", by_alias=True
    )
    order = [process["stages"][place] for place in (1, 0, 2)]
    story = Story(crew(process={"stages": order})).at("certificate")
    story.upload("d1")
    story.approve("d1", expires_on=story.now.date())
    story.invited()
    story.wait(days=1)
    story.scores(总分=80)
    assert ("certificate", 2) == story.here
    assert "meeting" not in story.application.visits


# --- temporary stages ------------------------------------------------------------------------------------------------


def test_nobody_enters_a_stage_that_has_left_the_process() -> None:
    story = Story(crew(interview={"optional_until": "2026-03-02"})).open(imported=False)
    story.hear(PASS)
    assert "certificate" == story.application.stage
    assert "interview" not in story.application.visits


def test_whoever_is_in_it_moves_on_that_day() -> None:
    story = Story(crew(interview={"optional_until": "2026-03-04"})).at("interview")
    story.wait(hours=37, minutes=59)
    assert "interview" == story.application.stage
    story.wait(minutes=1)
    assert "certificate" == story.application.stage
    assert "left_process" == story.events[-1].data["why"]


def test_a_stage_that_is_gone_is_required_of_nobody() -> None:
    story = Story(crew("certificate", "meeting", certificate={"optional_until": "2026-03-04"})).at("certificate")
    story.wait(days=2)
    assert "meeting" == story.application.stage
    assert refusal(story.application, PASS, story.now) is None


def test_a_process_of_which_nothing_is_left_waits_for_a_person() -> None:
    story = Story(crew("interview", interview={"optional_until": "2026-03-01"})).open()
    assert ["by_hand"] == story.open_causes
    story.wait(days=30)
    assert story.application.open


# --- people ----------------------------------------------------------------------------------------------------------


def test_a_settled_follow_up_comes_back_while_the_stage_still_stands() -> None:
    story = Story(crew()).at("interview")
    story.wait(hours=24)
    story.hear(FollowUpDone("no_answer", LI))
    assert [] == story.open_causes
    story.wait(hours=2)
    assert ["not_participated"] == story.open_causes
    story.hear(FollowUpDone("reached", LI))
    story.wait(hours=46)
    assert ["deadline"] == story.open_causes


def test_it_does_not_come_back_before_a_meeting_that_was_booked_since() -> None:
    story = Story(crew()).at("meeting")
    story.hear(NeedsPerson("no_slot"))
    story.hear(FollowUpDone("reached", LI))
    story.hear(Booked(story.now + timedelta(days=4)))
    story.wait(days=3)
    assert [] == story.open_causes


def test_nothing_to_settle_is_nothing_done() -> None:
    assert [] == Story(crew()).at("interview").hear(FollowUpDone("reached", LI))


def test_handing_over_opens_it_for_somebody_else() -> None:
    story = Story(crew()).at("interview")
    story.hear(NeedsPerson("human", "my shift"))
    story.hear(FollowUpDone("hand_over", LI, "you know her"))
    assert ["handed_over", "human"] == story.open_causes


def test_a_further_cause_joins_the_open_follow_up_once() -> None:
    story = Story(crew()).at("interview")
    story.hear(NeedsPerson("broken_link"))
    assert [] == story.hear(NeedsPerson("broken_link"))
    story.hear(NeedsPerson("human"))
    assert ["broken_link", "human"] == story.open_causes


def test_who_asked_for_a_person_gets_one_although_the_stage_is_over() -> None:
    story = Story(crew()).at("interview")
    story.hear(NeedsPerson("broken_link"))
    story.hear(NeedsPerson("human"))
    story.scores(总分=80)
    assert "certificate" == story.application.stage
    assert ["human"] == story.open_causes
    story.scores(总分=1)
    assert ["human"] == story.open_causes


def test_a_rule_that_rejects_does_not_answer_who_asked_for_a_person_but_hr_does() -> None:
    story = Story(crew()).at("interview")
    story.hear(NeedsPerson("human"))
    story.scores(夜班=0)
    assert Status.REJECTED is story.application.status
    assert ["human"] == story.open_causes
    story = Story(crew()).at("interview")
    story.hear(NeedsPerson("human"))
    story.hear(REJECT)
    assert [] == story.open_causes


def test_a_rejected_candidate_can_still_ask_for_a_second_look() -> None:
    story = Story(crew()).at("interview")
    story.hear(REJECT)
    story.hear(NeedsPerson("second_look"))
    assert ["second_look"] == story.open_causes
    story.hear(FollowUpDone("reached", LI))
    assert [] == story.open_causes
    story.wait(days=9)
    assert [] == story.open_causes


@pytest.mark.parametrize("signal", [Replied(), Joined("wecom.kf"), OptedOut(), Clicked("interview", 1)])
def test_whatever_people_do_counts_as_a_reply_once(signal: Any) -> None:
    story = Story(crew()).at("interview")
    story.hear(signal)
    story.hear(Replied())
    assert 1 == story.types().count(EventType.REPLIED)


def test_no_message_is_owed_for_what_changes_nothing() -> None:
    story = Story(crew()).at("interview")
    story.hear(Clicked(*story.here))
    for signal in (Clicked("interview", 1), Clicked("interview", 2), Started("screening", 1), Confirmed()):
        assert not [action for action in story.hear(signal) if isinstance(action, Say)]
