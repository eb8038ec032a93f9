"""Names of chapters in EPUB books: only the table of contents holds many of them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from html import escape
from urllib.parse import unquote

from selectolax.lexbor import LexborHTMLParser

from calypso_mcp.local.indexing.formats.encodings.labels import codec_of, xml_encoding
from calypso_mcp.local.indexing.formats.office.packages import Package, decode_part

_BODY = re.compile(r"<body\b[^<>]*>")
#: Where a power or the number of a note follows a number.
_POWER = re.compile(r"(?<=\d)(?=<sup\b[^<>]*>(?:<a\b[^<>]*>)?[-+\u2013\u2212]?\d)")
_PAGES = (".xhtml", ".html", ".htm")
_LONGEST_NAME = 300
#: A chapter that names itself without a heading does so in one of its first elements.
_OPENING_LINES = 20


def with_chapter_names(package: Package) -> bytes | None:
    """Return a copy of a book whose chapters begin with their names; None where all do so already.

    Raises:
        ExtractionFailed: `too_large`.
    """
    changed: dict[str, str] = {}
    pages: dict[str, str] = {}
    for page in filter(_is_page, package.names):
        content = package.part(page)
        codec = _foreign_codec(content)
        given = decode_part(content, codec or "utf-8")
        pages[page] = _POWER.sub("^", given if codec is None else given.partition("?>")[2])
        if pages[page] != given:
            changed[page] = pages[page]
    names: dict[str, str] = {}
    for page, name in _chapters(package, pages):
        names.setdefault(page, name)
    for page, name in names.items():
        if page in pages and (named := _named(pages[page], name)):
            changed[page] = named
    return package.copy(changed) if changed else None


def _is_page(name: str) -> bool:
    return name.lower().endswith(_PAGES)


def _chapters(package: Package, pages: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each entry of the tables of contents: the path of its page, and its name."""
    for part in package.names:
        if part.lower().endswith(".ncx"):
            points = LexborHTMLParser(package.text(part)).css("navpoint")
            entries = [(point.css_first("text"), point.css_first("content"), "src") for point in points]
        elif "<nav" in pages.get(part, ""):
            entries = [(link, link, "href") for link in LexborHTMLParser(pages[part]).css("nav li a")]
        else:
            continue
        for label, target, attribute in entries:
            path = (target.attributes.get(attribute) or "").partition("#")[0] if target else ""
            name = " ".join(label.text().split()) if label else ""
            if path and 0 < len(name) <= _LONGEST_NAME:
                yield posixpath.normpath(posixpath.join(posixpath.dirname(part), unquote(path))), name


def _foreign_codec(content: bytes) -> str | None:
    """Return the codec of a page that declares another encoding than Unicode; None of any other."""
    codec = codec_of(xml_encoding(content))
    return None if codec is None or codec.startswith("utf-") else codec


def _named(page: str, name: str) -> str | None:
    """Return a page with its chapter's name above it; None if the page says the name itself."""
    body = _BODY.search(page)
    if body is None:
        return None
    tree = LexborHTMLParser(page[body.end() :])
    wanted = _folded(name)
    if any(_folded(line.text()) == wanted for line in tree.css("p, div, span, b, strong")[:_OPENING_LINES]):
        return None
    headings = [_folded(heading.text()) for heading in tree.css("h1, h2, h3, h4, h5, h6")]
    if any(heading and (heading in wanted or wanted in heading) for heading in headings):
        return None
    return f"{page[: body.end()]}<h1>{escape(name)}</h1>{page[body.end() :]}"


def _folded(text: str) -> str:
    return "".join(text.split()).casefold()
