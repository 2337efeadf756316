"""The long connection: the bot comes to Feishu, and events come to it in frames, each to one connection."""

import asyncio
import base64
import itertools
import json
import random
import secrets
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from bot.clock import Clock
from bot.sandbox.callbacks import Attempt
from bot.sandbox.feishu.company import App
from bot.sandbox.feishu.frames import CONTROL, DATA, Frame, Malformed
from bot.sandbox.feishu.wire import as_json

ENDPOINT, WEBSOCKET = "/callback/ws/endpoint", "/callback/ws/connect"
MOST_CONNECTIONS = 50
NO_CREDENTIAL, BUSY, LIMIT = 1000040344, 1, 1000040350


@dataclass(slots=True, eq=False)
class Connection:
    """One client, and the answers it owes."""

    socket: web.WebSocketResponse
    service: int
    owed: dict[str, asyncio.Future[Frame]] = field(default_factory=dict)


class Socket:
    """Feishu's side of all long connections."""

    token = ""  # the body carries no verification token here

    def __init__(self, app: App, clock: Clock) -> None:
        self.part_size = 64 * 1024  # payloads beyond it come in several frames
        self.most = MOST_CONNECTIONS
        self.ping_interval = 120
        self.busy = 0  # so many endpoint calls are answered "system busy"
        self.connections: list[Connection] = []
        self.pings = 0
        self._app = app
        self._clock = clock
        self._tickets: dict[str, int] = {}
        self._services = itertools.count(33554678)
        self._numbers = itertools.count(1)

    def add_routes(self, app: web.Application) -> None:
        """Serve the endpoint call, which is not below /open-apis/, and the connection itself."""
        app.router.add_post(ENDPOINT, self._endpoint)
        app.router.add_get(WEBSOCKET, self._connect)

    async def close(self) -> None:
        """Hang up on everybody."""
        for connection in list(self.connections):
            await connection.socket.close()

    async def carry(self, body: bytes, within: float) -> Attempt:
        """One try, to one connection at random. Status 200 when it was acknowledged in time."""
        at = self._clock.now()
        if not self.connections:
            return Attempt(at, None)
        connection = random.choice(self.connections)
        message_id = secrets.token_hex(16)
        owed = asyncio.get_running_loop().create_future()
        connection.owed[message_id] = owed
        try:
            async with asyncio.timeout(within):
                await self._send(connection, message_id, body)
                answer: Frame = await owed
        except TimeoutError:
            return Attempt(at, None, late=True)
        except ConnectionError:
            return Attempt(at, None)
        finally:
            connection.owed.pop(message_id, None)
        return _acknowledged(at, answer)

    async def _send(self, connection: Connection, message_id: str, body: bytes) -> None:
        parts = [body[at : at + self.part_size] for at in range(0, len(body), self.part_size)]
        for number, part in enumerate(parts):
            headers = {
                "type": "event",
                "message_id": message_id,
                "sum": str(len(parts)),
                "seq": str(number),
                "trace_id": secrets.token_hex(16),
            }
            frame = Frame(DATA, connection.service, next(self._numbers), next(self._numbers), headers, part)
            await connection.socket.send_bytes(frame.pack())

    async def _endpoint(self, request: web.Request) -> web.Response:
        now = self._clock.now()
        try:
            body = await request.json()
        except ValueError:
            body = None
        given = (body.get("AppID"), body.get("AppSecret")) if isinstance(body, dict) else None
        if self.busy > 0:
            self.busy -= 1
            return as_json({"code": BUSY, "msg": "system busy"}, now)
        if given != (self._app.id, self._app.secret) or not self._app.enabled:
            return as_json({"code": NO_CREDENTIAL, "msg": "app_id or app_secret is invalid"}, now)
        device, service = secrets.token_hex(8), next(self._services)
        self._tickets[device] = service
        origin = str(request.url.origin()).replace("http", "ws", 1)
        url = f"{origin}{WEBSOCKET}?device_id={device}&service_id={service}"
        return as_json({"code": 0, "msg": "", "data": {"URL": url, "ClientConfig": self._config()}}, now)

    def _config(self) -> dict[str, int]:
        return {
            "ReconnectCount": -1,
            "ReconnectInterval": 120,
            "ReconnectNonce": 30,
            "PingInterval": self.ping_interval,
        }

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        service = self._tickets.pop(request.query.get("device_id", ""), None)
        if service is None:
            return _refused(403, "unknown device_id", 0)
        if len(self.connections) >= self.most:
            return _refused(514, "connection limit exceeded", LIMIT)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        connection = Connection(socket, service)
        self.connections.append(connection)
        try:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.BINARY:
                    await self._receive(connection, message.data)
        finally:
            self.connections.remove(connection)
            for owed in connection.owed.values():
                if not owed.done():
                    owed.set_exception(ConnectionError("the connection is gone"))
        return socket

    async def _receive(self, connection: Connection, raw: bytes) -> None:
        try:
            frame = Frame.unpack(raw)
        except Malformed:
            await connection.socket.close()
            return
        if frame.method == CONTROL and frame.headers.get("type") == "ping":
            self.pings += 1
            pong = Frame(CONTROL, connection.service, headers={"type": "pong"})
            pong.payload = json.dumps(self._config()).encode()
            await connection.socket.send_bytes(pong.pack())
        elif frame.method == DATA:
            owed = connection.owed.get(frame.headers.get("message_id", ""))
            if owed is not None and not owed.done():
                owed.set_result(frame)


def _acknowledged(at: Any, frame: Frame) -> Attempt:
    """What the client's frame says, as if it had been the answer to a webhook."""
    try:
        told = json.loads(frame.payload)
        if "biz_rt" not in frame.headers or not isinstance(told, dict) or not isinstance(told.get("code"), int):
            return Attempt(at, 500)
        return Attempt(at, told["code"], base64.b64decode(told.get("data") or "", validate=True))
    except ValueError:
        return Attempt(at, 500)


def _refused(status: int, msg: str, code: int) -> web.Response:
    headers = {"handshake-status": str(status), "handshake-msg": msg, "handshake-autherrcode": str(code)}
    return web.Response(status=403 if status == 403 else 400, headers=headers)
