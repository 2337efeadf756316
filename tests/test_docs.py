"""What the documentation says is so: settings, commands, links, examples; and both READMEs say the same."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bot.__main__ import main
from bot.texts import standard_texts
from config.load import load_process
from config.reference import PAGE, with_table
from config.settings import reference
from handlers import routes

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
READMES = ROOT / "README.md", ROOT / "README.zh-CN.md"
OPERATING = PAGE.read_text(encoding="utf-8")

FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^ {4,}.*\n?)+", re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"(?:`|^ +)bulou ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", re.MULTILINE)
VARIABLE = re.compile(r"BULOU_[A-Z0-9_]+[A-Z0-9]\b")


def commands(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command with its whole name, such as "process check"."""
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def named(pages: list[Path]) -> Iterator[str]:
    """What the pages call a command."""
    for page in pages:
        for first, second in COMMAND.findall(page.read_text(encoding="utf-8")):
            yield f"{first} {second}".strip()


def headings(page: Path) -> list[int]:
    """How deep each heading lies, in order."""
    text = INDENTED.sub("", FENCED.sub("", page.read_text(encoding="utf-8")))
    return [len(marks) for marks in re.findall(r"^(#+) ", text, re.MULTILINE)]


def names(page: Path) -> list[str]:
    """All that programs read in a page: commands, paths, variables; the same in every language."""
    text = page.read_text(encoding="utf-8")
    return sorted(
        {*VARIABLE.findall(text), *re.findall(r"`(bulou [a-z-]+)`", text), *re.findall(r"`(/[^`\s]+)`", text)}
    )


def test_the_table_of_settings_is_up_to_date() -> None:
    """`python -m config.reference` has been run since the settings changed."""
    assert with_table(OPERATING) == OPERATING


def test_a_page_without_a_place_for_the_settings_is_refused() -> None:
    """The table is never put anywhere else."""
    with pytest.raises(ValueError, match="no place for the settings"):
        with_table("# Operating\n")


def test_every_command_is_on_the_operators_page() -> None:
    """Whatever an operator can type is explained, with each of its options."""
    missing = []
    for name, command in commands(main):
        if f"`bulou {name}" not in OPERATING:
            missing.append(name)
        shown = "\n".join(line for line in OPERATING.splitlines() if f"`bulou {name}" in line)
        options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
        missing += [f"{name} {option.opts[0]}" for option in options if option.opts[0] not in shown]
    assert [] == missing


def test_no_page_speaks_of_a_command_that_is_not_there() -> None:
    """Who copies a command from a page can run it."""
    known = {name for name, _ in commands(main)}
    groups = {name.partition(" ")[0] for name in known if " " in name}
    unknown = {
        said for said in named(PAGES) if said not in known | groups and said.partition(" ")[0] not in known - groups
    }
    assert set() == unknown


def test_every_chat_command_is_on_the_operators_page() -> None:
    """By its English and its Chinese name."""
    assert [] == [name for name in routes.names("command") if f"`/{name}`" not in OPERATING]


def test_no_page_speaks_of_a_setting_that_is_not_there() -> None:
    """A variable with a typing error would be set in vain."""
    known = {variable.variable for variable in reference()}
    known |= {f"{variable}_FILE" for variable in known}
    said = {name for page in PAGES for name in VARIABLE.findall(page.read_text(encoding="utf-8"))}
    assert set() == {name for name in said if name not in known and not any(one.startswith(name) for one in known)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every file that a page links to exists."""
    targets = [target for target in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in target]
    files = [target.partition("#")[0] for target in targets]
    assert [] == [file for file in files if file and not (page.parent / file).exists()]


def test_both_readmes_say_the_same() -> None:
    """The same sections in the same order, the same commands, variables and paths."""
    english, chinese = READMES
    assert headings(english) == headings(chinese)
    assert names(english) == names(chinese)


def test_the_example_of_618_can_be_applied() -> None:
    """The stage in HR's page, put where the page says, makes a valid process."""
    blocks = re.findall(
        r"^```yaml\n(.*?)^```$",
        (ROOT / "docs/change-the-process.md").read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    stage, requires = blocks
    file = (ROOT / "config/processes/ecommerce.yaml").read_text(encoding="utf-8")
    file = file.replace("  - id: second_interview\n", f"{stage}\n  - id: second_interview\n")
    file = file.replace("    requires: [ai_interview]\n", requires)
    process = load_process(file, "ecommerce.yaml", standard_texts().reasons())
    assert ["screening", "ai_interview", "service_script", "second_interview"] == [one.id for one in process.stages]
    assert ("ai_interview", "service_script") == process.stage("second_interview").requires


def test_every_decision_says_situation_choice_and_price() -> None:
    """A lasting choice without its price is advertising."""
    pages = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [f"{number:04}" for number in range(1, len(pages) + 1)] == [page.name[:4] for page in pages]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert ["Situation", "Choice", "Price"] == re.findall(r"^\*\*(\w+)\.\*\*", text, re.MULTILINE), page.name
