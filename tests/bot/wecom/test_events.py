"""What WeCom reports, and what it means to us."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.errors import Forged, Malformed
from bot.platforms.wecom.events import Envelope, read_app_message, read_envelope, read_kf_item
from recruiting.chat import Doorbell, FileRef, Incoming, Kind, Nothing, Person

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
AT = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
ZHANG = Person("wecom.app", "zhangsan")
MEI = Person("wecom.kf", "wmMei", "wkDesk")


def xml(**fields: str) -> bytes:
    known = {"ToUserName": "ww1", "FromUserName": "ZhangSan", "CreateTime": "1700000000", **fields}
    inner = "".join(
        value if value.startswith("<") else f"<{tag}><![CDATA[{value}]]></{tag}>" for tag, value in known.items()
    )
    return f"<xml>{inner}</xml>".encode()


def read(**fields: str) -> Any:
    return read_app_message(xml(**fields), "ww1", NOW)


def test_takes_an_envelope_apart_in_any_order() -> None:
    body = b"<xml><Encrypt><![CDATA[ABC+/=]]></Encrypt><AgentID/><ToUserName><![CDATA[ww1]]></ToUserName></xml>"
    assert Envelope("ww1", "ABC+/=") == read_envelope(body)


@pytest.mark.parametrize(
    "body", [b"", b"hello", b'{"encrypt": "ABC"}', b"<xml><Encrypt>", b"\xff\xfe\x00", b"\x00" * 10]
)
def test_what_is_no_xml_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_envelope(body)


@pytest.mark.parametrize(
    "body",
    [
        b"<xml/>",
        b"<xml><Content>plain</Content></xml>",
        b'<!DOCTYPE xml SYSTEM "http://127.0.0.1/x.dtd"><xml><Encrypt>ABC</Encrypt></xml>',
        b'<!DOCTYPE xml [<!ENTITY a "ABC">]><xml><Encrypt>&a;</Encrypt></xml>',
        b'<!DOCTYPE xml [<!ENTITY a SYSTEM "file:///etc/hostname">]><xml><Encrypt>&a;</Encrypt></xml>',
    ],
)
def test_what_is_not_sealed_or_brings_a_document_type_is_forged(body: bytes) -> None:
    with pytest.raises(Forged):
        read_envelope(body)


def test_a_text_of_a_member() -> None:
    expected = Incoming("7301234567890123456", ZHANG, Kind.TEXT, AT, text="/help")
    assert [expected] == read(MsgType="text", Content="/help", MsgId="7301234567890123456")


def test_a_text_survives_what_xml_does_not_allow() -> None:
    (incoming,) = read(MsgType="text", Content="a\x08]]]]><![CDATA[>😀\x00", MsgId="1")
    assert "a]]>😀" == incoming.text


def test_files_of_a_member() -> None:
    for kind in ("image", "file"):
        expected = Incoming("1", ZHANG, Kind.FILE, AT, file=FileRef("wecom.app", "MEDIA", kind))
        assert [expected] == read(MsgType=kind, MediaId="MEDIA", MsgId="1")


@pytest.mark.parametrize("kind", ["voice", "video", "location", "link", "hologram", "image"])
def test_what_we_cannot_use_is_answered_all_the_same(kind: str) -> None:
    assert [Incoming("1", ZHANG, Kind.UNSUPPORTED, AT)] == read(MsgType=kind, MsgId="1")


SELECTED = (
    "<SelectedItems><SelectedItem><QuestionKey><![CDATA[slot]]></QuestionKey><OptionIds>"
    "<OptionId><![CDATA[s1]]></OptionId><OptionId><![CDATA[s2]]></OptionId></OptionIds></SelectedItem></SelectedItems>"
)
TAP = {
    "MsgType": "event",
    "Event": "template_card_event",
    "EventKey": "approve:1",
    "TaskId": "card-1",
    "CardType": "button_interaction",
    "ResponseCode": "CODE",
    "SelectedItems": SELECTED,
}


def test_a_tap_on_a_card() -> None:
    (tap,) = read(**TAP)
    assert (ZHANG, Kind.TAP, AT, "approve:1") == (tap.sender, tap.kind, tap.at, tap.key)
    assert ("CODE", "card-1", {"slot": ["s1", "s2"]}) == (tap.card, tap.card_task, tap.choices)


def test_a_tap_on_a_cards_menu() -> None:
    (tap,) = read(**{**TAP, "Event": "template_card_menu_event", "SelectedItems": ""})
    assert (Kind.TAP, "approve:1", {}) == (tap.kind, tap.key, tap.choices)


def test_a_repeated_event_keeps_its_id_and_another_tap_in_the_same_second_has_another() -> None:
    (first,), (again,) = read(**TAP), read(**TAP)
    assert first.id == again.id
    others = [read(**{**TAP, name: "other"})[0].id for name in ("EventKey", "TaskId", "ResponseCode", "FromUserName")]
    assert 5 == len({first.id, *others})


@pytest.mark.parametrize("event", ["enter_agent", "subscribe"])
def test_a_member_comes_in(event: str) -> None:
    (incoming,) = read(MsgType="event", Event=event)
    assert (ZHANG, Kind.ENTER) == (incoming.sender, incoming.kind)


def test_the_doorbell_of_customer_service() -> None:
    bell = xml(MsgType="event", Event="kf_msg_or_event", Token="TOKEN", OpenKfId="wkDesk", FromUserName="")
    assert Doorbell("wecom.kf", "wkDesk", "TOKEN") == read_app_message(bell, "ww1", NOW)


@pytest.mark.parametrize(
    "event", ["unsubscribe", "LOCATION", "view", "change_contact", "kf_msg_or_event", "unheard_of"]
)
def test_other_events_mean_nothing(event: str) -> None:
    assert Nothing(event) == read(MsgType="event", Event=event)


@pytest.mark.parametrize(
    "plain",
    [b"", b"hello", b"<xml/>", b"<xml><MsgType>text</MsgType></xml>", b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'],
)
def test_empty_or_unreadable_messages_mean_nothing(plain: bytes) -> None:
    assert isinstance(read_app_message(plain, "ww1", NOW), Nothing)


def test_a_message_for_another_company_is_forged() -> None:
    with pytest.raises(Forged):
        read(ToUserName="ww2", MsgType="text", Content="x", MsgId="1")


@pytest.mark.parametrize("time", ["", "soon", "99999999999999999999"])
def test_an_impossible_time_becomes_now(time: str) -> None:
    (incoming,) = read(MsgType="text", Content="x", MsgId="1", CreateTime=time)
    assert NOW == incoming.at


def kf(msgtype: str, content: Any = None, **fields: Any) -> dict[str, Any]:
    item = {"msgid": "m1", "open_kfid": "wkDesk", "external_userid": "wmMei", "send_time": 1700000000, "origin": 3}
    return {**item, "msgtype": msgtype, msgtype: content, **fields}


def kf_event(event_type: str, **fields: Any) -> dict[str, Any]:
    event = {"event_type": event_type, "open_kfid": "wkDesk", "external_userid": "wmMei", **fields}
    return {"msgid": "e1", "send_time": 1700000000, "origin": 4, "msgtype": "event", "event": event}


def test_a_candidate_writes() -> None:
    expected = Incoming("m1", MEI, Kind.TEXT, AT, text="你好")
    assert expected == read_kf_item(kf("text", {"content": "你好"}), "wkDesk", NOW)


def test_a_candidate_taps_a_menu_item() -> None:
    expected = Incoming("m1", MEI, Kind.TAP, AT, text="周三 10:00", key="slot:1")
    assert expected == read_kf_item(kf("text", {"content": "周三 10:00", "menu_id": "slot:1"}), "wkDesk", NOW)


def test_a_candidate_sends_a_picture_or_file() -> None:
    for kind in ("image", "file"):
        expected = Incoming("m1", MEI, Kind.FILE, AT, file=FileRef("wecom.kf", "MEDIA", kind))
        assert expected == read_kf_item(kf(kind, {"media_id": "MEDIA"}), "wkDesk", NOW)


@pytest.mark.parametrize("kind", ["voice", "video", "location", "business_card", "merged_msg", "meeting", "hologram"])
def test_what_a_candidate_sends_and_we_cannot_use(kind: str) -> None:
    assert Incoming("m1", MEI, Kind.UNSUPPORTED, AT) == read_kf_item(kf(kind, {"media_id": "M"}), "wkDesk", NOW)


def test_a_candidate_comes_in_through_a_link() -> None:
    entered = kf_event("enter_session", scene="bulou", scene_param="to%2Bken%20x", welcome_code="WELCOME")
    expected = Incoming("e1", MEI, Kind.ENTER, AT, scene="to+ken x", welcome_code="WELCOME")
    assert expected == read_kf_item(entered, "wkDesk", NOW)


@pytest.mark.parametrize(
    ("fail_type", "words"),
    [(4, "48 hours"), (6, "five messages"), (10, "refuses"), (0, "unknown"), (77, "unknown"), (None, "unknown")],
)
def test_a_message_failed_after_all(fail_type: Any, words: str) -> None:
    failed = read_kf_item(kf_event("msg_send_fail", fail_msgid="ours-1", fail_type=fail_type), "wkDesk", NOW)
    assert failed is not None
    assert (Kind.SEND_FAILED, "ours-1", MEI) == (failed.kind, failed.key, failed.sender)
    assert words in failed.reason


@pytest.mark.parametrize(
    "item",
    [
        kf("text", {"content": "I take over"}, origin=5, servicer_userid="li"),
        kf_event("session_status_change", change_type=1),
        kf_event("servicer_status_change", status=1),
        kf_event("user_recall_msg", recall_msgid="m0"),
        kf_event("unheard_of"),
    ],
)
def test_what_concerns_nobody_is_passed_over(item: dict[str, Any]) -> None:
    assert read_kf_item(item, "wkDesk", NOW) is None


@pytest.mark.parametrize(
    "item",
    [
        None,
        "text",
        [],
        kf("text", {"content": "x"}, msgid=None),
        kf("text", {"content": "x"}, external_userid=["wm"]),
        kf_event("enter_session", external_userid=""),
    ],
)
def test_a_malformed_item_is_passed_over_with_a_line_in_the_log(item: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert read_kf_item(item, "wkDesk", NOW) is None
    assert ["wecom.kf.malformed"] == [record.message.split()[0] for record in caplog.records]
    assert "wmMei" not in caplog.text


@pytest.mark.parametrize("content", [None, "x", [], {}, {"content": None}, {"content": ["x"], "menu_id": {}}])
def test_odd_contents_never_stop_the_loop(content: Any) -> None:
    assert Incoming("m1", MEI, Kind.TEXT, AT) == read_kf_item(kf("text", content), "wkDesk", NOW)
    assert Incoming("m1", MEI, Kind.UNSUPPORTED, AT) == read_kf_item(kf("image", content), "wkDesk", NOW)
    assert read_kf_item({**kf("event", content), "origin": 4}, "wkDesk", NOW) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"ChangeType": "delete_user", "UserID": "ZhangSan"},
        {"ChangeType": "update_user", "UserID": "ZhangSan", "Status": "2"},
        {"ChangeType": "update_user", "UserID": "ZhangSan", "Status": "5"},
    ],
)
def test_whoever_leaves_or_is_locked_out(fields: dict[str, str]) -> None:
    """Nobody in particular says so; told twice, it has the same id."""
    first, again = (read(MsgType="event", Event="change_contact", FromUserName="sys", **fields) for _ in range(2))
    (left,) = first
    assert (ZHANG, Kind.LEFT, AT) == (left.sender, left.kind, left.at)
    assert first == again


@pytest.mark.parametrize(
    "fields",
    [
        {"ChangeType": "create_user", "UserID": "ZhangSan"},
        {"ChangeType": "update_user", "UserID": "ZhangSan", "Status": "1"},
        {"ChangeType": "update_user", "UserID": "ZhangSan"},
        {"ChangeType": "delete_user"},
        {"ChangeType": "update_party", "Id": "2"},
    ],
)
def test_other_changes_of_the_contacts_are_nobodys_business(fields: dict[str, str]) -> None:
    assert isinstance(read(MsgType="event", Event="change_contact", FromUserName="sys", **fields), Nothing)
