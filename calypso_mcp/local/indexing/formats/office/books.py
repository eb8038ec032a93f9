"""Names of chapters in EPUB books: many stand in the table of contents only."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from html import escape
from urllib.parse import unquote

from selectolax.lexbor import LexborHTMLParser

from calypso_mcp.local.indexing.formats.encodings.labels import codec_of
from calypso_mcp.local.indexing.formats.office.packages import Package

_BODY = re.compile(r"<body\b[^<>]*>")
_PAGES = (".xhtml", ".html", ".htm")
_DECLARED = re.compile(rb"""<\?xml[^<>]{0,100}\bencoding=["']([\w.:-]{1,40})["']""")
_LONGEST_DECLARATION = 200
_LONGEST_NAME = 300
#: A chapter that names itself without a heading does so in one of its first elements.
_OPENING_LINES = 20


def with_chapter_names(package: Package) -> bytes | None:
    """Return a copy of a book whose chapters begin with their names; None where all do so already.

    Raises:
        ExtractionFailed: `too_large`.
    """
    pages: dict[str, str] = {}
    for name, page in _chapters(package):
        if page not in pages and page in package.names:
            pages[page] = name
    named = {page: text for page in package.names if (text := _foreign(package, page))}
    for page, name in pages.items():
        if text := _named(named.get(page) or package.text(page), name):
            named[page] = text
    return (
        package.copy({page: lambda _, text=text: text for page, text in named.items()}, {}) if named else None
    )


def _chapters(package: Package) -> Iterator[tuple[str, str]]:
    """Yield each entry of the tables of contents: its name, and the path of its page."""
    for part in package.names:
        if part.lower().endswith(".ncx"):
            points = LexborHTMLParser(package.text(part)).css("navpoint")
            entries = [(point.css_first("text"), point.css_first("content"), "src") for point in points]
        elif part.lower().endswith(_PAGES) and "<nav" in (text := package.text(part)):
            entries = [(link, link, "href") for link in LexborHTMLParser(text).css("nav li a")]
        else:
            continue
        for label, target, attribute in entries:
            path = (target.attributes.get(attribute) or "").partition("#")[0] if target else ""
            name = " ".join(label.text().split()) if label else ""
            if path and 0 < len(name) <= _LONGEST_NAME:
                yield name, posixpath.normpath(posixpath.join(posixpath.dirname(part), unquote(path)))


def _foreign(package: Package, page: str) -> str | None:
    """Return a page in another encoding than UTF-8 without its declaration; None of any other page."""
    if not page.lower().endswith(_PAGES):
        return None
    declared = _DECLARED.match(package.part(page)[:_LONGEST_DECLARATION])
    codec = codec_of(declared[1].decode()) if declared else None
    if codec is None or codec.startswith("utf-"):
        return None
    return package.text(page, codec).partition("?>")[2]


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
