"""All tables on one page. Time is aware UTC; a person's words and contacts are `Sealed` under that person's key."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
    literal_column,
)
from sqlalchemy.orm import Mapped, mapped_column

from storage.key_tables import DayKey, RootKey
from storage.types import Base, SealedBytes, partial_index, random_id

__all__ = ["Base", "DayKey", "RootKey"]

Id = Annotated[str, mapped_column(String(32), primary_key=True, default=random_id)]
Ref = Annotated[str, mapped_column(String(32))]  # an id of another table where no foreign key is wanted
Short = Annotated[str, mapped_column(String(64))]
Name = Annotated[str, mapped_column(String(128))]
Long = Annotated[str, mapped_column(String(300))]
Digest = Annotated[str, mapped_column(String(64))]
# Counts up: only for order inside the house, never shown outside.
Sequence = Annotated[int, mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)]


class Sending(StrEnum):
    """How far a message has come."""

    WAITING = "waiting"
    SENDING = "sending"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    FAILED = "failed"
    SKIPPED = "skipped"


class ProcessVersion(Base):
    """A process definition as it was applied. Applications keep the version with which they were opened."""

    __tablename__ = "process_versions"

    id: Mapped[Short] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    current: Mapped[bool]
    body: Mapped[dict[str, Any]]
    applied_at: Mapped[datetime]


class Candidate(Base):
    """A person, with the key under which everything they said or sent is sealed. Erasing destroys `key`."""

    __tablename__ = "candidates"

    id: Mapped[Id]
    identity: Mapped[Digest] = mapped_column(unique=True)  # keyed hash of the phone, or of the e-mail without one
    key: Mapped[bytes | None] = mapped_column(LargeBinary)
    name: Mapped[SealedBytes]
    phone: Mapped[SealedBytes | None]
    email: Mapped[SealedBytes | None]
    locale: Mapped[Short]
    opted_out_at: Mapped[datetime | None]
    sms_failed_at: Mapped[datetime | None]  # the number was refused for good: SMS is no rung any more
    email_failed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class SearchTerm(Base):
    """Keyed hashes by which a candidate can be found without reading anybody's name."""

    __tablename__ = "search_terms"
    # Half of what an import writes: the key alone finds people, and on SQLite it is the table itself.
    __table_args__ = ({"sqlite_with_rowid": False},)

    kind: Mapped[Short] = mapped_column(primary_key=True)  # phone, email, last_four, name, part
    digest: Mapped[Digest] = mapped_column(primary_key=True)
    candidate_id: Mapped[str] = mapped_column(String(32), ForeignKey("candidates.id"), primary_key=True)


class Consent(Base):
    """What a person agreed to or refused, once a purpose, with the version of the text they saw."""

    __tablename__ = "consents"

    candidate_id: Mapped[str] = mapped_column(String(32), ForeignKey("candidates.id"), primary_key=True)
    purpose: Mapped[Short] = mapped_column(primary_key=True)
    asked_at: Mapped[datetime]
    text_digest: Mapped[Digest]
    given_at: Mapped[datetime | None]
    declined_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]


class ConsentText(Base):
    """A text that people were asked to agree to, word for word as it was shown. Its digest is its version."""

    __tablename__ = "consent_texts"

    digest: Mapped[Digest] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(8000))
    locale: Mapped[Short]
    first_shown_at: Mapped[datetime]


class Batch(Base):
    """Applications imported or opened together: the unit over which rates are counted."""

    __tablename__ = "batches"

    id: Mapped[Id]
    name: Mapped[Name] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(index=True)
    paused_at: Mapped[datetime | None]  # since then the bot starts nothing by itself to its candidates
    muted_until: Mapped[datetime | None]  # until then its alerts are counted and not told


class NewLink(Base):
    """Where a batch's interview takes place instead, since the address in its process died."""

    __tablename__ = "new_links"

    batch_id: Mapped[str] = mapped_column(String(32), ForeignKey("batches.id"), primary_key=True)
    process_id: Mapped[Short] = mapped_column(primary_key=True)
    stage: Mapped[Short] = mapped_column(primary_key=True)
    link: Mapped[str] = mapped_column(String(2000))
    before: Mapped[str] = mapped_column(String(2000))  # the one that held until `at`; empty: the process's own
    at: Mapped[datetime]
    by: Mapped[Name]


class ApplicationRow(Base):
    """One candidate for one position at one shop in one batch; `state` is what its events add up to."""

    __tablename__ = "applications"
    __table_args__ = (
        Index("ix_applications_listed", "created_at", "id"),
        Index("ix_applications_in_batch", "batch_id", "status", "stage"),
        Index("ix_applications_followed", "batch_id", "process_id", "process_version", "shop"),
    )

    id: Mapped[Id]
    identity: Mapped[Digest] = mapped_column(unique=True)  # keyed hash of contact, position, shop and batch
    candidate_id: Mapped[str] = mapped_column(String(32), ForeignKey("candidates.id"), index=True)
    batch_id: Mapped[str] = mapped_column(String(32), ForeignKey("batches.id"))
    process_id: Mapped[Short]
    process_version: Mapped[int]
    position: Mapped[Name]
    shop: Mapped[Name]
    owner_id: Mapped[Ref | None]  # the member whom the import named
    status: Mapped[Short]
    stage: Mapped[Short]
    visit: Mapped[int]
    state: Mapped[dict[str, Any]]
    extra: Mapped[SealedBytes | None]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class EventRow(Base):
    """A fact, appended. Never changed, never deleted: a trigger refuses both."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_of_application", "application_id", "seq"),)

    seq: Mapped[Sequence]
    id: Mapped[Ref] = mapped_column(unique=True)
    application_id: Mapped[str] = mapped_column(String(32), ForeignKey("applications.id"))
    type: Mapped[Short]
    at: Mapped[datetime]
    stage: Mapped[Short]
    visit: Mapped[int]
    actor: Mapped[Name]
    data: Mapped[SealedBytes]


class Visit(Base):
    """One entry into a stage, as the rates count it."""

    __tablename__ = "visits"
    __table_args__ = (Index("ix_visits_counted", "batch_id", "stage", "invited_at"),)

    application_id: Mapped[str] = mapped_column(String(32), ForeignKey("applications.id"), primary_key=True)
    stage: Mapped[Short] = mapped_column(primary_key=True)
    visit: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    batch_id: Mapped[Ref]
    process_id: Mapped[Short]
    shop: Mapped[Name]
    channel: Mapped[Short | None]
    entered_at: Mapped[datetime]
    invited_at: Mapped[datetime | None]
    participated_at: Mapped[datetime | None]
    replied_at: Mapped[datetime | None]
    uploaded_at: Mapped[datetime | None]  # a document waits or is approved
    left_at: Mapped[datetime | None]
    ended: Mapped[bool] = mapped_column(default=False)  # left because the application ended


class TimerRow(Base):
    """A moment that is due once. Deleted by the transaction that acts on it, so it acts once."""

    __tablename__ = "timers"
    __table_args__ = (UniqueConstraint("application_id", "stage", "visit", "name"),)

    id: Mapped[Sequence]
    application_id: Mapped[str] = mapped_column(String(32), ForeignKey("applications.id"))
    stage: Mapped[Short]
    visit: Mapped[int]
    name: Mapped[Name]
    due_at: Mapped[datetime] = mapped_column(index=True)


class FollowUpRow(Base):
    """A task for a person in HR. At most one is open for an application and stage; further causes join it."""

    __tablename__ = "follow_ups"
    __table_args__ = (
        partial_index(
            "ix_follow_ups_one_open",
            "application_id",
            "stage",
            unique=True,
            where="status = 'open'",
        ),
        Index("ix_follow_ups_listed", "status", "opened_at"),
        # Whose they are and where stands in it too: what is open is counted from it alone.
        Index("ix_follow_ups_due", "status", "due_at", "id", "owner_id", "shop"),
        Index("ix_follow_ups_of_application", "application_id"),
    )

    id: Mapped[Id]
    application_id: Mapped[str] = mapped_column(String(32), ForeignKey("applications.id"))
    candidate_id: Mapped[Ref]
    shop: Mapped[Name]
    stage: Mapped[Short]
    visit: Mapped[int]
    causes: Mapped[list[str]]
    note: Mapped[SealedBytes | None]
    owner_id: Mapped[Ref | None] = mapped_column(index=True)
    had: Mapped[list[str]]  # members who had it before and handed it on, or did not take it
    status: Mapped[Short]  # open, done
    opened_at: Mapped[datetime]
    contact_from: Mapped[datetime | None]  # since when nobody has talked to the candidate about it; None: somebody has
    due_at: Mapped[datetime]
    outcome: Mapped[Short | None]
    done_at: Mapped[datetime | None]
    done_by: Mapped[Name | None]


class OutboxRow(Base):
    """A message that we owe somebody on one rung. It ends accepted, failed or skipped, and stays for the audit."""

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("promise", "rung"),
        # What waits comes out in its order without sorting: a whole batch may be due at one moment.
        partial_index(
            "ix_outbox_due",
            "due_at",
            "created_at",
            where="status = 'waiting'",
        ),
        partial_index(
            "ix_outbox_sending",
            "sending_at",
            where="status = 'sending'",
        ),
        Index("ix_outbox_of_application", "application_id"),
        Index("ix_outbox_platform_id", "platform_id"),
        # What a person got today is counted whenever one of their applications is read.
        partial_index(
            "ix_outbox_nudges",
            "candidate_id",
            "created_at",
            where="purpose = 'nudge'",
        ),
        partial_index(
            "ix_outbox_led",
            "leader_id",
            where="leader_id IS NOT NULL",
        ),
    )

    id: Mapped[Id]  # also the idempotency id on the wire: the same over all retries
    promise: Mapped[Long]  # e.g. 4f9c/ai_interview.1/nudge:0; on one rung it is kept once
    rung: Mapped[Short]  # chat, sms, email for candidates; member or group for HR
    start: Mapped[Short]  # the rung it was meant to start on; empty = the ladder's top
    purpose: Mapped[Short]
    candidate_id: Mapped[Ref | None]
    application_id: Mapped[Ref | None]
    member_id: Mapped[Ref | None]
    surface: Mapped[Short | None]  # where an answer goes that belongs to one conversation
    conversation_id: Mapped[Ref | None]
    stage: Mapped[Short]
    visit: Mapped[int]
    prompted: Mapped[bool]  # follows from the person's own act: no quiet hours
    text: Mapped[Name]  # key in config/texts
    values: Mapped[SealedBytes]
    day: Mapped[date | None]  # the day key that seals it, where it belongs to no single candidate
    frozen: Mapped[SealedBytes | None]  # the message as rendered at the first try
    status: Mapped[Short]
    tries: Mapped[int]
    due_at: Mapped[datetime]
    created_at: Mapped[datetime]
    tried_at: Mapped[datetime | None]  # the first try
    sending_at: Mapped[datetime | None]  # the try under way
    accepted_at: Mapped[datetime | None]
    platform_id: Mapped[Long | None]
    card: Mapped[Long | None]  # handle for one change of a card
    leader_id: Mapped[Ref | None]  # it went out as part of this message: a window's five are a budget
    reason: Mapped[Long | None]  # why it failed, was skipped or waits; a code or a few words, never content


# As the indexes say it: of a bound value the planner would not know that it is the one they are for.
WAITS = OutboxRow.status == literal_column("'waiting'")
SENDS = OutboxRow.status == literal_column("'sending'")


class Incoming(Base):
    """A callback that was verified and is not yet handled, or was: its key swallows the repeats."""

    __tablename__ = "inbox"
    __table_args__ = (Index("ix_inbox_due", "status", "seq"),)

    seq: Mapped[Sequence]
    key: Mapped[Long] = mapped_column(unique=True)
    source: Mapped[Short]
    day: Mapped[date]
    body: Mapped[SealedBytes | None]
    received_at: Mapped[datetime]
    # What the database fills in need not be told: two thirds of the cost of a row are its values.
    status: Mapped[Short] = mapped_column(server_default="waiting")  # waiting, done, failed
    attempts: Mapped[int] = mapped_column(server_default="0")
    retry_at: Mapped[datetime | None]
    reason: Mapped[Long | None]


class Conversation(Base):
    """A person on one platform account, with its sending window."""

    __tablename__ = "conversations"
    __table_args__ = (
        UniqueConstraint("surface", "desk", "account"),
        Index("ix_conversations_of_candidate", "candidate_id"),
    )

    id: Mapped[Id]
    surface: Mapped[Short]
    desk: Mapped[Name]
    account: Mapped[Name]
    candidate_id: Mapped[Ref | None]
    bound_at: Mapped[datetime | None]
    heard_at: Mapped[datetime | None]  # the platform's time of the person's last message: the window counts from here
    used: Mapped[int]  # messages that the window has cost since then
    strangers_at: Mapped[datetime | None]  # when the one friendly sentence was last said
    asks: Mapped[int]  # for a code, within the hour that began at `asks_from`
    asks_from: Mapped[datetime | None]
    wrong_codes: Mapped[int] = mapped_column(server_default="0")  # of a link, within the hour from `wrong_from` on
    wrong_from: Mapped[datetime | None]
    dialog: Mapped[dict[str, Any] | None]  # what the next free text answers (codes and keys only, no words)


class HeldFile(Base):
    """A picture that came before consent: known by the platform's id, not fetched."""

    __tablename__ = "held_files"

    conversation_id: Mapped[str] = mapped_column(String(32), ForeignKey("conversations.id"), primary_key=True)
    file: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class Fetch(Base):
    """A file to be taken from a platform into the vault."""

    __tablename__ = "fetches"
    __table_args__ = (Index("ix_fetches_due", "status", "due_at"),)

    id: Mapped[Id]
    conversation_id: Mapped[Ref]
    candidate_id: Mapped[Ref]
    file: Mapped[dict[str, Any]]
    status: Mapped[Short]  # waiting, done, failed
    tries: Mapped[int]
    due_at: Mapped[datetime]


class Errand(Base):
    """What a member asked for and a worker carries out: a list to import, a file to export. Or what a member was
    before a change, for as long as it can be undone.
    """

    __tablename__ = "errands"
    __table_args__ = (Index("ix_errands_due", "status", "due_at"),)

    id: Mapped[Id]
    kind: Mapped[Short]  # import, export, member
    member_id: Mapped[Ref]
    conversation_id: Mapped[Ref | None]  # where it is answered; None: wherever the member is written to
    status: Mapped[Short]  # waiting, shown, confirmed; done, failed, cancelled, expired; kept
    day: Mapped[date]  # the day key that seals words and file
    words: Mapped[SealedBytes]
    file: Mapped[Name | None]  # a list's name in the vault
    counts: Mapped[dict[str, Any]]  # numbers: how far it has come
    tries: Mapped[int]
    due_at: Mapped[datetime]  # when a worker looks at it; of what was shown, when it expires
    created_at: Mapped[datetime]


class Parcel(Base):
    """A file on its way to somebody's chat: it lies sealed in the vault until then, for a day at most."""

    __tablename__ = "parcels"

    id: Mapped[Id]
    file: Mapped[Name]
    day: Mapped[date]  # the day key that seals it
    name: Mapped[SealedBytes]
    content_type: Mapped[Name]
    destroy_at: Mapped[datetime] = mapped_column(index=True)


class Cursor(Base):
    """How far an account's messages have been pulled."""

    __tablename__ = "cursors"

    surface: Mapped[Short] = mapped_column(primary_key=True)
    desk: Mapped[Name] = mapped_column(primary_key=True)
    cursor: Mapped[Name]
    started_at: Mapped[datetime]  # what is older counts for the window but is not answered


class Link(Base):
    """A random token in a link, found by its digest and readable only with the candidate's key."""

    __tablename__ = "links"
    __table_args__ = (UniqueConstraint("application_id", "stage", "visit", "kind"),)

    digest: Mapped[Digest] = mapped_column(primary_key=True)
    kind: Mapped[Short]  # invite (/i/ and /p/), chat (/c/), provider
    token: Mapped[SealedBytes]
    candidate_id: Mapped[Ref]
    application_id: Mapped[str] = mapped_column(String(32), ForeignKey("applications.id"))
    stage: Mapped[Short]
    visit: Mapped[int]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]


class ButtonRow(Base):
    """What a button does, and for whom: its key on the wire is opaque and useless to anybody else."""

    __tablename__ = "buttons"

    key: Mapped[Short] = mapped_column(primary_key=True)  # verb:random
    member_id: Mapped[Ref | None]
    candidate_id: Mapped[Ref | None]
    application_id: Mapped[Ref | None]
    stage: Mapped[Short]
    visit: Mapped[int]
    subject: Mapped[str] = mapped_column(String(255))  # id of the document or follow-up, start of the slot, a batch
    message_id: Mapped[Ref | None]
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Document(Base):
    """An uploaded document of a document stage; its pages lie in the vault, or nowhere (seen on paper)."""

    __tablename__ = "documents"
    __table_args__ = (
        Index("ix_documents_listed", "status", "uploaded_at"),
        Index("ix_documents_expiring", "status", "expires_on"),
    )

    id: Mapped[Id]
    application_id: Mapped[str] = mapped_column(String(32), ForeignKey("applications.id"), index=True)
    candidate_id: Mapped[Ref]
    stage: Mapped[Short]
    visit: Mapped[int]
    kind: Mapped[Short]  # health_certificate
    status: Mapped[Short]  # waiting, approved, rejected
    file: Mapped[Name | None]  # the first page, as a reviewer may see it
    name: Mapped[SealedBytes | None]
    content_type: Mapped[Short | None]
    uploaded_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[Name | None]
    reason: Mapped[SealedBytes | None]
    expires_on: Mapped[date | None]
    destroy_at: Mapped[datetime | None] = mapped_column(index=True)
    # All pages in order, each {"file": name in the vault, "type": content type, "masked": whether only the fields show}
    pages: Mapped[list[Any]] = mapped_column(default=list)
    read_status: Mapped[Short] = mapped_column(default="")  # waiting, done, failed; empty: nobody reads it
    read_due_at: Mapped[datetime | None] = mapped_column(index=True)  # when to read it; while it is read, when again
    read_tries: Mapped[int] = mapped_column(default=0)
    round: Mapped[int] = mapped_column(default=0)  # counts up with every page that was added or taken anew
    fields: Mapped[SealedBytes | None]  # what was read, as JSON
    fingerprint: Mapped[SealedBytes | None]  # of the picture; near pictures differ in few bits
    doubts: Mapped[list[str]] = mapped_column(default=list)
    retake: Mapped[bool] = mapped_column(default=False)  # a better picture was asked for
    fault: Mapped[Short] = mapped_column(default="")  # text key of what was wrong with the picture


class DocumentMark(Base):
    """A keyed hash by which the same certificate is found at another person: of its number, of parts of its picture."""

    __tablename__ = "document_marks"

    kind: Mapped[Short] = mapped_column(primary_key=True)  # number, band0 to band3
    digest: Mapped[Digest] = mapped_column(primary_key=True)
    document_id: Mapped[str] = mapped_column(String(32), ForeignKey("documents.id"), primary_key=True, index=True)
    candidate_id: Mapped[Ref] = mapped_column(index=True)


class DoomedFile(Base):
    """A file of the vault that nobody may keep: destroyed as soon as this is committed, after any crash too."""

    __tablename__ = "doomed_files"

    file: Mapped[Name] = mapped_column(primary_key=True)
    at: Mapped[datetime]


class Seat(Base):
    """A taken place in a slot: the primary key is what keeps two people off one chair."""

    __tablename__ = "seats"

    shop: Mapped[Name] = mapped_column(primary_key=True)
    start_at: Mapped[datetime] = mapped_column(primary_key=True)
    seat: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    application_id: Mapped[str] = mapped_column(String(32), ForeignKey("applications.id"), unique=True)


class Member(Base):
    """Somebody on the company's side."""

    __tablename__ = "members"

    id: Mapped[Id]
    name: Mapped[Short] = mapped_column(unique=True)
    role: Mapped[Short]  # recruiter, manager, admin
    shops: Mapped[list[str]]  # empty = all
    wecom: Mapped[Name | None] = mapped_column(unique=True)
    feishu: Mapped[Name | None] = mapped_column(unique=True)
    phone: Mapped[SealedBytes | None]
    locale: Mapped[Short | None]
    surface: Mapped[Short | None]  # where they last wrote
    created_at: Mapped[datetime]


class HrGroup(Base):
    """A group of HR's that was added while the bot ran; the configuration names others."""

    __tablename__ = "hr_groups"

    id: Mapped[Id]
    name: Mapped[Short] = mapped_column(unique=True)
    surface: Mapped[Short]
    account: Mapped[SealedBytes]  # a robot's address is its password
    shops: Mapped[list[str]]  # empty = what no other group takes
    created_at: Mapped[datetime]


class ApiToken(Base):
    """A program that may use the API. The token itself is not kept."""

    __tablename__ = "api_tokens"

    name: Mapped[Short] = mapped_column(primary_key=True)
    digest: Mapped[Digest] = mapped_column(unique=True)
    scope: Mapped[Short]  # read, write
    shops: Mapped[list[str]]  # empty = all
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class SignIn(Base):
    """A link by which a member signs in to the dashboard, once. The token itself is not kept."""

    __tablename__ = "sign_ins"

    digest: Mapped[Digest] = mapped_column(primary_key=True)
    member_id: Mapped[Ref]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


class Session(Base):
    """A member who is signed in to the dashboard in one browser. The token itself is not kept."""

    __tablename__ = "sessions"

    digest: Mapped[Digest] = mapped_column(primary_key=True)
    member_id: Mapped[Ref] = mapped_column(index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class GivenAnswer(Base):
    """What we answered to somebody who waits (API, card click): the same request again gets the same answer."""

    __tablename__ = "given_answers"

    key: Mapped[Digest] = mapped_column(primary_key=True)
    fingerprint: Mapped[Digest]
    status: Mapped[int]
    day: Mapped[date]
    body: Mapped[SealedBytes]
    at: Mapped[datetime] = mapped_column(index=True)


class Code(Base):
    """A one-time code on its way to a phone."""

    __tablename__ = "codes"
    __table_args__ = (Index("ix_codes_of_conversation", "conversation_id"),)

    id: Mapped[Id]
    conversation_id: Mapped[Ref]
    candidate_id: Mapped[Ref]
    digest: Mapped[Digest]
    created_at: Mapped[datetime] = mapped_column(index=True)
    expires_at: Mapped[datetime]
    tries: Mapped[int]


class LinkCode(Base):
    """A code that stands for a link into the chat, where a platform's own link cannot bring the token back."""

    __tablename__ = "link_codes"

    digest: Mapped[Digest] = mapped_column(primary_key=True)  # of the code
    link: Mapped[Digest]  # the link's digest
    created_at: Mapped[datetime] = mapped_column(index=True)
    expires_at: Mapped[datetime]


class RateChange(Base):
    """A batch in which something happened that a rate counts; only ever inserted by turns."""

    __tablename__ = "rate_changes"

    seq: Mapped[Sequence]
    batch_id: Mapped[Ref]
    invited_at: Mapped[datetime | None]


class Watch(Base):
    """One alert of one process over one batch: when to look next, and what was said last."""

    __tablename__ = "watches"
    __table_args__ = (Index("ix_watches_next_at", "next_at"),)

    batch_id: Mapped[str] = mapped_column(String(32), ForeignKey("batches.id"), primary_key=True)
    process_id: Mapped[Short] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # place in the process's alerts
    first_at: Mapped[datetime]  # the batch's first invite: steps are counted from here
    next_at: Mapped[datetime | None]
    alerting: Mapped[bool]
    told_rate: Mapped[float | None]  # at which the last alert was told
    level: Mapped[int]  # how often alerted: part of the message's promise


class Threshold(Base):
    """Where HR put a rate's threshold in chat, in place of the process file's, until that process is next applied."""

    __tablename__ = "thresholds"

    process_id: Mapped[Short] = mapped_column(primary_key=True)
    rate: Mapped[Short] = mapped_column(primary_key=True)
    at: Mapped[float]  # a fraction of 1
    before: Mapped[float | None]  # what stood here before; None: the process file's own
    changed_at: Mapped[datetime]


class Trail(Base):
    """The audit log: who looked at, decided or exported what. Appended only; ids and outcomes, no content."""

    __tablename__ = "trail"

    seq: Mapped[Sequence]
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[Name]
    action: Mapped[Short]
    subject: Mapped[Name]
    detail: Mapped[Long]
