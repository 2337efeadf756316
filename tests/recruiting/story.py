"""One candidate's application in memory: what storage does with the rules' answers, small enough to read."""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from recruiting.decide import decide
from recruiting.history import evolve
from recruiting.ladder import first_rung
from recruiting.model import (
    Action,
    Application,
    Audience,
    CloseFollowUp,
    Completed,
    Decided,
    DocumentDecided,
    Event,
    EventType,
    FollowUpMoved,
    InviteTried,
    MessageReport,
    MoveFollowUp,
    Opened,
    OpenFollowUp,
    Purpose,
    Record,
    Say,
    Signal,
    Standing,
    TimerDue,
    Unreachable,
    Uploaded,
    Wake,
)
from recruiting.process import Process, Rung, StageKind, parse

SHANGHAI = ZoneInfo("Asia/Shanghai")
MORNING = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)  # a Monday, 10:00 in Shanghai

CREW: dict[str, Any] = {
    "id": "crew",
    "name": "Crew",
    "positions": ["barista"],
    "stages": [
        {
            "id": "screening",
            "kind": "review",
            "name": "Screening",
            "skip_if_imported": True,
            "nudges": [{"after": "2d", "unless": "decided", "do": "follow_up"}],
        },
        {
            "id": "interview",
            "kind": "interview",
            "name": "AI interview",
            "deadline": "72h",
            "nudges": [
                {"after": "12h", "unless": "clicked", "do": "sms"},
                {"after": "24h", "unless": "participated", "do": "follow_up"},
                {"before_deadline": "6h", "unless": "participated", "do": "remind"},
            ],
            "pass": {"总分": {"at_least": 60}},
            "rules": [{"if": {"夜班": {"below": 60}}, "then": "reject", "reason": "night_shift"}],
        },
        {
            "id": "certificate",
            "kind": "document",
            "name": "Certificate",
            "document": "health_certificate",
            "deadline": "10d",
            "nudges": [
                {"after": "24h", "unless": "uploaded", "do": "remind"},
                {"after": "72h", "unless": "uploaded", "do": "follow_up"},
                {"after": "24h", "unless": "decided", "since": "uploaded", "do": "follow_up"},
            ],
            "valid_for": "30d",
        },
        {
            "id": "meeting",
            "kind": "meeting",
            "name": "Second interview",
            "requires": ["interview", "certificate"],
            "slots": {"days": "any", "from": "09:00", "to": "18:00", "each": "30m"},
            "reminders": ["24h", "2h"],
            "deadline": "7d",
        },
        {"id": "onboarding", "kind": "onboarding", "name": "Onboarding"},
    ],
}


def crew(*ids: str, process: dict[str, Any] | None = None, **changed: dict[str, Any]) -> Process:
    """The crew's process, only with the stages `ids` (all when none is named), and some keys of some stages changed.

    A key that is changed to None is left out.
    """
    data = deepcopy(CREW) | (process or {})
    data["stages"] = [stage for stage in data["stages"] if not ids or stage["id"] in ids]
    left = {stage["id"] for stage in data["stages"]}
    for stage in data["stages"]:
        stage.update(changed.get(stage["id"], {}))
        if "requires" in stage:
            stage["requires"] = [name for name in stage["requires"] if name in left]
        for key in [key for key, value in stage.items() if value is None]:
            del stage[key]
    return parse(data, ["night_shift"])


class Story:
    """An application, its timers, open follow-ups and messages. `hear` and `wait` move it on."""

    def __init__(self, process: Process, now: datetime = MORNING) -> None:
        self.process = process
        self.now = now
        self.person = Standing()
        self.application = Application("a1", process, timezone=SHANGHAI)
        self.events: list[Event] = []
        self.timers: dict[tuple[str, str, int], datetime] = {}
        self.follow_ups: dict[str, list[str]] = {}
        self.said: list[Say] = []
        self.sent: list[tuple[datetime, Say]] = []

    # --- what happens ------------------------------------------------------------------------------------------------

    def hear(self, signal: Signal) -> list[Action]:
        """Put a signal to the rules and carry out what follows."""
        self.application = replace(self.application, person=replace(self.person, sent_today=self._sent_today()))
        actions = decide(self.application, signal, self.now)
        unreachable: list[Say] = []
        moved: list[MoveFollowUp] = []
        for action in actions:
            match action:
                case Record(event):
                    self.events.append(event)
                    self.application = evolve(self.application, event)
                case Say():
                    if not self._goes(action):
                        unreachable.append(action)
                    self.said.append(action)
                    self.sent.append((self.now, action))
                case Wake(name, at, stage, visit):
                    self.timers.setdefault((name, stage, visit), at)
                case OpenFollowUp(cause, stage):
                    self.follow_ups.setdefault(stage, []).append(cause)
                case MoveFollowUp():
                    moved.append(action)
                case CloseFollowUp():
                    self.follow_ups.clear()
        for move in moved:
            self.hear(FollowUpMoved(move.move, move.move.name.lower()))
        for say in unreachable:
            self.hear(Unreachable(say.cause, say.stage, say.visit))
        return actions

    def fire(self, timer: tuple[str, str, int]) -> list[Action]:
        """A timer comes due now."""
        self.timers.pop(timer, None)
        return self.hear(TimerDue(*timer))

    def wait(self, **length: float) -> None:
        """Let time go by; what comes due acts at its time."""
        until = self.now + timedelta(**length)
        while self.timers:
            timer, at = min(self.timers.items(), key=lambda item: item[1])
            if at > until:
                break
            self.now = max(self.now, at)
            self.fire(timer)
        self.now = until

    def _goes(self, say: Say) -> bool:
        """Whether some channel takes the message."""
        if say.to is not Audience.CANDIDATE or say.courtesy:
            return True
        rung = first_rung(self.process.ladder, say.rung, self.person.reachable)
        return rung not in {None, Rung.FOLLOW_UP} and not (self.person.opted_out and not say.prompted)

    def _sent_today(self) -> int:
        today = self.now.astimezone(SHANGHAI).date()
        return sum(say.purpose is Purpose.NUDGE and at.astimezone(SHANGHAI).date() == today for at, say in self.sent)

    # --- how it is told ----------------------------------------------------------------------------------------------

    @property
    def here(self) -> tuple[str, int]:
        """The present stage and visit."""
        return self.application.stage, self.application.visit

    def open(self, *, imported: bool = True) -> "Story":
        """Somebody was imported, or applied."""
        self.hear(Opened(imported=imported))
        return self

    def invited(self) -> "Story":
        """The present stage's invite goes out and is taken by chat."""
        stage, visit = self.here
        self.hear(InviteTried(stage, visit, self.now))
        self.hear(MessageReport("accepted", "m1", "chat", "invite", stage, visit, invite=True))
        return self

    def scores(self, **scores: float) -> list[Action]:
        """The provider's result for the present stage."""
        stage, visit = self.here
        return self.hear(Completed(stage, visit, scores))

    def at(self, stage: str) -> "Story":
        """Go by the shortest way to `stage`, and be invited to it."""
        if not self.application.stage:
            self.open()
        while self.application.stage != stage:
            kind = self.application.now_in.kind
            if kind in {StageKind.INTERVIEW, StageKind.DOCUMENT, StageKind.MEETING}:
                self.invited()
            if kind is StageKind.INTERVIEW:
                self.scores(总分=80)
            elif kind is StageKind.DOCUMENT:
                self.upload("d0")
                self.approve("d0")
            else:
                self.hear(Decided(True, "member:Li"))
        if self.application.now_in.kind in {StageKind.INTERVIEW, StageKind.DOCUMENT, StageKind.MEETING}:
            self.invited()
        return self

    def upload(self, document: str) -> list[Action]:
        """A picture arrives."""
        return self.hear(Uploaded(document))

    def approve(self, document: str, **more: Any) -> list[Action]:
        """A reviewer approves it."""
        return self.hear(DocumentDecided(document, True, "member:Li", **more))

    def types(self) -> list[EventType]:
        """The kinds of the recorded events, oldest first."""
        return [event.type for event in self.events]

    def texts(self, purposes: Iterable[Purpose] = tuple(Purpose)) -> list[str]:
        """What was said to the candidate."""
        return [say.text for say in self.said if say.to is Audience.CANDIDATE and say.purpose in set(purposes)]

    @property
    def open_causes(self) -> list[str]:
        """Why a person in HR is asked to look at the present stage."""
        return self.follow_ups.get(self.application.stage, [])
