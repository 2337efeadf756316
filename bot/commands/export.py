"""`bulou export`: what the house knows, as a table for people and programs."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import click

from bot.commands.cli import Problem, Wrong, run
from bot.commands.opening import Opened, opened
from bot.documents.tables import CsvTable, JsonTable, TooManyRows, Writer, XlsxTable, as_text, plain
from storage import exports, trail
from storage.exports import COLUMNS, Wish
from storage.unit import Unit

ACTOR = "operator"
ENDINGS = (".xlsx", ".csv", ".json")


@click.command()
@click.argument("kind", type=click.Choice(list(COLUMNS)))
@click.argument("candidate", required=False)
@click.option("--batch", help="Only this batch (candidates, funnel, messages).")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file: .xlsx, .csv or .json by its ending.")
def export(kind: str, candidate: str | None, batch: str | None, output: Path | None) -> None:
    """Write candidates, funnel, messages or the audit log as a table; without -o as CSV on stdout.

    `person CANDIDATE` writes all that is kept about one candidate: a candidate id, an application id or a phone. Each
    export is in the audit log.
    """
    if (kind == "person") != (candidate is not None):
        what = "person needs a CANDIDATE" if candidate is None else f"{kind} takes no CANDIDATE"
        raise click.UsageError(what)
    if batch is not None and kind in ("audit", "person"):
        raise click.BadParameter("not for audit or person", param_hint="--batch")
    if output is not None and output.suffix.lower() not in ENDINGS:
        raise click.BadParameter(f"the file ends with one of {', '.join(ENDINGS)}", param_hint="-o")
    if output is not None and not output.parent.is_dir():
        raise click.BadParameter(f"{output.parent} is no folder", param_hint="-o")
    try:
        run(_export(kind, candidate, batch, output))
    except TooManyRows as error:
        raise Wrong(str(error)) from error


async def _export(kind: str, candidate: str | None, batch: str | None, output: Path | None) -> None:
    async with opened() as house:
        if candidate is not None:
            await _person(house, candidate, output)
            return
        wish = Wish(kind, await _batch(house, batch) if batch is not None else "")
        await house.write(_noted(kind, wish.batch_id or "all"))
        with _target(output) as (file, folder):
            writer, text = _writer(file, output, kind, house, folder)
            try:
                async for part in exports.rows(house.ground, house.clock.now(), wish):
                    writer.add(part)
            except BaseException:
                writer.abandon()
                raise
            writer.close()
            _done(text)


async def _batch(house: Opened, name: str) -> str:
    found = await house.read(lambda unit: exports.batch_named(unit, name))
    if found is None:
        raise Problem(f"there is no batch {name}")
    return found


async def _person(house: Opened, words: str, output: Path | None) -> None:
    """All about one candidate: as JSON nested, as a table a line for each thing."""
    from bot.documents.phones import BadPhone, repair_phone

    try:
        asked = repair_phone(words)
    except BadPhone:
        asked = words
    found = await house.read(lambda unit: exports.people(unit, asked))
    if len(found) != 1:
        raise Problem("no candidate is known by that" if not found else "more than one candidate is known by that")
    await house.write(_noted("person", found[0]))
    async with house.ground.database.reading() as connection:
        told = await exports.person(connection, house.ground, house.clock.now(), found[0])
    with _target(output) as (file, folder):
        if output is not None and output.suffix.lower() == ".json":
            text = as_text(file, mark=False)
            _dump(plain(told, house.ground.timezone), text)
            _done(text)
            return
        writer, text = _writer(file, output, "person", house, folder)
        writer.add(exports.person_rows(plain(told, house.ground.timezone)))
        writer.close()
        _done(text)


def _dump(told: Any, text: Any) -> None:
    import json

    json.dump(told, text, ensure_ascii=False, indent=2)
    text.write("\n")


def _noted(kind: str, subject: str) -> Any:
    """Each export is in the audit log, before it is written."""

    async def job(unit: Unit) -> None:
        trail.note(unit, ACTOR, f"export.{kind}", subject)

    return job


def _writer(file: BinaryIO, output: Path | None, kind: str, house: Opened, folder: Path | None) -> tuple[Writer, Any]:
    """Who writes the table, and the text file around the binary one, where there is one."""
    header, timezone = COLUMNS[kind], house.ground.timezone
    ending = output.suffix.lower() if output is not None else ".csv"
    if ending == ".xlsx":
        return XlsxTable(file, header, timezone, title=kind, folder=folder), None
    text = as_text(file, mark=ending == ".csv" and output is not None)
    return (CsvTable if ending == ".csv" else JsonTable)(text, header, timezone), text


def _done(text: Any) -> None:
    """The text is written; the file below it stays open for whoever opened it."""
    if text is not None:
        text.flush()
        text.detach()


@contextmanager
def _target(output: Path | None) -> Iterator[tuple[BinaryIO, Path | None]]:
    """The file to write, which stands in its place only when it is complete; or stdout."""
    if output is None:
        yield sys.stdout.buffer, None
        sys.stdout.buffer.flush()
        return
    try:
        folder = TemporaryDirectory(prefix=".bulou-", dir=output.parent)  # names and phones: ours alone, then gone
    except OSError as error:
        raise Wrong(f"cannot write {output}: {error.strerror}") from error
    with folder as name:
        unfinished = Path(name) / output.name
        descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb+") as file:
            yield file, Path(name)
        unfinished.replace(output)
