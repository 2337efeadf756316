"""What people hand in by mistake: things with names, dates and numbers on them that are no certificate."""

from collections.abc import Sequence
from datetime import date
from random import Random
from typing import TYPE_CHECKING

from bot.sandbox.certificates import fonts
from bot.sandbox.certificates.layouts import GREY, Sheet
from bot.sandbox.certificates.people import invent

if TYPE_CHECKING:
    from PIL.Image import Image

_DAY = date(2026, 1, 6)


def draw(random: Random, seed: int) -> Sequence["Image"]:
    """One of them."""
    facts = invent(random, _DAY)
    name, number = f"姓名：{facts.name}", f"编号：{facts.number}"
    pages: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("健康证体检预约单", (name, f"预约{number}", "预约日期：2026-02-01", "类别：食品类")),
        ("体检报告", (name, number, "体检日期：2026-01-06", "谷丙转氨酶：21 U/L", "结论：合格")),
        ("食品经营许可证", ("经营者：示例小吃店", f"许可证{number}", "有效期至：2027年01月05日", "发证机关：示例市")),
        ("食品安全培训合格证", (name, f"证书{number}", "类别：食品类", "有效期至：2027年01月05日")),
        ("收据", ("今收到体检费 120 元", f"交款人：{facts.name}", number, "2026年01月06日")),
        ("聊天", ("请问我的健康证", "什么时候可以拿？", "大概五个工作日", "好的，谢谢！")),
        ("居民身份样本", (f"姓名  {facts.name}", f"性别  {facts.sex}", f"公民身份号码  {facts.identity}")),
        ("", ()),
    )
    title, rows = pages[seed % len(pages)]
    sheet = Sheet(1000, 700, (248, 248, 244))
    if not title:
        for _ in range(60):
            left, top = random.randint(0, 900), random.randint(0, 600)
            colour = random.randint(0, 255), random.randint(0, 255), random.randint(0, 255)
            sheet.box(left, top, left + random.randint(20, 300), top + random.randint(20, 300), colour)
        return [sheet.image]
    sheet.title(50, title, 52)
    for place, row in enumerate(rows):
        sheet.write(120, 180 + place * 84, row, 36, face=fonts.SANS)
    sheet.write(120, 640, "样张，仅供测试", 26, GREY)
    sheet.specimen()
    return [sheet.image]
