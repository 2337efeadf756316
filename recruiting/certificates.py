"""What is read from a health certificate, what it is compared with, and what comes of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from types import MappingProxyType

from recruiting.contacts import normalised_name

# A certificate is good for one year from the examination or from the day of issue, which comes at most so much later.
# Forms count the year to the same day or to the day before.
ISSUED_WITHIN = timedelta(days=60)
# Two pictures of one certificate differ in at most so many of the fingerprint's 64 bits; those of two people in more.
SAME_PICTURE_BITS = 3


class Category(StrEnum):
    """What the certificate is good for, as printed on it."""

    FOOD = "food"  # 食品类
    PUBLIC_PLACE = "public_place"  # 公共场所类


class Fault(StrEnum):
    """What is wrong with a picture, so that the person can take a better one."""

    DARK = "dark"
    GLARE = "glare"
    BLURRED = "blurred"
    CUT = "cut"
    TILTED = "tilted"
    SMALL = "small"


class Doubt(StrEnum):
    """Why a person should look. The machine never rejects."""

    NOT_A_CERTIFICATE = "not_a_certificate"
    UNREADABLE = "unreadable"
    NAME_DIFFERS = "name_differs"
    EXPIRES_TOO_EARLY = "expires_too_early"
    DATES_DIFFER = "dates_differ"  # printed dates contradict each other
    WRONG_CATEGORY = "wrong_category"
    SAME_NUMBER = "same_number"  # at another person
    SAME_PICTURE = "same_picture"  # at another person
    NO_CODE = "no_code"  # that province's form has one
    UNKNOWN_CODE = "unknown_code"  # its host is not on the province's list


@dataclass(frozen=True, slots=True)
class Reading:
    """The fields of one document, found by their labels on all its pages; what was not found is empty.

    Nothing about test results is ever among them.
    """

    certificate: bool  # whether it is a health certificate at all
    name: str = ""
    number: str = ""
    category: Category | None = None
    examined_on: date | None = None
    valid_until: date | None = None
    issuer: str = ""
    province: str = ""  # as in the list of provinces, from the issuer; empty when unknown
    code_hosts: tuple[str, ...] = ()  # hosts of the QR codes' addresses; never opened; "" for a code that is no address
    faults: tuple[Fault, ...] = ()  # of the pictures, worst first
    fingerprint: str = ""  # 16 hex digits of looks and content; one certificate's pictures differ in few bits
    issued_on: date | None = None  # where it is printed; the validity may count from it


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known about the person and the stage."""

    name: str
    valid_on: date  # until this day at least it must be valid
    today: date  # in the company's time zone


class Twin(StrEnum):
    """What the same certificate was recognised by at another person."""

    NUMBER = "number"
    PICTURE = "picture"


@dataclass(frozen=True, slots=True)
class Outcome:
    """*Looks fine* when there is no doubt, else *please look*; `retake` asks for a better picture at once."""

    doubts: tuple[Doubt, ...] = ()
    retake: bool = False

    @property
    def fine(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.doubts


@dataclass(frozen=True, slots=True)
class Province:
    """What is known of the forms of one province."""

    marks: tuple[str, ...]  # words in the issuer's name that tell the province: its own and its cities' names
    hosts: tuple[str, ...] = ()  # where the codes on its forms may lead: these hosts and those beneath them
    has_code: bool = False  # whether every form of the province has a code


Provinces = Mapping[str, Province]
NO_PROVINCES: Provinces = MappingProxyType({})


def province_of(issuer: str, provinces: Provinces) -> str:
    """The province of an issuer, by the mark that stands first in its name; empty when there is none."""
    found = [
        (issuer.index(mark), -len(mark), key)
        for key, province in provinces.items()
        for mark in province.marks
        if mark in issuer
    ]
    return min(found)[2] if found else ""


def judge(
    reading: Reading,
    expected: Expected,
    twins: frozenset[Twin] = frozenset(),
    provinces: Provinces = NO_PROVINCES,
) -> Outcome:
    """Compare what was read with what is expected. Never a rejection: at the worst a person looks."""
    if not reading.certificate:
        unseen = bool(reading.faults) and not _anything(reading)  # then it can't be told what it is
        return Outcome((Doubt.UNREADABLE if unseen else Doubt.NOT_A_CERTIFICATE,), retake=unseen)
    doubts = [*_of_reading(reading), *_of_dates(reading, expected), *_of_code(reading, provinces), *_of_twins(twins)]
    if reading.name and normalised_name(reading.name) != normalised_name(expected.name):
        doubts.insert(0, Doubt.NAME_DIFFERS)
    unreadable = Doubt.UNREADABLE in doubts
    return Outcome(tuple(doubts), retake=unreadable and (bool(reading.faults) or not _anything(reading)))


def anniversary(day: date) -> date:
    """The same day of the next year; of a 29th of February the 28th."""
    return day.replace(year=day.year + 1) if (day.month, day.day) != (2, 29) else date(day.year + 1, 2, 28)


def distance(one: str, other: str) -> int:
    """In how many of 64 bits two fingerprints differ; 64 when one of them is missing."""
    return (int(one, 16) ^ int(other, 16)).bit_count() if one and other else 64


def _anything(reading: Reading) -> bool:
    return bool(reading.name or reading.number or reading.examined_on or reading.valid_until)


def _of_reading(reading: Reading) -> list[Doubt]:
    doubts = []
    if not (reading.name and reading.number and reading.valid_until and reading.category):
        doubts.append(Doubt.UNREADABLE)
    if reading.category not in (None, Category.FOOD):
        doubts.append(Doubt.WRONG_CATEGORY)
    return doubts


def _of_dates(reading: Reading, expected: Expected) -> list[Doubt]:
    """Too short, or against themselves: this is also how an altered date shows."""
    doubts = []
    if reading.valid_until is not None and reading.valid_until < max(expected.valid_on, expected.today):
        doubts.append(Doubt.EXPIRES_TOO_EARLY)
    if reading.valid_until is not None and _contradict(reading, expected.today):
        doubts.append(Doubt.DATES_DIFFER)
    return doubts


def _contradict(reading: Reading, today: date) -> bool:
    """Whether the printed dates, or a year at the head of the number, can't all be true."""
    days = [day for day in (reading.examined_on, reading.issued_on) if day is not None]
    if not days or max(days) > today or max(days) - min(days) > ISSUED_WITHIN or days[0] > days[-1]:
        return True
    if reading.valid_until is not None and not any(_a_year(day, reading.valid_until) for day in days):
        return True
    year = re.search(r"(?<!\d)20[1-4]\d", reading.number)  # many numbers begin with the year
    return year is not None and not any(abs(int(year[0]) - day.year) <= (day.month in (1, 12)) for day in days)


def _a_year(first: date, last: date) -> bool:
    return last in (anniversary(first), anniversary(first) - timedelta(days=1))


def _of_code(reading: Reading, provinces: Provinces) -> list[Doubt]:
    """Does the code lead where codes of that province lead? An issuer of no known province may have any known host."""
    own = provinces.get(reading.province)
    known = own.hosts if own else tuple(host for province in provinces.values() for host in province.hosts)
    if any(not _beneath(host, known) for host in reading.code_hosts):
        return [Doubt.UNKNOWN_CODE]
    return [Doubt.NO_CODE] if own and own.has_code and not reading.code_hosts else []


def _beneath(host: str, known: tuple[str, ...]) -> bool:
    return any(host == suffix or host.endswith(f".{suffix}") for suffix in known)


def _of_twins(twins: frozenset[Twin]) -> list[Doubt]:
    told = {Twin.NUMBER: Doubt.SAME_NUMBER, Twin.PICTURE: Doubt.SAME_PICTURE}
    return [doubt for twin, doubt in told.items() if twin in twins]
