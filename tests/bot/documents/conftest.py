"""Real workbooks for the tests: made by openpyxl, or of raw XML where a program would refuse to write it."""

import io
import zipfile
from collections.abc import Callable, Sequence

import openpyxl
import pytest

Workbook = Callable[..., bytes]

_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


@pytest.fixture
def workbook() -> Workbook:
    """`workbook(rows, hide=[3])`: an .xlsx with these rows from row 1 on, of which some are hidden."""

    def make(rows: Sequence[Sequence[object]], hide: Sequence[int] = (), merge: Sequence[str] = ()) -> bytes:
        book = openpyxl.Workbook()
        sheet = book.active
        assert sheet is not None
        for row in rows:
            sheet.append(list(row))
        for number in hide:
            sheet.row_dimensions[number].hidden = True
        for cells in merge:
            sheet.merge_cells(cells)
        return saved(book)

    return make


@pytest.fixture
def raw_workbook() -> Workbook:
    """`raw_workbook(sheet_xml, shared=[...])`: an .xlsx whose one sheet is exactly this XML."""

    def make(sheet: str, shared: Sequence[str] = (), level: int = 6) -> bytes:
        texts = "".join(f"<si><t>{text}</t></si>" for text in shared)
        parts = {
            "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
            "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f'<Relationship Id="rId1" Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
            "xl/workbook.xml": f'<workbook {_MAIN} xmlns:r="{_RELATIONS}"><sheets>'
            '<sheet name="名单" sheetId="1" r:id="rId1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
            f'relationships"><Relationship Id="rId1" Type="{_RELATIONS}/worksheet" Target="worksheets/Sheet1.xml"/>'
            f'<Relationship Id="rId2" Type="{_RELATIONS}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
            "xl/sharedStrings.xml": f"<sst {_MAIN}>{texts}</sst>",
            "xl/worksheets/Sheet1.xml": sheet,
        }
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
            for name, part in parts.items():
                archive.writestr(name, part)
        return packed.getvalue()

    return make


def saved(book: openpyxl.Workbook) -> bytes:
    """The workbook as the bytes of its file."""
    packed = io.BytesIO()
    book.save(packed)
    return packed.getvalue()
