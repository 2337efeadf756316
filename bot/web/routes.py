"""All that the bot answers over HTTP, in one list."""

from aiohttp import web

from bot.web.api import Api
from bot.web.callbacks import Callbacks
from bot.web.context import Context
from bot.web.dashboard import Dashboard
from bot.web.deeds import Deeds
from bot.web.desk import Desk
from bot.web.guard import LARGEST_BODY, guard
from bot.web.health import Health
from bot.web.hooks import InterviewHook
from bot.web.html import Pages
from bot.web.links import LinkPages
from bot.web.login import Login
from bot.web.metrics import Metrics
from bot.web.page import CandidatePage
from bot.web.reviews import Reviews
from bot.web.sms import SmsCallback
from bot.web.wecom_bot import WeComBot


def build_web(context: Context, callbacks: Callbacks | None = None) -> web.Application:
    """The application with all its paths; whoever runs it starts the workers."""
    app = web.Application(middlewares=[guard], client_max_size=LARGEST_BODY)
    callbacks, pages = callbacks or Callbacks(context, Metrics()), Pages(context)
    metrics, desk = callbacks.metrics, Desk(context, pages)
    for part in (
        callbacks,
        WeComBot(context, metrics),
        SmsCallback(context, metrics),
        InterviewHook(context, metrics),
        LinkPages(context, pages),
        CandidatePage(context, pages),
        Login(desk),
        Dashboard(desk),
        Reviews(desk),
        Deeds(context, pages),
        Api(context),
        Health(context, metrics),
    ):
        app.add_routes(part.routes())

    async def close(_: web.Application) -> None:
        await context.showing.close()

    app.on_cleanup.append(close)
    return app
