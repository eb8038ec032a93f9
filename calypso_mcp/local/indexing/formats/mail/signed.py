"""The message inside an opaque signature (S/MIME signed-data, RFC 8551 3.5.2, in CMS, RFC 5652)."""

from __future__ import annotations

import re
from typing import NamedTuple

from calypso_mcp.local.indexing.formats.members import Member

#: A message behind its signature, or encrypted (RFC 8551, 3.2).
_SEALED = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
#: What a message begins with, and CMS does not.
_MESSAGE = re.compile(rb"(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*+)*?content-type:", re.IGNORECASE)
_HEAD_BYTES = 2_048
_ENDING = ".p7m"
#: 1.2.840.113549.1.7.2, in DER.
_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_STRING_OF_PARTS = 0x24
_INDEFINITE = 0x80
#: Levels of nesting; no program needs nearly as many.
_MOST_DEPTH = 30
#: Parts of one element; programs that send a message in pieces make them of a thousand bytes or more.
_MOST_PARTS = 100_000


class _Element(NamedTuple):
    """An element of BER (X.690, 8.1): its tag, the span of its content, and the start of the next element."""

    tag: int
    start: int
    end: int
    next: int


def is_sealed(name: str, content_type: str) -> bool:
    """Whether an attachment is a message with its signature, or encrypted."""
    return content_type in _SEALED or name.lower().endswith(_ENDING)


def open_sealed(name: str, data: bytes) -> Member | None:
    """Return what is inside a signature, or the message beside it; None for encrypted or damaged data.

    Outlook keeps a message of either kind as an attachment (MS-OXOSMIME 2.1.3). Any other file may be signed,
    too: its name then stands before the ending (`bill.pdf.p7m`).
    """
    inner = data if _is_message(data) else extract_signed(data)
    if not inner:
        return None
    own_name = name[: -len(_ENDING)] if name.lower().endswith(_ENDING) else ""
    if "." in own_name and not _is_message(inner):
        return Member(own_name, "", inner)
    return Member("signed message.eml", "message/rfc822", inner)


def _is_message(data: bytes) -> bool:
    return _MESSAGE.match(data, 0, _HEAD_BYTES) is not None


def extract_signed(data: bytes) -> bytes | None:
    """Return the signed content without checking its signature; None for encrypted or damaged data."""
    try:
        kind, wrapped = _inside(data, _element(data, 0))
        if data[kind.start : kind.end] != _SIGNED_DATA:
            return None
        [signed] = _inside(data, wrapped)
        content = _inside(data, signed)[2]
        _, wrapped = _inside(data, content)
        [string] = _inside(data, wrapped)
        parts = _inside(data, string) if string.tag == _STRING_OF_PARTS else [string]
    except (IndexError, ValueError):
        return None
    return b"".join(data[part.start : part.end] for part in parts)


def _inside(data: bytes, outer: _Element) -> list[_Element]:
    found: list[_Element] = []
    at = outer.start
    while at < outer.end:
        if len(found) == _MOST_PARTS:
            raise ValueError("too many parts")
        found.append(_element(data, at))
        at = found[-1].next
    return found


def _element(data: bytes, at: int, depth: int = 0) -> _Element:
    tag, length, start = data[at], data[at + 1], at + 2
    if length == _INDEFINITE:
        if depth > _MOST_DEPTH:
            raise ValueError("nested too deeply")
        end = start
        for _ in range(_MOST_PARTS):
            if not (data[end] or data[end + 1]):
                return _Element(tag, start, end, end + 2)
            end = _element(data, end, depth + 1).next
        raise ValueError("too many parts")
    if length > _INDEFINITE:
        width = length - _INDEFINITE
        length, start = int.from_bytes(data[start : start + width], "big"), start + width
    return _Element(tag, start, start + length, start + length)
