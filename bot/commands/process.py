"""`bulou process`: definitions are files until they are applied; then they are versions, and one is current."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from bot.commands.cli import Problem, run

if TYPE_CHECKING:
    from recruiting.process import Process
    from storage.unit import Unit

T = TypeVar("T")
FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


@click.group()
def process() -> None:
    """Check, compare and apply process definitions."""


@process.command()
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
def check(files: tuple[Path, ...]) -> None:
    """Read process files and name every mistake with file, line and key. Needs no configuration."""
    for made in _read(files):
        click.echo(f"{made.id}: {' → '.join(stage.id for stage in made.stages)}")


@process.command()
@click.argument("file", type=FILE)
def apply(file: Path) -> None:
    """Make FILE current without a restart, for applications that are opened from now on. Prints ID@VERSION."""
    from storage import processes

    (made,) = _read((file,))
    version = _change(lambda unit: processes.apply(unit, made))
    click.echo(f"{made.id}@{version}")


@process.command()
@click.argument("file", type=FILE)
def diff(file: Path) -> None:
    """Say which stages FILE adds, removes and changes, compared with what is current."""
    from recruiting.process_diff import diff as compare
    from storage import processes

    (made,) = _read((file,))
    known = {one.id: one for one, _ in _look(processes.current)}
    found = compare(known.get(made.id), made)
    for line in found.lines() or ["no difference"]:
        click.echo(line)


@process.command("list")
def list_() -> None:
    """List the current processes as ID@VERSION."""
    from storage import processes

    for made, version in _look(processes.current):
        click.echo(f"{made.id}@{version}")


@process.command()
@click.argument("id")
def rollback(id: str) -> None:
    """Go back to the version before the current one, for applications that are opened from now on."""
    from storage import processes

    version = _change(lambda unit: processes.rollback(unit, id))
    click.echo(f"{id}@{version}")


def _read(files: Sequence[Path]) -> "list[Process]":
    """The processes in these files. Raises InvalidProcess. What does less than it seems is said on stderr."""
    from bot.texts import standard_texts
    from config.load import load_files, warnings

    read = load_files(files, standard_texts().reasons())
    for file, made in zip(files, read, strict=True):
        for line in warnings(made):
            click.echo(f"{file}: {line}", err=True)
    return read


def _change(job: "Callable[[Unit], Awaitable[T]]") -> T:
    """Change the current versions. Raises Problem: that cannot be."""
    from bot.commands.opening import opened
    from storage.processes import NoEarlierVersion, Overlapping

    async def work() -> T:
        async with opened() as house:
            return await house.write(job)

    try:
        changed: T = run(work())
    except (NoEarlierVersion, Overlapping) as error:
        raise Problem(str(error)) from error
    return changed


def _look(job: "Callable[[Unit], Awaitable[T]]") -> T:
    from bot.commands.opening import opened

    async def work() -> T:
        async with opened() as house:
            return await house.read(job)

    found: T = run(work())
    return found
