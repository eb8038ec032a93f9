"""Measures the depth, string lengths and size of a JSON text without parsing it.

A parser has paid for every level and string by the time it can refuse them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: A string (also an unfinished one, so that no text is scanned twice), a bracket, or a comma.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{\]},]', re.DOTALL)
_OPENING = b"[{"
_CLOSING = b"]}"
_QUOTATION_MARK = ord('"')


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
