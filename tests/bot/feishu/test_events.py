"""What Feishu tells us, and what we make of it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.platforms.feishu.events import EventReader, moment
from recruiting.chat import FileRef, Incoming, Kind, Nothing, Person

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
THEN = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
MEI = Person("feishu", "ou_mei")
US = {"key": "@_user_1", "id": {"open_id": "ou_bot"}, "mentioned_type": "bot", "name": "招聘助手"}
LI = {"key": "@_user_2", "id": {"open_id": "ou_li"}, "mentioned_type": "user", "name": "李 雷"}


def told(kind: str, event: dict[str, Any], **header: Any) -> dict[str, Any]:
    head = {"event_id": "e1", "event_type": kind, "create_time": "1700000000000"}
    return {"schema": "2.0", "header": {**head, **header}, "event": event}


def message(kind: str, content: Any, *mentions: dict[str, Any], group: bool = False, **other: Any) -> dict[str, Any]:
    said = {
        "message_id": "om_1",
        "create_time": "1700000000000",
        "chat_id": "oc_1",
        "chat_type": "group" if group else "p2p",
        "message_type": kind,
        "content": content if isinstance(content, str) else json.dumps(content),
        "mentions": list(mentions),
    }
    sender = {"sender_id": {"open_id": "ou_mei"}, "sender_type": other.pop("sender_type", "user")}
    return told("im.message.receive_v1", {"sender": sender, "message": {**said, **other}})


def read(what: dict[str, Any], bot: str = "ou_bot") -> list[Incoming] | Nothing:
    reader = EventReader()
    reader.bot = bot
    found = reader.read(what, NOW)
    return found if isinstance(found, Nothing) else list(found)


def only(what: dict[str, Any], bot: str = "ou_bot") -> Incoming:
    found = read(what, bot)
    assert isinstance(found, list)
    (incoming,) = found
    return incoming


# --- messages ----------------------------------------------------------------------------------------------------


def test_a_text_in_private() -> None:
    expected = Incoming("om_1", MEI, Kind.TEXT, THEN, text="进度", message="om_1")
    assert expected == only(message("text", {"text": " 进度 "}))


def test_a_text_in_a_group_is_ours_only_when_it_mentions_our_bot() -> None:
    said = only(message("text", {"text": "@_user_1 /todo"}, US, group=True))
    assert ("/todo", "oc_1", "om_1") == (said.text, said.group, said.message)
    for mentions in ((), (LI,), ({"key": "@_all", "id": {}, "name": "所有人"},)):
        for bot in ("ou_bot", ""):
            assert Nothing("im.message.receive_v1") == read(message("text", {"text": "hi"}, *mentions, group=True), bot)
    other_bot = {**US, "id": {"open_id": "ou_other"}}
    assert isinstance(read(message("text", {"text": "@_user_1 hi"}, other_bot, group=True)), Nothing)


def test_any_bot_is_taken_for_ours_until_we_know_who_we_are() -> None:
    assert "/todo" == only(message("text", {"text": "@_user_1 /todo"}, US, group=True), bot="").text


def test_a_bare_mention_in_a_group_is_a_call_without_words() -> None:
    assert (Kind.TEXT, "") == ((said := only(message("text", {"text": "@_user_1"}, US, group=True))).kind, said.text)


def test_people_are_called_by_name_and_the_tenth_is_not_the_first() -> None:
    tenth = {"key": "@_user_10", "id": {"open_id": "ou_10"}, "mentioned_type": "user", "name": "@_user_2"}
    said = only(message("text", {"text": "@_user_1 /why @_user_10, @_user_2."}, US, LI, tenth, group=True))
    assert "/why @_user_2, 李 雷." == said.text  # a name is not read for mentions again


@pytest.mark.parametrize("content", ["", '{"text":""}', '{"text":"  "}'])
def test_what_was_taken_back_is_nothing(content: str) -> None:
    assert isinstance(read(message("text", content)), Nothing)


@pytest.mark.parametrize("sender_type", ["bot", "app", 7])
def test_bots_are_not_answered(sender_type: Any) -> None:
    assert isinstance(read(message("text", {"text": "hi"}, sender_type=sender_type)), Nothing)


def test_our_own_words_are_not_answered() -> None:
    assert isinstance(read(message("text", {"text": "hi"}), bot="ou_mei"), Nothing)


def test_pictures_and_files_bring_the_message_they_are_in() -> None:
    picture = only(message("image", {"image_key": "img_1"}))
    file = only(message("file", {"file_key": "file_1", "file_name": "名单.xlsx"}))
    assert (Kind.FILE, FileRef("feishu", "om_1/img_1", "image")) == (picture.kind, picture.file)
    assert (Kind.FILE, FileRef("feishu", "om_1/file_1", "file")) == (file.kind, file.file)


def test_the_name_of_a_file_is_remembered() -> None:
    reader = EventReader()
    reader.read(message("file", {"file_key": "file_1", "file_name": "../名单.xlsx"}), NOW)
    assert ("名单.xlsx", "") == (reader.name_of("file_1"), reader.name_of("file_2"))


def test_a_post_is_its_words_and_then_its_pictures() -> None:
    content = {
        "title": "健康证",
        "content": [
            [{"tag": "at", "user_id": "@_user_1", "user_name": "招聘助手"}, {"tag": "text", "text": " 两张"}],
            [{"tag": "img", "image_key": "img_1"}],
            [{"tag": "a", "text": "简历", "href": "https://x.example/1"}, {"tag": "at", "user_name": "王"}],
            [{"tag": "img", "image_key": "img_2"}, None, {"tag": "hr"}],
        ],
    }
    found = read(message("post", content, US, group=True))
    assert isinstance(found, list)
    assert ["om_1", "om_1/1", "om_1/2"] == [one.id for one in found]
    assert "健康证\n 两张\n\n[简历](https://x.example/1)王" == found[0].text
    assert ["om_1/img_1", "om_1/img_2"] == [one.file.id for one in found[1:] if one.file]
    assert {("oc_1", "om_1")} == {(one.group, one.message) for one in found}


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("audio", {"file_key": "f", "duration": 2000}),
        ("media", {"file_key": "f"}),
        ("sticker", {"file_key": "f"}),
        ("location", {"name": "x"}),
        ("merge_forward", {"content": "Merged and Forwarded Message"}),
        ("folder", {"file_key": "f"}),
        ("image", {}),
        ("text", "not json"),
        ("text", "[]"),
        ("post", {"content": [[{"tag": "media", "file_key": "f"}]]}),
        ("something new", {}),
    ],
)
def test_what_we_cannot_use_is_answered_all_the_same(kind: str, content: Any) -> None:
    assert Kind.UNSUPPORTED == only(message(kind, content)).kind


# --- everything else ---------------------------------------------------------------------------------------------


def test_entering_the_chat_for_the_first_time() -> None:
    event = {
        "type": "p2p_chat_create",
        "app_id": "cli_1",
        "chat_id": "oc_mei",
        "operator": {"open_id": "ou_mei"},
        "user": {"name": "梅", "open_id": "ou_mei"},
    }
    old = {"ts": "1700000000.7171419", "uuid": "u1", "type": "event_callback", "event": event}
    reader = EventReader()
    (entered,) = reader.read(old, NOW)  # type: ignore[misc]
    assert ("u1", MEI, Kind.ENTER) == (entered.id, entered.sender, entered.kind)
    assert THEN == entered.at.replace(microsecond=0)
    assert "oc_mei" == reader.chat_of("ou_mei")


def test_entering_the_chat_again() -> None:
    reader = EventReader()
    event = {"chat_id": "oc_mei", "operator_id": {"open_id": "ou_mei"}, "last_message_id": "om_0"}
    (entered,) = reader.read(told("im.chat.access_event.bot_p2p_chat_entered_v1", event), NOW)  # type: ignore[misc]
    assert Incoming("e1", MEI, Kind.ENTER, THEN) == entered
    assert "oc_mei" == reader.chat_of("ou_mei")


@pytest.mark.parametrize(("key", "text"), [("todo", "/todo"), ("/todo", "/todo")])
def test_an_entry_of_the_menu_is_a_command(key: str, text: str) -> None:
    event = {"operator": {"operator_id": {"open_id": "ou_mei"}}, "event_key": key, "timestamp": 1700000000}
    assert Incoming("e1", MEI, Kind.TEXT, THEN, text=text) == only(told("application.bot.menu_v6", event))


def test_our_bot_was_added_to_a_group() -> None:
    event = {"chat_id": "oc_hr", "operator_id": {"open_id": "ou_mei"}, "external": False, "name": "招聘组"}
    expected = Incoming("e1", MEI, Kind.JOINED, THEN, text="招聘组", group="oc_hr")
    assert expected == only(told("im.chat.member.bot.added_v1", event))


def tap(value: Any, **action: Any) -> dict[str, Any]:
    event = {
        "operator": {"open_id": "ou_mei"},
        "token": "c-1",
        "action": {"value": value, "tag": "button", **action},
        "context": {"open_message_id": "om_card", "open_chat_id": "oc_hr"},
    }
    return told("card.action.trigger", event, create_time="1700000000000000")


def test_a_tap_on_a_card() -> None:
    tapped = only(tap({"key": "approve:1"}))
    assert Incoming("e1", MEI, Kind.TAP, THEN, key="approve:1", card="om_card", message="om_card") == tapped


def test_a_tap_in_a_group_says_so_but_is_not_believed_in_a_private_chat() -> None:
    assert "oc_hr" == only(tap({"key": "approve:1", "in": "group"})).group
    reader = EventReader()
    reader.remember_chat("ou_mei", "oc_hr")
    (tapped,) = reader.read(tap({"key": "approve:1", "in": "group"}), NOW)  # type: ignore[misc]
    assert "" == tapped.group


def test_what_was_entered_comes_with_the_tap() -> None:
    form = {
        "until": "2024-04-01 +0800",
        "at": "2024-04-01 10:00 +0800",
        "note": " 可以 ",
        "tags": ["a", "", "b"],
        "empty": "",
        "none": None,
        "yes": True,
        "stars": 4,
    }
    expected = {
        "until": ["2024-04-01"],
        "at": ["2024-04-01 10:00 +0800"],
        "note": ["可以"],
        "tags": ["a", "b"],
        "yes": ["true"],
        "stars": ["4"],
    }
    assert expected == only(tap({"key": "rate:1"}, form_value=form)).choices


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ({"option": "s1", "name": "slot"}, {"slot": ["s1"]}),
        ({"options": ["s1", "s2"]}, {"options": ["s1", "s2"]}),
        ({"checked": False}, {"checked": ["false"]}),
        ({"input_value": "x", "name": "note"}, {"note": ["x"]}),
        ({"option": ""}, {}),
        ({"form_value": "broken"}, {}),
    ],
)
def test_what_was_entered_outside_a_form(action: dict[str, Any], expected: dict[str, list[str]]) -> None:
    assert expected == only(tap({"key": "slot:1"}, **action)).choices


@pytest.mark.parametrize("value", [None, {}, {"key": 7}, [], {"do": "approve"}])
def test_a_tap_without_a_key_of_ours_is_nothing(value: Any) -> None:
    assert Nothing("card.action.trigger") == read(tap(value))


def test_an_old_card_may_hold_a_bare_key() -> None:
    assert "approve:1" == only(tap("approve:1")).key


def test_what_we_did_not_ask_for_is_nothing() -> None:
    assert Nothing("im.message.message_read_v1") == read(told("im.message.message_read_v1", {}))
    assert Nothing("event") == read({"schema": "2.0", "header": {}, "event": None})
    assert Nothing("user_add") == read({"uuid": "u", "event": {"type": "user_add"}})


def test_an_event_without_an_id_cannot_be_kept() -> None:
    event = {"operator": {"operator_id": {"open_id": "ou_mei"}}, "event_key": "todo"}
    assert isinstance(read(told("application.bot.menu_v6", event, event_id="")), Nothing)


@pytest.mark.parametrize("number", ["1700000000", 1700000000, "1700000000000", "1700000000000000", "1700000000.0"])
def test_times_in_seconds_milliseconds_and_microseconds(number: Any) -> None:
    assert THEN == moment(number, NOW)


@pytest.mark.parametrize("number", [None, "", "soon", -1, 0, "inf", "nan", [], "1e400", 10**40])
def test_a_time_that_cannot_be_true_is_now(number: Any) -> None:
    assert NOW == moment(number, NOW)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)
KINDS = [
    "im.message.receive_v1",
    "card.action.trigger",
    "application.bot.menu_v6",
    "im.chat.member.bot.added_v1",
    "im.chat.access_event.bot_p2p_chat_entered_v1",
]
FIELDS = ["sender", "sender_id", "open_id", "message", "mentions", "content", "operator", "action", "value", "context"]


@settings(deadline=None)
@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(FIELDS), json_values), json_values)
def test_no_shape_of_an_event_breaks_the_reader(kind: str, event: dict[str, Any], when: Any) -> None:
    read(told(kind, event, create_time=when))
    whole = message("post", {"content": when}, US, group=True)
    whole["event"]["message"].update(event)
    read(whole)


# --- who is meant, what is answered, who has left ------------------------------------------------------------------


def test_people_who_are_mentioned_are_told_with_their_accounts() -> None:
    """Our own mention is no person."""
    said = only(message("text", {"text": "@_user_1 /member add @_user_2 recruiter"}, US, LI, group=True))
    assert "/member add 李 雷 recruiter" == said.text
    assert {"李 雷": "ou_li"} == said.mentions


def test_what_a_message_answers_is_told() -> None:
    assert "om_0" == only(message("text", {"text": "导入"}, parent_id="om_0", root_id="om_0")).answers


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("contact.user.deleted_v3", {}),
        ("contact.user.deleted_v3", {"is_resigned": True}),
        ("contact.user.updated_v3", {"is_resigned": True}),
        ("contact.user.updated_v3", {"is_frozen": True}),
        ("contact.user.updated_v3", {"is_exited": True}),
    ],
)
def test_whoever_leaves_or_is_locked_out(kind: str, status: dict[str, bool]) -> None:
    left = only(told(kind, {"object": {"open_id": "ou_mei", "status": status}}))
    assert Incoming("e1", MEI, Kind.LEFT, THEN) == left


@pytest.mark.parametrize(
    "event", [{"object": {"open_id": "ou_mei", "status": {"is_activated": True}}}, {"object": {}}, {}]
)
def test_other_changes_of_the_contacts_are_nobodys_business(event: dict[str, Any]) -> None:
    assert isinstance(read(told("contact.user.updated_v3", event)), Nothing)
