"""Files that the bot sends: to members, to candidates in 微信客服, and into groups through their robots."""

import base64
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import BodyPartReader, web
from aiohttp.test_utils import TestServer

from bot.clock import StandingClock
from bot.errors import GiveUp, TryLater
from bot.platforms.base import Fetched, Sender
from bot.platforms.wecom.adapter import WeComPlatform
from bot.platforms.wecom.robot import GroupRobots
from recruiting.chat import Message, Person

LI = Person("wecom.app", "li")
MEI = Person("wecom.kf", "wmMei", "wkDesk")
PICTURE = Fetched(b"\x89PNG picture", "图.png", "image/png")
SHEET = Fetched(b"PK a sheet", "名单 1.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
MIB = 2**20


@dataclass
class Files:
    """A WeCom that takes files: remembers what came, and numbers what it hands out."""

    url: str = ""
    uploads: list[tuple[str, dict[str, str], str, bytes]] = field(default_factory=list)
    sent: list[tuple[str, Any]] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    disposition: str = ""

    async def token(self, request: web.Request) -> web.Response:
        return web.json_response({"errcode": 0, "access_token": "T", "expires_in": 7200})

    async def upload(self, request: web.Request) -> web.Response:
        part = await (await request.multipart()).next()
        assert isinstance(part, BodyPartReader)
        assert "media" == part.name
        self.disposition = part.headers["Content-Disposition"]
        self.uploads.append((request.path, dict(request.query), part.filename or "", bytes(await part.read())))
        if self.answers:
            return web.json_response(self.answers.pop(0))
        return web.json_response({"errcode": 0, "errmsg": "", "media_id": f"M{len(self.uploads)}"})

    async def send(self, request: web.Request) -> web.Response:
        self.sent.append((request.path, await request.json()))
        return web.json_response({"errcode": 0, "msgid": "MSG"})


@pytest.fixture
async def files() -> AsyncIterator[Files]:
    fake, app = Files(), web.Application(client_max_size=64 * MIB)
    app.router.add_get("/cgi-bin/gettoken", fake.token)
    for path in ("media/upload", "webhook/upload_media"):
        app.router.add_post(f"/cgi-bin/{path}", fake.upload)
    for path in ("message/send", "kf/send_msg", "webhook/send"):
        app.router.add_post(f"/cgi-bin/{path}", fake.send)
    server = TestServer(app)
    await server.start_server()
    fake.url = str(server.make_url("")).rstrip("/")
    yield fake
    await server.close()


@pytest.fixture
async def place(files: Files, clock: StandingClock) -> AsyncIterator[WeComPlatform]:
    platform = WeComPlatform(
        api_base=files.url,
        corp_id="ww1",
        agent_id=1000002,
        secret="s3cret",
        token="QDG6eK",
        aes_key="jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C",
        kf_open_kfid="wkDesk",
        now=clock.now,
        timeout=timedelta(seconds=5),
    )
    yield platform
    await platform.close()


@pytest.fixture(params=["platform", "robot"])
async def into_groups(
    request: pytest.FixtureRequest, place: WeComPlatform, clock: StandingClock
) -> AsyncIterator[Sender]:
    """Both ways into a group: beside the app, and where there is none."""
    if request.param == "platform":
        yield place
        return
    robots = GroupRobots(clock.now)
    yield robots
    await robots.close()


def group(files: Files) -> Person:
    return Person("wecom.group", f"{files.url}/cgi-bin/webhook/send?key=K-1")


async def test_a_member_gets_a_picture(place: WeComPlatform, files: Files) -> None:
    sent = await place.send_file(LI, PICTURE, "out-1")
    path, query, name, content = files.uploads[0]
    assert ("/cgi-bin/media/upload", {"access_token": "T", "type": "image"}) == (path, query)
    assert ("图.png", PICTURE.content) == (name, content)
    ((path, body),) = files.sent
    assert ("/cgi-bin/message/send", "li", "image", {"media_id": "M1"}) == (
        path,
        body["touser"],
        body["msgtype"],
        body["image"],
    )
    assert (1, "MSG") == (body["enable_duplicate_check"], sent.id)


async def test_a_name_travels_as_plain_utf8(place: WeComPlatform, files: Files) -> None:
    await place.send_file(LI, Fetched(b"PK a sheet", '../a"b\r\n名单.xlsx', ""), "out-1")
    assert files.disposition.endswith('filename="a\'b名单.xlsx"')


async def test_a_candidate_gets_a_file_under_our_id(place: WeComPlatform, files: Files) -> None:
    await place.send_file(MEI, SHEET, "out-1")
    assert {"access_token": "T", "type": "file"} == files.uploads[0][1]
    expected = {
        "touser": "wmMei",
        "open_kfid": "wkDesk",
        "msgid": "out-1",
        "msgtype": "file",
        "file": {"media_id": "M1"},
    }
    assert [("/cgi-bin/kf/send_msg", expected)] == files.sent


async def test_a_retry_sends_the_very_same_so_that_it_arrives_once(place: WeComPlatform, files: Files) -> None:
    await place.send_file(LI, SHEET, "out-1")
    await place.send_file(LI, SHEET, "out-1", retry=True)
    await place.send_file(LI, SHEET, "out-2")
    assert ["M1", "M1", "M2"] == [body["file"]["media_id"] for _, body in files.sent]
    assert 2 == len(files.uploads)


@pytest.mark.parametrize(
    ("content_type", "size", "kind"),
    [
        ("image/jpeg", 5 * MIB, "image"),
        ("image/jpeg", 5 * MIB + 1, "file"),
        ("image/webp", 100, "file"),
        ("application/pdf", 20 * MIB, "file"),
    ],
)
async def test_what_is_no_picture_to_wecom_is_a_file(
    place: WeComPlatform, files: Files, content_type: str, size: int, kind: str
) -> None:
    await place.send_file(LI, Fetched(bytes(size), "a", content_type), "out-1")
    assert (kind, kind) == (files.uploads[0][1]["type"], files.sent[0][1]["msgtype"])


@pytest.mark.parametrize(("size", "word"), [(0, "empty"), (5, "empty"), (20 * MIB + 1, "20 MB")])
async def test_what_wecom_would_not_take(
    into_groups: Sender, place: WeComPlatform, files: Files, size: int, word: str
) -> None:
    file = Fetched(bytes(size), "a.pdf", "application/pdf")
    with pytest.raises(GiveUp, match=word):
        await place.send_file(LI, file, "1")
    with pytest.raises(GiveUp, match=word):
        await into_groups.send_file(group(files), file, "1")
    assert [] == files.uploads


async def test_a_group_gets_a_picture_whole(into_groups: Sender, files: Files) -> None:
    sent = await into_groups.send_file(group(files), PICTURE, "out-1", reply_to="nothing")
    shown = {
        "base64": base64.b64encode(PICTURE.content).decode(),
        "md5": hashlib.md5(PICTURE.content, usedforsecurity=False).hexdigest(),
    }
    assert [("/cgi-bin/webhook/send", {"msgtype": "image", "image": shown})] == files.sent
    assert ([], "out-1") == (files.uploads, sent.id)


@pytest.mark.parametrize("file", [SHEET, Fetched(bytes(2 * MIB + 1), "big.png", "image/png")], ids=["sheet", "large"])
async def test_a_group_gets_a_file_of_its_own_robots(into_groups: Sender, files: Files, file: Fetched) -> None:
    await into_groups.send_file(group(files), file, "out-1")
    path, query, name, content = files.uploads[0]
    assert ("/cgi-bin/webhook/upload_media", {"key": "K-1", "type": "file"}) == (path, query)
    assert (file.name, len(file.content)) == (name, len(content))
    assert [("/cgi-bin/webhook/send", {"msgtype": "file", "file": {"media_id": "M1"}})] == files.sent


async def test_refusals_keep_the_robots_address_secret(into_groups: Sender, files: Files) -> None:
    files.answers = [{"errcode": 93000}, {"errcode": 0}]
    for error in (GiveUp, TryLater):
        with pytest.raises(error) as told:
            await into_groups.send_file(group(files), SHEET, "1")
        assert "K-1" not in str(told.value)
    with pytest.raises(GiveUp) as told:
        await into_groups.send_file(Person("wecom.group", "https://x.example/?key=K-1"), SHEET, "1")
    assert "K-1" not in str(told.value)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"errcode": 45009}, TryLater),
        ({"errcode": 40004}, GiveUp),
        ({"errcode": 45001}, GiveUp),
        ({"errcode": 0}, TryLater),
    ],
)
async def test_an_upload_that_fails(
    place: WeComPlatform, files: Files, answer: dict[str, Any], error: type[Exception]
) -> None:
    files.answers = [answer]
    with pytest.raises(error):
        await place.send_file(LI, SHEET, "1")
    assert [] == files.sent


async def test_a_token_that_died_is_replaced_for_an_upload_too(place: WeComPlatform, files: Files) -> None:
    files.answers = [{"errcode": 42001}]
    await place.send_file(LI, SHEET, "1")
    assert [SHEET.content] * 2 == [content for _, _, _, content in files.uploads]


async def test_other_surfaces_get_no_files(place: WeComPlatform) -> None:
    with pytest.raises(GiveUp):
        await place.send_file(Person("feishu", "ou_1"), SHEET, "1")


async def test_a_robot_knows_no_threads(into_groups: Sender, files: Files) -> None:
    await into_groups.send(group(files), Message("9%"), "1", reply_to="om_1")
    assert ["markdown"] == [body["msgtype"] for _, body in files.sent]
