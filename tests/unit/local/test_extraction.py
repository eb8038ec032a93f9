from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from calypso_mcp.domain.uploads.declaration import Declaration
from calypso_mcp.local.indexing.child_process import ExtractionLimits
from calypso_mcp.local.indexing.documents import Document, ExtractionFailed
from calypso_mcp.local.indexing.extraction import Extractor
from calypso_mcp.local.indexing.formats.registry import choose_entry


@pytest.fixture
async def extractor() -> AsyncIterator[Extractor]:
    async with Extractor() as opened:
        yield opened


async def read(
    extractor: Extractor, folder: Path, data: bytes, filename: str, content_type: str = ""
) -> Document:
    path = folder / "blob"
    path.write_bytes(data)
    return await extractor.extract(path, Declaration(filename, content_type=content_type))


@pytest.mark.parametrize(
    ("filename", "content_type", "expected"),
    [
        ("a.txt", "text/plain", "text"),
        ("a.md", "text/plain", "markdown"),
        ("a.md", "application/octet-stream", "markdown"),
        ("notes", "text/markdown; charset=utf-8", "markdown"),
        ("A.HTML", "", "html"),
        ("page", "text/html", "html"),
        ("page.txt", "text/html", "html"),
        ("a.pdf", "application/pdf", "text"),
        ("a.json", "application/json", "json"),
        ("a", "application/vnd.api+json", "json"),
        ("a.csv", "text/csv", "csv"),
        ("a.ts", "video/mp2t", "text"),
        ("a.py", "text/x-python", "text"),
        ("Makefile", "", "text"),
        ("folder/Dockerfile", "application/octet-stream", "text"),
        (r"C:\docs\a.yaml", "", "yaml"),
        ("LICENSE", "", "text"),
        ("notes.unknown", "application/octet-stream", "text"),
    ],
)
def test_name_and_content_type_decide_the_format(filename: str, content_type: str, expected: str) -> None:
    assert choose_entry(filename, content_type, b"some plain text").format.name == expected


def test_a_pdf_is_recognised_by_its_signature_when_nothing_else_tells() -> None:
    head = b"%PDF-1.4\n\x00\x01"
    assert choose_entry("download", "application/octet-stream", head).format.name == "pdf"


UNREADABLE = [
    ("a.gif", b"GIF89a\x00", "picture"),
    ("a.txt", b"GIF89a\x00", "picture"),
    (
        "a.bmp",
        b"BM\xd6\x8c\x00\x00" + bytes(4) + b"\x36\x00\x00\x00\x28\x00\x00\x00" + b"\xff" * 99,
        "picture",
    ),
    ("a.zip", b"PK\x03\x04\x00\x00", "archive"),
    ("a.mp3", b"ID3\x04\x00", "recording"),
    ("a.docx", bytes(range(256)), "not a Word file"),
    ("data", bytes(range(256)), "binary"),
]


@pytest.mark.parametrize(("filename", "head", "what"), UNREADABLE, ids=[name for name, *_ in UNREADABLE])
def test_anything_else_is_unsupported_and_says_what_to_do(filename: str, head: bytes, what: str) -> None:
    with pytest.raises(ExtractionFailed, match=what) as caught:
        choose_entry(filename, "", head)
    assert caught.value.code == "unsupported"
    assert re.search(r"Send|Unpack|Check|Convert", caught.value.message)


async def test_text_becomes_paragraphs_with_their_lines(extractor: Extractor, tmp_path: Path) -> None:
    long = "word " * 60 + "end"
    document = await read(extractor, tmp_path, f"{long}\n{long}\r\n\r\n  \nthree\rfour\n".encode(), "a.txt")
    assert [(block.text, block.line_start, block.line_end) for block in document.blocks] == [
        (f"{long}\n{long}", 1, 2),
        ("three\nfour", 5, 6),
    ]
    assert document.title is None


async def test_very_short_paragraphs_share_a_block(extractor: Extractor, tmp_path: Path) -> None:
    document = await read(extractor, tmp_path, b"\none\n\n\ntwo\n" + b"\n" * 900 + b"three\n", "a.txt")
    assert [(block.text, block.line_start, block.line_end) for block in document.blocks] == [
        ("one\n\n\ntwo", 2, 5),
        ("three", 906, 906),
    ]


async def test_a_page_without_text_says_that_it_needs_javascript(
    extractor: Extractor, tmp_path: Path
) -> None:
    page = b"<!doctype html><title>Shop</title><div id=root></div><script src=a.js></script>"
    with pytest.raises(ExtractionFailed, match=r"without JavaScript .* save it from there") as error:
        await read(extractor, tmp_path, page, "shop.html")
    assert error.value.code == "empty"


@pytest.mark.parametrize("filename", ["a.txt", "a.md"])
async def test_a_large_text_reads_the_same_in_the_child(
    extractor: Extractor, tmp_path: Path, filename: str
) -> None:
    part = b"# Heading\n\nSome text that is long enough to be read.\n" * 10
    small = await read(extractor, tmp_path, part, filename)
    large = await read(extractor, tmp_path, part * 1_100, filename)
    assert large.blocks[: len(small.blocks) - 1] == small.blocks[:-1]
    assert large.title == small.title
    assert large.blocks[-1].line_end == 33_000


async def test_a_file_of_very_many_paragraphs_costs_the_event_loop_little(
    extractor: Extractor, tmp_path: Path
) -> None:
    """Everybody's requests wait meanwhile: the loop only takes in what the child answers."""
    paragraphs = b"".join(b"Paragraph %d has %b words.\n\n" % (n, b"many " * 45) for n in range(80_000))
    await read(extractor, tmp_path, b"# Warm up", "a.md")
    started = time.thread_time()
    document = await read(extractor, tmp_path, paragraphs, "notes.md")
    assert time.thread_time() - started < 0.2
    assert len(document.blocks) == 80_000


@pytest.mark.parametrize(
    "data",
    [
        "Grüße aus Köln".encode(),
        "Grüße aus Köln".encode("utf-8-sig"),
        "Grüße aus Köln".encode("utf-16"),
        b"\xfe\xff" + "Grüße aus Köln".encode("utf-16-be"),
        "Grüße aus Köln".encode("utf-16-le"),
        "Grüße aus Köln".encode("utf-32"),
        "Grüße aus Köln".encode("cp1252"),
        "Gru\u0308ße aus Ko\u0308ln".encode(),
        "Grü\xadße aus Köln".encode(),
    ],
    ids=["utf-8", "marked", "utf-16", "utf-16be", "utf-16le", "utf-32", "cp1252", "decomposed", "hyphenated"],
)
async def test_every_usual_encoding_reads_the_same(extractor: Extractor, tmp_path: Path, data: bytes) -> None:
    document = await read(extractor, tmp_path, data, "a.txt", "text/plain")
    assert document.text == "Grüße aus Köln"


async def test_one_bad_byte_does_not_spoil_utf_8(extractor: Extractor, tmp_path: Path) -> None:
    data = ("Прочитано " * 50).encode() + b"\xff ok"
    assert (await read(extractor, tmp_path, data, "a.txt")).text.startswith("Прочитано Прочитано")


async def test_binary_data_called_text_is_unsupported(extractor: Extractor, tmp_path: Path) -> None:
    with pytest.raises(ExtractionFailed, match="binary") as caught:
        await read(extractor, tmp_path, bytes(range(256)) * 4 + b"\x00" * 100, "a.txt", "text/plain")
    assert caught.value.code == "unsupported"


@pytest.mark.parametrize("data", [b"", b"\n \n", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("filename", ["a.txt", "a.md", "a.html"])
async def test_a_file_without_text_is_empty(
    extractor: Extractor, tmp_path: Path, data: bytes, filename: str
) -> None:
    with pytest.raises(ExtractionFailed) as caught:
        await read(extractor, tmp_path, data, filename)
    assert caught.value.code == "empty"


async def test_a_file_over_the_limit_is_too_large(tmp_path: Path) -> None:
    async with Extractor(ExtractionLimits(max_file_bytes=10)) as extractor:
        with pytest.raises(ExtractionFailed) as caught:
            await read(extractor, tmp_path, b"eleven byte", "a.txt")
    assert caught.value.code == "too_large"


async def test_markdown_headings_are_found_in_both_spellings(extractor: Extractor, tmp_path: Path) -> None:
    text = b"Top\n===\n\nintro\n\n## Second ##\ntext\n\nThird\n---\n\n####### not one\n#nor this\n"
    document = await read(extractor, tmp_path, text, "a.md")
    headings = [
        (block.text, block.heading_level, block.line_start)
        for block in document.blocks
        if block.heading_level
    ]
    assert headings == [("Top", 1, 1), ("Second", 2, 6), ("Third", 2, 9)]
    assert document.title == "Top"


async def test_markdown_code_is_not_taken_for_headings(extractor: Extractor, tmp_path: Path) -> None:
    text = (
        b"# Real\n\n```sh\n# comment\n~~~\n# other\n```\n\n~~~~\n# third\n~~~\n# code\n~~~~\n\n# Real too\n"
    )
    document = await read(extractor, tmp_path, text, "a.md")
    assert [block.text for block in document.blocks if block.heading_level] == ["Real", "Real too"]


async def test_markdown_lists_rules_and_tables_are_not_taken_for_headings(
    extractor: Extractor, tmp_path: Path
) -> None:
    text = b"- item\n---\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\npara one\npara two\n---\n"
    document = await read(extractor, tmp_path, text, "a.md")
    assert not [block for block in document.blocks if block.heading_level]


async def test_front_matter_gives_the_title_and_stays_searchable(
    extractor: Extractor, tmp_path: Path
) -> None:
    text = b'---\ntitle: "Refund rules"\ntags: [billing]\n---\n# Heading\ntext\n'
    document = await read(extractor, tmp_path, text, "a.md")
    assert document.title == "Refund rules"
    assert "billing" in document.blocks[0].text
    assert (document.blocks[1].text, document.blocks[1].line_start) == ("Heading", 5)
