"""Finds the lines of a page's text in its markup, because the parser does not tell them."""

from __future__ import annotations

import re
from bisect import bisect_right

#: The part of a word that markup and text spell alike: no entities, no quotes.
_PLAIN = re.compile(r"[^\W_]+")
_RAW_TEXT = re.compile(r"<(script|style|title)\b", re.IGNORECASE)
_MARKUP_FOLLOWS = re.compile(r"[a-zA-Z/!?]")
#: How far ahead to look for a word; a word not found there is one that the markup spells otherwise.
_WITHIN_CHARS = 50_000


class SourceLines:
    """Finds text in the markup it came from, moving forward only, as a reader does."""

    def __init__(self, markup: str) -> None:
        self._text = _without_tags(markup)
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


def _without_tags(markup: str) -> str:
    """Return `markup` with tags, comments, scripts and other hidden text blanked, all else in its place."""
    parts: list[str] = []
    done, position = 0, markup.find("<")
    while position >= 0:
        if _MARKUP_FOLLOWS.match(markup, position + 1):
            end = _end_of_markup(markup, position)
            parts += (markup[done:position], " " * (end - position))
            done = end
        else:
            end = position + 1
        position = markup.find("<", end)
    return "".join((*parts, markup[done:]))


def _end_of_markup(markup: str, start: int) -> int:
    if markup.startswith("<!--", start):
        return _after(markup, "-->", start + 4)
    end = _after(markup, ">", start)
    raw = _RAW_TEXT.match(markup, start)
    if raw is None:
        return end
    closing = re.compile(f"</{raw[1]}", re.IGNORECASE).search(markup, end)
    return _after(markup, ">", closing.start()) if closing else len(markup)


def _after(markup: str, mark: str, start: int) -> int:
    at = markup.find(mark, start)
    return len(markup) if at < 0 else at + len(mark)
