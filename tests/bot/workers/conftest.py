"""What tests of the workers share."""

import pytest

from storage.database import Database
from tests.bot.workers.company import Company, company_on


@pytest.fixture
async def company(database: Database) -> Company:
    """A company on either database."""
    return await company_on(database)
