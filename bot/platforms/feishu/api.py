"""The calls that the bot makes to Feishu: token, messages, cards, files. Codes become TryLater or GiveUp here."""

import io
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson

from bot.errors import GiveUp, TryLater
from bot.platforms.base import Fetched
from bot.platforms.wire import AccessToken, failures_told, file_name, read_at_most

STALE_TOKEN = frozenset({99991663, 99991664, 99991665})
WRONG_CREDENTIALS = frozenset({10003, 10014, 10015})
RATE_LIMIT = 99991400
SCOPE_MISSING = 99991672
INVALID_PARAMETER = 230001
CARD_REFUSED = 230099
CARD_BUSY = "card action is lock"  # within 230099, under a number that also means other things

REFRESH_EARLY = timedelta(minutes=10)  # with less left Feishu would hand out the next one anyway
HOLD_AFTER_WRONG_SECRET = timedelta(minutes=10)
LONGEST_WAIT_SECONDS = 3600
LARGEST_ANSWER = 4 * 2**20
FILE_TIMEOUT_SECONDS = 60.0

# Where it passes by itself, or the operator can mend it while the message waits.
WAITS = {
    1500: timedelta(seconds=2),
    2200: timedelta(seconds=2),
    5000: timedelta(seconds=2),
    55001: timedelta(seconds=2),
    11232: timedelta(seconds=5),
    11247: timedelta(seconds=2),
    18121: timedelta(seconds=1),
    230020: timedelta(seconds=1),
    230049: timedelta(seconds=1),
    232019: timedelta(seconds=1),
    232068: timedelta(seconds=2),
    234019: timedelta(seconds=2),
    RATE_LIMIT: timedelta(seconds=10),
    99991401: timedelta(seconds=60),
    **dict.fromkeys(STALE_TOKEN, timedelta(seconds=60)),
    **dict.fromkeys(WRONG_CREDENTIALS, HOLD_AFTER_WRONG_SECRET),
}

# What the operator reads in the log, on the dashboard and from `bulou check`.
REASONS = {
    1500: "Feishu is busy",
    2200: "Feishu is busy",
    5000: "Feishu is busy",
    55001: "Feishu is busy",
    9499: "Feishu cannot read the request",
    10003: "no such app: mend BULOU_FEISHU__APP_ID",
    10014: "the app is not usable: publish and enable it in the console",
    10015: "the secret is wrong: mend BULOU_FEISHU__APP_SECRET",
    11232: "called too often",
    11246: "Feishu refuses the card",
    11247: "Feishu is busy",
    18120: "this person refuses to work with the app",
    18121: "the same is being made at this moment",
    19001: "the group robot's address is wrong or the robot was removed",
    19002: "Feishu refuses a parameter",
    19021: "the robot's signature is refused: mend BULOU_FEISHU__GROUP_SECRET and look at this server's clock",
    19022: "this server's address is not among those the robot allows: add it in the group's settings",
    19024: "the message holds none of the robot's keywords: take them out of the group's settings",
    19036: "the message is too long",
    230001: "Feishu refuses a parameter",
    230002: "the bot is not in the group: add it",
    230006: "the app is no bot: switch the bot on in the console and publish a version",
    230009: "too late to take the message back",
    230011: "the message was taken back",
    230012: "the message is not the bot's own",
    230013: "the person lies outside the app's availability range, or has left",
    230015: "a private chat cannot be shared",
    230017: "the file belongs to another app",
    230018: "the group's settings forbid it: let the bot speak there",
    230019: "the topic is gone",
    230020: "too many messages to the same person or group",
    230022: "blocked by Feishu's content check",
    230023: "the person has more than 200 unread urgent messages",
    230024: "the company's quota of urgent messages is used up",
    230025: "the message is too long",
    230026: "the bot may not take the message back",
    230027: "a permission is missing, or the group is external: see 对外共享 in the console",
    230028: "the company's data protection refused the text: phone numbers and e-mail addresses belong behind a link",
    230029: "the person has left the company",
    230031: "the card is older than 14 days",
    230033: "read status is kept for seven days only",
    230034: "the receiver is of another kind than announced",
    230035: "this person or group may not be written to",
    230036: "the company's encryption key was deleted",
    230038: "somebody outside the company has to open and confirm the bot first",
    230049: "the message is being sent",
    230050: "the message is not visible to the bot",
    230052: "the message cannot be made urgent",
    230053: "the person has stopped the bot's messages",
    230054: "this kind of message is not possible here",
    230055: "the file was uploaded as another kind",
    230071: "the group has no threads",
    230072: "the message cannot be answered or edited any more",
    230075: "the chat is encrypted, or it is too late to edit",
    230098: "the message is folded",
    230099: "Feishu refuses the card",
    230101: "Feishu refuses private messages until the person has written to the bot",
    230110: "the message was deleted",
    230111: "the message has destroyed itself",
    232006: "no such group: mend its chat id",
    232009: "the group was dissolved",
    232019: "too many changes of the same group",
    232033: "not possible in an external group",
    232068: "the group is being made",
    234001: "Feishu refuses a parameter",
    234002: "the app may not read this",
    234003: "the file does not belong to this message",
    234004: "the bot is not in the chat",
    234005: "the file was deleted",
    234006: "the file is too large",
    234007: "the app is no bot: switch the bot on in the console and publish a version",
    234008: "the file belongs to another app",
    234009: "files of an external group cannot be read",
    234010: "the file is empty",
    234011: "the picture's format is unknown",
    234019: "Feishu could not check the app's permissions",
    234037: "the file is larger than 100 MB",
    234038: "the message is confidential",
    234039: "the picture has too many pixels",
    234040: "the message is not visible to the bot",
    234041: "the company's encryption key was deleted",
    234042: "the company's own storage failed",
    234043: "files of this kind cannot be read",
    20002: "the secret is wrong: mend BULOU_FEISHU__APP_SECRET",
    20003: "the code of the sign-in is unknown",
    20004: "the code of the sign-in is too old",
    20010: "the person lies outside the app's availability range",
    20021: "the person has left the company",
    20022: "the person's account is frozen",
    20065: "the code of the sign-in is used",
    20071: "the address of the sign-in is not the one registered: see 安全设置 in the console",
    99991201: "no such call: mend BULOU_FEISHU__API_BASE",
    99991301: "no such call: mend BULOU_FEISHU__API_BASE",
    99991400: "called too often",
    99991401: "this server's address is not among the app's IP 白名单: add it in the console",
    99991403: "the company's monthly quota of calls is used up",
    99991661: "the access token is missing",
    99991662: "the app is switched off in the console",
    99991663: "the access token is refused again and again",
    99991664: "the access token is refused again and again",
    99991665: "the access token is refused again and again",
    99991671: "the access token is of the wrong kind",
    99991672: "the app lacks a permission: add it in the console and publish a version",
    99991673: "the app cannot be used in this company",
    99992351: "no such person",
    99992354: "no such message",
    99992356: "no such chat",
    99992361: "the person's id belongs to another app: mend BULOU_FEISHU__APP_ID or the member's open_id",
    99992402: "Feishu refuses a field",
}

# What an operator has to hear of at once, whatever becomes of the message.
ALARMS = frozenset({230006, 99991403, 99991401, 99991662, 99991672, 99991673}) | WRONG_CREDENTIALS

logger = logging.getLogger(__name__)

Answer = dict[str, Any]


class Refusal(GiveUp):
    """A GiveUp that still knows Feishu's code, for those few callers who have another way."""

    def __init__(self, reason: str, code: int) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: the JSON (None: it was none), and of the head what matters."""

    status: int
    answer: Answer | None
    wait: timedelta | None  # asked for by a rate limit
    trace: str


def refusal(code: int, call: str, answer: Answer | None = None, wait: timedelta | None = None) -> TryLater | Refusal:
    """Say what may be done about a code of Feishu's. Codes that nobody told us of will not get better either."""
    said = (answer or {}).get("msg")
    text = said if isinstance(said, str) else ""
    detail = ", ".join(_scopes(answer or {})) if code == SCOPE_MISSING else _detail(code, text)
    reason = f"feishu {call}: {REASONS.get(code, 'refused')}{detail and f': {detail}'} ({code})"
    if code == CARD_REFUSED and CARD_BUSY in text:
        return TryLater(reason, timedelta(seconds=1))
    usual = WAITS.get(code)
    if usual is None:
        return Refusal(reason, code)
    return TryLater(reason, max(usual, wait) if wait else usual, crowded=code == RATE_LIMIT)


def _detail(code: int, text: str) -> str:
    """What else an operator needs to know, as far as it can't hold what people wrote."""
    patterns = {CARD_REFUSED: r"ErrCode: ([0-9]{1,9})", INVALID_PARAMETER: r"ext=(invalid [a-z_ ]{3,40})"}
    found = re.search(patterns[code], text) if code in patterns else None
    return found[1] if found else ""


def _scopes(answer: Answer) -> list[str]:
    error = answer.get("error")
    told = error.get("permission_violations") if isinstance(error, dict) else None
    subjects = [one.get("subject") for one in told if isinstance(one, dict)] if isinstance(told, list) else []
    return [name for name in subjects if isinstance(name, str) and re.fullmatch(r"[a-z0-9_.:]{1,80}", name)][:5]


class FeishuApi:
    """One app's line to Feishu. Keeps its access token; never puts it anywhere but into the header."""

    def __init__(
        self,
        *,
        base: str,
        app_id: str,
        app_secret: str,
        now: Callable[[], datetime],
        timeout: timedelta = timedelta(seconds=10),
    ) -> None:
        self._base = base.rstrip("/")
        self._app_id = app_id
        self._app_secret = app_secret
        self._now = now
        self._timeout = aiohttp.ClientTimeout(total=timeout.total_seconds())
        self._session: aiohttp.ClientSession | None = None
        self._token = AccessToken(now, self._ask_for_token, REFRESH_EARLY)
        self._held: tuple[datetime, str] | None = None

    async def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, receiver: str, kind: str, content: tuple[str, str], uuid: str) -> Answer:
        """Write to a person (`kind` open_id) or a chat (chat_id); of one uuid at most one arrives within an hour."""
        body = {"receive_id": receiver, **_worded(content), "uuid": uuid}
        return await self._post("messages/send", "im/v1/messages", body, query={"receive_id_type": kind})

    async def reply(self, message: str, content: tuple[str, str], uuid: str) -> Answer:
        """Write under a message, in the open and not in a thread of its own."""
        body = {**_worded(content), "reply_in_thread": False, "uuid": uuid}
        return await self._post("messages/reply", f"im/v1/messages/{_safe(message)}/reply", body)

    async def change(self, message: str, card: str) -> None:
        """Put another card in a card's place, as often as wanted within 14 days."""
        await self._call("messages/patch", "PATCH", f"im/v1/messages/{_safe(message)}", body={"content": card})

    async def sent_card(self, message: str) -> str:
        """The card as it was sent, as JSON text; empty when Feishu shows something else."""
        query = {"card_msg_content_type": "user_card_content"}
        found = _data(await self._call("messages/get", "GET", f"im/v1/messages/{_safe(message)}", query=query))
        items = found.get("items")
        first = items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else {}
        body = first.get("body")
        content = body.get("content") if isinstance(body, dict) else ""
        return content if isinstance(content, str) else ""

    async def sent_file(self, message: str) -> tuple[str, str]:
        """Key and name of the file that a message is; empty when it is none. In a group that takes another scope."""
        found = _data(await self._call("messages/get", "GET", f"im/v1/messages/{_safe(message)}"))
        items = found.get("items")
        first = items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else {}
        body = first.get("body")
        try:
            content = orjson.loads(body.get("content", "") if isinstance(body, dict) else "")
        except (orjson.JSONDecodeError, TypeError):
            content = {}
        if first.get("msg_type") != "file" or not isinstance(content, dict):
            return "", ""
        return str(content.get("file_key") or ""), str(content.get("file_name") or "")

    async def urge(self, message: str, person: str, how: str) -> None:
        """Make a message of ours urgent for one person: in the app, by SMS or by a call."""
        path = f"im/v1/messages/{_safe(message)}/urgent_{how}"
        query, body = {"user_id_type": "open_id"}, {"user_id_list": [person]}
        found = _data(await self._call(f"messages/urgent_{how}", "PATCH", path, query=query, body=body))
        missed = found.get("invalid_user_id_list")
        if isinstance(missed, list) and person in missed:
            raise GiveUp(f"feishu messages/urgent_{how}: the person is not in the chat")

    async def upload_image(self, content: bytes, content_type: str) -> str:
        """Hand a picture over; returns the key under which it can be sent."""

        def form() -> aiohttp.FormData:
            filled = aiohttp.FormData({"image_type": "message"})
            filled.add_field("image", io.BytesIO(content), filename="image", content_type=content_type)
            return filled

        return _key(await self._call("images/upload", "POST", "im/v1/images", form=form), "image_key", "images")

    async def upload_file(self, content: bytes, name: str, kind: str) -> str:
        """Hand a file over; returns the key under which it can be sent."""

        def form() -> aiohttp.FormData:
            filled = aiohttp.FormData({"file_type": kind, "file_name": name}, quote_fields=False)
            filled.add_field("file", io.BytesIO(content), filename=name, content_type="application/octet-stream")
            return filled

        return _key(await self._call("files/upload", "POST", "im/v1/files", form=form), "file_key", "files")

    async def send_to_robot(self, webhook: str, body: Answer) -> None:
        """Write into a group through its robot. The address is the secret: it is in no log and no error."""
        self._judge("robot", await self._exchange("robot", "POST", webhook, body=body))

    async def person(self, open_id: str) -> Answer:
        """What the contacts say of somebody in the company."""
        path, query = f"contact/v3/users/{_safe(open_id)}", {"user_id_type": "open_id"}
        found = _data(await self._call("users/get", "GET", path, query=query)).get("user")
        return found if isinstance(found, dict) else {}

    async def bot(self) -> Answer:
        """Who our bot is, and whether it is switched on."""
        found = (await self._call("bot/info", "GET", "bot/v3/info")).get("bot")
        return found if isinstance(found, dict) else {}

    async def download(self, message: str, key: str, kind: str, limit: int) -> Fetched:
        """Read a file of at most `limit` bytes out of the message in which somebody sent it."""
        path = f"im/v1/messages/{_safe(message)}/resources/{_safe(key)}"
        for last in (False, True):
            token = await self._token.get()
            found = await self._read_file(path, kind, token, limit)
            if isinstance(found, Fetched):
                return found
            if _code(found.answer) not in STALE_TOKEN or last:
                self._judge("resources/get", found)
            self._token.forget(token)
        raise AssertionError("unreachable")

    async def _post(self, call: str, path: str, body: Answer, query: Mapping[str, str] | None = None) -> Answer:
        return _data(await self._call(call, "POST", path, query=query, body=body))

    async def _call(
        self,
        call: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Answer | None = None,
        form: Callable[[], aiohttp.FormData] | None = None,
    ) -> Answer:
        """Make a call; a token that Feishu dropped early is replaced once."""
        url, token = f"{self._base}/open-apis/{path}", await self._token.get()
        reply = await self._exchange(call, method, url, query=query, body=body, form=form, token=token)
        if _code(reply.answer) in STALE_TOKEN:
            self._token.forget(token)
            token = await self._token.get()
            reply = await self._exchange(call, method, url, query=query, body=body, form=form, token=token)
        return self._judge(call, reply)

    async def who(self, code: str, back_to: str) -> str:
        """The open_id for which a sign-in's code stands; empty when the answer names none."""
        body = {
            "grant_type": "authorization_code",
            "client_id": self._app_id,
            "client_secret": self._app_secret,
            "code": code,
            "redirect_uri": back_to,
        }
        url = f"{self._base}/open-apis/authen/v2/oauth/token"
        token = self._judge("oauth/token", await self._exchange("oauth/token", "POST", url, body=body)).get(
            "access_token"
        )
        if not isinstance(token, str) or not token:
            raise TryLater("feishu oauth/token: answered without a token", timedelta(seconds=60))
        url = f"{self._base}/open-apis/authen/v1/user_info"
        told = self._judge("user_info", await self._exchange("user_info", "GET", url, token=token)).get("data")
        open_id = told.get("open_id") if isinstance(told, dict) else None
        return open_id if isinstance(open_id, str) else ""

    async def _ask_for_token(self) -> tuple[str, timedelta]:
        self._respect_hold()
        url = f"{self._base}/open-apis/auth/v3/tenant_access_token/internal"
        reply = await self._exchange(
            "token", "POST", url, body={"app_id": self._app_id, "app_secret": self._app_secret}
        )
        code = _code(reply.answer)
        try:
            answer = self._judge("token", reply)
        except (TryLater, GiveUp) as error:
            raise self._hold(error) if code in WRONG_CREDENTIALS or isinstance(error, GiveUp) else error from None
        token, seconds = answer.get("tenant_access_token"), answer.get("expire")
        if not isinstance(token, str) or not token:
            raise TryLater("feishu token: answered without a token", timedelta(seconds=60))
        lifetime = timedelta(seconds=seconds if isinstance(seconds, int) else 7200)
        self._held = None
        return token, lifetime

    def _respect_hold(self) -> None:
        if self._held is None:
            return
        until, reason = self._held
        if self._now() < until:
            raise TryLater(reason, until - self._now())

    def _hold(self, error: TryLater | GiveUp) -> TryLater:
        """Ask for no token for a while after a refusal: nothing but the operator can mend it."""
        self._held = (self._now() + HOLD_AFTER_WRONG_SECRET, error.reason)
        return TryLater(error.reason, HOLD_AFTER_WRONG_SECRET)

    async def _exchange(
        self,
        call: str,
        method: str,
        url: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Answer | None = None,
        form: Callable[[], aiohttp.FormData] | None = None,
        token: str = "",
    ) -> Reply:
        """One request, one answer. A failure on the way is TryLater, and says whether it may have arrived."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        data: bytes | aiohttp.FormData | None = form() if form else None
        timeout = self._timeout
        if form:
            timeout = self._file_timeout()
        elif body is not None:
            data = orjson.dumps(body)
            headers["Content-Type"] = "application/json; charset=utf-8"
        async with (
            failures_told(f"feishu {call}"),
            self._open_session().request(
                method, url, params=query, data=data, headers=headers, timeout=timeout, allow_redirects=False
            ) as response,
        ):
            return _reply(response, await read_at_most(response, LARGEST_ANSWER))

    async def _read_file(self, path: str, kind: str, token: str, limit: int) -> Fetched | Reply:
        """The file, or the answer with which it was refused."""
        async with (
            failures_told("feishu resources/get"),
            self._open_session().get(
                f"{self._base}/open-apis/{path}",
                params={"type": kind},
                headers={"Authorization": f"Bearer {token}"},
                timeout=self._file_timeout(),
                allow_redirects=False,
            ) as response,
        ):
            if response.status != 200:
                return _reply(response, await read_at_most(response, LARGEST_ANSWER))
            content = await read_at_most(response, limit)
            disposition = response.headers.get("Content-Disposition", "")
            # A person's own JSON file comes with a name; a refusal that comes with status 200 has none.
            if not disposition and response.content_type == "application/json":
                reply = _reply(response, content)
                if _code(reply.answer):
                    return reply
            return Fetched(content, file_name(disposition), response.content_type)

    def _judge(self, call: str, reply: Reply) -> Answer:
        """The answer of a call that succeeded. Raises TryLater or GiveUp: what it says, before what its status says."""
        answer, code = reply.answer, _code(reply.answer)
        if answer is not None and code == 0:
            return answer
        error: TryLater | GiveUp
        if answer is None or code is None:
            error = _garbled(call, reply)
        else:
            error = refusal(code, call, answer, reply.wait)
            if isinstance(error, GiveUp) and code not in REASONS and reply.status in (429, 500, 502, 503, 504):
                error = _garbled(call, reply)
        level = logging.ERROR if code in ALARMS else logging.WARNING
        logger.log(level, "feishu.refused status=%s logid=%s %s", reply.status, reply.trace, error.reason)
        return _raise(error)

    def _file_timeout(self) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(total=max(FILE_TIMEOUT_SECONDS, self._timeout.total or 0))

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        return self._session


def _raise(error: TryLater | GiveUp) -> Answer:
    raise error


def _garbled(call: str, reply: Reply) -> TryLater:
    """Something on the way answered in Feishu's place, or Feishu is not itself."""
    if reply.status == 429:
        return TryLater(f"feishu {call}: called too often", reply.wait or WAITS[RATE_LIMIT], crowded=True)
    hint = ": is BULOU_FEISHU__API_BASE right?" if 300 <= reply.status < 500 else ""
    accepted = not 300 <= reply.status < 500  # who says no to the request itself has not acted on it
    reason = f"feishu {call}: HTTP {reply.status} without an answer of Feishu's{hint}"
    return TryLater(reason, timedelta(seconds=2), unknown=accepted)


def _reply(response: aiohttp.ClientResponse, content: bytes) -> Reply:
    try:
        answer = orjson.loads(content)
    except orjson.JSONDecodeError:
        answer = None
    reset = response.headers.get("x-ogw-ratelimit-reset", "")
    wait = timedelta(seconds=min(int(reset), LONGEST_WAIT_SECONDS)) if re.fullmatch(r"[0-9]{1,9}", reset) else None
    trace = re.sub(r"[^0-9A-Za-z-]", "", response.headers.get("X-Tt-Logid", ""))[:64]
    return Reply(response.status, answer if isinstance(answer, dict) else None, wait, trace)


def _code(answer: Answer | None) -> int | None:
    """0 is success; None where there is no code at all. Group robots have two spellings of it."""
    for name in ("code", "StatusCode"):
        code = (answer or {}).get(name)
        if isinstance(code, int):
            return code
    return None


def _data(answer: Answer) -> Answer:
    data = answer.get("data")
    return data if isinstance(data, dict) else {}


def _key(answer: Answer, name: str, call: str) -> str:
    key = _data(answer).get(name)
    if not isinstance(key, str) or not key:
        raise TryLater(f"feishu {call}/upload: answered without a key", timedelta(seconds=60))
    return key


def _worded(content: tuple[str, str]) -> Answer:
    return {"msg_type": content[0], "content": content[1]}


def _safe(id: str) -> str:
    """An id as one step of a path, whatever is in it."""
    return quote(id, safe="")
