"""Writes the table of settings into the operator's page: `python -m config.reference`."""

from pathlib import Path

from config.settings import Variable, reference

PAGE = Path(__file__).parent.parent / "docs" / "operating.md"
BEGIN = "<!-- settings: written by `python -m config.reference` -->"
END = "<!-- end of settings -->"


def table() -> str:
    """Every setting as a row of a Markdown table, in the order in which they are declared."""
    rows = ["| variable | default | meaning |", "| --- | --- | --- |", *map(_row, reference())]
    return "\n".join(rows)


def with_table(page: str) -> str:
    """The page with the present table between its markers. Raises ValueError: a marker is missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no place for the settings: {BEGIN} ... {END}")
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


def _row(variable: Variable) -> str:
    default = f"`{variable.default}`" if variable.default else ""
    meaning = variable.description.replace("|", "\\|")
    return f"| `{variable.variable}` | {default} | {meaning} |"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
