"""One change to many rows: compiled once, its values turned into what the driver takes without SQLAlchemy's help."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Update
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.compiler import SQLCompiler


class Changing:
    """An update whose values stand under names of their own, such as `bindparam("b_id")`."""

    def __init__(self, statement: Update, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)
        assert compiled.positiontup is not None  # both drivers take values by position
        self.sql = str(compiled)
        binds = [compiled.binds[name] for name in compiled.positiontup]
        self._values = [
            (bind.key, bind.required, bind.value, bind.type.dialect_impl(dialect).bind_processor(dialect))
            for bind in binds
        ]

    def convert(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """The values of one row in the driver's order; what the statement itself holds is filled in."""
        values = [(row[name] if required else fixed, turn) for name, required, fixed, turn in self._values]
        return tuple([value if turn is None else turn(value) for value, turn in values])


@lru_cache(maxsize=64)
def _changing(statement: Update, dialect: Dialect) -> Changing:
    return Changing(statement, dialect)


async def change_many(connection: AsyncConnection, statement: Update, rows: Sequence[Mapping[str, Any]]) -> None:
    """Carry `statement` out once for each row. It must be one of a module's own, not made for this call."""
    changing = _changing(statement, connection.dialect)
    await connection.exec_driver_sql(changing.sql, [changing.convert(row) for row in rows])
