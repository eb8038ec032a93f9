"""CSV and TSV, also as plain text: every row with the names of its columns."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import chain, groupby, islice, pairwise, zip_longest

from calypso_mcp.local.indexing.documents import Block, Document, FileContent
from calypso_mcp.local.indexing.formats.data.leaves import leaf_text
from calypso_mcp.local.indexing.formats.encodings.decoding import Decoded, decode
from calypso_mcp.local.indexing.formats.tables import (
    Row,
    find_names,
    is_header,
    join_names,
    stands_above_numbers,
    table_blocks,
)
from calypso_mcp.local.indexing.formats.texts.text import decode_text, text_document

_DELIMITERS = ",;\t|^~"
_COMMA_OF_TEXT = re.compile(r"(?<!\d),|,(?!\d)")
_SAMPLE_LINES = 50
#: Lines above the header, such as the title of a report and what a bank says of an account.
_LINES_ABOVE = 20
#: Share of the rows below that are no wider than the names of the columns.
_AS_NARROW = 0.75
#: So many first lines of a table have as many delimiters, and nearly all others: prose may follow a table.
_SURE_LINES, _AS_WIDE = 3, 0.9
#: Fewer below an empty row may be facts with their names.
_SURE_COLUMNS = 3
_LONGEST_FIELD = 10_000_000
#: Rows go without labels if the names of the columns would make the text longer by more characters.
_MOST_LABELS = 10_000_000


def read_delimited(file: FileContent) -> Document:
    """Return the rows with their lines."""
    return _rows_document(decode(file.data, file.charset))


def read_text(file: FileContent) -> Document:
    """Return the paragraphs of a text file, or the rows of a table that Excel and others save as text."""
    decoded = decode_text(file)
    is_table = file.filename.lower().endswith(".txt") and _is_table(decoded.text)
    return _rows_document(decoded) if is_table else text_document(decoded)


def _is_table(text: str) -> bool:
    """Whether text of any name is surely a table: its first line names the columns of numbers below."""
    lines = [line for line in text.split("\n") if line.strip()]
    top = lines[:_SURE_LINES]
    delimiter = _delimiter(top[:1])
    if delimiter is None or len(top) < _SURE_LINES or any(f"{delimiter} " in line for line in top):
        return False  # the last as in sentences
    number = top[0].count(delimiter)
    as_wide = [line.count(delimiter) == number for line in lines]
    if not all(as_wide[:_SURE_LINES]) or sum(as_wide) < _AS_WIDE * len(lines):
        return False
    header, below = (line.split(delimiter) for line in top[:2])
    return is_header(header, below) and stands_above_numbers(header, below)


def _rows_document(decoded: Decoded) -> Document:
    """Return the rows of a table with their lines."""
    text, stated = _without_separator_line(decoded.text)
    delimiter = stated or _delimiter(text.split("\n", _SAMPLE_LINES)[:_SAMPLE_LINES])
    if delimiter is None:
        return text_document(decoded)
    csv.field_size_limit(_LONGEST_FIELD)
    rows = _rows(text, delimiter, 2 if stated else 1)
    try:
        top = list(islice(rows, _SAMPLE_LINES))
        start = _table_start(top)
        first, last = find_names(top, start) if _names_columns(top, start) else (start, start - 1)
        header = join_names(top[first].cells, top[last].cells) if first <= last else ()
        labelled = sum(map(len, header)) * text.count("\n") <= _MOST_LABELS
        body = chain(top[last + 1 :], rows)
        blocks = (*table_blocks((), top[:first]), *_blocks(header, body, labelled=labelled))
    except csv.Error:
        return text_document(decoded, "not a valid table, read as plain text")
    return Document(blocks, warnings=decoded.warnings)


def _blocks(header: Sequence[str], rows: Iterator[Row], *, labelled: bool) -> Iterator[Block]:
    """Yield the rows of a table, and of those below it that have names of columns of their own."""
    for number, table in groupby(_numbered(rows), key=lambda numbered: numbered[0]):
        below = (row for _, row in table)
        names = next(below).cells if number else header
        yield from table_blocks(names, below, labelled=labelled)


def _numbered(rows: Iterator[Row]) -> Iterator[tuple[int, Row]]:
    """Yield each row with the number of its table, which begins below an empty row or a title below one."""
    number, is_apart = 0, False
    above: Sequence[str] = ()
    for row, below in pairwise(chain(rows, [Row(())])):
        filled = sum(map(bool, row.cells))
        is_wide = is_apart and filled >= _SURE_COLUMNS
        if is_wide and _begins_table(row.cells, above, below.cells):
            number += 1
        is_apart = not filled or (is_apart and filled == 1)
        above = row.cells if filled > 1 else above
        yield number, row


def _begins_table(cells: Sequence[str], above: Sequence[str], below: Sequence[str]) -> bool:
    """Whether a row names the columns of the row below, and is no further row of the table above."""
    if not stands_above_numbers(cells, below) or not is_header(cells):
        return False
    columns = zip_longest(cells, above, below, fillvalue="")
    return not any(cell and cell in values for cell, *values in columns)


def _rows(text: str, delimiter: str, first_line: int) -> Iterator[Row]:
    is_single = text.startswith("'") and f"'{delimiter}'" in text.partition("\n")[0]
    quote = "'" if is_single else '"'
    reader = csv.reader(
        StringIO(text, newline=""), delimiter=delimiter, quotechar=quote, skipinitialspace=True
    )
    has_tags = "<" in text or "&" in text
    start = first_line
    for cells in reader:
        end = first_line - 1 + reader.line_num
        yield Row([leaf_text(cell) for cell in cells] if has_tags else cells, start, end)
        start = end + 1


def _table_start(rows: Sequence[Row]) -> int:
    """Return which row is the first of the table, below the title and the facts that reports begin with.

    Facts (`Account;12 345`) are narrower than the table, whose names of columns stand above numbers.
    """
    first = next((index for index, row in enumerate(rows) if sum(map(bool, row.cells)) > 1), len(rows))
    first = min(first, _LINES_ABOVE)
    widths = [max((column for column, cell in enumerate(row.cells, 1) if cell), default=0) for row in rows]
    for index in range(first, min(_LINES_ABOVE + 1, len(rows) - 1)):
        below = [width for width in widths[index + 1 :] if width]
        if sum(widths[index] >= width for width in below) >= _AS_NARROW * len(below):
            is_lower = stands_above_numbers(rows[index].cells, rows[index + 1].cells)
            return index if is_lower and _names_columns(rows, index) else first
    return first


def _names_columns(rows: Sequence[Row], index: int) -> bool:
    """Whether a row names the columns of those below, if there are any."""
    top = [row.cells for row in rows[index : index + 2]]
    return len(top) > 1 and is_header(_once(top[0]), top[1])


def _once(cells: Sequence[str]) -> list[str]:
    """Return cells without neighbours that are equal: issue trackers name a column for each comment."""
    return ["" if cell == before else cell for cell, before in zip(cells, ["", *cells], strict=False)]


def _delimiter(lines: Sequence[str]) -> str | None:
    """Return the character that occurs equally often in most lines; None for text in one column.

    Commas that stand in numbers only are the last choice.
    """
    best: dict[str, tuple[int, bool, int]] = {}
    for delimiter in _DELIMITERS:
        counts = Counter(filter(None, (line.count(delimiter) for line in lines if line.strip())))
        if counts:
            number, times = counts.most_common(1)[0]
            best[delimiter] = times, delimiter != "," or any(map(_COMMA_OF_TEXT.search, lines)), number
    return max(best, key=best.__getitem__, default=None)


def _without_separator_line(text: str) -> tuple[str, str]:
    """Return the text without the line that tells Excel the delimiter, and that delimiter or ""."""
    line, _, rest = text.partition("\n")
    is_stated = line.lower().startswith("sep=") and len(line) == len("sep=;")
    return (rest, line[-1]) if is_stated else (text, "")
