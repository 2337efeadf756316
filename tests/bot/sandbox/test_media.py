"""Files: the field is called media, errors come as JSON with 200, and all is gone after three days."""

import io
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import FormData

from bot.clock import StandingClock
from bot.sandbox import Sandbox
from bot.sandbox.media import Item

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 20


async def upload(
    caller: Any, content: bytes, kind: str = "file", field: str = "media", name: str | None = "cv.pdf"
) -> dict[str, Any]:
    query = {"access_token": (await caller.get_token())["access_token"], "type": kind}
    form = FormData(quote_fields=False, default_to_multipart=True)  # names in raw UTF-8, as the platform wants them
    part = io.BytesIO(content) if name else content.decode()
    form.add_field(field, part, filename=name, content_type="application/pdf")
    async with caller.client.post("/cgi-bin/media/upload", params=query, data=form) as answer:
        found = await answer.json()
        assert isinstance(found, dict)
        return found


async def test_an_upload_answers_with_an_empty_errmsg_and_a_text_as_time(caller: Any, clock: StandingClock) -> None:
    answer = await upload(caller, b"%PDF-1.7 etc")
    assert (0, "", "file") == (answer["errcode"], answer["errmsg"], answer["type"])
    assert str(int(clock.now().timestamp())) == answer["created_at"]


@pytest.mark.parametrize(
    ("content", "kind", "field", "name", "code"),
    [
        (b"", "file", "media", "a", 44001),
        (b"12345", "file", "media", "a", 40006),
        (b"123456", "file", "media", "a", 0),
        (b"123456", "file", "file", "a", 41005),
        (b"123456", "file", "media", None, 41005),
        (b"123456", "poem", "media", "a", 40005),
        (b"123456", "image", "media", "a", 40004),
        (PNG, "image", "media", "a", 0),
        (b"#!AMR\nxx", "voice", "media", "a", 0),
        (b"RIFFxxxx", "voice", "media", "a", 40004),
        (b"\x00\x00\x00\x18ftypmp42", "video", "media", "a", 0),
        (b"#!AMR" + b"x" * 2 * 2**20, "voice", "media", "a", 45001),
        (PNG + b"x" * 10 * 2**20, "image", "media", "a", 40009),
        (b"x" * (20 * 2**20 + 1), "file", "media", "a", 45001),
    ],
)
async def test_what_an_upload_refuses(
    caller: Any, content: bytes, kind: str, field: str, name: str | None, code: int
) -> None:
    assert code == (await upload(caller, content, kind, field, name))["errcode"]


async def test_an_upload_that_is_no_form_is_refused(caller: Any) -> None:
    query = {"access_token": (await caller.get_token())["access_token"], "type": "file"}
    async with caller.client.post("/cgi-bin/media/upload", params=query, json={}) as answer:
        assert 41005 == (await answer.json())["errcode"]


async def test_a_file_comes_back_with_its_chinese_name(caller: Any, client: Any) -> None:
    media_id = (await upload(caller, PNG, name="健康证.png"))["media_id"]
    query = {"access_token": (await caller.get_token())["access_token"], "media_id": media_id}
    async with client.get("/cgi-bin/media/get", params=query) as answer:
        assert (200, PNG) == (answer.status, await answer.read())
        assert 'attachment; filename="健康证.png"' == answer.headers["Content-Disposition"]
        assert str(len(PNG)) == answer.headers["Content-Length"]
    async with client.get("/cgi-bin/media/get", params=query, headers={"Range": "bytes=1-3"}) as answer:
        assert (206, b"PNG", f"bytes 1-3/{len(PNG)}") == (
            answer.status,
            await answer.read(),
            answer.headers["Content-Range"],
        )
    async with client.get("/cgi-bin/media/get", params=query, headers={"Range": "bytes=900-"}) as answer:
        assert 416 == answer.status
    async with client.get("/cgi-bin/media/get", params=query, headers={"Range": "lines=1"}) as answer:
        assert 416 == answer.status


async def test_what_is_gone_is_said_in_json_with_200(caller: Any, clock: StandingClock) -> None:
    media_id = (await upload(caller, PNG))["media_id"]
    clock.push(timedelta(days=3))
    token = (await caller.get_token())["access_token"]
    for gone in (media_id, "made-up"):
        assert 40007 == (await caller.get("media/get", {"access_token": token, "media_id": gone}))["errcode"]
    assert 41006 == (await caller.get("media/get", {"access_token": token}))["errcode"]


async def test_a_picture_is_no_file(caller: Any, sandbox: Sandbox) -> None:
    media_id = (await upload(caller, PNG, "image", name="a.png"))["media_id"]
    body = {"touser": "hr", "agentid": 1000002, "msgtype": "file", "file": {"media_id": media_id}}
    assert 40007 == await caller.code("message/send", body)
    assert 0 == await caller.code("message/send", {**body, "msgtype": "image", "image": {"media_id": media_id}})


async def test_a_file_of_a_robot_is_of_no_use_to_the_app(caller: Any, sandbox: Sandbox, clock: StandingClock) -> None:
    media_id = sandbox.media.keep(Item("file", "a", b"x", "text/plain", clock.now(), sandbox.robot.key))
    body = {"touser": "hr", "agentid": 1000002, "msgtype": "file", "file": {"media_id": media_id}}
    assert 40007 == await caller.code("message/send", body)
