"""Where wrapped keys lie: the one root key, and a key for each day's unattributed messages."""

from datetime import date

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from storage.types import Base


class RootKey(Base):
    """The one key under which all others lie, itself wrapped by the operator's master key."""

    __tablename__ = "root_key"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
    fingerprint: Mapped[str] = mapped_column(String(16))  # tells which master key fits, without giving it away


class DayKey(Base):
    """The key for what could not yet be attributed on one day. Destroyed after 30 days, and the words with it."""

    __tablename__ = "day_keys"

    day: Mapped[date] = mapped_column(primary_key=True)
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
