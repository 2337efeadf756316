"""How a sheet is laid out, told by its XML: hidden rows, merged cells, and how much room its cells ask for.

calamine tells no hidden rows, and it lays a sheet out as one full rectangle: a file of a kilobyte with a cell in the
last corner asks for terabytes. So a sheet is measured before calamine sees it: by `Glance` at the speed of a text
search, as far as the sheet is written the way spreadsheet programs write, and else by `Survey`, an XML parser.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.parsers import expat

from bot.documents.unreadable import damaged, too_large

MOST_ROWS = 200_000
MOST_COLUMNS = 200
MOST_CELLS = 4_000_000  # of the rectangle that calamine lays out
MOST_TEXT = 256 * 2**20  # characters in all cells together
SHEET_ROWS = 2**20  # as many as Excel has

_LONGEST_TAG = 2**20  # bytes from one tag to the next

_REF = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")

# Comments, CDATA, prefixed names, UTF-16: here tags cannot be told by a search.
_ODD = (re.compile(rb"<!"), re.compile(rb":(?:row|c|mergeCell)[\s/>]"), re.compile(rb"\0"))
_CELLS = re.compile(rb"<c[\s/>]")
_CELL = re.compile(rb'<c r="([A-Z]{1,3})([0-9]{1,7})"')
_ROWS = re.compile(rb"<row[\s/>]")
_ROW = re.compile(rb'<row r="([0-9]{1,7})"([^<>]*)>')
_ROW_HIDDEN = re.compile(rb'\s(?:hidden="(?:1|true)"|ht="0(?:\.0*)?")')
_MERGES = re.compile(rb"<mergeCell[\s/>]")
_MERGE = re.compile(rb'<mergeCell ref="([A-Z]{1,3}[0-9]{1,7}:[A-Z]{1,3}[0-9]{1,7})"')


@dataclass(frozen=True, slots=True)
class Merge:
    """One value shown across several rows of one column; rows and column counted from 1."""

    column: int
    first: int
    last: int


@dataclass(slots=True)
class Layout:
    """What was measured. `texts` counts the cells that may hold a shared text."""

    hidden: set[int] = field(default_factory=set)
    merges: list[Merge] = field(default_factory=list)
    texts: int = 0
    last_row: int = 0
    last_column: int = 0

    def add_merge(self, ref: str) -> None:
        """Keep `A4:A9`; what spans several columns is a title and says nothing about a row."""
        first, _, last = ref.partition(":")
        start, end = _REF.fullmatch(first), _REF.fullmatch(last)
        if start and end and start[1] == end[1] and int(start[2]) < int(end[2]) and len(self.merges) < MOST_ROWS:
            self.merges.append(Merge(column_number(start[1]), int(start[2]), int(end[2])))

    @property
    def excess(self) -> tuple[str, str] | None:
        """What is beyond a bound, in English and Chinese."""
        if self.last_row > MOST_ROWS:
            return f"over {MOST_ROWS} rows", f"超过 {MOST_ROWS} 行"
        if self.last_column > MOST_COLUMNS:
            return f"over {MOST_COLUMNS} columns", f"超过 {MOST_COLUMNS} 列"
        if max(self.texts, self.last_row * self.last_column) > MOST_CELLS:
            return f"over {MOST_CELLS} cells", f"超过 {MOST_CELLS} 个单元格"
        return None


class Glance:
    """A quick measure of a sheet while it streams by; counts cells that are only formatted as if they were filled."""

    def __init__(self) -> None:
        self._layout = Layout()
        self._columns: set[bytes] = set()
        self._sure = True
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the sheet."""
        if not self._sure:
            return
        xml = self._rest + chunk
        cut = max(xml.rfind(b"<"), 0)  # a tag is looked at when it is complete
        self._rest = xml[cut:]
        self._sure = len(self._rest) <= _LONGEST_TAG and self._look(xml[:cut])

    def layout(self) -> Layout | None:
        """What was measured, or None: it has to be measured exactly."""
        if not self._sure or not self._look(self._rest):
            return None
        self._layout.last_column = max((column_number(name.decode()) for name in self._columns), default=0)
        return None if self._layout.excess else self._layout

    def _look(self, xml: bytes) -> bool:
        cells, rows, merges = _CELL.findall(xml), _ROW.findall(xml), _MERGE.findall(xml)
        told = [len(cells), len(rows), len(merges)]
        if told != [len(tag.findall(xml)) for tag in (_CELLS, _ROWS, _MERGES)] or any(odd.search(xml) for odd in _ODD):
            return False
        self._layout.texts += len(cells)
        self._columns.update({letters for letters, _ in cells})
        numbers = {number for _, number in cells}
        self._layout.last_row = max(self._layout.last_row, max(map(int, numbers), default=0))
        for ref in merges:
            self._layout.add_merge(ref.decode())
        return all(self._row(number, attributes) for number, attributes in rows)

    def _row(self, number: bytes, attributes: bytes) -> bool:
        if _ROW_HIDDEN.search(attributes):
            self._layout.hidden.add(int(number))
        return b"'" not in attributes and attributes.count(b'"') % 2 == 0


class Survey:
    """An exact measure of a sheet by parsing it; refuses what is beyond a bound."""

    def __init__(self, shared: Sequence[int] | None = None) -> None:
        """`shared`: the length of each shared text; when it is given, the text of all cells is added up as well."""
        self._layout = Layout()
        self._shared = shared
        self._text = 0
        self._row = 0
        self._column = 0
        self._cell: dict[str, str] | None = None  # the cell begun last, until it is known to hold something
        self._index: str | None = None
        self._parser = parser()
        self._parser.StartElementHandler = self._start
        if shared is not None:
            self._parser.EndElementHandler = self._end
            self._parser.CharacterDataHandler = self._characters

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the sheet. Raises Unreadable."""
        self._parser.Parse(chunk)

    def layout(self) -> Layout:
        """What was measured. Raises Unreadable."""
        self._parser.Parse(b"", True)
        self._refuse_excess()
        return self._layout

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        match local_name(tag):
            case "c":
                self._cell = attributes
                self._column += 1
            case "v" | "is" | "f" if self._cell is not None:
                self._filled(self._cell)
                self._cell = None  # a formula's value belongs to the same cell
            case "row":
                self._begin_row(attributes)
            case "mergeCell":
                self._layout.add_merge(attributes.get("ref", ""))

    def _begin_row(self, attributes: dict[str, str]) -> None:
        self._row = int(attributes.get("r") or self._row + 1)
        self._column = 0
        if attributes.get("hidden", "0") in ("1", "true") or float(attributes.get("ht", "1")) == 0:
            self._layout.hidden.add(self._row)
        if len(self._layout.hidden) > SHEET_ROWS:
            raise damaged()
        self._refuse_excess()

    def _filled(self, attributes: dict[str, str]) -> None:
        """A cell that holds something, and so asks for room; one that is only formatted does not."""
        row, column = self._row, self._column
        if "r" in attributes:
            match = _REF.fullmatch(attributes["r"])
            if match is None:
                raise damaged()
            row, column = int(match[2]), column_number(match[1])
        self._layout.last_row = max(self._layout.last_row, row)
        self._layout.last_column = max(self._layout.last_column, column)
        self._layout.texts += 1
        self._index = "" if attributes.get("t") == "s" else None
        if self._layout.texts > MOST_CELLS:
            self._refuse_excess()

    def _refuse_excess(self) -> None:
        if excess := self._layout.excess:
            raise too_large(*excess)

    def _characters(self, text: str) -> None:
        if self._index is not None:
            self._index += text

    def _end(self, tag: str) -> None:
        if self._index is None or self._shared is None or local_name(tag) != "v":
            return
        self._text += self._shared[int(self._index)]
        self._index = None
        if self._text > MOST_TEXT:
            raise too_large("too much text", "文字过多")


def shared_lengths(xml: bytes) -> list[int]:
    """The length in characters of each shared text of a workbook."""
    lengths: list[int] = []

    def start(tag: str, _: object) -> None:
        if local_name(tag) == "si":
            lengths.append(0)

    def characters(text: str) -> None:
        if lengths:
            lengths[-1] += len(text)

    reader = parser()
    reader.StartElementHandler = start
    reader.CharacterDataHandler = characters
    reader.Parse(xml, True)
    return lengths


def parser() -> expat.XMLParserType:
    """A parser that refuses a document type: without one no entity can be declared, so none can swell."""
    reader = expat.ParserCreate()
    reader.buffer_text = True
    reader.StartDoctypeDeclHandler = _refuse_doctype
    return reader


def _refuse_doctype(*_: object) -> None:
    raise damaged()


def local_name(tag: str) -> str:
    """`row` of `x:row`: some programs prefix every element."""
    return tag.rpartition(":")[2]


def column_number(letters: str) -> int:
    """`A` is 1, `AA` is 27."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def column_letters(number: int) -> str:
    """1 is `A`, 27 is `AA`."""
    letters = ""
    while number > 0:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
