"""From settings to the ground that every transaction stands on."""

from collections.abc import Iterator

from bot.workdays import chinese_workday
from config.settings import Settings, Urgent
from recruiting.chat import Person
from recruiting.office import Office
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


def _urgent(settings: Settings) -> str:
    """How a card is made urgent; empty where that is not wanted or Feishu is not set up."""
    feishu = settings.feishu
    if feishu is None or not feishu.app_id or feishu.urgent is Urgent.OFF:
        return ""
    return feishu.urgent.value


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
        office=Office(is_workday=chinese_workday, urges=bool(_urgent(settings))),
        urgent=_urgent(settings),
    )
