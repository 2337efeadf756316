"""The API, in the contract's words: shapes, tokens, idempotency, bounds."""

import asyncio
import io
from datetime import timedelta
from typing import Any

import pytest

from recruiting.model import Completed, MessageReport, NeedsPerson, Started, Uploaded
from storage import documents, members, rates, tokens
from storage.applications import load_one
from storage.apply import take
from storage.tables import ApiToken, ApplicationRow, FollowUpRow, GivenAnswer, OutboxRow, TimerRow, Trail, Watch
from storage.unit import Unit
from tests.bot.web.place import PICTURE, Place, described

V1 = "/api/v1"
MEI = {
    "name": "李梅",
    "phone": "138 0000 0001",
    "email": "mei@example.com",
    "position": "店员",
    "shop": "人民路店",
    "batch": "三月",
    "locale": "zh-CN",
}


async def call(
    place: Place, method: str, path: str, headers: dict[str, str] | None = None, **more: Any
) -> tuple[int, Any]:
    response = await place.client.request(method, f"{V1}{path}", headers=headers, **more)
    body = await response.json(content_type=None)
    if response.status >= 400:
        assert "application/problem+json" == response.content_type
        assert response.status == body["status"]
        assert {"type", "title", "status", "detail"} <= set(body)
    return response.status, body


async def post(place: Place, body: Any, headers: dict[str, str], key: str = "k1") -> tuple[int, Any]:
    return await call(place, "POST", "/applications", headers | {"Idempotency-Key": key}, json=body)


async def waiting_document(place: Place) -> tuple[str, str]:
    """An application with a certificate that waits for its reviewer: the ids of both."""
    id = await place.apply()
    await place.to_certificate(id)
    loaded = await place.loaded(id)
    stored = await place.context.vault.put(loaded.box, PICTURE, f"candidate:{loaded.candidate_id}")

    async def job(unit: Unit) -> str:
        fresh = await load_one(unit, id)
        assert fresh is not None
        document = documents.add(unit, fresh, file=stored, name="证.jpg", content_type="image/jpeg")
        await take(unit, fresh, Uploaded(document))
        return document

    return id, await place.write(job)


# --- tokens ----------------------------------------------------------------------------------------------------------


async def test_without_a_good_token_nothing_opens(place: Place) -> None:
    good = await place.api_token()
    await place.write(lambda unit: tokens.revoke(unit, "erp"))
    for headers in ({}, good, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp5"}):
        response = await place.client.get(f"{V1}/applications", headers=headers)
        assert 401 == response.status
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert "application/problem+json" == response.content_type


async def test_a_token_is_told_once_and_kept_as_a_digest(place: Place) -> None:
    token = await place.write(lambda unit: tokens.create(unit, "erp", "read", []))
    assert token is not None
    assert token not in str(await place.rows(described(ApiToken)))
    assert None is await place.write(lambda unit: tokens.create(unit, "erp", "read", []))
    assert await place.write(lambda unit: tokens.revoke(unit, "erp"))
    assert not await place.write(lambda unit: tokens.revoke(unit, "erp"))
    assert None is await place.look(lambda unit: tokens.verify(unit, token))
    assert [] == await place.look(tokens.everyone)


async def test_a_read_token_may_not_write(place: Place) -> None:
    reader = await place.api_token("bi", "read")
    id = await place.apply()
    for path in (
        "/applications",
        f"/applications/{id}/decision",
        f"/documents/{id}/decision",
        f"/follow-ups/{id}/done",
    ):
        assert 403 == (await call(place, "POST", path, reader, json={}))[0]


async def test_a_read_token_sees_the_last_four_digits(place: Place) -> None:
    id = await place.apply()
    _, whole = await call(place, "GET", f"/applications/{id}", await place.api_token())
    _, masked = await call(place, "GET", f"/applications/{id}", await place.api_token("bi", "read"))

    assert "+8613800000001" == whole["candidate"]["phone"]
    assert "**********0001" == masked["candidate"]["phone"]


async def test_a_token_with_shops_sees_nothing_else(place: Place) -> None:
    """What lies outside is answered word for word like what does not exist."""
    mine = await place.apply(shop="人民路店")
    other, document = await waiting_document(place)
    await place.write(lambda unit: unit.set(ApplicationRow, {"id": other}, shop="解放路店"))
    await place.signal(other, NeedsPerson("human"))
    await place.write(lambda unit: unit.set(FollowUpRow, {"application_id": other}, shop="解放路店"))
    (task,) = await place.rows(described(FollowUpRow))
    writer = await place.api_token("shop", "write", ("人民路店",))
    nowhere = "0" * 32

    for method, path, body in (
        ("GET", "/applications/{}", None),
        ("POST", "/applications/{}/decision", {"decision": "pass"}),
        ("POST", "/applications/{}/documents", {"seen_on_paper": True}),
    ):
        theirs, nobodys = [await call(place, method, path.format(each), writer, json=body) for each in (other, nowhere)]
        assert (404, theirs[1]) == nobodys
        assert 404 == theirs[0]
    assert 404 == (await call(place, "GET", f"/documents/{document}/file", writer))[0]
    outcome = {"outcome": "reached"}
    assert 404 == (await call(place, "POST", f"/follow-ups/{task['id']}/done", writer, json=outcome))[0]
    decision = {"decision": "approve"}
    assert 404 == (await call(place, "POST", f"/documents/{document}/decision", writer, json=decision))[0]
    assert 404 == (await post(place, MEI | {"shop": "解放路店"}, writer))[0]

    _, page = await call(place, "GET", "/applications", writer)
    assert [mine] == [item["id"] for item in page["items"]]
    assert [] == (await call(place, "GET", "/follow-ups", writer))[1]["items"]
    _, batch = await call(place, "GET", "/batches/三月", writer)
    assert (1, ["人民路店"]) == (batch["applications"], list(batch["by_shop"]))
    assert 404 == (await call(place, "GET", "/batches/三月", await place.api_token("x", "read", ("别店",))))[0]


# --- opening ---------------------------------------------------------------------------------------------------------


async def test_opening_an_application(place: Place) -> None:
    writer = await place.api_token()
    response = await place.client.post(f"{V1}/applications", json=MEI, headers=writer | {"Idempotency-Key": "k1"})
    body = await response.json()

    assert 201 == response.status
    assert f"{V1}/applications/{body['id']}" == response.headers["Location"]
    assert ("screening", "open") == (body["stage"], body["status"])  # an import would have skipped the screening
    assert {"id", "name", "phone"} == set(body["candidate"])
    assert ("李梅", "+8613800000001") == (body["candidate"]["name"], body["candidate"]["phone"])
    assert {"what", "due", "owner"} == set(body["next"])
    assert "timer" == body["next"]["what"]
    assert ("店员", "人民路店", "三月", "zh-CN") == tuple(body[key] for key in ("position", "shop", "batch", "locale"))
    assert {} == body["extra"]


async def test_the_same_key_gets_the_same_answer(place: Place) -> None:
    writer = await place.api_token()
    first = await post(place, MEI, writer)
    response = await place.client.post(
        f"{V1}/applications", json=dict(reversed(MEI.items())), headers=writer | {"Idempotency-Key": "k1"}
    )

    assert "true" == response.headers["Idempotency-Replayed"]
    assert first == (response.status, await response.json())
    assert 422 == (await post(place, MEI | {"name": "王芳"}, writer))[0]
    status, existing = await post(place, MEI, writer, "k2")
    assert (200, first[1]["id"]) == (status, existing["id"])
    assert 1 == len(await place.rows(described(ApplicationRow)))


async def test_the_answer_is_kept_for_a_day_and_sealed(place: Place) -> None:
    writer = await place.api_token()
    first = await post(place, MEI, writer)
    place.clock.push(timedelta(hours=24))

    assert first == await post(place, MEI, writer)
    assert "13800000001" not in str(await place.rows(described(GivenAnswer)))


async def test_ten_at_once_open_one(place: Place) -> None:
    writer = await place.api_token()
    answers = await asyncio.gather(*(post(place, MEI, writer) for _ in range(10)))

    assert 1 == len({body["id"] for _, body in answers})
    assert {201} == {status for status, _ in answers}
    assert 1 == len(await place.rows(described(ApplicationRow)))


async def test_keys_of_two_tokens_do_not_meet(place: Place) -> None:
    await post(place, MEI, await place.api_token("a"))

    assert 200 == (await post(place, MEI, await place.api_token("b")))[0]


async def test_without_a_key_it_is_400(place: Place) -> None:
    writer = await place.api_token()
    for headers in (writer, writer | {"Idempotency-Key": "x" * 256}, writer | {"Idempotency-Key": "a b"}):
        assert 400 == (await call(place, "POST", "/applications", headers, json=MEI))[0]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"name": None}, 422),
        ({"name": " "}, 422),
        ({"name": "a\0b"}, 422),
        ({"name": 7}, 422),
        ({"phone": "12345"}, 422),
        ({"phone": "1.38E+10"}, 422),
        ({"phone": "", "email": ""}, 422),
        ({"phone": None, "email": None}, 422),
        ({"email": "nobody"}, 422),
        ({"position": "宇航员"}, 422),
        ({"locale": "klingon!"}, 422),
        ({"shop": "x" * 129}, 422),
        ({"batch": ["a"]}, 422),
        ({"phone": None}, 201),
        ({"email": None}, 201),
        ({"shop": None, "batch": None, "locale": None}, 201),
    ],
)
async def test_values_that_are_wrong(place: Place, change: dict[str, Any], status: int) -> None:
    given, body = await post(place, MEI | change, await place.api_token())

    assert status == given
    assert str(MEI["phone"]) not in str(body)


@pytest.mark.parametrize("missing", ["name", "position"])
async def test_a_missing_key_is_400(place: Place, missing: str) -> None:
    body = {key: value for key, value in MEI.items() if key != missing}

    assert 400 == (await post(place, body, await place.api_token()))[0]


async def test_a_body_that_is_no_json_object_is_400(place: Place) -> None:
    headers = await place.api_token() | {"Idempotency-Key": "k"}
    for data in (b"", b"{", b"[]", b"null", b'"x"', b'{"name": "\\ud800"}', b"\xff", b"[" * 5000):
        assert 400 == (await call(place, "POST", "/applications", headers, data=data))[0]
    large = io.BytesIO(b" " * (2**20 + 1))
    assert 413 == (await call(place, "POST", "/applications", headers, data=large))[0]


async def test_a_phone_of_somebody_else_is_422(place: Place) -> None:
    writer = await place.api_token()
    await post(place, MEI, writer)

    status, problem = await post(place, MEI | {"name": "王芳"}, writer, "k2")
    assert (422, True) == (status, "another person" in problem["detail"])


# --- reading ---------------------------------------------------------------------------------------------------------


async def test_one_application_with_all_that_happened(place: Place) -> None:
    id, document = await waiting_document(place)
    status, body = await call(place, "GET", f"/applications/{id}", await place.api_token())

    assert 200 == status
    types = [event["type"] for event in body["events"]]
    assert ["application.opened", "application.moved"] == types[:2]
    assert {"interview.completed", "document.uploaded", "invite.sent"} <= set(types)
    assert not {"stage.begun", "candidate.replied", "nudge.skipped"} & set(types)
    completed = next(event for event in body["events"] if event["type"] == "interview.completed")
    assert {"id", "type", "at", "stage", "actor", "data"} == set(completed)
    assert ("provider", "ai_interview", {"总分": 82}) == (
        completed["actor"],
        completed["stage"],
        completed["data"]["scores"],
    )
    (shown,) = body["documents"]
    assert {"id", "stage", "status", "uploaded_at", "expires_on"} == set(shown)
    assert (document, "waiting", None) == (shown["id"], shown["status"], shown["expires_on"])
    assert {"id", "cause", "channel", "status", "at"} == set(body["messages"][0])
    assert f"{id}/ai_interview.1/invite" in [message["cause"] for message in body["messages"]]
    assert ({"总分": 82}, [], {"学历": "本科"}) == (body["scores"], body["performance"], body["extra"])


async def test_pages_of_a_list_hold_everything_once(place: Place) -> None:
    ids = []
    for number in range(5):
        ids.append(await place.apply(name=f"人{number}"))
        place.clock.push(timedelta(seconds=number % 2))
    reader = await place.api_token("bi", "read")
    seen, cursor = [], ""
    while True:
        _, page = await call(place, "GET", f"/applications?limit=2{cursor}", reader)
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"

    assert sorted(ids) == sorted(seen)
    assert 5 == len(seen)


async def test_lists_are_filtered(place: Place) -> None:
    first, second = await place.apply(batch="三月"), await place.apply(name="王芳", batch="四月")
    await place.to_certificate(second)
    reader = await place.api_token("bi", "read")
    for query, expected in (
        ("?batch=三月", [first]),
        ("?stage=health_certificate", [second]),
        ("?status=open&batch=四月", [second]),
        ("?status=hired", []),
        ("?batch=五月", []),
    ):
        _, page = await call(place, "GET", f"/applications{query}", reader)
        assert expected == [item["id"] for item in page["items"]]


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=201", "limit=x", "limit=-1", "limit=", "limit=1&limit=2"),
        *("cursor=x", "cursor=", "cursor=%00", "cursor=MTIzLjQ1Ng"),
        *("status=gone", "batch=%00", "color=red"),
    ],
)
async def test_a_bad_question_is_400(place: Place, query: str) -> None:
    assert 400 == (await call(place, "GET", f"/applications?{query}", await place.api_token()))[0]


async def test_a_cursor_belongs_to_its_list(place: Place) -> None:
    for name in ("李梅", "王芳"):
        await place.apply(name=name)
    reader = await place.api_token("bi", "read")
    cursor = (await call(place, "GET", "/applications?limit=1", reader))[1]["next_cursor"]

    assert 400 == (await call(place, "GET", f"/follow-ups?cursor={cursor}", reader))[0]


async def test_what_is_not_there_is_404(place: Place) -> None:
    writer = await place.api_token()
    for path in ("/applications/x", f"/applications/{'0' * 32}", "/applications/%00", "/nothing", "/batches/none"):
        assert 404 == (await call(place, "GET", path, writer))[0]
    assert 404 == (await call(place, "GET", "/batches/%00", writer))[0]
    assert 405 == (await call(place, "DELETE", "/applications", writer))[0]


# --- deciding --------------------------------------------------------------------------------------------------------


async def test_a_pass_moves_on_under_the_tokens_name(place: Place) -> None:
    id, writer = await place.apply(), await place.api_token()
    status, body = await call(place, "POST", f"/applications/{id}/decision", writer, json={"decision": "pass"})

    assert (200, "health_certificate") == (status, body["stage"])
    assert "token:erp" == next(event for event in body["events"] if event["stage"] == "health_certificate")["actor"]
    (line,) = await place.rows(described(Trail))
    assert ("token:erp", "application.pass", id) == (line["actor"], line["action"], line["subject"])


async def test_a_rejection_needs_its_reason_and_ends(place: Place) -> None:
    id, writer = await place.apply(), await place.api_token()
    path = f"/applications/{id}/decision"

    assert 422 == (await call(place, "POST", path, writer, json={"decision": "reject"}))[0]
    _, body = await call(place, "POST", path, writer, json={"decision": "reject", "reason": "not_fit"})
    assert ("rejected", None) == (body["status"], body["next"])
    assert 409 == (await call(place, "POST", path, writer, json={"decision": "pass"}))[0]


async def test_decisions_that_cannot_be_taken_change_nothing(place: Place) -> None:
    id, writer = await place.apply(), await place.api_token()
    path = f"/applications/{id}/decision"
    other_stage = {"decision": "pass", "stage": "screening"}
    assert 409 == (await call(place, "POST", path, writer, json=other_stage))[0]
    await place.to_certificate(id)
    assert 409 == (await call(place, "POST", path, writer, json={"decision": "pass"}))[0]
    for body, status in (({}, 400), ({"decision": "maybe"}, 422), ({"decision": "pass", "reason": 7}, 422)):
        assert status == (await call(place, "POST", path, writer, json=body))[0]

    assert "health_certificate" == (await place.loaded(id)).application.stage


async def test_a_document_is_approved_or_sent_back(place: Place) -> None:
    id, document = await waiting_document(place)
    writer, path = await place.api_token(), f"/documents/{document}/decision"
    assert 422 == (await call(place, "POST", path, writer, json={"decision": "reject"}))[0]
    assert 422 == (await call(place, "POST", path, writer, json={"decision": "approve", "expires_on": "soon"}))[0]
    early = {"decision": "approve", "expires_on": "2026-03-20"}  # the stage asks for 30 days more
    assert 422 == (await call(place, "POST", path, writer, json=early))[0]

    good = {"decision": "approve", "expires_on": "2027-01-31"}
    status, body = await call(place, "POST", path, writer, json=good)
    assert (200, "approved", "2027-01-31") == (status, body["status"], body["expires_on"])
    assert "second_interview" == (await place.loaded(id)).application.stage
    assert 409 == (await call(place, "POST", path, writer, json=good))[0]


async def test_a_rejected_document_leaves_its_stage_open(place: Place) -> None:
    id, document = await waiting_document(place)
    body = {"decision": "reject", "reason": "certificate_unclear"}
    _, shown = await call(place, "POST", f"/documents/{document}/decision", await place.api_token(), json=body)

    assert "rejected" == shown["status"]
    assert "health_certificate" == (await place.loaded(id)).application.stage


async def test_seen_on_paper(place: Place) -> None:
    id, writer = await place.apply(), await place.api_token()
    path = f"/applications/{id}/documents"
    assert 409 == (await call(place, "POST", path, writer, json={"seen_on_paper": True}))[0]
    await place.to_certificate(id)
    assert 400 == (await call(place, "POST", path, writer, json={}))[0]
    assert 422 == (await call(place, "POST", path, writer, json={"seen_on_paper": False}))[0]

    status, body = await call(place, "POST", path, writer, json={"seen_on_paper": True})
    assert (201, "approved", "2027-03-02") == (status, body["status"], body["expires_on"])
    assert "second_interview" == (await place.loaded(id)).application.stage


async def test_each_look_at_a_certificate_is_kept(place: Place) -> None:
    id, document = await waiting_document(place)
    path = f"{V1}/documents/{document}/file"
    assert 404 == (await place.client.get(path, headers=await place.api_token("bi", "read"))).status
    assert "document.viewed" not in await place.events(id)

    response = await place.client.get(path, headers=await place.api_token())
    assert (200, PICTURE) == (response.status, await response.read())
    assert ("no-store", "image/jpeg") == (response.headers["Cache-Control"], response.content_type)
    assert 1 == (await place.events(id)).count("document.viewed")
    assert ["document.view"] == [line["action"] for line in await place.rows(described(Trail))]


# --- follow-ups ------------------------------------------------------------------------------------------------------


async def test_follow_ups_are_listed_and_settled(place: Place) -> None:
    await place.write(lambda unit: members.put(unit, "Wang", role="recruiter", shops=[]))
    id, writer = await place.apply(), await place.api_token()
    await place.signal(id, NeedsPerson("human"))
    _, page = await call(place, "GET", "/follow-ups?status=open&owner=Wang", writer)
    (task,) = page["items"]

    assert {"id", "application", "stage", "reason", "owner", "due", "status"} == set(task)
    assert (id, "ai_interview", "human", "Wang", "open") == tuple(
        task[key] for key in ("application", "stage", "reason", "owner", "status")
    )
    assert [] == (await call(place, "GET", "/follow-ups?owner=Li", writer))[1]["items"]
    assert 400 == (await call(place, "GET", "/follow-ups?status=late", writer))[0]
    path = f"/follow-ups/{task['id']}/done"
    for body, status in (({}, 400), ({"outcome": "maybe"}, 422)):
        assert status == (await call(place, "POST", path, writer, json=body))[0]
    status, done = await call(place, "POST", path, writer, json={"outcome": "reached", "note": "周五来"})
    assert (200, "done") == (status, done["status"])
    assert 409 == (await call(place, "POST", path, writer, json={"outcome": "reached"}))[0]
    assert () == (await place.loaded(id)).application.follow_up


async def test_what_happens_next_names_its_owner(place: Place) -> None:
    await place.write(lambda unit: members.put(unit, "Wang", role="recruiter", shops=[]))
    id, writer = await place.apply(), await place.api_token()
    await place.signal(id, NeedsPerson("human"))

    async def nothing_else(unit: Unit) -> None:
        await unit.set(OutboxRow, {"application_id": id}, status="accepted")
        await unit.set(TimerRow, {"application_id": id}, due_at=unit.now + timedelta(days=9))

    await place.write(nothing_else)
    _, body = await call(place, "GET", f"/applications/{id}", writer)
    assert ("follow_up", "Wang") == (body["next"]["what"], body["next"]["owner"])


async def test_a_timer_that_will_find_nothing_to_do_is_not_what_happens_next(place: Place) -> None:
    """Whoever has begun the interview is nudged no more; what comes is the deadline."""
    id = await place.apply()
    await place.write(lambda unit: unit.set(OutboxRow, {"application_id": id}, status="accepted"))
    await place.signal(id, Started("ai_interview", 1))
    _, body = await call(place, "GET", f"/applications/{id}", await place.api_token())

    assert "deadline" == body["next"]["what"]


# --- batches ---------------------------------------------------------------------------------------------------------


async def test_a_batch_with_its_rates(place: Place) -> None:
    """Four invited a day ago, one of whom missed it: 25 %, with the Wilson interval, by shop and by channel."""
    ids = [await place.apply(name=f"人{number}", shop="甲" if number else "乙") for number in range(4)]
    for id in ids[1:]:
        await place.signal(id, Completed("ai_interview", 1, {"总分": 82}))
    reader = await place.api_token("bi", "read")
    _, before = await call(place, "GET", "/batches/三月", reader)
    assert (0, None) == (before["rates"]["no_show"]["due"], before["rates"]["no_show"]["rate"])

    place.clock.push(timedelta(hours=24))
    _, body = await call(place, "GET", "/batches/三月", reader)
    assert ({"name", "applications", "rates", "by_shop", "by_channel"}, 4) == (set(body), body["applications"])
    assert {"no_show", "no_reply", "certificate_missing", "delivery_failure"} == set(body["rates"])
    rate = body["rates"]["no_show"]
    assert {"due", "missed", "rate", "low", "high", "at", "alerting"} == set(rate)
    assert (4, 1, 0.25, 0.05, False) == tuple(rate[key] for key in ("due", "missed", "rate", "at", "alerting"))
    assert (0.0456, 0.6994) == (round(rate["low"], 4), round(rate["high"], 4))
    assert (1, 1) == (body["by_shop"]["乙"]["no_show"]["due"], body["by_shop"]["乙"]["no_show"]["missed"])
    assert (3, 0) == (body["by_shop"]["甲"]["no_show"]["due"], body["by_shop"]["甲"]["no_show"]["missed"])
    assert 4 == body["by_channel"]["sms"]["no_show"]["due"]
    assert None is body["rates"]["delivery_failure"]["at"]


async def test_a_batch_to_which_nobody_could_be_invited_is_watched(place: Place) -> None:
    """Nothing is counted from a first invite there; the failures themselves must be heard of."""
    writer = await place.api_token()
    _, body = await post(place, MEI, writer)
    await call(place, "POST", f"/applications/{body['id']}/decision", writer, json={"decision": "pass"})

    async def refused(unit: Unit) -> None:
        await unit.set(OutboxRow, {"application_id": body["id"]}, rung="sms", status="failed", tried_at=unit.now)

    await place.write(refused)
    await place.signal(body["id"], MessageReport("failed", "m1", "sms", "invite", "ai_interview", 1, invite=True))
    await place.write(lambda unit: rates.fold(unit, 10))

    assert {place.clock.now()} == {row["first_at"] for row in await place.rows(described(Watch))}


async def test_a_batch_that_alerts_says_so(place: Place) -> None:
    await place.apply()
    loaded = await place.loaded(next(iter([row["id"] for row in await place.rows(described(ApplicationRow))])))

    async def job(unit: Unit) -> None:
        unit.add(
            Watch,
            batch_id=loaded.batch_id,
            process_id="restaurant-crew",
            number=0,
            first_at=unit.now,
            next_at=None,
            alerting=True,
            told_rate=0.25,
            level=1,
        )

    await place.write(job)
    _, body = await call(place, "GET", "/batches/三月", await place.api_token())
    assert [True, False] == [body["rates"][rate]["alerting"] for rate in ("no_show", "no_reply")]


async def test_the_api_describes_itself(place: Place) -> None:
    body = await (await place.client.get("/api/openapi.json")).json()

    assert "3.1.0" == body["openapi"]
    served = {
        (method, route.resource.canonical)
        for route in place.client.app.router.routes()
        if route.resource is not None and route.resource.canonical.startswith("/api/v1") and route.method != "HEAD"
        for method in [route.method.lower()]
    }
    assert served == {(method, path) for path, calls in body["paths"].items() for method in calls}
