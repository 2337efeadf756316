"""Eight ways in which a certificate may look. There is no national form, so each puts its fields elsewhere."""

from collections.abc import Callable, Sequence
from datetime import date
from random import Random
from typing import TYPE_CHECKING

from bot.sandbox.certificates import fonts
from bot.sandbox.certificates.people import Facts

if TYPE_CHECKING:
    from PIL.Image import Image

INK, RED, GREY, BLUE = (25, 25, 30), (190, 30, 40), (120, 120, 125), (20, 70, 150)
Rgb = tuple[int, int, int]
Layout = Callable[[Facts, Random], Sequence["Image"]]
KINDS = {"food": ("食品类", "食品从业", "食品生产经营"), "public_place": ("公共场所类", "公共场所", "公共场所服务")}
_DIGITS = "〇一二三四五六七八九"


class Sheet:
    """Paper to write on."""

    def __init__(self, width: int, height: int, paper: Rgb) -> None:
        from PIL import Image, ImageDraw

        self.image = Image.new("RGB", (width, height), paper)
        self._draw = ImageDraw.Draw(self.image)

    def write(
        self, x: int, y: int, text: str, size: int, ink: Rgb = INK, face: str = fonts.SANS, anchor: str = "la"
    ) -> None:
        """Put a text at a place."""
        self._draw.text((x, y), text, font=fonts.font(face, size), fill=ink, anchor=anchor)

    def title(self, y: int, text: str, size: int, ink: Rgb = INK) -> None:
        """Put a text into the middle."""
        self.write(self.image.width // 2, y, text, size, ink, fonts.BOLD, "ma")

    def line(self, *points: int, ink: Rgb = INK, width: int = 2) -> None:
        """Draw a line."""
        self._draw.line(points, ink, width)

    def box(
        self, left: int, top: int, right: int, bottom: int, fill: Rgb | None = None, edge: Rgb | None = None
    ) -> None:
        """Draw a rectangle."""
        self._draw.rectangle((left, top, right, bottom), fill, edge, 2)

    def portrait(self, left: int, top: int, width: int, random: Random) -> None:
        """Draw a placeholder in the place of a face: a circle over a half ellipse."""
        height = width * 4 // 3
        self.box(left, top, left + width, top + height, _tint(random, 150, 235), GREY)
        head, skin = width // 5, _tint(random, 170, 225)
        middle, neck = left + width // 2 + random.randint(-width // 20, width // 20), top + height * 2 // 5
        self._draw.ellipse((middle - head, neck - head * 5 // 4, middle + head, neck + head * 5 // 4), skin)
        shoulders = (left + width // 8, top + height * 5 // 8, left + width * 7 // 8, top + height * 11 // 8)
        self._draw.pieslice(shoulders, 180, 360, _tint(random, 20, 160))
        hair = (middle - head, neck - head * 3 // 2, middle + head, neck)
        self._draw.pieslice(hair, 180, 360, _tint(random, 10, 70))

    def code(self, left: int, top: int, width: int, content: str) -> None:
        """Draw a QR code, unless there is nothing to say in it."""
        import io

        import segno
        from PIL import Image

        if not content:
            return
        drawn = io.BytesIO()
        segno.make(content, error="m").save(drawn, kind="png", scale=8, border=2)
        with Image.open(drawn) as picture:
            self.image.paste(picture.convert("RGB").resize((width, width), Image.Resampling.NEAREST), (left, top))

    def seal(self, x: int, y: int, radius: int, issuer: str) -> None:
        """Draw a round stamp."""
        self._draw.ellipse((x - radius, y - radius, x + radius, y + radius), None, RED, 3)
        self.write(x, y, "★", radius * 2 // 3, RED, anchor="mm")
        self.write(x, y + radius // 2, issuer[:4] + "章", radius // 4, RED, anchor="mm")

    def specimen(self) -> None:
        """Write 样张 across, so that nobody can take it for a real one."""
        from PIL import Image, ImageDraw

        width, height = self.image.size
        layer = Image.new("L", (width, height), 0)
        size = min(width, height) // 3
        middle = (width // 2, height // 2)
        ImageDraw.Draw(layer).text(middle, "样 张", 46, fonts.font(fonts.BOLD, size), "mm")
        layer = layer.rotate(28, center=middle)
        self.image.paste(Image.new("RGB", (width, height), (205, 60, 60)), (0, 0), layer)


def _tint(random: Random, low: int, high: int) -> Rgb:
    return random.randint(low, high), random.randint(low, high), random.randint(low, high)


def day(value: date, form: int) -> str:
    """A date in one of the usual forms."""
    chinese = "".join(_DIGITS[int(digit)] for digit in str(value.year))
    forms = (
        f"{value.year}年{value.month:02}月{value.day:02}日",
        f"{value:%Y-%m-%d}",
        f"{value:%Y.%m.%d}",
        f"{value:%Y/%m/%d}",
        f"{value.year}年{value.month}月{value.day}日",
        f"{chinese}年{_chinese(value.month)}月{_chinese(value.day)}日",
    )
    return forms[form % len(forms)]


def _chinese(number: int) -> str:
    tens, ones = divmod(number, 10)
    return ("" if tens < 2 else _DIGITS[tens]) + ("十" if tens else "") + (_DIGITS[ones] if ones else "")


def card(facts: Facts, random: Random) -> Sequence["Image"]:
    """A plastic card: portrait to the left, fields to the right, a code below."""
    sheet = Sheet(1012, 638, (236, 245, 238))
    sheet.title(34, "健康证", 58, (10, 110, 70))
    sheet.portrait(50, 140, 220, random)
    form = random.randrange(4)
    rows = (
        f"姓名：{facts.name}",
        f"性别：{facts.sex}    年龄：{facts.age}",
        f"编号：{facts.number}",
        f"类别：{random.choice(KINDS[facts.category])}",
        f"体检日期：{day(facts.examined_on, form)}",
        f"有效期至：{day(facts.valid_until, form)}",
        f"发证单位：{facts.issuer}",
    )
    for number, row in enumerate(rows):
        sheet.write(310, 138 + number * 58, row, 34)
    sheet.code(60, 455, 160, facts.code)
    sheet.write(310, 570, f"体检结果：{facts.result}", 28, GREY)
    sheet.specimen()
    return [sheet.image]


def table(facts: Facts, random: Random) -> Sequence["Image"]:
    """A card with lines between its cells; label and value have a cell each."""
    sheet = Sheet(1100, 760, (252, 252, 250))
    sheet.title(28, "从业人员健康证明", 52)
    rows = (
        ("姓名", facts.name, "性别", facts.sex),
        ("年龄", str(facts.age), "从业类别", random.choice(KINDS[facts.category])),
        ("身份证号", facts.identity, "", ""),
        ("健康证号", facts.number, "", ""),
        ("检查结果", facts.result, "", ""),
        ("发证日期", day(facts.examined_on, 1), "", ""),
        ("有效期限", day(facts.valid_until, 1), "", ""),
        ("体检机构", facts.issuer, "", ""),
    )
    top, tall = 120, 74
    for number, (label, value, second, other) in enumerate(rows):
        y = top + number * tall
        sheet.box(40, y, 820, y + tall, None, INK)
        sheet.line(220, y, 220, y + tall)
        sheet.write(60, y + 18, label, 32)
        sheet.write(240, y + 18, value, 32)
        if second:
            sheet.line(450, y, 450, y + tall)
            sheet.line(610, y, 610, y + tall)
            sheet.write(460, y + 18, second, 32)
            sheet.write(622, y + 18, other, 30)
    sheet.portrait(850, 130, 210, random)
    sheet.code(860, 470, 190, facts.code)
    sheet.specimen()
    return [sheet.image]


def letter(facts: Facts, random: Random) -> Sequence["Image"]:
    """A page of A4 with the results of tests on it, which nobody may see."""
    sheet = Sheet(1240, 1754, (255, 255, 255))
    sheet.title(120, facts.issuer, 44)
    sheet.title(200, "从业人员健康检查合格证明", 60)
    form = random.choice((0, 4, 5))
    rows = (
        f"证号：{facts.number}",
        f"姓　　名：{facts.name}      性别：{facts.sex}      年龄：{facts.age}",
        f"身份证号码：{facts.identity}",
        f"行业类别：{random.choice(KINDS[facts.category])}",
        f"体检日期：{day(facts.examined_on, form)}",
        f"有效期至：{day(facts.valid_until, form)}",
    )
    for number, row in enumerate(rows):
        sheet.write(140, 340 + number * 84, row, 40, face=fonts.SERIF)
    sheet.portrait(880, 330, 220, random)
    tests = (
        "痢疾杆菌：阴性",
        "伤寒杆菌：阴性",
        "甲肝抗体 IgM：阴性",
        "戊肝抗体 IgM：阴性",
        "谷丙转氨酶 ALT：23 U/L",
        "胸部透视：未见异常",
    )
    sheet.write(140, 900, "检验结果", 40)
    for number, test in enumerate(tests):
        sheet.write(180, 970 + number * 66, test, 34, face=fonts.SERIF)
    sheet.write(700, 1430, f"发证机构：{facts.issuer}", 34, anchor="la")
    sheet.seal(960, 1520, 110, facts.issuer)
    sheet.code(140, 1420, 200, facts.code)
    sheet.specimen()
    return [sheet.image]


def screenshot(facts: Facts, random: Random) -> Sequence["Image"]:
    """A telephone's screen: labels to the left, values at the right edge."""
    sheet = Sheet(1080, 1920, (245, 246, 248))
    sheet.write(60, 24, "09:41", 34)
    sheet.write(940, 24, "86%", 34)
    sheet.title(110, "电子健康证", 46)
    sheet.box(40, 210, 1040, 1840, (255, 255, 255))
    sheet.portrait(430, 240, 210, random)
    rows = (
        ("姓名", facts.name),
        ("性别", facts.sex),
        ("证件号码", f"{facts.identity[:6]}********{facts.identity[-4:]}"),
        ("健康证编号", facts.number),
        ("从业类别", random.choice(KINDS[facts.category])),
        ("发证日期", day(facts.examined_on, 1)),
        ("有效期至", day(facts.valid_until, 1)),
        ("发证机构", facts.issuer),
    )
    for number, (label, value) in enumerate(rows):
        y = 570 + number * 92
        sheet.write(90, y, label, 38, GREY)
        sheet.write(990, y, value, 38, anchor="ra")
        sheet.line(90, y + 68, 990, y + 68, ink=(230, 230, 232), width=1)
    sheet.code(370, 1350, 340, facts.code)
    sheet.write(540, 1720, "请出示此码供核验", 32, GREY, anchor="ma")
    sheet.specimen()
    return [sheet.image]


def electronic(facts: Facts, random: Random) -> Sequence["Image"]:
    """A form in which each value stands beneath its label, in two columns."""
    sheet = Sheet(1080, 1320, (232, 242, 252))
    sheet.title(50, "食品从业人员健康证明" if facts.category == "food" else "公共场所从业人员健康证明", 54, BLUE)
    sheet.box(50, 160, 1030, 1260, (255, 255, 255))
    sheet.portrait(760, 200, 220, random)
    form = random.randrange(4)
    cells = (
        (100, 210, "姓名", facts.name),
        (430, 210, "性别", facts.sex),
        (100, 380, "证书编号", facts.number),
        (100, 550, "检查日期", day(facts.examined_on, form)),
        (560, 550, "有效期至", day(facts.valid_until, form)),
        (100, 720, "工种", random.choice(KINDS[facts.category])),
        (560, 720, "体检结论", facts.result),
        (100, 890, "发证单位", facts.issuer),
    )
    for x, y, label, value in cells:
        sheet.write(x, y, label, 30, GREY)
        sheet.write(x, y + 50, value, 38)
    sheet.code(730, 960, 260, facts.code)
    sheet.specimen()
    return [sheet.image]


def laminated(facts: Facts, random: Random) -> Sequence["Image"]:
    """An old card in plastic film, in the letters of a typewriter, its validity a range, with no code on it."""
    sheet = Sheet(1000, 700, (246, 238, 214))
    sheet.box(18, 18, 982, 682, None, (150, 60, 50))
    sheet.title(40, "健康检查合格证", 54, (150, 40, 40))
    begin, end = day(facts.examined_on, 2), day(facts.valid_until, 2)
    rows = (
        ("姓  名", facts.name),
        ("性  别", facts.sex),
        ("编  号", facts.number),
        ("工  种", random.choice(KINDS[facts.category])),
        ("有效期", f"{begin}至{end}"),
        ("发证单位", facts.issuer),
    )
    for number, (label, value) in enumerate(rows):
        y = 140 + number * 82
        sheet.write(70, y, label, 36, face=fonts.SERIF)
        sheet.write(250, y, value, 36, (40, 40, 90), fonts.SERIF)
        sheet.line(240, y + 56, 700, y + 56, width=1)
    sheet.portrait(740, 150, 200, random)
    sheet.seal(800, 540, 90, facts.issuer)
    sheet.specimen()
    return [sheet.image]


def two_sides(facts: Facts, random: Random) -> Sequence["Image"]:
    """A card with the person on its front and the dates on its back: two pictures."""
    front, back = Sheet(1012, 638, (240, 240, 250)), Sheet(1012, 638, (240, 240, 250))
    front.title(50, "健康证明", 60, BLUE)
    front.portrait(60, 170, 230, random)
    for number, row in enumerate((f"姓名 {facts.name}", f"性别 {facts.sex}", f"证号 {facts.number}")):
        front.write(350, 200 + number * 100, row, 42)
    form = random.randrange(4)
    rows = (
        f"从业类别：{random.choice(KINDS[facts.category])}",
        f"体检日期：{day(facts.examined_on, form)}",
        f"有效日期：{day(facts.valid_until, form)}",
        f"体检单位：{facts.issuer}",
    )
    for number, row in enumerate(rows):
        back.write(70, 90 + number * 90, row, 38)
    back.code(770, 400, 190, facts.code)
    back.write(70, 560, "注意事项：有效期满前请重新体检", 28, GREY)
    for sheet in (front, back):
        sheet.specimen()
    return [front.image, back.image]


def heading(facts: Facts, random: Random) -> Sequence["Image"]:
    """A list with the labels in its first row and the values in the second, and half of the fields above it."""
    sheet = Sheet(1400, 620, (250, 250, 246))
    sheet.title(30, "从业人员预防性健康检查合格证", 50)
    sheet.write(60, 120, f"发证机关：{facts.issuer}", 32)
    columns = (
        (60, "姓名", facts.name),
        (230, "证件编号", facts.number),
        (650, "从业类别", random.choice(KINDS[facts.category])),
        (870, "检查日期", day(facts.examined_on, 1)),
        (1120, "有效期至", day(facts.valid_until, 1)),
    )
    for y in (190, 260, 340):
        sheet.line(40, y, 1360, y)
    for x, label, value in columns:
        sheet.write(x, 204, label, 32)
        sheet.write(x, 276, value, 32)
    sheet.code(60, 370, 200, facts.code)
    sheet.portrait(1170, 365, 160, random)
    sheet.specimen()
    return [sheet.image]


LAYOUTS: dict[str, Layout] = {
    "card": card,
    "table": table,
    "letter": letter,
    "screenshot": screenshot,
    "electronic": electronic,
    "laminated": laminated,
    "two_sides": two_sides,
    "heading": heading,
}
WITHOUT_CODE = ("laminated",)
