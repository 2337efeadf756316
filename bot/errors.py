"""Errors named after what the caller may do about them."""

from datetime import timedelta


class BotError(Exception):
    """The root of everything that this bot raises on purpose."""


class Malformed(BotError):
    """The body is no envelope at all (neither XML nor JSON as expected). Callbacks answer 400; keep nothing."""


class Forged(BotError):
    """Signature, token, receiver or cipher is missing or wrong. Callbacks answer 403, hooks 401; keep nothing."""


class TryLater(BotError):
    """Busy or unreachable: the same message may go out again, not before `wait`.

    `unknown` is True when the other side may have accepted the request although no answer arrived; `crowded`, when it
    said that we call too often: then whatever goes the same way waits as well.
    """

    def __init__(
        self, reason: str, wait: timedelta = timedelta(0), *, unknown: bool = False, crowded: bool = False
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait = wait
        self.unknown = unknown
        self.crowded = crowded


class GiveUp(BotError):
    """Repeating cannot help on this channel: the person left, the number is wrong, the window is shut."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Misconfigured(BotError):
    """The operator has to mend something: `str()` is one line that says what. Commands exit 2."""
