"""The sandbox: the whole world outside the bot, in one small server."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bot.clock import Clock
from bot.platforms.wecom.crypto import CallbackCrypto
from bot.sandbox import kf
from bot.sandbox.access import Access
from bot.sandbox.callbacks import Courier, Delivery, WeComCallbacks
from bot.sandbox.control import Control
from bot.sandbox.feishu.company import App as FeishuApp
from bot.sandbox.feishu.world import Feishu
from bot.sandbox.gateways import SMS_PATH, InterviewProvider, SmsGateway
from bot.sandbox.kf import Kf
from bot.sandbox.media import Media
from bot.sandbox.moods import Moods
from bot.sandbox.record import Record
from bot.sandbox.robot import Robot
from bot.sandbox.sign_in import PAGE as SIGN_IN_PAGE
from bot.sandbox.sign_in import SignIn
from bot.sandbox.wecom import App
from bot.sandbox.wecom_bot import AiBot
from bot.sandbox.wire import LARGEST_BODY, Api


@dataclass(frozen=True, slots=True)
class Names:
    """The made-up company that `bulou sandbox` plays when it is told nothing else. None of this is secret."""

    corp_id: str = "wwsandbox000000001"
    agent_id: int = 1000002
    secret: str = "sandbox-app-secret-not-a-secret"  # noqa: S105
    token: str = "sandboxCallbackToken"  # noqa: S105
    aes_key: str = "sandboxSANDBOXsandboxSANDBOXsandboxSANDBOX1"
    open_kfid: str = "wksandbox0000000000001"
    sms_token: str = "sandbox-sms-token-not-a-secret"  # noqa: S105
    interview_secret: str = "whsec_b25seS1mb3ItdGhlLXNhbmRib3gtb25seS1mb3ItaXQ="  # noqa: S105
    group_key: str = "00000000-5a4d-4b0c-8000-000000000001"
    bot_id: str = "aibsandbox000000000001"
    bot_token: str = "sandboxGroupBotToken"  # noqa: S105
    bot_aes_key: str = "SANDBOXsandboxSANDBOXsandboxSANDBOXsandbox2"
    bot_hr_chat: str = "wrsandbox0000000000000001"
    feishu_app_id: str = "cli_sandbox000000001"
    feishu_secret: str = "sandbox-feishu-secret-not-a-secret"  # noqa: S105
    feishu_encrypt_key: str = "sandbox-encrypt-key-not-a-secret"
    feishu_token: str = "sandbox-verification-token"  # noqa: S105
    feishu_hr_chat: str = "oc_sandbox00000000000000000000000001"
    feishu_robot: str = "00000000-5a4d-4b0c-8000-000000000002"
    feishu_robot_secret: str = "sandbox-robot-secret"  # noqa: S105


DEFAULTS = Names()
MEMBERS = ("hr", "manager", "boss")
PLATFORMS = ("wecom", "feishu")


class Sandbox:
    """WeCom, 微信客服, HR's group, Feishu, the SMS gateway and the interview provider, as strict as the real ones.

    Tests and pages drive `kf` (candidates), `app` (members), `robot` and `bot` (HR's group: one tells, one listens),
    `feishu`, `sms` and `interview`, give the other side a bad day through `moods`, and wait for callbacks with `idle`.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        corp_id: str = DEFAULTS.corp_id,
        agent_id: int = DEFAULTS.agent_id,
        secret: str = DEFAULTS.secret,
        token: str = DEFAULTS.token,
        aes_key: str = DEFAULTS.aes_key,
        open_kfid: str = DEFAULTS.open_kfid,
        sms_token: str = DEFAULTS.sms_token,
        interview_secret: str = DEFAULTS.interview_secret,
        group_key: str = DEFAULTS.group_key,
        bot_url: str = "",
    ) -> None:
        self.clock = clock
        self.names = Names(corp_id, agent_id, secret, token, aes_key, open_kfid, sms_token, interview_secret, group_key)
        self.record = Record()
        self.moods = Moods(clock)
        self.courier = Courier(clock, bot_url)
        self.callbacks = WeComCallbacks(
            self.courier,
            crypto=CallbackCrypto(token, aes_key, corp_id),
            foreign=CallbackCrypto(token, aes_key, "wwffffffffffffffff"),
            corp_id=corp_id,
            agent_id=agent_id,
        )
        self.access = Access(corp_id, agent_id, secret)
        self.media = Media()
        self.app = App(clock, self.record, self.media, self.callbacks, self.courier, corp_id=corp_id, agent_id=agent_id)
        self.sign_in = SignIn(self.app, clock, corp_id=corp_id, agent_id=agent_id)
        self.kf = Kf(clock, self.record, self.media, self.callbacks, corp_id=corp_id, open_kfid=open_kfid)
        self.robot = Robot(clock, self.record, self.media, group_key)
        self.bot = AiBot(
            clock,
            self.record,
            self.courier,
            crypto=CallbackCrypto(self.names.bot_token, self.names.bot_aes_key, ""),
            foreign=CallbackCrypto(self.names.bot_token, self.names.bot_aes_key, corp_id),
            bot_id=self.names.bot_id,
            hr_chat_id=self.names.bot_hr_chat,
        )
        self.sms = SmsGateway(clock, self.record, self.courier, sms_token)
        self.interview = InterviewProvider(clock, self.courier, interview_secret)
        self.feishu = Feishu(
            clock,
            self.record,
            self.courier,
            FeishuApp(
                self.names.feishu_app_id,
                self.names.feishu_secret,
                self.names.feishu_encrypt_key,
                self.names.feishu_token,
            ),
            hr_chat_id=self.names.feishu_hr_chat,
            robot_token=self.names.feishu_robot,
            robot_secret=self.names.feishu_robot_secret,
        )
        self.api = Api(clock, self.access.check)
        self.moods.forget_tokens = self._forget_tokens
        for served in (self.access, self.media, self.app, self.sign_in, self.kf, self.robot):
            self.api.add(served.endpoints())

    @property
    def bot_url(self) -> str:
        """Where the bot listens; empty as long as no callback address has been set."""
        return self.courier.bot_url

    @bot_url.setter
    def bot_url(self, url: str) -> None:
        self.courier.bot_url = url

    @property
    def deliveries(self) -> list[Delivery]:
        """Every callback, and what the bot answered."""
        return self.courier.deliveries

    @property
    def state(self) -> dict[str, Any]:
        """All that anybody has been sent, and what was noticed, as plain values."""
        return {
            "now": self.clock.now().isoformat(),
            "bot_url": self.bot_url,
            "members": sorted(self.app.members),
            "app": self.record.by_person("wecom.app"),
            "kf": self.record.by_person("wecom.kf"),
            "groups": self.record.by_person("wecom.group"),
            "bot": self.record.by_person("wecom.bot"),
            "bot_groups": self.record.by_person("wecom.botgroup"),
            "feishu": self.feishu.state,
            "sms": self.record.by_person("sms"),
            "sms_posts": list(self.sms.posts),
            "repeats": [message.to_json() for message in self.record.repeats],
            "dropped": [{"reason": reason, **message.to_json()} for reason, message in self.record.dropped],
            "counters": {**self.record.counters, "sms repeated id": self.sms.repeats},
            "warnings": list(self.record.warnings),
            "interviews": dict(self.interview.states),
            "deliveries": [delivery.to_json() for delivery in self.deliveries],
            "moods": self.moods.to_json(),
        }

    async def idle(self) -> None:
        """Wait until no callback is under way."""
        await self.courier.idle()

    async def close(self) -> None:
        """Stop what is under way and let go of connections."""
        await self.courier.close()
        await self.feishu.close()

    def _forget_tokens(self) -> None:
        self.access.forget()
        self.feishu.tokens.forget()

    def build(self) -> web.Application:
        """The server. It closes what it opened when it is cleaned up."""
        app = web.Application(client_max_size=LARGEST_BODY, middlewares=[self.moods.middleware()])
        app.router.add_route("*", "/cgi-bin/{path:.*}", self.api.answer)
        app.router.add_get("/kf/{path}", kf.page)
        app.router.add_get(SIGN_IN_PAGE, self.sign_in.page)
        self.feishu.add_routes(app)
        app.router.add_post(SMS_PATH, self.sms.post)
        for method in ("GET", "POST"):
            app.router.add_route(method, "/s/{token}", self.interview.page)
        app.add_routes(Control(self).routes())
        app.on_shutdown.append(self._hung_up)
        app.on_cleanup.append(self._closed)
        return app

    async def _hung_up(self, app: web.Application) -> None:
        """A long connection never ends by itself, and stopping waits for all that are open."""
        await self.feishu.close()

    async def _closed(self, app: web.Application) -> None:
        await self.close()

    def environment(self, base_url: str, platforms: Collection[str] = ("wecom",)) -> dict[str, str]:
        """The variables that a bot needs to talk to these `platforms` (wecom, feishu) of the sandbox at `base_url`."""
        unknown = set(platforms) - set(PLATFORMS)
        if unknown:
            raise ValueError(f"no platform {sorted(unknown)[0]!r}")
        names, base = self.names, base_url.rstrip("/")
        return {
            **(self._wecom_environment(base) if "wecom" in platforms else {}),
            **(self.feishu.environment(base) if "feishu" in platforms else {}),
            "BULOU_SMS__PROVIDER": "http",
            "BULOU_SMS__URL": f"{base}{SMS_PATH}",
            "BULOU_SMS__TOKEN": names.sms_token,
            "BULOU_INTERVIEW__LINK": f"{base}/s/{{token}}",
            "BULOU_INTERVIEW__SECRET": names.interview_secret,
        }

    def _wecom_environment(self, base: str) -> dict[str, str]:
        names = self.names
        return {
            "BULOU_WECOM__API_BASE": base,
            "BULOU_WECOM__LOGIN_BASE": base,
            "BULOU_WECOM__CORP_ID": names.corp_id,
            "BULOU_WECOM__AGENT_ID": str(names.agent_id),
            "BULOU_WECOM__SECRET": names.secret,
            "BULOU_WECOM__TOKEN": names.token,
            "BULOU_WECOM__AES_KEY": names.aes_key,
            "BULOU_WECOM__KF_OPEN_KFID": names.open_kfid,
            "BULOU_WECOM__GROUP_WEBHOOK": self.robot.url(base),
            "BULOU_WECOM__BOT_TOKEN": names.bot_token,
            "BULOU_WECOM__BOT_AES_KEY": names.bot_aes_key,
        }


def environment(base_url: str, platforms: Collection[str] = ("wecom",)) -> dict[str, str]:
    """The variables that a bot needs to talk to a sandbox with default names."""
    return Sandbox(Clock()).environment(base_url, platforms)


async def serve(host: str = "127.0.0.1", port: int = 9000, bot_url: str = "http://127.0.0.1:8000") -> None:
    """Play the world until cancelled, and say on stdout what a bot has to be told."""
    sandbox = Sandbox(Clock(), bot_url=bot_url)
    sandbox.app.members.update(MEMBERS)
    sandbox.bot.hr_group.members.update(MEMBERS)
    for name in MEMBERS:
        sandbox.feishu.company.join(sandbox.feishu.hr_group.chat, sandbox.feishu.person(name))
    sandbox.feishu.oauth.any_redirect = True
    runner = web.AppRunner(sandbox.build())
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        for name, value in sandbox.environment(f"http://{host}:{runner.addresses[0][1]}", PLATFORMS).items():
            print(f"{name}={value}", flush=True)
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
