"""The order of lines: columns of running text that a program drew row by row.

PDFium reads text in the order in which it was drawn. Of two columns drawn by rows, each line would be the
beginning of one sentence and the middle of another. Rows of a table, drawn the same way, stay rows: their
cells do not fill their columns, and seldom go on in the next row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple

#: Fewer rows are no columns of text.
_LEAST_ROWS = 4
#: Pages with more pieces of text are drawings or maps.
_MOST_PIECES = 4_000
#: A page with columns has more of them to a line.
_LEAST_PIECES = 1.2
_MOST_COLUMNS = 5
#: The narrowest gap between columns, and the narrowest column of text, in line heights.
_GUTTER, _COLUMN = 0.9, 8
#: Likewise, the widest gap between two lines of a column.
_PARAGRAPH = 2.5
#: Smallest share of lines that fill their column, and the share of its width that fills it.
_FULL_SHARE, _FULL_WIDTH = 0.6, 0.75
#: Smallest share of lines that begin with a small letter, in running text of scripts that have them.
_GOES_ON = 0.3


class _Piece(NamedTuple):
    """What was drawn at once, in points from the lower left corner of the page."""

    left: float
    bottom: float
    right: float
    top: float

    def is_beside(self, other: _Piece) -> bool:
        """Whether both are on one line."""
        return abs(self.bottom - other.bottom) < (self.top - self.bottom) / 2


_Row = list[_Piece]


def read_columns(text_page: Any, lines: int) -> str | None:
    """Return the text of a page with its columns one after the other; None where none was drawn by rows.

    `lines` is how many PDFium makes of it.
    """
    rows = _rows(text_page, lines)
    counts = Counter(len(row) for row in rows if len(row) > 1)
    if not counts:
        return None
    number, times = counts.most_common(1)[0]
    if times < _LEAST_ROWS or number > _MOST_COLUMNS:
        return None
    top, end, gutters = _region(rows, number)
    inside = rows[top:end]
    if len(inside) < _LEAST_ROWS or not _are_filled(inside, gutters):
        return None
    upper = max(piece.top for row in inside for piece in row)
    lower = min(piece.bottom for row in inside for piece in row)
    edges = [None, *gutters, None]
    columns = [
        text_page.get_text_bounded(left=left, right=right, top=upper, bottom=lower)
        for left, right in pairwise(edges)
    ]
    if not _go_on("\n".join(columns)):
        return None
    above, below = text_page.get_text_bounded(bottom=upper), text_page.get_text_bounded(top=lower)
    return "\n\n".join(filter(None, (above, *columns, below)))


def _rows(text_page: Any, lines: int) -> list[_Row]:
    """Return the pieces of text in the order in which they were drawn, those on one line together."""
    number = text_page.count_rects()
    if not max(2 * _LEAST_ROWS, _LEAST_PIECES * lines) <= number <= _MOST_PIECES:
        return []
    rows: list[_Row] = []
    for piece in (_Piece(*text_page.get_rect(index)) for index in range(number)):
        last = rows[-1][-1] if rows else None
        if last is None or not piece.is_beside(last) or piece.left < last.left:
            rows.append([piece])
        elif piece.left - last.right < _GUTTER * (piece.top - piece.bottom):
            rows[-1][-1] = _Piece(
                last.left, min(last.bottom, piece.bottom), piece.right, max(last.top, piece.top)
            )
        else:
            rows[-1].append(piece)
    return rows


def _region(rows: Sequence[_Row], number: int) -> tuple[int, int, list[float]]:
    """Return the longest run of rows that leave the gaps between `number` columns free, and those gaps."""
    full = [row for row in rows if len(row) == number]
    gutters = [
        (median(row[column].right for row in full) + min(row[column + 1].left for row in full)) / 2
        for column in range(number - 1)
    ]
    start = end = first = 0
    for index, row in enumerate(rows):
        if any(piece.left < gutter < piece.right for piece in row for gutter in gutters):
            first = index + 1
            continue
        if index > first and _is_apart(rows[index - 1][0], row[0]):
            first = index
        if index + 1 - first > end - start:
            start, end = first, index + 1
    return start, end, gutters


def _is_apart(upper: _Piece, lower: _Piece) -> bool:
    return upper.bottom - lower.top > _PARAGRAPH * (lower.top - lower.bottom)


def _are_filled(rows: Sequence[_Row], gutters: Sequence[float]) -> bool:
    """Whether most lines are as wide as their columns, as in running text."""
    edges = (float("-inf"), *gutters, float("inf"))
    for left, right in pairwise(edges):
        column = [piece for row in rows for piece in row if left < piece.left < right]
        if len(column) < _LEAST_ROWS:
            return False
        width = max(piece.right for piece in column) - min(piece.left for piece in column)
        height = median(piece.top - piece.bottom for piece in column)
        filled = sum(piece.right - piece.left >= _FULL_WIDTH * width for piece in column)
        if width < _COLUMN * height or filled < _FULL_SHARE * len(column):
            return False
    return True


def _go_on(text: str) -> bool:
    """Whether lines begin in the middle of sentences, as far as the script tells."""
    starts = [line.lstrip()[:1] for line in text.splitlines() if line.strip()]
    cased = [start for start in starts if start.lower() != start.upper()]
    if len(cased) < len(starts) / 2 and not any(map(str.isdigit, starts)):
        return True
    return sum(map(str.islower, cased)) >= _GOES_ON * len(starts)
