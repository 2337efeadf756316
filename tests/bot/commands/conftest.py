"""A company with its settings in the environment and its data in a fresh folder; commands run as an operator would."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.__main__ import main
from config.settings import fresh_master_key

PROCESS = """
id: crew
name: 店员
positions: [店员, 服务员]
stages:
  - {id: screening, kind: review, name: 筛选, skip_if_imported: true}
  - {id: ai, kind: interview, name: AI 面试, link: "https://ai.example.com/s/{token}", deadline: 72h}
"""

Bulou = Callable[..., Result]


@pytest.fixture
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without any setting."""
    for name in [name for name in os.environ if name.startswith("BULOU_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def company(nothing_set: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all that the bot needs, and one process."""
    (nothing_set / "processes").mkdir()
    (nothing_set / "processes" / "crew.yaml").write_text(PROCESS, encoding="utf-8")
    monkeypatch.setenv("BULOU_PUBLIC_URL", "http://127.0.0.1:8000")
    monkeypatch.setenv("BULOU_MASTER_KEY", fresh_master_key())
    monkeypatch.setenv("BULOU_PROCESS_DIR", "processes")
    return nothing_set


@pytest.fixture
def bulou() -> Bulou:
    """Run a command; what it printed and its exit code."""

    def run(*words: str, code: int | None = 0) -> Result:
        arguments: Sequence[str] = words
        result = CliRunner().invoke(main, arguments, prog_name="bulou", catch_exceptions=True)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        if code is not None:
            assert code == result.exit_code, result.output
        return result

    return run
