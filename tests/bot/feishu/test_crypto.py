"""Feishu's seal, against the published vectors."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Forged
from bot.platforms.feishu.crypto import CallbackCrypto, robot_signature

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "feishu" / "vectors.json").read_text(encoding="utf-8"))
CRYPTO = CallbackCrypto("sim-encrypt-key-0001")


def test_opens_feishus_own_sample() -> None:
    vector = VECTORS["V1"]
    assert vector["plain"].encode() == CallbackCrypto(vector["encrypt_key"]).open(vector["encrypt"])


def test_signs_feishus_own_sample() -> None:
    vector = VECTORS["V2"]
    crypto = CallbackCrypto(vector["encrypt_key"])
    assert vector["signature"] == crypto.sign(vector["timestamp"], vector["nonce"], vector["body"].encode())


@pytest.mark.parametrize("name", ["V3", "V4"])
def test_seals_and_opens_to_the_known_result(name: str) -> None:
    vector = VECTORS[name]
    start = bytes.fromhex(VECTORS["V3"]["start"])
    assert vector["encrypt"] == CRYPTO.seal(vector["plain"].encode(), start)
    assert vector["plain"].encode() == CRYPTO.open(vector["encrypt"])


def test_the_signature_is_of_the_bytes_as_they_came() -> None:
    vector = VECTORS["V4"]
    body = json.dumps({"encrypt": vector["encrypt"]}, separators=(",", ":")).encode()
    rewritten = json.dumps(json.loads(body)).encode()
    assert CRYPTO.verify(vector["signature"], vector["timestamp"], vector["nonce"], body)
    assert not CRYPTO.verify(vector["signature"], vector["timestamp"], vector["nonce"], rewritten)
    assert not CRYPTO.verify("", vector["timestamp"], vector["nonce"], body)
    assert not CRYPTO.verify("\udce9", "\udce9", vector["nonce"], body)


@pytest.mark.parametrize("vector", VECTORS["V6"], ids=lambda vector: vector["secret"])
def test_a_robots_signature(vector: dict[str, str]) -> None:
    assert vector["sign"] == robot_signature(vector["timestamp"], vector["secret"])


@given(st.binary(max_size=200))
def test_what_is_sealed_opens_and_nobody_elses_key_does_it(plain: bytes) -> None:
    sealed = CRYPTO.seal(plain)
    assert plain == CRYPTO.open(sealed)
    with contextlib.suppress(Forged):
        assert plain != CallbackCrypto("another").open(sealed)


@pytest.mark.parametrize("broken", ["", "hello", "AAAA", "*" * 64, VECTORS["V4"]["encrypt"][:-24], "é" * 8])
def test_refuses_what_is_broken(broken: str) -> None:
    with pytest.raises(Forged):
        CRYPTO.open(broken)


def test_two_seals_of_the_same_are_different() -> None:
    assert CRYPTO.seal(b"x") != CRYPTO.seal(b"x")
    with pytest.raises(ValueError, match="16 bytes"):
        CRYPTO.seal(b"x", b"short")
    with pytest.raises(ValueError, match="empty"):
        CallbackCrypto("")
