"""What most stories of HR's desk begin with: the restaurant, with HR on WeCom or on Feishu."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.world import Cast, World

PROCESS = Path(__file__).parents[2] / "config" / "processes" / "restaurant.yaml"


@pytest.fixture(params=["wecom", "feishu"])
def place(request: pytest.FixtureRequest) -> tuple[Cast, str]:
    """HR on WeCom with SQLite, or on Feishu with PostgreSQL."""
    if request.param == "wecom":
        return Cast(), str(request.getfixturevalue("sqlite_url"))
    return Cast(hr="feishu", platforms=("wecom", "feishu")), str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def world(place: tuple[Cast, str], tmp_path: Path) -> AsyncIterator[World]:
    """The real bot and the sandbox, at nine on a Monday."""
    cast, url = place
    async with World.open(url, tmp_path, [PROCESS], cast) as opened:
        yield opened
