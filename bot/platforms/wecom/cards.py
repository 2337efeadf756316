"""A `Message` in the shapes that WeCom knows: card or text for members, menu for candidates, markdown for a group.

WeCom counts some limits in characters and some in UTF-8 bytes, and cuts or refuses what is longer. Nothing is lost
here: what does not fit its place goes to the next one, and only what fits nowhere ends in "…".
"""

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from bot.errors import GiveUp
from recruiting.chat import Button, Message

# For members. Bytes, except where the name says characters.
TEXT_LIMIT = 2048
TITLE_CHARACTERS = 36
SENTENCE_ENDS, CLAUSE_ENDS = re.compile(r"[。！？]|[.!?](?=\s)"), re.compile(r"[，；]|[,;](?=\s)")
SHORTEST_TITLE = 6  # characters: less says too little
BODY_CHARACTERS = 160
BODY_LIMIT = 512  # beyond the advised characters a card still shows this much
ROWS = 6
LABEL_CHARACTERS = 5
VALUE_CHARACTERS = 30
BUTTONS = 6
BUTTON_CHARACTERS = 10
CARD_KEY_LIMIT = 1024
TASK_ID_LENGTH = 128
STYLES = {"primary": 1, "danger": 2}

# For candidates in 微信客服, in bytes.
MSGID_LENGTH = 32
HEAD_LIMIT = 1024
MENU_ITEMS = 50
MENU_PLACES = 10
MENU_KEY_LIMIT = 64
MENU_TEXT_LIMIT = 256
CLICK_LIMIT = 128
VIEW_LIMIT = 1024
VIEW_URL_LIMIT = 2048

# For a group robot, in bytes.
MARKDOWN_LIMIT = 4096
GROUP_IMAGE_LIMIT = 2 * 2**20

# Files, in bytes.
IMAGES = frozenset({"image/jpeg", "image/png"})
IMAGE_LIMIT = 5 * 2**20  # one page of WeCom's says 10, another 5
FILE_LIMIT = 20 * 2**20
SMALLEST_FILE = 6

_UNSHOWABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_INVISIBLE = "\u200b\u200c\u200d\u2060"
_MARK_SIZE = 25

Payload = dict[str, Any]


def platform_id(id: str, longest: int) -> str:
    """Our message id in letters that WeCom takes: itself where that is possible, else a digest of it."""
    if len(id) <= longest and re.fullmatch("[0-9A-Za-z_-]+", id):
        return id
    return _digest(id)


def app_payloads(message: Message, id: str) -> list[Payload]:
    """What a member gets: a card where there is something to tap, else text; in parts where one is too small."""
    message = tidy(message)
    if any(button.key for button in message.buttons):
        return _cards(message, id)
    links = [f'<a href="{_quoted(button.url)}">{button.text}</a>' for button in message.buttons]
    return _texts(_body(message), links, id)


def card_update(message: Message, handle: str) -> Payload:
    """The change of a tapped card: a whole card in its place, `message.settled` where its buttons were. A message that
    says nothing but `settled` leaves the card as it is and only settles its buttons.
    """
    message = tidy(message)
    if message.settled and not (message.text or message.title):
        return {"button": {"replace_name": message.settled}}
    label = message.settled or ("" if message.buttons else "✓")
    # WeCom wants buttons in such a card even when the label hides them.
    buttons = message.buttons[:BUTTONS] or (Button(label, key="view:settled"),)
    title, text, _ = _card_words(message)
    card = _card(title, text, message.fields, buttons, f"update-{_digest(handle)}")
    return {"template_card": {**card, "replace_text": label} if label else card}


def kf_payload(message: Message) -> Payload:
    """What a candidate gets in 微信客服: text, or a menu where there is something to tap or the text is long.

    It is always one message, because each one counts towards the five that WeCom allows.
    """
    message = tidy(message)
    body = _body(message)
    if not (body or message.buttons):
        raise GiveUp("the message is empty")
    if not message.buttons and size(body) <= TEXT_LIMIT:
        return {"msgtype": "text", "text": {"content": body}}
    items = _menu_items(message.buttons)
    if len(items) > MENU_ITEMS:
        raise GiveUp("too many choices for one menu")
    head, rest = _menu_text(body, MENU_ITEMS - len(items))
    menu: Payload = {"head_content": head} if head else {}
    return {"msgtype": "msgmenu", "msgmenu": {**menu, "list": [*rest, *items]}}


def group_payload(message: Message) -> Payload:
    """What a group robot shows: bold title, text, fields as quoted lines, and links."""
    message = tidy(message)
    title = f"**{plain_markdown(message.title)}**" if message.title else ""
    fields = [f"> {label}: {value}" for label, value in message.fields]
    rows = [plain_markdown(row.replace("\n", " ")) for row in fields]
    links = [markdown_link(button) for button in message.buttons if button.url]
    # Title, figures and links matter most, so it is the text between that gives way.
    others = "\n".join((title, *rows, *links))
    text = shorten(plain_markdown(message.text), max(MARKDOWN_LIMIT - size(others) - 2, 3))
    content = "\n".join(part for part in (title, text, *rows, *links) if part)
    return {"msgtype": "markdown", "markdown": {"content": shorten(content, MARKDOWN_LIMIT)}}


def media_payload(kind: str, media_id: str) -> Payload:
    """A picture or another file that WeCom holds already."""
    return {"msgtype": kind, kind: {"media_id": media_id}}


def group_image_payload(content: bytes) -> Payload:
    """A picture for a group robot, which wants it whole and with its checksum."""
    checksum = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return {"msgtype": "image", "image": {"base64": base64.b64encode(content).decode("ascii"), "md5": checksum}}


def _texts(body: str, links: Sequence[str], id: str) -> list[Payload]:
    limit = TEXT_LIMIT - _MARK_SIZE
    parts = [part for part, _ in _pieces(body, limit)]
    for link in links:
        if parts and size(parts[-1]) + 1 + size(link) <= limit:
            parts[-1] += f"\n{link}"
        else:
            parts.append(link)
    if not parts:
        raise GiveUp("the message is empty")
    return [
        {"msgtype": "text", "text": {"content": part + _mark(f"{id}/{number}")}} for number, part in enumerate(parts)
    ]


def _mark(id: str) -> str:
    """Unseen letters that tell two messages of the same words apart.

    WeCom's duplicate check compares contents: without them somebody who asks the same twice in four hours would get
    no second answer.
    """
    number = int.from_bytes(hashlib.sha256(id.encode()).digest()[:2], "big")
    return " " + "".join(_INVISIBLE[number >> shift & 3] for shift in range(0, 16, 2))


def _cards(message: Message, id: str) -> list[Payload]:
    title, text, whole = _card_words(message)
    payloads = [] if whole == text else _texts(f"{title}\n{_harmless(whole)}", (), id)
    task = platform_id(id, TASK_ID_LENGTH - 4)
    for start in range(0, len(message.buttons), BUTTONS):
        buttons = message.buttons[start : start + BUTTONS]
        if start == 0:
            card = _card(title, text, message.fields, buttons, task)
        else:
            card = _card(title, "", (), buttons, f"{task}-{start // BUTTONS + 1}")
        payloads.append({"msgtype": "template_card", "template_card": card})
    return payloads


def _card_words(message: Message) -> tuple[str, str, str]:
    """Title and text of a card, and the whole of what the text should say (longer only where a card is too small)."""
    title, text = headline(message)
    spilled = [f"{label}: {value}" for label, value in message.fields if not is_row(label, value)]
    spilled += [f"{label}: {value}" for label, value in _rows(message.fields)[ROWS:]]
    spilled += [button.text for button in message.buttons if len(button.text) > BUTTON_CHARACTERS]
    whole = "\n".join(part for part in (text, *spilled) if part)
    fits = len(whole) <= BODY_CHARACTERS or size(whole) <= BODY_LIMIT
    return title, whole if fits else clip(whole, BODY_CHARACTERS), whole


def headline(message: Message, characters: int = TITLE_CHARACTERS) -> tuple[str, str]:
    """The title of a card and the text below it. A title that is too long ends where a sentence or else a clause does,
    and the text goes on from there; where none is short enough, the text repeats it whole.
    """
    title, text = message.title, message.text
    if not title:
        title, _, text = text.partition("\n")
    if len(title) <= characters:
        return title or "…", text.strip()
    for kind in (SENTENCE_ENDS, CLAUSE_ENDS):
        ends = [found.end() for found in kind.finditer(title) if SHORTEST_TITLE <= found.end() <= characters + 1]
        if ends:
            return title[: ends[-1]].rstrip("，。；, .;"), f"{title[ends[-1] :].strip()}\n{text}".strip()
    return clip(title, characters), f"{title}\n{text}".strip()


def _card(
    title: str, text: str, fields: Sequence[tuple[str, str]], buttons: Sequence[Button], task: str
) -> dict[str, Any]:
    keys = [button.key for button in buttons if button.key]
    if len(set(keys)) < len(keys) or any(size(key) > CARD_KEY_LIMIT for key in keys):
        raise GiveUp("the keys of a card's buttons must differ and be short")
    card: dict[str, Any] = {
        "card_type": "button_interaction",
        "main_title": {"title": title},
        "button_list": [card_button(button) for button in buttons],
        "task_id": task,
    }
    if text:
        card["sub_title_text"] = text
    if rows := _rows(fields)[:ROWS]:
        card["horizontal_content_list"] = [{"keyname": label, "value": value} for label, value in rows]
    return card


def card_button(button: Button) -> dict[str, Any]:
    """A button of a card, for tapping or as a link."""
    shown: dict[str, Any] = {"text": clip(button.text, BUTTON_CHARACTERS), "style": STYLES.get(button.style, 1)}
    if button.key:
        return {**shown, "key": button.key}
    return {**shown, "type": 1, "url": button.url}


def _rows(fields: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(label, value) for label, value in fields if is_row(label, value)]


def is_row(label: str, value: str) -> bool:
    """Whether a fact is short enough for a row of a card."""
    return 0 < len(label) <= LABEL_CHARACTERS and len(value) <= VALUE_CHARACTERS and "\n" not in value


def _menu_text(body: str, room: int) -> tuple[str, list[Payload]]:
    """The text above a menu: what its head holds, and the rest as at most `room` items."""
    head, _, rest = _take(body, HEAD_LIMIT)
    items = _text_items(rest)
    if len(items) <= room:
        return head, items
    if room == 0:
        return _ellipsis(head, HEAD_LIMIT), []
    return head, _full_items(rest, room)


def _full_items(text: str, room: int) -> list[Payload]:
    """Items that are all full, which holds more text than whole lines do; "…" where even that is too little."""
    items: list[Payload] = []
    while text and len(items) < room:
        content = _cut(text, MENU_TEXT_LIMIT)
        text = text[len(content) :]
        last = not text or len(items) == room - 1
        items.append(_text_item(_ellipsis(content, MENU_TEXT_LIMIT) if last and text else content, ended=last))
    return items


def _menu_items(buttons: Sequence[Button]) -> list[Payload]:
    taps = sum(1 for button in buttons if button.key)
    places = {"click": min(taps, MENU_PLACES), "view": max(MENU_PLACES - taps, 0)}
    items: list[Payload] = []
    for button in buttons:
        kind = "click" if button.key else "view"
        if places[kind] and size(button.url) <= VIEW_URL_LIMIT:
            places[kind] -= 1
            items += _click(button) if button.key else [_view(button)]
        else:
            items += _text_items(f"{button.text}: {button.url}" if button.url else button.text)
    return items


def _click(button: Button) -> list[Payload]:
    if size(button.key) > MENU_KEY_LIMIT:
        raise GiveUp("the key of a menu item is too long")
    whole = _text_items(button.text) if size(button.text) > CLICK_LIMIT else []
    return [*whole, {"type": "click", "click": {"id": button.key, "content": shorten(button.text, CLICK_LIMIT)}}]


def _view(button: Button) -> Payload:
    return {"type": "view", "view": {"url": button.url, "content": shorten(button.text, VIEW_LIMIT)}}


def _text_items(text: str) -> list[Payload]:
    return [_text_item(piece, ended=ended) for piece, ended in _pieces(text, MENU_TEXT_LIMIT)]


def _text_item(content: str, *, ended: bool) -> Payload:
    return {"type": "text", "text": {"content": content, "no_newline": int(not ended)}}


def _pieces(text: str, limit: int) -> Iterator[tuple[str, bool]]:
    """Cut into pieces of at most `limit` bytes; each with whether a line ends there."""
    while text:
        piece, ended, text = _take(text, limit)
        yield piece, ended


def _take(text: str, limit: int) -> tuple[str, bool, str]:
    """The first piece, whether a line ends there, and the rest. A piece is at least half full, so pieces are few."""
    if size(text) <= limit:
        return text, True, ""
    head = _cut(text, limit)
    newline = len(head) if text[len(head)] == "\n" else head.rfind("\n")
    if newline >= max(len(head) // 2, 1):
        return text[:newline], True, text[newline + 1 :]
    return head, False, text[len(head) :]


def _body(message: Message) -> str:
    """Everything but the buttons, as plain text that can't pose as a link of ours."""
    return _harmless(replace(message, buttons=()).plain())


def tidy(message: Message) -> Message:
    """Without letters that no client shows and some crash on."""
    return Message(
        text=_showable(message.text),
        title=_showable(message.title).replace("\n", " "),
        fields=tuple((_showable(label), _showable(value)) for label, value in message.fields),
        buttons=tuple(replace(button, text=_showable(button.text)) for button in message.buttons),
        settled=_showable(message.settled),
    )


def _showable(text: str) -> str:
    return _UNSHOWABLE.sub("", text.replace("\r\n", "\n")).strip()


def _harmless(text: str) -> str:
    """A candidate's name or answer may contain `<a href=…>`, which WeCom would show to HR as a link."""
    return re.sub(r"<(?=\s*/?\s*a\b)", "＜", text, flags=re.IGNORECASE)


def plain_markdown(text: str) -> str:
    """Take the meaning from what others typed: no colours, no mentions, no links in disguise."""
    return text.replace("<", "＜").replace("](", "] (")


def markdown_link(button: Button) -> str:
    """A link button as a link in markdown."""
    target = _quoted(button.url).replace(")", "%29")
    return f"[{plain_markdown(button.text)}]({target})"


def _quoted(url: str) -> str:
    return url.replace('"', "%22").replace("<", "%3C").replace(">", "%3E").replace(" ", "%20")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def size(text: str) -> int:
    """The length that WeCom counts: UTF-8 bytes."""
    return len(text.encode())


def _cut(text: str, limit: int) -> str:
    """As much of the beginning as `limit` bytes hold, never half a character."""
    return text.encode()[:limit].decode(errors="ignore")


def shorten(text: str, limit: int) -> str:
    """A text of at most `limit` bytes."""
    return text if size(text) <= limit else _ellipsis(text, limit)


def _ellipsis(text: str, limit: int) -> str:
    return f"{_cut(text, limit - size('…'))}…"


def clip(text: str, characters: int) -> str:
    """A text of at most so many characters."""
    return text if len(text) <= characters else f"{text[: characters - 1]}…"
