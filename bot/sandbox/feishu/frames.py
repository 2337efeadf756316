"""The two protobuf messages of a long connection (package pbbp2), written and read by hand."""

from collections.abc import Iterator
from dataclasses import dataclass, field

CONTROL, DATA = 0, 1
VARINT, BYTES = 0, 2


class Malformed(ValueError):
    """These bytes are no frame."""


@dataclass(slots=True)
class Frame:
    """One frame. Field numbers: SeqID 1, LogID 2, service 3, method 4, headers 5, payload 8."""

    method: int
    service: int = 0
    seq_id: int = 0
    log_id: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    payload: bytes = b""

    def pack(self) -> bytes:
        """The frame as bytes."""
        out = bytearray()
        for number, value in ((1, self.seq_id), (2, self.log_id), (3, self.service), (4, self.method)):
            out += _varint(number << 3 | VARINT) + _varint(value)
        for key, text in self.headers.items():
            out += _lengthed(5, _lengthed(1, key.encode()) + _lengthed(2, text.encode()))
        if self.payload:
            out += _lengthed(8, self.payload)
        return bytes(out)

    @classmethod
    def unpack(cls, raw: bytes) -> "Frame":
        """The frame in these bytes. Unknown fields are passed over. Raises Malformed."""
        frame = cls(CONTROL)
        for number, value in _fields(raw):
            match number, value:
                case 1, int():
                    frame.seq_id = value
                case 2, int():
                    frame.log_id = value
                case 3, int():
                    frame.service = value
                case 4, int():
                    frame.method = value
                case 5, bytes():
                    key, text = _header(value)
                    frame.headers[key] = text
                case 8, bytes():
                    frame.payload = value
        return frame


def _header(raw: bytes) -> tuple[str, str]:
    parts = {number: value for number, value in _fields(raw) if isinstance(value, bytes)}
    try:
        return parts.get(1, b"").decode(), parts.get(2, b"").decode()
    except UnicodeDecodeError as error:
        raise Malformed("a header is no text") from error


def _fields(raw: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(raw):
        tag, at = _read_varint(raw, at)
        value, at = _read_varint(raw, at)
        if tag & 7 == VARINT:
            yield tag >> 3, value
        elif tag & 7 == BYTES and at + value <= len(raw):
            yield tag >> 3, raw[at : at + value]
            at += value
        else:
            raise Malformed("a field is cut short or of another kind")


def _read_varint(raw: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(raw):
            break
        value |= (raw[at] & 0x7F) << shift
        at += 1
        if not raw[at - 1] & 0x80:
            return value, at
    raise Malformed("a number is cut short")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _lengthed(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | BYTES) + _varint(len(content)) + content
