"""The order in which recognized lines are read: columns before lines, but the rows of a table whole."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median_low

#: Smallest gaps between columns and between paragraphs, in line heights.
_COLUMN_GAP, _PARAGRAPH_GAP = 1.5, 0.9
#: Fewest lines of a column.
_COLUMN_LINES = 3
#: Mean width of the lines in a column of a table, in line heights, and the share of lines that stand beside
#: one of another column: running text is twice as wide, and half of its lines do so by chance.
_CELL_WIDTH, _LEVEL_LINES = 8, 0.85
_DEEPEST = 12


@dataclass(frozen=True, slots=True)
class Line:
    """Recognized text and the box around it, in pixels from the top left."""

    text: str
    left: float
    top: float
    right: float
    bottom: float

    @property
    def height(self) -> float:
        """In pixels."""
        return self.bottom - self.top


def join_lines(lines: Sequence[Line]) -> str:
    """Return the text of a page in reading order, paragraphs parted by blank lines.

    Cuts the page along its widest white bands, across or down, again and again (the recursive X-Y cut of
    Nagy and Seth, 1984).
    """
    if not lines:
        return ""
    height = sorted(line.height for line in lines)[len(lines) // 2]
    return "\n\n".join(_rows(part) for part in _cut(list(lines), height, 0))


def _cut(lines: list[Line], height: float, depth: int) -> Iterator[list[Line]]:
    if depth < _DEEPEST:
        columns = _split(lines, lambda line: (line.left, line.right), _COLUMN_GAP * height)
        if len(columns) > 1 and all(len(column) >= _COLUMN_LINES for column in columns):
            if _are_cells(columns, height):
                yield lines
                return
            for column in columns:
                yield from _cut(column, height, depth + 1)
            return
        bands = _split(lines, lambda line: (line.top, line.bottom), _PARAGRAPH_GAP * height)
        if len(bands) > 1:
            for band in bands:
                yield from _cut(band, height, depth + 1)
            return
    yield lines


def _are_cells(columns: list[list[Line]], height: float) -> bool:
    """Whether most columns are too narrow for running text, and their lines stand beside each other."""
    rows = sorted(line.top + line.bottom for line in max(columns, key=len))
    lines = [line for column in columns for line in column]
    level = sum(
        bisect(rows, line.top + line.bottom - height) < bisect(rows, line.top + line.bottom + height)
        for line in lines
    )
    width = median_low(fmean(line.right - line.left for line in column) for column in columns)
    return width < _CELL_WIDTH * height and level >= _LEVEL_LINES * len(lines)


def _split(lines: list[Line], extent: Callable[[Line], tuple[float, float]], gap: float) -> list[list[Line]]:
    """Return groups of lines with white bands of at least `gap` between them."""
    groups: list[list[Line]] = []
    end = float("-inf")
    for line in sorted(lines, key=extent):
        start, stop = extent(line)
        if start - end >= gap:
            groups.append([])
        groups[-1].append(line)
        end = max(end, stop)
    return groups


def _rows(lines: list[Line]) -> str:
    """Return lines from top to bottom, those beside each other as one."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.top + line.bottom):
        middle = (line.top + line.bottom) / 2
        if rows and rows[-1][0].top < middle < rows[-1][0].bottom:
            rows[-1].append(line)
        else:
            rows.append([line])
    return "\n".join(" ".join(line.text for line in sorted(row, key=lambda line: line.left)) for row in rows)
