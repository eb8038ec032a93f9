"""The main content of a web page, without what surrounds it on every page of its site."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from selectolax.lexbor import LexborNode

from calypso_mcp.local.indexing.documents import Block
from calypso_mcp.local.indexing.formats.html.blocks import visible_blocks
from calypso_mcp.local.indexing.formats.html.furniture import find_furniture
from calypso_mcp.local.indexing.formats.html.lines import SourceLines

#: Marks of main content, the most telling first (HTML standard 4.4.14, 4.3.2; WAI-ARIA).
_MARKED = ("main", "[role=main]", "article")
#: Smallest share of the page's text in a marked element: some pages mark an empty box or a teaser.
_LEAST_SHARE = 0.2
#: Smallest share of the page's text that remains without furniture; otherwise all of it is content.
_LEAST_LEFT = 0.5


def find_main_content(root: LexborNode, markup: str, blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Return the `blocks`, all that is visible, of the marked main content, or of all but the furniture."""
    whole = _chars(blocks)
    for marked in _marked(root):
        main = visible_blocks(marked, SourceLines(markup), has_footer=True)
        if _chars(main) >= _LEAST_SHARE * whole:
            return (*_missing_heading(main, blocks), *main)
    rest = visible_blocks(root, SourceLines(markup), find_furniture(root))
    return tuple(rest if _chars(rest) >= _LEAST_LEFT * whole else blocks)


def _marked(root: LexborNode) -> Iterator[LexborNode]:
    for selector in _MARKED:
        found = root.css(selector)
        # Several articles are a list of them, and none is the page's content by itself.
        if len(found) == 1:
            yield found[0]


def _missing_heading(main: Sequence[Block], blocks: Sequence[Block]) -> list[Block]:
    """Return the page's first heading if it lies outside `main`, as above a column of text."""
    headings = [block for block in blocks if block.heading_level == 1]
    if not headings or any(block.heading_level == 1 for block in main):
        return []
    return headings[:1]


def _chars(blocks: Sequence[Block]) -> int:
    return sum(len(block.text) for block in blocks)
