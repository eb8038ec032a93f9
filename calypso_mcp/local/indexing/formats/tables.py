"""Tables as blocks: rows stay whole, and every block says what its columns are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import dropwhile, zip_longest
from typing import TypeVar

from calypso_mcp.domain.outlines import REPEATED
from calypso_mcp.local.indexing.chunking import TARGET_CHARS
from calypso_mcp.local.indexing.documents import Block, Part

T = TypeVar("T")

CELL_SEPARATOR = " | "
#: Longer cells are not repeated in the other rows that they span.
_LONGEST_REPEATED = 100
#: Of a longer line with the names of columns, only the beginning is repeated.
LONGEST_HEADER = 600
_LONGEST_NAME = 60
#: Smallest share of a header's cells that are words.
_WORDS = 0.8
_YEAR = re.compile(r"(?:19|20)\d\d")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: its cells, and its first and last line (in a sheet: its number, twice)."""

    cells: Sequence[str]
    start: int | None = None
    end: int | None = None


def fill_passages(items: Iterable[T], length: Callable[[T], int], reserved: int = 0) -> Iterator[list[T]]:
    """Yield items, a line each, in runs that fit into a passage beside `reserved` characters, at least one.

    `length` returns the characters of an item.
    """
    run: list[T] = []
    size = reserved
    for item in items:
        if run and size + length(item) > TARGET_CHARS:
            yield run
            run, size = [], reserved
        run.append(item)
        size += length(item) + 1
    if run:
        yield run


def is_table(text: str) -> bool:
    """Whether nearly all of a text is rows."""
    if CELL_SEPARATOR not in text:
        return False
    lines = text.splitlines()
    return 4 * sum(CELL_SEPARATOR in line for line in lines) >= 3 * len(lines)


def is_labelled(cells: Iterable[str]) -> bool:
    """Whether each cell of a row names its column."""
    return all(": " in cell for cell in cells)


def table_blocks(
    header: Sequence[str], rows: Iterable[Row], part: Part | None = None, *, labelled: bool = True
) -> Iterator[Block]:
    """Yield the rows under `header` (empty for a table without names) in blocks of whole rows.

    Rows that are `labelled` read `column: value | column: value`. Otherwise every block begins with the
    header's line, which takes less room.
    """
    header = [" ".join(name.split()) for name in header]
    top = "" if labelled else _row_line(header)
    repeated_top = top[:LONGEST_HEADER]
    unsaid = {index for index, name in enumerate(header) if labelled and name}

    def lines() -> Iterator[tuple[str, Row]]:
        for row in rows:
            if unsaid:
                unsaid.difference_update([index for index, cell in enumerate(row.cells) if cell.strip()])
            if line := _labelled(header, row.cells) if labelled else _row_line(row.cells):
                yield line, row

    is_empty = True
    for run in fill_passages(lines(), lambda line: len(line[0]), len(repeated_top)):
        yield _block(top, run, part)
        top, is_empty = repeated_top, False
    if is_empty and top:
        yield Block(top, part, is_table=True)
    if unsaid:  # names of columns without a value, which may be no names but text
        yield Block(CELL_SEPARATOR.join(header[index] for index in sorted(unsaid)), part, is_table=True)


def repeat_cell(cell: str) -> str:
    """Return what the other rows say that a cell spans: its text, if it is short."""
    return cell if len(cell) <= _LONGEST_REPEATED else ""


def is_header(cells: Sequence[str], below: Sequence[str] = ()) -> bool:
    """Whether a row names the columns of the row below: nearly all its cells are short words or years.

    If two of them are equal, a word among them stands above a number.
    """
    filled = [cell.strip() for cell in cells if cell.strip()]
    named = sum(map(_is_name, filled)) + sum(
        _YEAR.fullmatch(cell.strip()) is not None and _YEAR.fullmatch(value.strip()) is None
        for cell, value in zip(cells, below, strict=False)
    )
    is_named = len(filled) > 1 and any(map(_is_name, filled)) and named >= _WORDS * len(filled)
    return is_named and (len(set(filled)) == len(filled) or stands_above_numbers(cells, below))


def find_names(rows: Sequence[Row], index: int, begin: int = 0) -> tuple[int, int]:
    """Return the first and last row that name the columns: a second one may name groups of them.

    `index` is the row that does, and `begin` the first of the table.
    """
    cells, below, values = [*(row.cells for row in rows[index : index + 3]), (), ()][:3]
    filled = list(filter(None, cells))
    is_repeated = len(set(filled)) < len(filled)
    columns = zip(cells, below, strict=False)
    # A table may leave out the name of its first column alone.
    grouped = columns if is_repeated else dropwhile(lambda column: not column[0], columns)
    is_group = any(name and not group for group, name in grouped)
    if is_group and is_header(below, values) and stands_above_numbers(below, values):
        return index, index + 1
    above = rows[index - 1].cells if index > begin and is_repeated else ()
    # Facts above a table tell few of its columns apart.
    has_groups = sum(map(bool, above)) > 1 and len(set(join_names(above, cells))) > len(set(cells))
    return index - has_groups, index


def join_names(groups: Sequence[str], names: Sequence[str]) -> Sequence[str]:
    """Return the names of columns, each behind the name of its group, which stands above its first column."""
    joined: list[str] = []
    group = ""
    for above, name in zip_longest(groups, names, fillvalue=""):
        group = above or group
        joined.append(" ".join(dict.fromkeys(filter(None, (group if name else above, name)))))
    return joined


def stands_above_numbers(cells: Sequence[str], below: Sequence[str]) -> bool:
    """Whether one of the cells is a word with a number below it."""
    return any(_is_name(cell) and is_number(value) for cell, value in zip(cells, below, strict=False))


def is_number(cell: str) -> bool:
    """Whether a cell holds a number, an amount or a date, without words."""
    return any(map(str.isdigit, cell)) and not any(map(str.isalpha, cell))


def _is_name(cell: str) -> bool:
    return any(map(str.isalpha, cell)) and len(cell.strip()) <= _LONGEST_NAME


def _block(top: str, lines: Sequence[tuple[str, Row]], part: Part | None) -> Block:
    first, last = lines[0][1].start, lines[-1][1].end
    rows = [(row.start or REPEATED, row.end or REPEATED) for _, row in lines]
    follow = first is not None and rows == [(number, number) for number in range(first, first + len(rows))]
    if first is None or (follow and not top):
        rows = []
    elif top:
        rows.insert(0, (REPEATED, REPEATED))
    text = "\n".join([*([top] if top else ()), *(line for line, _ in lines)])
    return Block(text, part, first, last, is_table=True, row_lines=tuple(rows))


def _labelled(header: Sequence[str], cells: Sequence[str]) -> str:
    """Return one row with the names of its columns; empty cells are left out."""
    named = (
        f"{header[index]}: {value}" if index < len(header) and header[index] else value
        for index, cell in enumerate(cells)
        if (value := " ".join(cell.split()))
    )
    return CELL_SEPARATOR.join(named)


def _row_line(cells: Sequence[str]) -> str:
    """Return the cells of a row on one line; empty for an empty row."""
    flat = [" ".join(cell.split()) for cell in cells]
    return CELL_SEPARATOR.join(flat).strip() if any(flat) else ""
