"""What WeCom refuses in a template card (40058), and what it only shows badly (a warning)."""

import re
from collections.abc import Callable, Container, Iterable
from typing import Any

from bot.sandbox.wire import (
    BAD_PARAMETER,
    Refused,
    kind_of,
    maybe_words,
    number,
    objects,
    part,
    web_address,
    words,
)

Card = dict[str, Any]

NOTICES = {"text_notice", "news_notice"}
INTERACTIVE = {"button_interaction", "vote_interaction", "multiple_interaction"}
ALL = NOTICES | INTERACTIVE
LONGEST_KEY = 1024
LONGEST_ID = 128
TASK_ID = re.compile(r"[0-9A-Za-z_\-@]{1,128}")

# Lengths in characters that the documentation recommends and no error is known for.
ADVISED = {"title": 36, "desc": 44}
ROBOT_ADVISED = {"title": 26, "desc": 30}


def check_card(
    card: Card, warn: Callable[[str], None], *, kinds: Container[str] = ALL, updating: bool = False, robot: bool = False
) -> None:
    """Refuse a card as the platform does. `updating`: a card that takes the place of another needs no task_id."""
    kind = kind_of(card, kinds, "card_type", BAD_PARAMETER)
    _common(card)
    _of_kind(kind, card)
    _task_id(card, required=not updating and (kind in INTERACTIVE or bool(card.get("action_menu"))))
    _advise(card, warn, ROBOT_ADVISED if robot else ADVISED)


def updatable(card: Card) -> bool:
    """Whether sending it yields a response_code."""
    return card["card_type"] in INTERACTIVE or bool(card.get("action_menu"))


def _common(card: Card) -> None:
    if "main_title" in card:
        title = part(card, "main_title")
        maybe_words(title, "title")
        maybe_words(title, "desc")
    if "source" in card:
        number(part(card, "source"), "desc_color", default=0, least=0, most=3)
    if "action_menu" in card:
        menu = objects(part(card, "action_menu"), "action_list", least=1, most=3)
        _keys(menu, "key", LONGEST_KEY)
    if "quote_area" in card:
        _link(part(card, "quote_area"))
    for row in objects(card, "horizontal_content_list", most=6):
        _horizontal(row)
    for row in objects(card, "vertical_content_list", most=4):
        words(row, "title")
    for row in objects(card, "jump_list", most=3):
        words(row, "title")
        _link(row)
    if "card_action" in card:
        _link(part(card, "card_action"))
    if "card_image" in card:
        _picture(part(card, "card_image"))
    if "image_text_area" in card:
        web_address(part(card, "image_text_area"), "image_url")
        _link(card["image_text_area"])
    maybe_words(card, "sub_title_text")


def _of_kind(kind: str, card: Card) -> None:
    match kind:
        case "text_notice":
            _action(card)
            if not card.get("sub_title_text"):
                _title(card)
        case "news_notice":
            _title(card)
            _action(card)
            if "card_image" not in card and "image_text_area" not in card:
                raise Refused(BAD_PARAMETER, "card_image or image_text_area is required")
        case "button_interaction":
            _title(card)
            _buttons(objects(card, "button_list", least=1, most=6))
            if "button_selection" in card:
                _question(part(card, "button_selection"), most=10)
        case "vote_interaction":
            _title(card)
            box = part(card, "checkbox")
            number(box, "mode", default=0, least=0, most=1)
            _question(box, most=20)
            _submit(card)
        case "multiple_interaction":
            _title(card)
            questions = objects(card, "select_list", least=1, most=3)
            for question in questions:
                _question(question, most=10)
            _unique((question["question_key"] for question in questions), "question_key")
            _submit(card)


def _title(card: Card) -> None:
    words(part(card, "main_title"), "title")


def _action(card: Card) -> None:
    number(part(card, "card_action"), "type", default=0, least=1, most=2)


def _link(place: Card) -> None:
    kind = number(place, "type", default=0, least=0, most=2)
    if kind == 1:
        web_address(place, "url")
    if kind == 2:
        words(place, "appid")


def _horizontal(row: Card) -> None:
    words(row, "keyname")
    match number(row, "type", default=0, least=0, most=3):
        case 1:
            web_address(row, "url")
        case 2:
            words(row, "media_id")
        case 3:
            words(row, "userid")


def _picture(image: Card) -> None:
    web_address(image, "url")
    ratio = image.get("aspect_ratio", 1.3)
    if isinstance(ratio, bool) or not isinstance(ratio, int | float) or not 1.3 <= ratio <= 2.25:
        raise Refused(BAD_PARAMETER, "invalid aspect_ratio")


def _buttons(buttons: list[Card]) -> None:
    for button in buttons:
        words(button, "text")
        number(button, "style", default=1, least=1, most=4)
        if number(button, "type", default=0, least=0, most=1) == 1:
            web_address(button, "url")
    _keys([button for button in buttons if button.get("type", 0) == 0], "key", LONGEST_KEY)


def _question(question: Card, *, most: int) -> None:
    words(question, "question_key", limit=LONGEST_KEY)
    options = objects(question, "option_list", least=1, most=most)
    _keys(options, "id", LONGEST_ID)
    chosen = maybe_words(question, "selected_id")
    if chosen and chosen not in [option["id"] for option in options]:
        raise Refused(BAD_PARAMETER, "selected_id is no option")


def _submit(card: Card) -> None:
    _keys([part(card, "submit_button")], "key", LONGEST_KEY)


def _keys(rows: list[Card], name: str, limit: int) -> None:
    """Every row needs its words and a key of its own."""
    for row in rows:
        words(row, "text")
        words(row, name, limit=limit)
    _unique((row[name] for row in rows), name)


def _unique(values: Iterable[str], name: str) -> None:
    listed = list(values)
    if len(set(listed)) < len(listed):
        raise Refused(BAD_PARAMETER, f"{name} must be unique")


def _task_id(card: Card, *, required: bool) -> None:
    given = card.get("task_id")
    if given in (None, "") and not required:
        return
    if not isinstance(given, str) or not TASK_ID.fullmatch(given):
        raise Refused(BAD_PARAMETER, "invalid task_id")


def _advise(card: Card, warn: Callable[[str], None], advised: dict[str, int]) -> None:
    title = card.get("main_title") or {}
    for name, longest in advised.items():
        if len(str(title.get(name, ""))) > longest:
            warn(f"{card['card_type']}: main_title.{name} is longer than {longest} characters")
    for button in card.get("button_list", []):
        if len(button["text"]) > 10:
            warn(f"{card['card_type']}: a button is longer than 10 characters")
    for row in card.get("horizontal_content_list", []):
        if len(row["keyname"]) > 5 or len(str(row.get("value", ""))) > 30:
            warn(f"{card['card_type']}: a row is longer than 5 and 30 characters")
