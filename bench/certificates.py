"""Certificates: fields, outcomes, seconds and memory of reading 200 drawn ones, four at once."""

import asyncio
import random
import re
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from bench.table import Report, Target, figure
from bot.documents.reading import Reader
from bot.documents.reading.fields import number_of
from bot.sandbox.certificates import FAMILIES, HOSTS, LEVELS, PROVINCES, Sample, make
from bot.sandbox.certificates.families import FINE, Family, Level
from recruiting.certificates import SAME_PICTURE_BITS, Expected, Outcome, Province, Reading, Twin, distance, judge

ABOUT = (
    "{count} documents drawn by a seeded script, eight layouts, in {families} families; each exact field, and whether "
    "the outcome is *looks fine*. Seconds: from handing over to the answer, with four at once, after the start. "
    "Memory: the reading process's resident set, {files} files through one process that is never replaced."
)
TODAY = date(2026, 3, 10)
COUNTS: dict[Family, tuple[int, int, int]] = {"genuine": (24, 32, 16), "upside_down": (4, 8, 4)}
OTHERS = (4, 6, 4)
FIELDS = ("name", "number", "category", "examined_on", "valid_until", "issuer")
AT_ONCE = 4
OURS = {key: Province(marks, HOSTS, has_code) for key, (marks, has_code) in PROVINCES.items()}


@dataclass
class Tally:
    """What came of a family at a level."""

    count: int = 0
    exact: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    fine: int = 0
    retake: int = 0
    why: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def row(self, family: str, level: str) -> tuple[str, ...]:
        """As a line of the table."""
        exact = [str(self.exact[name]) if family != "not_a_certificate" else "" for name in FIELDS]
        why = ", ".join(f"{doubt} {n}" for doubt, n in sorted(self.why.items(), key=lambda one: -one[1])[:3])
        return f"{family}, {level}", str(self.count), *exact, str(self.fine), str(self.retake), why


def _samples(quick: bool) -> list[Sample]:
    wanted = [
        (family, level, seed)
        for family in FAMILIES
        for level, count in zip(LEVELS, COUNTS.get(family, OTHERS), strict=True)
        for seed in range(max(1, count // 8) if quick else count)
    ]
    return [make(family, level, _seed(family, level, seed), TODAY) for family, level, seed in wanted]


def _seed(family: Family, level: Level, seed: int) -> int:
    """So that each family and level begins with another layout."""
    return seed + 3 * FAMILIES.index(family) + LEVELS.index(level)


async def _read_all(reader: Reader, samples: Sequence[Sample]) -> tuple[list[Reading], list[float]]:
    """Everything, four at once; how long each took from handing over to the answer."""
    readings: list[Reading | None] = [None] * len(samples)
    seconds: list[float] = []
    waiting = list(enumerate(samples))[::-1]

    async def one_after_the_other() -> None:
        while waiting:
            number, sample = waiting.pop()
            start = time.perf_counter()
            readings[number] = (await reader.read(sample.files)).reading
            seconds.append(time.perf_counter() - start)

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    return [reading for reading in readings if reading is not None], seconds


def _twins(reading: Reading, before: Sequence[Reading]) -> frozenset[Twin]:
    found = set()
    for other in before:
        if reading.number and number_of(reading.number) == number_of(other.number):
            found.add(Twin.NUMBER)
        if distance(reading.fingerprint, other.fingerprint) <= SAME_PICTURE_BITS:
            found.add(Twin.PICTURE)
    return frozenset(found)


def _outcome(sample: Sample, reading: Reading, before: Sequence[Reading]) -> Outcome:
    expected = Expected(sample.person, TODAY + timedelta(days=45), TODAY)
    return judge(reading, expected, _twins(reading, before), OURS)


def _tally(
    samples: Sequence[Sample], readings: Sequence[Reading], befores: dict[int, Reading]
) -> dict[tuple[Family, Level], Tally]:
    """Compare with the truth; every document read before belongs to another person."""
    tallies: dict[tuple[Family, Level], Tally] = defaultdict(Tally)
    known = []
    for number, (sample, reading) in enumerate(zip(samples, readings, strict=True)):
        if number in befores:
            known.append(befores[number])
        tally = tallies[sample.family, sample.level]
        outcome = _outcome(sample, reading, known)
        known.append(reading)
        tally.count += 1
        tally.fine += outcome.fine
        tally.retake += outcome.retake
        for doubt in outcome.doubts:
            tally.why[doubt] += 1
        for name in FIELDS if sample.facts else ():
            tally.exact[name] += _same(name, getattr(sample.facts, name), getattr(reading, name))
    return tallies


def _same(name: str, truth: object, read: object) -> bool:
    return truth == read if name != "number" else number_of(str(truth)) == read


def _resident(pids: Sequence[int], what: str = "VmRSS") -> float:
    """Megabytes of the reading processes together."""
    texts = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
    return sum(int(re.findall(rf"{what}:\s+(\d+)", text)[0]) for text in texts) / 1024


async def _growth(samples: Sequence[Sample], files: int) -> list[tuple[int, float]]:
    """The resident set after so many files, at ten points on the way."""
    reader = Reader(OURS, recycle=files + 1)
    points = []
    chosen = [sample for sample in samples if len(sample.files) == 1][:40]
    order = random.Random(5)
    try:
        for step in range(10):
            await _read_all(reader, [order.choice(chosen) for _ in range(files // 10)])
            points.append((files * (step + 1) // 10, _resident(reader.pids)))
    finally:
        await reader.close()
    return points


def _share(tallies: dict[tuple[Family, Level], Tally], level: Level) -> float:
    ours = [tallies[family, level] for family in FINE if (family, level) in tallies]
    return sum(tally.fine for tally in ours) / sum(tally.count for tally in ours)


def _quantile(values: Sequence[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


async def measure(quick: bool) -> Report:
    """Run it."""
    samples = await asyncio.to_thread(_samples, quick)
    files = 60 if quick else 1000
    reader = Reader(OURS)
    try:
        await reader.warm()
        readings, seconds = await _read_all(reader, samples)
        peak = _resident(reader.pids, "VmHWM")
        befores = {
            number: (await reader.read(sample.before)).reading for number, sample in enumerate(samples) if sample.before
        }
    finally:
        await reader.close()
    tallies = _tally(samples, readings, befores)
    wrong = sum(tally.fine for (family, _), tally in tallies.items() if family not in FINE)
    points = await _growth(samples, files)
    blank = ("",) * (len(FIELDS) + 1)
    rows = [tally.row(*key) for key, tally in tallies.items()]
    rows.append(("seconds, median", figure(_quantile(seconds, 0.5)), *blank, "", ""))
    rows.append(("seconds, p95", figure(_quantile(seconds, 0.95)), *blank, "", ""))
    rows += [(f"MB after {count} files", figure(size), *blank, "", "") for count, size in points]
    return Report(
        "certificates",
        ABOUT.format(count=len(samples), families=len(FAMILIES), files=f"{files:,}"),
        ("case", "documents", *FIELDS, "looks fine", "asked again", "doubts"),
        rows,
        [
            Target("looks fine, genuine and clean", _share(tallies, "clean"), 0.9, unit=""),
            Target("looks fine, genuine and photographed", _share(tallies, "photo"), 0.75, unit=""),
            Target("looks fine, all others", wrong, 0, at_least=False, unit=""),
            Target("p95, four at once", _quantile(seconds, 0.95), 4.0, at_least=False, unit="s"),
            Target("memory, last tenth / third tenth", points[-1][1] / points[2][1], 1.1, at_least=False),
            Target("peak of the reading process", peak, 1200.0, at_least=False, unit="MB"),
        ],
    )
