"""A `Message` in the shapes that Feishu knows: text, post (text with links) or card (JSON 2.0).

Feishu counts a request in bytes and refuses what is longer. Nothing is lost here: what does not fit a card goes ahead
of it as text. What people typed may stand in any part of a message, so nothing in it becomes markup.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import orjson

from bot.errors import GiveUp
from bot.platforms.feishu.events import IN, IN_GROUP
from recruiting.chat import Button, Chart, Input, Message

UUID_LENGTH = 50
KIB = 2**10

# In bytes of the request; a little below Feishu's own limits, for what stands around the content.
TEXT_LIMIT = 150 * KIB - 2 * KIB
CARD_LIMIT = 30 * KIB - 2 * KIB
ROBOT_LIMIT = 20 * KIB - KIB

# How much of a card its text (bytes of markdown) and its fields may take, tried in this order until the card fits.
SHAPES = ((12_000, 12), (5_000, 12), (2_000, 6), (600, 0))
TITLE_CHARACTERS = 100
SUMMARY_CHARACTERS = 80
LABEL_CHARACTERS = 40
VALUE_CHARACTERS = 200
SETTLED_CHARACTERS = 1000
BUTTON_CHARACTERS = 100
BUTTONS = 20
BUTTONS_IN_A_ROW = 5
OPTIONS = 100
INPUT_CHARACTERS = 1000
POINTS = 40

STYLES = {"primary": "primary_filled", "danger": "danger_filled"}
LOCALE = "zh_cn"  # a post names a language; a client that has another one shows it all the same

_UNSHOWABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
# Addresses, and where a letter begins markup. At the beginning of a line: headings, quotes, lists, rules and indented
# code. Anywhere: emphasis, code, links, tags, tables, formulas, entities; `_` at the edge of a word; emoji as :NAME:.
_MARKUP = re.compile(
    r"(?P<url>https?://[!-~]+)"
    r"|^[ \t]+(?:[#+=-]|[0-9]{1,9}[.)](?=[ \t]|$))?|^(?:[#+=-]|[0-9]{1,9}[.)](?=[ \t]|$))"
    r"|[*~`\[\]<>&\\$|]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|:(?=[A-Za-z]\w*:)",
    re.MULTILINE,
)
_MARKUP_IN_URL = re.compile(r"[*~`\[\]<>\\$|()\"]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|&(?=#?\w+;)")
_MARKUP_IN_TEXT = re.compile(r"<(?=[/A-Za-z])")

Part = dict[str, Any]
Content = tuple[str, str]  # kind of message, and its content as the JSON text that Feishu wants


def platform_id(id: str) -> str:
    """Our message id as a uuid of Feishu's: itself where it is short enough, else a digest of it."""
    return id if 0 < len(id) <= UUID_LENGTH and id.isascii() else hashlib.sha256(id.encode()).hexdigest()[:32]


def contents(message: Message, *, group: bool) -> list[Content]:
    """What is sent, in order: a card where one is needed, else text. The last one is the one that counts."""
    message = _tidy(message)
    if _needs_card(message):
        return _cards(message, group=group)
    if message.buttons and (post := _post(message)):
        return [post]
    return _texts(message.plain())


def card_content(message: Message, *, group: bool) -> str:
    """What a card is changed to: one card, whatever the message holds. What is too long for it ends in "…"."""
    message = _tidy(message)
    return _json(_fitted(message, CARD_LIMIT, group=group)[0])


def settled_card(sent: str, settled: str) -> str:
    """A card that was sent, with nothing left to tap and `settled` where that was. Only that, if it cannot be read."""
    settled = _showable(settled)
    try:
        card = orjson.loads(sent)
        elements = [one for one in card["body"]["elements"] if not _is_for_tapping(one)]
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return card_content(Message(settled or "✓"), group=False)
    if isinstance(card.get("header"), dict):
        card["header"]["template"] = "grey"
    return _json({**card, "body": {"elements": [*elements, _settled(settled)] if settled else elements}})


def robot_payload(message: Message) -> Part:
    """What a group robot shows: always a card, with links alone, because taps never come back from it."""
    message = _tidy(message)
    links = tuple(button for button in message.buttons if button.url)
    text = "\n".join((message.text, *(f"{link.text}: {link.url}" for link in links[BUTTONS:])))
    card, _ = _fitted(replace(message, text=text, buttons=links[:BUTTONS], inputs=()), ROBOT_LIMIT, group=True)
    return {"msg_type": "interactive", "card": card}


# --- text --------------------------------------------------------------------------------------------------------


def _texts(body: str) -> list[Content]:
    parts = list(_pieces(_harmless(body)))
    if not parts:
        raise GiveUp("the message is empty")
    return [("text", _json({"text": part})) for part in parts]


def _pieces(text: str) -> Iterator[str]:
    """Cut into pieces that each fit a request, where a line ends if one does in the piece's second half."""
    while text:
        piece = text
        while (size := _size(_json({"text": piece}))) > TEXT_LIMIT:
            piece = piece[: max(len(piece) * TEXT_LIMIT // size - 1, 1)]
        newline = piece.rfind("\n") if len(piece) < len(text) else -1
        if newline >= max(len(piece) // 2, 1):
            piece = piece[: newline + 1]
        yield piece.rstrip("\n") or piece
        text = text[len(piece) :]


def _post(message: Message) -> Content | None:
    """Text with links under it; None where it is too long for that."""
    body = _harmless(_body(message))
    rows: list[list[Part]] = [[{"tag": "text", "text": line}] for line in body.split("\n")] if body else []
    rows += [[{"tag": "a", "text": button.text, "href": _quoted(button.url)}] for button in message.buttons]
    content = _json({LOCALE: {"title": "", "content": rows}})
    return ("post", content) if _size(content) <= CARD_LIMIT else None


def _harmless(text: str) -> str:
    """Texts know mentions, styles and links in disguise: none of them is to come from a candidate's name."""
    return _MARKUP_IN_TEXT.sub("＜", text).replace("](", "] (")


# --- cards -------------------------------------------------------------------------------------------------------


def _needs_card(message: Message) -> bool:
    arranged = message.title or message.fields or message.settled or message.chart
    return bool(arranged) or any(button.key for button in message.buttons)


def _cards(message: Message, *, group: bool) -> list[Content]:
    shown, more = message.buttons[:BUTTONS], message.buttons[BUTTONS:]
    card, whole = _fitted(replace(message, buttons=shown), CARD_LIMIT, group=group)
    if whole and len(message.title) <= TITLE_CHARACTERS:  # else it stands there already
        whole = f"{message.title}\n{whole}".strip()
    found = _texts(whole) if whole else []
    found.append(("interactive", _json(card)))
    for start in range(0, 0 if message.settled else len(more), BUTTONS):
        further = Message("", title=message.title, buttons=more[start : start + BUTTONS])
        found.append(("interactive", _json(_fitted(further, CARD_LIMIT, group=group)[0])))
    return found


def _fitted(message: Message, limit: int, *, group: bool) -> tuple[Part, str]:
    """The card with as much in it as Feishu takes, and the whole of its words when those are more; else empty."""
    for room, fields in SHAPES:
        rows, words = _words(message, fields)
        shown = _shortened(words, room)
        card = _card(message, shown, rows, group=group)
        if _size(_json(card)) <= limit:
            return card, words if shown != words else ""
    raise GiveUp("the message is too long for a card")


def _words(message: Message, most: int) -> tuple[list[tuple[str, str]], str]:
    """The fields that have a place of their own, and all other words of the message."""
    rows = [field for field in message.fields if _is_row(*field)][:most]
    spilled = [f"{label}: {value}" for label, value in message.fields if (label, value) not in rows]
    spilled += [button.text for button in message.buttons if len(button.text) > BUTTON_CHARACTERS]
    headline = [message.title] if len(message.title) > TITLE_CHARACTERS else []
    return rows, "\n".join(part for part in (*headline, message.text, *spilled) if part)


def _card(message: Message, words: str, rows: Sequence[tuple[str, str]], *, group: bool) -> Part:
    elements = [_markdown(_unmarked(words))] if words else []
    elements += [_field_row(rows[start : start + 2]) for start in range(0, len(rows), 2)]
    if message.chart and message.chart.points:
        elements.append(_chart(message.chart))
    elements += [_settled(message.settled)] if message.settled else _controls(message, group=group)
    summary = _clip((message.title or message.text).replace("\n", " "), SUMMARY_CHARACTERS)
    card: Part = {"schema": "2.0", "config": {"update_multi": True, "summary": {"content": summary or "…"}}}
    if message.title:
        card["header"] = {"template": _colour(message), "title": _plain(_clip(message.title, TITLE_CHARACTERS))}
    return {**card, "body": {"elements": elements or [_markdown("…")]}}


def _colour(message: Message) -> str:
    if message.settled:
        return "grey"
    return "orange" if any(button.key for button in message.buttons) else "blue"


def _field_row(fields: Sequence[tuple[str, str]]) -> Part:
    """Two fields beside each other."""
    words = [_markdown(f"**{_unmarked(label)}**\n{_unmarked(value)}") for label, value in fields]
    return _columns(words, "bisect", {"width": "weighted", "weight": 1})


def _controls(message: Message, *, group: bool) -> list[Part]:
    """What one can enter and tap: inputs stand in a form, which the first button with a key submits."""
    buttons = list(message.buttons)
    submit = next((button for button in buttons if button.key), None) if message.inputs else None
    elements = []
    if submit is not None:
        buttons.remove(submit)
        elements.append(_form(message.inputs, submit, group=group))
    shown = [_button(button, group=group) for button in buttons]
    rows = [shown[start : start + BUTTONS_IN_A_ROW] for start in range(0, len(shown), BUTTONS_IN_A_ROW)]
    return [*elements, *(_columns(row, "flow", {"width": "auto"}) for row in rows)]


def _form(inputs: Sequence[Input], submit: Button, *, group: bool) -> Part:
    fields = [part for one in inputs for part in _input(one)]
    last = {**_button(submit, group=group), "name": "bulou_submit", "form_action_type": "submit"}
    return {"tag": "form", "name": "bulou_form", "elements": [*fields, last]}


def _input(asked: Input) -> list[Part]:
    """A label and the field under it."""
    label = _markdown(_unmarked(asked.label))
    named: Part = {"name": asked.name, "required": asked.required}
    if asked.kind == "date":
        preset = {"initial_date": asked.value} if asked.value else {}
        return [label, {"tag": "date_picker", **named, **preset, "placeholder": _plain(asked.label)}]
    if asked.kind == "choice":
        options = [{"text": _plain(shown), "value": value} for value, shown in asked.options[:OPTIONS]]
        known = any(value == asked.value for value, _ in asked.options[:OPTIONS])
        preset = {"initial_option": asked.value} if known else {}
        chosen = {"tag": "select_static", **named, **preset, "placeholder": _plain(asked.label), "options": options}
        return [label, chosen] if options else []
    preset = {"default_value": asked.value[:INPUT_CHARACTERS]} if asked.value else {}
    text = {"tag": "input", **named, **preset, "max_length": INPUT_CHARACTERS, "placeholder": _plain(asked.label)}
    return [label, text]


def _button(button: Button, *, group: bool) -> Part:
    shown = {
        "tag": "button",
        "type": STYLES.get(button.style, "default"),
        "text": _plain(_clip(button.text or "…", BUTTON_CHARACTERS)),
    }
    if button.url:
        return {**shown, "behaviors": [{"type": "open_url", "default_url": _quoted(button.url)}]}
    value = {"key": button.key, IN: IN_GROUP} if group else {"key": button.key}
    return {**shown, "behaviors": [{"type": "callback", "value": value}]}


def _chart(chart: Chart) -> Part:
    points = chart.points[:POINTS]
    values = [{"name": label, "value": int(n) if float(n).is_integer() else n} for label, n in points]
    drawn: Part = {"data": {"values": values}, "label": {"visible": True}}
    if chart.kind == "funnel":
        spec = {"type": "funnel", "categoryField": "name", "valueField": "value", "isTransform": True, **drawn}
        spec |= {"transformLabel": {"visible": True}, "outerLabel": {"visible": False}}
    else:
        spec = {"type": "bar", "xField": "name", "yField": "value", **drawn}
    return {"tag": "chart", "aspect_ratio": "4:3", "chart_spec": spec}


def _settled(settled: str) -> Part:
    return {"tag": "div", "text": {**_plain(_clip(settled, SETTLED_CHARACTERS)), "text_color": "grey"}}


def _is_for_tapping(element: Any) -> bool:
    """Whether an element of a card of ours holds buttons."""
    if element["tag"] != "column_set":
        return bool(element["tag"] in ("form", "button"))
    return any(inner["tag"] == "button" for column in element["columns"] for inner in column["elements"])


def _columns(parts: Sequence[Part], mode: str, width: Part) -> Part:
    columns = [{"tag": "column", **width, "elements": [part]} for part in parts]
    return {"tag": "column_set", "flex_mode": mode, "horizontal_spacing": "8px", "columns": columns}


def _is_row(label: str, value: str) -> bool:
    return 0 < len(label) <= LABEL_CHARACTERS and len(value) <= VALUE_CHARACTERS


# --- words -------------------------------------------------------------------------------------------------------


def _markdown(content: str) -> Part:
    return {"tag": "markdown", "content": content}


def _plain(content: str) -> Part:
    return {"tag": "plain_text", "content": content}


def _unmarked(text: str) -> str:
    """Markdown that shows exactly this text. Addresses stay readable and open on a tap."""
    return _MARKUP.sub(_spelt_out, text)


def _spelt_out(found: re.Match[str]) -> str:
    if found["url"]:
        return _MARKUP_IN_URL.sub(lambda letter: f"%{ord(letter[0]):02X}", found["url"])
    return "".join(letter if letter.isdigit() else f"&#{ord(letter)};" for letter in found[0])


def _shortened(text: str, room: int) -> str:
    """As much of the beginning as `room` bytes of markdown hold, never half a word where words are short."""
    if len(_unmarked(text).encode()) <= room:
        return text
    head = text
    while (size := len(_unmarked(head).encode())) > room:
        head = head[: max(len(head) * room // size - 1, 0)]
    cut = re.search(r"\s\S{0,200}\Z", head)
    return f"{head[: cut.start()] if cut else head}…"


def _body(message: Message) -> str:
    return replace(message, buttons=()).plain()


def _tidy(message: Message) -> Message:
    """Without letters that no client shows and some crash on."""
    return replace(
        message,
        text=_showable(message.text),
        title=_showable(message.title).replace("\n", " "),
        fields=tuple((_showable(label).replace("\n", " "), _showable(value)) for label, value in message.fields),
        buttons=tuple(replace(button, text=_showable(button.text).replace("\n", " ")) for button in message.buttons),
        settled=_showable(message.settled),
        inputs=tuple(_tidy_input(one) for one in message.inputs),
        chart=message.chart
        and replace(message.chart, points=tuple((_showable(label), number) for label, number in message.chart.points)),
    )


def _tidy_input(one: Input) -> Input:
    options = tuple((value, _showable(shown)) for value, shown in one.options)
    return replace(one, label=_showable(one.label).replace("\n", " "), options=options, value=_showable(one.value))


def _showable(text: str) -> str:
    return _UNSHOWABLE.sub("", text.replace("\r\n", "\n")).strip()


def _quoted(url: str) -> str:
    return url.replace('"', "%22").replace("<", "%3C").replace(">", "%3E").replace(" ", "%20")


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _size(content: str) -> int:
    """Bytes in a request, where this JSON stands inside a JSON text."""
    return len(orjson.dumps(content))


def _clip(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[: characters - 1]}…"
