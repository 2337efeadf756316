"""`bulou import`: what can be taken is taken once, the rest comes back with row and reason."""

import csv
import json
from pathlib import Path

import pytest
from openpyxl import Workbook

from bot.__main__ import main
from bot.commands import candidates
from tests.bot.commands.conftest import Bulou

HEADER = ["姓名", "手机", "邮箱", "应聘职位", "门店", "学历"]
GOOD = [
    ["王美", "13800001234", None, "店员", "一店", "本科"],
    ["李雷", 13800001235, None, "服务员", "二店", None],
]


def workbook(path: Path, *rows: list[object]) -> Path:
    """A list as HR sends it."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["六月名单"], HEADER, *rows):
        sheet.append(row)
    book.save(path)
    return path


def numbers(bulou: Bulou, *words: str, code: int = 0) -> dict[str, object]:
    """What `--json` printed."""
    told: dict[str, object] = json.loads(bulou("import", *words, "--json", code=code).stdout)
    return told


def test_a_list_is_imported_once(bulou: Bulou, company: Path) -> None:
    """The second time nothing is added."""
    file = str(workbook(company / "六月.xlsx", *GOOD))
    first, again = numbers(bulou, file), numbers(bulou, file)

    assert {"batch": "六月", "rows": 2, "added": 2, "existing": 0, "rejected": 0, "unreachable": 0} == first
    assert first | {"added": 0, "existing": 2} == again
    assert not Path(f"{file}.errors.csv").exists()


def test_bad_rows_come_back_and_the_rest_is_imported(bulou: Bulou, company: Path) -> None:
    """The file of errors has the row as Excel shows it, the reason, and the list's own columns."""
    bad = [
        ["", "13800001236", None, "店员", "一店", None],
        ["韩梅", "12345", None, "店员", "一店", None],
        ["赵六", "13800001237", None, "宇航员", "一店", None],
        ["钱七", "13800001234", None, "店员", "一店", "=1+1"],
    ]
    file = str(workbook(company / "list.xlsx", *GOOD, *bad))
    told = numbers(bulou, file, "--batch", "春招", code=1)

    assert {"batch": "春招", "rows": 6, "added": 2, "existing": 0, "rejected": 4, "unreachable": 0} == told
    content = Path(f"{file}.errors.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    header, *rows = csv.reader(content.decode("utf-8-sig").splitlines())
    assert ["row", "reason", *HEADER] == header
    assert [
        ["5", "no name"],
        ["6", "bad phone"],
        ["7", "no process takes this position: 宇航员"],
        ["8", "phone belongs to another person"],
    ] == [row[:2] for row in rows]


def test_a_phone_that_the_database_knows_under_another_name_comes_back(bulou: Bulou, company: Path) -> None:
    """Also when it was imported long ago; the cells are given back."""
    numbers(bulou, str(workbook(company / "a.xlsx", *GOOD)))
    file = str(workbook(company / "b.xlsx", ["钱七", "13800001234", None, "店员", "一店", "专科"]))
    told = numbers(bulou, file, code=1)

    assert (1, 0) == (told["rejected"], told["added"])
    _, row = csv.reader(Path(f"{file}.errors.csv").read_text(encoding="utf-8-sig").splitlines())
    assert ["3", "phone belongs to another person", "钱七", "13800001234", "", "店员", "一店", "专科"] == row


def test_a_dry_run_changes_nothing(bulou: Bulou, company: Path) -> None:
    """It counts what a real run then does, also twins in different transactions."""
    rows = [[f"人{n}号", str(13900000000 + n), None, "店员", "一店", None] for n in range(candidates.AT_ONCE)]
    file = str(workbook(company / "list.xlsx", *rows, rows[0]))
    dry = numbers(bulou, file, "--dry-run")
    assert (candidates.AT_ONCE, 1) == (dry["added"], dry["existing"])

    assert dry == numbers(bulou, file)
    assert 0 == numbers(bulou, file, "--dry-run")["added"]
    assert "Nothing was changed" in bulou("import", file, "--dry-run").stdout


def test_who_cannot_be_reached_is_said_before_anything_is_sent(bulou: Bulou, company: Path) -> None:
    """An address without a mail server leads nowhere; a person gets a follow-up."""
    file = str(workbook(company / "list.xlsx", *GOOD, ["韩梅", None, "han@example.com", "店员", "一店", None]))
    result = bulou("import", file, "--json")

    assert "1 of 3 rows cannot be reached" in result.stderr
    assert 1 == json.loads(result.stdout)["unreachable"]
    assert "" == bulou("audit").stdout


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.xlsx", None, "missing.xlsx"),
        ("no-header.csv", "a,b\n1,2\n", "no header row"),
        ("picture.xlsx", "\x89PNG", "not an .xlsx workbook"),
    ],
)
def test_what_is_no_list_is_exit_2(bulou: Bulou, company: Path, name: str, content: str | None, said: str) -> None:
    """One line on stderr, and no database is touched."""
    if content is not None:
        (company / name).write_text(content, encoding="latin-1")
    result = bulou("import", name, code=2)

    assert said in result.stderr
    assert 1 == len(result.stderr.splitlines())
    assert not (company / "bulou.db").exists()


def test_a_column_of_identity_cards_is_named_and_not_kept(bulou: Bulou, company: Path) -> None:
    """HR hears that it was not read."""
    (company / "list.csv").write_text(
        "姓名,手机,应聘职位,身份证号\n王美,13800001234,店员,11010519491231002X\n", encoding="utf-8"
    )
    result = bulou("import", "list.csv")

    assert "身份证号" in result.stderr
    assert b"11010519491231002X" not in (company / "bulou.db").read_bytes()


def test_a_bar_is_shown_to_whoever_looks_on(
    bulou: Bulou, company: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a terminal only; the numbers alone stand on stdout."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    file = str(workbook(company / "list.xlsx", *GOOD))
    with pytest.raises(SystemExit) as stopped:
        main(["import", file, "--json"], prog_name="bulou")

    shown = capsys.readouterr()
    assert 0 == stopped.value.code
    assert "Importing" in shown.err
    assert 2 == json.loads(shown.out)["added"]
