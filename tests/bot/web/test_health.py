"""Health, readiness and metrics; and what happens when something breaks."""

import logging
from typing import Any

import pytest
from sqlalchemy import text

from storage.migrate import head
from storage.url import Unavailable
from tests.bot.web.place import Place


async def stamp(place: Place) -> None:
    """Say that all migrations have been made; the tests' tables come from the models."""

    async def job(connection: Any) -> None:
        await connection.execute(text("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32))"))
        await connection.execute(text("DELETE FROM alembic_version"))
        await connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": head()})

    await place.context.ground.database.write(job)


async def test_alive_and_ready(place: Place) -> None:
    """WeCom cannot be reached in this test: it is named, and is no reason not to be ready."""
    await stamp(place)
    assert 200 == (await place.client.get("/healthz")).status
    response = await place.client.get("/readyz")
    body = await response.json()

    assert (200, "ok", "ok") == (response.status, body["database"], body["migrations"])
    assert body["platforms"]["wecom"].startswith("unreachable")


async def test_missing_migrations_are_503(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    await stamp(place)
    monkeypatch.setattr("storage.migrate.head", lambda: "9999")
    response = await place.client.get("/readyz")

    assert (503, "missing") == (response.status, (await response.json())["migrations"])


async def test_a_database_that_is_away_is_503(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away() -> None:
        raise Unavailable("gone")

    monkeypatch.setattr(place.context.ground.database, "ping", away)
    response = await place.client.get("/readyz")

    assert (503, "unreachable") == (response.status, (await response.json())["database"])


async def test_metrics_hold_numbers_only(place: Place) -> None:
    await place.apply()
    response = await place.client.get("/metrics")
    page = await response.text()

    assert "text/plain" == response.content_type
    assert "bulou_outbox_waiting 1" in page
    assert "李梅" not in page
    assert "13800000001" not in page


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/applications", "/p/aaaaaaaaaaaaaaaaaaaaaa", "/callback/sms"])
async def test_a_mistake_of_ours_is_one_log_entry_and_a_500(
    place: Place, path: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    headers = await place.api_token() | {"User-Agent": "Mozilla"}

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("secret detail")

    for name in ("bot.web.api.reports.listed", "bot.web.links.links.find", "aiohttp.web.json_response"):
        monkeypatch.setattr(name, broken)
    monkeypatch.setattr("bot.web.sms.hmac.compare_digest", broken)
    with caplog.at_level(logging.ERROR):
        response = await place.client.request("POST" if "callback" in path else "GET", path, headers=headers)

    assert 500 == response.status
    assert "secret" not in await response.text()
    assert "Traceback" not in await response.text()
    (entry,) = [record for record in caplog.records if record.name == "bot.web.guard"]
    assert entry.exc_info is not None
    assert "aaaaaaaa" not in entry.getMessage() + str(entry.__dict__["route"])


async def test_a_database_that_goes_away_is_503_and_one_line(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: Any) -> None:
        raise Unavailable("gone")

    monkeypatch.setattr("bot.web.sms.inbox.accept", away)
    headers = {"Authorization": "Bearer gateway-secret"}
    response = await place.client.post("/callback/sms", json={"id": "m", "status": "delivered"}, headers=headers)

    assert (503, "5") == (response.status, response.headers["Retry-After"])
    (entry,) = [record for record in caplog.records if record.name == "bot.web.guard"]
    assert entry.exc_info is None


async def test_answers_say_how_they_may_be_used(place: Place) -> None:
    for path in ("/healthz", "/api/v1/applications", "/p/x", "/nothing"):
        headers = (await place.client.get(path)).headers
        assert "nosniff" == headers["X-Content-Type-Options"]
        assert "default-src 'none'" in headers["Content-Security-Policy"]
