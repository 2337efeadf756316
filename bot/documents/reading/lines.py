"""A line of text and its place on the page."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """What stands in a box of an upright page, in pixels; `text` is empty where nothing could be read."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    score: float = 1.0

    @property
    def height(self) -> float:
        """How tall it is."""
        return self.bottom - self.top

    @property
    def width(self) -> float:
        """How wide it is."""
        return self.right - self.left

    @property
    def middle(self) -> float:
        """How far down its middle is."""
        return (self.top + self.bottom) / 2

    def beside(self, other: "Line") -> bool:
        """Whether both stand on one row."""
        return abs(self.middle - other.middle) < 0.6 * min(self.height, other.height)
