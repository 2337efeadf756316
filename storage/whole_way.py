"""When somebody came to each stage of their process."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select

from storage.tables import Visit
from storage.unit import Unit


async def entered(unit: Unit, applications: Sequence[str]) -> dict[str, dict[str, datetime]]:
    """Application -> stage -> the moment they last entered it."""
    if not applications:
        return {}
    statement = (
        select(Visit.c.application_id, Visit.c.stage, func.max(Visit.c.entered_at).label("at"))
        .where(Visit.c.application_id.in_(list(applications)))
        .group_by(Visit.c.application_id, Visit.c.stage)
    )
    found: dict[str, dict[str, datetime]] = {}
    for row in await unit.all(statement):
        found.setdefault(row["application_id"], {})[row["stage"]] = row["at"]
    return found
