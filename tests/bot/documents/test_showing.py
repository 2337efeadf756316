"""The picture that a reviewer sees: all pages, marked with who looks and when; hostile files end with a word."""

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image, ImageChops

from bot.documents import drawing
from bot.documents.showing import CannotShow, Showing

together = pytest.mark.asyncio(loop_scope="module")  # these share one process
MARK, PLAIN = "王敏 2026-03-02 09:31", "wangmin 2026-03-02 09:31"


def page(kind: str = "JPEG", size: tuple[int, int] = (800, 500), colour: str = "white") -> bytes:
    """An empty page."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind)
    return out.getvalue()


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    assert "JPEG" == image.format
    return image


def marked(image: Image.Image, colour: str) -> float:
    """The share of an empty page that is written on."""
    different = ImageChops.difference(image.convert("RGB"), Image.new("RGB", image.size, colour)).convert("L")
    return sum(different.histogram()[40:]) / (image.width * image.height)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def showing() -> AsyncIterator[Showing]:
    showing = Showing()
    yield showing
    await showing.close()


@together
@pytest.mark.parametrize("colour", ["white", "black"])
async def test_the_mark_lies_over_every_part_and_leaves_most_readable(showing: Showing, colour: str) -> None:
    image = opened(await showing.picture([page(colour=colour)], MARK, PLAIN))
    for left in (0, 400):
        for top in (0, 250):
            assert 0.004 < marked(image.crop((left, top, left + 400, top + 250)), colour) < 0.25


@together
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "PDF", "HEIF"])
async def test_whatever_was_sent_is_shown_as_a_jpeg(showing: Showing, kind: str) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    assert 64 <= opened(await showing.picture([page(kind)], MARK, PLAIN)).width


@together
async def test_front_and_back_stand_below_one_another(showing: Showing) -> None:
    image = opened(await showing.picture([page(), page(size=(400, 300))], MARK, PLAIN))
    assert (800, 500 + drawing.GAP + 300) == image.size


def test_two_people_leave_two_marks() -> None:
    drawing.prepare()
    assert drawing.drawn([page()], "wang 09:31", PLAIN) != drawing.drawn([page()], "li 09:31", PLAIN)


def test_without_a_font_for_names_the_account_is_written(tmp_path: Path) -> None:
    drawing.prepare()
    without = drawing.drawn([page()], MARK, PLAIN, folders=[str(tmp_path)])
    assert drawing.drawn([page()], PLAIN, PLAIN) == without


def test_a_font_is_found_below_the_usual_folders(tmp_path: Path) -> None:
    (tmp_path / "truetype" / "wqy").mkdir(parents=True)
    (tmp_path / "truetype" / "wqy" / "wqy-zenhei.ttc").touch()
    assert (tmp_path / "truetype" / "wqy" / "wqy-zenhei.ttc", 0) == drawing.font_file([str(tmp_path)])
    assert None is drawing.font_file([str(tmp_path / "nowhere")])


@together
@pytest.mark.parametrize(
    "content",
    [b"", b"no picture", page()[:200], b"%PDF-1.7\n" + bytes(500), b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(300)],
)
async def test_what_is_no_picture_is_said_to_be_none(showing: Showing, content: bytes) -> None:
    with pytest.raises(CannotShow):
        await showing.picture([content], MARK, PLAIN)


async def test_a_process_that_takes_too_long_is_ended_and_the_next_picture_gets_another() -> None:
    showing = Showing(seconds=0.001)
    with pytest.raises(CannotShow, match="too long"):
        await showing.picture([page()], MARK, PLAIN)
    showing._seconds = 60.0
    assert opened(await showing.picture([page()], MARK, PLAIN))
    await showing.close()


async def test_a_process_is_replaced_after_a_while() -> None:
    """Whatever a hostile file left behind in it goes with it."""
    showing = Showing(recycle=1)
    for _ in range(2):
        assert opened(await showing.picture([page()], MARK, PLAIN))
        assert None is showing._process


@together
async def test_too_much_is_not_even_sent(showing: Showing) -> None:
    with pytest.raises(CannotShow):
        await showing.picture([page()] * 8, MARK, PLAIN)
