"""Thirty made-up candidates of a made-up restaurant chain, and the list of them as HR would really send it."""

import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

COMPANY = "小满餐厅"
BATCH = "秋季门店招聘"
FILE_NAME = f"{COMPANY}{BATCH}.xlsx"
SHOPS = ("人民广场店", "静安寺店", "徐家汇店", "五角场店", "陆家嘴店")
POSITIONS = ("服务员", "收银员", "后厨", "店员")


@dataclass(frozen=True, slots=True)
class Applicant:
    """One line of HR's list. `phone` is written as HR wrote it: a number, or a text with blanks in it."""

    name: str
    phone: int | str
    position: str
    shop: str
    language: str = "中文"
    note: str = ""
    hidden: bool = False


_NAMES = (
    "王小雨 李浩然 张欣怡 刘子轩 陈思远 杨雨桐 赵俊杰 黄诗涵 周明轩 吴佳琪 "
    "徐志强 孙晓彤 胡建国 朱丽娜 高宇航 林静怡 何伟 郭晓燕 马天宇 罗梦琪 "
    "梁家豪 宋雨薇 郑凯 谢婷婷 韩磊 唐雪 冯涛 董洁 田中葵 Emma_Clark"
)
_LANGUAGES = {"田中葵": "日文", "Emma_Clark": "英文"}
_WRITTEN = {3: "138 0000 {:04}", 7: "+86 138-0000-{:04}", 12: " 1380000{:04} "}  # the rest are numbers


def applicants() -> list[Applicant]:
    """The thirty who can be invited."""
    return [
        Applicant(
            name=name.replace("_", " "),
            phone=_WRITTEN[number].format(1100 + 37 * number) if number in _WRITTEN else 13800001100 + 37 * number,
            position=POSITIONS[number % len(POSITIONS)],
            shop=SHOPS[number % len(SHOPS)],
            language=_LANGUAGES.get(name, "中文"),
            note="可周末" if number % 6 == 2 else "",
        )
        for number, name in enumerate(_NAMES.split())
    ]


def phone_of(applicant: Applicant) -> str:
    """The number as the import repairs it."""
    digits = "".join(letter for letter in str(applicant.phone) if letter.isdigit())
    return f"+86{digits[-11:]}"


def workbook() -> bytes:
    """HR's .xlsx: a merged title, the header in row 3, a number without its last digit, a hidden row, a total."""
    good = applicants()
    wrong = Applicant("沈冰", 1380000999, "服务员", SHOPS[0], note="号码抄漏一位")
    given_up = Applicant("魏强", 13800008888, "后厨", SHOPS[1], note="已去别家", hidden=True)
    listed = [*good[:8], wrong, *good[8:21], given_up, *good[21:]]
    heading = ("序号", "姓名", "手机号", "应聘岗位", "意向门店", "语言", "备注")
    rows = [
        _row(1, [f"{COMPANY} {BATCH}名单"]),
        _row(2, ["填表：人事部", "", "", "", "", "", "内部资料"]),
        _row(3, heading),
        *(_row(at, _cells(at - 3, one), hidden=one.hidden) for at, one in enumerate(listed, 4)),
        _row(len(listed) + 4, ["合计", f"{len(listed)}人"]),
    ]
    return _packed("".join(rows))


def _cells(number: int, one: Applicant) -> Sequence[str | int]:
    return (number, one.name, one.phone, one.position, one.shop, one.language, one.note)


def _row(number: int, cells: Sequence[str | int], *, hidden: bool = False) -> str:
    inner = "".join(_cell(f"{chr(ord('A') + at)}{number}", cell) for at, cell in enumerate(cells) if cell != "")
    return f'<row r="{number}"{_HIDDEN if hidden else ""}>{inner}</row>'


_HIDDEN = ' hidden="1"'


def _cell(place: str, value: str | int) -> str:
    if isinstance(value, int):
        return f'<c r="{place}"><v>{value}</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'


def _packed(rows: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _parts(rows):
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>{content}')
    return packed.getvalue()


def _parts(rows: str) -> Iterator[tuple[str, str]]:
    """The five files that make the smallest workbook there is."""
    sheets = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kinds = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    yield (
        "[Content_Types].xml",
        f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kinds}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kinds}.worksheet+xml"/></Types>',
    )
    yield (
        "_rels/.rels",
        f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="rId1" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    )
    yield (
        "xl/workbook.xml",
        f'<workbook xmlns="{sheets}" xmlns:r="{office}">'
        '<sheets><sheet name="名单" sheetId="1" r:id="rId1"/></sheets></workbook>',
    )
    yield (
        "xl/_rels/workbook.xml.rels",
        f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="rId1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
    )
    yield (
        "xl/worksheets/sheet1.xml",
        f'<worksheet xmlns="{sheets}"><sheetData>{rows}</sheetData>'
        '<mergeCells count="1"><mergeCell ref="A1:G1"/></mergeCells></worksheet>',
    )
