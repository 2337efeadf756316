"""/export: a table as a file, in private. The worker `bot.workers.exports` writes it."""

from collections.abc import Mapping

from handlers.hr.batches import one_batch
from handlers.hr.errands import place, turn_of
from handlers.hr.scope import COMMANDS, actor
from handlers.routing import Offer, Routes, Turn
from recruiting.process import Role
from storage import errands, members, trail
from storage.errands import Errand
from storage.unit import Unit

routes = Routes()

EXPORT = "export"
AUDIT = "audit"
KINDS: Mapping[str, tuple[str, ...]] = {
    "candidates": ("candidates", "candidate", "候选人", "名单", "応募者"),
    "funnel": ("funnel", "漏斗", "ファネル"),
    "messages": ("messages", "message", "消息", "メッセージ"),
    AUDIT: ("audit", "操作记录", "审计", "操作記録"),
}


@routes.command("export", COMMANDS["export"])
async def export(turn: Turn) -> None:
    """What is named, of all batches or one; without a name there is a button for each table."""
    if not _may(turn):
        turn.reply("refused.not_yours")
        return
    word, _, rest = turn.argument.strip().partition(" ")
    kind = next((kind for kind, names in KINDS.items() if word.casefold() in names), None)
    if not word:
        turn.reply("export.what", offers=_offers(turn))
    elif kind is not None:
        await _export(turn, kind, rest.strip())
    else:  # nothing but a batch: its candidates
        await _export(turn, "candidates", turn.argument.strip())


async def tapped(turn: Turn) -> None:
    """A table's button."""
    kind = turn.argument.partition("|")[2]
    if not _may(turn) or kind not in KINDS:
        turn.reply("refused.not_yours")
    else:
        await _export(turn, kind, "")


async def _export(turn: Turn, kind: str, batch: str) -> None:
    assert turn.member is not None
    if kind == AUDIT and not _is_admin(turn):
        turn.reply("export.only_admins")
        return
    if members.address(turn.unit, turn.member) is None:
        turn.reply("command.no_private")
        return
    found = await one_batch(turn, batch) if batch and kind != AUDIT else None
    if batch and kind != AUDIT and found is None:
        return
    batch_id = found.id if found is not None else ""
    words = {"kind": kind, "batch_id": batch_id, "batch": found.name if found is not None else ""}
    await errands.add(turn.unit, errands.EXPORT, turn.member["id"], place(turn), words)
    trail.note(turn.unit, actor(turn), f"export.{kind}", batch_id or "all")
    turn.reply("export.soon", what={"$say": f"export.kind.{kind}"})


async def failed(unit: Unit, errand: Errand, text: str, most: str = "") -> None:
    """There is no file: say why."""
    turn = await turn_of(unit, errand, "failed")
    if turn is not None:
        turn.reply(text, most=most)


def _offers(turn: Turn) -> list[Offer]:
    kinds = [kind for kind in KINDS if kind != AUDIT or _is_admin(turn)]
    return [Offer("", "confirm", f"{EXPORT}|{kind}", text={"$say": f"export.kind.{kind}"}) for kind in kinds]


def _may(turn: Turn) -> bool:
    assert turn.member is not None
    return bool(turn.member["role"] != Role.MANAGER.value)


def _is_admin(turn: Turn) -> bool:
    """Who may see all shops' doings."""
    assert turn.member is not None
    return bool(turn.member["role"] == Role.ADMIN.value and not turn.member["shops"])
