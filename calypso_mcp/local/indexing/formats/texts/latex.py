r"""Letters that LaTeX and BibTeX spell in ASCII: `K\"undigung`, `{\o}re`, `Gro\ss{}`."""

from __future__ import annotations

import re

#: Combining marks by the command that puts them on the next letter.
_MARKS = dict(
    zip(
        "\"'`^~=.uvHckrdb",
        "\u0308\u0301\u0300\u0302\u0303\u0304\u0307\u0306\u030c\u030b\u0327\u0328\u030a\u0323\u0331",
        strict=True,
    )
)
_LETTERS = dict(
    zip(["ss", "ae", "AE", "oe", "OE", "aa", "AA", "o", "O", "l", "L", "i"], "ßæÆœŒåÅøØłŁi", strict=True)
)
_LETTER = r"\\(ss|ae|AE|oe|OE|aa|AA|[oOlLi])(?:\{\}|[ \t]|(?![A-Za-z]))"
#: A sign stands before any letter, a letter before one in braces.
_ACCENT = r"""\\(?:(["'`^~=.])|([uvHckrdb])(?=\{))(?:\{\\?([A-Za-z])\}|\\?([A-Za-z]))"""
_SPELLED = re.compile(rf"\{{(?:{_ACCENT}|{_LETTER})\}}|{_ACCENT}|{_LETTER}")


def spell_letters(text: str) -> str:
    """Return LaTeX with the letters that its commands stand for; other commands and all lines stay."""
    return _SPELLED.sub(_letter, text)


def _letter(found: re.Match[str]) -> str:
    parts = [part for part in found.groups() if part]
    return _LETTERS[parts[0]] if len(parts) == 1 else parts[1] + _MARKS[parts[0]]
