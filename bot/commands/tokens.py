"""`bulou token`: programs' access to the API."""

from collections.abc import Mapping
from typing import Any

import click

from bot.commands.cli import Problem, run
from bot.commands.opening import opened

LONGEST = 64  # characters of a name


@click.group()
def token() -> None:
    """Give programs access to the API, and take it away."""


@token.command()
@click.argument("name")
@click.option(
    "--scope", type=click.Choice(("read", "write")), default="read", show_default=True, help="What it may do."
)
@click.option("--shop", "shops", multiple=True, help="A shop that it sees, may be given again; none = all shops.")
def create(name: str, scope: str, shops: tuple[str, ...]) -> None:
    """Make a token and print it alone on stdout. It is shown this once: only a digest is kept."""
    if not name.strip() or len(name) > LONGEST or not name.isprintable():
        raise click.BadParameter(f"a name of 1 to {LONGEST} characters", param_hint="NAME")
    made = run(_create(name.strip(), scope, [shop.strip() for shop in shops]))
    if made is None:
        raise Problem(f"there is a token {name} already: choose another name, or revoke it first")
    click.echo(made)


async def _create(name: str, scope: str, shops: list[str]) -> str | None:
    from storage import tokens

    async with opened() as house:
        return await house.write(lambda unit: tokens.create(unit, name, scope, shops))


@token.command("list")
def list_() -> None:
    """List the tokens in use: name, scope, shops and since when. The tokens themselves are not kept."""
    for row in run(_everyone()):
        shops = ", ".join(row["shops"]) or "all shops"
        click.echo("\t".join((row["name"], row["scope"], shops, row["created_at"].date().isoformat())))


async def _everyone() -> list[Mapping[str, Any]]:
    from storage import tokens

    async with opened() as house:
        return await house.read(tokens.everyone)


@token.command()
@click.argument("name")
def revoke(name: str) -> None:
    """Let a token open nothing from now on."""
    if not run(_revoke(name.strip())):
        raise Problem(f"there is no token {name} in use: `bulou token list` names them")


async def _revoke(name: str) -> bool:
    from storage import tokens

    async with opened() as house:
        return await house.write(lambda unit: tokens.revoke(unit, name))
