"""Text in pictures. Where nothing is installed that reads them, what needs it is skipped."""

from __future__ import annotations

import io
import math
import re
import struct
import time
import zipfile
import zlib
from collections.abc import AsyncIterator, Iterator
from email.message import EmailMessage
from pathlib import Path

import anyio
import docx
import pptx
import pytest
from pptx.util import Inches

from calypso_mcp.domain.uploads.declaration import Declaration
from calypso_mcp.local.indexing.documents import Allowance, Document, ExtractionFailed, FileContent
from calypso_mcp.local.indexing.extraction import Extractor
from calypso_mcp.local.indexing.formats import registry
from calypso_mcp.local.indexing.formats.ocr import engines as ocr_engines
from calypso_mcp.local.indexing.formats.ocr.layout import Line, join_lines
from calypso_mcp.local.indexing.formats.office import packages, pictures
from tests.support.pdfs import mapped_pdf, scanned_pdf
from tests.support.scans import photograph, picture_file, scanned_pages, typeset, typeset_columns

needs_ocr = pytest.mark.skipif(
    not ocr_engines.is_recognition_installed(), reason="the [ocr] extra is not installed"
)
LEAST_SHARE = 0.95
PROSE = (
    "The notice period in the warehouse is nine weeks.",
    "Deposits for depot keys are ninety euros and come back",
    "within thirty days of the return. Visitors sign the book.",
    "Die Kündigungsfrist im Lager beträgt neun Wochen.",
    "Le préavis est de deux mois pour les contrats de travail.",
    "Invoice 2026-0417: 3 pallets at EUR 249.50, due in May.",
)


@pytest.fixture
async def extractor() -> AsyncIterator[Extractor]:
    async with Extractor() as opened:
        yield opened


async def read(extractor: Extractor, folder: Path, name: str, data: bytes) -> Document:
    path = folder / f"stored-{name}"
    path.write_bytes(data)
    with anyio.fail_after(240):
        return await extractor.extract(path, Declaration(name))


def share_found(text: str) -> float:
    wanted = re.findall(r"\w+", " ".join(PROSE))
    found = set(re.findall(r"\w+", text))
    return sum(word in found for word in wanted) / len(wanted)


def scans() -> Iterator[tuple[str, bytes]]:
    yield "helvetica.png", picture_file([photograph(typeset(PROSE))], "PNG")
    yield "times.jpg", picture_file([photograph(typeset(PROSE, "Times-Roman", 12))], "JPEG")
    yield "upside-down.tiff", picture_file([photograph(typeset(PROSE, "Courier", 10)).rotate(180)], "TIFF")
    yield "sideways.webp", picture_file([photograph(typeset(PROSE)).rotate(90, expand=True)], "WEBP")
    yield "scan.pdf", scanned_pages([photograph(typeset(PROSE, "Times-Italic", 13))])


@needs_ocr
async def test_scans_at_200_dpi_are_read(extractor: Extractor, tmp_path: Path) -> None:
    shares = {}
    for name, data in scans():
        document = await read(extractor, tmp_path, name, data)
        shares[name] = share_found(document.text)
        assert {block.part.number for block in document.blocks if block.part} == {1}
        assert any("OCR" in warning for warning in document.warnings)
    assert {name: share for name, share in shares.items() if share < LEAST_SHARE} == {}


@needs_ocr
async def test_only_pages_without_text_are_read_from_their_pictures(
    extractor: Extractor, tmp_path: Path
) -> None:
    page = photograph(typeset(PROSE[:2]))
    document = await read(extractor, tmp_path, "mixed.pdf", scanned_pages(["Typed page.", page]))
    assert {block.part.number: block.text for block in document.blocks if block.part}[1] == "Typed page."
    assert "nine weeks" in document.text
    assert document.warnings == ("Page 2 was read by OCR, which may err.",)


@needs_ocr
async def test_pages_of_a_picture_are_cited(extractor: Extractor, tmp_path: Path) -> None:
    pages = [photograph(typeset([line])) for line in PROSE[:2]]
    document = await read(extractor, tmp_path, "fax.tif", picture_file(pages, "TIFF"))
    assert [block.part.number for block in document.blocks if block.part] == [1, 2]


@needs_ocr
async def test_columns_are_read_one_after_the_other(extractor: Extractor, tmp_path: Path) -> None:
    left = [
        "The deposit for a depot key",
        "is ninety euros and comes",
        "back within thirty days",
        "of return.",
    ]
    right = ["The canteen opens at", "eleven and closes at two", "on all working days of", "the week."]
    scan = picture_file([photograph(typeset_columns(left, right))], "PNG")
    text = " ".join((await read(extractor, tmp_path, "columns.png", scan)).text.split())
    assert "depot key is ninety euros" in text
    assert "opens at eleven" in text


@needs_ocr
async def test_pictures_and_scans_inside_other_files_are_read(extractor: Extractor, tmp_path: Path) -> None:
    pictures = [photograph(typeset([line])) for line in PROSE[:3]]
    letter = EmailMessage()
    letter["Subject"] = "Papers"
    letter.set_content("See what is attached.")
    shot, scan = picture_file(pictures[:1], "PNG"), scanned_pages(pictures[1:2])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("photo.jpg", picture_file(pictures[2:], "JPEG"))
    for name, data in (("shot.png", shot), ("scan.pdf", scan), ("pack.zip", packed.getvalue())):
        letter.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    document = await read(extractor, tmp_path, "papers.eml", letter.as_bytes())
    wanted = ("nine weeks", "ninety euros", "sign the book")
    assert [words for words in wanted if words not in document.text] == []
    assert [warning.partition(":")[0] for warning in document.warnings] == [
        "attachment shot.png",
        "attachment scan.pdf",
        "attachment pack.zip",
    ]
    assert all("OCR" in warning for warning in document.warnings)


@needs_ocr
def test_pictures_for_which_no_time_is_left_are_named() -> None:
    letter = EmailMessage()
    shot = picture_file([photograph(typeset(PROSE[:1]))], "PNG")
    letter.add_attachment(shot, maintype="image", subtype="png", filename="shot.png")
    allowance = Allowance(recognizes_until=time.monotonic())
    document = registry.entry_of("eml").read(FileContent(letter.as_bytes(), allowance=allowance))
    [warning] = document.warnings
    assert warning == "attachment shot.png was not read: Upload the picture as a separate file."
    assert allowance.left_pictures


def picture_slides(*lines: str) -> bytes:
    """Return a presentation of a slide of text, then one for each line with its picture under a title."""
    show, target = pptx.Presentation(), io.BytesIO()
    for title, line in (("Aims", ""), *(("Facts", line) for line in lines)):
        slide = show.slides.add_slide(show.slide_layouts[5])
        assert slide.shapes.title is not None
        slide.shapes.title.text = title
        if line:
            slide.shapes.add_picture(
                io.BytesIO(picture_file([photograph(typeset([line]))], "PNG")), Inches(0), Inches(2)
            )
    show.save(target)
    return target.getvalue()


def picture_text(words: str = "") -> bytes:
    """Return a document of Word with a picture of text, below these words."""
    document, target = docx.Document(), io.BytesIO()
    document.add_paragraph(words)
    document.add_picture(io.BytesIO(picture_file([photograph(typeset(PROSE[:1]))], "PNG")))
    document.save(target)
    return target.getvalue()


@needs_ocr
async def test_pictures_that_stand_for_the_text_of_slides_are_read(
    extractor: Extractor, tmp_path: Path
) -> None:
    document = await read(extractor, tmp_path, "talk.pptx", picture_slides(*PROSE[:2]))
    texts = {(block.part.number if block.part else 0): block.text for block in document.blocks}
    assert "nine weeks" in texts[2]
    assert "ninety euros" in texts[3]
    assert document.warnings == ("Text in pictures was read by OCR, which may err.",)


@needs_ocr
def test_slides_with_too_many_pictures_are_read_in_part_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_MEMBERS", 1)
    allowance = Allowance(recognizes_until=math.inf)
    file = FileContent(picture_slides(*PROSE[:2]), "talk.pptx", allowance=allowance)
    document = registry.entry_of("pptx").read(file)
    assert "nine weeks" in document.text
    assert document.warnings == (
        "Text in pictures was read by OCR, which may err.",
        "Slide 3: pictures hold the text, so searches do not find it.",
    )


@needs_ocr
async def test_a_document_that_is_a_picture_is_read(extractor: Extractor, tmp_path: Path) -> None:
    document = await read(extractor, tmp_path, "scan.docx", picture_text("A letter, with text"))
    assert "nine weeks" in document.text


@needs_ocr
async def test_pictures_beside_text_are_left_out(extractor: Extractor, tmp_path: Path) -> None:
    document = await read(extractor, tmp_path, "report.docx", picture_text("Text fills this page. " * 9))
    assert "nine weeks" not in document.text
    assert document.warnings == ()


@pytest.mark.usefixtures("without_ocr")
def test_without_the_extra_slides_and_documents_of_pictures_say_so() -> None:
    office = registry.entry_of("pptx")
    slides = office.read(FileContent(picture_slides(*PROSE[:2]), "talk.pptx"))
    assert slides.warnings == ("Slides 2, 3: pictures hold the text, so searches do not find it.",)
    with pytest.raises(ExtractionFailed, match="pictures only") as caught:
        office.read(FileContent(picture_text(), "scan.docx"))
    assert caught.value.code == "no_text_layer"


@pytest.mark.usefixtures("without_ocr")
def test_pictures_take_no_room_from_the_text_of_slides(monkeypatch: pytest.MonkeyPatch) -> None:
    deck, target = picture_slides(*PROSE[:1] * 20), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(deck)) as package, zipfile.ZipFile(target, "w") as larger:
        for name in package.namelist():
            padding = b"\0" * 1_000_000 if name.startswith("ppt/media/") else b""
            larger.writestr(name, package.read(name) + padding)
    monkeypatch.setattr(packages, "_MOST_BYTES", 10_000_000)
    document = registry.entry_of("pptx").read(FileContent(target.getvalue(), "talk.pptx"))
    assert document.warnings == ("Slide 2: pictures hold the text, so searches do not find it.",)


@needs_ocr
async def test_a_page_of_broken_fonts_is_read_from_its_picture(extractor: Extractor, tmp_path: Path) -> None:
    """The glyphs are those of Courier's `!` and so on: only that they were looked at is of interest."""
    glyphs = [(50 + 6.0 * index, 700.0, entry) for index, entry in enumerate("abcdefghijklmnopqrst" * 2)]
    path = tmp_path / "broken.pdf"
    path.write_bytes(mapped_pdf(glyphs, maps=False))
    document = await extractor.extract(path, Declaration("broken.pdf"))
    assert document.warnings == ("Page 1 was read by OCR, which may err.",)


@needs_ocr
async def test_other_files_do_not_wait_for_pictures(tmp_path: Path) -> None:
    ended: list[str] = []
    waiting = anyio.Event()
    async with Extractor(on_recognizing=waiting.set) as extractor, anyio.create_task_group() as group:

        async def end(name: str, data: bytes) -> None:
            await read(extractor, tmp_path, name, data)
            ended.append(name)

        for index in range(3):
            group.start_soon(end, f"{index}.png", picture_file([photograph(typeset(PROSE[:1]))], "PNG"))
        with anyio.fail_after(30):
            await waiting.wait()
        assert extractor.recognizing.total() >= 1
        await end("small.html", b"<p>small")
    assert ended[0] == "small.html"
    assert len(ended) == 4
    assert extractor.recognizing.total() == 0


@needs_ocr
async def test_buckets_take_turns_at_having_their_pictures_read(tmp_path: Path) -> None:
    path = tmp_path / "stored"
    path.write_bytes(picture_file([photograph(typeset(PROSE[:1]))], "PNG"))
    order: list[str] = []
    async with Extractor() as extractor, anyio.create_task_group() as group:

        async def read_one(bucket_id: str) -> None:
            await extractor.extract(path, Declaration("scan.png"), bucket_id=bucket_id)
            order.append(bucket_id)

        for bucket_id in ("first", "first", "first", "second"):
            group.start_soon(read_one, bucket_id)
    assert order.index("second") <= 1


@needs_ocr
@pytest.mark.parametrize("side", [100_000, 1_000_000])
async def test_a_picture_that_unpacks_to_gigabytes_is_refused(
    extractor: Extractor, tmp_path: Path, side: int
) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10**6)))
    with pytest.raises(ExtractionFailed) as caught:
        await read(extractor, tmp_path, "bomb.png", bomb + chunk(b"IEND", b""))
    assert caught.value.code in {"too_large", "broken"}


@needs_ocr
async def test_a_picture_without_text_is_said_to_have_none(extractor: Extractor, tmp_path: Path) -> None:
    blank = picture_file([photograph(typeset([]))], "PNG")
    damaged = scanned_pdf(1).replace(b"/Kids [4 0 R]", b"/Kids [9 0 R]")
    for name, content in (("blank.png", blank), ("drawing.pdf", scanned_pdf(2)), ("damaged.pdf", damaged)):
        with pytest.raises(ExtractionFailed, match=r"no text|damaged") as caught:
            await read(extractor, tmp_path, name, content)
        # Whatever has another code is sent again with every sync.
        assert (caught.value.code, "[ocr]" in caught.value.message) == ("empty", False)


@pytest.fixture
def without_ocr(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "is_recognition_installed", lambda: False)
    registry.readable_formats.cache_clear()
    yield
    registry.readable_formats.cache_clear()


@pytest.mark.usefixtures("without_ocr")
@pytest.mark.parametrize("name", ["scan.png", "photo.jpg", "fax.tiff", "shot.webp"])
def test_without_the_extra_pictures_are_refused_before_the_upload(name: str) -> None:
    heads = {"png": b"\x89PNG\r\n\x1a\n", "jpg": b"\xff\xd8\xff\xe0", "tiff": b"II*\x00"}
    head = heads.get(name.partition(".")[2], b"RIFF\x00\x00\x00\x00WEBPVP8 ")
    refusal = registry.readable_formats().refusal(name, head)
    assert refusal is not None
    assert "is a picture" in refusal.message
    assert "calypso-mcp[ocr]" in (refusal.hint or "")
    assert registry.readable_formats().refusal_of_name(name) is not None


def test_lines_beside_each_other_are_one_and_paragraphs_are_parted() -> None:
    lines = [
        Line("Total", 10, 100, 60, 112),
        Line("EUR 9", 70, 101, 120, 113),
        Line("Heading", 10, 10, 100, 24),
        Line("below it", 10, 26, 100, 40),
    ]
    assert join_lines(lines) == "Heading\nbelow it\n\nTotal EUR 9"


def test_narrow_columns_whose_lines_do_not_stand_level_are_no_table() -> None:
    columns = [(0, 0, "left"), (120, 12, "right")]
    lines = [
        Line(f"{name} {number}", left, top + 30 * number, left + 70, top + 30 * number + 10)
        for left, top, name in columns
        for number in range(6)
    ]
    assert join_lines(sorted(lines, key=lambda line: line.top)).split() == [
        word for _, _, name in columns for number in range(6) for word in (name, str(number))
    ]
