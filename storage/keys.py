"""Keys: the operator's master key wraps one root key, that one wraps a key per candidate and per day."""

import base64
import binascii
import hashlib
import os
from collections import OrderedDict
from datetime import date
from typing import cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import CursorResult, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Database
from storage.drawn import Drawn
from storage.key_tables import DayKey, RootKey
from storage.types import SealedBytes

KEY_BYTES = 32
REMEMBERED_KEYS = 10_000
REMEMBERED_DAYS = 64
_VERSION = b"\x01"
_NONCE = 12
_TAG = 16
_ROOT = 1
_ROOT_ABOUT = "root_key.wrapped:1"
_nonces = Drawn(_NONCE)


class Unsealable(Exception):
    """These words cannot be read: the key is destroyed or another one, or somebody has changed them."""


class WrongMasterKey(Exception):
    """The master key does not fit this database: `str()` is one line that says what to do."""


class Box:
    """One key, and with it all that may be read of one candidate or one day."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        """Raises ValueError: `key` has not 32 bytes."""
        if len(key) != KEY_BYTES:
            raise ValueError("a key has 32 bytes")
        self._cipher = AESGCM(key)

    def seal(self, content: str | bytes, about: str) -> SealedBytes:
        """
        Make words unreadable.

        Args:
            content: The words.
            about: Where they will stand, such as "candidates.phone:<id>"; they can be read only for the same place,
                so that nobody can show one person's words as another's.
        """
        nonce = _nonces.take()
        plain = content.encode() if isinstance(content, str) else content
        return SealedBytes(_VERSION + nonce + self._cipher.encrypt(nonce, plain, about.encode()))

    def open(self, sealed: bytes, about: str) -> bytes:
        """Read what was sealed for the same place. Raises Unsealable."""
        if len(sealed) < 1 + _NONCE + _TAG or sealed[:1] != _VERSION:
            raise Unsealable(f"{about} is damaged")
        try:
            return self._cipher.decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], about.encode())
        except InvalidTag:
            raise Unsealable(f"{about} cannot be read with this key") from None

    def open_text(self, sealed: bytes, about: str) -> str:
        """Read sealed words as text. Raises Unsealable."""
        try:
            return self.open(sealed, about).decode()
        except UnicodeDecodeError:
            raise Unsealable(f"{about} is no text") from None


class Keyring:
    """The root key while the bot runs: makes and unwraps the keys of candidates and days, digests what is searched."""

    def __init__(self, root: bytes) -> None:
        self._wrapping = Box(_derive(root, "wrap keys"))
        self._search = _derive(root, "search")
        self._digesting: dict[str, hashlib.blake2b] = {}  # kind -> a hash that has taken in key and kind
        self.staff = Box(_derive(root, "staff"))  # for contacts of the company's own members
        self._known: OrderedDict[bytes, Box] = OrderedDict()

    def new_key(self, *, remember: bool = True) -> tuple[Box, bytes]:
        """A fresh key, and the same wrapped: what a candidate's or a day's row keeps. `remember`: it is used again."""
        key = os.urandom(KEY_BYTES)
        wrapped = bytes(self._wrapping.seal(key, "key"))
        box = Box(key)
        if remember:
            self._remember(wrapped, box)
        return box, wrapped

    def unwrap(self, wrapped: bytes) -> Box:
        """The key behind a row's wrapped one. Raises Unsealable."""
        box = self._known.get(wrapped)
        if box is None:
            box = Box(self._wrapping.open(wrapped, "key"))
            self._remember(bytes(wrapped), box)
        else:
            self._known.move_to_end(wrapped)
        return box

    def forget(self, wrapped: bytes) -> None:
        """Drop a key from memory: its row has been destroyed."""
        self._known.pop(wrapped, None)

    def digest(self, kind: str, value: str) -> str:
        """A fingerprint of 32 hex digits by which `value` can be looked up, but not guessed without the root key."""
        begun = self._digesting.get(kind)
        if begun is None:
            begun = self._digesting[kind] = hashlib.blake2b(kind.encode() + b"\0", key=self._search, digest_size=16)
        whole = begun.copy()
        whole.update(value.encode())
        return whole.hexdigest()

    def _remember(self, wrapped: bytes, box: Box) -> None:
        self._known[wrapped] = box
        if len(self._known) > REMEMBERED_KEYS:
            self._known.popitem(last=False)


class DayKeys:
    """Keys for what belongs to nobody yet, one a day; with a day's key all its words are destroyed."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        self._known: OrderedDict[date, Box] = OrderedDict()

    async def for_day(self, day: date) -> Box:
        """The key of `day` (UTC), made when it is first asked for. Not to be called inside a job."""
        box = self._known.get(day)
        if box is None:
            box = self._remember(day, await self._find_or_make(day))
        return box

    async def existing(self, connection: AsyncConnection, day: date) -> Box:
        """The key of `day` for reading what was sealed on it. Raises Unsealable: it has been destroyed."""
        box = self._known.get(day)
        if box is None:
            wrapped = await _wrapped_day(connection, day)
            if wrapped is None:
                raise Unsealable(f"the key of {day} has been destroyed")
            box = self._remember(day, wrapped)
        return box

    async def destroy_before(self, connection: AsyncConnection, day: date) -> int:
        """Destroy the keys of all days before `day`; returns how many there were. Each process forgets its own."""
        destroyed: CursorResult[tuple[()]] = await connection.execute(delete(DayKey).where(DayKey.c.day < day))
        for old in [known for known in self._known if known < day]:
            del self._known[old]
        return destroyed.rowcount

    async def _find_or_make(self, day: date) -> bytes:
        async with self._database.reading() as connection:
            wrapped = await _wrapped_day(connection, day)
        if wrapped is not None:
            return wrapped
        return await self._database.write(lambda writer: self._make(writer, day))

    async def _make(self, connection: AsyncConnection, day: date) -> bytes:
        await self._database.lock(connection, "day_keys")
        wrapped = await _wrapped_day(connection, day)  # another process may have been quicker
        if wrapped is None:
            _, wrapped = self._keyring.new_key()
            await connection.execute(insert(DayKey).values(day=day, wrapped=wrapped))
        return wrapped

    def _remember(self, day: date, wrapped: bytes) -> Box:
        box = self._known[day] = self._keyring.unwrap(wrapped)
        self._keyring.forget(wrapped)  # remembered here alone, so that destroying it is final
        if len(self._known) > REMEMBERED_DAYS:
            self._known.popitem(last=False)
        return box


async def load_root(database: Database, master_key: bytes, create: bool = True) -> Keyring:
    """
    Unwrap the root key with the master key; make it when the database has none and `create` allows it.

    Raises WrongMasterKey: the master key is another one, or there is no root key and none may be made.
    """

    async def read_or_make(connection: AsyncConnection) -> Keyring:
        await database.lock(connection, "root_key")
        root = await _unwrap_root(connection, master_key)
        if root is None:
            if not create:
                raise WrongMasterKey("this database has no keys yet: start the bot or import candidates first")
            root = os.urandom(KEY_BYTES)
            await connection.execute(insert(RootKey).values(id=_ROOT, **_wrap_root(root, master_key)))
        return Keyring(root)

    return await database.write(read_or_make)


async def rewrap(database: Database, old_master: bytes, new_master: bytes) -> None:
    """Put the root key under a new master key, in one transaction; nothing else changes. Raises WrongMasterKey."""

    async def change(connection: AsyncConnection) -> None:
        await database.lock(connection, "root_key")
        root = await _unwrap_root(connection, old_master)
        if root is None:
            raise WrongMasterKey("this database has no keys yet: there is nothing to rotate")
        changed = update(RootKey).where(RootKey.c.id == _ROOT).values(**_wrap_root(root, new_master))
        await connection.execute(changed)

    await database.write(change)


def parse_master_key(text: str) -> bytes:
    """Read a master key as the operator writes it: base64, standard or URL-safe. Raises WrongMasterKey."""
    standard = text.strip().replace("-", "+").replace("_", "/").rstrip("=")
    try:
        key = base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise WrongMasterKey("BULOU_MASTER_KEY must be 32 bytes in base64: `bulou check` prints a fresh one")
    return key


def fresh_master_key() -> str:
    """A new master key, as the operator writes it."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def _derive(secret: bytes, purpose: str, length: int = KEY_BYTES) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=f"bulou {purpose}".encode()).derive(secret)


def _fingerprint(master_key: bytes) -> str:
    return _derive(master_key, "fingerprint", 8).hex()


def _wrap_root(root: bytes, master_key: bytes) -> dict[str, bytes | str]:
    wrapped = bytes(Box(master_key).seal(root, _ROOT_ABOUT))
    return {"wrapped": wrapped, "fingerprint": _fingerprint(master_key)}


async def _unwrap_root(connection: AsyncConnection, master_key: bytes) -> bytes | None:
    row = (await connection.execute(select(RootKey).where(RootKey.c.id == _ROOT))).one_or_none()
    if row is None:
        return None
    try:
        return Box(master_key).open(row.wrapped, _ROOT_ABOUT)
    except Unsealable:
        raise WrongMasterKey(
            f"BULOU_MASTER_KEY (fingerprint {_fingerprint(master_key)}) is not this database's newest "
            f"(fingerprint {row.fingerprint}): set the one that the last rotate-key printed"
        ) from None


async def _wrapped_day(connection: AsyncConnection, day: date) -> bytes | None:
    found = await connection.execute(select(DayKey.c.wrapped).where(DayKey.c.day == day))
    return cast(bytes | None, found.scalar_one_or_none())
