"""Health certificates that nobody was ever given: drawn, fictitious, with 样张 across, for tests and the demo."""

from bot.sandbox.certificates.families import FAMILIES, LEVELS, Family, Level, Sample, make
from bot.sandbox.certificates.fonts import FontMissing
from bot.sandbox.certificates.people import HOSTS, PROVINCES, Facts

__all__ = ["FAMILIES", "HOSTS", "LEVELS", "PROVINCES", "Facts", "Family", "FontMissing", "Level", "Sample", "make"]
