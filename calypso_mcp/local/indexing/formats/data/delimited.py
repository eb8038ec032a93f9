"""CSV and TSV: every row with the names of its columns."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import chain

from calypso_mcp.local.indexing.documents import Document, FileContent
from calypso_mcp.local.indexing.formats.encodings.decoding import decode
from calypso_mcp.local.indexing.formats.tables import Row, is_header, table_blocks
from calypso_mcp.local.indexing.formats.texts.text import text_document

_DELIMITERS = ",;\t|^~"
_SAMPLE_LINES = 50
#: Lines above the header, such as the title of a report.
_LINES_ABOVE = 10
_LONGEST_FIELD = 10_000_000
#: Rows go without labels if the names of the columns would make the text longer by more characters.
_MOST_LABELS = 10_000_000


def read_delimited(file: FileContent) -> Document:
    """Return the rows with their lines."""
    decoded = decode(file.data, file.charset)
    text, stated = _without_separator_line(decoded.text)
    delimiter = stated or _delimiter(text.split("\n", _SAMPLE_LINES)[:_SAMPLE_LINES])
    if delimiter is None:
        return text_document(decoded)
    csv.field_size_limit(_LONGEST_FIELD)
    rows = _rows(text, delimiter, 2 if stated else 1)
    try:
        above: list[Row] = []
        first = next(rows, None)
        while first is not None and len(above) < _LINES_ABOVE and sum(map(bool, first.cells)) <= 1:
            above.append(first)
            first = next(rows, None)
        second = next(rows, None)
        top = [row for row in (first, second) if row is not None]
        is_named = bool(top) and is_header(_once(top[0].cells), *(row.cells for row in top[1:]))
        header: Sequence[str] = top[0].cells if is_named else ()
        labelled = sum(map(len, header)) * text.count("\n") <= _MOST_LABELS
        body = chain(top[1:] if header else top, rows)
        blocks = (*table_blocks((), above), *table_blocks(header, body, labelled=labelled))
    except csv.Error:
        return text_document(decoded, "not a valid table, read as plain text")
    return Document(blocks, warnings=decoded.warnings)


def _rows(text: str, delimiter: str, first_line: int) -> Iterator[Row]:
    is_single = text.startswith("'") and f"'{delimiter}'" in text.partition("\n")[0]
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, quotechar="'" if is_single else '"')
    start = first_line
    for cells in reader:
        end = first_line - 1 + reader.line_num
        yield Row(cells, start, end)
        start = end + 1


def _once(cells: Sequence[str]) -> list[str]:
    """Return cells without neighbours that are equal: issue trackers name a column for each comment."""
    return ["" if cell == before else cell for cell, before in zip(cells, ["", *cells], strict=False)]


def _delimiter(lines: Sequence[str]) -> str | None:
    """Return the character that occurs equally often in most lines; None for text in one column."""
    best: dict[str, tuple[int, int]] = {}
    for delimiter in _DELIMITERS:
        counts = Counter(filter(None, (line.count(delimiter) for line in lines if line.strip())))
        if counts:
            number, times = counts.most_common(1)[0]
            best[delimiter] = times, number
    return max(best, key=best.__getitem__, default=None)


def _without_separator_line(text: str) -> tuple[str, str]:
    """Return the text without the line that tells Excel the delimiter, and that delimiter or ""."""
    line, _, rest = text.partition("\n")
    is_stated = line.lower().startswith("sep=") and len(line) == len("sep=;")
    return (rest, line[-1]) if is_stated else (text, "")
