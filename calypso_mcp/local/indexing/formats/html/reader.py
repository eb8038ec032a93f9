"""HTML: headings, paragraphs, lists and tables, without scripts, styles and page furniture."""

from __future__ import annotations

import re
from dataclasses import replace

from selectolax.lexbor import LexborHTMLParser, SelectolaxError

from calypso_mcp.local.indexing.documents import Document, ExtractionFailed, FileContent
from calypso_mcp.local.indexing.formats.encodings.decoding import decode
from calypso_mcp.local.indexing.formats.html.blocks import visible_blocks
from calypso_mcp.local.indexing.formats.html.lines import SourceLines
from calypso_mcp.local.indexing.formats.html.main_content import main_content

#: The parser needs time that grows with the square of the nesting; browsers stop at 512.
MAX_DEPTH = 5_000

#: A start tag. Nothing is tried twice, so that it takes linear time.
_TAG_TO_CLOSE = re.compile(r"<([a-zA-Z][\w:-]*+)((?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*+)>")
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_OPTIONAL_OR_NO_END_TAG = """
    p li dt dd td th tr thead tbody tfoot colgroup option optgroup rp rt area base br col embed hr img input
    link meta source track wbr body head html
"""
#: The number of these says nothing about depth.
_UNCOUNTED = frozenset(_OPTIONAL_OR_NO_END_TAG.split())
_CHARSET = re.compile(
    rb"<meta[^>]{0,200}?charset\s*+=\s*+[\"']?\s*+([a-zA-Z0-9_:.-]{2,40})"
    rb"|^\s*<\?xml[^>]{0,200}?encoding\s*+=\s*+[\"']([a-zA-Z0-9_:.-]{2,40})",
    re.IGNORECASE,
)
#: Where browsers look for the declaration of the character set.
_CHARSET_WITHIN = 4_096


def read_html(file: FileContent) -> Document:
    """Return the visible text of a page.

    Raises:
        ExtractionFailed: `too_large` when elements are nested absurdly deep, `broken` when the parser
            gives up, `unsupported` for binary data.
    """
    decoded = decode(file.data, _declared(file))
    markup = decoded.text
    if _is_xhtml(file.filename, markup):
        markup = _TAG_TO_CLOSE.sub(_closed, markup)
    _check_depth(markup)
    try:
        parser = LexborHTMLParser(markup)
    except SelectolaxError as error:
        raise ExtractionFailed(
            "broken", "The HTML could not be parsed: it is damaged, or needs more memory than is allowed."
        ) from error
    # Not any title: a drawing in the page has one of its own.
    title = parser.css_first("head > title")
    root = parser.body or parser.root
    blocks = tuple(visible_blocks(root, SourceLines(markup))) if root is not None else ()
    if file.is_page and root is not None:
        blocks = main_content(root, markup, blocks)
    if markup.count("\n") < len(blocks):
        # Lines that hold several paragraphs tell a reader nothing.
        blocks = tuple(replace(block, line_start=None, line_end=None) for block in blocks)
    stated = " ".join(title.text().split()) if title is not None else ""
    return Document(blocks, stated or None, warnings=decoded.warnings)


def _is_xhtml(filename: str, markup: str) -> bool:
    return markup.lstrip().startswith("<?xml") or filename.lower().endswith((".xhtml", ".xht"))


def _closed(tag: re.Match[str]) -> str:
    """Return a tag that XML closes at once with an end tag, which HTML needs."""
    name, attributes = tag[1], tag[2]
    if not attributes.endswith("/") or name.lower() in _VOID:
        return tag[0]
    return f"<{name}{attributes[:-1]}></{name}>"


def _declared(file: FileContent) -> str:
    """Return the character set that the content type, the XML declaration or a `meta` element states."""
    declared = _CHARSET.search(file.data[:_CHARSET_WITHIN])
    return file.charset or ((declared[1] or declared[2]).decode("ascii") if declared is not None else "")


def _check_depth(markup: str) -> None:
    depth = 0
    for match in _TAG.finditer(markup):
        if match[2].lower() in _UNCOUNTED:
            continue
        depth = max(depth - 1, 0) if match[1] else depth + 1
        if depth > MAX_DEPTH:
            raise ExtractionFailed("too_large", f"The HTML is nested more than {MAX_DEPTH:,} elements deep.")
