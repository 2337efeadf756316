"""Another process: members' messages as WeCom would deliver them, over kept-alive connections, sealed beforehand.

`python -m bench.wecom_load PORT COUNT CONNECTIONS RUN` prints requests a second and the 99th percentile in ms.
The HTTP here is the least that works, so that the load costs less than what it measures.
"""

import asyncio
import json
import sys
import time

from bench.house import WECOM
from bot.platforms.wecom.crypto import CallbackCrypto

PATH = "/callback/wecom/app"


def sealed(number: int, run: int) -> bytes:
    """One request: a text message with an id of its own, from one of 5,000 members."""
    corp_id = WECOM["BULOU_WECOM__CORP_ID"]
    crypto = CallbackCrypto(WECOM["BULOU_WECOM__TOKEN"], WECOM["BULOU_WECOM__AES_KEY"], corp_id)
    now, nonce = str(int(time.time())), str(1_000_000 + number)
    message = (
        f"<xml><ToUserName><![CDATA[{corp_id}]]></ToUserName>"
        f"<FromUserName><![CDATA[member{number % 5_000}]]></FromUserName><CreateTime>{now}</CreateTime>"
        f"<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[/status 候选人{number}]]></Content>"
        f"<MsgId>{run * 10_000_000 + number}</MsgId><AgentID>1000002</AgentID></xml>"
    )
    encrypted = crypto.seal(message.encode())
    body = (
        f"<xml><ToUserName><![CDATA[{corp_id}]]></ToUserName><AgentID><![CDATA[1000002]]></AgentID>"
        f"<Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
    ).encode()
    signature = crypto.sign(now, nonce, encrypted)
    head = (
        f"POST {PATH}?msg_signature={signature}&timestamp={now}&nonce={nonce} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Sender(asyncio.Protocol):
    """One connection: sends a request, waits for its answer, sends the next."""

    def __init__(self, waiting: list[bytes], seconds: list[float]) -> None:
        self._waiting = waiting
        self._seconds = seconds
        self._answer = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Nothing is sent before all are connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self) -> None:
        """The next request, if there is one left."""
        if self._waiting:
            self._sent = time.perf_counter()
            self._transport.write(self._waiting.pop())
        elif not self.done.done():
            self._transport.close()
            self.done.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Once the answer is whole, go on."""
        self._answer += data
        head, end, body = self._answer.partition(b"\r\n\r\n")
        if not end or len(body) < int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0):
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self.done.set_exception(RuntimeError(head.decode()))
            return
        self._answer = b""
        self._seconds.append(time.perf_counter() - self._sent)
        self.send()

    def connection_lost(self, error: Exception | None) -> None:
        """An end that nobody asked for spoils the run."""
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server hung up"))


async def send_all(waiting: list[bytes], port: int, connections: int) -> None:
    """Send the requests over so many connections, and print requests a second and the 99th percentile in ms."""
    count = len(waiting)
    seconds: list[float] = []
    loop = asyncio.get_running_loop()
    senders = [
        (await loop.create_connection(lambda: Sender(waiting, seconds), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    start = time.perf_counter()
    for sender in senders:
        sender.send()
    await asyncio.gather(*(sender.done for sender in senders))
    took = time.perf_counter() - start
    seconds.sort()
    print(json.dumps([count / took, seconds[len(seconds) * 99 // 100] * 1_000]), flush=True)


if __name__ == "__main__":
    PORT, COUNT, CONNECTIONS, RUN = map(int, sys.argv[1:])
    asyncio.run(send_all([sealed(number, RUN) for number in range(COUNT)], PORT, CONNECTIONS))
