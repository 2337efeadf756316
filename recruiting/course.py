"""One decision under way: collects actions and keeps the application in step with what it has recorded."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from recruiting.history import evolve
from recruiting.model import (
    ENDINGS,
    Action,
    Application,
    Audience,
    CloseFollowUp,
    Event,
    EventType,
    OpenFollowUp,
    Purpose,
    Record,
    Say,
    Status,
    Wake,
    Whose,
)
from recruiting.process import Fact, Rung, Since, Stage, StageKind

UNINVITED_AFTER = timedelta(hours=24)  # without a tried invite the stage counts from its start
STALLED_AFTER = timedelta(days=7)  # a stage without a deadline gets a follow-up
MOVES_UP_AFTER = timedelta(hours=4)  # of working time, once a follow-up has been passed over before
EXPIRING, EXPIRED = "expiring", "expired"  # begin the names of timers that watch over a hired person's certificate
WARNED_AT = time(9)  # of the company's day
OVERDUE = "overdue"  # begins the name of the timer that watches over an open follow-up
BY_HAND_KINDS = frozenset({StageKind.QUESTIONNAIRE, StageKind.ONBOARDING})

# Why the rules themselves call for a person: settled by the stage being over.
RULES_OWN = frozenset(
    {
        "by_hand",
        "review",
        "hold",
        "interview_failed",
        "deadline",
        "stalled",
        "recheck",
        "not_sent_again",
        "meeting_over",
        "unreachable",
        "opted_out",
        "handed_over",
        "wrong_number",
        "not_answered",
    }
) | {f"not_{fact.value}" for fact in Fact}
# Somebody must still tell the candidate how it ended.
OUTLIVES_END = frozenset({"unreachable", "handed_over", "not_answered"})
# What candidates complain about and have evidently overcome when they move on.
OVERCOME = frozenset({"broken_link", "no_slot", "declined"})


class Course:
    """What follows from one signal, in order."""

    def __init__(self, application: Application, now: datetime, *, prompted: bool) -> None:
        self.application = application
        self.now = now
        self.prompted = prompted
        self.actions: list[Action] = []

    # --- single steps -----------------------------------------------------------------------------------------------

    def record(
        self,
        type: EventType,
        data: Mapping[str, Any] | None = None,
        *,
        actor: str = "rule",
        about: tuple[str, int] | None = None,
    ) -> None:
        """Append an event of the present visit, or of the one it is `about`, and take it into account from here on."""
        stage, visit = about or (self.application.stage, self.application.visit)
        self._append(Event(type, self.now, stage, visit, actor, data or {}))

    def say(
        self,
        text: str,
        cause: str,
        purpose: Purpose,
        *,
        to: Audience = Audience.CANDIDATE,
        courtesy: bool = False,
        rung: Rung | None = None,
        about: tuple[str, int] | None = None,
        **values: Any,
    ) -> None:
        """Owe a message, of the present visit or of the one it is `about`.

        Only what follows from the person's own act waits for no quiet hours.
        """
        stage, visit = about or (self.application.stage, self.application.visit)
        self.actions.append(Say(text, cause, purpose, stage, visit, to, self.prompted, courtesy, rung, values))

    def wake(self, name: str, at: datetime) -> None:
        """Come back in this visit."""
        self.actions.append(Wake(name, at, self.application.stage, self.application.visit))

    def follow_up(self, *causes: str, note: str = "", whose: Whose = Whose.OWNER) -> None:
        """Open a follow-up, or add to the open one what it has not yet; with it comes what was to be tried again."""
        calling = self.lasting(self.application.calling)
        for cause in (*calling, *causes):
            self._ask(cause, note, Whose.SAME if calling else whose)

    def _ask(self, cause: str, note: str, whose: Whose) -> None:
        state = self.application
        if cause in state.follow_up:
            return
        due = self.working(state.office.day)
        self.actions.append(OpenFollowUp(cause, state.stage, state.visit, due, note, whose))
        if not state.follow_up:
            self.wake_overdue(0, due)
        self.record(EventType.FOLLOW_UP_OPENED, {"cause": cause})

    def settle(self, outcome: str, *, actor: str = "rule", note: str = "", again: tuple[str, ...] = ()) -> None:
        """Close the open follow-up, if there is one; the causes in `again` come back when it is tried again."""
        if self.application.follow_up:
            self.actions.append(CloseFollowUp(outcome, actor, note))
            data: dict[str, Any] = {"outcome": outcome}
            self.record(EventType.FOLLOW_UP_DONE, data | {"again": list(again)} if again else data, actor=actor)

    def wake_overdue(self, moved: int, due: datetime) -> None:
        """Look at `due` whether somebody has taken the open follow-up; it says which one, and how far it has moved."""
        self.wake(f"{OVERDUE}:{self.application.settled}:{moved}", due)

    def working(self, length: timedelta) -> datetime:
        """When `length` of the company's working time will have gone by."""
        return self.application.office.after(self.now, length, self.application.timezone)

    def asked(self) -> tuple[str, ...]:
        """The open causes that only a person can settle, because a person asked for one."""
        causes = (*self.application.follow_up, *self.application.calling)
        return tuple(cause for cause in causes if cause not in RULES_OWN | OVERCOME)

    def lasting(self, causes: Iterable[str]) -> tuple[str, ...]:
        """Those causes that still call for a person: after the end only who asked, or must be told of it."""
        if self.application.open:
            return tuple(causes)
        return tuple(cause for cause in causes if cause in OUTLIVES_END or cause not in RULES_OWN)

    # --- the stage's clock ------------------------------------------------------------------------------------------

    def begin(self, since: datetime) -> None:
        """Start the present stage's clock: nudges and deadline count from `since`."""
        self.record(EventType.STAGE_BEGUN, {"since": since.isoformat()})
        stage = self.application.now_in
        end = since + stage.deadline if stage.deadline else None
        self.wake_nudges(Since.INVITE, since)
        if end is not None:
            for number, nudge in enumerate(stage.nudges):
                if nudge.before_deadline is not None and end - nudge.before_deadline >= since:
                    self._wake_in_time(f"nudge:{number}", end - nudge.before_deadline)
            self.wake("deadline", end)
        else:
            self.wake("stalled", since + STALLED_AFTER)

    def wake_nudges(self, since: Since, moment: datetime, suffix: str = "") -> None:
        """Set the nudges that count from what happened at `moment`."""
        for number, nudge in enumerate(self.application.now_in.nudges):
            if nudge.since is since and nudge.after is not None:
                self._wake_in_time(f"nudge:{number}{suffix}", moment + nudge.after)

    def _wake_in_time(self, name: str, at: datetime) -> None:
        """What would have been due before the stage began is skipped."""
        entered = self.application.entered_at
        if entered is None or at >= entered:
            self.wake(name, at)

    # --- moving -----------------------------------------------------------------------------------------------------

    def open(self, *, imported: bool, actor: str) -> None:
        """Put the application on the first stage that still exists."""
        stages = self.application.process.stages
        first = next((stage for stage in stages if self._exists(stage)), stages[0])
        data = {"imported": True} if imported else {}
        self._append(Event(EventType.OPENED, self.now, first.id, 1, actor, data))
        self._start()

    def employ(self, stage: Stage, actor: str) -> None:
        """Put somebody who works here already where their certificate counts."""
        self._append(Event(EventType.OPENED, self.now, stage.id, 1, actor, {"imported": True}))

    def leave(self, *, actor: str = "rule", why: str = "passed") -> None:
        """The present stage is passed: settle what is open and go on, or be hired at the end."""
        following = self._following()
        if following is None:
            self.end(Status.HIRED, actor=actor)
            self.say("hired", "hired", Purpose.ANSWER)
            for stage in self.application.process.stages:
                self.watch(stage)
        else:
            self._go(following, passed=True, actor=actor, why=why)

    def go_back(self, stage: Stage, why: str) -> None:
        """A gate that has closed again is entered again, in a new visit. Both sides hear that a meeting is off."""
        meeting, about = self.application.meeting, (stage.id, self.application.visits.get(stage.id, 1))
        if meeting is not None and meeting > self.now:
            start = meeting.isoformat()
            self.say("meeting.off", "meeting_off", Purpose.NOTICE, about=about, start=start)
            card = "meeting.off.card"
            self.say(card, "meeting_off_card", Purpose.NOTICE, to=Audience.MANAGERS, about=about, start=start)
        elif stage.id in self.application.approvals:
            self.say("document.ran_out", "ran_out", Purpose.NOTICE, about=about)
        self._go(stage, passed=False, actor="rule", why=why)

    def visit_again(self, why: str) -> None:
        """A new visit of the present stage without another invite (another slot was chosen)."""
        asked = self.asked()
        self.settle("settled")
        since, clicked = self.application.since or self.now, self.application.clicked_at
        self._move(self.application.now_in, passed=False, actor="candidate", why=why)
        self.begin(since)
        self._wake_for_gates(self.application.now_in)
        if clicked is not None:
            self.wake_nudges(Since.CLICKED, clicked)
        self._wake_for_departure(self.application.now_in)
        self._ask_again(asked)

    def restart(self, actor: str, why: str) -> None:
        """The present stage begins anew, in a new visit, with its invite: what was sent before reached nobody."""
        self._go(self.application.now_in, passed=False, actor=actor, why=why)

    def end(self, status: Status, *, actor: str = "rule", **data: Any) -> None:
        """End the application and settle what HR had open about it. A rule does not answer who asked for a person."""
        if actor != "rule" or not self.asked():
            self.settle("settled", actor=actor)
        if status is Status.HIRED:
            data["passed"] = True
        self.record(ENDINGS[status], data, actor=actor)

    def _following(self) -> Stage | None:
        """The next stage that still exists and is not passed yet (after a gate was entered again, some are)."""
        following = self.application.process.after(self.application.stage)
        while following is not None and (following.id in self.application.passed or not self._exists(following)):
            following = self.application.process.after(following.id)
        return following

    def _go(self, stage: Stage, *, passed: bool, actor: str, why: str) -> None:
        """Enter `stage`, or the gate before it that is closed. Whoever asked for a person is not forgotten."""
        asked = self.asked()
        self.settle("settled", actor=actor)
        state = self.application
        if passed:
            state = state.but(passed=state.passed | {state.stage})
        while (closed := unmet(state, stage, self.now)) is not None:
            stage, why = closed, "requires"
        self._move(stage, passed=passed, actor=actor, why=why)
        self._start()
        self._ask_again(asked)

    def _ask_again(self, causes: tuple[str, ...]) -> None:
        for cause in causes:
            self.follow_up(cause)

    def _move(self, stage: Stage, *, passed: bool, actor: str, why: str) -> None:
        left = self.application.stage
        visit = self.application.visits.get(stage.id, 0) + 1
        data: dict[str, Any] = {"from": left, "why": why}
        if passed:
            data["passed"] = True
        self._append(Event(EventType.MOVED, self.now, stage.id, visit, actor, data))

    def _start(self) -> None:
        """Do what the stage just entered begins with; imported candidates pass by what they count as having passed."""
        stage = self.application.now_in
        if self._counts_as_passed(stage):
            self.leave(why="imported")
            return
        if stage.kind in BY_HAND_KINDS or not self._exists(stage):
            self.begin(self.now)
            self.follow_up("by_hand")
        elif stage.kind is StageKind.REVIEW:
            self.begin(self.now)
            self.say("review.waiting", "review", Purpose.NOTICE, to=Audience.OWNER)
        else:
            self.wake("uninvited", self.now + UNINVITED_AFTER)
            self.say(f"invite.{stage.kind.value}", "invite", Purpose.INVITE)
        self._wake_for_gates(stage)
        self._wake_for_departure(stage)

    def _counts_as_passed(self, stage: Stage) -> bool:
        """Whether an imported candidate is past this stage; no import stands in for a document that must be seen."""
        return stage.skip_if_imported and self.application.imported and not gate(self.application, stage, self.now)

    def _exists(self, stage: Stage) -> bool:
        return stage.open_on(local_day(self.application, self.now))

    def _wake_for_departure(self, stage: Stage) -> None:
        if stage.optional_until is not None and self._exists(stage):
            midnight = datetime.combine(stage.optional_until, time(), self.application.timezone)
            self.wake("left_process", midnight)

    def _wake_for_gates(self, stage: Stage) -> None:
        """A meeting's gate is looked at again when a certificate that it requires has run out."""
        for required in stage.requires if stage.kind is StageKind.MEETING else ():
            if (valid_until := self.application.approvals.get(required)) is not None:
                after = datetime.combine(valid_until + timedelta(days=1), time(), self.application.timezone)
                self.wake(f"gate:{required}:{valid_until}", after)

    # --- after hire -------------------------------------------------------------------------------------------------

    def watch(self, stage: Stage) -> None:
        """Warn of the end of a hired person's certificate, and daily once it is over."""
        valid_until = self.application.approvals.get(stage.id)
        if stage.kind is not StageKind.DOCUMENT or valid_until is None or not stage.warn_before_expiry:
            return
        for lead in stage.warn_before_expiry:
            if (at := self._morning(valid_until - lead)) > self.now:
                self.wake(f"{EXPIRING}:{stage.id}:{valid_until}:{lead.days}", at)
        self.wake_daily(stage, valid_until)

    def wake_daily(self, stage: Stage, valid_until: date) -> None:
        """Look on the morning after the last day, or on the next one."""
        today = local_day(self.application, self.now)
        first = valid_until + timedelta(days=1)
        morning = self._morning(max(first, today))
        if morning <= self.now:
            morning = self._morning(today + timedelta(days=1))
        self.wake(f"{EXPIRED}:{stage.id}:{valid_until}:{morning.astimezone(self.application.timezone).date()}", morning)

    def _morning(self, day: date) -> datetime:
        return datetime.combine(day, WARNED_AT, self.application.timezone).astimezone(UTC)

    def _append(self, event: Event) -> None:
        self.application = evolve(self.application, event)
        self.actions.append(Record(event))


def local_day(application: Application, now: datetime) -> date:
    """The day of the company's calendar."""
    return now.astimezone(application.timezone).date()


def gate(application: Application, stage: Stage, now: datetime) -> bool:
    """Whether a later stage can't be entered without this stage's document."""
    today = local_day(application, now)
    later = application.process.stages[application.process.index(stage.id) + 1 :]
    needed = any(stage.id in other.requires for other in later if other.open_on(today))
    return stage.kind is StageKind.DOCUMENT and needed


def unmet(application: Application, stage: Stage, now: datetime) -> Stage | None:
    """The first stage that `stage` requires and that is not passed, or whose document is missing or has run out.

    Nobody can be held to what the process no longer asks: a temporary stage that is gone requires nothing.
    """
    today = local_day(application, now)
    for required in map(application.process.stage, stage.requires):
        if not required.open_on(today):
            continue
        if required.id not in application.passed:
            return required
        if required.kind is StageKind.DOCUMENT and not approved(application, required, now):
            return required
    return None


def approved(application: Application, stage: Stage, now: datetime) -> bool:
    """Whether the stage's document was approved and is still valid."""
    valid_until = application.approvals.get(stage.id)
    return valid_until is not None and valid_until >= local_day(application, now)
