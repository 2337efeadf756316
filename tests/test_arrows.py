"""The direction of imports: whoever turns an arrow around hears of it here, not in review."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_arrows_point_down() -> None:
    """Every contract of pyproject.toml holds, and the contracts are there."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    linted = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert 0 == linted.returncode, linted.stdout + linted.stderr
    assert "0 broken" in linted.stdout
    assert "Arrows point down KEPT" in linted.stdout


def test_a_turned_arrow_would_be_seen(tmp_path: Path) -> None:
    """The same contracts over a house in which the rules read the clock."""
    for name in ("bot", "handlers", "storage", "config", "recruiting"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("", encoding="utf-8")
    (tmp_path / "recruiting" / "decide.py").write_text("import time\nimport storage\n", encoding="utf-8")
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    inside_bot = settings.index('[[tool.importlinter.contracts]]\nname = "Inside bot"')
    (tmp_path / "pyproject.toml").write_text(settings[:inside_bot], encoding="utf-8")
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    linted = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert 1 == linted.returncode
    for broken in ("Arrows point down BROKEN", "Rules touch nothing BROKEN"):
        assert broken in linted.stdout
