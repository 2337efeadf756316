"""Messages and cards to members: who gets them, what is refused, and what vanishes without a word."""

from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from bot.clock import StandingClock
from bot.sandbox import DEFAULTS, Sandbox

AGENT = DEFAULTS.agent_id
BUTTONS: dict[str, Any] = {
    "card_type": "button_interaction",
    "main_title": {"title": "新候选人", "desc": "店员"},
    "horizontal_content_list": [{"keyname": "门店", "value": "一号店"}],
    "action_menu": {"desc": "更多", "action_list": [{"text": "静音", "key": "mute:1"}]},
    "button_selection": {
        "question_key": "slot",
        "title": "时间",
        "option_list": [{"id": "s1", "text": "周三"}, {"id": "s2", "text": "周四"}],
    },
    "task_id": "cand-1",
    "button_list": [{"text": "通过", "key": "pass:1"}, {"text": "淘汰", "key": "reject:1"}],
}
VOTE: dict[str, Any] = {
    "card_type": "vote_interaction",
    "main_title": {"title": "评价"},
    "task_id": "vote-1",
    "checkbox": {
        "question_key": "q",
        "mode": 1,
        "option_list": [{"id": "a", "text": "好", "is_checked": True}, {"id": "b", "text": "准时"}],
    },
    "submit_button": {"text": "提交", "key": "rate:1"},
}


def text(content: Any = "hi", **changed: Any) -> dict[str, Any]:
    return {"touser": "hr", "msgtype": "text", "agentid": AGENT, "text": {"content": content}, **changed}


def card(content: dict[str, Any] = BUTTONS, **changed: Any) -> dict[str, Any]:
    return {"touser": "hr", "msgtype": "template_card", "agentid": AGENT, "template_card": content, **changed}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (text(), 0),
        (text(agentid=str(AGENT)), 40056),
        (text(agentid=True), 40056),
        (text(agentid=1), 301002),
        (text(touser=["hr"]), 40035),
        (text(touser="|".join(["hr"] * 1001)), 40032),
        (text(toparty="|".join(["1"] * 101)), 82002),
        (text(totag="|".join(["1"] * 101)), 82003),
        (text(touser=""), 81012),
        (text(touser="nobody|noone"), 81013),
        (text(msgtype="poem"), 40008),
        (text(msgtype=["text"]), 40008),
        (text(""), 44004),
        (text(5), 40058),
        (text(safe=3), 40058),
        (text(enable_duplicate_check=1, duplicate_check_interval=14401), 40058),
        (text(msgtype="markdown", markdown={"content": "字" * 682}), 0),
        (text(msgtype="markdown", markdown={"content": "字" * 683}), 45002),
        (text(msgtype="textcard", textcard={"title": "t", "description": "d", "url": "https://a"}), 0),
        (text(msgtype="textcard", textcard={"description": "d", "url": "https://a"}), 41016),
        (text(msgtype="textcard", textcard={"title": "t", "url": "https://a"}), 41033),
        (text(msgtype="textcard", textcard={"title": "t", "description": "d", "url": "a.example"}), 40058),
        (text(msgtype="news", news={"articles": []}), 45008),
        (text(msgtype="news", news={"articles": [{"title": "t", "url": "https://a"}] * 8}), 0),
        (text(msgtype="news", news={"articles": [{"title": "t", "url": "https://a"}] * 9}), 45008),
        (text(msgtype="image", image={}), 41006),
        (text(msgtype="image", image={"media_id": "made-up"}), 40007),
        (text(msgtype="miniprogram_notice", miniprogram_notice={"appid": "a", "title": "t"}), 0),
        (text(msgtype="mpnews", mpnews={"articles": []}), 45008),
    ],
)
async def test_what_is_refused(caller: Any, body: dict[str, Any], code: int) -> None:
    assert code == await caller.code("message/send", body)


async def test_some_receivers_may_be_wrong_but_not_all(caller: Any, sandbox: Sandbox) -> None:
    answer = await caller.post("message/send", text(touser="Hr|NoBody|BOSS"))
    assert (0, "nobody") == (answer["errcode"], answer["invaliduser"])
    assert ["hi"] == [message.text for message in sandbox.app.messages("HR")]
    assert ["hi"] == [message.text for message in sandbox.app.messages("boss")]


async def test_all_means_everybody_who_sees_the_app(caller: Any, sandbox: Sandbox) -> None:
    await caller.post("message/send", text(touser="@all", toparty="9"))
    assert (1, 1) == (len(sandbox.app.messages("hr")), len(sandbox.app.messages("boss")))


async def test_departments_and_tags_stand_for_their_members(caller: Any, sandbox: Sandbox) -> None:
    sandbox.app.parties["7"] = {"HR"}
    sandbox.app.tags["3"] = {"boss"}
    answer = await caller.post("message/send", text(touser="hr", toparty="7|8", totag="3|4"))
    assert ("8", "4") == (answer["invalidparty"], answer["invalidtag"])
    assert (1, 1) == (len(sandbox.app.messages("hr")), len(sandbox.app.messages("boss")))


async def test_a_long_text_is_cut_at_2048_bytes(caller: Any, sandbox: Sandbox) -> None:
    await caller.post("message/send", text("字" * 700))
    assert "字" * 682 == sandbox.app.messages("hr")[0].text
    sandbox.app.cut_long_text = False
    assert 45002 == await caller.code("message/send", text("字" * 700))


async def test_the_31st_message_of_a_minute_vanishes(caller: Any, sandbox: Sandbox, clock: StandingClock) -> None:
    codes = {await caller.code("message/send", text(f"n{turn}")) for turn in range(31)}
    assert ({0}, 30) == (codes, len(sandbox.app.messages("hr")))
    assert ["over the member's limit"] == [reason for reason, _ in sandbox.record.dropped]
    clock.push(timedelta(minutes=1))
    await caller.post("message/send", text("later"))
    assert 31 == len(sandbox.app.messages("hr"))


async def test_the_hour_and_the_day_have_limits_too(caller: Any, sandbox: Sandbox, clock: StandingClock) -> None:
    sandbox.app.per_hour, sandbox.app.per_day = 2, 3
    for _ in range(3):
        await caller.post("message/send", text())
    assert 2 == len(sandbox.app.messages("hr"))
    await caller.post("message/send", text(touser="boss"))
    assert 0 == len(sandbox.app.messages("boss"))


async def test_the_duplicate_check_delivers_once(caller: Any, sandbox: Sandbox, clock: StandingClock) -> None:
    checked = card(enable_duplicate_check=1, duplicate_check_interval=3600)
    first = await caller.post("message/send", checked)
    again = await caller.post("message/send", checked)
    assert (0, first["msgid"]) == (again["errcode"], again["msgid"])
    assert (1, []) == (len(sandbox.app.messages("hr")), sandbox.state["repeats"])
    assert 0 == await caller.code("message/send", {**checked, "touser": "boss", "template_card": VOTE})
    clock.push(timedelta(hours=1))
    assert 40058 == await caller.code("message/send", checked)  # its task_id is taken


async def test_the_same_words_to_the_same_person_are_noticed(caller: Any, sandbox: Sandbox) -> None:
    await caller.post("message/send", card())
    await caller.post("message/send", card({**BUTTONS, "task_id": "other"}, touser="boss"))
    assert [] == sandbox.state["repeats"]
    await caller.post("message/send", card({**BUTTONS, "task_id": "third"}))
    assert ["third"] == [message["task_id"] for message in sandbox.state["repeats"]]


async def test_a_tap_tells_the_bot_what_was_chosen(caller: Any, sandbox: Sandbox, bot: Any) -> None:
    answer = await caller.post("message/send", card())
    await sandbox.app.tap("HR", "cand-1", "pass:1", {"slot": "s2"})
    await sandbox.idle()
    tapped = bot.received[0]
    names = ("MsgType", "Event", "EventKey", "TaskId", "CardType", "FromUserName")
    expected = ["event", "template_card_event", "pass:1", "cand-1", "button_interaction", "HR"]
    assert expected == [tapped[name] for name in names]
    assert "MsgId" not in tapped
    assert tapped["ResponseCode"] not in ("", answer["response_code"])


async def test_a_menu_entry_is_an_event_of_its_own(caller: Any, sandbox: Sandbox, bot: Any) -> None:
    await caller.post("message/send", card())
    await sandbox.app.tap("HR", "cand-1", "mute:1")
    await sandbox.idle()
    assert ("template_card_menu_event", False) == (bot.received[0]["Event"], "SelectedItems" in bot.received[0])


async def test_what_is_not_there_cannot_be_tapped(caller: Any, sandbox: Sandbox) -> None:
    await caller.post("message/send", card())
    with pytest.raises(LookupError):
        await sandbox.app.tap("HR", "cand-1", "approve:1")
    with pytest.raises(LookupError):
        await sandbox.app.tap("HR", "cand-2", "pass:1")
    with pytest.raises(LookupError):
        await sandbox.app.tap("HR", "cand-1", "pass:1", {"slot": "s9"})


async def test_a_card_is_settled_once_per_code(caller: Any, sandbox: Sandbox) -> None:
    code = (await caller.post("message/send", card(touser="hr|boss")))["response_code"]
    body = {"userids": ["HR", "ghost"], "agentid": AGENT, "response_code": code, "button": {"replace_name": "已通过"}}
    answer = await caller.post("message/update_template_card", body)
    assert (0, ["ghost"]) == (answer["errcode"], answer["invaliduser"])
    assert "已通过" == sandbox.app.messages("hr")[0].label
    assert "" == sandbox.app.messages("boss")[0].label
    assert 40058 == await caller.code("message/update_template_card", body)
    with pytest.raises(LookupError):
        await sandbox.app.tap("HR", "cand-1", "pass:1")


async def test_a_tap_brings_a_new_code(caller: Any, sandbox: Sandbox, bot: Any) -> None:
    await caller.post("message/send", card())
    await sandbox.app.tap("HR", "cand-1", "pass:1")
    await sandbox.idle()
    changed = {**VOTE, "replace_text": "已提交"}
    body = {"atall": 1, "agentid": AGENT, "response_code": bot.received[0]["ResponseCode"], "template_card": changed}
    assert 0 == await caller.code("message/update_template_card", body)
    shown = sandbox.app.messages("hr")[0]
    assert ("评价", "已提交", []) == (shown.text, shown.label, shown.buttons)


async def test_a_code_lives_72_hours(caller: Any, clock: StandingClock) -> None:
    code = (await caller.post("message/send", card()))["response_code"]
    clock.push(timedelta(hours=72))
    caller.token = ""
    body = {"atall": 1, "agentid": AGENT, "response_code": code, "button": {"replace_name": "已通过"}}
    assert 40058 == await caller.code("message/update_template_card", body)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"userids": []}, 81012),
        ({"userids": "hr"}, 40035),
        ({"userids": ["hr"] * 1001}, 40032),
        ({"agentid": "1"}, 40056),
        ({"response_code": "made-up"}, 40058),
        ({"button": {}}, 40058),
        ({"template_card": {"card_type": "poem"}}, 40058),
    ],
)
async def test_what_an_update_refuses(caller: Any, changed: dict[str, Any], code: int) -> None:
    good = (await caller.post("message/send", card()))["response_code"]
    body = {"userids": ["hr"], "agentid": AGENT, "response_code": good, "button": {"replace_name": "x"}}
    assert code == await caller.code("message/update_template_card", {**body, **changed})


async def test_a_card_that_cannot_change_has_no_code(caller: Any) -> None:
    notice = {
        "card_type": "text_notice",
        "main_title": {"title": "t"},
        "card_action": {"type": 1, "url": "https://example.com"},
    }
    assert "response_code" not in await caller.post("message/send", card(notice))
    menu = {"action_menu": BUTTONS["action_menu"], "task_id": "with-menu"}
    assert "response_code" in await caller.post("message/send", card({**notice, **menu}))


async def test_buttons_need_a_callback_address(caller: Any, sandbox: Sandbox) -> None:
    sandbox.bot_url = ""
    assert 43012 == await caller.code("message/send", card())


async def test_a_vote_carries_what_was_ticked(caller: Any, sandbox: Sandbox, bot: Any) -> None:
    await caller.post("message/send", card(VOTE))
    await sandbox.app.tap("HR", "vote-1", "rate:1", {"q": ["a", "b"]})
    await sandbox.idle()
    assert "rate:1" == bot.received[0]["EventKey"]
    assert [("提交", "rate:1")] == sandbox.app.messages("hr")[0].buttons


async def test_a_passive_update_changes_the_tappers_card_only(caller: Any, sandbox: Sandbox, bot: Any) -> None:
    await caller.post("message/send", card(touser="hr|boss"))
    plain = (
        f"<xml><ToUserName>hr</ToUserName><FromUserName>{DEFAULTS.corp_id}</FromUserName>"
        "<MsgType>update_template_card</MsgType><TemplateCard><CardType>button_interaction</CardType>"
        "<MainTitle><Title>已通过</Title></MainTitle><ReplaceText>完成</ReplaceText>"
        "<HorizontalContentList><KeyName>谁</KeyName><Value>HR</Value></HorizontalContentList>"
        "<ButtonList><Text>通过</Text><Style>1</Style><Key>pass:1</Key></ButtonList></TemplateCard></xml>"
    )
    bot.answers = [web.Response(text=bot.crypto.seal_reply(plain.encode(), "1", "n"))]
    await sandbox.app.tap("hr", "cand-1", "pass:1")
    await sandbox.idle()
    assert ("已通过\n谁: HR", "完成") == (sandbox.app.messages("hr")[0].text, sandbox.app.messages("hr")[0].label)
    assert "" == sandbox.app.messages("boss")[0].label


async def test_a_recall_works_for_a_day(caller: Any, sandbox: Sandbox, clock: StandingClock) -> None:
    first, second = [(await caller.post("message/send", text(f"n{turn}")))["msgid"] for turn in range(2)]
    assert 0 == await caller.code("message/recall", {"msgid": first})
    assert [True, False] == [message.recalled for message in sandbox.app.messages("hr")]
    assert 40058 == await caller.code("message/recall", {"msgid": "made-up"})
    clock.push(timedelta(hours=24))
    caller.token = ""
    assert 40058 == await caller.code("message/recall", {"msgid": second})


async def test_members_and_the_app_can_be_looked_up(caller: Any) -> None:
    token = (await caller.get_token())["access_token"]
    known = await caller.get("user/get", {"access_token": token, "userid": "HR"})
    assert ("hr", False) == (known["userid"], "mobile" in known)
    assert 60111 == (await caller.get("user/get", {"access_token": token, "userid": "ghost"}))["errcode"]
    app = await caller.get("agent/get", {"access_token": token, "agentid": str(AGENT)})
    assert [{"userid": "boss"}, {"userid": "hr"}] == app["allow_userinfos"]["user"]
    assert 301002 == (await caller.get("agent/get", {"access_token": token, "agentid": "1"}))["errcode"]


async def test_a_members_file_can_be_fetched(caller: Any, sandbox: Sandbox, bot: Any, client: Any) -> None:
    await sandbox.app.send_file("HR", "名单.xlsx", b"PK rows", "application/vnd.ms-excel")
    await sandbox.idle()
    assert ("file", "名单.xlsx") == (bot.received[0]["MsgType"], bot.received[0]["FileName"])
    token = (await caller.get_token())["access_token"]
    query = {"access_token": token, "media_id": bot.received[0]["MediaId"]}
    async with client.get("/cgi-bin/media/get", params=query) as answer:
        assert b"PK rows" == await answer.read()


async def test_opening_the_app_is_told(sandbox: Sandbox, bot: Any) -> None:
    await sandbox.app.enter("HR")
    await sandbox.idle()
    assert ("enter_agent", "") == (bot.received[0]["Event"], bot.received[0]["EventKey"])
