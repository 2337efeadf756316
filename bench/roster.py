"""Import: a list of 20,000 candidates from .xlsx through `bulou import`, next to only reading the file."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from openpyxl import Workbook
from python_calamine import CalamineWorkbook

from bench.house import POSITION, PROCESS, ROOT, VARIABLES, folder, sqlite_url
from bench.table import Report, Target, figure, middle, rounds, spread

HEADER = ("姓名", "手机号", "邮箱", "应聘职位", "门店", "语言", "学历", "来源")
ABOUT = (
    "{rows:,} rows x 8 columns. ours: `bulou import` as a command, from start to exit, into a fresh SQLite database: "
    "migration, reading, checks, and for each row a candidate with a key of their own, an application, its first "
    "stages, timers and invite. python-calamine: only the reading, in a process that runs already."
)


class Spent(NamedTuple):
    """What a command took."""

    seconds: float
    megabytes: float


def write(path: Path, rows: int) -> None:
    """A list as an ATS exports it."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(HEADER)
    for n in range(rows):
        who = f"候选人{n}", f"138{n:08}", f"candidate{n}@example.com"
        sheet.append((*who, POSITION, f"{n % 200}号店", "zh-CN", "大专", "内推"))
    book.save(path)


def read_only(path: Path) -> float:
    """Seconds to read all cells."""
    start = time.perf_counter()
    CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
    return time.perf_counter() - start


def run_import(path: Path, place: Path) -> Spent:
    """Run the command on a fresh database. Raises RuntimeError: not all rows were added."""
    database = place / "import.db"
    own = {
        "BULOU_DATABASE_URL": sqlite_url(database),
        "BULOU_VAULT_URL": str(place / "vault"),
        "BULOU_PROCESS_DIR": str(PROCESS.parent),
    }
    command = [sys.executable, "-m", "bot", "import", str(path), "--batch", "三月", "--json"]
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **VARIABLES, **own}, stdout=subprocess.PIPE)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        raise RuntimeError(f"the import ended with {os.waitstatus_to_exitcode(status)}: {said.decode()}")
    for leftover in place.glob("import.db*"):
        leftover.unlink()
    return Spent(seconds, usage.ru_maxrss / 1024)


async def measure(quick: bool) -> Report:
    """Run it."""
    rows = 2_000 if quick else 20_000
    with folder() as place:
        path = place / "list.xlsx"
        write(path, rows)
        imports: list[Spent] = []

        async def reading() -> float:
            return await asyncio.to_thread(read_only, path)

        async def importing() -> float:
            imports.append(await asyncio.to_thread(run_import, path, place))
            return imports[-1].seconds

        found = await rounds(1 if quick else 3, {"python-calamine, reading only": reading, "ours": importing})
    seconds = {name: middle(values) for name, values in found.items()}
    memory = max(spent.megabytes for spent in imports)
    return Report(
        "import",
        ABOUT.format(rows=rows),
        ("case", "seconds", "range", "peak RSS, MB"),
        [
            (name, figure(seconds[name]), spread(values), figure(memory) if name == "ours" else "")
            for name, values in found.items()
        ],
        [
            Target("ours / python-calamine", seconds["ours"] / seconds["python-calamine, reading only"], 6.0, False),
            Target("peak RSS", memory, 200.0, at_least=False, unit="MB"),
        ],
    )
