"""`bulou import`: a list becomes applications; what cannot be taken is given back with row and reason."""

import gc
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from bot.commands.cli import Wrong, run
from bot.commands.opening import Opened, opened
from bot.documents.applicants import applicant_of, finder
from bot.documents.roster import Draft, Reason, Rejected, check_rows, write_rejects
from bot.documents.spreadsheet import Table, read_table
from bot.documents.unreadable import Unreadable
from recruiting.process import Process
from storage import processes
from storage.intake import (
    AT_ONCE,
    NO_CERTIFICATE,
    OTHER_PERSON,
    Applicant,
    Opening,
    Refused,
    open_many,
    reachable,
    same,
)
from storage.unit import Unit

LONGEST_BATCH = 100  # characters
_REASONS = {OTHER_PERSON: Reason.OTHER_PERSON, NO_CERTIFICATE: Reason.NO_CERTIFICATE}


@dataclass(slots=True)
class Outcome:
    """What became of a list."""

    batch: str
    added: int = 0
    existing: int = 0
    unreachable: int = 0
    rejected: list[Rejected] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The numbers, as programs read them."""
        rejected = len(self.rejected)
        return {
            "batch": self.batch,
            "rows": self.added + self.existing + rejected,
            "added": self.added,
            "existing": self.existing,
            "rejected": rejected,
            "unreachable": self.unreachable,
        }


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--batch", help="The batch for every row; else the file's batch column, else the file's name.")
@click.option("--dry-run", is_flag=True, help="Say what would happen; open nothing, send nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON on stdout.")
def import_(file: Path, batch: str | None, dry_run: bool, as_json: bool) -> int:
    """Import candidates from FILE (.xlsx or .csv). Running it twice adds nothing.

    Bad rows go to FILE.errors.csv with row and reason. Exit code 0: every row was taken; 1: some were rejected, the
    rest is imported all the same; 2: there is no such file, or no header row in it.
    """
    if batch is not None and (not batch.strip() or len(batch) > LONGEST_BATCH or not batch.isprintable()):
        raise click.BadParameter(f"a name of 1 to {LONGEST_BATCH} characters", param_hint="--batch")
    with _without_garbage_search():
        return _carry_out(file, batch.strip() if batch else None, dry_run, as_json)


def _carry_out(file: Path, batch: str | None, dry_run: bool, as_json: bool) -> int:
    try:
        table = read_table(file)
    except Unreadable as error:
        where = "" if file.name in error.reason else f"{file}: "
        raise Wrong(f"{where}{error.reason}") from error
    _tell(table)
    outcome: Outcome = run(_import(table, batch, dry_run))
    errors = Path(f"{file}.errors.csv")
    if outcome.rejected:
        write_rejects(errors, table.header, outcome.rejected)
    else:
        errors.unlink(missing_ok=True)  # of an earlier try
    if as_json:
        click.echo(json.dumps(outcome.as_json(), ensure_ascii=False))
    else:
        click.echo(_in_words(outcome, errors, dry_run))
    return 1 if outcome.rejected else 0


@contextmanager
def _without_garbage_search() -> Iterator[None]:
    """Rows refer to nothing in circles, and a list is bounded: looking for garbage in it is a tenth of an import."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _tell(table: Table) -> None:
    """What HR should know before anything happens."""
    if table.dropped:
        click.echo(f"Not read, because identity-card numbers stand there: {', '.join(table.dropped)}", err=True)
    if table.unread:
        click.echo(f"Not read, because only the first list is: {', '.join(table.unread)}", err=True)


def _in_words(outcome: Outcome, errors: Path, dry_run: bool) -> str:
    numbers = outcome.as_json()
    line = "{batch}: {rows} rows, {added} added, {existing} existing, {rejected} rejected, {unreachable} unreachable"
    said = line.format(**numbers) + (f"; see {errors}" if outcome.rejected else "")
    return f"Nothing was changed. It would be: {said}" if dry_run else said


async def _import(table: Table, batch: str | None, dry_run: bool) -> Outcome:
    async with opened() as house:
        current = [process for process, _ in await house.read(processes.current)]
        find = finder(current)
        today = house.ground.today(house.clock.now())
        drafts: list[Draft] = []
        rejected: list[Rejected] = []
        for row in check_rows(table, takes=lambda position: find(position) is not None, today=today, batch=batch):
            if isinstance(row, Draft):
                drafts.append(row)
            else:
                rejected.append(row)
        batches = {draft.batch for draft in drafts}
        if any(len(name) > LONGEST_BATCH for name in batches):
            raise Wrong("the file's name is too long to name the batch: use --batch")
        _tell_unreachable(drafts, find, house)
        outcome = Outcome(batch or (batches.pop() if len(batches) == 1 else table.title), rejected=rejected)
        await _open(house, table, drafts, outcome, dry_run)
        return outcome


def _tell_unreachable(drafts: Sequence[Draft], find: Callable[[str], Process | None], house: Opened) -> None:
    """Said before anything is sent: HR may rather mend the list, or set up a channel, first."""
    channels = house.ground.channels
    count = 0
    for draft in drafts:
        process = find(draft.position)
        if process is not None and not reachable(process, draft.phone, draft.email, channels):
            count += 1
    if count:
        rows = f"{count} of {len(drafts)} rows"
        click.echo(f"{rows} cannot be reached on any channel that is set up: each gets a follow-up", err=True)


class _Undo(Exception):
    """Leaves a transaction of a dry run with what would have become of its rows."""

    def __init__(self, outcomes: list[Opening | Refused]) -> None:
        super().__init__("dry run")
        self.outcomes = outcomes


async def _open(house: Opened, table: Table, drafts: Sequence[Draft], outcome: Outcome, dry_run: bool) -> None:
    """Open the applications, some hundred in a transaction, with a bar for whoever looks on."""
    seen: set[str] = set()
    refused: dict[int, Refused] = {}
    with _bar(len(drafts)) as step:
        for at in range(0, len(drafts), AT_ONCE):
            part = drafts[at : at + AT_ONCE]
            applicants = [applicant_of(draft) for draft in part]
            for draft, applicant, one in zip(part, applicants, await _some(house, applicants, dry_run), strict=True):
                if isinstance(one, Refused):
                    refused[draft.row] = one
                elif one.created and not (dry_run and same(applicant) in seen):
                    outcome.added += 1
                    outcome.unreachable += not one.reachable
                else:
                    outcome.existing += 1
                if dry_run:
                    seen.add(same(applicant))
            step(len(part))
    if refused:
        outcome.rejected = sorted([*outcome.rejected, *_given_back(table, refused)], key=lambda row: row.row)


async def _some(house: Opened, applicants: Sequence[Applicant], dry_run: bool) -> list[Opening | Refused]:
    async def job(unit: Unit) -> list[Opening | Refused]:
        outcomes = await open_many(unit, applicants, imported=True, actor="rule")
        if dry_run:
            raise _Undo(outcomes)
        return outcomes

    try:
        return await house.write(job)
    except _Undo as undo:
        return undo.outcomes


def _bar(length: int) -> Any:
    """A bar on stderr when somebody looks at it; what comes back is called with each number of rows done."""
    if not sys.stderr.isatty() or not length:
        return nullcontext(lambda _: None)
    return _Stepping(click.progressbar(length=length, file=sys.stderr, label="Importing"))


class _Stepping:
    """A progress bar that is handed out as the function which moves it."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def __enter__(self) -> Callable[[int], None]:
        step: Callable[[int], None] = self._bar.__enter__().update
        return step

    def __exit__(self, *error: Any) -> None:
        self._bar.__exit__(*error)


def _given_back(table: Table, refused: dict[int, Refused]) -> Iterator[Rejected]:
    """The rows that the database knows better, with their cells."""
    from bot.documents.spreadsheet import text_of

    for row in table.rows():
        if row.number in refused:
            reason = _REASONS.get(refused[row.number].reason, Reason.NO_PROCESS)
            yield Rejected(row.number, reason, tuple(text_of(cell) for cell in row.cells))
