"""What the bot and its reading process say to each other: blocks of bytes, each behind its length, within bounds."""

import struct
from collections.abc import Sequence
from typing import BinaryIO

MOST_BLOCKS = 8  # pages, and what is said about them
LARGEST = 64 * 2**20  # bytes of all blocks of one message
_COUNT = struct.Struct(">I")


class BadFrame(Exception):
    """The other side said something out of bounds, or stopped in the middle of it."""


def packed(blocks: Sequence[bytes]) -> bytes:
    """The message. Raises BadFrame: it is beyond the bounds."""
    if len(blocks) > MOST_BLOCKS or sum(map(len, blocks)) > LARGEST:
        raise BadFrame("too much to send")
    return b"".join([_COUNT.pack(len(blocks)), *(_COUNT.pack(len(block)) for block in blocks), *blocks])


def count_of(head: bytes) -> int:
    """How many blocks follow. Raises BadFrame."""
    (count,) = _COUNT.unpack(head)
    if not 0 < count <= MOST_BLOCKS:
        raise BadFrame(f"{count} blocks")
    return int(count)


def sizes_of(heads: bytes) -> list[int]:
    """How long each block is. Raises BadFrame."""
    sizes = [int(size) for (size,) in _COUNT.iter_unpack(heads)]
    if sum(sizes) > LARGEST:
        raise BadFrame(f"{sum(sizes)} bytes")
    return sizes


HEAD = _COUNT.size


def received(stream: BinaryIO) -> list[bytes] | None:
    """The next message, or None when the other side has gone. Raises BadFrame."""
    head = stream.read(HEAD)
    if not head:
        return None
    sizes = sizes_of(_exactly(stream, HEAD * count_of(head.ljust(HEAD, b"\0"))))
    return [_exactly(stream, size) for size in sizes]


def _exactly(stream: BinaryIO, size: int) -> bytes:
    """Read so many bytes. Raises BadFrame: it ended before."""
    content = stream.read(size)
    if len(content) < size:
        raise BadFrame("cut short")
    return content
