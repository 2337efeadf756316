"""The kinds of value the rules speak in: the application, the signals that reach it, events and actions that follow.

A *signal* is something that came in: a click, a result, a timer. It may be repeated, late or out of place. What it
really changed is recorded as *events*; an application's state is what its events add up to (`recruiting.history`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from enum import IntEnum, StrEnum
from typing import Any

from recruiting.office import Office
from recruiting.process import Process, Rung, Stage


class Status(StrEnum):
    """Where an application as a whole stands."""

    OPEN = "open"
    HIRED = "hired"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class EventType(StrEnum):
    """Every kind of fact that an application's history can hold. Grows, never changes."""

    OPENED = "application.opened"
    MOVED = "application.moved"
    HIRED = "application.hired"
    REJECTED = "application.rejected"
    WITHDRAWN = "application.withdrawn"
    EXPIRED = "application.expired"
    STAGE_BEGUN = "stage.begun"
    INVITE_SENT = "invite.sent"
    CLICKED = "invite.clicked"
    STARTED = "interview.started"
    COMPLETED = "interview.completed"
    FAILED = "interview.failed"
    UPLOADED = "document.uploaded"
    APPROVED = "document.approved"
    DOCUMENT_REJECTED = "document.rejected"
    VIEWED = "document.viewed"
    DESTROYED = "document.destroyed"
    READ = "document.read"
    REVOKED = "document.revoked"
    EXPIRING = "document.expiring"
    LEFT = "staff.left"
    ANSWERED = "answer.given"
    BOOKED = "meeting.booked"
    CONFIRMED = "meeting.confirmed"
    RATED = "meeting.rated"
    NUDGED = "nudge.sent"
    NUDGE_SKIPPED = "nudge.skipped"
    FOLLOW_UP_OPENED = "follow_up.opened"
    FOLLOW_UP_TAKEN = "follow_up.taken"
    FOLLOW_UP_DONE = "follow_up.done"
    MESSAGE_ACCEPTED = "message.accepted"
    MESSAGE_DELIVERED = "message.delivered"
    MESSAGE_FAILED = "message.failed"
    BOUND = "candidate.bound"
    REPLIED = "candidate.replied"
    OPTED_OUT = "candidate.opted_out"
    ERASED = "candidate.erased"


ENDINGS = {
    Status.HIRED: EventType.HIRED,
    Status.REJECTED: EventType.REJECTED,
    Status.WITHDRAWN: EventType.WITHDRAWN,
    Status.EXPIRED: EventType.EXPIRED,
}


@dataclass(frozen=True, slots=True)
class Event:
    """A fact that happened, immutable. `actor` is rule, candidate, provider, member:NAME or token:NAME."""

    type: EventType
    at: datetime
    stage: str
    visit: int
    actor: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the rules must know of the person behind an application: not history, but how things are now."""

    reachable: frozenset[Rung] = frozenset({Rung.CHAT, Rung.SMS, Rung.EMAIL})
    opted_out: bool = False
    sent_today: int = 0  # nudges and reminders on the company's calendar day, over all applications


@dataclass(frozen=True)
class Application:
    """One candidate for one position at one shop in one batch, as its events add up."""

    id: str
    process: Process
    timezone: tzinfo = UTC
    office: Office = Office()
    person: Standing = Standing()
    status: Status = Status.OPEN
    stage: str = ""  # empty until opened
    visit: int = 0
    visits: Mapping[str, int] = field(default_factory=dict)  # stage -> entries so far
    imported: bool = False
    passed: frozenset[str] = frozenset()
    approvals: Mapping[str, date] = field(default_factory=dict)  # document stage -> valid until
    scores: Mapping[str, float] = field(default_factory=dict)
    ended_at: datetime | None = None
    follow_up: tuple[str, ...] = ()  # causes of the open follow-up; empty when none is open
    nudges: Mapping[str, int] = field(default_factory=dict)  # stage -> nudges and reminders so far
    warned: Mapping[str, str] = field(default_factory=dict)  # document stage -> day of the last warning after hire
    gone: bool = False  # was hired, and has left the company since
    # of the present visit only:
    entered_at: datetime | None = None
    since: datetime | None = None  # the first try to send the invite; nudges and deadline count from here
    invited_at: datetime | None = None  # a channel accepted the invite
    clicked_at: datetime | None = None
    participated_at: datetime | None = None  # started, completed or failed
    completed_at: datetime | None = None
    replied_at: datetime | None = None
    uploaded_at: datetime | None = None
    decided_at: datetime | None = None
    confirmed_at: datetime | None = None
    meeting: datetime | None = None  # start of the booked slot
    waiting: frozenset[str] = frozenset()  # documents that wait for a reviewer
    uploads: int = 0
    read: Mapping[str, int] = field(default_factory=dict)  # waiting document -> how often it was read
    settled: int = 0  # follow-ups done in this visit
    revoked: int = 0  # approvals taken back, ever
    moved: int = 0  # how far the open follow-up has moved up because nobody took it: a step of `Move`
    calling: tuple[str, ...] = ()  # causes of a follow-up that is tried again later, because nobody answered
    unanswered: int = 0  # calls in a row that nobody answered

    @property
    def open(self) -> bool:
        """Whether the application is still under way."""
        return self.status is Status.OPEN and self.stage != ""

    def but(self, **changes: Any) -> "Application":
        """A copy with some fields changed; a wave of events makes many, at a tenth of what `replace` would cost."""
        if not changes.keys() <= self.__dict__.keys():
            raise TypeError(f"an application has no {', '.join(sorted(changes.keys() - self.__dict__.keys()))}")
        copy = object.__new__(Application)
        copy.__dict__.update(self.__dict__, **changes)
        return copy

    @property
    def now_in(self) -> Stage:
        """The present stage's definition. Raises KeyError before the application is opened."""
        return self.process.stage(self.stage)


# --- signals: what comes in ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opened:
    """Somebody applied, or HR imported them (`imported` lets them skip stages that say so)."""

    imported: bool = False
    actor: str = "rule"


@dataclass(frozen=True, slots=True)
class InviteTried:
    """The stage's invite was handed to a channel for the first time; whether it arrived is another matter."""

    stage: str
    visit: int
    at: datetime


@dataclass(frozen=True, slots=True)
class MessageReport:
    """What became of a message: accepted by a channel, delivered to the person, or failed on that channel for good."""

    outcome: str  # accepted, delivered, failed
    message: str
    channel: str
    cause: str
    stage: str
    visit: int
    invite: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A message ran out of channels: a person must take over."""

    cause: str
    stage: str
    visit: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Clicked:
    """The candidate opened the invite's link."""

    stage: str
    visit: int


@dataclass(frozen=True, slots=True)
class Started:
    """The provider says that the AI interview has begun."""

    stage: str
    visit: int


@dataclass(frozen=True, slots=True)
class Completed:
    """The provider's result: a score a dimension."""

    stage: str
    visit: int
    scores: Mapping[str, float]
    keywords: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    report_url: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The provider could not hold the interview (no microphone, aborted, ...)."""

    stage: str
    visit: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file for the stage that waits for one lies in the vault; `to_read`: the machine looks first."""

    document: str
    to_read: bool = False


class Lost(StrEnum):
    """How much of a document cannot be opened by anybody, so that nothing of it is kept."""

    PAGE = "page"  # one or some; the others stay
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class PictureRead:
    """What the machine makes of a document: nothing but words for people. It never rejects one."""

    document: str
    round: int  # counts up when a page was added or taken anew
    doubts: tuple[str, ...] = ()
    retake: bool = False  # ask for a better picture at once
    why: str = ""  # text key of what was wrong with the picture
    tell: bool = True  # there is something new to say
    lost: Lost | None = None  # what could not be opened at all, and is not kept


@dataclass(frozen=True, slots=True)
class DocumentDecided:
    """A reviewer approves or rejects an uploaded document; `seen_on_paper` approves without a picture."""

    document: str
    approve: bool
    actor: str
    reason: str = ""
    expires_on: date | None = None
    seen_on_paper: bool = False


@dataclass(frozen=True, slots=True)
class ApprovalRevoked:
    """A reviewer takes an approval back: the gate is closed again."""

    stage: str
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StaffImported:
    """Somebody who works here already, with the last day of their certificate: only that is watched."""

    document: str
    valid_until: date
    actor: str = "rule"


@dataclass(frozen=True, slots=True)
class LeftCompany:
    """Somebody who was hired works here no more: nobody is warned about their certificate."""

    actor: str


@dataclass(frozen=True, slots=True)
class Decided:
    """A person decides the present stage: pass moves on, reject ends."""

    passed: bool
    actor: str
    reason: str = ""
    stage: str = ""  # when given, it must be the present one


@dataclass(frozen=True, slots=True)
class Booked:
    """The candidate took a free slot (its seat is held by the same transaction)."""

    start: datetime


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The candidate says they will come to the booked slot."""


@dataclass(frozen=True, slots=True)
class Rated:
    """The interviewer's scores, 1 to 5 a dimension. Decides nothing by itself."""

    scores: Mapping[str, int]
    actor: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Replied:
    """The candidate did or wrote something in answer to us."""


@dataclass(frozen=True, slots=True)
class Withdrew:
    """The candidate is no longer interested."""

    actor: str = "candidate"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Joined:
    """The candidate's chat account was bound."""

    surface: str


@dataclass(frozen=True, slots=True)
class OptedOut:
    """The candidate wants no more messages; the application itself stays open."""


@dataclass(frozen=True, slots=True)
class NeedsPerson:
    """Somebody in HR should look: asked for by the candidate, or found out by us (`reason`)."""

    reason: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class FollowUpDone:
    """A person in HR settled the open follow-up."""

    outcome: str  # reached, no_answer, wrong_number, hand_over, done
    actor: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class FollowUpMoved:
    """What nobody took in time has come to somebody else: `to` is a member's name, or the step's own."""

    move: "Move"
    to: str


@dataclass(frozen=True, slots=True)
class ContactCorrected:
    """Somebody mended the candidate's phone number or address: what went to the wrong one is told again."""

    actor: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A member wants the candidate reminded now: the stage's own reminder, within all limits."""

    actor: str


@dataclass(frozen=True, slots=True)
class TimerDue:
    """A moment that was set in this visit has come."""

    name: str
    stage: str
    visit: int


Signal = (
    Opened
    | InviteTried
    | MessageReport
    | Unreachable
    | Clicked
    | Started
    | Completed
    | Failed
    | Uploaded
    | PictureRead
    | DocumentDecided
    | ApprovalRevoked
    | StaffImported
    | LeftCompany
    | Decided
    | Booked
    | Confirmed
    | Rated
    | Replied
    | Withdrew
    | Joined
    | OptedOut
    | NeedsPerson
    | FollowUpDone
    | FollowUpMoved
    | ContactCorrected
    | Asked
    | TimerDue
)

# What the person did themselves: what follows from it is an answer and waits for no quiet hours.
OWN_ACTS = (
    Clicked,
    Started,
    Completed,
    Failed,
    Uploaded,
    PictureRead,
    Booked,
    Confirmed,
    Replied,
    Withdrew,
    Joined,
    OptedOut,
)


# --- actions: what follows -------------------------------------------------------------------------------------------


class Audience(StrEnum):
    """Whom a message is for."""

    CANDIDATE = "candidate"
    OWNER = "owner"  # of the application; HR's group when there is none
    REVIEWERS = "reviewers"
    MANAGERS = "managers"  # of the shop, else the owner


class Purpose(StrEnum):
    """Why a message goes out; the outbox treats the kinds differently."""

    INVITE = "invite"  # opens a stage
    NUDGE = "nudge"  # nudges and reminders: these count against the limits
    ANSWER = "answer"  # follows from the person's own act, or tells a decision
    NOTICE = "notice"  # to members
    FOLLOW_UP = "follow_up"
    ALERT = "alert"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Record:
    """Append this event to the application's history."""

    event: Event


@dataclass(frozen=True, slots=True)
class Say:
    """Owe somebody a message. `cause` is unique in its visit: the same cause is never said twice."""

    text: str  # key in config/texts
    cause: str
    purpose: Purpose
    stage: str
    visit: int
    to: Audience = Audience.CANDIDATE
    prompted: bool = False  # follows from the person's own act: no quiet hours
    courtesy: bool = False  # nice to have: said in chat where that is possible, else not at all
    rung: Rung | None = None  # start here instead of at the ladder's top
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wake:
    """Come back at `at` with `TimerDue(name, stage, visit)`."""

    name: str
    at: datetime
    stage: str
    visit: int


class Whose(StrEnum):
    """Who gets a follow-up."""

    OWNER = "owner"  # by the rule: the named recruiter, else who has the fewest
    SAME = "same"  # who had the last one
    NEXT = "next"  # somebody who has not had it yet


@dataclass(frozen=True, slots=True)
class OpenFollowUp:
    """Give a person in HR something to do. Where one is open for the stage already, the cause is added to it."""

    cause: str
    stage: str
    visit: int
    due: datetime
    note: str = ""
    whose: Whose = Whose.OWNER


class Move(IntEnum):
    """The steps by which a follow-up that nobody takes moves up."""

    NEXT = 1  # to the next fitting recruiter
    GROUP = 2  # to HR's group
    URGENT = 3  # the last card is made urgent


@dataclass(frozen=True, slots=True)
class MoveFollowUp:
    """The open follow-up was not taken in time. Where there is no next recruiter, the group is next."""

    move: Move
    stage: str
    visit: int
    due: datetime


@dataclass(frozen=True, slots=True)
class CloseFollowUp:
    """The open follow-up of this application is settled."""

    outcome: str
    actor: str
    note: str = ""


Action = Record | Say | Wake | OpenFollowUp | MoveFollowUp | CloseFollowUp
