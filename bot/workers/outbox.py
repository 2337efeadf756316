"""Delivery: claim what is due, ask the rules once more, mark as sending, send, note what became of it."""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from bot.delivery import limits
from bot.delivery.base import Channel, Letter
from bot.delivery.compose import Composer
from bot.delivery.limits import Limits, Rate
from bot.delivery.retry import RetryPolicy
from bot.errors import GiveUp, TryLater
from bot.platforms.base import Sent
from bot.texts import UnfilledText
from recruiting.chat import Message
from recruiting.ladder import Window, chat_open, quiet_until
from recruiting.model import InviteTried, MessageReport, Purpose, Unreachable
from recruiting.outgoing import ANSWER_FRESH, CODE_FRESH, Outgoing, Step, verdict
from recruiting.process import Rung
from storage import batches, conversations, outbox
from storage.applications import Loaded, load
from storage.apply import Course
from storage.keys import Box, Unsealable
from storage.owed import FILE, REPLIES, URGENT
from storage.tables import Sending
from storage.types import SealedBytes
from storage.unit import Ground, Unit

log = logging.getLogger(__name__)

CLAIM = 100  # messages a transaction
AT_ONCE = 16  # requests under way: the sweet spot (docs: performance)
LANES = 2  # one lane sends while the other commits
WELCOME = timedelta(seconds=20)  # 微信客服: how long a welcome code lives (DOC 95122)
STUCK_AFTER = timedelta(minutes=1)  # a try of another process that never ended: that process is gone
GONE_AFTER = timedelta(minutes=10)  # the same, where it must be certain because a repeat would be a second message
# How long the other side knows a message by its id, so that a repeat is no second message (docs/delivery.md).
KNOWN: Mapping[str, timedelta] = {
    "sms": timedelta.max,
    "wecom.kf": timedelta.max,
    "wecom.app": timedelta(hours=4),
    "feishu": timedelta(hours=1),
    "feishu.group": timedelta(hours=1),
}
PAUSED = timedelta(hours=1)  # a paused batch is looked at again this often; `/resume` does not wait for it
GROUP_PATIENCE = timedelta(days=3)  # below HR's group there is no rung
TO_CANDIDATES = frozenset({"chat", "sms", "email"})
QUEUED = "rate"  # why a message waits that has a moment of its own behind a rate limit
ASKED = frozenset({Purpose.ANSWER.value, Purpose.CODE.value})  # somebody waits for these


@dataclass(frozen=True, slots=True)
class Prepared:
    """A row that is marked as sending, with its frozen letter."""

    row: Mapping[str, Any]
    letter: Letter
    followers: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one try."""

    prepared: Prepared
    sent: Sent | None = None
    later: TryLater | None = None
    given_up: str = ""


class Outbox:
    """The worker that empties the outbox. `sweep` returns when nothing is due any more."""

    def __init__(
        self,
        ground: Ground,
        composer: Composer,
        channels: Mapping[str, Channel],
        *,
        policy: RetryPolicy | None = None,
    ) -> None:
        self.ground = ground
        self.composer = composer
        self.channels = channels
        self.policy = policy or RetryPolicy()
        self.limits = Limits()
        self._room = asyncio.Semaphore(AT_ONCE)
        self._under_way: set[str] = set()  # messages that this process is sending: these are not stuck

    async def sweep(self, now: datetime) -> int:
        """Send what is due, until nothing is; how many tries there were."""
        due = await self.earliest()
        if due is None or due > now:
            return 0
        counts = await asyncio.gather(*(self._lane(now) for _ in range(LANES)))
        return sum(counts)

    async def earliest(self) -> datetime | None:
        """When the next message is due."""
        async with self.ground.database.reading() as connection:
            return await outbox.earliest(connection)

    async def recover(self, now: datetime, *, all: bool) -> int:
        """Take up what a dead process left as sending; with `all` every such row: this is the only process."""
        before = now + timedelta(days=36500) if all else now - STUCK_AFTER

        async def job(connection: Any) -> int:
            unit = Unit(connection, self.ground, now)
            rows = [row for row in await outbox.stuck(unit, before) if row["id"] not in self._under_way]
            if not all:
                rows = [row for row in rows if row["rung"] != "email" or row["sending_at"] < now - GONE_AFTER]
            await self._recover(unit, rows)
            await unit.flush()
            return len(rows)

        return await self.ground.database.write(job)

    async def _recover(self, unit: Unit, rows: Sequence[Mapping[str, Any]]) -> None:
        """Repeat where our id is known. Elsewhere a person gets the next rung, HR's group a marked repeat."""
        again = [row for row in rows if _may_repeat(row, unit.now)]
        await outbox.put_off(unit, [(row, unit.now, "interrupted") for row in again])
        over = [row for row in rows if not _may_repeat(row, unit.now)]
        applications = await load(unit, {row["application_id"] for row in over if row["application_id"]})
        course = Course(unit)
        await outbox.end(unit, [(row, Sending.FAILED, "interrupted", "", "") for row in over])
        for row in over:
            loaded = applications.get(row["application_id"] or "")
            await self._tried(course, row, loaded)
            await self._report(course, row, loaded, "failed", "interrupted")
            await self._next_rung(unit, row, loaded, "interrupted")
        await course.save()

    # --- one lane --------------------------------------------------------------------------------------------------

    async def _lane(self, now: datetime) -> int:
        tried = 0
        outcomes: Sequence[Outcome] = ()
        while True:
            ids = {outcome.prepared.row["id"] for outcome in outcomes}
            try:
                prepared = await self._turn(now, outcomes)
            finally:
                self._under_way -= ids
            if not prepared:
                return tried
            self._under_way |= {one.row["id"] for one in prepared}
            tried += len(prepared)
            lines = iter(_lines(prepared))
            done = await asyncio.gather(*(self._send_lines(lines) for _ in range(AT_ONCE)))
            outcomes = [one for some in done for one in some]

    async def _send_lines(self, lines: Iterator[Sequence[Prepared]]) -> list[Outcome]:
        """Send one line after the other. What one receiver gets together arrives in the order in which it was said."""
        return [await self._try(one) for line in lines for one in line]

    async def _turn(self, now: datetime, outcomes: Sequence[Outcome]) -> Sequence[Prepared]:
        """One transaction: note what became of the last messages, and mark the next ones as sending."""
        await self.ground.days.for_day(self.ground.today(now))

        async def job(connection: Any) -> Sequence[Prepared]:
            unit = Unit(connection, self.ground, now)
            if outcomes:
                await outbox.lock_candidates(unit, [outcome.prepared.row for outcome in outcomes])
                await self._note(unit, outcomes)
            prepared = await self._prepare(unit)
            await unit.flush()
            return prepared

        return await self.ground.database.write(job)

    async def _prepare(self, unit: Unit) -> Sequence[Prepared]:
        rows = [dict(row) for row in await outbox.due(unit, CLAIM)]
        applications = await load(unit, {row["application_id"] for row in rows if row["application_id"]})
        chats = await conversations.of_candidates(
            unit, {row["candidate_id"] for row in rows if row["rung"] == "chat" and row["candidate_id"]}
        )
        answered = {row["conversation_id"] for row in rows if row["start"] in REPLIES and row["conversation_id"]}
        windows = await conversations.by_ids(unit, answered)
        await self.composer.preload(unit, rows, applications.values())
        course = Course(unit)
        prepared: list[Prepared] = []
        skipped: list[tuple[Mapping[str, Any], Sending, str, str, str]] = []
        later: list[tuple[Mapping[str, Any], datetime, str]] = []
        rungs = {row["id"]: row["rung"] for row in rows}
        for row in rows:
            loaded = applications.get(row["application_id"] or "")
            if row["start"] in REPLIES and self._shut(windows.get(row["conversation_id"] or ""), row, unit.now):
                skipped.append((row, Sending.FAILED, "window", "", ""))
                if loaded is not None:
                    await outbox.step_down_loaded(unit, loaded, row, "window")
                continue
            wait = await self._objection(unit, course, row, loaded, chats, skipped)
            if wait is None:
                continue
            if wait[0] is not None:
                later.append((row, wait[0], wait[1]))
                continue
            letter = await self._letter(unit, course, row, loaded, skipped)
            if letter is not None:
                prepared.append(Prepared(row, letter))
        same = {one.row["id"] for one in prepared if one.row["tries"] and one.row["rung"] == rungs[one.row["id"]]}
        waiting = {row["id"] for row, _, _ in later}
        await outbox.release(unit, [row["id"] for row in rows if row["tries"] and row["id"] not in same | waiting])
        followers = await outbox.followers(unit, same)
        prepared = [replace(one, followers=tuple(followers.get(one.row["id"], ()))) for one in prepared]
        prepared = [await self._refrozen(unit, one, applications) for one in _joined(prepared)]
        await outbox.end(unit, skipped)
        await outbox.put_off(unit, later)
        await outbox.mark_sending(unit, [row for one in prepared for row in (one.row, *one.followers)])
        for one in prepared:
            free = one.letter.card or one.letter.welcome_code or one.row["tries"]
            if one.letter.channel == "chat" and one.row["conversation_id"] and not free:
                await conversations.spent(unit, one.row["conversation_id"])
        await course.save()
        return prepared

    def _shut(self, chat: Mapping[str, Any] | None, row: Mapping[str, Any], now: datetime) -> bool:
        """Whether an answer comes too late for its conversation. The welcome needs no window, only its 20 s."""
        if chat is None or row["rung"] != "chat":
            return False
        if row["start"] == "welcome":
            late: bool = now - row["created_at"] > WELCOME
            return late
        return not chat_open(Window(chat["surface"], chat["heard_at"], chat["used"]), now)

    async def _objection(
        self,
        unit: Unit,
        course: Course,
        row: dict[str, Any],
        loaded: Loaded | None,
        chats: Mapping[str, Mapping[str, Any]],
        skipped: list[tuple[Mapping[str, Any], Sending, str, str, str]],
    ) -> tuple[datetime | None, str] | None:
        """None: it will not go out on this rung. Else the moment to look again (None = go on) and why."""
        if row["application_id"] and loaded is None:
            skipped.append((row, Sending.SKIPPED, "erased", "", ""))
            return None
        rung = row["rung"]
        if rung == "chat":
            chat = chats.get(row["candidate_id"] or "")
            if row["conversation_id"] is None and chat is not None:
                row["conversation_id"], row["surface"] = chat["id"], chat["surface"]
        elif rung == "member" and row["surface"] is None:
            row["surface"] = await self.composer.surface_of(unit, row)
        if rung in TO_CANDIDATES and loaded is not None and row["start"] not in REPLIES:
            judged = verdict(_outgoing(row, chats), loaded.application, unit.now)
            if judged.step is Step.SKIP:
                skipped.append((row, Sending.SKIPPED, judged.why, "", ""))
                return None
            if judged.step is Step.PERSON:
                skipped.append((row, Sending.FAILED, judged.why, "", ""))
                await course.take(loaded, Unreachable(_cause(row), row["stage"], row["visit"], judged.why))
                return None
            assert judged.rung is not None
            if judged.rung.value != rung:
                row |= {"rung": judged.rung.value, "frozen": None, "conversation_id": None, "surface": None}
            if loaded.paused and _unasked(row, unit.now):
                return unit.now + PAUSED, batches.PAUSED
            if judged.step is Step.WAIT:
                return judged.until, judged.why
        elif row["purpose"] == Purpose.CODE.value and unit.now - row["created_at"] > CODE_FRESH:
            skipped.append((row, Sending.SKIPPED, "too_late", "", ""))
            return None
        elif row["purpose"] == Purpose.FOLLOW_UP.value and loaded is not None:
            quiet = quiet_until(
                loaded.application.process.quiet_hours, Rung.CHAT, unit.now, loaded.application.timezone
            )
            if quiet is not None:
                return quiet, "quiet_hours"
            if not loaded.application.follow_up:
                skipped.append((row, Sending.SKIPPED, "no_longer_needed", "", ""))
                return None
        waited, asked = row["reason"] == QUEUED, row["purpose"] in ASKED
        return self.limits.take(_wishes(row), unit.now, waited=waited, asked=asked), QUEUED

    async def _letter(
        self,
        unit: Unit,
        course: Course,
        row: dict[str, Any],
        loaded: Loaded | None,
        skipped: list[tuple[Mapping[str, Any], Sending, str, str, str]],
    ) -> Letter | None:
        """The frozen letter, or a fresh one that is frozen now. A row that cannot be addressed takes the next rung."""
        try:
            if row["frozen"] is not None and (row["rung"] != "group" or _known(row)):
                box = await self._box(unit, row, loaded)
                return Letter.from_json(orjson.loads(box.open(row["frozen"], f"outbox.frozen:{row['id']}")))
            letter = await self.composer.letter(unit, row, loaded)
            box = await self._box(unit, row, loaded)
        except GiveUp as error:
            skipped.append((row, Sending.FAILED, error.reason, "", ""))
            await self._next_rung(unit, row, loaded, error.reason)
            return None
        except Unsealable:
            skipped.append((row, Sending.SKIPPED, "erased", "", ""))
            return None
        except (UnfilledText, LookupError, ValueError, TypeError, AttributeError) as error:
            # A fault of ours in one text must not hold up everybody else's messages.
            log.error("a message could not be written", extra={"outgoing": row["id"], "error": type(error).__name__})
            skipped.append((row, Sending.FAILED, "not_written", "", ""))
            if loaded is not None and row["rung"] in TO_CANDIDATES:
                await course.take(loaded, Unreachable(_cause(row), row["stage"], row["visit"], "not_written"))
            return None
        row["frozen"] = _frozen(box, row, letter)
        if letter.person is not None:
            row["surface"] = letter.person.surface
        return letter

    async def _refrozen(self, unit: Unit, one: Prepared, applications: Mapping[str, Loaded]) -> Prepared:
        """A message that others have joined is frozen with their words: a retry says the same."""
        if not one.followers or one.row["tries"]:
            return one
        box = await self._box(unit, one.row, applications.get(one.row["application_id"] or ""))
        return replace(one, row={**one.row, "frozen": _frozen(box, one.row, one.letter)})

    async def _box(self, unit: Unit, row: Mapping[str, Any], loaded: Loaded | None) -> Box:
        if loaded is not None:
            return loaded.box
        if row["candidate_id"] is not None:
            box = await unit.box_of(row["candidate_id"])
            if box is None:
                raise GiveUp("erased")
            return box
        return await unit.ground.days.existing(unit.connection, row["day"])

    # --- the try itself --------------------------------------------------------------------------------------------

    async def _try(self, prepared: Prepared) -> Outcome:
        row, letter = prepared.row, prepared.letter
        channel = self.channels.get("chat" if letter.channel == "group" else letter.channel)
        if channel is None:
            return Outcome(prepared, given_up="not_set_up")
        async with self._room:
            try:
                return Outcome(prepared, sent=await channel.deliver(letter, row["id"], again=row["tries"] > 0))
            except TryLater as error:
                return Outcome(prepared, later=error)
            except GiveUp as error:
                return Outcome(prepared, given_up=error.reason or "refused")
            except Exception:
                log.exception("delivery failed unexpectedly", extra={"outgoing": row["id"]})
                return Outcome(prepared, later=TryLater("unexpected", unknown=True))

    # --- afterwards ------------------------------------------------------------------------------------------------

    async def _note(self, unit: Unit, outcomes: Sequence[Outcome]) -> None:
        """Record what became of the tries, and tell the rules."""
        ids = {o.prepared.row["application_id"] for o in outcomes if o.prepared.row["application_id"]}
        ids |= {f["application_id"] for o in outcomes for f in o.prepared.followers if f["application_id"]}
        applications = await load(unit, ids)
        course = Course(unit)
        ended: list[tuple[Mapping[str, Any], Sending, str, str, str]] = []
        later: list[tuple[Mapping[str, Any], datetime, str]] = []
        for outcome in outcomes:
            for row in (outcome.prepared.row, *outcome.prepared.followers):
                loaded = applications.get(row["application_id"] or "")
                await self._tried(course, row, loaded)
                if outcome.sent is not None:
                    ended.append((row, Sending.ACCEPTED, "", outcome.sent.id, outcome.sent.card))
                    await self._report(course, row, loaded, "accepted", "")
                else:
                    await self._failed(unit, course, row, loaded, outcome, ended, later)
        await outbox.end(unit, ended)
        await outbox.put_off(unit, later)
        await course.save()

    async def _failed(
        self,
        unit: Unit,
        course: Course,
        row: Mapping[str, Any],
        loaded: Loaded | None,
        outcome: Outcome,
        ended: list[tuple[Mapping[str, Any], Sending, str, str, str]],
        later: list[tuple[Mapping[str, Any], datetime, str]],
    ) -> None:
        reason = outcome.given_up
        if outcome.later is not None:
            if outcome.later.crowded:
                name, rate = _wishes(row)[0]
                self.limits.close(name, rate, unit.now + outcome.later.wait)
            repeatable = unit.now - (row["tried_at"] or unit.now) < _known(row)
            again = self.policy.next_try(row["tries"] + 1, unit.now, outcome.later.wait)
            group = row["rung"] == "group"  # nobody stands below it: a marked repeat is better than silence
            if again is None and group and unit.now - row["created_at"] < GROUP_PATIENCE:
                again = unit.now + self.policy.longest
            if again is not None and (repeatable or not outcome.later.unknown or group):
                later.append((row, again, outcome.later.reason))
                return
            reason = outcome.later.reason
        ended.append((row, Sending.FAILED, reason, "", ""))
        await self._report(course, row, loaded, "failed", reason)
        await self._next_rung(unit, row, loaded, reason)

    async def _next_rung(self, unit: Unit, row: Mapping[str, Any], loaded: Loaded | None, reason: str) -> None:
        """What failed for good goes on. An answer to a member concerns nobody else: they will ask again."""
        if loaded is None:
            return
        if row["rung"] in TO_CANDIDATES:
            await outbox.step_down_loaded(unit, loaded, row, reason)
        elif row["rung"] == "member" and row["start"] not in (*REPLIES, URGENT):
            await outbox.hand_to_group(unit, loaded, row)

    async def _tried(self, course: Course, row: Mapping[str, Any], loaded: Loaded | None) -> None:
        """The stage's clock runs from the first try of its invite, even if the process died in the middle of it."""
        if row["purpose"] == Purpose.INVITE.value and loaded is not None:
            await course.take(loaded, InviteTried(row["stage"], row["visit"], row["tried_at"] or course.unit.now))

    async def _report(
        self, course: Course, row: Mapping[str, Any], loaded: Loaded | None, outcome: str, reason: str
    ) -> None:
        if loaded is None or row["rung"] not in TO_CANDIDATES:
            return
        invite = row["purpose"] == Purpose.INVITE.value
        report = MessageReport(outcome, row["id"], row["rung"], _cause(row), row["stage"], row["visit"], invite, reason)
        await course.take(loaded, report)


def _unasked(row: Mapping[str, Any], now: datetime) -> bool:
    """Whether the bot starts this message by itself: it is no answer, and tells no decision."""
    fresh = row["prompted"] and now - row["created_at"] <= ANSWER_FRESH
    return row["purpose"] != Purpose.ANSWER.value and not fresh


def _may_repeat(row: Mapping[str, Any], now: datetime) -> bool:
    """Whether an interrupted try may be repeated: the other side knows our id, or it is HR's group."""
    return row["rung"] == "group" or bool(now - row["sending_at"] < _known(row))


def _known(row: Mapping[str, Any]) -> timedelta:
    """How long the other side knows the message by our id."""
    if row["start"] == URGENT:
        return timedelta(0)  # it has no id: urged twice is once too often
    if row["start"] == FILE and (row["surface"] or "").startswith("wecom"):
        return timedelta(0)  # WeCom knows a file by the name of its upload, and a new process uploads anew
    return KNOWN.get("sms" if row["rung"] == "sms" else row["surface"] or "", timedelta(0))


def _frozen(box: Box, row: Mapping[str, Any], letter: Letter) -> SealedBytes:
    return box.seal(orjson.dumps(letter.to_json()), f"outbox.frozen:{row['id']}")


def _lines(prepared: Sequence[Prepared]) -> list[list[Prepared]]:
    """The messages by receiver, each in their order."""
    lines: dict[str, list[Prepared]] = {}
    for one in prepared:
        row = one.row
        receiver = row["member_id"] or row["conversation_id"] or row["candidate_id"] or row["rung"]
        lines.setdefault(receiver if row["rung"] != "group" else "group", []).append(one)
    return list(lines.values())


def _cause(row: Mapping[str, Any]) -> str:
    return str(row["promise"]).rpartition("/")[2]


def _outgoing(row: Mapping[str, Any], chats: Mapping[str, Mapping[str, Any]]) -> Outgoing:
    chat = chats.get(row["candidate_id"] or "")
    window = Window(chat["surface"], chat["heard_at"], chat["used"]) if chat is not None else None
    return Outgoing(
        Purpose(row["purpose"]),
        Rung(row["rung"]),
        row["stage"],
        row["visit"],
        _cause(row),
        row["prompted"],
        row["created_at"],
        window,
    )


def _wishes(row: Mapping[str, Any]) -> list[tuple[str, Rate]]:
    """The buckets that a message drinks from."""
    match row["rung"]:
        case "group" if row["surface"] != "feishu.group":
            return [(f"group:{row['surface']}:{row['conversation_id']}", limits.GROUP_ROBOT)]
        case "member" | "chat" | "group" if (row["surface"] or "").startswith("feishu"):
            receiver = row["conversation_id"] or row["member_id"] or row["surface"]
            return [
                ("feishu", limits.FEISHU_APP),
                ("feishu:now", limits.FEISHU_API),
                (f"feishu:{receiver}", limits.FEISHU_CHAT),
            ]
        case "member":
            return [("wecom", limits.WECOM_API), (f"member:{row['member_id']}", limits.WECOM_MEMBER)]
        case "chat":
            return [("kf", limits.WECOM_API)]
        case "email":
            return [("email", limits.EMAIL_SERVER)]
        case _:
            return [("sms", limits.SMS_GATEWAY), (f"sms:{row['candidate_id']}", limits.SMS_NUMBER)]


def _joined(prepared: Sequence[Prepared]) -> list[Prepared]:
    """What is due together in one 微信客服 window goes as one message: the five of a window are a budget."""
    kept: dict[str, Prepared] = {}
    for one in prepared:
        row, letter = one.row, one.letter
        alone = letter.channel != "chat" or letter.person is None or letter.person.surface != "wecom.kf"
        if alone or letter.card or letter.welcome_code or row["tries"]:
            kept[row["id"]] = one
            continue
        place = f"window:{row['conversation_id']}"
        first = kept.get(place)
        if first is None:
            kept[place] = one
            continue
        before, after = first.letter.message, letter.message
        joined = Message(
            f"{before.text}\n\n{after.text}", buttons=_most_buttons(before.buttons, after.buttons), title=before.title
        )
        kept[place] = Prepared(
            first.row,
            Letter("chat", "", letter.person, joined),
            (*first.followers, {**row, "leader_id": first.row["id"]}),
        )
    return list(kept.values())


def _most_buttons(before: Sequence[Any], after: Sequence[Any]) -> tuple[Any, ...]:
    """A menu has ten places; what is due last is what the person should do next."""
    shown = {button.text for button in after}
    return (*after, *(b for b in before if b.text not in shown))[:10]
