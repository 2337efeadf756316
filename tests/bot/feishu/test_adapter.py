"""Feishu through the front door of the `Platform` protocol."""

import json
from pathlib import Path
from typing import Any

import pytest

from bot.clock import StandingClock
from bot.errors import Forged, GiveUp, Malformed, TryLater
from bot.platforms.base import Fetched, Platform, Pulled
from bot.platforms.feishu.adapter import FeishuPlatform, answer
from bot.platforms.feishu.crypto import CallbackCrypto
from recruiting.chat import Button, Challenge, Doorbell, FileRef, Input, Kind, Message, Nothing, Person

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "feishu" / "vectors.json").read_text(encoding="utf-8"))
APP, TOKEN, KEY = VECTORS["V4"]["app_id"], VECTORS["V3"]["token"], VECTORS["V3"]["encrypt_key"]
MEI = Person("feishu", "ou_mei")
HR = Person("feishu.group", "oc_hr")
HELLO = Message("您好")
DECISION = Message("请看", title="张三", buttons=(Button("通过", key="approve:1"), Button("淘汰", key="reject:1")))
SEND = "im/v1/messages"
SAID = {
    "sender": {"sender_id": {"open_id": "ou_mei"}, "sender_type": "user"},
    "message": {
        "message_id": "om_1",
        "create_time": "1700000000000",
        "chat_id": "oc_mei",
        "chat_type": "p2p",
        "message_type": "text",
        "content": '{"text":"进度"}',
    },
}


def text_event(make_event: Any, **header: Any) -> Any:
    return make_event("im.message.receive_v1", SAID, **header)


def plain_platform(clock: StandingClock) -> FeishuPlatform:
    return FeishuPlatform(
        api_base="https://open.larksuite.com",
        app_id=APP,
        app_secret="s",
        encrypt_key="",
        verification_token=TOKEN,
        now=clock.now,
    )


def test_keeps_the_protocol(platform: FeishuPlatform) -> None:
    kept: Platform = platform
    assert kept is platform


def test_without_key_and_token_anybody_could_forge(clock: StandingClock) -> None:
    with pytest.raises(ValueError, match="Verification Token"):
        FeishuPlatform(api_base="", app_id="", app_secret="", encrypt_key="", verification_token="", now=clock.now)


def test_the_encrypt_key_alone_protects_as_well(clock: StandingClock) -> None:
    """With a key the signature proves who speaks; a token that nobody set is not asked for."""
    keyed = FeishuPlatform(
        api_base="", app_id="cli_sim0000000000001", app_secret="", encrypt_key=KEY, verification_token="", now=clock.now
    )
    vector = VECTORS["V4"]
    body = json.dumps({"encrypt": vector["encrypt"]}, separators=(",", ":")).encode()
    signed = {"X-Lark-Request-Timestamp": vector["timestamp"], "X-Lark-Request-Nonce": vector["nonce"]}
    assert isinstance(keyed.open({**signed, "X-Lark-Signature": vector["signature"]}, body), list)
    with pytest.raises(Forged):
        keyed.open({**signed, "X-Lark-Signature": "0" * 64}, body)


# --- what comes in -----------------------------------------------------------------------------------------------


def test_reads_the_known_message(platform: FeishuPlatform) -> None:
    vector = VECTORS["V4"]
    body = json.dumps({"encrypt": vector["encrypt"]}, separators=(",", ":")).encode()
    headers = {
        "X-Lark-Request-Timestamp": vector["timestamp"],
        "X-Lark-Request-Nonce": vector["nonce"],
        "X-Lark-Signature": vector["signature"],
    }
    found = platform.open(headers, body)
    assert isinstance(found, list)
    assert ("om_sim_0001", "ou_sim_u1", "你好") == (found[0].id, found[0].sender.account, found[0].text)


def test_answers_the_url_check_sealed_or_plain_and_never_signed(platform: FeishuPlatform, clock: StandingClock) -> None:
    vector = VECTORS["V3"]
    expected = Challenge(vector["answer"])
    assert expected == platform.open({}, json.dumps({"encrypt": vector["encrypt"]}).encode())
    assert expected == plain_platform(clock).open({}, vector["plain"].encode())


def test_without_an_encrypt_key_the_token_alone_counts(clock: StandingClock, make_event: Any, make_sealed: Any) -> None:
    platform = plain_platform(clock)
    assert isinstance(platform.open({}, json.dumps(text_event(make_event)).encode()), list)
    with pytest.raises(Forged):
        platform.open({}, json.dumps(text_event(make_event, token="other")).encode())
    with pytest.raises(Forged, match="ENCRYPT_KEY"):
        platform.open(*make_sealed(text_event(make_event)))


def test_refuses_a_wrong_signature(platform: FeishuPlatform, make_event: Any, make_sealed: Any) -> None:
    headers, body = make_sealed(text_event(make_event))
    assert isinstance(platform.open(headers, body), list)
    for name in headers:
        for wrong in ("", "0" * 64, "\udce9"):
            with pytest.raises(Forged):
                platform.open({**headers, name: wrong}, body)
        with pytest.raises(Forged):
            platform.open({other: value for other, value in headers.items() if other != name}, body)
    with pytest.raises(Forged):
        platform.open(headers, body.replace(b'": "', b'":"'))


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": "other"},
        {"token": ""},
        {"token": None},
        {"token": "\udce9"},
        {"app_id": "cli_other"},
        {"app_id": None},
    ],
)
def test_refuses_another_token_or_app(
    platform: FeishuPlatform, make_event: Any, make_sealed: Any, wrong: dict[str, Any]
) -> None:
    with pytest.raises(Forged):
        platform.open(*make_sealed(text_event(make_event, **wrong)))


def test_refuses_another_app_in_the_old_envelope(platform: FeishuPlatform, make_sealed: Any) -> None:
    user = {"open_id": "ou_mei"}
    event = {"type": "p2p_chat_create", "app_id": APP, "chat_id": "oc_1", "user": user, "operator": user}
    old = {"uuid": "u1", "token": TOKEN, "ts": "1700000000.1", "type": "event_callback", "event": event}
    found = platform.open(*make_sealed(old))
    assert isinstance(found, list)
    assert [Kind.ENTER] == [one.kind for one in found]
    with pytest.raises(Forged):
        platform.open(*make_sealed({**old, "event": {**event, "app_id": "cli_other"}}))
    with pytest.raises(Forged):
        platform.open(*make_sealed({**old, "token": "other"}))


def test_refuses_a_plain_body_and_what_does_not_decrypt(
    platform: FeishuPlatform, make_event: Any, make_sealed: Any
) -> None:
    plain = json.dumps(text_event(make_event)).encode()
    challenge = json.dumps({"type": "url_verification", "token": TOKEN, "challenge": "x"}).encode()
    foreign = make_sealed(text_event(make_event), "another key")[1]
    others = (b"{}", b"[]", b'"x"', b"7", b'{"encrypt": 7}', b'{"encrypt": ""}', b'{"encrypt": "AAAA"}')
    for body in (plain, challenge, foreign, *others):
        headers, _ = make_sealed({})
        signature = CallbackCrypto(KEY).sign("1700000001", "nonce", body)
        with pytest.raises(Forged):
            platform.open({**headers, "X-Lark-Signature": signature}, body)


@pytest.mark.parametrize("inside", [b"", b"hello", b"[]", b"{}", b'{"schema":"2.0"}', b'{"schema":"2.0","header":7}'])
def test_refuses_sealed_nonsense(platform: FeishuPlatform, make_sealed: Any, inside: bytes) -> None:
    with pytest.raises(Forged):
        platform.open(*make_sealed(inside))


def test_refuses_a_url_check_with_another_token(platform: FeishuPlatform, make_sealed: Any) -> None:
    with pytest.raises(Forged):
        platform.open(*make_sealed({"type": "url_verification", "token": "other", "challenge": "x"}))


@pytest.mark.parametrize("body", [b"", b"hello", b"<xml/>", b'{"encrypt":', b"\xff"])
def test_what_is_no_json_is_malformed(platform: FeishuPlatform, body: bytes) -> None:
    with pytest.raises(Malformed):
        platform.open({}, body)


def test_genuine_but_unknown_is_nothing(platform: FeishuPlatform, make_event: Any, make_sealed: Any) -> None:
    assert Nothing("im.chat.updated_v1") == platform.open(*make_sealed(make_event("im.chat.updated_v1", {})))


def test_a_repeat_under_another_event_id_is_the_same_message(
    platform: FeishuPlatform, make_event: Any, make_sealed: Any
) -> None:
    first = platform.open(*make_sealed(text_event(make_event)))
    assert first == platform.open(*make_sealed(text_event(make_event, event_id="e2")))


def test_an_event_that_came_by_another_way_needs_no_token(platform: FeishuPlatform, make_event: Any) -> None:
    assert isinstance(platform.read(text_event(make_event, token="")), list)
    with pytest.raises(Forged):
        platform.read(text_event(make_event, app_id="cli_other"))


async def test_there_are_no_doorbells(platform: FeishuPlatform) -> None:
    assert Pulled((), "C", more=False) == await platform.pull(Doorbell("feishu", "", ""), "C")


# --- what goes out -----------------------------------------------------------------------------------------------


async def test_a_person_gets_a_text_under_our_id(platform: FeishuPlatform, feishu: Any) -> None:
    sent = await platform.send(MEI, HELLO, "out-1")
    (call,) = feishu.to(SEND)
    assert {"receive_id_type": "open_id"} == call.query
    expected = {"receive_id": "ou_mei", "msg_type": "text", "content": '{"text":"您好"}', "uuid": "out-1"}
    assert expected == call.body
    assert ("om_2", "") == (sent.id, sent.card)


async def test_a_group_gets_a_card_that_can_be_changed(platform: FeishuPlatform, feishu: Any) -> None:
    sent = await platform.send(HR, DECISION, "out-1")
    (call,) = feishu.to(SEND)
    assert ({"receive_id_type": "chat_id"}, "oc_hr") == (call.query, call.body["receive_id"])
    assert '"in":"group"' in call.body["content"]
    assert sent.id == sent.card == "om_2"


async def test_the_private_chat_is_used_once_it_is_known(platform: FeishuPlatform, feishu: Any) -> None:
    await platform.send(MEI, HELLO, "1")
    await platform.send(MEI, HELLO, "2")
    await platform.send(Person("feishu", "ou_li"), HELLO, "3")
    assert ["ou_mei", "oc_private", "ou_li"] == [call.body["receive_id"] for call in feishu.to(SEND)]


async def test_the_private_chat_is_learnt_from_what_people_write(
    platform: FeishuPlatform, feishu: Any, make_event: Any, make_sealed: Any
) -> None:
    platform.open(*make_sealed(text_event(make_event)))
    await platform.send(MEI, HELLO, "1")
    assert ["oc_mei"] == [call.body["receive_id"] for call in feishu.to(SEND)]


async def test_a_private_chat_that_is_gone_is_forgotten(
    platform: FeishuPlatform, feishu: Any, make_event: Any, make_sealed: Any
) -> None:
    platform.open(*make_sealed(text_event(make_event)))
    feishu.script(SEND, {"code": 230002}, {"code": 0, "data": {"message_id": "om_9"}})
    assert "om_9" == (await platform.send(MEI, HELLO, "1")).id
    assert ["oc_mei", "ou_mei"] == [call.body["receive_id"] for call in feishu.to(SEND)]
    feishu.script(SEND, {"code": 230013})
    with pytest.raises(GiveUp):
        await platform.send(MEI, HELLO, "2")
    assert 3 == len(feishu.to(SEND))


async def test_somebody_who_left_is_not_tried_under_another_id(
    platform: FeishuPlatform, feishu: Any, make_event: Any, make_sealed: Any
) -> None:
    platform.open(*make_sealed(text_event(make_event)))
    feishu.script(SEND, {"code": 230013})
    with pytest.raises(GiveUp):
        await platform.send(MEI, HELLO, "1")
    assert ["oc_mei"] == [call.body["receive_id"] for call in feishu.to(SEND)]


async def test_an_answer_stands_under_its_question(platform: FeishuPlatform, feishu: Any) -> None:
    await platform.send(HR, HELLO, "out-1", reply_to="om_asked")
    (call,) = feishu.to("im/v1/messages/om_asked/reply")
    assert {"msg_type": "text", "content": '{"text":"您好"}', "reply_in_thread": False, "uuid": "out-1"} == call.body
    assert [] == feishu.to(SEND)


async def test_where_an_answer_stands_is_not_taken_for_the_private_chat(platform: FeishuPlatform, feishu: Any) -> None:
    feishu.script("im/v1/messages/om_asked/reply", {"code": 0, "data": {"message_id": "om_2", "chat_id": "oc_hr"}})
    await platform.send(MEI, HELLO, "1", reply_to="om_asked")
    await platform.send(MEI, HELLO, "2")
    assert ["ou_mei"] == [call.body["receive_id"] for call in feishu.to(SEND)]


@pytest.mark.parametrize("code", [230011, 230019, 230110, 99992354])
async def test_an_answer_to_what_was_taken_back_is_given_all_the_same(
    platform: FeishuPlatform, feishu: Any, code: int
) -> None:
    feishu.script("im/v1/messages/om_asked/reply", {"code": code})
    await platform.send(HR, HELLO, "out-1", reply_to="om_asked")
    assert ["oc_hr"] == [call.body["receive_id"] for call in feishu.to(SEND)]


async def test_an_answer_that_is_refused_for_another_reason_is_not_repeated(
    platform: FeishuPlatform, feishu: Any
) -> None:
    feishu.script("im/v1/messages/om_asked/reply", {"code": 230002}, {"code": 230020})
    for error in (GiveUp, TryLater):
        with pytest.raises(error):
            await platform.send(HR, HELLO, "out-1", reply_to="om_asked")
    assert [] == feishu.to(SEND)


async def test_every_part_has_an_id_of_its_own_that_stays_over_retries(platform: FeishuPlatform, feishu: Any) -> None:
    long = Message("字" * 60_000, buttons=DECISION.buttons)
    await platform.send(MEI, long, "out-1")
    await platform.send(MEI, long, "out-1", retry=True)
    uuids = [call.body["uuid"] for call in feishu.to(SEND)]
    half = len(uuids) // 2
    assert uuids[:half] == uuids[half:]
    assert half == len(set(uuids)) > 1
    assert "out-1" == uuids[-1]


async def test_a_card_is_changed_in_its_place(platform: FeishuPlatform, feishu: Any) -> None:
    await platform.update(HR, "om_card", DECISION)
    (call,) = feishu.to("im/v1/messages/om_card")
    assert "PATCH" == call.method
    card = json.loads(call.body["content"])
    assert ("2.0", True) == (card["schema"], card["config"]["update_multi"])


async def test_a_card_that_is_too_old_is_given_up(platform: FeishuPlatform, feishu: Any) -> None:
    feishu.script("im/v1/messages/om_card", {"code": 230031}, {"code": 230020})
    with pytest.raises(GiveUp, match="14 days"):
        await platform.update(MEI, "om_card", DECISION)
    with pytest.raises(TryLater):
        await platform.update(MEI, "om_card", DECISION)


async def test_settling_needs_no_look_at_a_card_just_sent(platform: FeishuPlatform, feishu: Any) -> None:
    sent = await platform.send(MEI, DECISION, "out-1")
    await platform.update(MEI, sent.card, Message("", settled="已通过"))
    (call,) = feishu.to(f"im/v1/messages/{sent.card}")
    assert ("PATCH", True, True) == (call.method, "张三" in call.body["content"], "已通过" in call.body["content"])
    assert "approve:1" not in call.body["content"]


async def test_settling_keeps_what_the_card_was_changed_to(platform: FeishuPlatform, feishu: Any) -> None:
    sent = await platform.send(MEI, DECISION, "out-1")
    await platform.update(MEI, sent.card, Message("再看", title="李四", buttons=DECISION.buttons))
    await platform.update(MEI, sent.card, Message("", settled="已通过"))
    last = feishu.to(f"im/v1/messages/{sent.card}")[-1].body["content"]
    assert ("李四" in last, "张三" in last) == (True, False)


async def test_settling_asks_for_a_card_sent_long_ago(platform: FeishuPlatform, feishu: Any) -> None:
    await platform.send(MEI, DECISION, "out-1")
    old = feishu.to(SEND)[0].body["content"]
    item = {"message_id": "om_old", "body": {"content": old}}
    feishu.script("im/v1/messages/om_old", {"code": 0, "data": {"items": [item]}})
    await platform.update(MEI, "om_old", Message("", settled="已通过"))
    asked, changed = feishu.to("im/v1/messages/om_old")
    assert ("GET", {"card_msg_content_type": "user_card_content"}) == (asked.method, asked.query)
    assert "张三" in changed.body["content"]
    assert "approve:1" not in changed.body["content"]


@pytest.mark.parametrize("found", [{"code": 230027}, {"code": 0, "data": {"items": []}}, {"code": 0, "data": None}])
async def test_settling_a_card_that_cannot_be_read(platform: FeishuPlatform, feishu: Any, found: Any) -> None:
    feishu.script("im/v1/messages/om_old", found)
    await platform.update(MEI, "om_old", Message("", settled="已通过"))
    assert "已通过" in feishu.to("im/v1/messages/om_old")[1].body["content"]


async def test_a_form_goes_out_and_its_first_button_submits(platform: FeishuPlatform, feishu: Any) -> None:
    message = Message("请审核", buttons=DECISION.buttons, inputs=(Input("until", "有效期", "date"),))
    await platform.send(MEI, message, "out-1")
    assert '"form_action_type":"submit"' in feishu.to(SEND)[0].body["content"]


# --- files -------------------------------------------------------------------------------------------------------


async def test_a_picture_is_sent_as_one(platform: FeishuPlatform, feishu: Any) -> None:
    sent = await platform.send_file(MEI, Fetched(b"\x89PNG", "图.png", "image/png"), "out-1")
    (upload,), (call,) = feishu.to("im/v1/images"), feishu.to(SEND)
    assert {"image_type": "message", "image": ("image", "image/png", b"\x89PNG")} == upload.body
    assert ("image", '{"image_key":"img_2"}', "out-1") == (
        call.body["msg_type"],
        call.body["content"],
        call.body["uuid"],
    )
    assert "" == sent.card


@pytest.mark.parametrize(
    ("name", "content_type", "size", "kind"),
    [
        ("名单 1.xlsx", "application/vnd.ms-excel", 10, "stream"),
        ("a.PDF", "application/pdf", 10, "pdf"),
        ("a.mp4", "video/mp4", 10, "stream"),
        ("a.svg", "image/svg+xml", 10, "stream"),
        ("big.png", "image/png", 10 * 2**20 + 1, "stream"),
    ],
    ids=["xlsx", "pdf", "mp4", "svg", "large picture"],
)
async def test_all_else_is_sent_as_a_file(
    platform: FeishuPlatform, feishu: Any, name: str, content_type: str, size: int, kind: str
) -> None:
    await platform.send_file(HR, Fetched(b"x" * size, name, content_type), "out-1", reply_to="om_asked")
    (upload,), (call,) = feishu.to("im/v1/files"), feishu.to("im/v1/messages/om_asked/reply")
    assert (kind, name) == (upload.body["file_type"], upload.body["file_name"])
    assert (name, size) == (upload.body["file"][0], len(upload.body["file"][2]))
    assert ("file", '{"file_key":"file_2"}') == (call.body["msg_type"], call.body["content"])


@pytest.mark.parametrize(
    ("content", "word"), [(b"", "empty"), (bytes(30 * 2**20 + 1), "30 MB")], ids=["empty", "large"]
)
async def test_a_file_that_feishu_would_not_take(platform: FeishuPlatform, content: bytes, word: str) -> None:
    with pytest.raises(GiveUp, match=word):
        await platform.send_file(MEI, Fetched(content, "a.pdf", "application/pdf"), "1")


async def test_an_upload_survives_a_dropped_token(platform: FeishuPlatform, feishu: Any) -> None:
    feishu.script("im/v1/images", {"code": 99991663})
    feishu.script("im/v1/files", {"code": 99991663})
    await platform.send_file(MEI, Fetched(b"png", "a.png", "image/png"), "1")
    await platform.send_file(MEI, Fetched(b"pdf", "a.pdf", "application/pdf"), "2")
    assert (2, 2) == (len(feishu.to("im/v1/images")), len(feishu.to("im/v1/files")))


@pytest.mark.parametrize(("code", "word"), [(234006, "too large"), (234010, "empty"), (234011, "format")])
async def test_an_upload_that_is_refused(platform: FeishuPlatform, feishu: Any, code: int, word: str) -> None:
    feishu.script("im/v1/images", {"code": code})
    with pytest.raises(GiveUp, match=word):
        await platform.send_file(MEI, Fetched(b"png", "a.png", "image/png"), "1")


async def test_an_upload_without_a_key(platform: FeishuPlatform, feishu: Any) -> None:
    feishu.script("im/v1/images", {"code": 0, "data": {}})
    with pytest.raises(TryLater):
        await platform.send_file(MEI, Fetched(b"png", "a.png", "image/png"), "1")


async def test_a_file_without_a_name_in_its_head_keeps_the_one_it_was_sent_with(
    platform: FeishuPlatform, make_event: Any, make_sealed: Any
) -> None:
    content = json.dumps({"file_key": "file_1", "file_name": "名单.xlsx"})
    said = {**SAID, "message": {**SAID["message"], "message_type": "file", "content": content}}
    platform.open(*make_sealed(make_event("im.message.receive_v1", said)))
    assert "名单.xlsx" == (await platform.fetch(FileRef("feishu", "om_1/file_1", "file"), 1000)).name


# --- and the rest ------------------------------------------------------------------------------------------------


async def test_other_surfaces_are_none_of_ours(platform: FeishuPlatform) -> None:
    li = Person("wecom.app", "li")
    with pytest.raises(GiveUp):
        await platform.send(li, HELLO, "1")
    with pytest.raises(GiveUp):
        await platform.send_file(li, Fetched(b"x", "a", ""), "1")
    with pytest.raises(GiveUp):
        await platform.update(li, "om_1", HELLO)


async def test_check_learns_who_we_are(
    platform: FeishuPlatform, feishu: Any, make_event: Any, make_sealed: Any
) -> None:
    bot = {"activate_status": 2, "app_name": "招聘助手", "open_id": "ou_bot"}
    feishu.script("bot/v3/info", {"code": 0, "msg": "ok", "bot": bot})
    assert "app reached" == await platform.check()
    other = {"key": "@_user_1", "id": {"open_id": "ou_other"}, "mentioned_type": "bot", "name": "x"}
    message = {**SAID["message"], "chat_type": "group", "mentions": [other]}
    heard = platform.open(*make_sealed(make_event("im.message.receive_v1", {**SAID, "message": message})))
    assert isinstance(heard, Nothing)


async def test_check_says_when_the_app_is_not_activated(platform: FeishuPlatform, feishu: Any) -> None:
    feishu.script("bot/v3/info", {"code": 0, "bot": {"activate_status": 0}}, {"code": 0}, {"code": 99991672})
    for word in ("not activated", "not activated", "permission"):
        with pytest.raises(GiveUp, match=word):
            await platform.check()


async def test_the_applink_carries_no_token(platform: FeishuPlatform, clock: StandingClock) -> None:
    assert f"https://applink.feishu.cn/client/bot/open?appId={APP}" == await platform.chat_link("tok")
    assert (await plain_platform(clock).chat_link("tok")).startswith("https://applink.larksuite.com/")


@pytest.mark.parametrize("how", ["app", "sms", "phone"])
async def test_a_message_is_made_urgent(platform: FeishuPlatform, feishu: Any, how: str) -> None:
    await platform.urgent("om_1", "ou_mei", how)
    (call,) = feishu.to(f"im/v1/messages/om_1/urgent_{how}")
    assert ("PATCH", {"user_id_type": "open_id"}, {"user_id_list": ["ou_mei"]}) == (call.method, call.query, call.body)


@pytest.mark.parametrize(
    "told",
    [
        {"code": 0, "data": {"invalid_user_id_list": ["ou_mei"]}},
        *({"code": code} for code in (230001, 230012, 230023, 230024, 230027, 230052, 230098)),
    ],
)
async def test_a_message_that_cannot_be_urgent(platform: FeishuPlatform, feishu: Any, told: Any) -> None:
    feishu.script("im/v1/messages/om_1/urgent_app", told)
    with pytest.raises(GiveUp):
        await platform.urgent("om_1", "ou_mei")


async def test_there_is_no_fourth_way_to_urge(platform: FeishuPlatform) -> None:
    with pytest.raises(ValueError, match="app, sms, phone"):
        await platform.urgent("om_1", "ou_mei", "../../x")


def test_a_tap_is_answered_with_a_toast_or_nothing() -> None:
    assert {"toast": {"type": "success", "content": "已通过"}} == json.loads(answer("已通过", "success"))
    assert b"{}" == answer("")
    with pytest.raises(ValueError, match="style"):
        answer("x", "loud")
