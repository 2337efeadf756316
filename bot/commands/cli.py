"""How the command line behaves: commands by name, errors in one line that says what to do, exit codes 0, 1 and 2."""

import asyncio
import sys
from collections.abc import Coroutine, Iterator, MutableMapping, Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

# name -> module in bot.commands, and what it does: said here, so that `bulou --help` need not load them all.
COMMANDS = {
    "demo": ("serve", "Play everything on this machine: bot, platforms, clock. Nothing is kept."),
    "run": ("serve", "Run the server."),
    "sandbox": ("serve", "Run only the simulated platforms, for any bot to talk to."),
    "check": ("check", "Check configuration, process files, database and platforms; say what to mend."),
    "migrate": ("data", "Bring the database schema up to date."),
    "import": ("candidates", "Import candidates from an .xlsx or .csv list."),
    "export": ("export", "Write candidates, funnel, messages, the audit log or all about a person as a table."),
    "group": ("groups", "Say which groups of HR's are told what."),
    "member": ("members", "Say who is HR: recruiters, shop managers, admins."),
    "token": ("tokens", "Give programs access to the API, and take it away."),
    "process": ("process", "Check, compare and apply process definitions."),
    "audit": ("audit", "Prove on the live database that nobody has slipped through."),
    "rotate-key": ("data", "Make a new master key; data stays readable."),
}


class Problem(click.ClickException):
    """A command has found something that a person must look at: one line on stderr, exit code 1."""


class Wrong(click.ClickException):
    """Usage or configuration is wrong: one line on stderr that says what to do, exit code 2."""

    exit_code = 2


class _Lazy(MutableMapping[str, click.Command]):
    """The commands by name, each loaded when it is looked at."""

    def __init__(self) -> None:
        self._loaded: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._loaded:
            module = import_module(f"bot.commands.{COMMANDS[name][0]}")
            self._loaded[name] = getattr(module, name.replace("-", "_") if name != "import" else "import_")
        return self._loaded[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Bulou(click.Group):
    """All commands."""

    def __init__(self) -> None:
        super().__init__(
            "bulou",
            commands=_Lazy(),
            help="不漏: a recruiting bot; no candidate slips through.",
            epilog="Exit codes: 0 done, 1 found problems, 2 wrong usage or configuration. "
            "Configuration comes from BULOU_... variables or .env; `bulou check` says what is missing.",
        )

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, what) for name, (_, what) in COMMANDS.items()])

    def main(  # type: ignore[override]  # click tells apart what it returns; here a command always ends the process
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        """Run a command and end the process with its exit code."""
        extra["standalone_mode"] = False
        try:
            code = super().main(args, prog_name, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.ctx.get_help() if error.ctx else "", err=True)
            code = 2
        except click.UsageError as error:
            path = error.ctx.command_path if error.ctx else "bulou"
            _stop(f"{error.format_message().rstrip('.')}: see `{path} --help`", 2)
        except click.ClickException as error:
            _stop(error.format_message(), error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            sys.exit(130)
        except BrokenPipeError:
            sys.stderr.close()  # whoever read our output has gone: nobody to tell
            sys.exit(1)
        except Exception as error:
            _stop(*_known(error))
        sys.exit(code if isinstance(code, int) else 0)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a command's work on a loop of its own."""
    return asyncio.run(work)


def _known(error: Exception) -> tuple[str, int]:
    """The errors that tell the operator what to do; any other is a bug and goes on up."""
    from bot.errors import Misconfigured
    from config.load import InvalidProcess
    from config.settings import WrongSettings
    from storage.keys import WrongMasterKey
    from storage.url import Unavailable

    match error:
        case WrongSettings() | Misconfigured() | Unavailable() | WrongMasterKey():
            return str(error), 2
        case InvalidProcess():
            return str(error), 1
    raise error


def _stop(line: str, code: int) -> NoReturn:
    click.echo(line, err=True)
    sys.exit(code)
