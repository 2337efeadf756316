"""A list sent to the bot: shown first, imported after a yes, and told when it is done."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from openpyxl import Workbook
from sqlalchemy import select

from bot.sandbox.record import Sent
from recruiting.chat import Incoming, Kind
from recruiting.chat import Person as Chatter
from storage import errands, intake, members
from storage.tables import ApplicationRow, Errand
from storage.unit import Unit
from tests.world import Cast, World

PROCESS = Path(__file__).parents[2] / "config" / "processes" / "restaurant.yaml"
HEADER = ("姓名", "手机", "应聘职位", "门店")
MEI = ("李梅", "13800000001", "店员", "人民路店")
FANG = ("王芳", "13800000002", "店员", "南京路店")


@pytest.fixture
async def feishu(sqlite_url: str, tmp_path: Path) -> AsyncIterator[World]:
    cast = Cast(hr="feishu", platforms=("wecom", "feishu"))
    async with World.open(sqlite_url, tmp_path, [PROCESS], cast) as opened:
        yield opened


def sheet(*rows: Sequence[object]) -> bytes:
    """An .xlsx with our header."""
    book = Workbook()
    page = book.active
    assert page is not None
    for row in (HEADER, *rows):
        page.append(list(row))
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


async def send(world: World, account: str, content: bytes, name: str = "六月.xlsx") -> str:
    """A member sends the bot a file; the text of what comes back."""
    before = len(world.hr_sees(account))
    if world.cast.hr == "feishu":
        world.sandbox.feishu.who(account).send_file(name, content)
    else:
        await world.sandbox.app.send_file(account, name, content)
    await world.settle()
    return "\n".join(message.text for message in world.hr_sees(account)[before:])


def files(world: World, account: str) -> list[tuple[str, bytes]]:
    """The files that the bot has sent to a member: name and content."""
    return [world.file(message) for message in world.hr_sees(account) if message.msgtype == "file"]


def vault(world: World) -> list[Any]:
    """What lies in the vault."""
    return list(Path(world.bot.settings.vault_url).iterdir())


async def rows(world: World, table: Any) -> list[Any]:
    async with world.bot.ground.database.reading() as connection:
        return [row for (row,) in await connection.execute(select(table))]


async def test_a_list_is_shown_and_imported_after_a_yes(world: World) -> None:
    """Numbers, mistakes, what is sent and when; nothing happens before the yes, and everything once after it."""
    wang = await world.member("Wang")
    said = await send(world, wang, sheet(MEI, FANG, ("赵六", "123", "店员", "人民路店")))
    assert "读到3行：新增2人（其中0人联系不上），已有0人，有问题1行" in said
    assert "2人收到AI 面试的邀请，走短信，马上发" in said
    assert "第4行：手机号不对" in said
    assert "导入“六月”" in str([(message.text, message.payload) for message in world.hr_sees(wang)])
    assert [] == await rows(world, ApplicationRow.c.id)
    await world.hr_taps(wang, "confirm")
    assert "导入完成：新增2人（其中0人联系不上），已有0人，有问题1行" in world.hr_sees(wang)[-1].text
    assert {"人民路店", "南京路店"} == set(await rows(world, ApplicationRow.c.shop))
    assert 1 == len(world.sandbox.sms.messages("+8613800000001"))
    assert [("member:Wang", "import"), ("member:Wang", "import.done")] == await world.trail()


async def test_the_rows_with_mistakes_come_back_as_a_file(world: World) -> None:
    """The same file as the command writes: row, reason, and the row itself."""
    wang = await world.member("Wang")
    await send(world, wang, sheet(MEI, ("赵六", "123", "店员", "人民路店"), ("钱七", "13800000003", "飞行员", "")))
    ((name, content),) = files(world, wang)
    told = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert "errors.csv" == name
    assert ["row", "reason", *HEADER] == told[0]
    assert [["3", "bad phone"], ["4", "no process takes this position: 飞行员"]] == [row[:2] for row in told[1:]]


async def test_the_same_list_again_brings_nothing_new(world: World) -> None:
    """It says so, asks nothing and keeps nothing."""
    wang = await world.member("Wang")
    await send(world, wang, sheet(MEI, FANG))
    await world.hr_taps(wang, "confirm")
    said = await send(world, wang, sheet(MEI, FANG))
    assert "这份名单里的2人都已经在了，没有新的" in said
    assert [] == [button for button in world.hr_sees(wang)[-1].buttons if button[1].startswith("confirm")]
    assert [] == vault(world)


async def test_a_no_destroys_the_list(world: World) -> None:
    """While it waits it lies sealed in the vault; after the no nothing does."""
    wang = await world.member("Wang")
    await send(world, wang, sheet(MEI))
    (kept,) = vault(world)
    assert b"PK" != kept.read_bytes()[:2]
    toast = await world.hr_taps(wang, "cancel")
    assert "没有导入" in toast + world.hr_sees(wang)[-1].text
    assert [] == vault(world)
    assert [] == await rows(world, ApplicationRow.c.id)


async def test_a_yes_counts_once_and_not_after_a_week(world: World) -> None:
    """Pressed twice it is answered in a sentence; after a week the list is gone, and it says so."""
    wang = await world.member("Wang")
    await send(world, wang, sheet(MEI))
    card = world.hr_sees(wang)[-1]
    keys = {key.partition(":")[0]: key for _, key in card.buttons}
    await world.wait(days=7, minutes=1)
    assert [] == vault(world)
    assert "超过7天没有确认" in await press(world, wang, card, keys["confirm"])
    await send(world, wang, sheet(MEI))
    card = world.hr_sees(wang)[-1]
    key = next(key for _, key in card.buttons if key.startswith("confirm"))
    await press(world, wang, card, key)
    assert "已经在导入，或者导入完了" in await press(world, wang, card, key)
    assert 1 == len(await rows(world, ApplicationRow.c.id))


async def press(world: World, account: str, card: Sent, key: str) -> str:
    """A member presses a button, whatever its card shows by now; the words that come back."""
    before = len(world.hr_sees(account))
    card.label = ""
    if world.cast.hr == "feishu":
        person = world.sandbox.feishu.who(account)
        incoming = Incoming(
            f"again-{card.msgid}-{before}", Chatter("feishu", person.open_id), Kind.TAP, world.clock.now(), key=key
        )
        said = await world.bot.callbacks.feishu_answer([incoming])
        await world.settle()
        return str(orjson.loads(said).get("toast", {}).get("content", ""))
    await world.sandbox.app.tap(account, card.task_id, key)
    await world.settle()
    return "\n".join(message.text for message in world.hr_sees(account)[before:])


async def test_a_recruiter_imports_for_their_own_shops(world: World) -> None:
    """Rows of other shops are not taken, and say why; a manager is told who imports."""
    wang = await world.member("Wang", shops=["人民路店"])
    said = await send(world, wang, sheet(MEI, FANG))
    assert "新增1人" in said
    assert "第3行：不是您的门店（南京路店）" in said
    await world.hr_taps(wang, "confirm")
    assert ["人民路店"] == await rows(world, ApplicationRow.c.shop)
    boss = await world.member("Boss", role="manager", shops=["人民路店"])
    assert "名单要由招聘同事来导入" in await send(world, boss, sheet(MEI))


PROTECTED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("照片.xlsx", b"\x89PNG and so on" * 20, "这不是 .xlsx 工作簿"),
        ("六月.xlsx", PROTECTED, "文件有密码保护"),
        ("六月.xlsx", sheet()[:900], "文件已损坏或不完整"),
        ("六月.csv", "姓名\n李梅\n".encode(), "找不到表头"),
        ("六月.csv", "姓名,手机\n".encode(), "没有能导入的人"),
    ],
)
async def test_what_is_no_list_is_answered_in_a_sentence(feishu: World, name: str, content: bytes, told: str) -> None:
    """Each says what to do, and nothing of it is kept."""
    wang = await feishu.member("Wang")
    said = await send(feishu, wang, content, name)
    assert told in said
    assert [] == vault(feishu)


async def test_in_quiet_hours_it_says_when_they_are_written_to(world: World) -> None:
    """At eleven in the evening nothing leaves before eight."""
    wang = await world.member("Wang")
    await world.wait(hours=14)
    said = await send(world, wang, sheet(MEI))
    assert "走短信，明天(3月3日)08:00以后发" in said
    await world.hr_taps(wang, "confirm")
    assert [] == world.sandbox.sms.messages("+8613800000001")
    await world.wait(hours=9, minutes=1)
    assert 1 == len(world.sandbox.sms.messages("+8613800000001"))


async def test_in_a_group_a_file_is_named_by_answering_it(feishu: World) -> None:
    """Nobody can mention the bot with a file: @bot and a word under it do. Rows with mistakes come in private."""
    wang = await feishu.member("Wang")
    person, group = feishu.sandbox.feishu.who(wang), feishu.sandbox.feishu.hr_group
    feishu.sandbox.feishu.app.scopes.add("im:message.group_msg")
    message = person.send_file("七月.xlsx", sheet(MEI, ("赵六", "123", "店员", "")), group.id)
    person.say("导入", group.id, at_bot=True, answering=message)
    await feishu.settle()
    assert "新增1人" in feishu.group[-1]
    ((name, _),) = files(feishu, wang)
    assert "errors.csv" == name
    card = feishu.group_messages()[-1]
    key = next(key for _, key in card.buttons if key.startswith("confirm"))
    await feishu.feishu_tap(person, card, key)
    assert "导入完成：新增1人" in feishu.group[-1]


async def test_a_list_goes_on_where_it_stopped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process stumbles in the middle: nobody is opened twice or left out, and the numbers are right."""
    wang = await world.member("Wang")
    people = [(f"候选人{number}", f"139{number:08}", "店员", "人民路店") for number in range(7)]
    await send(world, wang, sheet(*people))
    monkeypatch.setattr("bot.workers.imports.PART", 2)
    real, calls = intake.open_many, []

    async def stumbling(*given: Any, **named: Any) -> Any:
        outcomes = await real(*given, **named)
        calls.append(len(outcomes))
        if len(calls) == 3:
            raise OSError("the disk is full")
        return outcomes

    monkeypatch.setattr(intake, "open_many", stumbling)
    await world.hr_taps(wang, "confirm")
    assert 4 == len(await rows(world, ApplicationRow.c.id))
    assert not [message for message in world.hr_sees(wang) if "导入完成" in message.text]
    await world.wait(minutes=3)
    assert "导入完成：新增7人" in world.hr_sees(wang)[-1].text
    assert [2, 2, 2, 2, 1] == calls
    assert 7 == len(await rows(world, ApplicationRow.c.id))
    assert [] == vault(world)


async def test_what_fails_again_and_again_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The third time it is given up, and the list is destroyed."""
    wang = await world.member("Wang")
    await send(world, wang, sheet(MEI))

    async def broken(*given: Any, **named: Any) -> Any:
        raise OSError("the disk is full")

    monkeypatch.setattr(intake, "open_many", broken)
    await world.hr_taps(wang, "confirm")
    await world.wait(minutes=3)
    await world.wait(minutes=3)
    assert "没处理成" in world.hr_sees(wang)[-1].text
    assert [] == vault(world)
    assert [] == await rows(world, ApplicationRow.c.id)


async def test_who_is_no_member_any_more_imports_nothing(world: World) -> None:
    """Between the yes and the list somebody may have been removed."""
    wang = await world.member("Wang")
    await send(world, wang, sheet(MEI))
    errand = (await rows(world, Errand.c.id))[0]

    async def job(unit: Unit) -> None:
        found = await errands.by_id(unit, errand)
        assert found is not None
        await errands.move(unit, found, errands.CONFIRMED, due_at=unit.now)
        await members.remove(unit, "Wang")

    await world.bot.dispatch.within(job, world.clock.now())
    await world.settle()
    assert [] == await rows(world, ApplicationRow.c.id)
    assert [] == vault(world)
