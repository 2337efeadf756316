"""/todo and /done, and the buttons on follow-up cards."""

from collections.abc import Mapping, Sequence
from typing import Any

from handlers.hr.scope import COMMANDS, SHOWN_ID, actor, settle, tapped, tell, who
from handlers.routing import Offer, Routes, Turn, Values
from recruiting.model import FollowUpDone
from storage import followups, reports, search, trail
from storage.applications import Loaded, load, load_one
from storage.tables import Candidate

routes = Routes()

BUTTONS = 6  # on one card
LISTED = "listed"  # marks the buttons of a list: one tap must not settle the whole card


@routes.command("todo", COMMANDS["todo"])
async def tell_todo(turn: Turn) -> None:
    """What this member should take, the most urgent first, each with a button that settles it."""
    assert turn.member is not None
    rows, count = await followups.todo(turn.unit, turn.member)
    found = await load(turn.unit, [row["application_id"] for row in rows])
    people = await reports.contacts(turn.unit, found.values())
    shown = [row for row in rows if row["application_id"] in found]
    if not shown:
        turn.reply("command.todo.none")
        return
    lines = _by_shop(shown, found, people)
    if count > len(shown):
        lines.append(("command.todo.more", {"count": count - len(shown)}))
    names = _on_buttons(shown[:BUTTONS], found, people)
    offers = [
        Offer("", "done", f"{row['id']}|{LISTED}", row["application_id"], text=f"✓ {name}")
        for row, name in zip(shown, names, strict=False)
    ]
    turn.reply("command.todo.head", count=count, lines=lines, offers=offers)


@routes.command("done", COMMANDS["done"])
async def settle_by_id(turn: Turn) -> None:
    """Settle a follow-up by its id, or the beginning of it."""
    assert turn.member is not None
    prefix, _, note = turn.argument.partition(" ")
    if not prefix:
        turn.reply("command.wrong_usage", usage={"$say": "command.usage.done"})
        return
    rows = await followups.by_prefix(turn.unit, prefix.lower().strip("#"), turn.member)
    loaded = await load_one(turn.unit, rows[0]["application_id"]) if len(rows) == 1 else None
    if loaded is None:
        turn.reply("command.done.unknown", id=prefix[:40])
        return
    await search.lock_candidate(turn.unit, loaded.candidate_id)
    await _settle(turn, loaded, rows[0]["id"], "done", note.strip()[:300])


@routes.tap("reached", "no_answer", "wrong_number", "hand_over", "done")
async def settle_by_button(turn: Turn) -> None:
    """One tap on a card says how it went."""
    loaded = await tapped(turn)
    if loaded is None:
        turn.reply("refused.decided")
        return
    id, _, listed = turn.argument.partition("|")
    await _settle(turn, loaded, id, turn.incoming.key.partition(":")[0], listed=bool(listed))


@routes.tap("view")
async def show_phone(turn: Turn) -> None:
    """The candidate's number, where the card itself may not show it. Each look is kept in the audit log."""
    loaded = await tapped(turn)
    if loaded is None:
        turn.reply("refused.decided")
        return
    person = (await reports.contacts(turn.unit, [loaded]))[loaded.candidate_id]
    trail.note(turn.unit, actor(turn), "candidate.phone", loaded.id)
    tell(turn, loaded, "follow_up.phone", phone=person.phone or {"$say": "owner.none"})


async def _settle(turn: Turn, loaded: Loaded, id: str, outcome: str, note: str = "", *, listed: bool = False) -> None:
    """Put the outcome to the rules, unless somebody was quicker: then say who. Take the candidate's lock before."""
    row = await followups.by_id(turn.unit, id)
    current = await load_one(turn.unit, loaded.id)
    if row is None or current is None or row["application_id"] != current.id:
        turn.reply("refused.decided")
        return
    if row["status"] != "open":
        if not listed:
            turn.settle_card("settled.settled")
        _tell_who(turn, current, row)
        return
    if outcome == "wrong_number":  # somebody else answers there: nothing more of this goes to them
        await turn.unit.set(Candidate, {"id": current.candidate_id}, sms_failed_at=turn.now)
    await turn.take(current, FollowUpDone(outcome, actor(turn), note))
    trail.note(turn.unit, actor(turn), f"follow_up.{outcome}", row["id"])
    if listed:
        tell(turn, current, "command.done.ok")
    else:
        settle(turn, current, f"settled.{outcome}", "command.done.ok")


def _tell_who(turn: Turn, loaded: Loaded, row: Mapping[str, Any]) -> None:
    by = str(row["done_by"] or "")
    if by.startswith(("member:", "token:")):
        tell(turn, loaded, "follow_up.elsewhere", who=who(by))
    else:
        tell(turn, loaded, "refused.decided")


def _on_buttons(
    rows: Sequence[Mapping[str, Any]], found: Mapping[str, Loaded], people: Mapping[str, reports.Contact]
) -> list[str]:
    """By whom each button is known: the name, or the number where two bear it."""
    names = [people[found[row["application_id"]].candidate_id].name for row in rows]
    return [row["id"][:SHOWN_ID] if names.count(name) > 1 else name for row, name in zip(rows, names, strict=True)]


def _by_shop(
    rows: Sequence[Mapping[str, Any]], found: Mapping[str, Loaded], people: Mapping[str, reports.Contact]
) -> list[tuple[str, Values]]:
    """A heading for each shop, that of the most urgent task first; in a single shop none is needed."""
    shops: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        shops.setdefault(found[row["application_id"]].shop, []).append(row)
    lines: list[tuple[str, Values]] = []
    for shop, theirs in shops.items():
        if len(shops) > 1:
            name = shop or {"$say": "command.todo.no_shop"}
            lines.append(("command.todo.shop", {"shop": name, "count": len(theirs)}))
        lines += [_line(row, found[row["application_id"]], people) for row in theirs]
    return lines


def _line(row: Mapping[str, Any], loaded: Loaded, people: Mapping[str, reports.Contact]) -> tuple[str, Values]:
    return "command.todo.line", {
        "id": row["id"][:SHOWN_ID],
        "name": people[loaded.candidate_id].name,
        "stage": {"$stage": [loaded.id, row["stage"]]},
        "why": {"$say": f"causes.{row['causes'][0]}"},
        "due": {"$when": row["due_at"].isoformat()},
    }
