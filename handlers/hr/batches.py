"""What concerns a whole batch: /remind, /mute, /pause, /resume, and the buttons on its card."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from handlers.hr import undo
from handlers.hr.scope import COMMANDS, NOT_FOR_MANAGERS, actor, find, one_of, tapped, tell
from handlers.routing import Offer, Routes, Turn, Values
from recruiting.decide import decide, waits_for_candidate
from recruiting.model import Asked, EventType, OpenFollowUp, Record, Say, Signal, Wake
from recruiting.process import Role
from storage import batches, inbox, reports, trail
from storage.applications import Loaded, load
from storage.batches import Found
from storage.tables import Incoming

routes = Routes()

REMIND = "remind"
A_DAY = timedelta(days=1)
LONGEST = timedelta(days=90)
TOGETHER = 1_000  # applications read at once
NAMED = 8  # people who are named before they are reminded
OFF = "off"

_UNITS: Mapping[str, timedelta] = {
    **dict.fromkeys(("m", "min", "minute", "minutes", "分钟", "分", "分間"), timedelta(minutes=1)),
    **dict.fromkeys(("h", "hour", "hours", "小时", "个小时", "时", "時間"), timedelta(hours=1)),
    **dict.fromkeys(("d", "day", "days", "天", "日", "日間"), timedelta(days=1)),
    **dict.fromkeys(("w", "week", "weeks", "周", "星期", "週間"), timedelta(weeks=1)),
}
_NUMERALS = {
    "半": 0.5,
    "一": 1,
    "两": 2,
    "二": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
    "十": 10,
}
_UNIT = "|".join(sorted(_UNITS, key=len, reverse=True))
_LENGTH = re.compile(rf"(?:^|\s)(?P<count>[0-9]{{1,4}}|[{''.join(_NUMERALS)}])\s*(?P<unit>{_UNIT})$")
_STOP = re.compile(r"(?:^|\s)(?:off|0|取消|解除)$")


# --- which batch ----------------------------------------------------------------------------------------------------


async def one_batch(turn: Turn, words: str) -> Found | None:
    """The only batch that is meant; else the matches are listed, or what was probably meant is said."""
    assert turn.member is not None
    shops = turn.member["shops"]
    found = await batches.find(turn.unit, words, shops)
    if len(found) == 1 or (found and found[0].name == words.strip()):
        return found[0]
    if found:
        lines: list[tuple[str, Values]] = [
            ("command.batches.line", {"batch": one.name, "count": one.applications}) for one in found
        ]
        turn.reply("command.batches.head", lines=lines)
        return None
    await unknown(turn, words)
    return None


async def unknown(turn: Turn, words: str) -> None:
    """No batch has this name: say which one was probably meant."""
    assert turn.member is not None
    meant = await batches.meant(turn.unit, words, turn.member["shops"])
    if meant is None:
        turn.reply("command.batches.none", query=words[:40])
    else:
        turn.reply("command.batches.guess", query=words[:40], guess=meant)


async def tapped_batch(turn: Turn) -> Found | None:
    """The batch that a tapped button is about (the last part of its subject is the id); says so when it is gone."""
    assert turn.member is not None
    found = await batches.by_id(turn.unit, undo.details_of(turn)[0], turn.member["shops"])
    if found is None:
        turn.reply("refused.decided")
    return found


def offers_of(turn: Turn, batch: Found) -> list[Offer]:
    """What this member can do about a batch."""
    offers = [Offer("buttons.remind", "remind", f"|{batch.id}")]
    if not _may(turn, "mute") or not batch.whole:
        return offers
    muted = batch.muted_until is not None and batch.muted_until > turn.now
    offers.append(
        Offer("buttons.unmute" if muted else "buttons.mute_day", "mute", f"{OFF if muted else ''}|{batch.id}")
    )
    paused = batch.paused_at is not None
    offers.append(
        Offer(
            "buttons.resume" if paused else "buttons.pause", "confirm", f"{'resume' if paused else 'pause'}|{batch.id}"
        )
    )
    return offers


def _may(turn: Turn, command: str) -> bool:
    assert turn.member is not None
    return turn.member["role"] != Role.MANAGER.value or command not in NOT_FOR_MANAGERS


async def _whole(turn: Turn, words: str, command: str) -> Found | None:
    """The batch that a command names, if this member may decide about all of it; else it says why not."""
    if not _may(turn, command):
        turn.reply("refused.not_yours")
    elif not words:
        turn.reply("command.wrong_usage", usage={"$say": f"command.usage.{command}"})
    else:
        batch = await one_batch(turn, words)
        return batch if batch is not None and _all_theirs(turn, batch) else None
    return None


async def tapped_whole(turn: Turn, command: str) -> Found | None:
    """The batch of a tapped button, if this member may decide about all of it; else it says why not."""
    if not _may(turn, command):
        turn.reply("refused.not_yours")
        return None
    batch = await tapped_batch(turn)
    return batch if batch is not None and _all_theirs(turn, batch) else None


def _all_theirs(turn: Turn, batch: Found) -> bool:
    if not batch.whole:
        turn.reply("refused.batch_shared", batch=batch.name)
    return batch.whole


# --- pausing --------------------------------------------------------------------------------------------------------


@routes.command("pause", COMMANDS["pause"])
async def pause(turn: Turn) -> None:
    """The bot starts nothing by itself to a batch; who writes to it is answered. Deadlines and follow-ups go on."""
    batch = await _whole(turn, turn.argument, "pause")
    if batch is not None:
        await _pause(turn, batch)


@routes.command("resume", COMMANDS["resume"])
async def resume(turn: Turn) -> None:
    """What has waited leaves, of several reminders to one person the last."""
    batch = await _whole(turn, turn.argument, "resume")
    if batch is not None:
        await _resume(turn, batch)


async def pause_tapped(turn: Turn) -> None:
    """The button of /pause on a batch's card."""
    batch = await tapped_whole(turn, "pause")
    if batch is not None:
        await _pause(turn, batch)


async def resume_tapped(turn: Turn) -> None:
    """The button of /resume on a batch's card."""
    batch = await tapped_whole(turn, "resume")
    if batch is not None:
        await _resume(turn, batch)


async def undo_pause(turn: Turn) -> None:
    """Pausing is taken back."""
    batch = None if undo.too_late(turn) else await tapped_whole(turn, "pause")
    if batch is not None:
        undone = await batches.resume(turn.unit, batch.id)
        trail.note(turn.unit, actor(turn), "batch.resume", batch.id)
        undo.done(turn, undone=undone)


async def undo_resume(turn: Turn) -> None:
    """Resuming is taken back: what has not left yet waits again."""
    batch = None if undo.too_late(turn) else await tapped_whole(turn, "resume")
    if batch is not None:
        undone = await batches.pause(turn.unit, batch.id)
        trail.note(turn.unit, actor(turn), "batch.pause", batch.id)
        undo.done(turn, undone=undone)


async def _pause(turn: Turn, batch: Found) -> None:
    if not await batches.pause(turn.unit, batch.id):
        resuming = Offer("buttons.resume", "confirm", f"resume|{batch.id}")
        turn.reply("command.pause.already", batch=batch.name, offers=[resuming])
        return
    trail.note(turn.unit, actor(turn), "batch.pause", batch.id)
    turn.reply("command.pause.ok", batch=batch.name, offers=[undo.offer("pause", batch.id)])


async def _resume(turn: Turn, batch: Found) -> None:
    if not await batches.resume(turn.unit, batch.id):
        turn.reply("command.resume.already", batch=batch.name)
        return
    trail.note(turn.unit, actor(turn), "batch.resume", batch.id)
    turn.reply("command.resume.ok", batch=batch.name, offers=[undo.offer("resume", batch.id)])


# --- muting ---------------------------------------------------------------------------------------------------------


@routes.command("mute", COMMANDS["mute"])
async def mute(turn: Turn) -> None:
    """No alerts of a batch for a while; what stands then is told afterwards."""
    name, length = read_length(turn.argument)
    if turn.argument and length is None and _may(turn, "mute"):
        turn.reply("command.mute.bad", usage={"$say": "command.usage.mute"})
        return
    batch = await _whole(turn, name, "mute")
    if batch is not None and length is not None:
        await _mute(turn, batch, length)


@routes.tap("mute")
async def mute_tapped(turn: Turn) -> None:
    """One day without alerts of the card's batch, or an end of the silence."""
    batch = await tapped_whole(turn, "mute")
    if batch is not None:
        await _mute(turn, batch, timedelta(0) if turn.argument.startswith(OFF) else A_DAY)


async def undo_mute(turn: Turn) -> None:
    """Muting, or its end, is taken back."""
    batch = None if undo.too_late(turn) else await tapped_whole(turn, "mute")
    if batch is None:
        return
    _, ours, before = undo.details_of(turn)
    undone = await batches.mute(turn.unit, batch.id, _moment(before), instead_of=_moment(ours))
    if undone:
        trail.note(turn.unit, actor(turn), "batch.mute", batch.id, before)
    undo.done(turn, undone=undone)


async def _mute(turn: Turn, batch: Found, length: timedelta) -> None:
    """`length` 0: alerts are told again."""
    until = turn.now + length if length else None
    await batches.mute(turn.unit, batch.id, until, instead_of=batch.muted_until)
    said = until.isoformat() if until else ""
    before = batch.muted_until.isoformat() if batch.muted_until else ""
    trail.note(turn.unit, actor(turn), "batch.mute", batch.id, said)
    offers = [undo.offer("mute", batch.id, said, before)]
    if until is None:
        turn.reply("command.mute.off", batch=batch.name, offers=offers)
    else:
        turn.reply("command.mute.ok", batch=batch.name, until={"$when": said}, offers=offers)


def read_length(words: str) -> tuple[str, timedelta | None]:
    """A batch's name and the duration behind it, such as "三月 2h"; 0: an end of the silence, None: no duration."""
    plain = unicodedata.normalize("NFKC", words).strip().casefold()
    typed = unicodedata.normalize("NFKC", words).strip()
    found = _LENGTH.search(plain)
    if found is None:
        stop = _STOP.search(plain)
        return (typed[: stop.start()].strip(), timedelta(0)) if stop else (typed, None)
    said = found["count"]
    length = _UNITS[found["unit"]] * (float(said) if said.isascii() else _NUMERALS[said])
    return typed[: found.start()].strip(), length if timedelta(0) < length <= LONGEST else None


def _moment(said: str) -> datetime | None:
    return datetime.fromisoformat(said) if said else None


# --- reminding ------------------------------------------------------------------------------------------------------


@dataclass
class Plan:
    """What a reminder would do, person by person."""

    now: list[Loaded] = field(default_factory=list)
    later: list[Loaded] = field(default_factory=list)  # after the quiet hours
    limited: list[Loaded] = field(default_factory=list)  # have had enough reminders
    unreachable: list[Loaded] = field(default_factory=list)  # opted out, or no channel is left

    @property
    def reached(self) -> list[Loaded]:
        """Those who will get a reminder."""
        return [*self.now, *self.later]

    def add(self, loaded: Loaded, now: datetime) -> None:
        """Ask the rules what would follow; who is not waited for is left out."""
        if not waits_for_candidate(loaded.application):
            return
        actions = decide(loaded.application, Asked("rule"), now)
        if any(isinstance(action, Say) for action in actions):
            self.now.append(loaded)
        elif any(isinstance(action, Wake) for action in actions):
            self.later.append(loaded)
        elif any(isinstance(action, Record) and action.event.type is EventType.NUDGE_SKIPPED for action in actions):
            self.limited.append(loaded)
        elif not actions or any(isinstance(action, OpenFollowUp) for action in actions):
            self.unreachable.append(loaded)

    def lines(self) -> list[tuple[str, Values]]:
        """In words: who will have to wait for it, and who gets none."""
        counted = {"later": self.later, "limited": self.limited, "unreachable": self.unreachable}
        return [(f"command.remind.{kind}", {"count": len(some)}) for kind, some in counted.items() if some]


@routes.command("remind", COMMANDS["remind"])
async def remind(turn: Turn) -> None:
    """Show whom a reminder would reach before it goes out: a candidate, or all of a batch who are waited for."""
    assert turn.member is not None
    words = turn.argument
    if not words:
        turn.reply("command.wrong_usage", usage={"$say": "command.usage.remind"})
        return
    named = await batches.find(turn.unit, words, turn.member["shops"])
    exact = bool(named) and named[0].name == words.strip()
    people = [] if exact else await find(turn, words)
    if people:
        loaded = await one_of(turn, people, words, lambda one: waits_for_candidate(one.application))
        if loaded is not None:
            await _ask_about_one(turn, loaded)
    elif named:
        batch = await one_batch(turn, words)
        if batch is not None:
            await _ask_about_all(turn, batch)
    else:
        turn.reply("command.none_found", query=words[:40])


@routes.tap("remind", "list")
async def remind_tapped(turn: Turn) -> None:
    """Who of a batch is waited for, with the button that reminds them; or the same for the card's candidate."""
    if turn.button is not None and turn.button["application_id"]:
        loaded = await tapped(turn)
        if loaded is None:
            turn.reply("refused.decided")
        else:
            await _ask_about_one(turn, loaded)
        return
    batch = await tapped_batch(turn)
    if batch is not None:
        await _ask_about_all(turn, batch)


async def remind_confirmed(turn: Turn) -> None:
    """The yes: each is reminded in a turn of their own, because no turn holds two people."""
    if turn.button is not None and turn.button["application_id"]:
        await _remind_one(turn)
        return
    batch = await tapped_batch(turn)
    if batch is None or _is_paused(turn, batch):
        return
    plan = await _plan(turn, batch)
    for loaded in plan.reached:
        await _owe_reminder(turn, loaded)
    trail.note(turn.unit, actor(turn), "remind", batch.id, str(len(plan.reached)))
    turn.settle_card("settled.remind")
    turn.reply("command.remind.batch.ok", batch=batch.name, count=len(plan.reached))


def signal_of(body: Mapping[str, Any]) -> tuple[str, Signal]:
    """Whom a batch's reminder is for (an application's id), and what it tells the rules."""
    return body["application_id"], Asked(body["actor"])


async def _owe_reminder(turn: Turn, loaded: Loaded) -> None:
    """One item of the inbox; the same tap again finds it there already."""
    unit = turn.unit
    day = unit.ground.today(turn.now)
    box = await unit.ground.days.existing(unit.connection, day)
    body = {"application_id": loaded.id, "actor": actor(turn)}
    key = f"remind/{turn.incoming.key}/{loaded.id}"
    unit.add(Incoming, **inbox.row(key, "remind", body, box=box, day=day, now=turn.now))


async def _remind_one(turn: Turn) -> None:
    loaded = await tapped(turn)
    if loaded is None:
        turn.reply("refused.decided")
    elif not _held_back(turn, loaded):
        await turn.take(loaded, Asked(actor(turn)))
        trail.note(turn.unit, actor(turn), "remind", loaded.id)
        turn.settle_card("settled.remind")
        tell(turn, loaded, "command.remind.ok")


async def _ask_about_one(turn: Turn, loaded: Loaded) -> None:
    if _held_back(turn, loaded):
        return
    plan = Plan()
    plan.add(loaded, turn.now)
    stage = {"$stage": [loaded.id, loaded.application.stage]}
    lines: list[tuple[str, Values]] = [("command.remind.later_one", {})] if plan.later else []
    tell(turn, loaded, "command.remind.ask_one", lines=lines, offers=_yes_or_no(REMIND, loaded.id), stage=stage)


def _held_back(turn: Turn, loaded: Loaded) -> bool:
    """Whether no reminder would go out to this one candidate; then it says why."""
    plan = Plan()
    plan.add(loaded, turn.now)
    if loaded.paused:
        tell(turn, loaded, "command.remind.paused", batch=loaded.batch)
    elif plan.limited:
        tell(turn, loaded, "command.remind.not.limited")
    elif plan.unreachable:
        tell(turn, loaded, "command.remind.not.unreachable")
    elif not plan.reached:
        tell(turn, loaded, "command.remind.not.waited_for")
    else:
        return False
    return True


def _is_paused(turn: Turn, batch: Found) -> bool:
    if batch.paused_at is None:
        return False
    may = _may(turn, "resume") and batch.whole
    offers = [Offer("buttons.resume", "confirm", f"resume|{batch.id}")] if may else []
    turn.reply("command.remind.paused", batch=batch.name, offers=offers)
    return True


async def _ask_about_all(turn: Turn, batch: Found) -> None:
    if _is_paused(turn, batch):
        return
    plan = await _plan(turn, batch)
    reached = plan.reached
    if not reached:
        turn.reply("command.remind.none", lines=plan.lines())
        return
    people = await reports.contacts(turn.unit, reached[:NAMED])
    lines: list[tuple[str, Values]] = []
    for loaded in reached[:NAMED]:
        stage = {"$stage": [loaded.id, loaded.application.stage]}
        lines.append(("command.remind.line", {"name": people[loaded.candidate_id].name, "stage": stage}))
    if len(reached) > NAMED:
        lines.append(("command.remind.more", {"count": len(reached) - NAMED}))
    offers = _yes_or_no(f"{REMIND}|{batch.id}", "")
    lines += plan.lines()
    turn.reply("command.remind.ask", lines=lines, offers=offers, batch=batch.name, count=len(reached))


def _yes_or_no(subject: str, application: str) -> Sequence[Offer]:
    return [
        Offer("buttons.remind_now", "confirm", subject, application, "primary"),
        Offer("buttons.cancel", "cancel", REMIND, application),
    ]


async def plan_of_stage(turn: Turn, batch: Found, process: str, stage: str) -> Plan:
    """What a reminder of those who are at one stage of one process would do."""
    return await _plan(
        turn, batch, lambda one: one.application.process.id == process and one.application.stage == stage
    )


async def remind_stage(turn: Turn, batch: Found, process: str, stage: str) -> int:
    """Remind those who are at one stage of one process; how many will get it."""
    plan = await plan_of_stage(turn, batch, process, stage)
    for loaded in plan.reached:
        await _owe_reminder(turn, loaded)
    return len(plan.reached)


async def _plan(turn: Turn, batch: Found, fits: Callable[[Loaded], bool] = lambda one: True) -> Plan:
    assert turn.member is not None
    plan = Plan()
    ids = await batches.open_in(turn.unit, batch.id, turn.member["shops"])
    for start in range(0, len(ids), TOGETHER):
        found = await load(turn.unit, ids[start : start + TOGETHER])
        for id in ids[start : start + TOGETHER]:
            if id in found and fits(found[id]):
                plan.add(found[id], turn.now)
    return plan
