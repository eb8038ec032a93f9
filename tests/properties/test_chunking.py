from __future__ import annotations

import json

from hypothesis import example, given, strategies as st

from calypso_mcp.domain.outlines import find_lines, find_spot, read_outline, write_outline
from calypso_mcp.local.indexing.chunking import MAX_CHARS, split
from calypso_mcp.local.indexing.documents import Block, Document, FileContent, Part
from calypso_mcp.local.indexing.formats.data.delimited import read_text
from calypso_mcp.local.indexing.formats.encodings.decoding import decode
from calypso_mcp.local.indexing.formats.texts.markdown import read_markdown

texts = st.text(st.sampled_from("ab .,\n\n。देख\u0301é#=-`\t"), max_size=200)
#: Long enough to be cut, made by repetition so that examples stay small.
long_texts = st.tuples(texts, st.integers(1, 60)).map(lambda drawn: drawn[0] * drawn[1])
blocks = st.builds(
    Block,
    long_texts,
    part=st.none(),
    heading_level=st.one_of(st.none(), st.none(), st.integers(1, 6)),
)
pages = st.lists(st.lists(blocks, max_size=4), max_size=4).map(
    lambda found: Document(
        tuple(
            Block(block.text, part=Part("page", number), heading_level=block.heading_level)
            for number, page in enumerate(found, 1)
            for block in page
        )
    )
)


def visible(text: str) -> str:
    return "".join(text.split())


def shown(line: str) -> str:
    """Return a line without the marks of code, which a heading does not show."""
    return visible(line).replace("`", "")


@given(pages)
def test_chunks_hold_every_visible_character_once_and_in_order(document: Document) -> None:
    assert visible("".join(chunk.text for chunk in split(document))) == visible(document.text)


@given(pages)
def test_offsets_slice_the_chunk_out_of_the_document(document: Document) -> None:
    end = 0
    for chunk in split(document):
        assert document.text[chunk.start : chunk.end] == chunk.text
        assert chunk.start >= end
        assert chunk.text == chunk.text.strip() != ""
        end = chunk.end


@given(pages)
def test_no_chunk_is_too_long_or_leaves_its_page(document: Document) -> None:
    on_page = {
        page: visible("".join(block.text for block in document.blocks if block.part == page))
        for page in {block.part for block in document.blocks}
    }
    for chunk in split(document):
        assert len(chunk.text) <= MAX_CHARS
        assert visible(chunk.text) in on_page[chunk.part]


@given(long_texts)
def test_line_spans_lead_back_to_the_text_of_a_file(text: str) -> None:
    lines = decode(text.encode()).text.split("\n")
    for chunk in split(read_text(FileContent(text.encode()))):
        assert chunk.line_start is not None
        assert chunk.line_end is not None
        assert visible(chunk.text) in visible("".join(lines[chunk.line_start - 1 : chunk.line_end]))
        assert chunk.text.split("\n")[0] in lines[chunk.line_start - 1]
        assert chunk.text.split("\n")[-1] in lines[chunk.line_end - 1]


@given(long_texts)
@example("#\t#\t#\t#\t")
def test_markdown_of_any_shape_is_read_with_true_line_numbers(text: str) -> None:
    lines = decode(text.encode()).text.split("\n")
    for block in read_markdown(FileContent(text.encode())).blocks:
        assert block.line_start is not None
        assert shown(block.text.split("\n")[0]) in shown(lines[block.line_start - 1])


@given(long_texts)
@example("Heading\n=======\nText.")
@example("# =`=`")
@example(" =\n# =\n =\n# =\n")
def test_every_line_of_a_passage_leads_to_its_heading_and_line_of_the_file(text: str) -> None:
    lines = decode(text.encode()).text.split("\n")
    for read in (read_text, read_markdown):
        for chunk in split(read(FileContent(text.encode()))):
            start = 0
            for line in chunk.text.split("\n"):
                if said := line.strip():
                    begin = start + line.index(said)
                    spot = find_spot(chunk.outline, chunk.text, begin, begin + len(said))
                    assert spot.line_start is not None
                    # A heading may be underlined.
                    assert not "".join(lines[spot.line_start : spot.line_end]).strip(" \t=-")
                    assert shown(said) in shown(lines[spot.line_start - 1])
                    found = find_lines(chunk.outline, chunk.text, spot.line_start, spot.line_start)
                    assert found is not None
                    assert said in chunk.text[slice(*found)]
                start += len(line) + 1


@given(long_texts)
def test_an_outline_survives_being_written(text: str) -> None:
    for chunk in split(read_markdown(FileContent(text.encode()))):
        written = json.loads(json.dumps(write_outline(chunk.outline, chunk.heading or "")))
        assert read_outline(written, chunk.heading or "") == chunk.outline
