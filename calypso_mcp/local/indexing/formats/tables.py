"""Tables as blocks: rows stay whole, and every block says what its columns are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from calypso_mcp.domain.outlines import REPEATED
from calypso_mcp.local.indexing.chunking import TARGET_CHARS
from calypso_mcp.local.indexing.documents import Block, Part

T = TypeVar("T")

CELL_SEPARATOR = " | "
_LONGEST_HEADER = 600
_LONGEST_NAME = 60
#: Smallest share of a header's cells that are words.
_WORDS = 0.8


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: its cells, and its first and last line (in a sheet: its number, twice)."""

    cells: Sequence[str]
    start: int | None = None
    end: int | None = None


def fill_passages(items: Iterable[T], length: Callable[[T], int], reserved: int = 0) -> Iterator[list[T]]:
    """Yield items in runs that fit into a passage, at least one in each.

    Args:
        items: Each becomes a line.
        length: Returns the characters of an item.
        reserved: Characters that every passage holds besides.
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


def table_blocks(
    header: Sequence[str], rows: Iterable[Row], part: Part | None = None, *, labelled: bool = True
) -> Iterator[Block]:
    """Yield the rows under `header` in blocks of whole rows.

    Args:
        header: Names of the columns; empty for a table without names.
        rows: The rows below it.
        part: The part of the document that holds the table.
        labelled: Whether rows read `column: value | column: value`. Otherwise every block begins with the
            header's line, which takes less room.
    """
    header = [" ".join(name.split()) for name in header]
    top = "" if labelled else _row_line(header)[:_LONGEST_HEADER]
    unsaid = {index for index, name in enumerate(header) if labelled and name}

    def lines() -> Iterator[tuple[str, Row]]:
        for row in rows:
            if unsaid:
                unsaid.difference_update([index for index, cell in enumerate(row.cells) if cell.strip()])
            if line := _labelled(header, row.cells) if labelled else _row_line(row.cells):
                yield line, row

    is_empty = True
    for run in fill_passages(lines(), lambda line: len(line[0]), len(top)):
        yield _block(top, run, part)
        is_empty = False
    if is_empty and top:
        yield Block(top, part, is_table=True)
    if unsaid:  # names of columns without a value, which may be no names but text
        yield Block(CELL_SEPARATOR.join(header[index] for index in sorted(unsaid)), part, is_table=True)


def is_header(cells: Sequence[str]) -> bool:
    """Whether a first row names columns: nearly all its cells are short words, no two of them equal."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    words = [cell for cell in filled if any(map(str.isalpha, cell)) and len(cell) <= _LONGEST_NAME]
    return len(filled) > 1 and len(set(filled)) == len(filled) and len(words) >= _WORDS * len(filled)


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
