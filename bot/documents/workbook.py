"""An .xlsx opened with care: each part is unpacked and measured as a stream before anything is built from it.

calamine then gets a fresh archive of exactly the parts that were measured, so that no second reading of the same bytes
(another size, another part of the same name) can differ from the first.
"""

import io
import posixpath
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, TypeAlias
from xml.parsers import expat

from bot.documents.layout import MOST_TEXT, Glance, Layout, Survey, local_name, parser, shared_lengths
from bot.documents.unreadable import damaged, not_a_list, too_large

if TYPE_CHECKING:
    import python_calamine  # loaded with the first list: the server starts without it

Cell: TypeAlias = str | float | int | bool | date | datetime | time | timedelta

MOST_UNPACKED = 500 * 2**20  # bytes, all parts that are read together
MOST_PARTS = 10_000
MOST_RATIO = 200  # spreadsheets shrink to a tenth, rarely to a fiftieth

_RATIO_COUNTS_FROM = 20 * 2**20  # bytes; what is small is harmless, however well it was packed
_MOST_LISTING = 10 * 2**20  # bytes of a part that only lists the sheets
_MOST_SHARED = 200 * 2**20  # bytes of a part that all sheets share
_CHUNK = 1 << 18
_ROOT = "_rels/.rels"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A visible sheet: its cells by calamine, its hidden rows and merged cells by its XML."""

    name: str
    cells: "python_calamine.CalamineSheet"
    layout: Layout

    def rows(self) -> Iterator[list[Cell]]:
        """All rows from the first of the sheet on, made as they are asked for. Raises Unreadable."""
        with _only_unreadable():
            yield from self.cells.iter_rows()

    @property
    def first_column(self) -> int:
        """The column, from 1, with which the rows of `cells` begin."""
        return self.cells.start[1] + 1 if self.cells.start else 1


def open_sheets(packed: bytes) -> list[Sheet]:
    """
    Read the visible worksheets in their order.

    Raises:
        Unreadable: Not a workbook, damaged, protected, or beyond a bound.
    """
    with _only_unreadable():
        return _open(packed)


@contextmanager
def _only_unreadable() -> Iterator[None]:
    """Whatever zipfile, expat and calamine say of a broken file becomes the one line for HR."""
    import python_calamine

    try:
        yield
    except (zipfile.BadZipFile, zlib.error, struct.error, expat.ExpatError, python_calamine.CalamineError) as error:
        raise damaged() from error
    except (EOFError, OSError, ValueError, LookupError, ArithmeticError, RuntimeError) as error:
        raise damaged() from error  # zipfile's own, for archives that no program writes
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # how calamine's Rust gives up on a cell it did not expect
            raise
        raise damaged() from error


def _open(packed: bytes) -> list[Sheet]:
    import python_calamine

    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        parts = _Parts(archive)
        sheets = parts.worksheets()
        glances = {part: Glance() for part in sheets.values()}
        clean = parts.repacked(glances)
    layouts = _layouts(clean, glances, parts.texts)
    with python_calamine.load_workbook(io.BytesIO(clean)) as workbook:
        return [Sheet(name, workbook.get_sheet_by_name(name), layouts[part]) for name, part in sheets.items()]


class _Parts:
    """The parts of the archive by lower-case name, each read within bounds."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        infos = archive.infolist()
        if len(infos) > MOST_PARTS:
            raise too_large(f"over {MOST_PARTS} parts", f"内含超过 {MOST_PARTS} 个部件")
        self._archive = archive
        self._infos = {info.filename.replace("\\", "/").lstrip("/").lower(): info for info in infos}
        self.book = next(iter(self._targets(_ROOT, "officeDocument").values()), "")
        if self.book not in self._infos:
            raise not_a_list()
        folder, name = posixpath.split(self.book)
        self.listing = f"{folder}/_rels/{name}.rels"
        self.texts = next(iter(self._targets(self.listing, "sharedStrings").values()), "")

    def worksheets(self) -> dict[str, str]:
        """Sheet name to part name: the visible worksheets in the workbook's order."""
        targets = self._targets(self.listing, "worksheet")
        sheets = self._elements(self.book, "sheet")
        shown = [sheet for sheet in sheets if sheet.get("state", "visible") == "visible"]
        named = {sheet.get("name", ""): targets.get(_relation_id(sheet), "") for sheet in shown}
        return {name: part for name, part in named.items() if part in self._infos}

    def _targets(self, listing: str, kind: str) -> dict[str, str]:
        """The parts of a kind that a list of relations names, by relation id."""
        if listing not in self._infos:
            raise not_a_list()
        folder = posixpath.dirname(posixpath.dirname(listing))
        return {
            relation.get("Id", ""): _resolve(folder, relation.get("Target", ""))
            for relation in self._elements(listing, "Relationship")
            if relation.get("Type", "").endswith(f"/{kind}")
        }

    def _elements(self, part: str, wanted: str) -> list[dict[str, str]]:
        """The attributes of each element of that name in a small part."""
        found: list[dict[str, str]] = []

        def start(tag: str, attributes: dict[str, str]) -> None:
            if local_name(tag) == wanted:
                found.append(attributes)

        reader = parser()
        reader.StartElementHandler = start
        self._stream(part, [reader.Parse], _MOST_LISTING)
        reader.Parse(b"", True)
        return found

    def repacked(self, glances: dict[str, Glance]) -> bytes:
        """A new archive of the needed parts; each sheet passes its glance on the way."""
        styles = self._targets(self.listing, "styles").values()
        needed = {"[content_types].xml", _ROOT, self.book, self.listing, self.texts, *styles, *glances}
        wanted = [part for part in self._infos if part in needed]
        if sum(self._infos[part].file_size for part in wanted) > MOST_UNPACKED:
            raise too_large("over 500 MiB unpacked", "解压后超过 500 MiB")
        clean = io.BytesIO()
        with zipfile.ZipFile(clean, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
            for part in wanted:
                with target.open(part, "w") as out:
                    if part in glances:
                        self._stream(part, [glances[part].feed, out.write], MOST_UNPACKED)
                    else:
                        self._stream(part, [out.write], _MOST_SHARED)
        return clean.getvalue()

    def _stream(self, part: str, takers: Iterable[Callable[[bytes], object]], most: int) -> None:
        info = self._infos.get(part)
        if info is None or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise damaged()
        if info.file_size > most:
            raise too_large(f"over {most >> 20} MiB unpacked", f"解压后超过 {most >> 20} MiB")
        if info.file_size > max(_RATIO_COUNTS_FROM, MOST_RATIO * info.compress_size):
            raise too_large("it unpacks to far more than a list holds", "解压后的大小异常")
        with self._archive.open(info) as stream:  # zipfile stops at the announced size and then checks the CRC
            while chunk := stream.read(_CHUNK):
                for take in takers:
                    take(chunk)


def _layouts(clean: bytes, glances: dict[str, Glance], texts: str) -> dict[str, Layout]:
    """The layout of each sheet, measured exactly where a glance was not enough."""
    with zipfile.ZipFile(io.BytesIO(clean)) as archive:
        layouts = {part: glance.layout() or _survey(archive, part, Survey()) for part, glance in glances.items()}
        if texts in archive.namelist():
            _refuse_echoes(archive, layouts, archive.read(texts))
    return layouts


def _survey(archive: zipfile.ZipFile, part: str, survey: Survey) -> Layout:
    with archive.open(part) as stream:
        while chunk := stream.read(_CHUNK):
            survey.feed(chunk)
    return survey.layout()


def _refuse_echoes(archive: zipfile.ZipFile, layouts: dict[str, Layout], shared: bytes) -> None:
    """Refuse a few long shared texts used by very many cells: calamine makes a copy for each."""
    longest = len(shared) if b"<!" in shared else max(map(len, shared.split(b"/si>")))
    doubtful = [part for part, layout in layouts.items() if layout.texts * longest > MOST_TEXT]
    if doubtful:
        lengths = shared_lengths(shared)
        for part in doubtful:
            _survey(archive, part, Survey(lengths))


def _relation_id(sheet: dict[str, str]) -> str:
    return next((value for key, value in sheet.items() if key.endswith(":id")), "")


def _resolve(folder: str, target: str) -> str:
    """A relation's target as a part name: from the root, or beside the part that names it."""
    path = target.replace("\\", "/").lower()
    return posixpath.normpath(path if path.startswith("/") else f"/{folder}/{path}").lstrip("/")
