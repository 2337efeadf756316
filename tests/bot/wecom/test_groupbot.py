"""The 智能机器人's door: sealed JSON for an empty receiver, what was said without the mention, and its one answer."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from bot.errors import Forged, Malformed
from bot.platforms.wecom.crypto import CallbackCrypto
from bot.platforms.wecom.groupbot import GroupBot, Poll, without_mention
from bot.platforms.wecom.groupbot_cards import STREAM_LIMIT
from recruiting.chat import Button, Challenge, Chart, Incoming, Kind, Message, Nothing, Person

TOKEN, AES_KEY = "QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
CRYPTO = CallbackCrypto(TOKEN, AES_KEY, "")

# Vector F of the reference: the sealed text of an AI bot, whose receiver is empty.
SEALED = (
    "sKqRbbiSUnDhFHOvPjtUMUMZ+yrN/UdB/nsBl8yJ2HVqSI9FkqGkf8x5ghetmS/SMWgsjwLqNQcsmBPiYa1rffLNBsDtOnIR7Sx3G2GhRKvpwimJ"
    "8sHUsPl1GpQrbnut"
)
SIGNED = {
    "msg_signature": "9a9035573579345ddd6a1dd6659a67f0e3c81265",
    "timestamp": "1700000000",
    "nonce": "nonce123",
}
CARD = Message("李梅 · 店员", title="健康证", buttons=(Button("通过", key="approve:1"), Button("退回", key="reject:1")))


@pytest.fixture
def bot() -> GroupBot:
    return GroupBot(TOKEN, AES_KEY, lambda: NOW)


def signed(sealed: str, nonce: str = "n1") -> dict[str, str]:
    return {"msg_signature": CRYPTO.sign("1772413200", nonce, sealed), "timestamp": "1772413200", "nonce": nonce}


def callback(told: Any) -> tuple[dict[str, str], bytes]:
    sealed = CRYPTO.seal(orjson.dumps(told))
    return signed(sealed), orjson.dumps({"encrypt": sealed})


def said(**changed: Any) -> dict[str, Any]:
    return {
        "msgid": "CAIQ16HMjQYY/NGagIOAgAMgq4KM0AI=",
        "aibotid": "aib1",
        "chatid": "wr1",
        "chattype": "group",
        "from": {"userid": "WangWu"},
        "msgtype": "text",
        "text": {"content": "@招聘助手 /状态 李梅"},
        **changed,
    }


def event(kind: str, told: Mapping[str, Any]) -> dict[str, Any]:
    return said(msgtype="event", create_time=1772413000, event={"eventtype": kind, kind: told})


def read(bot: GroupBot, told: Any) -> Any:
    return bot.open(*callback(told))


def opened(sealed: bytes, nonce: str = "n1") -> dict[str, Any]:
    """What WeCom reads of an answer, after the checks that it makes."""
    envelope = orjson.loads(sealed)
    assert {"encrypt", "msgsignature", "timestamp", "nonce"} == set(envelope)
    assert (nonce, int(NOW.timestamp())) == (envelope["nonce"], envelope["timestamp"])
    assert CRYPTO.verify(envelope["msgsignature"], str(envelope["timestamp"]), nonce, envelope["encrypt"])
    found = orjson.loads(CRYPTO.open(envelope["encrypt"]))
    assert isinstance(found, dict)
    return found


def test_the_references_vector_opens_the_door(bot: GroupBot) -> None:
    assert Nothing("text") == bot.open(SIGNED, orjson.dumps({"encrypt": SEALED}))
    with pytest.raises(Forged):
        bot.open({**SIGNED, "nonce": "nonce124"}, orjson.dumps({"encrypt": SEALED}))


def test_the_url_check_is_answered_with_its_own_text(bot: GroupBot) -> None:
    sealed = CRYPTO.seal(b"1616140317555161061")
    query = {**signed(sealed), "echostr": sealed.replace("+", " ")}
    assert Challenge("1616140317555161061") == bot.open(query, b"")


def test_what_is_for_another_receiver_is_forged(bot: GroupBot) -> None:
    """The company's id belongs to the app; here it must be empty."""
    sealed = CallbackCrypto(TOKEN, AES_KEY, "ww1").seal(orjson.dumps(said()))
    with pytest.raises(Forged):
        bot.open(signed(sealed), orjson.dumps({"encrypt": sealed}))


@pytest.mark.parametrize("body", [b"<xml/>", b"\xff", b"{"])
def test_no_json_is_no_envelope(bot: GroupBot, body: bytes) -> None:
    with pytest.raises(Malformed):
        bot.open({}, body)


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"encrypt":1}', b'{"encrypt":"x"}', b'{"msgid":"1"}'])
def test_json_that_is_not_sealed_is_forged(bot: GroupBot, body: bytes) -> None:
    with pytest.raises(Forged):
        bot.open({}, body)


@pytest.mark.parametrize(
    "told",
    [[], 7, {}, {"msgtype": "text"}, said(**{"from": {}}), said(msgid=""), event("feedback_event", {}), event("x", {})],
)
def test_what_means_nothing_is_nothing(bot: GroupBot, told: Any) -> None:
    assert isinstance(read(bot, told), Nothing)


def test_what_a_member_says_in_the_group(bot: GroupBot) -> None:
    """The id is made of letters that may stand in a card's task_id; the same message has the same id."""
    first, again = read(bot, said()), read(bot, said())
    assert first == again
    sender = Person("wecom.bot", "wangwu")
    assert Incoming(first.id, sender, Kind.TEXT, NOW, text="/状态 李梅", group="wr1") == first
    assert first.id.isalnum()
    assert first.id != read(bot, said(msgid="other")).id


def test_alone_with_the_bot_nothing_is_cut(bot: GroupBot) -> None:
    found = read(bot, said(chattype="single", chatid="", text={"content": " 李梅 @ 人民路 "}))
    assert ("", "李梅 @ 人民路") == (found.group, found.text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@招聘助手 /状态 李梅", "/状态 李梅"),
        ("@招聘助手\u2005/待办", "/待办"),
        ("@招聘助手\xa0／待办", "／待办"),
        ("＠招聘助手 待办", "待办"),
        ("@招聘助手/待办", "/待办"),
        ("@Hiring Bot /todo", "/todo"),
        ("@A/B bot /todo", "/todo"),
        ("/待办 @招聘助手", "/待办"),
        ("/状态 @招聘助手 李梅", "/状态 李梅"),
        ("/状态 li@example.com", "/状态 li@example.com"),
        ("@招聘助手", ""),
        ("帮助 @招聘助手 \u200b", "帮助"),
        ("面议/其他", "面议/其他"),
    ],
)
def test_the_mention_is_taken_out(text: str, expected: str) -> None:
    assert expected == without_mention(text)


def test_words_in_other_forms_are_words(bot: GroupBot) -> None:
    """Text beside a picture, and speech that WeCom has written down."""
    items = [{"msgtype": "text", "text": {"content": "@招聘助手 /待办"}}, {"msgtype": "image", "image": {"url": "u"}}]
    assert "/待办" == read(bot, said(msgtype="mixed", mixed={"msg_item": items})).text
    assert "待办" == read(bot, said(msgtype="voice", chattype="single", voice={"content": "待办"})).text
    only_picture = said(msgtype="mixed", mixed={"msg_item": items[1:]})
    for told in (only_picture, said(msgtype="image"), said(msgtype="mixed", mixed=[])):
        assert Kind.UNSUPPORTED is read(bot, told).kind


def test_a_file_is_heard_of_and_not_taken(bot: GroupBot) -> None:
    """It comes without a name: whoever sent it is told where lists go."""
    told = read(bot, said(msgtype="file", chattype="single", file={"url": "https://example.com/f"}))
    assert (Kind.FILE, None) == (told.kind, told.file)


@pytest.mark.parametrize(
    "names",
    [
        ("event_key", "task_id", "selected_items", "selected_item", "question_key", "option_ids", "option_id"),
        ("eventkey", "taskid", "selecteditems", "selecteditem", "questionkey", "optionids", "optionid"),
    ],
)
def test_a_tap_in_both_spellings_of_the_reference(bot: GroupBot, names: tuple[str, ...]) -> None:
    key, task, items, item, question, options, option = names
    chosen = {items: {item: [{question: "q1", options: {option: ["a", "b"]}}]}}
    found = read(bot, event("template_card_event", {key: "approve:1", task: "t1", **chosen}))
    assert (Kind.TAP, "approve:1", "t1", "t1") == (found.kind, found.key, found.card, found.card_task)
    assert {"q1": ["a", "b"]} == found.choices
    assert datetime.fromtimestamp(1772413000, UTC) == found.at


def test_opening_the_chat_is_entering(bot: GroupBot) -> None:
    assert Kind.ENTER is read(bot, event("enter_chat", {})).kind


async def test_words_are_told_as_a_finished_stream(bot: GroupBot) -> None:
    query, _ = callback({})
    told = opened(await bot.answer(query, "m1", [Message("第一", title="标题"), Message("<@all> [x](http://y)")]))
    content = "**标题**\n第一\n\n＜@all> [x] (http://y)"
    assert {"msgtype": "stream", "stream": {"id": "m1", "finish": True, "content": content}} == told
    assert b"" == await bot.answer(query, "m1", [])


async def test_what_is_too_long_is_cut_at_a_letter(bot: GroupBot) -> None:
    content = opened(await bot.answer(callback({})[0], "m1", [Message("好" * 10_000)]))["stream"]["content"]
    assert STREAM_LIMIT - 3 < len(content.encode()) <= STREAM_LIMIT
    assert content.endswith("好…")


async def test_a_short_message_with_buttons_is_one_card(bot: GroupBot) -> None:
    told = opened(await bot.answer(callback({})[0], "m1", [CARD]))
    card = told["template_card"]
    assert ("template_card", "健康证", "李梅 · 店员", "m1") == (
        told["msgtype"],
        card["main_title"]["title"],
        card["sub_title_text"],
        card["task_id"],
    )
    buttons = [{"text": "通过", "style": 1, "key": "approve:1"}, {"text": "退回", "style": 1, "key": "reject:1"}]
    assert buttons == card["button_list"]


async def test_what_does_not_fit_a_card_stands_above_it(bot: GroupBot) -> None:
    """Long words, and links: this bot's buttons can't be links."""
    link = Button("查看", url="https://example.com/v/1")
    long = Message("长" * 200, title="健康证", buttons=CARD.buttons)
    for message in (long, Message("短", title="健康证", buttons=(*CARD.buttons, link))):
        told = opened(await bot.answer(callback({})[0], "m1", [message]))
        assert "stream_with_template_card" == told["msgtype"]
        assert message.text in told["stream"]["content"]
        assert {"text", "style", "key"} == set().union(*told["template_card"]["button_list"])
    assert "[查看](https://example.com/v/1)" in told["stream"]["content"]


async def test_several_messages_share_one_card_with_numbers(bot: GroupBot) -> None:
    """Six buttons fit; a set that does not fit whole is left out, its words are not."""
    others = [
        Message(f"第{n}位", buttons=(Button("通过", key=f"approve:{n}"), Button("退回", key=f"reject:{n}")))
        for n in (2, 3, 4)
    ]
    told = opened(await bot.answer(callback({})[0], "m1", [Message("共4份"), CARD, *others]))
    shown = [button["text"] for button in told["template_card"]["button_list"]]
    assert ["①通过", "①退回", "②通过", "②退回", "③通过", "③退回"] == shown
    assert "共4份\n\n**① 健康证**\n李梅 · 店员\n\n② 第2位\n\n③ 第3位\n\n④ 第4位" == told["stream"]["content"]


async def test_a_later_answer_is_never_a_card_alone(bot: GroupBot) -> None:
    """Who asks how a stream goes on gets that stream."""
    poll = Poll("m1.1772413200", "m1", timedelta(seconds=3))
    told = opened(await bot.answer(callback({})[0], "m1", [CARD], poll))
    assert ("stream_with_template_card", "m1.1772413200") == (told["msgtype"], told["stream"]["id"])
    assert "m1" == told["template_card"]["task_id"]


def test_a_stream_that_goes_on_knows_when_it_began(bot: GroupBot) -> None:
    waiting = opened(bot.wait(callback({})[0], "m1", "收到"))
    assert (False, "收到") == (waiting["stream"]["finish"], waiting["stream"]["content"])
    later = GroupBot(TOKEN, AES_KEY, lambda: NOW + timedelta(seconds=7))
    poll = read(later, {"msgtype": "stream", "stream": waiting["stream"]})
    assert Poll(waiting["stream"]["id"], "m1", timedelta(seconds=7)) == poll
    again = opened(bot.wait(callback({})[0], "m1", "还在办", poll))
    assert waiting["stream"]["id"] == again["stream"]["id"]
    over = opened(bot.excuse(callback({})[0], "m1", "没办成", poll))
    assert (waiting["stream"]["id"], True) == (over["stream"]["id"], over["stream"]["finish"])


def test_a_tapped_card_is_changed_for_one_or_for_all(bot: GroupBot) -> None:
    query, _ = callback({})
    mine = opened(bot.change(query, "t1", [CARD], "电话 138", "wangwu"))
    assert ("update_template_card", ["wangwu"], "t1") == (
        mine["response_type"],
        mine["userids"],
        mine["template_card"]["task_id"],
    )
    assert "电话 138\n李梅 · 店员" == mine["template_card"]["sub_title_text"]
    assert 2 == len(mine["template_card"]["button_list"])

    settled = Message(CARD.text, CARD.title, buttons=CARD.buttons, settled="已通过")
    for_all = opened(bot.change(query, "t1", [settled]))
    assert "userids" not in for_all
    card = for_all["template_card"]
    assert ("已通过", ["已通过"]) == (card["replace_text"], [button["text"] for button in card["button_list"]])
    assert b"" == bot.change(query, "t1", [])


def test_of_a_card_about_several_people_only_one_is_settled(bot: GroupBot) -> None:
    settled = Message(CARD.text, CARD.title, buttons=CARD.buttons, settled="已通过")
    card = opened(bot.change(callback({})[0], "t1", [settled, CARD]))["template_card"]
    assert ["②通过", "②退回"] == [button["text"] for button in card["button_list"]]
    assert card["sub_title_text"].startswith("① 已通过\n")
    assert "replace_text" not in card


def test_a_card_that_nobody_remembers_can_still_say_something(bot: GroupBot) -> None:
    card = opened(bot.change(callback({})[0], "t1", [], "请再点一次", "wangwu"))["template_card"]
    assert ("请再点一次", "✓") == (card["main_title"]["title"], card["replace_text"])


async def test_numbers_are_drawn_where_a_picture_may_stand(bot: GroupBot) -> None:
    """The finished stream carries one PNG beside the words; its checksum is that of the picture's bytes."""
    funnel = Message("三月：4人", chart=Chart("funnel", (("AI 面试", 4.0), ("已录用", 1.0))))
    told = opened(await bot.answer(callback({})[0], "m1", [funnel]))["stream"]
    (item,) = told["msg_item"]
    content = base64.b64decode(item["image"]["base64"])
    assert (True, "image", b"\x89PNG") == (told["finish"], item["msgtype"], content[:4])
    assert hashlib.md5(content, usedforsecurity=False).hexdigest() == item["image"]["md5"]
