"""Sending and replying: whom a bot may write to, what it may say, and what people see of it."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bot.clock import StandingClock
from bot.sandbox import Sandbox
from bot.sandbox.feishu.people import Person
from bot.sandbox.feishu.world import Feishu

HELLO = {"text": "您好"}
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 8 + (10).to_bytes(4, "big") * 2


async def test_a_text_is_seen_and_told(caller: Any, hr: Person, feishu: Feishu) -> None:
    found = (await caller.send(hr.open_id, HELLO, uuid="one"))["data"]
    assert [("您好", "feishu", "one")] == [(one.text, one.surface, one.given_id) for one in hr.sees()]
    assert (hr.chat_id, "text", False, False) == tuple(
        found[name] for name in ("chat_id", "msg_type", "deleted", "updated")
    )
    assert {"id": feishu.app.id, "id_type": "app_id", "sender_type": "app"}.items() <= found["sender"].items()
    assert "1777885200000" == found["create_time"]
    assert HELLO == json.loads(found["body"]["content"])


async def test_the_private_chat_stays_the_same_and_can_be_written_to(caller: Any, hr: Person) -> None:
    first = (await caller.send(hr.open_id, HELLO))["data"]["chat_id"]
    again = (await caller.send(first, HELLO, by="chat_id"))["data"]["chat_id"]
    assert (first, 2) == (again, len(hr.sees()))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda who, feishu: setattr(who, "in_range", False), 230013),
        (lambda who, feishu: setattr(who, "resigned", True), 230029),
        (lambda who, feishu: setattr(who, "stopped", True), 230053),
        (lambda who, feishu: setattr(who, "denied", True), 230035),
        (lambda who, feishu: setattr(feishu.app, "bot", False), 230006),
    ],
)
async def test_some_people_cannot_be_written_to(
    caller: Any, feishu: Feishu, hr: Person, change: Callable[[Person, Feishu], None], code: int
) -> None:
    change(hr, feishu)
    assert (code, 400) == (await caller.refused(hr.open_id, HELLO), caller.status)
    assert code == await caller.refused(
        hr.chat_id if hr.met else feishu.company.private_chat(hr).id, HELLO, by="chat_id"
    )
    assert [] == hr.sees()


async def test_outsiders_must_confirm_first(caller: Any, feishu: Feishu, mei: Person) -> None:
    assert 230013 == await caller.refused(mei.open_id, HELLO)
    mei.open_bot()
    assert 0 == await caller.refused(mei.open_id, HELLO)
    feishu.app.shared = False
    assert 230038 == await caller.refused(mei.open_id, HELLO)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("bot", 230002),
        ("muted", 230018),
        ("dissolved", 232009),
    ],
)
async def test_some_groups_cannot_be_written_to(caller: Any, feishu: Feishu, change: str, code: int) -> None:
    chat = feishu.hr_group.chat
    assert 0 == await caller.refused(chat.id, HELLO, by="chat_id")
    setattr(chat, change, change != "bot")
    assert code == await caller.refused(chat.id, HELLO, by="chat_id")


async def test_an_external_group_needs_a_shared_app(caller: Any, feishu: Feishu, hr: Person, mei: Person) -> None:
    group = feishu.group("外部", hr, mei, bot=True)
    assert 0 == await caller.refused(group.id, HELLO, by="chat_id")
    feishu.app.shared = False
    assert 230027 == await caller.refused(group.id, HELLO, by="chat_id")


@pytest.mark.parametrize(
    ("by", "to", "code"),
    [
        ("", "ou_x", 99992402),
        ("phone", "ou_x", 99992402),
        ("open_id", "", 99992402),
        ("open_id", "oc_x", 230034),
        ("chat_id", "ou_x", 230034),
        ("open_id", "ou_unknown", 230001),
        ("chat_id", "oc_unknown", 230001),
        ("email", "nobody@example.com", 230001),
        ("user_id", "1234", 99991672),
    ],
)
async def test_the_receiver_is_checked(caller: Any, by: str, to: str, code: int) -> None:
    body = {"receive_id": to, "msg_type": "text", "content": json.dumps(HELLO)}
    found = await caller.call("POST", "im/v1/messages", body, {"receive_id_type": by} if by else {})
    assert (code, 400) == (found["code"], caller.status)
    if code == 99992402:
        assert ("receive_id" if by == "open_id" else "receive_id_type") == found["error"]["field_violations"][0][
            "field"
        ]
    if code == 230001:
        assert "Your request contains an invalid request parameter, ext=invalid receive_id." == found["msg"]


async def test_another_apps_open_id_is_known_as_such(caller: Any, feishu: Feishu, hr: Person) -> None:
    assert 99992361 == await caller.refused(hr.elsewhere, HELLO)
    feishu.messages.foreign_code = 230001
    assert 230001 == await caller.refused(hr.elsewhere, HELLO)


async def test_a_bot_cannot_write_to_a_bot(caller: Any, feishu: Feishu) -> None:
    assert 230001 == await caller.refused(feishu.app.open_id, HELLO)


@pytest.mark.parametrize(
    ("kind", "content", "code", "ext"),
    [
        ("text", {"text": ""}, 230001, "validate content fail"),
        ("text", {"content": "x"}, 230001, "validate content fail"),
        ("text", "no json", 230001, "content is not a string in json format"),
        ("text", "[]", 230001, "content is not a string in json format"),
        ("text", {"text": "长" * 60_000}, 230025, ""),
        ("post", {"zh_cn": {"title": "", "content": [[{"tag": "text", "text": "x" * 31_000}]]}}, 230025, ""),
        ("post", {"post": {"zh_cn": {"title": "", "content": []}}}, 230001, "validate content fail"),
        ("post", {"zh_cn": {"content": [[{"tag": "blink"}]]}}, 230001, "content format of the post type"),
        ("post", {"zh_cn": {"content": [[{"tag": "md", "text": "a"}, {"tag": "hr"}]]}}, 230001, "post type"),
        ("post", {"zh_cn": {"content": [[{"tag": "a", "text": "a"}]]}}, 230001, "post type"),
        ("image", {"image_key": "img_unknown"}, 230001, "invalid image_key"),
        ("file", {"file_key": "file_unknown"}, 230001, "invalid file_key"),
        ("sticker", {"file_key": "file_unknown"}, 230001, "invalid file_key"),
        ("share_chat", {"chat_id": "oc_unknown"}, 230001, "invalid chat_id"),
        ("share_user", {"user_id": "ou_unknown"}, 230001, "invalid user_id"),
        ("system", {"type": "divider"}, 99991672, "im:message:send_sys_msg"),
        ("template_card", {}, 230001, "invalid msg_type"),
        ("interactive", "[]", 230001, "json format"),
    ],
)
async def test_contents_are_checked(caller: Any, hr: Person, kind: str, content: Any, code: int, ext: str) -> None:
    found = await caller.send(hr.open_id, content, kind)
    assert code == found["code"]
    assert ext in found["msg"]
    assert [] == hr.sees()


@pytest.mark.parametrize("content", [{"text": "x"}, ["x"], 7])
async def test_content_that_is_no_string_never_gets_past_the_gateway(caller: Any, hr: Person, content: Any) -> None:
    body = {"receive_id": hr.open_id, "msg_type": "text", "content": content}
    found = await caller.call("POST", "im/v1/messages", body, {"receive_id_type": "open_id"})
    assert {"code": 9499, "msg": "Bad Request", "data": {}} == found


async def test_a_text_of_150_kb_just_fits(caller: Any, hr: Person) -> None:
    around = len('{"text": ""}')
    fits = "x" * (150 * 1024 - around)
    assert 0 == await caller.refused(hr.open_id, {"text": fits})
    assert 230025 == await caller.refused(hr.open_id, {"text": fits + "x"})


async def test_the_same_uuid_sends_once_within_an_hour(
    caller: Any, hr: Person, clock: StandingClock, feishu: Feishu
) -> None:
    first = await caller.sent(hr.open_id, HELLO, uuid="a" * 50)
    clock.push(timedelta(minutes=59))
    assert first == await caller.sent(hr.open_id, {"text": "other"}, uuid="a" * 50)
    assert 1 == len(hr.sees())
    feishu.messages.being_sent_for = timedelta(hours=1)
    assert 230049 == await caller.refused(hr.open_id, HELLO, uuid="a" * 50)
    clock.push(timedelta(minutes=1))
    assert first != await caller.sent(hr.open_id, HELLO, uuid="a" * 50)
    assert 99992402 == await caller.refused(hr.open_id, HELLO, uuid="a" * 51)


async def test_nobody_gets_more_than_five_in_a_second(
    caller: Any, hr: Person, feishu: Feishu, clock: StandingClock
) -> None:
    for to, by in ((hr.open_id, "open_id"), (feishu.hr_group.id, "chat_id")):
        assert [0] * 5 + [230020] == [await caller.refused(to, HELLO, by=by) for _ in range(6)]
    clock.push(timedelta(seconds=1))
    assert 0 == await caller.refused(hr.open_id, HELLO)


async def test_what_people_uploaded_is_not_the_bots(caller: Any, hr: Person, feishu: Feishu) -> None:
    hr.send_image(PNG)
    hr.send_file("a.pdf", b"%PDF")
    image, file = feishu.company.files
    assert 230017 == await caller.refused(hr.open_id, {"image_key": image}, "image")
    assert 230017 == await caller.refused(hr.open_id, {"file_key": file}, "file")


async def test_uploads_go_out_as_what_they_are(caller: Any, hr: Person) -> None:
    image = (await caller.upload("image", PNG, image_type="message"))["data"]["image_key"]
    movie = (await caller.upload("file", b"movie", file_type="mp4", file_name="a.mp4"))["data"]["file_key"]
    paper = (await caller.upload("file", b"%PDF", file_type="pdf", file_name="offer.pdf"))["data"]["file_key"]
    assert 0 == await caller.refused(hr.open_id, {"image_key": image}, "image")
    assert 0 == await caller.refused(hr.open_id, {"file_key": paper}, "file")
    assert 230055 == await caller.refused(hr.open_id, {"file_key": movie}, "file")
    assert 0 == await caller.refused(hr.open_id, {"file_key": movie, "image_key": image}, "media")
    assert 230055 == await caller.refused(hr.open_id, {"file_key": paper}, "audio")
    assert 230001 == await caller.refused(hr.open_id, {"file_key": image}, "file")
    assert ["image", "offer.pdf", "a.mp4"] == [one.text or one.msgtype for one in hr.sees()]


async def test_personal_data_and_forbidden_words_can_be_held_back(caller: Any, hr: Person, feishu: Feishu) -> None:
    assert 0 == await caller.refused(hr.open_id, {"text": "13800000000"})
    feishu.contents.audit = True
    feishu.contents.forbidden_words = {"赌"}
    assert 230028 == await caller.refused(hr.open_id, {"text": "打 13800000000"})
    assert 230028 == await caller.refused(hr.open_id, {"text": "mei@example.com"})
    assert 230022 == await caller.refused(hr.open_id, {"text": "赌一把"})
    assert 0 == await caller.refused(hr.open_id, {"text": "编号 2138000000001"})


async def test_mentions_become_placeholders(caller: Any, hr: Person, feishu: Feishu) -> None:
    text = f'<b>看</b> <at user_id="{hr.open_id}"></at> <at user_id="all"></at> [链接](https://a.example)'
    found = (await caller.send(feishu.hr_group.id, {"text": text}, by="chat_id"))["data"]
    assert "看 @_user_1 @_all [链接](https://a.example)" == json.loads(found["body"]["content"])["text"]
    assert [("@_user_1", hr.open_id, "刘芳")] == [(one["key"], one["id"], one["name"]) for one in found["mentions"]]
    assert "<b>看</b> @刘芳 @所有人 [链接](https://a.example)" == feishu.hr_group.sees()[0].text
    feishu.hr_group.chat.at_all = False
    assert 230018 == await caller.refused(feishu.hr_group.id, {"text": text}, by="chat_id")


async def test_a_post_is_kept_without_its_language(caller: Any, hr: Person) -> None:
    rows = [[{"tag": "text", "text": "周一 "}, {"tag": "at", "user_id": hr.open_id}], [{"tag": "hr"}]]
    found = (await caller.send(hr.open_id, {"zh_cn": {"title": "面试", "content": rows}}, "post"))["data"]
    stored = json.loads(found["body"]["content"])
    assert ("面试", {"tag": "at", "user_id": "@_user_1", "user_name": "刘芳"}) == (
        stored["title"],
        stored["content"][0][1],
    )
    assert "面试\n周一 \n" == hr.sees()[0].text


async def test_a_link_in_a_post_can_be_tapped(caller: Any, hr: Person) -> None:
    row = [{"tag": "text", "text": "请"}, {"tag": "a", "text": "看", "href": "https://a.example"}]
    await caller.sent(hr.open_id, {"zh_cn": {"title": "", "content": [row]}}, "post")
    assert ("请看", [("看", "https://a.example")]) == (hr.sees()[0].text, hr.sees()[0].buttons)


async def test_other_kinds_of_messages(caller: Any, hr: Person, feishu: Feishu) -> None:
    feishu.app.scopes.add("im:message:send_sys_msg")
    divider = {"type": "divider", "params": {"divider_text": {"text": "新的一天"}}}
    assert 0 == await caller.refused(hr.open_id, divider, "system")
    assert 230001 == await caller.refused(feishu.hr_group.id, divider, "system", by="chat_id")
    divider["params"]["divider_text"]["text"] = "长" * 21  # type: ignore[index]
    assert 230001 == await caller.refused(hr.open_id, divider, "system")
    assert 0 == await caller.refused(hr.open_id, {"chat_id": feishu.hr_group.id}, "share_chat")
    assert 230015 == await caller.refused(hr.open_id, {"chat_id": hr.chat_id}, "share_chat")
    assert 0 == await caller.refused(hr.open_id, {"user_id": hr.open_id}, "share_user")


async def test_a_reply_stands_under_its_message(caller: Any, hr: Person, feishu: Feishu) -> None:
    said = hr.say("状态", feishu.hr_group.id, at_bot=True)
    body = {"msg_type": "text", "content": json.dumps(HELLO), "uuid": "r1"}
    first = (await caller.call("POST", f"im/v1/messages/{said}/reply", body))["data"]
    assert (said, said, feishu.hr_group.id) == (first["root_id"], first["parent_id"], first["chat_id"])
    assert "thread_id" not in first
    again = (await caller.call("POST", f"im/v1/messages/{said}/reply", body))["data"]
    assert first["message_id"] == again["message_id"]
    threaded = {**body, "uuid": "r2", "reply_in_thread": True}
    second = (await caller.call("POST", f"im/v1/messages/{first['message_id']}/reply", threaded))["data"]
    assert (said, first["message_id"]) == (second["root_id"], second["parent_id"])
    third = (await caller.call("POST", f"im/v1/messages/{second['message_id']}/reply", {**body, "uuid": "r3"}))["data"]
    assert second["thread_id"] == third["thread_id"] != ""
    assert ["reply"] * 3 == [one.via for one in feishu.hr_group.sees()]


async def test_some_messages_cannot_be_replied_to(caller: Any, hr: Person, feishu: Feishu) -> None:
    said = hr.say("状态")
    path, body = f"im/v1/messages/{said}/reply", {"msg_type": "text", "content": json.dumps(HELLO)}
    assert 99992354 == await caller.code("POST", "im/v1/messages/c-token/reply", body)
    feishu.company.private_chat(hr).threads = False
    assert 230071 == await caller.code("POST", path, {**body, "reply_in_thread": True})
    hr.recall(said)
    assert 230011 == await caller.code("POST", path, body)


async def test_a_message_can_be_forwarded(caller: Any, hr: Person, feishu: Feishu) -> None:
    sent = await caller.sent(hr.open_id, HELLO)
    body, query = {"receive_id": feishu.hr_group.id}, {"receive_id_type": "chat_id"}
    assert 0 == await caller.code("POST", f"im/v1/messages/{sent}/forward", body, query)
    assert [("您好", "forward")] == [(one.text, one.via) for one in feishu.hr_group.sees()]


async def test_the_same_words_twice_are_noticed(caller: Any, hr: Person, sandbox: Sandbox) -> None:
    for _ in range(2):
        await caller.sent(hr.open_id, HELLO)
    assert (1, 2) == (len(sandbox.record.repeats), sandbox.record.counters["feishu"])
