"""`bulou check`, `bulou audit`, `bulou rotate-key`, `bulou run`: what an operator looks after."""

import base64
import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.bot.commands.conftest import Bulou

ROOT = Path(__file__).parents[3]
LIST = "姓名,手机,应聘职位,门店\n王美,13800001234,店员,一店\n李雷,13800001235,店员,一店\n"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def changing(company: Path) -> Iterator[sqlite3.Connection]:
    """The database, behind the bot's back."""
    connection = sqlite3.connect(company / "bulou.db")
    with connection:
        yield connection
    connection.close()


def set_feishu_up(monkeypatch: pytest.MonkeyPatch, **more: str) -> None:
    """An app whose Feishu is where nobody listens."""
    app = {"APP_ID": "cli_1", "APP_SECRET": "s", "API_BASE": f"http://127.0.0.1:{free_port()}", **more}
    for name, value in app.items():
        monkeypatch.setenv(f"BULOU_FEISHU__{name}", value)


class TestCheck:
    """A table, and what to mend."""

    def test_prints_a_fresh_key_as_long_as_there_is_none(self, bulou: Bulou, nothing_set: Path) -> None:
        """Exit 2: nothing can start without."""
        shown = bulou("check", code=2).stdout

        assert "MEND  BULOU_PUBLIC_URL" in shown
        key = shown.rpartition("BULOU_MASTER_KEY=")[2]
        assert 32 == len(base64.b64decode(key))

    def test_prints_no_key_beside_a_wrong_one(
        self, bulou: Bulou, company: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Who mistyped a key must not be led to replace it: the data would be lost. And it is not shown."""
        monkeypatch.setenv("BULOU_MASTER_KEY", "mistyped")
        shown = bulou("check", code=2).stdout

        assert "MEND  BULOU_MASTER_KEY" in shown
        assert "BULOU_MASTER_KEY=" not in shown
        assert "mistyped" not in shown

    def test_says_that_all_is_well(self, bulou: Bulou, company: Path) -> None:
        """Notes are no problems."""
        shown = bulou("check").stdout

        assert "MEND" not in shown
        for line in ("ok    database", "ok    master key", "ok    processes", "ok    vault", "note  sms"):
            assert line in shown
        assert "crew@1" in shown

    def test_names_every_mistake_of_the_process_files(self, bulou: Bulou, company: Path) -> None:
        """With file and line, exit 1."""
        (company / "processes" / "bad.yaml").write_text("id: bad\nname: 坏\npositions: [厨师]\nstages: []\n", "utf-8")

        assert "MEND  process file  processes/bad.yaml:4: stages" in bulou("check", code=1).stdout

    def test_says_who_cannot_be_reached(self, bulou: Bulou, company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A gateway that is down is found before the first candidate waits for it."""
        port = free_port()
        for name, value in (("PROVIDER", "http"), ("URL", f"http://127.0.0.1:{port}/send"), ("TOKEN", "t")):
            monkeypatch.setenv(f"BULOU_SMS__{name}", value)

        assert f"nobody answers at 127.0.0.1:{port}" in bulou("check", code=1).stdout

    def test_tries_the_bucket(self, bulou: Bulou, company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A vault that cannot be reached is found before the first certificate comes; no key is shown."""
        port = free_port()
        monkeypatch.setenv("BULOU_VAULT_URL", "s3://papers/hr")
        monkeypatch.setenv("BULOU_VAULT__ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("BULOU_VAULT__ACCESS_KEY", "LTAI")
        monkeypatch.setenv("BULOU_VAULT__SECRET_KEY", "hunter2")
        done = bulou("check", code=1)

        assert f"the vault s3://papers/hr at 127.0.0.1:{port} cannot be used: it does not answer" in done.stdout
        assert "hunter2" not in done.stdout + done.stderr

    def test_tries_the_platform(self, bulou: Bulou, company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """WeCom's address is where nobody listens."""
        app = {"CORP_ID": "ww1", "AGENT_ID": "1", "SECRET": "s", "TOKEN": "t", "AES_KEY": "a" * 43}
        app["API_BASE"] = f"http://127.0.0.1:{free_port()}"
        for name, value in app.items():
            monkeypatch.setenv(f"BULOU_WECOM__{name}", value)

        assert "MEND  wecom" in bulou("check", code=1).stdout

    def test_tries_feishu_and_says_where_its_events_come_in(
        self, bulou: Bulou, company: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without an Encrypt Key the bot works, and is told that it could be safer."""
        set_feishu_up(monkeypatch, VERIFICATION_TOKEN="v")
        shown = bulou("check", code=1).stdout

        assert "MEND  feishu " in shown
        assert "taken at http://127.0.0.1:8000/callback/feishu" in shown
        assert "note  BULOU_FEISHU__ENCRYPT_KEY" in shown
        assert "neither WeCom nor Feishu" not in shown
        monkeypatch.setenv("BULOU_FEISHU__ENCRYPT_KEY", "e")
        assert "BULOU_FEISHU__ENCRYPT_KEY" not in bulou("check", code=1).stdout

    @pytest.mark.parametrize(("missing", "mark"), [("install Feishu's client", "MEND "), ("", "ok   ")])
    def test_over_the_long_connection_nothing_has_to_be_signed(
        self, bulou: Bulou, company: Path, monkeypatch: pytest.MonkeyPatch, missing: str, mark: str
    ) -> None:
        """But Feishu's client has to be there."""
        monkeypatch.setattr("bot.platforms.feishu.long_connection.what_is_missing", lambda: missing)
        set_feishu_up(monkeypatch, MODE="websocket")
        shown = bulou("check", code=1).stdout

        assert f"{mark} feishu events" in shown
        assert missing in shown
        assert "signed" not in shown
        assert "/callback/feishu" not in shown


class TestAudit:
    """Nobody slips through."""

    @pytest.fixture(autouse=True)
    def _imported(self, bulou: Bulou, company: Path) -> None:
        (company / "list.csv").write_text(LIST, encoding="utf-8")
        bulou("import", "list.csv")

    def test_all_is_well_after_an_import(self, bulou: Bulou) -> None:
        """Nothing on stdout, exit 0."""
        assert "" == bulou("audit").stdout

    def test_an_application_without_what_comes_next_is_named(self, bulou: Bulou, company: Path) -> None:
        """Somebody's timers have gone, however that came to be."""
        with changing(company) as connection:
            (lost,) = connection.execute("SELECT id FROM applications LIMIT 1").fetchone()
            connection.execute("DELETE FROM timers WHERE application_id = ?", (lost,))
        lines = bulou("audit", code=1).stdout.splitlines()

        assert [f"application {lost}: nothing happens next in ai"] == [
            line.partition(": no timer")[0] for line in lines
        ]

    def test_what_is_stuck_is_counted(self, bulou: Bulou, company: Path) -> None:
        """Timers and messages long due, and what could not be handled."""
        with changing(company) as connection:
            connection.execute("UPDATE timers SET due_at = 1000000")
            connection.execute("UPDATE outbox SET due_at = 1000000")
            connection.execute(
                "INSERT INTO inbox (key, source, day, received_at, status, attempts)"
                " VALUES ('k', 'chat', '2026-06-01', 0, 'failed', 5)"
            )
        lines = bulou("audit", code=1).stdout.splitlines()

        assert ["1 received messages", "2 timers have been due", "2 messages have been due"] == [
            next(
                start
                for start in ("1 received messages", "2 timers have been due", "2 messages have been due", line)
                if line.startswith(start)
            )
            for line in lines
        ]


def test_a_new_master_key_opens_what_the_old_one_closed(
    bulou: Bulou, company: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is printed alone; the old one opens nothing any more, and is refused in words."""
    (company / "list.csv").write_text(LIST, encoding="utf-8")
    bulou("import", "list.csv")
    fresh = bulou("rotate-key").stdout.strip()

    assert "set the one that the last rotate-key printed" in bulou("audit", code=2).stderr
    monkeypatch.setenv("BULOU_MASTER_KEY", fresh)
    assert "" == bulou("audit").stdout
    assert "0 added, 2 existing" in bulou("import", "list.csv").stdout


def test_the_server_answers_and_stops_when_asked(company: Path) -> None:
    """`bulou run` as a process of its own: /readyz is 200, SIGTERM ends it with 0, logs go to stderr only."""
    port = free_port()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "bot", "run", "--port", str(port)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=company, env=environment, stdout=pipe, stderr=pipe, text=True) as server:
        try:
            assert server.stderr is not None
            logs = [next(line for line in server.stderr if '"event":"ready"' in line)]
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=30) as response:
                assert 200 == response.status
            server.send_signal(signal.SIGTERM)
            told, rest = server.communicate(timeout=30)
        finally:
            server.kill()

    assert (0, "") == (server.returncode, told)
    assert "Traceback" not in "".join([*logs, rest])
