"""Admins manage who is HR in chat; whoever leaves the company has no access any more, and nothing is left lying."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage import members
from storage.unit import Unit
from tests.world import Cast, World

PROCESS = Path(__file__).parents[2] / "config" / "processes" / "restaurant.yaml"


@pytest.fixture
async def feishu(sqlite_url: str, tmp_path: Path) -> AsyncIterator[World]:
    cast = Cast(hr="feishu", platforms=("wecom", "feishu"))
    async with World.open(sqlite_url, tmp_path, [PROCESS], cast) as opened:
        yield opened


async def known(world: World) -> dict[str, tuple[str, list[str]]]:
    """Who is HR: name -> role and shops."""
    async with world.bot.ground.database.reading() as connection:
        everybody = await members.everybody(Unit(connection, world.bot.ground, world.clock.now()))
    return {member["name"]: (member["role"], member["shops"]) for member in everybody}


def colleague(world: World, name: str) -> str:
    """Somebody in the company who is nobody to the bot; their account."""
    if world.cast.hr == "feishu":
        return world.sandbox.feishu.person(name).open_id
    world.sandbox.app.members.add(name.lower())
    return name.lower()


async def leave(world: World, account: str, *, told: bool = True) -> None:
    """Somebody leaves the company."""
    if world.cast.hr == "feishu":
        world.sandbox.feishu.who(account).leave_company(told=told)
    else:
        await world.sandbox.app.leave(account, told=told)
    await world.settle()


async def lock(world: World, account: str) -> None:
    """Somebody's account is locked."""
    if world.cast.hr == "feishu":
        world.sandbox.feishu.who(account).be_frozen()
    else:
        await world.sandbox.app.disable(account)
    await world.settle()


async def test_an_admin_adds_changes_and_removes(world: World) -> None:
    """Each can be undone for ten minutes; the one who was added can work at once."""
    chief = await world.member("Chief", role="admin")
    account = colleague(world, "Lin")
    said = await world.hr_says(chief, f"/member add Lin {account} recruiter 人民路店 南京路店")
    assert "Lin已加入：招聘，人民路店、南京路店" in said
    assert ("recruiter", ["人民路店", "南京路店"]) == (await known(world))["Lin"]
    assert "没有待办" in await world.hr_says(account, "/待办")
    await world.wait(seconds=2)

    said = await world.hr_says(chief, "/成员 添加 Lin 店长 人民路店")
    assert "Lin改好了：店长，人民路店。原来是招聘，人民路店、南京路店" in said
    await world.hr_taps(chief, "cancel")
    assert ("recruiter", ["人民路店", "南京路店"]) == (await known(world))["Lin"]

    assert "Lin已移除" in await world.hr_says(chief, "/成员 移除 Lin")
    assert ["Chief"] == list(await known(world))
    await world.wait(seconds=2)
    await world.hr_taps(chief, "cancel")
    assert ("recruiter", ["人民路店", "南京路店"]) == (await known(world))["Lin"]
    assert "没有待办" in await world.hr_says(account, "/待办")
    assert "Lin，招聘，人民路店、南京路店" in await world.hr_says(chief, "/成员")
    actions = [action for _, action in await world.trail() if action.startswith("member")]
    assert ["member.add", "member.change", "member.undo", "member.remove", "member.undo"] == actions


async def test_somebody_is_named_by_mentioning_them(feishu: World) -> None:
    """In Feishu @somebody is enough, in the group as in private."""
    chief = await feishu.member("Chief", role="admin")
    lin = feishu.sandbox.feishu.person("林 小雨")
    group = feishu.sandbox.feishu.hr_group
    feishu.sandbox.feishu.who(chief).say("/member add @{林 小雨} manager 人民路店", group.id, at_bot=True)
    await feishu.settle()
    assert "林 小雨已加入：店长，人民路店" in feishu.group[-1]
    lin.say("/待办")
    await feishu.settle()
    assert "没有待办" in lin.sees()[-1].text
    feishu.sandbox.feishu.who(chief).say("/成员 移除 @{林 小雨}", group.id, at_bot=True)
    await feishu.settle()
    assert ["Chief"] == list(await known(feishu))


async def test_only_admins_manage_members(world: World) -> None:
    """To others the command is not shown; the last admin cannot lock themselves out."""
    wang = await world.member("Wang")
    assert "成员由管理员来管" in await world.hr_says(wang, "/成员 移除 Wang")
    assert "/成员" not in await world.hr_says(wang, "/帮助")
    chief = await world.member("Chief", role="admin")
    assert "/成员" in await world.hr_says(chief, "/帮助")
    assert "最后一位管理员" in await world.hr_says(chief, "/成员 移除 Chief")
    assert "最后一位管理员" in await world.hr_says(chief, "/成员 添加 Chief 招聘")
    assert {"Wang", "Chief"} == set(await known(world))


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("/成员 添加", "没看出是谁"),
        ("/成员 添加 张三 招聘", "没看出是谁"),
        ("/成员 添加 lin 店长", "请写上门店"),
        ("/成员 添加 lin wang 招聘", "这个账号登记的是Wang"),
        ("/成员 移除 lin", "没有叫“lin”的成员"),
        ("/成员 提拔 lin", "请这样写"),
    ],
)
async def test_what_is_wrong_is_said(sqlite_url: str, tmp_path: Path, typed: str, told: str) -> None:
    """One sentence that helps, and nothing is changed."""
    async with World.open(sqlite_url, tmp_path, [PROCESS]) as world:
        chief = await world.member("Chief", role="admin")
        await world.member("Lin2")
        await world.member("Wang")
        if "lin wang" in typed:
            typed = typed.replace("lin wang", "Lin2 wang")
        assert told in await world.hr_says(chief, typed)
        assert {"Chief", "Lin2", "Wang"} == set(await known(world))


async def test_whoever_leaves_loses_access_at_once(world: World) -> None:
    """Their follow-ups go to a colleague, the admin hears of it, and they are a stranger."""
    chief = await world.member("Chief", role="admin")
    wang = await world.member("Wang")
    mei = await world.invite("李梅")
    await world.wait(hours=25)
    assert [["not_participated"]] == await world.follow_ups(mei)
    assert "李梅" in await world.hr_says(wang, "/待办")
    lin = await world.member("Lin")
    await leave(world, wang)
    assert {"Chief", "Lin"} == set(await known(world))
    assert "Wang已离开公司（或账号已停用），权限已取消；手上的1件待办已转给同事" in world.hr_sees(chief)[-1].text
    assert "李梅" in await world.hr_says(lin, "/待办")
    assert [["handed_over", "not_participated"]] == await world.follow_ups(mei)
    assert ("rule", "member.left") in await world.trail()


async def test_a_locked_account_has_no_access(world: World) -> None:
    """Somebody who is no member may be locked as well: that is no matter."""
    chief = await world.member("Chief", role="admin")
    wang = await world.member("Wang")
    await lock(world, colleague(world, "Somebody"))
    await lock(world, wang)
    assert ["Chief"] == list(await known(world))
    assert 1 == len([one for one in world.hr_sees(chief) if "已离开公司" in one.text])


async def test_at_night_everybody_is_looked_up(world: World) -> None:
    """Where no event told of it, the nightly look does; once a night."""
    chief = await world.member("Chief", role="admin")
    wang = await world.member("Wang")
    await world.member("Lin")
    await world.bot.leavers.sweep(world.clock.now())
    await leave(world, wang, told=False)
    assert {"Chief", "Wang", "Lin"} == set(await known(world))
    await world.bot.leavers.sweep(world.clock.now())
    assert {"Chief", "Wang", "Lin"} == set(await known(world))
    await world.wait(hours=19)
    await world.bot.leavers.sweep(world.clock.now())
    await world.settle()
    assert {"Chief", "Lin"} == set(await known(world))
    assert 1 == len([one for one in world.hr_sees(chief) if "Wang已离开公司" in one.text])


async def test_when_too_many_are_missing_nobody_is_removed(world: World) -> None:
    """More likely the app sees no contacts any more: the admins are asked to look."""
    chief = await world.member("Chief", role="admin")
    for name in ("Wang", "Lin", "Zhao"):
        await leave(world, await world.member(name), told=False)
    await world.bot.leavers.sweep(world.clock.now())
    await world.settle()
    assert {"Chief", "Wang", "Lin", "Zhao"} == set(await known(world))
    assert "4位里有3位查不到" in world.hr_sees(chief)[-1].text


async def test_the_dashboard_is_entered_by_a_link(world: World) -> None:
    """One link each time, to whoever asked for it."""
    wang = await world.member("Wang")
    await world.hr_says(wang, "/看板")
    (_, link), *_ = world.hr_sees(wang)[-1].buttons or [("", str(world.hr_sees(wang)[-1].payload))]
    assert "/dashboard/login/" in link
    assert world.bot.settings.public_url in link
    assert [("member:Wang", "dashboard.link")] == await world.trail()


async def test_in_a_group_the_dashboards_link_comes_in_private(feishu: World) -> None:
    """Whoever stands beside must not walk in."""
    wang = await feishu.member("Wang")
    person, group = feishu.sandbox.feishu.who(wang), feishu.sandbox.feishu.hr_group
    person.say("/看板", group.id, at_bot=True)
    await feishu.settle()
    assert "私发给您了" in feishu.group[-1]
    assert not any("/dashboard/login/" in str(one.payload) for one in feishu.group_messages())
    assert "/dashboard/login/" in str(person.sees()[-1].payload)


async def test_a_wrong_number_is_corrected_in_chat(world: World) -> None:
    """The new number gets the invite, the old one nothing more; before and after are in the audit log, masked."""
    wang = await world.member("Wang")
    mei = await world.invite("李梅")
    await world.wait(hours=25)
    await world.hr_taps(wang, "wrong_number")
    before = len(mei.sms)
    said = await world.hr_says(wang, "/联系方式 李梅 139 1111 2222")
    assert "李梅的联系方式改好了：…0001 → …2222" in said
    (invite,) = world.sandbox.sms.messages("+8613911112222")
    assert "AI 面试" in invite.text
    assert before == len(mei.sms)
    assert [] == await world.follow_ups(mei)
    assert "李梅" in await world.hr_says(wang, "/状态 13911112222")
    assert ["phone …0001 -> …2222"] == await world.details("contact")
    await world.wait(seconds=2)
    assert "登记的就是这个" in await world.hr_says(wang, "/联系方式 李梅 13911112222")


async def test_what_is_no_correction_is_said(world: World) -> None:
    """Somebody else's number, no number at all, nobody of that name, not their shop: a sentence each."""
    wang = await world.member("Wang", shops=["人民路店"])
    await world.invite("李梅")
    await world.invite("王芳", shop="南京路店")
    assert "登记在另一位候选人名下" in await world.hr_says(wang, "/联系方式 李梅 13800000002")
    assert "没看出手机号或邮箱" in await world.hr_says(wang, "/联系方式 李梅 12345")
    assert "没找到“王芳”" in await world.hr_says(wang, "/联系方式 王芳 13911112222")
    await world.wait(seconds=2)
    boss = await world.member("Boss", role="manager", shops=["人民路店"])
    assert "要由别的同事来定" in await world.hr_says(boss, "/联系方式 李梅 13911112222")
    assert [] == await world.details("contact")


async def test_a_correction_can_be_undone(world: World) -> None:
    """For ten minutes; then the person is found by the number from before again."""
    wang = await world.member("Wang")
    await world.invite("李梅")
    await world.hr_says(wang, "/contact 李梅 13911112222")
    await world.hr_taps(wang, "cancel")
    assert "李梅" in await world.hr_says(wang, "/状态 13800000001")
    await world.wait(seconds=2)
    await world.hr_says(wang, "/contact 李梅 mei@example.com")
    assert "李梅" in await world.hr_says(wang, "/状态 13800000001")
