"""The fields of a certificate out of its lines: by their labels, wherever they stand. Works on recorded lines too."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import TypeVar

from bot.documents.reading.dates import dates_in, last_day, says_one_year
from bot.documents.reading.lines import Line
from recruiting.certificates import Category

T = TypeVar("T")


class Field(StrEnum):
    """What a label announces."""

    NAME = "name"
    NUMBER = "number"
    CATEGORY = "category"
    EXAMINED = "examined"
    ISSUED = "issued"
    UNTIL = "until"
    ISSUER = "issuer"
    OTHER = "other"  # nothing that we may read: it ends the value before it


LABELS: dict[Field, tuple[str, ...]] = {
    Field.NAME: ("姓名", "持证人姓名", "持证人"),
    Field.NUMBER: (
        *("编号", "证号", "健康证号", "健康证号码", "健康证编号", "健康证明编号", "证书编号", "证书号", "证书号码"),
        *("证件编号", "合格证编号", "合格证号", "证明编号", "发证编号", "证照编号", "卡号"),
    ),
    Field.CATEGORY: (
        *("类别", "从业类别", "行业类别", "从业人员类别", "体检类别", "健康证类别", "职业类别", "证件类别", "人员类别"),
        *("工种", "从业工种", "从事工种", "岗位", "从业岗位", "从业范围", "行业", "从事行业", "适用范围"),
    ),
    Field.EXAMINED: ("体检日期", "检查日期", "体检时间", "检查时间", "健康检查日期", "健康体检日期"),
    Field.ISSUED: ("发证日期", "签发日期", "发证时间", "办证日期", "制证日期", "填发日期", "颁发日期", "签发时间"),
    Field.UNTIL: (
        *("有效期至", "有效期限", "有效期限至", "有效日期", "有效日期至", "有效期", "有效至", "有效期截止"),
        *("有效截止日期", "截止日期", "到期日期", "到期时间", "失效日期", "证书有效期", "有效时间"),
    ),
    Field.ISSUER: (
        *("发证单位", "发证机构", "发证机关", "体检机构", "体检单位", "检查单位", "检查机构", "签发单位", "签发机构"),
        *("签发机关", "体检医院", "颁发单位", "发证部门", "健康检查机构", "健康检查单位"),
    ),
    Field.OTHER: (
        *("性别", "年龄", "身份证号", "身份证号码", "身份证", "证件号", "证件号码", "公民身份号码", "证件类型"),
        *("出生日期", "出生年月", "民族", "籍贯", "电话", "联系电话", "手机", "手机号", "手机号码", "住址", "地址"),
        *("工作单位", "从业单位", "用人单位", "单位名称", "单位", "文化程度", "检查结果", "体检结果", "检验结果"),
        *("化验结果", "结果", "体检结论", "检查结论", "检验结论", "结论", "体检项目", "检查项目", "注意事项", "备注"),
        *("说明", "条形码", "体检号", "体检编号", "预约编号", "档案号", "病历号", "样本编号", "标本编号", "门诊号"),
        *("许可证编号",),
    ),
}
_WEAK = {"单位", "行业", "岗位", "类别", "工种", "结果", "结论", "电话", "手机", "地址", "说明", "编号", "证号", "卡号"}
_FIELD_OF = {label: what for what, labels in LABELS.items() for label in labels}
_LABEL = re.compile(
    "|".join(r"\s*".join(label) for label in sorted(_FIELD_OF, key=len, reverse=True))
    + r"|(?<![A-Za-z])N[oO][.:]"
    + r"|^名(?=\s*:)"  # of 姓 and 名 set far apart, the latter
)
_LOOKALIKES = str.maketrans("別証編號発發單檢", "别证编号发发单检")
_BRACKETS = str.maketrans("【】〖〗〔〕（）()", "[][][][][]")
_TITLE = re.compile(r"(健康证|健康证明书?|健康合格证明?|健康检查(合格)?证明?|体检合格证明?)$")
_NO_TITLE = re.compile(
    r"预约|须知|办理|指南|培训|报告|申请|通知|回执|登记|流程|查询|缴费|收据|发票|许可|考核|知识|[?!。:]|我的|您|你"
)
_STRANGE = re.compile(r"(预约单|报告|报告单|许可证|培训合格证|营业执照|收据|发票|申请表|登记表|回执|通知书|身份证)$")
# Words of results; a line with one of them is never shown and never read.
RESULTS = re.compile(
    r"阴性|阳性|乙肝|甲肝|戊肝|肝炎|抗体|抗原|转氨酶|谷丙|痢疾|伤寒|霍乱|结核|皮肤病|艾滋|梅毒|透视|胸片|"
    r"异常|符合|合格$|不合格|检出|HBsAg|HIV|\bALT\b|Ig[MG]|U/L|\([+-]\)|携带",
    re.IGNORECASE,
)
_NAME = re.compile(r"[一-鿿㐀-䶿]{2,6}|[一-鿿]{1,12}(?:[·•・.][一-鿿]{1,12}){1,3}|[A-Za-z][A-Za-z .,'-]{2,38}[A-Za-z]")
_NUMBER = re.compile(r"[0-9A-Z一-鿿\-\[\]/.]{5,40}")
_MARKED = re.compile(r"[☑√✓✔■●]\s*(?=([食公]))")


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a line, by its characters, that may be shown."""

    line: int
    start: int
    end: int


@dataclass(slots=True)
class Found:
    """What one page says; sets, because a page may say two things."""

    names: set[str] = field(default_factory=set)
    numbers: set[str] = field(default_factory=set)
    categories: set[Category] = field(default_factory=set)
    examined: set[date] = field(default_factory=set)
    issued: set[date] = field(default_factory=set)
    until: set[date] = field(default_factory=set)
    issuers: set[str] = field(default_factory=set)
    one_year: bool = False
    title: str = ""
    strange: bool = False  # it has the title of something else
    labels: set[Field] = field(default_factory=set)
    spans: set[Span] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Part:
    """A label on a line, and what follows it there up to the next label."""

    what: Field
    line: int
    start: int
    begin: int  # of the value
    end: int


def folded(text: str) -> str:
    """With ordinary widths and signs, and as many characters as before."""
    plain = "".join(unicodedata.normalize("NFKC", sign)[:1] or sign for sign in text)
    return plain.translate(_LOOKALIKES)


def number_of(text: str) -> str:
    """A certificate's number in one way of writing; empty when it is none, or is an identity card's."""
    plain = "".join(folded(text).upper().split()).translate(_BRACKETS).strip(".:-/")
    ends = re.match(r".*\d\]?号?", plain)  # what follows in Chinese is the next column's
    plain = ends[0] if ends else ""
    digits = re.sub(r"\D", "", plain)
    if len(digits) < 5 or not _NUMBER.fullmatch(plain) or is_identity(plain) or RESULTS.search(plain):
        return ""
    return plain


def is_identity(text: str) -> bool:
    """Whether somewhere in it stands what may be the number of an identity card, also one that is partly hidden."""
    if re.search(r"\d[\d ]{3,}\*{3,}", text):
        return True
    return any(_born(found[0][6:14]) for found in re.finditer(r"(?<!\d)\d{17}[\dXx](?!\d)", text)) or any(
        _born("19" + found[0][6:12]) for found in re.finditer(r"(?<!\d)\d{15}(?!\d)", text)
    )


def _born(digits: str) -> bool:
    return "1900" < digits[:4] < "2015" and "01" <= digits[4:6] <= "12" and "01" <= digits[6:8] <= "31"


def find(lines: Sequence[Line]) -> Found:
    """Read one page."""
    found = Found()
    texts = [folded(line.text) for line in lines]
    parts = {number: list(_parts(number, text)) for number, text in enumerate(texts)}
    for number, text in enumerate(texts):
        _title(number, text, found)
    for of_line in parts.values():
        for part in of_line:
            if part.what is not Field.OTHER:
                _take(part, lines, texts, parts, found)
    return found


def _title(number: int, text: str, found: Found) -> None:
    plain = "".join(text.split())
    if len(plain) > 24:
        return
    found.strange = found.strange or _STRANGE.search(plain) is not None
    if _TITLE.search(plain) and not _NO_TITLE.search(plain):
        found.title = found.title or plain
        found.spans.add(Span(number, 0, len(text)))


def _parts(number: int, text: str) -> Iterator[_Part]:
    """The labels of a line. A weak one counts within a line only where a sign or a space sets it off."""
    starts = []
    for match in _LABEL.finditer(text):
        label = "".join(match[0].split())
        after = text[match.end() :].lstrip()[:1]
        begins = not text[: match.start()].strip(" ·*-|_")
        set_off = after == ":" or text[match.start() - 1 : match.start()] in (" ", ",", ";")
        if begins or set_off or label not in _WEAK:
            what = Field.NAME if label == "名" else _FIELD_OF.get(label, Field.NUMBER)
            starts.append((match.start(), match.end(), what))
    if not starts and (guess := _nearly(text)):
        starts = [guess]
    for place, (start, end, what) in enumerate(starts):
        until = starts[place + 1][0] if place + 1 < len(starts) else len(text)
        begin = end + len(text[end:until]) - len(text[end:until].lstrip(" :;.|_"))
        yield _Part(what, number, start, begin, until)


def _nearly(text: str) -> tuple[int, int, Field] | None:
    """A label of four or more characters at the beginning, one of which was misread."""
    for label, what in _FIELD_OF.items():
        head = text[: len(label)]
        if len(label) >= 4 and len(head) == len(label) and sum(a != b for a, b in zip(head, label, strict=True)) == 1:
            return 0, len(label), what
    return None


def _take(
    part: _Part, lines: Sequence[Line], texts: Sequence[str], parts: dict[int, list[_Part]], found: Found
) -> None:
    """The value of a label: on the same line, to the right or beneath; the first place where a fitting one stands."""
    found.labels.add(part.what)
    label = Span(part.line, part.start, part.begin)
    value = texts[part.line][part.begin : part.end].strip()
    if value:
        _keep(part.what, value, found)
        if not RESULTS.search(value) and not re.search(r"\d{15}", value) and not is_identity(value):
            found.spans.add(Span(part.line, part.start, part.end))
        return
    found.spans.add(label)
    for number in (*_right_of(part, lines, texts, parts), *_beneath(part, lines, texts, parts)):
        text = texts[number].strip()
        if not RESULTS.search(text) and _keep(part.what, text, found):
            found.spans.add(Span(number, 0, len(texts[number])))
            return


def _right_of(part: _Part, lines: Sequence[Line], texts: Sequence[str], parts: dict[int, list[_Part]]) -> Iterator[int]:
    """Lines on the same row, nearest first, up to one that begins with a label or could not be read."""
    own = lines[part.line]
    row = [n for n, line in enumerate(lines) if n != part.line and line.beside(own) and line.left > own.left]
    for number in sorted(row, key=lambda n: lines[n].left):
        if parts[number] and parts[number][0].start == 0:
            return
        if texts[number]:
            yield number
        elif lines[number].height < 1.6 * own.height:
            return  # a line that could not be read; what is taller is a watermark


def _beneath(part: _Part, lines: Sequence[Line], texts: Sequence[str], parts: dict[int, list[_Part]]) -> Iterator[int]:
    """Lines beneath that begin where the label does or stand under it, nearest first, up to one with a label."""
    own = lines[part.line]
    column = [
        n
        for n, line in enumerate(lines)
        if own.bottom - 0.4 * own.height < line.middle < own.bottom + 2.2 * own.height
        and min(line.right, own.right) - max(line.left, own.left) > 0.4 * min(line.width, own.width)
        and not line.beside(own)
    ]
    for number in sorted(column, key=lambda n: lines[n].top):
        if parts[number]:
            return
        if texts[number]:
            yield number
        elif lines[number].height < 1.6 * own.height:
            return


def _keep(what: Field, text: str, found: Found) -> bool:
    """Keep a value if it fits its label."""
    match what:
        case Field.NAME:
            return _add(found.names, name_of(text))
        case Field.NUMBER:
            return _add(found.numbers, number_of(text))
        case Field.CATEGORY:
            return _add(found.categories, category_of(text))
        case Field.EXAMINED:
            return _add_dates(found.examined, text)
        case Field.ISSUED:
            return _add_dates(found.issued, text)
        case Field.UNTIL:
            return _keep_validity(text, found)
        case _:
            return _add(found.issuers, _issuer(text))


def _add(values: set[T], value: T | None) -> bool:
    if value:
        values.add(value)
    return bool(value)


def _add_dates(values: set[date], text: str) -> bool:
    return _add(values, dates[0]) if len(dates := dates_in(text)) == 1 else False


def _keep_validity(text: str, found: Found) -> bool:
    """A day, a range, or a year from a day on."""
    dates = dates_in(text)
    if says_one_year(text):
        found.one_year = True
        found.issued.update(dates[:1])
        return True
    if len(dates) == 2:
        found.issued.add(dates[0])
    return _add(found.until, dates[-1]) if 1 <= len(dates) <= 2 else False


def name_of(text: str) -> str:
    """A person's name, or nothing."""
    plain = " ".join(text.split())
    if re.search(r"[一-鿿]", plain):
        plain = plain.replace(" ", "")
    fits = _NAME.fullmatch(plain) and not _LABEL.search(plain) and not _TITLE.search(plain)
    return plain if fits else ""


def category_of(text: str) -> Category | None:
    """What it is good for; of several kinds the one that is ticked."""
    ticked = _MARKED.search(text)
    kinds = {Category.FOOD: ("食品", "餐饮"), Category.PUBLIC_PLACE: ("公共场所", "公共卫生场所")}
    said = [kind for kind, words in kinds.items() if any(word in text for word in words)]
    if len(said) == 2 and ticked:
        return Category.FOOD if ticked[1] == "食" else Category.PUBLIC_PLACE
    return said[0] if len(said) == 1 else None


def _issuer(text: str) -> str:
    plain = "".join(text.split()).strip(".:")
    fits = 4 <= len(plain) <= 40 and re.search(r"[一-鿿]{4}", plain) and not re.search(r"\d{6}", plain)
    return plain if fits and not RESULTS.search(plain) else ""


# --- All pages together -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fields:
    """What a document says on all its pages; where two of them, or one, say two things, nothing."""

    certificate: bool
    name: str
    number: str
    category: Category | None
    examined_on: date | None
    issued_on: date | None
    valid_until: date | None
    issuer: str


def together(pages: Sequence[Found]) -> Fields:
    """Join the pages of one document."""
    names, numbers, issuers = (_all(pages, of) for of in ("names", "numbers", "issuers"))
    issued = _one(set[date]().union(*(page.issued for page in pages)))
    examined = _one(set[date]().union(*(page.examined for page in pages)))
    until = _one(set[date]().union(*(page.until for page in pages)))
    first = examined or issued
    if until is None and first and any(page.one_year for page in pages) and not any(page.until for page in pages):
        until = last_day(first)
    categories = set[Category]().union(*(page.categories for page in pages))
    titles = [page.title for page in pages if page.title]
    if not categories:
        categories = {kind for title in titles if (kind := category_of(title))}
    return Fields(
        certificate=_is_certificate(pages, bool(titles)),
        name=_one(names) or "",
        number=_one(numbers) or "",
        category=_one(categories),
        examined_on=first,
        issued_on=issued,
        valid_until=until,
        issuer=_one(issuers) or "",
    )


def _all(pages: Sequence[Found], of: str) -> set[str]:
    return set[str]().union(*(getattr(page, of) for page in pages))


def _one(values: set[T]) -> T | None:
    return next(iter(values)) if len(values) == 1 else None


def _is_certificate(pages: Sequence[Found], titled: bool) -> bool:
    """A title and two labels; or, where the title can't be read, the labels that only a certificate has together."""
    labels = set[Field]().union(*(page.labels for page in pages)) - {Field.OTHER}
    if any(page.strange for page in pages):
        return False
    return len(labels) >= (2 if titled else 5) and (titled or {Field.NAME, Field.UNTIL, Field.EXAMINED} <= labels)
