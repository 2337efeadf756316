"""Messages in WeCom's shapes: nothing is lost, no limit is broken."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import GiveUp
from bot.platforms.wecom.cards import app_payloads, card_update, group_payload, kf_payload, platform_id
from recruiting.chat import Button, Message

INVISIBLE = re.compile(" [\u200b\u200c\u200d\u2060]{8}$")
APPROVE = Button("通过", key="approve:1", style="primary")
REJECT = Button("淘汰", key="reject:1", style="danger")
DETAILS = Button("详情", url="https://hr.example.com/p/1")

words = st.text(alphabet=st.characters(codec="utf-8"), max_size=3000) | st.text("汉字😀\n", max_size=3000)
short = st.text(alphabet=st.characters(codec="utf-8"), max_size=60)
callbacks = st.integers(0, 10**6).map(str)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    keys = draw(st.lists(callbacks, unique=True, max_size=14))
    taps = [Button("选" + draw(short), key=f"view:{key}") for key in keys]
    links = [
        Button("看" + draw(short), url=f"https://x.example/{draw(callbacks)}") for _ in range(draw(st.integers(0, 3)))
    ]
    return Message(
        text="文" + draw(words),
        title=draw(short),
        fields=tuple(draw(st.lists(st.tuples(short, short), max_size=9))),
        buttons=(*taps, *links),
    )


def size(text: str) -> int:
    return len(text.encode())


def seen(text: str) -> str:
    """What a reader sees, without the mark and white space."""
    return "".join(INVISIBLE.sub("", text).split())


def text_of(payload: dict[str, Any]) -> str:
    content: str = payload["text"]["content"]
    return content


def test_a_decision_is_a_card_with_buttons() -> None:
    message = Message(
        "请看简历", title="新候选人:张三", fields=(("渠道", "微信客服"),), buttons=(APPROVE, REJECT, DETAILS)
    )
    expected = {
        "msgtype": "template_card",
        "template_card": {
            "card_type": "button_interaction",
            "main_title": {"title": "新候选人:张三"},
            "sub_title_text": "请看简历",
            "horizontal_content_list": [{"keyname": "渠道", "value": "微信客服"}],
            "button_list": [
                {"text": "通过", "style": 1, "key": "approve:1"},
                {"text": "淘汰", "style": 2, "key": "reject:1"},
                {"text": "详情", "style": 1, "type": 1, "url": "https://hr.example.com/p/1"},
            ],
            "task_id": "out-1",
        },
    }
    assert [expected] == app_payloads(message, "out-1")


def test_a_title_that_is_too_long_ends_with_a_clause_and_nothing_is_said_twice() -> None:
    text = "缺席率的警戒线：5% / 8% / 10% → 40%，马上生效，正在进行的批次也算。下次应用流程文件时，以文件为准。"
    (payload,) = app_payloads(Message(text, buttons=(APPROVE,)), "1")
    card = payload["template_card"]
    assert "缺席率的警戒线：5% / 8% / 10% → 40%，马上生效" == card["main_title"]["title"]
    assert "正在进行的批次也算。下次应用流程文件时，以文件为准。" == card["sub_title_text"]


def test_a_title_rather_ends_with_a_sentence_than_with_a_clause() -> None:
    text = "“秋季门店招聘”静音到明天(11月27日)08:30。预警照样在算，到时还没好会说。"
    (payload,) = app_payloads(Message(text, buttons=(APPROVE,)), "1")
    card = payload["template_card"]
    assert "“秋季门店招聘”静音到明天(11月27日)08:30" == card["main_title"]["title"]
    assert "预警照样在算，到时还没好会说。" == card["sub_title_text"]


def test_a_title_without_clauses_is_cut_and_said_whole_below() -> None:
    (payload,) = app_payloads(Message("字" * 50, buttons=(APPROVE,)), "1")
    card = payload["template_card"]
    assert ("字" * 35 + "…", "字" * 50) == (card["main_title"]["title"], card["sub_title_text"])


def test_without_a_title_the_first_line_is_the_title() -> None:
    (payload,) = app_payloads(Message("待办\n电话联系", buttons=(APPROVE,)), "1")
    assert {"title": "待办"} == payload["template_card"]["main_title"]
    assert "电话联系" == payload["template_card"]["sub_title_text"]


def test_fields_that_are_too_long_for_a_row_stand_in_the_text() -> None:
    fields = (("岗位", "店员"), ("负责人姓名长", "李"), ("备注", "长" * 31))
    (payload,) = app_payloads(Message("正文", title="t", fields=fields, buttons=(APPROVE,)), "1")
    assert [{"keyname": "岗位", "value": "店员"}] == payload["template_card"]["horizontal_content_list"]
    assert f"正文\n负责人姓名长: 李\n备注: {'长' * 31}" == payload["template_card"]["sub_title_text"]


def test_a_text_too_long_for_a_card_goes_ahead_whole() -> None:
    text = "字" * 400
    front, card = app_payloads(Message(text, title="标题", buttons=(APPROVE,)), "1")
    assert "标题" + text == seen(text_of(front))
    assert "字" * 159 + "…" == card["template_card"]["sub_title_text"]


def test_more_than_six_buttons_make_another_card() -> None:
    buttons = tuple(Button(f"选{n}", key=f"slot:{n}") for n in range(8))
    first, second = (p["template_card"] for p in app_payloads(Message("选时间", buttons=buttons), "out"))
    assert (6, 2) == (len(first["button_list"]), len(second["button_list"]))
    assert ("out", "out-2") == (first["task_id"], second["task_id"])


def test_a_message_without_buttons_is_text_with_links() -> None:
    message = Message("看看", title="周报", buttons=(Button("打开", url='https://x.example/?a="b"'),))
    (payload,) = app_payloads(message, "1")
    assert '周报\n看看\n<a href="https://x.example/?a=%22b%22">打开</a>' == INVISIBLE.sub("", text_of(payload))


def test_the_same_words_twice_are_two_messages_but_a_retry_is_the_same() -> None:
    message = Message("您好")
    assert app_payloads(message, "out-1") == app_payloads(message, "out-1")
    assert app_payloads(message, "out-1") != app_payloads(message, "out-2")


def test_long_texts_go_in_parts_that_end_with_a_line() -> None:
    lines = [f"{n}: " + "字" * 50 for n in range(40)]
    payloads = app_payloads(Message("\n".join(lines)), "1")
    parts = [INVISIBLE.sub("", text_of(payload)) for payload in payloads]
    assert len(parts) > 2
    assert lines == "\n".join(parts).split("\n")


def test_nobody_can_put_a_link_into_hrs_chat_by_a_name() -> None:
    name = '<a href="https://evil.example">张三</a>'
    (payload,) = app_payloads(Message(f"{name} 来了"), "1")
    assert "<a" not in text_of(payload)
    shown = group_payload(Message(f"{name} [点我](https://evil.example) <@all>"))["markdown"]["content"]
    assert "](" not in shown
    assert "<" not in shown


def test_a_settled_card_shows_the_decision_in_place_of_its_buttons() -> None:
    settled = Message("请看", title="张三", buttons=(APPROVE, REJECT), settled="已通过 王莉")
    card = card_update(settled, "CODE")["template_card"]
    assert "已通过 王莉" == card["replace_text"]
    assert 2 == len(card["button_list"])
    without = card_update(Message("请看", title="张三", settled="已通过"), "CODE")["template_card"]
    assert ("已通过", 1) == (without["replace_text"], len(without["button_list"]))


def test_a_changed_card_may_bring_new_buttons() -> None:
    card = card_update(Message("原因?", title="张三", buttons=(REJECT,)), "CODE")["template_card"]
    assert "replace_text" not in card
    assert ["reject:1"] == [button["key"] for button in card["button_list"]]


def test_keys_of_a_card_must_differ() -> None:
    with pytest.raises(GiveUp):
        app_payloads(Message("x", buttons=(APPROVE, APPROVE)), "1")


@pytest.mark.parametrize("make", [lambda m: app_payloads(m, "1"), kf_payload])
def test_an_empty_message_is_not_sent(make: Any) -> None:
    with pytest.raises(GiveUp):
        make(Message(" \n"))


def test_a_candidate_gets_a_menu() -> None:
    message = Message("何时方便?", buttons=(Button("周三", key="slot:1"), Button("职位", url="https://x.example/jd")))
    expected = {
        "msgtype": "msgmenu",
        "msgmenu": {
            "head_content": "何时方便?",
            "list": [
                {"type": "click", "click": {"id": "slot:1", "content": "周三"}},
                {"type": "view", "view": {"url": "https://x.example/jd", "content": "职位"}},
            ],
        },
    }
    assert expected == kf_payload(message)


def test_a_candidate_gets_text_where_there_is_nothing_to_tap() -> None:
    assert {"msgtype": "text", "text": {"content": "字" * 682}} == kf_payload(Message("字" * 682))


def test_a_long_text_to_a_candidate_is_still_one_message() -> None:
    text = "\n".join(f"第{n}行" + "字" * 60 for n in range(60))
    menu = kf_payload(Message(text))["msgmenu"]
    pieces = [menu["head_content"], *(item["text"]["content"] for item in menu["list"])]
    assert seen(text) == seen("".join(pieces))


def test_what_fits_nowhere_ends_at_a_whole_character() -> None:
    menu = kf_payload(Message("😀" * 10_000, buttons=(APPROVE,)))["msgmenu"]
    assert 50 == len(menu["list"])
    last = menu["list"][-2]["text"]["content"]
    assert {"😀", "…"} == set(last)
    assert "approve:1" == menu["list"][-1]["click"]["id"]


def test_a_menu_key_is_at_most_64_bytes() -> None:
    kf_payload(Message("x", buttons=(Button("x", key="k" * 64),)))
    with pytest.raises(GiveUp):
        kf_payload(Message("x", buttons=(Button("x", key="k" * 65),)))


def test_a_group_gets_markdown() -> None:
    message = Message("批次 6 月", title="未参加率 9%", fields=(("到期", "100"), ("未参加", "9")), buttons=(DETAILS,))
    expected = "**未参加率 9%**\n批次 6 月\n> 到期: 100\n> 未参加: 9\n[详情](https://hr.example.com/p/1)"
    assert expected == group_payload(message)["markdown"]["content"]


def test_a_long_text_to_a_group_gives_way_to_title_figures_and_links() -> None:
    message = Message("字" * 3000, title="预警", fields=(("到期", "100"),), buttons=(DETAILS,))
    content = group_payload(message)["markdown"]["content"]
    assert size(content) <= 4096
    assert content.startswith("**预警**\n字")
    assert content.endswith("…\n> 到期: 100\n[详情](https://hr.example.com/p/1)")


def test_our_ids_become_ids_that_wecom_takes() -> None:
    assert "4f9c_A-1" == platform_id("4f9c_A-1", 32)
    for odd in ("app:4f9c/nudge", "x" * 33, ""):
        assert re.fullmatch("[0-9a-f]{32}", platform_id(odd, 32))
    assert platform_id("a:1", 32) != platform_id("a:2", 32)


@given(messages(), short)
def test_no_card_or_text_breaks_a_limit(message: Message, id: str) -> None:
    payloads = app_payloads(message, id)
    cards = [payload["template_card"] for payload in payloads if payload["msgtype"] == "template_card"]
    assert len({card["task_id"] for card in cards}) == len(cards)
    for payload in payloads:
        if payload["msgtype"] == "text":
            assert size(payload["text"]["content"]) <= 2048
    for card in cards:
        assert re.fullmatch(r"[0-9A-Za-z_\-@]{1,128}", card["task_id"])
        assert 1 <= len(card["main_title"]["title"]) <= 36
        body = card.get("sub_title_text", "")
        assert len(body) <= 160 or size(body) <= 512
        assert 1 <= len(card["button_list"]) <= 6
        assert all(len(button["text"]) <= 10 for button in card["button_list"])
        rows = card.get("horizontal_content_list", [])
        assert len(rows) <= 6
        assert all(1 <= len(row["keyname"]) <= 5 and len(row["value"]) <= 30 for row in rows)
    sent = [button["key"] for card in cards for button in card["button_list"] if "key" in button]
    assert [button.key for button in message.buttons if button.key] == sent


@given(messages())
def test_no_menu_breaks_a_limit(message: Message) -> None:
    payload = kf_payload(message)
    if payload["msgtype"] == "text":
        assert size(payload["text"]["content"]) <= 2048
        return
    menu = payload["msgmenu"]
    assert size(menu.get("head_content", "")) <= 1024
    assert 1 <= len(menu["list"]) <= 50
    assert sum(1 for item in menu["list"] if item["type"] != "text") <= 10
    for item in menu["list"]:
        content = item[item["type"]]["content"]
        assert 1 <= size(content) <= {"text": 256, "click": 128, "view": 1024}[item["type"]]


@given(messages())
def test_no_group_message_breaks_a_limit(message: Message) -> None:
    assert 1 <= size(group_payload(message)["markdown"]["content"]) <= 4096


@given(messages())
def test_a_changed_card_keeps_the_limits_too(message: Message) -> None:
    card = card_update(message, "CODE")["template_card"]
    assert 1 <= len(card["button_list"]) <= 6
    assert 1 <= len(card["main_title"]["title"]) <= 36


def test_a_settled_card_keeps_its_words() -> None:
    """Where only the buttons are settled, the rest of the card stays as it was."""
    assert {"button": {"replace_name": "已通过"}} == card_update(Message("", settled="已通过"), "CODE")
