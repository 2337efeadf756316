"""What most commands begin with: settings, an open database that is up to date, its keys, and the first processes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from bot.clock import Clock
from bot.errors import Misconfigured
from bot.ground import ground_of
from config.settings import Settings, load_settings
from storage import migrate, processes
from storage.database import Database
from storage.keys import load_root
from storage.unit import Ground, Unit

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Opened:
    """An open database with all that a command needs to work on it."""

    settings: Settings
    ground: Ground
    clock: Clock

    async def write(self, job: Callable[[Unit], Awaitable[T]]) -> T:
        """Do something in one transaction."""
        now = self.clock.now()

        async def whole(connection: Any) -> T:
            unit = Unit(connection, self.ground, now)
            result = await job(unit)
            await unit.flush()
            return result

        return await self.ground.database.write(whole)

    async def read(self, job: Callable[[Unit], Awaitable[T]]) -> T:
        """Look something up."""
        async with self.ground.database.reading() as connection:
            return await job(Unit(connection, self.ground, self.clock.now()))


@asynccontextmanager
async def opened(settings: Settings | None = None) -> AsyncIterator[Opened]:
    """
    Open the database for one command. On SQLite the schema is brought up to date first.

    Raises WrongSettings, Unavailable, WrongMasterKey, InvalidProcess or Misconfigured: each says what to do.
    """
    settings = settings or load_settings()
    database = await up_to_date(settings)
    try:
        ground = ground_of(settings, database, await load_root(database, settings.master_key_bytes))
        house = Opened(settings, ground, Clock())
        await _first_processes(house)
        yield house
    finally:
        await database.close()


async def up_to_date(settings: Settings) -> Database:
    """The open database. Raises Misconfigured: on PostgreSQL the schema changes only when the operator says so."""
    url = settings.database_url.get_secret_value()
    if url.startswith("sqlite"):
        await migrate.upgrade(url)
    elif await migrate.pending(url):
        raise Misconfigured("the database schema is not the one that this version needs: run `bulou migrate`")
    database = Database(url)
    await database.open()
    return database


async def _first_processes(house: Opened) -> None:
    """Read the process files when the table is empty. Raises InvalidProcess or Misconfigured."""
    folder = house.settings.process_dir
    if folder is None:
        return
    known = await house.read(processes.current)
    if known:
        return
    if not folder.is_dir():
        raise Misconfigured(f"BULOU_PROCESS_DIR: {folder} is no folder: name the folder of the process files")
    from bot.texts import standard_texts
    from config.load import load_processes

    read = load_processes(folder, standard_texts().reasons())
    await house.write(lambda unit: processes.first_files(unit, read))
