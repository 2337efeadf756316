"""Mobile numbers as spreadsheets hold them, made E.164; never by guessing, because a guess would invite a stranger."""

import re
import unicodedata

from bot.errors import BotError

DIGITS_LOST = "digits lost"
NOT_MOBILE = "not a mobile number"

_LONGEST = 80  # characters; nobody writes one number longer
_MAINLAND = re.compile(r"(?:\+?86)?0?(1[3-9][0-9]{9})")
_EXPONENT = re.compile(r"\+?([0-9])(?:\.([0-9]*))?e\+?([0-9]{1,2})")
_WHOLE = re.compile(r"([0-9]+)\.0*")
_QUOTED = re.compile(r"[='\"‘’“”`´]")
_RUN = re.compile(r"\+?[0-9]+")


class BadPhone(BotError):
    """No mobile number can be read without guessing; `reason` is `digits lost` or `not a mobile number`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def repair_phone(cell: object) -> str:
    """
    Read a mobile number out of a cell, however it was typed or exported.

    Returns:
        E.164, such as `+8613800001234`. Without a country the number is a mainland one.

    Raises:
        BadPhone: The only error, whatever the cell holds.
    """
    text = _written(cell)
    mainland = _MAINLAND.fullmatch(text) or _MAINLAND.fullmatch(text := _plain(text))
    # By shape alone: the operators' newest number blocks reach the phonenumbers tables late.
    return f"+86{mainland[1]}" if mainland else _abroad(text)


def _written(cell: object) -> str:
    """The digits that Excel means: a number is one without `.0` and without exponent."""
    if isinstance(cell, str) and len(cell) <= _LONGEST:
        return cell
    if isinstance(cell, int | float) and not isinstance(cell, bool) and 0 < cell < 10**15 and cell == int(cell):
        return str(int(cell))
    raise BadPhone(NOT_MOBILE)


def _plain(text: str) -> str:
    """Digits with at most a leading plus: without widths, spaces, dashes, quotes, brackets and a remark beside it."""
    text = unicodedata.normalize("NFKC", text)
    text = "".join(" " if letter.isspace() else letter for letter in text if unicodedata.category(letter) != "Cf")
    text = _QUOTED.sub("", text).strip().lower()
    if exponent := _EXPONENT.fullmatch(text):
        return _spelt_out(exponent)
    if whole := _WHOLE.fullmatch(text):
        return whole[1]
    text = "".join(letter for letter in text if not _separates(letter))
    runs = _RUN.findall(text)
    # "13800001234(微信同号)" is one number with a remark; of two numbers, or parts of one, none is for us to choose.
    if len(runs) != 1:
        raise BadPhone(NOT_MOBILE)
    number: str = runs[0]
    return f"+{number[2:]}" if number.startswith("00") else number


def _separates(letter: str) -> bool:
    return letter in " .()[]·•" or unicodedata.category(letter) == "Pd" or letter == "\N{MINUS SIGN}"


def _spelt_out(exponent: re.Match[str]) -> str:
    """`1.3800001234e+10` as its digits, which must all be there."""
    digits, power = exponent[1] + (exponent[2] or ""), int(exponent[3])
    if len(digits) - 1 < power:
        raise BadPhone(DIGITS_LOST)
    if digits[power + 1 :].strip("0"):
        raise BadPhone(NOT_MOBILE)
    return digits[: power + 1]


def _abroad(text: str) -> str:
    """A number with its country; only such as may be a mobile one."""
    if not text.startswith("+") or text.startswith("+86"):
        raise BadPhone(NOT_MOBILE)
    import phonenumbers  # few come from abroad, and its tables are large

    mobile = {phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE}
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException as error:
        raise BadPhone(NOT_MOBILE) from error
    if phonenumbers.number_type(number) not in mobile:  # also UNKNOWN, which is what an invalid number has
        raise BadPhone(NOT_MOBILE)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
