"""From settings to the ground that every transaction stands on."""

from collections.abc import Iterator

from config.settings import Settings
from recruiting.chat import Person
from recruiting.process import Rung
from storage.database import Database
from storage.keys import DayKeys, Keyring
from storage.unit import Ground


def channels_of(settings: Settings) -> frozenset[Rung]:
    """The ways to a candidate that are set up. SMS always is: without a gateway it goes to the log."""
    rungs = {Rung.SMS}
    if (settings.wecom and settings.wecom.kf_open_kfid) or (settings.feishu and settings.feishu.app_id):
        rungs.add(Rung.CHAT)
    if settings.smtp and settings.smtp.url:
        rungs.add(Rung.EMAIL)
    return frozenset(rungs)


def _groups(settings: Settings) -> Iterator[Person]:
    """HR's groups, each once: where Feishu has an app and a robot, the app."""
    if settings.wecom and settings.wecom.group_webhook:
        yield Person("wecom.group", settings.wecom.group_webhook.get_secret_value())
    if settings.feishu and settings.feishu.hr_chat_id:
        yield Person("feishu.group", settings.feishu.hr_chat_id)
    elif settings.feishu and settings.feishu.group_webhook:
        yield Person("feishu.robot", settings.feishu.group_webhook.get_secret_value())


def _surfaces(settings: Settings) -> Iterator[str]:
    """Where members can be written to."""
    if settings.wecom and settings.wecom.app:
        yield "wecom.app"
    if settings.feishu and settings.feishu.app_id:
        yield "feishu"


def ground_of(settings: Settings, database: Database, keyring: Keyring) -> Ground:
    """What every unit stands on, for these settings."""
    return Ground(
        database=database,
        keyring=keyring,
        days=DayKeys(database, keyring),
        timezone=settings.timezone,
        locale=settings.locale,
        channels=channels_of(settings),
        groups=tuple(_groups(settings)),
        surfaces=frozenset(_surfaces(settings)),
    )
