"""Hidden rows and the size of a sheet are told right, quickly where possible and exactly where not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.documents.layout import Glance, Layout, Merge, Survey, column_letters, column_number
from bot.documents.unreadable import Unreadable

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<worksheet><sheetData>'
TAIL = '</sheetData><mergeCells count="1"><mergeCell ref="C2:C4"/></mergeCells></worksheet>'
ROWS = (
    '<row r="1" spans="1:2"><c r="A1" t="s"><v>0</v></c><c r="C1"><f>1+1</f><v>2</v></c></row>'
    '<row r="2" hidden="1"><c r="A2"><v>1</v></c></row>'
    '<row r="3" ht="0" customHeight="1"><c r="B3" t="inlineStr"><is><t>x&gt;y</t></is></c></row>'
    '<row r="7" hidden="0" ht="15"><c r="A7"><v>1</v></c></row>'
)
SHEET = HEAD + ROWS + TAIL


def glanced(xml: str | bytes, chunk: int = 1 << 18) -> Layout | None:
    """What a glance tells of the sheet, fed in chunks."""
    content = xml.encode() if isinstance(xml, str) else xml
    glance = Glance()
    for at in range(0, len(content), chunk):
        glance.feed(content[at : at + chunk])
    return glance.layout()


def surveyed(xml: str | bytes) -> Layout:
    """What the parser tells of the sheet."""
    survey = Survey()
    survey.feed(xml.encode() if isinstance(xml, str) else xml)
    return survey.layout()


@given(chunk=st.integers(1, len(SHEET) + 1))
def test_a_glance_sees_what_a_survey_sees(chunk: int) -> None:
    """However the bytes arrive."""
    expected = Layout({2, 3}, [Merge(3, 2, 4)], texts=5, last_row=7, last_column=3)
    assert expected == surveyed(SHEET)
    assert expected == glanced(SHEET, chunk)


@pytest.mark.parametrize(
    "xml",
    [
        SHEET.replace("<row", "<x:row").replace("</row", "</x:row").replace("<worksheet", '<worksheet xmlns:x="urn:x"'),
        SHEET.replace("<row r=", "<row\tr=").replace("<c r=", "<c\nr="),
        SHEET.replace('<row r="2" hidden="1"', '<row hidden="1" r="2"'),
        SHEET.replace('hidden="1"', "hidden='1'"),
        SHEET.replace('<row r="2" ', '<row r="2" x=">" '),
        SHEET.replace("</sheetData>", '<!-- <row r="5" hidden="1"> --></sheetData>'),
        SHEET.replace('ref="C2:C4"/>', 'x="" ref="C2:C4"/>').replace("<mergeCell x", "<mergeCell  x"),
        SHEET.encode("utf-16").replace("UTF-8".encode("utf-16-le"), "UTF-16".encode("utf-16-le")),
    ],
)
def test_unusual_writing_is_surveyed_and_tells_the_same(xml: str | bytes) -> None:
    """A glance either says the same as the survey, or that it is not sure."""
    assert {2, 3} == surveyed(xml).hidden
    assert [Merge(3, 2, 4)] == surveyed(xml).merges
    assert (7, 3) == (surveyed(xml).last_row, surveyed(xml).last_column)
    assert glanced(xml) in (None, surveyed(xml))


def test_rows_and_cells_without_a_number_are_counted() -> None:
    """Some programs leave the references out."""
    rows = '<row><c><v>1</v></c></row><row hidden="true"><c/><c><v>1</v></c></row>'
    xml = f"<worksheet><sheetData>{rows}</sheetData></worksheet>"
    assert Layout({2}, [], texts=2, last_row=2, last_column=2) == surveyed(xml)
    assert glanced(xml) is None


def test_cells_that_are_only_formatted_ask_for_no_room() -> None:
    """A whole row in colour, down to column XFD, is nothing unusual."""
    xml = SHEET.replace("</row>", '<c r="XFD7" s="1"/></row>')
    assert glanced(xml) is None
    assert (7, 3) == (surveyed(xml).last_row, surveyed(xml).last_column)


@pytest.mark.parametrize(
    ("cell", "named"),
    [
        ('<row r="200001"><c r="A200001"><v>1</v></c></row>', "200000 rows"),
        ('<row r="8"><c r="A1048576"><v>1</v></c></row>', "200000 rows"),
        ('<row r="8"><c r="GS8"><v>1</v></c></row>', "200 columns"),
        ('<row r="190000"><c r="GR190000"><v>1</v></c></row>', "4000000 cells"),
        ('<row r="8">' + "<c><v>1</v></c>" * 201 + "</row>", "200 columns"),
    ],
)
def test_a_cell_far_away_is_refused(cell: str, named: str) -> None:
    """Laid out as a rectangle it would ask for more memory than there is."""
    xml = HEAD + ROWS + cell + TAIL
    assert glanced(xml) is None
    with pytest.raises(Unreadable, match=named):
        surveyed(xml)


def test_an_entity_is_refused() -> None:
    """Entities can swell to any size."""
    xml = '<!DOCTYPE worksheet [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;">]>' + SHEET.partition("\n")[2]
    assert glanced(xml) is None
    with pytest.raises(Unreadable, match="damaged"):
        surveyed(xml)


def test_text_used_by_many_cells_is_added_up() -> None:
    """A shared text of a megabyte in three hundred cells is three hundred megabytes."""
    cells = "".join(f'<row r="{row}"><c r="A{row}" t="s"><v>0</v></c></row>' for row in range(1, 301))
    survey = Survey([2**20])
    with pytest.raises(Unreadable, match="too much text"):
        survey.feed((HEAD + cells + TAIL).encode())


@given(st.integers(1, 16384))
def test_columns_have_letters(number: int) -> None:
    """A, Z, AA, XFD."""
    assert number == column_number(column_letters(number))
    assert ("A", "Z", "AA", "XFD") == tuple(map(column_letters, (1, 26, 27, 16384)))
