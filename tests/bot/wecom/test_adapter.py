"""WeCom through the front door of the `Platform` protocol."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.clock import StandingClock
from bot.errors import Forged, GiveUp, Malformed
from bot.platforms.base import Platform, Pulled
from bot.platforms.wecom.adapter import WeComPlatform
from bot.platforms.wecom.crypto import CallbackCrypto
from recruiting.chat import Button, Challenge, Doorbell, Incoming, Kind, Message, Nothing, Person

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "wecom" / "vectors.json").read_text(encoding="utf-8"))
AES_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
CRYPTO = CallbackCrypto("QDG6eK", AES_KEY, "ww1")
LI = Person("wecom.app", "li")
MEI = Person("wecom.kf", "wmMei", "wkDesk")
GROUP_PATH = "/cgi-bin/webhook/send?key=K"
TEXT = (
    b"<xml><ToUserName>ww1</ToUserName><FromUserName>Li</FromUserName><CreateTime>1700000000</CreateTime>"
    b"<MsgType>text</MsgType><Content>/help</Content><MsgId>7</MsgId></xml>"
)
BELL = (
    b"<xml><ToUserName>ww1</ToUserName><CreateTime>1700000000</CreateTime><MsgType>event</MsgType>"
    b"<Event>kf_msg_or_event</Event><Token>TOKEN</Token><OpenKfId>wkDesk</OpenKfId></xml>"
)


def signed(sealed: str, **wrong: str) -> dict[str, str]:
    signature = CRYPTO.sign("1700000000", "nonce", sealed)
    return {"msg_signature": signature, "timestamp": "1700000000", "nonce": "nonce", **wrong}


def envelope(sealed: str, receiver: str = "ww1") -> bytes:
    return f"<xml><ToUserName><![CDATA[{receiver}]]></ToUserName><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>".encode()


def platform_of(vector: dict[str, Any], clock: StandingClock) -> WeComPlatform:
    return WeComPlatform(
        api_base="http://127.0.0.1:9",
        corp_id=vector["receive_id"],
        agent_id=1,
        secret="s",
        token=vector["token"],
        aes_key=vector["aes_key"],
        kf_open_kfid="",
        now=clock.now,
    )


def test_keeps_the_protocol(platform: WeComPlatform) -> None:
    kept: Platform = platform
    assert kept is platform


@pytest.mark.parametrize("repair", [False, True], ids=["as sent", "plus became space"])
def test_answers_the_url_check_of_the_platforms_own_sample(clock: StandingClock, repair: bool) -> None:
    vector = VECTORS[0]
    echo = vector["encrypted"].replace("+", " ") if repair else vector["encrypted"]
    query = {name: vector[name] for name in ("timestamp", "nonce")}
    answer = platform_of(vector, clock).open({**query, "msg_signature": vector["signature"], "echostr": echo}, b"")
    assert Challenge("1616140317555161061") == answer


def test_reads_the_message_of_the_platforms_own_sample(clock: StandingClock) -> None:
    vector = VECTORS[1]
    query = {name: vector[name] for name in ("timestamp", "nonce")} | {"msg_signature": vector["signature"]}
    body = envelope(vector["encrypted"], vector["receive_id"])
    found = platform_of(vector, clock).open(query, body)
    assert isinstance(found, list)
    assert ("4561255354251345929", "mycreate", "hello") == (found[0].id, found[0].sender.account, found[0].text)


def test_opens_a_message_and_a_doorbell(platform: WeComPlatform) -> None:
    text, bell = CRYPTO.seal(TEXT), CRYPTO.seal(BELL)
    found = platform.open(signed(text), envelope(text))
    assert isinstance(found, list)
    assert ["/help"] == [incoming.text for incoming in found]
    assert Doorbell("wecom.kf", "wkDesk", "TOKEN") == platform.open(signed(bell), envelope(bell))


def test_another_desk_of_the_company_is_not_ours_to_answer(platform: WeComPlatform) -> None:
    sealed = CRYPTO.seal(BELL.replace(b"wkDesk", b"wkShop"))
    assert isinstance(platform.open(signed(sealed), envelope(sealed)), Nothing)


@pytest.mark.parametrize(
    "wrong",
    [{"msg_signature": ""}, {"msg_signature": "0" * 40}, {"timestamp": "1"}, {"nonce": ""}, {"nonce": "\udce9"}],
)
def test_refuses_a_wrong_signature(platform: WeComPlatform, wrong: dict[str, str]) -> None:
    sealed = CRYPTO.seal(TEXT)
    for query, body in (
        (signed(sealed, **wrong), envelope(sealed)),
        ({**signed(sealed, **wrong), "echostr": sealed}, b""),
    ):
        with pytest.raises(Forged):
            platform.open(query, body)


def test_refuses_what_carries_no_query_at_all(platform: WeComPlatform) -> None:
    for body in (b"", envelope(CRYPTO.seal(TEXT))):
        with pytest.raises(Forged):
            platform.open({}, body)


def test_refuses_other_receivers(platform: WeComPlatform) -> None:
    foreign = CallbackCrypto("QDG6eK", AES_KEY, "ww2").seal(TEXT)
    inside = CRYPTO.seal(TEXT.replace(b"ww1", b"ww2"))
    outside = CRYPTO.seal(TEXT)
    for sealed, receiver in ((foreign, "ww1"), (inside, "ww1"), (outside, "ww2")):
        with pytest.raises(Forged):
            platform.open(signed(sealed), envelope(sealed, receiver))


def test_refuses_a_truncated_text_with_a_good_signature(platform: WeComPlatform) -> None:
    sealed = CRYPTO.seal(TEXT)[:-24]
    with pytest.raises(Forged):
        platform.open(signed(sealed), envelope(sealed))


def test_refuses_a_document_type_and_what_is_no_xml(platform: WeComPlatform) -> None:
    sealed = CRYPTO.seal(TEXT)
    with pytest.raises(Forged):
        platform.open(signed(sealed), b"<!DOCTYPE xml [<!ENTITY a 'b'>]>" + envelope(sealed))
    with pytest.raises(Malformed):
        platform.open(signed(sealed), b"hello")


def test_genuine_nonsense_is_nothing(platform: WeComPlatform) -> None:
    for plain in (b"", b"<xml/>", b"hello", b"\xff"):
        sealed = CRYPTO.seal(plain)
        assert isinstance(platform.open(signed(sealed), envelope(sealed)), Nothing)


async def test_pulls_a_page(platform: WeComPlatform, wecom: Any) -> None:
    good = {"msgid": "m1", "external_userid": "wmMei", "send_time": 1, "origin": 3, "msgtype": "text"}
    page = [None, {**good, "text": {"content": "hi"}}, {**good, "msgid": "m2", "origin": 5}]
    wecom.script("kf/sync_msg", {"errcode": 0, "next_cursor": "C2", "has_more": 1, "msg_list": page})
    pulled = await platform.pull(Doorbell("wecom.kf", "wkDesk", "TOKEN"), "C1")
    assert (["m1"], "C2", True) == ([incoming.id for incoming in pulled.items], pulled.cursor, pulled.more)
    assert [{"open_kfid": "wkDesk", "limit": 1000, "cursor": "C1", "token": "TOKEN"}] == wecom.bodies("kf/sync_msg")


async def test_goes_on_behind_an_empty_page_but_not_in_a_circle(platform: WeComPlatform, wecom: Any) -> None:
    wecom.script(
        "kf/sync_msg", {"next_cursor": "C2", "has_more": 1, "msg_list": []}, {"next_cursor": "C2", "has_more": 1}
    )
    bell = Doorbell("wecom.kf", "wkDesk", "")
    assert Pulled([], "C2", more=True) == await platform.pull(bell, "C1")
    assert Pulled([], "C2", more=False) == await platform.pull(bell, "C2")


async def test_a_doorbell_that_is_too_old_does_not_stop_the_pull(platform: WeComPlatform, wecom: Any) -> None:
    wecom.script(
        "kf/sync_msg", {"errcode": 95007, "errmsg": "old"}, {"errcode": 0, "next_cursor": "C1", "msg_list": []}
    )
    assert Pulled([], "C1", more=False) == await platform.pull(Doorbell("wecom.kf", "wkDesk", "OLD"), "")
    assert [{"open_kfid": "wkDesk", "limit": 1000}] == wecom.bodies("kf/sync_msg")[1:]


async def test_a_member_gets_a_card_that_can_be_changed(platform: WeComPlatform, wecom: Any) -> None:
    wecom.script("message/send", {"errcode": 0, "msgid": "M", "response_code": "CODE"})
    sent = await platform.send(LI, Message("请看", buttons=(Button("通过", key="approve:1"),)), "out-1")
    (body,) = wecom.bodies("message/send")
    assert ("M", "CODE") == (sent.id, sent.card)
    assert ("li", 1000002, "template_card") == (body["touser"], body["agentid"], body["msgtype"])
    assert (1, 14400) == (body["enable_duplicate_check"], body["duplicate_check_interval"])


async def test_a_candidate_gets_a_message_under_our_id(platform: WeComPlatform, wecom: Any) -> None:
    sent = await platform.send(MEI, Message("您好"), "out-1")
    expected = {
        "touser": "wmMei",
        "open_kfid": "wkDesk",
        "msgid": "out-1",
        "msgtype": "text",
        "text": {"content": "您好"},
    }
    assert [expected] == wecom.bodies("kf/send_msg")
    assert "out-1" == sent.id


async def test_a_welcome_goes_by_its_code(platform: WeComPlatform, wecom: Any) -> None:
    await platform.send(MEI, Message("欢迎", buttons=(Button("开始", key="status:1"),)), "out-1", welcome_code="W")
    (body,) = wecom.bodies("kf/send_msg_on_event")
    assert ("W", "out-1", "msgmenu") == (body["code"], body["msgid"], body["msgtype"])
    assert [] == wecom.bodies("kf/send_msg")


async def test_a_group_is_written_to_through_its_robot(platform: WeComPlatform, wecom: Any) -> None:
    await platform.send(Person("wecom.group", wecom.url + GROUP_PATH), Message("9%", title="预警"), "out-1")
    assert [("webhook/send", {"key": "K"})] == [(call, query) for call, query, _ in wecom.calls]
    assert [{"msgtype": "markdown", "markdown": {"content": "**预警**\n9%"}}] == wecom.bodies("webhook/send")


async def test_a_removed_robot_is_given_up_and_its_address_kept_secret(platform: WeComPlatform, wecom: Any) -> None:
    wecom.script("webhook/send", {"errcode": 93000, "errmsg": "invalid webhook url"})
    for address in (wecom.url + GROUP_PATH, "not an address key=K"):
        with pytest.raises(GiveUp) as told:
            await platform.send(Person("wecom.group", address), Message("9%"), "out-1")
        assert "key=K" not in told.value.reason


async def test_other_surfaces_are_none_of_ours(platform: WeComPlatform) -> None:
    with pytest.raises(GiveUp):
        await platform.send(Person("feishu", "ou_1"), Message("x"), "1")
    with pytest.raises(GiveUp):
        await platform.update(MEI, "CODE", Message("x"))


async def test_the_chat_link_brings_its_token_back(platform: WeComPlatform, wecom: Any) -> None:
    wecom.script("kf/add_contact_way", {"errcode": 0, "url": "https://work.weixin.qq.com/kf/kfcX?enc_scene=E"})
    first, second = await platform.chat_link("tok/en+1"), await platform.chat_link("two")
    assert {"enc_scene": ["E"], "scene_param": ["tok/en+1"]} == parse_qs(urlsplit(first).query)
    assert second.endswith("&scene_param=two")
    assert [{"open_kfid": "wkDesk", "scene": "bulou"}] == wecom.bodies("kf/add_contact_way")


async def test_a_chat_link_carries_no_more_than_the_platform_gives_back(platform: WeComPlatform) -> None:
    with pytest.raises(ValueError, match="128"):
        await platform.chat_link("x" * 129)


async def test_check_looks_at_the_desk(platform: WeComPlatform, wecom: Any) -> None:
    desk = {"open_kfid": "wkDesk", "name": "招聘", "manage_privilege": True}
    wecom.script(
        "kf/account/list",
        {"errcode": 0, "account_list": [desk]},
        {"errcode": 0, "account_list": [{**desk, "manage_privilege": False}]},
        {"errcode": 48002},
        {"errcode": 0, "account_list": []},
    )
    assert "app and 微信客服 reached" == await platform.check()
    with pytest.raises(GiveUp, match="通过API管理"):
        await platform.check()
    assert "48002" in await platform.check()
    assert "not among" in await platform.check()


async def test_a_candidate_who_taps_is_told_from_one_who_types(platform: WeComPlatform, wecom: Any) -> None:
    item = {"msgid": "m1", "external_userid": "wmMei", "send_time": 1, "origin": 3, "msgtype": "text"}
    tapped = {**item, "text": {"content": "周三", "menu_id": "slot:1"}}
    wecom.script("kf/sync_msg", {"next_cursor": "C", "msg_list": [tapped, {**item, "text": {"content": "周三"}}]})
    pulled = await platform.pull(Doorbell("wecom.kf", "wkDesk", "T"), "")
    found: list[Incoming] = list(pulled.items)
    assert [(Kind.TAP, "slot:1", MEI), (Kind.TEXT, "", MEI)] == [(i.kind, i.key, i.sender) for i in found]


def test_inside_wecom_nobody_is_asked_who_they_are(clock: StandingClock) -> None:
    """Its own browser signs in silently; every other one goes to the page with the code to scan."""
    platform = WeComPlatform(
        api_base="http://127.0.0.1:1", corp_id="ww1", agent_id=1000002, secret="s", token="t", aes_key="a" * 43,
        kf_open_kfid="", now=clock.now,
    )  # fmt: skip
    back = "https://hr.example.com/dashboard/login/wecom/back"
    inside = platform.sign_in_page(back, "abc123", "Mozilla/5.0 (iPhone) wxwork/4.1.36 MicroMessenger/7.0.1")
    outside = platform.sign_in_page(back, "abc123", "Mozilla/5.0 (Windows NT 10.0)")

    assert inside.startswith("https://open.weixin.qq.com/connect/oauth2/authorize?appid=ww1&agentid=1000002&")
    assert inside.endswith("&state=abc123&response_type=code&scope=snsapi_base#wechat_redirect")
    assert outside.startswith("https://login.work.weixin.qq.com/wwlogin/sso/login?login_type=CorpApp&appid=ww1&")
    assert "redirect_uri=https%3A%2F%2Fhr.example.com%2Fdashboard%2Flogin%2Fwecom%2Fback" in outside
