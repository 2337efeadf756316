"""The reading process from outside: what it reads, what it hides, and that it outlives bad files."""

import asyncio
import io
import os
import sys
import time
from datetime import date
from pathlib import Path

import pytest
from PIL import Image

from bot.documents.reading import Reader, Unreadable
from bot.documents.reading.reader import MOST_FILES, Answer
from bot.sandbox.certificates import Sample, make
from recruiting.certificates import SAME_PICTURE_BITS, distance

pytestmark = pytest.mark.asyncio(loop_scope="session")
TODAY = date(2026, 3, 10)


def picture(sample: Sample) -> list[tuple[bytes, str]]:
    return list(sample.files)


@pytest.mark.parametrize(
    ("family", "level", "layout", "seed"),
    [
        ("genuine", "photo", "card", 0),
        ("genuine", "photo", "two_sides", 6),
        ("genuine", "clean", "letter", 2),
        ("upside_down", "photo", "screenshot", 3),
    ],
)
async def test_what_is_printed_is_read(reader: Reader, family: str, level: str, layout: str, seed: int) -> None:
    """Each field as it is printed, from scans, photographs, two sides, and from a picture that stands on its head."""
    sample = make(family, level, seed, TODAY, layout)  # type: ignore[arg-type]
    facts = sample.facts
    assert facts is not None

    read = await reader.read(picture(sample))

    reading = read.reading
    assert reading.certificate
    assert (facts.name, facts.number, facts.category) == (reading.name, reading.number, reading.category)
    assert (facts.examined_on, facts.valid_until) == (reading.examined_on, reading.valid_until)
    assert facts.issuer == reading.issuer
    assert reading.province in {"example", "sample"}
    assert ("jkz.example.invalid",) == reading.code_hosts


async def test_pages_come_back_masked_and_without_place(reader: Reader) -> None:
    """Results, the identity card and the code can't be read in what is stored; the fields can. No EXIF."""
    sample = make("genuine", "clean", 2, TODAY, "letter")
    facts = sample.facts
    assert facts is not None

    first = await reader.read(picture(sample))
    (page,) = first.pages
    again = await reader.read([(page, "image/jpeg")])

    with Image.open(io.BytesIO(page)) as image:
        assert "JPEG" == image.format
        assert {} == dict(image.getexif())
    assert (facts.name, facts.number) == (again.reading.name, again.reading.number)
    assert () == again.reading.code_hosts
    words = await _all_words(page)
    assert facts.name in words
    for secret in ("阴性", "转氨酶", "未见异常", facts.identity[6:14], "性别"):
        assert secret not in words


async def _all_words(page: bytes) -> str:
    """Everything that can be read in a picture, in a process that is asked for nothing else."""
    script = (
        "import sys\n"
        "from bot.documents.reading import decode\n"
        "from bot.documents.reading.eyes import Eyes\n"
        "decode.prepare()\n"
        "(picture,) = decode.pictures([sys.stdin.buffer.read()])\n"
        "sys.stdout.buffer.write('|'.join(line.text for line in Eyes(2).page(picture).lines).encode())\n"
    )
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdin=pipe, stdout=pipe)
    said, _ = await process.communicate(page)
    return said.decode()


async def test_the_same_certificate_under_another_name_is_recognised(reader: Reader) -> None:
    """The number and the name were changed; two people's certificates on one form are kept apart."""
    twice = make("twice", "photo", 0, TODAY, "card")
    other = make("genuine", "photo", 8, TODAY, "card")

    first = (await reader.read(list(twice.before))).reading
    second = (await reader.read(picture(twice))).reading
    third = (await reader.read(picture(other))).reading

    assert first.number != second.number
    assert distance(first.fingerprint, second.fingerprint) <= SAME_PICTURE_BITS
    assert distance(first.fingerprint, third.fingerprint) > SAME_PICTURE_BITS


async def test_other_papers_and_no_papers(reader: Reader) -> None:
    """A health report is no certificate, and nothing of it stays legible."""
    report = await reader.read(picture(make("not_a_certificate", "clean", 1, TODAY)))
    assert not report.reading.certificate
    again = await reader.read([(report.pages[0], "image/jpeg")])
    assert ("", "", None) == (again.reading.name, again.reading.number, again.reading.examined_on)


async def test_a_process_that_dies_is_replaced(reader: Reader) -> None:
    """The document that it held is refused; the next one is read."""
    await reader.warm()
    sample = make("genuine", "clean", 0, TODAY, "card")
    (before,) = reader.pids
    os.kill(before, 9)

    with pytest.raises(Unreadable, match="damaged"):
        await reader.read(picture(sample))
    assert (await reader.read(picture(sample))).reading.certificate
    assert before not in reader.pids


async def test_too_slow_and_recycled() -> None:
    """What takes too long is ended, and after so many documents the process is a new one."""
    slow = Reader(seconds=0.01)
    sample = make("genuine", "clean", 0, TODAY, "card")
    with pytest.raises(Unreadable, match="too_slow"):
        await slow.read(picture(sample))
    assert () == slow.pids
    await slow.close()

    short = Reader(recycle=1)
    await short.warm()
    (first,) = short.pids
    await short.read(picture(sample))
    assert () == short.pids
    assert not Path(f"/proc/{first}").exists()
    await short.close()


async def test_bounds_hold_before_anything_is_sent() -> None:
    """No file, too many files, too many bytes."""
    idle = Reader()
    for files, reason in (
        ([], "damaged"),
        ([(b"x", "")] * (MOST_FILES + 1), "too_many_pages"),
        ([(bytes(41 << 20), "")], "too_much"),
    ):
        with pytest.raises(Unreadable, match=reason):
            await idle.read(files)
    assert () == idle.pids


async def test_first_come_first_served(reader: Reader) -> None:
    """Nobody who waits is overtaken by those who come later."""
    sample = make("genuine", "clean", 0, TODAY, "two_sides")
    done: list[int] = []

    async def one(number: int) -> None:
        await reader.read(picture(sample)[:1])
        done.append(number)

    await asyncio.gather(*map(one, range(4)))
    assert [0, 1, 2, 3] == done


async def test_the_process_has_no_network_and_no_environment(reader: Reader) -> None:
    """Nothing of the bot's secrets is in it, and the kernel refuses what it has given up."""
    await reader.warm()
    (pid,) = reader.pids
    environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    status = Path(f"/proc/{pid}/status").read_text()

    assert {b"PYTHONPATH", b"PYTHONDONTWRITEBYTECODE", b"LANG"} == {item.split(b"=")[0] for item in environment if item}
    assert "Seccomp:\t2" in status
    assert "NoNewPrivs:\t1" in status


@pytest.mark.parametrize(
    "deed",
    [
        "import socket; socket.socket()",
        "import ctypes; libc = ctypes.CDLL(None, use_errno=True); assert libc.socket(2, 1, 0) >= 0",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.execv('/bin/true', ['true'])",
        "import os; os.kill(os.getppid(), 0)",
        "import os; os.open('/tmp', os.O_TMPFILE | os.O_RDWR)",
    ],
)
async def test_what_is_given_up_is_gone(deed: str) -> None:
    """From Python as from a library beneath it."""
    script = f"from bot.documents.reading import jail\njail.limit(4 << 30)\njail.shut()\n{deed}\nprint('done')"
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=pipe, stderr=pipe)
    said, _ = await process.communicate()

    assert b"done" not in said
    assert 0 != process.returncode


async def test_it_ends_with_the_bot() -> None:
    """Also when the bot is killed and can't say goodbye."""
    script = (
        "import asyncio\nfrom bot.documents.reading import Reader\n"
        "async def main():\n    reader = Reader()\n    await reader.warm()\n    print(*reader.pids, flush=True)\n"
        "    await asyncio.Event().wait()\nasyncio.run(main())\n"
    )
    pipe = asyncio.subprocess.PIPE
    bot = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=pipe)
    assert bot.stdout is not None
    pid = int(await bot.stdout.readline())
    bot.kill()
    await bot.communicate()

    patience = time.monotonic() + 20
    while Path(f"/proc/{pid}/exe").exists() and time.monotonic() < patience:
        await asyncio.sleep(0)
    assert not Path(f"/proc/{pid}/exe").exists()


async def test_the_process_may_say_only_so_much() -> None:
    """What comes back is checked as if a stranger had sent it."""
    for said in (
        '{"results": "x"}',
        '{"name": "' + "x" * 81 + '"}',
        '{"fingerprint": "zz"}',
        '{"code_hosts": ["a b"]}',
    ):
        with pytest.raises(ValueError, match="validation error"):
            Answer.model_validate_json(said)
