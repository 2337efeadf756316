"""Who and what stands on a drawn certificate: names from a list, issuers of places that do not exist."""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

HOSTS = ("example.invalid",)  # where the codes of our issuers lead; nothing ever answers there
# Two provinces of ours: by which words in an issuer's name they are known, and whether every form of theirs has a code.
PROVINCES = {"example": (("示例",), True), "sample": (("样例", "虚构"), False)}
STRANGE = "https://jkz-chaxun.example.test/q?c={number}"
ISSUERS = (
    "示例市疾病预防控制中心",
    "示例市第二人民医院",
    "样例县人民医院",
    "样例区社区卫生服务中心",
    "虚构市健康体检中心",
    "虚构区疾病预防控制中心",
)
_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈"
_GIVEN = "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂文辉玲红建华志宇欣悦佳梦雪晨阳浩然子涵雨桐思琪嘉俊凯"
_SOUND = ("符合从事该岗位要求", "合格", "未见异常")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is printed on a certificate."""

    name: str
    number: str
    category: str  # food, public_place
    examined_on: date
    valid_until: date
    issuer: str
    code: str  # what its QR code says; empty: it has none
    sex: str
    age: int
    identity: str  # of no real person: its first six digits are no place
    result: str


def invent(random: Random, examined_on: date, *, with_code: bool = True) -> Facts:
    """Somebody with a certificate from that day, good for a year; without a code only where forms may lack it."""
    number = _number(random, examined_on.year)
    last = _next_year(examined_on) - timedelta(days=random.randint(0, 1))
    born = date(random.randint(1975, 2005), random.randint(1, 12), random.randint(1, 28))
    return Facts(
        name=somebody(random),
        number=number,
        category="food",
        examined_on=examined_on,
        valid_until=last,
        issuer=random.choice(ISSUERS if with_code else ISSUERS[2:]),
        code=f"https://jkz.{HOSTS[0]}/c/{random.randrange(10**9):09}",
        sex=random.choice("男女"),
        age=examined_on.year - born.year,
        identity=f"0000{random.randint(10, 99)}{born:%Y%m%d}{random.randint(0, 999):03}X",
        result=random.choice(_SOUND),
    )


def somebody(random: Random) -> str:
    """A name of two or three characters, as most are."""
    given = "".join(random.choice(_GIVEN) for _ in range(random.choice((1, 2, 2, 2))))
    return random.choice(_SURNAMES) + given


def _next_year(day: date) -> date:
    return day.replace(year=day.year + 1) if (day.month, day.day) != (2, 29) else date(day.year + 1, 2, 28)


def _number(random: Random, year: int) -> str:
    running = random.randrange(10**6)
    forms = ("{year}{running:08}", "JK{year}{running:06}", "SL-{year}-{running:06}", "例卫健字[{year}]第{running:06}号")
    form = random.choice(forms)
    return form.format(year=year, running=running)
