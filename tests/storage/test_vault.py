"""The vault: files are kept whole, unreadable where they lie, and gone when destroyed. In a folder and in a bucket."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from storage import bucket as buckets
from storage import vault as vaults
from storage.bucket import Access
from storage.keys import Box
from storage.url import Unavailable
from storage.vault import Damaged, Gone, Vault
from tests.storage.s3 import ACCESS_KEY, REGION, S3, SECRET_KEY

ABOUT = "documents.file:77aa"
PICTURE = b"\xff\xd8 a health certificate " * 50


@dataclass
class Lying:
    """The files as somebody sees them who has broken in."""

    folder: Path | None = None
    s3: S3 | None = None

    def read(self, name: str) -> bytes:
        if self.s3 is not None:
            return self.s3.objects[f"a/b/{name}"]
        assert self.folder is not None
        return (self.folder / name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        if self.s3 is not None:
            self.s3.objects[f"a/b/{name}"] = content
        else:
            assert self.folder is not None
            (self.folder / name).write_bytes(content)

    @property
    def everything(self) -> list[str]:
        if self.s3 is not None:
            return [name.removeprefix("a/b/") for name in self.s3.objects]
        assert self.folder is not None
        return [path.name for path in self.folder.iterdir()]


@pytest.fixture
def box() -> Box:
    """A candidate's key."""
    return Box(b"k" * 32)


@pytest.fixture
async def s3(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[S3]:
    """An S3 server; whoever asks it again does so without waiting long."""
    monkeypatch.setattr(buckets, "FIRST_WAIT", timedelta(milliseconds=1))
    s3 = S3()
    async with TestServer(s3.app(), host="127.0.0.1") as server:
        s3.url = str(server.make_url("/"))
        yield s3


def access(s3: S3, **other: str) -> Access:
    values = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY, "endpoint": s3.url.rstrip("/"), "region": REGION}
    return Access(**(values | other))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "vault"


@pytest.fixture(params=["folder", "bucket"])
async def lying(request: pytest.FixtureRequest, folder: Path, s3: S3) -> Lying:
    """Where the files lie."""
    return Lying(folder=folder) if request.param == "folder" else Lying(s3=s3)


@pytest.fixture
async def vault(lying: Lying, folder: Path) -> Vault:
    """An empty vault."""
    vault = Vault(f"file://{folder}") if lying.s3 is None else Vault("s3://papers/a/b/", access(lying.s3))
    await vault.open()
    assert [] == lying.everything
    return vault


# --- wherever the files lie -----------------------------------------------------------------------------------------


async def test_a_file_comes_back_and_lies_there_unreadable(vault: Vault, lying: Lying, box: Box) -> None:
    name = await vault.put(box, PICTURE, ABOUT)
    assert PICTURE == await vault.get(box, name, ABOUT)
    assert [name] == lying.everything
    assert [name] == await vault.names()
    assert b"health certificate" not in lying.read(name)


async def test_twenty_mebibytes_and_nothing_at_all(vault: Vault, box: Box) -> None:
    large = bytes(20 * 2**20)
    assert large == await vault.get(box, await vault.put(box, large, ABOUT), ABOUT)
    assert b"" == await vault.get(box, await vault.put(box, b"", ABOUT), ABOUT)


async def test_more_than_any_upload_is_refused(
    vault: Vault, lying: Lying, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vaults, "LARGEST_FILE", 10)
    with pytest.raises(ValueError, match="too large"):
        await vault.put(box, b"x" * 11, ABOUT)
    assert [] == lying.everything


async def test_what_is_too_large_to_be_ours_is_not_read(
    vault: Vault, lying: Lying, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = await vault.put(box, PICTURE, ABOUT)
    monkeypatch.setattr(vaults, "LARGEST_FILE", 10)
    lying.write(name, bytes(5000))
    with pytest.raises(Damaged):
        await vault.get(box, name, ABOUT)


async def test_a_destroyed_file_is_gone_and_destroying_twice_is_harmless(vault: Vault, lying: Lying, box: Box) -> None:
    name = await vault.put(box, PICTURE, ABOUT)
    await vault.destroy(name)
    await vault.destroy(name)
    assert [] == lying.everything
    with pytest.raises(Gone):
        await vault.get(box, name, ABOUT)


async def test_a_changed_file_is_noticed(vault: Vault, lying: Lying, box: Box) -> None:
    name = await vault.put(box, PICTURE, ABOUT)
    content = bytearray(lying.read(name))
    content[100] ^= 1
    lying.write(name, bytes(content))
    with pytest.raises(Damaged):
        await vault.get(box, name, ABOUT)
    lying.write(name, b"")
    with pytest.raises(Damaged):
        await vault.get(box, name, ABOUT)


async def test_only_its_own_key_purpose_and_name_open_a_file(vault: Vault, lying: Lying, box: Box) -> None:
    name, other = await vault.put(box, PICTURE, ABOUT), await vault.put(box, b"other", ABOUT)
    with pytest.raises(Damaged):
        await vault.get(Box(b"j" * 32), name, ABOUT)
    with pytest.raises(Damaged):
        await vault.get(box, name, "documents.file:other")
    lying.write(other, lying.read(name))
    with pytest.raises(Damaged):
        await vault.get(box, other, ABOUT)


@pytest.mark.parametrize("name", ["", "..", "../bulou.db", "a/b", "/etc/passwd", "A" * 32, "a" * 33, "a" * 32 + "\n"])
async def test_names_with_a_path_lead_nowhere(vault: Vault, box: Box, name: str) -> None:
    with pytest.raises(Gone):
        await vault.get(box, name, ABOUT)
    with pytest.raises(Gone):
        await vault.destroy(name)


# --- in a folder ----------------------------------------------------------------------------------------------------


async def test_nobody_else_on_the_machine_may_read_the_folder(folder: Path, box: Box) -> None:
    vault = Vault(str(folder))
    await vault.open()
    name = await vault.put(box, PICTURE, ABOUT)
    assert 0o600 == (folder / name).stat().st_mode & 0o777
    assert 0o700 == folder.stat().st_mode & 0o777


async def test_a_failed_write_leaves_nothing_behind(folder: Path, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    vault = Vault(str(folder))
    await vault.open()
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Unavailable, match="No space left on device"):
        await vault.put(box, PICTURE, ABOUT)
    assert [] == list(folder.iterdir())


async def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Unavailable, match="cannot be used"):
        await Vault(str(tmp_path / "file" / "vault")).open()


# --- in a bucket ----------------------------------------------------------------------------------------------------


async def test_a_busy_bucket_is_asked_again(s3: S3, box: Box) -> None:
    vault = Vault("s3://papers", access(s3))
    s3.busy = 3
    name = await vault.put(box, PICTURE, ABOUT)
    assert [("PUT", name)] * 4 == s3.asked
    assert PICTURE == await vault.get(box, name, ABOUT)


async def test_a_bucket_that_stays_busy_is_given_up_in_words(s3: S3, box: Box) -> None:
    vault = Vault("s3://papers/here", access(s3))
    s3.busy = 1000
    with pytest.raises(
        Unavailable, match=r"s3://papers/here at 127\.0\.0\.1:[0-9]+ cannot be used: it does not answer"
    ):
        await vault.put(box, PICTURE, ABOUT)
    assert buckets.TRIES == len(s3.asked)


async def test_nobody_answers(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "FIRST_WAIT", timedelta(milliseconds=1))
    vault = Vault("s3://papers", Access(ACCESS_KEY, SECRET_KEY, "http://127.0.0.1:1", REGION))
    with pytest.raises(Unavailable, match="does not answer"):
        await vault.open()


@pytest.mark.parametrize("wrong", [{"secret_key": "other"}, {"access_key": "AKIAOTHER"}, {"region": "elsewhere"}])
async def test_wrong_keys_are_told_and_not_shown(s3: S3, wrong: dict[str, str]) -> None:
    with pytest.raises(Unavailable, match="the keys are refused") as refused:
        await Vault("s3://papers", access(s3, **wrong)).open()
    assert SECRET_KEY not in str(refused.value) + repr(access(s3))
    assert [] == s3.asked


async def test_a_bucket_that_is_not_there(s3: S3) -> None:
    with pytest.raises(Unavailable, match="there is no such bucket"):
        await Vault("s3://letters", access(s3)).open()


async def test_a_bucket_that_keeps_what_is_destroyed_is_refused(s3: S3) -> None:
    """With versioning a deleted picture would lie there for ever."""
    s3.versions = True
    with pytest.raises(Unavailable, match="versioning"):
        await Vault("s3://papers", access(s3)).open()
    assert {} == s3.objects


async def test_a_long_list_of_names_comes_page_by_page(s3: S3, box: Box) -> None:
    vault = Vault("s3://papers/a", access(s3))
    s3.page = 2
    names = sorted([await vault.put(box, b"", ABOUT) for _ in range(5)])
    s3.objects["other/thing"] = s3.objects["a/deeper/thing"] = b""
    assert names == await vault.names()


async def test_the_surroundings_do_not_lead_elsewhere(s3: S3, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables for other programs on the machine are not ours."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "other")
    vault = Vault("s3://papers", access(s3))
    assert PICTURE == await vault.get(box, await vault.put(box, PICTURE, ABOUT), ABOUT)


# --- where ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("./vault", "vault"),
        ("file:///srv/my%20vault", "/srv/my vault"),
        ("file://localhost/srv/v", "/srv/v"),
        ("s3://papers/", "s3://papers at oss.test"),
        ("s3://papers/a/b", "s3://papers/a/b at oss.test"),
    ],
)
def test_where_files_lie(url: str, where: str) -> None:
    assert where == Vault(url, Access("a", "b", "https://oss.test")).where


@pytest.mark.parametrize(
    ("url", "said"),
    [("s3:///prefix", "names no bucket"), ("ftp://host/v", "must be a folder"), ("", "must be a folder")],
)
def test_other_places_are_refused_in_words(url: str, said: str) -> None:
    with pytest.raises(Unavailable, match=said):
        Vault(url, Access("a", "b"))


def test_a_bucket_needs_keys() -> None:
    with pytest.raises(Unavailable, match="BULOU_VAULT__ACCESS_KEY"):
        Vault("s3://papers")
