"""What a member types is understood as people type it; a result is taken within bounds."""

from datetime import date

import pytest

from handlers import interviews
from handlers.commands import find_command, guess
from handlers.hr.reviews import read_seen
from recruiting.model import Completed

NAMES = ["status", "状态", "done", "完成", "todo", "待办", "reject", "淘汰"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/status 李梅", ("status", "李梅")),
        ("／ＳＴＡＴＵＳ　李梅", ("status", "李梅")),
        ("  /  Status   李 梅 ", ("status", "李 梅")),
        ("status 1234", ("status", "1234")),
        ("状态 李梅", ("状态", "李梅")),
        ("/状态：李梅", ("状态", "李梅")),
        ("/淘汰李梅 经历不合适", ("淘汰", "李梅 经历不合适")),
        ("/todo", ("todo", "")),
        ("状态怎么样", (None, "")),
        ("/statsu 李梅", (None, "")),
        ("早上好", (None, "")),
        ("", (None, "")),
        ("/", (None, "")),
    ],
)
def test_commands_are_found_as_people_type_them(text: str, expected: tuple[str | None, str]) -> None:
    """Full-width slashes and letters, spaces, upper case, a missing slash or space."""
    assert expected == find_command(text, NAMES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/statsu 李梅", "status"),
        ("/todos", "todo"),
        ("/带办", "待办"),
        ("statuss", "status"),
        ("早上好", None),
        ("/", None),
    ],
)
def test_a_typo_is_guessed(text: str, expected: str | None) -> None:
    """What is far from every command is no command."""
    assert expected == guess(text, NAMES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("李梅 seen 2027-03-01", ("李梅", date(2027, 3, 1), True)),
        ("Li Lei SEEN 2027/3/1", ("Li Lei", date(2027, 3, 1), True)),
        ("李梅 看过 2027年3月1日", ("李梅", date(2027, 3, 1), True)),
        ("李梅 seen 20270301", ("李梅", date(2027, 3, 1), True)),
        ("李梅 seen", ("李梅", None, True)),
        ("李梅 seen 2027-02-30", ("李梅", None, False)),
        ("李梅 seen soon", ("李梅", None, False)),
        ("李梅 2027-03-01", (None, None, True)),
        ("seen 2027-03-01", (None, None, True)),
    ],
)
def test_what_was_seen_on_paper_is_read(text: str, expected: tuple[str | None, date | None, bool]) -> None:
    """Whom, until when, and whether the date made sense."""
    assert expected == read_seen(text)


def test_a_result_is_taken_within_bounds() -> None:
    """Numbers only, few and with short names; anything else was not measured."""
    scores = {"总分": 82, "服务意识": 86.5, "空": None, "真": True, "字": "90", "长" * 65: 1, "无": float("nan")}
    data = {"scores": scores, "keywords": ["耐心", 3], "questions": "?", "report_url": "javascript:alert(1)"}
    expected = Completed("ai", 1, {"总分": 82.0, "服务意识": 86.5}, ("耐心",), (), "")
    assert expected == interviews.read("interview.completed", data, "ai", 1)

    many = interviews.read("interview.completed", {"scores": {str(number): number for number in range(60)}}, "ai", 1)
    assert isinstance(many, Completed)
    assert 50 == len(many.scores)
    assert interviews.read("interview.paused", {}, "ai", 1) is None
