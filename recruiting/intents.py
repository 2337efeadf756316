"""Free text in any language -> what the person wants. Understands short sentences, and rather nothing than too much.

A text is folded first: width, case, traditional characters, punctuation and filler words no longer matter. What can't
be undone must be said plainly and briefly. A story in which a word merely occurs is no wish, nor is a negated wish.
"""

import re
import unicodedata
from functools import cache

from recruiting.phrases import AFTER, BEFORE, NO, PHRASES, YES, Intent, alternatives

__all__ = ["Intent", "code_in", "intent", "phone_in", "yes_or_no"]

LONGEST = 200  # characters that are looked at; whatever is longer is a story
BRIEF = 18  # for what can't be undone; a Latin word counts as two characters
SHORT = 44
_BINDING = frozenset({Intent.RESUME, Intent.STOP, Intent.ERASE, Intent.NOT_ME, Intent.WITHDRAW})
_NEVER_NEGATED = frozenset({Intent.STATUS, Intent.HELP})

# Traditional (and Japanese) characters that occur in what people ask, and the ones in which `PHRASES` is written.
_SIMPLER = str.maketrans(
    "進狀態應徵結現問題訂閱煩發錯號碼寫轉員繫話講聯絡時間換個約調動幫說選單鏈連網頁開點擊無載過後麼裡請您謝刪資訊數據隱註銷"
    "離棄職興趣顧願參辭還沒會來嗎啊於幾該總讓見張試筆讀機構將恢復續閉關傳遞認識體驗誰當別處理東邊哪們對",
    "进状态应征结现问题订阅烦发错号码写转员系话讲联络时间换个约调动帮说选单链连网页开点击无载过后么里请您谢删资讯数据隐注销"
    "离弃职兴趣顾愿参辞还没会来吗啊于几该总让见张试笔读机构将恢复续闭关传递认识体验谁当别处理东边哪们对",
)


def _compiled(listed: str) -> re.Pattern[str]:
    return re.compile(alternatives(listed).translate(_SIMPLER))


_POLITE = re.compile(rf"^({_compiled(BEFORE).pattern})(?![a-z'])\s*")
_PARTICLES = re.compile(rf"(\s*(?<![a-z])({_compiled(AFTER).pattern}))+$")
_YES, _NO = _compiled(YES), _compiled(NO)

_NOT_BEFORE = re.compile(
    r"(?:不是|并非|没有|还没|没|未|不用|不必|不需要|无需|不想|不要|不会|不能|不|别|勿|莫)"
    r"(?:是|再|要|想|说|用|打算|准备|去|真的|帮我|给我|现在)*$"
    r"|(?<![a-z])(?:don'?t|do not|not|never|no need to|didn'?t|did not|won'?t|doesn'?t|shouldn'?t|without|no)"
    r"(?:\s+\w+){0,2}\s*$"
)


@cache
def _patterns() -> list[tuple[Intent, re.Pattern[str], re.Pattern[str]]]:
    """What each wish sounds like: made when somebody first writes, or every start would wait for it."""
    return [(wish, _compiled(whole), _compiled(part)) for wish, (whole, part) in PHRASES.items()]


_ASKING = re.compile(r"(.)[不没]\1")  # 能不能 asks, and denies nothing
_NOT_AFTER = re.compile(
    r"\s*(?:し(?:ない|ません|なくて)|(?:では|じゃ)(?:ない|ありません)|は?不要|不用了|就不用|不必了)"
)


def intent(text: str) -> Intent | None:
    """What somebody wants who wrote `text`; None when that is not clear."""
    if len(text) > LONGEST:
        return None
    plain = _ASKING.sub(r"\1", _tidy(text))
    length = _length(plain)
    for wish, whole, part in _patterns():
        if whole.fullmatch(plain):
            return wish
        found = part.search(plain)
        if found is None or length > (BRIEF if wish in _BINDING else SHORT):
            continue
        if wish in _NEVER_NEGATED or not _negated(plain, found):
            return wish
        return None  # it speaks of just this, and does not want it
    return None


def yes_or_no(text: str) -> bool | None:
    """Whether somebody agrees (同意) or does not (不同意); None when they say something else."""
    if len(text) > LONGEST:
        return None
    for plain in (_fold(text), _tidy(text)):
        if _NO.fullmatch(plain):
            return False
        if _YES.fullmatch(plain):
            return True
    return None


def code_in(text: str) -> str | None:
    """The code in a short text: six digits, the only ones that stand together, or eight letters and digits without
    anything else, which come back as capitals. None when there is none.
    """
    plain = _plain(text[:LONGEST]).strip()
    if len(plain) > SHORT:
        return None
    if re.fullmatch("[A-Za-z2-9]{8}", plain):
        return plain.upper()
    spaced = re.fullmatch(r"[0-9](?:[ -]?[0-9]){5}", plain)
    runs = re.findall(r"[0-9]+", "".join(char for char in plain if char not in " -") if spaced else plain)
    return runs[0] if len(runs) == 1 and len(runs[0]) == 6 else None


_MOBILE = re.compile(r"(?:\(?\+?\s*86\)?|0086)?[\s-]*(1[\s-]*[3-9](?:[\s-]*[0-9]){9})")


def phone_in(text: str) -> str | None:
    """The mainland mobile number, as +86 and eleven digits, when somebody typed nothing else."""
    if len(text) > LONGEST:
        return None
    found = _MOBILE.fullmatch(_plain(text).strip(" \t\r\n。.,"))
    return "+86" + re.sub(r"[\s-]", "", found[1]) if found else None


# --- how a text is read ----------------------------------------------------------------------------------------------


def _plain(text: str) -> str:
    """Width does not matter, nor do invisible characters."""
    return "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")


def _fold(text: str) -> str:
    """One spelling: width, case, traditional characters and emoji don't matter. Latin words and clauses stay apart."""
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_SIMPLER).replace("’", "'")
    plain = "".join(_kept(char) for char in plain if unicodedata.category(char) not in {"Cf", "Mn"})
    plain = re.sub(r"[ \t]+", " ", re.sub(r"\s*\n\s*", "\n", plain)).strip()
    return re.sub(r"(?<![a-z0-9'?]) | (?![a-z0-9'])", "", plain)


def _kept(char: str) -> str:
    if char.isalnum() or char in "'?ー":
        return char
    return "\n" if char in ",.!;:。、\n" else " "  # a clause ends


def _tidy(text: str) -> str:
    """The folded text without question marks, greetings and particles; what is nothing but those stays."""
    plain = _fold(text)
    words = plain.replace("?", "")
    before = ""
    while words and before != words:
        before = words
        words = _PARTICLES.sub("", _POLITE.sub("", words)).strip() or words
    return words or plain


def _length(plain: str) -> int:
    """How long a text is to a reader: each character counts, a Latin word counts as two."""
    latin = re.findall(r"[a-z0-9']+", plain)
    return 2 * len(latin) + len(re.sub(r"[a-z0-9'\s]+", "", plain))


def _negated(plain: str, found: re.Match[str]) -> bool:
    return bool(_NOT_BEFORE.search(plain[: found.start()]) or _NOT_AFTER.match(plain[found.end() :]))
