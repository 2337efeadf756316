"""Tables that members asked for in chat: written in memory, sealed into the vault, and sent to them in private."""

import asyncio
import io
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from bot.clock import Clock
from bot.dispatch import Dispatch
from bot.documents.tables import XlsxTable
from bot.texts import Texts
from bot.workers.errands import LostErrand
from handlers.hr import export
from handlers.hr.errands import send_file
from recruiting.process import Role, words
from storage import errands, exports, members, parcels
from storage.errands import DONE, FAILED, Errand
from storage.exports import COLUMNS, Wish
from storage.unit import Unit
from storage.vault import Vault

T = TypeVar("T")

MOST_ROWS = 50_000  # written in memory: about 3.5 KB each while it lasts
MOST_BYTES = 20 * 2**20  # the most that WeCom takes
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class TooMany(Exception):
    """More rows than one file in a chat may have."""


class Exports:
    """Carries out errands of the kind `export`."""

    def __init__(self, dispatch: Dispatch, clock: Clock, vault: Vault, texts: Texts, locale: str) -> None:
        self.dispatch = dispatch
        self.ground = dispatch.ground
        self.clock = clock
        self.vault = vault
        self.texts = texts
        self.locale = locale

    async def do(self, errand: Errand) -> None:
        """Write the table, and owe it. Raises LostErrand."""
        member = await self._write(lambda unit: members.by_id(unit, errand.member_id))
        if member is None or member["role"] == Role.MANAGER.value:
            await self._end(errand, "")
            return
        locale = member["locale"] or self.locale
        wish = Wish(
            errand.words["kind"],
            errand.words["batch_id"],
            tuple(member["shops"]),
            lambda name: words(name, locale),
        )
        try:
            content, count, errand = await self._table(wish, locale, errand)
        except TooMany:
            await self._end(errand, "export.too_many", str(MOST_ROWS))
            return
        if not count:
            await self._end(errand, "export.empty")
        elif len(content) > MOST_BYTES:
            await self._end(errand, "export.too_large")
        else:
            await self._send(errand, content, self._name(errand.words, locale))

    async def give_up(self, errand: Errand) -> None:
        """It has failed too often."""
        fresh = await self._write(lambda unit: errands.by_id(unit, errand.id))
        if fresh is not None:
            await self._end(fresh, "export.failed")

    async def _table(self, wish: Wish, locale: str, errand: Errand) -> tuple[bytes, int, Errand]:
        """The workbook, how many rows it has, and the errand as it is then. Nothing of it touches the disk.

        Raises TooMany, LostErrand.
        """
        header = [self.texts.say(f"export.column.{name}", locale) for name in COLUMNS[wish.kind]]
        content = io.BytesIO()
        title = self.texts.say(f"export.kind.{wish.kind}", locale)
        table = XlsxTable(content, header, self.ground.timezone, title=title)
        count = 0
        async for part in exports.rows(self.ground, self.clock.now(), wish):
            count += len(part)
            if count > MOST_ROWS:
                raise TooMany
            await asyncio.to_thread(table.add, part)
            errand = await self._hold(errand)
        await asyncio.to_thread(table.close)
        return content.getvalue(), count, errand

    def _name(self, asked: Mapping[str, str], locale: str) -> str:
        """候选人-三月-2026-03-02.xlsx"""
        what = self.texts.say(f"export.kind.{asked['kind']}", locale)
        parts = [what, asked["batch"][:40], self.ground.today(self.clock.now()).isoformat()]
        plain = "-".join(part for part in parts if part)
        return "".join("_" if sign in '\\/:*?"<>|' else sign for sign in plain) + ".xlsx"

    async def _send(self, errand: Errand, content: bytes, name: str) -> None:
        box = await self.ground.days.for_day(errand.day)
        file = await self.vault.put(box, content, parcels.ABOUT)

        async def job(unit: Unit) -> bool:
            if not await errands.move(unit, errand, DONE):
                return False
            await send_file(unit, errand, await parcels.add(unit, file, errand.day, name, XLSX))
            return True

        ours = False
        try:
            ours = await self._write(job)
        finally:
            if not ours:
                await self.vault.destroy(file)

    async def _hold(self, errand: Errand) -> Errand:
        """Keep it ours. Raises LostErrand."""
        if errand.due_at - self.clock.now() > errands.LEASE / 2:
            return errand
        until = self.clock.now() + errands.LEASE
        if not await self._write(lambda unit: errands.move(unit, errand, errand.status, due_at=until)):
            raise LostErrand
        return replace(errand, due_at=until)

    async def _end(self, errand: Errand, text: str, most: str = "") -> None:
        async def job(unit: Unit) -> None:
            if await errands.move(unit, errand, FAILED) and text:
                await export.failed(unit, errand, text, most)

        await self._write(job)

    async def _write(self, job: Callable[[Unit], Awaitable[T]]) -> T:
        return await self.dispatch.within(job, self.clock.now())
