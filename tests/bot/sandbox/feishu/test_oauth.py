"""Signing in with Feishu."""

import hashlib
from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp.test_utils import TestClient

from bot.clock import StandingClock
from bot.sandbox import DEFAULTS
from bot.sandbox.feishu.oauth import AUTHORIZE
from bot.sandbox.feishu.people import Person
from bot.sandbox.feishu.world import Feishu

BACK = "https://hr.example/login/feishu"
VERIFIER = "v" * 43
S256 = urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture(autouse=True)
def registered(feishu: Feishu) -> None:
    feishu.oauth.redirects.add(BACK)


async def authorize(client: TestClient[Any, Any], **changed: str) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Status, what came back to the redirect_uri, and the body of a refusal."""
    query = {
        "client_id": DEFAULTS.feishu_app_id,
        "response_type": "code",
        "redirect_uri": BACK,
        "state": "s1",
        **changed,
    }
    async with client.get(
        AUTHORIZE, params={name: value for name, value in query.items() if value}, allow_redirects=False
    ) as answer:
        if answer.status != 302:
            return answer.status, {}, await answer.json() if answer.content_type == "application/json" else {}
        where = urlsplit(answer.headers["Location"])
        assert answer.headers["Location"].startswith(f"{BACK}?")
        return 302, {name: values[0] for name, values in parse_qs(where.query).items()}, {}


async def code_for(client: TestClient[Any, Any], who: Person, **more: str) -> str:
    return (await authorize(client, person=who.open_id, **more))[1]["code"]


async def redeem(caller: Any, **changed: Any) -> dict[str, Any]:
    body = {
        "grant_type": "authorization_code",
        "client_id": DEFAULTS.feishu_app_id,
        "client_secret": DEFAULTS.feishu_secret,
        "redirect_uri": BACK,
        **changed,
    }
    found = await caller.call("POST", "authen/v2/oauth/token", body, token="")
    assert (200 if found["code"] == 0 else 400) == caller.status
    assert isinstance(found, dict)
    return found


async def test_who_signs_in_is_asked_and_then_known(client: Any, caller: Any, feishu: Feishu, hr: Person) -> None:
    async with client.get(
        AUTHORIZE, params={"client_id": feishu.app.id, "response_type": "code", "redirect_uri": BACK}
    ) as page:
        words = await page.text()
    assert "刘芳" in words
    assert hr.open_id in words
    status, told, _ = await authorize(client, person=hr.open_id)
    assert (302, "s1") == (status, told["state"])
    found = await redeem(caller, code=told["code"])
    assert ("Bearer", 7200, "refresh_token" in found) == (found["token_type"], found["expires_in"], False)
    assert len(found["access_token"]) > 1000
    me = await caller.call("GET", "authen/v1/user_info", token=found["access_token"])
    assert (hr.open_id, hr.union_id, "刘芳", hr.tenant_key) == tuple(
        me["data"][name] for name in ("open_id", "union_id", "name", "tenant_key")
    )
    assert not {"email", "mobile", "user_id"} & set(me["data"])


async def test_fields_need_their_scopes(client: Any, caller: Any, feishu: Feishu) -> None:
    who = feishu.person("老板", email="boss@example.com", mobile="13800000000")
    feishu.app.scopes |= {"contact:user.email:readonly", "contact:user.employee_id:readonly"}
    token = (await redeem(caller, code=await code_for(client, who)))["access_token"]
    me = (await caller.call("GET", "authen/v1/user_info", token=token))["data"]
    assert ("boss@example.com", who.user_id, False) == (me["email"], me["user_id"], "mobile" in me)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"redirect_uri": "https://evil.example"}, 20029),
        ({"redirect_uri": ""}, 20029),
        ({"client_id": "cli_other"}, 20048),
        ({"response_type": "token"}, 20001),
        ({"response_type": ""}, 20001),
        ({"scope": "im:message:send_as_bot contact:user.phone:readonly"}, 20027),
        ({"code_challenge": "x", "code_challenge_method": "S512"}, 20001),
        ({"person": "ou_unknown"}, 20010),
    ],
)
async def test_wrong_requests_are_refused(client: Any, changed: dict[str, str], code: int) -> None:
    status, _, body = await authorize(client, **changed)
    assert (400, code) == (status, body["code"])


async def test_the_older_form_works_too(client: Any, hr: Person) -> None:
    found = await authorize(client, client_id="", response_type="", app_id=DEFAULTS.feishu_app_id, person=hr.open_id)
    assert 302 == found[0]


async def test_saying_no_and_being_from_outside(client: Any, feishu: Feishu, mei: Person, hr: Person) -> None:
    assert (302, {"error": "access_denied", "state": "s1"}, {}) == await authorize(client, deny="1")
    mei.open_bot()
    assert 20010 == (await authorize(client, person=mei.open_id))[2]["code"]
    hr.in_range = False
    assert 20010 == (await authorize(client, person=hr.open_id))[2]["code"]


async def test_somebody_who_is_signed_in_is_not_asked(client: Any, feishu: Feishu, hr: Person) -> None:
    feishu.oauth.signed_in = hr.open_id
    assert 302 == (await authorize(client))[0]


async def test_a_code_is_good_once_and_for_five_minutes(
    client: Any, caller: Any, hr: Person, clock: StandingClock
) -> None:
    code = await code_for(client, hr)
    assert [0, 20065] == [(await redeem(caller, code=code))["code"] for _ in range(2)]
    late = await code_for(client, hr)
    clock.push(timedelta(minutes=5))
    assert 20004 == (await redeem(caller, code=late))["code"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"code": "made-up"}, 20003),
        ({"code": None}, 20001),
        ({"client_secret": "wrong"}, 20002),
        ({"client_secret": None}, 20001),
        ({"client_id": "cli_other"}, 20048),
        ({"redirect_uri": "https://hr.example/other"}, 20071),
        ({"grant_type": "password"}, 20036),
    ],
)
async def test_wrong_redemptions_are_refused(
    client: Any, caller: Any, hr: Person, changed: dict[str, Any], code: int
) -> None:
    good = await code_for(client, hr)
    found = await redeem(caller, **{"code": good, **changed})
    assert (code, True) == (found["code"], bool(found["error_description"]))
    assert 0 == (await redeem(caller, code=good))["code"]


async def test_a_code_of_another_app_is_known_as_such(caller: Any, feishu: Feishu) -> None:
    assert 20024 == (await redeem(caller, code=feishu.oauth.other_clients_code()))["code"]


@pytest.mark.parametrize(
    ("method", "challenge", "verifier", "code"),
    [
        ("S256", S256, VERIFIER, 0),
        ("S256", S256, "w" * 43, 20049),
        ("S256", S256, None, 20049),
        ("S256", S256, "short", 20049),
        ("plain", VERIFIER, VERIFIER, 0),
        ("", VERIFIER, VERIFIER, 0),
        ("plain", S256, VERIFIER, 20049),
    ],
)
async def test_a_proof_must_fit(
    client: Any, caller: Any, hr: Person, method: str, challenge: str, verifier: str | None, code: int
) -> None:
    given = await code_for(client, hr, code_challenge=challenge, code_challenge_method=method)
    assert code == (await redeem(caller, code=given, code_verifier=verifier))["code"]


async def test_a_refresh_token_is_good_once(client: Any, caller: Any, hr: Person, clock: StandingClock) -> None:
    found = await redeem(caller, code=await code_for(client, hr, scope="offline_access"))
    again = {"grant_type": "refresh_token", "refresh_token": found["refresh_token"]}
    second = await redeem(caller, **again)
    assert (0, "offline_access") == (second["code"], second["scope"])
    assert 20073 == (await redeem(caller, **again))["code"]
    assert 20026 == (await redeem(caller, **{**again, "refresh_token": "made-up"}))["code"]
    clock.push(timedelta(days=7))
    assert 20037 == (await redeem(caller, **{**again, "refresh_token": second["refresh_token"]}))["code"]


async def test_who_it_was_fails_in_http_200(client: Any, caller: Any, hr: Person, clock: StandingClock) -> None:
    token = (await redeem(caller, code=await code_for(client, hr)))["access_token"]

    async def code(token: str) -> int:
        found = (await caller.call("GET", "authen/v1/user_info", token=token))["code"]
        assert 200 == caller.status
        assert isinstance(found, int)
        return found

    tenant = (await caller.get_token())["tenant_access_token"]
    assert [0, 20005, 20005, 20005] == [await code(value) for value in (token, "", "u-made-up", tenant)]
    hr.frozen = True
    assert 20022 == await code(token)
    hr.resigned = True
    assert 20021 == await code(token)
    assert 99991668 == (await caller.call("GET", "bot/v3/info", token=token))["code"]
    clock.push(timedelta(hours=2))
    assert 20005 == await code(token)
