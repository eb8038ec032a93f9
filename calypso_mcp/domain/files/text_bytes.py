"""Whether bytes are text, in which of the encodings that need no guessing.

Shared by the check before an upload and the reading after it. Byte order marks are those of Unicode 16,
section 23.8; UTF-16 and UTF-32 without a mark are known by the control bytes that they put between letters.
"""

from __future__ import annotations

import codecs
import unicodedata
from typing import Final

#: How many bytes from the start of a file are looked at.
HEAD_BYTES: Final = 8_192
#: The longer marks first: that of UTF-16 begins that of UTF-32.
BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDE: Final = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
#: Bytes that no text in a single- or multi-byte encoding holds. Escape and shifts in and out are of ISO-2022;
#: backspaces print bold letters, and DOS ends a text with 1A.
CONTROLS: Final = bytes(set(range(32)) - set(b"\b\t\n\v\f\r\x0e\x0f\x1a\x1b"))
#: Damaged text may hold a few of them, and be padded with zeros.
_MOST_CONTROLS: Final = 0.02
_FEW_CONTROLS: Final = 1
#: Bytes judged.
_JUDGED_BYTES: Final = 8_192
_ASCII_TEXT: Final = bytes(range(0x20, 0x7F)) + b"\t\n\v\f\r"
#: Share of zeros in UTF-16 and UTF-32 whose other bytes are all of these.
_LEAST_ZEROS: Final = 0.25
#: Share of letters, marks, digits, punctuation and signs in text; the wrong encoding shows far fewer.
_LEAST_ORDINARY: Final = 0.95
_ORDINARY: Final = frozenset("LMNPZ")
#: Of which the right order of bytes shows more.
_COMMON: Final = frozenset(" \n\r\t.,\u3000\u3001\u3002\uff0c")
_ORDINARY_CATEGORIES: Final = frozenset({"Sc", "Sm", "So", "Sk"})


def marked_encoding(data: bytes) -> tuple[str, int] | None:
    """Return the encoding that a byte order mark states, and the mark's length; None without a mark."""
    return next(((name, len(mark)) for mark, name in BYTE_ORDER_MARKS if data.startswith(mark)), None)


def wide_encoding(data: bytes) -> str | None:
    """Return which UTF-16 or UTF-32 without a byte order mark `data` is; None if it is neither."""
    if not _controls(data):
        return None
    others = data.translate(None, _ASCII_TEXT)
    if not others.strip(b"\0") and len(others) < len(data) * _LEAST_ZEROS:
        return None  # ASCII, in which zeros are damage
    found = [(share, name) for name in _WIDE if (share := _common_share(data, name))]
    return max(found)[1] if found else None


def looks_like_text(head: bytes) -> bool:
    """Whether the first bytes of a file, of which there may be none yet, may be text in any encoding."""
    unpadded = head.rstrip(b"\0")
    if not head or marked_encoding(head) is not None:
        return True
    if unpadded and _controls(unpadded) <= max(_FEW_CONTROLS, len(unpadded) * _MOST_CONTROLS):
        return True
    return wide_encoding(head) is not None


def _controls(data: bytes) -> int:
    return len(data) - len(data.translate(None, CONTROLS))


def _common_share(data: bytes, encoding: str) -> float:
    """Return the share of spaces, line ends and points in `data` read as `encoding`; 0 if that is no text.

    Read in the wrong order of bytes they become letters of rare scripts, so the right order has more.
    """
    width = 4 if encoding.startswith("utf-32") else 2
    if len(data) < _JUDGED_BYTES and len(data) % width:
        return 0.0
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(data[:_JUDGED_BYTES])
    except UnicodeDecodeError:
        return 0.0
    ordinary = sum(character in _COMMON or _is_ordinary(character) for character in text)
    common = sum(character in _COMMON for character in text)
    return common / len(text) if text and ordinary >= _LEAST_ORDINARY * len(text) else 0.0


def _is_ordinary(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in _ORDINARY or category in _ORDINARY_CATEGORIES
