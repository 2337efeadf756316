"""/lang: the language in which the bot speaks to this member."""

import unicodedata
from collections.abc import Mapping
from typing import Any

from handlers.hr import undo
from handlers.hr.scope import COMMANDS, actor
from handlers.routing import Offer, Routes, Turn
from storage import trail
from storage.tables import Member

routes = Routes()

CHOOSE = "lang"
LANGUAGES: Mapping[str, tuple[str, ...]] = {  # each with what it calls itself first
    "zh-CN": ("中文", "zh-cn", "zh", "汉语", "简体中文", "chinese", "中国語"),
    "en": ("English", "en", "english", "英文", "英语", "英語"),
    "ja": ("日本語", "ja", "jp", "日文", "日语", "japanese"),
}


@routes.command("lang", COMMANDS["lang"])
async def choose(turn: Turn) -> None:
    """Change the language; without one, or with one that the bot does not speak, there is a button for each."""
    language = _meant(turn.argument)
    if language is not None:
        await _speak(turn, language)
        return
    offers = [Offer("", "confirm", f"{CHOOSE}|{code}", text=names[0]) for code, names in LANGUAGES.items()]
    turn.reply("command.lang.ask", offers=offers)


async def chosen(turn: Turn) -> None:
    """A language's button was tapped."""
    language = turn.argument.partition("|")[2]
    if language in LANGUAGES:
        await _speak(turn, language)


async def take_back(turn: Turn) -> None:
    """The language that was spoken before."""
    if not undo.too_late(turn):
        await _set(turn, undo.details_of(turn)[0] or None)
        undo.done(turn, undone=True)


async def _speak(turn: Turn, language: str) -> None:
    assert turn.member is not None
    before = turn.member["locale"] or ""
    await _set(turn, language)
    trail.note(turn.unit, actor(turn), "lang", turn.member["id"], language)
    turn.reply("command.lang.ok", offers=[undo.offer("lang", before)])


async def _set(turn: Turn, language: str | None) -> None:
    assert turn.member is not None
    member: Mapping[str, Any] = turn.member
    await turn.unit.set(Member, {"id": member["id"]}, locale=language)
    turn.unit.members = None
    turn.member = {**member, "locale": language}


def _meant(words: str) -> str | None:
    plain = unicodedata.normalize("NFKC", words).strip().casefold()
    return next(
        (code for code, names in LANGUAGES.items() if plain in {name.casefold() for name in names}),
        None,
    )
