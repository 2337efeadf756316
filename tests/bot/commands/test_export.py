"""`bulou export`: tables for people and programs, of all batches or one."""

import csv
import io
import json
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from storage.exports import COLUMNS
from tests.bot.commands.conftest import Bulou

LIST = (
    "姓名,手机,邮箱,应聘职位,门店,批次,备注\n"
    '王美,13800001234,mei@example.com,店员,一店,三月,"=HYPERLINK(""http://x"")"\n'
    "李雷,13800001235,,服务员,二店,三月,\n"
    "=韩梅,13800001236,,店员,一店,四月,\n"
)


@pytest.fixture
def imported(bulou: Bulou, company: Path) -> Path:
    """Three people in two batches."""
    (company / "list.csv").write_text(LIST, encoding="utf-8")
    bulou("import", "list.csv")
    return company


def table(text: str) -> list[dict[str, str]]:
    """A CSV table by its header."""
    return list(csv.DictReader(io.StringIO(text)))


def test_candidates_on_stdout(bulou: Bulou, imported: Path) -> None:
    """Our columns in their order, moments with their offset; nothing that a spreadsheet would compute."""
    told = bulou("export", "candidates").stdout
    rows = sorted(table(told), key=lambda row: row["phone"])
    assert list(COLUMNS["candidates"]) == next(csv.reader(io.StringIO(told)))
    assert ["王美", "李雷", "'=韩梅"] == [row["name"] for row in rows]
    assert "'+8613800001234" == rows[0]["phone"]
    assert rows[0]["created_at"].endswith("+08:00")
    cells = [cell for row in csv.reader(io.StringIO(told)) for cell in row]
    assert [] == [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]


def test_one_batch_only(bulou: Bulou, imported: Path) -> None:
    """By its exact name; one that there is none of is said."""
    assert 2 == len(table(bulou("export", "candidates", "--batch", "三月").stdout))
    assert "there is no batch 五月" in bulou("export", "candidates", "--batch", "五月", code=1).stderr


@pytest.mark.parametrize("ending", [".xlsx", ".csv", ".json"])
def test_the_ending_says_the_format(bulou: Bulou, imported: Path, ending: str) -> None:
    """The same people in each; the file is its owner's alone, and nothing else is left behind."""
    output = imported / f"all{ending}"
    before = set(imported.iterdir())
    assert "" == bulou("export", "candidates", "-o", str(output)).stdout
    if ending == ".xlsx":
        sheet = load_workbook(output).active
        assert sheet is not None
        header, *rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
        assert 0 == sum(cell.data_type == "f" for row in sheet.iter_rows() for cell in row)
        named: list[Any] = [dict(zip(header, row, strict=True)) for row in rows]
    elif ending == ".csv":
        assert output.read_bytes().startswith(b"\xef\xbb\xbf")
        named = [{name: cell.lstrip("'") for name, cell in row.items()} for row in table(output.read_text("utf-8-sig"))]
    else:
        named = json.loads(output.read_text("utf-8"))
        assert [{}, {}, {"备注": '=HYPERLINK("http://x")'}] == sorted((row["extra"] for row in named), key=len)
    named.sort(key=lambda row: row["phone"])
    assert [("王美", "+8613800001234"), ("李雷", "+8613800001235")] == [(r["name"], r["phone"]) for r in named][:2]
    assert 0o600 == stat.S_IMODE(output.stat().st_mode)
    assert {output} == set(imported.iterdir()) - before


def test_messages_and_funnel(bulou: Bulou, imported: Path) -> None:
    """What was owed to whom and why; how many came how far."""
    rows = table(bulou("export", "messages", "--batch", "三月").stdout)
    assert ["id", "candidate", "cause", "channel", "status", "at", "reason"] == list(rows[0])
    assert {("sms", "waiting")} == {(row["channel"], row["status"]) for row in rows}
    assert all(row["cause"].endswith("/ai.1/invite") for row in rows)
    steps = table(bulou("export", "funnel", "--batch", "三月").stdout)
    assert [("crew", "screening", "2"), ("crew", "ai", "2")] == [
        (s["process"], s["stage"], s["entered"]) for s in steps
    ] or [("screening", "0"), ("ai", "2")] == [(s["stage"], s["entered"]) for s in steps]


def test_the_audit_log_has_every_export(bulou: Bulou, imported: Path) -> None:
    """Who, what, of what; the one under way too."""
    bulou("export", "candidates")
    (first, second) = table(bulou("export", "audit").stdout)
    assert ["at", "actor", "action", "subject", "detail"] == list(first)
    assert ("operator", "export.candidates", "all") == (first["actor"], first["action"], first["subject"])
    assert "export.audit" == second["action"]


def test_all_about_one_person(bulou: Bulou, imported: Path) -> None:
    """By a phone or an id: nested as JSON, a line for each thing as a table."""
    output = imported / "mei.json"
    bulou("export", "person", "138 0000 1234", "-o", str(output))
    told = json.loads(output.read_text("utf-8"))
    assert ("王美", "+8613800001234", "mei@example.com") == (told["name"], told["phone"], told["email"])
    (application,) = told["applications"]
    assert {"application.opened", "application.moved"} & {event["type"] for event in application["events"]}
    assert ["sms"] == [message["channel"] for message in application["messages"]]
    rows = table(bulou("export", "person", application["id"]).stdout)
    assert list(COLUMNS["person"]) == list(rows[0])
    assert {"candidate", "application", "event", "message"} == {row["about"] for row in rows}
    assert "no candidate is known" in bulou("export", "person", "13900000000", code=1).stderr


def test_whoever_was_erased_is_not_exported(bulou: Bulou, imported: Path) -> None:
    """Without a key there is nobody."""
    with sqlite3.connect(imported / "bulou.db") as connection:
        connection.execute(
            "UPDATE candidates SET key = NULL WHERE id IN (SELECT candidate_id FROM applications LIMIT 1)"
        )
    connection.close()
    assert 2 == len(table(bulou("export", "candidates").stdout))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["person"], "person needs a CANDIDATE"),
        (["candidates", "王美"], "candidates takes no CANDIDATE"),
        (["audit", "--batch", "三月"], "not for audit or person"),
        (["candidates", "-o", "all.pdf"], ".xlsx, .csv, .json"),
        (["candidates", "-o", "nowhere/all.csv"], "is no folder"),
        (["everything"], "everything"),
    ],
)
def test_wrong_usage_is_said_in_a_line(bulou: Bulou, company: Path, words: list[str], told: str) -> None:
    """Exit 2."""
    shown = bulou("export", *words, code=2)
    assert told in shown.stderr
    assert 1 == len(shown.stderr.splitlines())


def test_a_failed_export_leaves_the_old_file(bulou: Bulou, imported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file stands in its place only when it is complete."""
    output = imported / "all.xlsx"
    output.write_bytes(b"before")
    monkeypatch.setattr("bot.documents.tables.MOST_ROWS", 1)
    shown = bulou("export", "candidates", "-o", str(output), code=2)
    assert "a sheet holds 1 rows" in shown.stderr
    assert b"before" == output.read_bytes()
    assert [] == [path for path in imported.iterdir() if path.name.startswith(".")]
