"""Old office files (MS-CFB), damaged in ways that no program writes."""

from __future__ import annotations

import struct

_CHILD_AT = 76


def holding_itself(data: bytes) -> bytes:
    """Return a file whose root lies in itself."""
    root = data.index("Root Entry".encode("utf-16-le"))
    return data[: root + _CHILD_AT] + struct.pack("<I", 0) + data[root + _CHILD_AT + 4 :]


def with_an_endless_stream(data: bytes, name: str) -> bytes:
    """Return a file of which a stream says that it is as long as a number can be."""
    size_at = data.index(name.encode("utf-16-le")) + 120
    return data[:size_at] + b"\xff" * 8 + data[size_at + 8 :]


def with_one_stream_for_all(data: bytes, name: str) -> bytes:
    """Return a file whose streams of a name are all the largest one of them."""
    changed = bytearray(data)
    letters = name.encode("utf-16-le")
    entries: list[int] = []
    at = data.find(letters)
    while at >= 0:
        entries.append(at)
        at = data.find(letters, at + 1)
    largest = max((data[at + 116 : at + 128] for at in entries), key=lambda place: place[4:][::-1])
    for at in entries:
        changed[at + 116 : at + 128] = largest
    return bytes(changed)
