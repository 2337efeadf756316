"""`bulou group`: which of HR's groups are told what."""

import re
from pathlib import Path

import pytest

from tests.bot.commands.conftest import Bulou

ROBOT = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=a-secret"
CHAT = "oc_5ad11d72b830411d72b836c20"


@pytest.fixture
def feishu(company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Feishu app is set up."""
    for name, value in (("APP_ID", "cli_1"), ("APP_SECRET", "s"), ("VERIFICATION_TOKEN", "v")):
        monkeypatch.setenv(f"BULOU_FEISHU__{name}", value)


@pytest.mark.usefixtures("feishu")
def test_a_group_is_added_changed_listed_and_removed(bulou: Bulou, company: Path) -> None:
    """The same group keeps its id when its name and shops change."""
    id = bulou(
        "group", "add", "华东", "--feishu", CHAT, "--shop", "一店", "--shop", "二店", "--shop", "一店"
    ).stdout.strip()
    assert re.fullmatch("[0-9a-f]{32}", id)
    assert f"华东\tfeishu {CHAT}\t一店, 二店\t{id}\n" == bulou("group", "list").stdout

    assert id == bulou("group", "add", "江浙", "--feishu", CHAT).stdout.strip()
    assert f"江浙\tfeishu {CHAT}\twhat no other group takes\t{id}\n" == bulou("group", "list").stdout

    bulou("group", "remove", "江浙")
    assert "" == bulou("group", "list").stdout
    assert "no added group 江浙" in bulou("group", "remove", "江浙", code=1).stderr


def test_a_robots_address_is_a_password(bulou: Bulou, company: Path) -> None:
    """The list shows its host, and the database nothing of it."""
    id = bulou("group", "add", "华东", "--wecom-webhook", ROBOT).stdout.strip()

    shown = bulou("group", "list").stdout
    assert f"华东\twecom robot at qyapi.weixin.qq.com\twhat no other group takes\t{id}\n" == shown
    assert b"a-secret" not in b"".join(path.read_bytes() for path in company.glob("bulou.db*"))


@pytest.mark.usefixtures("feishu")
def test_configured_groups_are_listed_first_by_their_variable(
    bulou: Bulou, company: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And can't be added once more: they would be told twice."""
    monkeypatch.setenv("BULOU_WECOM__GROUP_WEBHOOK", ROBOT)
    monkeypatch.setenv("BULOU_FEISHU__HR_CHAT_ID", CHAT)
    bulou("group", "add", "华东", "--feishu", "oc_2", "--shop", "一店")

    lines = [line.split("\t") for line in bulou("group", "list").stdout.splitlines()]
    assert ["BULOU_WECOM__GROUP_WEBHOOK", "BULOU_FEISHU__HR_CHAT_ID", "华东"] == [line[0] for line in lines]
    assert ["wecom robot at qyapi.weixin.qq.com", f"feishu {CHAT}", "feishu oc_2"] == [line[1] for line in lines]
    assert ["configured", "configured"] == [line[3] for line in lines[:2]]
    for account, variable in ((["--wecom-webhook", ROBOT], "BULOU_WECOM"), (["--feishu", CHAT], "BULOU_FEISHU")):
        assert variable in bulou("group", "add", "又一个", *account, code=1).stderr
    assert "no added group" in bulou("group", "remove", "BULOU_FEISHU__HR_CHAT_ID", code=1).stderr


def test_a_configured_feishu_robot_is_shown_by_its_host(
    bulou: Bulou, company: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its address is a password, too."""
    monkeypatch.setenv("BULOU_FEISHU__GROUP_WEBHOOK", "https://open.feishu.cn/open-apis/bot/v2/hook/a-secret")

    shown = bulou("group", "list").stdout
    assert "BULOU_FEISHU__GROUP_WEBHOOK\tfeishu robot at open.feishu.cn\t" in shown
    assert "a-secret" not in shown


@pytest.mark.usefixtures("feishu")
def test_a_name_belongs_to_one_group(bulou: Bulou, company: Path) -> None:
    """Or `remove` would not know which is meant. Renaming one onto another's name is refused as well."""
    bulou("group", "add", "华东", "--feishu", "oc_1")
    bulou("group", "add", "华北", "--feishu", "oc_2")

    for account in ("oc_2", "oc_3"):
        assert "another group is called 华东" in bulou("group", "add", "华东", "--feishu", account, code=1).stderr
    assert ["华东\tfeishu oc_1", "华北\tfeishu oc_2"] == [
        line.partition("\twhat")[0] for line in bulou("group", "list").stdout.splitlines()
    ]


@pytest.mark.parametrize(
    "address",
    [
        "http://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k",
        "ftp://127.0.0.1/x",
        "https://[::1/send",
        "https://example.com:99999/",
        "https://example.com/a b",
        f"https://example.com/{'x' * 2000}",
        "qyapi.weixin.qq.com",
    ],
)
def test_an_address_that_could_be_read_on_the_way_is_refused(bulou: Bulou, company: Path, address: str) -> None:
    """And not repeated: it may be somebody's password."""
    said = bulou("group", "add", "华东", "--wecom-webhook", address, code=2).stderr
    assert "--wecom-webhook" in said
    assert address not in said


@pytest.mark.parametrize("host", ["127.0.0.1:9000", "localhost", "[::1]:80"])
def test_plain_http_is_for_this_machine_alone(bulou: Bulou, company: Path, host: str) -> None:
    """As with a simulated platform."""
    bulou("group", "add", "试", "--wecom-webhook", f"http://{host}/cgi-bin/webhook/send?key=k")


@pytest.mark.usefixtures("feishu")
@pytest.mark.parametrize("chat", ["", "ou_1", "oc_ 1", "oc_\n1", "oc_" + "1" * 200])
def test_a_group_of_feishus_has_an_id(bulou: Bulou, company: Path, chat: str) -> None:
    """A person's id is none."""
    assert "--feishu" in bulou("group", "add", "华东", "--feishu", chat, code=2).stderr


def test_feishus_groups_need_the_app(bulou: Bulou, company: Path) -> None:
    """Nobody could write to them."""
    assert "BULOU_FEISHU__APP_ID" in bulou("group", "add", "华东", "--feishu", CHAT, code=2).stderr
    assert "" == bulou("group", "list").stdout


@pytest.mark.parametrize("words", [(), ("--wecom-webhook", ROBOT, "--feishu", CHAT)])
def test_a_group_is_in_one_place(bulou: Bulou, company: Path, words: tuple[str, ...]) -> None:
    """Neither nowhere nor in two."""
    assert "either --wecom-webhook" in bulou("group", "add", "华东", *words, code=2).stderr


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "a\nb"])
def test_a_groups_name_is_one_short_line(bulou: Bulou, company: Path, name: str) -> None:
    """It stands in lists."""
    assert "NAME" in bulou("group", "add", name, "--wecom-webhook", ROBOT, code=2).stderr


@pytest.mark.parametrize("shop", ["", " ", "x" * 129])
def test_a_shop_has_a_name(bulou: Bulou, company: Path, shop: str) -> None:
    """As a member's has."""
    assert "--shop" in bulou("group", "add", "华东", "--wecom-webhook", ROBOT, "--shop", shop, code=2).stderr
