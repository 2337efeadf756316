"""Rows become candidates or come back with a reason; nobody is invited by guess and nobody gets lost."""

import csv
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.documents.roster import (
    Checked,
    Draft,
    Reason,
    Rejected,
    age_of,
    born_on,
    check_rows,
    is_uncounted,
    write_rejects,
)
from bot.documents.spreadsheet import Table, read_table, text_of

Workbook = Callable[..., bytes]

TODAY = date(2026, 5, 20)


def checked(table: Table, batch: str | None = "夏季") -> list[Checked]:
    """The rows of a list where only 店员 and 咖啡师 are sought."""
    return list(check_rows(table, takes={"店员", "咖啡师"}.__contains__, today=TODAY, batch=batch))


def listed(*lines: str, name: str = "名单.csv") -> Table:
    """A list written as text."""
    return read_table("\n".join(lines).encode(), name)


def reasons(rows: list[Checked]) -> list[tuple[int, str]]:
    """Row and reason of what was rejected."""
    return [(row.row, row.text) for row in rows if isinstance(row, Rejected)]


def test_moka_export(workbook: Workbook) -> None:
    """A title, numbers as numbers, hidden by a filter, dates as dates, a total at the end."""
    rows = [
        ["候选人列表", None],
        ["候选人姓名", "手机号码", "邮箱", "应聘职位", "工作地点", "招聘阶段", "来源", "投递时间", "招聘负责人"],
        [
            "王小梅",
            13800001234,
            "Mei@Example.COM",
            "店员",
            "人民广场店",
            "AI 面试",
            "BOSS直聘",
            datetime(2026, 5, 1, 9, 30),
            "陈静",
        ],
        ["李雷", "+86 139-0000-1234", None, "咖啡师", "徐家汇店", "初筛", "内推", datetime(2026, 5, 2), None],
        ["韩梅", 13700001234, None, "店员", None, "淘汰", None, None, None],
        ["合计", None, None, None, None, 3],
    ]
    assert [
        Draft(3, "王小梅", "+8613800001234", "Mei@example.com", "店员", "人民广场店", "夏季", None, "陈静",
              {"招聘阶段": "AI 面试", "来源": "BOSS直聘", "投递时间": "2026-05-01 09:30"}),
        Draft(4, "李雷", "+8613900001234", None, "咖啡师", "徐家汇店", "夏季", None, None,
              {"招聘阶段": "初筛", "来源": "内推", "投递时间": "2026-05-02"}),
        Rejected(5, Reason.HIDDEN, ("韩梅", "13700001234", "", "店员", "", "淘汰", "", "", "")),
    ] == checked(read_table(workbook(rows, hide=[5], merge=["A1:I1"]), "moka.xlsx"))  # fmt: skip


def test_beisen_export() -> None:
    """GB 18030 text with tabs behind the numbers, an identity-card column, ages."""
    lines = [
        "姓名,性别,年龄,手机,电子邮箱,身份证号,应聘岗位,所属门店,批次",
        '王小梅,女,22岁,"13800001234\t",,11010519491231002X,店员,人民广场店,春季',
        "李雷,男,15,13900001234,,,店员,人民广场店,春季",
        "刘芳,女,,1.38E+10,fang@example.com,,店员,徐家汇店,",
    ]
    table = read_table("\r\n".join(lines).encode("gb18030"), "北森导出.csv")
    assert ("身份证号",) == table.dropped
    assert [
        Draft(2, "王小梅", "+8613800001234", None, "店员", "人民广场店", "春季", None, None, {"性别": "女"}),
        Rejected(3, Reason.UNDER_AGE, ("李雷", "男", "15", "13900001234", "", "", "店员", "人民广场店", "春季")),
        Rejected(4, Reason.DIGITS_LOST, ("刘芳", "女", "", "1.38E+10", "fang@example.com", "", "店员", "徐家汇店", "")),
    ] == checked(table, batch=None)


def test_feishu_export(workbook: Workbook) -> None:
    """English and Japanese speakers, a merged shop, contacts in one column, the file's name as batch."""
    rows = [
        ["候选人", "联系方式", "投递职位", "门店", "语言"],
        ["Ｍａｒｙ  Sue", "mary@example.com", "咖啡师", "徐家汇店", "English"],
        ["田中　花子", "+81 90-1234-5678", "咖啡师", None, "日文"],
        ["王小梅", 13800001234, "咖啡师", None, "四级"],
    ]
    assert [
        Draft(2, "Ｍａｒｙ Sue", None, "mary@example.com", "咖啡师", "徐家汇店", "飞书 6月", "en", None, {}),
        Draft(3, "田中 花子", "+819012345678", None, "咖啡师", "徐家汇店", "飞书 6月", "ja", None, {}),
        Draft(4, "王小梅", "+8613800001234", None, "咖啡师", "徐家汇店", "飞书 6月", None, None, {"语言": "四级"}),
    ] == checked(read_table(workbook(rows, merge=["D2:D4"]), "飞书 6月.xlsx"), batch=None)


def test_every_reason_in_the_contracts_words() -> None:
    """One row each; a phone that can't be repaired is a reject even beside an e-mail."""
    table = listed(
        "姓名,手机,邮箱,岗位,出生日期",
        ",13800000001,,店员,",
        "甲,13800000002,,,",
        "甲,13800000003,,店长,",
        "甲,1380000,a@example.com,店员,",
        "甲,1.38E+10,a@example.com,店员,",
        "甲,,,店员,",
        "甲,无,不详,店员,",
        "甲,13800000004,,店员,2010-05-21",
        f"{'甲' * 101},13800000005,,店员,",
        "乙,13800000006,,店员,2010-05-20",
        "丙,13800000006,,店员,",
    )
    assert [
        (2, "no name"),
        (3, "no position"),
        (4, "no process takes this position: 店长"),
        (5, "bad phone"),
        (6, "digits lost"),
        (7, "no contact"),
        (8, "no contact"),
        (9, "under 16"),
        (10, "too long: 姓名"),
        (12, "phone belongs to another person"),
    ] == reasons(checked(table))
    assert all(reason.zh for reason in Reason)


def test_one_person_may_stand_twice() -> None:
    """The same phone with the same name, however spaced, is one person; twin rows are the storage's matter."""
    rows = checked(
        listed(
            "name,phone,position",
            "Mei Li,13800001234,店员",
            "ＭＥＩ ＬＩ,+86 13800001234,咖啡师",
            "Mei Li,13800001234,店员",
        )
    )
    assert [("+8613800001234", "店员"), ("+8613800001234", "咖啡师"), ("+8613800001234", "店员")] == [
        (row.phone, row.position) for row in rows if isinstance(row, Draft)
    ]


def test_a_rejected_row_does_not_claim_its_phone() -> None:
    """A mistyped row above does not keep the right one out."""
    rows = checked(listed("姓名,手机,岗位", "王晓梅,13800001234,店长", "王小梅,13800001234,店员"))
    assert [(2, "no process takes this position: 店长")] == reasons(rows)


def test_blank_and_total_rows_are_not_counted() -> None:
    """Whatever the totals are called."""
    lines = ["", ",,", "合计,,", "总计：20,,", "小计 3,,", "共 20 人,,", "共二十人,,", "TOTAL,20,", ",Total,20"]
    assert [] == checked(listed("姓名,手机,岗位", *lines))
    assert not is_uncounted(["共青团", "1"])
    assert not is_uncounted(["总经理", "1"])


def test_a_hidden_total_is_not_counted_and_a_hidden_mistake_is_hidden(workbook: Workbook) -> None:
    """Hidden comes before every other reason."""
    rows = [["姓名", "手机", "岗位"], ["甲", "1", "店长"], ["合计", None, None], [None, None, None]]
    assert [(2, "hidden row")] == reasons(checked(read_table(workbook(rows, hide=[2, 3, 4]), "x.xlsx")))


def test_contacts_in_each_others_column_are_put_right() -> None:
    """Phone under 邮箱, address under 手机; an address that is none stays with the candidate as it was written."""
    rows = checked(
        listed(
            "姓名,手机,邮箱,岗位",
            "甲,a@example.com,13800000001,店员",
            "乙,,13800000002,店员",
            "丙,c@example.com,,店员",
            "丁,d@example.com,d2@example.com,店员",
            "戊,13800000005,待补,店员",
        )
    )
    assert [
        ("+8613800000001", "a@example.com", {}),
        ("+8613800000002", None, {}),
        (None, "c@example.com", {}),
        (None, "d2@example.com", {"手机": "d@example.com"}),
        ("+8613800000005", None, {"邮箱": "待补"}),
    ] == [(row.phone, row.email, row.extra) for row in rows if isinstance(row, Draft)]


def test_a_second_phone_column_serves_where_the_first_is_empty() -> None:
    """And stays with the candidate where it does not."""
    rows = checked(listed("姓名,手机,电话,岗位", "甲,13800000001,021-66668888,店员", "乙,,13800000002,店员"))
    assert [("+8613800000001", {"电话": "021-66668888"}), ("+8613800000002", {})] == [
        (row.phone, row.extra) for row in rows if isinstance(row, Draft)
    ]


def test_a_named_batch_holds_for_all_rows_and_the_column_stays_with_the_candidate() -> None:
    """Without it the column counts, then the file's name; a default position fills the gap."""
    table = listed("姓名,手机,批次", "甲,13800000001,春", "乙,13800000002,", name="招聘.csv")
    named = check_rows(table, takes=bool, today=TODAY, batch="夏", default_position="店员")
    unnamed = check_rows(table, takes=bool, today=TODAY, default_position="店员")
    assert [("夏", {"批次": "春"}), ("夏", {})] == [(row.batch, row.extra) for row in named if isinstance(row, Draft)]
    assert [("春", {}), ("招聘", {})] == [(row.batch, row.extra) for row in unnamed if isinstance(row, Draft)]


@pytest.mark.parametrize(
    ("cell", "years"),
    [
        (15, 15),
        (15.0, 15),
        ("15岁", 15),
        ("１５周岁", 15),
        ("15.9", 15),
        ("16 years", 16),
        ("22-25", None),
        ("", None),
        ("保密", None),
    ],
)
def test_ages(cell: str | float, years: int | None) -> None:
    """In full years, however they are written."""
    assert years == age_of(cell)


@pytest.mark.parametrize(
    ("cell", "born"),
    [
        (date(2010, 5, 1), date(2010, 5, 1)),
        (datetime(2010, 5, 1, 8), date(2010, 5, 1)),
        (40299.0, date(2010, 5, 1)),
        ("40299", date(2010, 5, 1)),
        (20100501.0, date(2010, 5, 1)),
        ("2010-5-1", date(2010, 5, 1)),
        ("2010/05/01 00:00:00", date(2010, 5, 1)),
        ("2010年5月1日", date(2010, 5, 1)),
        ("２０１０．５．１", date(2010, 5, 1)),
        ("2010-05", date(2010, 5, 31)),
        ("2010年12月", date(2010, 12, 31)),
        (2010.0, date(2010, 12, 31)),
        ("2010-13-01", None),
        ("2010-02-30", None),
        ("0001-01-01", None),
        ("保密", None),
        ("", None),
    ],
)
def test_days_of_birth(cell: str | float | date, born: date | None) -> None:
    """As dates, Excel's day numbers and texts; the latest day it may have been."""
    assert born == born_on(cell)


def test_rejects_go_back_as_a_list_that_excel_opens_and_the_import_takes_again(tmp_path: Path) -> None:
    """With a BOM, row and reason first, no cell a formula, no identity number; mended, it imports."""
    table = listed(
        "姓名,手机,岗位,备注,身份证",
        "甲,+86 138,店员,=HYPERLINK(1),11010519491231002X",
        '乙,13800000002,店长,"-1, @x",',
    )
    path = tmp_path / "名单.csv.errors.csv"
    rejects = (row for row in checked(table) if isinstance(row, Rejected))
    assert 2 == write_rejects(path, table.header, rejects)
    assert path.read_bytes().startswith(b"\xef\xbb\xbfrow,reason,")
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert [
            ["row", "reason", "姓名", "手机", "岗位", "备注", "身份证"],
            ["2", "bad phone", "甲", "'+86 138", "店员", "'=HYPERLINK(1)", ""],
            ["3", "no process takes this position: 店长", "乙", "13800000002", "店长", "'-1, @x", ""],
        ] == list(csv.reader(file))
    mended = path.read_text("utf-8-sig").replace("'+86 138", "'+86 13800000001").replace("店长", "店员")
    path.write_text(mended, "utf-8-sig")
    assert [("甲", "+8613800000001"), ("乙", "+8613800000002")] == [
        (row.name, row.phone)
        for row in checked(read_table(path))
        if isinstance(row, Draft) and "reason" not in row.extra
    ]


CELLS = st.one_of(
    st.text(max_size=12), st.sampled_from(["店员", "13800001234", "a@example.com", "合计", "无", "2010-01-01"])
)


@settings(deadline=None)
@given(st.lists(st.lists(CELLS, max_size=7), max_size=8))
def test_every_row_is_a_draft_a_reject_or_not_counted(rows: list[list[str]]) -> None:
    """Whatever stands in the cells; a draft can always be reached and is always complete."""
    lines = [["姓名", "手机", "邮箱", "岗位", "出生日期"], *rows]
    quoted = "\r\n".join(",".join('"' + cell.replace('"', '""') + '"' for cell in line) for line in lines)
    table = read_table(quoted.encode("utf-8", "replace"), "x.csv")
    found = checked(table)
    counted = [row.number for row in table.rows() if not is_uncounted([text_of(cell) for cell in row.cells])]
    assert counted == [row.row for row in found]
    assert all(row.name and row.position and (row.phone or row.email) for row in found if isinstance(row, Draft))


@pytest.mark.parametrize("heading", ["健康证有效期", "健康证到期", "Certificate expires", "健康証明期限"])
def test_who_has_a_date_there_works_here_already(heading: str) -> None:
    """An empty cell is a candidate like any other; a date that can't be read is no reason to invite somebody."""
    rows = checked(
        listed(
            f"姓名,手机,岗位,{heading}",
            "王小梅,13800001234,店员,2026年12月1日",
            "李雷,13900001234,店员,",
            "韩梅,13700001234,店员,看不清",
        )
    )
    assert [date(2026, 12, 1), None] == [row.certificate_until for row in rows if isinstance(row, Draft)]
    assert [(4, "bad certificate date: 看不清")] == reasons(rows)
