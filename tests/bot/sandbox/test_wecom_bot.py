"""The 智能机器人's other side: what the bot is told, which answers count, and which nobody ever sees."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.clock import StandingClock
from bot.platforms.wecom.crypto import CallbackCrypto
from bot.sandbox import DEFAULTS, Sandbox
from bot.sandbox.wecom_bot import FORGERIES, PATH, STREAM_LIVES
from bot.sandbox.world import environment

CARD = {
    "card_type": "button_interaction",
    "main_title": {"title": "健康证"},
    "button_list": [{"text": "通过", "style": 1, "key": "approve:1"}, {"text": "退回", "key": "reject:1"}],
    "task_id": "t1",
}
WORDS = {"msgtype": "stream", "stream": {"id": "s1", "finish": True, "content": "好的"}}
Json = dict[str, Any]


@dataclass
class AnsweringBot:
    """Opens what it is told and answers what has been laid down for it, one after another."""

    crypto: CallbackCrypto = field(default_factory=lambda: CallbackCrypto(DEFAULTS.bot_token, DEFAULTS.bot_aes_key, ""))
    told: list[Json] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    answers: list[Json | int] = field(default_factory=list)  # a reply, or a status
    envelope: Json = field(default_factory=dict)  # put over that of every answer

    async def callback(self, request: web.Request) -> web.Response:
        query = request.query
        if request.method == "GET":
            return web.Response(body=self.crypto.open(query["echostr"]))
        try:
            sealed = json.loads(await request.read())["encrypt"]
        except (ValueError, KeyError):
            return web.Response(status=400)
        if not self.crypto.verify(query.get("msg_signature", ""), query["timestamp"], query["nonce"], sealed):
            return web.Response(status=403)
        try:
            plain = self.crypto.open(sealed)
        except Exception:
            return web.Response(status=403)
        self.lengths.append(len(plain))
        self.told.append(json.loads(plain))
        answer = self.answers.pop(0) if self.answers else 200
        return web.Response(status=answer) if isinstance(answer, int) else self._sealed(answer, query["nonce"])

    def _sealed(self, reply: Json, nonce: str) -> web.Response:
        sealed = self.crypto.seal(json.dumps(reply).encode())
        signature = self.crypto.sign("1772413200", nonce, sealed)
        told = {"encrypt": sealed, "msgsignature": signature, "timestamp": 1772413200, "nonce": nonce}
        return web.json_response({**told, **self.envelope})


@pytest.fixture
def answering() -> AnsweringBot:
    return AnsweringBot()


@pytest.fixture
async def world(clock: StandingClock, answering: AnsweringBot) -> AsyncIterator[Sandbox]:
    application = web.Application()
    application.router.add_route("*", PATH, answering.callback)
    async with TestServer(application) as server:
        made = Sandbox(clock, bot_url=str(server.make_url("")))
        made.courier.interval = 0
        made.bot.poll_interval = 0
        made.bot.hr_group.members.update({"wang", "zhao"})
        yield made
        await made.close()


async def in_group(world: Sandbox, text: str = "/待办", who: str = "wang") -> list[Any]:
    """Somebody says something; what the group sees afterwards."""
    world.bot.say(who, text, world.bot.hr_group.id)
    await world.idle()
    return world.bot.sees(who, world.bot.hr_group.id)


async def test_the_url_check(world: Sandbox) -> None:
    assert 0 == await world.bot.verify()
    world.bot_url = "http://127.0.0.1:1"
    assert 40057 == await world.bot.verify()


async def test_what_is_said_in_a_group_comes_with_the_mention(world: Sandbox, answering: AnsweringBot) -> None:
    """The chatid is there only in groups; without @ the bot hears nothing."""
    await in_group(world)
    world.bot.say("wang", "中午吃什么", world.bot.hr_group.id, at_bot=False)
    world.bot.say("wang", "/待办")
    await world.idle()
    first, second = answering.told
    assert ("group", world.bot.hr_group.id) == (first["chattype"], first["chatid"])
    assert ("text", "@招聘助手 /待办", "wang") == (first["msgtype"], first["text"]["content"], first["from"]["userid"])
    assert ("single", "/待办") == (second["chattype"], second["text"]["content"])
    assert "chatid" not in second
    assert first["msgid"] != second["msgid"]


async def test_every_length_of_padding_occurs(world: Sandbox, answering: AnsweringBot) -> None:
    for _ in range(32):
        await in_group(world)
    assert list(range(32, 0, -1)) == [32 - (20 + length) % 32 for length in answering.lengths]


async def test_who_is_not_in_the_group_cannot_speak_there(world: Sandbox) -> None:
    with pytest.raises(LookupError, match="not in the group"):
        world.bot.say("passerby", "hi", world.bot.hr_group.id)
    chatid = world.bot.group("门店群", ["passerby"])
    assert world.bot.say("passerby", "hi", chatid)


async def test_a_message_is_told_four_times_until_it_is_taken(world: Sandbox, answering: AnsweringBot) -> None:
    answering.answers = [500, 403, WORDS]
    assert ["好的"] == [message.text for message in await in_group(world)]
    assert 1 == len({told["msgid"] for told in answering.told})
    answering.answers = [500, 500, 500, 500, WORDS]
    assert 1 == len(await in_group(world))
    assert ["accepted", "dropped"] == [delivery.outcome for delivery in world.deliveries]


async def test_a_stream_is_asked_for_until_it_ends(world: Sandbox, answering: AnsweringBot) -> None:
    """Each answer is the whole text so far; the card may come with any of them, once."""
    going = {"msgtype": "stream", "stream": {"id": "s1", "finish": False, "content": "正在"}}
    ended = {**WORDS, "msgtype": "stream_with_template_card", "template_card": CARD}
    answering.answers = [going, going, ended]
    words, card = await in_group(world)
    assert ("好的", "健康证") == (words.text, card.text)
    assert ["text", "stream", "stream"] == [told["msgtype"] for told in answering.told]
    assert [{"id": "s1"}] * 2 == [told["stream"] for told in answering.told[1:]]
    assert [["正在", "正在", "好的"]] == [talk.shown for talk in world.bot.talks]


async def test_a_stream_without_an_end_is_left_after_six_minutes(
    world: Sandbox, answering: AnsweringBot, clock: StandingClock
) -> None:
    going: Json = {"msgtype": "stream", "stream": {"id": "s1", "finish": False, "content": "正在"}}
    answering.answers = [going] * 1000
    world.bot.poll_interval = 0.001
    world.bot.say("wang", "/待办")
    while not answering.told[1:]:
        await world.bot.verify()
    clock.push(STREAM_LIVES * 1.1)
    await world.idle()
    assert [] == world.bot.sees("wang")
    assert ["wecom.bot: a stream was never finished"] == world.record.warnings


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ({"msgtype": "text", "text": {"content": "hi"}}, "no text in answer to message"),
        ({"msgtype": "markdown", "markdown": {"content": "hi"}}, "no markdown"),
        ({"response_type": "update_template_card", "template_card": CARD}, "no None"),
        ({**WORDS, "template_card": CARD}, "unknown members"),
        ({"msgtype": "stream", "stream": {"finish": True, "content": "x"}}, "id is missing"),
        ({"msgtype": "stream", "stream": {"id": "s", "finish": 1, "content": "x"}}, "finish true or false"),
        ({"msgtype": "stream", "stream": {"id": "s", "finish": True, "content": "好" * 6827}}, "exceeds 20480"),
        ({"msgtype": "stream", "stream": {"id": "s", "finish": False, "content": "", "msg_item": []}}, "pictures"),
        ({"msgtype": "stream"}, "stream is missing"),
        ({"msgtype": "template_card", "template_card": {**CARD, "task_id": "a b"}}, "task_id"),
        ({"msgtype": "template_card", "template_card": {**CARD, "button_list": []}}, "button_list"),
        (
            {
                "msgtype": "template_card",
                "template_card": {**CARD, "button_list": [{"text": "x", "type": 1, "url": "https://example.com"}]},
            },
            "a button of this bot",
        ),
        (
            {
                "msgtype": "template_card",
                "template_card": {
                    **CARD,
                    "horizontal_content_list": [{"keyname": "x", "type": 2, "media_id": "m", "value": "y"}],
                },
            },
            "no attachment",
        ),
    ],
)
async def test_what_is_no_answer_to_a_message_nobody_sees(
    world: Sandbox, answering: AnsweringBot, reply: Json, why: str
) -> None:
    answering.answers = [reply]
    assert [] == await in_group(world)
    assert world.deliveries[0].reply.startswith("discarded: ")
    assert why in world.deliveries[0].reply


@pytest.mark.parametrize(
    ("envelope", "why"),
    [
        ({"nonce": "other"}, "nonce"),
        ({"timestamp": "1772413200"}, "no integer"),
        ({"timestamp": 1772413201}, "wrong signature"),
        ({"msgsignature": "0" * 40}, "wrong signature"),
        ({"more": 1}, "no sealed JSON"),
    ],
)
async def test_an_answer_is_checked_like_a_callback(
    world: Sandbox, answering: AnsweringBot, envelope: Json, why: str
) -> None:
    answering.answers, answering.envelope = [WORDS], envelope
    assert [] == await in_group(world)
    assert why in world.deliveries[0].reply


async def test_an_answer_for_another_receiver_cannot_be_opened(world: Sandbox, answering: AnsweringBot) -> None:
    opened = answering.crypto

    class Company(CallbackCrypto):
        def open(self, encrypted: str) -> bytes:
            return opened.open(encrypted)

    answering.crypto = Company(DEFAULTS.bot_token, DEFAULTS.bot_aes_key, DEFAULTS.corp_id)
    answering.answers = [WORDS]
    assert [] == await in_group(world)
    assert "discarded: cannot be opened" == world.deliveries[0].reply


async def test_a_card_has_its_id_for_itself(world: Sandbox, answering: AnsweringBot) -> None:
    card = {"msgtype": "template_card", "template_card": CARD}
    answering.answers = [card, card]
    assert 1 == len(await in_group(world))
    assert 1 == len(await in_group(world))
    assert "discarded: task_id already exists" == world.deliveries[1].reply


async def test_a_tap_is_told_once_and_changes_the_card_for_one(world: Sandbox, answering: AnsweringBot) -> None:
    group = world.bot.hr_group.id
    answering.answers = [{"msgtype": "template_card", "template_card": CARD}]
    await in_group(world)
    changed = {**CARD, "main_title": {"title": "只有你看得到"}}
    answering.answers = [{"response_type": "update_template_card", "userids": ["WANG"], "template_card": changed}]
    world.bot.tap("wang", "t1", "approve:1", group)
    await world.idle()
    told = answering.told[-1]["event"]["template_card_event"]
    assert ("approve:1", "t1", "button_interaction") == (told["event_key"], told["task_id"], told["card_type"])
    assert ["只有你看得到"] == [message.text for message in world.bot.sees("wang", group)]
    assert ["健康证"] == [message.text for message in world.bot.sees("zhao", group)]

    settled = {**CARD, "replace_text": "已通过"}
    answering.answers = [{"response_type": "update_template_card", "template_card": settled}]
    world.bot.tap("wang", "t1", "approve:1", group)
    await world.idle()
    assert ["已通过"] * 2 == [world.bot.sees(who, group)[0].label for who in ("wang", "zhao")]
    with pytest.raises(LookupError, match="sees no button"):
        world.bot.tap("zhao", "t1", "approve:1", group)


async def test_a_tap_that_fails_is_not_repeated(world: Sandbox, answering: AnsweringBot) -> None:
    group = world.bot.hr_group.id
    answering.answers = [{"msgtype": "template_card", "template_card": CARD}]
    await in_group(world)
    other = {"response_type": "update_template_card", "template_card": {**CARD, "task_id": "t2"}}
    for answer, outcome, reply in (
        (500, "dropped", ""),
        (WORDS, "accepted", "discarded: no None in answer to template_card_event"),
        (other, "accepted", "discarded: task_id is not the tapped card's"),
    ):
        answering.answers = [answer]
        world.bot.tap("wang", "t1", "approve:1", group)
        await world.idle()
        last = world.deliveries[-1]
        assert (1, outcome, reply) == (len(last.attempts), outcome, last.reply)
    assert "健康证" == world.bot.sees("wang", group)[0].text


async def test_only_a_greeting_is_plain_text(world: Sandbox, answering: AnsweringBot) -> None:
    answering.answers = [{"msgtype": "text", "text": {"content": "你好"}}, WORDS]
    world.bot.enter("wang")
    await world.idle()
    assert ["你好"] == [message.text for message in world.bot.sees("wang")]
    assert "enter_chat" == answering.told[0]["event"]["eventtype"]
    world.bot.enter("wang")
    await world.idle()
    assert world.deliveries[-1].reply.startswith("discarded")


async def test_nobody_has_more_than_three_answers_under_way(world: Sandbox, answering: AnsweringBot) -> None:
    world.bot.poll_interval = 60
    for number in range(3):
        answering.answers.append({"msgtype": "stream", "stream": {"id": f"s{number}", "finish": False}})
        world.bot.say("wang", "/待办")
    while len(world.bot.talks[-1].shown) + len(world.bot.talks[0].shown) + len(world.bot.talks[1].shown) < 3:
        await world.bot.verify()
    with pytest.raises(LookupError, match="3 answers under way"):
        world.bot.say("wang", "/待办")
    assert world.bot.say("zhao", "/待办")


@pytest.mark.parametrize("variant", FORGERIES)
async def test_forgeries_reach_the_bot_as_such(world: Sandbox, answering: AnsweringBot, variant: str) -> None:
    expected = {"plain": 400, "not_json": 400}.get(variant, 403)
    assert expected == await world.bot.forge(variant, "wang", "/待办")
    assert [] == answering.told


async def test_over_http_and_in_the_environment(world: Sandbox, answering: AnsweringBot) -> None:
    """A page, or a test in another process, has the same abilities; the bot is told token and key."""
    told = environment("http://127.0.0.1:9000")
    assert DEFAULTS.bot_token == told["BULOU_WECOM__BOT_TOKEN"]
    assert b"x" == CallbackCrypto("t", told["BULOU_WECOM__BOT_AES_KEY"], "").open(answering.crypto.seal(b"x"))
    async with TestClient(TestServer(world.build())) as client:
        made = await (await client.post("/sandbox/bot/group", json={"name": "门店群", "members": ["li"]})).json()
        answering.answers = [WORDS]
        said = {"userid": "li", "text": "/待办", "group": made["result"]}
        assert 200 == (await client.post("/sandbox/bot/say", json=said)).status
        await client.post("/sandbox/idle")
        state = await (await client.get("/sandbox/state")).json()
        assert ["好的"] == [message["text"] for message in state["bot_groups"][made["result"]]]
        wrong = {"userid": "li", "task_id": "t", "key": "k", "group": made["result"]}
        assert 400 == (await client.post("/sandbox/bot/tap", json=wrong)).status
