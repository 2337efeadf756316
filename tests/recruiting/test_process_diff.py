"""What a changed process changes, by the ids of its stages."""

from typing import Any

from recruiting.process import Process, parse
from recruiting.process_diff import diff


def process(*stages: str, **changes: Any) -> Process:
    """A process with these stages; `id=name` gives a stage another name."""
    listed = [{"id": each.partition("=")[0], "kind": "review", "name": each} for each in stages]
    return parse({"id": "crew", "name": "店员", "positions": ["店员"], "stages": listed, **changes}, [])


def test_nothing_has_changed() -> None:
    """The same twice is no difference."""
    found = diff(process("a", "b"), process("a", "b"))

    assert found.empty
    assert [] == found.lines()


def test_stages_are_added_removed_changed_and_moved() -> None:
    """As HR would tell it."""
    found = diff(process("a", "b", "c", "d"), process("new", "c", "b=other", "a"))

    assert (("new",), ("d",), ("b",), True) == (found.added, found.removed, found.changed, found.moved)
    assert ["added stage new", "removed stage d", "changed stage b", "changed order of the stages"] == found.lines()


def test_other_keys_count_too() -> None:
    """Positions and limits are part of the process."""
    found = diff(process("a"), process("a", positions=["店长"], limits={"per_day": 1}))

    assert ("positions", "limits") == found.settings
    assert not found.empty


def test_a_new_process_adds_all_its_stages() -> None:
    """There is nothing to compare it with."""
    assert ("a", "b") == diff(None, process("a", "b")).added
