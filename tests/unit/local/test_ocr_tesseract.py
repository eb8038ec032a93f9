from __future__ import annotations

from calypso_mcp.local.indexing.formats.ocr.layout import join_lines
from calypso_mcp.local.indexing.formats.ocr.reader import parse_tesseract

HEADER = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext"


def word(text: str, *, page: int = 1, line: int = 1, left: int, width: int = 50) -> str:
    return f"5\t{page}\t1\t1\t{line}\t1\t{left}\t{line * 40}\t{width}\t20\t96.1\t{text}"


def test_words_with_a_wide_gap_between_them_stand_in_two_columns() -> None:
    rows = [
        word(text, line=line, left=left)
        for line, texts in enumerate([("the", "key", "we", "open"), ("is", "ninety", "at", "ten")] * 2, 1)
        for text, left in zip(texts, (0, 55, 300, 355), strict=True)
    ]
    lines = parse_tesseract("\n".join([HEADER, "4\t1\t1\t1\t1\t0\t0\t0\t9\t9\t-1\t", *rows]))[1]
    assert [line.text for line in lines[:2]] == ["the key", "we open"]
    left, right = "the key is ninety", "we open at ten"
    assert " ".join(join_lines(lines).split()) == f"{left} {left} {right} {right}"


def test_pages_are_kept_apart_and_chinese_is_written_without_spaces() -> None:
    rows = [word("年", left=0), word("假", left=52), word("2026", left=104), word("x", page=2, left=0)]
    pages = parse_tesseract("\n".join([HEADER, *rows]))
    assert {number: [line.text for line in lines] for number, lines in pages.items()} == {
        1: ["年假 2026"],
        2: ["x"],
    }


def test_what_is_no_table_holds_no_lines() -> None:
    assert parse_tesseract("") == {}
    assert parse_tesseract("5\t1\nnoise") == {}
