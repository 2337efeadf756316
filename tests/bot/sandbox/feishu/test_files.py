"""Uploads and downloads."""

from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from bot.sandbox.feishu.people import Person
from bot.sandbox.feishu.world import Feishu

PDF = b"%PDF-1.7 resume"


def png(width: int = 10, height: int = 10) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + bytes(8) + width.to_bytes(4, "big") + height.to_bytes(4, "big")


async def download(caller: Any, path: str, query: dict[str, str] | None = None) -> tuple[str, str, bytes]:
    """Content type, file name header and content of a download that must work."""
    if not caller.token:
        caller.token = (await caller.get_token())["tenant_access_token"]
    headers = {"Authorization": f"Bearer {caller.token}"}
    async with caller.client.get(f"/open-apis/{path}", params=query or {}, headers=headers) as answer:
        assert 200 == answer.status
        assert "X-Tt-Logid" in answer.headers
        return answer.content_type, answer.headers.get("Content-Disposition", ""), await answer.read()


@pytest.mark.parametrize(
    ("content", "fields", "code"),
    [
        (png(), {"image_type": "message"}, 0),
        (b"\xff\xd8\xff0000", {"image_type": "avatar"}, 0),
        (b"RIFF0000WEBPVP8 ", {"image_type": "message"}, 0),
        (png(), {}, 234001),
        (png(), {"image_type": "banner"}, 234001),
        (b"", {"image_type": "message"}, 234010),
        (b"no image", {"image_type": "message"}, 234011),
        (png(12_001), {"image_type": "message"}, 234039),
        (png(4097), {"image_type": "avatar"}, 234039),
        (b"GIF89a" + (2001).to_bytes(2, "little") * 2, {"image_type": "message"}, 234039),
        (png() + bytes(10 * 2**20), {"image_type": "message"}, 234006),
    ],
)
async def test_images_are_checked(caller: Any, content: bytes, fields: dict[str, str], code: int) -> None:
    found = await caller.upload("image", content, **fields)
    assert (code, 200 if code == 0 else 400) == (found["code"], caller.status)


@pytest.mark.parametrize(
    ("content", "fields", "code"),
    [
        (PDF, {"file_type": "pdf", "file_name": "a.pdf"}, 0),
        (PDF, {"file_type": "stream", "file_name": "a.xlsx", "duration": "0"}, 0),
        (PDF, {"file_name": "a.pdf"}, 234001),
        (PDF, {"file_type": "xlsx", "file_name": "a.xlsx"}, 234001),
        (PDF, {"file_type": "pdf"}, 234001),
        (PDF, {"file_type": "mp4", "file_name": "a.mp4", "duration": "long"}, 234001),
        (b"", {"file_type": "pdf", "file_name": "a.pdf"}, 234010),
        (bytes(30 * 2**20 + 1), {"file_type": "stream", "file_name": "a.bin"}, 234006),
    ],
)
async def test_files_are_checked(caller: Any, content: bytes, fields: dict[str, str], code: int) -> None:
    assert code == (await caller.upload("file", content, **fields))["code"]


async def test_an_upload_is_multipart_with_its_part(caller: Any) -> None:
    assert 234001 == await caller.code("POST", "im/v1/files", {"file_type": "pdf", "file_name": "a.pdf"})
    form = aiohttp.FormData({"file_type": "pdf", "file_name": "a.pdf"})
    assert 234001 == await caller.code("POST", "im/v1/files", form)


async def test_an_app_gets_its_own_uploads_back(caller: Any, hr: Person, feishu: Feishu) -> None:
    file = (await caller.upload("file", PDF, file_type="pdf", file_name="合同.pdf"))["data"]["file_key"]
    image = (await caller.upload("image", png(), image_type="message"))["data"]["image_key"]
    assert PDF == (await download(caller, f"im/v1/files/{file}"))[2]
    assert ("image/png", png()) == (await download(caller, f"im/v1/images/{image}"))[::2]
    hr.send_file("a.pdf", PDF)
    theirs = list(feishu.company.files)[-1]
    assert 234008 == await caller.code("GET", f"im/v1/files/{theirs}")
    assert 234001 == await caller.code("GET", f"im/v1/images/{file}")
    assert 234001 == await caller.code("GET", "im/v1/files/file_unknown")


async def test_what_people_sent_is_fetched_by_message_and_key(caller: Any, mei: Person, feishu: Feishu) -> None:
    picture, paper = mei.send_image(png()), mei.send_file("简历.pdf", PDF)
    image, file = feishu.company.files
    got = await download(caller, f"im/v1/messages/{picture}/resources/{image}", {"type": "image"})
    assert ("image/png", png()) == got[::2]
    got = await download(caller, f"im/v1/messages/{paper}/resources/{file}", {"type": "file"})
    assert ('attachment; filename="简历.pdf"', PDF) == got[1:]
    feishu.files.names = False
    got = await download(caller, f"im/v1/messages/{paper}/resources/{file}", {"type": "file"})
    assert "" == got[1]


async def test_a_picture_in_a_post_is_a_picture(caller: Any, hr: Person, feishu: Feishu) -> None:
    post = hr.send_post("证", [[{"tag": "img", "content": png()}]])
    (image,) = feishu.company.files
    assert png() == (await download(caller, f"im/v1/messages/{post}/resources/{image}", {"type": "image"}))[2]


def restrict(feishu: Feishu, hr: Person, mei: Person) -> None:
    feishu.hr_group.chat.restricted = True


REFUSALS: dict[str, tuple[Callable[[Feishu, Person, Person], object], int]] = {
    "nothing wrong": (lambda feishu, hr, mei: None, 0),
    "bot left": (lambda feishu, hr, mei: setattr(feishu.hr_group.chat, "bot", False), 234004),
    "outsiders in the group": (lambda feishu, hr, mei: feishu.hr_group.add(mei), 234009),
    "restricted": (restrict, 234038),
    "no bot ability": (lambda feishu, hr, mei: setattr(feishu.app, "bot", False), 234007),
    "too large": (lambda feishu, hr, mei: setattr(feishu.files, "largest_download", 3), 234037),
    "recalled": (lambda feishu, hr, mei: hr.recall(list(feishu.company.messages)[-1]), 234043),
    "no scope": (lambda feishu, hr, mei: feishu.app.scopes.clear(), 99991672),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_some_files_cannot_be_fetched(caller: Any, feishu: Feishu, hr: Person, mei: Person, name: str) -> None:
    change, code = REFUSALS[name]
    message = hr.send_file("a.pdf", PDF, feishu.hr_group.id)
    (key,) = feishu.company.files
    path = f"im/v1/messages/{message}/resources/{key}"
    change(feishu, hr, mei)
    if code:
        assert code == await caller.code("GET", path, query={"type": "file"})
    else:
        assert PDF == (await download(caller, path, {"type": "file"}))[2]


async def test_type_key_and_message_must_fit(caller: Any, feishu: Feishu, hr: Person) -> None:
    message, other = hr.send_file("a.pdf", PDF), hr.say("你好")
    (key,) = feishu.company.files
    path = f"im/v1/messages/{message}/resources/{key}"
    assert 234001 == await caller.code("GET", path)
    assert 234001 == await caller.code("GET", path, query={"type": "video"})
    assert 234003 == await caller.code("GET", path, query={"type": "image"})
    query = {"type": "file"}
    assert 234003 == await caller.code("GET", f"im/v1/messages/{other}/resources/{key}", query=query)
    assert 234003 == await caller.code("GET", f"im/v1/messages/{message}/resources/file_x", query=query)
    assert 99992354 == await caller.code("GET", f"im/v1/messages/om_x/resources/{key}", query=query)
    sticker = hr.send_other("sticker")
    assert 234043 == await caller.code("GET", f"im/v1/messages/{sticker}/resources/file_v3_sticker", query=query)
