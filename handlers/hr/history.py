"""/why: which rule sent what, by which channel, and what became of it."""

from typing import Any

from handlers.hr.scope import COMMANDS, actor, one_person, tapped, tell, who
from handlers.routing import Offer, Routes, Turn, Values
from recruiting.decide import waits_for_candidate
from storage import trail, why
from storage.applications import Loaded
from storage.why import Told

routes = Routes()

WHY = "why"  # what a card's button is about
LINES = 12
APPLICATIONS = 2  # of one person
_MINUTE = 60

# Causes of the rules whose name alone says what it was.
_PLAIN = frozenset({"invite", "booked", "received", "approved", "rejected", "hired", "expired", "withdrawn"})
_WAITING = frozenset({"quiet_hours", "paused", "rate"})
_BECAUSE = frozenset(
    {
        "interrupted",
        "no_channel",
        "no_contact",
        "no_conversation",
        "no_longer_needed",
        "not_set_up",
        "not_written",
        "opted_out",
        "overtaken",
        "too_late",
        "unexpected",
        "window",
    }
)


@routes.command("why", COMMANDS["why"])
async def tell_why(turn: Turn) -> None:
    """Everything that a candidate was sent or spared, each with its rule, its channel and its end."""
    for loaded in (await one_person(turn, "why"))[:APPLICATIONS]:
        await _tell(turn, loaded)
        trail.note(turn.unit, actor(turn), "why", loaded.id)


async def why_tapped(turn: Turn) -> None:
    """The same, from a card about the candidate."""
    loaded = await tapped(turn)
    if loaded is None:
        turn.reply("refused.decided")
        return
    await _tell(turn, loaded)
    trail.note(turn.unit, actor(turn), "why", loaded.id)


async def _tell(turn: Turn, loaded: Loaded) -> None:
    told = await why.told(turn.unit, loaded)
    if not told:
        tell(turn, loaded, "command.why.none")
        return
    lines = [_line(loaded, one) for one in told[-LINES:]]
    if len(told) > LINES:
        lines.insert(0, ("command.why.earlier", {"count": len(told) - LINES}))
    waited_for = waits_for_candidate(loaded.application)
    offers = [Offer("buttons.remind_now", "remind", "", loaded.id)] if waited_for else []
    tell(turn, loaded, "command.why.head", lines=lines, offers=offers)


def _line(loaded: Loaded, one: Told) -> tuple[str, Values]:
    at = {"$when": one.at.isoformat()}
    if one.status == "limited":
        limit = {"$say": f"why.limit.{one.reason}"}
        return "command.why.limited", {"at": at, "cause": _cause(loaded, one), "limit": limit}
    cause = _cause(loaded, one)
    values: dict[str, Any] = {
        "at": at,
        "cause": {"$say": "why.stepped", "values": {"cause": cause}} if one.stepped else cause,
        "channel": {"$say": f"channels.{one.rung}"},
        "outcome": _outcome(one),
    }
    if one.then is None:
        return "command.why.line", values
    then = {"$say": f"why.then.{one.then.type.value.replace('.', '_')}"}
    return "command.why.line_then", {**values, "then_at": {"$when": one.then.at.isoformat()}, "then": then}


def _cause(loaded: Loaded, one: Told) -> dict[str, Any]:
    """The rule in words."""
    kind, _, rest = one.cause.partition(":")
    stage = {"$stage": [loaded.id, one.stage]}
    match kind:
        case why.REPLY:
            return {"$say": "why.reply"}
        case "nudge":
            return _nudge(loaded, one.stage, rest)
        case "asked":
            return {"$say": "why.asked", "values": {"who": who(one.by) or {"$say": "owner.colleague"}}}
        case "meeting":
            return {"$say": "why.meeting", "values": {"before": {"$lasting": int(rest or 0) * _MINUTE}, "stage": stage}}
        case "rejected" if rest:
            return {"$say": "why.sent_back", "values": {"stage": stage}}
        case "result.review":
            return {"$say": "why.result", "values": {"stage": stage}}
        case _ if kind in _PLAIN:
            return {"$say": f"why.{kind}", "values": {"stage": stage}}
        case _:
            return {"$say": "why.other", "values": {"stage": stage}}


def _nudge(loaded: Loaded, stage: str, place: str) -> dict[str, Any]:
    nudge = loaded.application.process.stage(stage).nudges[int(place.partition("@")[0])]
    waited_for = {"$say": f"causes.not_{nudge.unless.value}"}
    if nudge.before_deadline is not None:
        values = {"before": {"$lasting": int(nudge.before_deadline.total_seconds())}, "not_yet": waited_for}
        return {"$say": "why.nudge_before", "values": values}
    after = int(nudge.after.total_seconds()) if nudge.after is not None else 0
    since = {"$say": f"why.since.{nudge.since.value}"}
    return {"$say": "why.nudge_after", "values": {"since": since, "after": {"$lasting": after}, "not_yet": waited_for}}


def _outcome(one: Told) -> dict[str, Any]:
    match one.status:
        case "waiting" if one.reason in _WAITING:
            return {"$say": f"why.outcome.waiting_{one.reason}"}
        case "failed" | "skipped":
            because: Any = {"$say": f"why.because.{one.reason}"} if one.reason in _BECAUSE else one.reason
            if not because:
                because = {"$say": "why.because.unexpected"}
            return {"$say": f"why.outcome.{one.status}", "values": {"because": because}}
        case _:
            return {"$say": f"why.outcome.{one.status}"}
