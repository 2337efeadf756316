"""The wire of each vendor, as little of it as the common tests need. A third vendor is one more class here."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.clock import StandingClock
from bot.platforms.base import Platform
from bot.platforms.feishu.adapter import FeishuPlatform
from bot.platforms.feishu.crypto import CallbackCrypto as FeishuCrypto
from bot.platforms.wecom.adapter import WeComPlatform
from bot.platforms.wecom.crypto import CallbackCrypto as WeComCrypto
from recruiting.chat import FileRef, Person

Signed = tuple[dict[str, str], bytes]  # what `Platform.open` gets


class Wire(ABC):
    """One vendor on loopback: plays the next scripted answer to each kind of call, else success."""

    person: ClassVar[Person]  # somebody who gets cards
    file: ClassVar[FileRef]  # a file of theirs
    paths: ClassVar[dict[str, str]]  # pattern of a path -> token, send, patch, upload or file
    successes: ClassVar[dict[str, Any]]
    secrets: ClassVar[tuple[str, ...]]
    busy: ClassVar[Any]  # "come back later", at this moment
    gone: ClassVar[Any]  # "this person has left"
    stale: ClassVar[Any]  # "this token is no good"
    wrong_secret: ClassVar[Any]
    file_gone: ClassVar[Any]
    accounts: ClassVar[tuple[Any, ...]]  # what is said of one in use, locked, gone, and out of our sight
    longest_request: ClassVar[int]  # of a text, in bytes
    largest_file: ClassVar[int]

    def __init__(self) -> None:
        self.url = ""
        self.calls: list[tuple[str, bytes]] = []
        self.script: dict[str, list[Any]] = {}
        self.app = web.Application(client_max_size=64 * 2**20)
        self.app.router.add_route("*", "/{path:.+}", self._answer)

    @abstractmethod
    def platform(self, clock: StandingClock, url: str | None = None) -> Platform:
        """A client of this wire."""

    @abstractmethod
    def text(self, id: str, words: str) -> Signed:
        """A genuine callback: somebody wrote this."""

    @abstractmethod
    def nonsense(self) -> Signed:
        """A genuine callback of which nobody knows the meaning."""

    @abstractmethod
    def url_check(self) -> tuple[Signed, str]:
        """What comes when the console saves our address, and the one right answer."""

    @abstractmethod
    def forgeries(self) -> Iterator[Signed]:
        """Callbacks that look genuine and are not."""

    @abstractmethod
    def no_envelopes(self) -> Iterator[Signed]:
        """What is no callback at all."""

    @abstractmethod
    def words(self, body: bytes) -> str:
        """All that a reader sees of a text message that was sent."""

    @abstractmethod
    def refuse(self, answer: Any) -> web.Response:
        """A refusal in the vendor's own form."""

    def sent(self, kind: str = "send") -> list[bytes]:
        """The bodies of all calls of a kind."""
        return [body for called, body in self.calls if called == kind]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        kind = next(kind for pattern, kind in self.paths.items() if re.fullmatch(pattern, request.path))
        self.calls.append((kind, await request.read()))
        script = self.script.get(kind)
        answer = script.pop(0) if script else self.successes[kind]
        if answer == "reset":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if isinstance(answer, bytes):
            return web.Response(body=answer, headers={"Content-Disposition": 'attachment; filename="a.pdf"'})
        return web.json_response(answer) if answer in self.successes.values() else self.refuse(answer)


class WeComWire(Wire):
    """WeCom: XML in, sealed and signed in the query; errors with status 200."""

    person = Person("wecom.app", "li")
    file = FileRef("wecom.app", "MEDIA", "file")
    paths: ClassVar = {
        "/cgi-bin/gettoken": "token",
        "/cgi-bin/message/send": "send",
        "/cgi-bin/message/update_template_card": "patch",
        "/cgi-bin/media/upload": "upload",
        "/cgi-bin/media/get": "file",
        "/cgi-bin/user/get": "account",
    }
    successes: ClassVar = {
        "token": {"errcode": 0, "access_token": "TOKEN-1", "expires_in": 7200},
        "send": {"errcode": 0, "msgid": "MSG", "response_code": "CODE"},
        "patch": {"errcode": 0},
        "upload": {"errcode": 0, "media_id": "M1"},
        "file": b"%PDF-1.7",
    }
    secrets = ("s3cret", "TOKEN-1")
    busy: ClassVar = {"errcode": 45009}
    gone: ClassVar = {"errcode": 60111}
    stale: ClassVar = {"errcode": 42001}
    wrong_secret: ClassVar = {"errcode": 40001}
    file_gone: ClassVar = {"errcode": 40007}
    accounts: ClassVar = (
        {"errcode": 0, "status": 1},
        {"errcode": 0, "status": 2},
        {"errcode": 60111},
        {"errcode": 60011},
    )
    longest_request = 2048 + 400
    largest_file = 20 * 2**20

    crypto = WeComCrypto("QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "ww1")

    def platform(self, clock: StandingClock, url: str | None = None) -> Platform:
        return WeComPlatform(
            api_base=url or self.url,
            corp_id="ww1",
            agent_id=1,
            secret="s3cret",
            token="QDG6eK",
            aes_key="jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C",
            kf_open_kfid="",
            now=clock.now,
            timeout=timedelta(seconds=5),
        )

    def text(self, id: str, words: str) -> Signed:
        return self._signed(
            f"<xml><ToUserName>ww1</ToUserName><FromUserName>li</FromUserName><CreateTime>1700000000</CreateTime>"
            f"<MsgType>text</MsgType><Content>{words}</Content><MsgId>{id}</MsgId></xml>"
        )

    def nonsense(self) -> Signed:
        return self._signed("<xml><MsgType>event</MsgType><Event>never_heard_of</Event></xml>")

    def url_check(self) -> tuple[Signed, str]:
        sealed = self.crypto.seal(b"echo")
        return ({**self._query(sealed), "echostr": sealed}, b""), "echo"

    def forgeries(self) -> Iterator[Signed]:
        query, body = self.text("7", "hi")
        yield {}, body
        yield {**query, "msg_signature": ""}, body
        yield {**query, "msg_signature": "0" * 40}, body
        yield query, body.replace(b"</Encrypt>", b"A</Encrypt>")
        yield query, b"<xml><MsgType>text</MsgType></xml>"
        foreign = WeComCrypto("QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "ww2").seal(b"<xml/>")
        yield self._query(foreign), self._envelope(foreign)

    def no_envelopes(self) -> Iterator[Signed]:
        for body in (b"hello", b"\xff\xfe", b"<xml"):
            yield self._query("x"), body

    def words(self, body: bytes) -> str:
        return re.sub(" [\u200b\u200c\u200d\u2060]{8}$", "", json.loads(body)["text"]["content"])

    def refuse(self, answer: Any) -> web.Response:
        return web.json_response(answer)

    def _signed(self, plain: str) -> Signed:
        sealed = self.crypto.seal(plain.encode())
        return self._query(sealed), self._envelope(sealed)

    def _query(self, sealed: str) -> dict[str, str]:
        return {"msg_signature": self.crypto.sign("1", "n", sealed), "timestamp": "1", "nonce": "n"}

    def _envelope(self, sealed: str) -> bytes:
        return f"<xml><ToUserName>ww1</ToUserName><Encrypt>{sealed}</Encrypt></xml>".encode()


class FeishuWire(Wire):
    """Feishu: JSON in, sealed, and signed in the headers; errors with status 400."""

    person = Person("feishu", "ou_li")
    file = FileRef("feishu", "om_1/file_1", "file")
    paths: ClassVar = {
        "/open-apis/auth/v3/tenant_access_token/internal": "token",
        "/open-apis/im/v1/messages": "send",
        "/open-apis/im/v1/messages/[^/]+": "patch",
        "/open-apis/im/v1/files": "upload",
        "/open-apis/im/v1/messages/om_1/resources/file_1": "file",
        "/open-apis/bot/v3/info": "info",
        "/open-apis/contact/v3/users/[^/]+": "account",
    }
    successes: ClassVar = {
        "token": {"code": 0, "tenant_access_token": "TOKEN-1", "expire": 7200},
        "send": {"code": 0, "data": {"message_id": "om_9"}},
        "patch": {"code": 0, "data": {}},
        "upload": {"code": 0, "data": {"file_key": "file_9"}},
        "file": b"%PDF-1.7",
        "info": {"code": 0, "bot": {"activate_status": 2, "open_id": "ou_bot"}},
    }
    secrets = ("s3cret", "TOKEN-1", "key-1")
    busy: ClassVar = {"code": 99991400}
    gone: ClassVar = {"code": 230013}
    stale: ClassVar = {"code": 99991663}
    wrong_secret: ClassVar = {"code": 10015}
    file_gone: ClassVar = {"code": 234005}
    accounts: ClassVar = (
        {"code": 0, "data": {"user": {"status": {"is_frozen": False, "is_resigned": False}}}},
        {"code": 0, "data": {"user": {"status": {"is_frozen": True}}}},
        {"code": 41012},
        {"code": 41050},
    )
    longest_request = 150 * 2**10
    largest_file = 30 * 2**20

    crypto = FeishuCrypto("key-1")

    def platform(self, clock: StandingClock, url: str | None = None) -> Platform:
        return FeishuPlatform(
            api_base=url or self.url,
            app_id="cli_1",
            app_secret="s3cret",
            encrypt_key="key-1",
            verification_token="token-1",
            now=clock.now,
            timeout=timedelta(seconds=5),
        )

    def text(self, id: str, words: str) -> Signed:
        message = {
            "message_id": id,
            "create_time": "1700000000000",
            "chat_type": "p2p",
            "message_type": "text",
            "content": json.dumps({"text": words}),
        }
        sender = {"sender_id": {"open_id": "ou_li"}, "sender_type": "user"}
        return self._signed(self._event("im.message.receive_v1", {"sender": sender, "message": message}))

    def nonsense(self) -> Signed:
        return self._signed(self._event("never.heard_of_v1", {}))

    def url_check(self) -> tuple[Signed, str]:
        told = {"type": "url_verification", "token": "token-1", "challenge": "echo"}
        return ({}, self._signed(told)[1]), '{"challenge":"echo"}'

    def forgeries(self) -> Iterator[Signed]:
        headers, body = self.text("7", "hi")
        yield {}, body
        yield {**headers, "X-Lark-Signature": ""}, body
        yield {**headers, "X-Lark-Signature": "0" * 64}, body
        yield headers, body.replace(b'": "', b'":  "')
        yield headers, json.dumps(self._event("im.message.receive_v1", {})).encode()
        yield self._signed(self._event("im.message.receive_v1", {}, app_id="cli_2"))
        yield self._signed(self._event("im.message.receive_v1", {}, token="other"))
        yield {}, self._signed({"type": "url_verification", "token": "other", "challenge": "echo"})[1]

    def no_envelopes(self) -> Iterator[Signed]:
        for body in (b"hello", b"\xff\xfe", b'{"encrypt'):
            yield {}, body

    def words(self, body: bytes) -> str:
        found: str = json.loads(json.loads(body)["content"])["text"]
        return found

    def refuse(self, answer: Any) -> web.Response:
        return web.json_response(answer, status=400)

    def _event(self, kind: str, told: dict[str, Any], **header: str) -> dict[str, Any]:
        head = {"event_id": "e1", "event_type": kind, "token": "token-1", "app_id": "cli_1", **header}
        return {"schema": "2.0", "header": head, "event": told}

    def _signed(self, told: dict[str, Any]) -> Signed:
        body = json.dumps({"encrypt": self.crypto.seal(json.dumps(told).encode())}).encode()
        signature = self.crypto.sign("1", "n", body)
        names = ("Request-Timestamp", "Request-Nonce", "Signature")
        return {f"X-Lark-{name}": value for name, value in zip(names, ("1", "n", signature), strict=True)}, body


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock(datetime(2026, 6, 1, 8, tzinfo=UTC))


@pytest.fixture(params=[WeComWire, FeishuWire], ids=["wecom", "feishu"])
async def wire(request: pytest.FixtureRequest) -> AsyncIterator[Wire]:
    """Each vendor in turn."""
    made: Wire = request.param()
    server = TestServer(made.app)
    await server.start_server()
    made.url = str(server.make_url("")).rstrip("/")
    yield made
    await server.close()


@pytest.fixture
async def platform(wire: Wire, clock: StandingClock) -> AsyncIterator[Platform]:
    """The client under test."""
    made = wire.platform(clock)
    yield made
    await made.close()
