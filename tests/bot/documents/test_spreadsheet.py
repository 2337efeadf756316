"""Lists are found in whatever HR sends, and what is no list is refused in one line."""

import io
import zipfile
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.documents.columns import Field
from bot.documents.spreadsheet import Table, read_table
from bot.documents.unreadable import Unreadable

Workbook = Callable[..., bytes]

HEADER = ["姓名", "手机", "应聘职位"]
MEI = ["王小梅", "13800001234", "店员"]
LI = ["李雷", "13900001234", "店员"]
BEGIN = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
END = "</sheetData></worksheet>"
IDENTITY = "11010519491231002X"  # the standard's own example


def seen(table: Table) -> list[tuple[int, list[object]]]:
    """Number and cells of each row that is not blank."""
    return [(row.number, list(row.cells)) for row in table.rows() if any(row.cells)]


def packed(book: openpyxl.Workbook) -> bytes:
    """The workbook as the bytes of its file."""
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def test_the_header_is_found_below_merged_titles(workbook: Workbook) -> None:
    """Title, subtitle, header in row 4, a blank row, the people; rows keep the number that Excel shows."""
    rows = [["八月门店招聘名单", None, None], ["制表：人事部"], [], HEADER, MEI, [], LI]
    table = read_table(workbook(rows, merge=["A1:C1", "A2:C2"]), "八月.xlsx")
    assert ("八月", 4, tuple(HEADER)) == (table.title, table.header_row, table.header)
    assert [(5, MEI), (7, LI)] == seen(table)


def test_a_list_may_begin_in_any_column() -> None:
    """Here in C3, with a column without heading, which is called by its letter, and one heading twice."""
    book = openpyxl.Workbook()
    for at, (heading, value) in enumerate(
        [("姓名", "王小梅"), ("手机", 13800001234), ("", "急"), ("备注", "a"), ("备注", "b")]
    ):
        book.active.cell(3, 3 + at, heading or None)
        book.active.cell(4, 3 + at, value)
    table = read_table(packed(book), "x.xlsx")
    assert ("姓名", "手机", "E", "备注", "备注 2") == table.header
    assert [(4, ["王小梅", 13800001234.0, "急", "a", "b"])] == seen(table)


def test_hidden_rows_are_flagged(workbook: Workbook) -> None:
    """Nobody whom HR has filtered out looks like somebody to invite."""
    table = read_table(workbook([HEADER, MEI, LI, MEI], hide=[3]), "x.xlsx")
    assert [(2, False), (3, True), (4, False)] == [(row.number, row.hidden) for row in table.rows()]


def test_the_first_visible_sheet_with_a_header_wins(workbook: Workbook) -> None:
    """A cover sheet and a hidden sheet are passed over; another list is named, so that it is not forgotten."""
    book = openpyxl.Workbook()
    book.active.title = "说明"
    book.active.append(["请填写下表"])
    hidden = book.create_sheet("去年")
    hidden.sheet_state = "hidden"
    for name, person in (("去年", LI), ("名单", MEI), ("名单二", LI)):
        sheet = hidden if name == "去年" else book.create_sheet(name)
        sheet.append(HEADER)
        sheet.append(person)
    table = read_table(packed(book), "x.xlsx")
    assert ("名单", ("名单二",)) == (table.sheet, table.unread)
    assert [(2, MEI)] == seen(table)


def test_a_formula_counts_by_its_cached_value(raw_workbook: Workbook) -> None:
    """What HR sees in the cell is what we read."""
    headings = zip("ABC", HEADER, strict=True)
    head = "".join(f'<c r="{column}1" t="inlineStr"><is><t>{name}</t></is></c>' for column, name in headings)
    person = (
        '<c r="A2" t="str"><f>B9&amp;C9</f><v>王小梅</v></c><c r="B2"><f>13800001230+4</f><v>13800001234</v></c>'
        '<c r="C2" t="s"><v>0</v></c>'
    )
    sheet = f'{BEGIN}<row r="1">{head}</row><row r="2">{person}</row>{END}'
    table = read_table(raw_workbook(sheet, ["店员"]), "x.xlsx")
    assert [(2, ["王小梅", 13800001234.0, "店员"])] == seen(table)


def test_a_merged_shop_holds_for_all_its_rows(workbook: Workbook) -> None:
    """One cell 人民广场店 beside three people; a merged phone belongs to the first only, and blank rows stay blank."""
    rows = [
        ["姓名", "手机", "岗位", "门店"],
        ["甲", "1", "店员", "人民广场店"],
        ["乙", None, None, None],
        [],
        ["丙", "3", None, None],
    ]
    table = read_table(workbook(rows, merge=["D2:D5", "C2:C3", "B2:B3"]), "x.xlsx")
    assert [
        (2, ["甲", "1", "店员", "人民广场店"]),
        (3, ["乙", "", "店员", "人民广场店"]),
        (5, ["丙", "3", "", "人民广场店"]),
    ] == seen(table)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_text_files_of_any_encoding_and_delimiter(encoding: str, delimiter: str) -> None:
    """As Excel, WPS and exports write them; a line break inside quotes is one row."""
    lines = [["名单"], HEADER, MEI, [], ['"李\n雷"', *LI[1:]]]
    content = "\r\n".join(delimiter.join(line) for line in lines).encode(encoding)
    table = read_table(content, "名单.csv")
    assert (2, tuple(HEADER), "名单") == (table.header_row, table.header, table.title)
    assert [(3, MEI), (5, ["李\n雷", *LI[1:]])] == seen(table)


@pytest.mark.parametrize(
    ("headings", "fields"),
    [
        # Moka
        (
            "候选人姓名 手机号码 邮箱 应聘职位 工作地点 招聘负责人 出生日期",
            "name phone email position shop recruiter birth",
        ),
        # 北森
        ("姓名 手机 电子邮箱 应聘岗位 所属门店 招聘专员 年龄", "name phone email position shop recruiter age"),
        # 飞书招聘
        ("候选人 联系电话 邮箱 投递职位 门店 负责人 语言", "name phone email position shop recruiter locale"),
        ("Name Mobile E-mail Position Store Batch Locale", "name phone email position shop batch locale"),
        (
            "Full_Name Phone_Number Email_Address Job_Title Location Batch Language",
            "name phone email position shop batch locale",
        ),
    ],
)
def test_headings_of_common_systems(headings: str, fields: str) -> None:
    """Each column is understood."""
    table = read_table(f"{headings}\n".replace(" ", ",").encode(), "x.csv")
    assert {Field(field): (at,) for at, field in enumerate(fields.split())} == table.columns.places


@pytest.mark.parametrize(
    "heading",
    ["手 机", " 手机*", "手机（必填）", "*手机号码(11位)", "手机\n号码", "ＰＨＯＮＥ", "Mobile Phone", "手机："],
)
def test_headings_are_read_loosely(heading: str) -> None:
    """Spaces, stars, notes, width, case and line breaks don't matter."""
    table = read_table(f'姓名,"{heading}"\n'.encode(), "x.csv")
    assert (1,) == table.columns.of(Field.PHONE)


def test_the_mobile_column_goes_before_the_telephone_column() -> None:
    """Both may hold the number; the surer one is asked first."""
    table = read_table("电话,姓名,手机号\n".encode(), "x.csv")
    assert (2, 0) == table.columns.of(Field.PHONE)


def test_identity_numbers_are_dropped_and_named(workbook: Workbook) -> None:
    """By the heading, by a valid number under any heading, and out of a remark; kept as a rounded number too."""
    header = ["姓名", "手机", "身份证号码", "证件", "备注", "编号", "旧证"]
    rows = [header, ["甲", "1", "不详", IDENTITY, f"证{IDENTITY}号", "110105194912310021", 110105194912310021]]
    table = read_table(workbook([*rows, ["乙", "2", "", "遗失", "好", "7", ""]]), "x.xlsx")
    assert ("身份证号码", "证件", "备注", "旧证") == table.dropped
    assert [
        (2, ["甲", "1", "", "", "证号", "110105194912310021", ""]),
        (3, ["乙", "2", "", "", "好", "7", ""]),
    ] == seen(table)


def test_a_date_stays_a_date(workbook: Workbook) -> None:
    """And a phone formatted as a date stays a number."""
    book = openpyxl.Workbook()
    for row in (["姓名", "手机", "投递时间"], ["甲", 13800001234, date(2026, 5, 1)]):
        book.active.append(row)
    book.active["B2"].number_format = "yyyy-mm-dd"
    assert [(2, ["甲", 13800001234.0, date(2026, 5, 1)])] == seen(read_table(packed(book), "x.xlsx"))


def test_a_number_that_is_no_date_at_all_is_refused() -> None:
    """calamine gives up on it altogether."""
    book = openpyxl.Workbook()
    for row in (["姓名", "手机", "投递时间"], ["甲", 13800001234, -1e300]):
        book.active.append(row)
    book.active["C2"].number_format = "yyyy-mm-dd"
    assert "damaged" in refused(packed(book))


def refused(content: bytes | Path, name: str = "x.xlsx") -> str:
    """The one line with which a file is refused."""
    with pytest.raises(Unreadable) as unreadable:
        read_table(content, name)
    assert 1 == len(unreadable.value.reason.splitlines()) == len(unreadable.value.reason_zh.splitlines())
    return unreadable.value.reason


def test_what_is_no_list_is_refused_with_what_to_do(workbook: Workbook, tmp_path: Path) -> None:
    """Each in its own words."""
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
    assert "cannot read none.xlsx: No such file or directory" == refused(tmp_path / "none.xlsx")
    assert "save it as .xlsx or .csv" in refused(b"", "x.xlsx")
    assert "save it as .xlsx or .csv" in refused(b"<html><table></table></html>", "x.xls")
    assert "save it as .xlsx or .csv" in refused(ole, "x.xls")
    assert "remove the password" in refused(ole + "EncryptedPackage".encode("utf-16-le"))
    assert "no header row" in refused(workbook([["门店", "店长"], ["甲", "乙"]]))
    assert "no header row" in refused(b"", "x.csv")
    assert "characters of the text file" in refused("姓名,手机".encode() + b"\xff\xff", "x.csv")
    assert "quotation mark" in refused('姓名,手机\n"王小梅,13800001234\n李雷,13900001234\n'.encode(), "x.csv")
    assert "damaged" in refused(workbook([HEADER])[:-30])
    assert "over 50 MiB" in refused(bytes(50 * 2**20 + 1))
    assert "200 columns" in refused(b"name,phone" + b"," * 200, "x.csv")
    assert "200000 rows" in refused(b"name,phone\n" + b"\n" * 200_000, "x.csv")


def test_another_archive_is_no_workbook() -> None:
    """A renamed .zip, .docx or .xlsb."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("xl/workbook.bin", b"")
    assert "not an .xlsx workbook" in refused(content.getvalue())


@pytest.mark.parametrize(
    "sheet",
    [
        " " * (30 * 2**20),  # a thousand times smaller when packed
        '<worksheet><sheetData><row r="1"><c r="A1"><v>1</v></c><c r="XFD1"><v>1</v></c></row></sheetData></worksheet>',
        '<worksheet><sheetData><row r="1048576"><c r="A1048576"><v>1</v></c></row></sheetData></worksheet>',
    ],
)
def test_a_bomb_is_refused_before_it_is_read(raw_workbook: Workbook, sheet: str) -> None:
    """A few kilobytes that would ask for gigabytes."""
    content = raw_workbook(sheet, level=9)
    assert len(content) < 40_000
    assert "too large" in refused(content)


def test_long_texts_in_very_many_cells_are_refused(raw_workbook: Workbook) -> None:
    """One text of a megabyte, used three hundred times; used twice it is fine."""

    def sheet(times: int) -> str:
        rows = "".join(f'<row r="{row}"><c r="A{row}" t="s"><v>2</v></c></row>' for row in range(2, times + 2))
        return f'{BEGIN}<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>{rows}{END}'

    shared = ["姓名", "手机", "长" * 2**20]
    assert "too much text" in refused(raw_workbook(sheet(300), shared))
    assert 2 == len(seen(read_table(raw_workbook(sheet(2), shared), "x.xlsx")))


def test_a_size_that_lies_is_refused(raw_workbook: Workbook) -> None:
    """The archive announces a small sheet and unpacks to a large one."""
    content = raw_workbook("<worksheet>" + " " * 100_000 + "</worksheet>")
    real = (len("<worksheet></worksheet>") + 100_000).to_bytes(4, "little")
    assert 2 == content.count(real)
    assert "damaged" in refused(content.replace(real, (50).to_bytes(4, "little")))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8), st.floats(0, 1))
@example([], 0.5)
def test_a_damaged_archive_is_read_or_refused(
    workbook: Workbook, changes: list[tuple[float, int]], keep: float
) -> None:
    """Bytes changed or cut off anywhere: never another error."""
    content = bytearray(workbook([HEADER, MEI, LI], hide=[3]))
    for at, value in changes:
        content[int(at * (len(content) - 1))] = value
    read_or_refuse(bytes(content))
    read_or_refuse(bytes(content[: int(keep * len(content))]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@given(
    at=st.integers(0, 2000),
    cut=st.integers(0, 40),
    put=st.sampled_from(["", "<", ">", '"', "&", "<v>", "</c>", "9", "-1e300", "é", "<row>", "\0"]),
)
def test_damaged_xml_is_read_or_refused(raw_workbook: Workbook, at: int, cut: int, put: str) -> None:
    """The archive is whole, its sheet is not: never another error."""
    sheet = (
        f'{BEGIN}<row r="1" spans="1:3"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>'
        '<row r="2" hidden="1"><c r="A2" t="str"><f>A1</f><v>x</v></c><c r="B2"><v>13800001234</v></c></row>'
        '<row r="3"><c r="A3" t="e"><v>#N/A</v></c><c r="B3" t="d"><v>2026-05-01</v></c></row>'
        '</sheetData><mergeCells count="1"><mergeCell ref="C2:C3"/></mergeCells></worksheet>'
    )
    at %= len(sheet)
    read_or_refuse(raw_workbook(sheet[:at] + put + sheet[at + cut :], ["姓名", "手机"]))


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["x.csv", "x.xlsx", "x", "x.TXT"]))
def test_any_bytes_are_read_or_refused(content: bytes, name: str) -> None:
    """Also behind a header."""
    read_or_refuse(content, name)
    read_or_refuse("姓名,手机\n".encode() + content, name)


def read_or_refuse(content: bytes, name: str = "x.xlsx") -> None:
    """Read all rows; the only error allowed is Unreadable."""
    with suppress(Unreadable):
        assert all(row.number > 1 for row in read_table(content, name).rows())
