"""Binary workbooks (.xlsb) as calamine reads them: each cell says its column (MS-XLSB 2.1.4)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from calypso_mcp.local.indexing.documents import ExtractionFailed
from calypso_mcp.local.indexing.formats.office.packages import Package

_SHEETS = re.compile(r"^xl/worksheets/[^/]+\.bin$")
_COMMENTS = re.compile(r"^xl/comments\d*\.bin$")
#: The text of a comment: a byte of flags, the count of its letters, these (MS-XLSB 2.4.331, 2.5.122).
_COMMENT_TEXT, _LETTERS_AT = 637, 5
#: Records: the start of a row; cells with a column, values and formulas; cells next to the one before.
_ROW, _LONG_CELLS, _SHORT_CELLS = 0, range(1, 12), range(12, 19)
#: Bytes of a column's number.
_COLUMN_BYTES = 4
#: How much higher the numbers of records of short cells are.
_SHORT = 11
#: A sheet of more cells holds more text than is taken.
_MOST_RECORDS = 5_000_000


def with_long_cells(package: Package) -> bytes | None:
    """Return a copy of a binary workbook without short cells; None if it has none."""
    changed: dict[str, str | bytes] = {}
    for name in filter(_SHEETS.match, package.names):
        part = package.part(name)
        if any(kind in _SHORT_CELLS for kind, _, _ in _records(part)):
            changed[name] = _long(part)
    return package.copy(changed) if changed else None


def binary_comments(package: Package) -> Iterator[str]:
    """Yield the comments on the cells of a binary workbook."""
    for name in filter(_COMMENTS.match, package.names):
        for kind, _, content in _records(package.part(name)):
            if kind == _COMMENT_TEXT:
                count = int.from_bytes(content[1:_LETTERS_AT], "little")
                letters = content[_LETTERS_AT : _LETTERS_AT + 2 * count]
                yield " ".join(letters.decode("utf-16-le", "replace").split())


def _long(part: bytes) -> bytes:
    written = bytearray()
    column = -1
    for kind, record, content in _records(part):
        if kind == _ROW:
            column = -1
        elif kind in _LONG_CELLS and len(content) >= _COLUMN_BYTES:
            [column] = struct.unpack_from("<I", content)
        elif kind in _SHORT_CELLS:
            column += 1
            written += (
                bytes([kind - _SHORT])
                + _size(len(content) + _COLUMN_BYTES)
                + struct.pack("<I", column)
                + content
            )
            continue
        written += record
    return bytes(written)


def _records(part: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield the kind of each record, all its bytes, and its content."""
    at = 0
    for _ in range(_MOST_RECORDS):
        if at >= len(part):
            return
        kind, start = _number(part, at, 2)
        size, start = _number(part, start, 4)
        yield kind, part[at : start + size], part[start : start + size]
        at = start + size
    raise ExtractionFailed("too_large", f"A sheet holds more than {_MOST_RECORDS:,} records.")


def _number(part: bytes, at: int, most: int) -> tuple[int, int]:
    """Return a number of at most `most` bytes, seven bits in each, and the position after it."""
    value = 0
    for shift in range(most):
        byte = part[at] if at < len(part) else 0
        at += 1
        value |= (byte & 0x7F) << (7 * shift)
        if not byte & 0x80:
            break
    return value, at


def _size(number: int) -> bytes:
    """Return a number as `_number` reads it."""
    digits = [number >> shift & 0x7F for shift in (0, 7, 14, 21) if shift == 0 or number >> shift]
    return bytes([*(digit | 0x80 for digit in digits[:-1]), digits[-1]])
