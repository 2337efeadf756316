"""Thousands of made-up histories: whatever people, providers and clocks do, in whatever order, the promises hold."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from recruiting.decide import refusal, still_wanted
from recruiting.history import replay
from recruiting.ladder import quiet_until
from recruiting.model import (
    ENDINGS,
    Application,
    ApprovalRevoked,
    Audience,
    Booked,
    Clicked,
    Completed,
    Confirmed,
    ContactCorrected,
    Decided,
    DocumentDecided,
    Event,
    EventType,
    Failed,
    FollowUpDone,
    InviteTried,
    Joined,
    Lost,
    MessageReport,
    NeedsPerson,
    Opened,
    OptedOut,
    PictureRead,
    Purpose,
    Rated,
    Record,
    Replied,
    Say,
    Signal,
    Started,
    Status,
    TimerDue,
    Unreachable,
    Uploaded,
    Wake,
    Withdrew,
)
from recruiting.process import Process, Rung, StageKind, parse
from recruiting.promises import violations
from recruiting.status import Todo, where
from tests.recruiting.story import MORNING, SHANGHAI, Story

FACTS = ["clicked", "participated", "replied", "uploaded", "booked", "decided"]
DAY = MORNING.date()
TOLD_AT_THE_END = {"hired", "rejected", "withdrawn", "expired"}


# --- processes -------------------------------------------------------------------------------------------------------


@st.composite
def nudges(draw: st.DrawFn, deadline: bool) -> dict[str, str]:
    nudge = {
        "unless": draw(st.sampled_from(FACTS)),
        "do": draw(st.sampled_from(["follow_up", "remind", "sms", "chat", "email"])),
        "since": draw(st.sampled_from(["invite", "invite", "clicked", "uploaded", "booked"])),
    }
    length = draw(st.sampled_from(["0s", "12h", "24h", "3d"]))
    if deadline and length != "0s" and draw(st.booleans()):
        return nudge | {"before_deadline": length}
    return nudge | {"after": length}


@st.composite
def stages(draw: st.DrawFn, id: str, kind: str, earlier: list[str]) -> dict[str, Any]:
    stage: dict[str, Any] = {"id": id, "kind": kind, "name": id}
    if deadline := draw(st.sampled_from([None, "24h", "72h", "10d"])):
        stage |= {"deadline": deadline, "on_missed": draw(st.sampled_from(["follow_up", "expire"]))}
    stage["nudges"] = draw(st.lists(nudges(deadline is not None), max_size=4))
    if draw(st.integers(0, 6)) == 5:
        stage["optional_until"] = (DAY + timedelta(days=draw(st.integers(-1, 9)))).isoformat()
    stage["skip_if_imported"] = draw(st.booleans()) and draw(st.booleans())
    if earlier:
        stage["requires"] = draw(st.just(earlier) | st.lists(st.sampled_from(earlier), unique=True, max_size=3))
    if kind == "interview":
        stage["on_fail"] = draw(st.sampled_from(["review", "reject"]))
        stage["pass"] = draw(
            st.sampled_from([{"总分": {"at_least": 60}}, {"总分": {"at_least": 60}, "夜班": {"above": 10}}])
        )
        stage["rules"] = draw(
            st.lists(
                st.fixed_dictionaries(
                    {
                        "if": st.just({"夜班": {"below": 60}}),
                        "then": st.sampled_from(["reject", "hold"]),
                        "reason": st.sampled_from(["night_shift", {"en": "no nights"}]),
                    }
                ),
                max_size=1,
            )
        )
    if kind == "document":
        stage |= {"document": "health_certificate", "valid_for": draw(st.sampled_from(["0d", "0d", "2d", "400d"]))}
    if kind == "meeting":
        stage["slots"] = {"days": "any", "from": "09:00", "to": "18:00", "each": "30m"}
        stage["reminders"] = draw(st.sampled_from([[], ["24h", "2h"], ["7d"]]))
    if kind == "questionnaire":
        stage["questions"] = [{"id": "q", "text": "?", "options": [{"text": "!"}]}]
    return stage


@st.composite
def processes(draw: st.DrawFn) -> Process:
    """Variations of the example: stages left out or swapped, other deadlines, nudges, rules and limits."""
    plan = [("screening", "review"), ("interview", "interview"), ("certificate", "document"), ("second", "interview")]
    plan += [("quiz", "questionnaire"), ("meeting", "meeting"), ("onboarding", "onboarding")]
    kept = [part for part in plan if part[0] in {"interview", "certificate", "meeting"} or draw(st.booleans())]
    kept = [part for part in kept if draw(st.integers(0, 6)) or len(kept) < 3]
    certificate_first = sorted(kept, key=lambda part: part[0] != "certificate")
    kept = draw(st.sampled_from([kept, certificate_first])) or plan[:2]
    made: list[dict[str, Any]] = []
    for id, kind in kept:
        made.append(draw(stages(id, kind, [stage["id"] for stage in made])))
    data = {
        "id": "any",
        "name": "Any",
        "positions": ["*"],
        "stages": made,
        "limits": draw(st.sampled_from([{}, {"per_stage": 1, "per_day": 1}, {"per_stage": 0}, {"per_stage": 9}])),
        "ladder": draw(st.sampled_from([["chat", "sms", "email", "follow_up"], ["sms"], ["chat", "email"]])),
    }
    if draw(st.booleans()):
        data["quiet_hours"] = draw(st.sampled_from([{}, {}, {"chat": "00:00-23:00", "sms": "09:00-09:01"}]))
    return parse(data, ["night_shift"])


# --- the machine -----------------------------------------------------------------------------------------------------

hours = st.sampled_from([0, 1, 2, 11, 12, 13, 24, 48, 72, 100, 240])
old = st.sampled_from([False, False, False, True])  # about the present visit, or one that is over
valid = st.sampled_from([None, 1, 3, 40])  # days
rarely = st.integers(0, 30).map(lambda number: number == 17)
points = st.sampled_from([0, 10, 59.9, 60, 80, 100])


class Histories(RuleBasedStateMachine):
    """One application whose world does whatever it likes."""

    @initialize(process=processes(), steps=st.integers(-1, 14), valid=valid)
    def begin(self, process: Process, steps: int, valid: int | None) -> None:
        self.story = Story(process)
        self.fired: list[tuple[str, str, int]] = []
        self.asked: set[str] = set()
        self.last: Signal | None = None
        self.heard_at = MORNING
        self.seen = 0  # events that have been checked
        self.passed: set[str] = set()
        self.valid: dict[str, date] = {}
        self.nudged: dict[tuple[str, Any], int] = {}
        self.told: set[tuple[str, int, str, Audience]] = set()
        if steps >= 0:
            self.hear(Opened())
        self.all_goes_well(steps, valid)

    # --- signals -----------------------------------------------------------------------------------------------------

    def hear(self, signal: Signal) -> None:
        before, story = self.story.application, self.story
        events, said, causes = len(story.events), len(story.said), story.application.follow_up
        story.hear(signal)
        self.last, self.heard_at = signal, story.now
        if before.status is not Status.OPEN:
            about = {say.text.partition(".")[0] for say in story.said[said:]}
            assert about <= ({"document"} if before.status is Status.HIRED else set())  # its certificate is watched
            assert {EventType.HIRED, EventType.MOVED}.isdisjoint(story.types()[events:])
            again = isinstance(signal, TimerDue) and signal.name.startswith("call:")
            if not (again or about or isinstance(signal, NeedsPerson | Unreachable | FollowUpDone | ContactCorrected)):
                assert causes == story.application.follow_up
        for say in story.said[said:]:
            self._check_said(say)

    def where(self, old: bool) -> tuple[str, int]:
        stage, visit = self.story.here
        return (stage, visit - 1) if old else (stage, visit)

    @rule(imported=st.booleans())
    def opened(self, imported: bool) -> None:
        self.hear(Opened(imported))

    @rule(hours=hours)
    def time_passes(self, hours: int) -> None:
        self.story.now += timedelta(hours=hours, minutes=hours % 7)

    @rule(days=st.sampled_from([1, 7, 30, 400]))
    def everything_due_comes(self, days: int) -> None:
        """An ordinary stretch of time in which every timer acts when it is due, as far as a few hundred of them."""
        until = self.story.now + timedelta(days=days)
        for _ in range(60):
            due = min(self.story.timers.items(), key=lambda item: item[1], default=None)
            if due is None or due[1] > until:
                break
            self.story.now = max(self.story.now, due[1])
            self._fire(due[0])
        self.story.now = max(self.story.now, until)

    @precondition(lambda self: any(at <= self.story.now for at in self.story.timers.values()))
    @rule(data=st.data())
    def timer_fires(self, data: st.DataObject) -> None:
        due = sorted(timer for timer, at in self.story.timers.items() if at <= self.story.now)
        self._fire(data.draw(st.sampled_from(due)))

    def _fire(self, timer: tuple[str, str, int]) -> None:
        self.story.timers.pop(timer)
        self.fired.append(timer)
        self.hear(TimerDue(*timer))

    @precondition(lambda self: self.fired)
    @rule(data=st.data())
    def timer_fires_again(self, data: st.DataObject) -> None:
        self.hear(TimerDue(*data.draw(st.sampled_from(self.fired))))

    @rule(name=st.sampled_from(["nudge:99", "nudge:x", "again:", "again:1:d1", "meeting:120", "?", "", "meeting_over"]))
    def strange_timer(self, name: str) -> None:
        if name != "meeting_over" or self.story.application.meeting is None:
            self.hear(TimerDue(name, *self.where(False)))

    @rule(steps=st.integers(1, 4), valid=valid)
    def all_goes_well(self, steps: int, valid: int | None) -> None:
        """The next things that an ideal candidate, and HR, would do; a certificate may run out soon."""
        for _ in range(steps):
            if self.story.application.open:
                self._go_well(None if valid is None else self.story.now.date() + timedelta(days=valid))

    def _go_well(self, expires_on: date | None) -> None:
        story, application, (stage, visit) = self.story, self.story.application, self.where(False)
        kind = application.now_in.kind
        if application.since is None:
            self.hear(InviteTried(stage, visit, story.now))
            self.hear(MessageReport("accepted", "m1", "chat", "invite", stage, visit, True))
        elif kind is StageKind.INTERVIEW and application.completed_at is None:
            self.hear(Completed(stage, visit, {"总分": 90, "夜班": 90}))
        elif kind is StageKind.DOCUMENT and not application.waiting:
            self.hear(Uploaded(f"d{len(story.events)}"))
        elif kind is StageKind.DOCUMENT:
            self._decide(DocumentDecided(min(application.waiting), True, "member:Li", expires_on=expires_on))
        elif kind is StageKind.MEETING and application.meeting is None:
            self.hear(Booked(story.now + timedelta(days=2)))
        else:
            self._decide(Decided(True, "member:Li", "", stage))

    @rule(old=old)
    def invite_tried(self, old: bool) -> None:
        self.hear(InviteTried(*self.where(old), self.story.now))

    @rule(
        old=old,
        outcome=st.sampled_from(["accepted", "delivered", "failed", "lost"]),
        invite=st.booleans(),
    )
    def message_reported(self, old: bool, outcome: str, invite: bool) -> None:
        cause = "invite" if invite else "nudge:0"
        self.hear(MessageReport(outcome, "m1", "sms", cause, *self.where(old), invite, "?"))

    @rule(old=old)
    def unreachable(self, old: bool) -> None:
        self.hear(Unreachable("invite", *self.where(old), "no_channel"))

    @rule(old=old, what=st.sampled_from([Clicked, Started]))
    def clicked_or_started(self, old: bool, what: type[Clicked] | type[Started]) -> None:
        self.hear(what(*self.where(old)))

    @rule(old=old, total=points | st.none(), nights=points | st.none())
    def completed(self, old: bool, total: float | None, nights: float | None) -> None:
        scores = {name: value for name, value in {"总分": total, "夜班": nights}.items() if value is not None}
        self.hear(Completed(*self.where(old), scores))

    @rule(old=old)
    def failed(self, old: bool) -> None:
        self.hear(Failed(*self.where(old), "no microphone"))

    @rule()
    def uploaded(self) -> None:
        self.hear(Uploaded(f"d{len(self.story.events)}"))

    @rule(
        data=st.data(),
        approve=st.booleans(),
        paper=st.booleans(),
        days=st.none() | st.sampled_from([-1, 0, 3, 40, 500]),
    )
    def document_decided(self, data: st.DataObject, approve: bool, paper: bool, days: int | None) -> None:
        waiting = sorted(self.story.application.waiting) or ["d9"]
        expires_on = None if days is None else self.story.now.date() + timedelta(days=days)
        document = data.draw(st.sampled_from(waiting))
        if paper and self.story.application.status is Status.HIRED:  # each paper that is shown later is another one
            document = f"p{len(self.story.events)}"
        decision = DocumentDecided(document, approve, "member:Li", "blurred", expires_on, paper and approve)
        self._decide(decision)

    @rule(round=st.integers(1, 3), retake=st.booleans(), tell=st.booleans(), lost=st.sampled_from([None, *Lost]))
    def picture_read(self, round: int, retake: bool, tell: bool, lost: Lost | None) -> None:
        document = min(self.story.application.waiting, default="nothing")
        doubts = ("unreadable",) if retake else ()
        before = len(self.story.events)
        self.hear(PictureRead(document, round, doubts, retake, "faults.dark" if retake else "", tell, lost))
        if any(event.data.get("lost") == Lost.DOCUMENT for event in self.story.events[before:]):
            assert document not in self.story.application.waiting

    @rule(really=rarely)
    def approval_revoked(self, really: bool) -> None:
        """Taken back, a stage's document closes every gate that requires it, at once."""
        application = self.story.application
        approved = sorted(application.approvals)
        if not really or not approved:
            return
        stage = approved[-1]
        before, self.valid = dict(self.valid), {**self.valid}
        self.valid.pop(stage, None)
        if application.ended_at is not None and application.status is not Status.HIRED:
            self.valid = before  # what has ended otherwise stays as it was
        self.hear(ApprovalRevoked(stage, "member:Li", "certificate_other"))
        after = self.story.application
        if after.open:
            assert stage not in after.approvals
            today = self.story.now.astimezone(SHANGHAI).date()
            closed = self.story.process.stage(stage).open_on(today)
            assert not (closed and stage in after.now_in.requires)
            assert not (closed and stage in application.passed and after.meeting is not None)

    @rule(passed=st.booleans(), elsewhere=st.booleans())
    def decided(self, passed: bool, elsewhere: bool) -> None:
        stage = "nowhere" if elsewhere else self.story.application.stage
        self._decide(Decided(passed or bool(self.story.now.day % 3), "member:Li", "", stage))

    def _decide(self, decision: Decided | DocumentDecided) -> None:
        """What is refused changes nothing; what is not refused takes effect."""
        before, story = self.story.application, self.story
        events, why = len(story.events), refusal(before, decision, story.now)
        self.hear(decision)
        if before.stage:
            assert (why is None) == (len(story.events) > events)

    @rule(days=st.integers(-1, 9), hour=st.integers(1, 9))
    def booked(self, days: int, hour: int) -> None:
        start = MORNING.replace(hour=hour) + timedelta(days=days + (self.story.now - MORNING).days)
        self.hear(Booked(start))

    @rule(signal=st.sampled_from([Confirmed(), Replied(), Joined("wecom.kf"), Rated({"仪容": 4}, "member:Wu")]))
    def something_small(self, signal: Signal) -> None:
        self.hear(signal)

    @rule(really=rarely)
    def withdrew(self, really: bool) -> None:
        if really:
            self.hear(Withdrew())

    @rule(really=rarely)
    def opted_out(self, really: bool) -> None:
        if really:
            self.story.person = replace(self.story.person, opted_out=True)
            self.hear(OptedOut())

    @rule(reachable=st.frozensets(st.sampled_from([Rung.CHAT, Rung.SMS, Rung.EMAIL])))
    def channels_change(self, reachable: frozenset[Rung]) -> None:
        self.story.person = replace(self.story.person, reachable=reachable)
        self.last = None

    @rule(reason=st.sampled_from(["human", "not_me", "broken_link"]))
    def needs_person(self, reason: str) -> None:
        if self.story.application.stage:
            self.hear(NeedsPerson(reason))
            if reason != "broken_link":
                self.asked.add(reason)

    @rule(outcome=st.sampled_from(["reached", "no_answer", "wrong_number", "hand_over", "done"]))
    def follow_up_done(self, outcome: str) -> None:
        if outcome != "hand_over":
            self.asked.clear()
        self.hear(FollowUpDone(outcome, "member:Li"))

    @rule()
    def contact_corrected(self) -> None:
        self.hear(ContactCorrected("member:Li"))

    @precondition(lambda self: self.last is not None and not isinstance(self.last, MessageReport | FollowUpDone))
    @rule()
    def the_same_again(self) -> None:
        """A second identical signal right after the first changes nothing, says nothing, and sets no other timer."""
        if self.story.now != self.heard_at:
            return
        assert self.last is not None
        before, said, timers = self.story.application, len(self.story.said), dict(self.story.timers)
        actions = self.story.hear(self.last)
        after = self.story.application
        assert replace(before, person=after.person) == after  # what it has said counts for the person's day
        assert said == len(self.story.said)
        wakes = {(action.name, action.stage, action.visit) for action in actions if isinstance(action, Wake)}
        assert wakes <= set(timers) | set(self.fired)
        assert all(isinstance(action, Record | Wake) for action in actions)

    # --- what must hold ----------------------------------------------------------------------------------------------

    def _check_said(self, say: Say) -> None:
        """Each message once for its cause; the bot by itself never in quiet hours, never to somebody who opted out."""
        key = (say.stage, say.visit, say.cause, say.to)
        assert key not in self.told
        self.told.add(key)
        still_wanted(self.story.application, say.purpose, say.stage, say.visit, say.cause)
        if say.purpose is Purpose.NUDGE:
            process = self.story.process
            assert say.rung in self.story.person.reachable
            assert not self.story.person.opted_out
            assert say.rung is not None
            assert quiet_until(process.quiet_hours, say.rung, self.story.now, SHANGHAI) is None

    @invariant()
    def nothing_is_wrong(self) -> None:
        story, application = self.story, self.story.application
        if not application.stage:
            return
        open_stages = [stage for stage, causes in story.follow_ups.items() if causes]
        assert violations(application, story.timers, open_stages) == []
        assert tuple(story.follow_ups.get(application.stage, ())) == application.follow_up

    @invariant()
    def something_lasting_comes_next(self) -> None:
        """Stricter than the audit: a nudge may turn out to be needless, so it doesn't count as what comes next."""
        story, application = self.story, self.story.application
        if application.open and not application.follow_up:
            here = {name.partition(":")[0] for name, *place in story.timers if tuple(place) == story.here}
            assert here - {"nudge", "left_process", "meeting", "overdue", "gate"} != set()

    @invariant()
    def whoever_asked_for_a_person_gets_one(self) -> None:
        application = self.story.application
        if application.ended_at is not None and self.story.events and self._ended_by() != "rule":
            self.asked &= set(application.follow_up)
        assert self.asked <= set(application.follow_up)

    def _ended_by(self) -> str:
        return next(event.actor for event in reversed(self.story.events) if event.type in ENDINGS.values())

    @invariant()
    def history_adds_up_to_the_state(self) -> None:
        story = self.story
        fresh = Application("a1", story.process, timezone=SHANGHAI, person=story.application.person)
        assert story.application == replay(fresh, story.events)

    @invariant()
    def stages_are_entered_with_what_they_require(self) -> None:
        for event in self.story.events[self.seen :]:
            self._follow(event)
        self.seen = len(self.story.events)

    def _follow(self, event: Event) -> None:
        """Keep own books about the events, without the rules' help."""
        if event.type is EventType.MOVED and event.data.get("passed"):
            self.passed.add(event.data["from"])
        if event.type is EventType.APPROVED:
            self.valid[event.stage] = date.fromisoformat(event.data["expires_on"])
        if event.type in {EventType.OPENED, EventType.MOVED}:
            self.passed.discard(event.stage)
            today = event.at.astimezone(SHANGHAI).date()
            for required in map(self.story.process.stage, self.story.process.stage(event.stage).requires):
                if required.open_on(today):
                    assert required.id in self.passed
                    if required.kind is StageKind.DOCUMENT:
                        assert self.valid[required.id] >= today
        if event.type is EventType.NUDGED:
            for key, most in (
                ((event.stage, None), self.story.process.limits.per_stage),
                (("", event.at.astimezone(SHANGHAI).date()), self.story.process.limits.per_day),
            ):
                self.nudged[key] = self.nudged.get(key, 0) + 1
                assert self.nudged[key] <= most

    @invariant()
    def the_end_is_told_at_most_once(self) -> None:
        endings = [say.text for say in self.story.said if say.text in TOLD_AT_THE_END]
        assert len(endings) == (self.story.application.ended_at is not None)

    @invariant()
    def everybody_can_be_told_where_they_stand(self) -> None:
        story, application = self.story, self.story.application
        told = where(application, story.now, story.events)
        assert (told.todo is Todo.NOTHING) == (application.ended_at is not None)


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=80, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)


# --- longer walks: less choice for hypothesis, far more steps in the same time ---------------------------------------

PROMISES = (
    Histories.nothing_is_wrong,
    Histories.something_lasting_comes_next,
    Histories.whoever_asked_for_a_person_gets_one,
    Histories.stages_are_entered_with_what_they_require,
    Histories.the_end_is_told_at_most_once,
    Histories.everybody_can_be_told_where_they_stand,
)


def step(world: Histories, chance: Random) -> None:
    """One thing that happens, chosen so that good things, bad things and old things all come about often."""
    story = world.story
    stage, visit = story.here
    earlier = (stage, visit - 1)
    due = sorted(timer for timer, at in story.timers.items() if at <= story.now)
    score = {"总分": chance.choice([0, 59.9, 60, 90]), "夜班": chance.choice([0, 10, 60, 90])}
    small: list[Signal] = [Replied(), Confirmed(), Rated({"仪容": 4}, "member:Wu"), Joined("feishu")]
    what: Callable[[], None] = chance.choice(
        [
            *[lambda: world.all_goes_well(1, chance.choice([None, 1, 3, 40]))] * 8,
            *[lambda: world.everything_due_comes(chance.choice([1, 1, 2, 7]))] * 3,
            *[lambda: world.time_passes(chance.choice([1, 5, 12, 24, 72]))] * 3,
            *[lambda: world._fire(chance.choice(due)) if due else None] * 4,
            lambda: world.hear(TimerDue(*chance.choice(world.fired))) if world.fired else None,
            *[lambda: world.hear(TimerDue(*world.fired[-1])) if world.fired else None] * 2,
            lambda: world.hear(
                Completed(stage, visit, dict(chance.sample(sorted(score.items()), chance.randint(0, 2))))
            ),
            lambda: world.hear(Completed(*earlier, score)),
            lambda: world.hear(InviteTried(stage, visit, story.now)),
            lambda: world.hear(Clicked(stage, visit)),
            lambda: world.hear(Started(stage, visit)),
            lambda: world.hear(Failed(stage, visit)),
            lambda: world.hear(Unreachable("invite", stage, visit)),
            lambda: world.hear(chance.choice(small)),
            *[world.uploaded] * 2,
            lambda: world.picture_read(
                chance.choice([1, 1, 2, 3]),
                chance.random() < 0.3,
                chance.random() < 0.8,
                chance.choice([None, None, None, *Lost]),
            ),
            lambda: world.approval_revoked(chance.random() < 0.5),
            lambda: world.hear(
                DocumentDecided(min(story.application.waiting, default=""), False, "member:Li", "blurred")
            ),
            lambda: world.booked(chance.randint(0, 9), chance.randint(1, 9)),
            *[lambda: world.follow_up_done(chance.choice(["reached", "no_answer", "no_answer", "hand_over"]))] * 3,
            lambda: world.follow_up_done("wrong_number"),
            lambda: world.hear(ContactCorrected("member:Li")),
            lambda: world.needs_person(chance.choice(["human", "not_me", "broken_link"])),
            lambda: world.decided(chance.random() < 0.8, chance.random() < 0.2),
            lambda: world.channels_change(frozenset(chance.sample(list(story.process.ladder), chance.randint(0, 1)))),
            lambda: world.channels_change(frozenset({Rung.CHAT, Rung.SMS, Rung.EMAIL})),
            lambda: world.opted_out(chance.random() < 0.1),
            lambda: world.withdrew(chance.random() < 0.05),
        ]
    )
    what()


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(process=processes(), seed=st.integers(0, 2**32))
def test_long_histories_keep_every_promise(process: Process, seed: int) -> None:
    chance, world = Random(seed), Histories()
    world.begin(process, 0, None)
    for _ in range(100):
        step(world, chance)
        for promise in PROMISES:
            promise(world)
        if (
            chance.random() < 0.2
            and isinstance(world.last, Signal)
            and not isinstance(world.last, MessageReport | FollowUpDone)
        ):
            world.the_same_again()
    world.history_adds_up_to_the_state()
