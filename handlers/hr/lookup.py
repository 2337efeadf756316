"""/help and /status."""

from collections.abc import Mapping
from typing import Any

from handlers.hr.scope import COMMANDS, MATCHES, actor, commands_of, find, list_matches, tell
from handlers.routing import Routes, Turn, Values
from storage import reports, trail
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
    """Where somebody stands: each of their applications in the member's shops."""
    if not turn.argument:
        turn.reply("command.wrong_usage", usage={"$say": "command.usage.status"})
        return
    found = await find(turn, turn.argument)
    if not found:
        turn.reply("command.none_found", query=turn.argument[:40])
    elif len({loaded.candidate_id for loaded in found}) > 1:
        await list_matches(turn, found)
    else:
        coming = await reports.next_of(turn.unit, found)
        for loaded in found[:MATCHES]:
            _tell(turn, loaded, coming.get(loaded.id))
            trail.note(turn.unit, actor(turn), "status", loaded.id)


def _tell(turn: Turn, loaded: Loaded, coming: reports.Next | None) -> None:
    application = loaded.application
    values: dict[str, Any] = {
        "batch": loaded.batch,
        "status": {"$say": f"statuses.{application.status.value}"},
    }
    if application.open:
        since = application.entered_at or loaded.created_at
        values |= {"since": {"$when": since.isoformat()}, "next": _next(coming)}
        tell(turn, loaded, "command.status", **values)
    else:
        since = application.ended_at or loaded.created_at
        tell(turn, loaded, "command.status.ended", since={"$when": since.isoformat()}, **values)


def _next(coming: reports.Next | None) -> Mapping[str, Any]:
    if coming is None:
        return {"$say": "next.none"}
    values: dict[str, Any] = {"due": {"$when": coming.due.isoformat()}}
    if coming.what == "follow_up":
        values["owner"] = coming.owner or {"$say": "owner.none"}
    return {"$say": f"next.{coming.what}", "values": values}
