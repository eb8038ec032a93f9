"""Spreadsheets: rows under the names of their columns, each cited by sheet and row.

anydoc gives what a person sees in a cell ("12.5 %"), calamine where the cell is. Where the two disagree about
the shape of a sheet, and in very large ones, its values are taken from calamine, unformatted. Each opens
files of some programs that the other does not: one is enough.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, time
from io import BytesIO

import anydoc
import python_calamine

from calypso_mcp.local.indexing.documents import Block, Document, ExtractionFailed, Part
from calypso_mcp.local.indexing.formats.office.model import grid_of, inline_text, parse
from calypso_mcp.local.indexing.formats.office.packages import DAMAGED
from calypso_mcp.local.indexing.formats.tables import Row, is_header, table_blocks

#: Rows above the header, such as the sheet's title.
_ROWS_ABOVE = 10
#: Larger sheets show values unformatted: each cell as it is shown costs 30 microseconds, empty ones too.
_MOST_SHOWN_CELLS = 200_000


def read_spreadsheet(data: bytes) -> Document:
    """Return the rows of every sheet, hidden ones included.

    Raises:
        ExtractionFailed: As for `read_office`.
    """
    # First, because it refuses sheets that span more cells than fit into memory.
    shown = _shown(parse(data)) if anydoc.format_from_bytes(data) is not None else {}
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(BytesIO(data))
    except python_calamine.CalamineError as error:
        if not any(shown.values()):
            raise ExtractionFailed("broken", DAMAGED) from error
        return Document(tuple(_shown_blocks(shown)))
    blocks: list[Block] = []
    sheets = [sheet for sheet in book.sheets_metadata if sheet.typ == python_calamine.SheetTypeEnum.WorkSheet]
    visible = [sheet.name for sheet in sheets if sheet.visible == python_calamine.SheetVisibleEnum.Visible]
    for number, name in enumerate((sheet.name for sheet in sheets), 1):
        try:
            sheet = book.get_sheet_by_name(name)
        except (python_calamine.CalamineError, OSError) as error:
            raise ExtractionFailed("broken", DAMAGED) from error
        if sheet.start is None or sheet.end is None:
            continue
        tables = shown.get(name) or (shown.get("") if visible == [name] else None)
        is_small = sheet.total_height * sheet.total_width <= _MOST_SHOWN_CELLS
        grid = _grid(tables) if tables is not None and is_small else None
        rows = _numbered(sheet, sheet.start[0], sheet.end[0], grid)
        blocks += sheet_blocks(Part("sheet", number, name), rows)
    return Document(tuple(blocks))


def _shown_blocks(shown: dict[str, list[anydoc.Table]]) -> Iterator[Block]:
    """Yield the rows of sheets of which nothing but what they show is known."""
    for number, (name, tables) in enumerate(shown.items(), 1):
        rows = [Row(cells, row, row) for row, cells in enumerate(_grid(tables), 1)]
        yield from sheet_blocks(Part("sheet", number, name or f"Sheet {number}"), rows)


def sheet_blocks(part: Part, rows: Sequence[Row]) -> Iterator[Block]:
    """Yield the name of a sheet, then its rows under the names of their columns."""
    yield Block(part.name, part, heading_level=2)
    filled = [row for row in rows if any(row.cells)]
    top = next((index for index, row in enumerate(filled[:_ROWS_ABOVE]) if is_header(row.cells)), None)
    if top is None or top + 1 == len(filled):
        yield from table_blocks((), filled, part)
        return
    yield from table_blocks((), filled[:top], part)
    yield from table_blocks(filled[top].cells, filled[top + 1 :], part)


def _numbered(
    sheet: python_calamine.CalamineSheet, first_row: int, last_row: int, grid: list[list[str]] | None
) -> list[Row]:
    height = last_row - first_row + 1
    first = {height: first_row, last_row + 1: 0}.get(len(grid)) if grid is not None else None
    if grid is None or first is None:
        values = sheet.to_python(skip_empty_area=True)
        grid, first = [[_value(cell) for cell in row] for row in values], first_row
    return [Row(cells, number, number) for number, cells in enumerate(grid, first + 1)]


def _grid(tables: Sequence[anydoc.Table]) -> list[list[str]]:
    return [row for table in tables for row in grid_of(table)]


def _shown(document: anydoc.Document) -> dict[str, list[anydoc.Table]]:
    """Return the tables of each visible sheet by its name; of the only one, which is not named, under ""."""
    found: dict[str, list[anydoc.Table]] = {}
    name = ""
    for block in document.blocks:
        if block.kind == "heading":
            name = inline_text(block.content)
        elif block.kind == "table" and block.table is not None:
            found.setdefault(name, []).append(block.table)
    return found


def _value(cell: object) -> str:
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell.date() if isinstance(cell, datetime) and cell.time() == time() else cell)
