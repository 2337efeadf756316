"""Rows that are only ever added: turned into what the driver takes once, then written many at a time."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Table
from sqlalchemy.engine.interfaces import Dialect

NewRow = Mapping[str, Any]


class Appending:
    """How rows with certain columns get into one table: each value converted as the column demands, twins ignored."""

    def __init__(self, table: Table, names: Sequence[str], dialect: Dialect) -> None:
        """Raises ValueError: a column that does not fill itself is missing, or one is unknown."""
        unknown = [name for name in names if name not in table.c]
        missing = not_given(table, names)
        if unknown or missing:
            raise ValueError(f"append to {table.name}: unknown columns {unknown}, missing columns {missing}")
        self.columns = [table.c[name] for name in names]
        self._names = dict.fromkeys(names).keys()
        self.dialect = dialect
        quote = dialect.identifier_preparer
        self.into = f"INSERT INTO {quote.format_table(table)} ({', '.join(map(quote.format_column, self.columns))})"
        self._converters = [
            (column.name, column.type.dialect_impl(dialect).bind_processor(dialect)) for column in self.columns
        ]

    def check(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Raises ValueError: a row has other columns than these."""
        names = self._names
        for row in rows:
            if row.keys() != names:
                raise ValueError("every row of an append has the same columns")

    def columns_of(self, rows: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
        """Turn many rows into what the driver takes, a list for each column. A value that all share is turned once.

        Raises ValueError or TypeError: a column refuses a value.
        """
        columns = []
        for name, turn in self._converters:
            values = [row[name] for row in rows]
            if turn is not None:
                first = values[0]
                same = all(value is first for value in values)
                values = [turn(first)] * len(values) if same else [turn(value) for value in values]
            columns.append(values)
        return columns


def not_given(table: Table, names: Collection[str]) -> list[str]:
    """The columns that raw rows with these names lack: what nothing but the model would fill in."""
    return [column.name for column in table.c if column.name not in names and _must_be_given(column)]


def _must_be_given(column: "Column[Any]") -> bool:
    """Raw rows get no defaults of the model: what the database itself cannot fill in must be given."""
    if column.default is not None:
        return True
    table = column.table
    counted = isinstance(table, Table) and column is table.autoincrement_column
    return not column.nullable and column.server_default is None and not counted
