"""Other processes: who takes the callbacks. `python -m bench.wecom_servers KIND [DATABASE_URL FOLDER]` says its port.

plain: aiohttp reads the body and says "success". wechatpy: verify, decrypt, parse, nothing kept. accepting: our web
application without its workers. whole: our bot with everything running.
"""

import asyncio
import logging
import sys
from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

from bench.house import WECOM, free_port, house
from bench.wecom_load import PATH
from bot.app import listening


async def read_only(request: web.Request) -> web.Response:
    """The least that one can do."""
    await request.read()
    return web.Response(text="success")


def application(path: str, handler: object) -> web.Application:
    """An application that takes callbacks at one path."""
    app = web.Application()
    app.router.add_post(path, handler)  # type: ignore[arg-type]
    return app


async def serve(app: web.Application) -> None:
    """Say the port and serve until nobody reads us any more."""
    port = free_port()
    async with listening(app, "127.0.0.1", port):
        print(port, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


async def serve_ours(kind: str, url: str, place: str, platform: Mapping[str, str]) -> None:
    """Serve our web application alone (accepting), or our bot with everything running (whole)."""
    from bot.web.routes import build_web

    async with house(url, Path(place), platform, real_time=True) as home:
        await serve(build_web(home.bot.context) if kind == "accepting" else home.bot.web())


def peer() -> web.Application:
    """As wechatpy's documentation shows it, on aiohttp."""
    from wechatpy.enterprise import parse_message
    from wechatpy.enterprise.crypto import WeChatCrypto

    crypto = WeChatCrypto(WECOM["BULOU_WECOM__TOKEN"], WECOM["BULOU_WECOM__AES_KEY"], WECOM["BULOU_WECOM__CORP_ID"])

    async def take(request: web.Request) -> web.Response:
        query = request.query
        xml = crypto.decrypt_message(await request.read(), query["msg_signature"], query["timestamp"], query["nonce"])
        parse_message(xml)
        return web.Response(text="success")

    return application(PATH, take)


async def _main(kind: str, url: str = "", place: str = "") -> None:
    logging.basicConfig(level=logging.WARNING)
    if kind == "plain":
        await serve(application(PATH, read_only))
    elif kind == "wechatpy":
        await serve(peer())
    else:
        await serve_ours(kind, url, place, WECOM)


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
