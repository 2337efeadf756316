"""What a column may hold: moments, sealed words, JSON and random ids; and what all tables share."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import orjson
from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Text, event, text
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.types import TypeDecorator

from storage.drawn import Drawn

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ids = Drawn(16)


class SealedBytes(bytes):
    """Words that nobody can read without their key. Only `storage.keys` makes them."""

    __slots__ = ()


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: aware in, aware UTC out; kept as whole microseconds since 1970, so order and equality are exact."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Count the microseconds since 1970. Raises ValueError: `value` has no time zone."""
        if value is None:
            return None
        if value.tzinfo is None or value.utcoffset() is None:
            raise ValueError("a moment needs its time zone")
        past = value - EPOCH
        return (past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Give the moment back, aware, UTC."""
        return None if value is None else EPOCH + timedelta(microseconds=value)


class Sealed(TypeDecorator[SealedBytes]):
    """The one type for every column that may hold a person's words or contact: takes only what has been sealed."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: SealedBytes | None, dialect: Dialect) -> bytes | None:
        """Let sealed words pass. Raises TypeError: `value` is plain (and is not shown)."""
        if value is not None and not isinstance(value, SealedBytes):
            raise TypeError(f"this column takes sealed words only, not plain {type(value).__name__}")
        return value

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> SealedBytes | None:
        """Give the sealed words back, still sealed."""
        return None if value is None else SealedBytes(value)


class Json(TypeDecorator[Any]):
    """Small structured values without personal words, kept as JSON text. None is SQL's NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Write the value as JSON text."""
        return None if value is None else orjson.dumps(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Read the value back."""
        return None if value is None else orjson.loads(value)


def random_id() -> str:
    """A fresh random name of 128 bits: ids are never counted up, so none can be guessed."""
    return _ids.take().hex()


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index of those rows alone that `where` says, in words that both databases understand."""
    return Index(name, *columns, unique=unique, info={"where": where})


def tell_which_rows(metadata: MetaData) -> None:
    """
    Let the databases know of which rows a partial index is; needed before tables are made or a change is drafted.

    Said at once it would cost each start 0.1 s: whoever names PostgreSQL in an index loads all that SQLAlchemy knows
    about it.
    """
    for table in metadata.tables.values():
        for index in table.indexes:
            if "where" in index.info:
                for dialect in ("sqlite", "postgresql"):
                    index.dialect_kwargs[f"{dialect}_where"] = text(index.info["where"])


METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
Required = partial(Column, nullable=False)  # a plain Column may be NULL


def an_id() -> Column[str]:
    """The primary key of rows that are named at random."""
    return Column("id", String(32), primary_key=True, default=random_id)


def counted(name: str) -> Column[int]:
    """A primary key that counts up: only for order inside the house, never shown outside."""
    return Column(name, BigInteger().with_variant(Integer, "sqlite"), primary_key=True)


@event.listens_for(METADATA, "before_create")
def _before_create(metadata: MetaData, *_: Any, **__: Any) -> None:
    tell_which_rows(metadata)
