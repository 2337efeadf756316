"""Fields by their labels: recorded lines, wherever they stand, and what must not be taken for one."""

from datetime import date

import pytest

from bot.documents.reading.dates import dates_in
from bot.documents.reading.fields import Fields, category_of, find, is_identity, name_of, number_of, together
from bot.documents.reading.lines import Line
from recruiting.certificates import Category

TITLE = ("从业人员健康证明", 200.0, 0.0)
IDENTITY = "110101199003071234"


def at(text: str, left: float, top: float) -> Line:
    """A line of letters 20 pixels wide and 24 tall."""
    return Line(text, left, top, left + 20 * len(text), top + 24)


def page(*placed: tuple[str, float, float]) -> list[Line]:
    return [at(*one) for one in placed]


def rows(*texts: str) -> list[Line]:
    """One line under the other, beneath a title."""
    return page(TITLE, *((text, 40.0, 60.0 + 40 * number) for number, text in enumerate(texts)))


def read(lines: list[Line]) -> Fields:
    return together([find(lines)])


def shown(lines: list[Line]) -> set[str]:
    """What stays legible."""
    return {lines[span.line].text[span.start : span.end].strip() for span in find(lines).spans}


EXPECTED = Fields(
    certificate=True,
    name="张小雨",
    number="JK2025001234",
    category=Category.FOOD,
    examined_on=date(2025, 9, 1),
    issued_on=None,
    valid_until=date(2026, 8, 31),
    issuer="示例市人民医院",
)


def test_label_and_value_on_one_line() -> None:
    """With signs of either width, with spaces, with several fields on a line."""
    lines = rows(
        "姓　名：张小雨  性别：女  年龄：22",
        "编号: JK2025001234",
        "从业类别：食品类",
        "体检日期：2025年09月01日",
        "有效期至 2026年8月31日",
        "发证单位：示例市人民医院",
    )
    assert EXPECTED == read(lines)
    assert not any("性别" in text or "22" in text for text in shown(lines))


def test_values_at_the_right_edge() -> None:
    """As on a telephone's screen; a watermark in between is no value."""
    pairs = [
        *(("姓名", "张小雨"), ("证件号码", IDENTITY), ("健康证编号", "JK2025001234"), ("工种", "食品经营")),
        *(("检查日期", "2025-09-01"), ("有效期限", "2026/08/31"), ("发证机构", "示例市人民医院")),
    ]
    placed = [
        place
        for n, (label, value) in enumerate(pairs)
        for place in ((label, 40, 60 + 50 * n), (value, 500, 60 + 50 * n))
    ]
    lines = [*page(TITLE, *placed), at("张", 300, 60), Line("", 250, 100, 400, 200)]

    assert EXPECTED == read(lines)
    assert IDENTITY not in " ".join(shown(lines))


def test_values_beneath_their_labels() -> None:
    """In columns; the result beside them is neither read nor shown."""
    lines = page(
        *(TITLE, ("姓名", 40, 60), ("性别", 400, 60), ("张小雨", 40, 90), ("女", 400, 90)),
        *(("证书编号", 40, 150), ("JK2025001234", 40, 180)),
        *(("检查日期", 40, 240), ("有效期至", 400, 240), ("2025.09.01", 40, 270), ("2026.08.31", 400, 270)),
        *(("工种", 40, 330), ("体检结论", 400, 330), ("食品类", 40, 360), ("合格", 400, 360)),
        *(("发证单位", 40, 420), ("示例市人民医院", 40, 450)),
    )
    assert EXPECTED == read(lines)
    assert not {"女", "合格", "体检结论", "性别"} & shown(lines)


def test_a_range_and_a_year() -> None:
    """A validity is a day, a range, or a year from the examination on."""
    head = ("姓名：张小雨", "编号：JK2025001234", "类别：食品类", "发证单位：示例市人民医院")
    spoken = read(rows(*head, "有效期：2025.09.01至2026.08.31"))
    assert (date(2025, 9, 1), date(2026, 8, 31)) == (spoken.examined_on, spoken.valid_until)
    year = read(rows(*head, "体检日期：2025年9月1日", "有效期：一年"))
    assert (date(2025, 9, 1), date(2026, 8, 31)) == (year.examined_on, year.valid_until)


def test_what_says_two_things_says_nothing() -> None:
    """Front of one certificate and back of another: a person looks."""
    front = find(rows("姓名：张小雨", "编号：JK2025001234"))
    back = find(rows("姓名：李四光", "有效期至：2026年8月31日"))
    assert ("", "JK2025001234", date(2026, 8, 31)) == (
        together([front, back]).name,
        together([front, back]).number,
        together([front, back]).valid_until,
    )


@pytest.mark.parametrize(
    "line",
    [
        *(
            "乙肝表面抗原：阴性",
            "谷丙转氨酶 ALT：23 U/L",
            "检查结果：合格",
            f"身份证号：{IDENTITY}",
            "民族：汉",
            "未见异常",
        ),
        *("甲肝抗体IgM：阴性", "电话：13800001234", "工作单位：某某餐厅"),
    ],
)
def test_nothing_else_is_shown(line: str) -> None:
    """Results, identity cards and everything without a field's label."""
    lines = rows("姓名：张小雨", line, "有效期至：2026年8月31日")
    assert {"从业人员健康证明", "姓名:张小雨", "有效期至:2026年8月31日"} == {
        text.replace("：", ":") for text in shown(lines)
    }
    assert "阴" not in repr(read(lines))


def test_an_identity_card_is_no_certificate_number() -> None:
    """Even behind the label of a number; nor is one that is partly hidden."""
    lines = rows("姓名：张小雨", f"编号：{IDENTITY}", "有效期至：2026年8月31日")
    assert "" == read(lines).number
    assert IDENTITY not in "".join(shown(lines))
    assert is_identity("110101********1234")
    assert "" == number_of("110101********1234")


@pytest.mark.parametrize(
    "texts",
    [
        ("健康证体检预约单", "姓名：张小雨", "编号：20250012345"),
        ("体检报告", "姓名：张小雨", "体检日期：2025-09-01", "有效期至：2026-08-31", "编号：20250012345", "类别：食品"),
        ("食品安全培训合格证", "姓名：张小雨", "证书编号：20250012345", "有效期至：2026-08-31"),
        ("我的健康证什么时候到期？", "好的，谢谢"),
        ("健康证",),
    ],
)
def test_other_papers_are_no_certificates(texts: tuple[str, ...]) -> None:
    """A title and labels are both needed, and some titles say that it is something else."""
    assert not read(page(*((text, 40, 40.0 * number) for number, text in enumerate(texts)))).certificate


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026年3月5日", [date(2026, 3, 5)]),
        ("2026 年 03 月 05 日", [date(2026, 3, 5)]),
        ("2026-03-05", [date(2026, 3, 5)]),
        ("2026.3.5", [date(2026, 3, 5)]),
        ("2026/03/05", [date(2026, 3, 5)]),
        ("20260305", [date(2026, 3, 5)]),
        ("二〇二六年三月十五日", [date(2026, 3, 15)]),
        ("二○二六年十二月二十一日", [date(2026, 12, 21)]),
        ("2025.03.05至2026.03.04", [date(2025, 3, 5), date(2026, 3, 4)]),
        ("2025-03-05~2026-03-04", [date(2025, 3, 5), date(2026, 3, 4)]),
        ("2026年3月", []),
        ("2026年10月2", []),  # the half of 22
        ("2026-02-30", []),
        ("1890-01-01", []),
        ("12026-03-055", []),
    ],
)
def test_dates(text: str, found: list[date]) -> None:
    """All usual forms; what is not certain is no date."""
    assert found == dates_in(text)


def test_small_things() -> None:
    """Names, numbers, kinds."""
    assert "阿依古丽·买买提" == name_of("阿依古丽·买买提")
    assert "Maria Garcia" == name_of("Maria Garcia")
    assert "" == name_of("张") == name_of("姓名") == name_of("张3")
    assert "例卫健字[2025]第012号" == number_of("例卫健字〔2025〕第 012 号")
    assert "例卫健字[2025]第012号" == number_of("例卫健字[2025]第012号食品类")
    assert Category.FOOD is category_of("☑食品类 □公共场所类")
    assert Category.PUBLIC_PLACE is category_of("□食品类 ☑公共场所类")
    assert category_of("食品类、公共场所类") is None
