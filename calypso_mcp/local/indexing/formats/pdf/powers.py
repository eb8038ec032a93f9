"""Powers and the numbers of notes, which stand apart from the number before them only by their place."""

from __future__ import annotations

import re
from typing import Any

import pypdfium2.raw as pdfium

_pdfium: Any = pdfium  # not typed
#: The end of a line beside a figure; a number, and the sign of one after it, which may be a power below one.
#: Both begin with one set of characters, which is sought three times as fast as two.
_SOUGHT = re.compile(
    "[\r0-9](?:(?<=\r)\n(?:(?<=[0-9]\r\n)|(?=[-+\u2013\u2212]?[0-9]))"
    "|(?<!\r)[0-9]*(?:[0-9]|[-+\u2013\u2212](?=[0-9])))"
)
#: Largest size of a power, and how much higher it begins at least, as shares of its number's height.
_SMALLER, _HIGHER = 0.9, 0.15
#: Of the smaller of two letters, the least share beside the other if they stand on one line.
_BESIDE = 0.5
#: Smallest gap between words, and largest within a line, as shares of the larger letter's height.
_GAP, _NEAR = 0.18, 1
#: Most figures of the number of a note, which begins it.
_LONGEST_NUMBER = 3


def with_powers(text: str, text_page: Any) -> str:
    """Return the text of a page, as PDFium gives it, with `^` before powers: 10^6, not 106.

    Lines that PDFium parts where small letters stand higher or lower, as in m\u00b2, are put together.
    """
    page, below, above = text_page.raw, _pdfium.FS_RECTF(), _pdfium.FS_RECTF()
    joined = -1  # where the last line put together goes on

    def mark(found: re.Match[str]) -> str:
        shown = found[0]
        if shown == "\r\n":
            return (
                join(found.start() - 1, found.end()) if 0 < found.start() < found.end() < len(text) else shown
            )
        first = _pdfium.FPDFText_GetCharIndexFromTextIndex(page, found.start())
        # As high as the font, so that the shapes of figures do not count.
        _pdfium.FPDFText_GetLooseCharBox(page, first, below)
        # Most numbers end as they begin: on the line.
        if is_raised(first + len(shown) - 1) or (not shown.isdecimal() and is_raised(first + len(shown) - 2)):
            power = next(at for at in range(len(shown)) if is_raised(first + at))
            if all(chr(_pdfium.FPDFText_GetUnicode(page, first + at)) == shown[at] for at in (0, power)):
                return f"{shown[:power]}^{shown[power:]}"
        return shown

    def is_raised(index: int) -> bool:
        _pdfium.FPDFText_GetLooseCharBox(page, index, above)
        height = below.top - below.bottom
        is_small: bool = above.top - above.bottom < _SMALLER * height
        return is_small and above.bottom - below.bottom > _HIGHER * height

    def join(last: int, first: int) -> str:
        nonlocal joined
        indexes = [_pdfium.FPDFText_GetCharIndexFromTextIndex(page, at) for at in (last, first)]
        for box, index in zip((below, above), indexes, strict=True):
            _pdfium.FPDFText_GetLooseCharBox(page, index, box)
        height = below.top - below.bottom
        smaller, larger = sorted((height, above.top - above.bottom))
        beside = min(below.top, above.top) - max(below.bottom, above.bottom)
        gap = above.left - below.right
        if not (smaller < _SMALLER * larger and beside > _BESIDE * smaller and abs(gap) < _NEAR * larger):
            return "\r\n"
        start = text.rfind("\n", max(0, last - _LONGEST_NUMBER), last) + 1
        is_number = start > 0 and start != joined and height == smaller
        joined = first
        if text[last].isdecimal() and text[first].isdecimal() and is_raised(indexes[1]):
            return "^"
        return " " if gap > _GAP * larger or (is_number and text[first].isalnum()) else ""

    return _SOUGHT.sub(mark, text)
