"""How fast one may send: token buckets per platform and per receiver, on the injected clock."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

KEPT = 20_000  # buckets remembered; the longest unused goes first


# A wait is rounded to a microsecond and may end just before the token is whole: it would be named again and again.
WHOLE = 1 - 1e-4


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` messages within `within`, at most, at any moment."""

    count: int
    within: timedelta


# The platforms' own limits (protocols/wecom.md 2.4, 7.2), with a little room below them.
WECOM_MEMBER = Rate(25, timedelta(minutes=1))  # 30 a minute, and dropped without an error above it
GROUP_ROBOT = Rate(18, timedelta(minutes=1))  # 20 a minute a robot (Feishu's: 100)
WECOM_API = Rate(8_000, timedelta(minutes=1))  # 10,000 a minute and API
# protocols/feishu.md 2.3: 50 a second and 1,000 a minute an app, five a second to one person or group.
FEISHU_APP = Rate(950, timedelta(minutes=1))
FEISHU_API = Rate(45, timedelta(seconds=1))
FEISHU_CHAT = Rate(4, timedelta(seconds=1))
SMS_NUMBER = Rate(4, timedelta(minutes=1))
SMS_GATEWAY = Rate(60_000, timedelta(minutes=1))
EMAIL_SERVER = Rate(600, timedelta(minutes=1))


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: datetime


class Limits:
    """Buckets by name. `take` either takes one or says when one will be there."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, wishes: list[tuple[str, Rate]], now: datetime) -> datetime | None:
        """Take one from each bucket, or from none: then the moment from which on it is worth another look."""
        filled = [(self._filled(name, rate, now), rate) for name, rate in wishes]
        waits = [(1 - bucket.tokens) * (rate.within / rate.count) for bucket, rate in filled if bucket.tokens < WHOLE]
        if waits:
            return now + max(waits)
        for bucket, _ in filled:
            bucket.tokens -= 1
        return None

    def close(self, name: str, rate: Rate, until: datetime) -> None:
        """The other side said stop: nothing goes through this bucket before `until`."""
        bucket = self._filled(name, rate, until)
        bucket.tokens = min(bucket.tokens, 0.0)
        bucket.at = until

    def _filled(self, name: str, rate: Rate, now: datetime) -> _Bucket:
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = _Bucket(float(rate.count), now)
            if len(self._buckets) > KEPT:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(name)
        if now > bucket.at:
            grown = (now - bucket.at) / rate.within * rate.count
            bucket.tokens = min(float(rate.count), bucket.tokens + grown)
            bucket.at = now
        return bucket
