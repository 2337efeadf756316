"""How names, phones and e-mail addresses are compared: pure, so that import, chat and search agree."""

import re
import unicodedata

_UNSEEN = {"Cf", "Zs", "Zl", "Zp", "Cc"}  # spaces of every width, zero-width marks, line breaks
_LONGEST_EMAIL = 254  # RFC 5321
_EMAIL = re.compile(r"[^\s@<>()\[\]\",;:\\]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")


def normalised_name(name: str) -> str:
    """Make names comparable: without spaces, case and width ("张　三" is "张三", "Ｍｅｉ" is "mei")."""
    if name.isalnum() and unicodedata.is_normalized("NFKC", plain := name.casefold()):
        return plain  # nearly every name, at a tenth of the time
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    seen = "".join(letter for letter in folded if unicodedata.category(letter) not in _UNSEEN)
    return unicodedata.normalize("NFKC", seen)  # what a space held apart may have become one sign


def name_parts(name: str) -> tuple[str, ...]:
    """Each two-character part of a name, by which it can be found while it is stored sealed."""
    plain = normalised_name(name)
    return tuple(sorted({plain[at : at + 2] for at in range(len(plain) - 1)}))


def last_four(phone: str) -> str:
    """The last four digits of a phone, as people say it; empty when there are fewer."""
    digits = "".join(digit for digit in unicodedata.normalize("NFKC", phone) if digit in "0123456789")
    return digits[-4:] if len(digits) >= 4 else ""


def tidy_email(text: str) -> str | None:
    """The address with a lower-case domain and ordinary widths, or None when it is none."""
    if len(text) > 2 * _LONGEST_EMAIL:
        return None
    plain = text
    if not text.isascii():
        plain = "".join(sign for sign in unicodedata.normalize("NFKC", text) if unicodedata.category(sign) != "Cf")
    plain = plain.strip().strip("'\"<>,;。.")
    if plain[:7].casefold() == "mailto:":
        plain = plain[7:]
    local, _, domain = plain.rpartition("@")
    address = f"{local}@{domain.lower()}"
    if len(address) > _LONGEST_EMAIL or not _EMAIL.fullmatch(address) or ".." in local:
        return None
    return address
