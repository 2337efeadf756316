"""`bulou audit`: the promise in the product's name, proved on the live database."""

from collections.abc import AsyncIterator

import click

from bot.commands.cli import run
from bot.commands.opening import Opened, opened


@click.command()
def audit() -> int:
    """Prove that every open application has what happens next, and that nothing received or promised is stuck.

    Prints a line for each problem; exit code 1 when there is one. May run beside the server.
    """
    return int(run(_audit()))


async def _audit() -> int:
    problems = 0
    async with opened() as house:
        async for line in _problems(house):
            problems += 1
            click.echo(line)
    if not problems:
        click.echo("Nobody has slipped through.", err=True)
    return 1 if problems else 0


async def _problems(house: Opened) -> AsyncIterator[str]:
    from storage import audit
    from storage.unit import Unit

    async with house.ground.database.reading() as connection:
        unit = Unit(connection, house.ground, house.clock.now())
        for line in await audit.stuck(unit):
            yield line
        async for id in audit.doubtful(unit):
            for wrong in await house.write(lambda unit, id=id: audit.wrong_with(unit, id)):  # type: ignore[misc]
                yield f"application {id}: {wrong}"
