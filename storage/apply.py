"""Action -> rows inside the open transaction: the one place that translates what the rules decided."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import select, update

from recruiting.decide import decide
from recruiting.history import evolve
from recruiting.ladder import first_rung
from recruiting.model import (
    Action,
    Audience,
    CloseFollowUp,
    Event,
    EventType,
    FollowUpMoved,
    Move,
    MoveFollowUp,
    OpenFollowUp,
    Purpose,
    Record,
    Say,
    Signal,
    Unreachable,
    Wake,
    Whose,
)
from recruiting.process import Rung
from storage import members
from storage.applications import Loaded, counted, load, save
from storage.groups import owe_groups
from storage.owed import URGENT, owe
from storage.tables import EventRow, FollowUpRow, OutboxRow, RateChange, Sending, TimerRow, Visit
from storage.types import random_id
from storage.unit import Unit

_COUNTED = {
    EventType.INVITE_SENT,
    EventType.CLICKED,
    EventType.STARTED,
    EventType.COMPLETED,
    EventType.FAILED,
    EventType.REPLIED,
    EventType.ANSWERED,
    EventType.UPLOADED,
    EventType.APPROVED,
    EventType.DOCUMENT_REJECTED,
}
CONTACTED = frozenset({"reached", "no_answer", "done"})  # outcomes after which somebody has tried to talk to them
_TIES = 8  # follow-ups of one application that may have been opened in one moment
_LEFT = {EventType.MOVED, EventType.HIRED, EventType.REJECTED, EventType.WITHDRAWN, EventType.EXPIRED}


async def take(unit: Unit, loaded: Loaded, signal: Signal) -> Sequence[Action]:
    """Put a signal to the rules and write what follows; what was decided comes back."""
    turn = Course(unit)
    actions = await turn.take(loaded, signal)
    await turn.save()
    return actions


async def take_each(unit: Unit, signals: Sequence[tuple[str, Signal]]) -> None:
    """Put signals to their applications (by id), in this order, and write it all at once. Take the locks before."""
    applications = await load(unit, {id for id, _ in signals})
    course = Course(unit)
    for id, signal in signals:
        if id in applications:
            await course.take(applications[id], signal)
    await course.save()


class Course:
    """Signals to one or many applications within one unit; `save` writes the states at the end."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self._touched: dict[str, Loaded] = {}
        self._visits: dict[tuple[str, str, int], dict[str, Any]] = {}
        self._reminded: dict[str, int] = {}  # candidate -> reminders today, where this unit has added one

    async def take(self, loaded: Loaded, signal: Signal) -> Sequence[Action]:
        """Decide, and collect the rows that follow."""
        self._count_reminders(loaded)
        actions = decide(loaded.application, signal, self.unit.now)
        await self.follow(loaded, actions)
        return actions

    async def follow(self, loaded: Loaded, actions: Sequence[Action]) -> None:
        """Collect the rows that follow from what the rules have decided about this application."""
        for action in actions:
            match action:
                case Record(event):
                    self._record(loaded, event)
                case Say():
                    await self._say(loaded, action)
                case Wake(name, at, stage, visit):
                    self.unit.add(TimerRow, application_id=loaded.id, stage=stage, visit=visit, name=name, due_at=at)
                case OpenFollowUp():
                    await self._open_follow_up(loaded, action)
                case MoveFollowUp():
                    await self._move_follow_up(loaded, action)
                case CloseFollowUp():
                    await self._close_follow_up(loaded, action)
        self._touched[loaded.id] = loaded

    async def save(self) -> None:
        """Write the changed states and what the rates count."""
        await save(self.unit, self._touched.values(), list(self._visits.values()))
        self._visits.clear()

    # --- events ----------------------------------------------------------------------------------------------------

    def _record(self, loaded: Loaded, event: Event) -> None:
        id = self.unit.new_id()
        self.unit.add(
            EventRow,
            id=id,
            application_id=loaded.id,
            type=event.type.value,
            at=event.at,
            stage=event.stage,
            visit=event.visit,
            actor=event.actor,
            data=loaded.box.seal(orjson.dumps(dict(event.data)), f"events.data:{id}"),
        )
        before = loaded.application
        loaded.application = evolve(before, event)
        if event.type in _LEFT:
            self._count(loaded, before, None, left=True, ended=event.type is not EventType.MOVED)
        if event.type in (EventType.OPENED, EventType.MOVED):
            self._enter(loaded, event)
        elif event.type in _COUNTED:
            channel = event.data.get("channel") if event.type is EventType.INVITE_SENT else None
            self._count(loaded, loaded.application, channel)
            invited = event.at if event.type is EventType.INVITE_SENT else None
            self.unit.add(RateChange, batch_id=loaded.batch_id, invited_at=invited)
        elif event.type is EventType.MESSAGE_FAILED:  # in a batch that nobody could be invited to, nothing else tells
            self.unit.add(RateChange, batch_id=loaded.batch_id, invited_at=None)

    def _enter(self, loaded: Loaded, event: Event) -> None:
        self.unit.add(
            Visit,
            application_id=loaded.id,
            stage=event.stage,
            visit=event.visit,
            batch_id=loaded.batch_id,
            process_id=loaded.application.process.id,
            shop=loaded.shop,
            channel=None,
            entered_at=event.at,
            invited_at=None,
            participated_at=None,
            replied_at=None,
            uploaded_at=None,
            left_at=None,
            ended=False,
        )

    def _count(
        self, loaded: Loaded, application: Any, channel: str | None, *, left: bool = False, ended: bool = False
    ) -> None:
        """Remember what the rates need of this visit; the last word before `save` is written."""
        place = (loaded.id, application.stage, application.visit)
        kept = self._visits.get(place)
        row = counted(application, channel, left_at=self.unit.now if left else None, ended=ended)
        if kept is not None:
            row["b_channel"] = row["b_channel"] or kept["b_channel"]
        self._visits[place] = row

    # --- messages --------------------------------------------------------------------------------------------------

    async def _say(self, loaded: Loaded, say: Say) -> None:
        if say.to is Audience.CANDIDATE:
            await self._say_to_candidate(loaded, say)
            return
        if say.to is Audience.MANAGERS:
            receivers = await members.managers_of(self.unit, loaded.shop)
            for member in receivers:
                self.owe(loaded, say, rung="member", member_id=member["id"], tail=f"/{member['id']}")
            if receivers:
                return
        owner = await members.owner_of(self.unit, loaded.shop, loaded.owner_id)
        await self._owe_member(loaded, say, owner["id"] if owner else None)

    async def _owe_member(self, loaded: Loaded, say: Say, member_id: str | None) -> None:
        if member_id is not None:
            self.owe(loaded, say, rung="member", member_id=member_id)
            return
        await owe_groups(
            self.unit,
            loaded.box,
            promise=f"{loaded.id}/{say.stage}.{say.visit}/{say.cause}",
            purpose=say.purpose,
            text=say.text,
            values=say.values,
            shop=loaded.shop,
            candidate_id=loaded.candidate_id,
            application_id=loaded.id,
            stage=say.stage,
            visit=say.visit,
            prompted=say.prompted,
        )

    async def _say_to_candidate(self, loaded: Loaded, say: Say) -> None:
        person = loaded.application.person
        rung = first_rung(loaded.application.process.ladder, say.rung, person.reachable)
        if say.courtesy and rung is not Rung.CHAT:
            return
        if person.opted_out and not say.prompted:
            rung = Rung.FOLLOW_UP
        if rung is None or rung is Rung.FOLLOW_UP:
            reason = "opted_out" if person.opted_out else "no_channel"
            self.owe(loaded, say, rung="none", status=Sending.FAILED, reason=reason)
            await self.take(loaded, Unreachable(say.cause, say.stage, say.visit, reason))
            return
        self.owe(loaded, say, rung=rung.value, start=say.rung.value if say.rung else "")
        if say.purpose is Purpose.NUDGE:
            self._reminded[loaded.candidate_id] = person.sent_today + 1

    def _count_reminders(self, loaded: Loaded) -> None:
        """The day's limit is the person's: what this unit owes them already counts, whichever application it is for."""
        application = loaded.application
        sent_today = self._reminded.get(loaded.candidate_id, application.person.sent_today)
        if sent_today != application.person.sent_today:
            loaded.application = application.but(person=replace(application.person, sent_today=sent_today))

    def owe(
        self,
        loaded: Loaded,
        say: Say,
        *,
        rung: str,
        start: str = "",
        member_id: str | None = None,
        tail: str = "",
        status: Sending = Sending.WAITING,
        reason: str | None = None,
    ) -> str:
        """Add a message about this application to the outbox. Its id."""
        return owe(
            self.unit,
            loaded.box,
            promise=f"{loaded.id}/{say.stage}.{say.visit}/{say.cause}{tail}",
            rung=rung,
            start=start,
            purpose=say.purpose,
            text=say.text,
            values=say.values,
            candidate_id=loaded.candidate_id,
            application_id=loaded.id,
            member_id=member_id,
            stage=say.stage,
            visit=say.visit,
            prompted=say.prompted,
            status=status,
            reason=reason,
        )

    # --- follow-ups ------------------------------------------------------------------------------------------------

    async def _open_follow_up(self, loaded: Loaded, action: OpenFollowUp) -> None:
        note = loaded.box.seal(action.note.encode(), f"follow_ups.note:{loaded.id}") if action.note else None
        where = (FollowUpRow.c.application_id == loaded.id) & (FollowUpRow.c.status == "open")
        where &= FollowUpRow.c.stage == action.stage
        # A history without open follow-up needs no look: an import may open one for each of its rows.
        known = await self.unit.one(select(FollowUpRow).where(where)) if loaded.application.follow_up else None
        if known is not None:
            causes = [*known["causes"], action.cause]
            await self.unit.run(
                update(FollowUpRow)
                .where(FollowUpRow.c.id == known["id"])
                .values(causes=causes, note=note or known["note"])
            )
            return
        last = await self._last(loaded) if action.whose is not Whose.OWNER else None
        owner, had = await self._whose(loaded, action.whose, last)
        id = random_id()
        self.unit.add(
            FollowUpRow,
            id=id,
            application_id=loaded.id,
            candidate_id=loaded.candidate_id,
            shop=loaded.shop,
            stage=action.stage,
            visit=action.visit,
            causes=[action.cause],
            note=note,
            owner_id=owner["id"] if owner else None,
            had=had,
            status="open",
            opened_at=self.unit.now,
            contact_from=self.unit.now if last is None else _uncontacted(last),
            due_at=action.due,
            outcome=None,
            done_at=None,
            done_by=None,
        )
        if owner is not None and self.unit.load:
            self.unit.load[owner["id"]] = self.unit.load.get(owner["id"], 0) + 1
        say = _card("follow_up.card", id, f"follow_up:{id}", action)
        await self._owe_member(loaded, say, owner["id"] if owner else None)

    async def _last(self, loaded: Loaded) -> Mapping[str, Any] | None:
        """The application's latest follow-up; of several in one moment the one that has been through most hands."""
        found = select(FollowUpRow).where(FollowUpRow.c.application_id == loaded.id)
        rows = await self.unit.all(found.order_by(FollowUpRow.c.opened_at.desc()).limit(_TIES))
        return max(rows, key=lambda row: (row["opened_at"], len(row["had"])), default=None)

    async def _whose(
        self, loaded: Loaded, whose: Whose, last: Mapping[str, Any] | None
    ) -> tuple[Mapping[str, Any] | None, list[str]]:
        """Who takes a follow-up (None: HR's group), and who has had it before."""
        had = list(last["had"]) if last is not None else []
        if whose is Whose.SAME and last is not None:
            same = await members.by_id(self.unit, last["owner_id"])
            if same is not None or last["owner_id"] is None:
                return same, had
        if whose is Whose.NEXT and last is not None and last["owner_id"] is not None:
            had.append(last["owner_id"])
        return await members.owner_of(self.unit, loaded.shop, loaded.owner_id, but=had), had

    async def _move_follow_up(self, loaded: Loaded, action: MoveFollowUp) -> None:
        """Nobody took it in time: somebody else gets it, or HR's group, or whoever had it last is urged."""
        where = (FollowUpRow.c.application_id == loaded.id) & (FollowUpRow.c.status == "open")
        row = await self.unit.one(select(FollowUpRow).where(where, FollowUpRow.c.stage == action.stage))
        if row is None:
            return
        if action.move is Move.URGENT:
            moved = await self._urge(loaded, row, action)
        else:
            moved = await self._pass_on(loaded, row, action)
        if moved is not None:
            await self.take(loaded, moved)

    async def _pass_on(self, loaded: Loaded, row: Mapping[str, Any], action: MoveFollowUp) -> FollowUpMoved:
        had = [*row["had"], *([row["owner_id"]] if row["owner_id"] is not None else [])]
        owner = None
        if action.move is Move.NEXT and row["owner_id"] is not None:
            owner = await members.owner_of(self.unit, loaded.shop, loaded.owner_id, but=had)
        if owner is not None:
            due = action.due
            say = _card("follow_up.card", row["id"], f"follow_up:{row['id']}:{owner['id']}", action)
            moved = FollowUpMoved(Move.NEXT, owner["name"])
        else:
            due = row["due_at"]  # in the group it stands as overdue
            say = _card("follow_up.late", row["id"], f"follow_up:{row['id']}:group", action)
            moved = FollowUpMoved(Move.GROUP, Move.GROUP.name.lower())
        owner_id = owner["id"] if owner else None
        await self.unit.set(FollowUpRow, {"id": row["id"]}, owner_id=owner_id, had=had, due_at=due)
        self.unit.load.clear()
        await self._owe_member(loaded, say, owner_id)
        return moved

    async def _urge(self, loaded: Loaded, row: Mapping[str, Any], action: MoveFollowUp) -> FollowUpMoved | None:
        """Make the newest card about it urgent that one member has in Feishu; nobody has one: nothing can be done."""
        card = await self.unit.one(_cards_in_feishu(loaded.id, row["id"]))
        member = await members.by_id(self.unit, card["member_id"]) if card is not None else None
        if card is None or member is None or not self.unit.ground.urgent:
            return None
        values = {"message": card["platform_id"], "how": self.unit.ground.urgent}
        say = _card("follow_up.urgent", row["id"], f"follow_up:{row['id']}:urgent", action, **values)
        self.owe(loaded, say, rung="member", start=URGENT, member_id=member["id"])
        return FollowUpMoved(Move.URGENT, member["name"])

    async def _close_follow_up(self, loaded: Loaded, action: CloseFollowUp) -> None:
        await self.unit.run(
            update(FollowUpRow)
            .where(FollowUpRow.c.application_id == loaded.id, FollowUpRow.c.status == "open")
            .values(status="done", outcome=action.outcome, done_at=self.unit.now, done_by=action.actor)
        )


# --- follow-ups: what is read and said -------------------------------------------------------------------------------


def _uncontacted(last: Mapping[str, Any]) -> datetime | None:
    """Since when nobody has tried, for a follow-up that goes on where the last one ended."""
    moment: datetime | None = last["contact_from"]
    return None if last["outcome"] in CONTACTED else moment


def _card(text: str, id: str, cause: str, about: OpenFollowUp | MoveFollowUp, **values: Any) -> Say:
    """The card of a follow-up, for whoever has it."""
    values = {"follow_up": id, **values}
    return Say(text, cause, Purpose.FOLLOW_UP, about.stage, about.visit, Audience.OWNER, values=values)


def _cards_in_feishu(application_id: str, follow_up: str) -> Any:
    """The newest card about a follow-up that lies in a member's private chat in Feishu."""
    about = OutboxRow.c.promise.contains(f"/follow_up:{follow_up}", autoescape=True)
    where = (OutboxRow.c.application_id == application_id) & (OutboxRow.c.rung == "member") & about
    sent = (OutboxRow.c.surface == "feishu") & OutboxRow.c.platform_id.is_not(None) & (OutboxRow.c.start != URGENT)
    return select(OutboxRow).where(where, sent).order_by(OutboxRow.c.created_at.desc()).limit(1)
