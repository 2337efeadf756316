"""Callbacks of WeCom: kept before they are answered, once however often they come, refused when they are forged."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp.test_utils import TestClient
from sqlalchemy import select

from storage.tables import Incoming
from tests.bot.web.place import Place

PATH = "/callback/wecom/app"


def sealed(place: Place, plain: str, *, receiver: str = "ww1") -> tuple[dict[str, str], bytes]:
    encrypted = place.crypto.seal(plain.encode())
    query = {
        "msg_signature": place.crypto.sign("1772413200", "n1", encrypted),
        "timestamp": "1772413200",
        "nonce": "n1",
    }
    envelope = f"<xml><ToUserName>{receiver}</ToUserName><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
    return query, envelope.encode()


def text(id: str, words: str = "帮助") -> str:
    return (
        "<xml><ToUserName>ww1</ToUserName><FromUserName>wang</FromUserName><CreateTime>1772413200</CreateTime>"
        f"<MsgType>text</MsgType><Content>{words}</Content><MsgId>{id}</MsgId><AgentID>1</AgentID></xml>"
    )


def bell(token: str) -> str:
    return (
        "<xml><ToUserName>ww1</ToUserName><CreateTime>1772413200</CreateTime><MsgType>event</MsgType>"
        f"<Event>kf_msg_or_event</Event><Token>{token}</Token><OpenKfId>wkDesk</OpenKfId></xml>"
    )


async def send(place: Place, plain: str) -> int:
    query, body = sealed(place, plain)
    response = await place.client.post(PATH, params=query, data=body)
    assert "" == await response.text()
    return response.status


async def test_the_url_check_is_answered_with_its_own_text(place: Place) -> None:
    encrypted = place.crypto.seal(b"7127283")
    query = {
        "msg_signature": place.crypto.sign("1", "n", encrypted),
        "timestamp": "1",
        "nonce": "n",
        "echostr": encrypted,
    }
    response = await place.client.get(PATH, params=query)

    assert (200, "7127283") == (response.status, await response.text())
    assert "text/plain" == response.content_type


async def test_a_message_is_committed_before_the_answer(place: Place) -> None:
    assert 200 == await send(place, text("m1"))

    ((source, body),) = await place.inbox()
    assert ("chat", "帮助", "wang") == (source, body["text"], body["sender"]["account"])


async def test_ten_copies_at_once_are_one_message(place: Place) -> None:
    answers = await asyncio.gather(*(send(place, text("m1")) for _ in range(10)))

    assert [200] * 10 == answers
    assert 1 == len(await place.rows(select(Incoming)))


async def test_every_doorbell_is_kept(place: Place) -> None:
    """The same bell within the same second may announce something newer than what was pulled in between."""
    for token in ("ENC1", "ENC1", "ENC2"):
        assert 200 == await send(place, bell(token))

    bells = [body for source, body in await place.inbox() if source == "doorbell"]
    expected = [("wkDesk", "ENC1"), ("wkDesk", "ENC1"), ("wkDesk", "ENC2")]
    assert expected == [(one["desk"], one["token"]) for one in bells]


async def test_what_means_nothing_is_thanked_for_and_counted(place: Place) -> None:
    plain = "<xml><MsgType>event</MsgType><Event>never_heard_of</Event></xml>"
    assert 200 == await send(place, plain)

    assert [] == await place.rows(select(Incoming))
    metrics = await (await place.client.get("/metrics")).text()
    assert 'bulou_callbacks_total{path="/callback/wecom/app",outcome="ignored"} 1' in metrics


async def test_no_envelope_is_400_and_a_forged_one_403(place: Place) -> None:
    query, body = sealed(place, text("m1"))
    for params, data, status in (
        (query, b"{}", 400),
        (query, b"", 400),
        ({}, body, 403),
        (query | {"msg_signature": "0" * 40}, body, 403),
        (query | {"nonce": "other"}, body, 403),
        (query, b"<xml></xml>", 403),
        (query, sealed(place, text("m1"), receiver="ww2")[1], 403),
    ):
        response = await place.client.post(PATH, params=params, data=data)
        assert (status, b"") == (response.status, await response.read())
    assert 403 == (await place.client.get(PATH)).status
    assert [] == await place.rows(select(Incoming))


async def test_a_body_over_one_mebibyte_is_413(place: Place) -> None:
    query, _ = sealed(place, text("m1"))
    said = await place.client.post(PATH, params=query, data=io.BytesIO(b"x" * (2**20 + 1)))
    assert 413 == said.status

    async def unsaid() -> Any:
        for _ in range(17):
            yield b"x" * 2**16

    assert 413 == (await place.client.post(PATH, params=query, data=unsaid())).status


async def test_without_wecom_there_is_no_such_path(bare: Callable[..., Awaitable[TestClient[Any, Any]]]) -> None:
    client = await bare(platforms={})
    try:
        assert 404 == (await client.post(PATH, data=b"<xml/>")).status
        assert 404 == (await client.get(PATH)).status
    finally:
        await client.close()
