"""Counters of this process; they hold numbers and our own words, never anything that somebody sent."""

from collections import Counter

Labels = tuple[tuple[str, str], ...]


class Metrics:
    """How often something happened since the start."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, Labels]] = Counter()

    def count(self, name: str, **labels: str) -> None:
        """One more. Labels are words of ours: a path, an outcome."""
        self.counts[name, tuple(labels.items())] += 1

    def lines(self) -> list[str]:
        """The counters as Prometheus reads them."""
        lines, told = [], set()
        for (name, labels), count in sorted(self.counts.items()):
            if name not in told:
                lines.append(f"# TYPE bulou_{name}_total counter")
                told.add(name)
            shown = ",".join(f'{label}="{value}"' for label, value in labels)
            lines.append(f"bulou_{name}_total{{{shown}}} {count}")
        return lines
