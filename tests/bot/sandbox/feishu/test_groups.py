"""The API of groups, and what is different about people from outside."""

import asyncio
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from bot.sandbox.feishu.people import Person
from bot.sandbox.feishu.world import Feishu


async def made(caller: Any, **body: Any) -> str:
    """A group that the bot made."""
    found = await caller.call("POST", "im/v1/chats", {"name": "静安店", **body})
    assert 0 == found["code"], found
    return str(found["data"]["chat_id"])


async def test_a_bot_makes_a_group_and_writes_into_it(caller: Any, hr: Person, feishu: Feishu) -> None:
    chat = await made(caller, user_id_list=[hr.open_id], owner_id=hr.open_id)
    await caller.sent(chat, {"text": "您好"}, by="chat_id")
    assert ["您好"] == [one.text for one in hr.sees(chat)]
    found = (await caller.call("GET", f"im/v1/chats/{chat}"))["data"]
    assert ("静安店", hr.open_id, "1", "1", False) == tuple(
        found[name] for name in ("name", "owner_id", "user_count", "bot_count", "external")
    )


async def test_the_same_uuid_makes_one_group(caller: Any) -> None:
    answers = [await caller.call("POST", "im/v1/chats", {"name": "a"}, {"uuid": "u1"}) for _ in range(2)]
    assert answers[0]["data"]["chat_id"] == answers[1]["data"]["chat_id"]


async def test_groups_are_listed_without_private_chats(caller: Any, hr: Person, feishu: Feishu) -> None:
    hr.open_bot()
    other = await made(caller)
    found = (await caller.call("GET", "im/v1/chats"))["data"]["items"]
    assert [feishu.hr_group.id, other] == [one["chat_id"] for one in found]
    found = (await caller.call("GET", "im/v1/chats/search", query={"query": "静安"}))["data"]["items"]
    assert [other] == [one["chat_id"] for one in found]


async def test_members_are_people_in_pages(caller: Any, feishu: Feishu) -> None:
    people = [feishu.person(f"同事{number}") for number in range(3)]
    group = feishu.group("店", *people, bot=True)
    path, query = f"im/v1/chats/{group.id}/members", {"member_id_type": "open_id", "page_size": "2"}
    first = (await caller.call("GET", path, query=query))["data"]
    rest = (await caller.call("GET", path, query={**query, "page_token": first["page_token"]}))["data"]
    assert ([2, 1], 3) == ([len(page["items"]) for page in (first, rest)], first["member_total"])
    told = [one["member_id"] for page in (first, rest) for one in page["items"]]
    assert [one.open_id for one in people] == told
    assert feishu.app.open_id not in told
    assert 230001 == await caller.code("GET", path, query={"page_size": "101"})
    assert {"is_in_chat": True} == (await caller.call("GET", f"{path}/is_in_chat"))["data"]


async def test_adding_members_says_which_could_not(caller: Any, feishu: Feishu, hr: Person) -> None:
    hidden, other = feishu.person("看不见"), feishu.person("同事")
    hidden.in_range = False
    path = f"im/v1/chats/{feishu.hr_group.id}/members"
    ids = {"id_list": [other.open_id, hidden.open_id, "ou_unknown"]}
    assert 232024 == await caller.code("POST", path, ids)
    assert 232043 == await caller.code("POST", path, ids, {"succeed_type": "2"})
    assert [hr.open_id] == feishu.hr_group.chat.members
    found = (await caller.call("POST", path, ids, {"succeed_type": "1"}))["data"]
    assert ([hidden.open_id], ["ou_unknown"]) == (found["invalid_id_list"], found["not_existed_id_list"])
    assert [hr.open_id, other.open_id] == feishu.hr_group.chat.members
    assert 99992402 == await caller.code("POST", path, {"id_list": []})
    assert 99992402 == await caller.code("POST", path, {"id_list": ["x"] * 51})


async def test_two_changes_at_once_are_refused(caller: Any, feishu: Feishu, client: TestClient[Any, Any]) -> None:
    feishu.chats.change_takes = 0.05
    people = [feishu.person(f"同事{number}") for number in range(2)]
    await caller.code("GET", "bot/v3/info")
    path = f"im/v1/chats/{feishu.hr_group.id}/members"
    codes = await asyncio.gather(*(caller.code("POST", path, {"id_list": [one.open_id]}) for one in people))
    assert [0, 232019] == sorted(codes)


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("GET", "im/v1/chats/oc_unknown", None, 232006),
        ("DELETE", "im/v1/chats/{hr}", None, 232017),
        ("DELETE", "im/v1/chats/{hr}/members", {"id_list": ["ou_x"]}, 232017),
        ("PUT", "im/v1/chats/{p2p}", {"name": "x"}, 232090),
        ("POST", "im/v1/chats", {"chat_type": "public", "name": "x"}, 232042),
        ("POST", "im/v1/chats", {"user_id_list": ["ou_unknown"]}, 232043),
        ("POST", "im/v1/chats", {"user_id_list": ["ou_x"] * 51}, 99992402),
        ("POST", "im/v1/chats", {"user_id_list": "ou_x"}, 9499),
    ],
)
async def test_refusals(caller: Any, feishu: Feishu, hr: Person, method: str, path: str, body: Any, code: int) -> None:
    hr.open_bot()
    assert code == await caller.code(method, path.format(hr=feishu.hr_group.id, p2p=hr.chat_id), body)


async def test_a_group_of_the_bots_own_can_be_changed_and_ended(caller: Any, hr: Person, feishu: Feishu) -> None:
    chat = await made(caller, user_id_list=[hr.open_id])
    assert 0 == await caller.code("PUT", f"im/v1/chats/{chat}", {"name": "新名字"})
    assert "新名字" == feishu.company.chats[chat].name
    assert 0 == await caller.code("DELETE", f"im/v1/chats/{chat}/members", {"id_list": [hr.open_id]})
    assert [] == feishu.company.chats[chat].members
    feishu.app.scopes.add("im:chat:delete")
    assert 0 == await caller.code("DELETE", f"im/v1/chats/{chat}")
    assert 232009 == await caller.code("GET", f"im/v1/chats/{chat}")
    assert 232009 == await caller.refused(chat, {"text": "x"}, by="chat_id")


async def test_a_bot_that_left_sees_nothing(caller: Any, feishu: Feishu) -> None:
    feishu.hr_group.chat.bot = False
    assert 232011 == await caller.code("GET", f"im/v1/chats/{feishu.hr_group.id}/members")
    assert [] == (await caller.call("GET", "im/v1/chats"))["data"]["items"]
    found = await caller.call("GET", f"im/v1/chats/{feishu.hr_group.id}/members/is_in_chat")
    assert {"is_in_chat": False} == found["data"]


# --- outsiders -----------------------------------------------------------------------------------------------------


async def test_an_external_group_needs_an_owner_of_the_company(
    caller: Any, feishu: Feishu, hr: Person, mei: Person
) -> None:
    mei.open_bot()
    body = {"name": "外部", "user_id_list": [mei.open_id]}
    assert 232028 == await caller.code("POST", "im/v1/chats", body)
    assert 232032 == await caller.code("POST", "im/v1/chats", {**body, "owner_id": mei.open_id})
    chat = await made(caller, **body, owner_id=hr.open_id)
    assert feishu.company.chats[chat].external
    feishu.app.shared = False
    assert 232033 == await caller.code("GET", f"im/v1/chats/{chat}/members")


async def test_outsiders_are_unknown_until_they_confirm(caller: Any, feishu: Feishu, mei: Person) -> None:
    mei.mobile = "13800000000"
    path = f"im/v1/chats/{feishu.hr_group.id}/members"
    assert 232024 == await caller.code("POST", path, {"id_list": [mei.open_id]})
    mei.open_bot()
    assert 0 == await caller.code("POST", path, {"id_list": [mei.open_id]})
    assert feishu.hr_group.chat.external
    found = await caller.call("POST", "contact/v3/users/batch_get_id", {"mobiles": [mei.mobile]})
    assert [{"mobile": mei.mobile}] == found["data"]["user_list"]
    assert 41050 == await caller.code("GET", f"contact/v3/users/{mei.open_id}", query={"user_id_type": "open_id"})
    assert ("", "") == (mei.user_id, mei.union_id)


async def test_what_external_groups_do_not_have(caller: Any, feishu: Feishu, hr: Person, mei: Person) -> None:
    group = feishu.group("外部", hr, mei, bot=True)
    sent = await caller.sent(group.id, {"text": "x"}, by="chat_id")
    users = {"user_id_type": "open_id"}
    assert 230027 == await caller.code("GET", f"im/v1/messages/{sent}/read_users", query=users)
    body = {"user_id_list": [hr.open_id]}
    assert 230027 == await caller.code("PATCH", f"im/v1/messages/{sent}/urgent_app", body, users)
    emoji = {"reaction_type": {"emoji_type": "OK"}}
    assert 0 == await caller.code("POST", f"im/v1/messages/{sent}/reactions", emoji)
    feishu.app.shared = False
    assert 231021 == await caller.code("POST", f"im/v1/messages/{sent}/reactions", emoji)
