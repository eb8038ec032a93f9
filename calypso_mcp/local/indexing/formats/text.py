"""Plain text: decoding and paragraphs with line numbers."""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Iterator

from calypso_mcp.local.indexing.documents import Block, Document, ExtractionFailed

#: More NUL bytes than this fraction mean a binary file.
_BINARY_NULS = 0.01
#: UTF-16 of mostly Latin text has every other byte NUL; this fraction tells it from binary data.
_UTF16_NULS = 0.7
#: A file with less than this fraction of its non-ASCII characters undecodable is damaged UTF-8.
_DAMAGED_UTF8 = 0.1

#: A paragraph up to this long is joined with the next, if both stay within the second size.
_SHORT_CHARS = 200
_JOINED_CHARS = 400

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def read_text(data: bytes) -> Document:
    """Return the paragraphs of a text file."""
    lines = decode(data).split("\n")
    return Document(tuple(paragraphs(lines, 1)))


def paragraphs(lines: list[str], first_line: int) -> Iterator[Block]:
    """Yield runs of lines between blank lines, very short ones together with the next.

    Args:
        lines: Without their line ends.
        first_line: The 1-based number of `lines[0]`.
    """
    gathered: tuple[int, int] | None = None
    for start, end in _runs(lines):
        if gathered is not None and not _belong_together(lines, gathered, end):
            yield _block(lines, gathered, first_line)
            gathered = None
        gathered = (start if gathered is None else gathered[0], end)
    if gathered is not None:
        yield _block(lines, gathered, first_line)


def _runs(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Yield start and end of every run of lines that are not blank."""
    start: int | None = None
    for index, line in enumerate(lines):
        if line and not line.isspace():
            start = index if start is None else start
        elif start is not None:
            yield start, index
            start = None
    if start is not None:
        yield start, len(lines)


def _belong_together(lines: list[str], gathered: tuple[int, int], end: int) -> bool:
    start, stop = gathered
    if end - start > _SHORT_CHARS or _size(lines, start, stop) > _SHORT_CHARS:
        return False
    return _size(lines, start, end) <= _JOINED_CHARS


def _size(lines: list[str], start: int, end: int) -> int:
    return sum(map(len, lines[start:end])) + end - start


def _block(lines: list[str], span: tuple[int, int], first_line: int) -> Block:
    start, end = span
    return Block("\n".join(lines[start:end]), line_start=first_line + start, line_end=first_line + end - 1)


def decode(data: bytes) -> str:
    r"""Return the text in `data`, composed (NFC), with `\n` line ends, without NULs and soft hyphens.

    A byte order mark decides; then UTF-8, UTF-16 recognised by its NUL bytes, and last the Windows
    superset of Latin-1, which reads any byte.

    Raises:
        ExtractionFailed: `unsupported` for binary data.
    """
    text = _decode(data)
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").replace("\xad", "")
    return unicodedata.normalize("NFC", text)


def _decode(data: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    nuls = data.count(0)
    if nuls:
        for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
            half = data[offset::2]
            if half.count(0) > _UTF16_NULS * len(half) and nuls - half.count(0) < _BINARY_NULS * len(data):
                return data.decode(encoding, "replace")
        if nuls > _BINARY_NULS * len(data):
            raise ExtractionFailed("unsupported", "The file holds binary data, not text.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        mended = data.decode("utf-8", "replace")
    foreign = sum(1 for char in mended if char > "\x7f")
    if mended.count("\ufffd") < _DAMAGED_UTF8 * foreign:
        return mended
    return data.decode("cp1252", "replace")
