"""Feishu as the bot sees it: members and candidates in private chats, and the groups that our bot is in."""

import hmac
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import orjson

from bot.errors import Forged, GiveUp, Malformed
from bot.platforms.base import Fetched, Pulled, Sent
from bot.platforms.feishu.api import Answer, FeishuApi, Refusal
from bot.platforms.feishu.cards import Content, card_content, contents, platform_id, settled_card
from bot.platforms.feishu.crypto import CallbackCrypto
from bot.platforms.feishu.events import GROUP, PRIVATE, EventReader, locked
from bot.platforms.wire import shown_name
from recruiting.chat import Challenge, Doorbell, FileRef, Incoming, Message, Nothing, Person

CARDS_KEPT = 500  # sent cards that can be settled without asking Feishu for them

LARGEST_IMAGE = 10 * 2**20
LARGEST_FILE = 30 * 2**20
IMAGES = frozenset(f"image/{kind}" for kind in ("jpeg", "png", "webp", "gif", "bmp", "x-icon", "tiff", "heic"))
FILE_KINDS = frozenset({"pdf", "doc", "xls", "ppt"})  # all else is a stream

ACTIVATED = 2
WAYS_TO_URGE = ("app", "sms", "phone")
STYLES = ("info", "success", "warning", "error")

# The message that was to be answered is gone, or can't be answered: what we have to say is not.
NO_REPLY_POSSIBLE = frozenset({230011, 230019, 230050, 230054, 230071, 230072, 230110, 230111, 99992354})
NO_SUCH_PERSON, NOT_OURS_TO_SEE = 41012, 41050  # of an open_id that the app asks about
# The private chat that we remember is none any more: the person's own id may still do.
NO_SUCH_CHAT = frozenset({230002, 230034, 232006, 232009, 99992356})


LOGIN_BASE = "https://accounts.feishu.cn"


class FeishuPlatform:
    """The `Platform` for surfaces feishu (an open_id) and feishu.group (a chat_id)."""

    def __init__(
        self,
        *,
        api_base: str,
        app_id: str,
        app_secret: str,
        encrypt_key: str,
        verification_token: str,
        now: Callable[[], datetime],
        login_base: str = "",
        timeout: timedelta = timedelta(seconds=10),
    ) -> None:
        """Take plain values; no network. Of `encrypt_key` and `verification_token` one may be empty: then the other
        alone protects callbacks. Raises ValueError: both are.
        """
        if not (encrypt_key or verification_token):
            raise ValueError("neither Encrypt Key nor Verification Token: anybody could forge callbacks")
        self._app_id = app_id
        self._token = verification_token.encode()
        self._now = now
        self._lark = "larksuite" in api_base
        self._login_base = (login_base or LOGIN_BASE).rstrip("/")
        self._crypto = CallbackCrypto(encrypt_key) if encrypt_key else None
        self._reader = EventReader()
        self._cards: OrderedDict[str, str] = OrderedDict()
        self._api = FeishuApi(base=api_base, app_id=app_id, app_secret=app_secret, now=now, timeout=timeout)

    def open(self, signed: Mapping[str, str], body: bytes) -> Challenge | Doorbell | Nothing | Sequence[Incoming]:
        """Verify, decrypt, parse; no network. `signed` are the headers. Raises Malformed or Forged."""
        try:
            envelope = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise Malformed("callback is not JSON") from error
        told = self._unseal(envelope)
        header = told.get("header") if "schema" in told else told
        if not isinstance(header, dict):
            raise Forged("callback has no header")
        if told.get("type") == "url_verification":  # the one thing that Feishu does not sign
            self._check_token(header)
            return Challenge(orjson.dumps({"challenge": told.get("challenge")}).decode())
        if self._crypto is not None:
            timestamp, nonce = signed.get("X-Lark-Request-Timestamp", ""), signed.get("X-Lark-Request-Nonce", "")
            signature = signed.get("X-Lark-Signature", "")
            if not self._crypto.verify(signature, timestamp, nonce, body):
                raise Forged("signature is missing or wrong")
        self._check_token(header)
        return self.read(told)

    def read(self, told: dict[str, Any]) -> Nothing | Sequence[Incoming]:
        """Say what an event means that came to us by a way that needs no proof. Raises Forged: for another app."""
        event = told.get("event")
        app = told.get("header") if "schema" in told else event
        if not isinstance(app, dict) or app.get("app_id") != self._app_id:
            raise Forged("callback for another app")
        return self._reader.read(told, self._now())

    async def pull(self, bell: Doorbell, cursor: str) -> Pulled:
        """Feishu rings no doorbells: whatever there is has come already."""
        return Pulled((), cursor, more=False)

    async def send(
        self, to: Person, message: Message, id: str, *, welcome_code: str = "", reply_to: str = "", retry: bool = False
    ) -> Sent:
        """Deliver once. `id` is ours, stays the same over retries. Raises TryLater or GiveUp."""
        _check_surface(to)
        parts = contents(message, group=to.surface == GROUP)
        for number, part in enumerate(parts[:-1], 1):
            await self._deliver(to, part, platform_id(f"{id}/{number}"), reply_to)
        return await self._deliver(to, parts[-1], platform_id(id), reply_to)

    async def send_file(self, to: Person, file: Fetched, id: str, *, reply_to: str = "", retry: bool = False) -> Sent:
        """Upload a picture or another file, and send it. Raises TryLater, or GiveUp: too large, empty, ..."""
        _check_surface(to)
        if not file.content:
            raise GiveUp("the file is empty")
        if len(file.content) > LARGEST_FILE:
            raise GiveUp("the file is larger than 30 MB, the most that Feishu takes")
        return await self._deliver(to, await self._upload(file), platform_id(id), reply_to)

    async def update(self, to: Person, card: str, message: Message) -> None:
        """Change a card, as often as wanted within 14 days. Raises TryLater or GiveUp.

        A message that says nothing but `settled` leaves the card as it is and only settles its buttons.
        """
        _check_surface(to)
        if message.settled and not (message.text or message.title):
            changed = settled_card(await self._sent_card(card), message.settled)
        else:
            changed = card_content(message, group=to.surface == GROUP)
        await self._api.change(card, changed)
        self._keep_card(card, changed)

    async def fetch(self, file: FileRef, limit: int) -> Fetched:
        """Read a file of at most `limit` bytes. Raises TryLater, or GiveUp when it is gone or too large."""
        message, _, key = file.id.partition("/")
        if not message:
            raise GiveUp("not a file of Feishu's")
        key, name = (key, self._reader.name_of(key)) if key else await self._api.sent_file(message)
        if not key:
            raise GiveUp("not a file of Feishu's")
        kind = "image" if file.kind == "image" else "file"
        found = await self._api.download(message, key, kind, limit)
        return Fetched(found.content, found.name or shown_name(name), found.content_type)

    async def urgent(self, message: str, person: str, how: str = "app") -> None:
        """加急: make a message of ours urgent for one person; `how` is app, sms or phone. Raises TryLater or GiveUp.

        Where an SMS or a call is refused for good, because nothing of what the company has paid for is left or the app
        may not, Feishu itself tells the person at least.
        """
        if how not in WAYS_TO_URGE:
            raise ValueError(f"urgent by one of {', '.join(WAYS_TO_URGE)}")
        try:
            await self._api.urge(message, person, how)
        except GiveUp:
            if how == "app":
                raise
            await self._api.urge(message, person, "app")

    async def active(self, account: str) -> bool | None:
        """Whether somebody's account is in use: not frozen, not resigned. Raises TryLater or GiveUp."""
        try:
            status = (await self._api.person(account)).get("status")
        except Refusal as error:
            if error.code == NO_SUCH_PERSON:
                return False
            if error.code == NOT_OURS_TO_SEE:
                return None
            raise
        return not locked(status) if isinstance(status, dict) else None

    async def check(self) -> str:
        """Try id and secret, and look whether the bot is switched on. Raises TryLater or GiveUp."""
        bot = await self._api.bot()
        if bot.get("activate_status") != ACTIVATED:
            raise GiveUp("Feishu: the app is not activated: publish a version in the console and have it approved")
        self._reader.bot = _word(bot, "open_id")
        return "app reached"

    async def chat_link(self, token: str) -> str:
        """A link that opens the chat with our bot. Feishu brings no `token` back: a code sent in the chat binds."""
        host = "applink.larksuite.com" if self._lark else "applink.feishu.cn"
        return f"https://{host}/client/bot/open?appId={self._app_id}"

    def sign_in_page(self, back_to: str, state: str, user_agent: str) -> str:
        """Where a member proves who they are; Feishu's own browser may skip the question."""
        query = {"client_id": self._app_id, "response_type": "code", "redirect_uri": back_to, "state": state}
        return f"{self._login_base}/open-apis/authen/v1/authorize?{urlencode(query)}"

    async def who(self, code: str, back_to: str) -> str:
        """The open_id for which a code stands. Raises TryLater or GiveUp."""
        return await self._api.who(code, back_to)

    async def close(self) -> None:
        """Let go of connections."""
        await self._api.close()

    def _unseal(self, envelope: Any) -> dict[str, Any]:
        if not isinstance(envelope, dict):
            raise Forged("callback is no object")
        sealed = envelope.get("encrypt")
        if self._crypto is None:
            if sealed is not None:
                raise Forged("callback is sealed, and BULOU_FEISHU__ENCRYPT_KEY is missing")
            return envelope
        if not isinstance(sealed, str):
            raise Forged("callback is not sealed")
        try:
            told = orjson.loads(self._crypto.open(sealed))
        except orjson.JSONDecodeError as error:
            raise Forged("sealed text is not JSON") from error
        if not isinstance(told, dict):
            raise Forged("sealed text is no object")
        return told

    def _check_token(self, header: Mapping[str, Any]) -> None:
        if not self._token:
            return
        token = header.get("token")
        given = token.encode("utf-8", "surrogatepass") if isinstance(token, str) else b""
        if not hmac.compare_digest(self._token, given):
            raise Forged("verification token is missing or wrong")

    async def _deliver(self, to: Person, content: Content, uuid: str, reply_to: str) -> Sent:
        answer = await self._reply(reply_to, content, uuid) if reply_to else None
        if answer is None:
            answer = await self._write(to, content, uuid)
        id = _word(answer, "message_id")
        if to.surface == PRIVATE and (chat := _word(answer, "chat_id")) and not reply_to:
            self._reader.remember_chat(to.account, chat)
        if content[0] != "interactive":
            return Sent(id or uuid)
        self._keep_card(id, content[1])
        return Sent(id or uuid, id)

    async def _reply(self, reply_to: str, content: Content, uuid: str) -> Answer | None:
        """Write under a message; None where that is impossible and an ordinary message has to do."""
        try:
            return await self._api.reply(reply_to, content, uuid)
        except Refusal as error:
            if error.code not in NO_REPLY_POSSIBLE:
                raise
            return None

    async def _write(self, to: Person, content: Content, uuid: str) -> Answer:
        """Write to a group, or to a person: into the private chat where we know it, which Feishu refuses less often."""
        if to.surface == GROUP:
            return await self._api.send(to.account, "chat_id", content, uuid)
        if chat := self._reader.chat_of(to.account):
            try:
                return await self._api.send(chat, "chat_id", content, uuid)
            except Refusal as error:
                if error.code not in NO_SUCH_CHAT:
                    raise
                self._reader.remember_chat(to.account, "")
        return await self._api.send(to.account, "open_id", content, uuid)

    async def _upload(self, file: Fetched) -> Content:
        if file.content_type in IMAGES and len(file.content) <= LARGEST_IMAGE:
            key = await self._api.upload_image(file.content, file.content_type)
            return "image", orjson.dumps({"image_key": key}).decode()
        name = shown_name(file.name) or "file"
        ending = name.rpartition(".")[2].lower()
        key = await self._api.upload_file(file.content, name, ending if ending in FILE_KINDS else "stream")
        return "file", orjson.dumps({"file_key": key}).decode()

    async def _sent_card(self, card: str) -> str:
        """A card as it was sent; empty where nobody knows any more."""
        if card in self._cards:
            return self._cards[card]
        try:
            return await self._api.sent_card(card)
        except GiveUp:
            return ""

    def _keep_card(self, id: str, card: str) -> None:
        self._cards[id] = card
        self._cards.move_to_end(id)
        if len(self._cards) > CARDS_KEPT:
            self._cards.popitem(last=False)


def answer(toast: str, style: str = "info") -> bytes:
    """What a card's tap is answered with at once: a few words that pass by, or nothing."""
    if style not in STYLES:
        raise ValueError(f"a toast's style is one of {', '.join(STYLES)}")
    return orjson.dumps({"toast": {"type": style, "content": toast}}) if toast else b"{}"


def _check_surface(to: Person) -> None:
    if to.surface not in (PRIVATE, GROUP):
        raise GiveUp("not a surface of the Feishu app")


def _word(part: Mapping[str, Any], name: str) -> str:
    value = part.get(name)
    return value if isinstance(value, str) else ""
