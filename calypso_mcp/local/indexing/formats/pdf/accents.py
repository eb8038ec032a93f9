"""Letters whose accents are drawn as signs of their own, as TeX does in its oldest encoding.

PDFium returns such an accent before its letter, or at the end of the line if it stands higher. An accent that
stands for an apostrophe lies beside its letter, not over it.
"""

from __future__ import annotations

import ctypes
import re
import sys
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, NamedTuple

import pypdfium2.raw as pdfium

_pdfium: Any = pdfium  # not typed

#: Accents that take room of their own, and those that combine with a letter.
_COMBINING = dict(
    zip(
        "`\xb4\u02c6\u02dc\xaf\u02d8\u02d9\xa8\u02da\u02dd\u02c7\xb8\u02db",
        "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327\u0328",
        strict=True,
    )
)
_ACCENT = re.compile(f"[{''.join(_COMBINING)}]")
_DOTLESS = str.maketrans("ıȷ", "ij")


class _Glyph(NamedTuple):
    character: str
    left: float
    right: float
    bottom: float
    top: float


def join_accents(text: str, text_page: Any) -> str:
    """Return the text of a page with accents on the letters over which they are drawn.

    Args:
        text: As PDFium orders it; line feeds end its lines.
        text_page: Of pypdfium2.
    """
    if _ACCENT.search(text) is None:
        return text
    joined = {_text(line): _text(_join(line)) for line in _lines(text_page)}
    return "\n".join(joined.get(line, line) for line in text.split("\n"))


def _lines(text_page: Any) -> Iterator[list[_Glyph]]:
    """Yield the lines that hold accents."""
    codes = (_pdfium.FPDFText_GetUnicode(text_page, index) for index in range(text_page.count_chars()))
    characters = "".join(chr(code) if code <= sys.maxunicode else "\0" for code in codes)
    start = 0
    for line in characters.split("\n"):
        end = start + len(line)
        if _ACCENT.search(line) is not None:
            yield [_glyph(text_page, index, characters[index]) for index in range(start, end)]
        start = end + 1


def _glyph(text_page: Any, index: int, character: str) -> _Glyph:
    box = _pdfium.FS_RECTF()
    # Loose: as wide as the font says, so that a narrow letter lies below a wide accent.
    _pdfium.FPDFText_GetLooseCharBox(text_page, index, ctypes.byref(box))
    return _Glyph(character, box.left, box.right, box.bottom, box.top)


def _join(line: list[_Glyph]) -> list[_Glyph]:
    joined = list(line)
    places = range(len(line))
    accents = [at for at in places if line[at].character in _COMBINING]
    letters = sorted({*places}.difference(accents), key=lambda at: line[at].left)
    for index in accents:
        accent = line[index]
        middle = (accent.left + accent.right) / 2
        nearest = bisect_left(letters, middle, key=lambda at: line[at].left) - 1
        letter = line[letters[nearest]] if nearest >= 0 else accent
        base = letter.character.translate(_DOTLESS)
        whole = unicodedata.normalize("NFC", base + _COMBINING[accent.character])
        is_over = middle < letter.right and accent.bottom < letter.top and letter.bottom < accent.top
        if is_over and len(whole) == 1:
            joined[letters[nearest]] = letter._replace(character=whole)
            joined[index] = accent._replace(character="")
    return joined


def _text(line: list[_Glyph]) -> str:
    return "".join(glyph.character for glyph in line).rstrip("\r")
