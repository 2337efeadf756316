"""How fast one may send: token buckets per platform and per receiver, on the injected clock."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

KEPT = 20_000  # buckets remembered; the longest unused goes first


# A wait is rounded to a microsecond and may end just before the token is whole: it would be named again and again.
WHOLE = 1 - 1e-4


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` messages within `within`, at most, at any moment. `shared`: by all receivers, so that somebody who waits
    for an answer need not queue behind a mailing.
    """

    count: int
    within: timedelta
    shared: bool = False


# The platforms' own limits (protocols/wecom.md 2.4, 7.2), with a little room below them.
WECOM_MEMBER = Rate(25, timedelta(minutes=1))  # 30 a minute, and dropped without an error above it
GROUP_ROBOT = Rate(18, timedelta(minutes=1))  # 20 a minute a robot (Feishu's: 100)
WECOM_API = Rate(8_000, timedelta(minutes=1), shared=True)  # 10,000 a minute and API
# protocols/feishu.md 2.3: 50 a second and 1,000 a minute an app, five a second to one person or group.
FEISHU_APP = Rate(950, timedelta(minutes=1), shared=True)
FEISHU_API = Rate(45, timedelta(seconds=1), shared=True)
FEISHU_CHAT = Rate(4, timedelta(seconds=1))
SMS_NUMBER = Rate(4, timedelta(minutes=1))
SMS_GATEWAY = Rate(60_000, timedelta(minutes=1), shared=True)
EMAIL_SERVER = Rate(600, timedelta(minutes=1), shared=True)


@dataclass(slots=True)
class _Bucket:
    rate: Rate
    tokens: float
    at: datetime  # when the tokens were counted
    last: datetime  # the last moment that was promised to somebody who waits
    back: int = 0  # how many who had waited already have been sent back at the moment `at`

    def fill(self, now: datetime) -> None:
        """Count what has trickled in."""
        if now > self.at:
            grown = (now - self.at) / self.rate.within * self.rate.count
            self.tokens, self.at, self.back = min(float(self.rate.count), self.tokens + grown), now, 0

    def shut(self, now: datetime, *, waited: bool, asked: bool) -> bool:
        """Whether one cannot go now: there is no token, or others were promised theirs before."""
        first = waited or (asked and self.rate.shared)
        return self.tokens < WHOLE or (self.last >= now and not first)

    def promise(self, *, waited: bool) -> datetime:
        """A moment of one's own: behind all others, or in front again for those who had waited already."""
        interval = self.rate.within / self.rate.count
        soonest = self.at + max(1 - self.tokens, 0.0) * interval
        if waited:
            moment = soonest + self.back * interval
            self.back += 1
        else:
            moment = max(soonest, self.last + interval)
        self.last = max(self.last, moment)
        return moment


class Limits:
    """Buckets by name. `take` either takes one or says when one will be there."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(
        self, wishes: list[tuple[str, Rate]], now: datetime, *, waited: bool = False, asked: bool = False
    ) -> datetime | None:
        """Take one from each bucket, or from none: then the moment at which to come again, a different one for each
        who waits, so that a thousand are not looked at for every one that leaves.

        `waited`: comes again at its moment. `asked`: somebody waits for this answer.
        """
        buckets = [self._filled(name, rate, now) for name, rate in wishes]
        shut = [bucket for bucket in buckets if bucket.shut(now, waited=waited, asked=asked)]
        if shut:
            return max(bucket.promise(waited=waited) for bucket in shut)
        for bucket in buckets:
            bucket.tokens -= 1
        return None

    def close(self, name: str, rate: Rate, until: datetime) -> None:
        """The other side said stop: nothing goes through this bucket before `until`."""
        bucket = self._filled(name, rate, until)
        bucket.tokens = 0.0

    def _filled(self, name: str, rate: Rate, now: datetime) -> _Bucket:
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = _Bucket(rate, float(rate.count), now, now - rate.within)
            if len(self._buckets) > KEPT:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(name)
            bucket.fill(now)
        return bucket
