"""Powers and the numbers of notes, which stand apart from the number before them only by their place."""

from __future__ import annotations

import re
from typing import Any

import pypdfium2.raw as pdfium

_pdfium: Any = pdfium  # not typed
#: A number, and the sign of a number after it, which may be a power below one.
_NUMBER = re.compile("[0-9]+(?:[0-9]|[-+\u2013\u2212](?=[0-9]))")
#: Largest size of a power, and how much higher it begins at least, as shares of its number's height.
_SMALLER, _HIGHER = 0.9, 0.15


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
        height = below.top - below.bottom
        is_small: bool = above.top - above.bottom < _SMALLER * height
        return is_small and above.bottom - below.bottom > _HIGHER * height

    return _NUMBER.sub(mark, text)
