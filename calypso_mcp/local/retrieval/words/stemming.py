"""Endings taken off words, chosen by script, so that a word is found in its other forms.

FTS5's Porter stemmer knows English only. These are deliberately light: they take off endings (and, in
Arabic script, the article and what is written together with it), never touch the stem, and apply to
every language of the script. Measured on XQuAD (MRR@10): Arabic .867 to .920, Russian .853 to .946,
Hindi .932 to .946. Index and queries must be treated alike, so a change here is a change of
`index.FORMAT`.
"""

# ruff: noqa: RUF001  other scripts have letters that look like Latin ones
from __future__ import annotations

import re


def _endings(words: str, stem_chars: int) -> re.Pattern[str]:
    longest_first = sorted(set(words.split()), key=len, reverse=True)
    return re.compile(f"(?<=.{{{stem_chars}}})(?:{'|'.join(longest_first)})$")


#: Of nouns and adjectives, and of verbs in the present. The past's would take too much off nouns.
_CYRILLIC_ENDINGS = _endings(
    "иями оями иям иях оях ями оям ами его ему ими ого ому ыми ет ит ют ят ут ат ете ите ешь ишь анный"
    " анная анное анные ая яя ях юю ах ею их ия ие ии ию ью ою ую ям ых ей ам ем ев ов ий им ое ее ой ом"
    " ые ый ым ми а е и о у й ы ь я ю",
    3,
)
_REFLEXIVE = ("ся", "сь")
_REFLEXIVE_FROM = 6

_DEVANAGARI_ENDINGS = _endings(
    "ियाँ ियों िएं ियां ाओं ाएं ुओं ुएं ाने ाना ाते ाती ाता तीं ीं ों ें ाँ ां ओं ए ने नी ना ते ती ता कर ो े ू ु ी ि ा",
    2,
)

_ARABIC_ENDINGS = _endings("ها ان ات ون ين يه ه ي", 3)
_ARABIC_PREFIXES = re.compile("(?:بال|كال|فال|لل|ال)(?=.{3})")
_ARABIC_AND = "و"
_ARABIC_AND_FROM = 5
#: Spellings of one letter; vowel signs and the stretching line carry no meaning in search.
_ARABIC_SPELLING = str.maketrans(
    {"أ": "ا", "إ": "ا", "آ": "ا", "ى": "ي", "ة": "ه", "ـ": None}
    | {chr(sign): None for sign in range(0x064B, 0x0653)}
)


def cyrillic(word: str) -> str:
    """Return a word in Cyrillic script without its endings: two may follow each other."""
    stem = word.lower().replace("ё", "е")
    if stem.endswith(_REFLEXIVE) and len(stem) >= _REFLEXIVE_FROM:
        stem = stem[:-2]
    stem = _CYRILLIC_ENDINGS.sub("", _CYRILLIC_ENDINGS.sub("", stem, count=1), count=1)
    return stem.removesuffix("н") if stem.endswith("нн") else stem.rstrip("ь") or stem


def devanagari(word: str) -> str:
    """Return a word in Devanagari script without its ending."""
    return _DEVANAGARI_ENDINGS.sub("", word, count=1)


def arabic(word: str) -> str:
    """Return a word in Arabic script without article and ending, in one spelling."""
    stem = word.translate(_ARABIC_SPELLING)
    if stem.startswith(_ARABIC_AND) and len(stem) >= _ARABIC_AND_FROM:
        stem = stem[1:]
    stem = _ARABIC_PREFIXES.sub("", stem, count=1) if _ARABIC_PREFIXES.match(stem) else stem
    return _ARABIC_ENDINGS.sub("", stem, count=1)
