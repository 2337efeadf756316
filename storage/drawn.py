"""Randomness from the system, asked for in bulk: one question costs more than what is made of the answer."""

import os

AT_ONCE = 128


class Drawn:
    """Random bytes of one length; each is given away once."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._left: list[bytes] = []
        os.register_at_fork(after_in_child=self._left.clear)  # the parent gives the same ones away

    def take(self) -> bytes:
        """Bytes that nobody else gets."""
        try:
            return self._left.pop()
        except IndexError:  # asked this way, because several threads may take at once
            length = self._length
            drawn = os.urandom(length * AT_ONCE)
            self._left.extend(drawn[at : at + length] for at in range(length, len(drawn), length))
            return drawn[:length]
