"""A list sent in chat: shown first, started by a button. The worker `bot.workers.imports` reads it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from handlers.hr.errands import place, send_file, turn_of
from handlers.hr.scope import COMMANDS, actor
from handlers.routing import Offer, Routes, Turn, Values
from recruiting.chat import FileRef
from recruiting.decide import decide
from recruiting.ladder import first_rung, quiet_until
from recruiting.model import Application, Audience, Opened, Say, Standing
from recruiting.process import Process, Role, Rung
from storage import errands, trail
from storage.errands import Errand
from storage.unit import Ground, Unit

routes = Routes()

IMPORT = "import"
KEPT = timedelta(days=7)
SHOWN = 5  # rows that are not taken, on the card; all of them stand in a file
SENDS = 6  # kinds of first messages on the card
BATCHES = 3
LONGEST = 60  # characters of what a list says, on a card

Told = tuple[int, str, str]  # row as Excel shows it, part of a text key, what it is about


@dataclass
class Preview:
    """What a list would bring."""

    batches: Counter[str] = field(default_factory=Counter)
    added: int = 0
    existing: int = 0
    unreachable: int = 0
    rejected: int = 0
    rejects: list[Told] = field(default_factory=list)  # the first few
    firsts: Counter[tuple[str, frozenset[Rung]]] = field(default_factory=Counter)  # new rows by process and ways
    processes: dict[str, Process] = field(default_factory=dict)
    dropped: Sequence[str] = ()
    unread: Sequence[str] = ()

    @property
    def rows(self) -> int:
        """All rows that count."""
        return self.added + self.existing + self.rejected


# --- what members do ------------------------------------------------------------------------------------------------


@routes.on("member_file")
async def receive(turn: Turn) -> None:
    """Somebody in HR sent a file: if they may import, it is read."""
    file = turn.incoming.file
    if not _may(turn):
        turn.reply("import.not_you")
    elif file is None:
        turn.reply("import.elsewhere")
    elif file.kind == "image":
        turn.reply("import.picture")
    else:
        await _read_soon(turn, file)


@routes.command("import", COMMANDS["import"])
async def how(turn: Turn) -> None:
    """How a list is imported; said under a file, that very file is read: in a group nobody can mention us with one."""
    if not _may(turn):
        turn.reply("refused.not_yours")
    elif turn.incoming.answers and turn.incoming.sender.surface == "feishu":
        await _read_soon(turn, FileRef("feishu", f"{turn.incoming.answers}/", "file"))
    else:
        turn.reply("import.how")


async def confirmed(turn: Turn) -> None:
    """The yes: from now on there is no way back."""
    errand = await _tapped(turn)
    if errand is None:
        return
    if not await errands.move(turn.unit, errand, errands.CONFIRMED, due_at=turn.now):
        turn.reply("import.already")
        return
    trail.note(turn.unit, actor(turn), "import", errand.id, f"rows={errand.counts.get('rows', 0)}")
    turn.settle_card("settled.import")


async def cancelled(turn: Turn) -> None:
    """The no: the list is destroyed."""
    errand = await _tapped(turn)
    if errand is None:
        return
    if not await errands.move(turn.unit, errand, errands.CANCELLED, due_at=turn.now):
        turn.reply("import.already")
        return
    trail.note(turn.unit, actor(turn), "import.cancel", errand.id)
    turn.settle_card("settled.cancel")
    turn.reply("import.cancelled")


async def _tapped(turn: Turn) -> Errand | None:
    """The list whose card was tapped, while it waits for an answer; else it says what became of it."""
    assert turn.member is not None
    errand = await errands.by_id(turn.unit, turn.argument.partition("|")[2])
    if errand is None or errand.member_id != turn.member["id"]:
        turn.reply("refused.decided")
    elif errand.status == errands.SHOWN and errand.due_at > turn.now:
        return errand
    elif errand.status in (errands.SHOWN, errands.EXPIRED):
        turn.reply("import.expired")
    elif errand.status == errands.CANCELLED:
        turn.reply("import.was_cancelled")
    else:
        turn.reply("import.already")
    return None


def _may(turn: Turn) -> bool:
    assert turn.member is not None
    return bool(turn.member["role"] != Role.MANAGER.value)


async def _read_soon(turn: Turn, file: FileRef) -> None:
    assert turn.member is not None
    await errands.add(turn.unit, errands.IMPORT, turn.member["id"], place(turn), {"file": asdict(file)})


# --- what the worker found ------------------------------------------------------------------------------------------


async def reading(unit: Unit, errand: Errand) -> None:
    """It will take a while."""
    turn = await turn_of(unit, errand, "reading")
    if turn is not None:
        turn.reply("import.reading")


async def refused(unit: Unit, errand: Errand, text: str, **values: Any) -> None:
    """No list came of it: say why."""
    turn = await turn_of(unit, errand, "refused")
    if turn is not None:
        turn.reply(text, **values)


async def show(unit: Unit, errand: Errand, preview: Preview, parcel: str | None) -> None:
    """What the list would bring, with the question whether it shall. `parcel`: the rows that are not taken."""
    turn = await turn_of(unit, errand, "shown")
    if turn is None:
        return
    numbers: dict[str, Any] = {
        name: getattr(preview, name) for name in ("rows", "added", "existing", "unreachable", "rejected")
    }
    lines = [*_rejects(preview, parcel), *_asides(preview)]
    batches = "、".join(name[:LONGEST] for name, _ in preview.batches.most_common(BATCHES))
    if preview.added:
        subject = f"{IMPORT}|{errand.id}"
        offers = [
            Offer("buttons.import", "confirm", subject, style="primary"),
            Offer("buttons.cancel", "cancel", subject),
        ]
        lines = [*_sends(unit.ground, preview, unit), *lines, ("import.ask", {})]
        turn.reply("import.preview", lines=lines, offers=offers, batch=batches, **numbers)
    elif preview.existing:
        turn.reply("import.nothing_new", lines=lines, **numbers)
    else:
        turn.reply("import.nothing_usable", lines=lines, **numbers)
    if parcel is not None:
        await send_file(unit, errand, parcel)


async def finish(unit: Unit, errand: Errand, counts: Mapping[str, int]) -> None:
    """The list is imported: what came of it."""
    turn = await turn_of(unit, errand, "finished")
    if turn is not None:
        numbers: dict[str, Any] = {
            name: counts.get(name, 0) for name in ("added", "existing", "unreachable", "rejected")
        }
        trail.note(unit, actor(turn), "import.done", errand.id, " ".join(f"{k}={v}" for k, v in numbers.items()))
        turn.reply("import.summary", **numbers)


def _sends(ground: Ground, preview: Preview, unit: Unit) -> list[tuple[str, Values]]:
    """What the new people will hear first, and when."""
    lines: list[tuple[str, Values]] = []
    for (process_id, rungs), count in preview.firsts.most_common(SENDS):
        process = preview.processes[process_id]
        first = _first_message(ground, process, rungs, unit)
        stage = {"$words": process.stage(first.stage).name} if first is not None else ""
        rung = first_rung(process.ladder, first.rung, rungs) if first is not None else None
        if first is None:
            lines.append(("import.no_message", {"count": count, "process": {"$words": process.name}}))
        elif rung is None or rung is Rung.FOLLOW_UP:
            lines.append(("import.by_phone", {"count": count}))
        else:
            quiet = quiet_until(process.quiet_hours, rung, unit.now, ground.timezone)
            when: dict[str, Any] = {"$say": "import.now"}
            if quiet is not None:
                when = {"$say": "import.later", "values": {"at": {"$when": quiet.isoformat()}}}
            channel = {"$say": f"channels.{rung.value}"}
            lines.append(("import.send", {"count": count, "stage": stage, "channel": channel, "when": when}))
    return lines


def _first_message(ground: Ground, process: Process, rungs: frozenset[Rung], unit: Unit) -> Say | None:
    """Ask the rules what they will say first to somebody who can be reached like this."""
    person = Standing(reachable=rungs)
    application = Application("", process, timezone=ground.timezone, office=ground.office, person=person)
    actions = decide(application, Opened(imported=True), unit.now)
    return next((a for a in actions if isinstance(a, Say) and a.to is Audience.CANDIDATE), None)


def _rejects(preview: Preview, parcel: str | None) -> list[tuple[str, Values]]:
    lines: list[tuple[str, Values]] = []
    for row, reason, about in preview.rejects[:SHOWN]:
        why = {"$say": f"import.why.{reason}"}
        if about:
            lines.append(("import.reject_about", {"row": row, "why": why, "about": about[:LONGEST]}))
        else:
            lines.append(("import.reject", {"row": row, "why": why}))
    if parcel is not None:
        lines.append(("import.errors_file", {}))
    return lines


def _asides(preview: Preview) -> list[tuple[str, Values]]:
    """What was not read, and why."""
    lines: list[tuple[str, Values]] = []
    for text, names in (("import.dropped", preview.dropped), ("import.unread", preview.unread)):
        if names:
            lines.append((text, {"names": "、".join(names)[:LONGEST]}))
    return lines
