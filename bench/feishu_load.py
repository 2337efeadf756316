"""Another process: private messages as Feishu would deliver them, over kept-alive connections, sealed beforehand.

`python -m bench.feishu_load PORT COUNT CONNECTIONS RUN [PATH]` prints requests a second and the 99th percentile in ms.
"""

import asyncio
import json
import sys
import time

from bench.wecom_load import send_all
from bot.platforms.feishu.crypto import CallbackCrypto

FEISHU = {
    "BULOU_FEISHU__API_BASE": "http://127.0.0.1:9",  # nobody answers there
    "BULOU_FEISHU__APP_ID": "cli_benchmark0000001",
    "BULOU_FEISHU__APP_SECRET": "benchmark-secret",
    "BULOU_FEISHU__ENCRYPT_KEY": "benchmark-encrypt-key",
    "BULOU_FEISHU__VERIFICATION_TOKEN": "benchmark-token",
}
PATH = "/callback/feishu"
NONEBOT_PATH = f"/feishu/{FEISHU['BULOU_FEISHU__APP_ID']}"
TENANT = "benchmarktenant1"


def event(number: int, run: int, now: int) -> bytes:
    """A text message with ids of its own, from one of 5,000 people."""
    person = number % 5_000
    account = f"ou_{person:032x}"
    id = run * 10_000_000 + number
    told = {
        "schema": "2.0",
        "header": {
            "event_id": f"{id:032x}",
            "event_type": "im.message.receive_v1",
            "create_time": f"{now}000",
            "token": FEISHU["BULOU_FEISHU__VERIFICATION_TOKEN"],
            "app_id": FEISHU["BULOU_FEISHU__APP_ID"],
            "tenant_key": TENANT,
        },
        "event": {
            "sender": {
                "sender_id": {
                    "union_id": f"on_{person:032x}",
                    "user_id": f"{person:08x}",
                    "open_id": account,
                },
                "sender_type": "user",
                "tenant_key": TENANT,
            },
            "message": {
                "message_id": f"om_{id:032x}",
                "create_time": f"{now}000",
                "update_time": f"{now}000",
                "chat_id": f"oc_{person:032x}",
                "chat_type": "p2p",
                "message_type": "text",
                "content": json.dumps({"text": f"/status 候选人{number}"}, ensure_ascii=False),
            },
        },
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def sealed(number: int, run: int, path: str) -> bytes:
    """One request, sealed and signed."""
    crypto = CallbackCrypto(FEISHU["BULOU_FEISHU__ENCRYPT_KEY"])
    now, nonce = int(time.time()), str(1_000_000 + number)
    body = b'{"encrypt":"%s"}' % crypto.seal(event(number, run, now)).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json;charset=utf-8\r\n"
        f"X-Lark-Request-Timestamp: {now}\r\nX-Lark-Request-Nonce: {nonce}\r\n"
        f"X-Lark-Signature: {crypto.sign(str(now), nonce, body)}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _main(port: str, count: str, connections: str, run: str, path: str = PATH) -> None:
    waiting = [sealed(number, int(run), path) for number in range(int(count))]
    asyncio.run(send_all(waiting, int(port), int(connections)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
