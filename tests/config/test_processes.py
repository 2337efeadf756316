"""The process files that come with the product: each says what its business needs."""

from datetime import timedelta
from pathlib import Path

import pytest

import config
from config.load import load_processes, warnings
from recruiting.process import Process, Rate, StageKind, Then, overlaps

FOLDER = Path(config.__file__).parent / "processes"
ALL = {
    Path(name).stem: made
    for name, made in zip(sorted(FOLDER.glob("*.yaml")), load_processes(FOLDER, {"night_shift"}), strict=True)
}


def no_show(made: Process) -> float:
    """At which no-show rate HR is told."""
    return next(alert.at for alert in made.alerts if alert.rate is Rate.NO_SHOW)


def test_there_are_six() -> None:
    assert {"coffee", "restaurant", "technology", "retail", "ecommerce", "factory"} == set(ALL)


def test_no_position_belongs_to_two() -> None:
    assert [] == overlaps(list(ALL.values()))


@pytest.mark.parametrize("name", ALL)
def test_each_runs_in_full(name: str) -> None:
    assert [] == warnings(ALL[name])


@pytest.mark.parametrize("name", ALL)
def test_each_invites_to_the_interview_of_the_settings_and_speaks_three_languages(name: str) -> None:
    interview = ALL[name].stage("ai_interview")
    assert interview.link is None
    assert all({"zh-CN", "en", "ja"} == set(stage.name) for stage in ALL[name].stages)


@pytest.mark.parametrize("name", ALL)
def test_silence_is_answered_by_an_sms_and_then_by_a_person(name: str) -> None:
    nudges = ALL[name].stage("ai_interview").nudges
    assert (timedelta(hours=12), "clicked", "sms") == (nudges[0].after, nudges[0].unless, nudges[0].do)
    assert (timedelta(hours=24), "participated", "follow_up") == (nudges[1].after, nudges[1].unless, nudges[1].do)


@pytest.mark.parametrize(
    ("name", "rate"),
    [("coffee", 0.10), ("restaurant", 0.05), ("technology", 0.08), ("retail", 0.10), ("ecommerce", 0.10)],
)
def test_hr_is_told_at_the_rate_that_the_business_chose(name: str, rate: float) -> None:
    assert rate == no_show(ALL[name])


def test_without_a_certificate_nobody_enters_the_second_interview() -> None:
    restaurant = ALL["restaurant"]
    following = restaurant.after("ai_interview")
    assert following is not None
    assert StageKind.DOCUMENT is following.kind
    assert following.id in restaurant.stage("second_interview").requires


def test_baristas_are_not_asked_twice() -> None:
    assert {"服务意识", "抗压能力"} <= set(ALL["coffee"].stage("second_interview").show)


def test_who_can_not_work_nights_goes_no_further_in_a_shop() -> None:
    rule = ALL["retail"].stage("ai_interview").rules[0]
    assert (Then.REJECT, "night_shift") == (rule.then, rule.reason)
    assert rule.if_["夜班"].holds(59.9)
    assert not rule.if_["夜班"].holds(60)


def test_a_factory_needs_no_more_than_three_stages() -> None:
    assert [StageKind.REVIEW, StageKind.INTERVIEW, StageKind.MEETING] == [stage.kind for stage in ALL["factory"].stages]
