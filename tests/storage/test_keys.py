"""Keys: who may read what, and what is gone for good."""

import base64
import os
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage import drawn, keys
from storage.database import Database
from storage.key_tables import DayKey, RootKey
from storage.keys import (
    Box,
    DayKeys,
    Keyring,
    Unsealable,
    WrongMasterKey,
    fresh_master_key,
    load_root,
    parse_master_key,
    rewrap,
)
from storage.types import SealedBytes

MASTER = b"m" * 32
OTHER = b"o" * 32
PHONE = "candidates.phone:4f9c"
MONDAY = date(2026, 6, 1)


class TestBox:
    """What is sealed can be read with the same key for the same place, unchanged, and not otherwise."""

    @pytest.mark.parametrize("words", ["", "13800001234", "李梅 🌸", "x" * 100_000])
    def test_words_come_back(self, words: str) -> None:
        box = Box(b"k" * 32)
        assert words == box.open_text(box.seal(words, PHONE), PHONE)
        assert words.encode() == box.open(box.seal(words.encode(), PHONE), PHONE)

    def test_sealed_words_are_of_their_own_kind_and_never_twice_the_same(self) -> None:
        box = Box(b"k" * 32)
        first, second = box.seal("same", PHONE), box.seal("same", PHONE)
        assert [SealedBytes, SealedBytes] == [type(first), type(second)]
        assert first != second
        assert -1 == first.find(b"same")

    def test_no_two_seals_share_their_random_bytes(self) -> None:
        box = Box(b"k" * 32)
        assert 1000 == len({box.seal("same", PHONE)[1:13] for _ in range(1000)})

    def test_a_forked_process_draws_random_bytes_of_its_own(self) -> None:
        box = Box(b"k" * 32)
        box.seal("there may be some left over", PHONE)
        heard, said = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(said, box.seal("same", PHONE)[1:13])
            os._exit(0)
        os.waitpid(child, 0)
        theirs = os.read(heard, 12)
        os.close(heard)
        os.close(said)
        assert theirs not in {box.seal("same", PHONE)[1:13] for _ in range(drawn.AT_ONCE)}

    def test_every_changed_bit_is_noticed(self) -> None:
        box = Box(b"k" * 32)
        sealed = box.seal("13800001234", PHONE)
        for place in range(len(sealed)):
            changed = bytearray(sealed)
            changed[place] ^= 1
            with pytest.raises(Unsealable):
                box.open(bytes(changed), PHONE)

    @pytest.mark.parametrize("length", [0, 1, 12, 28])
    def test_what_was_cut_off_is_noticed(self, length: int) -> None:
        box = Box(b"k" * 32)
        with pytest.raises(Unsealable, match="damaged"):
            box.open(box.seal("", PHONE)[:length], PHONE)

    def test_another_place_or_key_reads_nothing_and_the_error_tells_nothing(self) -> None:
        box = Box(b"k" * 32)
        sealed = box.seal("13800001234", PHONE)
        with pytest.raises(Unsealable, match="cannot be read with this key"):
            box.open(sealed, "candidates.phone:other")
        with pytest.raises(Unsealable) as refused:
            Box(b"j" * 32).open(sealed, PHONE)
        assert "13800001234" not in repr(refused.value)

    def test_bytes_that_are_no_text(self) -> None:
        box = Box(b"k" * 32)
        with pytest.raises(Unsealable, match="no text"):
            box.open_text(box.seal(b"\xff", PHONE), PHONE)

    def test_a_short_key_is_refused(self) -> None:
        with pytest.raises(ValueError, match="32 bytes"):
            Box(b"short")


class TestKeyring:
    """The root key makes, finds and forgets the keys of candidates."""

    def test_a_candidates_key_is_found_behind_its_wrapping(self) -> None:
        box, wrapped = Keyring(b"r" * 32).new_key()
        sealed = box.seal("Mei", PHONE)
        assert "Mei" == Keyring(b"r" * 32).unwrap(wrapped).open_text(sealed, PHONE)

    def test_every_candidate_has_another_key(self) -> None:
        keyring = Keyring(b"r" * 32)
        mei, _ = keyring.new_key()
        ken, _ = keyring.new_key()
        with pytest.raises(Unsealable):
            ken.open(mei.seal("Mei", PHONE), PHONE)

    def test_another_root_key_unwraps_nothing(self) -> None:
        _, wrapped = Keyring(b"r" * 32).new_key()
        with pytest.raises(Unsealable):
            Keyring(b"s" * 32).unwrap(wrapped)

    def test_keys_in_use_stay_in_memory_up_to_a_bound(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keys, "REMEMBERED_KEYS", 2)
        keyring = Keyring(b"r" * 32)
        (first, wrapped_first), (second, wrapped_second) = keyring.new_key(), keyring.new_key()
        assert keyring.unwrap(wrapped_first) is first
        keyring.new_key()  # the one not used for longest makes room
        assert keyring.unwrap(wrapped_first) is first
        assert keyring.unwrap(wrapped_second) is not second

    def test_a_key_that_is_not_used_again_takes_no_memory(self) -> None:
        keyring = Keyring(b"r" * 32)
        box, wrapped = keyring.new_key(remember=False)
        sealed = box.seal("Mei", PHONE)
        assert keyring.unwrap(wrapped) is not box
        assert "Mei" == keyring.unwrap(wrapped).open_text(sealed, PHONE)

    def test_a_forgotten_key_is_unwrapped_anew(self) -> None:
        keyring = Keyring(b"r" * 32)
        box, wrapped = keyring.new_key()
        keyring.forget(wrapped)
        assert keyring.unwrap(wrapped) is not box

    def test_digests_look_up_but_do_not_tell(self) -> None:
        keyring = Keyring(b"r" * 32)
        digest = keyring.digest("phone", "13800001234")
        assert digest == Keyring(b"r" * 32).digest("phone", "13800001234")
        others = {
            keyring.digest("phone", "13800001235"),
            keyring.digest("name", "13800001234"),
            Keyring(b"s" * 32).digest("phone", "13800001234"),
        }
        assert digest not in others
        assert 32 == len(digest)


class TestRootKey:
    """One row under the newest master key opens everything, and no other key does."""

    async def test_is_made_once_and_found_again(self, database: Database) -> None:
        box, wrapped = (await load_root(database, MASTER)).new_key()
        again = await load_root(database, MASTER, create=False)
        assert "Mei" == again.unwrap(wrapped).open_text(box.seal("Mei", PHONE), PHONE)

    async def test_is_not_made_where_it_must_exist(self, database: Database) -> None:
        with pytest.raises(WrongMasterKey, match="no keys yet"):
            await load_root(database, MASTER, create=False)

    async def test_another_master_key_is_refused_in_one_line(self, database: Database) -> None:
        await load_root(database, MASTER)
        with pytest.raises(WrongMasterKey, match="the last rotate-key printed") as refused:
            await load_root(database, OTHER)
        assert "\n" not in str(refused.value)
        assert 1 == await database.write(_count_roots)

    async def test_a_changed_row_is_refused(self, database: Database) -> None:
        await load_root(database, MASTER)

        async def damage(connection: AsyncConnection) -> None:
            await connection.execute(update(RootKey).values(wrapped=b"\x01" + b"x" * 60))

        await database.write(damage)
        with pytest.raises(WrongMasterKey):
            await load_root(database, MASTER)

    async def test_rotation_changes_the_master_key_and_nothing_else(self, database: Database) -> None:
        running = await load_root(database, MASTER)
        box, wrapped = running.new_key()
        sealed = box.seal("Mei", PHONE)

        await rewrap(database, MASTER, OTHER)

        with pytest.raises(WrongMasterKey):
            await load_root(database, MASTER)
        assert "Mei" == (await load_root(database, OTHER)).unwrap(wrapped).open_text(sealed, PHONE)
        assert "Mei" == running.unwrap(wrapped).open_text(sealed, PHONE)

    async def test_rotation_needs_the_newest_key(self, database: Database) -> None:
        with pytest.raises(WrongMasterKey, match="nothing to rotate"):
            await rewrap(database, MASTER, OTHER)
        await load_root(database, MASTER)
        with pytest.raises(WrongMasterKey):
            await rewrap(database, OTHER, b"n" * 32)
        await load_root(database, MASTER, create=False)


async def _count_roots(connection: AsyncConnection) -> int:
    return (await connection.execute(select(func.count()).select_from(RootKey))).scalar_one()


class TestDayKeys:
    """What belongs to nobody yet can be read for 30 days, and never after its key is destroyed."""

    async def test_one_key_a_day_the_same_in_every_process(self, database: Database) -> None:
        keyring = await load_root(database, MASTER)
        days = DayKeys(database, keyring)
        box = await days.for_day(MONDAY)
        assert box is await days.for_day(MONDAY)
        sealed = box.seal("body", "inbox.body:1")
        assert "body" == (await DayKeys(database, keyring).for_day(MONDAY)).open_text(sealed, "inbox.body:1")
        with pytest.raises(Unsealable):
            (await days.for_day(date(2026, 6, 2))).open(sealed, "inbox.body:1")

    async def test_is_found_inside_a_job(self, database: Database) -> None:
        keyring = await load_root(database, MASTER)
        sealed = (await DayKeys(database, keyring).for_day(MONDAY)).seal("body", "inbox.body:1")
        days = DayKeys(database, keyring)

        async def read(connection: AsyncConnection) -> str:
            return (await days.existing(connection, MONDAY)).open_text(sealed, "inbox.body:1")

        assert ["body", "body"] == [await database.write(read), await database.write(read)]

    async def test_a_destroyed_key_is_gone(self, database: Database) -> None:
        days = DayKeys(database, await load_root(database, MASTER))
        for day in (1, 2, 3):
            await days.for_day(date(2026, 6, day))
        assert 2 == await database.write(lambda connection: days.destroy_before(connection, date(2026, 6, 3)))

        async def read(connection: AsyncConnection, day: date) -> Any:
            return await days.existing(connection, day)

        with pytest.raises(Unsealable, match="2026-06-02 has been destroyed"):
            await database.write(lambda connection: read(connection, date(2026, 6, 2)))
        async with database.reading() as connection:
            assert [date(2026, 6, 3)] == list((await connection.execute(select(DayKey.c.day))).scalars())


class TestMasterKey:
    """What the operator writes into BULOU_MASTER_KEY."""

    def test_a_fresh_one_is_understood(self) -> None:
        assert 32 == len(parse_master_key(fresh_master_key()))

    @pytest.mark.parametrize("encode", [base64.standard_b64encode, base64.urlsafe_b64encode])
    def test_standard_and_url_safe_with_and_without_padding(self, encode: Callable[[bytes], bytes]) -> None:
        key = bytes.fromhex("fbff" * 16)
        text = encode(key).decode()
        assert [key, key, key] == [parse_master_key(form) for form in (text, text.rstrip("="), f" {text}\n")]

    @pytest.mark.parametrize("text", ["", "short", "!" * 44, "é" * 44, "A" * 88])
    def test_anything_else_is_refused_without_repeating_it(self, text: str) -> None:
        with pytest.raises(WrongMasterKey, match="32 bytes in base64") as refused:
            parse_master_key(text)
        assert not text or text not in str(refused.value)
