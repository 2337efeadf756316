"""What is read from a health certificate, what it is compared with, and what comes of it."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


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
    fingerprint: str = ""  # 16 hex digits, a perceptual hash of the first page; near pictures differ in few bits


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
