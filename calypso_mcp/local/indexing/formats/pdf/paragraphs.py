"""Paragraphs and headings of a PDF page, whose text is only lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice, pairwise
from typing import Any

from calypso_mcp.local.indexing.documents import Block, Part

_BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")
#: A line shorter than this fraction of the page's longest that ends a sentence ends a paragraph, too.
_SHORT_LINE = 0.8
#: Lines of scripts without spaces between words, whose words go on in the next line where this one is full.
_UNSPACED = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uff65]")
_FULL_LINE, _LEAST_FULL_CHARS = 0.9, 10
_SENTENCE_END = (".", "!", "?", ":", "。", "！", "？", "।")
#: Bookmarks looked at; more are not headings but an index.
_MAX_BOOKMARKS = 5_000
_DEEPEST_HEADING = 6
#: The numbering of a heading, which the page or its bookmark may lack.
_NUMBERING = re.compile(r"^(?:chapter|section|part|appendix)?[\s\d.:IVX-]*\b(?=\D)", re.IGNORECASE)


def split_page(text: str, page: Part, headings: dict[str, int]) -> Iterator[Block]:
    """Yield a page's paragraphs and headings.

    A blank line, a short last line or a heading's own line part paragraphs. `headings` are those of this
    page, as `read_headings` keeps them.
    """
    for part in _BLANK_LINES.split(text):
        lines = [stripped for line in part.split("\n") if (stripped := line.strip())]
        longest = max(map(len, lines), default=0)
        start = 0
        for index, line in enumerate(lines):
            level = headings.get(_heading_key(line)) if headings else None
            if level is not None and start < index:
                yield Block(_joined(lines[start:index]), part=page)
            if level is not None:
                yield Block(line, part=page, heading_level=level)
                start = index + 1
            elif line.endswith(_SENTENCE_END) and len(line) < _SHORT_LINE * longest:
                yield Block(_joined(lines[start : index + 1]), part=page)
                start = index + 1
        if start < len(lines):
            yield Block(_joined(lines[start:]), part=page)


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


def read_headings(pdf: Any) -> dict[int, dict[str, int]]:
    """Return, by page index, the headings that the PDF's outline places there and their levels."""
    found: dict[int, dict[str, int]] = {}
    for bookmark in islice(pdf.get_toc(), _MAX_BOOKMARKS):
        target = bookmark.get_dest()
        page = target.get_index() if target is not None else None
        key = _heading_key(bookmark.get_title())
        if page is not None and key:
            found.setdefault(page, {})[key] = min(bookmark.level + 1, _DEEPEST_HEADING)
    return found


def _heading_key(line: str) -> str:
    return "".join(_NUMBERING.sub("", line).split()).casefold()
