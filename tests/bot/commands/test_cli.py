"""How every command behaves: help, one line for each error, exit codes 0, 1 and 2."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from bot.__main__ import main
from bot.commands.cli import COMMANDS
from tests.bot.commands.conftest import Bulou

ROOT = Path(__file__).parents[3]


def every_command() -> list[tuple[str, ...]]:
    """The words of each command."""
    found: list[tuple[str, ...]] = []
    for name, command in main.commands.items():
        found.append((name,))
        if isinstance(command, click.Group):
            found += [(name, sub) for sub in command.commands]
    return found


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_every_command_explains_itself(bulou: Bulou, words: tuple[str, ...]) -> None:
    """With a sentence for the command and for each of its options."""
    shown = bulou(*words, "--help").stdout
    command: click.Command = main
    for word in words:
        assert isinstance(command, click.Group)
        command = command.commands[word]

    assert f"bulou {' '.join(words)}" in shown
    assert (command.help or "").strip()
    assert [] == [
        option.name for option in command.params if isinstance(option, click.Option) and not (option.help or "").strip()
    ]


def test_help_lists_every_command_without_loading_them() -> None:
    """So that it is there at once: no database driver, no web server, no spreadsheet reader."""
    script = (
        "import sys; from bot.__main__ import main\n"
        "try: main(['--help'], prog_name='bulou')\n"
        "except SystemExit: pass\n"
        "print([name for name in ('sqlalchemy', 'aiohttp', 'python_calamine', 'pydantic') if name in sys.modules])\n"
    )
    shown = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert shown.endswith("[]\n")
    assert [] == [name for name in COMMANDS if f"\n  {name}" not in shown]


def test_the_server_needs_no_spreadsheets_and_no_migrations() -> None:
    """What `bulou run` imports is what it uses."""
    script = (
        "import sys, bot.commands.serve, bot.commands.opening, bot.app\n"
        "print([name for name in ('python_calamine', 'alembic', 'bot.sandbox') if name in sys.modules])\n"
    )
    shown = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert "[]\n" == shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("imprt",), "No such command 'imprt'"),
        (("run", "--port", "0"), "--port"),
        (("import",), "Missing argument 'FILE'"),
        (("member", "add", "王芳", "--role", "boss"), "--role"),
        (("process", "check", "missing.yaml"), "missing.yaml"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(bulou: Bulou, nothing_set: Path, words: tuple[str, ...], said: str) -> None:
    """It says what is wrong and where the help is."""
    result = bulou(*words, code=2)

    assert said in result.stderr
    assert "--help`" in result.stderr
    assert 1 == len(result.stderr.splitlines())
    assert "" == result.stdout


@pytest.mark.parametrize("words", [("run",), ("migrate",), ("audit",), ("token", "list"), ("process", "list")])
def test_without_settings_every_command_says_which_are_missing(
    bulou: Bulou, nothing_set: Path, words: tuple[str, ...]
) -> None:
    """A line for each variable, exit 2."""
    result = bulou(*words, code=2)

    assert ["BULOU_MASTER_KEY", "BULOU_PUBLIC_URL"] == [line.split(":")[0] for line in result.stderr.splitlines()]


def test_a_database_that_is_not_there_is_one_line(bulou: Bulou, company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no traceback."""
    monkeypatch.setenv("BULOU_DATABASE_URL", "sqlite+aiosqlite:////nowhere/at/all/bulou.db")
    result = bulou("member", "list", code=2)

    assert "the folder of /nowhere/at/all/bulou.db does not exist" in result.stderr
    assert 1 == len(result.stderr.splitlines())


def as_configured(url: str) -> str:
    """An address as the operator writes it."""
    return url.replace("postgresql://", "postgresql+asyncpg://")


def test_postgresql_changes_only_when_the_operator_says_so(
    bulou: Bulou, company: Path, empty_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until `migrate`, every command refuses and says so."""
    monkeypatch.setenv("BULOU_DATABASE_URL", as_configured(empty_postgres_url))
    assert "run `bulou migrate`" in bulou("member", "list", code=2).stderr
    assert "run `bulou migrate`" in bulou("check", code=1).stdout

    bulou("migrate")
    bulou("migrate")

    assert "" == bulou("member", "list").stdout
    assert "crew@1\n" == bulou("process", "list").stdout
