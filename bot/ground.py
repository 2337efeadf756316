"""From settings to the ground that every transaction stands on."""

from config.settings import Settings
from recruiting.process import Rung
from storage.database import Database
from storage.keys import DayKeys, Keyring
from storage.unit import Ground


def channels_of(settings: Settings) -> frozenset[Rung]:
    """The ways to a candidate that are set up. SMS always is: without a gateway it goes to the log."""
    rungs = {Rung.SMS}
    if settings.wecom and settings.wecom.kf_open_kfid:
        rungs.add(Rung.CHAT)
    if settings.smtp and settings.smtp.url:
        rungs.add(Rung.EMAIL)
    return frozenset(rungs)


def ground_of(settings: Settings, database: Database, keyring: Keyring) -> Ground:
    """What every unit stands on, for these settings."""
    return Ground(
        database=database,
        keyring=keyring,
        days=DayKeys(database, keyring),
        timezone=settings.timezone,
        locale=settings.locale,
        channels=channels_of(settings),
    )
