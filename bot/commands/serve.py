"""`bulou run`, `bulou demo`, `bulou sandbox`: what keeps running until it is asked to stop."""

import contextlib
import gc
from collections.abc import Iterator

import click

from bot.commands.cli import Wrong
from bot.commands.cli import run as finish

HOST = "127.0.0.1"
PORTS = click.IntRange(1, 65535)


@click.command()
@click.option("--host", default=HOST, show_default=True, help="Where to listen; 0.0.0.0 = on every network.")
@click.option("--port", type=PORTS, default=8000, show_default=True, help="The port to listen on.")
def run(host: str, port: int) -> None:
    """Run the server. `GET /readyz` answers 200 once it is up; Ctrl+C or SIGTERM ends it in order."""
    from bot import logs

    logs.configure()
    finish(_run(host, port))


async def _run(host: str, port: int) -> None:
    with _loading():
        from bot.app import serve
        from bot.commands.opening import opened

    async with opened() as house:
        await serve(house.settings, house.ground, host, port)


@contextlib.contextmanager
def _loading() -> Iterator[None]:
    """Modules stay to the end: looking for garbage among them while they load is a sixth of the start."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@click.command()
@click.option("--port", type=PORTS, default=8080, show_default=True, help="The port of the page.")
@click.option("--no-browser", is_flag=True, help="Do not open the page in the browser.")
def demo(port: int, no_browser: bool) -> None:
    """Play everything on this machine: the bot, a candidate's phone, HR's side and the clock. Nothing is kept."""
    from bot import logs
    from bot.commands.demo import demo as play

    logs.configure(level=30)  # warnings: what happens is seen on the page
    finish(play(port, browser=not no_browser))


@click.command()
@click.option("--host", default=HOST, show_default=True, help="Where to listen.")
@click.option("--port", type=PORTS, default=9000, show_default=True, help="The port to listen on.")
@click.option("--bot-url", default="http://127.0.0.1:8000", show_default=True, help="Where the bot takes callbacks.")
def sandbox(host: str, port: int, bot_url: str) -> None:
    """Run only the simulated platforms. What a bot must be told to talk to them is printed as BULOU_... variables."""
    from bot import logs
    from bot.sandbox import serve

    logs.configure()
    try:
        with contextlib.suppress(KeyboardInterrupt):
            finish(serve(host, port, bot_url))
    except OSError as error:
        why = error.strerror or "refused"
        raise Wrong(f"cannot listen on {host}:{port}: {why}; choose another --port") from error
