"""Key, values and language become words: strictly, in the nearest language, and never with a gap."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.errors import Misconfigured
from bot.texts import Template, Texts, UnfilledText, percent, stage_override, standard_texts
from recruiting.certificates import Doubt, Fault
from recruiting.course import OUTLIVES_END, OVERCOME, RULES_OWN
from storage.followups import TOLD

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # a Monday, 9:00 in Shanghai
XIAOYU = {"name": "张小雨", "company": "不漏咖啡", "position": "店员", "shop": "南京西路店", "stage": "AI 面试"}
XIAOYU |= {"link": "https://x.cn/i/t", "chat_link": "https://x.cn/c/t", "deadline": "11月25日(周三)14:00"}


@pytest.fixture(scope="module")
def texts() -> Texts:
    return standard_texts()


def write(folder: Path, **languages: str) -> Path:
    for locale, content in languages.items():
        (folder / f"{locale.replace('_', '-')}.yaml").write_text(content, "utf-8")
    return folder


# --- sentences ---


def test_an_invite_is_whole(texts: Texts) -> None:
    assert "张小雨您好，您应聘店员，请在11月25日(周三)14:00前完成AI 面试： https://x.cn/i/t" == texts.render(
        "invite.interview", "zh-CN", XIAOYU, form="sms"
    )


def test_without_deadline_and_shop_the_sentence_closes_over_them(texts: Texts) -> None:
    bare = {**XIAOYU, "deadline": "", "shop": ""}
    assert "张小雨您好，您应聘店员，请完成AI 面试： https://x.cn/i/t" == texts.render(
        "invite.interview", "zh-CN", bare, form="sms"
    )
    assert "Please send a photo or PDF here." == texts.say("todo.upload", "en", deadline="")
    assert "“AI 面试”" in texts.render("status.open", "zh-CN", bare | {"todo": ""})


def test_clauses_follow_the_language(texts: Texts) -> None:
    values = {"deadline": "D"}
    said = [texts.render("todo.upload", locale, values) for locale in ("zh-CN", "en", "ja")]
    assert [
        "请在D前把照片或 PDF 发到这里。",
        "Please send a photo or PDF here by D.",
        "Dまでに写真かPDFをここに送ってください。",
    ] == said


@pytest.mark.parametrize("missing", ["name", "link", "deadline"])
def test_a_missing_value_is_never_sent(texts: Texts, missing: str) -> None:
    for values in ({**XIAOYU, missing: None}, {key: value for key, value in XIAOYU.items() if key != missing}):
        with pytest.raises(UnfilledText):
            texts.render("invite.interview", "zh-CN", values)


def test_an_empty_link_and_an_unknown_key_are_never_sent(texts: Texts) -> None:
    with pytest.raises(UnfilledText, match="link"):
        texts.render("invite.interview", "zh-CN", {**XIAOYU, "link": ""})
    with pytest.raises(UnfilledText, match="no such text"):
        texts.render("invite.nothing", "zh-CN", XIAOYU)


def test_only_words_and_numbers_are_filled_in(texts: Texts) -> None:
    for value in (True, 1.5, NOW, ["a"]):
        with pytest.raises(UnfilledText):
            texts.say("meeting.confirmed", "en", start=value)  # type: ignore[arg-type]
    assert "Great, see you 14!" == texts.say("meeting.confirmed", "en", start=14)


def test_braces_in_a_value_are_only_words(texts: Texts) -> None:
    assert "Great, see you {link.__class__} {0}!" == texts.say("meeting.confirmed", "en", start="{link.__class__} {0}")


@pytest.mark.parametrize(
    "text", ["{name.x}", "{name[0]}", "{name!r}", "{name:>9}", "{}", "{0}", "{名字}", "{", "}", "{_x}"]
)
def test_a_gap_holds_a_plain_name_and_nothing_else(text: str) -> None:
    with pytest.raises(ValueError):
        Template.read(text)


def test_a_missing_form_is_said_as_in_chat_and_an_email_as_in_sms(texts: Texts) -> None:
    assert texts.render("hired", "zh-CN", XIAOYU, form="sms") == texts.render("hired", "zh-CN", XIAOYU)
    assert texts.render("invite.document", "en", XIAOYU, form="email") == texts.render(
        "invite.document", "en", XIAOYU, form="sms"
    )
    assert "其他原因" == texts.say("reasons.other", "zh-CN", "label")


def test_only_some_texts_have_a_title(texts: Texts) -> None:
    assert "待筛选：张小雨" == texts.title("review.waiting", "zh-CN", name="张小雨")
    assert "" == texts.title("hired", "zh-CN")
    assert "" == texts.title("no.such.text", "zh-CN")


def test_an_unknown_language_gets_its_relative_else_chinese(texts: Texts) -> None:
    assert ["Later", "Later", "晚点再做", "晚点再做", "あとでやる"] == [
        texts.say("buttons.later", locale) for locale in ("en", "en-GB", "zh-TW", "fr", "ja-JP")
    ]


def test_a_key_that_a_language_lacks_is_said_in_chinese(tmp_path: Path) -> None:
    texts = Texts.load(write(tmp_path, zh_CN="a: 甲\nb: 乙", en="a: A"))
    assert ["A", "乙"] == [texts.say(key, "en") for key in "ab"]


def test_an_sms_is_signed_and_says_how_to_stop(texts: Texts) -> None:
    assert "【不漏咖啡】看 https://x.cn/i/t 回T退订" == texts.sms(
        "看 https://x.cn/i/t", "zh-CN", "不漏咖啡", optout=True
    )
    assert "【不漏咖啡】好" == texts.sms("好", "zh-CN", "不漏咖啡")


# --- the stage's own words ---


def test_the_stages_own_words_take_precedence_in_their_language(texts: Texts) -> None:
    own = {"zh-CN": "{name}，618 测评来了： {link}"}
    assert "张小雨，618 测评来了： https://x.cn/i/t" == texts.render("invite.interview", "zh", XIAOYU, override=own)
    catalogue = texts.render("invite.interview", "en", XIAOYU)
    assert catalogue == texts.render("invite.interview", "en", XIAOYU, override=own)
    assert catalogue == texts.render("invite.interview", "en", XIAOYU, override={})


def test_the_links_that_a_message_must_hold_are_never_lost(texts: Texts) -> None:
    own = {"zh-CN": "请到{link}，谢谢"}
    said = texts.render("invite.document", "zh-CN", XIAOYU, form="sms", override=own)
    assert "请到https://x.cn/i/t ，谢谢 https://x.cn/c/t" == said
    assert "请到https://x.cn/i/t ，谢谢" == texts.render("invite.document", "zh-CN", XIAOYU, override=own)


def test_own_words_are_for_what_is_said_not_for_titles(texts: Texts) -> None:
    own = {"zh-CN": "我们看过了"}
    assert "待筛选：张小雨" == texts.render("review.waiting", "zh-CN", XIAOYU, form="title", override=own)
    assert "我们看过了" == texts.render("review.waiting", "zh-CN", XIAOYU, override=own)


@pytest.mark.parametrize("own", ["{score}", "{", "{name.x}"])
def test_own_words_with_an_unknown_gap_are_never_sent(texts: Texts, own: str) -> None:
    with pytest.raises(UnfilledText):
        texts.render("invite.interview", "zh-CN", XIAOYU, override={"zh-CN": own})


def test_a_stage_may_name_its_invite_without_its_kind() -> None:
    own = {"invite": {"en": "Come"}, "nudge.document": {"en": "Send"}, "meeting": {"en": "no"}}
    assert {"en": "Come"} == stage_override(own, "invite.interview")
    assert {"en": "Send"} == stage_override(own, "nudge.document")
    assert None is stage_override(own, "nudge.interview")
    assert None is stage_override(own, "meeting.booked")


@pytest.mark.parametrize(
    ("key", "text", "fault"),
    [
        ("invite", "{name}，请{by}完成 {link}", None),
        ("meeting.booked", "{start} {where}", None),
        ("invite", "{start}", "invite has no {start}"),
        ("invites", "来吧", "there is no message invites"),
        ("meeting", "来吧", "there is no message meeting"),
        ("rejected", "{reason.x}", "{reason.x} is not the plain name of a value"),
    ],
)
def test_faults_in_own_words_are_found_before_anybody_is_told(
    texts: Texts, key: str, text: str, fault: str | None
) -> None:
    assert fault == texts.fault(key, text)


# --- reasons ---


def test_reasons_are_ids_with_words(texts: Texts) -> None:
    expected = {"night_shift", "not_passed", "position_filled", "not_fit", "other", "certificate_unclear"}
    expected |= {"certificate_expired", "certificate_not_yours", "certificate_other"}
    assert expected == texts.reasons()


@pytest.mark.parametrize(
    ("reason", "locale", "told"),
    [
        ("position_filled", "zh-CN", "这个岗位已经招满了"),
        ("position_filled", "en", "the position has been filled"),
        ("经验不够。", "en", "经验不够"),
        ({"zh-CN": "夜班", "en": "Nights."}, "en-US", "Nights"),
        ({"zh-CN": "夜班"}, "ja", "夜班"),
        (" ", "zh-CN", "招聘同事看过您的情况，觉得这次不太合适"),
    ],
)
def test_a_reason_is_told_in_words(texts: Texts, reason: str | dict[str, str], locale: str, told: str) -> None:
    assert told == texts.reason(reason, locale)


# --- dates, durations, rates ---


@pytest.mark.parametrize(
    ("moment", "zh", "en", "ja"),
    [
        ("2026-11-25T06:00", "11月25日(周三)14:00", "Wed 25 Nov, 14:00", "11月25日(水)14:00"),
        ("2026-11-23T06:05", "今天(11月23日)14:05", "14:05 today (23 Nov)", "今日(11月23日)14:05"),
        ("2026-11-23T15:59", "今天(11月23日)23:59", "23:59 today (23 Nov)", "今日(11月23日)23:59"),
        ("2026-11-23T16:00", "明天(11月24日)00:00", "00:00 tomorrow (24 Nov)", "明日(11月24日)00:00"),
        ("2026-11-24T16:00", "11月25日(周三)00:00", "Wed 25 Nov, 00:00", "11月25日(水)00:00"),
        ("2026-11-22T10:00", "11月22日(周日)18:00", "Sun 22 Nov, 18:00", "11月22日(日)18:00"),
        ("2027-01-02T01:30", "2027年1月2日(周六)09:30", "Sat 2 Jan 2027, 09:30", "2027年1月2日(土)09:30"),
    ],
)
def test_moments_are_said_as_people_say_them(texts: Texts, moment: str, zh: str, en: str, ja: str) -> None:
    due = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert [zh, en, ja] == [texts.when(due, locale, SHANGHAI, NOW) for locale in ("zh-CN", "en", "ja")]


def test_today_is_the_companys_day(texts: Texts) -> None:
    late = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)  # 1:00 on the 24th in Shanghai
    assert "今天(11月24日)08:00" == texts.when(datetime(2026, 11, 24, tzinfo=UTC), "zh-CN", SHANGHAI, late)


def test_all_twelve_months_and_seven_days_have_names(texts: Texts) -> None:
    for day in range(365):
        moment = NOW + timedelta(days=2 + day)
        assert f"{moment:%a} {moment.day} {moment:%b}" in texts.when(moment, "en", UTC, NOW)


def test_days_and_slots(texts: Texts) -> None:
    languages = ("zh-CN", "en", "ja")
    day, start = date(2027, 11, 5), datetime(2026, 11, 25, 6, tzinfo=UTC)
    assert ["2027年11月5日", "5 Nov 2027", "2027年11月5日"] == [texts.day(day, locale) for locale in languages]
    slots = [texts.slot(start, locale, SHANGHAI) for locale in languages]
    assert ["25日周三14:00", "Wed 25 14:00", "25日(水)14:00"] == slots


@pytest.mark.parametrize(
    ("length", "zh", "en", "ja"),
    [
        (timedelta(days=7), "7天", "7 days", "7日"),
        (timedelta(hours=24), "1天", "1 day", "1日"),
        (timedelta(hours=26, minutes=5), "1天2小时", "1 day 2 hours", "1日2時間"),
        (timedelta(days=1, minutes=5), "1天", "1 day", "1日"),
        (timedelta(hours=1, minutes=30), "1小时30分钟", "1 hour 30 minutes", "1時間30分"),
        (timedelta(seconds=90), "1分钟30秒", "1 minute 30 seconds", "1分30秒"),
        (timedelta(seconds=1), "1秒", "1 second", "1秒"),
        (timedelta(0), "0秒", "0 seconds", "0秒"),
        (timedelta(days=-1), "0秒", "0 seconds", "0秒"),
    ],
)
def test_durations_are_said_in_two_units_at_most(texts: Texts, length: timedelta, zh: str, en: str, ja: str) -> None:
    assert [zh, en, ja] == [texts.lasting(length, locale) for locale in ("zh-CN", "en", "ja")]


@pytest.mark.parametrize(
    ("rate", "said"),
    [(0.09, "9%"), (0.29, "29%"), (0.085, "9%"), (0.0849, "8%"), (9 / 180, "5%"), (0, "0%"), (1, "100%")],
)
def test_rates_are_whole_percents(rate: float, said: str) -> None:
    assert said == percent(rate)


# --- reading ---


def test_the_standard_texts_are_read_once() -> None:
    assert standard_texts() is standard_texts()


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ("a: 甲\na: 乙", ":2: expected each key once"),
        ("a: 甲\nb: [乙]", ":2: expected keys with their words"),
        ("a: 甲\nb: {sms: 乙}", ":2: expected the form chat in b"),
        ("a: 甲\nb: {chat: {x: 乙}}", ":2: expected words"),
        ("a: '{name.x}'", ":1: expected names of values in braces"),
        ("a: ''", ":1: expected words"),
        ("", ":1: expected keys with their words"),
        ("a: [", "expected YAML"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, content: str, where: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        Texts.load(write(tmp_path, zh_CN=content))
    assert where in str(caught.value)
    assert 1 == len(str(caught.value).splitlines())


def test_the_fallback_language_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="zh-CN"):
        Texts.load(write(tmp_path, en="a: A"))


@pytest.mark.parametrize("typed", ["经历不合适", "not_fit"])
def test_a_reason_typed_as_on_its_button_is_told_in_the_candidates_language(typed: str) -> None:
    """HR types what stands on the button; an English candidate reads the English sentence."""
    texts = standard_texts()
    assert texts.say("reasons.not_fit", "en") == texts.reason(typed, "en")


@pytest.mark.parametrize("locale", ["zh-CN", "en", "ja"])
def test_whatever_a_card_names_by_its_id_has_words(texts: Texts, locale: str) -> None:
    """A card with one gap is not sent at all, and a person is not called."""
    named = {
        "happened": TOLD,
        "doubts": frozenset(Doubt),
        "faults": frozenset(Fault),
        "causes": RULES_OWN | OUTLIVES_END | OVERCOME,
    }
    for family, ids in named.items():
        for id in ids:
            assert texts.say(f"{family}.{id}", locale, outcome="-", to="-", days=1)
