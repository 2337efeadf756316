"""WeCom as the bot sees it: members through the app, candidates through 微信客服, groups through their robot."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from bot.charts import picture
from bot.errors import Forged, GiveUp, TryLater
from bot.platforms.base import Fetched, Pulled, Sent
from bot.platforms.wecom.api import NO_MEMBER, Upload, WeComApi
from bot.platforms.wecom.cards import (
    MSGID_LENGTH,
    app_payloads,
    card_update,
    group_payload,
    kf_payload,
    media_payload,
    platform_id,
)
from bot.platforms.wecom.crypto import CallbackCrypto
from bot.platforms.wecom.events import APP, GROUP, KF, read_app_message, read_envelope, read_kf_item
from bot.platforms.wecom.files import send_file_to_group, upload_of
from recruiting.chat import Challenge, Doorbell, FileRef, Incoming, Message, Nothing, Person

# 微信客服 hands a link's `scene_param` back only when the link was made with a `scene`.
SCENE = "bulou"
LONGEST_SCENE_PARAM = 128
UPLOADS_KEPT = 500
LOCKED = frozenset({2, 5})  # a member's status: disabled, left


LOGIN_BASE = "https://login.work.weixin.qq.com"
INSIDE = "https://open.weixin.qq.com/connect/oauth2/authorize"  # sign-in within WeCom itself


class WeComPlatform:
    """The `Platform` for surfaces wecom.app, wecom.kf and wecom.group (a group's account is its robot's whole URL)."""

    def __init__(
        self,
        *,
        api_base: str,
        corp_id: str,
        agent_id: int,
        secret: str,
        token: str,
        aes_key: str,
        kf_open_kfid: str,
        now: Callable[[], datetime],
        login_base: str = LOGIN_BASE,
        timeout: timedelta = timedelta(seconds=10),
    ) -> None:
        """Take plain values; no network. Raises ValueError: `aes_key` is no EncodingAESKey."""
        self._corp_id = corp_id
        self._agent_id = agent_id
        self._login_base = login_base.rstrip("/")
        self._desk = kf_open_kfid
        self._now = now
        self._crypto = CallbackCrypto(token, aes_key, corp_id)
        self._uploads: OrderedDict[str, str] = OrderedDict()
        self._api = WeComApi(base=api_base, corp_id=corp_id, agent_id=agent_id, secret=secret, now=now, timeout=timeout)

    def open(self, query: Mapping[str, str], body: bytes) -> Challenge | Doorbell | Nothing | Sequence[Incoming]:
        """Verify, decrypt, parse; no network. An empty `body` is a URL check. Raises Malformed or Forged."""
        if not body:
            return Challenge(self._crypto.answer_url_check(query))
        envelope = read_envelope(body)
        plain = self._crypto.unseal(query, envelope.encrypted)
        if envelope.receiver not in ("", self._corp_id):
            raise Forged("callback for another company")
        found = read_app_message(plain, self._corp_id, self._now())
        if isinstance(found, Doorbell) and found.desk != self._desk:
            return Nothing("another customer service account")
        return found

    async def pull(self, bell: Doorbell, cursor: str) -> Pulled:
        """One page of what people wrote in 微信客服. Raises TryLater or GiveUp."""
        answer = await self._api.sync(bell.desk, cursor, bell.token)
        found, next_cursor = answer.get("msg_list"), answer.get("next_cursor")
        items = found if isinstance(found, list) else []
        reached = next_cursor if isinstance(next_cursor, str) and next_cursor else cursor
        now = self._now()
        read = [incoming for item in items if (incoming := read_kf_item(item, bell.desk, now))]
        # "More" without a step forward would be asked for ever.
        return Pulled(read, reached, more=answer.get("has_more") == 1 and reached != cursor)

    async def send(
        self, to: Person, message: Message, id: str, *, welcome_code: str = "", reply_to: str = "", retry: bool = False
    ) -> Sent:
        """Deliver once; WeCom has no threads. `id` is ours, stays the same over retries. Raises TryLater or GiveUp."""
        if message.chart and not message.text:
            return await self.send_file(to, await picture(message.chart), id, retry=retry)
        if to.surface == APP:
            return await self._send_to_member(to, message, id, retry=retry)
        if to.surface == KF:
            return await self._send_to_customer(to, message, id, welcome_code, retry=retry)
        if to.surface == GROUP:
            await self._api.send_to_group(to.account, group_payload(message))
            return Sent(id)
        raise GiveUp("not a WeCom surface")

    async def send_file(self, to: Person, file: Fetched, id: str, *, reply_to: str = "", retry: bool = False) -> Sent:
        """Upload a picture or another file, and send it. Raises TryLater, or GiveUp: too large, empty, ..."""
        if to.surface == GROUP:
            await send_file_to_group(self._api, to.account, file)
            return Sent(id)
        if to.surface not in (APP, KF):
            raise GiveUp("not a WeCom surface")
        upload = upload_of(file)
        payload = media_payload(upload.kind, await self._uploaded(id, upload))
        if to.surface == APP:
            answer = await self._api.send_to_member(to.account, payload, retry=retry)
            return Sent(str(answer.get("msgid") or id))
        msgid, desk = platform_id(id, MSGID_LENGTH), to.desk or self._desk
        answer = await self._api.send_to_customer(to.account, desk, msgid, payload, retry=retry)
        return Sent(str(answer.get("msgid") or msgid))

    async def update(self, to: Person, card: str, message: Message) -> None:
        """Change a member's card, once per handle. Raises TryLater or GiveUp."""
        if to.surface != APP:
            raise GiveUp("only a member's card can be changed")
        await self._api.update_card(to.account, card, card_update(message, card))

    async def fetch(self, file: FileRef, limit: int) -> Fetched:
        """Read a file of at most `limit` bytes. Raises TryLater, or GiveUp when it is gone or too large."""
        return await self._api.download(file.id, limit)

    async def active(self, account: str) -> bool | None:
        """Whether a member's account is in use: not locked, not left. Raises TryLater or GiveUp."""
        told = await self._api.member(account)
        if code := told.get("errcode"):
            return False if code == NO_MEMBER else None
        status = told.get("status")
        return status not in LOCKED if isinstance(status, int) else None

    async def check(self) -> str:
        """Try id and secret, and look whether the 微信客服 account is ours to use. Raises TryLater or GiveUp."""
        await self._api.reach()
        if not self._desk:
            return "app reached"
        try:
            desks = await self._api.desks()
        except (TryLater, GiveUp) as error:
            return f"app reached; 微信客服 not looked up: {error.reason}"
        desk = next((desk for desk in desks if desk.get("open_kfid") == self._desk), None)
        if desk is None:
            return "app reached; 微信客服: the account is not among the first 100 that the app may use"
        if desk.get("manage_privilege") is False:
            raise GiveUp("微信客服: the account is not handed to the app: choose 通过API管理 in the console")
        return "app and 微信客服 reached"

    async def chat_link(self, token: str) -> str:
        """A link that opens the chat with our 微信客服 account and brings `token` back. Raises TryLater or GiveUp."""
        scene_param = quote(token, safe="")
        if len(scene_param) > LONGEST_SCENE_PARAM:
            raise ValueError(f"a chat link carries at most {LONGEST_SCENE_PARAM} bytes")
        if not self._desk:
            raise GiveUp("微信客服 is not set up: BULOU_WECOM__KF_OPEN_KFID is missing")
        link = await self._api.contact_way(self._desk, SCENE)
        return f"{link}{'&' if '?' in link else '?'}scene_param={scene_param}"

    def sign_in_page(self, back_to: str, state: str, user_agent: str) -> str:
        """Where a member proves who they are: in WeCom's own browser without being asked, elsewhere with its app."""
        known = {"appid": self._corp_id, "agentid": str(self._agent_id), "redirect_uri": back_to, "state": state}
        if "wxwork/" in user_agent.lower() and self._login_base == LOGIN_BASE:
            query = {**known, "response_type": "code", "scope": "snsapi_base"}
            return f"{INSIDE}?{urlencode(query)}#wechat_redirect"
        return f"{self._login_base}/wwlogin/sso/login?{urlencode({'login_type': 'CorpApp', **known})}"

    async def who(self, code: str, back_to: str) -> str:
        """The member for whom a code stands; empty: somebody outside the company. Raises TryLater or GiveUp."""
        return await self._api.who(code)

    async def close(self) -> None:
        """Let go of connections."""
        await self._api.close()

    async def _uploaded(self, id: str, upload: Upload) -> str:
        """The id of an uploaded file: at a repeat the same one, or WeCom's duplicate check would not know it again."""
        key = f"{id}/{upload.kind}"
        if key not in self._uploads:
            self._uploads[key] = await self._api.upload(upload)
            if len(self._uploads) > UPLOADS_KEPT:
                self._uploads.popitem(last=False)
        return self._uploads[key]

    async def _send_to_member(self, to: Person, message: Message, id: str, *, retry: bool) -> Sent:
        """Send all parts in order. A repeat of those that arrived is swallowed by WeCom's duplicate check."""
        sent = Sent(id)
        for payload in app_payloads(message, id):
            answer = await self._api.send_to_member(to.account, payload, retry=retry)
            sent = Sent(str(answer.get("msgid") or id), str(answer.get("response_code") or ""))
        return sent

    async def _send_to_customer(self, to: Person, message: Message, id: str, welcome_code: str, *, retry: bool) -> Sent:
        msgid, payload = platform_id(id, MSGID_LENGTH), kf_payload(message)
        if welcome_code:
            answer = await self._api.welcome(welcome_code, msgid, payload, retry=retry)
        else:
            answer = await self._api.send_to_customer(to.account, to.desk or self._desk, msgid, payload, retry=retry)
        return Sent(str(answer.get("msgid") or msgid))
