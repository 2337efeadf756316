"""All tables on one page, each named after what a row of it is.

Time is aware UTC; a person's words and contacts are `Sealed` under that person's key.
"""

from enum import StrEnum

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    literal_column,
)

from storage.key_tables import DayKey, RootKey
from storage.types import METADATA, Json, Required, Sealed, UtcDateTime, an_id, counted, partial_index

__all__ = ["METADATA", "DayKey", "RootKey"]

ID = String(32)
SHORT = String(64)
NAME = String(128)
LONG = String(300)
DIGEST = String(64)


class Sending(StrEnum):
    """How far a message has come."""

    WAITING = "waiting"
    SENDING = "sending"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    FAILED = "failed"
    SKIPPED = "skipped"


# A process definition as it was applied. Applications keep the version with which they were opened.
ProcessVersion = Table(
    "process_versions",
    METADATA,
    Column("id", SHORT, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Required("current", Boolean),
    Required("body", Json),
    Required("applied_at", UtcDateTime),
)


# A person, with the key under which everything they said or sent is sealed. Erasing destroys `key`.
Candidate = Table(
    "candidates",
    METADATA,
    an_id(),
    Required("identity", DIGEST, unique=True),  # keyed hash of the phone, or of the e-mail without one
    Column("key", LargeBinary),
    Required("name", Sealed),
    Column("phone", Sealed),
    Column("email", Sealed),
    Required("locale", SHORT),
    Column("opted_out_at", UtcDateTime),
    Column("sms_failed_at", UtcDateTime),  # the number was refused for good: SMS is no rung any more
    Column("email_failed_at", UtcDateTime),
    Required("created_at", UtcDateTime),
)


# Keyed hashes by which a candidate can be found without reading anybody's name.
SearchTerm = Table(
    "search_terms",
    METADATA,
    Column("kind", SHORT, primary_key=True),  # phone, email, last_four, name, part
    Column("digest", DIGEST, primary_key=True),
    Column("candidate_id", ID, ForeignKey("candidates.id"), primary_key=True),
    # Half of what an import writes: the key alone finds people, and on SQLite it is the table itself.
    sqlite_with_rowid=False,
)


# What a person agreed to or refused, once a purpose, with the version of the text they saw.
Consent = Table(
    "consents",
    METADATA,
    Column("candidate_id", ID, ForeignKey("candidates.id"), primary_key=True),
    Column("purpose", SHORT, primary_key=True),
    Required("asked_at", UtcDateTime),
    Required("text_digest", DIGEST),
    Column("given_at", UtcDateTime),
    Column("declined_at", UtcDateTime),
    Column("withdrawn_at", UtcDateTime),
)


# A text that people were asked to agree to, word for word as it was shown. Its digest is its version.
ConsentText = Table(
    "consent_texts",
    METADATA,
    Column("digest", DIGEST, primary_key=True),
    Required("text", String(8000)),
    Required("locale", SHORT),
    Required("first_shown_at", UtcDateTime),
)


# Applications imported or opened together: the unit over which rates are counted.
Batch = Table(
    "batches",
    METADATA,
    an_id(),
    Required("name", NAME, unique=True),
    Required("created_at", UtcDateTime, index=True),
    Column("paused_at", UtcDateTime),  # since then the bot starts nothing by itself to its candidates
    Column("muted_until", UtcDateTime),  # until then its alerts are counted and not told
)


# Where a batch's interview takes place instead, since the address in its process died.
NewLink = Table(
    "new_links",
    METADATA,
    Column("batch_id", ID, ForeignKey("batches.id"), primary_key=True),
    Column("process_id", SHORT, primary_key=True),
    Column("stage", SHORT, primary_key=True),
    Required("link", String(2000)),
    Required("before", String(2000)),  # the one that held until `at`; empty: the process's own
    Required("at", UtcDateTime),
    Required("by", NAME),
)


# One candidate for one position at one shop in one batch; `state` is what its events add up to.
ApplicationRow = Table(
    "applications",
    METADATA,
    an_id(),
    Required("identity", DIGEST, unique=True),  # keyed hash of contact, position, shop and batch
    Required("candidate_id", ID, ForeignKey("candidates.id"), index=True),
    Required("batch_id", ID, ForeignKey("batches.id")),
    Required("process_id", SHORT),
    Required("process_version", Integer),
    Required("position", NAME),
    Required("shop", NAME),
    Column("owner_id", ID),  # the member whom the import named
    Required("status", SHORT),
    Required("stage", SHORT),
    Required("visit", Integer),
    Required("state", Json),
    Column("extra", Sealed),
    Required("created_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Index("ix_applications_listed", "created_at", "id"),
    Index("ix_applications_in_batch", "batch_id", "status", "stage"),
    Index("ix_applications_followed", "batch_id", "process_id", "process_version", "shop"),
)


# A fact, appended. Never changed, never deleted: a trigger refuses both.
EventRow = Table(
    "events",
    METADATA,
    counted("seq"),
    Required("id", ID, unique=True),
    Required("application_id", ID, ForeignKey("applications.id")),
    Required("type", SHORT),
    Required("at", UtcDateTime),
    Required("stage", SHORT),
    Required("visit", Integer),
    Required("actor", NAME),
    Required("data", Sealed),
    Index("ix_events_of_application", "application_id", "seq"),
)


# One entry into a stage, as the rates count it.
Visit = Table(
    "visits",
    METADATA,
    Column("application_id", ID, ForeignKey("applications.id"), primary_key=True),
    Column("stage", SHORT, primary_key=True),
    Column("visit", Integer, primary_key=True, autoincrement=False),
    Required("batch_id", ID),
    Required("process_id", SHORT),
    Required("shop", NAME),
    Column("channel", SHORT),
    Required("entered_at", UtcDateTime),
    Column("invited_at", UtcDateTime),
    Column("participated_at", UtcDateTime),
    Column("replied_at", UtcDateTime),
    Column("uploaded_at", UtcDateTime),  # a document waits or is approved
    Column("left_at", UtcDateTime),
    Required("ended", Boolean, default=False),  # left because the application ended
    Index("ix_visits_counted", "batch_id", "stage", "invited_at"),
)


# A moment that is due once. Deleted by the transaction that acts on it, so it acts once.
TimerRow = Table(
    "timers",
    METADATA,
    counted("id"),
    Required("application_id", ID, ForeignKey("applications.id")),
    Required("stage", SHORT),
    Required("visit", Integer),
    Required("name", NAME),
    Required("due_at", UtcDateTime, index=True),
    UniqueConstraint("application_id", "stage", "visit", "name"),
)


# A task for a person in HR. At most one is open for an application and stage; further causes join it.
FollowUpRow = Table(
    "follow_ups",
    METADATA,
    an_id(),
    Required("application_id", ID, ForeignKey("applications.id")),
    Required("candidate_id", ID),
    Required("shop", NAME),
    Required("stage", SHORT),
    Required("visit", Integer),
    Required("causes", Json),
    Column("note", Sealed),
    Column("owner_id", ID, index=True),
    Required("had", Json),  # members who had it before and handed it on, or did not take it
    Required("status", SHORT),  # open, done
    Required("opened_at", UtcDateTime),
    Column("contact_from", UtcDateTime),  # since when nobody has talked to the candidate about it; None: somebody has
    Required("due_at", UtcDateTime),
    Column("outcome", SHORT),
    Column("done_at", UtcDateTime),
    Column("done_by", NAME),
    partial_index("ix_follow_ups_one_open", "application_id", "stage", unique=True, where="status = 'open'"),
    Index("ix_follow_ups_listed", "status", "opened_at"),
    # Whose they are and where stands in it too: what is open is counted from it alone.
    Index("ix_follow_ups_due", "status", "due_at", "id", "owner_id", "shop"),
    Index("ix_follow_ups_of_application", "application_id"),
)


# A message that we owe somebody on one rung. It ends accepted, failed or skipped, and stays for the audit.
OutboxRow = Table(
    "outbox",
    METADATA,
    an_id(),  # also the idempotency id on the wire: the same over all retries
    Required("promise", LONG),  # e.g. 4f9c/ai_interview.1/nudge:0; on one rung it is kept once
    Required("rung", SHORT),  # chat, sms, email for candidates; member or group for HR
    Required("start", SHORT),  # the rung it was meant to start on; empty = the ladder's top
    Required("purpose", SHORT),
    Column("candidate_id", ID),
    Column("application_id", ID),
    Column("member_id", ID),
    Column("surface", SHORT),  # where an answer goes that belongs to one conversation
    Column("conversation_id", ID),
    Required("stage", SHORT),
    Required("visit", Integer),
    Required("prompted", Boolean),  # follows from the person's own act: no quiet hours
    Required("text", NAME),  # key in config/texts
    Required("values", Sealed),
    Column("day", Date),  # the day key that seals it, where it belongs to no single candidate
    Column("frozen", Sealed),  # the message as rendered at the first try
    Required("status", SHORT),
    Required("tries", Integer),
    Required("due_at", UtcDateTime),
    Required("created_at", UtcDateTime),
    Column("tried_at", UtcDateTime),  # the first try
    Column("sending_at", UtcDateTime),  # the try under way
    Column("accepted_at", UtcDateTime),
    Column("platform_id", LONG),
    Column("card", LONG),  # handle for one change of a card
    Column("leader_id", ID),  # it went out as part of this message: a window's five are a budget
    Column("reason", LONG),  # why it failed, was skipped or waits; a code or a few words, never content
    UniqueConstraint("promise", "rung"),
    # What waits comes out in its order without sorting: a whole batch may be due at one moment.
    partial_index("ix_outbox_due", "due_at", "created_at", where="status = 'waiting'"),
    partial_index("ix_outbox_sending", "sending_at", where="status = 'sending'"),
    Index("ix_outbox_of_application", "application_id"),
    Index("ix_outbox_platform_id", "platform_id"),
    # What a person got today is counted whenever one of their applications is read.
    partial_index("ix_outbox_nudges", "candidate_id", "created_at", where="purpose = 'nudge'"),
    partial_index("ix_outbox_led", "leader_id", where="leader_id IS NOT NULL"),
)


# As the indexes say it: of a bound value the planner would not know that it is the one they are for.
WAITS = OutboxRow.c.status == literal_column("'waiting'")
SENDS = OutboxRow.c.status == literal_column("'sending'")


# A callback that was verified and is not yet handled, or was: its key swallows the repeats.
Incoming = Table(
    "inbox",
    METADATA,
    counted("seq"),
    Required("key", LONG, unique=True),
    Required("source", SHORT),
    Required("day", Date),
    Column("body", Sealed),
    Required("received_at", UtcDateTime),
    # What the database fills in need not be told: two thirds of the cost of a row are its values.
    Required("status", SHORT, server_default="waiting"),  # waiting, done, failed
    Required("attempts", Integer, server_default="0"),
    Column("retry_at", UtcDateTime),
    Column("reason", LONG),
    Index("ix_inbox_due", "status", "seq"),
)


# A person on one platform account, with its sending window.
Conversation = Table(
    "conversations",
    METADATA,
    an_id(),
    Required("surface", SHORT),
    Required("desk", NAME),
    Required("account", NAME),
    Column("candidate_id", ID),
    Column("bound_at", UtcDateTime),
    Column("heard_at", UtcDateTime),  # the platform's time of the person's last message: the window counts from here
    Required("used", Integer),  # messages that the window has cost since then
    Column("strangers_at", UtcDateTime),  # when the one friendly sentence was last said
    Required("asks", Integer),  # for a code, within the hour that began at `asks_from`
    Column("asks_from", UtcDateTime),
    Required("wrong_codes", Integer, server_default="0"),  # of a link, within the hour from `wrong_from` on
    Column("wrong_from", UtcDateTime),
    Column("dialog", Json),  # what the next free text answers (codes and keys only, no words)
    UniqueConstraint("surface", "desk", "account"),
    Index("ix_conversations_of_candidate", "candidate_id"),
)


# A picture that came before consent: known by the platform's id, not fetched.
HeldFile = Table(
    "held_files",
    METADATA,
    Column("conversation_id", ID, ForeignKey("conversations.id"), primary_key=True),
    Required("file", Json),
    Required("at", UtcDateTime),
)


# A file to be taken from a platform into the vault.
Fetch = Table(
    "fetches",
    METADATA,
    an_id(),
    Required("conversation_id", ID),
    Required("candidate_id", ID),
    Required("file", Json),
    Required("status", SHORT),  # waiting, done, failed
    Required("tries", Integer),
    Required("due_at", UtcDateTime),
    Index("ix_fetches_due", "status", "due_at"),
)


# What a member asked for and a worker carries out: a list to import, a file to export. Or what a member was
# before a change, for as long as it can be undone.
Errand = Table(
    "errands",
    METADATA,
    an_id(),
    Required("kind", SHORT),  # import, export, member
    Required("member_id", ID),
    Column("conversation_id", ID),  # where it is answered; None: wherever the member is written to
    Required("status", SHORT),  # waiting, shown, confirmed; done, failed, cancelled, expired; kept
    Required("day", Date),  # the day key that seals words and file
    Required("words", Sealed),
    Column("file", NAME),  # a list's name in the vault
    Required("counts", Json),  # numbers: how far it has come
    Required("tries", Integer),
    Required("due_at", UtcDateTime),  # when a worker looks at it; of what was shown, when it expires
    Required("created_at", UtcDateTime),
    Index("ix_errands_due", "status", "due_at"),
)


# A file on its way to somebody's chat: it lies sealed in the vault until then, for a day at most.
Parcel = Table(
    "parcels",
    METADATA,
    an_id(),
    Required("file", NAME),
    Required("day", Date),  # the day key that seals it
    Required("name", Sealed),
    Required("content_type", NAME),
    Required("destroy_at", UtcDateTime, index=True),
)


# How far an account's messages have been pulled.
Cursor = Table(
    "cursors",
    METADATA,
    Column("surface", SHORT, primary_key=True),
    Column("desk", NAME, primary_key=True),
    Required("cursor", NAME),
    Required("started_at", UtcDateTime),  # what is older counts for the window but is not answered
)


# A random token in a link, found by its digest and readable only with the candidate's key.
Link = Table(
    "links",
    METADATA,
    Column("digest", DIGEST, primary_key=True),
    Required("kind", SHORT),  # invite (/i/ and /p/), chat (/c/), provider
    Required("token", Sealed),
    Required("candidate_id", ID),
    Required("application_id", ID, ForeignKey("applications.id")),
    Required("stage", SHORT),
    Required("visit", Integer),
    Required("created_at", UtcDateTime),
    Column("expires_at", UtcDateTime),
    UniqueConstraint("application_id", "stage", "visit", "kind"),
)


# What a button does, and for whom: its key on the wire is opaque and useless to anybody else.
ButtonRow = Table(
    "buttons",
    METADATA,
    Column("key", SHORT, primary_key=True),  # verb:random
    Column("member_id", ID),
    Column("candidate_id", ID),
    Column("application_id", ID),
    Required("stage", SHORT),
    Required("visit", Integer),
    Required("subject", String(255)),  # id of the document or follow-up, start of the slot, a batch
    Column("message_id", ID),
    Required("created_at", UtcDateTime),
    Column("used_at", UtcDateTime),
)


# An uploaded document of a document stage; its pages lie in the vault, or nowhere (seen on paper).
Document = Table(
    "documents",
    METADATA,
    an_id(),
    Required("application_id", ID, ForeignKey("applications.id"), index=True),
    Required("candidate_id", ID),
    Required("stage", SHORT),
    Required("visit", Integer),
    Required("kind", SHORT),  # health_certificate
    Required("status", SHORT),  # waiting, approved, rejected
    Column("file", NAME),  # the first page, as a reviewer may see it
    Column("name", Sealed),
    Column("content_type", SHORT),
    Required("uploaded_at", UtcDateTime),
    Column("decided_at", UtcDateTime),
    Column("decided_by", NAME),
    Column("reason", Sealed),
    Column("expires_on", Date),
    Column("destroy_at", UtcDateTime, index=True),
    # All pages in order, each {"file": name in the vault, "type": content type, "masked": whether only the fields show}
    Required("pages", Json, default=list),
    Required("read_status", SHORT, default=""),  # waiting, done, failed; empty: nobody reads it
    Column("read_due_at", UtcDateTime, index=True),  # when to read it; while it is read, when again
    Required("read_tries", Integer, default=0),
    Required("round", Integer, default=0),  # counts up with every page that was added or taken anew
    Column("fields", Sealed),  # what was read, as JSON
    Column("fingerprint", Sealed),  # of the picture; near pictures differ in few bits
    Required("doubts", Json, default=list),
    Required("retake", Boolean, default=False),  # a better picture was asked for
    Required("fault", SHORT, default=""),  # text key of what was wrong with the picture
    Index("ix_documents_listed", "status", "uploaded_at"),
    Index("ix_documents_expiring", "status", "expires_on"),
)


# A keyed hash by which the same certificate is found at another person: of its number, of parts of its picture.
DocumentMark = Table(
    "document_marks",
    METADATA,
    Column("kind", SHORT, primary_key=True),  # number, band0 to band3
    Column("digest", DIGEST, primary_key=True),
    Column("document_id", ID, ForeignKey("documents.id"), primary_key=True, index=True),
    Required("candidate_id", ID, index=True),
)


# A file of the vault that nobody may keep: destroyed as soon as this is committed, after any crash too.
DoomedFile = Table(
    "doomed_files",
    METADATA,
    Column("file", NAME, primary_key=True),
    Required("at", UtcDateTime),
)


# A taken place in a slot: the primary key is what keeps two people off one chair.
Seat = Table(
    "seats",
    METADATA,
    Column("shop", NAME, primary_key=True),
    Column("start_at", UtcDateTime, primary_key=True),
    Column("seat", Integer, primary_key=True, autoincrement=False),
    Required("application_id", ID, ForeignKey("applications.id"), unique=True),
)


# Somebody on the company's side.
Member = Table(
    "members",
    METADATA,
    an_id(),
    Required("name", SHORT, unique=True),
    Required("role", SHORT),  # recruiter, manager, admin
    Required("shops", Json),  # empty = all
    Column("wecom", NAME, unique=True),
    Column("feishu", NAME, unique=True),
    Column("phone", Sealed),
    Column("locale", SHORT),
    Column("surface", SHORT),  # where they last wrote
    Required("created_at", UtcDateTime),
)


# A group of HR's that was added while the bot ran; the configuration names others.
HrGroup = Table(
    "hr_groups",
    METADATA,
    an_id(),
    Required("name", SHORT, unique=True),
    Required("surface", SHORT),
    Required("account", Sealed),  # a robot's address is its password
    Required("shops", Json),  # empty = what no other group takes
    Required("created_at", UtcDateTime),
)


# A program that may use the API. The token itself is not kept.
ApiToken = Table(
    "api_tokens",
    METADATA,
    Column("name", SHORT, primary_key=True),
    Required("digest", DIGEST, unique=True),
    Required("scope", SHORT),  # read, write
    Required("shops", Json),  # empty = all
    Required("created_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
)


# A link by which a member signs in to the dashboard, once. The token itself is not kept.
SignIn = Table(
    "sign_ins",
    METADATA,
    Column("digest", DIGEST, primary_key=True),
    Required("member_id", ID),
    Required("created_at", UtcDateTime),
    Required("expires_at", UtcDateTime, index=True),
    Column("used_at", UtcDateTime),
)


# A member who is signed in to the dashboard in one browser. The token itself is not kept.
Session = Table(
    "sessions",
    METADATA,
    Column("digest", DIGEST, primary_key=True),
    Required("member_id", ID, index=True),
    Required("created_at", UtcDateTime),
    Required("expires_at", UtcDateTime, index=True),
)


# What we answered to somebody who waits (API, card click): the same request again gets the same answer.
GivenAnswer = Table(
    "given_answers",
    METADATA,
    Column("key", DIGEST, primary_key=True),
    Required("fingerprint", DIGEST),
    Required("status", Integer),
    Required("day", Date),
    Required("body", Sealed),
    Required("at", UtcDateTime, index=True),
)


# A one-time code on its way to a phone.
Code = Table(
    "codes",
    METADATA,
    an_id(),
    Required("conversation_id", ID),
    Required("candidate_id", ID),
    Required("digest", DIGEST),
    Required("created_at", UtcDateTime, index=True),
    Required("expires_at", UtcDateTime),
    Required("tries", Integer),
    Index("ix_codes_of_conversation", "conversation_id"),
)


# A code that stands for a link into the chat, where a platform's own link cannot bring the token back.
LinkCode = Table(
    "link_codes",
    METADATA,
    Column("digest", DIGEST, primary_key=True),  # of the code
    Required("link", DIGEST),  # the link's digest
    Required("created_at", UtcDateTime, index=True),
    Required("expires_at", UtcDateTime),
)


# A batch in which something happened that a rate counts; only ever inserted by turns.
RateChange = Table(
    "rate_changes",
    METADATA,
    counted("seq"),
    Required("batch_id", ID),
    Column("invited_at", UtcDateTime),
)


# One alert of one process over one batch: when to look next, and what was said last.
Watch = Table(
    "watches",
    METADATA,
    Column("batch_id", ID, ForeignKey("batches.id"), primary_key=True),
    Column("process_id", SHORT, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # place in the process's alerts
    Required("first_at", UtcDateTime),  # the batch's first invite: steps are counted from here
    Column("next_at", UtcDateTime),
    Required("alerting", Boolean),
    Column("told_rate", Double),  # at which the last alert was told
    Required("level", Integer),  # how often alerted: part of the message's promise
    Index("ix_watches_next_at", "next_at"),
)


# Where HR put a rate's threshold in chat, in place of the process file's, until that process is next applied.
Threshold = Table(
    "thresholds",
    METADATA,
    Column("process_id", SHORT, primary_key=True),
    Column("rate", SHORT, primary_key=True),
    Required("at", Double),  # a fraction of 1
    Column("before", Double),  # what stood here before; None: the process file's own
    Required("changed_at", UtcDateTime),
)


# The audit log: who looked at, decided or exported what. Appended only; ids and outcomes, no content.
Trail = Table(
    "trail",
    METADATA,
    counted("seq"),
    Required("at", UtcDateTime, index=True),
    Required("actor", NAME),
    Required("action", SHORT),
    Required("subject", NAME),
    Required("detail", LONG),
)
