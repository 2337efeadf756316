"""From a list to checked candidates: what can be repaired is repaired, the rest is given back with row and reason."""

import csv
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import TextIO, TypeAlias

from bot.documents.columns import Field
from bot.documents.phones import DIGITS_LOST, BadPhone, repair_phone
from bot.documents.spreadsheet import Table, text_of
from bot.documents.workbook import Cell
from recruiting.contacts import normalised_name, tidy_email

YOUNGEST = 16  # years; nobody younger is processed (禁止使用童工规定)


class Reason(StrEnum):
    """Why a row is not taken. The value is what stands in the file of errors; `zh` says it to HR."""

    HIDDEN = "hidden row"
    NO_NAME = "no name"
    NO_POSITION = "no position"
    NO_PROCESS = "no process takes this position"
    BAD_PHONE = "bad phone"
    DIGITS_LOST = "digits lost"
    NO_CONTACT = "no contact"
    UNDER_AGE = "under 16"
    BAD_DATE = "bad certificate date"
    NO_CERTIFICATE = "no certificate in this process"
    TOO_LONG = "too long"
    OTHER_PERSON = "phone belongs to another person"
    NOT_YOUR_SHOP = "not your shop"

    @property
    def zh(self) -> str:
        """One sentence for HR."""
        return _IN_CHINESE[self]


_IN_CHINESE = {
    Reason.HIDDEN: "该行在表格中被隐藏，未导入",
    Reason.NO_NAME: "缺少姓名",
    Reason.NO_POSITION: "缺少应聘岗位",
    Reason.NO_PROCESS: "没有招聘流程包含该岗位",
    Reason.BAD_PHONE: "手机号无法识别",
    Reason.DIGITS_LOST: "手机号的尾数已丢失（如 1.38E+10），请重新填写",
    Reason.NO_CONTACT: "缺少手机号和邮箱",
    Reason.BAD_DATE: "健康证有效期看不懂，请写成 2027-01-15 这样",
    Reason.NO_CERTIFICATE: "该岗位的流程里没有健康证",
    Reason.UNDER_AGE: "未满 16 周岁，不予处理",
    Reason.TOO_LONG: "内容过长",
    Reason.OTHER_PERSON: "该手机号已属于另一位候选人",
    Reason.NOT_YOUR_SHOP: "不是您负责的门店",
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A row that can be opened as an application. `phone` is E.164; at least one of phone and e-mail is there."""

    row: int
    name: str
    phone: str | None
    email: str | None
    position: str
    shop: str
    batch: str
    locale: str | None
    recruiter: str | None
    extra: dict[str, str]
    certificate_until: date | None = None  # works here already, with a health certificate that is valid until then


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that is not taken, with its cells as text. `detail` is what the reason is about, where that helps."""

    row: int
    reason: Reason
    cells: tuple[str, ...]
    detail: str = ""

    @property
    def text(self) -> str:
        """The reason as the file of errors says it."""
        return f"{self.reason.value}: {self.detail}" if self.detail else self.reason.value

    @property
    def text_zh(self) -> str:
        """The same for HR."""
        return f"{self.reason.zh}：{self.detail}" if self.detail else self.reason.zh


Checked: TypeAlias = Draft | Rejected

_LONGEST = {Field.NAME: 100, Field.POSITION: 100, Field.SHOP: 100, Field.BATCH: 100, Field.RECRUITER: 100}  # characters
_LONGEST_EXTRA = 2_000
_OUR_COLUMNS = ("row", "reason")
_NOTHING = {"", "-", "--", "—", "——", "/", "\\", "无", "暂无", "没有", "n/a", "na", "none", "null", "nil"}
_TOTAL = re.compile(
    r"(?:合计|总计|小计|(?:sub|grand)?totals?)(?:[:(=].*|共?[0-9.,]*[人名位条行]?)|共.{0,12}人|共[0-9]+[名位条行]"
)
_LANGUAGES = {
    "zh-CN": "中文 简体中文 简体 繁体中文 汉语 普通话 国语 华语 中国語 chinese mandarin simplifiedchinese zh cn",
    "en": "英文 英语 英語 english en",
    "ja": "日文 日语 日語 日本语 日本語 japanese ja jp",
}
_LOCALES = {word: locale for locale, words in _LANGUAGES.items() for word in words.split()}
_AGE = re.compile(r"([0-9]{1,3})(?:\.[0-9]+)?(?:周?岁|歳|才|years?(?:old)?|yrs?|y)?")
_BIRTH = re.compile(
    r"([0-9]{4}) ?(?:[-/.年]? ?([0-9]{1,2}) ?(?:[-/.月]? ?([0-9]{1,2}))?)? ?[年月日]?(?:[t ][0-9:.z]*)?"
)
_SERIAL = re.compile(r"[1-9][0-9]{4}(?:\.[0-9]+)?")
_SERIAL_ORIGIN = date(1899, 12, 30)  # Excel counts its days from here
_DIGITS = re.compile("[0-9]")


class _Refused(Exception):
    """Leaves the check of one row with what is wrong with it."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


def check_rows(
    table: Table,
    *,
    takes: Callable[[str], bool],
    today: date,
    batch: str | None = None,
    default_position: str | None = None,
    shops: Collection[str] = (),
) -> Iterator[Checked]:
    """
    Check each row of a list. Blank rows and total rows are left out; every other row comes back as one or the other.

    Args:
        takes: Whether a process takes this position.
        today: The company's calendar day; ages are told by it.
        batch: Holds for every row. Without it a row's own batch column counts, and then the file's name.
        default_position: For rows that name none.
        shops: The only shops whose rows are taken; none = all.
    """
    check = _Check(table, takes, today, batch, default_position, shops)
    for row in table.rows():
        texts = [text_of(cell) for cell in row.cells]
        if not is_uncounted(texts):
            yield check.row(_Line(row.number, row.hidden, row.cells, texts))


def is_uncounted(texts: Sequence[str]) -> bool:
    """Whether a row is blank or a total."""
    first = next(filter(None, texts), "")
    return not first or _TOTAL.fullmatch(normalised_name(first)) is not None


def write_rejects(path: Path, header: Sequence[str], rejects: Iterable[Rejected]) -> int:
    """
    Write the rows that were not taken, so that HR can mend them in Excel and import the same file again.

    Returns:
        How many were written; with none the file has its header only.
    """
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        return write_rejects_to(file, header, rejects)


def write_rejects_to(file: TextIO, header: Sequence[str], rejects: Iterable[Rejected]) -> int:
    """The same into an open text file."""
    count = 0
    out = csv.writer(file)
    out.writerow([*_OUR_COLUMNS, *map(harmless, header)])
    for reject in rejects:
        count += 1
        out.writerow([reject.row, harmless(reject.text), *map(harmless, reject.cells)])
    return count


def harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


@dataclass(frozen=True, slots=True)
class _Line:
    """A row with its cells as they are and as text."""

    number: int
    hidden: bool
    cells: list[Cell]
    texts: list[str]


class _Check:
    """The check of one list: it remembers whose phone is whose."""

    def __init__(
        self,
        table: Table,
        takes: Callable[[str], bool],
        today: date,
        batch: str | None,
        default_position: str | None,
        shops: Collection[str],
    ) -> None:
        self._shops = frozenset(shops)
        self._table = table
        self._takes = takes
        self._today = today
        self._batch = batch
        self._default_position = default_position or ""
        self._owners: dict[str, str] = {}
        self._ours = {0, 1} if table.header[:2] == _OUR_COLUMNS else set[int]()  # a mended file of errors comes back
        self._places = {field: table.columns.of(field) for field in Field}

    def row(self, line: _Line) -> Checked:
        """The row as a draft, or what is wrong with it."""
        try:
            return self._draft(line)
        except _Refused as refused:
            return Rejected(line.number, refused.reason, tuple(line.texts), refused.detail)

    def _draft(self, line: _Line) -> Draft:
        if line.hidden:
            raise _Refused(Reason.HIDDEN)
        used = set(self._ours)
        name = self._text(line, Field.NAME, used)
        if not any(letter.isalpha() for letter in name):
            raise _Refused(Reason.NO_NAME)
        position = self._position(line, used)
        phone, email = self._contacts(line, used)
        self._refuse_young(line, used)
        own_batch = "" if self._batch else self._text(line, Field.BATCH, used)
        shop = self._text(line, Field.SHOP, used)
        if self._shops and shop not in self._shops:
            raise _Refused(Reason.NOT_YOUR_SHOP, shop)
        recruiter = self._text(line, Field.RECRUITER, used) or None
        locale = self._locale(line, used)
        plain_name = normalised_name(name)
        if phone and self._owners.setdefault(phone, plain_name) != plain_name:
            raise _Refused(Reason.OTHER_PERSON)
        return Draft(
            row=line.number,
            name=name,
            phone=phone,
            email=email,
            position=position,
            shop=shop,
            batch=self._batch or own_batch or self._table.title,
            locale=locale,
            recruiter=recruiter,
            certificate_until=self._certificate(line, used),
            extra=self._extra(line, used),
        )

    def _place(self, line: _Line, field: Field) -> int:
        """The first column of the field that holds something; -1 when none does."""
        for place in self._places[field]:
            if place < len(line.texts) and line.texts[place].lower() not in _NOTHING:
                return place
        return -1

    def _text(self, line: _Line, field: Field, used: set[int]) -> str:
        place = self._place(line, field)
        if place < 0:
            return ""
        used.add(place)
        if len(line.texts[place]) > _LONGEST[field]:
            raise _Refused(Reason.TOO_LONG, self._table.header[place])
        return line.texts[place]

    def _position(self, line: _Line, used: set[int]) -> str:
        position = self._text(line, Field.POSITION, used) or self._default_position
        if not position:
            raise _Refused(Reason.NO_POSITION)
        if not self._takes(position):
            raise _Refused(Reason.NO_PROCESS, position)
        return position

    def _contacts(self, line: _Line, used: set[int]) -> tuple[str | None, str | None]:
        """Phone and e-mail, also where each stands in the other's column."""
        phone_at, email_at = self._place(line, Field.PHONE), self._place(line, Field.EMAIL)
        if phone_at >= 0 and _is_address(line.texts[phone_at]):
            other_is_phone = email_at >= 0 and not _is_address(line.texts[email_at])
            phone_at, email_at = (email_at, phone_at) if other_is_phone or email_at < 0 else (-1, email_at)
        elif phone_at < 0 <= email_at and _is_number(line.texts[email_at]):
            phone_at, email_at = email_at, -1
        phone = _mobile(line.cells[phone_at]) if phone_at >= 0 else None
        email = tidy_email(line.texts[email_at]) if email_at >= 0 else None
        if phone is None and email is None:
            raise _Refused(Reason.NO_CONTACT)
        used.update({phone_at} if email is None else {phone_at, email_at})  # an unusable address stays in `extra`
        return phone, email

    def _refuse_young(self, line: _Line, used: set[int]) -> None:
        age_at, birth_at = self._place(line, Field.AGE), self._place(line, Field.BIRTH)
        age = age_of(line.cells[age_at]) if age_at >= 0 else None
        born = born_on(line.cells[birth_at]) if birth_at >= 0 else None
        if (age is not None and age < YOUNGEST) or (born and _is_young(born, self._today)):
            raise _Refused(Reason.UNDER_AGE)
        used.update((*self._places[Field.AGE], *self._places[Field.BIRTH]))  # looked at, not kept

    def _certificate(self, line: _Line, used: set[int]) -> date | None:
        """Until when the person's certificate is valid; a date that cannot be read is no reason to invite them."""
        place = self._place(line, Field.CERTIFICATE)
        if place < 0:
            return None
        used.add(place)
        until = born_on(line.cells[place])
        if until is None:
            raise _Refused(Reason.BAD_DATE, line.texts[place][:40])
        return until

    def _locale(self, line: _Line, used: set[int]) -> str | None:
        place = self._place(line, Field.LOCALE)
        locale = _locale_of(line.texts[place]) if place >= 0 else None
        if locale:
            used.add(place)
        return locale

    def _extra(self, line: _Line, used: set[int]) -> dict[str, str]:
        """What the list says beyond what we ask for, by heading."""
        header = self._table.header
        rest = [at for at, text in enumerate(line.texts[: len(header)]) if text and at not in used]
        return {header[at]: line.texts[at][:_LONGEST_EXTRA] for at in rest}


@lru_cache(maxsize=256)
def _locale_of(text: str) -> str | None:
    """The language that a cell names; a list names few of them many times."""
    word = normalised_name(text).replace("_", "-")
    return _LOCALES.get(word) or _LOCALES.get(word.partition("-")[0])


def _is_address(text: str) -> bool:
    return "@" in text or "＠" in text


def _is_number(text: str) -> bool:
    return not _is_address(text) and len(_DIGITS.findall(text)) >= 7


def _mobile(cell: Cell) -> str:
    try:
        return repair_phone(cell)
    except BadPhone as bad:
        raise _Refused(Reason.DIGITS_LOST if bad.reason == DIGITS_LOST else Reason.BAD_PHONE) from bad


def age_of(cell: Cell) -> int | None:
    """Full years from a cell such as 22, "22岁" or "22.5"; None when it tells no age."""
    found = _AGE.fullmatch(normalised_name(text_of(cell)))
    return int(found[1]) if found else None


def born_on(cell: Cell) -> date | None:
    """
    The day of birth from a date, an Excel day number or a text such as 2008年5月1日, 2008-05 or 20080501.

    Returns:
        Where only month or year is given its last day, so that nobody counts as older than they may be; None when
        the cell tells no date.
    """
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    text = unicodedata.normalize("NFKC", text_of(cell)).lower()
    if _SERIAL.fullmatch(text):
        return _SERIAL_ORIGIN + timedelta(days=int(float(text)))
    found = _BIRTH.fullmatch(text)
    return _last_day(int(found[1]), found[2], found[3]) if found else None


def _last_day(year: int, month: str | None, day: str | None) -> date | None:
    if not 1900 <= year <= 2100:
        return None
    try:
        if day:
            return date(year, int(month or 0), int(day))
        following = date(year + int(month) // 12, int(month) % 12 + 1, 1) if month else date(year + 1, 1, 1)
    except ValueError:
        return None
    return following - timedelta(days=1)


def _is_young(born: date, today: date) -> bool:
    return (today.year - YOUNGEST, today.month, today.day) < (born.year, born.month, born.day)
