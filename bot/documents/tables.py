"""Tables on their way out, row by row: .csv that no spreadsheet takes for formulas, .xlsx, .json."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TextIO

from bot.documents.roster import harmless
from bot.errors import BotError
from storage.exports import Cell, Row

MOST_ROWS = 1_048_575  # of a sheet, below its header
LONGEST_CELL = 32_767  # characters, as in Excel
_MOMENT = "yyyy-mm-dd hh:mm:ss"
_WIDTH = 18  # characters


class TooManyRows(BotError):
    """A sheet cannot hold them all."""


class Writer(Protocol):
    """A table that is being written."""

    def add(self, rows: Iterable[Row]) -> None:
        """Some more rows. Raises TooManyRows."""
        ...

    def close(self) -> None:
        """All rows are written; the file itself stays open."""
        ...

    def abandon(self) -> None:
        """It will not be completed: let go of everything."""
        ...


class CsvTable:
    """UTF-8 text; moments with their offset from UTC."""

    def __init__(self, file: TextIO, header: Sequence[str], timezone: tzinfo) -> None:
        self._out = csv.writer(file)
        self._timezone = timezone
        self._out.writerow([harmless(name) for name in header])

    def add(self, rows: Iterable[Row]) -> None:
        """Some more rows."""
        self._out.writerows([harmless(_text(cell, self._timezone)) for cell in row] for row in rows)

    def close(self) -> None:
        """Nothing to do."""

    def abandon(self) -> None:
        """Nothing to do."""


class JsonTable:
    """A list of objects, one a line."""

    def __init__(self, file: TextIO, header: Sequence[str], timezone: tzinfo) -> None:
        self._file = file
        self._header = header
        self._timezone = timezone
        self._file.write("[")
        self._separator = "\n"

    def add(self, rows: Iterable[Row]) -> None:
        """Some more rows."""
        for row in rows:
            told = {name: plain(cell, self._timezone) for name, cell in zip(self._header, row, strict=True)}
            self._file.write(self._separator + json.dumps(told, ensure_ascii=False))
            self._separator = ",\n"

    def close(self) -> None:
        """End the list."""
        self._file.write("\n]\n")

    def abandon(self) -> None:
        """Nothing to do."""


class XlsxTable:
    """A workbook of one sheet with a header that stays in sight.

    With `folder` the rows wait there, in a file that only we can read, so that memory is bounded whatever their
    number; without it everything stays in memory and nothing touches the disk.
    """

    def __init__(
        self, target: BinaryIO, header: Sequence[str], timezone: tzinfo, *, title: str, folder: Path | None = None
    ) -> None:
        from xlsxwriter import Workbook  # type: ignore[import-untyped]

        options: dict[str, Any] = {"in_memory": True}
        if folder is not None:
            options = {"constant_memory": True, "tmpdir": str(folder)}
        self._book = Workbook(target, options)
        self._sheet = self._book.add_worksheet(title[:31])
        self._moment = self._book.add_format({"num_format": _MOMENT})
        self._timezone = timezone
        self._row = 0
        self._sheet.freeze_panes(1, 0)
        self._sheet.set_column(0, len(header) - 1, _WIDTH)
        bold = self._book.add_format({"bold": True})
        for column, name in enumerate(header):
            self._sheet.write_string(0, column, name, bold)

    def add(self, rows: Iterable[Row]) -> None:
        """Some more rows. Raises TooManyRows."""
        for row in rows:
            self._row += 1
            if self._row > MOST_ROWS:
                raise TooManyRows(f"a sheet holds {MOST_ROWS} rows: write a .csv, or a batch at a time with --batch")
            for column, cell in enumerate(row):
                self._write(column, cell)

    def _write(self, column: int, cell: Cell) -> None:
        match cell:
            case None | "":
                pass
            case datetime():
                local = cell.astimezone(self._timezone).replace(tzinfo=None, microsecond=0)
                self._sheet.write_datetime(self._row, column, local, self._moment)
            case bool() | str() | Mapping():
                self._sheet.write_string(self._row, column, _text(cell, self._timezone)[:LONGEST_CELL])
            case _:
                self._sheet.write_number(self._row, column, cell)

    def close(self) -> None:
        """Put the workbook together."""
        self._book.close()

    def abandon(self) -> None:
        """Close the file in which rows wait; whoever gave the folder removes it."""
        if self._sheet.row_data_fh is not None:
            self._sheet.row_data_fh.close()


def plain(value: Any, timezone: tzinfo) -> Any:
    """A value as JSON has it; moments with their offset from UTC."""
    match value:
        case datetime():
            return value.astimezone(timezone).isoformat(timespec="seconds")
        case date():
            return value.isoformat()
        case Mapping():
            return {name: plain(each, timezone) for name, each in value.items()}
        case list() | tuple():
            return [plain(each, timezone) for each in value]
    return value


def as_text(content: BinaryIO, *, mark: bool) -> io.TextIOWrapper:
    """A binary file to be written as text; `mark`: so that Excel sees that it is UTF-8."""
    return io.TextIOWrapper(content, "utf-8-sig" if mark else "utf-8", newline="")


def _text(cell: Cell, timezone: tzinfo) -> str:
    match cell:
        case None:
            return ""
        case datetime():
            return str(plain(cell, timezone))
        case Mapping():
            return "; ".join(f"{name}={_number(value)}" for name, value in cell.items())
    return str(cell)


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
