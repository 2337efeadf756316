"""Drawn certificates: the same each time, of every family and layout, and nobody's."""

import io
from datetime import date
from pathlib import Path

import pytest
from PIL import Image

from bot.documents.uploads import usable
from bot.sandbox.certificates import FAMILIES, HOSTS, FontMissing, fonts, make
from bot.sandbox.certificates.layouts import LAYOUTS, day

TODAY = date(2026, 3, 10)


def test_the_same_seed_gives_the_same_picture() -> None:
    """So that what was measured can be measured again."""
    assert make("genuine", "photo", 1, TODAY) == make("genuine", "photo", 1, TODAY)
    assert make("genuine", "clean", 1, TODAY).files != make("genuine", "clean", 2, TODAY).files


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_is_a_usable_file(layout: str) -> None:
    """Of a type that people send; nothing on it belongs to a real place."""
    sample = make("genuine", "clean", 3, TODAY, layout)

    assert [kind for _, kind in sample.files] == [usable(content) for content, _ in sample.files]
    assert sample.facts is not None
    assert sample.facts.identity.startswith("0000")
    assert sample.facts.issuer[:2] in {"示例", "样例", "虚构"}
    assert f".{HOSTS[0]}/" in sample.facts.code


def test_each_family_is_what_it_says() -> None:
    """As far as its facts tell."""
    drawn = {family: make(family, "clean", 0, TODAY) for family in FAMILIES}
    facts = {family: sample.facts for family, sample in drawn.items() if sample.facts is not None}

    assert facts["genuine"].valid_until > TODAY
    assert facts["expired"].valid_until < TODAY
    assert 0 <= (facts["expires_too_early"].valid_until - TODAY).days < 45
    assert drawn["other_person"].person != facts["other_person"].name
    assert (facts["altered_date"].valid_until - facts["altered_date"].examined_on).days > 366
    assert HOSTS[0] not in facts["strange_code"].code
    assert "public_place" == facts["wrong_category"].category
    assert drawn["not_a_certificate"].facts is None
    assert drawn["twice"].before


def test_photographs_hold_what_must_be_dropped() -> None:
    """The place where they were taken, so that tests see it go."""
    photo = next(s for n in range(8) if "image/jpeg" == (s := make("genuine", "photo", n, TODAY, "card")).files[0][1])
    with Image.open(io.BytesIO(photo.files[0][0])) as image:
        assert image.getexif().get_ifd(0x8825)


def test_dates_are_written_as_people_write_them() -> None:
    """Six forms."""
    forms = [day(date(2026, 10, 21), form) for form in range(6)]
    assert ["2026年10月21日", "2026-10-21", "2026.10.21", "2026/10/21"] == forms[:4]
    assert "二〇二六年十月二十一日" == forms[5]


def test_a_missing_font_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line for the operator."""
    monkeypatch.setattr(fonts, "FOLDERS", (Path("/nowhere"),))
    fonts.find.cache_clear()
    with pytest.raises(FontMissing, match="fonts-noto-cjk"):
        fonts.find(fonts.SANS)
