from __future__ import annotations

import pytest

from calypso_mcp.domain.outlines import Stretch
from calypso_mcp.local.indexing.chunking import MAX_CHARS, TARGET_CHARS, Chunk, split
from calypso_mcp.local.indexing.documents import LONGEST_TITLE, Block, Document, FileContent, Part
from calypso_mcp.local.indexing.formats.data.delimited import read_text
from calypso_mcp.local.indexing.formats.texts.markdown import read_markdown

SENTENCE = "This sentence is exactly fifty characters in length. "


def chunks(*blocks: Block) -> list[Chunk]:
    return split(Document(blocks))


def on_page(number: int | None) -> Part | None:
    return None if number is None else Part("page", number)


def paragraph(length: int, page: int | None = None) -> Block:
    return Block((SENTENCE * (length // len(SENTENCE) + 1))[:length].rstrip(), on_page(page))


def test_a_document_without_text_has_no_chunks() -> None:
    assert split(Document(())) == []
    assert chunks(Block("  \n "), Block("")) == []


def test_short_paragraphs_share_a_chunk_and_their_separator() -> None:
    [chunk] = chunks(Block("One.", line_start=1, line_end=1), Block("Two\nlines.", line_start=4, line_end=5))
    outline = (Stretch(0, 1, None, ""), Stretch(6, 4, None, ""))
    assert chunk == Chunk("One.\n\nTwo\nlines.", None, None, 1, 5, 0, 16, outline)


def test_paragraphs_are_joined_up_to_the_target_size() -> None:
    found = chunks(*[paragraph(500)] * 5)
    assert [len(chunk.text) // 400 for chunk in found] == [2, 2, 1]


def test_no_chunk_spans_two_pages() -> None:
    found = chunks(Block("first", on_page(1)), Block("second", on_page(2)), Block("also second", on_page(2)))
    assert [(chunk.part, chunk.text) for chunk in found] == [
        (on_page(1), "first"),
        (on_page(2), "second\n\nalso second"),
    ]


def test_a_big_enough_chunk_ends_before_a_heading() -> None:
    found = chunks(paragraph(600), Block("Next", heading_level=2), paragraph(300))
    assert [chunk.text.startswith("Next") for chunk in found] == [False, True]
    assert found[1].heading == "Next"


def test_small_sections_are_joined() -> None:
    [chunk] = split(read_markdown(FileContent(b"# A\none\n\n## B\ntwo\n\n## C\nthree\n")))
    assert chunk.heading == "A"
    assert chunk.text == "A\n\none\n\nB\n\ntwo\n\nC\n\nthree"


def test_the_heading_is_the_path_to_the_text() -> None:
    body = SENTENCE * 10
    text = f"# Handbook\n\n## Refunds\n\n{body}\n\n### Late\n\n{body}\n\n## Shipping\n\n{body}"
    found = split(read_markdown(FileContent(text.encode())))
    assert [chunk.heading for chunk in found] == [
        "Handbook > Refunds",
        "Handbook > Refunds > Late",
        "Handbook > Shipping",
    ]


@pytest.mark.parametrize("before", [100, 300])
@pytest.mark.parametrize("length", [1_100, MAX_CHARS])
def test_a_heading_moves_to_the_chunk_of_its_text(before: int, length: int) -> None:
    found = chunks(paragraph(before), Block("Title", heading_level=1), paragraph(length))
    assert [chunk.text[:5] for chunk in found] == ["This ", "Title"]


def test_a_paragraph_a_little_too_long_stays_whole() -> None:
    [chunk] = chunks(paragraph(MAX_CHARS))
    assert len(chunk.text) > TARGET_CHARS


def test_a_long_paragraph_is_cut_evenly_at_sentence_ends() -> None:
    found = chunks(paragraph(2_600))
    assert len(found) == 3
    assert all(chunk.text.endswith(".") for chunk in found[:-1])
    assert max(len(chunk.text) for chunk in found) < 1.5 * min(len(chunk.text) for chunk in found)


def test_the_number_of_an_item_stays_with_its_text() -> None:
    items = "".join(f"\n{number}. Item {'of many words ' * 12}" for number in range(80, 120))
    found = chunks(Block(items))
    assert len(found) > 3
    assert all(chunk.text.endswith("words") for chunk in found)


def test_chinese_is_cut_at_its_own_sentence_ends() -> None:
    found = chunks(Block("这是一个没有空格的句子。" * 200))
    assert len(found) == 2
    assert all(chunk.text.endswith("。") for chunk in found)


def test_text_without_any_boundary_is_cut_anyway() -> None:
    found = chunks(Block("x" * 10_000))
    assert "".join(chunk.text for chunk in found) == "x" * 10_000
    assert max(len(chunk.text) for chunk in found) <= MAX_CHARS


def test_a_cut_does_not_part_a_letter_from_its_accent() -> None:
    found = chunks(Block("e\u0301" * 3_000))
    assert not any(chunk.text.startswith("\u0301") for chunk in found)


def test_lines_are_counted_through_a_long_block() -> None:
    lines = [f"line {number:04d} with some words to fill it up" for number in range(1, 201)]
    found = split(read_text(FileContent("\n".join(lines).encode())))
    assert len(found) > 3
    for chunk in found:
        assert chunk.line_start is not None
        assert chunk.line_end is not None
        assert chunk.text == "\n".join(lines[chunk.line_start - 1 : chunk.line_end])


def test_an_underlined_heading_does_not_shift_the_lines_below() -> None:
    [chunk] = split(read_markdown(FileContent(b"Title\n=====\n\ntext\nmore\n")))
    assert (chunk.line_start, chunk.line_end) == (1, 5)


def test_what_every_passage_repeats_is_short() -> None:
    long = "word " * 10_000
    part = Part("sheet", 1, long)
    blocks = (Block(long, part, heading_level=1), *(Block("x" * 1_000, part) for _ in range(20)))
    document = Document(blocks, long, warnings=(long,) * 1_000)
    chunks = split(document)
    assert "".join(chunk.text for chunk in chunks).count("word") == 10_000
    names = [chunk.part.name for chunk in chunks if chunk.part is not None]
    headings = [chunk.heading or "" for chunk in chunks]
    assert max(map(len, [document.title or "", *names, *headings])) <= LONGEST_TITLE
    assert sum(map(len, document.warnings)) <= 100 * 500
