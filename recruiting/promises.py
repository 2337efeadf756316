"""What is wrong with this application? Nobody slips through, and `bulou audit` proves it with these rules."""

from collections.abc import Collection, Iterator

from recruiting.course import OUTLIVES_END, OVERDUE, RULES_OWN
from recruiting.model import Application, Status
from recruiting.process import Stage, StageKind

Timer = tuple[str, str, int]  # name, stage, visit


def violations(
    application: Application, timers: Collection[Timer], follow_up_open_stages: Collection[str]
) -> list[str]:
    """Name everything about one application that must never be.

    Args:
        application: As its history adds up.
        timers: Name, stage and visit of each timer that is set.
        follow_up_open_stages: The stage of each open follow-up.
    """
    if not application.stage:
        return ["was never opened: nothing will happen"]
    if application.stage not in {stage.id for stage in application.process.stages}:
        return [f"stands in stage {application.stage}, which its process does not have"]
    found = [*_about_follow_ups(application, follow_up_open_stages), *_about_stage(application)]
    if application.open:
        found += [*_about_next(application, timers, follow_up_open_stages), *_about_gates(application)]
    else:
        found += _about_end(application)
    return found


def _about_next(application: Application, timers: Collection[Timer], follow_ups: Collection[str]) -> Iterator[str]:
    """Every open application has what happens next."""
    here = (application.stage, application.visit)
    ours = [name for name, *place in timers if tuple(place) == here and name.partition(":")[0] != OVERDUE]
    if application.stage not in follow_ups and not ours:
        yield f"nothing happens next in {application.stage}: no timer of visit {application.visit}, no open follow-up"


def _about_follow_ups(application: Application, follow_ups: Collection[str]) -> Iterator[str]:
    """What HR sees and what the history says are the same."""
    if application.follow_up and application.stage not in follow_ups:
        yield f"the follow-up about {', '.join(application.follow_up)} is missing"
    if not application.follow_up and application.stage in follow_ups:
        yield f"a follow-up of {application.stage} is open, but its history says that it is settled"
    for stage in sorted(set(follow_ups) - {application.stage}):
        yield f"a follow-up of {stage} is open, but the application has left that stage"
    if len(follow_ups) > len(set(follow_ups)):
        yield "more than one follow-up is open for one stage"


def _about_stage(application: Application) -> Iterator[str]:
    """What is known of the present visit can have happened in it."""
    stage = application.now_in
    if application.visit < 1 or application.visits.get(application.stage) != application.visit:
        yield f"visit {application.visit} of {application.stage} is not its latest"
    if application.meeting is not None and stage.kind is not StageKind.MEETING:
        yield f"a slot is booked in {application.stage}, which is no meeting"
    renews = application.status is Status.HIRED  # a certificate that ends after hire
    if application.waiting and stage.kind is not StageKind.DOCUMENT and not renews:
        yield f"a document waits in {application.stage}, which asks for none"


def _about_gates(application: Application) -> Iterator[str]:
    """No stage is entered without what it requires, nor by jumping over another."""
    stage, process = application.now_in, application.process
    if application.ended_at is not None:
        yield "is open, but has ended before"
    if application.stage in application.passed:
        yield f"stands in {application.stage}, but has passed it"
    for required in map(process.stage, stage.requires):
        yield from _about_gate(application, required)
    for earlier in process.stages[: process.index(stage.id)]:
        missing = earlier.id not in application.passed and earlier.id not in stage.requires
        if missing and earlier.optional_until is None:
            yield f"is in {stage.id} without having passed {earlier.id}"


def _about_gate(application: Application, required: Stage) -> Iterator[str]:
    if required.optional_until is not None:
        return  # a temporary stage: once it is gone, nobody is held to it
    if required.id not in application.passed:
        yield f"entered {application.stage} without having passed {required.id}"
    if required.kind is StageKind.DOCUMENT and required.id not in application.approvals:
        yield f"entered {application.stage} without an approved document from {required.id}"


def _about_end(application: Application) -> Iterator[str]:
    """What has ended keeps nobody in HR busy, unless a person asked for one or must be told."""
    if application.ended_at is None:
        yield f"is {application.status}, but has no end"
    if application.status is Status.HIRED and application.stage not in application.passed:
        yield f"is hired without having passed {application.stage}"
    if application.follow_up and set(application.follow_up) <= RULES_OWN - OUTLIVES_END:
        yield f"has ended, but a follow-up about {', '.join(application.follow_up)} is open"
