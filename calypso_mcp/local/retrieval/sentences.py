"""Text cut into sentences, in any script: a rough cut that never loses a character of a word."""

from __future__ import annotations

import re
from collections.abc import Iterator

#: Longer ones, mostly from scripts without full stops, are cut again between words.
LONGEST = 400

_END = re.compile(
    "(?<=[\u3002\uff01\uff1f\uff61])(?![\u300d\u300f\u201d\u2019\uff09])"  # at once: Chinese, Japanese
    "|(?<=[.!?\u061f\u06d4\u0964\u0965\u104b\u17d4\u2026])[\"'\u201d\u2019\u00bb)\\]]*(?=\\s)"
    "|\n\\s*\n"
    "|\n(?=[ \t]*(?:[-*+\u2022|>#]|\\d{1,3}[.)])[ \t])"  # list items, headings, table rows
)
#: A full stop after these ends no sentence: initials and common abbreviations.
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:[^\W\d_]|Mr|Mrs|Ms|Dr|Prof|St|No|Nr|Fig|vs|etc|approx|ca|bzw|Inc|Ltd|Co|(?:[^\W\d_]\.)+[^\W\d_])\.$"
)


def split(text: str) -> list[str]:
    """Return the sentences of `text` in their order, each on one line."""
    sentences: list[str] = []
    unfinished = ""
    for piece in _pieces(text):
        unfinished += piece
        if not _goes_on(unfinished):
            sentences += _cut(" ".join(unfinished.split()))
            unfinished = ""
    return [*sentences, *_cut(" ".join(unfinished.split()))]


def _pieces(text: str) -> Iterator[str]:
    start = 0
    for end in _END.finditer(text):
        yield text[start : end.end()]
        start = end.end()
    yield text[start:]


def _goes_on(piece: str) -> bool:
    return not piece.strip() or _ABBREVIATION.search(piece.rstrip(" \t")) is not None


def _cut(sentence: str) -> Iterator[str]:
    while len(sentence) > LONGEST:
        space = sentence.rfind(" ", LONGEST // 2, LONGEST)
        end = LONGEST if space < 0 else space
        yield sentence[:end]
        sentence = sentence[end:].lstrip()
    if sentence:
        yield sentence
