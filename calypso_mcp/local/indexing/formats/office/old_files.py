"""What is lost of Word and Excel files from before 2007: parts that anydoc does not read.

Their streams are looked for where every compound file may begin one, at multiples of 512 bytes (MS-CFB 2.2).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_SECTOR = 512
#: Of a Word stream (MS-DOC 2.5.1), and of the sheets of Excel 97 and later (MS-XLS 2.4.21).
_WORD = b"\xec\xa5"
_EXCEL = b"\x09\x08\x10\x00\x00\x06"
#: Where a Word file says how many characters its parts have (MS-DOC 2.5.5), and how many programs write:
#: headers hold page numbers and the lines above notes.
_PARTS = {"headers and footers": (0x54, 24), "comments": (0x5C, 2), "text boxes": (0x64, 2)}
#: Records of a comment, and of the text of a comment or a box (MS-XLS 2.4.179, 2.4.329).
_NOTE, _BOX = 0x1C, 0x1B6
_MOST_RECORDS = 200_000


def list_lost_parts(data: bytes) -> list[str]:
    """Return what of an old Word or Excel file is not read, such as "comments"; empty for other files."""
    for start in range(_SECTOR, len(data), _SECTOR):
        if data.startswith(_WORD, start) and start + 0x68 <= len(data):
            counts = {name: struct.unpack_from("<i", data, start + at)[0] for name, (at, _) in _PARTS.items()}
            return [name for name, (_, fewest) in _PARTS.items() if counts[name] > fewest]
        if data.startswith(_EXCEL, start):
            found = set(_records(data, start))
            # The text of a comment is a box's.
            return ["comments"] if _NOTE in found else ["text boxes"] if _BOX in found else []
    return []


def _records(data: bytes, start: int) -> Iterator[int]:
    for _ in range(_MOST_RECORDS):
        if start + 4 > len(data):
            return
        kind, size = struct.unpack_from("<HH", data, start)
        yield kind
        start += 4 + size
