"""The reading process: files in, fields and masked pages out. `python -m bot.documents.reading.worker THREADS MEMORY`.

Before it takes the first file it gives up what it doesn't need: the network, other programs, writing files, memory
without end.
"""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, BinaryIO

from bot.documents.reading import codes, decode, faults, fields, fingerprint, frames, jail, mask

if TYPE_CHECKING:
    from bot.documents.reading.eyes import Eyes, Page


def serve(eyes: "Eyes", stdin: BinaryIO, stdout: BinaryIO) -> None:
    """Answer one message after the other until the bot goes away."""
    _send(stdout, [b"ready"])
    while (message := frames.received(stdin)) is not None:
        try:
            blocks = read(eyes, message[1:])
        except decode.Refused as refused:
            blocks = [_said(reason=refused.reason)]
        except MemoryError:
            blocks = [_said(reason="too_many_pixels")]
        _send(stdout, blocks)


def _send(stdout: BinaryIO, blocks: Sequence[bytes]) -> None:
    stdout.write(frames.packed(blocks))
    stdout.flush()


def _said(**values: Any) -> bytes:
    return json.dumps(values, default=str).encode()


def read(eyes: "Eyes", files: Sequence[bytes]) -> list[bytes]:
    """What is to be said about a document, and its pages, masked. Raises Refused."""
    pictures = decode.pictures(files)
    pages = [eyes.page(picture) for picture in pictures]
    found = [fields.find(page.lines) for page in pages]
    all_codes = [_codes(page, picture) for page, picture in zip(pages, pictures, strict=True)]
    wrong = [fault for picture, page in zip(pictures, pages, strict=True) for fault in faults.faults_of(picture, page)]
    said = fields.together(found)
    answer = _said(
        **asdict(said),
        code_hosts=sorted({code.host for of_page in all_codes for code in of_page}),
        faults=sorted(set(wrong), key=wrong.index),
        fingerprint=fingerprint.fingerprint_of(pages[0].picture, _content(said, all_codes)),
    )
    masked = [
        # Of a paper that is no certificate, such as a report with results, nothing stays legible.
        mask.masked(page.picture, page.lines, one.spans if said.certificate else (), [code.area for code in of_page])
        for page, one, of_page in zip(pages, found, all_codes, strict=True)
    ]
    return [answer, *masked]


def _content(said: fields.Fields, all_codes: Sequence[Sequence[codes.Code]]) -> str:
    """What a certificate keeps when somebody writes another name and number on it."""
    texts = sorted(code.text for of_page in all_codes for code in of_page)
    dates = f"{said.examined_on} {said.valid_until} {said.issuer}" if said.examined_on and said.valid_until else ""
    return " ".join(texts) or dates


def _codes(page: "Page", picture: Any) -> list[codes.Code]:
    """The codes of a page; where turning it has spoilt them, those of the picture as it was taken."""
    nowhere = (0, 0, 0, 0)
    return codes.codes_in(page.picture) or [codes.Code(code.text, nowhere) for code in codes.codes_in(picture)]


def main() -> None:
    """Load everything, shut the door, and begin."""
    threads, memory = int(sys.argv[1]), int(sys.argv[2])
    stdin, stdout = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints goes nowhere
    jail.follow_parent()
    decode.prepare()
    from bot.documents.reading.eyes import Eyes

    eyes = Eyes(threads)
    eyes.rehearse()
    jail.limit(memory)
    jail.shut()
    serve(eyes, stdin, stdout)


if __name__ == "__main__":
    main()
