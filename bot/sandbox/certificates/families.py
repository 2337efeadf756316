"""Families of certificates: what is the matter with each, and how well it was photographed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING, Literal, get_args

from bot.sandbox.certificates import camera, strangers
from bot.sandbox.certificates.layouts import LAYOUTS, WITHOUT_CODE
from bot.sandbox.certificates.people import STRANGE, Facts, invent, somebody

if TYPE_CHECKING:
    from PIL.Image import Image

Family = Literal[
    "genuine",
    "upside_down",
    "expired",
    "expires_too_early",
    "other_person",
    "twice",
    "altered_date",
    "strange_code",
    "wrong_category",
    "not_a_certificate",
]
Level = Literal["clean", "photo", "degraded"]
FAMILIES: tuple[Family, ...] = get_args(Family)
LEVELS: tuple[Level, ...] = get_args(Level)
FINE: tuple[Family, ...] = ("genuine", "upside_down")
File = tuple[bytes, str]


@dataclass(frozen=True, slots=True)
class Sample:
    """A document as somebody hands it in, and the truth about it."""

    family: Family
    level: Level
    layout: str
    files: tuple[File, ...]
    facts: Facts | None  # what is printed on it; None: it is no certificate
    person: str  # whose it should be
    before: tuple[File, ...] = ()  # what another person handed in earlier


def make(family: Family, level: Level, seed: int, today: date, layout: str = "") -> Sample:
    """Draw one. The same arguments give the same picture; it should be valid 45 days from `today`."""
    random = Random(f"{family}/{level}/{seed}")
    layout = layout or list(LAYOUTS)[seed % len(LAYOUTS)]
    if family == "strange_code" and layout in WITHOUT_CODE:
        layout = "card"
    if family == "not_a_certificate":
        sheets = strangers.draw(random, seed)
        return Sample(family, level, layout, _taken(sheets, level, random), None, somebody(random))
    days = {"expired": (370, 700), "expires_too_early": (325, 360)}.get(family, (4, 300))
    facts = invent(random, today - timedelta(days=random.randint(*days)), with_code=layout not in WITHOUT_CODE)
    person = facts.name
    facts = _spoilt(facts, family, random)
    if family == "other_person":
        person = _other(facts.name, random)
    looks = random.getrandbits(32)
    sheets = LAYOUTS[layout](facts, Random(looks))
    state = random.getstate()
    files = _taken(sheets, level, random, upside_down=family == "upside_down")
    before: tuple[File, ...] = ()
    if family == "twice":
        random.setstate(state)
        first = facts if seed % 2 else replace(facts, name=somebody(random), number=facts.number[:-4] + "7305")
        random.setstate(state)
        before = _taken(LAYOUTS[layout](first, Random(looks)), level, random)
    return Sample(family, level, layout, files, facts, person, before)


def _spoilt(facts: Facts, family: Family, random: Random) -> Facts:
    """What is the matter with it, as far as it is printed."""
    match family:
        case "altered_date":
            further = random.choice((31, 92, 183, 365))
            return replace(facts, valid_until=facts.valid_until + timedelta(days=further))
        case "strange_code":
            return replace(facts, code=STRANGE.format(number=random.randrange(10**6)))
        case "wrong_category":
            return replace(facts, category="public_place")
        case _:
            return facts


def _other(name: str, random: Random) -> str:
    """Somebody else; often with nearly the same name."""
    other = somebody(random)
    if random.random() < 0.5:
        other = name[:-1] + other[-1]
    return other if other != name else name + "华"


def _taken(sheets: Sequence["Image"], level: Level, random: Random, *, upside_down: bool = False) -> tuple[File, ...]:
    """As files: scanned, photographed, or photographed badly."""
    if level == "clean":
        return _scanned(sheets, random, upside_down)
    tilt = random.uniform(18, 35) if level == "degraded" and random.random() < 0.25 else 7.0
    ways = random.sample(list(camera.HARM), random.choice((1, 1, 2))) if level == "degraded" else ()
    files = []
    for sheet in sheets:
        picture = camera.harm(camera.photograph(sheet, random, tilt=tilt), random, ways)
        picture = picture.rotate(180) if upside_down else picture
        kind = random.choice((camera.JPEG,) * 4 + (camera.HEIC, camera.WEBP))
        quality = random.randint(30, 70) if level == "degraded" else random.randint(60, 90)
        sideways = kind == camera.JPEG and random.random() < 0.3
        files.append((camera.pack(picture, kind, quality, sideways=sideways), kind))
    return tuple(files)


def _scanned(sheets: Sequence["Image"], random: Random, upside_down: bool) -> tuple[File, ...]:
    sheets = [sheet.rotate(180) for sheet in sheets] if upside_down else sheets
    kind = random.choice((camera.JPEG, camera.JPEG, camera.PNG, camera.WEBP, camera.HEIC, camera.PDF))
    if kind == camera.PDF:
        return ((camera.bind(sheets), kind),)
    return tuple((camera.pack(sheet, kind, random.randint(80, 95)), kind) for sheet in sheets)
