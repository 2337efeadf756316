"""The SMS gateway's callback: reports and replies, each once."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from tests.bot.web.place import SMS_TOKEN, Place

PATH = "/callback/sms"
BEARER = {"Authorization": f"Bearer {SMS_TOKEN}"}


async def post(place: Place, body: Any, headers: dict[str, str] = BEARER) -> int:
    response = await place.client.post(PATH, json=body, headers=headers)
    assert "" == await response.text()
    return response.status


async def test_only_with_the_gateways_token(place: Place) -> None:
    report = {"id": "m1", "status": "delivered"}

    assert [401, 401] == [await post(place, report, wrong) for wrong in ({}, {"Authorization": "Bearer x"})]
    assert [] == await place.inbox()


async def test_a_report_is_kept_once_a_status(place: Place) -> None:
    for report in ({"id": "m1", "status": "delivered"},) * 3 + ({"id": "m1", "status": "failed", "reason": "空号"},):
        assert 200 == await post(place, report)

    assert [
        ("sms_report", {"id": "m1", "status": "delivered", "reason": ""}),
        ("sms_report", {"id": "m1", "status": "failed", "reason": "空号"}),
    ] == await place.inbox()
    assert 2 == await place.handle()  # an unknown id harms nobody


@pytest.mark.parametrize("number", ["+8613800000001", "13800000001"])
async def test_a_reply_reaches_its_sender(place: Place, number: str) -> None:
    id = await place.apply()
    assert 200 == await post(place, {"from": number, "text": "人工"})

    await place.handle()
    assert ("human",) == (await place.loaded(id)).application.follow_up


async def test_the_gateways_id_tells_replies_apart(place: Place) -> None:
    for id in ("a", "a", "b"):
        await post(place, {"from": "+8613800000001", "text": "好", "id": id})

    assert 2 == len(await place.inbox())


@pytest.mark.parametrize("start", [0, 1, 30, 59])
async def test_the_same_words_within_a_minute_are_a_repeat(place: Place, start: int) -> None:
    """Wherever in the clock's minute the first one comes."""
    reply = {"from": "+8613800000001", "text": "好"}
    place.clock.push(timedelta(seconds=start))
    await post(place, reply)
    for seconds in (1, 58):  # 1 s and 59 s after the first
        place.clock.push(timedelta(seconds=seconds))
        await post(place, reply)
    assert 1 == len(await place.inbox())

    place.clock.push(timedelta(seconds=1))  # 60 s
    await post(place, reply)
    assert 2 == len(await place.inbox())


async def test_copies_at_the_same_moment_are_one(place: Place) -> None:
    reply = {"from": "+8613800000001", "text": "好"}
    await asyncio.gather(*(post(place, reply) for _ in range(8)))

    assert 1 == len(await place.inbox())


async def test_other_words_or_another_phone_are_no_repeat(place: Place) -> None:
    for phone, text in (("+8613800000001", "好"), ("+8613800000001", "不"), ("+8613800000002", "好")):
        await post(place, {"from": phone, "text": text})

    assert 3 == len(await place.inbox())


async def test_what_is_no_json_is_400_and_what_means_nothing_200(place: Place) -> None:
    response = await place.client.post(PATH, data=b"<xml/>", headers=BEARER)
    assert 400 == response.status
    nothing: list[Any] = [{}, [], {"id": 7, "status": "delivered"}, {"id": "m", "status": "?"}]
    for body in [*nothing, {"from": "10086", "text": "hi"}]:
        assert 200 == await post(place, body)
    assert [] == await place.inbox()


async def test_a_body_over_one_mebibyte_is_413(place: Place) -> None:
    assert 413 == (await place.client.post(PATH, data=io.BytesIO(b"x" * (2**20 + 1)), headers=BEARER)).status


async def test_not_set_up_is_404(bare: Callable[..., Awaitable[TestClient[Any, Any]]]) -> None:
    client = await bare(sms_token=None)
    try:
        assert 404 == (await client.post(PATH, json={}, headers=BEARER)).status
    finally:
        await client.close()
