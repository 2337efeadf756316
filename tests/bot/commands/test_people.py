"""`bulou member` and `bulou token`: who may do what."""

import re
import sqlite3
from pathlib import Path

import pytest

from tests.bot.commands.conftest import Bulou


def test_a_member_is_added_changed_listed_and_removed(bulou: Bulou, company: Path) -> None:
    """The id stays the same when the role, shops and accounts change."""
    id = bulou("member", "add", "王芳", "--wecom", "wangfang").stdout.strip()
    assert re.fullmatch("[0-9a-f]{32}", id)
    assert f"王芳\trecruiter\tall shops\twecom wangfang\t{id}\n" == bulou("member", "list").stdout

    changed = bulou("member", "add", "王芳", "--role", "manager", "--shop", "一店", "--shop", "二店", "--wecom", "wf")
    assert id == changed.stdout.strip()
    assert f"王芳\tmanager\t一店, 二店\twecom wf\t{id}\n" == bulou("member", "list").stdout

    bulou("member", "remove", "王芳")
    assert "" == bulou("member", "list").stdout
    assert "no member 王芳" in bulou("member", "remove", "王芳", code=1).stderr


def test_a_member_keeps_what_is_not_named(bulou: Bulou, company: Path) -> None:
    """Adding an account does not widen anybody's scope."""
    bulou("member", "add", "李店长", "--role", "manager", "--shop", "一店")
    bulou("member", "add", "李店长", "--wecom", "lidian")

    assert "李店长\tmanager\t一店\twecom lidian" in bulou("member", "list").stdout


def test_a_manager_without_shop_would_see_all(bulou: Bulou, company: Path) -> None:
    """So there is none."""
    assert "--shop" in bulou("member", "add", "李店长", "--role", "manager", code=2).stderr


def test_an_account_belongs_to_one_member(bulou: Bulou, company: Path) -> None:
    """WeCom's userids know no case."""
    bulou("member", "add", "王芳", "--wecom", "wangfang")

    assert "belongs to 王芳" in bulou("member", "add", "李雷", "--wecom", "WangFang", code=1).stderr
    assert "李雷" not in bulou("member", "list").stdout


def test_a_members_phone_is_sealed(bulou: Bulou, company: Path) -> None:
    """And a wrong one is refused."""
    bulou("member", "add", "王芳", "--phone", "138 0000 1234")

    with sqlite3.connect(company / "bulou.db") as connection:
        ((phone,),) = connection.execute("SELECT phone FROM members").fetchall()
    connection.close()
    assert phone
    assert b"13800001234" not in phone
    assert "--phone" in bulou("member", "add", "李雷", "--phone", "123", code=2).stderr


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "a\nb"])
def test_a_name_is_one_short_line(bulou: Bulou, company: Path, name: str) -> None:
    """Everybody has to read it in a card."""
    assert "NAME" in bulou("member", "add", name, code=2).stderr
    assert "NAME" in bulou("token", "create", name, code=2).stderr


def test_a_token_is_printed_alone_and_once(bulou: Bulou, company: Path) -> None:
    """Only its digest is kept."""
    made = bulou("token", "create", "ats", "--scope", "write", "--shop", "一店").stdout
    assert re.fullmatch(r"bulou_[\w-]{43}\n", made)

    assert made.strip() not in bulou("token", "list").stdout
    assert bulou("token", "list").stdout.startswith("ats\twrite\t一店\t")
    assert made.strip().encode() not in b"".join(path.read_bytes() for path in company.glob("bulou.db*"))


def test_a_token_reads_unless_it_may_write(bulou: Bulou, company: Path) -> None:
    """The smaller right is the default."""
    bulou("token", "create", "board")

    assert bulou("token", "list").stdout.startswith("board\tread\tall shops\t")


def test_a_token_is_revoked_and_its_name_is_free_again(bulou: Bulou, company: Path) -> None:
    """Two of one name never exist at a time."""
    bulou("token", "create", "ats")
    assert "already" in bulou("token", "create", "ats", code=1).stderr
    bulou("token", "revoke", "ats")
    assert "" == bulou("token", "list").stdout
    assert "no token ats" in bulou("token", "revoke", "ats", code=1).stderr
    bulou("token", "create", "ats")
