from __future__ import annotations

from pathlib import Path

import pytest

from calypso_mcp.local.indexing.chunking import Chunk, split
from calypso_mcp.local.indexing.documents import Block, Document, ExtractionFailed, FileContent, Part
from calypso_mcp.local.indexing.formats.pdf.paragraphs import split_page
from calypso_mcp.local.indexing.formats.pdf.reader import read_pdf
from tests.support.pdfs import encrypted_pdf, scanned_pdf, text_pdf

MANY = 1_000_000


def write(folder: Path, data: bytes) -> Path:
    path = folder / "file.pdf"
    path.write_bytes(data)
    return path


def read(path: Path) -> Document:
    return read_pdf(FileContent(path.read_bytes()))


def page_of(one: Block | Chunk) -> int | None:
    return one.part.number if one.part is not None else None


def failure(path: Path, max_chars: int = MANY) -> ExtractionFailed:
    with pytest.raises(ExtractionFailed) as caught:
        read_pdf(FileContent(path.read_bytes(), max_chars=max_chars))
    return caught.value


def test_text_keeps_its_page_number(tmp_path: Path) -> None:
    path = write(
        tmp_path, text_pdf([["First page."], ["Second page, line one", "line two."]], title="Manual")
    )
    document = read(path)
    assert document.title == "Manual"
    assert [(page_of(block), block.text) for block in document.blocks] == [
        (1, "First page."),
        (2, "Second page, line one\nline two."),
    ]
    assert [page_of(chunk) for chunk in split(document)] == [1, 2]


def test_pages_without_text_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path, text_pdf([["one"], [], ["three"]]))
    assert [page_of(block) for block in read(path).blocks] == [1, 3]


def test_a_short_last_line_ends_a_paragraph(tmp_path: Path) -> None:
    lines = [
        "A line that runs to the right margin of the page",
        "and ends here.",
        "The next paragraph begins.",
    ]
    document = read(write(tmp_path, text_pdf([lines])))
    assert [block.text.count("\n") for block in document.blocks] == [1, 0]


def test_a_word_broken_at_a_line_end_is_whole_again(tmp_path: Path) -> None:
    path = write(tmp_path, text_pdf([["Customers are paid on re-", "ceipt of the parcel."]]))
    assert "receipt of the parcel" in read(path).text.replace("\n", " ")


def test_chinese_that_only_the_margin_parts_is_whole_again() -> None:
    lines = ["试用期为三个月，年假为每年十五天，请假须提前三", "天通知主管。", "第二段"]
    [first, second] = split_page("\n".join(lines), Part("page", 1), {})
    assert (first.text, second.text) == ("".join(lines[:2]), lines[2])


def test_letters_beyond_ascii_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, text_pdf([["Größe “naïve” café €5"]]))
    assert read(path).text == "Größe “naïve” café €5"


def test_bookmarks_become_headings(tmp_path: Path) -> None:
    pages = [
        ["1 Refunds", "Money comes back."],
        ["2 Shipping", "Parcels go out.", "2.1 Abroad", "They take longer."],
    ]
    outline = [("Refunds", 0, 0), ("Shipping", 1, 0), ("Abroad", 1, 1)]
    document = read(write(tmp_path, text_pdf(pages, outline=outline)))
    assert [(block.text, block.heading_level) for block in document.blocks if block.heading_level] == [
        ("1 Refunds", 1),
        ("2 Shipping", 1),
        ("2.1 Abroad", 2),
    ]


@pytest.mark.parametrize("title", ["Microsoft Word - draft", "untitled", "(anonymous)", "report.docx", " "])
def test_a_title_nobody_wrote_is_ignored(tmp_path: Path, title: str) -> None:
    assert read(write(tmp_path, text_pdf([["text"]], title=title))).title is None


def test_a_password_is_reported(tmp_path: Path) -> None:
    assert failure(write(tmp_path, encrypted_pdf(["secret text"]))).code == "encrypted"


def test_a_pdf_that_opens_without_password_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, encrypted_pdf(["only printing is restricted"], b""))
    assert read(path).text == "only printing is restricted"


def test_a_scan_is_reported_as_having_no_text(tmp_path: Path) -> None:
    found = failure(write(tmp_path, scanned_pdf(3)))
    assert found.code == "no_text_layer"
    assert "3 pages" in found.message
    assert "OCR" in found.message


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"%PDF-1.7\njunk", "cut off"),
        (text_pdf([["x"]])[:300], "cut off"),
        (b"%PDF-1.7\njunk\n%%EOF", "damaged"),
    ],
)
def test_damage_is_reported(tmp_path: Path, data: bytes, why: str) -> None:
    found = failure(write(tmp_path, data))
    assert found.code == "broken"
    assert why in found.message


def test_more_text_than_allowed_is_too_large(tmp_path: Path) -> None:
    assert failure(write(tmp_path, text_pdf([["x" * 50]] * 4)), max_chars=100).code == "too_large"
