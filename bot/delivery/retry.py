"""When to try again, as data: the worker carries it out."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential waits with jitter, so that a platform that comes back is not met by all of us at once."""

    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(minutes=10)
    tries: int = 14  # a good hour; then the next rung

    def next_try(self, failures: int, now: datetime, asked: timedelta = timedelta(0)) -> datetime | None:
        """
        Decide when to send again after `failures` failed sends (1 or more).

        Args:
            now: Aware, UTC. Passed in so that tests own the clock.
            asked: What the other side asked us to wait at least (a rate limit's window).

        Returns:
            The moment of the next try, or None once `tries` sends have failed.

        Raises:
            ValueError: `failures` is below 1.
        """
        if failures < 1:
            raise ValueError("next_try is for after a failure")
        if failures >= self.tries:
            return None
        doubled = min(self.first * (1 << min(failures - 1, 20)), self.longest)
        return now + max(doubled * random.uniform(0.75, 1.25), asked)
