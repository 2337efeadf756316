"""What the rules make of a document that was read, taken back, or comes to its end after hire."""

from datetime import date, timedelta

import pytest

from recruiting.decide import decide, document_stage
from recruiting.model import (
    Application,
    ApprovalRevoked,
    Audience,
    Booked,
    Decided,
    DocumentDecided,
    EventType,
    LeftCompany,
    PictureRead,
    StaffImported,
    Status,
    TimerDue,
    Uploaded,
)
from tests.recruiting.story import SHANGHAI, Story, crew

PROCESS = crew()


def said(story: Story, to: Audience = Audience.CANDIDATE, since: int = 0) -> list[str]:
    return [say.text for say in story.said[since:] if say.to is to]


def hired(valid_until: date) -> Story:
    story = Story(PROCESS).at("certificate")
    story.upload("d0")
    story.approve("d0", expires_on=valid_until)
    story.invited()
    for _ in range(2):
        story.hear(Decided(True, "member:Li"))
    assert Status.HIRED is story.application.status
    return story


def test_what_is_to_be_read_goes_to_a_reviewer_only_once_it_was_read() -> None:
    story = Story(PROCESS).at("certificate")
    before = len(story.said)
    story.hear(Uploaded("d0", to_read=True))
    assert ["document.reading"] == said(story, since=before)
    assert [] == said(story, Audience.REVIEWERS)
    story.hear(PictureRead("d0", 1))
    assert "document.read.fine" == said(story)[-1]
    assert ["document.review"] == said(story, Audience.REVIEWERS)
    assert EventType.READ in story.types()


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (PictureRead("d0", 1, ("name_differs",)), "document.read.look"),
        (PictureRead("d0", 1, ("unreadable",), retake=True, why="faults.dark"), "document.retake"),
    ],
)
def test_a_doubt_is_never_a_rejection(read: PictureRead, expected: str) -> None:
    story = Story(PROCESS).at("certificate")
    story.hear(Uploaded("d0", to_read=True))
    story.hear(read)
    assert expected == said(story)[-1]
    assert ("certificate", frozenset({"d0"})) == (story.application.stage, story.application.waiting)
    story.approve("d0")
    assert "meeting" == story.application.stage


def test_an_old_round_or_a_decided_document_changes_nothing() -> None:
    story = Story(PROCESS).at("certificate")
    story.hear(Uploaded("d0", to_read=True))
    story.hear(PictureRead("d0", 2))
    before = len(story.said)
    assert [] == story.hear(PictureRead("d0", 1)) == story.hear(PictureRead("d0", 2)) == story.hear(PictureRead("x", 9))
    story.approve("d0")
    assert [] == story.hear(PictureRead("d0", 3))
    assert "document.retake" not in said(story, since=before)


def test_the_reviewers_date_is_told_as_a_day() -> None:
    story = Story(PROCESS).at("certificate")
    story.upload("d0")
    story.approve("d0", expires_on=date(2027, 1, 15))
    say = next(say for say in story.said if say.text == "document.approved")
    assert {"$day": "2027-01-15"} == say.values["expires_on"]


def test_an_approval_taken_back_calls_the_meeting_off_on_both_sides() -> None:
    story = Story(PROCESS).at("meeting")
    story.hear(Booked(story.now + timedelta(days=2)))
    before = len(story.said)
    story.hear(ApprovalRevoked("certificate", "member:Li", "certificate_other"))
    assert ("certificate", 2, None) == (*story.here, story.application.meeting)
    assert ["document.revoked", "meeting.off", "invite.document"] == said(story, since=before)
    assert ["meeting.off.card"] == said(story, Audience.MANAGERS, before)
    assert {} == dict(story.application.approvals)
    assert [] == story.hear(ApprovalRevoked("certificate", "member:Li"))


def test_a_certificate_that_runs_out_while_nothing_is_booked_closes_the_gate() -> None:
    story = Story(crew(certificate={"valid_for": "0d"})).at("certificate")
    story.upload("d0")
    story.approve("d0", expires_on=story.now.date() + timedelta(days=1))
    story.invited()
    story.wait(days=1, hours=12)
    assert "meeting" == story.application.stage
    story.wait(days=1)
    assert "certificate" == story.application.stage
    assert "document.ran_out" in said(story)


def test_the_end_after_hire_is_announced_and_then_daily_told_to_the_manager() -> None:
    until = date(2026, 6, 1)
    story = hired(until)
    before = len(story.said)
    story.wait(days=(until - story.now.date()).days)
    assert ["document.expiring"] * 4 == said(story, since=before)
    days = [say.values["days"] for say in story.said[before:] if say.to is Audience.MANAGERS]
    assert [30, 14, 7, 1] == days
    story.wait(days=5)
    assert 1 == said(story).count("document.expired")
    assert 5 == said(story, Audience.MANAGERS).count("document.expired.staff")


def test_a_renewed_certificate_starts_the_warnings_anew() -> None:
    story = hired(date(2026, 6, 1))
    story.wait(days=95)
    stage = document_stage(story.application)
    assert stage is not None
    assert "certificate" == stage.id
    before = len(story.said)
    story.upload("d1")
    story.approve("d1", expires_on=date(2027, 6, 1))
    assert ["document.received", "document.renewed"] == said(story, since=before)
    story.wait(days=300)
    assert "document.expired" not in said(story, since=before)
    story.wait(days=40)
    assert "document.expiring" in said(story, since=before)


def test_who_has_left_is_not_warned() -> None:
    story = hired(date(2026, 6, 1))
    story.hear(LeftCompany("member:Li"))
    before = len(story.said)
    story.wait(days=120)
    assert [] == story.said[before:]
    assert document_stage(story.application) is None


def test_staff_from_a_list_are_hired_without_a_word() -> None:
    story = Story(PROCESS)
    story.hear(StaffImported("d0", date(2026, 4, 1)))
    assert (Status.HIRED, [], []) == (story.application.status, story.said, story.open_causes)
    story.wait(days=30)
    assert ["document.expiring"] * 3 == said(story)  # the first of the four was over already


def test_a_list_of_staff_needs_a_process_with_a_certificate() -> None:
    application = Application("a1", crew("screening", "interview"), timezone=SHANGHAI)
    assert [] == decide(application, StaffImported("d0", date(2026, 4, 1)), Story(PROCESS).now)


def test_a_warning_comes_once_a_day_and_not_for_an_old_date() -> None:
    story = hired(date(2026, 6, 1))
    story.wait(days=61)
    stage, visit = story.here
    for name in ("expiring:certificate:2026-06-01:30", "expiring:certificate:2025-06-01:30", "expired:certificate:x:y"):
        assert [] == story.hear(TimerDue(name, stage, visit))


def test_after_hire_a_document_is_decided_like_any_other() -> None:
    story = hired(date(2026, 6, 1))
    story.upload("d1")
    story.hear(DocumentDecided("d1", False, "member:Li", "certificate_unclear"))
    assert "document.rejected" == said(story)[-1]
    assert frozenset() == story.application.waiting
    assert Status.HIRED is story.application.status
