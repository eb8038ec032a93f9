"""HTML: headings, paragraphs, lists and tables, without scripts, styles and page furniture.

What would take the parser quadratic time is dropped before; what `noscript` holds is shown.
"""

from __future__ import annotations

import re
from html import escape
from itertools import islice

from selectolax.lexbor import LexborHTMLParser, SelectolaxError

from calypso_mcp.local.indexing.documents import Block, Document, ExtractionFailed, FileContent
from calypso_mcp.local.indexing.formats.encodings.decoding import decode
from calypso_mcp.local.indexing.formats.encodings.labels import xml_encoding
from calypso_mcp.local.indexing.formats.html.blocks import visible_blocks
from calypso_mcp.local.indexing.formats.html.furniture import find_main_content, find_questions_of_consent

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
#: A start tag, as browsers see one (WHATWG HTML, 13.2.5.6 to 13.2.5.40), or the end of a template. One that
#: nothing ends reaches to the end of the text, so that nothing is looked at twice.
_START_TAG = re.compile(
    r"<((?:/(?=template))?[a-z][^\s/>]*+)"
    r"""((?:[\s/]++|=\s*+(?:"[^"]*+"?+|'[^']*+'?+|[^\s"'>][^\s>]*+)?+|[^\s/>=]++)*+)>?+""",
    re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"""=\s*+(?:"[^"]*+"?+|'[^']*+'?+|[^\s"'>][^\s>]*+)?+|([^\s/>=]++)""")
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
#: The parser compares each attribute with all before it.
_MOST_ATTRIBUTES = 1_000
#: Holds no other of its kind.
_FALLBACK = re.compile(
    r"<(noscript|noframes)(?:\s[^<>]*+)?>([^<]*+(?:<(?!/?\1)[^<]*+)*+)</\1\s*>", re.IGNORECASE
)
#: Text of XHTML, and a comment to the parser.
_LITERAL = re.compile(r"<!\[CDATA\[([^\]]*+(?:\](?!\]>)[^\]]*+)*+)(?:\]\]>)?+")
#: The parser would see nothing but frames.
_FRAMES = re.compile(r"</?frame(?:set)?\b[^<>]*+>", re.IGNORECASE)
#: A style that is never closed goes on to the end.
_NO_WORDS = re.compile(
    r"<style\b[^<]*+(?:<(?!/style)[^<]*+)*+(?:</style)?+|<[^<>]*+>|[\W\d_]++", re.IGNORECASE
)

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
        ExtractionFailed: `too_large` when elements are nested too deeply, `broken` when the parser
            gives up, `unsupported` for binary data.
    """
    decoded = decode(file.data, _declared(file))
    is_xhtml = _is_xhtml(file.filename, decoded.text)
    markup = prepare(decoded.text, is_xhtml=is_xhtml)
    parser = _parse(markup)
    # Not any title: a drawing in the page has one of its own.
    title = parser.css_first("head > title")
    root = parser.body or parser.root
    blocks: tuple[Block, ...] = ()
    if root is not None:
        # All pages of a site share the footer; that of a chosen file is content.
        asked = find_questions_of_consent(root, markup)
        blocks = tuple(visible_blocks(root, asked, has_footer=not file.is_page))
        blocks = find_main_content(root, blocks) if file.is_page else blocks
    stated = " ".join(title.text().split()) if title is not None else ""
    doubts = _doubts(parser, stated, blocks) if file.is_page or not blocks else ()
    return Document(blocks, stated or None, warnings=(*decoded.warnings, *doubts))


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


def prepare(markup: str, *, is_xhtml: bool) -> str:
    """Return `markup` as the parser should see it.

    What is shown without frames, and what stands in the shadow of an element, stands in the page; text for
    browsers without scripts is text, but for the advice to allow them; elements with absurdly many attributes
    have none; those of XHTML that close in their start tag have an end tag, and its literal text is text.
    """
    in_shadow: list[bool] = []  # of each open template
    if is_xhtml:
        markup = _LITERAL.sub(lambda literal: escape(literal[1]), markup)

    def changed(tag: re.Match[str]) -> str:
        name, attributes = tag[1].lower(), tag[2]
        if len(attributes) > _MOST_ATTRIBUTES and _has_too_many(attributes):
            return f"<{tag[1]}>"
        if name == "template":
            in_shadow.append("shadowroot" in attributes.lower())
            return "<div>" if in_shadow[-1] else tag[0]
        if name == "/template":
            # As it is it would end nothing, and each shadow would stand in the one before.
            return "</div>" if in_shadow and in_shadow.pop() else tag[0]
        if is_xhtml and attributes.endswith("/") and name not in _VOID and tag[0].endswith(">"):
            return f"<{tag[1]}{attributes[:-1]}></{tag[1]}>"
        return tag[0]

    return _FRAMES.sub("", _FALLBACK.sub(_shown, _START_TAG.sub(changed, markup)))


def _has_too_many(attributes: str) -> bool:
    names = (found for found in _ATTRIBUTE.finditer(attributes) if found[1])
    return next(islice(names, _MOST_ATTRIBUTES, None), None) is not None


def _shown(fallback: re.Match[str]) -> str:
    """Return what browsers without scripts or frames show, if it is text and more than advice."""
    words = _NO_WORDS.sub(" ", fallback[2]).lower()
    is_about_frames = "frame" in words and ("browser" in words or "client" in words)
    if not words.strip() or "javascript" in words or "java script" in words or is_about_frames:
        return fallback[0]
    return f"<span>{fallback[2]}</span>"
