"""Feishu's seal on callbacks, in both directions, so that the sandbox checks us with the same file."""

import base64
import binascii
import hashlib
import hmac
import os

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from bot.errors import Forged

AES_BLOCK = 16


class CallbackCrypto:
    """Signs, seals and opens callbacks with one Encrypt Key, which is any text, never base64."""

    def __init__(self, encrypt_key: str) -> None:
        """Take the Encrypt Key as it stands in the console. Raises ValueError: it is empty."""
        if not encrypt_key:
            raise ValueError("the Encrypt Key is empty")
        self._secret = encrypt_key.encode()
        self._key = algorithms.AES(hashlib.sha256(self._secret).digest())
        self._decryptor = Cipher(self._key, modes.CBC(bytes(AES_BLOCK))).decryptor()

    def sign(self, timestamp: str, nonce: str, body: bytes) -> str:
        """The signature of a body, byte for byte as it was received; 64 lower-case hex digits."""
        told = hashlib.sha256(f"{timestamp}{nonce}".encode("utf-8", "surrogatepass") + self._secret)
        told.update(body)
        return told.hexdigest()

    def verify(self, signature: str, timestamp: str, nonce: str, body: bytes) -> bool:
        """Whether the signature is genuine. An empty one is a wrong one."""
        good = self.sign(timestamp, nonce, body)
        return hmac.compare_digest(good.encode(), signature.encode("utf-8", "surrogatepass"))

    def seal(self, plain: bytes, start: bytes | None = None) -> str:
        """Encrypt a callback. `start` are 16 bytes, given only where a known result is wanted."""
        first = os.urandom(AES_BLOCK) if start is None else start
        if len(first) != AES_BLOCK:
            raise ValueError(f"start must be {AES_BLOCK} bytes, not {len(first)}")
        pad = AES_BLOCK - len(plain) % AES_BLOCK
        encryptor = Cipher(self._key, modes.CBC(first)).encryptor()
        sealed = encryptor.update(plain + bytes((pad,)) * pad) + encryptor.finalize()
        return binascii.b2a_base64(first + sealed, newline=False).decode("ascii")

    def open(self, encrypted: str) -> bytes:
        """Decrypt a callback. Raises Forged: anything about it is wrong."""
        try:
            sealed = binascii.a2b_base64(encrypted, strict_mode=True)
        except ValueError as error:
            raise Forged("sealed text is not base64") from error
        if len(sealed) < 2 * AES_BLOCK or len(sealed) % AES_BLOCK:
            raise Forged("sealed text is truncated")
        # In CBC a block depends only on the one before it. So one decryptor, which is dear to make, opens all. What it
        # makes of the first block, which is the start that the sender chose, means nothing.
        padded = self._decryptor.update(sealed)
        pad = padded[-1]
        if not 1 <= pad <= AES_BLOCK or padded[-pad:] != bytes((pad,)) * pad:
            raise Forged("sealed text does not decrypt")
        return padded[AES_BLOCK:-pad]


def robot_signature(timestamp: str, secret: str) -> str:
    """What a group robot wants in `sign`: Feishu takes time and secret for the key, and signs nothing with it."""
    key = f"{timestamp}\n{secret}".encode()
    return base64.b64encode(hmac.digest(key, b"", "sha256")).decode("ascii")
