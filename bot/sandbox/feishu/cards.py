"""What Feishu refuses in a card: 230099, with the real cause behind `ext=ErrCode:`."""

import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bot.sandbox.feishu.components import (
    BODY,
    BUTTON_TYPES,
    CELLS,
    CHARTS,
    COMMON,
    CONFIG,
    CONTAINERS,
    FIRST_ONLY,
    HEADER,
    PROPERTIES,
    TEMPLATES,
    TEXT,
    TOP,
)
from bot.sandbox.feishu.reading import (
    FIELDS,
    Control,
    Element,
    behaviors,
    buttons,
    children,
    is_second,
    lines,
    roots,
    walk,
)
from bot.sandbox.feishu.wire import Refused

CARD_REFUSED = 230099
UNREADABLE, UNKNOWN_TAG, OVER_LIMIT, NO_NAME, BAD_CHART, BAD_IMAGE, BAD_ROW, BAD_PERSON, BACK_TO_FIRST = (
    200621,
    200861,
    11310,
    200530,
    200550,
    200570,
    200914,
    100290,
    200830,
)
MOST_ELEMENTS, MOST_TABLES, DEEPEST = 200, 5, 5
ELEMENT_ID = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,19}")
MENTION = re.compile(r"<at id=\"?([^>\"]*)\"?>")
TABLE_IN_MARKDOWN = re.compile(r"^\s*\|?(\s*:?-{3,}:?\s*\|)+\s*:?-*:?\s*$", re.MULTILINE)
MARKDOWN_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]*)\)")
ALLOWED_LINK = ("http://", "https://", "lark://msgcard/unsupported_action")


def broken(code: int, what: str, path: str = "") -> Refused:
    """A card that cannot be made."""
    where = f"; ErrPath: {path}" if path else ""
    return Refused(CARD_REFUSED, f"Failed to create card content, ext=ErrCode: {code}; ErrMsg: {what}{where}; ")


@dataclass(frozen=True, slots=True)
class Known:
    """What a card may point to."""

    image: Callable[[str], bool]
    person: Callable[[str], bool]


def check_card(card: Any, known: Known) -> None:
    """Refuse a card as Feishu does. Raises Refused."""
    if not isinstance(card, dict):
        raise broken(UNREADABLE, "card is not an object")
    try:
        _check(card, known)
        deque(lines(card), maxlen=0)
        buttons(card)
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        # Something in it is of a type that no card has in that place.
        raise broken(UNREADABLE, f"a value has the wrong type: {error}") from error


def _check(card: Element, known: Known) -> None:
    if card.get("schema", "1.0") not in ("1.0", "2.0"):
        raise broken(UNREADABLE, "unknown schema", "schema")
    second = is_second(card)
    if second:
        _check_second(card)
    _check_config(card.get("config", {}), second)
    if "header" in card:
        _check_header(card["header"], second)
    _check_link(_link(card.get("card_link")), "card_link")
    elements = roots(card)
    tree = [element for element, _ in walk(elements)]
    if second and len(tree) > MOST_ELEMENTS:
        raise broken(OVER_LIMIT, "element exceeds the limit")
    for element in tree:
        _check_element(element, second, known)
    _check_tables(elements, tree)
    for element in elements:
        _check_depth(element, 1)
    if not second:
        _check_first_roots(elements)
    _check_forms(elements, tree)
    _check_unique((str(element["element_id"]) for element in tree if "element_id" in element), "element_id")


def check_replaces(old: Element, new: Element) -> None:
    """Refuse a card that cannot take the place of another."""
    if is_second(old) and not is_second(new):
        raise broken(BACK_TO_FIRST, "a card of schema 2.0 cannot become one of 1.0", "schema")


def _check_second(card: Element) -> None:
    _only(card, TOP, "")
    body = card.get("body", {})
    if not isinstance(body, dict):
        raise broken(UNREADABLE, "body must be an object", "body")
    _only(body, BODY, "body")
    if not isinstance(body.get("elements", []), list):
        raise broken(UNREADABLE, "elements must be an array", "body.elements")


def _check_config(config: Any, second: bool) -> None:
    if not isinstance(config, dict):
        raise broken(UNREADABLE, "config must be an object", "config")
    if not isinstance(config.get("update_multi", True), bool):
        raise broken(UNREADABLE, "update_multi must be true or false", "config.update_multi")
    if second:
        _only(config, CONFIG, "config")
        if config.get("update_multi", True) is not True:
            raise broken(UNREADABLE, "update_multi must be true", "config.update_multi")


def _check_header(header: Any, second: bool) -> None:
    if not isinstance(header, dict) or not isinstance(header.get("title"), dict):
        raise broken(UNREADABLE, "header.title is required", "header.title")
    if second:
        _only(header, HEADER, "header")
    for name in ("title", "subtitle"):
        if name in header:
            _check_text(header[name], f"header.{name}", second)
    if header.get("template", "default") not in TEMPLATES:
        raise broken(UNREADABLE, "unknown template", "header.template")
    tags = header.get("text_tag_list", [])
    if not isinstance(tags, list) or len(tags) > 3 or not all(isinstance(tag, dict) for tag in tags):
        raise broken(UNREADABLE, "text_tag_list takes at most 3", "header.text_tag_list")


def _check_element(element: Element, second: bool, known: Known) -> None:
    tag = element.get("tag")
    first_only = FIRST_ONLY | {"plain_text", "lark_md"}  # these stand in notes
    if not isinstance(tag, str) or (tag not in PROPERTIES and (second or tag not in first_only)):
        version = "V2" if second else "V1"
        raise broken(UNKNOWN_TAG if second else UNREADABLE, f"not support tag: {tag} of schema {version}", str(tag))
    if second:
        _only(element, PROPERTIES[tag] | COMMON, tag)
        if "element_id" in element and not ELEMENT_ID.fullmatch(str(element["element_id"])):
            raise broken(UNREADABLE, "invalid element_id", tag)
    for name in ("text", "placeholder", "label"):
        if name in element:
            _check_text(element[name], f"{tag}.{name}", second)
    for name in ("elements", "columns", "actions", "fields", "options", "behaviors"):
        rows = element.get(name, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise broken(UNREADABLE, f"{name} must be an array of objects", f"{tag}.{name}")
    _check_behaviors(element, tag)
    check = _CHECKS.get(tag)
    if check is not None:
        check(element, known)


def _check_behaviors(element: Element, tag: str) -> None:
    for do in behaviors(element):
        match do.get("type"):
            case "callback":
                if not isinstance(do.get("value"), dict | str):
                    raise broken(UNREADABLE, "a callback needs a value", f"{tag}.behaviors")
            case "open_url":
                _check_link(str(do.get("default_url", "")) or "missing", f"{tag}.behaviors")
            case "form_action":
                pass
            case _:
                raise broken(UNREADABLE, "unknown behavior", f"{tag}.behaviors")
    _check_link(_link(element.get("multi_url")), f"{tag}.multi_url")
    _check_link(str(element.get("url", "")), f"{tag}.url")


def _check_text(text: Any, path: str, second: bool) -> None:
    if not isinstance(text, dict) or text.get("tag") not in ("plain_text", "lark_md"):
        raise broken(UNREADABLE, "a text object is needed", path)
    if not isinstance(text.get("content"), str) and "i18n_content" not in text and "i18n" not in text:
        raise broken(UNREADABLE, "content must be a text", path)
    if second:
        _only(text, TEXT, path)


def _check_button(element: Element, known: Known) -> None:
    text = (element.get("text") or {}).get("content", "")
    if len(text) > 100:
        raise broken(OVER_LIMIT, "button text is longer than 100 characters", "button.text")
    if not text and "icon" not in element:
        raise broken(UNREADABLE, "a button needs a text or an icon", "button.text")
    if element.get("type", "default") not in BUTTON_TYPES:
        raise broken(UNREADABLE, "unknown button type", "button.type")
    if element.get("form_action_type", "submit") not in ("submit", "reset"):
        raise broken(UNREADABLE, "unknown form_action_type", "button.form_action_type")


def _check_markdown(element: Element, known: Known) -> None:
    content = element.get("content")
    if not isinstance(content, str):
        raise broken(UNREADABLE, "content must be a text", "markdown.content")
    for id in MENTION.findall(content):
        if id != "all" and not known.person(id):
            raise broken(BAD_PERSON, "invalid user id", "markdown.content")
    for link in MARKDOWN_LINK.findall(content):
        _check_link(link, "markdown.content")


def _check_image(element: Element, known: Known) -> None:
    if not known.image(str(element.get("img_key", ""))):
        raise broken(BAD_IMAGE, "invalid image key", "img.img_key")


def _check_person(element: Element, known: Known) -> None:
    listed = element.get("persons", [{"id": element.get("user_id")}])
    if not all(isinstance(one, dict) and known.person(str(one.get("id"))) for one in listed):
        raise broken(BAD_PERSON, "invalid user id", str(element["tag"]))


def _check_options(element: Element, known: Known) -> None:
    options = element.get("options", [])
    values = [str(option.get("value", "")) for option in options]
    if element["tag"] != "overflow" and ("" in values or len(set(values)) < len(values)):
        raise broken(UNREADABLE, "options need values of their own", f"{element['tag']}.options")
    for option in options:
        if element["tag"] != "select_img":
            _check_text(option.get("text"), f"{element['tag']}.options", False)
    chosen = element.get("initial_option")
    if chosen is not None and chosen not in values:
        raise broken(UNREADABLE, "initial_option is no option", f"{element['tag']}.initial_option")


def _check_input(element: Element, known: Known) -> None:
    longest = element.get("max_length", 1000)
    if not isinstance(longest, int) or not 1 <= longest <= 1000:
        raise broken(UNREADABLE, "max_length must be 1 to 1000", "input.max_length")
    if element.get("input_type", "text") not in ("text", "multiline_text", "password"):
        raise broken(UNREADABLE, "unknown input_type", "input.input_type")


def _check_table(element: Element, known: Known) -> None:
    columns, rows = element.get("columns"), element.get("rows")
    if not isinstance(columns, list) or not 1 <= len(columns) <= 50 or not all(isinstance(c, dict) for c in columns):
        raise broken(UNREADABLE, "a table needs 1 to 50 columns", "table.columns")
    size = element.get("page_size", 5)
    if not isinstance(size, int) or not 1 <= size <= 10:
        raise broken(UNREADABLE, "page_size must be 1 to 10", "table.page_size")
    kinds = {str(column.get("name", "")): column.get("data_type", "text") for column in columns}
    if "" in kinds or len(kinds) < len(columns) or not set(kinds.values()) <= CELLS:
        raise broken(UNREADABLE, "columns need names of their own and a known data_type", "table.columns")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise broken(BAD_ROW, "rows must be an array of objects", "table.rows")
    for row in rows:
        for name, cell in row.items():
            if name not in kinds or not _fits(kinds[name], cell):
                raise broken(BAD_ROW, f"invalid cell of column {name}", "table.rows")


def _fits(kind: str, cell: Any) -> bool:
    match kind:
        case "number" | "date":
            return isinstance(cell, int | float) and not isinstance(cell, bool)
        case "options":
            return isinstance(cell, list) and all(isinstance(one, dict) and "text" in one for one in cell)
        case "persons":
            return isinstance(cell, str | list)
        case _:
            return isinstance(cell, str)


def _check_chart(element: Element, known: Known) -> None:
    spec = element.get("chart_spec")
    if not isinstance(spec, dict) or spec.get("type") not in CHARTS:
        raise broken(BAD_CHART, "chart spec is invalid: unknown type", "chart.chart_spec")
    if _holds_nothing(spec):
        raise broken(BAD_CHART, "chart spec is invalid: given null", "chart.chart_spec")


def _holds_nothing(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_nothing(inner) for inner in value.values())
    if isinstance(value, list):
        return any(_holds_nothing(inner) for inner in value)
    return value is None


_CHECKS: dict[str, Callable[[Element, Known], None]] = {
    "button": _check_button,
    "markdown": _check_markdown,
    "img": _check_image,
    "person": _check_person,
    "person_list": _check_person,
    "select_static": _check_options,
    "multi_select_static": _check_options,
    "overflow": _check_options,
    "input": _check_input,
    "table": _check_table,
    "chart": _check_chart,
}


def _check_tables(elements: list[Element], tree: list[Element]) -> None:
    tables = [element for element in tree if element.get("tag") == "table"]
    if any(not any(table is root for root in elements) for table in tables):
        raise broken(UNREADABLE, "a table stands at the root of a card only", "table")
    told = (element for element in tree if element.get("tag") == "markdown")
    drawn = sum(len(TABLE_IN_MARKDOWN.findall(str(element.get("content", "")))) for element in told)
    if len(tables) + drawn > MOST_TABLES:
        raise broken(OVER_LIMIT, "card table number over limit")


def _check_depth(element: Element, depth: int) -> None:
    if element.get("tag") in CONTAINERS - {"column"}:
        if depth > DEEPEST:
            raise broken(OVER_LIMIT, "containers are nested deeper than 5")
        depth += 1
    for child in children(element):
        _check_depth(child, depth)


def _check_first_roots(elements: list[Element]) -> None:
    if any(element.get("tag") in FIELDS | {"button"} for element in elements):
        raise broken(UNREADABLE, "interactive components stand in an action of schema V1", "elements")


def _check_forms(elements: list[Element], tree: list[Element]) -> None:
    forms = [element for element in tree if element.get("tag") == "form"]
    if any(not any(form is root for root in elements) for form in forms):
        raise broken(UNREADABLE, "a form stands at the root of a card only", "form")
    names = [str(form.get("name", "")) for form in forms]
    for form in forms:
        inside = [element for element, _ in walk(children(form))]
        if any(element.get("tag") in {"table", "form", "chart"} for element in inside):
            raise broken(UNREADABLE, "a form cannot hold this", "form")
        held = [Control(element, "f") for element in inside if element.get("tag") in FIELDS | {"button"}]
        if not any(control.tag == "button" and control.submits for control in held):
            raise broken(UNREADABLE, "a form needs a button that submits it", "form")
        names += [control.name for control in held]
    if "" in names:
        raise broken(NO_NAME, "the name of a component in a form is empty", "form")
    _check_unique(iter(names), "name")


def _check_unique(values: Iterator[str], what: str) -> None:
    seen = list(values)
    if len(set(seen)) < len(seen):
        raise broken(UNREADABLE, f"{what} is not unique")


def _only(element: Element, allowed: set[str], path: str) -> None:
    unknown = sorted(set(element) - allowed)
    if unknown:
        raise broken(UNREADABLE, f"unknown property {unknown[0]}", path)


def _link(multi: Any) -> str:
    return str(multi.get("url", "")) if isinstance(multi, dict) else ""


def _check_link(link: str, path: str) -> None:
    if link and not link.startswith(ALLOWED_LINK):
        raise broken(UNREADABLE, "only http and https links are allowed", path)
