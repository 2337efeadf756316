"""Reads process files: every mistake is named with its file, line and key, and with what should stand there.

All scalars are read as text and converted by the types of `recruiting.process`. So `en: No` stays the word "No" and
`from: 14:00` stays a time, where YAML's own guessing would make a false and the number 840 of them.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from recruiting.process import (
    Alert,
    Bar,
    Fact,
    Limits,
    Nudge,
    Option,
    Place,
    Process,
    Question,
    Rule,
    Since,
    Slots,
    Stage,
    StageKind,
    overlaps,
    parse,
)

LARGEST_FILE = 256 * 1024
DEEPEST = 20  # levels; a complete process needs ten
MOST_VALUES = 20_000  # with aliases counted as often as they are used
MOST_MISTAKES = 100


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One thing to mend in a file: where it is, and what should stand there."""

    file: str
    line: int
    key: str
    expected: str

    def __str__(self) -> str:
        line = f"{self.file}:{self.line}: {self.key}: expected {self.expected}"
        return "".join(char if char.isprintable() else repr(char)[1:-1] for char in line)


class InvalidProcess(Exception):
    """A process file that can't be used; `str()` is a line for each mistake, in the order of the file."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = sorted(set(mistakes))[:MOST_MISTAKES]
        super().__init__("\n".join(map(str, self.mistakes)))


# --- From text to plain values, remembering where each stood ----------------------------------------------------------


class _TooDeep(yaml.MarkedYAMLError):
    """Brackets in brackets in brackets: nothing that a person wrote."""


class _Composer(yaml.BaseLoader):
    """Reads YAML into nodes with line numbers; every scalar stays text, and nothing is ever constructed."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """One level deeper, within bounds. Raises _TooDeep."""
        if self._depth == DEEPEST:
            raise _TooDeep(problem=f"more than {DEEPEST} levels", problem_mark=self.get_mark())
        self._depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


@dataclass(slots=True)
class _Page:
    """A file as plain values, the line of each of them, and what is wrong with it as YAML."""

    name: str
    data: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    values: int = 0

    def complain(self, line: int, key: str, expected: str) -> None:
        """Note one mistake."""
        self.mistakes.append(Mistake(self.name, line, key, expected))

    def line(self, place: Place) -> int:
        """The line of a value, or of the nearest thing around it that is there."""
        while place not in self.lines and place:
            place = place[:-1]
        return self.lines.get(place, 1)


def _read(text: str, name: str) -> _Page:
    """Read YAML. What is no YAML at all gives a page with one mistake and no data."""
    page = _Page(name)
    try:
        node = _Composer(text).get_single_node()
        if node is None:
            page.complain(1, "process", "the keys id, name, positions and stages; the file is empty")
        else:
            page.lines[()] = node.start_mark.line + 1
            page.data = _value(node, (), page)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        page.complain(mark.line + 1 if mark else 1, "yaml", f"YAML ({error.problem or error.context})")
        page.data = None
    except yaml.reader.ReaderError as error:
        page.complain(text.count("\n", 0, error.position) + 1, "yaml", "text without control characters")
    return page


def _value(node: yaml.Node, place: Place, page: _Page) -> Any:
    """The plain value of a node. Raises MarkedYAMLError: it unfolds to more than a process can hold."""
    page.values += 1
    if page.values > MOST_VALUES or len(place) > DEEPEST:
        raise yaml.MarkedYAMLError(problem="more values than a process can hold", problem_mark=node.start_mark)
    if isinstance(node, yaml.MappingNode):
        return dict(_entries(node, place, page))
    if isinstance(node, yaml.SequenceNode):
        return [_item(item, (*place, index), page) for index, item in enumerate(node.value)]
    return _text(node, page)


def _entries(node: yaml.MappingNode, place: Place, page: _Page) -> Iterator[tuple[str, Any]]:
    """The keys of a mapping with their values; a key that stands there twice is a mistake."""
    seen: dict[str, int] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            page.complain(line, _key(place), "a key that is plain text")
            continue
        key = _text(key_node, page)
        if key in seen:
            page.complain(line, key, f"each key once; it stands already in line {seen[key]}")
            continue
        seen[key] = page.lines[*place, key] = line
        yield key, _value(value_node, (*place, key), page)


def _item(node: yaml.Node, place: Place, page: _Page) -> Any:
    page.lines[place] = node.start_mark.line + 1
    return _value(node, place, page)


def _text(node: yaml.Node, page: _Page) -> str:
    """A scalar as text. Escapes can smuggle in what no database and no chat takes."""
    text = str(node.value)
    if any(_is_unfit(char) for char in text):
        page.complain(node.start_mark.line + 1, "yaml", "text without control characters")
        return "".join("?" if _is_unfit(char) else char for char in text)
    return text


def _is_unfit(char: str) -> bool:
    return (char < " " and char not in "\n\t") or "\ud800" <= char <= "\udfff" or char == "\x7f"


# --- From pydantic's errors to sentences ------------------------------------------------------------------------------

# The model of the mapping under a key; a mapping under anything else is a Bar, whose key is a dimension.
_MODELS: dict[str, type[BaseModel]] = {
    "stages": Stage,
    "nudges": Nudge,
    "rules": Rule,
    "questions": Question,
    "options": Option,
    "slots": Slots,
    "limits": Limits,
    "alerts": Alert,
}
_EXPECTED = {
    "missing": "this key, which is missing here",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "finite_number": "a number",
    "string_type": "text",
    "string_too_short": "text that is not empty",
    "string_too_long": "text of at most {max_length} characters",
    "greater_than_equal": "a number of at least {ge:g}",
    "greater_than": "a number above {gt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "less_than": "a number below {lt:g}",
    "too_long": "at most {max_length} of them",
    "tuple_type": "a list such as [a, b]",
    "dict_type": "keys with values, such as {{key: value}}",
    "model": "keys with values, such as {{key: value}}",
}


def _key(place: Place) -> str:
    """The last key on the way to a place; items of a list are found by their line."""
    return next((part for part in reversed(place) if isinstance(part, str)), "process")


def _expected(error: ErrorDetails, place: Place, data: Any) -> str:
    """What should stand there, with the nearest thing that would fit."""
    context = error.get("ctx", {})
    kind = error["type"]
    if kind == "expected":
        return _suggest(context["what"], context["choices"], error["input"] or _at(data, place))
    if kind == "enum":
        choices = re.findall(r"'([^']*)'", context["expected"])
        return _suggest(f"one of {', '.join(choices)}", choices, error["input"])
    if kind == "extra_forbidden":
        keys = sorted(_keys(place[:-1], data))
        return _suggest(f"one of the keys {', '.join(keys)}", keys, place[-1])
    if kind == "model_type" and _MODELS.get(_key(place), Bar) is Bar and place:
        return "a condition such as {at_least: 60}"
    sentence = _EXPECTED.get(kind) or _EXPECTED.get(kind.split("_")[0])
    return sentence.format(**context) if sentence else error["msg"]


def _suggest(what: str, choices: Sequence[str], given: Any) -> str:
    """Add the nearest choice, when one is near enough to be meant."""
    found = _nearest(given, choices)
    return f"{what}; did you mean `{found}`?" if found else what


def _nearest(given: Any, choices: Collection[str]) -> str | None:
    if not isinstance(given, str) or not choices:
        return None
    from rapidfuzz import fuzz, process, utils  # only who has made a mistake waits for it

    found = process.extractOne(given, choices, scorer=fuzz.ratio, processor=utils.default_process, score_cutoff=60)
    return found[0] if found else None


def _at(data: Any, place: Place) -> Any:
    """The value at a place, None where there is none."""
    for part in place:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _keys(place: Place, data: Any) -> Collection[str]:
    """The keys that a mapping at a place may have."""
    if not place:
        model: type[BaseModel] = Process
    else:
        model = _MODELS.get(_key(place), Bar)
    if model is Stage:
        kind = _at(data, (*place, "kind"))
        if kind in tuple(StageKind):
            return Stage.keys(StageKind(kind))
    return {info.alias or name for name, info in model.model_fields.items()}


def _outermost(errors: Iterable[ErrorDetails]) -> list[tuple[Place, ErrorDetails]]:
    """One error for each place, and none for what lies inside a place that is wrong as a whole."""
    by_place: dict[Place, ErrorDetails] = {}
    for error in errors:
        place = error["loc"][:-1] if error["loc"][-1:] == ("[key]",) else error["loc"]
        by_place[place] = error
    return [
        (place, error)
        for place, error in by_place.items()
        if not any(place[:length] in by_place for length in range(len(place)))
    ]


def _complain_of(errors: Iterable[ErrorDetails], page: _Page) -> None:
    """Put pydantic's errors on the page. A key that is missing because it is misspelt is one mistake."""
    found = _outermost(errors)
    unknown = [place for place, error in found if error["type"] == "extra_forbidden"]
    meant = {(*place[:-1], _nearest(place[-1], _keys(place[:-1], page.data))) for place in unknown}
    for place, error in found:
        if place not in meant or error["type"] == "extra_forbidden":
            page.complain(page.line(place), _key(place), _expected(error, place, page.data))


# --- The front door ---------------------------------------------------------------------------------------------------


def load_process(source: Path | str, name: str, reasons: Collection[str]) -> Process:
    """Read one process.

    Args:
        source: The file, or its text.
        name: What to call it in a mistake.
        reasons: The ids of the message catalogue that a rule may give as its reason.

    Raises:
        InvalidProcess: With every mistake that it has.
        OSError: The file can't be read.
    """
    return _load(source, name, reasons)[0]


def load_processes(folder: Path, reasons: Collection[str]) -> list[Process]:
    """Read a folder's process files, in the order of their names. Raises as `load_process`, for all files at once."""
    return load_files(sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]), reasons)


def load_files(paths: Iterable[Path], reasons: Collection[str]) -> list[Process]:
    """Read these process files, in their order, and see that they agree. Raises as `load_process`, for all at once."""
    loaded: list[tuple[Process, _Page]] = []
    mistakes: list[Mistake] = []
    for path in paths:
        try:
            loaded.append(_load(path, str(path), reasons))
        except InvalidProcess as error:
            mistakes += error.mistakes
    mistakes += _conflicts(loaded)
    if mistakes:
        raise InvalidProcess(mistakes)
    return [made for made, _ in loaded]


def _conflicts(loaded: Sequence[tuple[Process, _Page]]) -> Iterator[Mistake]:
    """What is right in each file and wrong in all of them together."""
    pages: dict[str, _Page] = {}
    for made, page in loaded:
        if made.id in pages:
            yield Mistake(page.name, page.line(("id",)), "id", f"another id; {pages[made.id].name} has it already")
        pages.setdefault(made.id, page)
    for position, first, second in overlaps([made for made, _ in loaded]):
        page = pages[second]
        line = page.line(("positions",))
        yield Mistake(page.name, line, "positions", f"no {position}, which the process {first} names already")


def _load(source: Path | str, name: str, reasons: Collection[str]) -> tuple[Process, _Page]:
    page = _read(_content(source, name), name)
    try:
        made = parse(page.data, reasons) if page.data is not None else None
    except ValidationError as error:
        _complain_of(error.errors(include_url=False), page)
        made = None
    if made is None or page.mistakes:
        raise InvalidProcess(page.mistakes)
    return made, page


def _content(source: Path | str, name: str) -> str:
    """The text of a process file. Raises InvalidProcess: it is too large, or in no encoding that we read."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            raw = file.read(LARGEST_FILE + 1)
    else:
        raw = source.encode("utf-8", "surrogatepass")
    if len(raw) > LARGEST_FILE:
        raise InvalidProcess([Mistake(name, 1, "file", f"at most {LARGEST_FILE // 1024} KiB")])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InvalidProcess([Mistake(name, line, "file", "text in UTF-8")]) from error


# --- What is allowed, but perhaps not meant ---------------------------------------------------------------------------

_NOT_RUN = (StageKind.QUESTIONNAIRE, StageKind.ONBOARDING)
_ONLY_IN: dict[str, tuple[StageKind, ...]] = {
    Fact.PARTICIPATED: (StageKind.INTERVIEW, StageKind.QUESTIONNAIRE),
    Fact.UPLOADED: (StageKind.DOCUMENT,),
    Fact.BOOKED: (StageKind.MEETING,),
}


def warnings(made: Process) -> list[str]:
    """Say what a usable process contains that does less than it seems to."""
    found = []
    for stage in made.stages:
        if stage.kind in _NOT_RUN:
            found.append(
                f"{stage.id}: a stage of kind {stage.kind} is not run by this version: whoever reaches it gets a "
                "follow-up and is moved on by a decision"
            )
        for number, nudge in enumerate(stage.nudges, start=1):
            if stage.kind not in _ONLY_IN.get(nudge.unless, StageKind):
                found.append(f"{stage.id}: nudge {number} is always sent: in a {stage.kind} nobody has {nudge.unless}")
            if nudge.since is not Since.INVITE and stage.kind not in _ONLY_IN.get(nudge.since, StageKind):
                found.append(f"{stage.id}: nudge {number} is never sent: in a {stage.kind} nobody has {nudge.since}")
    return found
