"""Makes the JSON that clients write acceptable to a strict parser, as far as its meaning is clear.

Windows programs put a byte order mark first (RFC 8259, section 8.1: a parser may ignore it). A string that
was cut in the middle of an emoji ends in half a surrogate pair, as an escape or as bytes. It encodes no
character (Unicode Standard, section 3.9, D92: such code units may be replaced by U+FFFD).
"""

from __future__ import annotations

import re
from typing import Final

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_UTF_16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
#: An escaped backslash, a surrogate pair, a lone surrogate, and a lone surrogate as bytes (invalid in UTF-8).
_ESCAPE: Final = re.compile(
    rb"\\\\"
    rb"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<escape>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|(?P<bytes>\xed[\xa0-\xbf][\x80-\xbf])"
)
#: Cheaper to search for than `_ESCAPE`; most texts hold no match.
_SUSPECT: Final = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]")
_REPLACEMENT_ESCAPE: Final = rb"\ufffd"
_REPLACEMENT_BYTES: Final = "\ufffd".encode()


def parsable(text: bytes) -> bytes:
    """Return `text` with blanks for a byte order mark and U+FFFD for each lone surrogate.

    The length in bytes stays the same, so a declared length still holds.
    """
    if text.startswith(_BYTE_ORDER_MARK):
        text = b" " * len(_BYTE_ORDER_MARK) + text[len(_BYTE_ORDER_MARK) :]
    return _ESCAPE.sub(_replaced, text) if _SUSPECT.search(text) else text


def is_utf_16(text: bytes) -> bool:
    """Return whether JSON is in UTF-16 or UTF-32, judged by its beginning: in UTF-8 it has no zero bytes."""
    return text.startswith(_UTF_16_MARKS) or b"\0" in text[:8]


def _replaced(match: re.Match[bytes]) -> bytes:
    if match["escape"]:
        return _REPLACEMENT_ESCAPE
    return _REPLACEMENT_BYTES if match["bytes"] else match[0]
