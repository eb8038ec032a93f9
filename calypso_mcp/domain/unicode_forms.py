"""Normalizes Unicode in time linear in the text.

Python sorts the marks on a letter by exchanging neighbours, and lets no other thread run meanwhile: 300,000
marks take ten minutes. No language needs more than 30 in a row, and the standard parts longer rows by an
invisible character (UAX #15, section 13, stream-safe text).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, Literal

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]

_MOST_MARKS: Final = 30
_JOINER: Final = "\u034f"
#: Marks only once they are taken apart.
_HIDDEN_MARKS: Final = "\u0f73\u0f75\u0f81\uff9e\uff9f"
#: What may be a mark: no letter but the last two hidden ones, no digit, no blank.
_PERHAPS_MARK: Final = r"(?:[^\w\s\x00-\x7f]|[\uff9e\uff9f])"
_LONG_ROW: Final = re.compile(f"{_PERHAPS_MARK}{{{_MOST_MARKS},}}")
#: Every so many characters are looked at first: a long row shows in two that follow each other.
_STRIDE: Final = _MOST_MARKS // 2
_TWO: Final = re.compile(f"{_PERHAPS_MARK}{{2}}")


def normalize(form: Form, text: str) -> str:
    """Return `text` in a normal form; U+034F parts rows of more than 30 marks."""
    if len(text) > _MOST_MARKS and not text.isascii() and _TWO.search(text[::_STRIDE]):
        text = _LONG_ROW.sub(_part, text)
    return unicodedata.normalize(form, text)


def _part(row: re.Match[str]) -> str:
    parted: list[str] = []
    marks = 0
    for character in row[0]:
        more = _count_marks(character)
        marks = marks + more if more else 0
        if marks > _MOST_MARKS:
            parted.append(_JOINER)
            marks = more
        parted.append(character)
    return "".join(parted)


def _count_marks(character: str) -> int:
    """Return how many marks `character` becomes once it is taken apart; 0 for what is no mark."""
    is_mark = unicodedata.combining(character) or character in _HIDDEN_MARKS
    return len(unicodedata.normalize("NFKD", character)) if is_mark else 0
