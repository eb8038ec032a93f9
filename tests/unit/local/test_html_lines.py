"""Passages of a page say where in its file they stand."""

from __future__ import annotations

import time

from calypso_mcp.local.indexing.chunking import split
from calypso_mcp.local.indexing.documents import FileContent
from calypso_mcp.local.indexing.formats.html.lines import SourceLines
from calypso_mcp.local.indexing.formats.html.reader import read_html

PAGE = b"""<!doctype html>
<html>
<head><title>Refunds</title>
<script>
  var words = "Refunds are paid";
</script></head>
<body>
<!-- Refunds are
     a comment -->
<h1>Refunds</h1>
<p>Refunds are paid
   within 14 days
   of <b title="days">arrival</b>.</p>
<ul><li>By card</li>
<li>By caf&eacute; voucher &amp; more</li></ul>
</body></html>
"""


def test_headings_paragraphs_and_lists_know_their_lines():
    blocks = read_html(FileContent(PAGE)).blocks

    assert [(block.text, block.line_start, block.line_end) for block in blocks] == [
        ("Refunds", 10, 10),
        ("Refunds are paid within 14 days of arrival.", 11, 13),
        ("- By card\n- By caf\xe9 voucher & more", 14, 15),
    ]


def test_a_passage_spans_the_lines_of_its_blocks():
    (chunk,) = split(read_html(FileContent(PAGE)))

    assert (chunk.line_start, chunk.line_end) == (10, 15)


def test_a_word_that_the_markup_spells_otherwise_leads_nothing_astray():
    lines = SourceLines("<p>&#82;efunds</p>\n<p>later</p>")

    assert lines.find("Unwritten") is None
    assert lines.find("later") == (2, 2)


def test_unclosed_markup_costs_no_more_than_its_length():
    hostile = "<!--" * 100_000 + "<script" * 100_000
    started = time.process_time()

    SourceLines(hostile)

    assert time.process_time() - started < 2
