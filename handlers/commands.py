"""What a member typed -> which command and what stands behind it; a typo -> what was probably meant."""

import difflib
import re
import unicodedata
from collections.abc import Collection

LONGEST = 500  # characters of a command that are looked at
_SLASHES = "/／"
_GAP = re.compile(r"[\s:：]+")


def find_command(text: str, names: Collection[str]) -> tuple[str | None, str]:
    """The command's name and the rest of the text; (None, "") when it is none.

    Full-width slashes, spaces and upper case don't matter. The slash may be missing where the first word is the whole
    name; a Chinese name after a slash needs no space behind it.
    """
    slashed, word, rest = _first_word(text)
    if word in names:
        return word, rest
    if slashed:
        for name in sorted(names, key=len, reverse=True):
            if not name.isascii() and word.startswith(name):
                return name, f"{_behind(text, name)} {rest}".strip()
    return None, ""


def guess(text: str, names: Collection[str]) -> str | None:
    """The command that was probably meant, or None. Without a slash it must be very close: people also just talk."""
    slashed, word, _ = _first_word(text)
    close = difflib.get_close_matches(word, list(names), 1, 0.5 if slashed else 0.75)
    return close[0] if close else None


def _first_word(text: str) -> tuple[bool, str, str]:
    """Whether there is a slash, the first word in plain letters, and the rest as it was typed."""
    typed = text[:LONGEST].strip()
    bare = typed.lstrip(_SLASHES).strip()
    word, *rest = _GAP.split(bare, maxsplit=1)
    return typed[:1] != "" and typed[0] in _SLASHES, _plain(word), rest[0].strip() if rest else ""


def _behind(text: str, name: str) -> str:
    """What follows the name in the first word, as it was typed."""
    word = _GAP.split(text[:LONGEST].strip().lstrip(_SLASHES).strip(), maxsplit=1)[0]
    return word[len(name) :]


def _plain(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold()
