"""What comes of a reading: every doubt by itself, and never a rejection."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from recruiting.certificates import (
    SAME_PICTURE_BITS,
    Category,
    Doubt,
    Expected,
    Fault,
    Outcome,
    Province,
    Reading,
    Twin,
    distance,
    judge,
    province_of,
)

TODAY = date(2026, 3, 10)
EXPECTED = Expected("张小雨", TODAY + timedelta(days=45), TODAY)
GOOD = Reading(
    certificate=True,
    name="张小雨",
    number="JK2025001234",
    category=Category.FOOD,
    examined_on=date(2025, 9, 1),
    valid_until=date(2026, 8, 31),
    issuer="示例市人民医院",
    province="strict",
    code_hosts=("jkz.example.invalid",),
)
PROVINCES = {
    "strict": Province(("示例",), ("example.invalid",), has_code=True),
    "other": Province(("样例",), ("other.example",)),
}


def outcome(reading: Reading = GOOD, twins: frozenset[Twin] = frozenset(), expected: Expected = EXPECTED) -> Outcome:
    return judge(reading, expected, twins, PROVINCES)


def test_a_good_one_looks_fine() -> None:
    """Nothing is asked of anybody but the tap of a reviewer."""
    assert Outcome() == outcome()
    assert outcome().fine


@pytest.mark.parametrize("name", ["张 小 雨", "张　小雨"])
def test_spaces_and_width_make_no_other_name(name: str) -> None:
    """As everywhere in the house."""
    assert outcome(replace(GOOD, name=name)).fine


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        ({"name": "张小雪"}, Doubt.NAME_DIFFERS),  # one sign off
        ({"name": "张小"}, Doubt.NAME_DIFFERS),
        ({"category": Category.PUBLIC_PLACE}, Doubt.WRONG_CATEGORY),
        ({"category": None}, Doubt.UNREADABLE),
        ({"valid_until": date(2026, 9, 30)}, Doubt.DATES_DIFFER),  # a month longer than a year
        ({"valid_until": date(2026, 9, 2)}, Doubt.DATES_DIFFER),
        ({"valid_until": date(2027, 8, 31)}, Doubt.DATES_DIFFER),
        ({"examined_on": None}, Doubt.DATES_DIFFER),  # nothing to compare with
        ({"number": "JK2023001234"}, Doubt.DATES_DIFFER),  # of another year than the dates
        ({"examined_on": date(2026, 8, 31)}, Doubt.DATES_DIFFER),
        ({"code_hosts": ()}, Doubt.NO_CODE),
        ({"code_hosts": ("other.example",)}, Doubt.UNKNOWN_CODE),  # another province's
        ({"code_hosts": ("notexample.invalid",)}, Doubt.UNKNOWN_CODE),
        ({"code_hosts": ("",)}, Doubt.UNKNOWN_CODE),
        ({"code_hosts": ("example.invalid", "x.test")}, Doubt.UNKNOWN_CODE),
        ({"name": ""}, Doubt.UNREADABLE),
        ({"number": ""}, Doubt.UNREADABLE),
        ({"valid_until": None}, Doubt.UNREADABLE),
    ],
)
def test_each_doubt_by_itself(change: dict[str, object], doubt: Doubt) -> None:
    """One thing is wrong, and exactly that is said."""
    assert (doubt,) == outcome(replace(GOOD, **change)).doubts  # type: ignore[arg-type]


def test_it_must_last() -> None:
    """Until the day that the stage asks for, that day included."""
    last = GOOD.valid_until
    assert last is not None
    assert outcome(expected=replace(EXPECTED, valid_on=last)).fine
    late = replace(EXPECTED, valid_on=last + timedelta(days=1))
    assert (Doubt.EXPIRES_TOO_EARLY,) == outcome(expected=late).doubts


@pytest.mark.parametrize("last", [date(2026, 9, 1), date(2026, 8, 31), date(2026, 9, 20)])
def test_the_year_may_count_from_the_day_of_issue(last: date) -> None:
    """Some forms print both days; the examination comes first."""
    assert outcome(replace(GOOD, issued_on=date(2025, 9, 20), valid_until=last)).fine


def test_issued_before_the_examination_is_no_good() -> None:
    """Or very long after it."""
    for issued in (date(2025, 8, 20), date(2025, 12, 20)):
        assert (Doubt.DATES_DIFFER,) == outcome(replace(GOOD, issued_on=issued)).doubts


def test_a_leap_day_has_its_anniversary() -> None:
    """In a year without one it is the day before March."""
    leap = replace(GOOD, number="1234567", examined_on=date(2024, 2, 29), valid_until=date(2025, 2, 28))
    assert outcome(leap, expected=Expected("张小雨", date(2024, 4, 1), date(2024, 3, 2))).fine


def test_other_peoples() -> None:
    """The number, the picture, or both were somebody else's."""
    assert (Doubt.SAME_NUMBER,) == outcome(twins=frozenset({Twin.NUMBER})).doubts
    assert (Doubt.SAME_PICTURE,) == outcome(twins=frozenset({Twin.PICTURE})).doubts
    assert 2 == len(outcome(twins=frozenset(Twin)).doubts)


def test_no_province_no_duty_to_a_code() -> None:
    """But a code that is there must lead to a known place."""
    unknown = replace(GOOD, province="")
    assert outcome(replace(unknown, code_hosts=())).fine
    assert outcome(replace(unknown, code_hosts=("other.example",))).fine
    assert (Doubt.UNKNOWN_CODE,) == outcome(replace(unknown, code_hosts=("x.test",))).doubts


def test_another_picture_is_asked_for_only_where_it_helps() -> None:
    """A fault that cost a field, or nothing to read at all; never for a doubt that a picture can't cure."""
    assert not outcome(replace(GOOD, faults=(Fault.GLARE,))).retake
    assert outcome(replace(GOOD, number="", faults=(Fault.GLARE,))).retake
    assert not outcome(replace(GOOD, number="")).retake
    assert not outcome(replace(GOOD, name="李四", faults=(Fault.DARK,))).retake
    assert outcome(Reading(certificate=True)).retake


def test_what_cannot_be_seen_is_not_called_something_else() -> None:
    """A black picture is unreadable; a receipt is no certificate."""
    assert Outcome((Doubt.UNREADABLE,), retake=True) == outcome(Reading(certificate=False, faults=(Fault.DARK,)))
    assert Outcome((Doubt.NOT_A_CERTIFICATE,)) == outcome(Reading(certificate=False, name="张小雨"))


def test_fingerprints_are_compared_by_bits() -> None:
    """A missing one is like no other."""
    assert 0 == distance("00000000000000ff", "00000000000000ff")
    assert 3 == distance("0000000000000000", "8000000000000003")
    assert distance("", "00000000000000ff") > SAME_PICTURE_BITS


def test_the_province_stands_first_in_the_issuers_name() -> None:
    """A district may be called like another province's city."""
    provinces = {"jilin": Province(("长春",)), "beijing": Province(("朝阳区",))}
    assert "jilin" == province_of("长春市朝阳区医院", provinces)
    assert "" == province_of("某地医院", provinces)
