"""The characters of a PDF page with their places, and accents that are drawn as signs of their own.

TeX does so in its oldest encoding. PDFium returns such an accent before its letter, or at the end of the line
if it stands higher. An accent that stands for an apostrophe lies beside its letter, not over it.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, NamedTuple

import pypdfium2.raw as pdfium

from calypso_mcp.domain.unicode_forms import normalize

_pdfium: Any = pdfium  # not typed
_SURROGATES = range(0xD800, 0xE000)
#: Accents that take room of their own, and those that combine with a letter.
_COMBINING = dict(
    zip(
        "`\xb4\u02c6\u02dc\xaf\u02d8\u02d9\xa8\u02da\u02dd\u02c7\xb8\u02db",
        "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327\u0328",
        strict=True,
    )
)
#: What ends a line, or the part of a word that stands on it.
_LINE = re.compile("[^\n\x02\ufffe]+")
_DOTLESS = str.maketrans("ıȷ", "ij")


class Glyph(NamedTuple):
    """A character with its marks, and its box in points from the lower left corner of the page."""

    text: str
    left: float
    bottom: float
    right: float
    top: float

    @property
    def height(self) -> float:
        """Its extent down."""
        return self.top - self.bottom

    @property
    def x(self) -> float:
        """Its middle across."""
        return (self.left + self.right) / 2

    @property
    def y(self) -> float:
        """Its middle down."""
        return (self.bottom + self.top) / 2


def read_characters(text_page: Any) -> str:
    """Return the characters of a page of pypdfium2; NUL for each that is none."""
    codes = (_pdfium.FPDFText_GetUnicode(text_page, index) for index in range(text_page.count_chars()))
    return "".join(
        chr(code) if code <= sys.maxunicode and code not in _SURROGATES else "\0" for code in codes
    )


def read_glyph(text_page: Any, index: int, character: str) -> Glyph:
    """Return the glyph of a character; as wide as the font says, so that the letters of a word touch."""
    return Glyph(character, *text_page.get_charbox(index, loose=True))


def join_accents(text: str, text_page: Any) -> str:
    """Return the text of a page, as PDFium orders it, with accents on the letters over which they lie."""
    if not _has_accents(text):
        return text
    joined = {_text(line): _text(_join(line)) for line in _lines(text_page)}
    return _LINE.sub(lambda line: joined.get(line[0], line[0]), text)


def _has_accents(text: str) -> bool:
    return any(accent in text for accent in _COMBINING)  # a hundredth of a pattern's time


def _lines(text_page: Any) -> Iterator[list[Glyph]]:
    """Yield the lines that hold accents."""
    for line in _LINE.finditer(read_characters(text_page)):
        if _has_accents(line[0]):
            yield [read_glyph(text_page, index, letter) for index, letter in enumerate(line[0], line.start())]


def _join(line: list[Glyph]) -> list[Glyph]:
    joined = list(line)
    places = range(len(line))
    accents = [at for at in places if line[at].text in _COMBINING]
    letters = sorted({*places}.difference(accents), key=lambda at: line[at].left)
    for index in accents:
        accent = line[index]
        nearest = bisect_left(letters, accent.x, key=lambda at: line[at].left) - 1
        letter = line[letters[nearest]] if nearest >= 0 else accent
        whole = normalize("NFC", letter.text.translate(_DOTLESS) + _COMBINING[accent.text])
        is_over = accent.x < letter.right and accent.bottom < letter.top and letter.bottom < accent.top
        if is_over and len(whole) == 1:
            joined[letters[nearest]] = letter._replace(text=whole)
            joined[index] = accent._replace(text="")
    return joined


def _text(line: list[Glyph]) -> str:
    return "".join(glyph.text for glyph in line).rstrip("\r")
