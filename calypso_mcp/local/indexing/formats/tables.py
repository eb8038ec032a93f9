"""Tables as blocks: rows stay whole, and every block says what its columns are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from calypso_mcp.local.indexing.chunking import TARGET_CHARS
from calypso_mcp.local.indexing.documents import Block, Part

CELL_SEPARATOR = " | "
_LONGEST_HEADER = 600


def plain_rows(
    rows: Sequence[Sequence[str]], *, header_rows: int, part: Part | None = None
) -> Iterator[Block]:
    """Yield the rows of a table as lines of cells, under the header again in every block."""
    lines = [line for cells in rows if (line := row_line(cells))]
    header = "\n".join(lines[:header_rows])[:_LONGEST_HEADER]
    gathered: list[str] = [header] if header else []
    for line in lines[header_rows:]:
        if len(gathered) > 1 and sum(map(len, gathered)) + len(line) > TARGET_CHARS:
            yield Block("\n".join(gathered), part, is_table=True)
            gathered = [header]
        gathered.append(line)
    if gathered:
        yield Block("\n".join(gathered), part, is_table=True)


def labelled_rows(
    header: Sequence[str], rows: Iterable[tuple[int, int, Sequence[str]]], part: Part | None = None
) -> Iterator[Block]:
    """Yield rows as `column: value | column: value`.

    Args:
        header: Names of the columns; a column without one is not named.
        rows: First and last line (or row number) and the cells of each.
        part: Where the table stands.
    """
    gathered: list[str] = []
    size, start, end = 0, 0, 0
    for first, last, cells in rows:
        line = labelled(header, cells)
        if not line:
            continue
        if gathered and size + len(line) > TARGET_CHARS:
            yield Block("\n".join(gathered), part, start, end, is_table=True)
            gathered, size = [], 0
        start = first if not gathered else start
        end = last
        gathered.append(line)
        size += len(line) + 1
    if gathered:
        yield Block("\n".join(gathered), part, start, end, is_table=True)


def labelled(header: Sequence[str], cells: Sequence[str]) -> str:
    """Return one row with the names of its columns; empty cells are left out."""
    named = (
        f"{header[index]}: {value}" if index < len(header) and header[index] else value
        for index, cell in enumerate(cells)
        if (value := " ".join(cell.split()))
    )
    return CELL_SEPARATOR.join(named)


def row_line(cells: Sequence[str]) -> str:
    """Return the cells of a row on one line; empty for an empty row."""
    return CELL_SEPARATOR.join(cells).strip() if any(cells) else ""
