"""微信客服: candidates on personal WeChat, with its doorbell, its 48 hours and its five messages."""

import hashlib
import re
import secrets
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from bot.clock import Clock
from bot.sandbox.callbacks import WeComCallbacks
from bot.sandbox.media import COMPANY, Item, Media
from bot.sandbox.record import Record, Sent
from bot.sandbox.wire import (
    BAD_PARAMETER,
    EMPTY_TEXT,
    RATE_LIMITED,
    TOO_LONG,
    Call,
    Endpoint,
    Refused,
    items,
    kind_of,
    maybe_words,
    number,
    objects,
    ok,
    part,
    web_address,
    words,
)

SURFACE = "wecom.kf"
MIB = 2**20
WINDOW = timedelta(hours=48)
BUDGET = 5
BELL_LIVES = timedelta(minutes=10)
FEED_LIVES = timedelta(days=3)
QUICK_CODE_LIVES = timedelta(seconds=20)
MINUTE = timedelta(minutes=1)
LONGEST_TEXT = 2048
SCENE = re.compile(r"[0-9a-zA-Z_-]{1,32}")
GIVEN_ID = re.compile(r"[0-9a-zA-Z_-]{1,32}")
# Larger files of a customer arrive as a hint in words.
RECEIVED_LIMITS = {"image": 2 * MIB, "voice": 2 * MIB, "video": 10 * MIB, "file": 20 * MIB}

NEW, BOT, QUEUE, HUMAN, ENDED = range(5)
MOVES = {NEW: {BOT, QUEUE, HUMAN}, BOT: {QUEUE, HUMAN}, QUEUE: {HUMAN}, HUMAN: {HUMAN, ENDED}, ENDED: set[int]()}

BAD_KFID, UNKNOWN_KFID = 95000, 95004
USED_UP, TOO_LATE, BAD_BELL, MENU_TOO_LONG, MENU_TYPE = 95001, 95002, 95007, 95008, 95009
NO_SERVICER, BAD_MOVE, NOT_NOW, SERVICER_STOPPED, NO_RECENT_VISIT = 95014, 95016, 95018, 95019, 95031
UNKNOWN_CUSTOMER = 40096
FAIL_LATE, FAIL_USED_UP, FAIL_REFUSED = 4, 6, 10


@dataclass(slots=True)
class Conversation:
    """One customer with one 微信客服 account."""

    open_kfid: str
    external_userid: str
    state: int = ENDED
    since: datetime | None = None  # when the present session began
    wrote: datetime | None = None  # the customer's last message
    answered: int = 0  # our messages since then
    entered: datetime | None = None
    welcomed: datetime | None = None
    servicer: str = ""
    scene: str = ""
    scene_param: str = ""


@dataclass(slots=True)
class EventCode:
    """Allows one message on an event: the welcome, or a change of the session's state."""

    conversation: Conversation
    until: datetime
    types: tuple[str, ...]
    state: int | None = None  # the session must still be there; None: a welcome


@dataclass(slots=True)
class Account:
    """One 微信客服 account: what waits to be pulled, its links and its bells."""

    open_kfid: str
    name: str = "不漏"
    path: str = ""
    feed: list[tuple[datetime, dict[str, Any]]] = field(default_factory=list)
    scenes: dict[str, str] = field(default_factory=dict)  # enc_scene -> scene
    bells: dict[str, datetime] = field(default_factory=dict)
    given_ids: set[str] = field(default_factory=set)
    pulls_without_bell: deque[datetime] = field(default_factory=deque)
    pulls: int = 0

    def cursor(self, position: int, turn: int = 0) -> str:
        """An opaque mark, good for this account only; another `turn` gives another mark of the same place."""
        place = f"{position:x}-{turn:x}"
        seal = hashlib.sha256(f"{self.open_kfid}/{place}".encode()).hexdigest()[:24]
        return f"{seal}{place}"

    def position(self, cursor: str) -> int:
        """The inverse of `cursor`. Raises Refused."""
        place = re.fullmatch(r"[0-9a-f]{24}([0-9a-f]{1,12})-([0-9a-f]{1,12})", cursor)
        position, turn = (int(digits, 16) for digits in place.groups()) if place else (-1, 0)
        if not 0 <= position <= len(self.feed) or self.cursor(position, turn) != cursor:
            raise Refused(BAD_PARAMETER, "invalid cursor")
        return position


class Kf:
    """WeCom's side of 微信客服, and the customers' phones."""

    def __init__(
        self, clock: Clock, record: Record, media: Media, callbacks: WeComCallbacks, *, corp_id: str, open_kfid: str
    ) -> None:
        self.base = ""  # where links begin; empty: at the host that was asked
        self.servicers: dict[str, bool] = {}  # userid -> receives at the moment
        self.rejecting: set[str] = set()  # customers who refuse messages
        self.limits_tell_at_once = True  # else errcode 0, and msg_send_fail afterwards
        self.session_counts_from = "last"  # message of the customer; "first": 48 h from the session's beginning
        self.new_session_state = NEW  # HUMAN: the account is routed to people first
        self.events_use_budget = False
        self.bell = True  # False: messages arrive without a doorbell, until `ring`
        self.pulls_per_minute_without_bell = 5
        self.empty_page_every = 5  # so many pulls; 0: never
        self.largest_page = 200
        self.duplicate_id_code = BAD_PARAMETER
        self.bad_event_code = 41050
        self._clock = clock
        self._record = record
        self._media = media
        self._callbacks = callbacks
        self._corp_id = corp_id
        self._accounts: dict[str, Account] = {}
        self._conversations: dict[tuple[str, str], Conversation] = {}
        self._codes: dict[str, EventCode] = {}
        self._failing: list[int] = []
        self.open_kfid = open_kfid
        self.add_account(open_kfid)

    def endpoints(self) -> dict[str, Endpoint]:
        """Paths that are served here."""
        return {
            "kf/account/list": Endpoint("POST", self._list_accounts, empty={"account_list": []}),
            "kf/servicer/list": Endpoint("GET", self._list_servicers, empty={"servicer_list": []}),
            "kf/add_contact_way": Endpoint("POST", self._add_contact_way),
            "kf/sync_msg": Endpoint("POST", self._sync, empty={"next_cursor": "", "has_more": 0, "msg_list": []}),
            "kf/send_msg": Endpoint("POST", self._send),
            "kf/send_msg_on_event": Endpoint("POST", self._send_on_event),
            "kf/service_state/get": Endpoint("POST", self._get_state),
            "kf/service_state/trans": Endpoint("POST", self._move),
            "kf/customer/batchget": Endpoint(
                "POST", self._customers, empty={"customer_list": [], "invalid_external_userid": []}
            ),
        }

    def add_account(self, open_kfid: str) -> None:
        """Open a further account."""
        path = f"kfc{hashlib.sha256(open_kfid.encode()).hexdigest()[:17]}"
        self._accounts[open_kfid] = Account(open_kfid, path=path)

    # What customers do.

    def messages(self, external_userid: str) -> list[Sent]:
        """All that a customer has been sent, oldest first."""
        return self._record.to(SURFACE, external_userid)

    def conversation(self, external_userid: str, open_kfid: str = "") -> Conversation:
        """How things stand between a customer and the account."""
        key = (open_kfid or self.open_kfid, external_userid)
        return self._conversations.setdefault(key, Conversation(*key))

    async def enter(self, external_userid: str, link: str = "") -> dict[str, Any]:
        """A customer opens the chat, through a link (or just its scene_param). Returns the enter_session event."""
        open_kfid, scene, scene_param = self._follow(link)
        conversation = self.conversation(external_userid, open_kfid)
        now = self._clock.now()
        conversation.entered, conversation.scene, conversation.scene_param = now, scene, scene_param
        event = {"scene": scene, "scene_param": scene_param}
        if _longer_ago(conversation.welcomed, now) and _longer_ago(conversation.wrote, now):
            event["welcome_code"] = self._new_code(conversation, QUICK_CODE_LIVES, ("text", "msgmenu"))
        return self._event(conversation, "enter_session", **event)

    async def say(self, external_userid: str, text: str, menu_id: str = "") -> dict[str, Any]:
        """A customer writes. Opens the window anew. Returns the item that sync_msg will show."""
        menu = {"menu_id": menu_id} if menu_id else {}
        return self._write(external_userid, "text", {"content": text, **menu})

    async def tap(self, external_userid: str, menu_id: str) -> dict[str, Any]:
        """A customer taps an entry of a menu, however old. Raises LookupError: nobody sent such an entry."""
        for message in reversed(self.messages(external_userid)):
            if message.msgtype == "msgmenu":
                for entry in message.content["list"]:
                    if entry["type"] == "click" and entry["click"]["id"] == menu_id:
                        return await self.say(external_userid, entry["click"]["content"], menu_id)
        raise LookupError(f"no menu with {menu_id!r}")

    async def send_file(
        self, external_userid: str, name: str, content: bytes, content_type: str, kind: str = "file"
    ) -> dict[str, Any]:
        """A customer sends a picture or a file. What is too large arrives as words."""
        if len(content) > RECEIVED_LIMITS[kind]:
            hint = f"[客户发送了一个超过大小限制的文件: {name}]"
            return self._write(external_userid, "text", {"content": hint})
        item = Item(kind, name, content, content_type, self._clock.now(), COMPANY)
        return self._write(external_userid, kind, {"media_id": self._media.keep(item)})

    async def send_other(self, external_userid: str, msgtype: str, content: dict[str, Any]) -> dict[str, Any]:
        """A customer sends something else: a location, a link, a type that nobody has heard of."""
        return self._write(external_userid, msgtype, content)

    async def event(self, external_userid: str, event_type: str, **members: Any) -> dict[str, Any]:
        """Something else happens, such as user_recall_msg or reject_customer_msg_switch_change."""
        return self._event(self.conversation(external_userid), event_type, **members)

    async def take_over(self, external_userid: str, userid: str) -> None:
        """Somebody of the company takes the conversation in the WeCom client."""
        conversation = self.conversation(external_userid)
        conversation.state, conversation.servicer = HUMAN, userid
        code = self._new_code(conversation, WINDOW, ("text",), HUMAN)
        self._event(conversation, "session_status_change", change_type=1, new_servicer_userid=userid, msg_code=code)

    async def answer_by_hand(self, external_userid: str, userid: str, text: str) -> None:
        """Somebody of the company writes to the customer in the WeCom client."""
        conversation = self.conversation(external_userid)
        if self._state(conversation) == ENDED:
            conversation.state, conversation.servicer = HUMAN, userid
            self._event(conversation, "session_status_change", change_type=4, new_servicer_userid=userid)
        self._feed(conversation, 5, "text", {"content": text}, servicer_userid=userid)

    def fail_next(self, fail_type: int, times: int = 1) -> None:
        """Accept the next messages and report with msg_send_fail that they never arrived."""
        self._failing += [fail_type] * times

    def ring(self, open_kfid: str = "") -> None:
        """Ring the doorbell."""
        account = self._accounts[open_kfid or self.open_kfid]
        token = secrets.token_urlsafe(36)
        now = self._clock.now()
        account.bells = {old: at for old, at in account.bells.items() if now - at <= BELL_LIVES}
        account.bells[token] = now
        fields: list[tuple[str, str | int]] = [
            ("ToUserName", self._corp_id),
            ("CreateTime", int(now.timestamp())),
            ("MsgType", "event"),
            ("Event", "kf_msg_or_event"),
            ("Token", token),
            ("OpenKfId", account.open_kfid),
        ]
        self._callbacks.push(SURFACE, "kf_msg_or_event", fields)

    def _follow(self, link: str) -> tuple[str, str, str]:
        """The account, scene and scene_param behind a link. Raises LookupError: the link was never made here."""
        if not link.startswith(("http://", "https://")):
            return self.open_kfid, "sandbox" if link else "", link
        address = urlsplit(link)
        query = parse_qs(address.query)
        name = address.path.rpartition("/")[2]
        account = next((found for found in self._accounts.values() if found.path == name), None)
        enc_scene = query.get("enc_scene", [""])[0]
        if account is None or enc_scene not in account.scenes:
            raise LookupError("no such link")
        scene = account.scenes[enc_scene]
        raw = next((pair[12:] for pair in address.query.split("&") if pair.startswith("scene_param=")), "")
        if len(raw) > 128:
            raise LookupError("scene_param is longer than 128 bytes")
        # Without a scene the platform drops the parameter.
        return account.open_kfid, scene, query.get("scene_param", [""])[0] if scene else ""

    def _write(self, external_userid: str, msgtype: str, content: dict[str, Any]) -> dict[str, Any]:
        conversation = self.conversation(external_userid)
        now = self._clock.now()
        if self._state(conversation) == ENDED:
            conversation.state, conversation.since = self.new_session_state, now
        conversation.wrote, conversation.answered = now, 0
        return self._feed(conversation, 3, msgtype, content)

    def _event(self, conversation: Conversation, event_type: str, **members: Any) -> dict[str, Any]:
        ids = {"open_kfid": conversation.open_kfid, "external_userid": conversation.external_userid}
        return self._feed(conversation, 4, "event", {"event_type": event_type, **ids, **members})

    def _feed(
        self, conversation: Conversation, origin: int, msgtype: str, content: dict[str, Any], **more: Any
    ) -> dict[str, Any]:
        now = self._clock.now()
        ids = {"open_kfid": conversation.open_kfid, "external_userid": conversation.external_userid}
        item = {
            "msgid": secrets.token_urlsafe(20),
            **(ids if msgtype != "event" else {}),
            "send_time": int(now.timestamp()),
            "origin": origin,
            "msgtype": msgtype,
            msgtype: content,
            **more,
        }
        self._accounts[conversation.open_kfid].feed.append((now, item))
        if self.bell:
            self.ring(conversation.open_kfid)
        return item

    def _state(self, conversation: Conversation) -> int:
        """The session's state now: it ends by itself after 48 hours."""
        start = conversation.wrote if self.session_counts_from == "last" else conversation.since
        if start is not None and self._clock.now() - start > WINDOW:
            conversation.state = ENDED
        return conversation.state

    def _new_code(
        self, conversation: Conversation, lives: timedelta, types: tuple[str, ...], state: int | None = None
    ) -> str:
        code = secrets.token_urlsafe(24)
        self._codes[code] = EventCode(conversation, self._clock.now() + lives, types, state)
        return code

    # What the bot calls: accounts and links.

    async def _list_accounts(self, call: Call) -> dict[str, Any]:
        offset = number(call.body, "offset", default=0, least=0, most=5000)
        limit = number(call.body, "limit", default=100, least=1, most=100)
        rows = [
            {"open_kfid": account.open_kfid, "name": account.name, "avatar": "", "manage_privilege": True}
            for account in self._accounts.values()
        ]
        return ok(account_list=rows[offset : offset + limit])

    async def _list_servicers(self, call: Call) -> dict[str, Any]:
        self._account(dict(call.query))
        rows = [{"userid": userid, "status": 0 if receives else 1} for userid, receives in self.servicers.items()]
        return ok(servicer_list=rows)

    async def _add_contact_way(self, call: Call) -> dict[str, Any]:
        account = self._account(call.body)
        scene = maybe_words(call.body, "scene")
        if scene and not SCENE.fullmatch(scene):
            raise Refused(BAD_PARAMETER, "invalid scene")
        enc_scene = f"ENC{secrets.token_urlsafe(24)}"
        account.scenes[enc_scene] = scene
        base = self.base or str(call.request.url.origin())
        return ok(url=f"{base}/kf/{account.path}?enc_scene={enc_scene}")

    def _account(self, body: dict[str, Any]) -> Account:
        open_kfid = words(body, "open_kfid")
        if not re.fullmatch(r"wk[0-9A-Za-z_-]{1,62}", open_kfid):
            raise Refused(BAD_KFID, "invalid open_kfid")
        if open_kfid not in self._accounts:
            raise Refused(UNKNOWN_KFID, "open_kfid not exist")
        return self._accounts[open_kfid]

    def _customer(self, body: dict[str, Any], name: str) -> Conversation:
        account = self._account(body)
        found = self._conversations.get((account.open_kfid, words(body, name)))
        if found is None:
            raise Refused(UNKNOWN_CUSTOMER, "invalid external_userid")
        return found

    # Pulling.

    async def _sync(self, call: Call) -> dict[str, Any]:
        account = self._account(call.body)
        cursor = maybe_words(call.body, "cursor", limit=64)
        limit = number(call.body, "limit", default=1000, least=1, most=1000)
        number(call.body, "voice_format", default=0, least=0, most=1)
        self._check_bell(account, maybe_words(call.body, "token", limit=128), call.now)
        start = account.position(cursor) if cursor else _oldest(account.feed, call.now)
        waiting = account.feed[start : start + min(limit, self.largest_page)]
        account.pulls += 1
        turn = 0
        if waiting and self.empty_page_every and account.pulls % self.empty_page_every == 0:
            waiting, turn = [], account.pulls
        end = start + len(waiting)
        return ok(
            next_cursor=account.cursor(end, turn),
            has_more=int(end < len(account.feed)),
            msg_list=[item for _, item in waiting],
        )

    def _check_bell(self, account: Account, token: str, now: datetime) -> None:
        if token:
            rung = account.bells.get(token)
            if rung is None or now - rung > BELL_LIVES:
                raise Refused(BAD_BELL, "invalid msg token")
            return
        pulls = account.pulls_without_bell
        while pulls and now - pulls[0] >= MINUTE:
            pulls.popleft()
        if len(pulls) >= self.pulls_per_minute_without_bell:
            raise Refused(RATE_LIMITED, "api freq out of limit")
        pulls.append(now)

    # Sending.

    async def _send(self, call: Call) -> dict[str, Any]:
        conversation = self._customer(call.body, "touser")
        kind = kind_of(call.body, CHECKS)
        content = part(call.body, kind)
        CHECKS[kind](self, content, call.now)
        given = self._given_id(call.body)
        account = self._accounts[conversation.open_kfid]
        if given and given in account.given_ids:
            self._record.counters["wecom.kf repeated msgid"] += 1
            raise Refused(self.duplicate_id_code, "msgid already exists")
        failure = self._failure(conversation, call.now)
        message = self._message(conversation, {"msgtype": kind, kind: content}, given)
        if given:
            account.given_ids.add(given)
        if failure is None:
            conversation.answered += 1
            self._record.add(message)
        else:
            self._record.drop(f"fail_type {failure}", message)
            self._event(conversation, "msg_send_fail", fail_msgid=message.msgid, fail_type=failure)
        return ok(msgid=message.msgid)

    def _failure(self, conversation: Conversation, now: datetime) -> int | None:
        """Whether the message will be lost after it was accepted. Raises Refused: it is not even accepted."""
        shut = conversation.wrote is not None and now - conversation.wrote > WINDOW
        if not shut and self._state(conversation) not in (NEW, BOT):
            raise Refused(NOT_NOW, "not allow to send msg in this service state")
        used_up = conversation.answered >= BUDGET
        if self.limits_tell_at_once and shut:
            raise Refused(TOO_LATE, "send msg session expired")
        if self.limits_tell_at_once and used_up:
            raise Refused(USED_UP, "send msg count limit")
        if shut or used_up:
            return FAIL_LATE if shut else FAIL_USED_UP
        if conversation.external_userid in self.rejecting:
            return FAIL_REFUSED
        return self._failing.pop(0) if self._failing else None

    async def _send_on_event(self, call: Call) -> dict[str, Any]:
        code = words(call.body, "code")
        allowed = self._codes.get(code)
        if allowed is None or call.now > allowed.until:
            raise Refused(self.bad_event_code, "invalid code")
        conversation = allowed.conversation
        if allowed.state is not None and self._state(conversation) != allowed.state:
            raise Refused(self.bad_event_code, "invalid code")
        kind = kind_of(call.body, allowed.types)
        content = part(call.body, kind)
        CHECKS[kind](self, content, call.now)
        given = self._given_id(call.body)
        del self._codes[code]
        via = "event" if allowed.state is not None else "welcome"
        message = self._message(conversation, {"msgtype": kind, kind: content}, given, via)
        if allowed.state is None:
            conversation.welcomed = call.now
        if self.events_use_budget:
            conversation.answered += 1
        self._record.add(message)
        return ok(msgid=message.msgid)

    def _given_id(self, body: dict[str, Any]) -> str:
        given = maybe_words(body, "msgid")
        if given and not GIVEN_ID.fullmatch(given):
            raise Refused(BAD_PARAMETER, "invalid msgid")
        return given

    def _message(self, conversation: Conversation, payload: dict[str, Any], given: str, via: str = "") -> Sent:
        msgid = given or secrets.token_urlsafe(20)
        return Sent(SURFACE, conversation.external_userid, self._clock.now(), msgid, payload, given_id=given, via=via)

    # Session states and customers.

    async def _get_state(self, call: Call) -> dict[str, Any]:
        conversation = self._customer(call.body, "external_userid")
        state = self._state(conversation)
        servicer = {"servicer_userid": conversation.servicer} if state == HUMAN else {}
        return ok(service_state=state, **servicer)

    async def _move(self, call: Call) -> dict[str, Any]:
        conversation = self._customer(call.body, "external_userid")
        target = number(call.body, "service_state", default=-1, least=0, most=4)
        if target not in MOVES[self._state(conversation)]:
            raise Refused(BAD_MOVE, "invalid service state transition")
        if target == HUMAN:
            conversation.servicer = self._servicer(call.body)
        conversation.state = target
        if target == BOT:
            return ok()
        if target == ENDED:
            return ok(msg_code=self._new_code(conversation, QUICK_CODE_LIVES, ("text", "msgmenu"), ENDED))
        return ok(msg_code=self._new_code(conversation, WINDOW, ("text",), target))

    def _servicer(self, body: dict[str, Any]) -> str:
        userid = words(body, "servicer_userid")
        if userid not in self.servicers:
            raise Refused(NO_SERVICER, "not a servicer")
        if not self.servicers[userid]:
            raise Refused(SERVICER_STOPPED, "servicer is stopped")
        return userid

    async def _customers(self, call: Call) -> dict[str, Any]:
        wanted = [str(one) for one in items(call.body, "external_userid_list", least=1, most=100)]
        context = number(call.body, "need_enter_session_context", default=0, least=0, most=1)
        latest: dict[str, Conversation] = {}
        for conversation in self._conversations.values():
            latest[conversation.external_userid] = conversation
        known = [latest[one] for one in wanted if one in latest]
        fresh = [one for one in known if not (_longer_ago(one.wrote, call.now) and _longer_ago(one.entered, call.now))]
        if known and not fresh:
            raise Refused(NO_RECENT_VISIT, "customer did not consult within 48 hours")
        return ok(
            customer_list=[_profile(one, bool(context)) for one in fresh],
            invalid_external_userid=[one for one in wanted if one not in latest],
        )

    # One check for each type of message.

    def _check_text(self, content: dict[str, Any], now: datetime) -> None:
        words(content, "content", limit=LONGEST_TEXT, missing=EMPTY_TEXT, code=TOO_LONG)

    def _check_link(self, content: dict[str, Any], now: datetime) -> None:
        words(content, "title", limit=128, missing=41016)
        maybe_words(content, "desc", limit=512)
        web_address(content, "url")
        words(content, "thumb_media_id", missing=41006)
        self._media.find(content["thumb_media_id"], "image", now)

    def _check_miniprogram(self, content: dict[str, Any], now: datetime) -> None:
        words(content, "appid")
        maybe_words(content, "title", limit=64)
        if not words(content, "pagepath").split("?")[0].endswith(".html"):
            raise Refused(BAD_PARAMETER, "pagepath must end in .html")
        self._media.find(content.get("thumb_media_id"), "image", now)

    def _check_menu(self, content: dict[str, Any], now: datetime) -> None:
        head = maybe_words(content, "head_content", limit=1024)
        maybe_words(content, "tail_content", limit=1024)
        content.setdefault("list", [])
        entries = objects(content, "list", most=50, code=MENU_TOO_LONG)
        if not head and not entries:
            raise Refused(BAD_PARAMETER, "msgmenu is empty")
        if sum(1 for entry in entries if entry.get("type") != "text") > 10:
            raise Refused(MENU_TOO_LONG, "too many menu items")
        for entry in entries:
            _check_menu_entry(entry)

    def _check_location(self, content: dict[str, Any], now: datetime) -> None:
        for name, most in (("latitude", 90), ("longitude", 180)):
            value = content.get(name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not -most <= value <= most:
                raise Refused(BAD_PARAMETER, f"invalid {name}")

    def _check_ca_link(self, content: dict[str, Any], now: datetime) -> None:
        web_address(content, "link_url")


def _media_check(kind: str) -> Callable[[Kf, dict[str, Any], datetime], None]:
    def check(kf: Kf, content: dict[str, Any], now: datetime) -> None:
        words(content, "media_id", missing=41006)
        kf._media.find(content["media_id"], kind, now)

    return check


CHECKS: dict[str, Callable[[Kf, dict[str, Any], datetime], None]] = {
    "text": Kf._check_text,
    "link": Kf._check_link,
    "miniprogram": Kf._check_miniprogram,
    "msgmenu": Kf._check_menu,
    "location": Kf._check_location,
    "ca_link": Kf._check_ca_link,
    **{kind: _media_check(kind) for kind in ("image", "voice", "video", "file")},
}


def _check_menu_entry(entry: dict[str, Any]) -> None:
    kind = entry.get("type")
    if kind not in ("click", "view", "miniprogram", "text"):
        raise Refused(MENU_TYPE, "invalid menu type")
    inner = part(entry, kind)
    match kind:
        case "click":
            words(inner, "id", limit=128)
            words(inner, "content", limit=128)
        case "view":
            words(inner, "url", limit=2048)
            words(inner, "content", limit=1024)
        case "miniprogram":
            words(inner, "appid", limit=32)
            words(inner, "pagepath", limit=1024)
            words(inner, "content", limit=1024)
        case "text":
            words(inner, "content", limit=256)
            number(inner, "no_newline", default=0, least=0, most=1)


def _longer_ago(moment: datetime | None, now: datetime) -> bool:
    """Never, or more than 48 hours ago."""
    return moment is None or now - moment > WINDOW


def _oldest(feed: list[tuple[datetime, dict[str, Any]]], now: datetime) -> int:
    """Where reading begins without a cursor: three days back."""
    return bisect_left(feed, now - FEED_LIVES, key=lambda entry: entry[0])


def _profile(conversation: Conversation, context: bool) -> dict[str, Any]:
    entered = {"scene": conversation.scene, "scene_param": conversation.scene_param, "wechat_channels": {}}
    return {
        "external_userid": conversation.external_userid,
        "nickname": f"微信用户{conversation.external_userid[-4:]}",
        "avatar": "",
        "gender": 0,
        **({"enter_session_context": entered} if context else {}),
    }


async def page(request: web.Request) -> web.Response:
    """Where a browser lands that follows a link into WeChat. A phone that is played in a page is told to go there."""
    tell = "<script>if (parent !== window) parent.postMessage({wechat: location.href}, '*')</script>"
    text = f"<!doctype html><meta charset=utf-8><title>微信客服</title><p>这里会打开微信。 This opens WeChat.</p>{tell}"
    return web.Response(text=text, content_type="text/html")
