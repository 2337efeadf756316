"""Where the database is: which addresses are understood, and what to say when nobody answers there."""

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}
_FORMS = "sqlite+aiosqlite:///bulou.db or postgresql+asyncpg://user:password@host/database"


class Unavailable(Exception):
    """What was asked for cannot be reached: `str()` is one line, without secrets, that says what to do."""


def parse_url(url: str) -> URL:
    """Understand the address of a database. Raises Unavailable: it has none of the known forms."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise Unavailable(f"BULOU_DATABASE_URL is not an address: write {_FORMS}") from None
    driver = _DRIVERS.get(parsed.drivername)
    if driver is None:
        raise Unavailable(f"BULOU_DATABASE_URL begins with {parsed.drivername}: write {_FORMS}")
    parsed = parsed.set(drivername=driver)
    if driver.startswith("sqlite"):
        if not parsed.database or parsed.database == ":memory:" or parsed.host or parsed.query:
            raise Unavailable("BULOU_DATABASE_URL must name a file: sqlite+aiosqlite:///bulou.db, without options")
        return parsed
    if "sslmode" in parsed.query:  # how psql spells it
        mode = parsed.query["sslmode"]
        parsed = parsed.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    return parsed
