"""The heart: `decide(application, signal, now)` says what follows. Pure and total: every signal at every state has an
answer, and most often the answer to a repeated, late or foreign signal is: nothing.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from recruiting.course import (
    BY_HAND_KINDS,
    EXPIRED,
    EXPIRING,
    MOVES_UP_AFTER,
    OVERDUE,
    Course,
    approved,
    gate,
    local_day,
    unmet,
)
from recruiting.history import reminder_key
from recruiting.ladder import first_rung, quiet_until
from recruiting.model import (
    OWN_ACTS,
    Action,
    Application,
    ApprovalRevoked,
    Asked,
    Audience,
    Booked,
    Clicked,
    Completed,
    Confirmed,
    ContactCorrected,
    Decided,
    DocumentDecided,
    EventType,
    Failed,
    FollowUpDone,
    FollowUpMoved,
    InviteTried,
    Joined,
    LeftCompany,
    Lost,
    MessageReport,
    Move,
    MoveFollowUp,
    NeedsPerson,
    Opened,
    OptedOut,
    PictureRead,
    Purpose,
    Rated,
    Replied,
    Signal,
    StaffImported,
    Started,
    Status,
    TimerDue,
    Unreachable,
    Uploaded,
    Whose,
    Withdrew,
)
from recruiting.process import Do, Fact, Nudge, Rung, Since, Stage, StageKind, words

CERTIFICATE_VALID = timedelta(days=365)  # without a date on the approval
ASK_AGAIN_AFTER = timedelta(hours=72)  # a rejected document that is not sent again
CALL_AGAIN_AFTER = timedelta(hours=2)  # of working time
CALLS_AGAIN = 3  # before somebody else is to try
CALL = "call"  # begins the name of the timer after which a follow-up is tried again
FOLLOW_UP_TIMERS = frozenset({CALL, OVERDUE})
MENDED = frozenset({"wrong_number", "unreachable"})  # what a corrected contact settles
AFTER_MEETING = timedelta(hours=1)
LOOK_AGAIN = timedelta(days=2)  # a settled follow-up whose stage still stands


def decide(application: Application, signal: Signal, now: datetime) -> list[Action]:
    """Say what follows from `signal`. Reads no clock, no database, no settings. `now`: aware, UTC."""
    course = Course(application, now, prompted=isinstance(signal, OWN_ACTS))
    match signal:
        case StaffImported():
            if not application.stage:
                _staff(course, signal)
        case Opened():
            if not application.stage:
                course.open(imported=signal.imported, actor=signal.actor)
        case _ if not application.stage:
            pass  # nothing can happen to what has not been opened
        case MessageReport():
            _reported(course, signal)
        case NeedsPerson():
            course.follow_up(signal.reason, note=signal.note)
        case Unreachable(_, stage, visit) if (stage, visit) == (application.stage, application.visit):
            course.follow_up("unreachable", note=signal.reason)  # also about the end: a person must tell it
        case FollowUpDone():
            _follow_up_done(course, signal)
        case FollowUpMoved():
            _moved_up(course, signal)
        case ContactCorrected():
            _corrected(course, signal.actor)
        case TimerDue(name, stage, visit) if name.partition(":")[0] in FOLLOW_UP_TIMERS:
            if (stage, visit) == (application.stage, application.visit):  # also after the end
                _follow_up_timer(course, name)
        case Completed() if application.completed_at is not None or not _interviewed(application, signal):
            _late_result(course, signal)
        case Rated():
            _rated(course, signal)
        case OptedOut():
            course.record(EventType.OPTED_OUT, actor="candidate")
            if application.open:
                _replied(course)
                course.follow_up("opted_out")
        case Joined():
            course.record(EventType.BOUND, {"surface": signal.surface}, actor="candidate")
            if application.open:
                _replied(course)
        case ApprovalRevoked():
            _revoked(course, signal)
        case _ if application.open:
            _while_open(course, signal)
        case _ if application.status is Status.HIRED and not application.gone:
            _after_hire(course, signal)
        case _:
            pass  # ended: nothing more to do
    return course.actions


def refusal(application: Application, signal: Decided | DocumentDecided, now: datetime) -> str | None:
    """Why a person's decision cannot be taken now, as a text key; None when it can."""
    if isinstance(signal, DocumentDecided) and document_stage(application) is not None:
        return _document_refusal(application, signal, now)
    if not application.open:
        return "refused.ended"
    if isinstance(signal, DocumentDecided):
        return "refused.decided"
    if signal.stage and signal.stage != application.stage:
        return "refused.other_stage"
    if signal.passed:
        return _gate_refusal(application, now)
    return None


def document_stage(application: Application) -> Stage | None:
    """Whose document can be sent and decided now: the present stage's; after hire that which must be renewed."""
    if application.open:
        return application.now_in if application.now_in.kind is StageKind.DOCUMENT else None
    if application.status is not Status.HIRED or application.gone:
        return None
    seen = application.visits.keys() | application.approvals.keys()
    documents = (stage for stage in application.process.stages if stage.kind is StageKind.DOCUMENT)
    return next((stage for stage in documents if stage.id in seen and stage.warn_before_expiry), None)


def still_wanted(application: Application, purpose: Purpose, stage: str, visit: int, cause: str) -> bool:
    """Whether a message that has waited still makes sense at the moment it could leave."""
    if purpose not in {Purpose.INVITE, Purpose.NUDGE}:
        return True
    if not _in_visit(application, stage, visit):
        return False
    kind, _, rest = cause.partition(":")
    if kind == "nudge":
        number = _nudge_number(application, rest)
        return number is not None and not _happened(application, application.now_in.nudges[number].unless)
    if kind == "meeting":
        return application.meeting is not None
    return application.completed_at is None and application.uploaded_at is None and application.meeting is None


# --- while the application is open ----------------------------------------------------------------------------------


def _while_open(course: Course, signal: Signal) -> None:
    application = course.application
    match signal:
        case InviteTried(stage, visit, at) if _in_visit(application, stage, visit):
            if application.since is None:
                course.begin(at)
        case TimerDue(name, stage, visit) if _in_visit(application, stage, visit):
            _timer(course, name)
        case Clicked(stage, visit) if _in_visit(application, stage, visit):
            if application.clicked_at is None:
                course.record(EventType.CLICKED, actor="candidate")
                _replied(course)
                course.wake_nudges(Since.CLICKED, course.now)
        case Started() if _interviewed(application, signal):
            if application.participated_at is None:
                course.record(EventType.STARTED, actor="provider")
        case Completed():
            course.record(EventType.COMPLETED, _result(signal), actor="provider")
            _judge(course, signal.scores)
        case Failed() if _interviewed(application, signal) and application.completed_at is None:
            course.record(EventType.FAILED, {"reason": signal.reason}, actor="provider")
            course.follow_up("interview_failed", note=signal.reason)
        case Uploaded() | PictureRead() | DocumentDecided():
            _about_document(course, signal)
        case Decided():
            _decided(course, signal)
        case Booked():
            _booked(course, signal.start)
        case Confirmed():
            if application.meeting is not None and application.confirmed_at is None:
                course.record(EventType.CONFIRMED, actor="candidate")
                _replied(course)
        case Replied():
            _replied(course)
        case Asked(actor):
            _remind_as_asked(course, f"asked:{application.nudges.get(application.stage, 0)}", actor)
        case Withdrew():
            course.end(Status.WITHDRAWN, actor=signal.actor, reason=signal.reason)
            course.say("withdrawn", "withdrawn", Purpose.ANSWER, courtesy=True)
        case _:
            pass  # of a visit that is over


_OUTCOMES = {
    "accepted": EventType.MESSAGE_ACCEPTED,
    "delivered": EventType.MESSAGE_DELIVERED,
    "failed": EventType.MESSAGE_FAILED,
}


def _reported(course: Course, report: MessageReport) -> None:
    """Note what became of a message; the first accepted invite makes the candidate invited."""
    application = course.application
    type = _OUTCOMES.get(report.outcome)
    if type is None:
        return
    data = {"message": report.message, "channel": report.channel, "cause": report.cause}
    about = (report.stage, report.visit)
    course.record(type, data | {"reason": report.reason} if report.reason else data, about=about)
    first = report.invite and report.outcome == "accepted" and application.invited_at is None
    if first and application.open and _in_visit(application, report.stage, report.visit):
        course.record(EventType.INVITE_SENT, {"channel": report.channel, "message": report.message})


def _replied(course: Course) -> None:
    if course.application.replied_at is None:
        course.record(EventType.REPLIED, actor="candidate")


def _follow_up_done(course: Course, done: FollowUpDone) -> None:
    application = course.application
    if not application.follow_up:
        return
    asked, causes = course.asked(), course.lasting(application.follow_up)
    calls_again = done.outcome == "no_answer" and application.unanswered < CALLS_AGAIN and bool(causes)
    course.settle(done.outcome, actor=done.actor, note=done.note, again=causes if calls_again else ())
    if calls_again:
        course.wake(f"{CALL}:{course.application.settled}", course.working(CALL_AGAIN_AFTER))
    elif done.outcome == "no_answer" and causes:
        course.follow_up(*_first("not_answered", causes), note=done.note, whose=Whose.NEXT)
    elif done.outcome == "hand_over":
        course.follow_up(*_first("handed_over", causes), note=done.note, whose=Whose.NEXT)
    elif done.outcome == "wrong_number" and (application.open or causes):
        course.follow_up(*_first("wrong_number", asked if application.open else causes), whose=Whose.SAME)
    elif application.open:  # nobody slips through: if the stage still stands then, it is looked at again
        course.wake(f"recheck:{course.application.settled}", course.now + LOOK_AGAIN)


def _first(cause: str, causes: Iterable[str]) -> list[str]:
    """What is new comes first; the other causes stay."""
    return list(dict.fromkeys([cause, *causes]))


def _follow_up_timer(course: Course, name: str) -> None:
    """It was to be tried again, or nobody has taken it in time. Of a follow-up that is settled: nothing."""
    application = course.application
    kind, _, rest = name.partition(":")
    if kind == CALL and rest == str(application.settled):
        course.follow_up()
    elif kind == OVERDUE and rest == f"{application.settled}:{application.moved}" and application.follow_up:
        further = [move for move in Move if move > application.moved]
        if further and (further[0] is not Move.URGENT or application.office.urges):
            due = course.working(MOVES_UP_AFTER)
            course.actions.append(MoveFollowUp(further[0], application.stage, application.visit, due))


def _moved_up(course: Course, moved: FollowUpMoved) -> None:
    """The follow-up has come to somebody else, who gets time for it too."""
    if course.application.follow_up and moved.move > course.application.moved:
        course.record(EventType.FOLLOW_UP_TAKEN, {"step": moved.move.value, "to": moved.to})
        course.wake_overdue(moved.move, course.working(MOVES_UP_AFTER))


def _corrected(course: Course, actor: str) -> None:
    """The contact was wrong and is mended: who could not be invited is invited again, down the ladder from its top."""
    application = course.application
    causes = {*application.follow_up, *application.calling}
    first = first_rung(application.process.ladder, None, application.person.reachable)
    if not causes & MENDED or application.person.opted_out or first in (None, Rung.FOLLOW_UP):
        return  # nothing was wrong, or there is still no way to them
    others = tuple(cause for cause in course.lasting(application.follow_up) if cause not in MENDED)
    if application.open and application.now_in.kind not in BY_HAND_KINDS and _untouched(application):
        course.restart(actor, "contact_corrected")
        return
    course.settle("corrected", actor=actor)
    if others:
        course.follow_up(*others, whose=Whose.SAME)
    elif application.open:
        course.wake(f"recheck:{course.application.settled}", course.now + LOOK_AGAIN)


def _untouched(application: Application) -> bool:
    """Whether the candidate has done nothing yet of what the stage asks for."""
    done = (application.participated_at, application.uploaded_at, application.meeting)
    return application.now_in.kind is not StageKind.REVIEW and all(moment is None for moment in done)


# --- results --------------------------------------------------------------------------------------------------------


def _result(signal: Completed) -> dict[str, object]:
    return {
        "scores": dict(signal.scores),
        "keywords": list(signal.keywords),
        "questions": list(signal.questions),
        "report_url": signal.report_url,
    }


def _interviewed(application: Application, signal: Started | Completed | Failed) -> bool:
    """Whether the provider speaks of the interview that is under way."""
    return _in_visit(application, signal.stage, signal.visit) and application.now_in.kind is StageKind.INTERVIEW


def _late_result(course: Course, result: Completed) -> None:
    """Somebody has decided already, or the result was there before: what is new in it is recorded only."""
    application = course.application
    over = application.completed_at is not None or result.stage in application.passed
    if not over or not result.scores.items() <= application.scores.items():
        about = (result.stage, result.visit)
        course.record(EventType.COMPLETED, _result(result) | {"late": True}, actor="provider", about=about)


def _judge(course: Course, scores: Mapping[str, float]) -> None:
    """Hold a result against the stage's rules, in order, then against its bar. Earlier results don't count."""
    stage = course.application.now_in
    for rule in stage.rules:
        if all(name in scores and bar.holds(scores[name]) for name, bar in rule.if_.items()):
            if rule.then == "reject":
                _reject(course, rule.reason, actor="rule")
            else:
                _ask_person(course, "hold", note=_in_words(course, rule.reason))
            return
    bars = stage.pass_ or {}
    measured = all(name in scores for name in bars)
    if measured and all(bar.holds(scores[name]) for name, bar in bars.items()):
        course.leave()
    elif measured and stage.on_fail == "reject":
        _reject(course, "not_passed", actor="rule")
    else:
        _ask_person(course, "review")  # also about a bar that nobody measured


def _ask_person(course: Course, cause: str, *, note: str = "") -> None:
    course.follow_up(cause, note=note)
    course.say("result.review", "result.review", Purpose.ANSWER, courtesy=True)


def _in_words(course: Course, reason: str | Mapping[str, str]) -> str:
    return reason if isinstance(reason, str) else words(reason, course.application.process.locale)


def _reject(course: Course, reason: object, *, actor: str) -> None:
    course.end(Status.REJECTED, actor=actor, reason=reason)
    course.say("rejected", "rejected", Purpose.ANSWER, reason=reason)


# --- documents ------------------------------------------------------------------------------------------------------


def _about_document(course: Course, signal: Uploaded | PictureRead | DocumentDecided) -> None:
    """A document came, was read or was decided, in its own stage: the present one, or after hire one long left."""
    stage = document_stage(course.application)
    if stage is None:
        return
    match signal:
        case Uploaded():
            _uploaded(course, signal, stage)
        case PictureRead():
            _read(course, signal, stage)
        case DocumentDecided():
            _document_decided(course, signal, stage)


def place_of(application: Application, stage: Stage) -> tuple[str, int]:
    """The stage and its latest visit."""
    return stage.id, application.visits.get(stage.id, 1)


def _uploaded(course: Course, uploaded: Uploaded, stage: Stage) -> None:
    application, document = course.application, uploaded.document
    if document in application.waiting:
        return
    about = place_of(application, stage)
    course.record(EventType.UPLOADED, {"document": document}, actor="candidate", about=about)
    if application.open:
        _replied(course)
        if not application.waiting:  # several pictures are waited for once
            course.wake_nudges(Since.UPLOADED, course.now, f"@{course.application.uploads}")
    text = "document.reading" if uploaded.to_read else "document.received"
    course.say(text, f"received:{document}", Purpose.ANSWER, courtesy=True, about=about)
    if not uploaded.to_read:
        _show_reviewer(course, document, f"review:{document}", about)


def _read(course: Course, read: PictureRead, stage: Stage) -> None:
    """The machine has looked: the person hears what it is worth, and a reviewer decides. It never rejects."""
    application, document = course.application, read.document
    if document not in application.waiting or read.round <= application.read.get(document, 0):
        return
    about = place_of(application, stage)
    data = {"document": document, "round": read.round, "doubts": list(read.doubts), "retake": read.retake}
    if read.lost is not None:
        data["lost"] = read.lost.value
    course.record(EventType.READ, data, about=about)
    if not read.tell:
        return
    cause = f"read:{document}:{read.round}"
    if read.lost is not None:
        course.say("document.lost", cause, Purpose.ANSWER, about=about, why={"$say": read.why})
        if read.lost is Lost.DOCUMENT and application.open:
            _wait_for_another(course, document)
        return
    if read.retake:  # must be heard, wherever they are
        course.say("document.retake", cause, Purpose.ANSWER, about=about, why={"$say": read.why})
    else:
        text = "document.read.look" if read.doubts else "document.read.fine"
        course.say(text, cause, Purpose.ANSWER, courtesy=True, about=about)
    _show_reviewer(course, document, f"review:{document}:{read.round}", about)


def _show_reviewer(course: Course, document: str, cause: str, about: tuple[str, int]) -> None:
    course.say("document.review", cause, Purpose.NOTICE, to=Audience.REVIEWERS, about=about, document=document)


def _valid_until(decision: DocumentDecided, application: Application, stage: Stage, now: datetime) -> date:
    without_date = max(CERTIFICATE_VALID, stage.valid_for)  # one tap on "approve" is always enough
    return decision.expires_on or local_day(application, now) + without_date


def _document_refusal(application: Application, decision: DocumentDecided, now: datetime) -> str | None:
    stage = document_stage(application)
    if stage is None:
        return "refused.decided"
    if not decision.seen_on_paper and decision.document not in application.waiting:
        return "refused.decided"
    needed = local_day(application, now) + stage.valid_for
    until = _valid_until(decision, application, stage, now)
    if decision.approve and until < needed:
        return "refused.expires_too_soon"
    known = not application.open and until == application.approvals.get(stage.id)
    if decision.approve and decision.seen_on_paper and known:
        return "refused.decided"  # the same paper, told twice
    return None


def _document_decided(course: Course, decision: DocumentDecided, stage: Stage) -> None:
    application = course.application
    if _document_refusal(application, decision, course.now) is not None:
        return
    about = place_of(application, stage)
    if decision.approve:
        day = _valid_until(decision, application, stage, course.now).isoformat()
        data = {"document": decision.document, "expires_on": day, "on_paper": decision.seen_on_paper}
        course.record(EventType.APPROVED, data, actor=decision.actor, about=about)
        text = "document.approved" if application.open else "document.renewed"
        cause = f"approved:{decision.document}"
        course.say(text, cause, Purpose.ANSWER, about=about, expires_on={"$day": day})
        if application.open:
            course.leave(actor=decision.actor)
        else:
            course.watch(stage)
    else:
        data = {"document": decision.document, "reason": decision.reason}
        course.record(EventType.DOCUMENT_REJECTED, data, actor=decision.actor, about=about)
        cause = f"rejected:{decision.document}"
        course.say("document.rejected", cause, Purpose.ANSWER, about=about, reason=decision.reason)
        if application.open:
            _wait_for_another(course, decision.document)


def _wait_for_another(course: Course, document: str) -> None:
    """Who does not send another one in time is called by a person."""
    course.wake(f"again:{course.application.uploads}:{document}", course.now + ASK_AGAIN_AFTER)


def revoke_refusal(application: Application, stage: str) -> str | None:
    """Why an approval cannot be taken back now, as a text key; None when it can."""
    if stage not in application.approvals or application.gone:
        return "refused.nothing_approved"
    return None if application.open or application.status is Status.HIRED else "refused.ended"


def _revoked(course: Course, revoked: ApprovalRevoked) -> None:
    """The approval does not hold any more: who is past its gate goes back to it, and both sides hear why."""
    application = course.application
    if revoke_refusal(application, revoked.stage) is not None:
        return
    stage = application.process.stage(revoked.stage)
    about = place_of(application, stage)
    course.record(EventType.REVOKED, {"reason": revoked.reason}, actor=revoked.actor, about=about)
    cause = f"revoked:{application.revoked}"  # after hire one visit may see several
    course.say("document.revoked", cause, Purpose.ANSWER, about=about, reason=revoked.reason)
    if not application.open:
        course.say("document.revoked.staff", f"staff:{cause}", Purpose.NOTICE, to=Audience.MANAGERS, about=about)
    elif stage.id in application.passed and stage.open_on(local_day(application, course.now)):
        course.go_back(stage, "revoked")


# --- after hire -----------------------------------------------------------------------------------------------------


def _staff(course: Course, staff: StaffImported) -> None:
    """Somebody who works here already: nothing is sent, only their certificate is watched."""
    stages = course.application.process.stages
    stage = next((stage for stage in stages if stage.kind is StageKind.DOCUMENT), None)
    if stage is None:
        return
    course.employ(stage, staff.actor)
    data = {"document": staff.document, "expires_on": staff.valid_until.isoformat(), "on_paper": True}
    course.record(EventType.APPROVED, data, actor=staff.actor)
    course.end(Status.HIRED, actor=staff.actor)
    course.watch(stage)


def _after_hire(course: Course, signal: Signal) -> None:
    match signal:
        case Uploaded() | PictureRead() | DocumentDecided():
            _about_document(course, signal)
        case LeftCompany():
            course.record(EventType.LEFT, actor=signal.actor)
        case TimerDue(name) if name.partition(":")[0] in {EXPIRING, EXPIRED}:
            _certificate_timer(course, name)
        case _:
            pass


def _certificate_timer(course: Course, name: str) -> None:
    """A hired person's certificate ends soon, or has ended: once a day at most, and not once it was renewed."""
    kind, stage_id, until, _ = name.split(":")
    application = course.application
    valid_until = application.approvals.get(stage_id)
    today = local_day(application, course.now)
    before = application.warned.get(stage_id, "")
    if valid_until is None or valid_until.isoformat() != until or before == today.isoformat():
        return
    stage = application.process.stage(stage_id)
    about = place_of(application, stage)
    over = valid_until < today
    if kind == EXPIRING and over:
        return  # late by an outage: what is daily says it
    course.record(EventType.EXPIRING, {"day": today.isoformat(), "until": until}, about=about)
    cause = f"certificate_{kind}:{today.isoformat()}"
    values: dict[str, Any] = {"expires_on": {"$day": until}, "days": (valid_until - today).days}
    if before <= until:  # that it is over, they hear once
        course.say(f"document.{kind}", cause, Purpose.NOTICE, about=about, **values)
    text = f"document.{kind}.staff"
    course.say(text, f"staff:{cause}", Purpose.NOTICE, to=Audience.MANAGERS, about=about, **values)
    if kind == EXPIRED:
        course.wake_daily(stage, valid_until)


# --- decisions and meetings -----------------------------------------------------------------------------------------


def _gate_refusal(application: Application, now: datetime) -> str | None:
    """A stage cannot be passed while a later one requires what is not there."""
    stage = application.now_in
    if gate(application, stage, now) and not approved(application, stage, now):
        return "refused.requires"
    if _closed_gate(application, now) is not None:
        return "refused.requires"
    return None


def _closed_gate(application: Application, now: datetime) -> Stage | None:
    """What a meeting requires and is no longer there on its day (without a booking: today)."""
    stage = application.now_in
    return unmet(application, stage, application.meeting or now) if stage.kind is StageKind.MEETING else None


def _decided(course: Course, decision: Decided) -> None:
    if refusal(course.application, decision, course.now) is not None:
        return
    if decision.passed:
        course.leave(actor=decision.actor, why="decided")
    else:
        _reject(course, decision.reason, actor=decision.actor)


def _booked(course: Course, start: datetime) -> None:
    application = course.application
    stage = application.now_in
    if stage.kind is not StageKind.MEETING or start <= course.now or start == application.meeting:
        return
    closed = unmet(application, stage, start)
    if closed is not None:
        course.go_back(closed, "requires")
        return
    if application.meeting is not None:
        course.visit_again("rebooked")
    course.record(EventType.BOOKED, {"start": start.isoformat()}, actor="candidate")
    _replied(course)
    course.wake_nudges(Since.BOOKED, course.now)
    for lead in stage.reminders:
        if start - lead > course.now:  # booked later than that: the booking itself reminds
            course.wake(f"meeting:{_minutes(lead)}", start - lead)
    length = stage.slots.each if stage.slots else timedelta(0)
    course.wake("meeting_over", start + length + AFTER_MEETING)
    course.say("meeting.booked", "booked", Purpose.ANSWER, start=start.isoformat())
    course.say("meeting.card", "meeting_card", Purpose.NOTICE, to=Audience.MANAGERS, start=start.isoformat())


def _rated(course: Course, rating: Rated) -> None:
    """An interviewer may rate after the decision too: it belongs to the latest meeting."""
    visits = course.application.visits
    met = [stage.id for stage in course.application.process.stages if stage.kind is StageKind.MEETING]
    for stage in reversed(met):
        if stage in visits:
            data = {"scores": dict(rating.scores), "note": rating.note}
            course.record(EventType.RATED, data, actor=rating.actor, about=(stage, visits[stage]))
            return


def _minutes(lead: timedelta) -> int:
    return int(lead.total_seconds() // 60)


# --- timers ---------------------------------------------------------------------------------------------------------


def _timer(course: Course, name: str) -> None:
    application = course.application
    kind, _, rest = name.partition(":")
    if kind != "left_process" and (closed := _closed_gate(application, course.now)) is not None:
        course.go_back(closed, "requires")
        return
    match kind:
        case "uninvited":
            if application.since is None and application.entered_at is not None:
                course.begin(application.entered_at)
        case "nudge":
            number = _nudge_number(application, rest)
            if number is not None:
                _nudge(course, name, number)
        case "deadline":
            _deadline(course)
        case "stalled":
            if not _kept(application):
                course.follow_up("stalled")
        case "recheck":
            if application.meeting is None or application.meeting <= course.now:
                course.follow_up("recheck")
        case "again":
            if application.uploaded_at is None and rest.startswith(f"{application.uploads}:"):
                course.follow_up("not_sent_again")
        case "asked":
            _remind_as_asked(course, name, "rule")
        case "meeting":
            _remind_of_meeting(course, name)
        case "meeting_over":
            course.follow_up("meeting_over")
        case "left_process":
            course.leave(why="left_process")
        case _:
            pass


def _happened(application: Application, fact: Fact) -> bool:
    """Whether what a nudge waits for has come about in this visit."""
    moments: Mapping[Fact, datetime | None] = {
        Fact.CLICKED: application.clicked_at or application.participated_at,
        Fact.PARTICIPATED: application.participated_at,
        Fact.REPLIED: application.replied_at or application.participated_at,
        Fact.UPLOADED: application.uploaded_at,
        Fact.BOOKED: application.meeting,
        Fact.DECIDED: application.decided_at,
    }
    return moments[fact] is not None


def _nudge_number(application: Application, name: str) -> int | None:
    """The nudge that a timer or message means: its place in the stage, perhaps with the upload it is about."""
    place = name.partition("@")[0]
    return int(place) if place.isdecimal() and int(place) < len(application.now_in.nudges) else None


def _nudge(course: Course, name: str, number: int) -> None:
    application, stage = course.application, course.application.now_in
    nudge = stage.nudges[number]
    if _happened(application, nudge.unless) or _of_earlier_upload(nudge, application, course.now):
        return
    if nudge.do is Do.FOLLOW_UP or stage.kind in BY_HAND_KINDS:  # it is not the candidate's turn
        course.follow_up(f"not_{nudge.unless.value}")
        return
    end = application.since + stage.deadline if application.since and stage.deadline else None
    if nudge.before_deadline is not None and end is not None and course.now >= end:
        course.record(EventType.NUDGE_SKIPPED, {"name": name, "limit": "deadline"})
        return
    rung = None if nudge.do is Do.REMIND else Rung(nudge.do.value)
    _remind(course, name, f"nudge.{stage.kind.value}", rung, {"nudge": number})


def _of_earlier_upload(nudge: Nudge, application: Application, now: datetime) -> bool:
    """Whether a nudge about an upload comes too soon, because that one was decided and another has come."""
    if nudge.since is not Since.UPLOADED or nudge.after is None:
        return False
    return application.uploaded_at is None or now < application.uploaded_at + nudge.after


def _remind_of_meeting(course: Course, name: str) -> None:
    application = course.application
    if application.meeting is None or application.meeting <= course.now:
        return
    _remind(course, name, "meeting.reminder", None, {"start": application.meeting.isoformat()})


def _remind_as_asked(course: Course, name: str, actor: str) -> None:
    """A member asked for it: the stage's reminder, if it is the candidate's turn at all."""
    application = course.application
    if waits_for_candidate(application):
        _remind(course, name, f"nudge.{application.now_in.kind.value}", None, {}, actor=actor)


def waits_for_candidate(application: Application) -> bool:
    """Whether the stage was opened for the candidate and nothing but their own act is missing."""
    if not application.open or application.since is None:
        return False
    match application.now_in.kind:
        case StageKind.INTERVIEW:
            return application.participated_at is None
        case StageKind.DOCUMENT:
            return application.uploaded_at is None
        case StageKind.MEETING:
            return application.meeting is None
        case _:
            return False


def _remind(
    course: Course, name: str, text: str, rung: Rung | None, values: dict[str, Any], *, actor: str = "rule"
) -> None:
    """A message that the bot starts by itself: never in quiet hours, never over the limits, never to nobody."""
    application = course.application
    process, person, stage = application.process, application.person, application.stage
    if reminder_key(stage, application.visit, name) in application.nudges:
        return
    target = first_rung(process.ladder, rung, person.reachable)
    if person.opted_out or target is None or target is Rung.FOLLOW_UP:
        course.follow_up("opted_out" if person.opted_out else "unreachable")
        return
    quiet_end = quiet_until(process.quiet_hours, target, course.now, application.timezone)
    if quiet_end is not None:
        course.wake(name, quiet_end)
        return
    for limit, count, most in (
        ("per_stage", application.nudges.get(stage, 0), process.limits.per_stage),
        ("per_day", person.sent_today, process.limits.per_day),
    ):
        if count >= most:
            course.record(EventType.NUDGE_SKIPPED, {"name": name, "limit": limit})
            return
    course.record(EventType.NUDGED, {"name": name, "rung": target.value}, actor=actor)
    course.say(text, name, Purpose.NUDGE, rung=target, **values)


def _kept(application: Application) -> bool:
    """Whether the candidate has done what the stage asked for, so that its end passes without a word."""
    return application.completed_at is not None or application.meeting is not None


def _deadline(course: Course) -> None:
    """Only who was invited and did nothing can expire; in all other cases a person looks."""
    application = course.application
    if _kept(application):
        return
    idle = application.participated_at is None and application.uploaded_at is None
    if application.now_in.on_missed == "expire" and application.invited_at is not None and idle:
        course.end(Status.EXPIRED)
        course.say("expired", "expired", Purpose.NOTICE)
    else:
        course.follow_up("deadline")


def _in_visit(application: Application, stage: str, visit: int) -> bool:
    return application.open and (stage, visit) == (application.stage, application.visit)
