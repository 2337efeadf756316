"""One reading process for all tests of a worker: it takes seconds to start."""

from collections.abc import AsyncIterator

import pytest_asyncio

from bot.documents.reading import Reader
from bot.sandbox.certificates import HOSTS, PROVINCES
from recruiting.certificates import Province

OURS = {key: Province(marks, HOSTS, has_code) for key, (marks, has_code) in PROVINCES.items()}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def reader() -> AsyncIterator[Reader]:
    """A reader that knows the provinces of our drawings."""
    made = Reader(OURS)
    try:
        yield made
    finally:
        await made.close()
