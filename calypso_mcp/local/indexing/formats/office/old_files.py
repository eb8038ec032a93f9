"""What anydoc leaves out of Word and Excel files from before 2007: headers, comments, boxes, titles."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from calypso_mcp.local.indexing.formats.compound_files import DAMAGES, open_compound_file
from calypso_mcp.local.indexing.formats.office.packages import PRINT_CODE

_ENTRY_BYTES = 128
_FILLED_ENTRY = b"\xff" * _ENTRY_BYTES
_UNUSED_ENTRY = bytes(68) + b"\xff" * 12 + bytes(48)
_WORD, _EXCEL = "WordDocument", "Workbook"
#: The workbook of Excel 5 and 95.
_EXCEL_5 = "Book"
#: Where a Word file says how many characters its parts have, in their order: text, footnotes, headers and
#: footers, macros, comments, endnotes, text boxes, those of headers (MS-DOC 2.5.5). anydoc reads the text and
#: the notes.
_COUNTS_AT, _PARTS = 0x4C, 8
_LEFT_OUT = (2, 4, 6, 7)
#: Flags: encrypted, and which of two streams holds the table of pieces (MS-DOC 2.5.2); its position.
_FLAGS_AT, _IS_ENCRYPTED, _IS_FIRST_TABLE, _PIECES_AT = 0x0A, 0x100, 0x200, 0x1A2
#: Flag of a piece whose letters take one byte each (MS-DOC 2.9.73).
_IS_NARROW = 0x4000_0000
_FIELD_CODE = re.compile("\x13[^\x13-\x15]*\x14?|\x15")
_PARAGRAPH_END = re.compile("[\r\x07\x0b\x0c]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f]")
#: Records of a sheet (MS-XLS 2.3): header, footer, more of the record before, text of a box or comment, title
#: of a chart; and the first, which says that text is in Unicode.
_HEADER, _FOOTER, _CONTINUE, _BOX, _TITLE, _START = 0x14, 0x15, 0x3C, 0x1B6, 0x100D, 0x809
_UNICODE_VERSION = b"\x00\x06"
_BOX_COUNT_AT = 10


def read_beside(data: bytes) -> Iterator[str]:
    """Yield each text beside the main text of an old Word or Excel file once; other files yield nothing."""
    try:
        with open_compound_file(data) as ole:
            found = list(_of_word(ole) if ole.exists(_WORD) else _of_excel(ole) if ole.exists(_EXCEL) else ())
    except DAMAGES:
        return  # anydoc has read all that is left
    yield from dict.fromkeys(text for raw in found if (text := " ".join(_CONTROL.sub("", raw).split())))


def with_plain_directory(data: bytes) -> bytes:
    """Return a copy whose unused directory entries are empty (MS-CFB 2.6.1); some programs fill them."""
    copy = bytearray(data)
    with suppress(*DAMAGES), open_compound_file(data) as ole:
        sector = ole.first_dir_sector
        for _ in ole.fat:
            if sector >= len(ole.fat):
                break
            start = (sector + 1) * ole.sector_size
            for at in range(start, start + ole.sector_size, _ENTRY_BYTES):
                if data[at : at + _ENTRY_BYTES] == _FILLED_ENTRY:
                    copy[at : at + _ENTRY_BYTES] = _UNUSED_ENTRY
            sector = ole.fat[sector]
    return bytes(copy)


def is_old_workbook(data: bytes) -> bool:
    """Whether a file is a workbook of Excel from before 2007, whatever else is in it."""
    try:
        with open_compound_file(data) as ole:
            return ole.exists(_EXCEL) or ole.exists(_EXCEL_5)
    except DAMAGES:
        return False


def _of_word(ole: Any) -> Iterator[str]:
    stream = ole.openstream(_WORD).read()
    [flags] = struct.unpack_from("<H", stream, _FLAGS_AT)
    if flags & _IS_ENCRYPTED:
        return
    counts = [max(0, count) for count in struct.unpack_from(f"<{_PARTS}i", stream, _COUNTS_AT)]
    if not any(counts[part] for part in _LEFT_OUT):
        return
    table = ole.openstream("1Table" if flags & _IS_FIRST_TABLE else "0Table").read()
    start, size = struct.unpack_from("<ii", stream, _PIECES_AT)
    text = "".join(_pieces(stream, table[start : start + size]))
    for part in _LEFT_OUT:
        first = sum(counts[:part])
        yield from _PARAGRAPH_END.split(_FIELD_CODE.sub("", text[first : first + counts[part]]))


def _pieces(stream: bytes, table: bytes) -> Iterator[str]:
    """Yield the text of a Word file in its order, by its table of pieces (MS-DOC 2.8.35)."""
    at = 0
    while table[at : at + 1] == b"\x01":  # properties, before the table itself
        at += 3 + struct.unpack_from("<H", table, at + 1)[0]
    [size] = struct.unpack_from("<i", table, at + 1)
    count = (size - 4) // 12
    ends = struct.unpack_from(f"<{count + 1}i", table, at + 5)
    left = len(stream)
    for number in range(count):
        [place] = struct.unpack_from("<I", table, at + 5 + 4 * (count + 1) + 8 * number + 2)
        length = min(max(0, ends[number + 1] - ends[number]), left)
        left -= length  # pieces do not overlap
        start = place & (_IS_NARROW - 1)
        if place & _IS_NARROW:
            yield stream[start // 2 : start // 2 + length].decode("cp1252", "replace")
        else:
            yield stream[start : start + 2 * length].decode("utf-16-le", "replace")


def _of_excel(ole: Any) -> Iterator[str]:
    stream = ole.openstream(_EXCEL).read()
    missing = 0
    for kind, record in _records(stream):
        if kind == _START and record[:2] != _UNICODE_VERSION:
            return
        if kind in {_HEADER, _FOOTER} and record:
            yield PRINT_CODE.sub(" ", _letters(record[2:], int.from_bytes(record[:2], "little")))
        elif kind == _TITLE and (title := record[3:]):  # its number and the count of letters come first
            yield _letters(title, record[2])
        elif kind == _BOX:
            missing = int.from_bytes(record[_BOX_COUNT_AT : _BOX_COUNT_AT + 2], "little")
        elif kind == _CONTINUE and missing:
            text = _letters(record, missing)
            missing -= len(text)
            yield text


def _records(stream: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, at)
        yield kind, stream[at + 4 : at + 4 + size]
        at += 4 + size


def _letters(record: bytes, count: int) -> str:
    """Return text behind the byte that says whether each letter takes two (MS-XLS 2.5.294)."""
    if record[:1] == b"\x01":
        return record[1 : 1 + 2 * count].decode("utf-16-le", "replace")
    return record[1 : 1 + count].decode("latin-1")
