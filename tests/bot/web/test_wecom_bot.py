"""HR's group talks to the bot: handled and answered in one request, once however often it comes."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest
from aiohttp.test_utils import TestClient
from sqlalchemy import select

from bot.dispatch import Dispatch
from bot.platforms.wecom.crypto import CallbackCrypto
from bot.web import wecom_bot
from recruiting.chat import Incoming
from storage import members
from storage.tables import ButtonRow, Member, OutboxRow
from storage.tables import Incoming as InboxRow
from storage.unit import Unit
from storage.url import Unavailable
from tests.bot.web.place import AES_KEY, Place

PATH = "/callback/wecom/bot"
CRYPTO = CallbackCrypto("QDG6eK", AES_KEY, "")
Json = dict[str, Any]


def sealed(told: Json | bytes) -> tuple[dict[str, str], bytes]:
    encrypted = CRYPTO.seal(told if isinstance(told, bytes) else orjson.dumps(told))
    query = {"msg_signature": CRYPTO.sign("1772413200", "n1", encrypted), "timestamp": "1772413200", "nonce": "n1"}
    return query, orjson.dumps({"encrypt": encrypted})


def said(text: str, *, msgid: str = "CAIQ/1=", who: str = "Wang", group: str = "wr1") -> Json:
    where = {"chattype": "group", "chatid": group} if group else {"chattype": "single"}
    content = {"content": f"@招聘助手 {text}"}
    return {"msgid": msgid, "aibotid": "a", **where, "from": {"userid": who}, "msgtype": "text", "text": content}


def tapped(task: str, key: str, *, msgid: str = "tap1", who: str = "Wang") -> Json:
    event = {"eventtype": "template_card_event", "template_card_event": {"event_key": key, "task_id": task}}
    return {**said("", msgid=msgid, who=who), "create_time": 1772413200, "msgtype": "event", "event": event}


async def tell(place: Place, told: Json) -> Json | None:
    """What the bot answers, opened; None for an empty body."""
    query, body = sealed(told)
    response = await place.client.post(PATH, params=query, data=body)
    assert 200 == response.status
    envelope = await response.read()
    if not envelope:
        return None
    found: Json = orjson.loads(CRYPTO.open(orjson.loads(envelope)["encrypt"]))
    return found


async def poll(place: Place, stream: str) -> Json:
    told = await tell(place, {**said(""), "msgtype": "stream", "stream": {"id": stream}})
    assert told is not None
    return told


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no reason to say "one moment": where that is the promise, a test sets its own."""
    monkeypatch.setattr(wecom_bot, "PATIENCE", 60.0)


@pytest.fixture
async def wang(place: Place) -> str:
    """A recruiter for all shops."""
    return await place.write(lambda unit: members.put(unit, "Wang", role="recruiter", shops=[], wecom="wang"))


async def test_a_member_is_answered_in_the_response(place: Place, wang: str) -> None:
    """Nothing is left for the workers; the answer is kept as sent, and their own surface stays where cards go."""
    await place.apply("李梅")
    told = await tell(place, said("/状态 李梅"))
    assert told is not None
    assert "template_card" == told["msgtype"]
    assert "李梅" in str(told["template_card"])
    assert ["现在催办", "发过什么", "看电话"] == [each["text"] for each in told["template_card"]["button_list"]]
    assert [] == await place.inbox()
    rows = await place.rows(select(OutboxRow).where(OutboxRow.c.rung == "passive"))
    assert [("accepted", "wecom.botgroup", 1)] == [(row["status"], row["surface"], row["tries"]) for row in rows]
    assert [None] == [row["surface"] for row in await place.rows(select(Member))]


async def test_ten_copies_are_one_message_with_one_answer(place: Place, wang: str) -> None:
    await place.apply("李梅")
    told = await asyncio.gather(*(tell(place, said("/状态 李梅")) for _ in range(10)))
    assert told == [told[0]] * 10
    assert told[0] == await tell(place, said("/状态 李梅"))
    assert told[0] is not None
    assert 1 == len(await place.rows(select(InboxRow)))
    assert 1 == len(await place.rows(select(OutboxRow).where(OutboxRow.c.rung == "passive")))


async def test_a_stranger_in_the_group_gets_nothing(place: Place, wang: str) -> None:
    """Alone with the bot they are told once what it is, as in the app."""
    await place.apply("李梅")
    assert await tell(place, said("/状态 李梅", who="nobody")) is None
    assert await tell(place, tapped("t1", "approve:x", who="nobody")) is None
    alone = await tell(place, said("/状态 李梅", who="nobody", group="", msgid="m2"))
    assert alone is not None
    assert "李梅" not in alone["stream"]["content"]
    assert await tell(place, said("在吗", who="nobody", group="", msgid="m3")) is None


async def test_a_tap_settles_the_card_for_everybody_and_a_copy_changes_nothing(place: Place, wang: str) -> None:
    id = await place.apply("李梅")
    asked = await tell(place, said("/淘汰 李梅 不合适"))
    assert asked is not None
    card = asked["template_card"]
    key = next(button["key"] for button in card["button_list"] if button["key"].startswith("confirm:"))
    rows = await place.rows(select(ButtonRow).where(ButtonRow.c.key == key))
    assert [wang] == [row["member_id"] for row in rows]
    changed = await tell(place, tapped(card["task_id"], key))
    assert changed is not None
    assert "update_template_card" == changed["response_type"]
    assert "userids" not in changed
    assert card["task_id"] == changed["template_card"]["task_id"]
    assert changed["template_card"]["replace_text"]
    assert changed == await tell(place, tapped(card["task_id"], key))
    assert 1 == (await place.events(id)).count("application.rejected")


async def test_what_concerns_one_is_shown_to_one(place: Place, wang: str) -> None:
    """Another member's button does nothing, and only they read why."""
    await place.write(lambda unit: members.put(unit, "Zhao", role="recruiter", shops=[], wecom="Zhao"))
    await place.apply("李梅")
    asked = await tell(place, said("/淘汰 李梅 不合适"))
    assert asked is not None
    card = asked["template_card"]
    told = await tell(place, tapped(card["task_id"], card["button_list"][0]["key"], who="Zhao"))
    assert told is not None
    assert ["zhao"] == told["userids"]
    assert card["button_list"] == told["template_card"]["button_list"]


async def test_what_takes_longer_is_a_stream_that_ends_with_the_answer(
    place: Place, wang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.apply("李梅")
    monkeypatch.setattr(wecom_bot, "PATIENCE", 0)
    first = await tell(place, said("/状态 李梅"))
    assert first is not None
    assert not first["stream"]["finish"]
    told = first
    while not told["stream"]["finish"]:
        told = await poll(place, first["stream"]["id"])
    assert "李梅" in told["stream"]["content"]
    assert told == await poll(place, first["stream"]["id"])


async def test_a_stream_that_nobody_works_on_is_given_up(place: Place) -> None:
    """The process that was at it may have died: a minute, then the person is told to ask again."""
    begun = f"m1.{int(place.clock.now().timestamp())}"
    assert not (await poll(place, begun))["stream"]["finish"]
    place.clock.push(wecom_bot.LOST_AFTER + wecom_bot.LOST_AFTER / 2)
    told = await poll(place, begun)
    assert (begun, True) == (told["stream"]["id"], told["stream"]["finish"])


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    """Make handling fail."""

    def fail(error: Exception) -> None:
        async def chat(self: Dispatch, unit: Unit, incoming: Incoming, cause: str) -> None:
            raise error

        monkeypatch.setattr(Dispatch, "chat", chat)

    return fail


async def test_a_bug_is_said_to_be_one_and_the_next_try_counts(
    place: Place, wang: str, broken: Callable[[Exception], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(RuntimeError("a bug"))
    told = await tell(place, said("/状态 李梅"))
    assert told is not None
    assert told["stream"]["finish"]
    changed = await tell(place, tapped("t1", "approve:x"))
    assert changed is not None
    assert ["wang"] == changed["userids"]
    assert [] == await place.rows(select(InboxRow))

    monkeypatch.setattr(wecom_bot, "PATIENCE", 0)
    slow = await tell(place, said("/状态 李梅", msgid="m2"))
    assert slow is not None
    told = slow
    while not told["stream"]["finish"]:
        told = await poll(place, slow["stream"]["id"])


async def test_without_a_database_wecom_is_asked_to_come_again(
    place: Place, broken: Callable[[Exception], None]
) -> None:
    broken(Unavailable("away"))
    query, body = sealed(said("/状态 李梅"))
    assert 503 == (await place.client.post(PATH, params=query, data=body)).status


async def test_an_answer_that_cannot_be_written_undoes_nothing(
    place: Place, wang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has been moved on, even though nobody could be told."""
    id = await place.apply("李梅")

    async def fail(*_: Any) -> None:
        raise LookupError("no such text")

    monkeypatch.setattr("bot.delivery.compose.Composer.letter", fail)
    assert await tell(place, said("/通过 李梅")) is None
    assert "health_certificate" == (await place.loaded(id)).application.stage
    rows = await place.rows(select(OutboxRow).where(OutboxRow.c.rung == "passive"))
    assert [("failed", "not_written")] == [(one["status"], one["reason"]) for one in rows]


async def test_the_url_check_is_answered_with_its_own_text(place: Place) -> None:
    query, body = sealed(b"7127283")
    response = await place.client.get(PATH, params={**query, "echostr": orjson.loads(body)["encrypt"]})
    assert (200, "7127283", "text/plain") == (response.status, await response.text(), response.content_type)


async def test_no_envelope_is_400_and_a_forged_one_403(place: Place) -> None:
    query, body = sealed(said("帮助"))
    for params, data, status in (
        (query, b"<xml/>", 400),
        (query, b"", 400),
        ({}, body, 403),
        (query | {"msg_signature": "0" * 40}, body, 403),
        (query | {"nonce": "other"}, body, 403),
        (query, b"{}", 403),
        (query, orjson.dumps(said("帮助")), 403),
    ):
        response = await place.client.post(PATH, params=params, data=data)
        assert (status, b"") == (response.status, await response.read())
    assert 403 == (await place.client.get(PATH)).status
    assert [] == await place.rows(select(InboxRow))


async def test_what_means_nothing_is_thanked_for_and_counted(place: Place) -> None:
    for told in (b"", b"\xff", b"[]", b'{"msgtype":"event"}'):
        query, body = sealed(told)
        response = await place.client.post(PATH, params=query, data=body)
        assert (200, b"") == (response.status, await response.read())
    metrics = await (await place.client.get("/metrics")).text()
    assert f'bulou_callbacks_total{{path="{PATH}",outcome="ignored"}} 4' in metrics


async def test_a_body_over_one_mebibyte_is_413(place: Place) -> None:
    query, _ = sealed(said("帮助"))
    answer = await place.client.post(PATH, params=query, data=io.BytesIO(b"x" * (2**20 + 1)))
    assert 413 == answer.status


async def test_without_the_bot_there_is_no_such_path(bare: Callable[..., Awaitable[TestClient[Any, Any]]]) -> None:
    client = await bare(group_bot=None)
    try:
        assert 404 == (await client.post(PATH, data=b"{}")).status
        assert 404 == (await client.get(PATH)).status
    finally:
        await client.close()
