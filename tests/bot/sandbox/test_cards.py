"""Each rule for template cards bites, and each card of the documentation passes."""

from copy import deepcopy
from typing import Any

import pytest

from bot.sandbox.cards import check_card, updatable
from bot.sandbox.wire import Refused

URL = {"type": 1, "url": "https://example.com/1"}
TEXT: dict[str, Any] = {
    "card_type": "text_notice",
    "source": {"desc": "招聘助手", "desc_color": 1},
    "main_title": {"title": "今日面试", "desc": "3 场"},
    "emphasis_content": {"title": "3", "desc": "待面试"},
    "quote_area": {**URL, "quote_text": "q"},
    "jump_list": [{**URL, "title": "看板"}],
    "card_action": URL,
}
NEWS: dict[str, Any] = {
    "card_type": "news_notice",
    "main_title": {"title": "新店"},
    "card_image": {"url": "https://example.com/a.png", "aspect_ratio": 1.3},
    "vertical_content_list": [{"title": "地址", "desc": "一号"}],
    "card_action": URL,
}
BUTTON: dict[str, Any] = {
    "card_type": "button_interaction",
    "main_title": {"title": "新候选人"},
    "action_menu": {"desc": "更多", "action_list": [{"text": "静音", "key": "mute:1"}]},
    "horizontal_content_list": [{"keyname": "简历", "value": "查看", **URL}],
    "button_selection": {"question_key": "slot", "option_list": [{"id": "s1", "text": "周三"}], "selected_id": "s1"},
    "task_id": "cand-1_v1@x",
    "button_list": [{"text": "邀约", "style": 1, "key": "a:1"}, {"type": 1, "text": "看", "url": "https://a.example"}],
}
VOTE: dict[str, Any] = {
    "card_type": "vote_interaction",
    "main_title": {"title": "评价"},
    "task_id": "vote-1",
    "checkbox": {"question_key": "q1", "mode": 1, "option_list": [{"id": "a", "text": "好"}]},
    "submit_button": {"text": "提交", "key": "submit:1"},
}
MANY: dict[str, Any] = {
    "card_type": "multiple_interaction",
    "main_title": {"title": "反馈"},
    "task_id": "multi-1",
    "select_list": [{"question_key": "r", "title": "结论", "option_list": [{"id": "p", "text": "通过"}]}],
    "submit_button": {"text": "提交", "key": "submit:2"},
}
CARDS = {card["card_type"]: card for card in (TEXT, NEWS, BUTTON, VOTE, MANY)}
OPTION = [{"id": f"o{turn}", "text": "x"} for turn in range(21)]
GONE = object()


def changed(card: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The card with one place replaced, or taken out."""
    copy: Any = deepcopy(card)
    *way, last = path.split(".")
    place = copy
    for step in way:
        place = place[int(step)] if step.isdigit() else place[step]
    if value is GONE:
        del place[last]
    else:
        place[int(last) if last.isdigit() else last] = value
    assert isinstance(copy, dict)
    return copy


@pytest.mark.parametrize("kind", CARDS)
def test_the_documented_cards_pass(kind: str) -> None:
    warnings: list[str] = []
    check_card(CARDS[kind], warnings.append)
    assert [] == warnings


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("text_notice", "card_type", "poem"),
        ("text_notice", "card_action", GONE),
        ("text_notice", "card_action", {"type": 0}),
        ("text_notice", "card_action", {"type": 1}),
        ("text_notice", "card_action", {"type": 2}),
        ("text_notice", "main_title", {"desc": "no title, no sub_title_text"}),
        ("text_notice", "jump_list", [{**URL, "title": "x"}] * 4),
        ("text_notice", "main_title", "a text"),
        ("text_notice", "main_title", {"title": 5}),
        ("text_notice", "jump_list", [URL]),
        ("text_notice", "source", {"desc_color": 4}),
        ("text_notice", "quote_area", {"type": 3}),
        ("text_notice", "action_menu", {"action_list": [{"text": "x", "key": "k"}]}),  # needs a task_id
        ("news_notice", "card_image", GONE),
        ("news_notice", "card_image.aspect_ratio", 1.2),
        ("news_notice", "card_image.aspect_ratio", 2.3),
        ("news_notice", "card_image.aspect_ratio", "1.3"),
        ("news_notice", "main_title", GONE),
        ("news_notice", "vertical_content_list", [{"title": "x"}] * 5),
        ("news_notice", "vertical_content_list", [{"desc": "x"}]),
        ("news_notice", "image_text_area", {"type": 0}),
        ("button_interaction", "main_title", {}),
        ("button_interaction", "button_list", []),
        ("button_interaction", "button_list", [{"text": "x", "key": f"k{turn}"} for turn in range(7)]),
        ("button_interaction", "button_list", [{"text": "x", "key": "same"}] * 2),
        ("button_interaction", "button_list", [{"text": "x"}]),
        ("button_interaction", "button_list", [{"key": "x"}]),
        ("button_interaction", "button_list", ["x"]),
        ("button_interaction", "button_list.0.key", "字" * 342),
        ("button_interaction", "button_list.0.style", 5),
        ("button_interaction", "button_list.1.url", GONE),
        ("button_interaction", "action_menu.action_list", []),
        ("button_interaction", "action_menu.action_list", [{"text": "x", "key": f"k{turn}"} for turn in range(4)]),
        ("button_interaction", "action_menu.action_list", [{"text": "x", "key": "same"}] * 2),
        ("button_interaction", "horizontal_content_list", [{"keyname": "x"}] * 7),
        ("button_interaction", "horizontal_content_list", [{"value": "x"}]),
        ("button_interaction", "horizontal_content_list.0.url", GONE),
        ("button_interaction", "horizontal_content_list.0.type", 4),
        ("button_interaction", "button_selection.option_list", OPTION[:11]),
        ("button_interaction", "button_selection.selected_id", "s9"),
        ("button_interaction", "button_selection.question_key", GONE),
        ("button_interaction", "task_id", GONE),
        ("button_interaction", "task_id", "with space"),
        ("button_interaction", "task_id", "x" * 129),
        ("button_interaction", "task_id", "好"),
        ("vote_interaction", "checkbox", GONE),
        ("vote_interaction", "checkbox.mode", 2),
        ("vote_interaction", "checkbox.option_list", OPTION),
        ("vote_interaction", "checkbox.option_list", [{"id": "a", "text": "x"}] * 2),
        ("vote_interaction", "checkbox.option_list", [{"id": "x" * 129, "text": "x"}]),
        ("vote_interaction", "submit_button", GONE),
        ("vote_interaction", "main_title", GONE),
        ("vote_interaction", "task_id", GONE),
        ("multiple_interaction", "select_list", []),
        (
            "multiple_interaction",
            "select_list",
            [{"question_key": f"q{t}", "option_list": OPTION[:1]} for t in range(4)],
        ),
        ("multiple_interaction", "select_list", [{"question_key": "same", "option_list": OPTION[:1]}] * 2),
        ("multiple_interaction", "select_list.0.option_list", OPTION[:11]),
        ("multiple_interaction", "submit_button.key", "x" * 1025),
    ],
)
def test_a_card_with_one_mistake_is_refused(kind: str, path: str, value: Any) -> None:
    with pytest.raises(Refused) as refused:
        check_card(changed(CARDS[kind], path, value), lambda what: None)
    assert 40058 == refused.value.code


def test_limits_can_be_reached_exactly() -> None:
    check_card(changed(VOTE, "checkbox.option_list", OPTION[:20]), lambda what: None)
    check_card(changed(BUTTON, "button_list", [{"text": "x", "key": f"k{t}"} for t in range(6)]), lambda what: None)
    check_card(changed(BUTTON, "task_id", "x" * 128), lambda what: None)
    check_card(changed(BUTTON, "button_list.0.key", "x" * 1024), lambda what: None)


def test_long_titles_only_raise_a_warning() -> None:
    warnings: list[str] = []
    check_card(changed(BUTTON, "main_title", {"title": "长" * 37}), warnings.append)
    assert ["button_interaction: main_title.title is longer than 36 characters"] == warnings


def test_an_update_needs_no_task_id() -> None:
    check_card(changed(BUTTON, "task_id", GONE), lambda what: None, updating=True)


def test_which_cards_can_change() -> None:
    assert [False, False, True, True, True] == [updatable(card) for card in CARDS.values()]
