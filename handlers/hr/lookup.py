"""/help and /status."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from handlers.hr.history import WHY
from handlers.hr.scope import COMMANDS, MATCHES, actor, commands_of, may_decide, one_person, tell
from handlers.routing import Offer, Routes, Turn, Values
from recruiting.decide import waits_for_candidate
from recruiting.model import Status
from recruiting.process import StageKind
from recruiting.status import where
from storage import reports, trail, whole_way
from storage.applications import Loaded

routes = Routes()


@routes.command("help", COMMANDS["help"])
async def tell_commands(turn: Turn) -> None:
    """All that this member can ask for."""
    assert turn.member is not None
    lines: list[tuple[str, Values]] = [
        (
            "command.help.line",
            {"usage": {"$say": f"command.usage.{name}"}, "does": {"$say": f"command.does.{name}"}},
        )
        for name in commands_of(turn.member)
    ]
    turn.reply("command.help.head", lines=lines)


@routes.command("status", COMMANDS["status"])
async def tell_status(turn: Turn) -> None:
    """The whole way of somebody, what is next and what can be done, for each application in the member's shops."""
    found = (await one_person(turn, "status"))[:MATCHES]
    coming = await reports.next_of(turn.unit, found)
    entered = await whole_way.entered(turn.unit, [loaded.id for loaded in found])
    for loaded in found:
        _tell(turn, loaded, coming.get(loaded.id), entered.get(loaded.id, {}))
        trail.note(turn.unit, actor(turn), "status", loaded.id)


def _tell(turn: Turn, loaded: Loaded, coming: reports.Next | None, entered: Mapping[str, datetime]) -> None:
    application = loaded.application
    values: dict[str, Any] = {"batch": loaded.batch, "status": {"$say": f"statuses.{application.status.value}"}}
    lines = _way(turn, loaded, entered)
    if application.scores:
        scores = "、".join(f"{name} {score:g}" for name, score in application.scores.items())
        lines.append(("command.status.scores", {"scores": scores}))
    if application.open:
        lines.append(("command.status.next", {"next": _next(coming)}))
        tell(turn, loaded, "command.status", lines=lines, offers=_offers(turn, loaded), **values)
    else:
        since = application.ended_at or loaded.created_at
        why = Offer("buttons.why", "confirm", WHY, loaded.id)
        tell(turn, loaded, "command.status.ended", lines=lines, offers=[why], since=_when(since), **values)


def _way(turn: Turn, loaded: Loaded, entered: Mapping[str, datetime]) -> list[tuple[str, Values]]:
    """Every stage of the process: behind them, present, or still to come."""
    application = loaded.application
    lines: list[tuple[str, Values]] = []
    for stage in application.process.stages:
        values: dict[str, Any] = {"stage": {"$stage": [loaded.id, stage.id]}}
        since = entered.get(stage.id)
        if stage.id == application.stage and application.status is not Status.HIRED:
            todo = where(application, turn.now).todo
            values["what"] = {"$say": f"command.status.todo.{todo.value}"}
            lines.append(("command.status.present", values | {"since": _when(since or loaded.created_at)}))
        elif stage.id in application.passed and since is not None:
            lines.append(("command.status.passed", values | {"since": _when(since)}))
        elif stage.id in application.passed:
            lines.append(("command.status.skipped", values))
        else:
            lines.append(("command.status.ahead", values))
    return lines


def _offers(turn: Turn, loaded: Loaded) -> list[Offer]:
    """What this member can do now: decide where a decision is waited for, remind where the candidate is."""
    assert turn.member is not None
    offers = []
    if _is_to_decide(loaded) and may_decide(turn.member, loaded):
        offers.append(Offer("buttons.pass", "pass", "", loaded.id, "primary"))
        offers.append(Offer("buttons.reject", "reject", "", loaded.id, "danger"))
    if waits_for_candidate(loaded.application):
        offers.append(Offer("buttons.remind_now", "remind", "", loaded.id))
    offers.append(Offer("buttons.why", "confirm", WHY, loaded.id))
    offers.append(Offer("buttons.view_phone", "view", "phone", loaded.id))
    return offers


def _is_to_decide(loaded: Loaded) -> bool:
    application = loaded.application
    match application.now_in.kind:
        case StageKind.REVIEW:
            return True
        case StageKind.MEETING:
            return application.meeting is not None
        case StageKind.INTERVIEW | StageKind.QUESTIONNAIRE:
            return application.completed_at is not None
        case _:
            return False


def _when(moment: datetime) -> Mapping[str, str]:
    return {"$when": moment.isoformat()}


def _next(coming: reports.Next | None) -> Mapping[str, Any]:
    if coming is None:
        return {"$say": "next.none"}
    values: dict[str, Any] = {"due": {"$when": coming.due.isoformat()}}
    if coming.what == "follow_up":
        values["owner"] = coming.owner or {"$say": "owner.none"}
    return {"$say": f"next.{coming.what}", "values": values}
