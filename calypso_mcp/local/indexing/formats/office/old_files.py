"""What anydoc leaves out of Word and Excel files from before 2007: headers, comments, boxes, titles."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from calypso_mcp.local.indexing.formats.compound_files import DAMAGES, open_compound_file
from calypso_mcp.local.indexing.formats.office.comments import COMMENT
from calypso_mcp.local.indexing.formats.office.packages import PRINT_CODE

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
#: Records of a sheet (MS-XLS 2.3): header, footer, more of the record before, an object, the text of one, the
#: cell that one comments on, title of a chart; and the first, which says that text is in Unicode.
_HEADER, _FOOTER, _CONTINUE, _OBJECT, _BOX, _NOTE, _TITLE = 0x14, 0x15, 0x3C, 0x5D, 0x1B6, 0x1C, 0x100D
_START, _UNICODE_VERSION = 0x809, b"\x00\x06"
#: Record of a sheet's position and name.
_SHEET = 0x85
_BOX_COUNT_AT = 10


class Beside(NamedTuple):
    """A text beside the main text; the sheet and row that it belongs to, if they are known."""

    text: str
    sheet: str = ""
    row: int | None = None


def read_beside(data: bytes) -> Iterator[Beside]:
    """Yield each text beside the main text of an old Word or Excel file once; other files yield nothing."""
    try:
        with open_compound_file(data) as ole:
            texts = map(Beside, _of_word(ole)) if ole.exists(_WORD) else ()
            found = list(_of_excel(ole) if ole.exists(_EXCEL) else texts)
    except DAMAGES:
        return  # anydoc has read all that is left
    cleaned = (said._replace(text=" ".join(_CONTROL.sub("", said.text).split())) for said in found)
    yield from dict.fromkeys(said for said in cleaned if said.text)


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


def _of_excel(ole: Any) -> Iterator[Beside]:
    stream = ole.openstream(_EXCEL).read()
    names: dict[int, str] = {}
    sheet = ""
    boxes = _Boxes()
    for at, kind, record in _records(stream):
        if kind == _START and record[:2] != _UNICODE_VERSION:
            return
        if at in names:
            yield from boxes.take_all(sheet)
            sheet = names[at]
        boxes.add(kind, record)
        if kind == _SHEET:
            names[int.from_bytes(record[:4], "little")] = _letters(record[7:], record[6])
        elif kind in {_HEADER, _FOOTER} and record:
            yield Beside(PRINT_CODE.sub(" ", _letters(record[2:], int.from_bytes(record[:2], "little"))))
        elif kind == _TITLE and (title := record[3:]):  # its number and the count of letters come first
            yield Beside(_letters(title, record[2]), sheet)
        elif kind == _NOTE and (text := boxes.take(record[6:8])):
            yield Beside(COMMENT.format(text), sheet, int.from_bytes(record[:2], "little") + 1)
    yield from boxes.take_all(sheet)


class _Boxes:
    """The texts of the objects on a sheet, by the numbers of these."""

    def __init__(self) -> None:
        self._texts: dict[bytes, list[str]] = {}
        self._number = b""
        self._missing = 0

    def add(self, kind: int, record: bytes) -> None:
        """Add what a record says of an object or its text."""
        if kind == _OBJECT:
            self._number = record[6:8]
        elif kind == _BOX:
            self._missing = int.from_bytes(record[_BOX_COUNT_AT : _BOX_COUNT_AT + 2], "little")
        elif kind == _CONTINUE and self._missing:
            text = _letters(record, self._missing)
            self._missing -= len(text)
            self._texts.setdefault(self._number, []).append(text)

    def take(self, number: bytes) -> str:
        """Return the text of an object once."""
        return "".join(self._texts.pop(number, ()))

    def take_all(self, sheet: str) -> Iterator[Beside]:
        """Yield the texts that are left."""
        yield from (Beside("".join(text), sheet) for text in self._texts.values())
        self._texts.clear()


def _records(stream: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield the position of each record, its kind and its content."""
    at = 0
    while at + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, at)
        yield at, kind, stream[at + 4 : at + 4 + size]
        at += 4 + size


def _letters(record: bytes, count: int) -> str:
    """Return text behind the byte that says whether each letter takes two (MS-XLS 2.5.294)."""
    if record[:1] == b"\x01":
        return record[1 : 1 + 2 * count].decode("utf-16-le", "replace")
    return record[1 : 1 + count].decode("latin-1")
