"""`bulou check`: is everything as it must be, and if not, what is to be mended?"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import click

from bot.clock import Clock
from bot.commands.cli import run
from bot.commands.opening import Opened, opened
from bot.errors import GiveUp, Misconfigured, TryLater
from config.load import InvalidProcess, load_processes
from config.settings import FeishuMode, Settings, SmsProvider, WrongSettings, fresh_master_key, load_settings
from config.settings import warnings as doubts
from storage.database import Database
from storage.keys import WrongMasterKey
from storage.url import Unavailable

PATIENCE = 10.0  # seconds for one answer from outside


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table: `mark` is ok, note or MEND."""

    mark: str
    what: str
    how: str


@click.command()
def check() -> int:
    """Check configuration and process files, reach database and platforms, and say what to mend.

    Prints a fresh master key when none is set. Exit code 1: something was found; 2: the configuration is wrong.
    """
    return int(run(_check()))


async def _check() -> int:
    try:
        settings = load_settings()
    except WrongSettings as error:
        _show([Finding("MEND", problem.variable, problem.what) for problem in error.problems])
        if any(problem.variable == "BULOU_MASTER_KEY" and "not set" in problem.what for problem in error.problems):
            click.echo(f"A fresh key, to keep in a safe place:\nBULOU_MASTER_KEY={fresh_master_key()}")
        return 2
    found = [Finding("note", *line.split(": ", 1)) for line in doubts(settings)]
    found += _files(settings)
    code = 0
    try:
        async with opened(settings) as house:
            found += [finding async for finding in _live(house)]
    except WrongMasterKey as error:
        found.append(Finding("MEND", "BULOU_MASTER_KEY", str(error)))
        code = 2
    except (Unavailable, Misconfigured) as error:
        found.append(Finding("MEND", "database", str(error)))
    except InvalidProcess:
        pass  # said above, line by line
    found += _feishu_events(settings)
    found.append(_pictures())
    found += [finding async for finding in _outside(settings)]
    _show(found)
    return code or int(any(finding.mark == "MEND" for finding in found))


def _show(found: list[Finding]) -> None:
    width = max((len(finding.what) for finding in found), default=0)
    for finding in found:
        click.echo(f"{finding.mark:<5} {finding.what:<{width}}  {finding.how}")


def _files(settings: Settings) -> Iterator[Finding]:
    """The process files that are read at the first start."""
    from bot.texts import standard_texts
    from config.load import warnings

    folder = settings.process_dir
    if folder is None:
        return
    try:
        read = load_processes(folder, standard_texts().reasons())
    except InvalidProcess as error:
        yield from (Finding("MEND", "process file", str(mistake)) for mistake in error.mistakes)
        return
    except OSError as error:
        yield Finding("MEND", "process file", f"{folder} cannot be read: {error.strerror}")
        return
    yield Finding("ok" if read else "note", "process files", f"{len(read)} in {folder}")
    for made in read:
        yield from (Finding("note", made.id, line) for line in warnings(made))


def _pictures() -> Finding:
    """Charts are drawn on this machine, with Chinese in them."""
    from bot.charts import font_family

    family = font_family()
    if family:
        return Finding("ok", "pictures", f"drawn with {family}")
    return Finding("note", "pictures", "no font with Chinese here, so charts come as numbers: install fonts-noto-cjk")


async def _live(house: Opened) -> AsyncIterator[Finding]:
    """Database, master key, current processes, vault and chat platforms."""
    from bot.app import Bot
    from bot.texts import standard_texts
    from storage import processes
    from storage.migrate import head

    database: Database = house.ground.database
    yield Finding("ok", "database", f"{database.dialect}, schema {head()}")
    yield Finding("ok", "master key", "fits this database")
    current = [f"{made.id}@{version}" for made, version in await house.read(processes.current)]
    if current:
        yield Finding("ok", "processes", ", ".join(current))
    else:
        yield Finding("note", "processes", "none yet: `bulou process apply FILE`, or set BULOU_PROCESS_DIR")
    bot = Bot(house.settings, house.ground, Clock(), standard_texts())
    try:
        await bot.vault.open()
        yield Finding("ok", "vault", bot.vault.where)
    except Unavailable as error:
        yield Finding("MEND", "vault", str(error))
    for name, platform in bot.context.platforms.items():
        try:
            async with asyncio.timeout(PATIENCE):
                yield Finding("ok", name, await platform.check())
        except (GiveUp, TryLater) as error:
            yield Finding("MEND", name, error.reason)
        except TimeoutError:
            yield Finding("MEND", name, f"no answer within {PATIENCE:.0f} s: see that this machine may reach it")
        finally:
            await platform.close()


def _feishu_events(settings: Settings) -> Iterator[Finding]:
    """How Feishu's events come in, and whether they can."""
    from bot.platforms.feishu.long_connection import what_is_missing

    feishu = settings.feishu
    if feishu is None or not feishu.app_id:
        return
    if feishu.mode is FeishuMode.WEBSOCKET:
        missing = what_is_missing()
        mark, how = ("MEND", missing) if missing else ("ok", "the server opens the long connection when it starts")
        yield Finding(mark, "feishu events", how)
        return
    yield Finding("ok", "feishu events", f"taken at {settings.public_url}/callback/feishu, as the console must name it")
    if feishu.encrypt_key is None:
        yield Finding("note", "BULOU_FEISHU__ENCRYPT_KEY", "not set: Feishu's callbacks are neither sealed nor signed")


async def _outside(settings: Settings) -> AsyncIterator[Finding]:
    """What sends SMS and e-mail, and the interview provider."""
    wecom, feishu = settings.wecom, settings.feishu
    if not (wecom and wecom.app) and not (feishu and feishu.app_id):
        yield Finding(
            "note", "chat", "neither WeCom nor Feishu is set up: candidates are reached by SMS and e-mail only"
        )
    if settings.sms.provider is SmsProvider.HTTP and settings.sms.url:
        yield await _reached("sms", settings.sms.url)
    else:
        yield Finding("note", "sms", "only noted in the log: set BULOU_SMS__PROVIDER to send them")
    if settings.smtp and settings.smtp.url:
        yield await _reached("e-mail", settings.smtp.url.get_secret_value())
    else:
        yield Finding("note", "e-mail", "not set up: BULOU_SMTP__URL")
    if settings.interview is None or settings.interview.link is None:
        yield Finding("note", "interview", "BULOU_INTERVIEW__LINK is not set: every interview stage needs its own link")


_PORTS = {"http": 80, "https": 443, "smtp": 25, "smtps": 465}


async def _reached(what: str, url: str) -> Finding:
    """Whether somebody listens there; nothing is sent."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    try:
        async with asyncio.timeout(PATIENCE):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return Finding("MEND", what, f"nobody answers at {host}:{port}: see that it runs and may be reached from here")
    writer.close()
    return Finding("ok", what, f"{host}:{port} reached")
