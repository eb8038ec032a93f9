"""Dialects of XML: FictionBook as the page that its chapters make, draw.io with its deflated pages."""

from __future__ import annotations

import re
import zlib
from base64 import b64decode
from urllib.parse import unquote

#: Where a root begins.
_HEAD_CHARS = 2_000
_BOOK, _DIAGRAM = "<FictionBook", "<mxfile"
_NAME = re.compile(r"<book-title>([^<]*)</book-title>")
_ABOUT = re.compile(r"<annotation\b(?:[^<]|<(?!/?annotation\b))*+</annotation>")
#: HTML would hide the text of a `style` or `annotation`, and never end an empty element.
_TAG = re.compile(r"<(/?)(section|title|subtitle|p|v|body|style|annotation|empty-line|image)\b[^<>]*>")
_DEEPEST = 6
#: Percent-encoded XML in base64.
_DEFLATED = re.compile(r"(?<=>)\s*+([A-Za-z0-9+/=]++)\s*+(?=</diagram>)")
#: Most characters that the pages of a file may unpack to.
_MOST_CHARS = 30_000_000


def page_of_book(text: str) -> str | None:
    """Return a book as HTML with the titles of its sections as headings, line by line; None for other XML."""
    if _BOOK not in text[:_HEAD_CHARS]:
        return None
    start = max(0, text.find("</description>"))
    name = _NAME.search(text, 0, start)
    head = f"<head><title>{name[1]}</title></head>" if name is not None else ""
    found = _ABOUT.search(text, 0, start)
    about, at = (found[0], found.start()) if found is not None else ("", start)
    before, between = text.count("\n", 0, at), text.count("\n", at + len(about), start)
    written = _Headings().write("\n" * between + text[start:].partition("<binary")[0])
    return head + "\n" * before + _Headings().write(about) + written


class _Headings:
    """Knows how deep the section at a tag is nested, and whether the tag is inside a title."""

    def __init__(self) -> None:
        self._depth = 0
        self._is_title = False

    def write(self, text: str) -> str:
        return _TAG.sub(self._written, text)

    def _written(self, tag: re.Match[str]) -> str:
        end, name = tag[1], tag[2]
        if tag[0].endswith("/>"):
            return ""
        if name == "section":
            self._depth += -1 if end else 1
        elif name in {"title", "subtitle"}:
            self._is_title = name == "title" and not end
            level = max(1, self._depth + (name == "subtitle"))
            return f"<{end}h{min(level, _DEEPEST)}>"
        elif name in {"p", "v"}:
            return " " if self._is_title else f"<{end}p>"
        return ""


def inflate_diagrams(text: str) -> str:
    """Return the XML of a diagram with its pages as XML; any other XML as it is.

    Raises:
        ValueError: A page is damaged, or the pages unpack to too much.
    """
    if _DIAGRAM not in text[:_HEAD_CHARS]:
        return text
    left = _MOST_CHARS

    def inflate(page: re.Match[str]) -> str:
        nonlocal left
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            quoted = inflater.decompress(b64decode(page[1]), max(1, left))
        except zlib.error as error:
            raise ValueError("a page is damaged") from error
        left -= len(quoted)
        if not inflater.eof:
            raise ValueError("a page is cut off, or unpacks to too much")
        return " ".join(unquote(quoted.decode("ascii", "replace")).split())

    return _DEFLATED.sub(inflate, text)
