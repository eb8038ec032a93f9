"""HTML: headings, paragraphs, lists and tables, without scripts, styles and page furniture."""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser, SelectolaxError

from calypso_mcp.local.indexing.documents import Document, ExtractionFailed
from calypso_mcp.local.indexing.formats.html_blocks import visible_blocks
from calypso_mcp.local.indexing.formats.html_lines import SourceLines
from calypso_mcp.local.indexing.formats.text import decode

#: The parser needs time that grows with the square of the nesting; browsers stop at 512.
MAX_DEPTH = 5_000

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_OPTIONAL_OR_NO_END_TAG = """
    p li dt dd td th tr thead tbody tfoot colgroup option optgroup rp rt area base br col embed hr img input
    link meta source track wbr body head html
"""
#: The number of these says nothing about depth.
_UNCOUNTED = frozenset(_OPTIONAL_OR_NO_END_TAG.split())
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([a-zA-Z0-9_:.-]{2,40})", re.IGNORECASE)
#: Where browsers look for the declaration of the character set.
_CHARSET_WITHIN = 4_096
_ENCODINGS = re.compile(
    r"(windows-?125\d|cp125\d|iso-?8859-?\d+|latin-?\d|koi8-?[ru]|gbk?|gb2312|gb18030|big5(-?hkscs)?"
    r"|shift[-_]?jis|sjis|euc[-_](jp|kr|tw)|iso-2022-jp|tis-?620|windows-?874|macintosh)",
    re.IGNORECASE,
)


def read_html(data: bytes) -> Document:
    """Return the visible text of a page.

    Raises:
        ExtractionFailed: `too_large` when elements are nested absurdly deep, `broken` when the parser
            gives up, `unsupported` for binary data.
    """
    markup = _decode(data)
    _check_depth(markup)
    try:
        parser = LexborHTMLParser(markup)
    except SelectolaxError as error:
        raise ExtractionFailed(
            "broken", "The HTML could not be parsed: it is damaged, or needs more memory than is allowed."
        ) from error
    title = parser.css_first("title")
    root = parser.body or parser.root
    return Document(
        tuple(visible_blocks(root, SourceLines(markup))) if root is not None else (),
        (" ".join(title.text().split()) or None) if title is not None else None,
    )


def _decode(data: bytes) -> str:
    declared = _CHARSET.search(data[:_CHARSET_WITHIN])
    if declared is not None and _ENCODINGS.fullmatch(name := declared[1].decode("ascii")):
        try:
            return data.decode(name, "replace").replace("\x00", "")
        except LookupError:
            pass  # a name Python does not know: detect it
    return decode(data)


def _check_depth(markup: str) -> None:
    depth = 0
    for match in _TAG.finditer(markup):
        if match[2].lower() in _UNCOUNTED:
            continue
        depth = max(depth - 1, 0) if match[1] else depth + 1
        if depth > MAX_DEPTH:
            raise ExtractionFailed("too_large", f"The HTML is nested more than {MAX_DEPTH:,} elements deep.")
