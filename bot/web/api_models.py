"""What goes in and out of the API, exactly as the contract says."""

import unicodedata
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints


def _readable(text: str) -> str:
    """Words without control characters: databases and screens choke on them."""
    if any(unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\t" for letter in text):
        raise ValueError("must not hold control characters")
    return text


def _one_line(text: str) -> str:
    if "\n" in text or "\t" in text:
        raise ValueError("must be one line")
    return _readable(text)


Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=128), AfterValidator(_one_line)]
Some = Annotated[Line, StringConstraints(min_length=1)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500), AfterValidator(_readable)]
Locale = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z]{4})?(-[A-Z]{2})?$")]


class _Model(BaseModel):
    """What it takes to check one is made at its first use, not at every start."""

    model_config = ConfigDict(defer_build=True)


class _In(_Model):
    """A body that is sent to us; keys that we don't know are left alone."""

    model_config = ConfigDict(hide_input_in_errors=True)


class NewApplication(_In):
    """Somebody applies. One of `phone` and `email` is needed."""

    name: Some
    phone: Annotated[str, StringConstraints(strip_whitespace=True, max_length=80)] | int | None = None
    email: Annotated[str, StringConstraints(strip_whitespace=True, max_length=254)] | None = None
    position: Some
    shop: Line | None = None
    batch: Line | None = None
    locale: Locale | None = None
    owner: Line | None = Field(default=None, description="The member in HR who looks after this application.")
    extra: dict[Some, Words] = Field(default={}, max_length=50)


class NewDecision(_In):
    """A decision about the current stage. A rejection needs a reason: an id of the catalogue, or words."""

    decision: Literal["pass", "reject"]
    reason: Words | None = None
    stage: Line | None = Field(default=None, description="When given, it must be the current one.")


class NewDocumentDecision(_In):
    """A decision about a document. Without `expires_on` a health certificate counts as valid for one year."""

    decision: Literal["approve", "reject"]
    reason: Words | None = None
    expires_on: date | None = None


class PaperDocument(_In):
    """A document that was seen on paper: approved without a picture."""

    seen_on_paper: Literal[True]
    expires_on: date | None = None


class NewOutcome(_In):
    """How a follow-up went."""

    outcome: Literal["reached", "no_answer", "wrong_number", "hand_over"]
    note: Words | None = None


class CandidateShown(_Model):
    """The person behind an application; a `read` token sees the last four digits of the phone."""

    id: str
    name: str
    phone: str | None


class NextShown(_Model):
    """What happens next."""

    what: Literal["timer", "follow_up", "deadline", "message"]
    due: datetime
    owner: str | None


class ApplicationShown(_Model):
    """An application everywhere. `next` is null once nothing more will happen."""

    id: str
    candidate: CandidateShown
    position: str
    shop: str
    batch: str
    locale: str
    stage: str
    status: Literal["open", "hired", "rejected", "withdrawn", "expired"]
    next: NextShown | None
    created_at: datetime
    extra: dict[str, Any]


class EventShown(_Model):
    """A fact of an application's history."""

    id: str
    type: str
    at: datetime
    stage: str
    actor: str
    data: dict[str, Any]


class DocumentShown(_Model):
    """A document of an application."""

    id: str
    stage: str
    status: Literal["waiting", "approved", "rejected"]
    uploaded_at: datetime
    expires_on: date | None


class MessageShown(_Model):
    """A message to the candidate; `cause` is the promise's key."""

    id: str
    cause: str
    channel: str
    status: Literal["waiting", "sending", "accepted", "delivered", "failed", "skipped"]
    at: datetime


class ApplicationWhole(ApplicationShown):
    """One application with all that happened."""

    events: list[EventShown]
    documents: list[DocumentShown]
    messages: list[MessageShown]
    scores: dict[str, float]
    performance: list[dict[str, Any]]


class Applications(_Model):
    """A page of applications, newest first."""

    items: list[ApplicationShown]
    next_cursor: str | None


class FollowUpShown(_Model):
    """A task for somebody in HR."""

    id: str
    application: str
    stage: str
    reason: str
    owner: str | None
    due: datetime
    status: Literal["open", "done"]


class FollowUps(_Model):
    """A page of follow-ups, newest first."""

    items: list[FollowUpShown]
    next_cursor: str | None


class RateOut(_Model):
    """A rate as a fraction of 1, with its 95 % Wilson interval; `at` is the lowest threshold."""

    due: int
    missed: int
    rate: float | None
    low: float
    high: float
    at: float | None
    alerting: bool


Rates = dict[str, RateOut]


class BatchOut(_Model):
    """A batch and its rates."""

    name: str
    applications: int
    rates: Rates
    by_shop: dict[str, Rates]
    by_channel: dict[str, Rates]


class ProblemShown(_Model):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] = []
