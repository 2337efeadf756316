"""Other processes: who takes Feishu's callbacks. `python -m bench.feishu_servers KIND [DATABASE_URL FOLDER]` says its
port.

plain: aiohttp reads the body and says "success". lark: verify, decrypt, parse, nothing kept. nonebot: the same by a bot
framework, with its log's level in place of the address. accepting: our web application without its workers. whole: our
bot with everything running.
"""

import asyncio
import json
import logging
import os
import sys
from typing import Any

from aiohttp import web

from bench.feishu_load import FEISHU, PATH
from bench.house import free_port
from bench.wecom_servers import application, read_only, serve, serve_ours
from bot.app import listening

APP_ID, TOKEN = FEISHU["BULOU_FEISHU__APP_ID"], FEISHU["BULOU_FEISHU__VERIFICATION_TOKEN"]
ENCRYPT_KEY = FEISHU["BULOU_FEISHU__ENCRYPT_KEY"]


def sdk() -> web.Application:
    """As lark-oapi's documentation shows it for Flask, on aiohttp."""
    from lark_oapi.core.model import RawRequest
    from lark_oapi.event.dispatcher_handler import EventDispatcherHandler

    def heard(message: Any) -> None:
        pass

    handler = EventDispatcherHandler.builder(ENCRYPT_KEY, TOKEN).register_p2_im_message_receive_v1(heard).build()

    async def take(request: web.Request) -> web.Response:
        raw = RawRequest()
        raw.uri, raw.headers, raw.body = request.path, request.headers, await request.read()
        done = handler.do(raw)
        return web.Response(status=done.status_code, body=done.content, content_type="application/json")

    return application(PATH, take)


async def framework(level: str) -> None:
    """As nonebot2's documentation shows it; Feishu's API, which it asks at the start, is played beside it."""
    port, api = free_port(), free_port()
    async with listening(feishu(), "127.0.0.1", api):
        bot = {"app_id": APP_ID, "app_secret": "benchmark-secret", "encrypt_key": ENCRYPT_KEY}
        bots = [{**bot, "verification_token": TOKEN, "api_base": f"http://127.0.0.1:{api}"}]
        os.environ |= {"FEISHU_BOTS": json.dumps(bots), "DRIVER": "~fastapi+~httpx"}
        import nonebot
        import uvicorn
        from nonebot.adapters.feishu import Adapter
        from nonebot.log import default_format, logger

        logger.remove()  # of stdout, where only the port is wanted
        logger.add(os.devnull, level=level, format=default_format)
        nonebot.init(_env_file=None)
        nonebot.get_driver().register_adapter(Adapter)
        messages = nonebot.on_message()

        @messages.handle()
        async def heard() -> None:
            pass

        config = uvicorn.Config(nonebot.get_asgi(), "127.0.0.1", port, log_level="warning", access_log=False)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.05)
        print(port, flush=True)
        await serving


def feishu() -> web.Application:
    """What a bot framework asks Feishu before it begins."""

    async def token(request: web.Request) -> web.Response:
        return web.json_response({"code": 0, "msg": "ok", "tenant_access_token": "t-benchmark", "expire": 7200})

    async def info(request: web.Request) -> web.Response:
        bot = {"activate_status": 2, "app_name": "bench", "ip_white_list": [], "open_id": "ou_bot"}
        return web.json_response({"code": 0, "msg": "ok", "bot": {**bot, "avatar_url": "http://127.0.0.1/bot.png"}})

    app = web.Application()
    app.router.add_post("/open-apis/auth/v3/tenant_access_token/internal", token)
    app.router.add_get("/open-apis/bot/v3/info", info)
    return app


async def _main(kind: str, url: str = "", place: str = "") -> None:
    logging.basicConfig(level=logging.WARNING)
    if kind == "plain":
        await serve(application(PATH, read_only))
    elif kind == "lark":
        await serve(sdk())
    elif kind == "nonebot":
        await framework(url)
    else:
        await serve_ours(kind, url, place, FEISHU)


if __name__ == "__main__":
    if sys.argv[1] == "nonebot":  # as uvicorn would choose it by itself
        import uvloop

        uvloop.run(_main(*sys.argv[1:]))
    else:
        asyncio.run(_main(*sys.argv[1:]))
