"""Feishu's own SDK and ours agree on what is genuine, and what is in it."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.errors import Forged
from bot.platforms.feishu.adapter import FeishuPlatform
from bot.platforms.feishu.crypto import CallbackCrypto
from recruiting.chat import Challenge

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "feishu" / "vectors.json").read_text(encoding="utf-8"))
KEY, TOKEN = VECTORS["V3"]["encrypt_key"], VECTORS["V3"]["token"]


@pytest.fixture(scope="module")
def sdk() -> Any:
    """The parts of the SDK that are asked here; importing it takes seconds, so it happens once.

    Importing it also takes hold of the thread's event loop for ever: a thread of its own gives it one to take.
    """

    def load() -> Any:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            from lark_oapi.core.model import RawRequest
            from lark_oapi.core.utils.decryptor import AESCipher
            from lark_oapi.event.dispatcher_handler import EventDispatcherHandler
        finally:
            asyncio.set_event_loop(None)
            loop.close()
        return SimpleNamespace(request=RawRequest, cipher=AESCipher, dispatcher=EventDispatcherHandler)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(load).result()


def ask(sdk: Any, headers: dict[str, str], body: bytes) -> tuple[int, bytes, list[Any]]:
    """What the SDK's dispatcher answers, and the messages it handed on."""
    heard: list[Any] = []
    handler = sdk.dispatcher.builder(KEY, TOKEN).register_p2_im_message_receive_v1(heard.append).build()
    request = sdk.request()
    request.uri, request.headers, request.body = "/callback/feishu", headers, body
    response = handler.do(request)
    return response.status_code, response.content, heard


def signed(body: bytes) -> dict[str, str]:
    vector = VECTORS["V4"]
    names = {"Request-Timestamp": "timestamp", "Request-Nonce": "nonce"}
    headers = {f"X-Lark-{name}": vector[field] for name, field in names.items()}
    signature = CallbackCrypto(KEY).sign(vector["timestamp"], vector["nonce"], body)
    return {**headers, "X-Lark-Signature": signature}


def body_of(name: str) -> bytes:
    return json.dumps({"encrypt": VECTORS[name]["encrypt"]}, separators=(",", ":")).encode()


def test_the_sdk_opens_what_we_seal(sdk: Any) -> None:
    for plain in ("你好", "x" * 1000):
        assert plain == sdk.cipher(KEY).decrypt_str(CallbackCrypto(KEY).seal(plain.encode()))
    assert VECTORS["V4"]["plain"] == sdk.cipher(KEY).decrypt_str(VECTORS["V4"]["encrypt"])


def test_both_answer_the_url_check_without_a_signature(sdk: Any, platform: FeishuPlatform) -> None:
    status, content, _ = ask(sdk, {}, body_of("V3"))
    assert (200, VECTORS["V3"]["answer"]) == (status, content.decode())
    assert Challenge(VECTORS["V3"]["answer"]) == platform.open({}, body_of("V3"))


def test_both_hear_the_same_message(sdk: Any, platform: FeishuPlatform) -> None:
    body = body_of("V4")
    headers = signed(body)
    assert VECTORS["V4"]["signature"] == headers["X-Lark-Signature"]
    status, _, heard = ask(sdk, headers, body)
    found = platform.open(headers, body)
    assert isinstance(found, list)
    said, message = heard[0].event, found[0]
    assert 200 == status
    assert (said.message.message_id, said.sender.sender_id.open_id) == (message.id, message.sender.account)
    assert json.loads(said.message.content)["text"] == message.text


def test_both_refuse_a_changed_signature(sdk: Any, platform: FeishuPlatform) -> None:
    body = body_of("V4")
    headers = signed(body)
    headers["X-Lark-Signature"] = "0" + headers["X-Lark-Signature"][1:]
    status, _, heard = ask(sdk, headers, body)
    assert (500, []) == (status, heard)
    with pytest.raises(Forged):
        platform.open(headers, body)
