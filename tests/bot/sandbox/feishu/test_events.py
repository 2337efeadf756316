"""Events: sealed and signed, retried over seven hours, and only what the app may know."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from bot.clock import StandingClock
from bot.platforms.feishu.crypto import CallbackCrypto
from bot.sandbox import DEFAULTS, Sandbox
from bot.sandbox.feishu.events import FORGERIES, RETRIES
from bot.sandbox.feishu.people import SAMPLES, Person
from bot.sandbox.feishu.world import Feishu

KEY = "sim-encrypt-key-0001"
MESSAGE = "im.message.receive_v1"
ENTERED = "im.chat.access_event.bot_p2p_chat_entered_v1"


@pytest.fixture
def met(hr: Person) -> Person:
    """A recruiter who has opened the bot before."""
    hr.met = True
    return hr


# --- the seal: published and own vectors ---------------------------------------------------------------------------


def test_the_published_text_opens() -> None:
    assert b"hello world" == CallbackCrypto("test key").open("P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk=")


def test_the_published_signature() -> None:
    expected = "7db78fdbc2fb617c46e713c3ec3f4b4658d94166682a80434fe557f23afcfd06"
    assert expected == CallbackCrypto("fake-xx").sign("1626947018", "64607134", b"{fake}")


def test_the_sealed_challenge_is_the_one_that_was_measured() -> None:
    plain = '{"challenge":"ajls384kdjx98XX","token":"sim-verification-token-0001","type":"url_verification"}'
    expected = (
        "AAECAwQFBgcICQoLDA0OD/JMJRVgtC4ba8FcuHNItYanfRd0n5h1hXGqZt6AebtxTkR5FW8HaT71Kc6bydidi8mFukzvvIOcRJU5qHhIo+75"
        "hEWJB5hVd+w1725CxwN4AQfqaAt6TZ5n1ipnP8OAfQ=="
    )
    assert expected == CallbackCrypto(KEY).seal(plain.encode(), bytes(range(16)))


def test_the_signed_event_is_the_one_that_was_measured() -> None:
    plain = (
        '{"schema":"2.0","header":{"event_id":"5e3702a84e847582be8db7fb73283c02","event_type":"im.message.receive_v1",'
        '"create_time":"1700000000000","token":"sim-verification-token-0001","app_id":"cli_sim0000000000001",'
        '"tenant_key":"simtenant000001"},"event":{"sender":{"sender_id":{"union_id":"on_sim_u1","open_id":"ou_sim_u1"},'
        '"sender_type":"user","tenant_key":"simtenant000001"},"message":{"message_id":"om_sim_0001",'
        '"create_time":"1700000000000","update_time":"1700000000000","chat_id":"oc_sim_0001","chat_type":"p2p",'
        '"message_type":"text","content":"{\\"text\\":\\"你好\\"}"}}}'
    )
    crypto = CallbackCrypto(KEY)
    body = f'{{"encrypt":"{crypto.seal(plain.encode(), bytes(range(16)))}"}}'.encode()
    expected = "d2edaec015d63507daf808a83614c953319bf6233b57b7fa05baeefe19c0b103"
    assert (806, expected) == (len(body), crypto.sign("1700000001", "sim-nonce-1", body))
    again = json.dumps(json.loads(body)).encode()
    assert not crypto.verify(expected, "1700000001", "sim-nonce-1", again)


# --- saving the URL ------------------------------------------------------------------------------------------------


async def test_the_challenge_is_sealed_and_not_signed(feishu: Feishu, bot: Any) -> None:
    assert await feishu.events.verify()
    headers, raw = bot.posts[0]
    assert ["encrypt"] == list(json.loads(raw))
    assert not [name for name in headers if name.startswith("X-Lark")]
    assert {"type": "url_verification", "token": DEFAULTS.feishu_token}.items() <= bot.received[0].items()


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.json_response({"challenge": "another"}),
        lambda: web.json_response({"encrypt": "x"}),
        lambda: web.json_response([]),
        lambda: web.Response(text="ok"),
        lambda: web.Response(status=500),
    ],
)
async def test_a_url_that_answers_otherwise_is_not_saved(
    feishu: Feishu, bot: Any, answer: Callable[[], web.Response]
) -> None:
    bot.answers = [answer()]
    assert not await feishu.events.verify()


async def test_a_url_has_a_second_to_answer(feishu: Feishu, bot: Any) -> None:
    feishu.events.verify_within = 0.01
    bot.hangs = True
    assert not await feishu.events.verify()


# --- delivery ------------------------------------------------------------------------------------------------------


async def test_an_event_is_sealed_and_signed(sandbox: Sandbox, bot: Any, met: Person, clock: StandingClock) -> None:
    message_id = met.say("你好")
    await sandbox.idle()
    headers, raw = bot.posts[0]
    assert ["encrypt"] == list(json.loads(raw))
    timestamp = headers["X-Lark-Request-Timestamp"]
    assert str(int(clock.now().timestamp())) == timestamp
    signature, nonce = headers["X-Lark-Signature"], headers["X-Lark-Request-Nonce"]
    assert CallbackCrypto(DEFAULTS.feishu_encrypt_key).verify(signature, timestamp, nonce, raw)
    head = bot.received[0]["header"]
    assert (MESSAGE, DEFAULTS.feishu_token, DEFAULTS.feishu_app_id) == (
        head["event_type"],
        head["token"],
        head["app_id"],
    )
    assert (32, "1777885200000") == (len(head["event_id"]), head["create_time"])
    told = bot.last["message"]
    assert (message_id, met.chat_id, "p2p", "text") == tuple(
        told[name] for name in ("message_id", "chat_id", "chat_type", "message_type")
    )
    assert {"text": "你好"} == json.loads(told["content"])
    assert {"open_id": met.open_id, "union_id": met.union_id} == bot.last["sender"]["sender_id"]
    assert head["tenant_key"] == bot.last["sender"]["tenant_key"]
    assert "accepted" == sandbox.deliveries[0].outcome


async def test_a_failed_event_comes_again_after_15_s_5_min_1_h_and_6_h(
    sandbox: Sandbox, feishu: Feishu, bot: Any, met: Person, clock: StandingClock
) -> None:
    bot.answers = [web.Response(status=status) for status in (500, 302, 404, 201, 503)]
    met.say("你好")
    await sandbox.idle()
    for number, wait in enumerate(RETRIES, 2):
        clock.push(wait - timedelta(seconds=1))
        await sandbox.idle()
        assert number - 1 == len(bot.posts)
        clock.push(timedelta(seconds=1))
        await sandbox.idle()
        assert number == len(bot.posts)
    assert ("dropped", []) == (sandbox.deliveries[0].outcome, feishu.events.waiting)
    assert 1 == len({one["header"]["event_id"] for one in bot.received})
    for name in ("X-Lark-Request-Nonce", "X-Lark-Request-Timestamp", "X-Lark-Signature"):
        assert 5 == len({headers[name] for headers, _ in bot.posts})
    assert 5 == len({raw for _, raw in bot.posts})
    clock.push(timedelta(days=1))
    await sandbox.idle()
    assert 5 == len(bot.posts)


async def test_a_slow_answer_counts_as_none(
    sandbox: Sandbox, feishu: Feishu, bot: Any, met: Person, clock: StandingClock
) -> None:
    feishu.events.within = 0.02
    bot.hangs = True
    met.say("你好")
    await sandbox.idle()
    assert (None, True) == (sandbox.deliveries[0].status, sandbox.deliveries[0].attempts[0].late)
    bot.hangs = False
    clock.push(timedelta(seconds=15))
    await sandbox.idle()
    assert [None, 200] == [attempt.status for attempt in sandbox.deliveries[0].attempts]


async def test_a_bot_that_is_down_gets_its_events_later(
    sandbox: Sandbox, bot: Any, met: Person, clock: StandingClock
) -> None:
    url, sandbox.bot_url = sandbox.bot_url, "http://127.0.0.1:1"
    met.say("你好")
    await sandbox.idle()
    sandbox.bot_url = url
    clock.push(timedelta(seconds=15))
    await sandbox.idle()
    assert [MESSAGE] == bot.types


@pytest.mark.parametrize(("again", "ids"), [("same", 1), ("fresh", 2)])
async def test_an_event_may_come_again_although_it_was_taken(
    sandbox: Sandbox, feishu: Feishu, bot: Any, met: Person, again: str, ids: int
) -> None:
    feishu.events.again = again
    met.say("你好")
    await sandbox.idle()
    assert (2, ids, 1) == (
        len(bot.received),
        len({one["header"]["event_id"] for one in bot.received}),
        len({one["event"]["message"]["message_id"] for one in bot.received}),
    )


async def test_copies_arrive_at_the_same_moment(sandbox: Sandbox, feishu: Feishu, bot: Any, met: Person) -> None:
    feishu.events.copies = 3
    met.say("你好")
    await sandbox.idle()
    assert (3, 1) == (len(bot.received), len({one["header"]["event_id"] for one in bot.received}))


async def test_an_event_of_six_hours_ago_can_come_once_more(
    sandbox: Sandbox, feishu: Feishu, bot: Any, met: Person, clock: StandingClock
) -> None:
    met.say("你好")
    await sandbox.idle()
    clock.push(timedelta(hours=6))
    feishu.events.repeat(feishu.events.sent[0])
    await sandbox.idle()
    assert bot.received[0] == bot.received[1]
    first, second = (headers["X-Lark-Request-Timestamp"] for headers, _ in bot.posts)
    assert 6 * 3600 == int(second) - int(first)


async def test_the_order_can_be_turned_round(sandbox: Sandbox, feishu: Feishu, bot: Any, met: Person) -> None:
    feishu.events.hold()
    for word in ("1", "2", "3"):
        met.say(word)
    await sandbox.idle()
    assert [] == bot.received
    await feishu.events.release(backwards=True)
    told = [json.loads(one["event"]["message"]["content"])["text"] for one in bot.received]
    assert ["3", "2", "1"] == told


@pytest.mark.parametrize("variant", FORGERIES)
async def test_forgeries_differ_from_the_genuine(feishu: Feishu, bot: Any, variant: str) -> None:
    await feishu.events.forge(variant, MESSAGE, {"message": {}})
    headers, raw = bot.posts[0]
    crypto = CallbackCrypto(DEFAULTS.feishu_encrypt_key)
    named = [headers.get(f"X-Lark-{name}", "") for name in ("Signature", "Request-Timestamp", "Request-Nonce")]
    signed = crypto.verify(named[0], named[1], named[2], raw)
    badly_signed = {"wrong_signature", "no_signature", "plain", "reserialised"}
    assert (variant not in badly_signed) == signed
    opened = bot.received[0] if bot.received else {}
    head = opened.get("header", {})
    genuine = (head.get("token"), head.get("app_id")) == (DEFAULTS.feishu_token, DEFAULTS.feishu_app_id)
    assert (variant in badly_signed | {"unsealed"}) == genuine
    assert (variant in {"plain", "unsealed"}) == (b"encrypt" not in raw and bool(opened))


async def test_without_a_key_nothing_is_sealed_or_signed(
    sandbox: Sandbox, feishu: Feishu, bot: Any, met: Person
) -> None:
    feishu.app.encrypt_key = ""
    assert await feishu.events.verify()
    met.say("你好")
    await sandbox.idle()
    headers, raw = bot.posts[1]
    assert MESSAGE == json.loads(raw)["header"]["event_type"]
    assert "X-Lark-Signature" not in headers


# --- what is told --------------------------------------------------------------------------------------------------


async def test_the_first_opening_is_told_in_the_old_form(
    sandbox: Sandbox, feishu: Feishu, bot: Any, mei: Person
) -> None:
    feishu.events.hold()
    chat = mei.open_bot()
    mei.open_bot()
    await feishu.events.release()
    assert ["p2p_chat_create", ENTERED, ENTERED] == bot.types
    first = bot.received[0]
    assert ("event_callback", DEFAULTS.feishu_token, True) == (first["type"], first["token"], "uuid" in first)
    assert (chat, "王小雨", mei.open_id) == (
        first["event"]["chat_id"],
        first["event"]["user"]["name"],
        first["event"]["operator"]["open_id"],
    )
    assert (chat, {"open_id": mei.open_id}) == (bot.last["chat_id"], bot.last["operator_id"])
    assert "last_message_id" not in bot.last


async def test_entering_again_tells_the_last_message(sandbox: Sandbox, bot: Any, met: Person) -> None:
    said = met.say("你好")
    met.open_bot()
    await sandbox.idle()
    entered = next(one["event"] for one in bot.received if one["header"]["event_type"] == ENTERED)
    assert said == entered["last_message_id"]


async def test_writing_opens_the_chat_the_first_time(sandbox: Sandbox, feishu: Feishu, bot: Any, mei: Person) -> None:
    feishu.events.hold()
    mei.say("你好")
    await feishu.events.release()
    assert ["p2p_chat_create", ENTERED, MESSAGE] == bot.types
    sender = bot.last["sender"]
    assert sender["tenant_key"] != bot.received[-1]["header"]["tenant_key"]
    assert {"open_id": mei.open_id} == sender["sender_id"]


async def test_nobody_opens_what_is_not_for_them(feishu: Feishu, hr: Person, mei: Person) -> None:
    feishu.app.shared = hr.in_range = False
    for who in (mei, hr):
        with pytest.raises(LookupError):
            who.open_bot()


@pytest.mark.parametrize(
    ("scopes", "private", "mentioned", "other"),
    [
        ({"im:message.p2p_msg:readonly"}, True, False, False),
        ({"im:message.p2p_msg"}, True, False, False),
        ({"im:message.group_at_msg:readonly"}, False, True, False),
        ({"im:message.group_at_msg"}, False, True, False),
        ({"im:message.group_msg"}, False, True, True),
        (set(), False, False, False),
    ],
)
async def test_scopes_decide_which_messages_arrive(
    sandbox: Sandbox,
    feishu: Feishu,
    bot: Any,
    met: Person,
    scopes: set[str],
    private: bool,
    mentioned: bool,
    other: bool,
) -> None:
    feishu.app.scopes.clear()
    feishu.app.scopes.update(scopes)
    group = feishu.hr_group.id
    for expected, words, where in (
        (private, "a", ""),
        (mentioned, f"@{{{feishu.app.name}}} b", group),
        (other, "c @{all}", group),
    ):
        bot.received.clear()
        met.say(words, where)
        await sandbox.idle()
        assert expected == bool(bot.received)


async def test_people_outside_the_range_and_other_groups_are_not_heard(
    sandbox: Sandbox, feishu: Feishu, bot: Any, met: Person
) -> None:
    group = feishu.group("别的", met)
    met.say("a", group.id, at_bot=True)
    met.in_range = False
    met.say("b")
    met.choose_menu("status")
    await sandbox.idle()
    assert [] == bot.received


async def test_a_users_id_needs_its_scope(sandbox: Sandbox, feishu: Feishu, bot: Any, met: Person, mei: Person) -> None:
    feishu.app.scopes.add("contact:user.employee_id:readonly")
    met.say("a")
    await sandbox.idle()
    assert met.user_id == bot.last["sender"]["sender_id"]["user_id"]
    mei.met = mei.in_range = True
    mei.say("b")
    await sandbox.idle()
    assert "user_id" not in bot.last["sender"]["sender_id"]


async def test_only_what_was_subscribed_to_comes(sandbox: Sandbox, feishu: Feishu, bot: Any, hr: Person) -> None:
    feishu.events.subscribed -= {ENTERED, "p2p_chat_create"}
    hr.say("你好")
    await sandbox.idle()
    assert [MESSAGE] == bot.types


async def test_mentions_are_numbered(sandbox: Sandbox, feishu: Feishu, bot: Any, met: Person) -> None:
    others = [feishu.person(f"同事{number}") for number in range(9)]
    names = "".join(f"@{{{one.name}}} " for one in others)
    met.say(f"@{{all}} {names}请看", feishu.hr_group.id, at_bot=True)
    await sandbox.idle()
    told = bot.last["message"]
    assert json.loads(told["content"])["text"].startswith("@_user_1 @_all @_user_2 ")
    assert "@_user_10 请看" in told["content"]
    keyed = {one["key"]: one for one in told["mentions"]}
    assert ("bot", feishu.app.open_id) == (keyed["@_user_1"]["mentioned_type"], keyed["@_user_1"]["id"]["open_id"])
    assert ("user", others[8].open_id) == (keyed["@_user_10"]["mentioned_type"], keyed["@_user_10"]["id"]["open_id"])
    assert {"open_id": "", "union_id": ""} == keyed["@_all"]["id"]


async def test_files_pictures_and_posts(sandbox: Sandbox, feishu: Feishu, bot: Any, met: Person) -> None:
    feishu.events.hold()
    met.send_image(b"\x89PNG\r\n\x1a\n")
    met.send_file("简历.pdf", b"%PDF")
    met.send_audio(b"OggS")
    met.send_post(
        "证件", [[{"tag": "text", "text": "请看", "style": []}], [{"tag": "img", "content": b"\xff\xd8\xff"}]]
    )
    await feishu.events.release()
    contents = [json.loads(one["event"]["message"]["content"]) for one in bot.received]
    assert [{"image_key"}, {"file_key", "file_name"}, {"file_key", "duration"}, {"title", "content"}] == [
        set(content) for content in contents
    ]
    assert ("简历.pdf", "img") == (contents[1]["file_name"], contents[3]["content"][1][0]["tag"])


@pytest.mark.parametrize("kind", SAMPLES)
async def test_what_a_bot_can_only_decline(sandbox: Sandbox, bot: Any, met: Person, kind: str) -> None:
    met.send_other(kind)
    await sandbox.idle()
    assert kind == bot.last["message"]["message_type"]


async def test_an_answer_names_what_it_stands_under(sandbox: Sandbox, bot: Any, met: Person, caller: Any) -> None:
    sent = await caller.sent(met.open_id, {"text": "您好"})
    met.say("好的", answering=sent)
    await sandbox.idle()
    assert (sent, sent) == (bot.last["message"]["parent_id"], bot.last["message"]["root_id"])


async def test_reading_recalling_reacting_and_the_menu(sandbox: Sandbox, bot: Any, met: Person, caller: Any) -> None:
    first = await caller.sent(met.open_id, {"text": "1"})
    second = await caller.sent(met.open_id, {"text": "2"})
    met.read(first)
    await sandbox.idle()
    assert ("im.message.message_read_v1", [first]) == (bot.types[-1], bot.last["message_id_list"])
    assert met.open_id == bot.last["reader"]["reader_id"]["open_id"]
    met.read()
    met.read()
    await sandbox.idle()
    assert (2, [second]) == (len(bot.received), bot.last["message_id_list"])
    said = met.say("不要了")
    await sandbox.idle()
    met.recall(said)
    await sandbox.idle()
    assert (said, "message_owner") == (bot.last["message_id"], bot.last["recall_type"])
    with pytest.raises(LookupError):
        met.recall(first)
    met.react(first, "DONE")
    await sandbox.idle()
    assert {"emoji_type": "DONE"} == bot.last["reaction_type"]
    met.choose_menu("status")
    await sandbox.idle()
    assert ("status", 1777885200) == (bot.last["event_key"], bot.last["timestamp"])


async def test_a_bot_hears_of_its_groups(sandbox: Sandbox, feishu: Feishu, bot: Any, met: Person, mei: Person) -> None:
    feishu.events.hold()
    boss = feishu.person("老板")
    group = feishu.group("静安店", met)
    group.add(boss)
    group.add_bot(met)
    group.add(mei)
    group.take_out(boss)
    group.take_bot_out(met)
    group.dissolve(met)
    await feishu.events.release()
    assert [
        "im.chat.member.bot.added_v1",
        "im.chat.member.user.added_v1",
        "im.chat.member.user.deleted_v1",
        "im.chat.member.bot.deleted_v1",
    ] == bot.types
    assert (group.id, "静安店", False) == tuple(
        bot.received[0]["event"][name] for name in ("chat_id", "name", "external")
    )
    assert (True, "王小雨") == (bot.received[1]["event"]["external"], bot.received[1]["event"]["users"][0]["name"])
    feishu.hr_group.dissolve(met)
    await sandbox.idle()
    assert "im.chat.disbanded_v1" == bot.types[-1]


async def test_only_members_who_may_use_the_bot_add_it(feishu: Feishu, hr: Person, mei: Person) -> None:
    group = feishu.group("外部", hr, mei)
    stranger = feishu.person("同事")
    for who in (mei, stranger):
        with pytest.raises(LookupError):
            group.add_bot(who)
    feishu.app.shared = False
    with pytest.raises(LookupError):
        group.add_bot(hr)
    with pytest.raises(LookupError):
        stranger.say("你好", group.id)
