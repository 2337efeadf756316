"""微信客服: the doorbell, the cursor, 48 hours, five messages, one welcome within 20 seconds."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from bot.clock import StandingClock
from bot.sandbox import DEFAULTS, Sandbox

KFID = DEFAULTS.open_kfid
WHO = "wmCandidate0001"
HOURS_48 = timedelta(hours=48)
SECOND = timedelta(seconds=1)
CLICK = {"type": "click", "click": {"id": "slot:1", "content": "周三 10:00"}}


def text(content: Any = "您好", **changed: Any) -> dict[str, Any]:
    return {"touser": WHO, "open_kfid": KFID, "msgtype": "text", "text": {"content": content}, **changed}


def menu(*entries: Any, **more: Any) -> dict[str, Any]:
    return text(msgtype="msgmenu", msgmenu={"head_content": "请选择", "list": list(entries), **more})


def bell(bot: Any, turn: int = -1) -> str:
    return str(bot.received[turn]["Token"])


async def send(caller: Any, body: dict[str, Any] | None = None, path: str = "kf/send_msg") -> int:
    caller.token = ""  # stories here last for days
    code = await caller.code(path, body or text())
    assert isinstance(code, int)
    return code


async def pull(caller: Any, **changed: Any) -> dict[str, Any]:
    caller.token = ""
    found = await caller.post("kf/sync_msg", {"open_kfid": KFID, **changed})
    assert isinstance(found, dict)
    return found


# Links and the doorbell.


async def test_a_link_brings_scene_and_parameter_back(caller: Any, sandbox: Sandbox) -> None:
    url = (await caller.post("kf/add_contact_way", {"open_kfid": KFID, "scene": "invite"}))["url"]
    assert url.startswith(str(caller.client.make_url("/kf/kfc")))
    event = await sandbox.kf.enter(WHO, f"{url}&scene_param={quote('token/+=好')}")
    assert ("invite", "token/+=好") == (event["event"]["scene"], event["event"]["scene_param"])


async def test_without_a_scene_the_parameter_is_lost(caller: Any, sandbox: Sandbox) -> None:
    url = (await caller.post("kf/add_contact_way", {"open_kfid": KFID}))["url"]
    event = await sandbox.kf.enter(WHO, f"{url}&scene_param=token")
    assert ("", "") == (event["event"]["scene"], event["event"]["scene_param"])


async def test_links_must_be_the_platforms_own(caller: Any, sandbox: Sandbox) -> None:
    url = (await caller.post("kf/add_contact_way", {"open_kfid": KFID, "scene": "invite"}))["url"]
    for wrong in (url + "x", url.replace("/kf/kf", "/kf/xx"), f"{url}&scene_param={quote('好' * 15)}"):
        with pytest.raises(LookupError):
            await sandbox.kf.enter(WHO, wrong)
    assert "0123" == (await sandbox.kf.enter(WHO, "0123"))["event"]["scene_param"]


async def test_links_can_begin_elsewhere(caller: Any, sandbox: Sandbox) -> None:
    sandbox.kf.base = "https://work.weixin.qq.com"
    url = (await caller.post("kf/add_contact_way", {"open_kfid": KFID}))["url"]
    assert url.startswith("https://work.weixin.qq.com/kf/kfc")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 40058),
        ({"open_kfid": "xx"}, 95000),
        ({"open_kfid": "wkunknown"}, 95004),
        ({"open_kfid": KFID, "scene": "with space"}, 40058),
        ({"open_kfid": KFID, "scene": "x" * 33}, 40058),
        ({"open_kfid": KFID, "scene": "x" * 32}, 0),
    ],
)
async def test_what_a_link_may_say(caller: Any, body: dict[str, Any], code: int) -> None:
    assert code == await caller.code("kf/add_contact_way", body)


async def test_the_link_leads_a_browser_somewhere(caller: Any) -> None:
    url = (await caller.post("kf/add_contact_way", {"open_kfid": KFID}))["url"]
    async with caller.client.get(url.removeprefix(str(caller.client.make_url("")).rstrip("/"))) as answer:
        assert (200, "text/html") == (answer.status, answer.content_type)


async def test_the_doorbell_says_nothing_but_that_it_rang(sandbox: Sandbox, bot: Any) -> None:
    await sandbox.kf.say(WHO, "你好")
    await sandbox.idle()
    assert {"ToUserName", "CreateTime", "MsgType", "Event", "Token", "OpenKfId"} == set(bot.received[0])
    assert ("kf_msg_or_event", KFID) == (bot.received[0]["Event"], bot.received[0]["OpenKfId"])


# Pulling.


async def test_what_was_written_is_pulled_in_order(caller: Any, sandbox: Sandbox, bot: Any) -> None:
    await sandbox.kf.enter(WHO, "abc")
    await sandbox.kf.say(WHO, "你好")
    await sandbox.idle()
    page = await pull(caller, token=bell(bot))
    entered, said = page["msg_list"]
    assert (0, ["event", "text"]) == (page["has_more"], [entered["msgtype"], said["msgtype"]])
    assert (4, False, WHO) == (entered["origin"], "external_userid" in entered, entered["event"]["external_userid"])
    assert (3, WHO, KFID, "你好") == (
        said["origin"],
        said["external_userid"],
        said["open_kfid"],
        said["text"]["content"],
    )


async def test_the_cursor_goes_on_where_it_stopped(caller: Any, sandbox: Sandbox) -> None:
    sandbox.kf.empty_page_every = 0
    for turn in range(3):
        await sandbox.kf.say(WHO, f"n{turn}")
    first = await pull(caller, limit=2)
    second = await pull(caller, cursor=first["next_cursor"])
    third = await pull(caller, cursor=second["next_cursor"])
    assert (2, 1) == (len(first["msg_list"]), first["has_more"])
    assert (["n2"], 0) == ([item["text"]["content"] for item in second["msg_list"]], second["has_more"])
    assert ([], 0, second["next_cursor"]) == (third["msg_list"], third["has_more"], third["next_cursor"])


async def test_now_and_then_an_empty_page_promises_more(caller: Any, sandbox: Sandbox, bot: Any) -> None:
    await sandbox.kf.say(WHO, "你好")
    await sandbox.idle()
    pages = [await pull(caller, token=bell(bot)) for _ in range(5)]
    assert [1, 1, 1, 1, 0] == [len(page["msg_list"]) for page in pages]
    assert (1, 0) == (pages[4]["has_more"], pages[3]["has_more"])
    assert 1 == len((await pull(caller, cursor=pages[4]["next_cursor"], token=bell(bot)))["msg_list"])


async def test_without_a_cursor_one_sees_three_days(caller: Any, sandbox: Sandbox, clock: StandingClock) -> None:
    await sandbox.kf.say(WHO, "old")
    clock.push(timedelta(days=3))
    await sandbox.kf.say(WHO, "new")
    assert 2 == len((await pull(caller))["msg_list"])
    clock.push(SECOND)
    assert ["new"] == [item["text"]["content"] for item in (await pull(caller))["msg_list"]]


async def test_a_cursor_is_good_for_its_own_account(caller: Any, sandbox: Sandbox) -> None:
    sandbox.kf.add_account("wkother")
    await sandbox.kf.say(WHO, "hi")
    cursor = (await pull(caller))["next_cursor"]
    assert 40058 == (await pull(caller, cursor=cursor, open_kfid="wkother"))["errcode"]
    assert 40058 == (await pull(caller, cursor="made-up"))["errcode"]
    assert 40058 == (await pull(caller, cursor="x" * 65))["errcode"]


async def test_a_bell_is_good_for_ten_minutes(caller: Any, sandbox: Sandbox, bot: Any, clock: StandingClock) -> None:
    await sandbox.kf.say(WHO, "hi")
    await sandbox.idle()
    clock.push(timedelta(minutes=10))
    assert 0 == (await pull(caller, token=bell(bot)))["errcode"]
    clock.push(SECOND)
    assert 95007 == (await pull(caller, token=bell(bot)))["errcode"]
    answer = await pull(caller, token="made-up")
    assert (95007, "", 0, []) == (answer["errcode"], answer["next_cursor"], answer["has_more"], answer["msg_list"])


async def test_pulling_without_a_bell_is_rationed(caller: Any, sandbox: Sandbox, bot: Any, clock: Any) -> None:
    await sandbox.kf.say(WHO, "hi")
    await sandbox.idle()
    assert [0] * 5 + [45009] == [(await pull(caller))["errcode"] for _ in range(6)]
    assert 0 == (await pull(caller, token=bell(bot)))["errcode"]
    clock.push(timedelta(minutes=1))
    assert 0 == (await pull(caller))["errcode"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"open_kfid": ""}, 40058),
        ({"limit": 1001}, 40058),
        ({"limit": 0}, 40058),
        ({"limit": "5"}, 40058),
        ({"voice_format": 2}, 40058),
        ({"token": "x" * 129}, 40058),
    ],
)
async def test_what_a_pull_refuses(caller: Any, changed: dict[str, Any], code: int) -> None:
    assert code == (await pull(caller, **changed))["errcode"]


async def test_what_the_bot_sent_is_not_pulled(caller: Any, sandbox: Sandbox) -> None:
    await sandbox.kf.say(WHO, "hi")
    await send(caller)
    assert ["hi"] == [item["text"]["content"] for item in (await pull(caller))["msg_list"]]


async def test_files_are_fetched_and_large_ones_become_words(caller: Any, sandbox: Sandbox, client: Any) -> None:
    item = await sandbox.kf.send_file(WHO, "证.jpg", b"\xff\xd8\xff1234", "image/jpeg", kind="image")
    query = {"access_token": (await caller.get_token())["access_token"], "media_id": item["image"]["media_id"]}
    async with client.get("/cgi-bin/media/get", params=query) as answer:
        assert (b"\xff\xd8\xff1234", "image/jpeg") == (await answer.read(), answer.content_type)
    large = await sandbox.kf.send_file(WHO, "证.jpg", b"x" * (2 * 2**20 + 1), "image/jpeg", kind="image")
    assert ("text", True) == (large["msgtype"], "证.jpg" in large["text"]["content"])


async def test_other_kinds_of_items_can_come(caller: Any, sandbox: Sandbox) -> None:
    await sandbox.kf.send_other(WHO, "hologram", {"depth": 3})
    await sandbox.kf.event(WHO, "user_recall_msg", recall_msgid="m")
    items = (await pull(caller))["msg_list"]
    assert ["hologram", "event"] == [item["msgtype"] for item in items]


async def test_several_messages_can_share_one_bell(sandbox: Sandbox, bot: Any) -> None:
    sandbox.kf.bell = False
    await sandbox.kf.say(WHO, "one")
    await sandbox.kf.say(WHO, "two")
    sandbox.kf.ring()
    await sandbox.idle()
    assert 1 == len(bot.received)


# The window.


async def test_entering_does_not_open_the_window(caller: Any, sandbox: Sandbox) -> None:
    await sandbox.kf.enter(WHO, "abc")
    assert 95018 == await send(caller)


async def test_five_messages_and_a_new_word_resets_them(caller: Any, sandbox: Sandbox) -> None:
    await sandbox.kf.say(WHO, "hi")
    assert [0] * 5 + [95001] == [await send(caller, text(f"n{turn}")) for turn in range(6)]
    await sandbox.kf.say(WHO, "more")
    assert 0 == await send(caller, text("again"))
    assert 6 == len(sandbox.kf.messages(WHO))


async def test_48_hours_and_a_new_word_opens_again(caller: Any, sandbox: Sandbox, clock: StandingClock) -> None:
    await sandbox.kf.say(WHO, "hi")
    clock.push(HOURS_48)
    assert 0 == await send(caller)
    clock.push(SECOND)
    assert 95002 == await send(caller)
    await sandbox.kf.say(WHO, "back")
    assert 0 == await send(caller, text("welcome back"))


async def test_a_session_may_be_told_to_count_from_its_beginning(
    caller: Any, sandbox: Sandbox, clock: StandingClock
) -> None:
    sandbox.kf.session_counts_from = "first"
    await sandbox.kf.say(WHO, "hi")
    clock.push(timedelta(hours=47))
    await sandbox.kf.say(WHO, "still here")
    clock.push(timedelta(hours=2))
    assert 95018 == await send(caller)
    await sandbox.kf.say(WHO, "and now")
    assert 0 == await send(caller)


async def test_limits_may_be_told_afterwards(caller: Any, sandbox: Sandbox, clock: StandingClock) -> None:
    sandbox.kf.limits_tell_at_once = False
    sandbox.kf.empty_page_every = 0
    await sandbox.kf.say(WHO, "hi")
    assert [0] * 6 == [await send(caller, text(f"n{turn}", msgid=f"m{turn}")) for turn in range(6)]
    clock.push(HOURS_48 + SECOND)
    assert 0 == await send(caller, text("late", msgid="late"))
    assert 5 == len(sandbox.kf.messages(WHO))
    failures = [item["event"] for item in (await pull(caller))["msg_list"] if item["msgtype"] == "event"]
    assert [("m5", 6), ("late", 4)] == [(event["fail_msgid"], event["fail_type"]) for event in failures]


async def test_failures_of_every_kind_can_be_asked_for(caller: Any, sandbox: Sandbox) -> None:
    await sandbox.kf.say(WHO, "hi")
    sandbox.kf.fail_next(11)
    assert [0, 0] == [await send(caller, text(f"n{turn}")) for turn in range(2)]
    sandbox.kf.rejecting.add(WHO)
    assert 0 == await send(caller, text("refused"))
    failures = [item["event"]["fail_type"] for item in (await pull(caller))["msg_list"] if item["msgtype"] == "event"]
    assert ([11, 10], ["n1"]) == (failures, [message.text for message in sandbox.kf.messages(WHO)])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (text(), 0),
        (text(touser="wmStranger"), 40096),
        (text(open_kfid="wkunknown"), 95004),
        (text(msgtype="template_card", template_card={}), 40008),
        (text(""), 44004),
        (text("字" * 682), 0),
        (text("字" * 683), 45002),
        (text(msgid="x" * 33), 40058),
        (text(msgid="with space"), 40058),
        (text(msgtype="link", link={"title": "t", "url": "https://a.example"}), 41006),
        (text(msgtype="link", link={"title": "t", "url": "https://a.example", "thumb_media_id": "no"}), 40007),
        (text(msgtype="location", location={"latitude": 91, "longitude": 0}), 40058),
        (text(msgtype="location", location={"latitude": 31.2, "longitude": 121.5}), 0),
        (text(msgtype="ca_link", ca_link={"link_url": "https://work.example/ca"}), 0),
        (text(msgtype="file", file={"media_id": "made-up"}), 40007),
        (menu(CLICK), 0),
        (menu(), 0),
        (text(msgtype="msgmenu", msgmenu={"list": []}), 40058),
        (menu(*[CLICK] * 10), 0),
        (menu(*[CLICK] * 11), 95008),
        (menu(*[{"type": "text", "text": {"content": "x"}}] * 50), 0),
        (menu(*[{"type": "text", "text": {"content": "x"}}] * 51), 95008),
        (menu({"type": "poem", "poem": {}}), 95009),
        (menu({"type": "click"}), 40058),
        (menu({"type": "click", "click": {"id": "x" * 129, "content": "x"}}), 40058),
        (menu({"type": "click", "click": {"id": "x", "content": "字" * 43}}), 40058),
        (menu({"type": "view", "view": {"content": "x"}}), 40058),
        (menu({"type": "text", "text": {"content": "x" * 257}}), 40058),
        (menu({"type": "miniprogram", "miniprogram": {"appid": "x" * 33, "pagepath": "p", "content": "x"}}), 40058),
        (menu(CLICK, head_content="字" * 342), 40058),
        (menu(CLICK, tail_content="字" * 342), 40058),
    ],
)
async def test_what_a_message_may_be(caller: Any, sandbox: Sandbox, body: dict[str, Any], code: int) -> None:
    await sandbox.kf.say(WHO, "hi")
    assert code == await send(caller, body)


async def test_a_given_id_works_once(caller: Any, sandbox: Sandbox) -> None:
    assert 40096 == await send(caller, text(msgid="m-1"))
    await sandbox.kf.say(WHO, "hi")
    assert 0 == await send(caller, text(msgid="m-1"))
    assert 40058 == await send(caller, text(msgid="m-1"))
    assert ["m-1"] == [message.msgid for message in sandbox.kf.messages(WHO)]
    assert 1 == sandbox.state["counters"]["wecom.kf repeated msgid"]


async def test_a_refused_message_does_not_use_up_its_id(caller: Any, sandbox: Sandbox) -> None:
    await sandbox.kf.enter(WHO, "abc")
    assert 95018 == await send(caller, text(msgid="m-1"))
    await sandbox.kf.say(WHO, "hi")
    assert 0 == await send(caller, text(msgid="m-1"))


async def test_a_menu_can_be_tapped_again_and_again(caller: Any, sandbox: Sandbox) -> None:
    await sandbox.kf.say(WHO, "hi")
    await send(caller, menu(CLICK))
    await send(caller, menu({"type": "view", "view": {"url": "https://a.example", "content": "看"}}))
    for _ in range(2):
        item = await sandbox.kf.tap(WHO, "slot:1")
        assert {"content": "周三 10:00", "menu_id": "slot:1"} == item["text"]
    with pytest.raises(LookupError):
        await sandbox.kf.tap(WHO, "slot:2")
    assert [[("周三 10:00", "slot:1")], [("看", "https://a.example")]] == [
        message.buttons for message in sandbox.kf.messages(WHO)
    ]


# The welcome.


def welcome(code: str, **changed: Any) -> dict[str, Any]:
    return {"code": code, "msgtype": "text", "text": {"content": "欢迎"}, **changed}


async def test_one_welcome_within_20_seconds(caller: Any, sandbox: Sandbox, clock: StandingClock) -> None:
    code = (await sandbox.kf.enter(WHO, "abc"))["event"]["welcome_code"]
    clock.push(timedelta(seconds=20))
    assert 40008 == await send(caller, welcome(code, msgtype="image", image={}), "kf/send_msg_on_event")
    assert 0 == await send(caller, welcome(code), "kf/send_msg_on_event")
    assert 41050 == await send(caller, welcome(code), "kf/send_msg_on_event")
    assert [("welcome", "欢迎")] == [(message.via, message.text) for message in sandbox.kf.messages(WHO)]
    assert 95018 == await send(caller)


async def test_after_20_seconds_the_welcome_is_too_late(caller: Any, sandbox: Sandbox, clock: StandingClock) -> None:
    code = (await sandbox.kf.enter(WHO, "abc"))["event"]["welcome_code"]
    clock.push(timedelta(seconds=21))
    assert 41050 == await send(caller, welcome(code), "kf/send_msg_on_event")


async def test_no_second_welcome_for_48_hours(caller: Any, sandbox: Sandbox, clock: StandingClock) -> None:
    code = (await sandbox.kf.enter(WHO, "abc"))["event"]["welcome_code"]
    assert "welcome_code" in (await sandbox.kf.enter(WHO, "abc"))["event"]  # nobody has welcomed yet
    await send(caller, welcome(code), "kf/send_msg_on_event")
    clock.push(HOURS_48)
    assert "welcome_code" not in (await sandbox.kf.enter(WHO, "abc"))["event"]
    clock.push(SECOND)
    assert "welcome_code" in (await sandbox.kf.enter(WHO, "abc"))["event"]


async def test_who_has_written_gets_no_welcome_for_48_hours(sandbox: Sandbox, clock: StandingClock) -> None:
    await sandbox.kf.say(WHO, "hi")
    clock.push(HOURS_48)
    assert "welcome_code" not in (await sandbox.kf.enter(WHO, "abc"))["event"]
    clock.push(SECOND)
    assert "welcome_code" in (await sandbox.kf.enter(WHO, "abc"))["event"]


async def test_a_welcome_does_not_use_the_five(caller: Any, sandbox: Sandbox) -> None:
    code = (await sandbox.kf.enter(WHO, "abc"))["event"]["welcome_code"]
    await sandbox.kf.say(WHO, "hi")
    assert 0 == await send(caller, welcome(code), "kf/send_msg_on_event")
    assert [0] * 5 == [await send(caller, text(f"n{turn}")) for turn in range(5)]


async def test_a_welcome_may_be_told_to_use_one_of_the_five(caller: Any, sandbox: Sandbox) -> None:
    sandbox.kf.events_use_budget = True
    code = (await sandbox.kf.enter(WHO, "abc"))["event"]["welcome_code"]
    await sandbox.kf.say(WHO, "hi")
    assert 0 == await send(caller, welcome(code), "kf/send_msg_on_event")
    assert [0] * 4 + [95001] == [await send(caller, text(f"n{turn}")) for turn in range(5)]


# Session states.


async def move(caller: Any, target: int, **more: Any) -> dict[str, Any]:
    body = {"open_kfid": KFID, "external_userid": WHO, "service_state": target, **more}
    caller.token = ""
    found = await caller.post("kf/service_state/trans", body)
    assert isinstance(found, dict)
    return found


async def state(caller: Any) -> int:
    found = await caller.post("kf/service_state/get", {"open_kfid": KFID, "external_userid": WHO})
    assert isinstance(found["service_state"], int)
    return found["service_state"]


@pytest.mark.parametrize(("start", "allowed"), [(0, {1, 2, 3}), (1, {2, 3}), (2, {3}), (3, {3, 4}), (4, set[int]())])
async def test_which_moves_are_allowed(caller: Any, sandbox: Sandbox, start: int, allowed: set[int]) -> None:
    sandbox.kf.servicers["HR"] = True
    await sandbox.kf.say(WHO, "hi")
    done = set()
    for target in range(5):
        sandbox.kf.conversation(WHO).state = start
        if (await move(caller, target, servicer_userid="HR"))["errcode"] == 0:
            done.add(target)
    assert allowed == done


@pytest.mark.parametrize(("there", "code"), [(0, 0), (1, 0), (2, 95018), (3, 95018), (4, 95018)])
async def test_the_bot_may_speak_in_two_states(caller: Any, sandbox: Sandbox, there: int, code: int) -> None:
    await sandbox.kf.say(WHO, "hi")
    sandbox.kf.conversation(WHO).state = there
    assert code == await send(caller)
    assert there == await state(caller)


async def test_only_servicers_who_receive_can_take_over(caller: Any, sandbox: Sandbox) -> None:
    sandbox.kf.servicers.update({"HR": True, "boss": False})
    await sandbox.kf.say(WHO, "hi")
    codes = [(await move(caller, 3, **who))["errcode"] for who in ({}, {"servicer_userid": "x"})]
    assert [40058, 95014] == codes
    assert 95019 == (await move(caller, 3, servicer_userid="boss"))["errcode"]
    assert 0 == (await move(caller, 3, servicer_userid="HR"))["errcode"]


async def test_a_message_goes_with_a_change_of_state(caller: Any, sandbox: Sandbox, clock: StandingClock) -> None:
    await sandbox.kf.say(WHO, "hi")
    code = (await move(caller, 2))["msg_code"]
    assert 40008 == await send(caller, {**menu(CLICK), "code": code}, "kf/send_msg_on_event")
    assert 0 == await send(caller, welcome(code), "kf/send_msg_on_event")
    assert ["event"] == [message.via for message in sandbox.kf.messages(WHO)]


async def test_that_message_is_void_when_the_state_has_changed_again(caller: Any, sandbox: Sandbox) -> None:
    sandbox.kf.servicers["HR"] = True
    await sandbox.kf.say(WHO, "hi")
    code = (await move(caller, 2))["msg_code"]
    await move(caller, 3, servicer_userid="HR")
    assert 41050 == await send(caller, welcome(code), "kf/send_msg_on_event")


async def test_the_farewell_has_20_seconds(caller: Any, sandbox: Sandbox, clock: StandingClock) -> None:
    sandbox.kf.servicers["HR"] = True
    await sandbox.kf.say(WHO, "hi")
    await move(caller, 3, servicer_userid="HR")
    code = (await move(caller, 4))["msg_code"]
    clock.push(timedelta(seconds=21))
    assert 41050 == await send(caller, welcome(code), "kf/send_msg_on_event")
    await sandbox.kf.say(WHO, "back")
    assert 0 == await state(caller)


async def test_a_person_in_the_client_is_seen_as_one(caller: Any, sandbox: Sandbox) -> None:
    await sandbox.kf.enter(WHO, "abc")
    await sandbox.kf.answer_by_hand(WHO, "HR", "我来")
    await sandbox.kf.take_over(WHO, "HR")
    items = (await pull(caller))["msg_list"][1:]
    assert [4, 5, 4] == [item["origin"] for item in items]
    assert [4, 1] == [item["event"]["change_type"] for item in items if item["msgtype"] == "event"]
    assert ("HR", 3) == (items[1]["servicer_userid"], await state(caller))


async def test_an_account_may_route_to_people_first(caller: Any, sandbox: Sandbox) -> None:
    sandbox.kf.new_session_state = 3
    await sandbox.kf.say(WHO, "hi")
    assert 95018 == await send(caller)


# Looking things up.


async def test_accounts_and_servicers_are_listed(caller: Any, sandbox: Sandbox) -> None:
    sandbox.kf.servicers.update({"HR": True, "boss": False})
    accounts = (await caller.post("kf/account/list", {}))["account_list"]
    assert [(KFID, True)] == [(row["open_kfid"], row["manage_privilege"]) for row in accounts]
    listed = await caller.get("kf/servicer/list", {"access_token": caller.token, "open_kfid": KFID})
    assert {"HR": 0, "boss": 1} == {row["userid"]: row["status"] for row in listed["servicer_list"]}


async def test_profiles_are_there_for_48_hours(caller: Any, sandbox: Sandbox, clock: StandingClock) -> None:
    await sandbox.kf.enter(WHO, "abc")
    body = {"external_userid_list": [WHO, "wmStranger"], "need_enter_session_context": 1}
    answer = await caller.post("kf/customer/batchget", body)
    assert ["wmStranger"] == answer["invalid_external_userid"]
    profile = answer["customer_list"][0]
    assert ("abc", False) == (profile["enter_session_context"]["scene_param"], "mobile" in profile)
    clock.push(HOURS_48 + SECOND)
    caller.token = ""
    assert 95031 == await caller.code("kf/customer/batchget", body)
    too_many = {"external_userid_list": [f"wm{turn}" for turn in range(101)]}
    assert 40058 == await caller.code("kf/customer/batchget", too_many)
