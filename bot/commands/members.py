"""`bulou member`: who is HR, with which role and shops, and on which accounts."""

from collections.abc import Mapping
from typing import Any

import click

from bot.commands.cli import Problem, Wrong, run
from bot.commands.opening import opened

ROLES = ("recruiter", "manager", "admin")
LONGEST = 64  # characters of a name
LONGEST_SHOP = 128


@click.group()
def member() -> None:
    """Say who is HR: recruiters, shop managers, admins."""


@member.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), help="What they may do; recruiter when nothing is said.")
@click.option("--shop", "shops", multiple=True, help="A shop in their scope, may be given again; none = all shops.")
@click.option("--wecom", metavar="USERID", help="Their WeCom account: the bot writes to them there.")
@click.option("--feishu", metavar="OPEN_ID", help="Their Feishu account.")
@click.option("--phone", help="Their mobile number.")
def add(
    name: str, role: str | None, shops: tuple[str, ...], wecom: str | None, feishu: str | None, phone: str | None
) -> None:
    """Add a member and print their id. Again with the same NAME: change what is given."""
    _refuse_long(name, shops)
    given = {"wecom": wecom, "feishu": feishu, "phone": _repaired(phone)}
    accounts = {column: value for column, value in given.items() if value}
    click.echo(run(_add(name.strip(), role, [shop.strip() for shop in shops], accounts)))


def _refuse_long(name: str, shops: tuple[str, ...]) -> None:
    if not name.strip() or len(name) > LONGEST or not name.isprintable():
        raise click.BadParameter(f"a name of 1 to {LONGEST} characters", param_hint="NAME")
    if any(not shop.strip() or len(shop) > LONGEST_SHOP for shop in shops):
        raise click.BadParameter(f"a shop of 1 to {LONGEST_SHOP} characters", param_hint="--shop")


def _repaired(phone: str | None) -> str | None:
    if phone is None:
        return None
    from bot.documents.phones import BadPhone, repair_phone

    try:
        return repair_phone(phone)
    except BadPhone as error:
        raise click.BadParameter("a mobile number such as 13800001234", param_hint="--phone") from error


async def _add(name: str, role: str | None, shops: list[str], accounts: Mapping[str, str]) -> str:
    from storage import members
    from storage.unit import Unit

    async def job(unit: Unit) -> str:
        known = await members.by_name(unit, name)
        values: dict[str, Any] = dict(accounts)
        values["role"] = role or (known["role"] if known else "recruiter")
        values["shops"] = shops or (known["shops"] if known else [])
        if values["role"] == "manager" and not values["shops"]:
            raise Wrong("a manager sees only their own shop: say which with --shop")
        for column in ("wecom", "feishu"):
            other = await members.by_account(unit, column, values[column]) if column in values else None
            if other is not None and other["name"] != name:
                raise Problem(f"that --{column} account belongs to {other['name']}: remove them first")
        if "phone" in values:
            values["phone"] = unit.ground.keyring.staff.seal(values["phone"], f"members.phone:{name}")
        return await members.put(unit, name, **values)

    async with opened() as house:
        return await house.write(job)


@member.command("list")
def list_() -> None:
    """List the members: name, role, shops, accounts and id."""
    for row in run(_everybody()):
        shops = ", ".join(row["shops"]) or "all shops"
        accounts = [f"{column} {row[column]}" for column in ("wecom", "feishu") if row[column]]
        click.echo("\t".join((row["name"], row["role"], shops, ", ".join(accounts) or "no account", row["id"])))


async def _everybody() -> list[Mapping[str, Any]]:
    from storage import members

    async with opened() as house:
        return await house.read(members.everybody)


@member.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove a member. What they had to do goes back to HR's group."""
    if not run(_remove(name.strip())):
        raise Problem(f"there is no member {name}: `bulou member list` names them")


async def _remove(name: str) -> bool:
    from storage import members

    async with opened() as house:
        return await house.write(lambda unit: members.remove(unit, name))
