"""300 files that somebody broke or built to break us: each gets a reason with words, and the bot stays up."""

import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import get_args

import pytest
from PIL import Image

from bot.documents.reading import Reader, Unreadable
from bot.documents.reading.reader import Beyond, Unread
from bot.documents.uploads import Unusable, usable
from bot.sandbox.certificates.camera import HEIC, JPEG, PDF, PNG, WEBP, bind, pack
from bot.texts import standard_texts

LARGEST = 20 * 2**20


def _plain() -> dict[str, bytes]:
    """One small sound file of each kind."""
    picture = Image.new("RGB", (120, 90), (240, 240, 240))
    return {kind: bind([picture]) if kind == PDF else pack(picture, kind) for kind in (JPEG, PNG, WEBP, HEIC, PDF)}


def _png(width: int, height: int, data: bytes) -> bytes:
    """A PNG that declares its size, whatever it holds."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def _built() -> Iterator[bytes]:
    """Bombs, empty ones, wrong ones, pages without end."""
    yield b""
    yield bytes(63)
    yield bytes(5000)
    yield b"MZ" + bytes(5000)
    yield b"PK\x03\x04" + bytes(5000)
    yield b"<html><script>alert(1)</script></html>" * 10
    yield b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>' * 10
    yield b"GIF89a" + bytes(200)
    yield _png(60_000, 60_000, zlib.compress(bytes(10**7)))  # 3.6 thousand million pixels
    yield _png(2**31 - 1, 1, zlib.compress(b"\0"))
    yield _png(5000, 4000, zlib.compress(bytes(3 * 5000 * 4000 + 4000)))  # within the bound, 60 MB of nothing
    yield _png(1, 1, zlib.compress(bytes(4)))
    yield _png(0, 0, b"")
    yield bind([Image.new("RGB", (80, 80))] * 9)
    yield b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 1 0 R/Kids[1 0 R]/Count 99999999>>endobj\ntrailer<</Root 1 0 R>>"
    yield b"%PDF-1.7\n" + b"[" * 20_000
    yield b"%PDF-1.4\n" + bytes(Random(1).randbytes(3000))


def _mutated(count: int) -> Iterator[bytes]:
    """Cut short, with bytes changed, with another's head, with something behind, with sizes that lie."""
    random = Random(20260310)
    sound = _plain()
    kinds = list(sound)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        content = bytearray(sound[kind])
        match number // len(kinds) % 5:
            case 0:
                del content[random.randrange(len(content)) :]
            case 1:
                for _ in range(random.randint(1, 40)):
                    content[random.randrange(len(content))] = random.randrange(256)
            case 2:
                content = content[:40] + bytearray(sound[random.choice(kinds)])
            case 3:
                content += random.choice((b"PK\x03\x04" + bytes(500), b"<?php system($_GET[1]); ?>" * 20))
            case _:
                place = random.randrange(min(len(content) - 4, 200))
                content[place : place + 4] = b"\xff\xff\xff\xfe"
        yield bytes(content)


async def _fate(reader: Reader, content: bytes) -> str:
    """What the person is told, or "read"."""
    try:
        kind = usable(content, LARGEST)
        read = await reader.read([(content, kind)])
    except (Unusable, Unreadable) as refused:
        return refused.reason
    assert not read.reading.certificate
    return "read"


@pytest.mark.asyncio(loop_scope="session")
async def test_three_hundred_bad_files(reader: Reader) -> None:
    """Whatever comes, there is an answer in words, and afterwards a good file is read."""
    built = list(_built())
    fates = Counter([await _fate(reader, content) for content in [*built, *_mutated(300 - len(built))]])

    texts = standard_texts()
    for reason in {*fates, *get_args(Unread), *get_args(Beyond)} - {"read"}:
        for locale in ("zh-CN", "en", "ja"):
            assert texts.say(f"unusable.{reason}", locale, most="20 MB")
    assert 300 == fates.total()
    assert {"empty", "wrong_type", "too_many_pixels", "too_small", "too_many_pages", "damaged", "read"} <= set(fates)
    assert "too_slow" not in fates
    assert "read" == await _fate(reader, _plain()[JPEG])


def test_what_declares_too_much_is_refused_before_it_is_looked_at() -> None:
    """A size beyond the bound counts, whatever the content."""
    with pytest.raises(Unusable, match="too_large"):
        usable(_plain()[JPEG] + bytes(200), 100)
