"""Makes the JSON that clients and APIs write acceptable to a strict parser, as far as its meaning is clear.

Windows programs put a byte order mark first (RFC 8259, section 8.1: a parser may ignore it). A string that
was cut in the middle of an emoji ends in half a surrogate pair, as an escape or as bytes. It encodes no
character (Unicode Standard, section 3.9, D92: such code units may be replaced by U+FFFD).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
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
#: A string (also an unfinished one, so that no text is scanned twice), a bracket, or a comma.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{\]},]', re.DOTALL)
_OPENING = b"[{"
_CLOSING = b"]}"
_QUOTATION_MARK = ord('"')


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


@dataclass(frozen=True, slots=True)
class JsonShape:
    """Limits on JSON: levels, length of one string as written; strings, brackets and commas in all.

    Commas count numbers, too: to parse one is cheap, but to validate it is not.
    """

    depth: int = 64
    string_bytes: int = 2_097_152
    tokens: int = 200_000


def excess(text: bytes, limits: JsonShape) -> str | None:
    """Return what `text` has too much of; None within the limits. Does not check that it is JSON."""
    depth = 0
    for count, match in enumerate(_TOKEN.finditer(text), start=1):
        if count > limits.tokens:
            return f"more than {limits.tokens:,} strings, brackets and commas"
        token = text[match.start()]
        if token == _QUOTATION_MARK:
            if match.end() - match.start() > limits.string_bytes + 2:
                return f"a string longer than {limits.string_bytes:,} bytes"
        elif token in _OPENING:
            depth += 1
            if depth > limits.depth:
                return f"more than {limits.depth} levels"
        elif token in _CLOSING:
            depth -= 1
    return None


def pruned(text: bytes, depth: int) -> bytes:
    """Return `text` with null in place of everything nested deeper than `depth` levels.

    One deep value would make a parser give up the whole text, with all that is good beside it. Text that
    ends in the middle stays unreadable.
    """
    kept: list[bytes] = []
    level, kept_to = 0, 0
    for match in _TOKEN.finditer(text):
        token = text[match.start()]
        if token in _OPENING:
            level += 1
            if level == depth + 1:
                kept += [text[kept_to : match.start()], b"null"]
        elif token in _CLOSING:
            level -= 1
            if level == depth:
                kept_to = match.end()
    return b"".join([*kept, text[kept_to:]])
