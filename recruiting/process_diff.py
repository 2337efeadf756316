"""What a changed process changes: stages added, removed and changed, by id, and what else is different."""

from dataclasses import dataclass

from recruiting.process import Process


@dataclass(frozen=True, slots=True)
class Diff:
    """The difference between two versions of a process; all empty when there is none."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    moved: bool  # the stages that both have stand in another order
    settings: tuple[str, ...]  # keys of the process itself

    @property
    def empty(self) -> bool:
        """Whether both versions say the same."""
        return not (self.added or self.removed or self.changed or self.moved or self.settings)

    def lines(self) -> list[str]:
        """The difference in words, a line each."""
        lines = [f"added stage {id}" for id in self.added]
        lines += [f"removed stage {id}" for id in self.removed]
        lines += [f"changed stage {id}" for id in self.changed]
        lines += ["changed order of the stages"] if self.moved else []
        return lines + [f"changed {key}" for key in self.settings]


def diff(old: Process | None, new: Process) -> Diff:
    """Compare a process with its current version; None: there is none yet."""
    before = {stage.id: stage for stage in old.stages} if old else {}
    after = {stage.id: stage for stage in new.stages}
    kept_before = [id for id in before if id in after]
    kept_after = [id for id in after if id in before]
    keys = [key for key in Process.model_fields if key != "stages"] if old else []
    return Diff(
        added=tuple(id for id in after if id not in before),
        removed=tuple(id for id in before if id not in after),
        changed=tuple(id for id in kept_after if before[id] != after[id]),
        moved=kept_before != kept_after,
        settings=tuple(key for key in keys if getattr(old, key) != getattr(new, key)),
    )
