"""Another process: an SMS gateway that says yes to everything, so light that it is never what we measure.

`python -m bench.stub` says its port, then for each line it reads how many requests have come since the last one.
"""

import asyncio
import sys

_YES = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"


class Gateway(asyncio.Protocol):
    """One kept-alive connection; one request at a time."""

    requests = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody has connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._read = b""

    def data_received(self, data: bytes) -> None:
        """Answer once the body is whole."""
        self._read += data
        head, end, body = self._read.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) >= length:
            self._read = body[length:]
            Gateway.requests += 1
            self._transport.write(_YES)


async def _main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Gateway, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(Gateway.requests, flush=True)
        Gateway.requests = 0


if __name__ == "__main__":
    asyncio.run(_main())
