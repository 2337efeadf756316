"""/healthz, /readyz and /metrics: whether the process lives, whether it can work, and how much waits."""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from bot.errors import GiveUp, TryLater
from bot.platforms.base import Platform
from bot.web.context import Context
from bot.web.metrics import Metrics
from storage.digests import contact_seconds
from storage.migrate import pending
from storage.reports import backlog
from storage.url import Unavailable

LOOKED_FOR = 30.0  # seconds for which what was found about a platform holds
PATIENCE = 3.0  # seconds


class Health:
    """Answers without secrets, addresses or personal data."""

    def __init__(self, context: Context, metrics: Metrics) -> None:
        self.context = context
        self.metrics = metrics
        self._up_to_date = False
        self._platforms: dict[str, str] = {}
        self._looked_at: float | None = None
        self._looking = asyncio.Lock()

    def routes(self) -> list[web.RouteDef]:
        """The paths that are answered here."""
        return [
            web.get("/healthz", self.alive),
            web.get("/readyz", self.ready),
            web.get("/metrics", self.tell_metrics),
        ]

    async def alive(self, _: web.Request) -> web.Response:
        """The process answers."""
        return web.json_response({"status": "ok"})

    async def ready(self, _: web.Request) -> web.Response:
        """Whether work can be done. A platform that is away is named, and is no reason to be taken out of service."""
        state = {"database": await self._database()}
        state["migrations"] = await self._migrations() if state["database"] == "ok" else "unknown"
        ready = set(state.values()) == {"ok"}
        body = {"status": "ok" if ready else "unavailable", **state, "platforms": await self._reached()}
        return web.json_response(body, status=200 if ready else 503, headers={"Cache-Control": "no-store"})

    async def _database(self) -> str:
        try:
            await self.context.ground.database.ping()
        except Unavailable:
            return "unreachable"
        return "ok"

    async def _migrations(self) -> str:
        """A schema that was up to date once stays so for as long as this program runs."""
        if not self._up_to_date:
            url = self.context.ground.database.url
            try:
                self._up_to_date = not await pending(url.render_as_string(hide_password=False))
            except Unavailable:
                return "unknown"
        return "ok" if self._up_to_date else "missing"

    async def _reached(self) -> Mapping[str, str]:
        """How the platforms are; asked at most twice a minute, however often we are."""
        loop = asyncio.get_running_loop()
        async with self._looking:
            if self._looked_at is None or loop.time() - self._looked_at >= LOOKED_FOR:
                found = await asyncio.gather(*(_reach(each) for each in self.context.platforms.values()))
                self._platforms = dict(zip(self.context.platforms, found, strict=True))
                self._looked_at = loop.time()
        return self._platforms

    async def tell_metrics(self, _: web.Request) -> web.Response:
        """Numbers for Prometheus."""
        async with self.context.ground.database.reading() as connection:
            waiting = await backlog(connection, self.context.now())
            contact = await contact_seconds(connection, self.context.now())
        lines = self.metrics.lines()
        for name, count in waiting.items():
            lines += [f"# TYPE bulou_{name} gauge", f"bulou_{name} {count}"]
        if contact is not None:
            lines += [
                "# TYPE bulou_first_contact_median_seconds gauge",
                f"bulou_first_contact_median_seconds {contact:.0f}",
            ]
        return web.Response(
            body=("\n".join(lines) + "\n").encode(),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8", "Cache-Control": "no-store"},
        )


async def _reach(platform: Platform) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            return await platform.check()
    except TimeoutError:
        return "unreachable: no answer"
    except (TryLater, GiveUp) as error:
        return f"unreachable: {error.reason}"
