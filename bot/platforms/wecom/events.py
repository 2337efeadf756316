"""What WeCom reports, as XML (app) or JSON (微信客服), in the platform-neutral words of `recruiting.chat`."""

import hashlib
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from lxml import etree  # type: ignore[import-untyped]

from bot.errors import Forged, Malformed
from recruiting.chat import Doorbell, FileRef, Incoming, Kind, Nothing, Person

APP = "wecom.app"
KF = "wecom.kf"
GROUP = "wecom.group"

LOCKED = frozenset({"2", "5"})  # a member's status: disabled, left
FROM_CUSTOMER = 3  # 4 is the system, 5 a colleague who answers by hand in WeCom

# Why 微信客服 dropped a message after it had accepted it (fail_type).
SEND_FAILURES = {
    0: "unknown reason",
    1: "the customer service account was deleted",
    2: "the app was closed",
    4: "more than 48 hours since the person last wrote",
    5: "the session is closed",
    6: "more than five messages since the person last wrote",
    8: "the company is not verified",
    10: "the person refuses messages",
    11: "no member of the company has logged in to WeCom",
    12: "the kind of message is forbidden here",
}

logger = logging.getLogger(__name__)

_SAFE = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True)
_ILLEGAL_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# One element without attributes or children, and nothing in it that a parser would have to think about.
_QUIET = "\x00-\x08\x0b-\x1f\ufffe\uffff"
_PLAIN_ELEMENT = re.compile(
    rf"[ \t\n]*<([A-Za-z]+)>(?:<!\[CDATA\[([^\]{_QUIET}]*)\]\]>|([^<&\]{_QUIET}]*))</\1>[ \t\n]*"
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What stands around a sealed callback. Nothing of it may be believed before the signature is checked."""

    receiver: str
    encrypted: str


def read_envelope(body: bytes) -> Envelope:
    """Take the envelope of a callback apart. Raises Malformed: no XML; Forged: XML, but nothing sealed in it."""
    fields = _plain_fields(body)
    if fields is None:
        try:
            root = etree.fromstring(body, _SAFE)
        except (etree.XMLSyntaxError, ValueError) as error:
            raise Malformed("callback is not XML") from error
        if _declares_types(root):
            raise Forged("callback brings its own document type")
        fields = _fields(root)
    if not fields.get("Encrypt"):
        raise Forged("callback is not sealed")
    return Envelope(fields.get("ToUserName", ""), fields["Encrypt"])


def read_app_message(plain: bytes, corp_id: str, now: datetime) -> Doorbell | Nothing | Sequence[Incoming]:
    """Say what an opened callback of the app means. Raises Forged: it is addressed to another company."""
    root, fields = None, _plain_fields(plain)
    if fields is None:
        root = _parse_leniently(plain)
        if root is None or _declares_types(root):
            return Nothing("unreadable")
        fields = _fields(root)
    if fields.get("ToUserName", corp_id) not in ("", corp_id):
        raise Forged("message for another company")
    if fields.get("MsgType") == "event":
        return _read_app_event(root, fields, now)
    return _read_app_chat(fields, now)


def _parse_leniently(plain: bytes) -> etree._Element | None:
    """Parse what a person typed; a control character in it (which XML forbids) must not cost us the message."""
    try:
        return etree.fromstring(plain, _SAFE)
    except (etree.XMLSyntaxError, ValueError):
        pass
    repaired = _ILLEGAL_IN_XML.sub("", plain.decode("utf-8", "replace"))
    try:
        return etree.fromstring(repaired.encode(), _SAFE)
    except (etree.XMLSyntaxError, ValueError):
        return None


def _plain_fields(xml: bytes) -> dict[str, str] | None:
    """What `_fields` says of a document, at a third of the price; None for all but the flat ones that WeCom writes."""
    try:
        text = xml.decode()
    except UnicodeDecodeError:
        return None
    if not (text.startswith("<xml>") and text.endswith("</xml>")):
        return None
    fields = {}
    at, end = len("<xml>"), len(text) - len("</xml>")
    while at < end:
        element = _PLAIN_ELEMENT.match(text, at, end)
        if element is None:
            return None
        name, marked, bare = element.groups()
        fields[name] = (bare if marked is None else marked).strip()
        at = element.end()
    return fields


def _fields(root: etree._Element) -> dict[str, str]:
    """The elements right under the root; one pass is half the price of looking each of them up."""
    return {child.tag: (child.text or "").strip() for child in root}


def _declares_types(root: etree._Element) -> bool:
    return root.getroottree().docinfo.internalDTD is not None


def _read_app_event(
    root: etree._Element | None, fields: dict[str, str], now: datetime
) -> Doorbell | Nothing | Sequence[Incoming]:
    event = fields.get("Event", "")
    if event == "kf_msg_or_event" and fields.get("OpenKfId"):
        return Doorbell(KF, fields["OpenKfId"], fields.get("Token", ""))
    if event == "change_contact":
        return _read_change(fields, now)
    member = fields.get("FromUserName", "").lower()
    if not member:
        return Nothing(event or "event")
    if event in ("template_card_event", "template_card_menu_event"):
        return [_read_tap(root, fields, member, now)]
    if event in ("enter_agent", "subscribe"):
        return [Incoming(_event_id(fields), Person(APP, member), Kind.ENTER, moment_of(fields.get("CreateTime"), now))]
    return Nothing(event or "event")


def _read_change(fields: dict[str, str], now: datetime) -> Nothing | Sequence[Incoming]:
    """The company's contacts have changed: we only need to know who has left, or is locked out."""
    change, member = fields.get("ChangeType", ""), fields.get("UserID", "").lower()
    locked = change == "update_user" and fields.get("Status") in LOCKED
    if not member or not (change == "delete_user" or locked):
        return Nothing(change or "change_contact")
    told = "\0".join((change, member, fields.get("CreateTime", "")))
    id = f"left-{hashlib.sha256(told.encode()).hexdigest()[:32]}"
    return [Incoming(id, Person(APP, member), Kind.LEFT, moment_of(fields.get("CreateTime"), now))]


def _read_tap(root: etree._Element | None, fields: dict[str, str], member: str, now: datetime) -> Incoming:
    return Incoming(
        id=_event_id(fields),
        sender=Person(APP, member),
        kind=Kind.TAP,
        at=moment_of(fields.get("CreateTime"), now),
        key=fields.get("EventKey", ""),
        choices=_read_choices(root) if root is not None else {},
        card=fields.get("ResponseCode", ""),
        card_task=fields.get("TaskId", ""),
    )


def _read_choices(root: etree._Element) -> dict[str, list[str]]:
    return {
        (item.findtext("QuestionKey") or "").strip(): [
            (option.text or "").strip() for option in item.iterfind("OptionIds/OptionId")
        ]
        for item in root.iterfind("SelectedItems/SelectedItem")
    }


def _event_id(fields: dict[str, str]) -> str:
    """An id for what has none: the same for a repeated delivery, different for two taps in the same second."""
    names = ("FromUserName", "CreateTime", "Event", "EventKey", "TaskId", "ResponseCode")
    told = "\0".join(fields.get(name, "") for name in names)
    return f"event-{hashlib.sha256(told.encode()).hexdigest()[:32]}"


def _read_app_chat(fields: dict[str, str], now: datetime) -> Nothing | Sequence[Incoming]:
    kind, member, id = fields.get("MsgType", ""), fields.get("FromUserName", "").lower(), fields.get("MsgId", "")
    if not (kind and member and id):
        return Nothing(kind or "empty")
    sender, at = Person(APP, member), moment_of(fields.get("CreateTime"), now)
    if kind == "text":
        return [Incoming(id, sender, Kind.TEXT, at, text=fields.get("Content", ""))]
    if kind in ("image", "file") and fields.get("MediaId"):
        return [Incoming(id, sender, Kind.FILE, at, file=FileRef(APP, fields["MediaId"], kind))]
    return [Incoming(id, sender, Kind.UNSUPPORTED, at)]


def read_kf_item(item: Any, desk: str, now: datetime) -> Incoming | None:
    """Say what one item behind a 微信客服 doorbell means; None when it concerns nobody or can't be understood."""
    if not isinstance(item, dict):
        logger.warning("wecom.kf.malformed")
        return None
    if item.get("msgtype") == "event":
        return _read_kf_event(item, desk, now)
    if item.get("origin", FROM_CUSTOMER) != FROM_CUSTOMER:
        return None
    return _read_kf_chat(item, desk, now)


def _read_kf_chat(item: dict[str, Any], desk: str, now: datetime) -> Incoming | None:
    id, customer, kind = word_of(item, "msgid"), word_of(item, "external_userid"), word_of(item, "msgtype")
    if not (id and customer):
        logger.warning("wecom.kf.malformed msgid=%s", id[:64])
        return None
    sender, at = Person(KF, customer, word_of(item, "open_kfid") or desk), moment_of(item.get("send_time"), now)
    content = part_of(item, kind)
    if kind == "text":
        key = word_of(content, "menu_id")
        return Incoming(id, sender, Kind.TAP if key else Kind.TEXT, at, text=word_of(content, "content"), key=key)
    if kind in ("image", "file") and word_of(content, "media_id"):
        return Incoming(id, sender, Kind.FILE, at, file=FileRef(KF, word_of(content, "media_id"), kind))
    return Incoming(id, sender, Kind.UNSUPPORTED, at)


def _read_kf_event(item: dict[str, Any], desk: str, now: datetime) -> Incoming | None:
    event, id = part_of(item, "event"), word_of(item, "msgid")
    kind = word_of(event, "event_type")
    if kind not in ("enter_session", "msg_send_fail"):
        return None
    customer = word_of(event, "external_userid")
    if not (id and customer):
        logger.warning("wecom.kf.malformed msgid=%s", id[:64])
        return None
    sender, at = Person(KF, customer, word_of(event, "open_kfid") or desk), moment_of(item.get("send_time"), now)
    if kind == "enter_session":
        scene, code = unquote(word_of(event, "scene_param")), word_of(event, "welcome_code")
        return Incoming(id, sender, Kind.ENTER, at, scene=scene, welcome_code=code)
    return Incoming(id, sender, Kind.SEND_FAILED, at, key=word_of(event, "fail_msgid"), reason=_failure(event))


def _failure(event: dict[str, Any]) -> str:
    number = event.get("fail_type")
    return SEND_FAILURES.get(number, SEND_FAILURES[0]) if isinstance(number, int) else SEND_FAILURES[0]


def word_of(part: dict[str, Any], name: str) -> str:
    """A field as text; numbers are taken too, anything else counts as absent."""
    value = part.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


def part_of(item: dict[str, Any], name: str) -> dict[str, Any]:
    """A field as an object; anything else counts as an empty one."""
    value = item.get(name)
    return value if isinstance(value, dict) else {}


def moment_of(seconds: Any, now: datetime) -> datetime:
    """The platform's own time of an item; `now` where it tells none that can be true."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return now
