"""Where do I stand, what do I do next, and until when?"""

from datetime import timedelta

from recruiting.model import Application, Booked, Completed, Decided, Opened, Status, Withdrew
from recruiting.process import StageKind
from recruiting.status import Todo, Whereabouts, where
from tests.recruiting.story import MORNING, Story, crew


def told(story: Story) -> Whereabouts:
    return where(story.application, story.now, story.events)


def test_before_it_is_opened_one_waits() -> None:
    assert Whereabouts("", None, Status.OPEN, Todo.WAIT) == where(Application("a1", crew()), MORNING)


def test_while_hr_looks_one_waits() -> None:
    story = Story(crew())
    story.hear(Opened())
    assert Whereabouts("screening", StageKind.REVIEW, Status.OPEN, Todo.WAIT) == told(story)


def test_an_interview_is_done_by_its_link_before_the_deadline() -> None:
    story = Story(crew()).at("interview")
    by = MORNING + timedelta(hours=72)
    assert Whereabouts("interview", StageKind.INTERVIEW, Status.OPEN, Todo.OPEN_LINK, by) == told(story)
    story.now = by
    assert told(story).late
    story.hear(Completed(*story.here, {"总分": 1}))
    assert (Todo.WAIT, None, False) == (told(story).todo, told(story).by, told(story).late)


def test_without_a_tried_invite_no_deadline_runs() -> None:
    assert told(Story(crew()).open()).by is None


def test_a_document_is_uploaded_once_and_then_looked_at() -> None:
    story = Story(crew()).at("certificate")
    assert (Todo.UPLOAD, MORNING + timedelta(days=10)) == (told(story).todo, told(story).by)
    story.upload("d1")
    assert Todo.WAIT is told(story).todo


def test_a_meeting_is_booked_and_come_to() -> None:
    story = Story(crew()).at("meeting")
    assert Todo.CHOOSE_SLOT is told(story).todo
    start = MORNING + timedelta(days=2)
    story.hear(Booked(start))
    assert (Todo.COME, start, False) == (told(story).todo, told(story).by, told(story).late)
    story.now = start
    assert (Todo.WAIT, None) == (told(story).todo, told(story).by)


def test_after_the_end_nothing_is_to_be_done_and_the_reason_is_known() -> None:
    story = Story(crew()).at("interview")
    story.hear(Completed(*story.here, {"夜班": 1}))
    assert Whereabouts(
        "interview",
        StageKind.INTERVIEW,
        Status.REJECTED,
        Todo.NOTHING,
        reason="night_shift",
        ended_at=MORNING,
    ) == told(story)
    assert "" == where(story.application, story.now).reason


def test_a_reason_may_be_a_text_per_language() -> None:
    rules = [{"if": {"夜班": {"below": 60}}, "then": "reject", "reason": {"zh-CN": "夜班", "en": "nights"}}]
    story = Story(crew(interview={"rules": rules})).at("interview")
    story.hear(Completed(*story.here, {"夜班": 1}))
    assert {"zh-CN": "夜班", "en": "nights"} == told(story).reason


def test_each_end_has_its_status() -> None:
    story = Story(crew()).at("interview")
    story.hear(Withdrew())
    assert Status.WITHDRAWN is told(story).status
    story = Story(crew("screening")).open(imported=False)
    story.hear(Decided(True, "member:Li"))
    assert (Status.HIRED, Todo.NOTHING) == (told(story).status, told(story).todo)
