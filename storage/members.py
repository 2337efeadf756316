"""Members: who is HR, with which role and shops; and who looks after what."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import bindparam, delete, func, select

from recruiting.chat import Person
from storage.tables import ApiToken, FollowUpRow, Member, Session, SignIn
from storage.types import random_id
from storage.unit import Unit

# Surface -> column of a member's account on it.
ACCOUNTS = {"wecom.app": "wecom", "feishu": "feishu", "wecom.bot": "wecom"}
UNIQUE = ("name", "wecom", "feishu")
ROLES = ("recruiter", "manager", "admin")
# Whoever writes is looked up by these: WeCom's userids know no case.
_BY_ACCOUNT = {
    column: select(Member).where(func.lower(Member.c[column]) == bindparam("account")).order_by(Member.c.name)
    for column in set(ACCOUNTS.values())
}


async def everybody(unit: Unit) -> list[Mapping[str, Any]]:
    """All members by name; read once a unit."""
    if unit.members is None:
        unit.members = await unit.all(select(Member).order_by(Member.c.name))
    return unit.members


async def by_account(unit: Unit, column: str, account: str) -> Mapping[str, Any] | None:
    """The member with this account on a platform (`wecom` or `feishu`)."""
    return await unit.one(_BY_ACCOUNT[column], {"account": account.lower()})


async def by_name(unit: Unit, name: str) -> Mapping[str, Any] | None:
    """The member of this name."""
    return next((member for member in await everybody(unit) if member["name"] == name), None)


async def by_id(unit: Unit, id: str | None) -> Mapping[str, Any] | None:
    """The member with this id."""
    return next((member for member in await everybody(unit) if member["id"] == id), None)


def covers(member: Mapping[str, Any], shop: str) -> bool:
    """Whether a shop lies in the member's scope."""
    return not member["shops"] or shop in member["shops"]


async def owner_of(unit: Unit, shop: str, named: str | None, *, but: Collection[str] = ()) -> Mapping[str, Any] | None:
    """Who takes a follow-up or review about `shop`: the recruiter whom the import named, else the recruiter whose scope
    holds the shop and who has the fewest open follow-ups, else nobody (it goes to HR's group). None of `but`.
    """
    members = await everybody(unit)
    if named is not None and named not in but:
        for member in members:
            if member["id"] == named:
                return member
    fitting = [m for m in members if m["role"] == "recruiter" and covers(m, shop) and m["id"] not in but]
    if not fitting:
        return None
    if not unit.load:
        counted = await unit.connection.execute(
            select(FollowUpRow.c.owner_id, func.count())
            .where(FollowUpRow.c.status == "open")
            .group_by(FollowUpRow.c.owner_id)
        )
        unit.load = {owner: count for owner, count in counted if owner is not None} or {"": 0}
    # Who knows the shop comes before who knows all shops.
    return min(fitting, key=lambda m: (unit.load.get(m["id"], 0), not m["shops"], m["name"]))


async def managers_of(unit: Unit, shop: str) -> list[Mapping[str, Any]]:
    """The managers of a shop."""
    return [m for m in await everybody(unit) if m["role"] == "manager" and m["shops"] and shop in m["shops"]]


async def put(unit: Unit, name: str, **values: Any) -> str:
    """Add a member, or change the one of that name; the id."""
    known = await by_name(unit, name)
    unit.members = None
    if known is not None:
        await unit.set(Member, {"id": known["id"]}, **values)
        return str(known["id"])
    id = random_id()
    defaults = {"wecom": None, "feishu": None, "phone": None, "locale": None, "surface": None}
    unit.add(Member, id=id, name=name, created_at=unit.now, **(defaults | values))
    await unit.flush()
    return id


async def remove(unit: Unit, name: str) -> bool:
    """Take a member away, signed in or not; their open follow-ups go back to the group. False: nobody has this name."""
    known = await by_name(unit, name)
    if known is None:
        return False
    await unit.set(FollowUpRow, {"owner_id": known["id"], "status": "open"}, owner_id=None)
    for table in (SignIn, Session):
        await unit.run(delete(table).where(table.c.member_id == known["id"]))
    await unit.run(delete(Member).where(Member.c.id == known["id"]))
    unit.members = None
    return True


async def restore(unit: Unit, before: Mapping[str, Any]) -> bool:
    """Make a member what they were before a change, or bring back who was removed. False: somebody else has the name or
    an account by now.
    """
    others = [member for member in await everybody(unit) if member["id"] != before["id"]]
    taken = any(before[column] and before[column] == each[column] for each in others for column in UNIQUE)
    if taken:
        return False
    unit.members = None
    values = {name: before[name] for name in ("name", "role", "shops", "wecom", "feishu", "phone", "locale", "surface")}
    if not await unit.set(Member, {"id": before["id"]}, **values):
        unit.add(Member, id=before["id"], created_at=unit.now, **values)
        await unit.flush()
    return True


async def tokens(unit: Unit) -> list[Mapping[str, Any]]:
    """The API tokens, without their secrets."""
    return await unit.all(select(ApiToken).order_by(ApiToken.c.name))


def address(unit: Unit, member: Mapping[str, Any]) -> Person | None:
    """Where a member is written to: where they last wrote, else wherever they can be reached."""
    for surface in (member["surface"], *ACCOUNTS):
        column = ACCOUNTS.get(surface or "")
        if column and member[column] and surface in unit.ground.surfaces:
            return Person(surface, member[column])
    return None


async def wrote_on(unit: Unit, member: Mapping[str, Any], surface: str) -> None:
    """Remember where a member last wrote: that is where cards go, if the surface takes any unasked."""
    if member["surface"] != surface and surface in unit.ground.surfaces:
        await unit.set(Member, {"id": member["id"]}, surface=surface)
