"""Names, phones and addresses are compared the way people mean them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recruiting.contacts import last_four, name_parts, normalised_name, tidy_email


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("张三", "张三"),
        (" 张　三 ", "张三"),
        ("张\u200b三\n", "张三"),
        ("Ｍｅｉ Li", "meili"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("", ""),
    ],
)
def test_names_compare_without_spaces_case_and_width(written: str, compared: str) -> None:
    """张　三 in one list is 张三 in the other."""
    assert compared == normalised_name(written)


@given(st.text())
def test_a_compared_name_stays_as_it_is(name: str) -> None:
    """What was made comparable once does not change again."""
    assert normalised_name(name) == normalised_name(normalised_name(name))


def test_a_name_is_found_by_each_two_characters() -> None:
    """Searching 小明 finds 王小明; a single character has no such part."""
    assert ("小明", "王小") == name_parts("王 小明")
    assert () == name_parts("王")
    assert ("aa",) == name_parts("AAA")


def test_the_last_four_digits_are_those_people_say() -> None:
    """Whatever stands between them."""
    assert "1234" == last_four("+86 138-0000-1234")
    assert "1234" == last_four("１３８００００１２３４")
    assert "" == last_four("123")


@pytest.mark.parametrize(
    ("written", "address"),
    [
        (" Mei.Li@Example.COM ", "Mei.Li@example.com"),
        ("mailto:mei@example.com", "mei@example.com"),
        ("mei＠example．com", "mei@example.com"),
        ("<mei@example.com>;", "mei@example.com"),
        ("mei+jobs@mail.example.cn", "mei+jobs@mail.example.cn"),
        ("mei", None),
        ("mei@example", None),
        ("@example.com", None),
        ("a b@example.com", None),
        ("a@b@example.com", None),
        ("a@example..com", None),
        ("a..b@example.com", None),
        ("a@-example.com", None),
        ("a" * 70 + "@example.com", None),
        ("a@" + "b." * 200 + "com", None),
        ("a@example.com\nb@example.com", None),
        ("", None),
    ],
)
def test_addresses_are_tidied_or_refused(written: str, address: str | None) -> None:
    """An address keeps its first half as written and gets a lower-case domain."""
    assert address == tidy_email(written)


@given(st.text())
def test_any_text_is_an_address_or_none(text: str) -> None:
    """And an address that was tidied once stays as it is."""
    address = tidy_email(text)
    assert address is None or address == tidy_email(address)
