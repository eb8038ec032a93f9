"""Paragraphs and headings of a PDF page, whose text is only lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from calypso_mcp.local.indexing.documents import Block, Part
from calypso_mcp.local.indexing.formats.pdf.headings import GOES_ON, heading_key

_BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")
#: A line shorter than this fraction of the page's longest that ends a sentence ends a paragraph, too.
_SHORT_LINE = 0.8
#: Lines of scripts without spaces between words, whose words go on in the next line where this one is full.
_UNSPACED = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uff65]")
_FULL_LINE, _LEAST_FULL_CHARS = 0.9, 10
_SENTENCE_END = (".", "!", "?", ":", "。", "！", "？", "।")


def split_page(text: str, page: Part, headings: dict[str, int]) -> Iterator[Block]:
    """Yield a page's paragraphs and headings.

    A blank line, a short last line or a heading's own line part paragraphs. `headings` are those of this
    page, as `Headings` holds them.
    """
    for part in _BLANK_LINES.split(text):
        lines = [stripped for line in part.split("\n") if (stripped := line.strip())]
        for level, paragraph in _paragraphs(lines, headings):
            if level:
                yield Block("\n".join(paragraph), part=page, heading_level=level)
            else:
                yield Block(_joined(paragraph), part=page)


def _paragraphs(lines: list[str], headings: dict[str, int]) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines of each heading with its level, and those of each paragraph with 0."""
    longest = max(map(len, lines), default=0)
    open_level = 0
    paragraph: list[str] = []
    for line in lines:
        level = headings.get(heading_key(line)) if headings else None
        if level or (open_level and level != GOES_ON):
            if paragraph:
                yield open_level, paragraph
            open_level, paragraph = level or 0, []
        paragraph.append(line)
        if not open_level and line.endswith(_SENTENCE_END) and len(line) < _SHORT_LINE * longest:
            yield open_level, paragraph
            paragraph = []
    if paragraph:
        yield open_level, paragraph


def _joined(lines: list[str]) -> str:
    """Return the lines of a paragraph; Chinese and Japanese ones that only the margin parted as one."""
    text = "\n".join(lines)
    if text.isascii():
        return text
    full = max(_LEAST_FULL_CHARS, _FULL_LINE * max(map(len, lines)))
    text = lines[0]
    for line, following in pairwise(lines):
        goes_on = len(line) >= full and _UNSPACED.match(line[-1]) and _UNSPACED.match(following)
        text += following if goes_on else f"\n{following}"
    return text
