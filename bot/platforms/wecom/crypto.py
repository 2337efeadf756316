"""WeCom's seal on callbacks, in both directions, so that the sandbox checks us with the same file."""

import binascii
import hashlib
import hmac
import os
from collections.abc import Mapping

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from bot.errors import Forged

# WeCom pads to 32 bytes although AES works in blocks of 16; an ordinary unpadder rejects every second message.
PADDED_TO = 32
AES_BLOCK = 16
RANDOM_LENGTH = 16
HEAD_LENGTH = RANDOM_LENGTH + 4  # random bytes, then the length of the message


class CallbackCrypto:
    """Signs, seals and opens callbacks for one receiver (the company's id; empty for a 智能机器人)."""

    def __init__(self, token: str, aes_key: str, receive_id: str) -> None:
        """Take the three values of the console's page. Raises ValueError: the AES key is no EncodingAESKey."""
        self._token = token
        self._receiver = receive_id.encode()
        key = _decode_aes_key(aes_key)
        self._start = key[:AES_BLOCK]
        self._cipher = Cipher(algorithms.AES(key), modes.CBC(self._start))
        self._decryptor = self._cipher.decryptor()

    def sign(self, timestamp: str, nonce: str, encrypted: str) -> str:
        """The signature that belongs to a sealed text, 40 lower-case hex digits."""
        # Sorting by code point and sorting by UTF-8 byte are the same order.
        joined = "".join(sorted((self._token, timestamp, nonce, encrypted)))
        return hashlib.sha1(joined.encode("utf-8", "surrogatepass")).hexdigest()  # noqa: S324 - the platform's choice

    def verify(self, signature: str, timestamp: str, nonce: str, encrypted: str) -> bool:
        """Whether the signature is genuine. An empty one is a wrong one."""
        good = self.sign(timestamp, nonce, encrypted)
        return hmac.compare_digest(good.encode(), signature.encode("utf-8", "surrogatepass"))

    def seal(self, message: bytes, random: bytes | None = None) -> str:
        """Encrypt a message. `random` are 16 bytes, given only where a known result is wanted."""
        head = os.urandom(RANDOM_LENGTH) if random is None else random
        if len(head) != RANDOM_LENGTH:
            raise ValueError(f"random must be {RANDOM_LENGTH} bytes, not {len(head)}")
        plain = b"".join((head, len(message).to_bytes(4, "big"), message, self._receiver))
        pad = PADDED_TO - len(plain) % PADDED_TO
        encryptor = self._cipher.encryptor()
        sealed = encryptor.update(plain + bytes((pad,)) * pad) + encryptor.finalize()
        return binascii.b2a_base64(sealed, newline=False).decode("ascii")

    def open(self, encrypted: str) -> bytes:
        """Decrypt a message that is meant for us. Raises Forged: anything about it is wrong."""
        plain = _unpad(self._decrypt(encrypted))
        if len(plain) < HEAD_LENGTH:
            raise Forged("sealed text is too short")
        end = HEAD_LENGTH + int.from_bytes(plain[RANDOM_LENGTH:HEAD_LENGTH], "big")
        if end > len(plain):
            raise Forged("sealed text is shorter than it says")
        if plain[end:] != self._receiver:
            raise Forged("sealed for another receiver")
        return plain[HEAD_LENGTH:end]

    def unseal(self, query: Mapping[str, str], encrypted: str) -> bytes:
        """Open what the query's signature belongs to. Raises Forged."""
        signature, timestamp, nonce = (query.get(name, "") for name in ("msg_signature", "timestamp", "nonce"))
        if not self.verify(signature, timestamp, nonce, encrypted):
            raise Forged("signature is missing or wrong")
        return self.open(encrypted)

    def answer_url_check(self, query: Mapping[str, str]) -> str:
        """What the console wants to hear when our address is saved. Raises Forged."""
        # Some proxies decode twice, which turns the plus signs of base64 into spaces.
        plain = self.unseal(query, query.get("echostr", "").replace(" ", "+"))
        try:
            return plain.decode()
        except UnicodeDecodeError as error:
            raise Forged("URL check does not hold text") from error

    def seal_reply(self, message: bytes, timestamp: str, nonce: str, random: bytes | None = None) -> str:
        """The XML envelope of a passive reply, sealed and signed."""
        encrypted = self.seal(message, random)
        signature = self.sign(timestamp, nonce, encrypted)
        return (
            f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt>"
            f"<MsgSignature><![CDATA[{signature}]]></MsgSignature>"
            f"<TimeStamp>{timestamp}</TimeStamp><Nonce><![CDATA[{nonce}]]></Nonce></xml>"
        )

    def _decrypt(self, encrypted: str) -> bytes:
        try:
            sealed = binascii.a2b_base64(encrypted, strict_mode=True)
        except ValueError as error:
            raise Forged("sealed text is not base64") from error
        if not sealed or len(sealed) % AES_BLOCK:
            raise Forged("sealed text is truncated")
        # In CBC a block depends only on the one before it. So one decryptor, which is dear to make, opens all: told the
        # start block first, it goes on as a new one would. What it makes of the start block itself means nothing.
        return self._decryptor.update(self._start + sealed)[AES_BLOCK:]


def _decode_aes_key(aes_key: str) -> bytes:
    if len(aes_key) != 43:
        raise ValueError(f"the EncodingAESKey must have 43 characters, not {len(aes_key)}")
    if not (aes_key.isascii() and aes_key.isalnum()):
        raise ValueError("the EncodingAESKey may hold only the letters A-Z, a-z and the digits 0-9")
    # Lenient: the last character of a genuine key may carry bits that strict base64 forbids.
    return binascii.a2b_base64(aes_key + "=")


def _unpad(padded: bytes) -> bytes:
    pad = padded[-1]
    if not 1 <= pad <= PADDED_TO or padded[-pad:] != bytes((pad,)) * pad:
        raise Forged("sealed text does not decrypt")
    return padded[:-pad]
