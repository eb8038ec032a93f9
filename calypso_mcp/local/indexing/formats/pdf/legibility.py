"""Whether the text of a PDF page is what the page shows.

A font without a usable ToUnicode map (PDF 1.7, 9.10) shows letters and yields others: control or private-use
characters, or letters that are exchanged for others and spell no words.
"""

from __future__ import annotations

import re
import string
import unicodedata
from dataclasses import dataclass, field

from calypso_mcp.domain.unicode_forms import normalize

#: Categories of Unicode that no page shows: control, private use, surrogate, unassigned.
_NO_TEXT = frozenset({"Cc", "Co", "Cs", "Cn"})
_REPLACEMENT = "\ufffd"
#: A line with this share of them says nothing.
_GARBLED_LINE = 0.5
#: A page that loses this share of its characters with such lines is not read.
_LOST_SHARE = 0.3
#: Fewer letters than this say nothing about the words.
_LEAST_LETTERS = 80
#: Of the letters in any text of a language in Latin script, about 40 % are vowels; in text whose letters are
#: exchanged for others, few, or as many as chance leaves.
_LEAST_VOWELS = 0.18
_VOWELS = b"aeiouyAEIOUY"
_NO_LATIN_LETTERS = bytes(set(range(256)) - set(string.ascii_letters.encode()))
_ASCII_SPACE = bytes(code for code in range(128) if chr(code).isspace())
#: Leaders, rules and the like.
_REPEATED = re.compile(r"(\S)\1{3,}")
_WORD, _ASCII_WORD = re.compile(r"[^\W\d_]{2,}"), re.compile(r"[A-Za-z]{2,}")
#: Text of signs and figures that spells nothing, unless it is mostly figures (a table), whose signs are few,
#: or few kinds (feet and inches).
_LEAST_WORD_SHARE, _MOST_DIGIT_SHARE = 0.15, 0.2
_ODD_SIGNS, _MOST_ODD_SHARE, _MOST_ODD_KINDS = "!\"#&';<>?@[\\]^_`{}~", 0.15, 4


@dataclass(frozen=True, slots=True)
class Legible:
    """What can be read of a page's text, and whether that is what the page shows."""

    text: str
    is_page: bool
    #: Number of characters of `text` without white space.
    characters: int = field(default=0, compare=False)


_ILLEGIBLE = Legible("", is_page=False)


def judge(text: str) -> Legible:
    """Return the text of a page without garbled lines and characters; empty where nothing is a word."""
    squeezed = _squeezed(text)
    if squeezed.isprintable() and _REPLACEMENT not in squeezed:  # no garbage for sure, as on most pages
        whole = Legible(text, is_page=True, characters=len(squeezed))
        return whole if _spells_words(text, squeezed) else _ILLEGIBLE
    kept = [line for line in text.split("\n") if _garbled_share(line) < _GARBLED_LINE]
    cleaned = "\n".join(
        "".join(" " if _is_garbage(character) else character for character in line) for line in kept
    )
    left = _squeezed(cleaned)
    if not _spells_words(cleaned, left):
        return _ILLEGIBLE
    is_page = (len(squeezed) - len(left)) / len(squeezed) < _LOST_SHARE
    return Legible(cleaned, is_page, len(left))


def _squeezed(text: str) -> str:
    """Return `text` without white space."""
    if text.isascii():  # as most pages are; a tenth of the time
        return text.encode().translate(None, _ASCII_SPACE).decode()
    return "".join(text.split())


def _is_garbage(character: str) -> bool:
    return character == _REPLACEMENT or (
        character not in "\n\t" and unicodedata.category(character) in _NO_TEXT
    )


def _garbled_share(line: str) -> float:
    visible = [character for character in line if not character.isspace()]
    return sum(map(_is_garbage, visible)) / len(visible) if visible else 0.0


def _spells_words(text: str, squeezed: str) -> bool:
    """Whether `text`, which is `squeezed` without its white space, spells words or is mostly figures."""
    enough = len(squeezed) * _LEAST_WORD_SHARE
    word = _ASCII_WORD if text.isascii() else _WORD  # finds the same in half the time
    # Most pages show in their first lines that they hold words.
    in_words = sum(map(len, word.findall(text, 0, len(text) // 4)))
    if in_words < enough:
        in_words = sum(map(len, word.findall(text)))
    if in_words < enough:
        signs = _REPEATED.sub("", squeezed)
        digits = sum(map(signs.count, string.digits))
        odd = [count for sign in _ODD_SIGNS if (count := signs.count(sign))]
        has_few = sum(odd) < len(signs) * _MOST_ODD_SHARE or len(odd) <= _MOST_ODD_KINDS
        is_table = digits >= len(signs) * _MOST_DIGIT_SHARE and has_few
        return is_table or len(signs) < _LEAST_LETTERS or in_words >= len(signs) * _LEAST_WORD_SHARE
    bases = normalize("NFD", squeezed).encode("ascii", "ignore")
    letters = bases.translate(None, _NO_LATIN_LETTERS)
    if len(letters) < max(_LEAST_LETTERS, len(squeezed) / 2):
        return True
    vowels = len(letters) - len(letters.translate(None, _VOWELS))
    return vowels / len(letters) >= _LEAST_VOWELS
