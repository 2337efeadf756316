"""`bulou migrate` and `bulou rotate-key`: the database's schema and its key."""

import click

from bot.commands.cli import run


@click.command()
def migrate() -> None:
    """Bring the database schema up to date. Harmless when it is; on SQLite every command does it by itself."""
    from config.settings import load_settings
    from storage.migrate import head, upgrade

    run(upgrade(load_settings().database_url.get_secret_value()))
    click.echo(f"The schema is up to date ({head()}).", err=True)


@click.command("rotate-key")
def rotate_key() -> None:
    """Make a new master key and print it alone on stdout. Put it where the old one was; data stays readable.

    Running servers go on; a start with any but the newest key stops and says so.
    """
    click.echo(run(_rotate()))


async def _rotate() -> str:
    from bot.commands.opening import opened
    from storage.keys import fresh_master_key, parse_master_key, rewrap

    async with opened() as house:
        fresh = fresh_master_key()
        await rewrap(house.ground.database, house.settings.master_key_bytes, parse_master_key(fresh))
        return fresh
