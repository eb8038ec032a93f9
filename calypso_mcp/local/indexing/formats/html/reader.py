"""HTML: headings, paragraphs, lists and tables, without scripts, styles and page furniture."""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser, SelectolaxError

from calypso_mcp.local.indexing.documents import Block, Document, ExtractionFailed, FileContent
from calypso_mcp.local.indexing.formats.encodings.decoding import decode
from calypso_mcp.local.indexing.formats.encodings.labels import xml_encoding
from calypso_mcp.local.indexing.formats.html.blocks import visible_blocks
from calypso_mcp.local.indexing.formats.html.furniture import find_main_content, find_questions_of_consent
from calypso_mcp.local.indexing.formats.html.lines import SourceLines
from calypso_mcp.local.indexing.formats.html.markup import prepare

#: The parser needs time that grows with the square of the nesting; browsers stop at 512.
MAX_DEPTH = 5_000

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_OPTIONAL_OR_NO_END_TAG = """
    p li dt dd td th tr thead tbody tfoot colgroup option optgroup rp rt area base br col embed hr img input
    link meta source track wbr body head html
"""
#: The number of these says nothing about depth.
_UNCOUNTED = frozenset(_OPTIONAL_OR_NO_END_TAG.split())
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*+=\s*+[\"']?\s*+([a-zA-Z0-9_:.-]{2,40})", re.IGNORECASE)
#: Where browsers look for the declaration of the character set.
_CHARSET_WITHIN = 4_096

#: Characters of text that a page without its text has at most, and one that says why it is not there.
_NEXT_TO_NOTHING, _LITTLE = 40, 1_000
_NO_PAGE = re.compile(
    r"\b40[134]\b|not found|no longer available|does not exist|access denied|just a moment"
    r"|checking your browser|are you (?:a robot|human)|nicht gefunden|introuvable|no encontrada|non trovata",
    re.IGNORECASE,
)


def read_html(file: FileContent) -> Document:
    """Return the visible text of a page.

    Raises:
        ExtractionFailed: `too_large` when elements are nested absurdly deep, `broken` when the parser
            gives up, `unsupported` for binary data.
    """
    decoded = decode(file.data, _declared(file))
    is_xhtml = _is_xhtml(file.filename, decoded.text)
    unread = 0

    def read_frame(inner: str) -> str:
        nonlocal unread
        if file.allowance.take(len(inner)):
            return _frame_text(inner)
        unread += 1
        return ""

    markup = prepare(decoded.text, read_frame, is_xhtml=is_xhtml)
    parser = _parse(markup)
    # Not any title: a drawing in the page has one of its own.
    title = parser.css_first("head > title")
    root = parser.body or parser.root
    blocks: tuple[Block, ...] = ()
    if root is not None:
        # All pages of a site share the footer; that of a chosen file is content.
        asked = find_questions_of_consent(root, markup)
        blocks = tuple(visible_blocks(root, SourceLines(markup), asked, has_footer=not file.is_page))
        blocks = find_main_content(root, markup, blocks) if file.is_page else blocks
    if markup.count("\n") < len(blocks):
        # Lines that hold several paragraphs tell a reader nothing.
        blocks = tuple(block.without_place() for block in blocks)
    stated = " ".join(title.text().split()) if title is not None else ""
    left_out = (f"{unread:,} frames were not read: there are too many",) if unread else ()
    doubts = _doubts(parser, stated, blocks) if file.is_page or not blocks else ()
    return Document(blocks, stated or None, warnings=(*decoded.warnings, *left_out, *doubts))


def _doubts(parser: LexborHTMLParser, title: str, blocks: tuple[Block, ...]) -> tuple[str, ...]:
    """Return why a page with little text may not be the one that was wanted."""
    chars = sum(len(block.text) for block in blocks)
    if chars <= _NEXT_TO_NOTHING and parser.css_first("script") is not None:
        what_to_do = "open it in a browser, save it from there, and upload the file"
        return (f"without JavaScript the page shows {chars} characters of text: {what_to_do}",)
    if chars > _LITTLE:
        return ()
    if parser.css_first("input[type=password]") is not None:
        return ("the page asks for a password: it may not be the page you wanted",)
    first = next((block.text for block in blocks if block.heading_level), "")
    refused = next((text for text in (title, first) if _NO_PAGE.search(text)), None)
    return (f"the page says {refused[:100]!r}: it may not be the page you wanted",) if refused else ()


def _parse(markup: str) -> LexborHTMLParser:
    _check_depth(markup)
    try:
        return LexborHTMLParser(markup)
    except SelectolaxError as error:
        raise ExtractionFailed(
            "broken", "The HTML could not be parsed: it is damaged or needs more memory than allowed."
        ) from error


def _frame_text(markup: str) -> str:
    """Return the text of the document that a frame holds itself, but not of frames in it."""
    root = _parse(prepare(markup, lambda _: "", is_xhtml=False)).body
    return (
        "\n".join(block.text for block in visible_blocks(root, SourceLines(""))) if root is not None else ""
    )


def _is_xhtml(filename: str, markup: str) -> bool:
    return markup.lstrip().startswith("<?xml") or filename.lower().endswith((".xhtml", ".xht"))


def _declared(file: FileContent) -> str:
    """Return the character set that the content type, the XML declaration or a `meta` element states."""
    in_meta = _CHARSET.search(file.data[:_CHARSET_WITHIN])
    return file.charset or xml_encoding(file.data) or (in_meta[1].decode("ascii") if in_meta else "")


def _check_depth(markup: str) -> None:
    depth = 0
    for match in _TAG.finditer(markup):
        if match[2].lower() in _UNCOUNTED:
            continue
        depth = max(depth - 1, 0) if match[1] else depth + 1
        if depth > MAX_DEPTH:
            raise ExtractionFailed("too_large", f"The HTML is nested more than {MAX_DEPTH:,} elements deep.")
