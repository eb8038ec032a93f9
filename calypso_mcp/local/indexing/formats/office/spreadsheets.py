"""Spreadsheets: rows under the names of their columns, each cited by sheet and row.

anydoc gives what a person sees in a cell ("12.5 %"), calamine where the cell is. Where the two disagree about
the shape of a sheet, and in very large ones, its values are taken from calamine, unformatted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from io import BytesIO
from itertools import pairwise

import anydoc
import python_calamine

from calypso_mcp.local.indexing.documents import Block, Document, ExtractionFailed, Part
from calypso_mcp.local.indexing.formats.office.model import grid_of, inline_text, parse
from calypso_mcp.local.indexing.formats.office.packages import DAMAGED
from calypso_mcp.local.indexing.formats.tables import (
    Row,
    find_names,
    is_header,
    is_number,
    join_names,
    stands_above_numbers,
    table_blocks,
)

#: Rows above the header, such as the sheet's title.
_ROWS_ABOVE = 10
#: A form has a column of labels and a column of what was filled in: not all numbers, and not all words.
_FORM_COLUMNS = 2
_LEAST_MIXED, _MOST_MIXED = 0.2, 0.8
#: A control character, as cells of Excel hold it (ECMA-376 part 1, 22.9.2.19).
_ESCAPED = re.compile(r"_x00([0-9A-F]{2})_")
#: The number of a date: days since day 0, with a fraction for the time of day.
_DAYS, _DAY_ZERO = re.compile(r"[1-9]\d{0,6}(?:\.\d+)?|0\.\d+"), date(1899, 12, 30).toordinal()
#: How much later the days are in a workbook that counts from 1904, as those of old Macs.
_SHIFTS = (0, 1_462)
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
        return Document(tuple(_book_blocks(book, shown)))
    except (python_calamine.CalamineError, OSError) as error:
        raise ExtractionFailed("broken", DAMAGED) from error


def _book_blocks(
    book: python_calamine.CalamineWorkbook, shown: Mapping[str, Sequence[anydoc.Table]]
) -> Iterator[Block]:
    sheets = [sheet for sheet in book.sheets_metadata if sheet.typ == python_calamine.SheetTypeEnum.WorkSheet]
    visible = [sheet.name for sheet in sheets if sheet.visible == python_calamine.SheetVisibleEnum.Visible]
    for number, name in enumerate((sheet.name for sheet in sheets), 1):
        sheet = book.get_sheet_by_name(name)
        if sheet.start is not None:
            tables = shown.get(name) or (shown.get("", ()) if visible == [name] else ())
            yield from sheet_blocks(Part("sheet", number, name), _rows(sheet, sheet.start[0], tables))


def sheet_blocks(part: Part, rows: Sequence[Row]) -> Iterator[Block]:
    """Yield the name of a sheet, then its rows under the names of their columns."""
    yield Block(part.name, part, heading_level=2)
    for names, table in _split_tables([row for row in rows if any(row.cells)]):
        yield from table_blocks(names, table, part)


def _split_tables(rows: Sequence[Row]) -> Iterator[tuple[Sequence[str], Sequence[Row]]]:
    """Yield runs of rows, each with the names of its columns; without names, if none are known.

    Another table begins below an empty row, or below a title that follows one.
    """
    names: Sequence[str] = ()
    begin = unknown = 0
    is_first = True
    for index, group, is_top in _find_headers(rows):
        is_first = is_first and index < _ROWS_ABOVE
        if index < unknown or not (is_first or is_top):
            continue
        first, last = find_names(rows, index, begin)
        top = begin if is_first else group
        unknown = _end_of_form(rows, index)
        is_form, is_titled = unknown > index, group < index
        if not is_form and (is_first or _is_other_table(rows, index, names, is_titled=is_titled)):
            yield names, rows[begin:top]
            yield (), rows[top:first]
            names, begin, is_first = join_names(rows[first].cells, rows[last].cells), last + 1, False
            unknown = begin
        elif is_titled or is_form:  # a titled row is neither names nor values for certain
            yield names, rows[begin:top]
            names, begin = (), top
    yield names, rows[begin:]


def _find_headers(rows: Sequence[Row]) -> Iterator[tuple[int, int, bool]]:
    """Yield rows that may name columns: index, first index of the group, and whether it is on top there.

    An empty row parts groups; titles, of one cell, may stand above the top.
    """
    group, is_top = 0, True
    for index, (row, below) in enumerate(pairwise(rows)):
        if index and not _follows(row, rows[index - 1]):
            group, is_top = index, True
        if (is_top or index < _ROWS_ABOVE) and is_header(row.cells, below.cells):
            yield index, group, is_top
        is_top = is_top and sum(map(bool, row.cells)) == 1


def _follows(row: Row, above: Row) -> bool:
    return row.start == (above.start or 0) + 1


def _end_of_form(rows: Sequence[Row], index: int) -> int:
    """Return the index below a form that begins with this row; the same for none.

    Each row of a form is a label and what was filled in, of any kind.
    """
    columns = _filled(rows[index])
    if len(columns) != _FORM_COLUMNS:
        return index
    form = [rows[index]]
    for row in rows[index + 1 : index + _ROWS_ABOVE]:
        if not _follows(row, form[-1]) or _filled(row) != columns:
            break
        form.append(row)
    label, value = sorted(columns)
    numbers = sum(is_number(row.cells[value]) for row in form[1:])
    is_mixed = _LEAST_MIXED < numbers / max(1, len(form) - 1) < _MOST_MIXED
    is_form = is_mixed or any(row.cells[label].rstrip().endswith(":") for row in form)
    return index + len(form) if is_form else index


def _filled(row: Row) -> set[int]:
    return {column for column, cell in enumerate(row.cells) if cell}


def _is_other_table(rows: Sequence[Row], index: int, names: Sequence[str], *, is_titled: bool) -> bool:
    """Whether a row names other columns, and is not merely a row of the table above."""
    is_wider = not _filled(rows[index]) <= {column for column, name in enumerate(names) if name}
    above_numbers = stands_above_numbers(rows[index].cells, rows[index + 1].cells)
    return above_numbers or (is_titled and is_wider)


def _rows(sheet: python_calamine.CalamineSheet, first_row: int, tables: Sequence[anydoc.Table]) -> list[Row]:
    values = sheet.to_python(skip_empty_area=True)
    plain = [[_value(cell) for cell in row] for row in values]
    grid = _grid(tables) if sheet.total_height * sheet.total_width <= _MOST_SHOWN_CELLS else []
    # anydoc leaves out the empty rows at the end, and may begin with the first row of the sheet.
    height = max((number for number, row in enumerate(plain, 1) if any(map(str.strip, row))), default=0)
    first = {len(values): first_row, height: first_row, first_row + height: 0}.get(len(grid))
    if first is None:
        grid, first = plain, first_row
    else:
        for shown, row in zip(grid[first_row - first :], values, strict=False):
            shown[: len(row)] = map(_dated, shown, row)
    return [Row(cells, number, number) for number, cells in enumerate(grid, first + 1)]


def _dated(shown: str, value: object) -> str:
    """Return a cell as shown, but a date where its number is shown.

    anydoc knows no eras, no Islamic dates and none of the formats that only some languages of Excel have.
    """
    if _DAYS.fullmatch(shown) is None or not isinstance(value, date | time):
        return shown
    days = value.toordinal() - _DAY_ZERO if isinstance(value, date) else 0
    return _value(value) if days - int(float(shown)) in _SHIFTS else shown


def _grid(tables: Sequence[anydoc.Table]) -> list[list[str]]:
    return [
        [_ESCAPED.sub(lambda code: chr(int(code[1], 16)), cell) for cell in row]
        for table in tables
        for row in grid_of(table)
    ]


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
