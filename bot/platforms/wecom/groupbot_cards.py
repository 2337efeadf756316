"""What the 智能机器人 says, as WeCom takes it: words as a stream, buttons on one card, a tapped card changed.

One answer is all that it may give. So several messages become one text with one card, their buttons numbered.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot.platforms.wecom.cards import (
    BODY_LIMIT,
    BUTTON_CHARACTERS,
    BUTTONS,
    ROWS,
    Payload,
    card_button,
    clip,
    group_image_payload,
    headline,
    is_row,
    markdown_link,
    plain_markdown,
    shorten,
    tidy,
)
from recruiting.chat import Button, Message

STREAM_LIMIT = 20_480  # bytes
PICTURES = 10
TITLE_CHARACTERS = 26
TEXT_CHARACTERS = 112
VALUE_CHARACTERS = 26
NUMBERS = "①②③④⑤⑥⑦⑧⑨⑩"


def stream(id: str, content: str, *, finish: bool, pictures: Sequence[bytes] = ()) -> Payload:
    """Words, complete so far; with `finish` WeCom asks no further, and only then takes pictures (PNG)."""
    told: Payload = {"id": id, "finish": finish, "content": shorten(content, STREAM_LIMIT)}
    if pictures:
        told["msg_item"] = [group_image_payload(picture) for picture in pictures[:PICTURES]]
    return {"msgtype": "stream", "stream": told}


def answer_payload(
    messages: Sequence[Message], id: str, stream_id: str, *, polled: bool = False, pictures: Sequence[bytes] = ()
) -> Payload:
    """What somebody who wrote gets; `id` becomes the card's. A card alone where it holds everything, which only the
    first answer may be (`polled`: this is a later one).
    """
    told = [tidy(message) for message in messages]
    buttons = any(_taps(message) for message in told)
    if buttons and not polled and not pictures and len(told) == 1 and _fits(told[0]):
        return {"msgtype": "template_card", "template_card": _card(told, id)}
    said = stream(stream_id, _content(told), finish=True, pictures=pictures)
    if not buttons:
        return said
    bare = [replace(message, text="", fields=(), title=headline(message)[0]) for message in told]
    return {**said, "msgtype": "stream_with_template_card", "template_card": _card(bare, id)}


def change_payload(messages: Sequence[Message], card: str, note: str, only: str = "") -> Payload:
    """The tapped card as it stands now, with a `note` on top; for everybody, or `only` for one member."""
    changed = _card([tidy(message) for message in messages], card, tidy(Message(note)).text)
    viewers = {"userids": [only]} if only else {}
    return {"response_type": "update_template_card", **viewers, "template_card": changed}


def _content(messages: Sequence[Message]) -> str:
    """All messages as one text in markdown, each under its title."""
    return "\n\n".join(_section(mark, message) for mark, message in _numbered(messages)) or "…"


def _section(mark: str, message: Message) -> str:
    title = f"**{plain_markdown(f'{mark} {message.title}'.strip())}**" if message.title else ""
    text = message.text if title else f"{mark} {message.text}".strip()
    rows = [f"> {label}: {value}".replace("\n", " ") for label, value in message.fields]
    links = [markdown_link(button) for button in message.buttons if button.url]
    return "\n".join(part for part in (title, *map(plain_markdown, (text, *rows)), *links) if part)


def _numbered(messages: Sequence[Message]) -> Iterator[tuple[str, Message]]:
    """The messages with a number for each that has buttons, or had; none where it is the only one."""
    numbers = iter(NUMBERS)
    several = sum(1 for message in messages if _taps(message) or message.settled) > 1
    for message in messages:
        yield next(numbers, "") if several and (_taps(message) or message.settled) else "", message


def _taps(message: Message) -> list[Button]:
    """What can be tapped. Links are not among it: this bot's cards have no buttons for them."""
    return [] if message.settled else [button for button in message.buttons if button.key]


def _fits(message: Message) -> bool:
    title, text = headline(message, TITLE_CHARACTERS)
    rows = all(is_row(label, value) and len(value) <= VALUE_CHARACTERS for label, value in message.fields)
    links = any(button.url for button in message.buttons)
    return len(text) <= TEXT_CHARACTERS and rows and len(message.fields) <= ROWS and not links and bool(title)


def _card(messages: Sequence[Message], task: str, note: str = "") -> Payload:
    """One card for all: title and facts of the first, and as many whole sets of buttons as there is room for."""
    numbered = list(_numbered(messages))
    settled = [f"{mark} {message.settled}".strip() for mark, message in numbered if message.settled]
    first = messages[0] if messages else Message(note)
    title, text = headline(first, TITLE_CHARACTERS)
    buttons = _buttons(numbered)
    label = "" if buttons else (settled[0] if len(settled) == 1 else "✓")
    words = [note if messages else "", *(() if label == "".join(settled) else settled), text]
    card: Payload = {
        "card_type": "button_interaction",
        "main_title": {"title": title or "…"},
        # WeCom wants buttons in a settled card, too, even though the label hides them.
        "button_list": [card_button(button) for button in buttons or [Button(label, key="view:settled")]],
        "task_id": task,
    }
    if label:
        card["replace_text"] = label
    if below := "\n".join(part for part in words if part):
        card["sub_title_text"] = shorten(below, BODY_LIMIT)
    rows = [{"keyname": name, "value": value} for name, value in first.fields if is_row(name, value)]
    return {**card, "horizontal_content_list": rows[:ROWS]} if rows else card


def _buttons(numbered: Sequence[tuple[str, Message]]) -> list[Button]:
    found: list[Button] = []
    for mark, message in numbered:
        own = _taps(message)[:BUTTONS]
        if len(found) + len(own) <= BUTTONS:
            found += [replace(button, text=clip(mark + button.text, BUTTON_CHARACTERS)) for button in own]
    return found
