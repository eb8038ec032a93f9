"""Pictures of pages: drawn apart from this process, within limits, and kept for a while."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import anyio
import pytest
from PIL import Image

from calypso_mcp.local.indexing.child_process import ExtractionLimits
from calypso_mcp.local.indexing.documents import ExtractionFailed
from calypso_mcp.local.indexing.page_pictures import PagePictures
from tests.support.pdfs import bomb_pdf, encrypted_pdf, pdf_of_objects, text_pdf

SMALL = ExtractionLimits(memory_bytes=256 * 1_048_576, cpu_s=5, processes=1)


async def draw(pictures: PagePictures, path: Path, data: bytes, page: int = 1) -> bytes:
    if data:
        path.write_bytes(data)
    with anyio.fail_after(120):
        return await pictures.draw(path, page)


def size(picture: bytes) -> tuple[int, int]:
    with Image.open(BytesIO(picture)) as opened:
        opened.load()
        return opened.size


async def test_a_hostile_pdf_fails_alone_and_leaves_no_process(tmp_path: Path) -> None:
    pictures = PagePictures(SMALL)
    for name, data in {
        "bomb": bomb_pdf(300_000_000),
        "cut": b"%PDF-1.7 cut off",
        "locked": encrypted_pdf(["secret"]),
        "other": b"<p>no PDF",
    }.items():
        with pytest.raises(ExtractionFailed):
            await draw(pictures, tmp_path / name, data)
        assert pictures._children.idle == []
    assert size(await draw(pictures, tmp_path / "good", text_pdf([["good"]]))) > (100, 100)


async def test_pages_of_any_size_become_pictures_of_bounded_size(tmp_path: Path) -> None:
    for width, height in ((14_400, 14_400), (14_400, 1), (1, 1), (595, 842)):
        page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width} {height}] >>"
        catalog = b"<< /Type /Catalog /Pages 2 0 R >>"
        data = pdf_of_objects([catalog, b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page.encode()])
        across, down = size(await draw(PagePictures(), tmp_path / f"{width}x{height}.pdf", data))
        assert 1 <= across * down <= 1_210_000


async def test_what_was_drawn_is_kept_up_to_a_number_of_bytes(tmp_path: Path) -> None:
    one, two = tmp_path / "one.pdf", tmp_path / "two.pdf"
    pictures = PagePictures()
    first = await draw(pictures, one, text_pdf([["one"]]))
    with pytest.raises(ExtractionFailed):
        await draw(pictures, two, b"%PDF-broken")
    one.unlink()
    two.write_bytes(text_pdf([["two"]]))
    assert await draw(pictures, one, b"") == first
    with pytest.raises(ExtractionFailed):
        await draw(pictures, two, b"")

    forgetful = PagePictures(kept_bytes=len(first))
    await draw(forgetful, one, text_pdf([["one"]]))
    await draw(forgetful, two, text_pdf([["two pages", "more"]]))
    one.unlink()
    with pytest.raises(ExtractionFailed):
        await draw(forgetful, one, b"")
