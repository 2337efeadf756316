"""Process files: what is right is read in full, and what is wrong is named by file, line and key."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from config.load import LARGEST_FILE, InvalidProcess, Mistake, load_process, load_processes, warnings
from recruiting.process import Bar, Do, Fact, OnFail, Process, Rate, Rung, Since, StageKind, Then

EXAMPLE = Path(__file__).parents[1] / "data" / "process.example.yaml"
TEXT = EXAMPLE.read_text(encoding="utf-8")
REASONS = {"night_shift"}


def mistakes(text: str) -> list[str]:
    """What is wrong with a process, as it is printed."""
    with pytest.raises(InvalidProcess) as refused:
        load_process(text, "a.yaml", REASONS)
    return str(refused.value).split("\n")


class TestExample:
    """The example uses everything there is."""

    made = load_process(EXAMPLE, "example", REASONS)

    def test_the_process(self) -> None:
        made = self.made
        assert ("restaurant-crew", "zh-CN", ("店员", "服务员", "咖啡师")) == (made.id, made.locale, made.positions)
        assert {"zh-CN": "门店员工招聘", "en": "Restaurant crew"} == made.name
        assert (Rung.CHAT, Rung.SMS, Rung.EMAIL, Rung.FOLLOW_UP) == made.ladder
        assert {"sms": "21:00-08:00", "chat": "22:00-08:00"} == made.model_dump(mode="json")["quiet_hours"]
        assert (3, 2) == (made.limits.per_stage, made.limits.per_day)
        assert list(StageKind) == [
            made.stage(id).kind
            for id in (
                "screening",
                "ai_interview",
                "night_shift_check",
                "health_certificate",
                "second_interview",
                "onboarding",
            )
        ]

    def test_screening(self) -> None:
        stage = self.made.stage("screening")
        nudge = stage.nudges[0]
        assert stage.skip_if_imported
        assert (timedelta(days=2), Fact.DECIDED, Do.FOLLOW_UP) == (nudge.after, nudge.unless, nudge.do)

    def test_the_interview(self) -> None:
        stage = self.made.stage("ai_interview")
        assert "https://interview.example.com/s/{token}" == stage.link
        assert timedelta(hours=72) == stage.deadline
        assert [
            (timedelta(hours=12), None, Fact.CLICKED, Do.SMS),
            (timedelta(hours=24), None, Fact.PARTICIPATED, Do.FOLLOW_UP),
            (None, timedelta(hours=6), Fact.PARTICIPATED, Do.REMIND),
        ] == [(nudge.after, nudge.before_deadline, nudge.unless, nudge.do) for nudge in stage.nudges]
        assert {"总分": Bar(at_least=60)} == stage.pass_
        assert OnFail.REVIEW is stage.on_fail
        rule = stage.rules[0]
        assert ({"夜班": Bar(below=60)}, Then.REJECT, "night_shift") == (rule.if_, rule.then, rule.reason)

    def test_the_certificate(self) -> None:
        stage = self.made.stage("health_certificate")
        assert ("health_certificate", timedelta(days=10)) == (stage.document, stage.deadline)
        assert [Since.INVITE, Since.INVITE, Since.UPLOADED] == [nudge.since for nudge in stage.nudges]
        assert (timedelta(days=30), timedelta(days=7)) == (stage.valid_for, stage.keep_picture)
        assert [30, 14, 7, 1] == [before.days for before in stage.warn_before_expiry]

    def test_the_questions(self) -> None:
        stage = self.made.stage("night_shift_check")
        question = stage.questions[0]
        assert date(2026, 6, 20) == stage.optional_until
        assert ("nights", "您每周可以上几个夜班？") == (question.id, question.text["zh-CN"])
        assert ["3 or more", "1 or 2", "None"] == [option.text["en"] for option in question.options]
        assert [{"夜班": 100}, {"夜班": 60}, {"夜班": 0}] == [option.score for option in question.options]
        assert Then.HOLD is stage.rules[0].then

    def test_the_meeting(self) -> None:
        stage = self.made.stage("second_interview")
        slots = stage.slots
        assert slots is not None
        assert ["mon", "tue", "wed", "thu", "fri"] == list(slots.days)
        assert (14 * 60, 18 * 60, timedelta(minutes=30), 1) == (slots.from_, slots.to, slots.each, slots.capacity)
        assert (timedelta(hours=4), timedelta(days=7)) == (slots.notice, slots.horizon)
        assert ("ai_interview", "health_certificate") == stage.requires
        assert (timedelta(hours=24), timedelta(hours=2)) == stage.reminders
        assert ("总分", "服务意识", "抗压能力") == stage.show
        assert ("服务意识", "仪容", "稳定性") == stage.rate

    def test_the_alerts(self) -> None:
        assert [
            (Rate.NO_SHOW, "ai_interview", 0.05, timedelta(hours=24), 20, 0.03, 0),
            (Rate.NO_REPLY, None, 0.2, timedelta(hours=24), 20, 0.03, 0),
            (Rate.CERTIFICATE_MISSING, "health_certificate", 0.15, timedelta(days=3), 20, 0.03, 0),
        ] == [
            (alert.rate, alert.stage, alert.at, alert.after, alert.min_sample, alert.step, alert.certainty)
            for alert in self.made.alerts
        ]


FACTS = "clicked, participated, replied, uploaded, booked, decided"
KINDS = "review, interview, questionnaire, document, meeting, onboarding"
NUDGE_KEYS = "after, before_deadline, do, since, unless"
MEETING_KEYS = (
    "deadline, id, kind, name, nudges, on_missed, optional_until, rate, reminders, requires, show, skip_if_imported, "
    "slots, texts"
)
PROCESS_KEYS = "alerts, id, ladder, limits, locale, name, positions, quiet_hours, stages"
RATES = "no_show, no_reply, certificate_missing, delivery_failure"
A_DURATION = "a duration such as 90s, 30m, 12h or 3d"
A_REASON = "an id of the message catalogue that has a text, or a text per language"
A_LINK = "a web address with {token} in it, such as https://interview.example.com/s/{token}"


@pytest.mark.parametrize(
    ("right", "wrong", "mistake"),
    [
        ("id: restaurant-crew", "id: restaurant crew", "2: id: expected an id of letters, digits, _ and -, up to 64"),
        ("id: restaurant-crew\n", "", "2: id: expected this key, which is missing here"),
        ("[店员, 服务员, 咖啡师]", "[]", "4: positions: expected at least one of them"),
        ("locale: zh-CN", "locale: Chinese", "5: locale: expected a language such as zh-CN, en or ja"),
        (
            "[chat, sms, email, follow_up]",
            "[chat, smss]",
            "6: ladder: expected one of chat, sms, email, follow_up; did you mean `sms`?",
        ),
        ('"22:00-08:00"', '"22-8"', '9: chat: expected two different times of day such as "21:00-08:00"'),
        ('  chat: "22', '  follow_up: "22', "9: follow_up: expected chat, sms or email"),
        ("per_day: 2", "per_day: two", "10: per_day: expected a whole number"),
        ("per_day: 2", "per_day: -2", "10: per_day: expected a number of at least 0"),
        ("per_day: 2", "per_week: 2", "10: per_week: expected one of the keys per_day, per_stage"),
        (
            "limits: {per",
            "ladder: [sms]\nlimits: {per",
            "10: ladder: expected each key once; it stands already in line 6",
        ),
        ("kind: document", "kind: documents", f"36: kind: expected one of {KINDS}; did you mean `document`?"),
        ("kind: review      ", "#", "13: kind: expected this key, which is missing here"),
        ("imported: true", "imported: maybe", "16: skip_if_imported: expected true or false"),
        ("after: 2d", "aftr: 2d", f"18: aftr: expected one of the keys {NUDGE_KEYS}; did you mean `after`?"),
        (A_LINK.split()[-1], "https://interview.example.com/", f"23: link: expected {A_LINK}"),
        ("deadline: 72h", "deadline: 72", f"24: deadline: expected {A_DURATION}"),
        ("deadline: 72h", "deadline:", f"24: deadline: expected {A_DURATION}"),
        (
            "missed: follow_up ",
            "missed: expired ",
            "25: on_missed: expected one of follow_up, expire; did you mean `expire`?",
        ),
        ("unless: clicked, do", "unless: click, do", f"27: unless: expected one of {FACTS}; did you mean `clicked`?"),
        ("do: sms", "do: call", "27: do: expected one of follow_up, remind, sms, chat, email"),
        (
            "before_deadline: 6h",
            "before_deadline: 6h, after: 1h",
            "29: before_deadline: expected either `after` or `before_deadline`, not both",
        ),
        ("{at_least: 60}", "60", "30: 总分: expected a condition such as {at_least: 60}"),
        ("{at_least: 60}", "{}", "30: 总分: expected a condition such as {at_least: 60}"),
        (
            "{at_least: 60}",
            "{atleast: 60}",
            "30: atleast: expected one of the keys above, at_least, at_most, below, equals; did you mean `at_least`?",
        ),
        ("then: reject", "then: rejected", "33: then: expected one of reject, hold; did you mean `reject`?"),
        ("reason: night_shift", "reason: nightshift", f"33: reason: expected {A_REASON}; did you mean `night_shift`?"),
        (
            "    document: health_certificate\n",
            "",
            "35: document: expected the name of the document, such as health_certificate",
        ),
        (
            "valid_for: 30d",
            "slots: {}",
            "44: slots: expected no such key in a stage of kind document (it belongs to meeting)",
        ),
        ('"2026-06-20"', "next summer", '51: optional_until: expected a day such as "2026-06-20"'),
        ("{夜班: 100}", "{夜班: many}", "56: 夜班: expected a number"),
        (
            "requires: [ai_interview, ",
            "requires: [ai_intervew, ",
            "65: requires: expected the id of an earlier stage; did you mean `ai_interview`?",
        ),
        (
            "[mon, tue, ",
            "[mon, tues, ",
            "66: days: expected one of mon, tue, wed, thu, fri, sat, sun; did you mean `tue`?",
        ),
        ('to: "18:00"', "to: 13:00", "66: to: expected a time after 14:00"),
        ("each: 30m", "each: 5h", "66: each: expected a duration that fits between `from` and `to`"),
        ("slots: {days", "slot: {days", f"66: slot: expected one of the keys {MEETING_KEYS}; did you mean `slots`?"),
        ("- id: onboarding", "- id: screening", "72: id: expected an id that no other of the stages has"),
        ("reminders: [1d]", "reminders: 1d", "75: reminders: expected a list such as [a, b]"),
        ("alerts:  ", "alarms:  ", f"77: alarms: expected one of the keys {PROCESS_KEYS}; did you mean `alerts`?"),
        ("at: 5%", "at: 5", "78: at: expected a percentage above 0% and up to 100%, such as 5%"),
        ("certainty: 0", "certainty: 95", "78: certainty: expected a number below 1"),
        ("stage: ai_interview", "stage: screening", "78: stage: expected the id of a stage of kind interview"),
        (
            "rate: no_reply",
            "rate: noreply",
            f"79: rate: expected one of {RATES}; did you mean `no_reply`?",
        ),
        ("en: Restaurant crew}", "en: [crew]}", "3: en: expected text"),
        (
            "name: {zh-CN: 门店",
            'name: {English: "x", zh-CN: 门店',
            "3: English: expected a language such as zh-CN, en or ja",
        ),
        ("en: Restaurant crew}", 'en: "a\\0b"}', "3: yaml: expected text without control characters"),
        ("en: Restaurant crew}", 'en: "\\ud800"}', "3: yaml: expected text without control characters"),
        (
            "    kind: interview",
            "   kind: interview",
            "21: yaml: expected YAML (expected <block end>, but found '<block mapping start>')",
        ),
        ("positions: [", "positions: *list [", "4: yaml: expected YAML (found undefined alias 'list')"),
    ],
)
def test_a_mistake_is_named_by_line_and_key(right: str, wrong: str, mistake: str) -> None:
    assert right in TEXT
    assert [f"a.yaml:{mistake}"] == mistakes(TEXT.replace(right, wrong, 1))


def test_all_mistakes_are_named_in_their_order() -> None:
    text = TEXT.replace("at: 5%", "at: 5").replace("deadline: 72h", "deadline: 72").replace("[店员", "[[], 店员")
    assert ["4: positions", "24: deadline", "78: at"] == [line.split(": expected")[0][7:] for line in mistakes(text)]


def test_mistakes_in_every_item_do_not_hide_one_another() -> None:
    text = "id: p\nname: p\npositions: [x]\nstages:\n  - {id: a, kind: reviw, name: x}\n  - {id: b, kind: review}\n"
    assert ["5: kind", "6: name"] == [line.split(": expected")[0][7:] for line in mistakes(text)]


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("", "a.yaml:1: process: expected the keys id, name, positions and stages"),
        ("# nothing\n", "a.yaml:1: process: expected"),
        ("\n- a\n", "a.yaml:2: process: expected keys with values"),
        ("hello", "a.yaml:1: process: expected keys with values"),
        ("id: a\n---\nid: b\n", "a.yaml:2: yaml: expected YAML"),
        ("id: a\nname: [\n", "a.yaml:3: yaml: expected YAML"),
        ("id: a\n\tname: b\n", "a.yaml:2: yaml: expected YAML"),
        ("id: a\n\x07: b\n", "a.yaml:2: yaml: expected text without control characters"),
        ("? [a]\n: b\n", "a.yaml:1: id: expected this key"),
        ("a: " + "[" * 3000, "a.yaml:1: yaml: expected YAML (more than 20 levels)"),
        ("a: &a [*a]", "a.yaml:1: yaml: expected YAML (more values than a process can hold)"),
        ("id: " + "x" * LARGEST_FILE, "a.yaml:1: file: expected at most 256 KiB"),
    ],
)
def test_what_is_no_process_at_all(text: str, start: str) -> None:
    found = mistakes(text)
    assert start == found[0][: len(start)]


def test_aliases_can_not_multiply_without_end() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    found = mistakes("\n".join(lines))
    assert ["expected YAML (more values than a process can hold)"] == [line.split(": ", 2)[2] for line in found]


def test_an_alias_can_spare_writing_something_twice() -> None:
    text = TEXT.replace("      - {after: 2d", "      - &nudge {after: 2d").replace(
        "  - id: onboarding", "    nudges: [*nudge]\n  - id: onboarding"
    )
    made = load_process(text, "a.yaml", REASONS)
    assert made.stage("screening").nudges == made.stage("second_interview").nudges


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes("id: a\nname: 健康证\n".encode("gbk"))
    with pytest.raises(InvalidProcess) as refused:
        load_process(path, "a.yaml", REASONS)
    assert "a.yaml:2: file: expected text in UTF-8" == str(refused.value)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(TEXT.encode("utf-8-sig"))
    assert "restaurant-crew" == load_process(path, "a.yaml", REASONS).id


@pytest.mark.parametrize("word", ["No", "on", "yes", "12", "1:30", "null", "~", "2026-01-01", "1e3"])
def test_a_word_stays_a_word(word: str) -> None:
    made = load_process(TEXT.replace("en: None", f"en: {word}"), "a.yaml", REASONS)
    assert word == made.stage("night_shift_check").questions[0].options[2].text["en"]


def test_a_mistake_prints_on_one_line() -> None:
    assert r"a.yaml:1: a\nb: expected c" == str(Mistake("a.yaml", 1, "a\nb", "c"))


# --- Whatever somebody writes -----------------------------------------------------------------------------------------

PLAIN = yaml.load(TEXT, yaml.BaseLoader)
SCRAPS: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(
        ["", "x", "5%", "3d", "-1", "1e999", "nan", "24:00", "*", "id", "interview", "2026-13-01", "ai_interview"]
    )
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def mutated(value: Any, draw: Any) -> Any:
    """The same with one piece dropped, renamed, doubled or replaced."""
    if not value or not isinstance(value, dict | list) or draw(st.integers(0, 5)) == 0:
        return draw(SCRAPS)
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = draw(st.sampled_from(keys))
    action = draw(st.sampled_from(["deeper", "deeper", "deeper", "drop", "add"]))
    copy = value.copy()
    if action == "deeper":
        copy[key] = mutated(value[key], draw)
    elif action == "drop":
        del copy[key]
    elif isinstance(copy, dict):
        copy[draw(st.sampled_from(["slots", "deadline", "oops", "pass"]) | st.text(max_size=3))] = copy.pop(key)
    else:
        copy.append(copy[key])
    return copy


def outcome(text: str) -> Process | InvalidProcess:
    """The process, or why there is none."""
    try:
        return load_process(text, "a.yaml", REASONS)
    except InvalidProcess as refused:
        return refused


@settings(deadline=None)  # the first one waits for what checks a process to be made
@given(st.data())
def test_whatever_is_written_is_read_or_refused_in_words(data: st.DataObject) -> None:
    text = yaml.safe_dump(mutated(PLAIN, data.draw), allow_unicode=True)
    match outcome(text):
        case Process() as made:
            assert made == Process.model_validate_json(made.model_dump_json(by_alias=True))
            assert all(warning.isprintable() for warning in warnings(made))
        case InvalidProcess() as refused:
            assert 0 < len(refused.mistakes) == len(str(refused).splitlines())


@given(st.text(alphabet="ab:- \n\t[]{}&*!|>'\"#?,%@`\\0", max_size=60))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    with pytest.raises(InvalidProcess):
        load_process(text, "a.yaml", REASONS)


# --- Folders and warnings ---------------------------------------------------------------------------------------------

SMALL = "id: {id}\nname: x\npositions: [{position}]\nstages:\n  - {{id: s, kind: review, name: x}}\n"


def folder(path: Path, **positions: str) -> Path:
    """A folder with a small process for each name."""
    for name, position in positions.items():
        (path / f"{name}.yaml").write_text(SMALL.format(id=name, position=position), encoding="utf-8")
    return path


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    assert ["a", "b"] == [made.id for made in load_processes(folder(tmp_path, b="y", a="x"), REASONS)]


def test_two_files_that_name_one_position(tmp_path: Path) -> None:
    with pytest.raises(InvalidProcess) as refused:
        load_processes(folder(tmp_path, a="x", b="X"), REASONS)
    assert f"{tmp_path}/b.yaml:3: positions: expected no x, which the process a names already" == str(refused.value)


def test_two_files_with_one_id(tmp_path: Path) -> None:
    (folder(tmp_path, a="x") / "b.yaml").write_text(SMALL.format(id="a", position="y"), encoding="utf-8")
    with pytest.raises(InvalidProcess) as refused:
        load_processes(tmp_path, REASONS)
    assert f"{tmp_path}/b.yaml:1: id: expected another id; {tmp_path}/a.yaml has it already" == str(refused.value)


def test_mistakes_of_all_files_are_told_together(tmp_path: Path) -> None:
    with pytest.raises(InvalidProcess) as refused:
        load_processes(folder(tmp_path, a="", b=""), REASONS)
    assert ["a.yaml", "b.yaml"] == [Path(mistake.file).name for mistake in refused.value.mistakes]


def test_what_is_not_run_is_told() -> None:
    told = "is not run by this version: whoever reaches it gets a follow-up and is moved on by a decision"
    assert [
        f"night_shift_check: a stage of kind questionnaire {told}",
        f"onboarding: a stage of kind onboarding {told}",
    ] == warnings(TestExample.made)


@pytest.mark.parametrize(
    ("nudge", "told"),
    [
        ("unless: booked, do: sms", ["s: nudge 1 is always sent: in a review nobody has booked"]),
        ("unless: decided, since: uploaded, do: sms", ["s: nudge 1 is never sent: in a review nobody has uploaded"]),
        ("unless: clicked, since: clicked, do: sms", []),
    ],
)
def test_a_nudge_that_can_not_do_what_it_says_is_told(nudge: str, told: list[str]) -> None:
    text = SMALL.format(id="a", position="x") + "    nudges: [{after: 1h, " + nudge + "}]\n"
    text = text.replace("- {id: s, kind: review, name: x}", "- id: s\n    kind: review\n    name: x")
    assert told == warnings(load_process(text, "a.yaml", REASONS))
