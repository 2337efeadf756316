"""What a benchmark hands over: rows of figures, and targets that are met or not."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Target:
    """A ratio, or a figure of its own, and where it should lie."""

    what: str
    reached: float
    wanted: float
    at_least: bool = True
    unit: str = "x"

    @property
    def met(self) -> bool:
        """Whether it lies there."""
        return self.reached >= self.wanted if self.at_least else self.reached <= self.wanted

    def row(self) -> tuple[str, ...]:
        """As a line of the table of targets."""
        sign = "≥" if self.at_least else "≤"
        return self.what, figure(self.reached, self.unit), f"{sign} {self.wanted:g} {self.unit}", _verdict(self.met)


@dataclass
class Report:
    """One benchmark's tables."""

    name: str
    about: str
    columns: Sequence[str]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)

    def markdown(self) -> str:
        """As it is printed, and as it stands in results.md."""
        parts = [f"## {self.name}", self.about, _table(self.columns, self.rows)]
        if self.targets:
            parts.append(_table(("target", "reached", "wanted", ""), [target.row() for target in self.targets]))
        return "\n\n".join(parts)


async def rounds(times: int, cases: Mapping[str, Callable[[], Awaitable[T]]]) -> dict[str, list[T]]:
    """Run all cases one after the other, so many times; every second time backwards, so that drift hits all alike."""
    found: dict[str, list[T]] = {name: [] for name in cases}
    for turn in range(times):
        for name in list(cases) if turn % 2 == 0 else reversed(list(cases)):
            found[name].append(await cases[name]())
    return found


def middle(values: Sequence[float]) -> float:
    """The median."""
    return median(values)


def spread(values: Sequence[float], unit: str = "") -> str:
    """From the lowest to the highest."""
    return f"{figure(min(values), unit)} to {figure(max(values), unit)}"


def figure(value: float, unit: str = "") -> str:
    """A number with as many digits as mean something."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 0.1 else 4
    return f"{value:,.{digits}f} {unit}".rstrip()


def _verdict(met: bool) -> str:
    return "met" if met else "NOT MET"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [" | ".join(columns), " | ".join(["---"] * len(columns)), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines)
