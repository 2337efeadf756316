"""Answers within the request: what a handler said is rendered at once, kept, and told in the very response."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from bot.delivery.base import Letter
from bot.delivery.compose import Composer
from bot.errors import GiveUp
from bot.texts import UnfilledText
from recruiting.chat import Message
from storage import outbox, passive
from storage.applications import Loaded, load
from storage.keys import Box, Unsealable
from storage.tables import Sending
from storage.types import SealedBytes
from storage.unit import Unit

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Changed:
    """An answer; to a tap it is what the tapped card shows now: its messages, and a few words on top."""

    messages: Sequence[Message] = ()
    note: str = ""
    shared: bool = False  # for everybody who sees the card, not only for whoever tapped it


@dataclass(frozen=True, slots=True)
class Kept:
    """A message as it was told, with its row."""

    row: Mapping[str, Any]
    letter: Letter
    box: Box


class Passive:
    """Renders what was said in one unit, and finds it again."""

    def __init__(self, composer: Composer) -> None:
        self.composer = composer

    async def render(self, unit: Unit, cause: str) -> None:
        """Render what answers this incoming item. Nobody will ask again, so it counts as accepted."""
        written: list[Mapping[str, Any]] = []
        ended: list[tuple[Mapping[str, Any], Sending, str, str, str]] = []
        for row, loaded in await self._rows(unit, cause):
            try:
                letter = await self.composer.letter(unit, row, loaded)
            except (GiveUp, UnfilledText, LookupError, ValueError, TypeError, AttributeError) as error:
                # What the handler did stays done, even though it can't be told.
                log.error(
                    "an answer could not be written", extra={"outgoing": row["id"], "error": type(error).__name__}
                )
                ended.append((row, Sending.FAILED, "not_written", "", ""))
                continue
            frozen = _frozen(await _box(unit, row, loaded), row, letter)
            written.append({**row, "frozen": frozen, "surface": letter.person.surface if letter.person else None})
            ended.append((row, Sending.ACCEPTED, "", row["id"], ""))
        await outbox.mark_sending(unit, written)
        await outbox.end(unit, ended)

    async def said(self, unit: Unit, cause: str) -> list[Message]:
        """What was answered to something that somebody wrote; nothing where there was nothing to say."""
        return [kept.letter.message for kept in await self._kept(unit, cause)]

    async def settle(self, unit: Unit, cause: str, card: str, application_id: str | None) -> None:
        """Where the answer to a tap settles the card that came with `card`, the card remembers it.

        A card may be about several people: only what is about this one is settled.
        """
        settled = [kept.letter.message.settled for kept in await self._kept(unit, cause) if kept.letter.card]
        shown = [kept for kept in await self._kept(unit, card) if kept.letter.message.buttons]
        for kept in shown if settled else ():
            if len(shown) == 1 or kept.row["application_id"] == application_id:
                letter = replace(kept.letter, message=replace(kept.letter.message, settled=settled[-1]))
                await passive.refreeze(unit, kept.row["id"], _frozen(kept.box, kept.row, letter))

    async def changed(self, unit: Unit, cause: str, card: str) -> Changed:
        """What becomes of the tapped card, which came with `card`: a question takes its place, anything else is put
        on top of it.
        """
        answers = await self._kept(unit, cause)
        said = [kept.letter.message for kept in answers if not kept.letter.card]
        if any(message.buttons for message in said):
            return Changed(said)
        if not answers:
            return Changed()
        shown = [kept.letter.message for kept in await self._kept(unit, card)]
        note = "\n".join(message.plain() for message in said)
        return Changed(shown, note, shared=len(said) < len(answers))

    async def _rows(self, unit: Unit, cause: str) -> list[tuple[Mapping[str, Any], Loaded | None]]:
        rows = await passive.answers(unit, cause)
        applications = await load(unit, {row["application_id"] for row in rows if row["application_id"]})
        return [(row, applications.get(row["application_id"] or "")) for row in rows]

    async def _kept(self, unit: Unit, cause: str) -> list[Kept]:
        """What was rendered before; without what is about somebody who has been erased since."""
        found = []
        for row, loaded in await self._rows(unit, cause):
            if row["frozen"] is None or (row["application_id"] and loaded is None):
                continue
            try:
                box = await _box(unit, row, loaded)
            except Unsealable:
                continue
            letter = Letter.from_json(orjson.loads(box.open(row["frozen"], f"outbox.frozen:{row['id']}")))
            found.append(Kept(row, letter, box))
        return found


async def _box(unit: Unit, row: Mapping[str, Any], loaded: Loaded | None) -> Box:
    return loaded.box if loaded is not None else await unit.ground.days.existing(unit.connection, row["day"])


def _frozen(box: Box, row: Mapping[str, Any], letter: Letter) -> SealedBytes:
    return box.seal(orjson.dumps(letter.to_json()), f"outbox.frozen:{row['id']}")
