"""A binary Excel workbook (.xlsb), as few records as make one (MS-XLSB 2.1.4)."""

from __future__ import annotations

import struct
from io import BytesIO
from zipfile import ZipFile

_RELATIONS = """<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"
 Target="worksheets/sheet1.bin"/></Relationships>"""


def binary_workbook(*cells: bytes, comment: str = "") -> bytes:
    """Return a workbook of one sheet with one row of cells."""
    sheet = _text("rId1") + _text("Rates")
    parts = {
        "xl/workbook.bin": _record(131)
        + _record(143)
        + _record(156, struct.pack("<II", 0, 1) + sheet)
        + _record(144)
        + _record(132),
        "xl/_rels/workbook.bin.rels": _RELATIONS.encode(),
        "xl/worksheets/sheet1.bin": _record(129)
        + _record(148, bytes(16))
        + _record(145)
        + _record(0, bytes(25))
        + b"".join(cells)
        + _record(146)
        + _record(130),
        "xl/comments1.bin": _record(637, b"\0" + _text(comment)),
    }
    target = BytesIO()
    with ZipFile(target, "w") as package:
        for name, content in parts.items():
            package.writestr(name, content)
    return target.getvalue()


def cell_with_column(text: str, column: int) -> bytes:
    """Return a cell in its long form."""
    return _record(6, struct.pack("<II", column, 0) + _text(text))


def cell_next_to_the_last(text: str) -> bytes:
    """Return a cell in its short form."""
    return _record(17, bytes(4) + _text(text))


def shared_cell(number: int) -> bytes:
    """Return a cell whose text is in the table of strings, which this workbook has not."""
    return _record(7, struct.pack("<III", 0, 0, number))


def _record(kind: int, content: bytes = b"") -> bytes:
    head = bytes([kind]) if kind < 0x80 else bytes([kind & 0x7F | 0x80, kind >> 7])
    size = len(content)
    return head + (bytes([size]) if size < 0x80 else bytes([size & 0x7F | 0x80, size >> 7])) + content


def _text(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")
