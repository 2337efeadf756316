"""The vault: files are kept whole, unreadable on disk, and gone when destroyed."""

from pathlib import Path

import pytest

from storage import vault as vaults
from storage.keys import Box
from storage.url import Unavailable
from storage.vault import Damaged, Gone, Vault

ABOUT = "documents.file:77aa"
PICTURE = b"\xff\xd8 a health certificate " * 50


@pytest.fixture
def box() -> Box:
    """A candidate's key."""
    return Box(b"k" * 32)


@pytest.fixture
async def vault(tmp_path: Path) -> Vault:
    """An empty vault."""
    vault = Vault(f"file://{tmp_path / 'vault'}")
    await vault.open()
    return vault


async def test_a_file_comes_back_and_lies_there_unreadable(vault: Vault, box: Box) -> None:
    name = await vault.put(box, PICTURE, ABOUT)
    assert PICTURE == await vault.get(box, name, ABOUT)
    assert [name] == [path.name for path in vault.folder.iterdir()]
    assert b"health certificate" not in (vault.folder / name).read_bytes()
    assert 0o600 == (vault.folder / name).stat().st_mode & 0o777
    assert 0o700 == vault.folder.stat().st_mode & 0o777


async def test_twenty_mebibytes_and_nothing_at_all(vault: Vault, box: Box) -> None:
    large = bytes(20 * 2**20)
    assert large == await vault.get(box, await vault.put(box, large, ABOUT), ABOUT)
    assert b"" == await vault.get(box, await vault.put(box, b"", ABOUT), ABOUT)


async def test_more_than_any_upload_is_refused(vault: Vault, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vaults, "LARGEST_FILE", 10)
    with pytest.raises(ValueError, match="too large"):
        await vault.put(box, b"x" * 11, ABOUT)
    assert [] == list(vault.folder.iterdir())


async def test_a_destroyed_file_is_gone_and_destroying_twice_is_harmless(vault: Vault, box: Box) -> None:
    name = await vault.put(box, PICTURE, ABOUT)
    await vault.destroy(name)
    await vault.destroy(name)
    with pytest.raises(Gone):
        await vault.get(box, name, ABOUT)


async def test_a_changed_file_is_noticed(vault: Vault, box: Box) -> None:
    name = await vault.put(box, PICTURE, ABOUT)
    path = vault.folder / name
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    with pytest.raises(Damaged):
        await vault.get(box, name, ABOUT)
    path.write_bytes(b"")
    with pytest.raises(Damaged):
        await vault.get(box, name, ABOUT)


async def test_only_its_own_key_purpose_and_name_open_a_file(vault: Vault, box: Box) -> None:
    name, other = await vault.put(box, PICTURE, ABOUT), await vault.put(box, b"other", ABOUT)
    with pytest.raises(Damaged):
        await vault.get(Box(b"j" * 32), name, ABOUT)
    with pytest.raises(Damaged):
        await vault.get(box, name, "documents.file:other")
    (vault.folder / name).replace(vault.folder / other)
    with pytest.raises(Damaged):
        await vault.get(box, other, ABOUT)


@pytest.mark.parametrize("name", ["", "..", "../bulou.db", "a/b", "/etc/passwd", "A" * 32, "a" * 33, "a" * 32 + "\n"])
async def test_names_with_a_path_lead_nowhere(vault: Vault, box: Box, name: str) -> None:
    with pytest.raises(Gone):
        await vault.get(box, name, ABOUT)
    with pytest.raises(Gone):
        await vault.destroy(name)


async def test_a_failed_write_leaves_nothing_behind(vault: Vault, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Unavailable, match="No space left on device"):
        await vault.put(box, PICTURE, ABOUT)
    assert [] == list(vault.folder.iterdir())


async def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Unavailable, match="cannot be used"):
        await Vault(str(tmp_path / "file" / "vault")).open()


@pytest.mark.parametrize(
    ("url", "folder"),
    [("./vault", "vault"), ("file:///srv/my%20vault", "/srv/my vault"), ("file://localhost/srv/v", "/srv/v")],
)
def test_where_files_lie(url: str, folder: str) -> None:
    assert Path(folder) == Vault(url).folder


@pytest.mark.parametrize(
    ("url", "said"),
    [("s3://bucket/prefix", "keeps files in a folder"), ("ftp://host/v", "must be a folder"), ("", "must be a folder")],
)
def test_other_places_are_refused_in_words(url: str, said: str) -> None:
    with pytest.raises(Unavailable, match=said):
        Vault(url)
