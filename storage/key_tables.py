"""Where wrapped keys lie: the one root key, and a key for each day's unattributed messages."""

from sqlalchemy import Column, Date, Integer, LargeBinary, String, Table

from storage.types import METADATA, Required

# The one key under which all others lie, itself wrapped by the operator's master key.
RootKey = Table(
    "root_key",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Required("wrapped", LargeBinary),
    Required("fingerprint", String(16)),  # tells which master key fits, without giving it away
)


# The key for what could not yet be attributed on one day. Destroyed after 30 days, and the words with it.
DayKey = Table(
    "day_keys",
    METADATA,
    Column("day", Date, primary_key=True),
    Required("wrapped", LargeBinary),
)
