"""Editing, patching, recalling and reading messages."""

import json
from datetime import timedelta
from typing import Any

import pytest

from bot.clock import StandingClock
from bot.sandbox import Sandbox
from bot.sandbox.feishu.people import Person
from bot.sandbox.feishu.world import Feishu

HELLO = {"text": "您好"}


def card(words: str = "待审核", *, shared: bool | None = True, second: bool = False) -> dict[str, Any]:
    """The smallest card with words on it."""
    elements = [{"tag": "markdown", "content": words}]
    if second:
        return {"schema": "2.0", "body": {"elements": elements}}
    return {"config": {} if shared is None else {"update_multi": shared}, "elements": elements}


async def patch(caller: Any, message: str, new: dict[str, Any]) -> int:
    code = await caller.code("PATCH", f"im/v1/messages/{message}", {"content": json.dumps(new)})
    assert isinstance(code, int)
    return code


async def test_a_patch_changes_what_everybody_sees(caller: Any, feishu: Feishu, hr: Person) -> None:
    sent = await caller.sent(feishu.hr_group.id, card(), "interactive", by="chat_id")
    assert 0 == await patch(caller, sent, card("已通过"))
    assert ["已通过"] == [one.text for one in hr.sees(feishu.hr_group.id)]
    found = await caller.call("PATCH", f"im/v1/messages/{sent}", {"content": json.dumps(card("又改"))})
    assert {"code": 0, "msg": "success", "data": {}} == found


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (card(), card(), 0),
        (card(second=True), card(second=True), 0),
        (card(), card(second=True), 0),
        (card(second=True), card(), 230099),
        (card(shared=None), card(), 230001),
        (card(shared=False), card(), 230001),
        (card(), card(shared=None), 230001),
        (card(), {"schema": "2.0", "body": {"elements": [{"tag": "note"}]}}, 230099),
        (card(), card("长" * 11_000), 230025),
    ],
)
async def test_only_shared_cards_can_be_patched(
    caller: Any, hr: Person, old: dict[str, Any], new: dict[str, Any], code: int
) -> None:
    sent = await caller.sent(hr.open_id, old, "interactive")
    assert code == await patch(caller, sent, new)


async def test_some_messages_cannot_be_patched(caller: Any, hr: Person, feishu: Feishu, clock: StandingClock) -> None:
    text, said = await caller.sent(hr.open_id, HELLO), hr.say("你好")
    sent = await caller.sent(hr.open_id, card(), "interactive")
    assert 230054 == await patch(caller, text, card())
    assert 230001 == await patch(caller, said, card())
    feishu.changes.sender_as_230012 = True
    assert 230012 == await patch(caller, said, card())
    assert 99992354 == await patch(caller, "om_unknown", card())
    assert 9499 == await caller.code("PATCH", f"im/v1/messages/{sent}", {"content": card()})
    clock.push(timedelta(days=14))
    caller.token = ""
    assert 0 == await patch(caller, sent, card())
    clock.push(timedelta(seconds=1))
    assert 230031 == await patch(caller, sent, card())


async def test_a_card_can_be_patched_five_times_a_second(caller: Any, hr: Person, clock: StandingClock) -> None:
    sent = await caller.sent(hr.open_id, card(), "interactive")
    assert [0] * 5 + [230020] == [await patch(caller, sent, card()) for _ in range(6)]
    clock.push(timedelta(seconds=1))
    assert 0 == await patch(caller, sent, card())


async def test_a_text_can_be_edited_twenty_times(caller: Any, hr: Person, feishu: Feishu, clock: StandingClock) -> None:
    sent = await caller.sent(hr.open_id, HELLO)
    body = {"msg_type": "text", "content": json.dumps({"text": "改了"})}
    found = await caller.call("PUT", f"im/v1/messages/{sent}", body)
    assert (sent, True) == (found["data"]["message_id"], found["data"]["updated"])
    assert ["改了"] == [one.text for one in hr.sees()]
    assert [0] * 19 + [230072] == [await caller.code("PUT", f"im/v1/messages/{sent}", body) for _ in range(20)]
    other = await caller.sent(hr.open_id, HELLO)
    feishu.changes.edit_window = timedelta(hours=1)
    clock.push(timedelta(hours=1, seconds=1))
    assert 230075 == await caller.code("PUT", f"im/v1/messages/{other}", body)


async def test_what_cannot_be_edited(caller: Any, hr: Person, mei: Person, feishu: Feishu) -> None:
    body = {"msg_type": "text", "content": json.dumps(HELLO)}
    sent = await caller.sent(hr.open_id, card(), "interactive")
    assert 230054 == await caller.code("PUT", f"im/v1/messages/{sent}", body)
    text = await caller.sent(hr.open_id, HELLO)
    wrong = {"msg_type": "interactive", "content": json.dumps(card())}
    assert 230054 == await caller.code("PUT", f"im/v1/messages/{text}", wrong)
    outside = await caller.sent(feishu.group("外部", hr, mei, bot=True).id, HELLO, by="chat_id")
    assert 230027 == await caller.code("PUT", f"im/v1/messages/{outside}", body)


async def test_a_recalled_message_is_gone(caller: Any, hr: Person) -> None:
    sent = await caller.sent(hr.open_id, HELLO)
    assert 0 == await caller.code("DELETE", f"im/v1/messages/{sent}")
    assert [] == hr.sees()
    assert 230011 == await caller.code("DELETE", f"im/v1/messages/{sent}")
    assert 230110 == await caller.code("GET", f"im/v1/messages/{sent}/read_users", query={"user_id_type": "open_id"})
    found = (await caller.call("GET", f"im/v1/messages/{sent}"))["data"]["items"][0]
    assert (True, "This message was recalled") == (found["deleted"], found["body"]["content"])


async def test_who_may_recall(caller: Any, hr: Person, feishu: Feishu, clock: StandingClock) -> None:
    sent = await caller.sent(hr.open_id, HELLO)
    said = hr.say("你好", feishu.hr_group.id)
    assert 230026 == await caller.code("DELETE", f"im/v1/messages/{said}")
    feishu.hr_group.chat.made_by_bot = True
    assert 0 == await caller.code("DELETE", f"im/v1/messages/{said}")
    clock.push(timedelta(days=1, seconds=1))
    caller.token = ""
    assert 230009 == await caller.code("DELETE", f"im/v1/messages/{sent}")


async def test_a_card_is_read_back_simplified(caller: Any, hr: Person) -> None:
    sent = await caller.sent(hr.open_id, card("待审核"), "interactive")
    found = (await caller.call("GET", f"im/v1/messages/{sent}"))["data"]["items"][0]
    assert {"title": "", "elements": [[{"tag": "text", "text": "待审核"}]]} == json.loads(found["body"]["content"])
    query = {"card_msg_content_type": "user_card_content"}
    found = (await caller.call("GET", f"im/v1/messages/{sent}", query=query))["data"]["items"][0]
    assert card("待审核") == json.loads(found["body"]["content"])


async def test_history_comes_in_pages(caller: Any, hr: Person, clock: StandingClock) -> None:
    for number in range(3):
        hr.say(str(number))
        clock.push(timedelta(minutes=1))
    await caller.sent(hr.open_id, HELLO)
    query = {"container_id_type": "chat", "container_id": hr.chat_id, "page_size": "3"}
    first = (await caller.call("GET", "im/v1/messages", query=query))["data"]
    assert (3, True) == (len(first["items"]), first["has_more"])
    assert ("user", hr.open_id) == (first["items"][0]["sender"]["sender_type"], first["items"][0]["sender"]["id"])
    rest = (await caller.call("GET", "im/v1/messages", query={**query, "page_token": first["page_token"]}))["data"]
    assert (1, False, "page_token" in rest) == (len(rest["items"]), rest["has_more"], False)
    newest = {**query, "sort_type": "ByCreateTimeDesc", "start_time": str(int(clock.now().timestamp()) - 60)}
    found = (await caller.call("GET", "im/v1/messages", query=newest))["data"]["items"]
    assert ["您好", "2"] == [json.loads(one["body"]["content"])["text"] for one in found]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"container_id_type": "x"}, 230001),
        ({"container_id": ""}, 99992402),
        ({"container_id": "oc_unknown"}, 230001),
        ({"page_size": "51"}, 230001),
        ({"page_size": "0"}, 230001),
        ({"page_token": "made up"}, 230001),
        ({"start_time": "soon"}, 230001),
        ({"sort_type": "x"}, 99992402),
    ],
)
async def test_history_checks_what_is_wanted(caller: Any, hr: Person, changed: dict[str, str], code: int) -> None:
    hr.say("你好")
    query = {"container_id_type": "chat", "container_id": hr.chat_id, **changed}
    assert code == await caller.code("GET", "im/v1/messages", query=query)


async def test_reading_groups_needs_a_scope_of_its_own(caller: Any, feishu: Feishu, sandbox: Sandbox) -> None:
    sent = await caller.sent(feishu.hr_group.id, HELLO, by="chat_id")
    query = {"container_id_type": "chat", "container_id": feishu.hr_group.id}
    for path, wanted in (("im/v1/messages", query), (f"im/v1/messages/{sent}", {})):
        feishu.app.scopes.discard("im:message.group_msg")
        assert 99991672 == await caller.code("GET", path, query=wanted)
        feishu.app.scopes.add("im:message.group_msg")
        assert 0 == await caller.code("GET", path, query=wanted)
        feishu.hr_group.chat.bot = False
        assert 230002 == await caller.code("GET", path, query=wanted)
        feishu.hr_group.chat.bot = True
    feishu.hr_group.chat.restricted = True
    assert 231203 == await caller.code("GET", "im/v1/messages", query=query)


async def test_a_thread_can_be_read(caller: Any, hr: Person) -> None:
    said = hr.say("状态")
    body = {"msg_type": "text", "content": json.dumps(HELLO), "reply_in_thread": True}
    thread = (await caller.call("POST", f"im/v1/messages/{said}/reply", body))["data"]["thread_id"]
    query = {"container_id_type": "thread", "container_id": thread}
    assert 2 == len((await caller.call("GET", "im/v1/messages", query=query))["data"]["items"])
    assert 230001 == await caller.code("GET", "im/v1/messages", query={**query, "container_id": "omt_unknown"})
