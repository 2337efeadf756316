"""Join the parts; the only place that knows them all. What starts first stops last."""

import asyncio
import contextlib
import gc
import logging
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from aiohttp import web
from pydantic import SecretStr

from bot.clock import Clock
from bot.consent import consent_text
from bot.delivery.base import Channel
from bot.delivery.chat import Chat
from bot.delivery.compose import Composer, House
from bot.delivery.email import Email
from bot.delivery.parcels import Parcels
from bot.delivery.sms import HttpSms, LogSms
from bot.dispatch import Dispatch
from bot.documents.reading import Reader, Unreadable
from bot.errors import GiveUp, Misconfigured, TryLater
from bot.platforms.base import Platform, Sender
from bot.platforms.feishu.adapter import FeishuPlatform
from bot.platforms.feishu.long_connection import LongConnection
from bot.platforms.feishu.robot import FeishuRobots
from bot.platforms.wecom.adapter import WeComPlatform
from bot.platforms.wecom.groupbot import GroupBot
from bot.platforms.wecom.robot import GroupRobots
from bot.texts import Texts, standard_texts
from bot.web.callbacks import Callbacks
from bot.web.context import CONTEXT, ChatDoor, Context
from bot.web.metrics import Metrics
from bot.web.routes import build_web
from bot.workers.digest import Digest
from bot.workers.errands import Errands
from bot.workers.exports import Exports
from bot.workers.files import Files
from bot.workers.housekeeping import Housekeeping
from bot.workers.imports import Imports
from bot.workers.inbox import Inbox
from bot.workers.leavers import Leavers
from bot.workers.outbox import Outbox
from bot.workers.probe import Prober
from bot.workers.rates import Rates
from bot.workers.readings import Readings, Reads
from bot.workers.schedule import Schedule, Worker
from bot.workers.timers import Timers
from config.provinces import load_provinces
from config.settings import FeishuMode, Settings, SmsProvider
from recruiting.certificates import judge
from recruiting.chat import Doorbell
from storage import due, errands
from storage.bucket import Access
from storage.unit import Ground
from storage.vault import Vault

log = logging.getLogger(__name__)

CATCH_UP = timedelta(minutes=5)  # 微信客服 is also asked without a doorbell: bells may be dropped (DOC 90930)


class Bot:
    """A running bot without its listening socket: what the demo, the tests and `bulou run` share."""

    def __init__(
        self, settings: Settings, ground: Ground, clock: Clock, texts: Texts, reader: Reads | None = None
    ) -> None:
        self.settings = settings
        self.ground = ground
        self.clock = clock
        self.house = _house(settings, texts)
        self.wecom = _wecom(settings, clock)
        self.feishu = _feishu(settings, clock)
        self.robots: dict[str, Sender] = {
            "wecom.group": GroupRobots(clock.now),
            "feishu.robot": FeishuRobots(clock.now, _secret(settings.feishu.group_secret if settings.feishu else None)),
        }
        surfaces: dict[str, Platform] = {}
        if self.wecom is not None:
            surfaces |= dict.fromkeys(("wecom.app", "wecom.kf"), self.wecom)
        if self.feishu is not None:
            surfaces |= dict.fromkeys(("feishu", "feishu.group"), self.feishu)
        self.vault = _vault(settings)
        parcels = Parcels(ground, self.vault, clock)
        self.channels = _channels(settings, Chat({**surfaces, **self.robots}, parcels.open))
        self.dispatch = Dispatch(ground)
        self.outbox = Outbox(ground, Composer(self.house), self.channels)
        self.inbox = Inbox(ground, self.dispatch, surfaces)
        self.timers = Timers(ground)
        self.files = Files(ground, self.dispatch, surfaces, self.vault, settings.largest_upload)
        self.errands = Errands(
            self.dispatch,
            clock,
            {
                errands.IMPORT: Imports(self.dispatch, clock, surfaces, self.vault, settings.largest_upload),
                errands.EXPORT: Exports(self.dispatch, clock, self.vault, texts, settings.locale),
            },
        )
        directories = {"wecom": self.wecom, "feishu": self.feishu}
        self.leavers = Leavers(self.dispatch, {name: known for name, known in directories.items() if known})
        self.prober = Prober()
        self.rates = Rates(
            ground, self.prober, public_url=settings.public_url, interview_link=self.house.interview_link
        )
        self.digest = Digest(ground)
        self.housekeeping = Housekeeping(ground, self.vault)
        provinces = load_provinces()
        self.reader = reader or (Reader(provinces) if settings.certificates.read else None)
        if isinstance(self.reader, Reader):
            provinces = self.reader.provinces  # the demo's reader knows places that do not exist
        ground.reads = self.reader is not None
        ground.consent_text = partial(consent_text, texts, self.house.company)
        judged = partial(judge, provinces=provinces)
        self.readings = Readings(ground, self.dispatch, self.vault, self.reader, judged, Unreadable)
        self.schedule = Schedule(clock, self._workers(), self._earliest, due.WORKERS)
        self.context = self._context(settings, texts)
        self.callbacks = Callbacks(self.context, Metrics())
        self.long_connection = self._long_connection()

    def _workers(self) -> list[Worker]:
        workers = [
            Worker("inbox", self.inbox.sweep),
            Worker("timers", self.timers.sweep),
            Worker("outbox", self.outbox.sweep),
            Worker("files", self.files.sweep),
            Worker("readings", self.readings.sweep),
            Worker("errands", self.errands.sweep),
            Worker("rates", self.rates.sweep),
            Worker("digest", self.digest.sweep),
            Worker("leavers", self.leavers.sweep, every=timedelta(minutes=5), on_commit=False),
            Worker("recovery", self._recover, every=timedelta(seconds=20), on_commit=False),
            Worker("housekeeping", self.housekeeping.sweep, every=timedelta(minutes=10), on_commit=False),
        ]
        if self._desk:
            workers.append(Worker("catch-up", self._catch_up, every=CATCH_UP, on_commit=False))
        return workers

    def _context(self, settings: Settings, texts: Texts) -> Context:
        return Context(
            ground=self.ground,
            dispatch=self.dispatch,
            clock=self.clock,
            texts=texts,
            house=self.house,
            vault=self.vault,
            platforms={
                name: platform for name, platform in (("wecom", self.wecom), ("feishu", self.feishu)) if platform
            },
            chat_doors=self._doors(),
            sign_ins={name: way for name, way in (("wecom", self.wecom), ("feishu", self.feishu)) if way},
            sms_token=_secret(settings.sms.token) or None,
            interview_secret=_secret(settings.interview.secret if settings.interview else None) or None,
            interview_link=self.house.interview_link,
            largest_upload=settings.largest_upload,
            feishu_calls_us=settings.feishu is not None and settings.feishu.mode is FeishuMode.CALLBACK,
            group_bot=_group_bot(settings, self.clock),
        )

    def _long_connection(self) -> LongConnection | None:
        """Where Feishu can't reach us, we reach Feishu; what it tells goes the same way as a callback."""
        feishu, platform = self.settings.feishu, self.feishu
        if feishu is None or platform is None or feishu.mode is not FeishuMode.WEBSOCKET:
            return None

        async def handle(event: dict[str, Any]) -> bytes:
            return await self.callbacks.feishu_answer(platform.read(event))

        return LongConnection(feishu.app_id or "", _secret(feishu.app_secret), feishu.api_base, handle)

    def _doors(self) -> dict[str, ChatDoor]:
        doors: dict[str, ChatDoor] = {}
        if self.wecom is not None and self._desk:
            doors["wechat"] = self.wecom
        if self.feishu is not None:
            doors["feishu"] = self.feishu
        return doors

    @property
    def _desk(self) -> str:
        return (self.settings.wecom.kf_open_kfid or "") if self.settings.wecom else ""

    async def _earliest(self) -> dict[str, datetime]:
        async with self.ground.database.reading() as connection:
            return await due.look(connection)

    async def _recover(self, now: datetime) -> None:
        await self.outbox.recover(now, all=False)

    async def _catch_up(self, now: datetime) -> None:
        """Ask for what no bell announced; the platform allows it rarely, and a refusal is no matter."""
        with contextlib.suppress(TryLater, GiveUp):
            await self.inbox.pull(Doorbell("wecom.kf", self._desk, ""), now)

    async def start(self) -> None:
        """Take up what a former process left behind, then begin to work."""
        await self.vault.open()
        if self.long_connection is not None:
            await self.long_connection.start()
        await self.outbox.recover(self.clock.now(), all=self.ground.database.dialect == "sqlite")
        self.ground.database.on_commit(self.schedule.ring)
        self.schedule.start()

    async def stop(self) -> None:
        """Finish what is under way, let go of connections."""
        if self.long_connection is not None:
            await self.long_connection.stop()
        await self.schedule.stop()
        if isinstance(self.reader, Reader):
            await self.reader.close()
        for channel in self.channels.values():
            await channel.close()
        await self.prober.close()
        for platform in (*self.robots.values(), self.wecom, self.feishu):
            if platform is not None:
                await platform.close()

    def web(self) -> web.Application:
        """The bot's own HTTP; it starts and stops the bot with itself."""
        app = build_web(self.context, self.callbacks)
        app[CONTEXT] = self.context

        async def running(_: web.Application) -> AsyncIterator[None]:
            await self.start()
            yield
            await self.stop()

        app.cleanup_ctx.append(running)
        return app


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value is not None else ""


def _vault(settings: Settings) -> Vault:
    """The folder or the bucket in which files lie."""
    bucket = settings.vault
    if bucket is None or bucket.access_key is None:
        return Vault(settings.vault_url)
    access = Access(bucket.access_key, _secret(bucket.secret_key), bucket.endpoint or "", bucket.region or "")
    return Vault(settings.vault_url, access)


def _house(settings: Settings, texts: Texts) -> House:
    return House(
        texts=texts,
        company=settings.company,
        public_url=settings.public_url,
        locale=settings.locale,
        timezone=settings.timezone,
        interview_link=settings.interview.link if settings.interview else None,
    )


def _wecom(settings: Settings, clock: Clock) -> WeComPlatform | None:
    """WeCom as it is configured; a group robot needs no app."""
    wecom = settings.wecom
    if wecom is None or wecom.app is None:
        return None
    return WeComPlatform(
        api_base=wecom.api_base,
        corp_id=wecom.app.corp_id,
        agent_id=wecom.app.agent_id,
        secret=wecom.app.secret.get_secret_value(),
        token=wecom.app.token.get_secret_value(),
        aes_key=wecom.app.aes_key.get_secret_value(),
        kf_open_kfid=wecom.kf_open_kfid or "",
        login_base=wecom.login_base,
        now=clock.now,
    )


def _group_bot(settings: Settings, clock: Clock) -> GroupBot | None:
    """The 智能机器人, which needs no app either: it answers, and calls nobody."""
    wecom = settings.wecom
    if wecom is None or wecom.bot_token is None or wecom.bot_aes_key is None:
        return None
    return GroupBot(_secret(wecom.bot_token), _secret(wecom.bot_aes_key), clock.now)


def _feishu(settings: Settings, clock: Clock) -> FeishuPlatform | None:
    """Feishu as it is configured; a group robot needs no app."""
    feishu = settings.feishu
    if feishu is None or not feishu.app_id:
        return None
    return FeishuPlatform(
        api_base=feishu.api_base,
        app_id=feishu.app_id,
        app_secret=_secret(feishu.app_secret),
        encrypt_key=_secret(feishu.encrypt_key),
        # Over the long connection nothing is signed; what is posted to us nevertheless must find no open door.
        verification_token=_secret(feishu.verification_token) or secrets.token_urlsafe(),
        login_base=feishu.login_base,
        now=clock.now,
    )


def _channels(settings: Settings, chat: Chat) -> dict[str, Channel]:
    sms: Channel = LogSms()
    if settings.sms.provider is SmsProvider.HTTP:
        assert settings.sms.url is not None
        assert settings.sms.token is not None
        sms = HttpSms(settings.sms.url, settings.sms.token.get_secret_value())
    channels: dict[str, Channel] = {"chat": chat, "sms": sms}
    if settings.smtp is not None and settings.smtp.url is not None:
        channels["email"] = Email(settings.smtp.url.get_secret_value(), settings.mail_from, settings.company)
    return channels


async def serve(settings: Settings, ground: Ground, host: str, port: int) -> None:
    """Serve until the process is asked to stop. Raises Misconfigured: the port is taken."""
    bot = Bot(settings, ground, Clock(), standard_texts())
    async with listening(bot.web(), host, port):
        log.info("ready", extra={"host": host, "port": port})
        await asked_to_stop()


@asynccontextmanager
async def listening(app: web.Application, host: str, port: int) -> AsyncIterator[None]:
    """An application on a port for as long as the block runs. Raises Misconfigured: the port is taken."""
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=10)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port, backlog=512).start()
        except OSError as error:
            why = error.strerror or "refused"
            raise Misconfigured(f"cannot listen on {host}:{port}: {why}; choose another --port") from error
        calm_collector()
        yield
    finally:
        await runner.cleanup()


def calm_collector() -> None:
    """Let the search for garbage hold up as little as it can. To be called once, when everything has been made."""
    # What was made until now stays to the end. Walking it again and again would hold up all answers for 0.1 s.
    gc.freeze()
    # What a request makes is freed when it ends, without the collector; looking for more every 700 objects is 5 %.
    gc.set_threshold(20_000, 20, 50)


async def asked_to_stop() -> None:
    """Return when the process is told to end (SIGINT, SIGTERM)."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    await stop.wait()
