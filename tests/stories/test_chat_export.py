"""/export: a table as a file, in private, with no more in it than the member may see."""

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from tests.world import Cast, World

PROCESS = Path(__file__).parents[2] / "config" / "processes" / "restaurant.yaml"


@pytest.fixture
async def feishu(sqlite_url: str, tmp_path: Path) -> AsyncIterator[World]:
    cast = Cast(hr="feishu", platforms=("wecom", "feishu"))
    async with World.open(sqlite_url, tmp_path, [PROCESS], cast) as opened:
        yield opened


def table(world: World, account: str) -> tuple[str, list[tuple[Any, ...]]]:
    """The newest file that the bot has sent to a member: its name and rows."""
    message = [one for one in world.hr_sees(account) if one.msgtype == "file"][-1]
    name, content = world.file(message)
    sheet = load_workbook(io.BytesIO(content)).active
    assert sheet is not None
    return name, [tuple(cell.value for cell in row) for row in sheet.iter_rows()]


async def test_candidates_come_as_a_workbook(world: World) -> None:
    """Everybody of the batch in the reader's words; the vault keeps it sealed, and for a day only."""
    wang = await world.member("Wang")
    await world.invite("李梅", email="mei@example.com")
    await world.invite("王芳", batch="四月")
    said = await world.hr_says(wang, "/导出 候选人 三月")
    assert "正在准备候选人" in said
    name, (header, *rows) = table(world, wang)
    assert "候选人-三月-2026-03-02.xlsx" == name
    assert ("编号", "候选人编号", "姓名", "手机", "邮箱", "岗位", "门店", "批次") == header[:8]
    ((_, _, who, phone, email, *_),) = rows
    assert ("李梅", "+8613800000001", "mei@example.com") == (who, phone, email)
    assert "AI 面试" in rows[0]
    (kept,) = Path(world.bot.settings.vault_url).iterdir()
    assert b"PK" != kept.read_bytes()[:2]
    await world.wait(days=1, minutes=1)
    await world.bot.housekeeping.sweep(world.clock.now())
    assert [] == list(Path(world.bot.settings.vault_url).iterdir())
    assert ("member:Wang", "export.candidates") in await world.trail()


async def test_scopes_hold(world: World) -> None:
    """A recruiter gets their own shops, a manager nothing, and the audit log is an admin's."""
    await world.invite("李梅", shop="人民路店")
    await world.invite("王芳", shop="南京路店")
    wang = await world.member("Wang", shops=["南京路店"])
    for asked, column, seen in (("候选人", 2, {"王芳"}), ("漏斗", 3, {1, 0}), ("消息", 3, {"sms"})):
        await world.hr_says(wang, f"/导出 {asked}")
        await world.wait(seconds=2)  # so many messages at once Feishu takes for too many
        _, (_, *rows) = table(world, wang)
        assert seen == {row[column] for row in rows}, asked
    assert "只有管理员能导出" in await world.hr_says(wang, "/导出 操作记录")
    boss = await world.member("Boss", role="manager", shops=["南京路店"])
    await world.hr_says(boss, "/导出 候选人")
    assert [] == [one for one in world.hr_sees(boss) if one.msgtype == "file"]
    chief = await world.member("Chief", role="admin")
    await world.hr_says(chief, "/导出 操作记录")
    _, (_, *rows) = table(world, chief)
    assert ["export.candidates", "export.funnel", "export.messages", "export.audit"] == [row[2] for row in rows]


async def test_without_a_name_there_are_buttons(world: World) -> None:
    """One tap is enough; a batch that there is none of is said, with nothing sent."""
    wang = await world.member("Wang")
    await world.invite("李梅")
    await world.hr_says(wang, "/导出")
    assert ["候选人", "漏斗", "消息"] == [text for text, _ in world.hr_sees(wang)[-1].buttons]
    await world.hr_taps(wang, "confirm")
    assert "李梅" in str(table(world, wang))
    assert "没有叫“五月”的批次" in await world.hr_says(wang, "/导出 消息 五月")


async def test_what_is_asked_in_a_group_comes_in_private(feishu: World) -> None:
    """Names and phones are nothing for whoever happens to be in the group."""
    wang = await feishu.member("Wang")
    await feishu.invite("李梅")
    person, group = feishu.sandbox.feishu.who(wang), feishu.sandbox.feishu.hr_group
    person.say("/导出 候选人", group.id, at_bot=True)
    await feishu.settle()
    assert "好了私发给您" in feishu.group[-1]
    assert [] == [one for one in feishu.group_messages() if one.msgtype == "file"]
    assert "李梅" in str(table(feishu, wang))


async def test_what_a_chat_cannot_hold_is_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond so many rows it says what to do instead."""
    monkeypatch.setattr("bot.workers.exports.MOST_ROWS", 1)
    wang = await world.member("Wang")
    await world.invite("李梅")
    await world.invite("王芳")
    assert "超过1行，聊天里发不下" in await world.hr_says(wang, "/导出 候选人")
    assert [] == [one for one in world.hr_sees(wang) if one.msgtype == "file"]
