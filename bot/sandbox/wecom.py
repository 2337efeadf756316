"""The self-built app: messages and cards to members, and what members write and tap."""

import itertools
import json
import re
import secrets
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

from bot.clock import Clock
from bot.sandbox.callbacks import Courier, Fields, WeComCallbacks
from bot.sandbox.cards import INTERACTIVE, check_card, updatable
from bot.sandbox.media import COMPANY, Item, Media
from bot.sandbox.record import Record, Sent
from bot.sandbox.wire import (
    BAD_PARAMETER,
    EMPTY_TEXT,
    NOT_A_LIST,
    TOO_LONG,
    Call,
    Endpoint,
    Refused,
    cut,
    items,
    kind_of,
    maybe_words,
    number,
    objects,
    ok,
    part,
    size,
    web_address,
    words,
)

SURFACE = "wecom.app"
LONGEST_TEXT = 2048
DAY = timedelta(hours=24)
CARD_CODE_LIVES = timedelta(hours=72)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LONGEST_DUPLICATE_CHECK = 14400
FOREIGN_AGENT = 301002
NO_RECEIVER = 81012
ALL_INVALID = 81013
NO_CALLBACK = 43012
NOT_VISIBLE = 60111


@dataclass(slots=True)
class CardCode:
    """A response_code: allows one change of the card that was sent as `msgid`."""

    msgid: str
    at: datetime


@dataclass(slots=True)
class Receivers:
    """Whom a message goes to, and which of the named do not exist for the app."""

    members: list[str]
    wrong_members: list[str]
    wrong_parties: list[str]
    wrong_tags: list[str]

    def to_json(self) -> dict[str, str]:
        """As message/send answers: joined by bars, left out when empty."""
        rows = {
            "invaliduser": self.wrong_members,
            "invalidparty": self.wrong_parties,
            "invalidtag": self.wrong_tags,
        }
        return {name: "|".join(row) for name, row in rows.items() if row}


class App:
    """WeCom's side of one self-built app."""

    def __init__(
        self,
        clock: Clock,
        record: Record,
        media: Media,
        callbacks: WeComCallbacks,
        courier: Courier,
        *,
        corp_id: str,
        agent_id: int,
    ) -> None:
        self.members: set[str] = set()  # who is in the app's visible range
        self.statuses: dict[str, int] = {}  # of members' accounts: 1 active (unless said), 2 disabled, 4 not activated
        self.parties: dict[str, set[str]] = {}
        self.tags: dict[str, set[str]] = {}
        self.cut_long_text = True  # else 45002
        self.per_minute, self.per_hour = 30, 1000
        self.per_day = 200_000  # person-messages of the whole app
        self.bad_agent_code = 40056
        self.card_code_error = BAD_PARAMETER
        self._clock = clock
        self._record = record
        self._media = media
        self._callbacks = callbacks
        self._courier = courier
        self._corp_id = corp_id
        self._agent_id = agent_id
        self._task_ids: set[str] = set()
        self._codes: dict[str, CardCode] = {}
        self._messages: dict[str, list[Sent]] = {}
        self._checked: dict[str, tuple[datetime, dict[str, Any]]] = {}
        self._pace: dict[str, deque[datetime]] = defaultdict(deque)
        self._today: tuple[date, int] = (date.min, 0)
        self._numbers = itertools.count(7301234567890123456)

    def endpoints(self) -> dict[str, Endpoint]:
        """Paths that are served here."""
        return {
            "message/send": Endpoint("POST", self._send),
            "message/update_template_card": Endpoint("POST", self._update),
            "message/recall": Endpoint("POST", self._recall),
            "user/get": Endpoint("GET", self._user, empty={"department": [], "order": []}),
            "agent/get": Endpoint("GET", self._agent),
            "getcallbackip": Endpoint("GET", self._addresses, empty={"ip_list": []}),
            "get_api_domain_ip": Endpoint("GET", self._addresses, empty={"ip_list": []}),
        }

    # What members see and do.

    def messages(self, userid: str) -> list[Sent]:
        """All that a member sees in the app's chat, oldest first, cards as they stand now."""
        return self._record.to(SURFACE, userid.lower())

    async def say(self, userid: str, text: str) -> str:
        """A member writes to the app. Returns the MsgId."""
        return self._write(userid, "text", [("Content", text)])

    async def send_file(
        self, userid: str, name: str, content: bytes, content_type: str = "application/octet-stream", kind: str = "file"
    ) -> str:
        """A member sends a picture or a file (the latter is not documented, but has been seen). Returns the MsgId."""
        item = Item(kind, name, content, content_type, self._clock.now(), COMPANY)
        media_id = self._media.keep(item)
        shown = ("PicUrl", f"https://example.com/{media_id}") if kind == "image" else ("FileName", name)
        return self._write(userid, kind, [shown, ("MediaId", media_id)])

    async def leave(self, userid: str, *, told: bool = True) -> None:
        """A member leaves the company; `told`: the app subscribes to changes of the contacts."""
        self.members = {member for member in self.members if member.lower() != userid.lower()}
        if told:
            self._contacts_changed("delete_user", [("UserID", userid)])

    async def disable(self, userid: str, *, told: bool = True) -> None:
        """An administrator disables a member's account."""
        self.statuses[userid.lower()] = 2
        if told:
            self._contacts_changed("update_user", [("UserID", userid), ("Status", 2)])

    async def enter(self, userid: str) -> None:
        """A member opens the app."""
        self._event(userid, "enter_agent", [("EventKey", "")])

    async def tap(
        self, userid: str, task_id: str, key: str, selected: Mapping[str, str | Sequence[str]] | None = None
    ) -> None:
        """A member taps a card's button, or an entry of its menu. Raises LookupError: there is no such button."""
        message = self._card(userid, task_id)
        card = message.content
        menu = [entry["key"] for entry in card.get("action_menu", {}).get("action_list", [])]
        if key not in menu and (message.label or key not in _button_keys(card)):
            raise LookupError(f"no button {key!r} on the card")
        code = self._new_code(message.msgid)
        fields: list[tuple[str, str | int | Fields]] = [
            ("EventKey", key),
            ("TaskId", task_id),
            ("CardType", card["card_type"]),
            ("ResponseCode", code),
        ]
        if key not in menu:
            fields.append(("SelectedItems", _selected(card, selected or {})))
        event = "template_card_menu_event" if key in menu else "template_card_event"
        self._event(userid, event, fields, message)

    async def forge(self, variant: str, userid: str, text: str) -> int | None:
        """Send a member's text with a deliberate fault; returns the bot's status."""
        fields: Fields = [("MsgType", "text"), ("Content", text), ("MsgId", str(next(self._numbers)))]
        return await self._callbacks.forge(variant, [*self._head(userid), *fields, ("AgentID", self._agent_id)])

    def _write(self, userid: str, kind: str, fields: Fields) -> str:
        msgid = str(next(self._numbers))
        self._push(userid, kind, [("MsgType", kind), *fields, ("MsgId", msgid)], None)
        return msgid

    def _event(self, userid: str, event: str, fields: Fields, card: Sent | None = None) -> None:
        self._push(userid, event, [("MsgType", "event"), ("Event", event), *fields], card)

    def _contacts_changed(self, kind: str, fields: Fields) -> None:
        """The contacts have changed: nobody in particular says so."""
        event: Fields = [("MsgType", "event"), ("Event", "change_contact"), ("ChangeType", kind), *fields]
        whole: Fields = [*self._head("sys"), *event]
        self._callbacks.push(SURFACE, kind, whole, lambda reply: None)

    def _push(self, userid: str, what: str, fields: Fields, card: Sent | None) -> None:
        whole: Fields = [*self._head(userid), *fields, ("AgentID", self._agent_id)]
        self._callbacks.push(SURFACE, what, whole, lambda reply: self._take_reply(reply, userid, card))

    def _head(self, userid: str) -> Fields:
        return [
            ("ToUserName", self._corp_id),
            ("FromUserName", userid),
            ("CreateTime", int(self._clock.now().timestamp())),
        ]

    def _card(self, userid: str, task_id: str) -> Sent:
        for message in reversed(self.messages(userid)):
            if message.task_id == task_id and not message.recalled:
                return message
        raise LookupError(f"{userid} has no card {task_id!r}")

    def _take_reply(self, reply: ElementTree.Element, userid: str, card: Sent | None) -> None:
        """A passive reply: a text, or a change of the tapped card for whoever tapped it."""
        if reply.findtext("ToUserName", "").lower() != userid.lower():
            raise ValueError("ToUserName is not the member")
        if reply.findtext("FromUserName") != self._corp_id:
            raise ValueError("FromUserName is not the company")
        kind = reply.findtext("MsgType")
        if kind == "text":
            text = cut(reply.findtext("Content", ""), LONGEST_TEXT)
            payload = {"msgtype": "text", "text": {"content": text}}
            self._record.add(Sent(SURFACE, userid.lower(), self._clock.now(), _msgid(), payload, via="passive"))
        elif kind == "update_button" and card is not None:
            card.label = reply.findtext("Button/ReplaceName", "")
        elif kind == "update_template_card" and card is not None:
            self._replace(card, _card_of(reply))
        else:
            raise ValueError(f"no reply of type {kind}")

    def _replace(self, message: Sent, card: dict[str, Any]) -> None:
        try:
            check_card(card, self._record.warn, updating=True)
        except Refused as refused:
            raise ValueError(refused.what) from refused
        _show(message, card)

    # What the bot calls.

    async def _send(self, call: Call) -> dict[str, Any]:
        self._check_agent(call)
        kind = kind_of(call.body, CHECKS)
        receivers = self._receivers(call.body)
        content = part(call.body, kind)
        CHECKS[kind](self, content, call.now)
        number(call.body, "safe", default=0, least=0, most=2)
        number(call.body, "enable_id_trans", default=0, least=0, most=1)
        if not receivers.members:
            raise Refused(ALL_INVALID, "user & party & tag all invalid", **receivers.to_json())
        earlier = self._repeated(call)
        if earlier is not None:
            return earlier
        return self._deliver(call, kind, content, receivers)

    def _deliver(self, call: Call, kind: str, content: dict[str, Any], receivers: Receivers) -> dict[str, Any]:
        msgid = _msgid()
        task_id = self._take_task_id(content) if kind == "template_card" else ""
        answer = ok(**receivers.to_json(), msgid=msgid)
        copies = self._messages[msgid] = []
        for member in receivers.members:
            payload = {"msgtype": kind, kind: json.loads(json.dumps(content))}
            message = Sent(SURFACE, member, call.now, msgid, payload, task_id=task_id)
            if self._over_limit(member, call.now):
                self._record.drop("over the member's limit", message)
            else:
                self._record.add(message)
                copies.append(message)
        self._remember(call, answer)
        if kind == "template_card" and updatable(content):
            answer = {**answer, "response_code": self._new_code(msgid)}
        return answer

    def _check_agent(self, call: Call) -> None:
        if call.agent_id is None:
            raise Refused(48002, "api forbidden")
        agent_id = call.body.get("agentid")
        if not isinstance(agent_id, int) or isinstance(agent_id, bool):
            raise Refused(self.bad_agent_code, "invalid agentid")
        if agent_id != call.agent_id:
            raise Refused(FOREIGN_AGENT, "agent not allowed")

    def _receivers(self, body: dict[str, Any]) -> Receivers:
        users = _joined(body, "touser", 1000, 40032)
        parties = _joined(body, "toparty", 100, 82002)
        tags = _joined(body, "totag", 100, 82003)
        known = {member.lower() for member in self.members}
        if users == ["@all"]:
            return Receivers(sorted(known), [], [], [])
        if not users and not parties and not tags:
            raise Refused(NO_RECEIVER, "no receiver")
        wanted = [user.lower() for user in users]
        return Receivers(
            [member for member in dict.fromkeys(wanted + self._in_groups(parties, tags)) if member in known],
            [member for member in dict.fromkeys(wanted) if member not in known],
            [party for party in parties if party not in self.parties],
            [tag for tag in tags if tag not in self.tags],
        )

    def _in_groups(self, parties: Sequence[str], tags: Sequence[str]) -> list[str]:
        groups = [self.parties.get(party, set()) for party in parties] + [self.tags.get(tag, set()) for tag in tags]
        return [member.lower() for group in groups for member in sorted(group)]

    def _repeated(self, call: Call) -> dict[str, Any] | None:
        """The first answer, when the duplicate check finds the same content to the same receivers."""
        if not number(call.body, "enable_duplicate_check", default=0, least=0, most=1):
            return None
        seconds = number(call.body, "duplicate_check_interval", default=1800, least=1, most=LONGEST_DUPLICATE_CHECK)
        first = self._checked.get(_same(call.body))
        if first is None or call.now - first[0] >= timedelta(seconds=seconds):
            return None
        self._record.counters["wecom.app suppressed duplicates"] += 1
        return first[1]

    def _remember(self, call: Call, answer: dict[str, Any]) -> None:
        if call.body.get("enable_duplicate_check"):
            self._checked[_same(call.body)] = (call.now, answer)

    def _take_task_id(self, card: dict[str, Any]) -> str:
        task_id = str(card.get("task_id") or "")
        if task_id in self._task_ids:
            raise Refused(BAD_PARAMETER, "task_id already exists")
        if task_id:
            self._task_ids.add(task_id)
        return task_id

    def _over_limit(self, member: str, now: datetime) -> bool:
        """Count a message to a member; True when it is one too many and vanishes without a word."""
        day, count = self._today
        self._today = (now.date(), count + 1 if day == now.date() else 1)
        times = self._pace[member]
        while times and now - times[0] >= HOUR:
            times.popleft()
        last_minute = sum(1 for at in times if now - at < MINUTE)
        if last_minute >= self.per_minute or len(times) >= self.per_hour or self._today[1] > self.per_day:
            return True
        times.append(now)
        return False

    def _new_code(self, msgid: str) -> str:
        code = secrets.token_urlsafe(32)
        self._codes[code] = CardCode(msgid, self._clock.now())
        return code

    async def _update(self, call: Call) -> dict[str, Any]:
        self._check_agent(call)
        wanted = [str(user).lower() for user in items(call.body, "userids", most=1000, code=40032)]
        parties = [str(party) for party in items(call.body, "partyids", most=100, code=82002)]
        tags = [str(tag) for tag in items(call.body, "tagids", most=100, code=82003)]
        everyone = number(call.body, "atall", default=0, least=0, most=1) == 1
        if not (wanted or parties or tags or everyone):
            raise Refused(NO_RECEIVER, "no receiver")
        change = self._change(call.body)
        copies = {message.to: message for message in self._messages[self._use_code(call)]}
        wanted += self._in_groups(parties, tags)
        for member, message in copies.items():
            if everyone or member in wanted:
                change(message)
        return ok(invaliduser=[member for member in dict.fromkeys(wanted) if member not in copies])

    def _change(self, body: dict[str, Any]) -> Callable[[Sent], None]:
        """What the update does to each copy of the card, checked before the code is spent."""
        if "template_card" in body:
            card = part(body, "template_card")
            check_card(card, self._record.warn, updating=True)
            return lambda message: _show(message, card)
        label = words(part(body, "button"), "replace_name")

        def settle(message: Sent) -> None:
            message.label = label

        return settle

    def _use_code(self, call: Call) -> str:
        """The message that a response_code belongs to. It works once, for 72 hours."""
        code = self._codes.pop(words(call.body, "response_code"), None)
        if code is None or call.now - code.at >= CARD_CODE_LIVES:
            raise Refused(self.card_code_error, "invalid response_code")
        return code.msgid

    async def _recall(self, call: Call) -> dict[str, Any]:
        msgid = words(call.body, "msgid")
        copies = self._messages.get(msgid)
        if call.agent_id != self._agent_id or copies is None or any(call.now - copy.at >= DAY for copy in copies):
            raise Refused(BAD_PARAMETER, "invalid msgid")
        for copy in copies:
            copy.recalled = True
        return ok()

    async def _user(self, call: Call) -> dict[str, Any]:
        userid = call.query.get("userid", "")
        if not userid:
            raise Refused(41009, "missing userid")
        if userid.lower() not in {member.lower() for member in self.members}:
            raise Refused(NOT_VISIBLE, "userid not found")
        status = self.statuses.get(userid.lower(), 1)
        return ok(userid=userid.lower(), name=userid, department=[1], order=[0], position="", status=status, alias="")

    async def _agent(self, call: Call) -> dict[str, Any]:
        if call.query.get("agentid") != str(call.agent_id):
            raise Refused(FOREIGN_AGENT, "agent not allowed")
        visible = {"user": [{"userid": member} for member in sorted(name.lower() for name in self.members)]}
        return ok(
            agentid=call.agent_id,
            name="不漏",
            allow_userinfos=visible,
            allow_partys={"partyid": [int(party) for party in self.parties if party.isdigit()]},
            allow_tags={"tagid": [int(tag) for tag in self.tags if tag.isdigit()]},
            close=0,
            redirect_domain="",
            report_location_flag=0,
            isreportenter=1,
            home_url="",
        )

    async def _addresses(self, call: Call) -> dict[str, Any]:
        return {"ip_list": ["127.0.0.1"], **ok()}

    # One check for each type of message.

    def _check_text(self, content: dict[str, Any], now: datetime) -> None:
        text = words(content, "content", missing=EMPTY_TEXT)
        if size(text) > LONGEST_TEXT:
            if not self.cut_long_text:
                raise Refused(TOO_LONG, "content exceeds 2048 bytes")
            content["content"] = cut(text, LONGEST_TEXT)

    def _check_markdown(self, content: dict[str, Any], now: datetime) -> None:
        words(content, "content", limit=LONGEST_TEXT, missing=EMPTY_TEXT, code=TOO_LONG)

    def _check_textcard(self, content: dict[str, Any], now: datetime) -> None:
        words(content, "title", missing=41016)
        words(content, "description", missing=41033)
        web_address(content, "url")
        for name, longest in (("title", 128), ("description", 512), ("btntxt", 4)):
            if len(maybe_words(content, name)) > longest:
                self._record.warn(f"textcard: {name} is longer than {longest} characters")

    def _check_news(self, content: dict[str, Any], now: datetime) -> None:
        for article in objects(content, "articles", least=1, most=8, code=45008):
            words(article, "title", missing=41016)
            if not article.get("appid"):
                web_address(article, "url")

    def _check_mpnews(self, content: dict[str, Any], now: datetime) -> None:
        for article in objects(content, "articles", least=1, most=8, code=45008):
            words(article, "title", missing=41016)
            words(article, "content", limit=666 * 1024, code=TOO_LONG)
            self._media.find(article.get("thumb_media_id"), "image", now)

    def _check_miniprogram(self, content: dict[str, Any], now: datetime) -> None:
        words(content, "appid")
        words(content, "title", missing=41016)
        objects(content, "content_item", most=10)

    def _check_card(self, content: dict[str, Any], now: datetime) -> None:
        if not self._courier.bot_url and content.get("card_type") in INTERACTIVE:
            raise Refused(NO_CALLBACK, "need callback url")
        check_card(content, self._record.warn)
        for row in content.get("horizontal_content_list", []):
            if row.get("type") == 2:
                self._media.find(row["media_id"], "file", now)


def _media_check(kind: str) -> Callable[[App, dict[str, Any], datetime], None]:
    def check(app: App, content: dict[str, Any], now: datetime) -> None:
        words(content, "media_id", missing=41006)
        app._media.find(content["media_id"], kind, now)

    return check


CHECKS: dict[str, Callable[[App, dict[str, Any], datetime], None]] = {
    "text": App._check_text,
    "markdown": App._check_markdown,
    "textcard": App._check_textcard,
    "news": App._check_news,
    "mpnews": App._check_mpnews,
    "miniprogram_notice": App._check_miniprogram,
    "template_card": App._check_card,
    **{kind: _media_check(kind) for kind in ("image", "voice", "video", "file")},
}


def _joined(body: dict[str, Any], name: str, most: int, code: int) -> list[str]:
    value = body.get(name, "")
    if not isinstance(value, str):
        raise Refused(NOT_A_LIST, f"{name} must be a string")
    found = [entry for entry in value.split("|") if entry]
    if len(found) > most:
        raise Refused(code, f"{name} has more than {most} entries")
    return found


def _same(body: dict[str, Any]) -> str:
    return json.dumps(body, sort_keys=True, ensure_ascii=False)


def _msgid() -> str:
    return secrets.token_urlsafe(24)


def _button_keys(card: dict[str, Any]) -> list[str]:
    buttons = [*card.get("button_list", []), *([card["submit_button"]] if "submit_button" in card else [])]
    return [button["key"] for button in buttons if button.get("type", 0) == 0]


def _selected(card: dict[str, Any], chosen: Mapping[str, str | Sequence[str]]) -> Fields:
    """What the member has chosen, or what the card preselects, per question."""
    questions = [card[name] for name in ("button_selection", "checkbox") if name in card] + card.get("select_list", [])
    return [("SelectedItem", _answer(question, chosen.get(question["question_key"]))) for question in questions]


def _answer(question: dict[str, Any], chosen: str | Sequence[str] | None) -> Fields:
    options = [option["id"] for option in question["option_list"]]
    if chosen is None:
        marked = [option["id"] for option in question["option_list"] if option.get("is_checked")]
        picked = marked if "mode" in question else [question.get("selected_id") or options[0]]
    else:
        picked = [chosen] if isinstance(chosen, str) else list(chosen)
    if not set(picked) <= set(options):
        raise LookupError(f"no such option: {picked}")
    ids: Fields = [("OptionId", option) for option in picked]
    return [("QuestionKey", question["question_key"]), ("OptionIds", ids)]


def _show(message: Sent, card: dict[str, Any]) -> None:
    message.payload = {"msgtype": "template_card", "template_card": json.loads(json.dumps(card))}
    message.label = str(card.get("replace_text", ""))


LISTS = {
    "ActionList",
    "HorizontalContentList",
    "JumpList",
    "VerticalContentList",
    "OptionList",
    "ButtonList",
    "SelectList",
}
JOINED = {"KeyName": "keyname", "UserId": "userid", "AppId": "appid", "PagePath": "pagepath", "CheckBox": "checkbox"}
NUMBERS = {"Type", "Style", "Mode", "DescColor"}


def _card_of(reply: ElementTree.Element) -> dict[str, Any]:
    card = reply.find("TemplateCard")
    if card is None:
        raise ValueError("no TemplateCard")
    return _members(card)


def _members(element: ElementTree.Element) -> dict[str, Any]:
    """A card in PascalCase XML as the same card in snake_case JSON."""
    found: dict[str, Any] = {}
    for child in element:
        name = JOINED.get(child.tag) or re.sub(r"(?<!^)([A-Z])", r"_\1", child.tag).lower()
        text = (child.text or "").strip()
        if child.tag in LISTS:
            found.setdefault(name, []).append(_members(child))
        elif len(child):
            found[name] = _members(child)
        elif child.tag in NUMBERS or child.tag in ("Disable", "IsChecked"):
            found[name] = int(text or 0)
        else:
            found[name] = text
    return found
