"""The list of provinces: complete, without contradictions, and refused where it says what it may not."""

from pathlib import Path

import pytest

from config.provinces import load_provinces
from recruiting.certificates import province_of


def test_all_provinces_are_there_and_no_mark_is_two_provinces() -> None:
    """31 of the mainland; each has a host of its government."""
    provinces = load_provinces()
    marks = [mark for province in provinces.values() for mark in province.marks]

    assert 31 == len(provinces)
    assert sorted(set(marks)) == sorted(marks)
    assert all(host.endswith(".gov.cn") for province in provinces.values() for host in province.hosts)


@pytest.mark.parametrize(
    ("issuer", "province"),
    [
        ("福州市疾病预防控制中心", "fujian"),
        ("上海市浦东新区人民医院", "shanghai"),
        ("长春市朝阳区医院", "jilin"),
        ("安康体检中心", ""),
        ("示例市人民医院", ""),
    ],
)
def test_issuers_are_found(issuer: str, province: str) -> None:
    """By province or city; a clinic's own name is no place."""
    assert province == province_of(issuer, load_provinces())


@pytest.mark.parametrize(
    "text", ["x: {marks: [某], hosts: [a.cn]}", "x: {marks: [某省]}", "x: {marks: [某省], hosts: [a/b]}"]
)
def test_mistakes_are_refused(tmp_path: Path, text: str) -> None:
    """Too short a mark, no host, no host name."""
    (tmp_path / "p.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="x"):
        load_provinces(tmp_path / "p.yaml")
