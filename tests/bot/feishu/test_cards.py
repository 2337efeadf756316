"""Messages in Feishu's shapes: nothing is lost, nothing becomes markup, no limit is broken."""

import html
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import GiveUp
from bot.platforms.feishu.cards import card_content, contents, platform_id, robot_payload, settled_card
from recruiting.chat import Button, Chart, Input, Message

APPROVE = Button("通过", key="approve:1", style="primary")
REJECT = Button("淘汰", key="reject:1", style="danger")
DETAILS = Button("详情", url="https://hr.example.com/p/1")

KIB = 2**10
URL = re.compile(r"https?://[!-~]+")
# What could begin markup, in markdown that says what we want it to say.
SPECIAL = re.compile(r"[*~`\[\]<>\\$|]|&(?!#\d+;)|^[#+=\-]|^[ \t]|^\d+[.)](?=\s|$)|:[A-Za-z]\w*:", re.MULTILINE)

nasty = st.text(alphabet="*_~`[]()<>#&;:|$\\!-+=>.19 \n\taZé张@/", max_size=120)
words = st.text(alphabet=st.characters(codec="utf-8"), max_size=2000) | nasty
short = st.text(alphabet=st.characters(codec="utf-8"), max_size=60) | nasty


def size(content: str) -> int:
    """Bytes of a content in its request."""
    return len(json.dumps(content, ensure_ascii=False).encode())


def card_of(content: tuple[str, str]) -> dict[str, Any]:
    kind, card = content
    assert "interactive" == kind
    found: dict[str, Any] = json.loads(card)
    return found


def parts(card: Any, tag: str) -> Iterator[dict[str, Any]]:
    """All elements of a kind, in order."""
    if isinstance(card, dict):
        if card.get("tag") == tag:
            yield card
        for value in card.values():
            yield from parts(value, tag)
    elif isinstance(card, list):
        for value in card:
            yield from parts(value, tag)


def shown(markdown: str) -> str:
    """What a reader sees of markdown without any markup."""
    spelt = "".join(unquote(part) if URL.fullmatch(part) else part for part in re.split(f"({URL.pattern})", markdown))
    return html.unescape(spelt)


def seen(text: str) -> str:
    return "".join(re.sub("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]", "", text).split())


def markdowns(card: dict[str, Any]) -> list[str]:
    return [part["content"] for part in parts(card, "markdown")]


# --- which shape -------------------------------------------------------------------------------------------------


def test_a_plain_answer_is_a_text() -> None:
    assert [("text", '{"text":"您好"}')] == contents(Message("您好"), group=False)


def test_an_answer_with_links_is_a_post() -> None:
    ((kind, content),) = contents(Message("看看\n这里", buttons=(DETAILS,)), group=False)
    rows = [
        [{"tag": "text", "text": "看看"}],
        [{"tag": "text", "text": "这里"}],
        [{"tag": "a", "text": "详情", "href": "https://hr.example.com/p/1"}],
    ]
    assert ("post", {"zh_cn": {"title": "", "content": rows}}) == (kind, json.loads(content))


def test_a_decision_is_a_card_with_buttons() -> None:
    message = Message("请看简历", title="新候选人", fields=(("渠道", "飞书"),), buttons=(APPROVE, REJECT, DETAILS))
    (content,) = contents(message, group=False)
    button = {"tag": "button"}
    expected = {
        "schema": "2.0",
        "config": {"update_multi": True, "summary": {"content": "新候选人"}},
        "header": {"template": "orange", "title": {"tag": "plain_text", "content": "新候选人"}},
        "body": {
            "elements": [
                {"tag": "markdown", "content": "请看简历"},
                {
                    "tag": "column_set",
                    "flex_mode": "bisect",
                    "horizontal_spacing": "8px",
                    "columns": [
                        {
                            "tag": "column",
                            "width": "weighted",
                            "weight": 1,
                            "elements": [{"tag": "markdown", "content": "**渠道**\n飞书"}],
                        }
                    ],
                },
                {
                    "tag": "column_set",
                    "flex_mode": "flow",
                    "horizontal_spacing": "8px",
                    "columns": [
                        {"tag": "column", "width": "auto", "elements": [one]}
                        for one in (
                            {
                                **button,
                                "type": "primary_filled",
                                "text": {"tag": "plain_text", "content": "通过"},
                                "behaviors": [{"type": "callback", "value": {"key": "approve:1"}}],
                            },
                            {
                                **button,
                                "type": "danger_filled",
                                "text": {"tag": "plain_text", "content": "淘汰"},
                                "behaviors": [{"type": "callback", "value": {"key": "reject:1"}}],
                            },
                            {
                                **button,
                                "type": "default",
                                "text": {"tag": "plain_text", "content": "详情"},
                                "behaviors": [{"type": "open_url", "default_url": "https://hr.example.com/p/1"}],
                            },
                        )
                    ],
                },
            ]
        },
    }
    assert expected == card_of(content)


@pytest.mark.parametrize(
    ("message", "colour"),
    [
        (Message("x", title="t"), "blue"),
        (Message("x", title="t", buttons=(APPROVE,)), "orange"),
        (Message("x", title="t", buttons=(APPROVE,), settled="已通过"), "grey"),
    ],
)
def test_the_colour_says_whether_something_is_to_be_done(message: Message, colour: str) -> None:
    assert colour == card_of(contents(message, group=False)[-1])["header"]["template"]


def test_a_card_in_a_group_says_that_it_is_there() -> None:
    (content,) = contents(Message("x", buttons=(APPROVE,)), group=True)
    (button,) = parts(card_of(content), "button")
    assert [{"type": "callback", "value": {"key": "approve:1", "in": "group"}}] == button["behaviors"]


def test_a_settled_card_has_nothing_left_to_tap() -> None:
    card = card_of(
        contents(Message("请看", title="t", buttons=(APPROVE, DETAILS), settled="已通过 王莉"), group=False)[-1]
    )
    assert [] == [*parts(card, "button")]
    expected = {"tag": "div", "text": {"tag": "plain_text", "content": "已通过 王莉", "text_color": "grey"}}
    assert expected == card["body"]["elements"][-1]


def test_an_empty_message_is_none() -> None:
    with pytest.raises(GiveUp, match="empty"):
        contents(Message(" \x00"), group=False)


# --- forms and charts --------------------------------------------------------------------------------------------


def test_inputs_stand_in_a_form_that_the_first_button_submits() -> None:
    inputs = (
        Input("until", "有效期", "date", value="2027-06-01", required=True),
        Input("why", "原因", "choice", options=(("blurred", "看不清"), ("expired", "过期")), value="expired"),
        Input("note", "备注", value="无"),
        Input("none", "没有选项", "choice"),
    )
    (content,) = contents(Message("请审核", buttons=(DETAILS, APPROVE, REJECT), inputs=inputs), group=False)
    card = card_of(content)
    (form,) = parts(card, "form")
    date, choice, note = (next(parts(form, tag)) for tag in ("date_picker", "select_static", "input"))
    (submit,) = parts(form, "button")
    assert ("until", True, "2027-06-01") == (date["name"], date["required"], date["initial_date"])
    assert ("why", "expired", ["blurred", "expired"]) == (
        choice["name"],
        choice["initial_option"],
        [option["value"] for option in choice["options"]],
    )
    assert ("note", "无", 1000) == (note["name"], note["default_value"], note["max_length"])
    assert ("submit", "approve:1") == (submit["form_action_type"], submit["behaviors"][0]["value"]["key"])
    names = [part["name"] for part in (form, date, choice, note, submit)]
    assert len(names) == len(set(names))
    assert ["通过", "详情", "淘汰"] == [button["text"]["content"] for button in parts(card, "button")]
    assert ["有效期", "原因", "备注"] == markdowns(form)


def test_inputs_without_a_button_to_submit_them_are_left_out() -> None:
    (content,) = contents(Message("x", title="t", inputs=(Input("note", "备注"),)), group=False)
    assert [] == [*parts(card_of(content), "form")]


def test_a_preset_that_is_no_option_is_left_out() -> None:
    asked = Input("why", "原因", "choice", options=(("a", "A"),), value="b")
    (content,) = contents(Message("x", buttons=(APPROVE,), inputs=(asked,)), group=False)
    assert "initial_option" not in next(parts(card_of(content), "select_static"))


def test_a_funnel_is_drawn() -> None:
    chart = Chart("funnel", (("邀请", 120.0), ("录用", 12.5)))
    (content,) = contents(Message("本周", chart=chart), group=False)
    (drawn,) = parts(card_of(content), "chart")
    spec = drawn["chart_spec"]
    assert ("funnel", "name", "value") == (spec["type"], spec["categoryField"], spec["valueField"])
    assert [{"name": "邀请", "value": 120}, {"name": "录用", "value": 12.5}] == spec["data"]["values"]
    assert '"value":120}' in content[1]


def test_bars_are_drawn_and_no_points_are_no_chart() -> None:
    (content,) = contents(Message("x", chart=Chart("bars", (("海淀", 3.0),))), group=False)
    assert "bar" == next(parts(card_of(content), "chart"))["chart_spec"]["type"]
    (content,) = contents(Message("x", chart=Chart("bars", ())), group=False)
    assert [] == [*parts(card_of(content), "chart")]


# --- what people typed -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [
        "<at id=all></at>",
        "<at id=ou_1></at>",
        "**粗**",
        "[点我](https://evil.example)",
        "![图](img_1)",
        "# 标题",
        "- 项",
        "1. 项",
        "> 引",
        "```code```",
        "    code",
        "a\n---\nb",
        "a\n===",
        "|a|b|\n|---|---|",
        "$x^2$",
        ":OK:",
        "&lt;at id=all&gt;",
        "<font color='red'>红</font>",
        "_a_ __b__",
        "~~c~~",
        "\\*",
    ],
)
def test_nobody_can_put_markup_into_a_card(typed: str) -> None:
    message = Message(f"{typed}\n{typed}", fields=(("姓名", typed),), buttons=(APPROVE,))
    text, field = markdowns(card_of(contents(message, group=False)[-1]))
    for content in (text, field.removeprefix("**姓名**\n")):
        assert [] == SPECIAL.findall(URL.sub("", content))
        assert "<" not in content
    assert seen(typed + typed) == seen(shown(text))
    assert seen(typed) == seen(shown(field.removeprefix("**姓名**\n")))


def test_addresses_stay_as_they_are() -> None:
    url = "https://hr.example.com/c/aB_9-x?a=1&b=2#top"
    (content,) = contents(Message(f"请打开 {url}\n谢谢", buttons=(APPROVE,)), group=False)
    assert [f"请打开 {url}\n谢谢"] == markdowns(card_of(content))


def test_an_address_can_hide_nothing() -> None:
    typed = "https://x.example/[a](https://evil.example)_b_<at>&lt;"
    (content,) = contents(Message(typed, buttons=(APPROVE,)), group=False)
    (text,) = markdowns(card_of(content))
    assert not re.search(r"[\[\]()<>*`]|&lt;", text)
    assert typed == unquote(text)


@settings(deadline=None)
@given(words, short, short, short)
def test_whatever_people_type_survives_in_a_card(text: str, title: str, label: str, value: str) -> None:
    message = Message("文" + text, title="题" + title, fields=(("栏" + label, value),), buttons=(APPROVE,))
    card = card_of(contents(message, group=False)[-1])
    written = "\n".join(
        one.removeprefix("**").replace("**\n", "\n", 1) if one.startswith("**栏") else one for one in markdowns(card)
    )
    assert [] == SPECIAL.findall(URL.sub("", written))
    read = seen(card["header"]["title"]["content"]) + seen(shown(written))
    for one in ("题" + title, "文" + text, "栏" + label, value):
        assert seen(unquote(seen(one))) in unquote(read)


@settings(deadline=None)
@given(words)
def test_whatever_people_type_survives_in_a_text(text: str) -> None:
    told = contents(Message("文" + text), group=False)
    written = "".join(json.loads(content)["text"] for _, content in told)
    assert not re.search(r"<[/A-Za-z]|\]\(", written)
    assert seen("文" + text).replace("<", "＜") == seen(written).replace("<", "＜")


# --- limits ------------------------------------------------------------------------------------------------------


def test_a_text_too_long_for_a_card_goes_ahead_whole() -> None:
    text = "\n".join(f"{n}: " + "字" * 60 for n in range(200))
    front, last = contents(Message(text, title="标题", buttons=(APPROVE,)), group=False)
    assert ("text", f"标题\n{text}") == (front[0], json.loads(front[1])["text"])
    (beginning,) = markdowns(card_of(last))
    assert beginning.endswith("…")
    assert text.startswith(beginning.removesuffix("…"))
    assert len(beginning) > 1000


def test_long_texts_go_in_parts_that_end_with_a_line() -> None:
    lines = [f"{n}: " + "字" * 90 for n in range(1500)]
    told = contents(Message("\n".join(lines)), group=False)
    assert len(told) > 2
    assert all(size(content) <= 150 * KIB for _, content in told)
    assert lines == "\n".join(json.loads(content)["text"] for _, content in told).split("\n")


def test_a_post_too_long_for_one_is_a_text_with_addresses() -> None:
    ((kind, content),) = contents(Message("字" * 20_000, buttons=(DETAILS,)), group=False)
    assert "text" == kind
    assert json.loads(content)["text"].endswith("\n详情: https://hr.example.com/p/1")


def test_many_buttons_make_further_cards() -> None:
    buttons = tuple(Button(f"选{n}", key=f"slot:{n}") for n in range(45))
    told = [card_of(content) for content in contents(Message("选时间", title="面试", buttons=buttons), group=False)]
    assert [20, 20, 5] == [len([*parts(card, "button")]) for card in told]
    keys = [button["behaviors"][0]["value"]["key"] for card in told for button in parts(card, "button")]
    assert [f"slot:{n}" for n in range(45)] == keys


def test_what_has_no_room_on_a_button_or_as_a_field_stands_in_the_text() -> None:
    long = Button("长" * 120, key="slot:1")
    (content,) = contents(Message("文", fields=(("备注", "注" * 300),), buttons=(long,)), group=False)
    card = card_of(content)
    assert [f"文\n备注: {'注' * 300}\n{'长' * 120}"] == markdowns(card)
    assert "长" * 99 + "…" == next(parts(card, "button"))["text"]["content"]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 12_000),
    st.sampled_from("字a*&😀"),
    st.integers(0, 30),
    st.integers(0, 30),
    st.integers(0, 120),
)
def test_no_card_breaks_a_limit(length: int, letter: str, fields: int, buttons: int, label: int) -> None:
    message = Message(
        letter * length,
        title=letter * min(length, 300),
        fields=tuple((f"{n}", letter * 200) for n in range(fields)),
        buttons=tuple(Button(letter * label + "x", key=f"view:{n}") for n in range(buttons)),
        chart=Chart("bars", tuple((f"{n}", float(n)) for n in range(fields))),
    )
    for kind, content in contents(message, group=True):
        assert size(content) <= (30 if kind == "interactive" else 150) * KIB - KIB
        if kind == "interactive":
            card = json.loads(content)
            tags = [one for tag in ("markdown", "column_set", "column", "button", "chart") for one in parts(card, tag)]
            assert len(tags) <= 200
            assert all(len(button["text"]["content"]) <= 100 for button in parts(card, "button"))
    assert size(card_content(message, group=False)) <= 29 * KIB
    assert len(json.dumps(robot_payload(message), ensure_ascii=False).encode()) <= 20 * KIB - 100


def test_a_form_too_large_for_a_card_is_given_up() -> None:
    options = tuple((f"{n}" * 100, "项" * 100) for n in range(100))
    with pytest.raises(GiveUp, match="too long"):
        contents(Message("x", buttons=(APPROVE,), inputs=(Input("why", "原因", "choice", options),)), group=False)


# --- changing ----------------------------------------------------------------------------------------------------


def test_settling_keeps_the_card_and_takes_its_buttons() -> None:
    asked = Message(
        "请看",
        title="张三",
        fields=(("岗位", "店员"),),
        buttons=(APPROVE, REJECT),
        inputs=(Input("note", "备注"),),
        chart=Chart("bars", (("a", 1.0),)),
    )
    (content,) = contents(asked, group=False)
    before, after = card_of(content), json.loads(settled_card(content[1], "已通过 王莉"))
    assert "grey" == after["header"]["template"]
    assert before["body"]["elements"][:3] == after["body"]["elements"][:3]
    assert [*parts(after, "button"), *parts(after, "form")] == []
    assert "已通过 王莉" == after["body"]["elements"][-1]["text"]["content"]


@pytest.mark.parametrize(
    "sent", ["", "{}", "[]", '{"title":"t","elements":[[]]}', '{"body":{"elements":[7]}}', '{"body":[]}', "null"]
)
def test_settling_a_card_that_nobody_knows_any_more(sent: str) -> None:
    card = json.loads(settled_card(sent, "已通过"))
    assert ["已通过"] == [one["content"] for one in parts(card, "markdown")]


def test_a_change_is_always_one_card() -> None:
    card = json.loads(card_content(Message("好的"), group=False))
    assert ("2.0", ["好的"]) == (card["schema"], markdowns(card))
    assert size(card_content(Message("字" * 50_000), group=False)) <= 30 * KIB


def test_our_id_is_feishus_uuid_where_it_fits() -> None:
    assert "app:42/invite/1" == platform_id("app:42/invite/1")
    assert "x" * 50 == platform_id("x" * 50)
    for id in ("x" * 51, "字", ""):
        assert re.fullmatch("[0-9a-f]{32}", platform_id(id))
    assert platform_id("x" * 51) != platform_id("x" * 52)


def test_a_robots_card_has_links_in_place_of_buttons() -> None:
    message = Message("9%", title="预警", buttons=(APPROVE, DETAILS), inputs=(Input("note", "备注"),))
    payload = robot_payload(message)
    assert ("interactive", ["详情"]) == (
        payload["msg_type"],
        [one["text"]["content"] for one in parts(payload["card"], "button")],
    )
    assert [] == [*parts(payload["card"], "form")]
