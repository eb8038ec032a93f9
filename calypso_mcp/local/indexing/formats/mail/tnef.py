"""Reads `winmail.dat`, into which Exchange packs body and attachments of a message (MS-OXTNEF)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from calypso_mcp.local.indexing.formats.encodings.decoding import decode_short
from calypso_mcp.local.indexing.formats.mail.letters import Letter, choose_body, unpack_rich_text
from calypso_mcp.local.indexing.formats.members import Member
from calypso_mcp.local.indexing.formats.unreadable import TNEF_START

TNEF_TYPES = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_HEAD_BYTES = 6
#: Attributes (2.1.3.3): of the message, then of each attachment, which the first of these begins.
_BODY, _CODE_PAGE, _PROPERTIES = 0x2800C, 0x69007, 0x69003
_ATTACHMENT, _FILE_NAME, _FILE_DATA, _FILE_PROPERTIES = 0x69002, 0x18010, 0x6800F, 0x69005
#: Properties (MS-OXPROPS).
_TEXT, _HTML, _RTF, _LONG_NAME, _DATA = 0x1000, 0x1013, 0x1009, 0x3707, 0x3701
#: Types of properties (2.1.3.4): text of a code page, in Unicode, bytes, objects behind their class; and by
#: type the width of the others, padded.
_STRING, _UNICODE, _BINARY, _OBJECT = 0x1E, 0x1F, 0x102, 0x0D
_WIDTHS = {0x02: 4, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 4, 0x14: 8, 0x40: 8, 0x48: 16}
_CLASS_BYTES = 16
_MANY = 0x1000
#: Properties from here on have names, which precede their values (2.1.3.4.1).
_NAMED = 0x8000


def read_tnef(data: bytes) -> Letter | None:
    """Return the message in `winmail.dat`; None if nothing of it can be read."""
    if not data.startswith(TNEF_START):
        return None
    message: dict[int, bytes] = {}
    files: list[dict[int, bytes]] = []
    for attribute, content in _attributes(data):
        if attribute == _ATTACHMENT:
            files.append({})
        (files[-1] if files else message)[attribute] = content
    code_page = int.from_bytes(message.get(_CODE_PAGE, b"")[:4], "little")
    charset = f"cp{code_page}" if code_page else ""
    properties = dict(_properties(message.get(_PROPERTIES, b""), charset))
    packed = properties.pop(_RTF, b"")
    members = [member for file in files if (member := _member(file, charset)) is not None]
    body = choose_body(
        (message.get(_BODY, b"").rstrip(b"\0"), charset, "text"),
        (properties.get(_TEXT, b""), "utf-8", "text"),
        (properties.get(_HTML, b""), "", "html"),
    )
    if packed and not body:
        body = unpack_rich_text(packed)
        if not body:
            members.insert(0, Member("text of the message", "", packed))
    return Letter("", {}, body, members) if body or members else None


def _member(file: dict[int, bytes], charset: str) -> Member | None:
    properties = dict(_properties(file.get(_FILE_PROPERTIES, b""), charset))
    name = properties.get(_LONG_NAME, b"").decode("utf-8", "replace")
    name = name or decode_short(file.get(_FILE_NAME, b"").rstrip(b"\0"), charset).text
    data = file.get(_FILE_DATA) or properties.get(_DATA, b"")
    return Member(name or "attachment", "", data) if data else None


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = _HEAD_BYTES
    while at + 9 <= len(data):
        attribute, size = struct.unpack_from("<II", data, at + 1)
        yield attribute, data[at + 9 : at + 9 + size]
        at += 9 + size + 2  # a sum of its bytes follows


def _properties(data: bytes, charset: str) -> Iterator[tuple[int, bytes]]:
    """Yield properties of one value by their number: text in UTF-8, and bytes."""
    reader = _Reader(data)
    for _ in range(reader.number()):
        if reader.at >= len(data):
            return
        kind, number = struct.unpack("<HH", reader.take(4).ljust(4, b"\0"))
        if number >= _NAMED:
            reader.take(_CLASS_BYTES)
            if reader.number():
                reader.padded(reader.number())
            else:
                reader.take(4)
        values = _values(reader, kind)
        if len(values) == 1:
            yield number, _plain(values[0], kind & ~_MANY, charset)


def _values(reader: _Reader, kind: int) -> list[bytes]:
    width = _WIDTHS.get(kind & ~_MANY)
    values: list[bytes] = []
    for _ in range(reader.number() if kind & _MANY or width is None else 1):
        if reader.at >= len(reader.data):
            break
        values.append(reader.take(width) if width is not None else reader.padded(reader.number()))
    return values


def _plain(value: bytes, kind: int, charset: str) -> bytes:
    if kind == _UNICODE:
        return value.decode("utf-16-le", "replace").rstrip("\0").encode()
    if kind == _STRING:
        return decode_short(value.rstrip(b"\0"), charset).text.encode()
    return value[_CLASS_BYTES:] if kind == _OBJECT else value


class _Reader:
    """Takes pieces of bytes in their order; past the end they are empty."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]

    def padded(self, size: int) -> bytes:
        value = self.take(size)
        self.at += -size % 4
        return value

    def number(self) -> int:
        return int.from_bytes(self.take(4), "little")
