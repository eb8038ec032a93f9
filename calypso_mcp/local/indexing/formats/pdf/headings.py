"""Headings of a PDF: those that its outline names, or else lines set larger or bolder than its text."""

from __future__ import annotations

import ctypes
import math
import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby, islice
from typing import Any, NamedTuple

import pypdfium2.raw as pdfium

from calypso_mcp.local.indexing.formats.pdf.powers import FILLING

_pdfium: Any = pdfium  # not typed
#: Bookmarks looked at; more are not headings but an index.
_MAX_BOOKMARKS = 5_000
_DEEPEST_HEADING = 6
#: The numbering of a heading, which the page or its bookmark may lack.
_NUMBERING = re.compile(r"^(?:chapter|section|part|appendix)?[\s\d.:IVX-]*\b(?=\D)", re.IGNORECASE)
#: The names of bold fonts, those of TeX's too.
_BOLD = re.compile(b"[Bb]old|[Bb]lack|Heavy|[Dd]emi|(?:CM|SF)BX")
#: Figures, those of notes too, and marks around the letters of a line, which have sizes of their own.
_MARKS = " \t0123456789.,:;()[]*\u2217\u2020\u2021\xb7\u2022\u25cf\u2013-"
#: Of the longest line of a page, how long one may be that is always asked for its size and weight.
_SHORT_LINE = 0.7
#: How much larger than the text a heading is, and one in bold.
_LARGER, _AS_LARGE = 1.14, 0.97
#: How much larger those of the levels 1 to 4 are.
_LEVELS = (1.8, 1.45, 1.25, _LARGER)
_MOST_LINES, _LEAST_CHARS, _MOST_CHARS = 3, 2, 200
#: Ends of sentences; lines of a table of contents; amounts, which are sought themselves.
_NO_HEADING = re.compile(
    r"[.!?,;。！？।]\Z|^\S+ .*[ .]\d{1,3}$|\s\d+[.,]\d|\d ?[%€$£]|[€$£] ?\d", re.MULTILINE
)
#: What no heading as large as the text has: a figure behind words, as in totals.
_FIGURE = re.compile(r"^[\W\d_]*[^\W\d_]\D*\d")
#: Share of the most common size in the characters of text that a program set; OCR gives lines their own.
_LEAST_SHARE = 0.3

#: By the index of a page, the keys of the lines of its headings and their levels.
Headings = dict[int, dict[str, int]]
#: In place of a level: the line continues the heading above.
GOES_ON = 0


class Run(NamedTuple):
    """Lines of a page, one below the other, of one size in points and one weight."""

    size: float
    is_bold: bool
    lines: Sequence[str]


def read_runs(text: str, text_page: Any) -> list[Run]:
    """Return the runs of a page with its text as PDFium gives it."""
    if text_page.count_chars() != len(text):
        return []  # where a character lies is not known
    page, matrix, name = text_page.raw, _pdfium.FS_MATRIX(), ctypes.create_string_buffer(80)

    def names_bold(character: int) -> bool:
        _pdfium.FPDFText_GetFontInfo(page, character, name, len(name), None)
        return _BOLD.search(name.value) is not None

    found: list[tuple[float, bool, str]] = []
    lines, start = text.split("\r\n"), 0
    size, alike, is_bold, was_short = 0.0, 0, False, False
    longest = max(map(len, lines))
    for line in lines:
        if shown := line.rstrip(_MARKS) or line.rstrip():
            is_short = len(line) < _SHORT_LINE * longest
            # A long line below one that is the last of many in one size has that size, too; most lines do.
            if is_short or was_short or alike <= _MOST_LINES:
                last, before = start + len(shown) - 1, size
                _pdfium.FPDFText_GetMatrix(page, last, matrix)
                size = round(_pdfium.FPDFText_GetFontSize(page, last) * math.hypot(matrix.c, matrix.d), 1)
                alike = alike + 1 if size == before else 1
                first = min(start + len(line) - len(line.lstrip(_MARKS)), last)
                is_bold = names_bold(last) and names_bold(first)
            was_short = is_short
            found.append((size, is_bold, line.strip().replace(FILLING, "")))
        start += len(line) + len("\r\n")
    return [
        Run(*kind, [line[2] for line in run]) for kind, run in groupby(found, lambda line: (line[0], line[1]))
    ]


def find_headings(pdf: Any, pages: Sequence[Sequence[Run]]) -> Headings:
    """Return the headings that the PDF's outline names; without one, those that the sizes tell."""
    found = _read_outline(pdf)
    body = 0.0 if found else _body_size(pages)
    for index, run in ((index, run) for index, page in enumerate(pages) for run in page):
        if len(run.lines) <= _MOST_LINES:
            text = "\n".join(run.lines)
            level = _level(run, text, body) if body else found.get(index, {}).get(heading_key(text))
            if level:
                levels = (level, *[GOES_ON] * (len(run.lines) - 1))
                found.setdefault(index, {}).update(zip(map(heading_key, run.lines), levels, strict=True))
    return found


def _read_outline(pdf: Any) -> Headings:
    found: Headings = {}
    for bookmark in islice(pdf.get_toc(), _MAX_BOOKMARKS):
        target = bookmark.get_dest()
        page = target.get_index() if target is not None else None
        key = heading_key(bookmark.get_title())
        if page is not None and key:
            found.setdefault(page, {})[key] = min(bookmark.level + 1, _DEEPEST_HEADING)
    return found


def _body_size(pages: Sequence[Sequence[Run]]) -> float:
    """Return the size of most of the text, figures aside; 0 if none is."""
    sizes: Counter[float] = Counter()
    for run in (run for page in pages for run in page):
        sizes[run.size] += sum(len(line.rstrip(_MARKS)) for line in run.lines)
    [(body, length)] = sizes.most_common(1) or [(0.0, 0)]
    return body if length >= _LEAST_SHARE * sizes.total() else 0.0


def _level(run: Run, text: str, body: float) -> int | None:
    is_larger = run.size > _LARGER * body
    if not is_larger and not (run.is_bold and run.size > _AS_LARGE * body and not _FIGURE.search(text)):
        return None
    is_short = _LEAST_CHARS <= len(text) <= _MOST_CHARS
    if is_short and sum(map(str.isalpha, text)) > len(text) / 2 and not _NO_HEADING.search(text):
        return 1 + sum(run.size < larger * body for larger in _LEVELS)
    return None


def heading_key(line: str) -> str:
    """Return how a heading is known in its different spellings."""
    return "".join(_NUMBERING.sub("", line).replace("^", "").split()).casefold()
