"""A Feishu card as its reader sees it: the words on it, and what can be tapped or filled in. Reads both schemas."""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Element = dict[str, Any]

BOLD = re.compile(r"\*\*(\S(?:.*?\S)?)\*\*")
PICKERS = {"date_picker", "picker_time", "picker_datetime"}
SELECTS = {"select_static", "select_person", "overflow", "select_img"}
MULTI_SELECTS = {"multi_select_static", "multi_select_person"}
FIELDS = PICKERS | SELECTS | MULTI_SELECTS | {"input", "checker"}


@dataclass(frozen=True, slots=True)
class Control:
    """Something on a card that a finger can touch."""

    element: Element
    form: str  # name of the form it stands in, or ""

    @property
    def tag(self) -> str:
        """button, input, select_static, ..."""
        return str(self.element["tag"])

    @property
    def name(self) -> str:
        """Its name, by which its value comes back."""
        return str(self.element.get("name", ""))

    @property
    def text(self) -> str:
        """The words on it."""
        return words_of(self.element.get("text"))

    @property
    def submits(self) -> bool:
        """Whether it is a form's submit button."""
        if self.element.get("form_action_type") == "submit" or self.element.get("action_type") == "form_submit":
            return True
        return any(do.get("type") == "form_action" and do.get("behavior") == "submit" for do in behaviors(self.element))

    @property
    def calls_back(self) -> bool:
        """Whether touching it tells the bot."""
        return self.submits or self.value is not None

    @property
    def value(self) -> Any:
        """What the bot gets back, exactly as it gave it; None when it gave nothing."""
        for do in behaviors(self.element):
            if do.get("type") == "callback":
                return do.get("value")
        return self.element.get("value") if self.tag in {"button", "overflow", "interactive_container"} else None

    @property
    def link(self) -> str:
        """The page it opens."""
        for do in behaviors(self.element):
            if do.get("type") == "open_url":
                return str(do.get("default_url", ""))
        multi = self.element.get("multi_url") or {}
        return str(self.element.get("url") or multi.get("url") or "")

    @property
    def key(self) -> str:
        """How the record names it: the `key` in its value, else the whole value as JSON, else its link."""
        if isinstance(self.value, dict) and isinstance(self.value.get("key"), str):
            return str(self.value["key"])
        if self.value is not None:
            return json.dumps(self.value, ensure_ascii=False, sort_keys=True)
        return self.link


def behaviors(element: Element) -> list[Element]:
    """What happens on a touch."""
    found = element.get("behaviors", [])
    return [do for do in found if isinstance(do, dict)] if isinstance(found, list) else []


def is_second(card: Element) -> bool:
    """Whether a card is written in schema 2.0."""
    return card.get("schema") == "2.0"


def is_shared(card: Element) -> bool:
    """Whether all who see the card see the same."""
    return is_second(card) or (card.get("config") or {}).get("update_multi") is True


def roots(card: Element) -> list[Element]:
    """The elements at the card's root."""
    if is_second(card):
        found: Any = (card.get("body") or {}).get("elements", [])
    else:
        translated = card.get("i18n_elements") or {}
        found = card.get("elements") or translated.get("zh_cn") or next(iter(translated.values()), [])
    return [element for element in found if isinstance(element, dict)] if isinstance(found, list) else []


def children(element: Element) -> list[Element]:
    """The elements directly inside another."""
    if element.get("tag") == "table":
        return []  # its columns are no elements
    found = [element.get(name, []) for name in ("elements", "columns", "actions")]
    extra = [element["extra"]] if isinstance(element.get("extra"), dict) else []
    inside = [child for row in found if isinstance(row, list) for child in row if isinstance(child, dict)]
    return inside + extra


def walk(elements: list[Element], form: str = "") -> Iterator[tuple[Element, str]]:
    """Every element, outer before inner, with the name of the form around it."""
    for element in elements:
        yield element, form
        yield from walk(children(element), str(element.get("name", "")) if element.get("tag") == "form" else form)


def controls(card: Element) -> list[Control]:
    """All that can be touched, in the order of reading."""
    found = (Control(element, form) for element, form in walk(roots(card)))
    return [one for one in found if one.element.get("tag") in FIELDS | {"button", "interactive_container"}]


def buttons(card: Element) -> list[tuple[str, str]]:
    """The buttons' words and keys, or links."""
    return [(one.text, one.key) for one in controls(card) if one.tag == "button" and not one.element.get("disabled")]


def words_of(text: Any) -> str:
    """The words in a text object."""
    if not isinstance(text, dict):
        return ""
    content = str(text.get("content", ""))
    return _read_markdown(content) if text.get("tag") == "lark_md" else content


def _read_markdown(content: str) -> str:
    """Markdown as it is read: entities are letters again, and bold words lose their stars."""
    return html.unescape(BOLD.sub(r"\1", content))


def lines(card: Element) -> Iterator[str]:
    """The words on the card, a line each, without its buttons."""
    header = card.get("header") or {}
    yield from filter(None, (words_of(header.get("title")), words_of(header.get("subtitle"))))
    yield from (words_of(label.get("text")) for label in header.get("text_tag_list", []))
    for element, _ in walk(roots(card)):
        yield from filter(None, _lines(element))


def _lines(element: Element) -> Iterator[str]:
    match element.get("tag"):
        case "div":
            yield words_of(element.get("text"))
            yield from (words_of(row.get("text")) for row in element.get("fields", []))
        case "markdown" | "lark_md":
            yield _read_markdown(str(element.get("content", "")))
        case "plain_text":
            yield str(element.get("content", ""))
        case "input":
            yield words_of(element.get("label"))
        case "checker":
            yield words_of(element.get("text"))
        case "collapsible_panel":
            yield words_of((element.get("header") or {}).get("title"))
        case "table":
            names = [column["name"] for column in element["columns"]]
            yield " | ".join(str(column.get("display_name", column["name"])) for column in element["columns"])
            yield from (" | ".join(_cell(row.get(name, "")) for name in names) for row in element["rows"])
        case "chart":
            spec = element["chart_spec"]
            yield words_of({"content": (spec.get("title") or {}).get("text", "")})
            for values in _series(spec.get("data")):
                yield from (": ".join(str(cell) for cell in point.values()) for point in values)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(one.get("text", "")) if isinstance(one, dict) else str(one) for one in value)
    return str(value)


def _series(data: Any) -> Iterator[list[Element]]:
    for one in data if isinstance(data, list) else [data]:
        values = one.get("values") if isinstance(one, dict) else None
        if isinstance(values, list):
            yield [point for point in values if isinstance(point, dict)]
