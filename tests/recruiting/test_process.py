"""What a process file may say, value by value."""

import json
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import TypeAdapter, ValidationError

from recruiting.process import (
    Alert,
    Bar,
    Do,
    Duration,
    Fact,
    OnFail,
    OnMissed,
    Overlap,
    Percent,
    Process,
    Quiet,
    Rate,
    Rule,
    Rung,
    Since,
    Slots,
    Stage,
    StageKind,
    Then,
    overlaps,
    parse,
    process_for,
    read_back,
    words,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
REVIEW = {"id": "screening", "kind": "review", "name": "筛选"}
INTERVIEW = {"id": "talk", "kind": "interview", "name": "面试"}
DOCUMENT = {"id": "paper", "kind": "document", "name": "健康证", "document": "health_certificate"}
SLOTS = {"days": "any", "from": "09:00", "to": "10:00", "each": "30m"}
MEETING = {"id": "visit", "kind": "meeting", "name": "复试", "slots": SLOTS}


def process(*stages: dict[str, Any], **more: Any) -> Process:
    """A small process of these stages."""
    return parse({"id": "p", "name": "x", "positions": ["店员"], "stages": list(stages), **more}, {"night_shift"})


def places(error: ValidationError) -> list[tuple[int | str, ...]]:
    """Where a refused process is wrong."""
    return [line["loc"] for line in error.errors()]


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("12h", timedelta(hours=12)),
        ("3d", timedelta(days=3)),
        ("0s", timedelta(0)),
        ("0d", timedelta(0)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, length: timedelta) -> None:
    assert length == TypeAdapter(Duration).validate_python(text)


@pytest.mark.parametrize("text", ["", "3", "3 d", "d", "-1h", "1.5h", "3w", "３d", "1h30m", "99999999d", 3, None, True])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Duration).validate_python(text)


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), ("100%", 1.0), ("2.5%", 0.025), ("7%", 0.07)])
def test_a_percentage_is_a_share(text: str, share: float) -> None:
    assert share == TypeAdapter(Percent).validate_python(text)


@pytest.mark.parametrize("text", ["5", "0.05", "0%", "101%", "-1%", "%", "５%", 5, True, float("nan")])
def test_what_is_no_percentage_is_refused(text: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Percent).validate_python(text)


@pytest.mark.parametrize("share", [0.05, 1 / 3, 0.07, 0.0001, 1.0])
def test_a_percentage_is_written_as_it_was_read(share: float) -> None:
    percent = TypeAdapter(Percent)
    assert share == percent.validate_json(percent.dump_json(share))


@pytest.mark.parametrize(
    ("locale", "fallback", "text"),
    [
        ("en", "zh-CN", "hello"),
        ("en-GB", "zh-CN", "hello"),
        ("zh-TW", "en", "你好"),
        ("ja", "en", "hello"),
        ("ja", "ko", "你好"),
    ],
)
def test_words_come_in_the_nearest_language(locale: str, fallback: str, text: str) -> None:
    assert text == words({"en": "hello", "zh-CN": "你好"}, locale, fallback)


def test_words_without_any_known_language_are_the_first_there_are() -> None:
    assert "hola" == words({"es": "hola", "fr": "salut"}, "ja", "en")


def test_a_plain_name_is_chinese() -> None:
    assert {"zh-CN": "筛选"} == process(REVIEW).stage("screening").name


@pytest.mark.parametrize(
    ("bar", "holding", "failing"),
    [
        ({"at_least": "60"}, 60, 59.9),
        ({"above": "60"}, 60.1, 60),
        ({"below": "60"}, 59.9, 60),
        ({"at_most": "60"}, 60, 60.1),
        ({"equals": "60"}, 60, 61),
        ({"at_least": "1", "below": "3"}, 2, 3),
    ],
)
def test_a_bar_holds_or_not(bar: dict[str, str], holding: float, failing: float) -> None:
    made = Bar.model_validate(bar)
    assert made.holds(holding)
    assert not made.holds(failing)


@pytest.mark.parametrize("bar", [{}, {"at_least": None}, {"at_least": "nan"}, {"at_least": "inf"}, {"over": "1"}])
def test_a_bar_needs_a_condition_on_a_number(bar: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Bar.model_validate(bar)


class TestQuietHours:
    """Nothing leaves a channel while it is quiet."""

    @pytest.mark.parametrize(
        ("moment", "quiet"),
        [(time(20, 59), False), (time(21), True), (time(0), True), (time(7, 59, 59), True), (time(8), False)],
    )
    def test_over_midnight(self, moment: time, quiet: bool) -> None:
        assert quiet == Quiet.model_validate("21:00-08:00").covers(moment)

    @pytest.mark.parametrize(("moment", "quiet"), [(time(11), False), (time(12), True), (time(14), False)])
    def test_within_a_day(self, moment: time, quiet: bool) -> None:
        assert quiet == Quiet.model_validate("12:00-14:00").covers(moment)

    def test_until_midnight(self) -> None:
        quiet = Quiet.model_validate("22:00-24:00")
        assert quiet.covers(time(23, 59))
        assert not quiet.covers(time(0))

    @pytest.mark.parametrize("text", ["08:00-08:00", "00:00-24:00", "21-8", "21:00", "25:00-08:00", "", 5, {}])
    def test_refused(self, text: object) -> None:
        with pytest.raises(ValidationError):
            Quiet.model_validate(text)

    @pytest.mark.parametrize(
        ("moment", "end"),
        [
            (datetime(2026, 5, 1, 22, tzinfo=SHANGHAI), datetime(2026, 5, 2, 8, tzinfo=SHANGHAI)),
            (datetime(2026, 5, 2, 3, tzinfo=SHANGHAI), datetime(2026, 5, 2, 8, tzinfo=SHANGHAI)),
            (datetime(2026, 5, 2, 8, tzinfo=SHANGHAI), datetime(2026, 5, 3, 8, tzinfo=SHANGHAI)),
        ],
    )
    def test_the_end_is_the_next_one(self, moment: datetime, end: datetime) -> None:
        found = Quiet.model_validate("21:00-08:00").end_after(moment.astimezone(UTC), SHANGHAI)
        assert end == found
        assert UTC == found.tzinfo

    def test_an_hour_that_the_clock_repeats_ends_twice(self) -> None:
        """On 25 October 2026 Berlin has 02:00 to 03:00 twice; the second time it is quiet until 02:30 again."""
        quiet = Quiet.model_validate("21:00-02:30")
        second_time = datetime(2026, 10, 25, 2, 10, fold=1, tzinfo=BERLIN).astimezone(UTC)
        assert second_time + timedelta(minutes=20) == quiet.end_after(second_time, BERLIN)

    def test_left_out_they_are_at_night(self) -> None:
        quiet = process(REVIEW).quiet_hours
        night = {Rung.SMS: Quiet.model_validate("21:00-08:00"), Rung.CHAT: Quiet.model_validate("22:00-08:00")}
        assert night == quiet

    def test_empty_there_are_none(self) -> None:
        assert {} == process(REVIEW, quiet_hours={}).quiet_hours

    def test_a_person_in_hr_has_none_in_a_process(self) -> None:
        with pytest.raises(ValidationError) as refused:
            process(REVIEW, quiet_hours={"follow_up": "21:00-08:00"})
        assert [("quiet_hours", "follow_up")] == places(refused.value)


class TestSlots:
    """When a meeting can be booked."""

    NOW = datetime(2026, 5, 1, 9, 10, tzinfo=SHANGHAI)  # a Friday

    def starts(self, now: datetime = NOW, tz: ZoneInfo = SHANGHAI, **slots: Any) -> list[str]:
        """The starts, as the company's clock shows them."""
        made = Slots.model_validate({**SLOTS, "notice": "0s", "horizon": "1d", **slots})
        found = made.starts(now.astimezone(UTC), tz)
        assert all(start.tzinfo is UTC for start in found)
        return [f"{start.astimezone(tz):%a %H:%M}" for start in found]

    def test_from_now_to_the_horizon(self) -> None:
        assert ["Fri 09:30", "Sat 09:00"] == self.starts()

    def test_the_bounds_belong_to_it(self) -> None:
        now = self.NOW.replace(minute=0)
        assert ["Fri 09:00", "Fri 09:30", "Sat 09:00"] == self.starts(now)

    def test_notice_takes_away_the_nearest(self) -> None:
        assert ["Sat 09:00"] == self.starts(notice="4h")

    def test_only_on_its_days(self) -> None:
        assert ["Mon 09:00", "Mon 09:30"] == self.starts(days=["mon"], horizon="6d")

    def test_the_last_one_ends_in_time(self) -> None:
        assert ["Sat 09:00"] == self.starts(each="40m")

    def test_until_midnight(self) -> None:
        late: dict[str, Any] = {"from": "23:00", "to": "24:00", "horizon": "15h"}
        assert ["Fri 23:00", "Fri 23:30"] == self.starts(**late)

    def test_a_horizon_before_the_notice_leaves_nothing(self) -> None:
        assert [] == self.starts(notice="3d")

    def test_a_day_on_which_the_clock_jumps(self) -> None:
        """On 29 March 2026 Berlin goes from 02:00 straight to 03:00."""
        now = datetime(2026, 3, 29, 0, 30, tzinfo=BERLIN)
        early: dict[str, Any] = {"from": "01:00", "to": "04:00", "each": "60m", "horizon": "12h"}
        assert ["Sun 01:00", "Sun 03:00"] == self.starts(now, BERLIN, **early)

    @pytest.mark.parametrize(
        ("wrong", "place"),
        [
            ({"to": "09:00"}, "to"),
            ({"each": "61m"}, "each"),
            ({"each": "90s"}, "each"),
            ({"each": "0m"}, "each"),
            ({"horizon": "91d"}, "horizon"),
            ({"from": "24:01"}, "from"),
            ({"days": []}, "days"),
            ({"capacity": "0"}, "capacity"),
        ],
    )
    def test_refused(self, wrong: dict[str, Any], place: str) -> None:
        with pytest.raises(ValidationError) as refused:
            Slots.model_validate({**SLOTS, **wrong})
        assert [(place,)] == places(refused.value)


class TestDefaults:
    """What holds when a key is left out."""

    def test_of_a_process(self) -> None:
        made = process(REVIEW)
        assert (Rung.CHAT, Rung.SMS, Rung.EMAIL, Rung.FOLLOW_UP) == made.ladder
        assert (3, 2) == (made.limits.per_stage, made.limits.per_day)
        assert "zh-CN" == made.locale
        assert () == made.alerts

    def test_of_a_stage(self) -> None:
        stage = process(INTERVIEW).stage("talk")
        assert (None, OnMissed.FOLLOW_UP, OnFail.REVIEW) == (stage.deadline, stage.on_missed, stage.on_fail)
        assert (None, None, (), False) == (stage.link, stage.pass_, stage.rules, stage.skip_if_imported)
        assert "recruiter" == stage.reviewers

    def test_of_a_document(self) -> None:
        stage = process(DOCUMENT).stage("paper")
        assert (timedelta(0), timedelta(days=7)) == (stage.valid_for, stage.keep_picture)
        assert tuple(timedelta(days=days) for days in (30, 14, 7, 1)) == stage.warn_before_expiry

    def test_of_a_nudge(self) -> None:
        nudges = [{"after": "1h", "unless": "replied", "do": "remind"}]
        nudge = process({**INTERVIEW, "nudges": nudges}).stage("talk").nudges[0]
        assert (timedelta(hours=1), None, Since.INVITE) == (nudge.after, nudge.before_deadline, nudge.since)
        assert (Fact.REPLIED, Do.REMIND) == (nudge.unless, nudge.do)

    def test_of_an_alert(self) -> None:
        alert = process(INTERVIEW, alerts=[{"rate": "no_show", "at": "5%"}]).alerts[0]
        assert (timedelta(hours=24), 20, 0.03, 0) == (alert.after, alert.min_sample, alert.step, alert.certainty)

    def test_a_failed_delivery_counts_at_once(self) -> None:
        alerts = [{"rate": "delivery_failure", "at": "5%"}, {"rate": "delivery_failure", "at": "5%", "after": "1h"}]
        made = process(INTERVIEW, alerts=alerts)
        assert [timedelta(0), timedelta(hours=1)] == [alert.after for alert in made.alerts]


NUDGE = {"unless": "clicked", "do": "sms"}
FULL: dict[str, dict[str, Any]] = {
    "link": {"link": "https://i.example.com/{token}"},
    "questions": {"questions": [{"id": "q", "text": "?", "options": [{"text": "!"}]}]},
    "document": {"document": "x"},
    "slots": {"slots": SLOTS},
    "show": {"show": ["x"]},
    "pass": {"pass": {"x": {"above": "1"}}},
    "reminders": {"reminders": ["1h"]},
    "reviewers": {"reviewers": "admin"},
    "keep_picture": {"keep_picture": "1d"},
}


def why_refused(stage: dict[str, Any]) -> list[tuple[int | str, ...]]:
    """Where a process of this one stage is wrong; nowhere when it is accepted."""
    try:
        process({"id": "s", "name": "x", **stage})
    except ValidationError as error:
        return places(error)
    return []


@pytest.mark.parametrize(
    ("kind", "allowed"),
    [
        ("review", {"reviewers"}),
        ("interview", {"link", "pass", "reviewers"}),
        ("questionnaire", {"questions", "pass", "reviewers"}),
        ("document", {"document", "keep_picture", "reviewers"}),
        ("meeting", {"slots", "show", "reminders"}),
        ("onboarding", {"reminders"}),
    ],
)
def test_each_kind_has_its_own_keys(kind: str, allowed: set[str]) -> None:
    needed = {"questionnaire": "questions", "document": "document", "meeting": "slots"}.get(kind, "")
    refused = {key: why_refused({"kind": kind, **FULL.get(needed, {}), **part}) for key, part in FULL.items()}
    assert {key: [] if key in allowed else [("stages", 0, key)] for key in FULL} == refused


@pytest.mark.parametrize(
    ("stages", "more", "place"),
    [
        ([REVIEW, REVIEW], {}, ("stages", 1, "id")),
        ([REVIEW, {**INTERVIEW, "requires": ["talk"]}], {}, ("stages", 1, "requires", 0)),
        ([{**REVIEW, "requires": ["talk"]}, INTERVIEW], {}, ("stages", 0, "requires", 0)),
        ([{**INTERVIEW, "nudges": [NUDGE]}], {}, ("stages", 0, "nudges", 0, "after")),
        (
            [{**INTERVIEW, "deadline": "1d", "nudges": [{**NUDGE, "after": "1h", "before_deadline": "1h"}]}],
            {},
            ("stages", 0, "nudges", 0, "before_deadline"),
        ),
        (
            [{**INTERVIEW, "nudges": [{**NUDGE, "before_deadline": "1h"}]}],
            {},
            ("stages", 0, "nudges", 0, "before_deadline"),
        ),
        ([{**INTERVIEW, "on_missed": "expire"}], {}, ("stages", 0, "on_missed")),
        ([{**INTERVIEW, "link": "https://i.example.com/"}], {}, ("stages", 0, "link")),
        ([{**INTERVIEW, "link": "ftp://i.example.com/{token}"}], {}, ("stages", 0, "link")),
        ([{**REVIEW, "optional_until": "20260620"}], {}, ("stages", 0, "optional_until")),
        ([{**REVIEW, "optional_until": "2026-02-30"}], {}, ("stages", 0, "optional_until")),
        ([{"id": "paper", "kind": "document", "name": "x"}], {}, ("stages", 0, "document")),
        ([{"id": "visit", "kind": "meeting", "name": "x"}], {}, ("stages", 0, "slots")),
        ([{"id": "ask", "kind": "questionnaire", "name": "x"}], {}, ("stages", 0, "questions")),
        ([{**DOCUMENT, "reviewers": "manager"}], {}, ("stages", 0, "reviewers")),
        ([REVIEW], {"ladder": ["sms", "sms"]}, ("ladder", 1)),
        ([REVIEW], {"ladder": []}, ("ladder",)),
        ([REVIEW], {"positions": ["店员", "店 员"]}, ("positions", 1)),
        ([REVIEW], {"positions": [" "]}, ("positions", 0)),
        ([REVIEW], {"alerts": [{"rate": "no_show", "at": "5%"}]}, ("alerts", 0, "rate")),
        ([REVIEW], {"alerts": [{"rate": "certificate_missing", "at": "5%"}]}, ("alerts", 0, "rate")),
        ([REVIEW], {"alerts": [{"rate": "no_reply", "at": "5%", "stage": "gone"}]}, ("alerts", 0, "stage")),
        (
            [REVIEW, INTERVIEW],
            {"alerts": [{"rate": "no_show", "at": "5%", "stage": "screening"}]},
            ("alerts", 0, "stage"),
        ),
        ([], {}, ("stages",)),
        ([REVIEW], {"limits": {"per_day": "-1"}}, ("limits", "per_day")),
        ([REVIEW], {"name": {}}, ("name",)),
    ],
)
def test_what_does_not_fit_together_is_refused(
    stages: list[dict[str, Any]], more: dict[str, Any], place: tuple[str | int, ...]
) -> None:
    with pytest.raises(ValidationError) as refused:
        process(*stages, **more)
    assert [place] == places(refused.value)


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(ValidationError) as refused:
        process({**REVIEW, "link": "x", "deadline": "soon"}, {**REVIEW, "oops": "1"}, positions=[])
    expected = {
        ("positions",),
        ("stages", 0, "deadline"),
        ("stages", 0, "link"),
        ("stages", 1, "oops"),
        ("stages", 1, "id"),
    }
    assert expected == set(places(refused.value))


class TestReason:
    """A rejection by a rule is always explained."""

    def rules(self, reason: Any) -> dict[str, Any]:
        return {**INTERVIEW, "rules": [{"if": {"夜班": {"below": "60"}}, "then": "reject", "reason": reason}]}

    def test_an_id_of_the_catalogue(self) -> None:
        rule = process(self.rules("night_shift")).stage("talk").rules[0]
        assert Rule(if_={"夜班": Bar(below=60)}, then=Then.REJECT, reason="night_shift") == rule

    def test_a_text_per_language(self) -> None:
        rule = process(self.rules({"zh-CN": "需要夜班", "en": "Nights"})).stage("talk").rules[0]
        assert {"zh-CN": "需要夜班", "en": "Nights"} == rule.reason

    @pytest.mark.parametrize("reason", ["unknown", "", {}, {"en": ""}, ["night_shift"], {"english!": "x"}])
    def test_refused(self, reason: Any) -> None:
        with pytest.raises(ValidationError) as refused:
            process(self.rules(reason))
        assert ("stages", 0, "rules", 0, "reason") == places(refused.value)[0][:5]

    def test_a_stored_process_needs_no_catalogue(self) -> None:
        made = process(self.rules("night_shift"))
        assert made == read_back(json.loads(made.model_dump_json(by_alias=True)))


def test_what_was_written_down_can_be_read_again() -> None:
    ask = {"id": "ask", "kind": "questionnaire", "name": "x", **FULL["questions"]}
    nudges = [{"before_deadline": "90s", "unless": "clicked", "do": "chat"}]
    made = process(
        {**REVIEW, "optional_until": "2026-06-20", "texts": {"invite": {"en": "Come"}}},
        {**INTERVIEW, "deadline": "72h", "nudges": nudges, **FULL["link"], **FULL["pass"]},
        DOCUMENT,
        ask,
        {**MEETING, "requires": ["talk"]},
        {"id": "start", "kind": "onboarding", "name": "x", "reminders": ["1d"]},
        alerts=[{"rate": "no_show", "at": "5%"}],
        quiet_hours={},
    )
    stored = json.dumps(made.model_dump(mode="json", by_alias=True))
    assert made == read_back(json.loads(stored))


def test_nothing_changes_once_it_is_made() -> None:
    with pytest.raises(ValidationError):
        process(REVIEW).id = "other"  # type: ignore[misc]


class TestWayThrough:
    """From stage to stage."""

    made = process(REVIEW, INTERVIEW, MEETING)

    def test_stages_are_found_by_id(self) -> None:
        assert StageKind.INTERVIEW is self.made.stage("talk").kind
        assert 1 == self.made.index("talk")

    def test_the_next_one(self) -> None:
        following = self.made.after("talk")
        assert following is not None
        assert "visit" == following.id
        assert self.made.after("visit") is None

    def test_an_unknown_one(self) -> None:
        with pytest.raises(KeyError):
            self.made.after("gone")

    def test_a_seasonal_stage_closes_on_its_day(self) -> None:
        stage = Stage(id="s", kind=StageKind.REVIEW, name={"en": "x"}, optional_until=date(2026, 6, 20))
        assert stage.open_on(date(2026, 6, 19))
        assert not stage.open_on(date(2026, 6, 20))


@pytest.mark.parametrize(
    ("rate", "stage"),
    [("no_show", "talk"), ("no_reply", "talk"), ("delivery_failure", "talk"), ("certificate_missing", "paper")],
)
def test_an_alert_without_a_stage_watches_the_first_that_fits(rate: str, stage: str) -> None:
    again = {**INTERVIEW, "id": "again"}
    made = process(REVIEW, INTERVIEW, DOCUMENT, again, alerts=[{"rate": rate, "at": "5%"}])
    assert made.stage(stage) == made.watched_stage(made.alerts[0])


def test_without_an_interview_replies_are_counted_everywhere() -> None:
    made = process(REVIEW, alerts=[{"rate": "no_reply", "at": "5%"}])
    assert made.watched_stage(made.alerts[0]) is None


def test_an_alert_watches_the_stage_that_it_names() -> None:
    made = process(INTERVIEW, {**INTERVIEW, "id": "again"})
    assert made.stage("again") == made.watched_stage(Alert(rate=Rate.NO_SHOW, at=0.05, stage="again"))


class TestPositions:
    """Which process a position follows."""

    shop = process(REVIEW)
    rest = process(REVIEW, id="rest", positions="*")
    other = process(REVIEW, id="other", positions=["客服", "店 员"])

    @pytest.mark.parametrize(("position", "taken"), [("店员", True), (" 店 员", True), ("厨师", False)])
    def test_named(self, position: str, taken: bool) -> None:
        assert taken == self.shop.takes(position)

    def test_case_and_width_do_not_matter(self) -> None:
        assert process(REVIEW, positions=["ＡI Engineer"]).takes("ai engineer")

    def test_a_star_takes_what_no_other_names(self) -> None:
        assert self.shop == process_for([self.rest, self.shop], "店员")
        assert self.rest == process_for([self.rest, self.shop], "厨师")
        assert process_for([self.shop], "厨师") is None

    def test_two_that_name_one_position(self) -> None:
        assert [Overlap("店员", "p", "other")] == overlaps([self.shop, self.rest, self.other])
