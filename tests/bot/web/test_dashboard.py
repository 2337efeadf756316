"""HR's pages: what waits, and certificates decided one after the other; within the own shops, each look kept."""

import io
import re
from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from PIL import Image

from bot.web.routes import build_web
from recruiting.certificates import Category, Doubt, Outcome, Reading
from recruiting.model import NeedsPerson, Uploaded
from storage import documents, members, readings, sessions
from storage.applications import load_one
from storage.apply import take
from storage.documents import page
from storage.tables import Trail
from storage.unit import Unit
from tests.bot.web.place import BROWSER, Place, described
from tests.bot.web.test_login import FOREIGN, OWN, STAMP, signed_in, text

FINE = Reading(True, "李梅", "JK2026001", Category.FOOD, date(2026, 2, 20), date(2027, 2, 19), "上海市某区样张体检中心")


def picture(kind: str = "JPEG", size: tuple[int, int] = (600, 400)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "white").save(out, kind)
    return out.getvalue()


async def stored(place: Place, loaded: Any, content: bytes) -> str:
    return await place.context.vault.put(loaded.box, content, f"candidate:{loaded.candidate_id}")


async def sent(
    place: Place, name: str = "李梅", *, content: bytes | None = None, to_read: bool = False, **where: str
) -> tuple[str, str]:
    """Somebody has sent a certificate: the ids of application and document."""
    id = await place.apply(name, **where)
    await place.to_certificate(id)
    loaded = await place.loaded(id)
    file = await stored(place, loaded, picture() if content is None else content)

    async def job(unit: Unit) -> str:
        fresh = await load_one(unit, id)
        assert fresh is not None
        document = documents.add(unit, fresh, file=file, name="证.jpg", content_type="image/jpeg", to_read=to_read)
        await take(unit, fresh, Uploaded(document, to_read))
        return document

    document = await place.write(job)
    place.clock.push(timedelta(minutes=1))
    return id, document


async def read(place: Place, id: str, document: str, reading: Reading, *doubts: Doubt) -> None:
    """The machine has read it: two masked pages lie there now."""
    loaded = await place.loaded(id)
    pages = [page(await stored(place, loaded, picture()), "image/jpeg", masked=True) for _ in range(2)]

    async def job(unit: Unit) -> None:
        row = await documents.by_id(unit, document)
        assert row is not None
        await readings.keep(unit, row, loaded.box, reading, Outcome(doubts), "", pages)

    await place.write(job)


async def decide(place: Place, document: str, stamp: str, do: str = "approve", **fields: str) -> ClientResponse:
    data = {"stamp": stamp, "do": do, **fields}
    return await place.client.post(f"/dashboard/documents/{document}", data=data, headers=OWN, allow_redirects=False)


async def looks(place: Place, id: str) -> int:
    return (await place.events(id)).count("document.viewed")


# --- home -----------------------------------------------------------------------------------------------------------


async def test_with_nothing_to_do_it_says_so(place: Place) -> None:
    await signed_in(place)
    assert "都跟上了" in await text(place, "/dashboard")


async def test_it_shows_what_waits_for_a_person(place: Place) -> None:
    id, _ = await sent(place, "王芳")
    await sent(place, "赵六")
    await place.signal(id, NeedsPerson("human"))
    await signed_in(place)
    page = await text(place, "/dashboard")

    assert "2份，最早的一份" in page
    assert re.search(r"<strong>王芳</strong>.*?想找人聊", page, re.S)
    assert 'href="/dashboard/documents"' in page


async def test_another_shops_people_are_not_shown(place: Place) -> None:
    id, _ = await sent(place, "王芳", shop="人民路店")
    await place.signal(id, NeedsPerson("human"))
    await signed_in(place, shops=["中山路店"])
    page = await text(place, "/dashboard")
    assert "王芳" not in page
    assert "都跟上了" in page


async def test_a_manager_hears_nothing_of_certificates(place: Place) -> None:
    await sent(place)
    await signed_in(place, role="manager", shops=["人民路店"])
    assert "健康证" not in await text(place, "/dashboard")


async def test_names_bring_no_markup_and_nothing_is_fetched_from_elsewhere(place: Place) -> None:
    id, document = await sent(place, "<b>Mei</b>")
    await place.signal(id, NeedsPerson("human"))
    await signed_in(place)
    for path in ("/dashboard", f"/dashboard/documents/{document}"):
        response = await place.client.get(path, headers=BROWSER)
        page, policy = await response.text(), response.headers["Content-Security-Policy"]
        assert "&lt;b&gt;Mei" in page
        assert not re.search(r"<script|<link|url\(|style=|<b>", page)
        assert "unsafe" not in policy
        assert "no-store" == response.headers["Cache-Control"]


# --- one certificate ------------------------------------------------------------------------------------------------


async def test_the_fields_stand_beside_what_was_expected(place: Place) -> None:
    id, document = await sent(place)
    await read(place, id, document, FINE)
    await signed_in(place)
    page = await text(place, f"/dashboard/documents/{document}")

    assert re.search(r'class="read">李梅</span>\s*<span class="expected">.*?✓</span> 应该是 李梅</span>', page)
    assert 'name="expires_on" value="2027-02-19"' in page
    assert "机器没看出问题" in page
    assert "<mark>" not in page
    assert f'<img src="/dashboard/documents/{document}/file"' in page


async def test_differences_are_marked_and_doubts_are_in_words(place: Place) -> None:
    id, document = await sent(place)
    other = Reading(True, "李海", "JK2026001", Category.FOOD, date(2025, 3, 1), date(2026, 2, 28), "样张体检中心")
    await read(place, id, document, other, Doubt.NAME_DIFFERS, Doubt.EXPIRES_TOO_EARLY, Doubt.SAME_PICTURE)
    await signed_in(place)
    page = await text(place, f"/dashboard/documents/{document}")

    assert ["海", "2026年2月28日"] == re.findall("<mark>(.*?)</mark>", page)
    for words in ("姓名和报名的不一样", "有效期不够长", "别人交过几乎一样的照片", "应该是 李梅", "不一致"):
        assert words in page


async def test_without_a_date_a_year_is_preselected(place: Place) -> None:
    _, document = await sent(place)
    await signed_in(place)
    page = await text(place, f"/dashboard/documents/{document}")
    assert 'name="expires_on" value="2027-03-02"' in page
    assert "机器没能读出文字" in page


@pytest.mark.parametrize("id", ["x", "A" * 32, "a" * 32, "../../etc/passwd"])
async def test_what_does_not_exist_looks_like_what_is_not_yours(place: Place, id: str) -> None:
    _, theirs = await sent(place, shop="中山路店")
    stamp = await signed_in(place, shops=["人民路店"])
    for each in (theirs, id):
        response = await place.client.get(f"/dashboard/documents/{each}", headers=BROWSER)
        assert 404 == response.status
        assert 404 == (await place.client.get(f"/dashboard/documents/{each}/file", headers=BROWSER)).status
        assert 404 == (await decide(place, each, stamp, expires_on="2027-01-01")).status
    assert "waiting" == (await place.rows(described(documents.Document)))[0]["status"]


async def test_a_manager_finds_no_certificates_anywhere(place: Place) -> None:
    id, document = await sent(place)
    stamp = await signed_in(place, role="manager", shops=["人民路店"])
    for path in ("/dashboard/documents", f"/dashboard/documents/{document}", f"/dashboard/documents/{document}/file"):
        assert 404 == (await place.client.get(path, headers=BROWSER)).status
    assert 404 == (await decide(place, document, stamp, expires_on="2027-01-01")).status
    assert 0 == await looks(place, id)


# --- the picture ----------------------------------------------------------------------------------------------------


async def test_all_pages_are_one_picture_with_a_mark_and_the_look_is_kept(place: Place) -> None:
    id, document = await sent(place)
    await read(place, id, document, FINE)
    await signed_in(place)
    assert 0 == await looks(place, id)

    response = await place.client.get(f"/dashboard/documents/{document}/file", headers=BROWSER)
    image = Image.open(io.BytesIO(await response.read()))
    assert ("image/jpeg", "no-store") == (response.content_type, response.headers["Cache-Control"])
    assert image.height > 800  # two pages
    assert image.convert("L").getextrema()[0] < 230  # something is written on the white paper
    assert 1 == await looks(place, id)
    actions = [(row["actor"], row["action"], row["subject"]) for row in await place.rows(described(Trail))]
    assert ("member:王敏", "document.view", document) in actions


async def test_the_page_alone_is_no_look_and_shows_no_picture(place: Place) -> None:
    id, document = await sent(place)
    await signed_in(place)
    await text(place, f"/dashboard/documents/{document}")
    assert 0 == await looks(place, id)


async def test_a_pdf_is_shown_as_a_picture(place: Place) -> None:
    _, document = await sent(place, content=picture("PDF"))
    await signed_in(place)
    response = await place.client.get(f"/dashboard/documents/{document}/file", headers=BROWSER)
    assert (200, "image/jpeg") == (response.status, response.content_type)


async def test_what_is_still_to_be_masked_is_shown_to_nobody(place: Place) -> None:
    id, document = await sent(place, to_read=True)
    await signed_in(place)
    page = await text(place, f"/dashboard/documents/{document}")
    assert "<img" not in page
    assert "几秒就好" in page
    assert 404 == (await place.client.get(f"/dashboard/documents/{document}/file", headers=BROWSER)).status
    assert 0 == await looks(place, id)


async def test_a_file_that_is_no_picture_is_not_handed_out(place: Place) -> None:
    _, document = await sent(place, content=b"<script>alert(1)</script>" * 20)
    await signed_in(place)
    assert 404 == (await place.client.get(f"/dashboard/documents/{document}/file", headers=BROWSER)).status


async def test_without_signing_in_there_is_no_picture(place: Place) -> None:
    id, document = await sent(place)
    response = await place.client.get(f"/dashboard/documents/{document}/file", headers=BROWSER, allow_redirects=False)
    assert 303 == response.status
    assert 0 == await looks(place, id)


# --- deciding, one after the other ----------------------------------------------------------------------------------


async def test_after_a_decision_comes_the_next_one(place: Place) -> None:
    first, one = await sent(place, "李梅")
    _, two = await sent(place, "王芳")
    stamp = await signed_in(place)
    page = await text(place, "/dashboard/documents")
    assert "还有2份" in page
    assert f'action="/dashboard/documents/{one}"' in page

    response = await decide(place, one, stamp, expires_on="2027-01-31")
    assert 303 == response.status
    page = await text(place, response.headers["Location"])
    assert f'action="/dashboard/documents/{two}"' in page
    assert "上一份（李梅）：您已在" in page
    assert "还有1份" in page
    assert "second_interview" == (await place.loaded(first)).application.stage

    response = await decide(place, two, stamp, expires_on="2027-01-31")
    assert "全部看完了" in await text(place, response.headers["Location"])


async def test_what_is_skipped_waits_at_the_end(place: Place) -> None:
    _, one = await sent(place, "李梅")
    _, two = await sent(place, "王芳")
    await signed_in(place)
    page = await text(place, f"/dashboard/documents?after={one}")
    assert f'action="/dashboard/documents/{two}"' in page
    assert "上一份" not in page
    page = await text(place, f"/dashboard/documents?after={two}")
    assert "刚才跳过的还有2份" in page


async def test_sending_back_needs_a_reason_that_the_person_is_told(place: Place) -> None:
    id, document = await sent(place)
    stamp = await signed_in(place)
    response = await decide(place, document, stamp, "reject")
    assert 400 == response.status
    assert "退回要有原因" in await response.text()
    assert "waiting" == (await place.rows(described(documents.Document)))[0]["status"]

    assert 303 == (await decide(place, document, stamp, "reject", reason="certificate_unclear")).status
    assert "health_certificate" == (await place.loaded(id)).application.stage
    assert ["document.rejected"] == [each for each in await place.events(id) if each == "document.rejected"]


async def test_own_words_come_before_the_choice(place: Place) -> None:
    id, document = await sent(place)
    stamp = await signed_in(place)
    await decide(place, document, stamp, "reject", reason="certificate_unclear", words="请拍背面" + "。" * 500)
    row = (await place.rows(described(documents.Document)))[0]
    loaded = await place.loaded(id)
    told = loaded.box.open_text(row["reason"], f"documents.reason:{document}")
    assert told.startswith("请拍背面")
    assert 200 == len(told)


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"expires_on": "2026-03-01"}, 409, "有效期"),
        ({"expires_on": "tomorrow"}, 400, "日期没看懂"),
        ({"expires_on": ""}, 400, "日期没看懂"),
        ({"do": "burn"}, 400, "退回要有原因"),
    ],
)
async def test_what_cannot_be_approved_is_said_on_the_same_page(
    place: Place, fields: dict[str, str], status: int, words: str
) -> None:
    _, document = await sent(place)
    stamp = await signed_in(place)
    response = await decide(place, document, stamp, **fields)
    page = await response.text()
    assert status == response.status
    assert words in page
    assert f'action="/dashboard/documents/{document}"' in page
    assert "waiting" == (await place.rows(described(documents.Document)))[0]["status"]


async def test_the_second_of_two_reviewers_is_told_who_was_quicker(place: Place) -> None:
    id, document = await sent(place)
    stamp = await signed_in(place, "王敏")
    async with TestClient(TestServer(build_web(place.context))) as browser:
        other = await place.write(lambda unit: members.put(unit, "陈刚", role="recruiter", shops=[]))
        token = await place.write(lambda unit: sessions.sign_in_link(unit, other))
        await browser.post(f"/dashboard/login/{token}", headers=OWN)
        shown = await browser.get(f"/dashboard/documents/{document}", headers=BROWSER)
        theirs = STAMP.search(await shown.text())
        assert theirs is not None
        data = {"stamp": theirs[1], "do": "approve", "expires_on": "2027-01-31"}
        await browser.post(f"/dashboard/documents/{document}", data=data, headers=OWN)

    response = await decide(place, document, stamp, "reject", reason="certificate_unclear")
    page = unescape(await text(place, response.headers["Location"]))
    assert "上一份（李梅）：陈刚已在今天(3月2日)09:01通过。" in page
    assert "document.rejected" not in await place.events(id)
    page = await text(place, f"/dashboard/documents/{document}")
    assert "陈刚已在" in page
    assert 'value="approve"' not in page


async def test_only_the_own_page_can_decide(place: Place) -> None:
    _, document = await sent(place)
    stamp = await signed_in(place)
    path = f"/dashboard/documents/{document}"
    good = {"stamp": stamp, "do": "approve", "expires_on": "2027-01-31"}
    assert 403 == (await place.client.post(path, data=good, headers=FOREIGN)).status
    for wrong in ("", "0" * 32, "ü"):
        assert 403 == (await place.client.post(path, data=good | {"stamp": wrong}, headers=OWN)).status
    assert 400 == (await place.client.post(path, json=good, headers=OWN)).status
    assert "waiting" == (await place.rows(described(documents.Document)))[0]["status"]


async def test_a_destroyed_picture_leaves_what_was_decided(place: Place) -> None:
    id, document = await sent(place)
    stamp = await signed_in(place)
    await decide(place, document, stamp, expires_on="2027-01-31")
    await place.write(lambda unit: unit.set(documents.Document, {"id": document}, file=None, pages=[]))
    page = await text(place, f"/dashboard/documents/{document}")
    assert "照片已按规定销毁" in page
    assert "有效期至2027年1月31日" in page
    assert 404 == (await place.client.get(f"/dashboard/documents/{document}/file", headers=BROWSER)).status
    assert 0 == await looks(place, id)
