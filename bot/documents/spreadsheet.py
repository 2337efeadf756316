"""Lists as HR really sends them, .xlsx or .csv: where the table begins, and its rows one after the other."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, time
from itertools import islice
from pathlib import Path, PurePath

from bot.documents.columns import Columns, Field, find_columns
from bot.documents.identity import looks_rounded, without_identity_numbers
from bot.documents.layout import MOST_COLUMNS, MOST_ROWS, Merge, column_letters
from bot.documents.unreadable import Unreadable, no_header, not_a_list, too_large
from bot.documents.workbook import Cell, Sheet, open_sheets

MOST_BYTES = 50 * 2**20
HEADER_WITHIN = 50  # rows

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # an old .xls, or any Office file under a password
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_ENCODINGS = ("utf-8", "gb18030")
_DELIMITERS = (",", "\t", ";")
_SHARED = (
    Field.POSITION,
    Field.SHOP,
    Field.BATCH,
    Field.RECRUITER,
    Field.LOCALE,
)  # what one merged cell may say of many
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_LONGEST_CELL = 32_767  # characters, as in Excel


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the list: its number as Excel shows it, its cells under the header, and whether HR has hidden it."""

    number: int
    cells: list[Cell]
    hidden: bool


@dataclass(frozen=True, slots=True)
class Table:
    """
    A list of candidates, found in a file.

    `dropped` names the columns in which identity-card numbers stood: no row gives them out. `unread` names other
    visible sheets that hold a list too. `title` is the file's name without its ending.
    """

    title: str
    sheet: str
    header: tuple[str, ...]
    header_row: int
    columns: Columns
    dropped: tuple[str, ...]
    unread: tuple[str, ...]
    _content: "_Content"

    def rows(self) -> Iterator[Row]:
        """The rows below the header, blank ones too. May be called again; rows are made as they are asked for."""
        merged = _Spread(self._content, self.columns)
        for number, cells in islice(enumerate(self._content.rows(), 1), self.header_row, None):
            if self.dropped:
                cells = [self._permitted(at, cell) for at, cell in enumerate(cells)]
            merged.fill(number, cells)
            yield Row(number, cells, number in self._content.hidden)

    def _permitted(self, column: int, cell: Cell) -> Cell:
        if column in self.columns.identity:
            return ""
        return without_identity_numbers(cell) if isinstance(cell, str) else cell


@dataclass(frozen=True, slots=True)
class _Content:
    """All rows of a sheet or text file, from its first one, and what is known of them."""

    rows: Callable[[], Iterator[list[Cell]]]
    name: str = ""
    hidden: frozenset[int] = frozenset()
    merges: tuple[Merge, ...] = ()
    first_column: int = 1


def read_table(source: Path | bytes, name: str = "") -> Table:
    """
    Find the list of candidates in a file.

    Args:
        source: The file, or its content.
        name: The file's name, when `source` is content.

    Raises:
        Unreadable: The only error: one line that says what to do.
    """
    file = PurePath(name or (source.name if isinstance(source, Path) else "list.xlsx"))
    content = source if isinstance(source, bytes) else _load(source)
    if len(content) > MOST_BYTES:
        raise too_large(f"over {MOST_BYTES >> 20} MiB", f"超过 {MOST_BYTES >> 20} MiB")
    if content.startswith(_ZIP):
        return _first_table(file.stem, [_sheet_content(sheet) for sheet in open_sheets(content)])
    if content.startswith(_OLE):
        raise _protected() if _ENCRYPTED in content else not_a_list()
    if file.suffix.lower() in (".csv", ".tsv", ".txt"):
        return _text_table(file.stem, content)
    raise not_a_list()


def text_of(cell: Cell) -> str:
    """A cell as a person would write it: no `.0` behind whole numbers, dates as 2026-05-01, no control characters."""
    match cell:
        case str():
            if cell.isalnum():
                return cell[:_LONGEST_CELL]
            plain = cell if cell.isprintable() else _UNPRINTABLE.sub(" ", cell)
            return " ".join(plain[:_LONGEST_CELL].split())
        case bool():
            return "TRUE" if cell else "FALSE"
        case float() if cell.is_integer() and abs(cell) < 10**18:
            return str(int(cell))
        case datetime() if cell.time() != time(0):
            return cell.isoformat(" ", "minutes")
        case datetime():
            return cell.date().isoformat()
        case _:
            return str(cell)


def _load(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        why = error.strerror or "unknown error"
        raise Unreadable(f"cannot read {path.name}: {why}", f"无法读取 {path.name}：{why}") from error


def _protected() -> Unreadable:
    return Unreadable(
        "the file is protected by a password: remove the password in Excel, save it and send it again",
        "文件有密码保护：请在 Excel 中取消密码，保存后重新发送",
    )


def _sheet_content(sheet: Sheet) -> _Content:
    layout = sheet.layout
    return _Content(sheet.rows, sheet.name, frozenset(layout.hidden), tuple(layout.merges), sheet.first_column)


def _first_table(title: str, contents: Iterable[_Content]) -> Table:
    """The first sheet that has a header row; the others that have one are named."""
    found = [(content, place) for content in contents if (place := _find_header(content))]
    if not found:
        raise no_header()
    (content, (header_row, header, columns)), *others = found
    identity = _identity_columns(content, header_row, columns)
    return Table(
        title=title,
        sheet=content.name,
        header=header,
        header_row=header_row,
        columns=Columns(columns.places, columns.identity | identity.whole),
        dropped=tuple(header[at] for at in sorted(columns.identity | identity.whole | identity.within)),
        unread=tuple(other.name for other, _ in others),
        _content=content,
    )


def _find_header(content: _Content) -> tuple[int, tuple[str, ...], Columns] | None:
    for number, cells in enumerate(islice(content.rows(), HEADER_WITHIN), 1):
        texts = [text_of(cell) for cell in cells]
        if columns := find_columns(texts):
            return number, _headings(texts, content.first_column), columns
    return None


def _headings(texts: list[str], first_column: int) -> tuple[str, ...]:
    """The heading of each column, unique: a blank one is called by its letter, the second 备注 is 备注 2."""
    headings: list[str] = []
    for at, text in enumerate(texts):
        heading, again = text or column_letters(first_column + at), 1
        while heading in headings:
            again += 1
            heading = f"{text} {again}"
        headings.append(heading)
    return tuple(headings)


@dataclass(frozen=True, slots=True)
class _Identity:
    """Columns of which a cell is an identity-card number as a `whole`, and those that have one `within` a text."""

    whole: frozenset[int]
    within: frozenset[int]


def _identity_columns(content: _Content, header_row: int, columns: Columns) -> _Identity:
    """Look through the whole list for identity-card numbers; on the way its length and width are bounded."""
    meant = {place for places in columns.places.values() for place in places}
    whole: set[int] = set()
    within: set[int] = set()
    for number, cells in enumerate(content.rows(), 1):
        if number > MOST_ROWS:
            raise too_large(f"over {MOST_ROWS} rows", f"超过 {MOST_ROWS} 行")
        for at, cell in enumerate(cells) if number > header_row else ():
            if isinstance(cell, str):
                rest = without_identity_numbers(cell) if len(cell) >= 18 else cell
                if rest is not cell and rest != cell:
                    (within if at in meant or rest.strip(" '\t") else whole).add(at)
            elif isinstance(cell, float) and cell >= 10**17 and looks_rounded(cell) and at not in meant:
                whole.add(at)
    return _Identity(frozenset(whole), frozenset(within))


class _Spread:
    """Carries the value of a merged cell down its rows: one 门店 written once for ten people."""

    def __init__(self, content: _Content, columns: Columns) -> None:
        shared = {place for field in _SHARED for place in columns.of(field)}
        self._begins = {
            (merge.first, merge.column - content.first_column): merge.last
            for merge in content.merges
            if merge.column - content.first_column in shared
        }
        self._places = sorted({place for _, place in self._begins})
        self._carried: dict[int, tuple[int, Cell]] = {}

    def fill(self, number: int, cells: list[Cell]) -> None:
        """Complete a row in place. A row that is blank otherwise stays blank."""
        blank = not any(text_of(cell) for cell in cells) if self._places else True
        for place in self._places:
            last, value = self._carried.get(place, (0, ""))
            if (number, place) in self._begins:
                self._carried[place] = (self._begins[number, place], cells[place])
            elif number <= last and not blank and cells[place] == "":
                cells[place] = value


def _text_table(title: str, content: bytes) -> Table:
    encoding = _encoding(content)

    def rows_by(delimiter: str, *, strict: bool) -> Callable[[], Iterator[list[Cell]]]:
        return lambda: _text_rows(content, encoding, delimiter, strict=strict)

    for delimiter in _DELIMITERS:
        if _find_header(_Content(rows_by(delimiter, strict=False))):
            return _first_table(title, [_Content(rows_by(delimiter, strict=True))])
    raise no_header()


def _text_rows(content: bytes, encoding: str, delimiter: str, *, strict: bool) -> Iterator[list[Cell]]:
    """The records, which are the rows that Excel shows. `strict`: no stray quote may swallow the rows after it."""
    text = io.TextIOWrapper(io.BytesIO(content), encoding, newline="")
    try:
        for cells in csv.reader(text, delimiter=delimiter, strict=strict):
            if len(cells) > MOST_COLUMNS:
                raise too_large(f"over {MOST_COLUMNS} columns", f"超过 {MOST_COLUMNS} 列")
            yield list(cells)
    except csv.Error as error:
        raise Unreadable(
            "the text file has a stray quotation mark or a cell without end: mend it, or save the list as .xlsx",
            "文本文件中有多余的引号或未结束的单元格：请修正，或另存为 .xlsx",
        ) from error


def _encoding(content: bytes) -> str:
    """The encoding in which all of the content can be read: Excel on Chinese Windows still writes GB 18030."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        candidates: tuple[str, ...] = ("utf-16",)
    elif content.startswith(codecs.BOM_UTF8):
        candidates = ("utf-8-sig",)
    else:
        candidates = _ENCODINGS
    for encoding in candidates:
        if _decodes(content, encoding):
            return encoding
    raise Unreadable(
        "the characters of the text file cannot be read: open it in Excel, save it as .xlsx and send that",
        "无法识别文本文件的编码：请用 Excel 打开，另存为 .xlsx 后重新发送",
    )


def _decodes(content: bytes, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for at in range(0, len(content), 1 << 20):
            decoder.decode(content[at : at + (1 << 20)])
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return False
    return True
