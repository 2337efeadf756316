"""Cards: what is refused, with which cause, and what their reader sees."""

import contextlib
import copy
import random
import re
from typing import Any

import pytest

from bot.sandbox.feishu import reading
from bot.sandbox.feishu.people import Person
from bot.sandbox.feishu.wire import Refused
from bot.sandbox.feishu.world import Feishu
from bot.sandbox.record import Sent, fingerprint

TITLE = {"title": {"tag": "plain_text", "content": "健康证待审核"}, "template": "orange"}


def text(words: str) -> dict[str, Any]:
    return {"tag": "plain_text", "content": words}


def button(words: str = "通过", **more: Any) -> dict[str, Any]:
    do = [{"type": "callback", "value": {"do": "approve", "doc": "17"}}]
    return {"tag": "button", "type": "primary", "text": text(words), "behaviors": do, **more}


def form(*elements: dict[str, Any], name: str = "f1", submit: bool = True) -> dict[str, Any]:
    send = [button("提交", name="ok", form_action_type="submit")] if submit else []
    return {"tag": "form", "name": name, "elements": [*elements, *send]}


def table(rows: list[Any] | None = None, **more: Any) -> dict[str, Any]:
    columns = [
        {"name": "shop", "display_name": "门店", "data_type": "text"},
        {"name": "invited", "display_name": "邀请", "data_type": "number"},
        {"name": "rate", "display_name": "到面率", "data_type": "options"},
        {"name": "day", "display_name": "日期", "data_type": "date"},
    ]
    good = [{"shop": "海淀", "invited": 40, "rate": [{"text": "35%", "color": "red"}], "day": 1700000000000}]
    return {"tag": "table", "columns": columns, "rows": good if rows is None else rows, **more}


def chart(**changed: Any) -> dict[str, Any]:
    spec = {
        "type": "funnel",
        "data": {"values": [{"name": "邀请", "value": 120}]},
        "title": {"text": "漏斗"},
        **changed,
    }
    return {"tag": "chart", "aspect_ratio": "4:3", "chart_spec": spec}


def second(*elements: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"schema": "2.0", "header": TITLE, "body": {"elements": list(elements)}, **more}


def first(*elements: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"config": {"update_multi": True}, "header": TITLE, "elements": list(elements), **more}


def nested(depth: int) -> dict[str, Any]:
    inner: dict[str, Any] = {"tag": "markdown", "content": "x"}
    for _ in range(depth):
        inner = {"tag": "column_set", "columns": [{"tag": "column", "elements": [inner]}]}
    return inner


INPUT = {"tag": "input", "name": "note", "label": text("备注"), "required": True}
SELECT: dict[str, Any] = {
    "tag": "select_static",
    "name": "slot",
    "options": [{"text": text("周一"), "value": "s1"}, {"text": text("周二"), "value": "s2"}],
}
MARKDOWN_TABLE = {"tag": "markdown", "content": "| a | b |\n| --- | --- |\n| 1 | 2 |"}

GOOD = {
    "first": first(
        {"tag": "markdown", "content": "**王小明** · 门店 3"}, {"tag": "action", "actions": [button(), button("退回")]}
    ),
    "blank": {},
    "first ignores what it does not know": first({"tag": "hr", "sparkle": True}, unheard="of"),
    "first with a note": first({"tag": "note", "elements": [text("小字")]}),
    "second": second({"tag": "markdown", "content": "x"}, button(), button("退回")),
    "second with columns": second(
        {"tag": "column_set", "columns": [{"tag": "column", "width": "auto", "elements": [button()]}]}
    ),
    "form": second(form(INPUT, SELECT, {"tag": "date_picker", "name": "day"})),
    "form in first": first(form(INPUT, {"tag": "column_set", "columns": [{"tag": "column", "elements": [SELECT]}]})),
    "table": second(table()),
    "five tables": second(*[table()] * 4, MARKDOWN_TABLE),
    "chart": second(chart()),
    "chart in first": first(chart()),
    "200 elements": second(*[{"tag": "hr"}] * 200),
    "five deep": second(nested(5)),
    "100 characters": second(button("长" * 100)),
    "ids": second({"tag": "hr", "element_id": "a_1"}, {"tag": "hr", "element_id": "b"}),
    "link": second(button(behaviors=[{"type": "open_url", "default_url": "https://a.example"}])),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_cards_pass(feishu: Feishu, name: str) -> None:
    assert GOOD[name] == feishu.contents.card(GOOD[name])


BAD: dict[str, tuple[Any, int]] = {
    "no object": ([], 200621),
    "unknown schema": ({"schema": "3.0"}, 200621),
    "action in second": (second({"tag": "action", "actions": [button()]}), 200861),
    "note in second": (second({"tag": "note", "elements": []}), 200861),
    "unknown tag": (second({"tag": "marquee"}), 200861),
    "no tag": (second({"content": "x"}), 200861),
    "unknown tag in first": (first({"tag": "marquee"}), 200621),
    "unknown property": (second({"tag": "hr", "sparkle": True}), 200621),
    "old property": (second({**button(), "value": {"a": 1}}), 200621),
    "unknown at top": (second(elements=[]), 200621),
    "unknown in config": (second(config={"wide_screen_mode": True}), 200621),
    "unknown in header": ({**second(), "header": {**TITLE, "sparkle": 1}}, 200621),
    "unknown in body": ({"schema": "2.0", "body": {"elements": [], "sparkle": 1}}, 200621),
    "body is a list": ({"schema": "2.0", "body": []}, 200621),
    "not shared": (second(config={"update_multi": False}), 200621),
    "title missing": (second(header={}), 200621),
    "unknown colour": (second(header={**TITLE, "template": "pink"}), 200621),
    "four tags": (second(header={**TITLE, "text_tag_list": [{"tag": "text_tag"}] * 4}), 200621),
    "201 elements": (second(*[{"tag": "hr"}] * 201), 11310),
    "six tables": (second(*[table()] * 6), 11310),
    "six with markdown": (second(*[table()] * 5, MARKDOWN_TABLE), 11310),
    "table inside": (second({"tag": "collapsible_panel", "elements": [table()]}), 200621),
    "six deep": (second(nested(6)), 11310),
    "root button in first": (first(button()), 200621),
    "101 characters": (second(button("长" * 101)), 11310),
    "button type": (second(button(type="shiny")), 200621),
    "button without words": (second({**button(), "text": text("")}), 200621),
    "link without scheme": (second(button(behaviors=[{"type": "open_url", "default_url": "a.example"}])), 200621),
    "link to a script": (second({"tag": "markdown", "content": "[x](javascript:x)"}), 200621),
    "old link": (first({"tag": "action", "actions": [{**button(), "url": "ftp://a"}]}), 200621),
    "card link": (second(card_link={"url": "a.example"}), 200621),
    "unknown behavior": (second(button(behaviors=[{"type": "dance"}])), 200621),
    "callback without value": (second(button(behaviors=[{"type": "callback"}])), 200621),
    "element id": (second({"tag": "hr", "element_id": "1a"}), 200621),
    "long element id": (second({"tag": "hr", "element_id": "a" * 21}), 200621),
    "same element id": (second({"tag": "hr", "element_id": "a"}, {"tag": "hr", "element_id": "a"}), 200621),
    "form without submit": (second(form(INPUT, submit=False)), 200621),
    "form without name": (second(form(INPUT, name="")), 200530),
    "field without name": (second(form({**INPUT, "name": ""})), 200530),
    "submit without name": (second(form(button("好", form_action_type="submit"), submit=False)), 200530),
    "same name": (second(form(INPUT, INPUT)), 200621),
    "same form name": (second(form(INPUT), form({**SELECT}, name="f1")), 200621),
    "form inside": (second({"tag": "collapsible_panel", "elements": [form(INPUT)]}), 200621),
    "form in form": (second(form(INPUT, form(SELECT, name="f2"))), 200621),
    "table in form": (second(form(INPUT, table())), 200621),
    "chart in form": (second(form(INPUT, chart())), 200621),
    "same option": (second({**SELECT, "options": [SELECT["options"][0]] * 2}), 200621),
    "preset that is no option": (second({**SELECT, "initial_option": "s9"}), 200621),
    "longer than an input may be": (second({**INPUT, "max_length": 1001}), 200621),
    "input type": (second({**INPUT, "input_type": "number"}), 200621),
    "chart type": (second(chart(type="donut")), 200550),
    "null in a chart": (second(chart(axes=None)), 200550),
    "null deep in a chart": (second(chart(data={"values": [{"name": None}]})), 200550),
    "row of another column": (second(table([{"city": "x"}])), 200914),
    "date as text": (second(table([{"day": "2026-05-04"}])), 200914),
    "number as text": (second(table([{"invited": "40"}])), 200914),
    "options as text": (second(table([{"rate": "35%"}])), 200914),
    "row that is none": (second(table(["x"])), 200914),
    "no columns": (second(table(columns=[])), 200621),
    "51 columns": (second(table([], columns=[{"name": f"c{n}"} for n in range(51)])), 200621),
    "eleven rows a page": (second(table(page_size=11)), 200621),
    "unknown image": (second({"tag": "img", "img_key": "img_unknown", "alt": text("")}), 200570),
    "unknown person": (second({"tag": "person", "user_id": "ou_unknown"}), 100290),
    "unknown mention": (second({"tag": "markdown", "content": "<at id=ou_unknown></at>"}), 100290),
    "unknown template": ({"type": "template", "data": {"template_id": "AAq"}}, 200380),
    "unknown entity": ({"type": "card", "data": {"card_id": "7"}}, 200220),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_cards_are_refused(feishu: Feishu, name: str) -> None:
    card, code = BAD[name]
    with pytest.raises(Refused) as refused:
        feishu.contents.card(card)
    assert 230099 == refused.value.code
    assert re.match(rf"Failed to create card content, ext=ErrCode: {code}; ErrMsg: .+", refused.value.msg)


async def test_a_bad_card_fails_the_whole_message(caller: Any, hr: Person) -> None:
    found = await caller.send(hr.open_id, BAD["note in second"][0], "interactive")
    assert (230099, "200861") == (found["code"], re.findall(r"ErrCode: (\d+)", found["msg"])[0])
    assert 0 == await caller.refused(hr.open_id, GOOD["form"], "interactive")
    assert 1 == len(hr.sees())


async def test_a_card_may_name_people_and_show_pictures(caller: Any, feishu: Feishu, hr: Person) -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(16)
    key = (await caller.upload("image", png, image_type="message"))["data"]["image_key"]
    told = {"tag": "markdown", "content": f"<at id={hr.open_id}></at> <at id=all></at>"}
    card = second({"tag": "img", "img_key": key, "alt": text("")}, told, {"tag": "person", "user_id": hr.open_id})
    assert card == feishu.contents.card(card)


async def test_a_template_is_the_card_behind_it(caller: Any, feishu: Feishu, hr: Person) -> None:
    feishu.contents.templates["AAq"] = GOOD["second"]
    data = {"template_id": "AAq", "template_version_name": "1.0.0", "template_variable": {}}
    await caller.sent(hr.open_id, {"type": "template", "data": data}, "interactive")
    assert [("通过", "退回")] == [tuple(words for words, _ in one.buttons) for one in hr.sees()]


def seen(card: dict[str, Any], at: Any = None) -> Sent:
    return Sent("feishu", "ou_x", at, "om_x", {"msgtype": "interactive", "interactive": card})


def test_a_reader_sees_the_words_and_the_buttons() -> None:
    link = button("看板", behaviors=[{"type": "open_url", "default_url": "https://a.example"}])
    keyed = button("好", behaviors=[{"type": "callback", "value": {"key": "pass:1"}}])
    one = seen(second({"tag": "div", "text": text("门店 3")}, table(), chart(), form(INPUT), link, keyed))
    lines = ["健康证待审核", "门店 3", "门店 | 邀请 | 到面率 | 日期", "海淀 | 40 | 35% | 1700000000000", "漏斗"]
    assert "\n".join([*lines, "邀请: 120", "备注"]) == one.text
    value = '{"do": "approve", "doc": "17"}'
    assert [("提交", value), ("看板", "https://a.example"), ("好", "pass:1")] == one.buttons
    assert [("", "f1"), ("提交", "f1"), ("看板", ""), ("好", "")] == [
        (control.text, control.form) for control in reading.controls(one.content)
    ]


def test_markdown_is_read_as_it_is_shown() -> None:
    bold = {"tag": "markdown", "content": "**门店** 1&#42;&#42;2 &lt;at&gt; ** x"}
    field = {"text": {"tag": "lark_md", "content": "**电话**\n1&#124;2"}}
    plain = {"tag": "div", "text": text("**x** &amp;"), "fields": [field]}
    assert "门店 1**2 <at> ** x\n**x** &amp;\n电话\n1|2" == seen({"elements": [bold, plain]}).text


def test_a_button_of_schema_one_keeps_its_old_fields() -> None:
    old = {"tag": "button", "text": text("通过"), "value": {"key": "pass:1"}}
    link = {"tag": "button", "text": text("看板"), "multi_url": {"url": "https://a.example"}}
    assert [("通过", "pass:1"), ("看板", "https://a.example")] == seen(
        first({"tag": "action", "actions": [old, link]})
    ).buttons


def test_cards_that_differ_only_in_what_comes_back_are_the_same() -> None:
    one, other = (second(button(behaviors=[{"type": "callback", "value": {"id": number}}])) for number in (1, 2))
    assert fingerprint({"x": one}) == fingerprint({"x": other})
    assert fingerprint({"x": one}) != fingerprint({"x": second(button("退回"))})


def test_no_mangled_card_breaks_the_check(feishu: Feishu) -> None:
    """Whatever a bot sends, it is told what is wrong, or its card is drawn."""
    chance = random.Random(618)
    refused = 0
    for turn in range(1500):
        card = copy.deepcopy(GOOD[list(GOOD)[turn % len(GOOD)]])
        for _ in range(1 + turn % 2):
            mangle(card, chance)
        with contextlib.suppress(Refused):
            refused += 1
            feishu.contents.card(card)
            refused -= 1
            drawn = seen(card)
            assert isinstance(drawn.text, str)
            assert isinstance(drawn.buttons, list)
    assert 300 < refused < 1400


def mangle(value: Any, chance: random.Random) -> None:
    """Put something else in one place of a tree."""
    places: list[tuple[Any, Any]] = []

    def collect(inner: Any) -> None:
        for key, child in inner.items() if isinstance(inner, dict) else enumerate(inner):
            places.append((inner, key))
            if isinstance(child, dict | list):
                collect(child)

    collect(value)
    if places:
        where, key = chance.choice(places)
        where[key] = chance.choice([None, 7, "", "x", [], {}, [7], {"tag": 7}, True, ["x"]])
