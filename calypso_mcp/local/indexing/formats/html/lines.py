"""Finds the lines of a page's text in its markup, because the parser does not tell them."""

from __future__ import annotations

import re
from bisect import bisect_right

#: The part of a word that markup and text spell alike: no entities, no quotes.
_PLAIN = re.compile(r"[^\W_]+")
#: Comments, elements whose text is none of the page's, and tags; what nothing ends goes on to the end.
_MARKUP = re.compile(
    r"<!--(?:[^-]++|-(?!->))*+(?:-->)?+"
    r"|<(script|style|title)\b[^>]*+>?+[^<]*+(?:<(?!/\1)[^<]*+)*+(?:</[^>]*+>?+)?+"
    r"|<[a-z/!?][^>]*+>?+",
    re.IGNORECASE,
)
#: How far ahead to look for a word; a word not found there is one that the markup spells otherwise.
_WITHIN_CHARS = 50_000


class SourceLines:
    """Finds text in the markup it came from, moving forward only, as a reader does."""

    def __init__(self, markup: str) -> None:
        self._text = _MARKUP.sub(lambda tag: " " * len(tag[0]), markup)
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", markup))]
        self._position = 0

    def find(self, text: str) -> tuple[int, int] | None:
        """Return the 1-based first and last line of `text`; None if the markup spells its words otherwise."""
        words = text.split()
        first = self._seek(words[0]) if words else None
        last = self._seek(words[-1]) if words[1:] else first
        found = [position for position in (first, last) if position is not None]
        return (self._line(found[0]), self._line(found[-1])) if found else None

    def _seek(self, word: str) -> int | None:
        plain = max(_PLAIN.findall(word), key=len, default="")
        at = self._text.find(plain, self._position, self._position + _WITHIN_CHARS) if plain else -1
        if at < 0:
            return None
        self._position = at + len(plain)
        return at

    def _line(self, position: int) -> int:
        return bisect_right(self._line_starts, position)
