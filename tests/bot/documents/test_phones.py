"""A phone is repaired when its digits are all there, and never guessed."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.documents.phones import BadPhone, repair_phone

MAINLAND = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
BETWEEN = st.sampled_from(["", " ", "-", "—", "　", "\u00a0", ".", "  ", "\u200b", "\t"])
BEFORE = st.sampled_from(
    ["", "+86", "86", "0086", "+86 ", "86-", "(+86)", "＋８６ ", "'", "‘", "\u202d", " ", '="', "手机:", "0"]
)
AFTER = st.sampled_from(["", " ", '"', "\u202c", "\t", "\n", "(微信同号)", " 张先生", ";"])


@pytest.mark.parametrize(
    ("cell", "phone"),
    [
        ("13800001234", "+8613800001234"),
        (13800001234, "+8613800001234"),
        (13800001234.0, "+8613800001234"),
        (8613800001234.0, "+8613800001234"),
        ("13800001234.0", "+8613800001234"),
        ("１３８００００１２３４", "+8613800001234"),
        ("1.3800001234E+10", "+8613800001234"),
        ("1.3800001234e10", "+8613800001234"),
        ("8.613800001234E+12", "+8613800001234"),
        ("+86 (0)138 0000 1234", "+8613800001234"),
        ("13800001234（微信同号）", "+8613800001234"),
        ("+81 90-1234-5678", "+819012345678"),
        ("0081 90 1234 5678", "+819012345678"),
        ("+852 9123 4567", "+85291234567"),
        ("+1 (415) 555-2671", "+14155552671"),
    ],
)
def test_what_hr_types_becomes_one_number(cell: object, phone: str) -> None:
    """However it was typed, pasted or exported."""
    assert phone == repair_phone(cell)


@pytest.mark.parametrize(
    "cell", ["1.38E+10", "1.38e10", "1.380000123E+10", "１．３８Ｅ＋１０", "1E+10", " 1.38E+10 ", "'1.38E+10"]
)
def test_lost_digits_are_not_made_up(cell: str) -> None:
    """1.38E+10 could be a hundred million people."""
    with pytest.raises(BadPhone) as bad:
        repair_phone(cell)
    assert "digits lost" == bad.value.reason


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "abc",
        "12345",
        "1380000123",
        "138000012345",
        "12800001234",
        "010-88886666",
        "4008001234",
        "+86 10 8888 6666",
        "+81 3 1234 5678",
        "+999 123456789",
        "13800001234/13900005678",
        "13800001234 13900005678",
        "1380000l234",
        "138OOOO1234",
        "138****1234",
        "13800001234转5",
        "11010519491231002X",
        "13.8E+10",
        "1.38000012345E+10",
        13800001234.5,
        -13800001234,
        0,
        True,
        None,
        float("nan"),
        float("inf"),
        10**400,
        "1" * 100_000,
    ],
)
def test_what_is_no_mobile_number_is_refused(cell: object) -> None:
    """A landline, a masked number, two numbers, a typing error."""
    with pytest.raises(BadPhone) as bad:
        repair_phone(cell)
    assert "not a mobile number" == bad.value.reason


@settings(deadline=None)
@given(number=MAINLAND, before=BEFORE, after=AFTER, gaps=st.lists(BETWEEN, min_size=10, max_size=10))
def test_no_formatting_changes_the_number(number: str, before: str, after: str, gaps: list[str]) -> None:
    """Prefix, spaces, dashes, width marks and remarks come off; the digits stay."""
    spread = "".join(digit + gap for digit, gap in zip(number, [*gaps, ""], strict=True))
    assert f"+86{number}" == repair_phone(f"{before}{spread}{after}")


@settings(deadline=None)
@given(number=MAINLAND)
def test_full_width_floats_and_exponents_are_the_same_number(number: str) -> None:
    """What Excel makes of a number is undone."""
    wide = number.translate({48 + digit: 0xFF10 + digit for digit in range(10)})
    forms = [wide, int(number), float(number), f"{number}.00", f"{number[0]}.{number[1:]}E+10", f"+86{number}"]
    assert {f"+86{number}"} == {repair_phone(form) for form in forms}


@settings(deadline=None)
@given(
    cell=st.one_of(
        st.text(), st.text("0123456789+-.Ee 　０１"), st.floats(), st.integers(), st.none(), st.binary(), st.dates()
    )
)
def test_any_cell_is_a_number_or_a_bad_phone(cell: object) -> None:
    """Nothing else ever comes out, and a number that was repaired once stays as it is."""
    with suppress(BadPhone):
        phone = repair_phone(cell)
        assert phone == repair_phone(phone)


@settings(deadline=None)
@given(number=MAINLAND, at=st.integers(0, 10))
def test_a_lost_digit_is_never_filled_in(number: str, at: int) -> None:
    """Ten digits are no mobile number, wherever the gap is."""
    short = number[:at] + number[at + 1 :]
    with pytest.raises(BadPhone):
        repair_phone(short)
