"""The seal on WeCom's callbacks, against texts that WeCom and others have sealed."""

import json
from pathlib import Path
from typing import Any

import pytest

from bot.errors import Forged
from bot.platforms.wecom.crypto import CallbackCrypto

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "wecom" / "vectors.json").read_text(encoding="utf-8"))
AES_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"


def crypto_of(vector: dict[str, Any]) -> CallbackCrypto:
    return CallbackCrypto(vector["token"], vector["aes_key"], vector["receive_id"])


@pytest.fixture
def crypto() -> CallbackCrypto:
    return CallbackCrypto("QDG6eK", AES_KEY, "wx5823bf96d3bd56c7")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_opens_what_others_sealed(vector: dict[str, Any]) -> None:
    assert vector["message"] == crypto_of(vector).open(vector["encrypted"]).decode()


@pytest.mark.parametrize("vector", [v for v in VECTORS if "signature" in v], ids=lambda vector: vector["name"])
def test_knows_a_genuine_signature(vector: dict[str, Any]) -> None:
    crypto, sealed = crypto_of(vector), vector["encrypted"]
    assert vector["signature"] == crypto.sign(vector["timestamp"], vector["nonce"], sealed)
    assert crypto.verify(vector["signature"], vector["timestamp"], vector["nonce"], sealed)
    assert not crypto.verify(vector["signature"], vector["timestamp"], vector["nonce"] + "4", sealed)
    assert not crypto.verify("", vector["timestamp"], vector["nonce"], sealed)


@pytest.mark.parametrize("vector", [v for v in VECTORS if "random" in v], ids=lambda vector: vector["name"])
def test_seals_to_the_same_text(vector: dict[str, Any]) -> None:
    sealed = crypto_of(vector).seal(vector["message"].encode(), vector["random"].encode())
    assert vector["encrypted"] == sealed


def test_a_passive_reply_is_sealed_and_signed() -> None:
    vector = next(v for v in VECTORS if v["name"] == "G: passive reply")
    reply = crypto_of(vector).seal_reply(
        vector["message"].encode(), vector["timestamp"], vector["nonce"], vector["random"].encode()
    )
    assert f"<Encrypt><![CDATA[{vector['encrypted']}]]></Encrypt>" in reply
    assert f"<MsgSignature><![CDATA[{vector['signature']}]]></MsgSignature>" in reply
    assert "<TimeStamp>1411525903</TimeStamp><Nonce><![CDATA[461056294]]></Nonce>" in reply


@pytest.mark.parametrize("length", range(65))
def test_opens_its_own_whatever_the_pad(crypto: CallbackCrypto, length: int) -> None:
    message = b"\xff" * length
    assert message == crypto.open(crypto.seal(message))


def test_the_same_message_never_looks_the_same(crypto: CallbackCrypto) -> None:
    assert crypto.seal(b"hello") != crypto.seal(b"hello")


@pytest.mark.parametrize(
    "damage",
    [
        lambda sealed: "",
        lambda sealed: sealed[:-4],
        lambda sealed: sealed[:24],
        lambda sealed: sealed + "AAAA",
        lambda sealed: "!" + sealed[1:],
        lambda sealed: "漏" + sealed[1:],
        lambda sealed: sealed.replace(sealed[30:40], "AAAAAAAAAA"),
    ],
)
def test_refuses_damaged_texts(crypto: CallbackCrypto, damage: Any) -> None:
    sealed = crypto.seal(b"x" * 100, b"0123456789abcdef")
    with pytest.raises(Forged):
        crypto.open(damage(sealed))


def test_refuses_what_is_sealed_for_another_receiver(crypto: CallbackCrypto) -> None:
    for receiver in ("", "wx5823bf96d3bd56c", "wx5823bf96d3bd56c7x", "ww0000000000000000"):
        with pytest.raises(Forged, match="another receiver"):
            crypto.open(CallbackCrypto("QDG6eK", AES_KEY, receiver).seal(b"hello"))


def test_refuses_another_key(crypto: CallbackCrypto) -> None:
    with pytest.raises(Forged):
        crypto.open(CallbackCrypto("QDG6eK", AES_KEY[::-1], "wx5823bf96d3bd56c7").seal(b"hello"))


@pytest.mark.parametrize("key", ["", AES_KEY[:-1], AES_KEY + "=", AES_KEY[:-1] + "!", AES_KEY[:-1] + "é"])
def test_says_what_is_wrong_with_an_aes_key(key: str) -> None:
    with pytest.raises(ValueError, match="EncodingAESKey"):
        CallbackCrypto("token", key, "ww1")


def test_random_bytes_must_be_sixteen(crypto: CallbackCrypto) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        crypto.seal(b"hello", b"short")
