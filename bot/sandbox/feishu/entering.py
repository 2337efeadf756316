"""What a finger can enter on a card, and what of it reaches the bot."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.sandbox.feishu.reading import MULTI_SELECTS, PICKERS, SELECTS, Control, Element, controls
from bot.sandbox.feishu.wire import LOCAL

Entered = str | bool | Sequence[str]
ZONE = "Asia/Shanghai"
FORMATS = {"date_picker": "%Y-%m-%d", "picker_time": "%H:%M", "picker_datetime": "%Y-%m-%d %H:%M"}
PRESET = {"date_picker": "initial_date", "picker_time": "initial_time", "picker_datetime": "initial_datetime"}


class NotEntered(LookupError):
    """The client does not let this pass: `str()` says why."""


def button_of(card: Element, what: str, *, submitting: bool = False) -> Control:
    """The button with these words, this key or this name. Raises NotEntered: there is none that can be touched."""
    for one in controls(card):
        if one.tag in ("button", "interactive_container", "overflow") and one.submits == submitting:
            if what not in (one.text, one.key, one.name) and not (submitting and not what):
                continue
            if one.element.get("disabled"):
                raise NotEntered(f"the button {what!r} is disabled")
            return one
    raise NotEntered(f"no such button: {what!r}")


def touched(button: Control) -> dict[str, Any]:
    """The action of a lone button."""
    action: dict[str, Any] = {"tag": button.tag}
    if button.value is not None:
        action["value"] = button.value
    if button.name:
        action["name"] = button.name
    return action


def submitted(card: Element, button: Control, values: Mapping[str, Entered], *, empty: str | None) -> dict[str, Any]:
    """The action of a form that is sent off. `empty` stands for what was left out; None: it is not mentioned.

    Raises NotEntered: a required field is empty, or something was entered that cannot be.
    """
    fields = {one.name: one for one in controls(card) if one.form == button.form and one.tag != "button"}
    unknown = set(values) - set(fields)
    if unknown:
        raise NotEntered(f"the form has no field {sorted(unknown)[0]!r}")
    form: dict[str, Any] = {}
    for name, one in fields.items():
        value = _entered(one, values.get(name, _preset(one)))
        if value in ("", []) and one.element.get("required"):
            raise NotEntered(f"the field {name!r} is required")
        if value not in ("", []):
            form[name] = value
        elif empty is not None:
            form[name] = empty
    action = {**touched(button), "name": button.name, "form_value": form}
    if any(one.tag in PICKERS for one in fields.values()):
        action["timezone"] = ZONE
    return action


def chosen(one: Control, value: Entered) -> dict[str, Any]:
    """The action of a lone field, outside any form."""
    action: dict[str, Any] = {**touched(one)}
    shown = _entered(one, value)
    if one.tag == "input":
        action["input_value"] = shown
    elif one.tag == "checker":
        action["checked"] = shown
    elif one.tag in MULTI_SELECTS:
        action["options"] = shown
    else:
        action["option"] = shown
    if one.tag in PICKERS:
        action["timezone"] = ZONE
    return action


def _preset(one: Control) -> Entered:
    """What the card itself has entered."""
    element = one.element
    if one.tag == "checker":
        return bool(element.get("checked", False))
    if one.tag in MULTI_SELECTS:
        return list(element.get("selected_values", []))
    if one.tag in PICKERS:
        return str(element.get(PRESET[one.tag], ""))
    if one.tag in SELECTS and "initial_index" in element:
        return str(element["options"][element["initial_index"] - 1]["value"])
    return str(element.get("initial_option" if one.tag in SELECTS else "default_value", ""))


def _entered(one: Control, value: Entered) -> Any:
    if one.tag == "checker":
        if not isinstance(value, bool):
            raise NotEntered(f"{one.name}: a tick or none")
        return value
    if one.tag in MULTI_SELECTS:
        picked = list(value) if not isinstance(value, str | bool) else [str(value)]
        return [_option(one, option) for option in picked]
    if not isinstance(value, str):
        raise NotEntered(f"{one.name}: one text")
    if not value:
        return ""
    if one.tag in PICKERS:
        return _moment(one, value)
    if one.tag in SELECTS:
        return _option(one, value)
    longest = one.element.get("max_length", 1000)
    if len(value) > longest:
        raise NotEntered(f"{one.name}: longer than {longest}")
    return value


def _option(one: Control, value: str) -> str:
    options = [str(option.get("value", "")) for option in one.element.get("options", [])]
    if value not in options and not (one.tag in {"select_person", "multi_select_person"} and not options):
        raise NotEntered(f"{one.name}: no such option {value!r}")
    return value


def _moment(one: Control, value: str) -> str:
    wanted = FORMATS[one.tag]
    try:
        datetime.strptime(value, wanted).replace(tzinfo=LOCAL)
    except ValueError as error:
        raise NotEntered(f"{one.name}: {value!r} is not written {wanted}") from error
    return f"{value} +0800"
