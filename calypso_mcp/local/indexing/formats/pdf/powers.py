"""Powers and the numbers of notes, which stand apart from the number before them only by their place."""

from __future__ import annotations

import re
from typing import Any

import pypdfium2.raw as pdfium

_pdfium: Any = pdfium  # not typed
#: A number, and the sign of a number after it, which may be a power below one. A search for one character of
#: a set is twice as fast as for several.
_NUMBER = re.compile("[0-9][0-9]*(?:[0-9]|[-+\u2013\u2212](?=[0-9]))")
#: The end of a line beside a figure.
_END = re.compile("\r\n(?:(?<=[0-9]\r\n)(?=.)|(?<=.\r\n)(?=[-+\u2013\u2212]?[0-9]))")
#: What takes the place of such an end, which has two characters, besides what is shown; it is left out.
FILLING = "\x00"
#: Largest size of a power, and how much higher it begins at least, as shares of its number's height.
_SMALLER, _HIGHER = 0.9, 0.15
#: Of the smaller of two letters, the least share beside the other if they stand on one line.
_BESIDE = 0.5
#: How far they may overlap across, as a share of the smaller one's height; the smallest gap between words,
#: and the largest within a line, as shares of the larger one's.
_OVERLAP, _GAP, _NEAR = 0.5, 0.18, 1
#: Most figures of the number of a note, which begins it.
_LONGEST_NUMBER = 3


def join_lines(text: str, text_page: Any) -> str:
    """Return the text of a page with lines put together that PDFium parts at small figures, as in m\u00b2.

    The text stays as long: `FILLING` takes the rest of the place of a line's end.
    """
    page, before, after = text_page.raw, _pdfium.FS_RECTF(), _pdfium.FS_RECTF()
    joined = -1  # where the last line put together goes on

    def join(end: re.Match[str]) -> str:
        nonlocal joined
        places = end.start() - 1, end.end()
        indexes = [_pdfium.FPDFText_GetCharIndexFromTextIndex(page, at) for at in places]
        for box, index in zip((before, after), indexes, strict=True):
            _pdfium.FPDFText_GetLooseCharBox(page, index, box)
        height = before.top - before.bottom
        smaller, larger = sorted((height, after.top - after.bottom))
        beside = min(before.top, after.top) - max(before.bottom, after.bottom)
        gap = after.left - before.right
        is_line = (
            smaller < _SMALLER * larger
            and beside > _BESIDE * smaller
            and -_OVERLAP * smaller < gap < _NEAR * larger
        )
        last, first = (text[at] for at in places)
        # Of a page that is cropped, the text begins later.
        codes = (_pdfium.FPDFText_GetUnicode(page, index) for index in indexes)
        if not is_line or [*codes] != [ord(last), ord(first)]:
            return end[0]
        start = text.rfind("\n", max(0, places[0] - _LONGEST_NUMBER), places[0]) + 1
        is_number = text[start : end.start()].isdecimal() and start != joined and height == smaller
        joined = places[1]
        if last.isdecimal() and first.isdecimal() and _is_raised(after, before):
            return "^" + FILLING
        is_apart = gap > _GAP * larger or (is_number and first.isalnum())
        return (" " if is_apart else FILLING) + FILLING

    return _END.sub(join, text)


def with_powers(text: str, text_page: Any) -> str:
    """Return the text of a page, as PDFium gives it, with `^` before powers: 10^6, not 106."""
    page, below, above = text_page.raw, _pdfium.FS_RECTF(), _pdfium.FS_RECTF()

    def mark(number: re.Match[str]) -> str:
        first = _pdfium.FPDFText_GetCharIndexFromTextIndex(page, number.start())
        # As high as the font, so that the shapes of figures do not count.
        _pdfium.FPDFText_GetLooseCharBox(page, first, below)
        shown = number[0]
        # Most numbers end as they begin: on the line.
        if is_raised(first + len(shown) - 1) or (not shown.isdecimal() and is_raised(first + len(shown) - 2)):
            power = next(at for at in range(len(shown)) if is_raised(first + at))
            if all(chr(_pdfium.FPDFText_GetUnicode(page, first + at)) == shown[at] for at in (0, power)):
                return f"{shown[:power]}^{shown[power:]}"
        return shown

    def is_raised(index: int) -> bool:
        _pdfium.FPDFText_GetLooseCharBox(page, index, above)
        return _is_raised(above, below)

    return _NUMBER.sub(mark, text)


def _is_raised(above: Any, below: Any) -> bool:
    height = below.top - below.bottom
    is_small: bool = above.top - above.bottom < _SMALLER * height
    return is_small and above.bottom - below.bottom > _HIGHER * height
