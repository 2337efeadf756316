"""Interview results: only genuine and fresh ones count, each once, and none is lost."""

import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from standardwebhooks import Webhook

from tests.bot.web.place import WEBHOOK_SECRET, Place

PATH = "/hooks/interview"


def signed(body: str, at: datetime, id: str = "msg_1") -> dict[str, str]:
    return {
        "webhook-id": id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(WEBHOOK_SECRET).sign(id, at, body),
    }


def result(token: str, type: str = "interview.completed", **data: Any) -> str:
    return json.dumps({"type": type, "data": {"token": token, **data}}, ensure_ascii=False)


async def post(place: Place, body: str, headers: dict[str, str] | None = None) -> int:
    given = signed(body, place.clock.now()) if headers is None else headers
    response = await place.client.post(PATH, data=body.encode(), headers=given)
    assert "Traceback" not in await response.text()
    return response.status


async def test_a_result_moves_the_candidate_on(place: Place) -> None:
    id = await place.apply()
    body = result(await place.token(id, "provider"), scores={"总分": 82, "服务意识": 86})

    assert 200 == await post(place, body)
    assert 200 == await post(place, body)  # the provider repeats what it thinks was lost
    assert 1 == await place.handle()

    state = (await place.loaded(id)).application
    assert ("health_certificate", {"总分": 82, "服务意识": 86}) == (state.stage, state.scores)
    assert 1 == (await place.events(id)).count("interview.completed")


async def test_the_provider_gets_a_token_of_its_own(place: Place) -> None:
    id = await place.apply()
    invite, chat, provider = [await place.token(id, kind) for kind in ("invite", "chat", "provider")]

    assert 3 == len({invite, chat, provider})
    assert [404, 404] == [await post(place, result(token)) for token in (invite, chat)]
    assert 404 == await post(place, result("no-such-token-at-all"))


@pytest.mark.parametrize("age", [timedelta(minutes=6), timedelta(minutes=-6)])
async def test_a_time_stamp_more_than_five_minutes_off_is_401(place: Place, age: timedelta) -> None:
    body = result(await place.token(await place.apply(), "provider"))

    assert 401 == await post(place, body, signed(body, place.clock.now() - age))
    assert 200 == await post(place, body, signed(body, place.clock.now() - age / 2))


async def test_a_bad_signature_is_401(place: Place) -> None:
    body = result(await place.token(await place.apply(), "provider"))
    good = signed(body, place.clock.now())
    bad = [
        {},
        good | {"webhook-signature": ""},
        good | {"webhook-signature": f"v1,{'A' * 43}="},
        good | {"webhook-signature": good["webhook-signature"].replace("v1,", "v2,")},
        good | {"webhook-id": "msg_2"},
        good | {"webhook-timestamp": "soon"},
        {name: value for name, value in good.items() if name != "webhook-id"},
    ]

    assert [401] * len(bad) == [await post(place, body, headers) for headers in bad]
    assert 401 == await post(place, body + " ", good)
    assert [] == await place.inbox()


async def test_one_good_signature_of_several_is_enough(place: Place) -> None:
    body = result(await place.token(await place.apply(), "provider"))
    good = signed(body, place.clock.now())
    both = good | {"webhook-signature": f"v1,{'A' * 43}= {good['webhook-signature']}"}

    assert 200 == await post(place, body, both)


async def test_signed_but_not_json_is_400(place: Place) -> None:
    assert 400 == await post(place, "{")
    assert 400 == await post(place, '{"type": "interview.completed"}')


async def test_signed_but_meaningless_is_200(place: Place) -> None:
    for body in ("{}", "[]", '{"type": "interview.exploded", "data": {}}'):
        assert 200 == await post(place, body)
    assert [] == await place.inbox()


async def test_not_set_up_is_404(bare: Callable[..., Awaitable[TestClient[Any, Any]]]) -> None:
    client = await bare(interview_secret=None)
    try:
        assert 404 == (await client.post(PATH, data=b"{}")).status
    finally:
        await client.close()
