"""Look-ups of people, read status, urgent messages, reactions, batches and cards for one."""

from datetime import timedelta
from typing import Any

import pytest

from bot.clock import StandingClock
from bot.sandbox.feishu.people import Person
from bot.sandbox.feishu.world import Feishu

USERS = {"user_id_type": "open_id"}
CARD = {"elements": [{"tag": "markdown", "content": "只给你看"}]}


async def test_people_are_found_by_address(caller: Any, feishu: Feishu) -> None:
    boss = feishu.person("老板", email="boss@example.com", mobile="13800000000")
    gone = feishu.person("走了", email="gone@example.com")
    gone.resigned = True
    hidden = feishu.person("范围外", email="hidden@example.com")
    feishu.extras.outside_contacts.add(hidden.open_id)
    emails = ["boss@example.com", "gone@example.com", "hidden@example.com", "nobody@example.com"]
    body: dict[str, Any] = {"emails": emails, "mobiles": ["13800000000"]}
    rows = (await caller.call("POST", "contact/v3/users/batch_get_id", body, USERS))["data"]["user_list"]
    assert [boss.open_id, None, None, None, boss.open_id] == [one.get("user_id") for one in rows]
    body["include_resigned"] = True
    rows = (await caller.call("POST", "contact/v3/users/batch_get_id", body, USERS))["data"]["user_list"]
    assert [gone.open_id, True] == [rows[1]["user_id"], rows[1]["status"]["is_resigned"]]
    assert 99992402 == await caller.code("POST", "contact/v3/users/batch_get_id", {"emails": ["a"] * 51})


async def test_one_person_is_told_by_scope(caller: Any, feishu: Feishu, hr: Person) -> None:
    hr.mobile = "13800000000"
    path = f"contact/v3/users/{hr.open_id}"
    assert "刘芳" == (await caller.call("GET", path, query=USERS))["data"]["user"]["name"]
    assert "mobile" not in (await caller.call("GET", path, query=USERS))["data"]["user"]
    feishu.app.scopes.add("contact:user.phone:readonly")
    assert hr.mobile == (await caller.call("GET", path, query=USERS))["data"]["user"]["mobile"]
    assert 41012 == await caller.code("GET", "contact/v3/users/ou_unknown", query=USERS)


async def test_readers_are_known_for_a_week(caller: Any, feishu: Feishu, hr: Person, clock: StandingClock) -> None:
    sent = await caller.sent(hr.open_id, {"text": "您好"})
    path = f"im/v1/messages/{sent}/read_users"
    assert [] == (await caller.call("GET", path, query=USERS))["data"]["items"]
    hr.read(sent)
    found = (await caller.call("GET", path, query=USERS))["data"]["items"]
    assert [(hr.open_id, "1777885200000")] == [(one["user_id"], one["timestamp"]) for one in found]
    assert 230001 == await caller.code("GET", f"im/v1/messages/{hr.say('x')}/read_users", query=USERS)
    clock.push(timedelta(days=7, seconds=1))
    caller.token = ""
    assert 230033 == await caller.code("GET", path, query=USERS)


async def test_urgent_messages(caller: Any, feishu: Feishu, hr: Person, mei: Person) -> None:
    sent = await caller.sent(hr.open_id, {"text": "急"})
    path = f"im/v1/messages/{sent}/urgent_app"
    found = await caller.call("PATCH", path, {"user_id_list": [hr.open_id, "ou_unknown"]}, USERS)
    assert ({"invalid_user_id_list": ["ou_unknown"]}, 1) == (found["data"], len(feishu.extras.urgents))
    assert 230001 == await caller.code("PATCH", path, {"user_id_list": ["ou_unknown"]}, USERS)
    assert 99992402 == await caller.code("PATCH", path, {"user_id_list": ["x"] * 201}, USERS)
    hr.unread_urgents = 200
    assert 230023 == await caller.code("PATCH", path, {"user_id_list": [hr.open_id]}, USERS)
    hr.unread_urgents = 0
    sms = path.replace("urgent_app", "urgent_sms")
    assert 99991672 == await caller.code("PATCH", sms, {"user_id_list": [hr.open_id]}, USERS)
    feishu.app.scopes.add("im:message.urgent:sms")
    feishu.extras.urgent_quota = 1
    codes = [await caller.code("PATCH", sms, {"user_id_list": [hr.open_id]}, USERS) for _ in range(2)]
    assert [0, 230024] == codes
    mei.open_bot()
    outside = await caller.sent(mei.open_id, {"text": "急"})
    body = {"user_id_list": [mei.open_id]}
    assert 230027 == await caller.code("PATCH", f"im/v1/messages/{outside}/urgent_app", body, USERS)


async def test_reactions(caller: Any, hr: Person) -> None:
    path = f"im/v1/messages/{hr.say('好的')}/reactions"
    found = await caller.call("POST", path, {"reaction_type": {"emoji_type": "OK"}})
    assert (0, True) == (found["code"], bool(found["data"]["reaction_id"]))
    assert 231001 == await caller.code("POST", path, {"reaction_type": "OK"})
    assert 231001 == await caller.code("POST", path, {"reaction_type": {"emoji_type": "👌"}})


async def test_a_card_for_one_is_not_seen_by_others(caller: Any, feishu: Feishu, hr: Person, mei: Person) -> None:
    group = feishu.hr_group
    body = {"chat_id": group.id, "open_id": hr.open_id, "msg_type": "interactive", "card": CARD}
    found = await caller.call("POST", "ephemeral/v1/send", body)
    message = found["data"]["message_id"]
    boss = feishu.person("老板")
    feishu.company.join(group.chat, boss)
    assert ([], [], [message]) == (group.sees(), boss.sees(group.id), [one.msgid for one in hr.sees(group.id)])
    assert 230054 == await caller.code("PATCH", f"im/v1/messages/{message}", {"content": "{}"})
    assert 10002 == await caller.code("POST", "ephemeral/v1/send", {**body, "open_id": mei.open_id})


async def test_a_batch_says_which_ids_are_none_and_drops_the_rest(caller: Any, feishu: Feishu, hr: Person) -> None:
    stopped = feishu.person("不要")
    stopped.stopped = True
    body = {"msg_type": "text", "content": {"text": "通知"}, "open_ids": [hr.open_id, stopped.open_id, "ou_x"]}
    found = await caller.call("POST", "message/v4/batch_send/", body)
    assert ("bm-", ["ou_x"]) == (found["data"]["message_id"][:3], found["data"]["invalid_open_ids"])
    assert (["通知"], []) == tuple([one.text for one in who.sees()] for who in (hr, stopped))
    message = hr.sees()[0].msgid
    assert 230052 == await caller.code(
        "PATCH", f"im/v1/messages/{message}/urgent_app", {"user_id_list": [hr.open_id]}, USERS
    )
    card = {"msg_type": "interactive", "card": CARD, "open_ids": [hr.open_id]}
    assert 0 == await caller.code("POST", "message/v4/batch_send/", card)
    sent = hr.sees()[-1].msgid
    assert 230054 == await caller.code("PATCH", f"im/v1/messages/{sent}", {"content": "{}"})
    with pytest.raises(LookupError, match="batch"):
        await hr.tap(sent, "x")


@pytest.mark.parametrize(
    ("changed", "code"),
    [({"msg_type": "file"}, 11205), ({"content": '{"text":"x"}'}, 10002), ({"open_ids": []}, 10003)],
)
async def test_batches_fail_in_http_200(caller: Any, hr: Person, changed: dict[str, Any], code: int) -> None:
    body = {"msg_type": "text", "content": {"text": "x"}, "open_ids": [hr.open_id], **changed}
    assert (code, 200) == (await caller.code("POST", "message/v4/batch_send/", body), caller.status)
