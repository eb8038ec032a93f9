"""OLE compound files (MS-CFB): Office before 2007, Outlook, and what people placed whole in documents."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import olefile  # pyright: ignore[reportMissingTypeStubs]

from calypso_mcp.local.indexing.formats.encodings.decoding import decode_short
from calypso_mcp.local.indexing.formats.members import ZIP_START, Member

_ole_file: Any = olefile.OleFileIO  # not typed
OLE_START = b"\xd0\xcf\x11\xe0"
#: What olefile and the readers of its streams raise on a damaged file.
DAMAGES = (RecursionError, OverflowError, OSError, struct.error, ValueError, TypeError, LookupError)
_PACKAGE = "\x01Ole10Native"
#: Streams that are files themselves: by Acrobat, and by Office.
_WHOLE = ("CONTENTS", "Package")
_KNOWN_STARTS = (b"%PDF-", ZIP_START, OLE_START)
#: Before the name stand the size of the stream and a number.
_NAME_AT = 6


def open_compound_file(data: bytes) -> Any:
    """Return olefile's view of `data`, a context manager; raises one of `DAMAGES`."""
    return _ole_file(BytesIO(data))


def find_placed_files(data: bytes) -> Iterator[Member]:
    """Yield the files in an OLE object or an old document; a damaged one yields nothing more."""
    try:
        with open_compound_file(data) as ole:
            left = len(data)
            for path in ole.listdir():
                if path[-1] != _PACKAGE and path[-1] not in _WHOLE:
                    continue
                left -= ole.get_size(path)
                if left < 0:
                    return  # streams do not overlap
                stream = ole.openstream(path).read()
                if path[-1] == _PACKAGE:
                    yield from _unpacked(stream)
                elif stream.startswith(_KNOWN_STARTS):
                    yield Member("placed file", "", stream)
    except DAMAGES:
        return


def _unpacked(stream: bytes) -> Iterator[Member]:
    """Yield the file in a package; drawings in the same kind of stream have no name."""
    name, _, rest = stream[_NAME_AT:].partition(b"\0")
    rest = rest.partition(b"\0")[2]  # where it was on its owner's disk
    [length] = struct.unpack_from("<I", rest, 4)  # where it was copied to
    [size] = struct.unpack_from("<I", rest, 8 + length)
    start = 12 + length
    if name and 0 < size <= len(rest) - start:
        yield Member(decode_short(name).text, "", rest[start : start + size])
