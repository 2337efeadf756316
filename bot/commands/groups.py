"""`bulou group`: which groups of HR's are told what, beyond those of the configuration."""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from bot.commands.cli import Problem, Wrong, run
from bot.commands.opening import opened
from recruiting.chat import Person

if TYPE_CHECKING:
    from storage.groups import Group

LONGEST = 64  # characters of a name
LONGEST_SHOP = 128
LONGEST_ADDRESS = 2_000
LONGEST_CHAT = 128
CHAT = "oc_"  # how Feishu's ids of groups begin

WECOM, FEISHU, FEISHU_ROBOT = "wecom.group", "feishu.group", "feishu.robot"
CONFIGURED = {
    WECOM: "BULOU_WECOM__GROUP_WEBHOOK",
    FEISHU: "BULOU_FEISHU__HR_CHAT_ID",
    FEISHU_ROBOT: "BULOU_FEISHU__GROUP_WEBHOOK",
}


@click.group()
def group() -> None:
    """Say which groups of HR's get alerts and follow-ups, beyond those of the configuration."""


@group.command()
@click.argument("name")
@click.option("--wecom-webhook", metavar="URL", help="The whole address of the group's robot in WeCom; it is a secret.")
@click.option("--feishu", metavar="CHAT_ID", help="The group in Feishu, oc_...; our bot must be in it.")
@click.option("--shop", "shops", multiple=True, help="A shop in its scope, may be given again; none = the rest.")
def add(name: str, wecom_webhook: str | None, feishu: str | None, shops: tuple[str, ...]) -> None:
    """Add a group and print its id. Again for the same group: change its name and shops.

    A group with shops is told what concerns only these; the groups without get the rest.
    """
    if not name.strip() or len(name) > LONGEST or not name.isprintable():
        raise click.BadParameter(f"a name of 1 to {LONGEST} characters", param_hint="NAME")
    if any(not shop.strip() or len(shop) > LONGEST_SHOP for shop in shops):
        raise click.BadParameter(f"a shop of 1 to {LONGEST_SHOP} characters", param_hint="--shop")
    person = _person(wecom_webhook, feishu)
    click.echo(run(_add(name.strip(), person, list(dict.fromkeys(shop.strip() for shop in shops)))))


def _person(webhook: str | None, chat: str | None) -> Person:
    if (webhook is None) == (chat is None):
        raise click.UsageError("say either --wecom-webhook URL or --feishu CHAT_ID")
    if webhook is not None:
        if not _is_safe(webhook):
            raise click.BadParameter(
                "the robot's whole address, from https:// to its end", param_hint="--wecom-webhook"
            )
        return Person(WECOM, webhook)
    assert chat is not None
    if not chat.startswith(CHAT) or len(chat) > LONGEST_CHAT or not chat.isprintable() or " " in chat:
        raise click.BadParameter("the group's id, oc_...", param_hint="--feishu")
    return Person(FEISHU, chat)


def _is_safe(address: str) -> bool:
    """Whether nobody on the way can read an address that is a password: https, or http that stays on this machine."""
    if len(address) > LONGEST_ADDRESS or not address.isprintable() or " " in address:
        return False
    try:
        parts = urlsplit(address)
        host, named = parts.hostname or "", parts.port != 0
    except ValueError:
        return False
    return bool(host) and named and (parts.scheme == "https" or (parts.scheme == "http" and _is_here(host)))


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


async def _add(name: str, person: Person, shops: list[str]) -> str:
    from storage import groups
    from storage.unit import Unit

    async def job(unit: Unit) -> str:
        for known in await groups.everyone(unit):
            if known.person == person and known.id is None:
                raise Problem(f"that group is {CONFIGURED[person.surface]} already and gets what no other group takes")
            if known.name == name and known.person != person:
                raise Problem(f"another group is called {name}: take another name, or `bulou group remove` it first")
        return await groups.add(unit, name, person, shops)

    async with opened() as house:
        if person.surface == FEISHU and not (house.settings.feishu and house.settings.feishu.app_id):
            raise Wrong("the Feishu app is not set up: set BULOU_FEISHU__APP_ID first; `bulou check` says what else")
        return await house.write(job)


@group.command("list")
def list_() -> None:
    """List the groups: name or variable, where, shops and id. A robot's address is a secret: only its host is shown."""
    for one in run(_everyone()):
        shops = ", ".join(one.shops) or "what no other group takes"
        click.echo("\t".join((one.name or CONFIGURED[one.person.surface], _where(one), shops, one.id or "configured")))


def _where(one: "Group") -> str:
    if one.person.surface == FEISHU:
        return f"feishu {one.person.account}"
    return f"{one.person.surface.partition('.')[0]} robot at {urlsplit(one.person.account).hostname}"


async def _everyone() -> "Sequence[Group]":
    from storage import groups

    async with opened() as house:
        return await house.read(groups.everyone)


@group.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove a group that was added. What concerns its shops goes to the groups without shops from now on."""
    if not run(_remove(name.strip())):
        raise Problem(f"there is no added group {name}: `bulou group list` names them")


async def _remove(name: str) -> bool:
    from storage import groups

    async with opened() as house:
        return await house.write(lambda unit: groups.remove(unit, name))
