"""What the bot says: complete in every language, with the links it owes, and short enough for where it goes."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from bot.texts import ALWAYS, FOLDER, Template, Texts
from recruiting.intents import Intent, intent
from recruiting.process import Fact, Rung, StageKind

LANGUAGES = ("zh-CN", "en", "ja")
LINK = "https://recruiting.example.com/i/Zk3vQm8RtYw2LpXb7NcDf1"  # 55 characters, as long as ours get
LINK += "0" * (60 - len(LINK))
DEADLINES = {"zh-CN": "11月25日(周三)14:00", "en": "Wed 25 Nov, 14:00", "ja": "11月25日(水)14:00"}
CANDIDATE = {
    "zh-CN": {"name": "张小雨", "company": "不漏咖啡", "position": "咖啡师", "shop": "南京西路店"},
    "en": {"name": "Mei Zhang", "company": "Bulou Coffee", "position": "Barista", "shop": "Nanjing Road"},
    "ja": {"name": "佐藤美咲", "company": "不漏コーヒー", "position": "バリスタ", "shop": "南京西路店"},
}
STAGES = {"zh-CN": "健康证", "en": "Health certificate", "ja": "健康証明"}
REASONS = {
    "zh-CN": "照片看不清，请在亮处正对着拍，四个角都拍进来",
    "en": "the picture is hard to read; please take it in good light",
    "ja": "写真が読みにくいので、明るい所で撮ってください",
}
LONGEST_SMS = {"zh-CN": 200, "en": 260, "ja": 200}

# What asks for something on the stage's page holds its link; what asks for something in chat leads there.
WITH_PAGE = [f"{what}.{kind}" for what in ("invite", "nudge") for kind in ("interview", "document", "meeting")]
WITH_PAGE += ["meeting.reminder"]
TO_CHAT_BY_SMS = ["invite.document", "invite.meeting", "nudge.document", "nudge.meeting", "meeting.booked"]
TO_CHAT_BY_SMS += ["meeting.reminder", "document.rejected", "rejected", "expired", "todo.upload", "todo.choose_slot"]
COMMANDS = {
    "help",
    "status",
    "why",
    "funnel",
    "todo",
    "done",
    "remind",
    "pass",
    "reject",
    "cert",
    "alerts",
    "threshold",
    "mute",
    "pause",
    "resume",
}
COMMANDS |= {"export", "dashboard", "lang", "contact", "import", "member"}
# Everything by which HR, not a candidate, is spoken to.
TO_HR = ("alert.", "command.", "causes.", "label.", "follow_up.", "import.", "review.", "document.review")


def entries(locale: str) -> Iterator[tuple[str, str, str]]:
    """Key, form and words of everything in a language."""
    for key, value in yaml.safe_load((FOLDER / f"{locale}.yaml").read_text("utf-8")).items():
        for form, text in ({"chat": value} if isinstance(value, str) else value).items():
            yield key, form, text


def words(locale: str) -> dict[tuple[str, str], str]:
    return {(key, form): text for key, form, text in entries(locale)}


@pytest.fixture(scope="module")
def texts() -> Texts:
    return Texts.load()


def test_there_is_a_file_for_each_language() -> None:
    assert sorted(LANGUAGES) == sorted(path.stem for path in Path(FOLDER).glob("*.yaml"))


@pytest.mark.parametrize("locale", LANGUAGES)
def test_every_language_says_the_same_things_with_the_same_values(locale: str) -> None:
    chinese = {place: Template.read(text).fields for place, text in words("zh-CN").items()}
    assert chinese == {place: Template.read(text).fields for place, text in words(locale).items()}


@pytest.mark.parametrize("locale", LANGUAGES)
def test_a_link_stands_alone(locale: str) -> None:
    """Phones take what touches a link for a part of it."""
    for key, form, text in entries(locale):
        for found in re.finditer(r"(\S?)\{(?:chat_)?link\}(\S?)", text):
            assert ("", "") == found.groups(), (key, form)


@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize("key", WITH_PAGE)
def test_invites_and_reminders_lead_to_the_page_once(key: str, locale: str) -> None:
    said = {form: text.count("{link}") for (each, form), text in words(locale).items() if each == key}
    assert {"chat": 1, "sms": 1} == said


@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize("key", TO_CHAT_BY_SMS)
def test_what_is_done_in_chat_is_asked_by_sms_with_the_way_there(key: str, locale: str) -> None:
    assert 1 == words(locale)[key, "sms"].count("{chat_link}")


@pytest.mark.parametrize("locale", LANGUAGES)
def test_every_rejection_offers_a_person(locale: str) -> None:
    for form in ("chat", "sms"):
        assert {"reason", "chat_link"} <= Template.read(words(locale)["rejected", form]).fields


@pytest.mark.parametrize("locale", LANGUAGES)
def test_an_sms_is_short(texts: Texts, locale: str) -> None:
    values = {**CANDIDATE[locale], "stage": STAGES[locale], "link": LINK, "chat_link": LINK}
    values |= {"deadline": DEADLINES[locale], "start": DEADLINES[locale], "reason": REASONS[locale], "code": "123456"}
    values |= {"why": REASONS[locale], "expires_on": DEADLINES[locale], "days": "30"}
    keys = [key for key, form, _ in entries(locale) if form == "sms"] + ["bind.code"]
    said = {}
    for key in keys:
        unasked = key.startswith(("invite.", "nudge.", "meeting.reminder"))
        text = texts.render(key, locale, values, form="sms")
        said[key] = texts.sms(text, locale, CANDIDATE[locale]["company"], optout=unasked)
    too_long = {key: len(text) for key, text in said.items() if len(text) > LONGEST_SMS[locale]}
    assert {} == too_long
    assert {f"【{values['company']}】"} == {text[: len(values["company"]) + 2] for text in said.values()}


@pytest.mark.parametrize("locale", LANGUAGES)
def test_consent_fits_above_a_menu(texts: Texts, locale: str) -> None:
    """微信客服 takes 1024 bytes there; a consent that is cut is none."""
    asked = texts.say("consent.ask", locale, company="上海不漏餐饮管理有限公司", keep="30 days")
    assert 1024 >= len(asked.encode())


@pytest.mark.parametrize("locale", LANGUAGES)
def test_consent_says_all_that_the_law_asks(texts: Texts, locale: str) -> None:
    """Who, what for, what is read, who sees it, how long, how to withdraw, what happens after a no: a line each."""
    asked = texts.say("consent.ask", locale, company="不漏咖啡", keep="7")
    assert 8 == len(asked.splitlines())
    assert "不漏咖啡" in asked
    assert "7" in asked


@pytest.mark.parametrize("locale", LANGUAGES)
def test_labels_fit(locale: str) -> None:
    limits = {"buttons.": 10, "label.": 5}
    said = words(locale).items()
    long = [
        key for (key, _), text in said for kind, most in limits.items() if key.startswith(kind) and len(text) > most
    ]
    long += [key for (key, form), text in said if form == "label" and len(text) > 10]
    assert [] == long


@pytest.mark.parametrize("locale", LANGUAGES)
def test_every_reason_has_a_short_label_and_no_full_stop(locale: str) -> None:
    said = {place: text for place, text in words(locale).items() if place[0].startswith("reasons.")}
    assert {key for key, form in said if form == "chat"} == {key for key, form in said if form == "label"}
    assert [] == [key for (key, _), text in said.items() if text[-1] in "。．.!！"]


@pytest.mark.parametrize("locale", LANGUAGES)
def test_candidates_get_no_phone_number_and_no_word_of_test_results(locale: str) -> None:
    unwanted = re.compile(r"\d{7,}|\{phone\}|乙肝|化验|hepatitis|B型肝炎|检验", re.IGNORECASE)
    for key, form, text in entries(locale):
        assert key.startswith(TO_HR) or not unwanted.search(text), (key, form)


@pytest.mark.parametrize("locale", LANGUAGES)
def test_numbers_are_ascii_digits(locale: str) -> None:
    for key, form, text in entries(locale):
        assert not re.search("[０-９％]", text), (key, form)


@pytest.mark.parametrize("locale", LANGUAGES)
def test_what_every_message_may_say_is_no_surprise(locale: str) -> None:
    """The stage's own messages need only what is known of every candidate, and what their moment adds."""
    for (key, form), text in words(locale).items():
        if key.startswith(("invite.", "nudge.")):
            assert ALWAYS >= Template.read(text).fields, (key, form)


@pytest.mark.parametrize("locale", LANGUAGES)
def test_a_used_link_is_answered_like_a_stranger(texts: Texts, locale: str) -> None:
    stranger = texts.say("welcome.stranger", locale, company="不漏咖啡")
    assert stranger == texts.say("bind.other_account", locale, company="不漏咖啡")


@pytest.mark.parametrize("locale", LANGUAGES)
def test_every_command_has_its_usage_and_its_purpose(locale: str) -> None:
    said = {key for key, _ in words(locale)}
    for prefix in ("command.usage.", "command.does."):
        assert COMMANDS == {key.removeprefix(prefix) for key in said if key.startswith(prefix)}


@pytest.mark.parametrize("locale", LANGUAGES)
def test_every_rate_fires_gets_worse_and_recovers(locale: str) -> None:
    values = {"batch", "stage", "missed", "due", "rate", "at", "low", "high", "certain_words"}
    said = words(locale)
    for rate in ("no_show", "no_reply", "certificate_missing", "delivery_failure"):
        for turn in ("fired", "worse", "recovered"):
            fields = {form: Template.read(said[f"alert.{rate}.{turn}", form]).fields for form in ("title", "chat")}
            assert {"batch", "stage", "rate"} == fields["title"]
            assert values >= fields["chat"]
            assert {"missed", "due", "at"} <= fields["chat"]


TOLD_TO_TYPE = {
    "zh-CN": {"human": "人工", "reschedule": "改时间", "stop": "退订", "status": "进度", "resume": "恢复"},
    "en": {"human": "human", "reschedule": "reschedule", "stop": "stop", "status": "status", "resume": "start"},
    "ja": {"human": "担当者", "reschedule": "時間変更", "stop": "停止", "status": "状況", "resume": "再開"},
}


@pytest.mark.parametrize("locale", LANGUAGES)
def test_what_people_are_told_to_type_is_understood(locale: str) -> None:
    everything = "\n".join(text for _, _, text in entries(locale))
    for meant, typed in TOLD_TO_TYPE[locale].items():
        assert any(f"{left}{typed}{right}" in everything for left, right in ("“”", '""', "「」")), typed
        assert Intent(meant) is intent(typed)
    assert Intent.STOP is intent("T")


@pytest.mark.parametrize("locale", LANGUAGES)
def test_every_cause_kind_and_channel_has_words(locale: str) -> None:
    said = {key for key, _ in words(locale)}
    owed = {f"causes.not_{fact.value}" for fact in Fact} | {f"kinds.{kind.value}" for kind in StageKind}
    assert set() == (owed | {f"channels.{rung.value}" for rung in Rung}) - said
