"""The calls that the bot makes to WeCom: token, messages, 微信客服, files. Codes become TryLater or GiveUp here."""

import io
import logging
import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import orjson

from bot.errors import GiveUp, TryLater
from bot.platforms.base import Fetched
from bot.platforms.wire import AccessToken, failures_told, file_name, read_at_most

STALE_TOKEN = frozenset({40014, 42001})
NO_MEMBER, OUT_OF_SIGHT = 60111, 60011  # of a userid that the app asks about
WRONG_CREDENTIALS = frozenset({40001, 40013, 40091, 41002, 41004})
SYNC_TOKEN_EXPIRED = 95007
BAD_PARAMETER = 40058

REFRESH_EARLY = timedelta(minutes=10)
HOLD_AFTER_WRONG_SECRET = timedelta(minutes=10)  # WeCom bans the address for an hour when wrong secrets repeat
DUPLICATE_CHECK_SECONDS = 14400  # the longest that WeCom offers: four hours
LARGEST_ANSWER = 16 * 2**20  # a full page of a thousand 微信客服 items stays far below
LARGEST_REFUSAL = 64 * 2**10
FILE_TIMEOUT_SECONDS = 60.0

CALLED_TOO_OFTEN, TOO_MANY_AT_ONCE = 45009, 45033

# Where the operator or the other side can mend it while the message waits.
WAITS = {
    -1: timedelta(seconds=2),
    6000: timedelta(seconds=1),
    CALLED_TOO_OFTEN: timedelta(seconds=60),
    60020: timedelta(seconds=60),
    301042: timedelta(seconds=60),
    **dict.fromkeys(STALE_TOKEN, timedelta(seconds=60)),
    **dict.fromkeys(WRONG_CREDENTIALS, HOLD_AFTER_WRONG_SECRET),
}

# What the operator reads in the log, on the dashboard and from `bulou check`.
REASONS = {
    -1: "WeCom is busy",
    40001: "the secret is wrong: mend BULOU_WECOM__SECRET",
    40003: "no such member",
    40004: "files of this kind cannot be sent",
    40006: "the file is empty",
    40007: "the file is gone (WeCom keeps it for three days)",
    40009: "the picture is too large",
    40013: "no such company: mend BULOU_WECOM__CORP_ID",
    40014: "the access token is refused again and again",
    40029: "the code of the sign-in is used or too old",
    40031: "no such member",
    40056: "no such app: mend BULOU_WECOM__AGENT_ID",
    40058: "WeCom refuses a parameter",
    40091: "the secret is wrong: mend BULOU_WECOM__SECRET",
    40096: "no such person in 微信客服",
    40201: "blocked by WeCom's content check",
    41002: "BULOU_WECOM__CORP_ID is missing",
    41004: "BULOU_WECOM__SECRET is missing",
    41050: "the welcome came too late",
    41051: "the person is already in a chat",
    42001: "the access token is refused again and again",
    43012: "cards need the app's callback address: set it in the console",
    44001: "the file is empty",
    44004: "the text is empty",
    45001: "the file is too large",
    45002: "the message is too long",
    CALLED_TOO_OFTEN: "called too often",
    TOO_MANY_AT_ONCE: "too many calls at once",
    46004: "no such member",
    48002: "the app may not do this: check its rights in the console",
    48007: "the 微信客服 account is not handed to the app: choose 通过API管理 in the console",
    50003: "the app is switched off in the console",
    60011: "the member lies outside the app's visible range",
    60020: "this server's address is not among the app's 企业可信IP: add it in the console",
    60111: "no such member, or outside the app's visible range",
    81013: "no such member, or outside the app's visible range",
    82004: "the text might crash the app",
    85002: "the text contains forbidden words",
    93000: "the group robot's address is wrong or the robot was removed",
    93004: "the group robot is switched off",
    93008: "the group robot is no longer in the group",
    95000: "the 微信客服 account's id is malformed: mend BULOU_WECOM__KF_OPEN_KFID",
    95001: "the window is shut: five messages since the person last wrote",
    95002: "the window is shut: more than 48 hours since the person last wrote",
    95003: "the company is not verified",
    95004: "no such 微信客服 account: mend BULOU_WECOM__KF_OPEN_KFID",
    95007: "the doorbell is too old",
    95008: "too many items in a menu",
    95009: "wrong kind of item in a menu",
    95013: "the session has ended",
    95017: "微信客服 is not open to the API: switch it on in the console",
    95018: "the session is not with the bot: a person has it, or it has ended",
    301002: "the app's id and secret don't belong together: mend BULOU_WECOM__AGENT_ID",
    301007: "the company is dissolved or banned",
    301042: "this server's address is not allowed: add it in the console",
}

logger = logging.getLogger(__name__)

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on its way to WeCom, which keeps it for three days."""

    content: bytes
    name: str
    kind: str  # image, file

    def form(self) -> aiohttp.FormData:
        """As a web form would send it; the name as plain UTF-8, because nothing else reaches people unharmed."""
        filled = aiohttp.FormData(quote_fields=False)
        content = io.BytesIO(self.content)
        filled.add_field("media", content, filename=self.name, content_type="application/octet-stream")
        return filled


def refusal(code: int, call: str) -> TryLater | GiveUp:
    """Say what may be done about a code of WeCom's. Codes that nobody told us of will not get better either."""
    reason = f"wecom {call}: {REASONS.get(code, 'refused')} ({code})"
    if code == TOO_MANY_AT_ONCE:
        return TryLater(reason, timedelta(seconds=random.uniform(1, 5)))
    wait = WAITS.get(code)
    return GiveUp(reason) if wait is None else TryLater(reason, wait, crowded=code == CALLED_TOO_OFTEN)


def used_id(code: int) -> bool:
    """Whether a refused *repeat* in 微信客服 means that the message is there: used ids have no code of their own.

    Our messages keep WeCom's limits when they leave, so a second try that is refused for its parameters, or with a
    code that nobody has told of, is taken for the repeat that it is.
    """
    return used_task(code) or (code not in REASONS and code not in WAITS)


def used_task(code: int) -> bool:
    """The same for a member's card, whose task id may be used once. (Texts are swallowed by the duplicate check.)"""
    return code == BAD_PARAMETER


class WeComApi:
    """One app's line to WeCom. Keeps its access token; never puts it anywhere but into the query string."""

    def __init__(
        self,
        *,
        base: str,
        corp_id: str,
        agent_id: int,
        secret: str,
        now: Callable[[], datetime],
        timeout: timedelta = timedelta(seconds=10),
    ) -> None:
        self._base = base.rstrip("/")
        self._corp_id = corp_id
        self._agent_id = agent_id
        self._secret = secret
        self._now = now
        self._timeout = aiohttp.ClientTimeout(total=timeout.total_seconds())
        self._session: aiohttp.ClientSession | None = None
        self._token = AccessToken(now, self._ask_for_token, REFRESH_EARLY)
        self._held: tuple[datetime, str] | None = None
        self._contact_ways: dict[str, str] = {}

    async def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send_to_member(self, member: str, payload: Answer, *, retry: bool = False) -> Answer:
        """Push a message into a member's chat with the app; the same content within four hours arrives once."""
        body = {
            "touser": member,
            "agentid": self._agent_id,
            **payload,
            "enable_duplicate_check": 1,
            "duplicate_check_interval": DUPLICATE_CHECK_SECONDS,
        }
        answer = await self._post("message/send", body, tolerate=used_task if retry else None)
        missed = f"{answer.get('invaliduser') or ''}|{answer.get('unlicenseduser') or ''}".lower().split("|")
        if member.lower() in missed:
            raise refusal(81013, "message/send")
        return answer

    async def update_card(self, member: str, handle: str, change: Answer) -> None:
        """Change a card, or only its buttons; `handle` (response_code) works once, within 72 hours."""
        body = {"userids": [member], "agentid": self._agent_id, "response_code": handle, **change}
        await self._post("message/update_template_card", body)

    async def send_to_customer(
        self, customer: str, desk: str, id: str, payload: Answer, *, retry: bool = False
    ) -> Answer:
        """Write to somebody in 微信客服. `id` is theirs and ours: WeCom refuses to take it twice."""
        body = {"touser": customer, "open_kfid": desk, "msgid": id, **payload}
        return await self._post("kf/send_msg", body, tolerate=used_id if retry else None)

    async def welcome(self, code: str, id: str, payload: Answer, *, retry: bool = False) -> Answer:
        """The one message that somebody gets who has just entered; `code` is good for 20 seconds."""
        body = {"code": code, "msgid": id, **payload}
        return await self._post("kf/send_msg_on_event", body, tolerate=used_id if retry else None)

    async def sync(self, desk: str, cursor: str, token: str) -> Answer:
        """One page of what people wrote to a desk. A doorbell that is too old is replaced by our own errand."""
        body = {"open_kfid": desk, "limit": 1000}
        if cursor:
            body["cursor"] = cursor
        if not token:
            return await self._post("kf/sync_msg", body)
        answer = await self._post("kf/sync_msg", {**body, "token": token}, tolerate=_doorbell_expired)
        return await self._post("kf/sync_msg", body) if answer.get("errcode") else answer

    async def contact_way(self, desk: str, scene: str) -> str:
        """The link that opens a chat with a desk; asked for once."""
        key = f"{desk}/{scene}"
        if key not in self._contact_ways:
            answer = await self._post("kf/add_contact_way", {"open_kfid": desk, "scene": scene})
            url = answer.get("url")
            if not isinstance(url, str) or not url:
                raise TryLater("wecom kf/add_contact_way: answered without a link", timedelta(seconds=60))
            self._contact_ways[key] = url
        return self._contact_ways[key]

    async def desks(self) -> list[Answer]:
        """The 微信客服 accounts that the app may see (the first hundred)."""
        accounts = (await self._post("kf/account/list", {"offset": 0, "limit": 100})).get("account_list")
        return [account for account in accounts if isinstance(account, dict)] if isinstance(accounts, list) else []

    async def send_to_group(self, webhook: str, payload: Answer) -> None:
        """Write into a group through its robot. The address is the secret: it is in no log and no error."""
        answer = await self._exchange("webhook/send", "POST", webhook, {}, payload)
        if code := _code(answer):
            raise refusal(code, "webhook/send")

    async def upload(self, file: Upload) -> str:
        """Hand a file over; returns the id under which members and candidates can be sent it."""
        return _media_id(await self._post("media/upload", file))

    async def upload_to_group(self, webhook: str, file: Upload) -> str:
        """Hand a file over to a group's robot, which takes no other's. The address is the secret."""
        before, found, after = webhook.partition("/webhook/send?")
        if not found:
            raise GiveUp("wecom webhook/upload_media: the address is no group robot's")
        url = f"{before}/webhook/upload_media?{after}"
        answer = await self._exchange("webhook/upload_media", "POST", url, {"type": file.kind}, file)
        if code := _code(answer):
            raise refusal(code, "webhook/upload_media")
        return _media_id(answer)

    async def member(self, userid: str) -> Answer:
        """What the contacts say of a member; `errcode` where they say nothing."""
        return await self._get("user/get", {"userid": userid}, tolerate=(NO_MEMBER, OUT_OF_SIGHT))

    async def who(self, code: str) -> str:
        """The member for whom a sign-in's code stands; empty when it is somebody outside the company."""
        userid = (await self._get("auth/getuserinfo", {"code": code})).get("userid")
        return userid if isinstance(userid, str) else ""

    async def reach(self) -> None:
        """Make sure that WeCom takes our id and secret."""
        await self._token.get()

    async def download(self, media_id: str, limit: int) -> Fetched:
        """Read a file of at most `limit` bytes."""
        for last in (False, True):
            token = await self._token.get()
            found = await self._read_file(media_id, token, limit)
            if isinstance(found, Fetched):
                return found
            if found not in STALE_TOKEN or last:
                raise refusal(found, "media/get")
            self._token.forget(token)
        raise AssertionError("unreachable")

    async def _post(self, call: str, body: Answer | Upload, *, tolerate: Callable[[int], bool] | None = None) -> Answer:
        """Make a call; a token that WeCom dropped early is replaced once. Codes that `tolerate` names are no error."""
        token = await self._token.get()
        answer = await self._call(call, token, body)
        if _code(answer) in STALE_TOKEN:
            self._token.forget(token)
            answer = await self._call(call, await self._token.get(), body)
        code = _code(answer)
        if code and not (tolerate and tolerate(code)):
            raise refusal(code, call)
        return answer

    async def _get(self, call: str, query: Mapping[str, str], *, tolerate: Collection[int] = ()) -> Answer:
        """Ask; a token that WeCom dropped early is replaced once. Codes in `tolerate` are no error."""
        for last in (False, True):
            token = await self._token.get()
            asked = {"access_token": token, **query}
            answer = await self._exchange(call, "GET", f"{self._base}/cgi-bin/{call}", asked, None)
            code = _code(answer)
            if code in STALE_TOKEN and not last:
                self._token.forget(token)
            elif code and code not in tolerate:
                raise refusal(code, call)
            else:
                break
        return answer

    async def _call(self, call: str, token: str, body: Answer | Upload) -> Answer:
        query = {"access_token": token}
        if isinstance(body, Upload):
            query["type"] = body.kind
        return await self._exchange(call, "POST", f"{self._base}/cgi-bin/{call}", query, body)

    async def _ask_for_token(self) -> tuple[str, timedelta]:
        self._respect_hold()
        query = {"corpid": self._corp_id, "corpsecret": self._secret}
        answer = await self._exchange("gettoken", "GET", f"{self._base}/cgi-bin/gettoken", query, None)
        if code := _code(answer):
            raise self._hold(refusal(code, "gettoken"), code)
        token, seconds = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not token:
            raise TryLater("wecom gettoken: answered without a token", timedelta(seconds=60))
        lifetime = timedelta(seconds=seconds if isinstance(seconds, int) else 7200)
        self._held = None
        return token, lifetime

    def _respect_hold(self) -> None:
        if self._held is None:
            return
        until, reason = self._held
        if self._now() < until:
            raise TryLater(reason, until - self._now())

    def _hold(self, error: TryLater | GiveUp, code: int) -> TryLater:
        """Ask for no token for a while after a refusal, and tell the operator once."""
        wait = error.wait if isinstance(error, TryLater) else HOLD_AFTER_WRONG_SECRET
        self._held = (self._now() + wait, error.reason)
        if code in WRONG_CREDENTIALS or isinstance(error, GiveUp):
            logger.error("wecom.refused %s", error.reason)
        return TryLater(error.reason, wait)

    async def _exchange(
        self, call: str, method: str, url: str, query: Mapping[str, str], body: Answer | Upload | None
    ) -> Answer:
        """One request, one JSON object back. A failure on the way is TryLater, and says whether it may have arrived."""
        data: bytes | aiohttp.FormData | None = None
        headers, timeout = {}, self._timeout
        if isinstance(body, Upload):
            data, timeout = body.form(), self._file_timeout()
        elif body is not None:
            data = orjson.dumps(body)  # real UTF-8, as WeCom demands
            headers["Content-Type"] = "application/json; charset=utf-8"
        async with (
            failures_told(f"wecom {call}"),
            self._open_session().request(
                method, url, params=query, data=data, headers=headers, timeout=timeout, allow_redirects=False
            ) as response,
        ):
            _check_status(call, response.status)
            content = await read_at_most(response, LARGEST_ANSWER)
        return _parse(call, content)

    async def _read_file(self, media_id: str, token: str, limit: int) -> Fetched | int:
        """The file, or the code with which it was refused."""
        query = {"access_token": token, "media_id": media_id}
        async with (
            failures_told("wecom media/get"),
            self._open_session().get(
                f"{self._base}/cgi-bin/media/get", params=query, timeout=self._file_timeout(), allow_redirects=False
            ) as response,
        ):
            _check_status("media/get", response.status)
            content = await read_at_most(response, limit)
            # Failures come as JSON with status 200, and so may a person's own JSON file: only this header tells.
            disposition = response.headers.get("Content-Disposition", "")
            if not disposition and (code := _refusal_in(content)):
                return code
            return Fetched(content, file_name(disposition), response.content_type)

    def _file_timeout(self) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(total=max(FILE_TIMEOUT_SECONDS, self._timeout.total or 0))

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        return self._session


def _check_status(call: str, status: int) -> None:
    if status in (200, 206):
        return
    if status == 429:
        raise TryLater(f"wecom {call}: called too often", timedelta(seconds=60), crowded=True)
    if status >= 500:
        raise TryLater(f"wecom {call}: HTTP {status}", timedelta(seconds=2), unknown=True)
    raise GiveUp(f"wecom {call}: HTTP {status}: mend BULOU_WECOM__API_BASE")


def _parse(call: str, content: bytes) -> Answer:
    try:
        answer = orjson.loads(content)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        raise TryLater(f"wecom {call}: answered with something else than JSON", timedelta(seconds=2), unknown=True)
    return answer


def _code(answer: Answer) -> int:
    """0 or absent is success."""
    code = answer.get("errcode", 0)
    return code if isinstance(code, int) else BAD_PARAMETER


def _media_id(answer: Answer) -> str:
    media_id = answer.get("media_id")
    if not isinstance(media_id, str) or not media_id:
        raise TryLater("wecom upload: answered without an id", timedelta(seconds=60))
    return media_id


def _doorbell_expired(code: int) -> bool:
    return code == SYNC_TOKEN_EXPIRED


def _refusal_in(content: bytes) -> int:
    if len(content) > LARGEST_REFUSAL:
        return 0
    try:
        answer = orjson.loads(content)
    except orjson.JSONDecodeError:
        return 0
    return _code(answer) if isinstance(answer, dict) else 0
