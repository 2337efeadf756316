"""Import: a list of 20,000 candidates from .xlsx through `bulou import`, next to only reading the file."""

import asyncio
import json
import os
import resource
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from openpyxl import Workbook
from python_calamine import CalamineWorkbook

from bench.house import POSITION, PROCESS, ROOT, VARIABLES, folder, sqlite_url
from bench.table import Report, Target, figure, middle, spread

HEADER = ("姓名", "手机号", "邮箱", "应聘职位", "门店", "语言", "学历", "来源")
ABOUT = (
    "{rows:,} rows x 8 columns. ours: `bulou import` as a command, from start to exit, into a fresh SQLite database: "
    "migration, reading, checks, and for each row a candidate with a key of their own, an application, its first "
    "stages, timers and invite. python-calamine: only the reading, in a process that runs already. sqlite3: only what "
    "the import has written, once more into the same tables, {at_once} people a commit, by the bare driver."
)
TABLES = ("batches", "candidates", "applications", "visits", "events", "timers", "outbox", "search_terms")
AT_ONCE = 500
READING, WRITING = "python-calamine, reading only", "sqlite3, writing only"
# A process counts as its own peak what its parent held when it began: so the parent is one that holds nothing.
_MEASURED = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
seconds = time.perf_counter() - start
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([status, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss]))
"""


class Spent(NamedTuple):
    """What a command took."""

    seconds: float
    cpu: float
    megabytes: float = 0.0


def write(path: Path, rows: int) -> None:
    """A list as an ATS exports it."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(HEADER)
    for n in range(rows):
        who = f"候选人{n}", f"138{n:08}", f"candidate{n}@example.com"
        sheet.append((*who, POSITION, f"{n % 200}号店", "zh-CN", "大专", "内推"))
    book.save(path)


def read_only(path: Path) -> Spent:
    """Read all cells."""
    start, cpu = time.perf_counter(), _own_cpu()
    CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
    return Spent(time.perf_counter() - start, _own_cpu() - cpu)


def _own_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def write_only(imported: Path, place: Path) -> Spent:
    """Write the rows of an imported database into a fresh one, as safely, with nothing to decide, seal or check."""
    with sqlite3.connect(imported) as source:
        schema = [
            sql for (sql,) in source.execute("SELECT sql FROM sqlite_master WHERE sql > '' ORDER BY type = 'index'")
        ]
        people = source.execute("SELECT count(*) FROM candidates").fetchone()[0]
        rows = {table: source.execute(_in_order(table)).fetchall() for table in TABLES}
    source.close()
    target = sqlite3.connect(place / "again.db", isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-32000"):
        target.execute(f"PRAGMA {pragma}")
    for sql in schema:
        if "sqlite_sequence" not in sql:
            target.execute(sql)
    start, cpu = time.perf_counter(), _own_cpu()
    commits = max(1, people // AT_ONCE)
    for part in range(commits):
        target.execute("BEGIN IMMEDIATE")
        for table, all_ in rows.items():
            some = all_[len(all_) * part // commits : len(all_) * (part + 1) // commits]
            if some:
                target.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(some[0]))})", some)
        target.execute("COMMIT")
    spent = Spent(time.perf_counter() - start, _own_cpu() - cpu)
    target.close()
    return spent


def _in_order(table: str) -> str:
    """The rows as they came; that of search terms is their people's."""
    if table != "search_terms":
        return f"SELECT * FROM {table} ORDER BY rowid"
    return "SELECT t.* FROM search_terms t JOIN candidates c ON c.id = t.candidate_id ORDER BY c.rowid"


def run_import(path: Path, place: Path) -> Spent:
    """Run the command on a fresh database. Raises RuntimeError: not all rows were added."""
    for leftover in (*place.glob("import.db*"), *place.glob("again.db*")):
        leftover.unlink()
    database = place / "import.db"
    own = {
        "BULOU_DATABASE_URL": sqlite_url(database),
        "BULOU_VAULT_URL": str(place / "vault"),
        "BULOU_PROCESS_DIR": str(PROCESS.parent),
    }
    command = [sys.executable, "-m", "bot", "import", str(path), "--batch", "三月", "--json"]
    told = subprocess.run(
        [sys.executable, "-c", _MEASURED, *command],
        cwd=ROOT,
        env={**os.environ, **VARIABLES, **own},
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    status, seconds, cpu, kilobytes = json.loads(told)
    if status != 0:
        raise RuntimeError(f"the import ended with {status}")
    return Spent(seconds, cpu, kilobytes / 1024)


def _cases(path: Path, place: Path) -> dict[str, Spent]:
    """Each case once, one after the other."""
    bare = read_only(path)
    ours = run_import(path, place)
    return {READING: bare, WRITING: write_only(place / "import.db", place), "ours": ours}


async def measure(quick: bool) -> Report:
    """Run it."""
    rows = 2_000 if quick else 20_000
    with folder() as place:
        path = place / "list.xlsx"
        write(path, rows)
        runs = [await asyncio.to_thread(_cases, path, place) for _ in range(1 if quick else 3)]
    found = {name: [run[name] for run in runs] for name in runs[0]}
    seconds = {name: middle([one.seconds for one in spent]) for name, spent in found.items()}
    cpu = {name: middle([one.cpu for one in spent]) for name, spent in found.items()}
    memory = max(one.megabytes for one in found["ours"])
    return Report(
        "import",
        ABOUT.format(rows=rows, at_once=AT_ONCE),
        ("case", "seconds", "range", "CPU seconds", "peak RSS, MB"),
        [
            (
                name,
                figure(seconds[name]),
                spread([one.seconds for one in spent]),
                figure(cpu[name]),
                figure(memory) if name == "ours" else "",
            )
            for name, spent in found.items()
        ],
        [
            Target("ours / python-calamine", seconds["ours"] / seconds[READING], 6.0, False),
            Target("peak RSS", memory, 200.0, at_least=False, unit="MB"),
        ],
    )
