"""/member: who is HR, managed by admins in chat; and what happens when somebody leaves the company."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from handlers.hr import undo
from handlers.hr.errands import place
from handlers.hr.scope import COMMANDS, actor
from handlers.routing import Routes, Turn, Values
from recruiting.chat import Incoming, Kind
from recruiting.model import Purpose
from recruiting.process import Role
from storage import errands, leaving, members, trail
from storage.groups import owe_groups
from storage.types import SealedBytes
from storage.unit import Unit

routes = Routes()

LISTED = 30
LONGEST = 64  # characters of a name or an account
LONGEST_SHOP = 128
SHOPS = 100
RULE = "rule"  # who takes access away when the platform says that somebody has left

_VERBS: Mapping[str, tuple[str, ...]] = {
    "list": ("list", "列表", "名单", "一覧", ""),
    "add": ("add", "添加", "加", "新增", "改", "change", "追加", "変更"),
    "remove": ("remove", "delete", "移除", "删除", "去掉", "削除"),
}
_ROLES: Mapping[str, tuple[str, ...]] = {
    Role.RECRUITER.value: ("recruiter", "hr", "招聘", "招聘官", "招聘专员", "採用", "採用担当"),
    Role.MANAGER.value: ("manager", "店长", "面试官", "店長"),
    Role.ADMIN.value: ("admin", "管理员", "管理者"),
}
_ALL = frozenset({"all", "全部", "全部门店", "所有", "全店舗"})
_USERID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
_GAPS = re.compile(r"[\s,，、;；]+")
_KEPT = ("id", "name", "role", "shops", "wecom", "feishu", "locale", "surface")
_COMPARED = ("name", "role", "shops", "wecom", "feishu")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was typed behind add: who, on which account, as what, for which shops. None: as it is."""

    name: str
    account: str
    role: str | None
    shops: Sequence[str] | None


@routes.command("member", COMMANDS["member"])
async def manage(turn: Turn) -> None:
    """List, add, change, remove."""
    assert turn.member is not None
    if turn.member["role"] != Role.ADMIN.value:
        turn.reply("member.only_admins")
        return
    word, _, rest = turn.argument.strip().partition(" ")
    verb = next((verb for verb, names in _VERBS.items() if word.casefold() in names), None)
    match verb:
        case "list":
            await _list(turn)
        case "add":
            await _add(turn, _read(turn.incoming, rest))
        case "remove":
            await _remove(turn, rest)
        case _:
            turn.reply("command.wrong_usage", usage={"$say": "command.usage.member"})


async def take_back(turn: Turn) -> None:
    """As it was before the change, unless somebody has changed it since."""
    assert turn.member is not None
    if turn.member["role"] != Role.ADMIN.value or undo.too_late(turn):
        return
    kept = await errands.by_id(turn.unit, undo.details_of(turn)[0])
    if kept is None or not kept.words or kept.status != errands.KEPT:
        undo.done(turn, undone=False)
        return
    before, after = kept.words["before"], kept.words["after"]
    now = await members.by_id(turn.unit, (after or before)["id"])
    undone = _same(now, after) and await _restore(turn.unit, before, after)
    if undone:
        await errands.move(turn.unit, kept, errands.DONE)
        trail.note(turn.unit, actor(turn), "member.undo", (before or after)["id"])
    undo.done(turn, undone=undone)


# --- listing and adding ---------------------------------------------------------------------------------------------


async def _list(turn: Turn) -> None:
    everybody = await members.everybody(turn.unit)
    lines: list[tuple[str, Values]] = []
    for member in everybody[:LISTED]:
        accounts = [f"{column} {member[column]}" for column in ("wecom", "feishu") if member[column]]
        told = "，".join(accounts) or {"$say": "member.no_account"}
        lines.append(("member.list.line", {"name": member["name"], **_told(member), "accounts": told}))
    if len(everybody) > LISTED:
        lines.append(("member.list.more", {"count": len(everybody) - LISTED}))
    turn.reply("member.list.head", count=len(everybody), lines=lines)


async def _add(turn: Turn, wanted: Wanted | None) -> None:
    if wanted is None:
        turn.reply("member.who")
        return
    unit = turn.unit
    known = await members.by_name(unit, wanted.name)
    column, account = _account(turn, wanted, known)
    if known is None and not account:
        turn.reply("member.who")
        return
    other = await members.by_account(unit, column, account) if account else None
    if other is not None and known is None:
        known = other  # the same account under its own name
    elif other is not None and known is not None and other["id"] != known["id"]:
        turn.reply("member.taken", name=other["name"])
        return
    role = wanted.role or (known["role"] if known else Role.RECRUITER.value)
    shops = list(wanted.shops) if wanted.shops is not None else list(known["shops"]) if known else []
    if role == Role.MANAGER.value and not shops:
        turn.reply("member.needs_shop")
    elif len(wanted.name) > LONGEST or len(shops) > SHOPS or any(len(shop) > LONGEST_SHOP for shop in shops):
        turn.reply("member.too_long")
    elif known is not None and role != Role.ADMIN.value and await _is_last_admin(unit, known):
        turn.reply("member.last_admin")
    else:
        values: dict[str, Any] = {"role": role, "shops": shops} | ({column: account} if account else {})
        await _put(turn, known, known["name"] if known else wanted.name, values)


async def _put(turn: Turn, known: Mapping[str, Any] | None, name: str, values: Mapping[str, Any]) -> None:
    id = await members.put(turn.unit, name, **values)
    after = await members.by_id(turn.unit, id)
    assert after is not None
    trail.note(turn.unit, actor(turn), "member.change" if known else "member.add", id, f"{values['role']}")
    offers = [await _offer(turn, known, after)]
    if known is None:
        turn.reply("member.added", name=name, **_told(after), offers=offers)
    else:
        before = {f"{what}_before": value for what, value in _told(known).items()}
        turn.reply("member.changed", name=name, **_told(after), **before, offers=offers)


def _told(member: Mapping[str, Any]) -> dict[str, Any]:
    shops = "、".join(member["shops"]) or {"$say": "member.all_shops"}
    return {"role": {"$say": f"member.role.{member['role']}"}, "shops": shops}


def _read(incoming: Incoming, rest: str) -> Wanted | None:
    """Who is meant: somebody mentioned, an account, or a name and an account; then role and shops."""
    rest = rest.strip()
    for name, account in incoming.mentions.items():
        bare = rest.lstrip("@＠")
        if bare.startswith(name):
            return _wanted(name, account, _GAPS.split(bare[len(name) :].strip()))
    words = [word for word in _GAPS.split(rest) if word]
    if not words:
        return None
    at = next((at for at, word in enumerate(words[:3]) if at and _role(word)), 1)
    name, account = words[0].lstrip("@＠"), words[at - 1].lstrip("@＠")
    return _wanted(name, account, words[at:]) if at <= 2 and name else None


def _wanted(name: str, account: str, words: Sequence[str]) -> Wanted:
    words = [word for word in words if word]
    role = _role(words[0]) if words else None
    shops: Sequence[str] | None = words[1:] if role else words
    if not shops:
        shops = None
    elif any(shop.casefold() in _ALL for shop in shops):
        shops = []
    return Wanted(name, account, role, shops)


def _role(word: str) -> str | None:
    return next((role for role, names in _ROLES.items() if word.casefold() in names), None)


def _account(turn: Turn, wanted: Wanted, known: Mapping[str, Any] | None) -> tuple[str, str]:
    """The column and the account; empty where only a known name was typed."""
    if wanted.account.startswith("ou_"):
        return "feishu", wanted.account
    if wanted.account == wanted.name and known is not None:
        return "wecom", ""
    if "wecom.app" not in turn.unit.ground.surfaces and turn.incoming.sender.surface.startswith("feishu"):
        return "feishu", ""
    return "wecom", wanted.account if _USERID.fullmatch(wanted.account) else ""


# --- removing -------------------------------------------------------------------------------------------------------


async def _remove(turn: Turn, rest: str) -> None:
    said = rest.strip().lstrip("@＠")
    account = next((account for name, account in turn.incoming.mentions.items() if said.startswith(name)), said)
    known = await members.by_name(turn.unit, said)
    for column in ("wecom", "feishu"):
        known = known or (await members.by_account(turn.unit, column, account) if account else None)
    if known is None:
        turn.reply("member.unknown", name=said[:LONGEST])
    elif await _is_last_admin(turn.unit, known):
        turn.reply("member.last_admin")
    else:
        count = await leaving.leave(turn.unit, known, actor(turn))
        trail.note(turn.unit, actor(turn), "member.remove", known["id"], f"handed_on={count}")
        offers = [await _offer(turn, known, None)]
        turn.reply("member.removed", name=known["name"], count=count, offers=offers)


async def _is_last_admin(unit: Unit, member: Mapping[str, Any]) -> bool:
    admins = [each["id"] for each in await members.everybody(unit) if each["role"] == Role.ADMIN.value]
    return admins == [member["id"]]


# --- undoing --------------------------------------------------------------------------------------------------------


async def _offer(turn: Turn, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Any:
    assert turn.member is not None
    words = {"before": _kept(before), "after": _kept(after)}
    id = await errands.add(turn.unit, errands.MEMBER, turn.member["id"], place(turn), words, status=errands.KEPT)
    return undo.offer("member", id)


def _kept(member: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if member is None:
        return None
    phone = base64.b64encode(member["phone"]).decode() if member["phone"] else ""
    return {name: member[name] for name in _KEPT} | {"phone": phone}


def _same(now: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> bool:
    if now is None or after is None:
        return now is None and after is None
    return all(now[name] == after[name] for name in _COMPARED)


async def _restore(unit: Unit, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> bool:
    """False: the name or an account has been given to somebody else meanwhile."""
    if before is None:
        assert after is not None
        return await members.remove(unit, after["name"])
    phone = SealedBytes(base64.b64decode(before["phone"])) if before["phone"] else None
    return await members.restore(unit, {**before, "phone": phone})


# --- leaving the company --------------------------------------------------------------------------------------------


@routes.on("left")
async def left(turn: Turn) -> None:
    """The platform says that somebody has left, or that their account is locked: access ends now."""
    assert turn.member is not None
    await gone(turn.unit, turn.member, turn.cause)


async def gone(unit: Unit, member: Mapping[str, Any], cause: str) -> None:
    """Take access away, hand on what was open, and tell the admins."""
    count = await leaving.leave(unit, member, RULE)
    trail.note(unit, RULE, "member.left", member["id"], f"handed_on={count}")
    await tell_admins(unit, cause, "member.left", name=member["name"], count=count)


async def tell_admins(unit: Unit, cause: str, text: str, **values: Any) -> None:
    """Each admin in private; where there is none who can be written to, HR's groups."""
    box = await unit.ground.days.existing(unit.connection, unit.ground.today(unit.now))
    told = False
    for admin in await members.everybody(unit):
        who = members.address(unit, admin)
        if admin["role"] == Role.ADMIN.value and who is not None:
            incoming = Incoming(cause, who, Kind.LEFT, unit.now)
            Turn(unit, incoming, f"{cause}/{admin['id']}", None, None, admin, box).reply(text, **values)
            told = True
    if not told:
        said = {"values": values, "lines": [], "fields": [], "offers": [], "welcome_code": ""}
        today = unit.ground.today(unit.now)
        await owe_groups(
            unit,
            box,
            promise=f"{cause}/groups",
            start="reply",
            purpose=Purpose.NOTICE,
            text=text,
            values=said,
            day=today,
        )
