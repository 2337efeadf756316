"""The official SDK takes the sandbox for Feishu: its client, its dispatcher, its long connection."""

import asyncio
import io
import json
import logging
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from bot.sandbox import DEFAULTS, Sandbox
from bot.sandbox.feishu.people import Person
from bot.sandbox.feishu.world import Feishu

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8) + (10).to_bytes(4, "big") * 2
CARD = {
    "config": {"update_multi": True},
    "elements": [
        {
            "tag": "action",
            "actions": [
                {"tag": "button", "text": {"tag": "plain_text", "content": "通过"}, "value": {"key": "pass:1"}},
            ],
        }
    ],
}
PARTS = (
    "lark_oapi",
    "lark_oapi.api.im.v1",
    "lark_oapi.core.cache",
    "lark_oapi.core.model",
    "lark_oapi.core.token",
    "lark_oapi.event.callback.model.p2_card_action_trigger",
)
CONNECT = """
import json, sys
import lark_oapi as lark

def heard(event):
    print("heard " + json.loads(event.event.message.content)["text"], flush=True)

handler = lark.EventDispatcherHandler.builder("", "").register_p2_im_message_receive_v1(heard).build()
app_id, secret, domain = sys.argv[1:]
lark.ws.Client(app_id, secret, event_handler=handler, domain=domain, log_level=lark.LogLevel.INFO).start()
"""


@pytest.fixture(scope="module")
def lark() -> Any:
    """The SDK's parts. Importing takes seconds and an event loop for ever, so it happens once, in a thread."""

    def load() -> Any:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            sdk, v1, cache, model, token, answers = (import_module(name) for name in PARTS)
        finally:
            asyncio.set_event_loop(None)
            loop.close()
        logging.getLogger("Lark").handlers.clear()
        token.TokenManager.cache = cache.LocalCache()
        return SimpleNamespace(sdk=sdk, v1=v1, request=model.RawRequest, answer=answers.P2CardActionTriggerResponse)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(load).result()


async def test_its_client_sends_changes_uploads_and_downloads(
    lark: Any, client: TestClient[Any, Any], feishu: Feishu, hr: Person
) -> None:
    """One story, because the SDK keeps its token for as long as the process lives."""
    v1 = lark.v1
    made = lark.sdk.Client.builder().app_id(DEFAULTS.feishu_app_id).app_secret(DEFAULTS.feishu_secret)
    api = made.domain(str(client.make_url("")).rstrip("/")).log_level(lark.sdk.LogLevel.ERROR).build()

    async def ask(call: Any, request: Any) -> Any:
        answer = await asyncio.to_thread(call, request)
        assert answer.success(), (answer.code, answer.msg)
        return answer

    async def send(kind: str, content: Any) -> str:
        body = v1.CreateMessageRequestBody.builder().receive_id(hr.open_id).msg_type(kind)
        body = body.content(json.dumps(content)).uuid(f"u-{kind}").build()
        request = v1.CreateMessageRequest.builder().receive_id_type("open_id").request_body(body).build()
        return str((await ask(api.im.v1.message.create, request)).data.message_id)

    text, card = await send("text", {"text": "您好"}), await send("interactive", CARD)

    reply = v1.ReplyMessageRequestBody.builder().msg_type("text").content('{"text": "好的"}').build()
    request = v1.ReplyMessageRequest.builder().message_id(text).request_body(reply).build()
    assert text == (await ask(api.im.v1.message.reply, request)).data.parent_id

    done = {"config": {"update_multi": True}, "elements": [{"tag": "markdown", "content": "已通过"}]}
    changed = v1.PatchMessageRequestBody.builder().content(json.dumps(done)).build()
    await ask(api.im.v1.message.patch, v1.PatchMessageRequest.builder().message_id(card).request_body(changed).build())

    picture = v1.CreateImageRequestBody.builder().image_type("message").image(io.BytesIO(PNG)).build()
    request = v1.CreateImageRequest.builder().request_body(picture).build()
    await send("image", {"image_key": (await ask(api.im.v1.image.create, request)).data.image_key})
    paper = v1.CreateFileRequestBody.builder().file_type("pdf").file_name("合同.pdf").file(io.BytesIO(b"%PDF"))
    request = v1.CreateFileRequest.builder().request_body(paper.build()).build()
    await send("file", {"file_key": (await ask(api.im.v1.file.create, request)).data.file_key})
    assert ["text", "interactive", "text", "image", "file"] == [one.msgtype for one in hr.sees()]
    assert "已通过" == hr.sees()[1].text

    message = hr.send_file("简历.pdf", b"%PDF resume")
    (key,) = feishu.company.messages[message].keys
    request = v1.GetMessageResourceRequest.builder().message_id(message).file_key(key).type("file").build()
    answer = await ask(api.im.v1.message_resource.get, request)
    assert b"%PDF resume" == answer.file.read()

    await ask(api.im.v1.message.delete, v1.DeleteMessageRequest.builder().message_id(text).build())
    failed = await asyncio.to_thread(
        api.im.v1.message.delete, v1.DeleteMessageRequest.builder().message_id("om_unknown").build()
    )
    assert (99992354, False, True) == (failed.code, failed.success(), bool(failed.get_log_id()))


async def test_its_dispatcher_takes_what_is_genuine_and_nothing_else(
    lark: Any, bot: Any, sandbox: Sandbox, feishu: Feishu, caller: Any, hr: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Any] = []

    def touched(event: Any) -> Any:
        heard.append(event.event.action.value)
        done = {"config": {"update_multi": True}, "elements": [{"tag": "markdown", "content": "已通过"}]}
        return lark.answer({"toast": {"type": "success", "content": "好"}, "card": {"type": "raw", "data": done}})

    made = lark.sdk.EventDispatcherHandler.builder(DEFAULTS.feishu_encrypt_key, DEFAULTS.feishu_token)
    made = made.register_p2_im_message_receive_v1(lambda event: heard.append(event.event.message.message_id))
    made = made.register_p2_im_chat_access_event_bot_p2p_chat_entered_v1(lambda event: heard.append("entered"))
    made = made.register_p1_customized_event("p2p_chat_create", lambda event: heard.append("met"))
    handler = made.register_p2_card_action_trigger(touched).build()

    async def callback(headers: dict[str, str], raw: bytes) -> web.Response:
        request = lark.request()
        request.uri, request.headers, request.body = "/callback/feishu", headers, raw
        answer = await asyncio.to_thread(handler.do, request)
        return web.Response(status=answer.status_code, body=answer.content)

    bot.callback_with(callback)
    assert await feishu.events.verify()
    feishu.events.hold()
    said = hr.say("你好")
    await feishu.events.release()
    assert ["met", "entered", said] == heard
    assert [200, 200, 200] == [delivery.status for delivery in sandbox.deliveries]

    await hr.tap(await caller.sent(hr.open_id, CARD, "interactive"), "通过")
    assert ({"key": "pass:1"}, "好", "已通过") == (heard[-1], hr.toasts[-1].text, hr.sees()[-1].text)

    before = len(heard)
    for variant in ("wrong_signature", "wrong_token", "plain", "truncated", "reserialised", "foreign_key"):
        assert 500 == await feishu.events.forge(variant, "im.message.receive_v1", {"message": {}})
    assert before == len(heard)


async def test_its_long_connection_hears_and_acknowledges(
    client: TestClient[Any, Any], sandbox: Sandbox, feishu: Feishu, hr: Person
) -> None:
    feishu.use_socket()
    hr.met = True
    names = (DEFAULTS.feishu_app_id, DEFAULTS.feishu_secret, str(client.make_url("")).rstrip("/"))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", CONNECT, *names),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "NO_PROXY": "*", "PYTHONIOENCODING": "utf-8"},
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            while b"connected to" not in (line := await process.stdout.readline()):
                assert line, "the client ended"
            hr.say("你好")
            await sandbox.idle()
            while not (line := await process.stdout.readline()).startswith(b"heard"):
                assert line, "the client ended"
    finally:
        process.kill()
        await process.wait()
    assert "heard 你好" == line.decode().strip()
    assert ("accepted", [200]) == (
        sandbox.deliveries[0].outcome,
        [one.status for one in sandbox.deliveries[0].attempts],
    )
