"""JSON with comments and trailing commas, read without moving a character.

Comments and trailing commas become spaces, so that every offset in the strict JSON that is left is an
offset in the text of the person.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

# A text or a comment. What is never closed runs to the end, so that the time is linear.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|//[^\r\n]*|/\*.*?(?:\*/|\Z)', re.DOTALL)
_TRAILING_COMMA = re.compile(r",(?=\s*+[}\]])")
_SPACE = re.compile(r"[ \t\r\n]*+")
_LETTER = re.compile(r"[^\r\n]")


class Unreadable(ValueError):
    """The text is not JSON, or says one thing twice; the message says where."""


@dataclass(frozen=True, slots=True)
class Member:
    """A name and its value in an object, by offsets into the text."""

    name: str
    start: int
    value_start: int
    end: int


def without_comments(text: str) -> str:
    """Return `text` with spaces for its comments."""
    return _TOKEN.sub(lambda found: found[0] if found[0][0] == '"' else _LETTER.sub(" ", found[0]), text)


def strict(text: str) -> str:
    """Return `text` as strict JSON of the same length."""
    blank = without_comments(text)
    pieces: list[str] = []
    position = 0
    for found in _TOKEN.finditer(blank):
        pieces += [_TRAILING_COMMA.sub(" ", blank[position : found.start()]), found.group()]
        position = found.end()
    pieces.append(_TRAILING_COMMA.sub(" ", blank[position:]))
    return "".join(pieces)


def loads(text: str) -> object:
    """Return the value of JSON with comments. An empty text is an empty object, as clients take it.

    Raises:
        Unreadable: It is not JSON, or an object has a name twice.
    """
    bare = strict(text)
    if not bare.strip():
        return {}
    try:
        return json.loads(bare, object_pairs_hook=_without_repeats)
    except json.JSONDecodeError as error:
        raise Unreadable(f"line {error.lineno}: {error.msg}") from None


def members(bare: str, start: int) -> Iterator[Member]:
    """Yield the members of the object that begins at `start` of valid strict JSON."""
    decoder = json.JSONDecoder()
    position = skip_space(bare, start + 1)
    while bare[position] != "}":
        name, end = decoder.raw_decode(bare, position)
        value_start = skip_space(bare, skip_space(bare, end) + 1)
        _, value_end = decoder.raw_decode(bare, value_start)
        yield Member(name, position, value_start, value_end)
        position = skip_space(bare, value_end)
        if bare[position] == ",":
            position = skip_space(bare, position + 1)


def skip_space(text: str, position: int) -> int:
    """Return the position of the next character from `position` on that is not white space."""
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise Unreadable(f"{json.dumps(name)} occurs twice in one object")
        found[name] = value
    return found
