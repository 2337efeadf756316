"""`bulou process`: a file is checked, compared, applied, and taken back."""

from pathlib import Path

import pytest

from tests.bot.commands.conftest import PROCESS, Bulou

NEW_STAGE = "  - {id: late_shift, kind: review, name: 晚班确认}\n"


def test_check_needs_no_settings(bulou: Bulou, nothing_set: Path) -> None:
    """HR can run it anywhere."""
    (nothing_set / "crew.yaml").write_text(PROCESS, encoding="utf-8")

    assert "crew: screening → ai\n" == bulou("process", "check", "crew.yaml").stdout


def test_check_names_file_line_and_key_of_every_mistake(bulou: Bulou, nothing_set: Path) -> None:
    """One line each, exit 1."""
    broken = PROCESS.replace("deadline: 72h", "deadline: soon").replace("kind: review", "kind: revue")
    (nothing_set / "crew.yaml").write_text(broken, encoding="utf-8")
    result = bulou("process", "check", "crew.yaml", code=1)

    lines = result.stderr.splitlines()
    assert ["crew.yaml:6: kind", "crew.yaml:7: deadline"] == [line.rpartition(": expected ")[0] for line in lines]


def test_check_says_what_does_less_than_it_seems(bulou: Bulou, nothing_set: Path) -> None:
    """A stage that this version does not run is no mistake."""
    (nothing_set / "crew.yaml").write_text(
        f"{PROCESS}  - {{id: start, kind: onboarding, name: 入职}}\n", encoding="utf-8"
    )

    assert "onboarding is not run by this version" in bulou("process", "check", "crew.yaml").stderr


def test_check_and_apply_refuse_two_masters_of_one_position(bulou: Bulou, company: Path) -> None:
    """Nobody could say which process holds."""
    (company / "other.yaml").write_text(PROCESS.replace("id: crew", "id: other"), encoding="utf-8")

    assert "店员" in bulou("process", "check", "processes/crew.yaml", "other.yaml", code=1).stderr
    assert "both name the position 店员" in bulou("process", "apply", "other.yaml", code=1).stderr
    assert "crew@1\n" == bulou("process", "list").stdout


def test_a_stage_comes_and_goes(bulou: Bulou, company: Path) -> None:
    """As before 618: compare, apply, list, take back."""
    file = company / "crew.yaml"
    file.write_text(PROCESS + NEW_STAGE, encoding="utf-8")

    assert "added stage late_shift\n" == bulou("process", "diff", "crew.yaml").stdout
    assert "crew@2\n" == bulou("process", "apply", "crew.yaml").stdout
    assert "no difference\n" == bulou("process", "diff", "crew.yaml").stdout
    assert "crew@2\n" == bulou("process", "list").stdout
    assert "crew@1\n" == bulou("process", "rollback", "crew").stdout
    assert "crew@1\n" == bulou("process", "list").stdout
    assert "first version" in bulou("process", "rollback", "crew", code=1).stderr


@pytest.mark.parametrize("folder", ["missing", "crew.yaml"])
def test_a_wrong_folder_of_process_files_is_said(
    bulou: Bulou, company: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    """Instead of an empty bot that rejects every position."""
    (company / "crew.yaml").write_text(PROCESS, encoding="utf-8")
    monkeypatch.setenv("BULOU_PROCESS_DIR", folder)

    assert "BULOU_PROCESS_DIR" in bulou("process", "list", code=2).stderr
