"""The only reader of the time. The demo and the tests turn it; nothing else reads the wall clock."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """The wall clock, moved forward by `push`. Aware, UTC."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)
        self._listeners: list[Callable[[], None]] = []

    def now(self) -> datetime:
        """The present moment, aware, UTC."""
        return datetime.now(UTC) + self._ahead

    def wall(self) -> datetime:
        """The wall clock, whatever this clock has been turned to: for those who wait for real seconds to pass."""
        return datetime.now(UTC)

    def push(self, by: timedelta) -> None:
        """Turn the clock forward and wake whoever waits for it. Raises ValueError: `by` is negative."""
        if by < timedelta(0):
            raise ValueError("the clock only goes forward")
        self._ahead += by
        self._turned()

    def on_turn(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever the clock has been turned by hand."""
        self._listeners.append(listener)

    def _turned(self) -> None:
        for listener in self._listeners:
            listener()


class StandingClock(Clock):
    """A clock that moves only when pushed: for tests, where a story tells the time itself."""

    def __init__(self, start: datetime) -> None:
        super().__init__()
        self._now = start

    def now(self) -> datetime:
        """The moment the story has reached, aware, UTC."""
        return self._now

    def push(self, by: timedelta) -> None:
        """Move the story on. Raises ValueError: `by` is negative."""
        if by < timedelta(0):
            raise ValueError("the clock only goes forward")
        self._now += by
        self._turned()
