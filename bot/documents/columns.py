"""Which column of a list means what: Chinese and English headings, and those that exports of common systems use."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from recruiting.contacts import normalised_name


class Field(StrEnum):
    """What a column of a candidate list can mean to us."""

    NAME = "name"
    PHONE = "phone"
    EMAIL = "email"
    POSITION = "position"
    SHOP = "shop"
    BATCH = "batch"
    LOCALE = "locale"
    RECRUITER = "recruiter"
    AGE = "age"
    BIRTH = "birth"
    CERTIFICATE = "certificate"  # the last day of a health certificate: who has one here works for us already


# The surest heading first: where a list has 手机 and 电话, the mobile number is asked for in 手机.
_HEADINGS: dict[Field, str] = {
    Field.NAME: """姓名 候选人姓名 候选人 求职者姓名 求职者 应聘者姓名 应聘者 应聘人姓名 应聘人 应聘人员
        人员姓名 申请人姓名 申请人 真实姓名 中文姓名 中文名 名字 name fullname candidatename candidate
        applicantname applicant 氏名 名前""",
    Field.PHONE: """手机号码 手机号 手机 候选人手机号 候选人手机 手机电话 移动电话 联系手机 本人手机 联系电话
        候选人电话 电话号码 电话 联系方式 联系号码 手機號碼 手機 聯絡電話 電話 mobilephonenumber mobilephone
        mobilenumber mobileno mobile cellphone cell phonenumber phoneno phone telephone tel contactnumber
        携帯電話 携帯 電話番号""",
    Field.EMAIL: """邮箱 电子邮箱 电子邮件 邮箱地址 候选人邮箱 个人邮箱 联系邮箱 常用邮箱 邮件地址 邮件 電子郵件
        電子信箱 email e-mail emailaddress e-mailaddress mail メールアドレス メール""",
    Field.POSITION: """应聘职位 应聘岗位 投递职位 投递岗位 申请职位 申请岗位 报名岗位 面试职位 面试岗位 意向职位
        意向岗位 招聘职位 招聘岗位 关联职位 职位名称 岗位名称 岗位 职位 應聘職位 職位 appliedposition appliedjob
        position positionname jobtitle jobname job 応募職種 職種""",
    Field.SHOP: """门店 门店名称 应聘门店 意向门店 工作门店 所属门店 面试门店 店铺 店铺名称 分店 店名 門店 shop
        shopname store storename branch 工作地点 工作地 職場 店舗 worklocation location""",
    Field.BATCH: """批次 招聘批次 批次名称 批次号 batch batchname""",
    Field.LOCALE: """语言 首选语言 沟通语言 语种 語言 locale language lang preferredlanguage 言語""",
    Field.RECRUITER: """负责人 招聘负责人 候选人负责人 负责hr 招聘hr 招聘专员 招聘顾问 招聘者 跟进人 職位負責人
        负责招聘 職位负责人 职位负责人 負責人 recruiter recruitername owner hr""",
    Field.AGE: """年龄 年齡 周岁 age 年齢""",
    Field.CERTIFICATE: """健康证有效期 健康证到期 健康证到期日 健康证到期日期 健康证有效期至 健康证截止日期 健康證有效期
        healthcertificateexpires healthcertificatevaliduntil certificateexpires certificateexpiry certificateexpirydate
        健康証明期限 健康証明有効期限""",
    Field.BIRTH: """出生日期 出生年月日 出生年月 出生年份 生日 dateofbirth birthdate birthday dob birth 生年月日""",
}
_MEANING = {heading: (field, rank) for field, text in _HEADINGS.items() for rank, heading in enumerate(text.split())}
_IDENTITY_HEADING = re.compile(
    r"身份证|身份證|证件号|證件號|公民身份号码|^(?:id(?:card|number|no)|identity(?:card|number)|nationalid)"
)
_NOTE = re.compile(r"[(\[【](?:必填项?|选填|非必填|required|optional|[0-9]+位(?:数字)?)[)\]】]")


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a list by meaning, the surest first; `identity` are those that hold identity-card numbers."""

    places: dict[Field, tuple[int, ...]]
    identity: frozenset[int]

    def of(self, field: Field) -> tuple[int, ...]:
        """Where a field may stand; empty when the list has no such column."""
        return self.places.get(field, ())


def find_columns(headings: Sequence[str]) -> Columns | None:
    """The meaning of each column if this is a header row, which has a name and a phone or e-mail column; else None."""
    plain = [_plain(heading) for heading in headings]
    known = sorted((*_MEANING[heading], place) for place, heading in enumerate(plain) if heading in _MEANING)
    places: dict[Field, tuple[int, ...]] = {}
    for field, _, place in known:
        places[field] = (*places.get(field, ()), place)
    if Field.NAME not in places or not {Field.PHONE, Field.EMAIL} & places.keys():
        return None
    return Columns(places, frozenset(at for at, heading in enumerate(plain) if _IDENTITY_HEADING.search(heading)))


def _plain(heading: str) -> str:
    """A heading without spaces, line breaks, width, case, star, colon and notes such as (必填)."""
    return _NOTE.sub("", normalised_name(heading[:100])).strip("*:_'").replace("_", "").replace("*", "")
