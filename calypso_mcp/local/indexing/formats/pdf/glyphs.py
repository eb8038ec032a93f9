"""The characters of a PDF page, with their places."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import pypdfium2.raw as pdfium

_pdfium: Any = pdfium  # not typed
_SURROGATES = range(0xD800, 0xE000)


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
